/**
 * A fuzzer that is led by coverage: it changes inputs that it has, and keeps what takes a new way through the code. (Jazzer.js would do;
 * its binary asks for a newer C library than long-lived systems have.) Deterministic: the same seed does the same.
 */
import { bytesToHex } from '../../src/primitives/bytes.ts'
import type { SeededRandom } from '../../src/simulator/seeded-random.ts'
import type { Coverage } from './coverage.ts'
import { type Dictionary, mutate } from './mutations.ts'

/** What is fuzzed. */
export interface Target {
  readonly name: string
  /** Good inputs to begin with. */
  readonly examples: readonly Uint8Array[]
  readonly dictionary: Dictionary
  /** Bytes of the longest input. */
  readonly maxLength: number
  /** Part of the inputs of a long run, relative to the others; less for a slow target. */
  readonly share: number
  /** Runs one input: whether it was accepted. Throws when a promise is broken; a typed rejection is none. */
  run(input: Uint8Array): boolean
  /** Steps (edges taken) and lengths allocated that this input may cost. */
  bound(input: Uint8Array): number
}

/** An input that broke a promise. */
export interface Failure {
  /** Hex. */
  readonly input: string
  readonly reason: string
}

/** A run is broken off after this many steps: it goes on for ever. */
const HANG = 20_000_000

export class Fuzzer {
  /** What took a new way, in the order in which it was found. */
  readonly corpus: Uint8Array[] = []
  readonly failures: Failure[] = []
  accepted = 0
  executions = 0
  /** The greatest work that an input cost, and as a part of what it might. */
  greatestWork = 0
  greatestLoad = 0
  private readonly target: Target
  private readonly coverage: Coverage
  private readonly random: SeededRandom

  constructor(target: Target, coverage: Coverage, random: SeededRandom) {
    this.target = target
    this.coverage = coverage
    this.random = random
    coverage.limit = HANG
  }

  /** Runs one input, and keeps it where it has news. */
  execute(input: Uint8Array): void {
    const { target, coverage } = this
    this.executions++
    coverage.begin()
    try {
      if (target.run(input)) this.accepted++
      const work = coverage.steps + coverage.allocated
      const bound = target.bound(input)
      this.greatestWork = Math.max(this.greatestWork, work)
      this.greatestLoad = Math.max(this.greatestLoad, work / bound)
      if (work > bound)
        this.fail(input, `costs ${coverage.steps} steps and ${coverage.allocated} allocated, over ${bound}`)
    } catch (error) {
      this.fail(input, error instanceof Error ? (error.stack ?? error.message) : String(error))
    }
    if (coverage.hasNews()) this.corpus.push(input)
  }

  /** Makes and runs one new input. */
  step(): void {
    const { corpus, random, target } = this
    if (corpus.length === 0) throw new Error('The target has no example')
    // Half of the time one of the latest finds: they are the least explored.
    const latest = Math.max(0, corpus.length - 16)
    const input = random.chance(0.5) ? corpus[random.between(latest, corpus.length - 1)] : random.pick(corpus)
    this.execute(mutate(input, random.pick(corpus), target.dictionary, target.maxLength, random))
  }

  private fail(input: Uint8Array, reason: string): void {
    this.failures.push({ input: bytesToHex(input), reason })
  }
}

/** The fewest inputs of `corpus`, short ones first, that take all the edges it takes, with all that can go taken out of them. */
export function minimised(target: Target, coverage: Coverage, corpus: readonly Uint8Array[]): Uint8Array[] {
  const edgesOf = (input: Uint8Array): number[] => {
    coverage.begin()
    try {
      target.run(input)
    } catch {
      return []
    }
    return coverage.edges()
  }
  const taken = new Set<number>()
  const kept: Uint8Array[] = []
  for (const input of corpus.toSorted((a, b) => a.length - b.length)) {
    const news = edgesOf(input).filter((edge) => !taken.has(edge))
    if (news.length === 0) continue
    const short = shortened(input, (candidate) => {
      const edges = new Set(edgesOf(candidate))
      return news.every((edge) => edges.has(edge))
    })
    for (const edge of edgesOf(short)) taken.add(edge)
    kept.push(short)
  }
  return kept
}

function shortened(input: Uint8Array, isGood: (candidate: Uint8Array) => boolean): Uint8Array {
  let short = input
  for (let size = input.length >> 1; size > 0; size >>= 1)
    for (let at = 0; at + size <= short.length; ) {
      const candidate = Uint8Array.of(...short.subarray(0, at), ...short.subarray(at + size))
      if (isGood(candidate)) short = candidate
      else at += size
    }
  return short
}
