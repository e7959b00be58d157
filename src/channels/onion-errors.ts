/**
 * How an error, and the time that each hop held a payment, come back by the way that the onion went: obfuscated by every hop, readable for the
 * sender alone, who learns which hop failed or lied (BOLT 4, Returning Errors). Synchronous, any thread.
 */
import { concatBytes, EMPTY } from '../primitives/bytes.ts'
import {
  applyStream,
  deriveKey,
  equalInConstantTime,
  HMAC_BYTES,
  hmacSha256,
  MAX_HOPS,
  SHARED_SECRET_BYTES,
} from './sphinx.ts'
import { decodeWire, WireWriter } from './wire.ts'

/** An error on its way back, as `update_fail_htlc` carries it. */
export interface ErrorPacket {
  /** `reason`: 292 bytes or more. */
  readonly reason: Uint8Array
  /** `attribution_data`, 920 bytes. Absent where a hop does not know it. */
  readonly attribution?: Uint8Array
}

/** Least bytes of a failure's message and its padding: no length tells which failure it is. */
const MIN_MESSAGE_BYTES = 256

/** Longest reason that `update_fail_htlc` carries beside attribution data: 65,535 bytes, less 44 of other fields and 924 of that record. */
export const MAX_ATTRIBUTED_REASON_BYTES = 64_567

/**
 * The packet of the hop that fails a payment. `secret`: what it shares with the sender. `message`: `encodeFailure`. `holdTime`: how long it held the
 * payment, in tenths of a second.
 */
export function createError(secret: Uint8Array, message: Uint8Array, holdTime: number): ErrorPacket {
  const padding = Math.max(0, MIN_MESSAGE_BYTES - message.length)
  const body = new WireWriter(4 + message.length + padding)
    .u16Bytes(message)
    .u16Bytes(new Uint8Array(padding))
    .finish()
  const reason = concatBytes(hmacSha256(deriveKey('um', secret), body), body)
  return wrapError(secret, { reason }, holdTime)
}

/**
 * The packet of a hop that passes an error on from the hop after it, which may be any bytes. Of a reason so long that the two don't fit into one
 * message no attribution is given: whoever failed a payment could else have the hop before us break off with us.
 */
export function wrapError(secret: Uint8Array, received: ErrorPacket, holdTime: number): ErrorPacket {
  const wrapped = applyStream(deriveKey('ammag', secret), received.reason)
  if (wrapped.length > MAX_ATTRIBUTED_REASON_BYTES) return { reason: wrapped }
  const attribution = attribute(secret, received.reason, holdTime, received.attribution)
  return { reason: wrapped, attribution: obfuscateAttribution(secret, attribution) }
}

function obfuscateAttribution(secret: Uint8Array, attribution: Uint8Array): Uint8Array {
  return applyStream(deriveKey('ammagext', secret), attribution)
}

/** What the sender learns of an error. Hops count from 0. */
export interface OpenedError {
  /** The hop that failed, and its failure's message; absent where none made this packet, or it was changed on its way. */
  readonly source?: { readonly hop: number; readonly message: Uint8Array }
  /** What the first hops say of how long they held the payment, in tenths of a second; as many as prove it. */
  readonly holdTimes: readonly number[]
  /**
   * Where there is no `source`: the first hop whose attribution does not hold. It, or the hop after the one before it, changed the packet; a hop that
   * knows no attribution looks the same. Undefined where every hop's holds.
   */
  readonly suspect?: number
}

/** Most hops of a route without attribution: as often is decrypted, however near the failure was (BOLT 4, Origin node). */
const DECRYPTIONS = 27

/** Opens an error that the first hop returned. `secrets`: what the sender shares with each hop, in order. */
export function openError(secrets: readonly Uint8Array[], { reason, attribution }: ErrorPacket): OpenedError {
  let packet = reason
  let source: OpenedError['source']
  const attributions = new AttributionReader(secrets.length, attribution)
  for (let hop = 0; hop < Math.max(secrets.length, DECRYPTIONS); hop++) {
    const secret = hop < secrets.length ? secrets[hop] : NO_SECRET
    packet = applyStream(deriveKey('ammag', secret), packet)
    if (!source) attributions.next(secret, packet)
    const message = messageIn(secret, packet)
    if (message && !source && hop < secrets.length) source = { hop, message }
  }
  const { holdTimes } = attributions
  if (source) return { source, holdTimes }
  return holdTimes.length < secrets.length ? { holdTimes, suspect: holdTimes.length } : { holdTimes }
}

const NO_SECRET = new Uint8Array(SHARED_SECRET_BYTES)

/** The failure's message, where this hop made the packet. */
function messageIn(secret: Uint8Array, packet: Uint8Array): Uint8Array | undefined {
  if (packet.length < HMAC_BYTES) return undefined
  const body = packet.subarray(HMAC_BYTES)
  if (!equalInConstantTime(hmacSha256(deriveKey('um', secret), body), packet.subarray(0, HMAC_BYTES)))
    return undefined
  const read = decodeWire(body, 'failure', (reader) => {
    const message = reader.u16Bytes()
    reader.u16Bytes()
    return message
  })
  // A hop that signs for nonsense has failed all the same.
  return read.ok ? read.value : EMPTY
}

/** `attribution_data` of the hop that fulfils a payment, or of one that passes the preimage on (BOLT 4, Hold times for successful payments). */
export function attributeFulfilment(
  secret: Uint8Array,
  holdTime: number,
  received: Uint8Array | undefined,
): Uint8Array {
  return obfuscateAttribution(secret, attribute(secret, EMPTY, holdTime, received))
}

/** How long the first hops held a payment that was fulfilled, in tenths of a second; as many as prove it. */
export function openFulfilment(
  secrets: readonly Uint8Array[],
  attribution: Uint8Array | undefined,
): readonly number[] {
  const attributions = new AttributionReader(secrets.length, attribution)
  for (const secret of secrets) attributions.next(secret, EMPTY)
  return attributions.holdTimes
}

// Attribution data: 20 hold times of 4 bytes, then HMACs of 4 bytes: 20 of the hop that wrote last, 19 of the one after it, … 1. Each hop
// writes one for every number of hops that may come after it, which it doesn't know.

const TIME_BYTES = 4
const SHORT_HMAC_BYTES = 4
const TIMES_BYTES = MAX_HOPS * TIME_BYTES

/** Bytes of `attribution_data`. */
export const ATTRIBUTION_BYTES = TIMES_BYTES + ((MAX_HOPS * (MAX_HOPS + 1)) / 2) * SHORT_HMAC_BYTES

/** Where the HMAC begins of the hop `hop` after the last writer, for the case that `after` hops come after it. */
function hmacOffset(hop: number, after: number): number {
  const before = hop * MAX_HOPS - (hop * (hop - 1)) / 2
  return TIMES_BYTES + (before + (MAX_HOPS - 1 - hop - after)) * SHORT_HMAC_BYTES
}

/** The data of a hop that received `received`, in clear, from the hop after it; nothing, or what has another length, counts as zeros. */
function attribute(
  secret: Uint8Array,
  packet: Uint8Array,
  holdTime: number,
  received: Uint8Array | undefined,
): Uint8Array {
  const data = new Uint8Array(ATTRIBUTION_BYTES)
  if (received?.length === ATTRIBUTION_BYTES) {
    data.set(received.subarray(0, TIMES_BYTES - TIME_BYTES), TIME_BYTES)
    copyHmacs(data, 1, received, 0)
  }
  data.set(new WireWriter(TIME_BYTES).u32(holdTime).finish())
  const key = deriveKey('um', secret)
  for (let after = 0; after < MAX_HOPS; after++)
    data.set(shortHmac(key, packet, data, after), hmacOffset(0, after))
  return data
}

/** Copies the HMACs of all hops from `fromHop` on to where those from `toHop` on stand: one of both is 0, the other 1. What has no room is left. */
function copyHmacs(to: Uint8Array, toHop: number, from: Uint8Array, fromHop: number): void {
  for (let hop = 0; hop < MAX_HOPS - 1; hop++)
    for (let after = 0; after < MAX_HOPS - 1 - hop; after++) {
      const at = hmacOffset(fromHop + hop, after)
      to.set(from.subarray(at, at + SHORT_HMAC_BYTES), hmacOffset(toHop + hop, after))
    }
}

/** Of the packet, the hold times of this hop and the `after` ones behind, and their HMACs. */
function shortHmac(key: Uint8Array, packet: Uint8Array, data: Uint8Array, after: number): Uint8Array {
  const behind = Array.from({ length: after }, (_, hop) => {
    const at = hmacOffset(hop + 1, after - 1 - hop)
    return data.subarray(at, at + SHORT_HMAC_BYTES)
  })
  const times = data.subarray(0, (after + 1) * TIME_BYTES)
  return hmacSha256(key, packet, times, ...behind).subarray(0, SHORT_HMAC_BYTES)
}

/** Takes attribution data off, hop by hop, until one does not hold. */
class AttributionReader {
  readonly holdTimes: number[] = []
  private data: Uint8Array | undefined
  private readonly hops: number

  /** `hops`: of the route. Those beyond the twentieth can't tell. */
  constructor(hops: number, attribution: Uint8Array | undefined) {
    this.hops = Math.min(hops, MAX_HOPS)
    this.data = attribution?.length === ATTRIBUTION_BYTES ? attribution : undefined
  }

  /** `packet`: as this hop had it before it obfuscated it. */
  next(secret: Uint8Array, packet: Uint8Array): void {
    const after = this.hops - 1 - this.holdTimes.length
    if (!this.data || after < 0) return
    const data = obfuscateAttribution(secret, this.data)
    const at = hmacOffset(0, after)
    const expected = shortHmac(deriveKey('um', secret), packet, data, after)
    this.data = undefined
    if (!equalInConstantTime(expected, data.subarray(at, at + SHORT_HMAC_BYTES))) return
    this.holdTimes.push(new DataView(data.buffer, data.byteOffset).getUint32(0))
    this.data = new Uint8Array(ATTRIBUTION_BYTES)
    this.data.set(data.subarray(TIME_BYTES, TIMES_BYTES))
    copyHmacs(this.data, 0, data, 1)
  }
}
