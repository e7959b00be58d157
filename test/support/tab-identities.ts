/** Keys of virtual tabs: a signature is a hash that anybody could make, and that nobody in these tests does make for another. */
import type { TabIdentity } from '../../src/network/link-agreement.ts'
import type { PeerId } from '../../src/network/transport.ts'
import { equalBytes } from '../../src/primitives/bytes.ts'
import { sha256 } from '../../src/primitives/hashes.ts'

export function virtualIdentity(id: PeerId): TabIdentity {
  return {
    id,
    sign: (bytes) => signature(id, bytes),
    verify: (author, bytes, given) => equalBytes(given, signature(author, bytes)),
  }
}

function signature(id: PeerId, bytes: Uint8Array): Uint8Array {
  const half = sha256(new TextEncoder().encode(`key of ${id}`), bytes)
  const both = new Uint8Array(64)
  both.set(half)
  both.set(half, 32)
  return both
}
