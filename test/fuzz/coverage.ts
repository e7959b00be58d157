/** Counts what woven code does: which edges it takes, how many in all, and how much it allocates. One for a process. */
import type { CALLS } from './edges.ts'

/** Thrown out of code that goes on for ever. */
export class OutOfSteps extends Error {}

const MAX_EDGES = 1 << 16

export class Coverage {
  /** Edges taken, repetitions included. */
  steps = 0
  /** Lengths of what was allocated: bytes, characters or items. */
  allocated = 0
  /** Steps after which a run is broken off. */
  limit = Number.POSITIVE_INFINITY
  private readonly counts = new Uint32Array(MAX_EDGES)
  private readonly taken = new Uint16Array(MAX_EDGES)
  private takenCount = 0
  /** By edge, a bit for each range of counts seen before. */
  private readonly seen = new Uint8Array(MAX_EDGES)
  private edgesSeen = 0

  /** Makes the calls of woven code count here. */
  install(): void {
    const edge = (edge: number): void => {
      if (++this.steps > this.limit) throw new OutOfSteps(`more than ${this.limit} steps`)
      if (this.counts[edge]++ === 0) this.taken[this.takenCount++] = edge
    }
    const branch = <T>(first: number, value: T): T => {
      edge(value ? first : first + 1)
      return value
    }
    const allocate = <T>(value: T): T => {
      const length =
        typeof value === 'number' ? value : (value as { readonly length?: number } | undefined)?.length
      if (length !== undefined) this.allocated += length
      return value
    }
    const calls: Record<(typeof CALLS)[number], unknown> = {
      __edge: edge,
      __branch: branch,
      __allocate: allocate,
    }
    Object.assign(globalThis, calls)
  }

  /** Before an input is run. */
  begin(): void {
    for (let i = 0; i < this.takenCount; i++) this.counts[this.taken[i]] = 0
    this.takenCount = 0
    this.steps = 0
    this.allocated = 0
  }

  /** Whether the run took an edge, or took it a number of times, as none did before. */
  hasNews(): boolean {
    let news = false
    for (let i = 0; i < this.takenCount; i++) {
      const edge = this.taken[i]
      const range = rangeOf(this.counts[edge])
      const seen = this.seen[edge]
      if (seen & range) continue
      if (seen === 0) this.edgesSeen++
      this.seen[edge] = seen | range
      news = true
    }
    return news
  }

  /** The edges of the run. */
  edges(): number[] {
    return [...this.taken.subarray(0, this.takenCount)]
  }

  /** Edges that `hasNews` has met. */
  get edgeCount(): number {
    return this.edgesSeen
  }

  /** As if nothing had been run. */
  forget(): void {
    this.seen.fill(0)
    this.edgesSeen = 0
  }
}

/** 1, 2, 3, 4 to 7, 8 to 15, 16 to 31, 32 to 127, more (as afl-fuzz has it): a bit each. */
function rangeOf(count: number): number {
  if (count <= 3) return 1 << (count - 1)
  if (count < 32) return 1 << (Math.floor(Math.log2(count)) + 1)
  return count < 128 ? 64 : 128
}
