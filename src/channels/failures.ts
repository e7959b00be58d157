/**
 * Why a hop failed a payment, in the words of BOLT 4 (Failure Messages): the message inside an error's packet. Pure, any thread.
 */
import { ok, type Result } from '../primitives/result.ts'
import type { Msat } from './amount.ts'
import { decodeWire, type WireReader, WireWriter } from './wire.ts'

/** Flags of a failure code. */
export const BADONION = 0x8000
export const PERM = 0x4000
export const NODE = 0x2000
export const UPDATE = 0x1000

/** What a failure may tell besides its name. Each failure has its own of these. */
export interface FailureDetails {
  /** SHA-256 of the onion that was unreadable, 32 bytes. */
  readonly sha256OfOnion: Uint8Array
  /** Of the HTLC that was refused. */
  readonly htlcMsat: Msat
  /** Of the HTLC that was refused, a block height. */
  readonly cltvExpiry: number
  /** No flag is defined: 0. */
  readonly disabledFlags: number
  /** Height of the final node's tip. */
  readonly height: number
  /** The record of the payload that was wrong, and where it began, in bytes; 0 where that can't be told. */
  readonly type: bigint
  readonly offset: number
  /** A `channel_update` message, its type included, or empty. We send none: it would tell who looked at it (BOLT 4, rationale). */
  readonly channelUpdate: Uint8Array
}

interface Field<T> {
  read(reader: WireReader): T
  write(writer: WireWriter, value: T): void
}

const FIELDS: { readonly [Name in keyof FailureDetails]: Field<FailureDetails[Name]> } = {
  sha256OfOnion: { read: (reader) => reader.take(32), write: (writer, value) => writer.put(value) },
  htlcMsat: { read: (reader) => reader.msat(), write: (writer, value) => writer.safeU64(value) },
  cltvExpiry: { read: (reader) => reader.u32(), write: (writer, value) => writer.u32(value) },
  disabledFlags: { read: (reader) => reader.u16(), write: (writer, value) => writer.u16(value) },
  height: { read: (reader) => reader.u32(), write: (writer, value) => writer.u32(value) },
  type: { read: (reader) => reader.bigSize(), write: (writer, value) => writer.bigSize(value) },
  offset: { read: (reader) => reader.u16(), write: (writer, value) => writer.u16(value) },
  channelUpdate: {
    read: (reader) => reader.u16Bytes(),
    write: (writer, value) => writer.u16Bytes(value),
  },
}

/** Every failure: its code, and what it tells in this order. */
export const FAILURES = {
  temporary_node_failure: { code: NODE | 2, details: [] },
  permanent_node_failure: { code: PERM | NODE | 2, details: [] },
  required_node_feature_missing: { code: PERM | NODE | 3, details: [] },
  invalid_onion_version: { code: BADONION | PERM | 4, details: ['sha256OfOnion'] },
  invalid_onion_hmac: { code: BADONION | PERM | 5, details: ['sha256OfOnion'] },
  invalid_onion_key: { code: BADONION | PERM | 6, details: ['sha256OfOnion'] },
  temporary_channel_failure: { code: UPDATE | 7, details: ['channelUpdate'] },
  permanent_channel_failure: { code: PERM | 8, details: [] },
  required_channel_feature_missing: { code: PERM | 9, details: [] },
  unknown_next_peer: { code: PERM | 10, details: [] },
  amount_below_minimum: { code: UPDATE | 11, details: ['htlcMsat', 'channelUpdate'] },
  fee_insufficient: { code: UPDATE | 12, details: ['htlcMsat', 'channelUpdate'] },
  incorrect_cltv_expiry: { code: UPDATE | 13, details: ['cltvExpiry', 'channelUpdate'] },
  expiry_too_soon: { code: UPDATE | 14, details: ['channelUpdate'] },
  incorrect_or_unknown_payment_details: { code: PERM | 15, details: ['htlcMsat', 'height'] },
  final_incorrect_cltv_expiry: { code: 18, details: ['cltvExpiry'] },
  final_incorrect_htlc_amount: { code: 19, details: ['htlcMsat'] },
  channel_disabled: { code: UPDATE | 20, details: ['disabledFlags', 'channelUpdate'] },
  expiry_too_far: { code: 21, details: [] },
  invalid_onion_payload: { code: PERM | 22, details: ['type', 'offset'] },
  mpp_timeout: { code: 23, details: [] },
  invalid_onion_blinding: { code: BADONION | PERM | 24, details: ['sha256OfOnion'] },
} as const satisfies Record<string, { code: number; details: readonly (keyof FailureDetails)[] }>

export type FailureName = keyof typeof FAILURES

/** A failure and what it tells. */
export type Failure = {
  [Name in FailureName]: { readonly name: Name } & Pick<
    FailureDetails,
    (typeof FAILURES)[Name]['details'][number]
  >
}[FailureName]

/** A failure as it was received: one that is not known here, or says less than it should, keeps its code alone. */
export interface ReceivedFailure {
  /** With its flags: those of an unknown code say what to do, too. */
  readonly code: number
  readonly failure?: Failure
}

const NAME_OF = new Map(Object.entries(FAILURES).map(([name, { code }]) => [code, name as FailureName]))

/** The failure's message: its code and its details. */
export function encodeFailure(failure: Failure): Uint8Array {
  const { code, details } = FAILURES[failure.name]
  const writer = new WireWriter(64).u16(code)
  for (const detail of details) writeDetail(writer, detail, failure as unknown as FailureDetails)
  return writer.finish()
}

function writeDetail<Name extends keyof FailureDetails>(
  writer: WireWriter,
  name: Name,
  details: FailureDetails,
): void {
  FIELDS[name].write(writer, details[name])
}

/** Reads a failure's message; bytes beyond what is known are ignored (BOLT 4, Receiving Failure Codes). Rejects with `failure` one without a code. */
export function decodeFailure(bytes: Uint8Array): Result<ReceivedFailure, string> {
  const read = decodeWire(bytes, 'failure', (reader) => ({ code: reader.u16(), rest: reader.rest() }))
  if (!read.ok) return read
  const { code, rest } = read.value
  const name = NAME_OF.get(code)
  if (name === undefined) return ok({ code })
  const told = decodeWire(rest, 'failure', (reader) => {
    const details = Object.fromEntries(
      FAILURES[name].details.map((detail) => [detail, FIELDS[detail].read(reader)]),
    )
    reader.rest()
    return { name, ...details } as unknown as Failure
  })
  return ok(told.ok ? { code, failure: told.value } : { code })
}

/** The code of `update_fail_malformed_htlc`, back to a failure: what the hop before tells the sender. Undefined where BADONION is not set. */
export function malformedFailure(code: number, sha256OfOnion: Uint8Array): Uint8Array | undefined {
  if ((code & BADONION) === 0) return undefined
  return new WireWriter(34).u16(code).put(sha256OfOnion).finish()
}
