/** One target fuzzed with a number of inputs: its examples and seeds first, then new ones. */
import { SeededRandom } from '../../src/simulator/seeded-random.ts'
import type { Coverage } from './coverage.ts'
import { type Failure, Fuzzer, minimised, type Target } from './fuzzer.ts'
import { readSeeds } from './seeds.ts'

/** Failures after which a target is left. */
const MAX_FAILURES = 5

/** What fuzzing a target came to. */
export interface Report {
  readonly target: string
  readonly inputs: number
  readonly accepted: number
  readonly seconds: number
  readonly edges: number
  readonly greatestWork: number
  /** The greatest work of an input as a part of its bound. */
  readonly greatestLoad: number
  readonly failures: readonly Failure[]
  /** What would make the seeds, where asked for. */
  readonly seeds: readonly Uint8Array[]
}

/** `withSeeds`: whether the report has the fewest inputs that take all the edges found. */
export function fuzz(
  target: Target,
  coverage: Coverage,
  inputs: number,
  seed: string,
  withSeeds = false,
): Report {
  coverage.forget()
  const fuzzer = new Fuzzer(target, coverage, new SeededRandom(`${seed}/${target.name}`))
  const start = performance.now()
  for (const input of [...target.examples, ...readSeeds(target.name)]) fuzzer.execute(input)
  while (fuzzer.executions < inputs && fuzzer.failures.length < MAX_FAILURES) fuzzer.step()
  return {
    target: target.name,
    inputs: fuzzer.executions,
    accepted: fuzzer.accepted,
    seconds: (performance.now() - start) / 1000,
    edges: coverage.edgeCount,
    greatestWork: fuzzer.greatestWork,
    greatestLoad: fuzzer.greatestLoad,
    failures: fuzzer.failures,
    seeds: withSeeds ? minimised(target, coverage, fuzzer.corpus) : [],
  }
}
