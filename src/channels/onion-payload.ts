/**
 * What an onion tells a hop: where to pass how much until when, or that the payment is its own (BOLT 4, Payload Format). Blinded paths are not
 * used: their records count as unknown. Pure, any thread.
 */
import { invalid, type Ok, ok, type Rejection } from '../primitives/result.ts'
import type { Msat } from './amount.ts'
import type { Failure } from './failures.ts'
import type { ShortChannelId } from './short-channel-id.ts'
import { BYTES, bytesOf, SHORT_CHANNEL_ID, TU32, TU64_MSAT, tlvField, tlvStream } from './tlv.ts'
import { decodeWire } from './wire.ts'

/** For a hop in the middle. */
export interface ForwardPayload {
  /** The channel to pass the payment on by, or any other to the same peer. */
  readonly shortChannelId: ShortChannelId
  /** Of the HTLC to be offered there. */
  readonly amount: Msat
  /** Of the HTLC to be offered there, a block height. */
  readonly cltvExpiry: number
}

/** For the last hop. */
export interface FinalPayload {
  /** Of this part, which the HTLC must carry at least. */
  readonly amount: Msat
  /** Block height that the HTLC must have at least. */
  readonly cltvExpiry: number
  /** From the invoice, and of all parts together. Absent in a keysend of one part. */
  readonly paymentData?: { readonly secret: Uint8Array; readonly total: Msat }
  /** From the invoice, for its maker. */
  readonly metadata?: Uint8Array
  /** Keysend: the preimage that the payment brings along, 32 bytes. */
  readonly preimage?: Uint8Array
}

const TYPES = {
  amount: 2n,
  cltvExpiry: 4n,
  shortChannelId: 6n,
  paymentData: 8n,
  metadata: 16n,
  /** Not of the BOLTs: what implementations have agreed on (bLIP 3). */
  preimage: 5482373484n,
} as const

const payloadStream = tlvStream({
  amount: tlvField(TYPES.amount, TU64_MSAT),
  cltvExpiry: tlvField(TYPES.cltvExpiry, TU32),
  shortChannelId: tlvField(TYPES.shortChannelId, SHORT_CHANNEL_ID),
  paymentData: tlvField<NonNullable<FinalPayload['paymentData']>>(TYPES.paymentData, {
    read: (reader) => ({ secret: reader.take(32), total: TU64_MSAT.read(reader) }),
    write: (writer, { secret, total }) => TU64_MSAT.write(writer.put(secret), total),
  }),
  metadata: tlvField(TYPES.metadata, BYTES),
  preimage: tlvField(TYPES.preimage, bytesOf(32)),
})

/** The TLV stream of a payload. */
export function encodePayload(payload: ForwardPayload | FinalPayload): Uint8Array {
  return payloadStream.encode(payload)
}

/** A payload that can't be used, and the failure to answer with. */
export interface PayloadRejection extends Rejection<'invalid_onion_payload'> {
  readonly failure: Extract<Failure, { name: 'invalid_onion_payload' }>
}

function refuse(detail: string, type = 0n): PayloadRejection {
  return {
    ...invalid('invalid_onion_payload', detail),
    failure: { name: 'invalid_onion_payload', type, offset: 0 },
  }
}

/** Reads the payload of a hop that passes an onion on. Rejects what is no TLV stream, holds an unknown even record or lacks one of the three. */
export function decodeForwardPayload(bytes: Uint8Array): Ok<ForwardPayload> | PayloadRejection {
  const decoded = decodeWire(bytes, 'invalid_onion_payload', payloadStream.read)
  if (!decoded.ok) return refuse(decoded.detail)
  const { amount, cltvExpiry, shortChannelId } = decoded.value
  if (amount === undefined) return lacking('amount')
  if (cltvExpiry === undefined) return lacking('cltvExpiry')
  if (shortChannelId === undefined) return lacking('shortChannelId')
  return ok({ amount, cltvExpiry, shortChannelId })
}

/** Reads the payload of the last hop. Rejects as `decodeForwardPayload`; a channel that it may name is ignored. */
export function decodeFinalPayload(bytes: Uint8Array): Ok<FinalPayload> | PayloadRejection {
  const decoded = decodeWire(bytes, 'invalid_onion_payload', payloadStream.read)
  if (!decoded.ok) return refuse(decoded.detail)
  const { shortChannelId: _, amount, cltvExpiry, ...rest } = decoded.value
  if (amount === undefined) return lacking('amount')
  if (cltvExpiry === undefined) return lacking('cltvExpiry')
  return ok({ amount, cltvExpiry, ...rest })
}

const NAMES = {
  amount: 'amt_to_forward',
  cltvExpiry: 'outgoing_cltv_value',
  shortChannelId: 'short_channel_id',
} as const

function lacking(record: keyof typeof NAMES): PayloadRejection {
  return refuse(`The onion does not tell this hop its ${NAMES[record]}.`, TYPES[record])
}
