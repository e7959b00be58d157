/**
 * What nodes tell everybody about channels and themselves: the messages of BOLT 7 in the form that the extension "gossip v2" (lightning/bolts, pull
 * 1059) gives them for taproot channels: TLV streams, ordered by block heights in place of times. Where it aggregates the signatures under an
 * announcement into one by MuSig2, ours stand side by side, so that two nodes need no more rounds than BOLT 7's (docs/channels.md). Pure, any thread.
 */
import { secp256k1 } from '@noble/curves/secp256k1.js'
import { utf8 } from '@scure/base'
import type { Sats } from '../primitives/amount.ts'
import { bytesToHex, compareBytes, equalBytes, hexToBytes } from '../primitives/bytes.ts'
import { DecodeError } from '../primitives/codec.ts'
import { sha256, taggedHash } from '../primitives/hashes.ts'
import { invalid, notNow, OK, ok, type Result, retry } from '../primitives/result.ts'
import { verifySchnorr } from '../script/schnorr.ts'
import { type Msat, satsToMsat } from './amount.ts'
import { decodeFeatures, encodeFeatures, type Features } from './features.ts'
import { fundingKey, fundingScript } from './scripts.ts'
import { fundingPlace, type ShortChannelId } from './short-channel-id.ts'
import {
  BYTES,
  bytesOf,
  POINT,
  readTlvRecords,
  SHORT_CHANNEL_ID,
  type TlvEncoding,
  tlvField,
  tlvStream,
} from './tlv.ts'
import { decodeWire, WireReader, WireWriter } from './wire.ts'

/** A node's public key, 33 bytes compressed, as hex. */
export type NodeId = string & { readonly __brand: 'NodeId' }

export function nodeId(publicKey: Uint8Array): NodeId {
  return bytesToHex(publicKey) as NodeId
}

/** Greatest length of a gossip message, bytes; ours have at most some 500. What a later version adds has room. */
export const MAX_GOSSIP_BYTES = 1024

/** Confirmations of the funding before a channel is announced (BOLT 7). */
export const ANNOUNCEMENT_DEPTH = 6

/** A channel that exists: who has it, and the output that holds its money. */
export interface ChannelAnnouncement {
  readonly type: 'channel_announcement_2'
  /** Hash of the genesis block, 32 bytes, internal order. */
  readonly chainHash: Uint8Array
  readonly features: Features
  readonly shortChannelId: ShortChannelId
  readonly capacity: Sats
  /** The lesser key first. */
  readonly nodeIds: readonly [NodeId, NodeId]
  /** Funding keys of the nodes in that order, 33 bytes each: aggregated, they are the key of the output. */
  readonly fundingKeys: readonly [Uint8Array, Uint8Array]
}

/** What a node asks for passing payments on over a channel of its. */
export interface ChannelUpdate {
  readonly type: 'channel_update_2'
  readonly chainHash: Uint8Array
  readonly shortChannelId: ShortChannelId
  /** Greater in each update than in the last. */
  readonly blockHeight: number
  /** Whether the node can't pass on over it, for now or for good. */
  readonly disabled: boolean
  /** Whose it is: 0 for the first node of the announcement, 1 for the second. */
  readonly direction: 0 | 1
  /** Blocks. */
  readonly cltvExpiryDelta: number
  readonly htlcMinimum: Msat
  readonly htlcMaximum: Msat
  readonly feeBase: Msat
  readonly feeProportionalMillionths: number
}

/** What a node says about itself. */
export interface NodeAnnouncement {
  readonly type: 'node_announcement_2'
  readonly features: Features
  readonly blockHeight: number
  readonly nodeId: NodeId
  /** At most 32 characters, of the node's own choice: nobody vouches for it. */
  readonly alias?: string
  /** Where it is found among the peers: a libp2p peer id in binary, at most 64 bytes. In place of addresses. */
  readonly peerId?: Uint8Array
}

export type GossipMessage = ChannelAnnouncement | ChannelUpdate | NodeAnnouncement

/** A message as it came. */
export interface Gossip<Message extends GossipMessage = GossipMessage> {
  readonly message: Message
  /** 64 bytes each, by the message's own order. */
  readonly signatures: readonly Uint8Array[]
  /** The records that are signed, those that this version doesn't know included. */
  readonly signed: Uint8Array
  /** What is passed on: type and records. */
  readonly bytes: Uint8Array
}

const U32: TlvEncoding<number> = {
  read: (reader) => reader.u32(),
  write: (writer, value) => writer.u32(value),
}
const U16: TlvEncoding<number> = {
  read: (reader) => reader.u16(),
  write: (writer, value) => writer.u16(value),
}
const U64_MSAT: TlvEncoding<Msat> = {
  read: (reader) => reader.msat(),
  write: (writer, value) => writer.safeU64(value),
}
const U64_SATS: TlvEncoding<Sats> = {
  read: (reader) => reader.sats(),
  write: (writer, value) => writer.safeU64(value),
}
const FEATURES: TlvEncoding<Features> = {
  read: (reader) => decodeFeatures(reader.rest()),
  write: (writer, value) => writer.put(encodeFeatures(value)),
}
const NODE_ID: TlvEncoding<NodeId> = {
  read: (reader) => nodeId(reader.point()),
  write: (writer, value) => writer.put(hexToBytes(value)),
}
/** Present or not. */
const FLAG: TlvEncoding<true> = { read: () => true, write: (writer) => writer }
const TEXT: TlvEncoding<string> = {
  read: (reader) => {
    try {
      return utf8.encode(reader.rest())
    } catch {
      throw new DecodeError('holds a text that is no UTF-8')
    }
  },
  write: (writer, value) => writer.put(utf8.decode(value)),
}

const SIGNATURE_BYTES = 64
const SIGNATURE = bytesOf(SIGNATURE_BYTES)
/** Type and length take a byte each. */
const SIGNATURE_RECORD_BYTES = 2 + SIGNATURE_BYTES
/** The first record that is not signed; from the second bound on they are again (pull 1059, Pure TLV messages). */
const FIRST_UNSIGNED = 160n
const SIGNED_AGAIN = [1_000_000_000n, 2_999_999_999n] as const

/** Bits of `disable_flags`. */
const DISABLED_PERMANENTLY = 1
const DISABLED_OUTGOING = 4

const CHANNEL_ANNOUNCEMENT = 267
const NODE_ANNOUNCEMENT = 269
const CHANNEL_UPDATE = 271

const announcementStream = tlvStream({
  chainHash: tlvField(0, bytesOf(32)),
  features: tlvField(2, FEATURES),
  shortChannelId: tlvField(4, SHORT_CHANNEL_ID),
  capacity: tlvField(6, U64_SATS),
  nodeId1: tlvField(8, NODE_ID),
  nodeId2: tlvField(10, NODE_ID),
  fundingKey1: tlvField(12, POINT),
  fundingKey2: tlvField(14, POINT),
  nodeSignature1: tlvField(160, SIGNATURE),
  nodeSignature2: tlvField(162, SIGNATURE),
  fundingSignature1: tlvField(164, SIGNATURE),
  fundingSignature2: tlvField(166, SIGNATURE),
})

const nodeStream = tlvStream({
  features: tlvField(0, FEATURES),
  blockHeight: tlvField(2, U32),
  alias: tlvField(3, TEXT),
  nodeId: tlvField(4, NODE_ID),
  peerId: tlvField(13, BYTES),
  signature: tlvField(160, SIGNATURE),
})

const updateStream = tlvStream({
  chainHash: tlvField(0, bytesOf(32)),
  shortChannelId: tlvField(2, SHORT_CHANNEL_ID),
  blockHeight: tlvField(4, U32),
  disableFlags: tlvField<number>(6, {
    read: (reader) => reader.u8(),
    write: (writer, value) => writer.u8(value),
  }),
  secondPeer: tlvField(8, FLAG),
  cltvExpiryDelta: tlvField(10, U16),
  htlcMinimum: tlvField(12, U64_MSAT),
  htlcMaximum: tlvField(14, U64_MSAT),
  feeBase: tlvField(16, U32),
  feeProportionalMillionths: tlvField(18, U32),
  signature: tlvField(160, SIGNATURE),
})

/** Thrown by a decoder's inner part where a record is missing. */
function present<T>(value: T | undefined, name: string): T {
  if (value === undefined) throw new DecodeError(`has no ${name}`)
  return value
}

const MAX_ALIAS_CHARACTERS = 32
const MAX_PEER_ID_BYTES = 64

/** Everything of a message but its signatures: what they cover. */
function unsignedRecords(message: GossipMessage): Uint8Array {
  switch (message.type) {
    case 'channel_announcement_2': {
      const [nodeId1, nodeId2] = message.nodeIds
      const [fundingKey1, fundingKey2] = message.fundingKeys
      return announcementStream.encode({ ...message, nodeId1, nodeId2, fundingKey1, fundingKey2 })
    }
    case 'node_announcement_2':
      return nodeStream.encode(message)
    case 'channel_update_2':
      return updateStream.encode({
        ...message,
        disableFlags: message.disabled ? DISABLED_OUTGOING : undefined,
        secondPeer: message.direction === 1 ? true : undefined,
      })
  }
}

/** The hash that a node's key signs (ECDSA) under its own message: 32 bytes (pull 1059, Signature Message Construction). */
export function gossipHash(message: GossipMessage): Uint8Array {
  return hashOf(message.type, 'signature', unsignedRecords(message))
}

/** The hash that a funding key signs (BIP340) under the announcement of its channel. */
export function fundingProofHash(message: ChannelAnnouncement): Uint8Array {
  return hashOf(message.type, FUNDING_FIELD, unsignedRecords(message))
}

const FUNDING_FIELD = 'bitcoin_signature'

function hashOf(messageName: string, fieldName: string, signed: Uint8Array): Uint8Array {
  return taggedHash(`lightning${messageName}${fieldName}`, sha256(signed))
}

/**
 * A message with its signatures, 64 bytes each: of an announcement those of both nodes by `gossipHash`, then those of both funding keys by
 * `fundingProofHash`; of the others the node's.
 */
export function encodeGossip(message: GossipMessage, signatures: readonly Uint8Array[]): Uint8Array {
  const writer = new WireWriter(512).u16(typeNumber(message.type)).put(unsignedRecords(message))
  signatures.forEach((signature, at) => {
    writer.bigSize(FIRST_UNSIGNED + 2n * BigInt(at)).varBytes(signature)
  })
  return writer.finish()
}

function typeNumber(type: GossipMessage['type']): number {
  return type === 'channel_announcement_2'
    ? CHANNEL_ANNOUNCEMENT
    : type === 'node_announcement_2'
      ? NODE_ANNOUNCEMENT
      : CHANNEL_UPDATE
}

/** Reads a gossip message; nothing is checked but its form. Rejects with `gossip-malformed`, and with `gossip-unknown` another type. */
export function decodeGossip(bytes: Uint8Array): Result<Gossip> {
  if (bytes.length > MAX_GOSSIP_BYTES)
    return invalid('gossip-malformed', `A gossip message has at most ${MAX_GOSSIP_BYTES} bytes.`)
  const type = bytes.length >= 2 ? (bytes[0] << 8) | bytes[1] : undefined
  const records = bytes.subarray(2)
  const read =
    type === CHANNEL_ANNOUNCEMENT
      ? decodeWire(records, 'gossip-malformed', readAnnouncement)
      : type === NODE_ANNOUNCEMENT
        ? decodeWire(records, 'gossip-malformed', readNode)
        : type === CHANNEL_UPDATE
          ? decodeWire(records, 'gossip-malformed', readUpdate)
          : notNow('gossip-unknown', `Gossip messages of type ${type} are not known.`)
  if (!read.ok) return read
  const signed = signedRange(records)
  // What nobody signed, anybody may have added: the same message in ever other bytes.
  if (signed.length + read.value.signatures.length * SIGNATURE_RECORD_BYTES !== records.length)
    return invalid('gossip-malformed', 'The message holds more records than its signatures cover.')
  return ok({ ...read.value, signed, bytes })
}

type Read<Message extends GossipMessage> = Pick<Gossip<Message>, 'message' | 'signatures'>

function readAnnouncement(reader: WireReader): Read<ChannelAnnouncement> {
  const read = announcementStream.read(reader)
  return {
    message: {
      type: 'channel_announcement_2',
      chainHash: present(read.chainHash, 'chain hash'),
      features: present(read.features, 'features'),
      shortChannelId: present(read.shortChannelId, 'short channel id'),
      capacity: present(read.capacity, 'capacity'),
      nodeIds: [present(read.nodeId1, 'first node'), present(read.nodeId2, 'second node')],
      fundingKeys: [
        present(read.fundingKey1, 'first funding key'),
        present(read.fundingKey2, 'second funding key'),
      ],
    },
    signatures: [
      present(read.nodeSignature1, 'signature of the first node'),
      present(read.nodeSignature2, 'signature of the second node'),
      present(read.fundingSignature1, 'signature of the first funding key'),
      present(read.fundingSignature2, 'signature of the second funding key'),
    ],
  }
}

function readNode(reader: WireReader): Read<NodeAnnouncement> {
  const { alias, peerId, ...read } = nodeStream.read(reader)
  if (alias !== undefined && [...alias].length > MAX_ALIAS_CHARACTERS)
    throw new DecodeError(`has an alias of over ${MAX_ALIAS_CHARACTERS} characters`)
  if (peerId && peerId.length > MAX_PEER_ID_BYTES)
    throw new DecodeError(`has a peer id of over ${MAX_PEER_ID_BYTES} bytes`)
  const message: NodeAnnouncement = {
    type: 'node_announcement_2',
    features: present(read.features, 'features'),
    blockHeight: present(read.blockHeight, 'block height'),
    nodeId: present(read.nodeId, 'node id'),
    ...(alias !== undefined && { alias }),
    ...(peerId && { peerId }),
  }
  return { message, signatures: [present(read.signature, 'signature')] }
}

function readUpdate(reader: WireReader): Read<ChannelUpdate> {
  const read = updateStream.read(reader)
  const disabled = ((read.disableFlags ?? 0) & (DISABLED_OUTGOING | DISABLED_PERMANENTLY)) !== 0
  return {
    message: {
      type: 'channel_update_2',
      chainHash: present(read.chainHash, 'chain hash'),
      shortChannelId: present(read.shortChannelId, 'short channel id'),
      blockHeight: present(read.blockHeight, 'block height'),
      disabled,
      direction: read.secondPeer ? 1 : 0,
      cltvExpiryDelta: present(read.cltvExpiryDelta, 'expiry delta'),
      htlcMinimum: present(read.htlcMinimum, 'least amount'),
      htlcMaximum: present(read.htlcMaximum, 'greatest amount'),
      feeBase: present(read.feeBase, 'base fee') as Msat,
      feeProportionalMillionths: present(read.feeProportionalMillionths, 'proportional fee'),
    },
    signatures: [present(read.signature, 'signature')],
  }
}

/** The records that signatures cover, as they stand: what was read is in its only form. */
function signedRange(records: Uint8Array): Uint8Array {
  const writer = new WireWriter(records.length)
  for (const { type, value } of readTlvRecords(new WireReader(records)))
    if (type < FIRST_UNSIGNED || (type >= SIGNED_AGAIN[0] && type <= SIGNED_AGAIN[1]))
      writer.bigSize(type).varBytes(value)
  return writer.finish()
}

/** What the chain says about the output that a short channel id points at. */
export interface FundingOutput {
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

/**
 * Checks an announcement against the output that it claims (BOLT 7, pull 1059): it exists, is unspent and deep enough, is made of the two funding
 * keys and holds the capacity, and both nodes and both keys have signed. What is cheap comes first. Rejects with `gossip-network`,
 * `gossip-nodes-order`, `gossip-funding-missing` (retry), `gossip-funding-young` (retry), `gossip-funding-spent`, `gossip-funding-mismatch`,
 * `gossip-capacity`, `gossip-signature`.
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
  if (!funding)
    return retry('gossip-funding-missing', `No output of the chain is at ${message.shortChannelId}.`)
  if (fundingPlace(message.shortChannelId).height > height - ANNOUNCEMENT_DEPTH + 1)
    return retry(
      'gossip-funding-young',
      `The channel ${message.shortChannelId} has not ${ANNOUNCEMENT_DEPTH} confirmations yet.`,
    )
  if (funding.spent) return notNow('gossip-funding-spent', `The channel ${message.shortChannelId} is closed.`)
  const key = fundingKey(...message.fundingKeys)
  if (!key.ok || !equalBytes(fundingScript(key.value), funding.scriptPubKey))
    return invalid('gossip-funding-mismatch', 'The output is not made of the keys that are announced.')
  if (message.capacity > funding.amount)
    return invalid('gossip-capacity', 'The channel is announced to hold more than its output does.')
  const byNode = hashOf(message.type, 'signature', signed)
  const byFunding = hashOf(message.type, FUNDING_FIELD, signed)
  const proven =
    message.nodeIds.every((id, at) => verifyNode(signatures[at], byNode, id)) &&
    message.fundingKeys.every((publicKey, at) =>
      verifySchnorr({ signature: signatures[2 + at], message: byFunding, publicKey: publicKey.subarray(1) }),
    )
  return proven ? OK : wrongSignature()
}

/**
 * Checks an update of a channel that is known. Rejects with `gossip-network`, `gossip-height` (before the funding, or beyond the tip: retry),
 * `gossip-amounts`, `gossip-signature`. Whether it is news is the graph's to say.
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
    return invalid('gossip-amounts', 'The amounts that the update allows do not fit the channel.')
  const hash = hashOf(message.type, 'signature', signed)
  return verifyNode(signatures[0], hash, channel.nodeIds[message.direction]) ? OK : wrongSignature()
}

/** Checks what a node says about itself. Rejects with `gossip-height` (retry), `gossip-signature`. */
export function checkNodeAnnouncement(
  { message, signatures, signed }: Gossip<NodeAnnouncement>,
  { height }: GossipContext,
): Result<void> {
  if (message.blockHeight > height) return fromTheFuture()
  const hash = hashOf(message.type, 'signature', signed)
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

/** The two nodes of a channel with their funding keys, the lesser node first, as an announcement has them. */
export function inNodeOrder(
  a: { readonly publicKey: Uint8Array; readonly fundingKey: Uint8Array },
  b: { readonly publicKey: Uint8Array; readonly fundingKey: Uint8Array },
): Pick<ChannelAnnouncement, 'nodeIds' | 'fundingKeys'> {
  const [first, second] = compareBytes(a.publicKey, b.publicKey) < 0 ? [a, b] : [b, a]
  return {
    nodeIds: [nodeId(first.publicKey), nodeId(second.publicKey)],
    fundingKeys: [first.fundingKey, second.fundingKey],
  }
}

/** What the two sides of a channel send each other so that both can announce it (BOLT 7): message 259. */
export interface AnnouncementSignatures {
  /** 32 bytes. */
  readonly channelId: Uint8Array
  readonly shortChannelId: ShortChannelId
  /** The sender's, by `gossipHash`: ECDSA, 64 bytes. */
  readonly nodeSignature: Uint8Array
  /** The sender's, by `fundingProofHash`: BIP340, 64 bytes. */
  readonly fundingSignature: Uint8Array
}

export const ANNOUNCEMENT_SIGNATURES = 259

/** With its type. */
export function encodeAnnouncementSignatures(message: AnnouncementSignatures): Uint8Array {
  const { channelId, shortChannelId, nodeSignature, fundingSignature } = message
  return new WireWriter(170)
    .u16(ANNOUNCEMENT_SIGNATURES)
    .put(channelId)
    .shortChannelId(shortChannelId)
    .put(nodeSignature)
    .put(fundingSignature)
    .finish()
}

/** Reads the message, its type included. Rejects with `message-malformed`; what comes behind must be odd records. */
export function decodeAnnouncementSignatures(bytes: Uint8Array): Result<AnnouncementSignatures> {
  return decodeWire(bytes, 'message-malformed', (reader) => {
    if (reader.u16() !== ANNOUNCEMENT_SIGNATURES) throw new DecodeError('is of another type')
    const message = {
      channelId: reader.take(32),
      shortChannelId: reader.shortChannelId(),
      nodeSignature: reader.take(SIGNATURE_BYTES),
      fundingSignature: reader.take(SIGNATURE_BYTES),
    }
    NOTHING_MORE.read(reader)
    return message
  })
}

const NOTHING_MORE = tlvStream({})
