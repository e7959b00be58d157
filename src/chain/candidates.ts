/**
 * The branches that could become the active chain: every body from genesis on is held and none is known to be bad. Most work
 * first; on equal work the branch whose bodies were complete first, in this life of the tab or an earlier one. Thread: the brain.
 */
import { type HeaderIndex, type HeaderTree, NO_HEADER } from './header-tree.ts'

/** Which bodies are held, and in which order they came: `BlockArchive`. */
interface Bodies {
  holds(index: HeaderIndex): boolean
  bodyOrder(index: HeaderIndex): number
}

export class Candidates {
  private readonly headers: HeaderTree
  private readonly bodies: Bodies
  /** Ends of complete branches, in the order in which they were complete; their ancestors are left out. */
  private readonly ends = new Set<HeaderIndex>()
  /** Bodies held by their parent, where bodies are missing before them. */
  private readonly waiting = new Map<HeaderIndex, HeaderIndex[]>()
  private readonly incomplete = new Set<HeaderIndex>()

  constructor(headers: HeaderTree, bodies: Bodies) {
    this.headers = headers
    this.bodies = bodies
    for (const index of headers.parentsFirst())
      if (index > 0 && bodies.holds(index) && !this.isComplete(headers.parent(index))) this.wait(index)
    this.rebuild()
  }

  /** Every body from genesis to this one is held. */
  isComplete(index: HeaderIndex): boolean {
    return this.bodies.holds(index) && !this.incomplete.has(index)
  }

  /** Takes in a body that is held from now on. */
  add(index: HeaderIndex): void {
    if (!this.isComplete(this.headers.parent(index))) {
      this.wait(index)
      return
    }
    const linked = [index]
    for (const next of linked) {
      this.incomplete.delete(next)
      linked.push(...(this.waiting.get(next) ?? []))
      this.waiting.delete(next)
    }
    const valid = linked.filter((next) => !this.headers.isInvalid(next))
    // Complete at once: as in `rebuild`, the one whose own body came first goes first.
    valid.sort((a, b) => this.bodies.bodyOrder(a) - this.bodies.bodyOrder(b))
    for (const next of valid) this.ends.add(next)
    for (const next of valid) this.ends.delete(this.headers.parent(next))
  }

  /** The end of the best branch with more work than `floor`, `NO_HEADER` when there is none. */
  best(floor: bigint): HeaderIndex {
    let best = NO_HEADER
    let most = floor
    for (const end of this.ends) {
      const work = this.headers.chainWork(end)
      if (work <= most) continue
      best = end
      most = work
    }
    return best
  }

  /** Forgets the ends with at most `floor` work: they matter again only after `rebuild`. */
  prune(floor: bigint): void {
    for (const end of this.ends) if (this.headers.chainWork(end) <= floor) this.ends.delete(end)
  }

  /** Finds all ends anew: after opening, and after marks of failure were set or taken back. */
  rebuild(): void {
    const { headers, bodies } = this
    // Bodies arrive in any order: a branch is complete with the last of them.
    const completedAt = new Float64Array(headers.end)
    const ends = new Set<HeaderIndex>()
    for (const index of headers.parentsFirst()) {
      if (!this.isComplete(index) || headers.isInvalid(index)) continue
      const parent = headers.parent(index)
      completedAt[index] = Math.max(bodies.bodyOrder(index), parent === NO_HEADER ? 0 : completedAt[parent])
      ends.delete(parent)
      ends.add(index)
    }
    this.ends.clear()
    const inOrder = (a: HeaderIndex, b: HeaderIndex): number =>
      completedAt[a] - completedAt[b] || bodies.bodyOrder(a) - bodies.bodyOrder(b)
    for (const end of [...ends].sort(inOrder)) this.ends.add(end)
  }

  private wait(index: HeaderIndex): void {
    this.incomplete.add(index)
    const parent = this.headers.parent(index)
    const siblings = this.waiting.get(parent)
    if (siblings) siblings.push(index)
    else this.waiting.set(parent, [index])
  }
}
