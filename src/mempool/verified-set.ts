/** The transactions whose inputs this node verified, by wtxid: which ones is all that is kept, and the last ones only. */
import type { Wtxid } from '../primitives/hashes.ts'

/** Entries kept: about 3 MB. */
const MAX_ENTRIES = 20_000

export class VerifiedSet {
  /** In order of addition. */
  private readonly wtxids = new Set<Wtxid>()

  has(wtxid: Wtxid): boolean {
    return this.wtxids.has(wtxid)
  }

  add(wtxid: Wtxid): void {
    this.wtxids.delete(wtxid)
    this.wtxids.add(wtxid)
    if (this.wtxids.size <= MAX_ENTRIES) return
    for (const oldest of this.wtxids) {
      this.wtxids.delete(oldest)
      return
    }
  }
}
