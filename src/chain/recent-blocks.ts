/** Blocks kept in memory under a byte cap, the oldest leaving first. Thread: the brain. */
import type { Block } from '../primitives/block.ts'
import type { HeaderIndex } from './header-tree.ts'

export class RecentBlocks {
  private readonly blocks = new Map<HeaderIndex, Block>()
  private readonly maxBytes: number
  private bytes = 0

  /** `maxBytes`: of serialised blocks; in memory they take a few times as much. */
  constructor(maxBytes: number) {
    this.maxBytes = maxBytes
  }

  get(index: HeaderIndex): Block | undefined {
    return this.blocks.get(index)
  }

  /** Adds a block that isn't held. */
  add(index: HeaderIndex, block: Block): void {
    this.blocks.set(index, block)
    this.bytes += block.bytes.length
    for (const [oldest, { bytes }] of this.blocks) {
      if (this.bytes <= this.maxBytes) return
      this.blocks.delete(oldest)
      this.bytes -= bytes.length
    }
  }
}
