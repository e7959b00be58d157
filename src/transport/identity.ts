/**
 * A tab's name on the network. Thread: Window.
 */

import { privateKeyFromRaw } from '@libp2p/crypto/keys'
import type { PrivateKey } from '@libp2p/interface'
import { peerIdFromPrivateKey, peerIdFromString } from '@libp2p/peer-id'
import { ed25519 } from '@noble/curves/ed25519.js'
import type { PeerId } from '../network/transport.ts'

/** libp2p's private key made of a 32-byte Ed25519 seed. Throws a RangeError for another length. */
export function privateKeyFromSeed(seed: Uint8Array): PrivateKey {
  if (seed.length !== 32) throw new RangeError(`An identity seed has 32 bytes, not ${seed.length}`)
  // libp2p's raw form is the seed and the public key, one after the other; its own seed function is asynchronous.
  const raw = new Uint8Array(64)
  raw.set(seed)
  raw.set(ed25519.getPublicKey(seed), 32)
  return privateKeyFromRaw(raw)
}

/** The peer id that others see for a private key. */
export function peerIdOf(key: PrivateKey): PeerId {
  return peerIdFromPrivateKey(key).toString() as PeerId
}

/** A peer id that arrived as text; undefined when it isn't one. */
export function parsePeerId(text: unknown): PeerId | undefined {
  if (typeof text !== 'string' || text.length > 128) return undefined
  try {
    return peerIdFromString(text).toString() as PeerId
  } catch {
    return undefined
  }
}
