/**
 * The packet that tells each hop of a payment its own step and nothing else: Sphinx with payloads of any length (BOLT 4, Packet Structure).
 * Synchronous, any thread, no state: who has seen an onion before is `replays.ts`. A hop opens one in two steps, since its key lives in the signer:
 * `readOnion` gives the point, the signer the shared secret, `openOnion` the rest.
 */
import { concatBytes } from '../primitives/bytes.ts'
import { invalid, ok, type Result } from '../primitives/result.ts'
import type { FailureName } from './failures.ts'
import { ONION_BYTES } from './messages.ts'
import {
  applyStream,
  blindPoint,
  blindSecretKey,
  deriveKey,
  equalInConstantTime,
  HMAC_BYTES,
  hmacSha256,
  publicKeyOf,
  sharedSecret,
  stream,
} from './sphinx.ts'
import { decodeWire, isPoint, POINT_BYTES, WireReader, WireWriter } from './wire.ts'

/** Bytes of the payloads, obfuscated and filled up: what version, point and HMAC leave of an onion. */
const PAYLOADS_BYTES = ONION_BYTES - 1 - POINT_BYTES - HMAC_BYTES

/** An onion, as a hop may open it. */
export interface OnionPacket {
  /** The sender's ephemeral key for this hop, 33 bytes, on the curve. */
  readonly ephemeralKey: Uint8Array
  /** 1,300 bytes. */
  readonly payloads: Uint8Array
  /** 32 bytes. */
  readonly hmac: Uint8Array
}

/** A hop of a route, as an onion is made for it. */
export interface OnionHop {
  /** Node id, 33 bytes, on the curve. */
  readonly nodeId: Uint8Array
  /** The TLV stream for it, 2 bytes or more, without its length. */
  readonly payload: Uint8Array
}

export interface Onion {
  /** 1,366 bytes, for the first hop. */
  readonly packet: Uint8Array
  /** By hop, 32 bytes each: what opens the errors that come back. */
  readonly sharedSecrets: readonly Uint8Array[]
}

/** Bytes that a payload takes in an onion: its length, itself, an HMAC. */
export function onionSpace(payload: Uint8Array): number {
  return framed(payload).length + HMAC_BYTES
}

/**
 * Makes an onion (BOLT 4, Packet Construction). `sessionKey`: a secret key, fresh for each. `associatedData`: the payment hash, to which it is bound.
 * Rejects with `onion-too-long` a route whose payloads need over 1,300 bytes.
 */
export function createOnion(
  hops: readonly OnionHop[],
  sessionKey: Uint8Array,
  associatedData: Uint8Array,
): Result<Onion, 'onion-too-long'> {
  const spaces = hops.map(({ payload }) => onionSpace(payload))
  const space = spaces.reduce((sum, next) => sum + next, 0)
  if (space > PAYLOADS_BYTES)
    return invalid(
      'onion-too-long',
      `The instructions for the ${hops.length} hops of this route take ${space} bytes, an onion has room for ${PAYLOADS_BYTES}.`,
    )
  const firstKey = publicKeyOf(sessionKey)
  const sharedSecrets = secretsOf(hops, sessionKey, firstKey)
  const filler = makeFiller(sharedSecrets, spaces)

  let payloads = stream(deriveKey('pad', sessionKey), PAYLOADS_BYTES)
  let hmac: Uint8Array = new Uint8Array(HMAC_BYTES)
  for (let hop = hops.length - 1; hop >= 0; hop--) {
    const secret = sharedSecrets[hop]
    const shifted = concatBytes(framed(hops[hop].payload), hmac, payloads).subarray(0, PAYLOADS_BYTES)
    payloads = applyStream(deriveKey('rho', secret), shifted)
    // What the hops before will have appended to it by the time that the last one sees it.
    if (hop === hops.length - 1) payloads.set(filler, PAYLOADS_BYTES - filler.length)
    hmac = hmacSha256(deriveKey('mu', secret), payloads, associatedData)
  }
  return ok({
    packet: encodeOnion({ ephemeralKey: firstKey, payloads, hmac }),
    sharedSecrets,
  })
}

/** The secret that the sender shares with each hop. `firstKey`: the point of the session key. */
function secretsOf(hops: readonly OnionHop[], sessionKey: Uint8Array, firstKey: Uint8Array): Uint8Array[] {
  let ephemeral = sessionKey
  let point = firstKey
  return hops.map(({ nodeId }, hop) => {
    if (hop > 0) point = publicKeyOf(ephemeral)
    const secret = sharedSecret(ephemeral, nodeId)
    ephemeral = blindSecretKey(ephemeral, point, secret)
    return secret
  })
}

/** What all hops but the last append together, each obfuscated by those after it (BOLT 4, Filler Generation). */
function makeFiller(secrets: readonly Uint8Array[], spaces: readonly number[]): Uint8Array {
  let filler: Uint8Array = new Uint8Array(0)
  for (let hop = 0; hop < secrets.length - 1; hop++) {
    const appended = concatBytes(filler, new Uint8Array(spaces[hop]))
    const pad = stream(deriveKey('rho', secrets[hop]), PAYLOADS_BYTES + spaces[hop])
    const skip = pad.length - appended.length
    filler = appended.map((byte, at) => byte ^ pad[skip + at])
  }
  return filler
}

function framed(payload: Uint8Array): Uint8Array {
  return new WireWriter(payload.length + 3).varBytes(payload).finish()
}

export function encodeOnion({ ephemeralKey, payloads, hmac }: OnionPacket): Uint8Array {
  return concatBytes(Uint8Array.of(VERSION), ephemeralKey, payloads, hmac)
}

const VERSION = 0

/** Why a hop can't open an onion: what it answers by `update_fail_malformed_htlc`. */
export type MalformedOnion = Extract<
  FailureName,
  'invalid_onion_version' | 'invalid_onion_hmac' | 'invalid_onion_key'
>

/** Reads the 1,366 bytes of an onion. Rejects with `invalid_onion_version` and `invalid_onion_key`; another length is the caller's to refuse. */
export function readOnion(bytes: Uint8Array): Result<OnionPacket, MalformedOnion> {
  const reader = new WireReader(bytes)
  const version = reader.u8()
  if (version !== VERSION)
    return invalid('invalid_onion_version', `The onion is of version ${version}, this node knows version 0.`)
  const ephemeralKey = reader.take(POINT_BYTES)
  if (!isPoint(ephemeralKey))
    return invalid('invalid_onion_key', 'The key of the onion is not a point of the curve.')
  return ok({ ephemeralKey, payloads: reader.take(PAYLOADS_BYTES), hmac: reader.take(HMAC_BYTES) })
}

/** An opened onion. */
export interface OpenedOnion {
  /** The TLV stream for this hop, still to be read. */
  readonly payload: Uint8Array
  /** The onion for the next hop, 1,366 bytes; undefined at the last. */
  readonly next?: Uint8Array
}

/**
 * Opens an onion (BOLT 4, Onion Decryption). `secret`: what the node's key shares with the ephemeral key. Rejects with `invalid_onion_hmac` what
 * was changed or made for another node or payment; with `invalid_onion_payload` a payload whose length is wrong, which the sender wrote so.
 */
export function openOnion(
  { ephemeralKey, payloads, hmac }: OnionPacket,
  secret: Uint8Array,
  associatedData: Uint8Array,
): Result<OpenedOnion, 'invalid_onion_hmac' | 'invalid_onion_payload'> {
  if (!equalInConstantTime(hmacSha256(deriveKey('mu', secret), payloads, associatedData), hmac))
    return invalid(
      'invalid_onion_hmac',
      'The onion was changed, or made for another node or another payment.',
    )
  const padded = concatBytes(payloads, new Uint8Array(PAYLOADS_BYTES))
  const unwrapped = applyStream(deriveKey('rho', secret), padded)
  const opened = decodeWire(unwrapped, 'invalid_onion_payload', (reader) => {
    const payload = reader.varBytes()
    const nextHmac = reader.take(HMAC_BYTES)
    return { payload, nextHmac, rest: reader.rest() }
  })
  // A payload and its HMAC take no more than the field; lengths 0 and 1 are of formats that are gone or to come.
  if (!opened.ok || opened.value.payload.length < 2 || opened.value.rest.length < PAYLOADS_BYTES)
    return invalid('invalid_onion_payload', 'The instructions in the onion have a wrong length.')
  const { payload, nextHmac, rest } = opened.value
  if (nextHmac.every((byte) => byte === 0)) return ok({ payload })
  const next = encodeOnion({
    ephemeralKey: blindPoint(ephemeralKey, secret),
    payloads: rest.subarray(0, PAYLOADS_BYTES),
    hmac: nextHmac,
  })
  return ok({ payload, next })
}
