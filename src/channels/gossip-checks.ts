/**
 * What gossip must hold to be taken in: it is signed by whom it is about, and a channel's announcement is borne out by the tab's own coins. Pure, any thread.
 */
import { secp256k1 } from '@noble/curves/secp256k1.js'
import type { Sats } from '../primitives/amount.ts'
import { equalBytes, hexToBytes } from '../primitives/bytes.ts'
import { invalid, notNow, OK, type Result, retry } from '../primitives/result.ts'
import { verifySchnorr } from '../script/schnorr.ts'
import { satsToMsat } from './amount.ts'
import {
  type ChannelAnnouncement,
  type ChannelUpdate,
  fundingProofHashOf,
  type Gossip,
  gossipHashOf,
  type NodeAnnouncement,
  type NodeId,
} from './gossip.ts'
import { fundingKey, fundingScript } from './scripts.ts'
import { fundingPlace, type ShortChannelId } from './short-channel-id.ts'

/** Confirmations of the funding before a channel is announced (BOLT 7). */
export const ANNOUNCEMENT_DEPTH = 6

/** What the chain says about the output that a short channel id points at. */
export interface FundingOutput {
  /** As `outpointKey`. */
  readonly outpoint: string
  readonly scriptPubKey: Uint8Array
  readonly amount: Sats
  readonly spent: boolean
}

/** Where announcements are checked against the tab's own coins. */
export interface FundingOutputs {
  /** Undefined where the active chain has no such output. */
  fundingOutput(id: ShortChannelId): Promise<FundingOutput | undefined>
}

/** What checks of gossip need to know of the chain. */
export interface GossipContext {
  /** Hash of the genesis block, 32 bytes, internal order. */
  readonly chainHash: Uint8Array
  /** Of the tip. */
  readonly height: number
}

/** Height of the tip from which a channel may be announced. */
export function ripeAt(id: ShortChannelId): number {
  return fundingPlace(id).height + ANNOUNCEMENT_DEPTH - 1
}

/**
 * Checks an announcement against the output that it claims (BOLT 7, pull 1059): it exists, is unspent and deep enough, is made of the two funding
 * keys and holds the capacity, and both nodes and both keys have signed. What is cheap comes first. Rejects with `gossip-network`,
 * `gossip-nodes-order`, `gossip-funding-young` (retry), `gossip-funding-missing`, `gossip-funding-spent`, `gossip-funding-mismatch`, `gossip-capacity`,
 * `gossip-signature`. What another chain may bear out is no offence of who passes it on.
 */
export function checkChannelAnnouncement(
  { message, signatures, signed }: Gossip<ChannelAnnouncement>,
  funding: FundingOutput | undefined,
  { chainHash, height }: GossipContext,
): Result<void> {
  if (!equalBytes(message.chainHash, chainHash)) return otherNetwork()
  const [first, second] = message.nodeIds
  if (first >= second)
    return invalid('gossip-nodes-order', 'The nodes of a channel are announced with the lesser key first.')
  if (ripeAt(message.shortChannelId) > height)
    return retry(
      'gossip-funding-young',
      `The channel ${message.shortChannelId} has not ${ANNOUNCEMENT_DEPTH} confirmations yet.`,
    )
  if (!funding)
    return notNow('gossip-funding-missing', `No output of the chain is at ${message.shortChannelId}.`)
  if (funding.spent) return notNow('gossip-funding-spent', `The channel ${message.shortChannelId} is closed.`)
  const key = fundingKey(...message.fundingKeys)
  if (!key.ok || !equalBytes(fundingScript(key.value), funding.scriptPubKey))
    return notNow('gossip-funding-mismatch', 'The output is not made of the keys that are announced.')
  if (message.capacity > funding.amount)
    return notNow('gossip-capacity', 'The channel is announced to hold more than its output does.')
  const byNode = gossipHashOf({ message, signed })
  const byFunding = fundingProofHashOf({ message, signed })
  const proven =
    message.nodeIds.every((id, at) => verifyNode(signatures[at], byNode, id)) &&
    message.fundingKeys.every((publicKey, at) =>
      verifySchnorr({ signature: signatures[2 + at], message: byFunding, publicKey: publicKey.subarray(1) }),
    )
  return proven ? OK : wrongSignature()
}

/**
 * Checks an update of a channel that is known. Rejects with `gossip-network`, `gossip-height` (before the funding, or beyond the tip: retry),
 * `gossip-amounts`, `gossip-signature`. Whether it is news is the graph's to say. The last two are no offence of who passes it on: the owners of a
 * channel may have announced it there in another way.
 */
export function checkChannelUpdate(
  { message, signatures, signed }: Gossip<ChannelUpdate>,
  channel: ChannelAnnouncement,
  { chainHash, height }: GossipContext,
): Result<void> {
  if (!equalBytes(message.chainHash, chainHash)) return otherNetwork()
  if (message.blockHeight < fundingPlace(message.shortChannelId).height)
    return invalid('gossip-height', 'The update is older than its channel.')
  if (message.blockHeight > height) return fromTheFuture()
  if (message.htlcMinimum > message.htlcMaximum || message.htlcMaximum > satsToMsat(channel.capacity))
    return notNow('gossip-amounts', 'The amounts that the update allows do not fit the channel.')
  const hash = gossipHashOf({ message, signed })
  return verifyNode(signatures[0], hash, channel.nodeIds[message.direction])
    ? OK
    : notNow('gossip-signature', 'The update is not signed by the node of this channel.')
}

/** Checks what a node says about itself. Rejects with `gossip-height` (retry), `gossip-signature`. */
export function checkNodeAnnouncement(
  { message, signatures, signed }: Gossip<NodeAnnouncement>,
  { height }: GossipContext,
): Result<void> {
  if (message.blockHeight > height) return fromTheFuture()
  const hash = gossipHashOf({ message, signed })
  return verifyNode(signatures[0], hash, message.nodeId) ? OK : wrongSignature()
}

function verifyNode(signature: Uint8Array, hash: Uint8Array, id: NodeId): boolean {
  // Low s alone: else whoever passes a message on could make another of it.
  return secp256k1.verify(signature, hash, hexToBytes(id), { prehash: false, lowS: true })
}

function otherNetwork(): Result<never> {
  return invalid('gossip-network', 'This is gossip of another network.')
}

/** The tip that a peer has and we don't, yet. */
function fromTheFuture(): Result<never> {
  return retry('gossip-height', 'The message is newer than the tip.')
}

function wrongSignature(): Result<never> {
  return invalid('gossip-signature', 'A signature under this gossip is wrong.')
}
