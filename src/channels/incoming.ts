/**
 * What becomes of an HTLC that a peer has offered and both sides are committed to: passed on, taken, or failed, and how (BOLT 4, Payload Format and
 * Failure Messages). Pure but for the onions that it remembers; any thread.
 */
import { equalBytes } from '../primitives/bytes.ts'
import { sha256 } from '../primitives/hashes.ts'
import type { Msat } from './amount.ts'
import { FAILURES, type Failure, type FailureName } from './failures.ts'
import { type ForwardingPolicy, forwardingFee } from './graph.ts'
import { type OnionPacket, openOnion, readOnion } from './onion.ts'
import {
  decodeFinalPayload,
  decodeForwardPayload,
  type FinalPayload,
  type ForwardPayload,
} from './onion-payload.ts'
import type { ReplayGuard } from './replays.ts'

/** An HTLC as it was offered. */
export interface IncomingHtlc {
  /** Names it among all HTLCs of the node, for ever: its channel's keys and its id. At most 80 characters. */
  readonly name: string
  readonly amount: Msat
  /** 32 bytes. */
  readonly paymentHash: Uint8Array
  /** Block height. */
  readonly cltvExpiry: number
  /** 1,366 bytes. */
  readonly onion: Uint8Array
}

/** What an onion asks of its hop, or why nothing can be done with it. */
export type OpenedHtlc =
  /** By `update_fail_malformed_htlc`: the onion is not for this node. */
  | { readonly kind: 'malformed'; readonly failureCode: number; readonly onionHash: Uint8Array }
  /** By `update_fail_htlc`. */
  | { readonly kind: 'fail'; readonly failure: Failure }
  /** `onion`: for the next hop. */
  | { readonly kind: 'forward'; readonly payload: ForwardPayload; readonly onion: Uint8Array }
  | { readonly kind: 'receive'; readonly payload: FinalPayload }

/**
 * The first step: the point whose shared secret the signer is to give, or why the onion is unreadable.
 */
export function readIncoming(
  htlc: IncomingHtlc,
): { readonly kind: 'read'; readonly packet: OnionPacket } | Extract<OpenedHtlc, { kind: 'malformed' }> {
  const read = readOnion(htlc.onion)
  return read.ok ? { kind: 'read', packet: read.value } : malformed(htlc, read.code)
}

/**
 * The second step. `secret`: what the node's key shares with `packet.ephemeralKey`. An onion that was opened before is failed as one that is not for
 * this node; one that is taken is remembered in `guard`, whose record must be durable before anything follows from it. One that expires beyond
 * `furthest`, a height, or asks for that, is failed and not remembered: it would be for ever, and a few of them a second would fill the memory for good.
 */
export function openIncoming(
  htlc: IncomingHtlc,
  packet: OnionPacket,
  secret: Uint8Array,
  guard: ReplayGuard,
  furthest: number,
): OpenedHtlc {
  const opened = openOnion(packet, secret, htlc.paymentHash)
  if (!opened.ok)
    return opened.code === 'invalid_onion_payload'
      ? { kind: 'fail', failure: { name: opened.code, type: 0n, offset: 0 } }
      : malformed(htlc, opened.code)
  const { payload, next } = opened.value
  const decoded = next ? decodeForwardPayload(payload) : decodeFinalPayload(payload)
  const expiry = Math.max(htlc.cltvExpiry, decoded.ok ? decoded.value.cltvExpiry : 0)
  if (expiry > furthest) return { kind: 'fail', failure: { name: 'expiry_too_far' } }
  const remembered = guard.remember({ hmac: packet.hmac, expiry, htlc: htlc.name })
  if (!remembered.ok)
    return remembered.code === 'onion-replayed'
      ? malformed(htlc, 'invalid_onion_hmac')
      : { kind: 'fail', failure: { name: 'temporary_node_failure' } }
  if (!decoded.ok) return { kind: 'fail', failure: decoded.failure }
  return next
    ? { kind: 'forward', payload: decoded.value as ForwardPayload, onion: next }
    : { kind: 'receive', payload: decoded.value }
}

function malformed({ onion }: IncomingHtlc, name: FailureName): Extract<OpenedHtlc, { kind: 'malformed' }> {
  return { kind: 'malformed', failureCode: FAILURES[name].code, onionHash: sha256(onion) }
}

/** What a node tells of a channel of its own in its newest update, and for a while in the one before. */
export interface OutgoingPolicy extends ForwardingPolicy {
  readonly htlcMinimum: Msat
  readonly htlcMaximum: Msat
  readonly disabled: boolean
}

/** No update is told in an error: it would say who looked at it (BOLT 4, rationale of Failure Messages). */
const NO_UPDATE = new Uint8Array(0)

/**
 * Whether an HTLC may be passed on by a channel of these policies, the newest first: the failure to answer where none of them allows it. That the
 * channel has the money is the channel's to say: `temporary_channel_failure`. `soonest`: least height at which the outgoing HTLC may expire.
 */
export function checkForward(
  htlc: Pick<IncomingHtlc, 'amount' | 'cltvExpiry'>,
  payload: ForwardPayload,
  policies: readonly OutgoingPolicy[],
  soonest: number,
): Failure | undefined {
  const failures = policies.map((policy) => checkPolicy(htlc, payload, policy))
  if (failures.every((failure) => failure !== undefined)) return failures[0] ?? { name: 'unknown_next_peer' }
  return payload.cltvExpiry < soonest ? { name: 'expiry_too_soon', channelUpdate: NO_UPDATE } : undefined
}

function checkPolicy(
  { amount, cltvExpiry }: Pick<IncomingHtlc, 'amount' | 'cltvExpiry'>,
  payload: ForwardPayload,
  policy: OutgoingPolicy,
): Failure | undefined {
  const channelUpdate = NO_UPDATE
  if (policy.disabled) return { name: 'channel_disabled', disabledFlags: 0, channelUpdate }
  if (payload.amount > policy.htlcMaximum) return { name: 'temporary_channel_failure', channelUpdate }
  if (payload.amount < policy.htlcMinimum)
    return { name: 'amount_below_minimum', htlcMsat: payload.amount, channelUpdate }
  if (amount < payload.amount + forwardingFee(policy, payload.amount))
    return { name: 'fee_insufficient', htlcMsat: amount, channelUpdate }
  if (cltvExpiry < payload.cltvExpiry + policy.cltvExpiryDelta)
    return { name: 'incorrect_cltv_expiry', cltvExpiry, channelUpdate }
  return undefined
}

/** What a payee waits for: an invoice of its own, or what it would take by keysend. */
export interface ExpectedPayment {
  /** 32 bytes. */
  readonly preimage: Uint8Array
  /** Of the invoice, 32 bytes; undefined for a keysend. */
  readonly paymentSecret?: Uint8Array
  /** Undefined where the payer chooses. */
  readonly amount?: Msat
  /** Blocks. */
  readonly minFinalCltvExpiryDelta: number
  /** Whether it was paid, has expired or was taken back. */
  readonly closed: boolean
}

/**
 * Whether an HTLC is a part of what the payee expects: the failure to answer where it is not (BOLT 4, requirements of the final node). One failure
 * stands for all that would tell a prober whether the hash is known.
 */
export function checkReceive(
  htlc: Pick<IncomingHtlc, 'amount' | 'cltvExpiry'>,
  { amount, cltvExpiry, paymentData }: FinalPayload,
  expected: ExpectedPayment | undefined,
  height: number,
): Failure | undefined {
  if (htlc.cltvExpiry < cltvExpiry)
    return { name: 'final_incorrect_cltv_expiry', cltvExpiry: htlc.cltvExpiry }
  if (htlc.amount < amount) return { name: 'final_incorrect_htlc_amount', htlcMsat: htlc.amount }
  const unknown: Failure = { name: 'incorrect_or_unknown_payment_details', htlcMsat: htlc.amount, height }
  if (!expected || expected.closed) return unknown
  const { paymentSecret, minFinalCltvExpiryDelta } = expected
  if (paymentSecret && !(paymentData && equalBytes(paymentData.secret, paymentSecret))) return unknown
  const total = paymentData?.total ?? amount
  // Twice the amount and no more, so that nobody pays ten times as much by mistake.
  if (expected.amount !== undefined && (total < expected.amount || total > 2 * expected.amount))
    return unknown
  if (htlc.cltvExpiry < height + minFinalCltvExpiryDelta) return unknown
  return undefined
}
