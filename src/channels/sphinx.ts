/**
 * What onions and the errors that come back by them are made of: keys and streams that both ends derive from a shared secret (BOLT 4, Key
 * Generation, Pseudo Random Byte Stream, Shared Secret). Synchronous, any thread. The sender's ephemeral keys pass through here; a node's own
 * key never does: the signer computes its shared secrets.
 */
import { chacha20 } from '@noble/ciphers/chacha.js'
import { secp256k1 } from '@noble/curves/secp256k1.js'
import { bytesToNumberBE } from '@noble/curves/utils.js'
import { hmac } from '@noble/hashes/hmac.js'
import { sha256 as nobleSha256 } from '@noble/hashes/sha2.js'
import { putBounded } from '../primitives/bounded.ts'
import { bytesToHex } from '../primitives/bytes.ts'
import { sha256 } from '../primitives/hashes.ts'
import { curve } from '../script/curve.ts'

const { Point } = secp256k1
const { Fn } = Point

export const SHARED_SECRET_BYTES = 32
export const HMAC_BYTES = 32

/** Most hops that an error can be attributed over (BOLT 4, Initialization of `attribution_data`). Ours are never longer. */
export const MAX_HOPS = 20

/** What a key is derived for. */
export type KeyType = 'rho' | 'mu' | 'um' | 'pad' | 'ammag' | 'ammagext'

/** A key of 32 bytes for one purpose. */
export function deriveKey(type: KeyType, secret: Uint8Array): Uint8Array {
  return hmacSha256(
    Uint8Array.from(type, (letter) => letter.charCodeAt(0)),
    secret,
  )
}

/** HMAC-SHA-256 of the parts, one after another: 32 bytes. */
export function hmacSha256(key: Uint8Array, ...parts: readonly Uint8Array[]): Uint8Array {
  const mac = hmac.create(nobleSha256, key)
  for (const part of parts) mac.update(part)
  return mac.digest()
}

const NO_NONCE = new Uint8Array(12)

/** `data`, exclusive-or'ed with the stream of a key: a copy. No key is used for two messages. */
export function applyStream(key: Uint8Array, data: Uint8Array): Uint8Array {
  return chacha20(key, NO_NONCE, data)
}

/** The first bytes of a key's stream. */
export function stream(key: Uint8Array, length: number): Uint8Array {
  return applyStream(key, new Uint8Array(length))
}

/** Whether both hold the same bytes, in a time that does not tell where they differ. Lengths are no secret. */
export function equalInConstantTime(a: Uint8Array, b: Uint8Array): boolean {
  if (a.length !== b.length) return false
  let difference = 0
  for (let at = 0; at < a.length; at++) difference |= a[at] ^ b[at]
  return difference === 0
}

/**
 * The secret that `secretKey` (32 bytes) shares with the holder of `point` (33 bytes, on the curve): SHA-256 of their common point in compressed
 * form, as libsecp256k1's ECDH gives it. 32 bytes.
 */
export function sharedSecret(secretKey: Uint8Array, point: Uint8Array): Uint8Array {
  return sha256(known(point).multiply(Fn.fromBytes(secretKey)).toBytes(true))
}

/** A point that secrets were shared with. */
interface KnownPoint {
  readonly point: InstanceType<typeof Point>
  uses: number
}

/** By hex: the nodes that payments went by last. */
const knownPoints = new Map<string, KnownPoint>()
/** Each with a table takes some 200 kB. */
const MAX_KNOWN_POINTS = 16
/** A table costs as much as this many multiplications without one, and makes each four times as fast, in constant time as well. */
const USES_BEFORE_TABLE = 4
/** Bits of a digit of the scalar. */
const TABLE_WINDOW = 4

/** Payments go by the same few nodes again and again: their points get tables of multiples, as the generator has one. */
function known(bytes: Uint8Array): KnownPoint['point'] {
  const name = bytesToHex(bytes)
  const entry = knownPoints.get(name) ?? { point: Point.fromBytes(bytes), uses: 0 }
  putBounded(knownPoints, name, entry, MAX_KNOWN_POINTS)
  if (++entry.uses === USES_BEFORE_TABLE) entry.point.precompute(TABLE_WINDOW)
  return entry.point
}

/** The public ephemeral key that a hop passes on: its own, blinded by what it and the secret hash to. 33 bytes. */
export function blindPoint(point: Uint8Array, secret: Uint8Array): Uint8Array {
  const blinded = curve().sum([{ point, scalar: Fn.toBytes(blindingFactor(point, secret)) }])
  if (!blinded) throw new Error('An ephemeral key is no point')
  return blinded
}

/** The secret key of `blindPoint(secretKey * G, secret)`, 32 bytes: the sender's. `point` is `secretKey * G`. */
export function blindSecretKey(secretKey: Uint8Array, point: Uint8Array, secret: Uint8Array): Uint8Array {
  return Fn.toBytes(Fn.mul(Fn.fromBytes(secretKey), blindingFactor(point, secret)))
}

/** Zero in one of 2^128 cases, which nobody meets. */
function blindingFactor(point: Uint8Array, secret: Uint8Array): bigint {
  return Fn.create(bytesToNumberBE(sha256(point, secret)))
}

/** The public key, 33 bytes. */
export function publicKeyOf(secretKey: Uint8Array): Uint8Array {
  return secp256k1.getPublicKey(secretKey, true)
}
