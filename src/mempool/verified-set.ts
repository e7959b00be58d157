/**
 * The transactions whose inputs this node verified, by wtxid, which covers every witness: which ones is all that is kept, those
 * that were verified last, be they in the mempool, in blocks or gone.
 */
import { addBounded } from '../primitives/bounded.ts'
import { hashKey } from '../primitives/hash-key.ts'

/** Entries kept, some fourteen of the heaviest blocks: about 6 MB. */
const MAX_ENTRIES = 65_536

export class VerifiedSet {
  /** By `hashKey`, those verified last at the end. */
  private readonly keys = new Set<string>()

  /** `wtxid`: 32 bytes, internal order. */
  has(wtxid: Uint8Array): boolean {
    return this.keys.has(hashKey(wtxid))
  }

  add(wtxid: Uint8Array): void {
    addBounded(this.keys, hashKey(wtxid), MAX_ENTRIES)
  }
}
