/** The Ed25519 key that names a tab, for what it says to tabs that it has no connection to. Thread: the brain, on networks for tests alone. */
import { ed25519 } from '@noble/curves/ed25519.js'
import { base58 } from '@scure/base'
import type { TabIdentity } from '../network/link-agreement.ts'
import type { PeerId } from '../network/transport.ts'
import { equalBytes } from '../primitives/bytes.ts'

/**
 * What stands in front of the key's 32 bytes in a peer id: multihash `identity` of 36 bytes, a protobuf of key type Ed25519 (libp2p's specification of peer ids).
 */
const PREFIX = Uint8Array.of(0, 36, 8, 1, 18, 32)

/** `seed`: the 32 bytes of which `id` was made. */
export function tabIdentity(id: PeerId, seed: Uint8Array): TabIdentity {
  return {
    id,
    sign: (bytes) => ed25519.sign(bytes, seed),
    verify(author, bytes, signature) {
      const key = publicKeyOf(author)
      try {
        return key !== undefined && ed25519.verify(signature, bytes, key, { zip215: false })
      } catch {
        // Not a point of the curve.
        return false
      }
    },
  }
}

/** Undefined for what names no Ed25519 key, or not as others write it. */
function publicKeyOf(id: PeerId): Uint8Array | undefined {
  try {
    const bytes = base58.decode(id)
    return bytes.length === PREFIX.length + 32 && equalBytes(bytes.subarray(0, PREFIX.length), PREFIX)
      ? bytes.subarray(PREFIX.length)
      : undefined
  } catch {
    return undefined
  }
}
