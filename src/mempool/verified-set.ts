/**
 * The transactions whose inputs this node verified, by wtxid, which covers every witness: which ones is all that is kept, those
 * that were verified last, be they in the mempool, in blocks or gone.
 */
import { hashKey } from '../primitives/hash-key.ts'

/** Entries kept, some fourteen of the heaviest blocks: about 6 MB. */
const MAX_ENTRIES = 65_536

export class VerifiedSet {
  /** In the order in which they were first added, by `hashKey`. */
  private readonly keys = new Set<string>()

  /** `wtxid`: 32 bytes, internal order. */
  has(wtxid: Uint8Array): boolean {
    return this.keys.has(hashKey(wtxid))
  }

  add(wtxid: Uint8Array): void {
    this.keys.add(hashKey(wtxid))
    if (this.keys.size <= MAX_ENTRIES) return
    for (const oldest of this.keys) {
      this.keys.delete(oldest)
      return
    }
  }
}
