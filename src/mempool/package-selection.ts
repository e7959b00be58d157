/**
 * Which transactions go into a block: Bitcoin Core's selection by ancestor fee rate (`addPackageTxs`). The best package, a
 * transaction with its ancestors that are not in yet, is taken first; what it leaves to its descendants is counted anew, so
 * that a child pays for its parent. Pure.
 */
import { descendantsOf, type Entry, parentsFirst } from './graph.ts'

export interface Selection {
  /** Parents before children. */
  readonly entries: readonly Entry[]
  /** Satoshis per weight unit of the last package taken, undefined when none was. */
  readonly lastRate: number | undefined
  /** Whether everything found room. */
  readonly complete: boolean
}

/** Selects from `entries` (with every entry, its ancestors) at most `maxWeight` weight units. */
export function selectPackages(entries: Iterable<Entry>, maxWeight: number): Selection {
  const candidates = new Map<Entry, Candidate>()
  for (const entry of entries) candidates.set(entry, new Candidate(entry))
  const heap = new CandidateHeap([...candidates.values()])
  const selected: Entry[] = []
  let room = maxWeight
  let lastRate: number | undefined
  for (let best = heap.pop(); best; best = heap.pop()) {
    // It never will: when others bring some of its ancestors in, the room shrinks at least as much as its package.
    if (best.weight > room) continue
    room -= best.weight
    lastRate = best.rate
    const package_ = missingAncestors(best.entry, candidates)
    for (const entry of package_) {
      const candidate = candidates.get(entry)!
      heap.remove(candidate)
      candidates.delete(entry)
      selected.push(entry)
    }
    for (const entry of package_)
      for (const descendant of descendantsOf(entry)) {
        const candidate = candidates.get(descendant)
        if (!candidate || candidate.position < 0) continue
        candidate.fees -= entry.fee
        candidate.weight -= entry.weight
        heap.settle(candidate)
      }
  }
  return { entries: selected, lastRate, complete: candidates.size === 0 }
}

/** `entry` and those of its ancestors that are still candidates, parents first. */
function missingAncestors(entry: Entry, candidates: ReadonlyMap<Entry, Candidate>): Entry[] {
  const found = new Set([entry])
  for (const member of found)
    for (const parent of member.parents) if (candidates.has(parent)) found.add(parent)
  return parentsFirst(found)
}

/** An entry that is not selected, with the fees and weight of its package: itself and its ancestors that aren't either. */
class Candidate {
  readonly entry: Entry
  fees: number
  weight: number
  /** Where the heap holds it, −1 when it left. */
  position = -1

  constructor(entry: Entry) {
    this.entry = entry
    this.fees = entry.ancestorFees
    this.weight = entry.ancestorWeight
  }

  /** Satoshis per weight unit. */
  get rate(): number {
    return this.fees / this.weight
  }

  /** Higher rate first, then the earlier arrival. */
  isBefore(other: Candidate): boolean {
    const difference = this.rate - other.rate
    return difference > 0 || (difference === 0 && this.entry.order < other.entry.order)
  }
}

/** A binary heap whose members know their place, so that one can move or leave. */
class CandidateHeap {
  private readonly members: Candidate[]

  constructor(members: Candidate[]) {
    this.members = members
    members.forEach((member, i) => {
      member.position = i
    })
    for (let i = (members.length >> 1) - 1; i >= 0; i--) this.sink(members[i])
  }

  /** Takes out the best, undefined when empty. */
  pop(): Candidate | undefined {
    const best = this.members[0]
    if (best) this.remove(best)
    return best
  }

  /** Takes `member` out if it is in. */
  remove(member: Candidate): void {
    const hole = member.position
    if (hole < 0) return
    member.position = -1
    const last = this.members.pop()!
    if (last === member) return
    this.put(last, hole)
    this.settle(last)
  }

  /** Brings `member` to its place after it changed. */
  settle(member: Candidate): void {
    while (member.position > 0) {
      const parent = this.members[(member.position - 1) >> 1]
      if (!member.isBefore(parent)) break
      this.swap(member, parent)
    }
    this.sink(member)
  }

  private sink(member: Candidate): void {
    for (;;) {
      const left = this.members[member.position * 2 + 1]
      const right = this.members[member.position * 2 + 2]
      const child = right?.isBefore(left) ? right : left
      if (!child?.isBefore(member)) return
      this.swap(member, child)
    }
  }

  private swap(a: Candidate, b: Candidate): void {
    const position = a.position
    this.put(a, b.position)
    this.put(b, position)
  }

  private put(member: Candidate, position: number): void {
    this.members[position] = member
    member.position = position
  }
}
