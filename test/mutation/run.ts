/**
 * `tsx test/mutation/run.ts [--draw 200] [--seed N] [--file src/script/x.ts] [--tests REGEXP] [--id N]... [--list]`: makes all
 * mutants of src/script and src/consensus, draws some by the seed, and runs on each the tests that reach it until one fails. It
 * ends with 1 when a mutant survives that `equivalent.ts` doesn't explain.
 *
 * Stryker does not fit: it has no runner for node:test under tsx, whose tests it could only run whole as a command, and it tries
 * all mutants of a file or none, where a check of minutes needs a draw by a seed.
 */
import { availableParallelism } from 'node:os'
import { parseArgs } from 'node:util'
import { SeededRandom } from '../../src/simulator/seeded-random.ts'
import { EQUIVALENT, type Equivalent } from './equivalent.ts'
import type { Mutant } from './mutants.ts'
import { Suite, type TestFile, type Verdict } from './suite.ts'

const WORKERS = Math.min(2, availableParallelism())
/** The tests whose promises are about what is mutated; those of higher layers take long and notice by chance. */
const TESTS = '^test/(unit/(primitives|script|consensus)/|vectors/|scenarios/|differential/)'
/** Mutants between two lines that say how far it got. */
const PROGRESS = 20
/** Of the tests' properties. */
const PROPERTY_SEED = 1

const { values: options } = parseArgs({
  options: {
    draw: { type: 'string', default: '200' },
    seed: { type: 'string' },
    file: { type: 'string', multiple: true },
    tests: { type: 'string', default: TESTS },
    id: { type: 'string', multiple: true },
    list: { type: 'boolean', default: false },
  },
})

async function main(): Promise<number> {
  const suite = await Suite.build(new RegExp(options.tests), PROPERTY_SEED)
  try {
    const seed = options.seed ?? String(Math.floor(Math.random() * 2 ** 32))
    const drawn = draw(suite.mutants, seed)
    print(`${suite.mutants.length} mutants, ${drawn.length} drawn with --seed ${seed}`)
    if (options.list) {
      for (const mutant of drawn) print(describe(mutant))
      return 0
    }
    return await check(suite, drawn)
  } finally {
    await suite.close()
  }
}

function draw(mutants: readonly Mutant[], seed: string): Mutant[] {
  const { id: ids, file: files } = options
  if (ids) return mutants.filter(({ id }) => ids.includes(String(id)))
  const eligible = mutants.filter(({ file }) => files?.includes(file) ?? true)
  return new SeededRandom(seed).shuffle(eligible).slice(0, Number(options.draw))
}

async function check(suite: Suite, drawn: readonly Mutant[]): Promise<number> {
  const start = performance.now()
  const tests: TestFile[] = []
  await eachInParallel(suite.paths, async (path) => {
    const test = await suite.record(path)
    if (test) tests.push(test)
    else print(`left out, since it fails without any mutant: ${path}`)
  })
  print(`${tests.length} test files, recorded in ${secondsSince(start)} s`)

  const counts: Record<Verdict, number> = { killed: 0, timeout: 0, survived: 0 }
  let explained = 0
  let judged = 0
  const used = new Set<Equivalent>()
  await eachInParallel(drawn, async (mutant) => {
    const verdict = await judge(suite, mutant, tests)
    const equivalent = EQUIVALENT.find((entry) => explains(entry, mutant))
    counts[verdict]++
    if (verdict !== 'survived') {
      if (equivalent) print(`listed as equivalent, but ${verdict}: ${describe(mutant)}`)
    } else if (equivalent) {
      explained++
      used.add(equivalent)
    } else print(`survived: ${describe(mutant)}`)
    if (++judged % PROGRESS === 0) print(`${judged} of ${drawn.length}, ${secondsSince(start)} s`)
  })
  for (const { file, code, why } of used) print(`equivalent: ${file}: ${code}\n    ${why}`)

  const detected = counts.killed + counts.timeout
  print(
    `${drawn.length} mutants in ${secondsSince(start)} s: ${counts.killed} killed, ${counts.timeout} timed out, ${counts.survived} survived, ` +
      `of which ${explained} are equivalent. Score ${percent(detected, drawn.length)}, ` +
      `${percent(detected, drawn.length - explained)} without the equivalent ones`,
  )
  return counts.survived === explained ? 0 : 1
}

/** Runs the tests that reach a mutant, those of its own file first, then the quickest first, until one fails. */
async function judge(suite: Suite, mutant: Mutant, tests: readonly TestFile[]): Promise<Verdict> {
  const own = mutant.file.replace('src/', 'test/unit/').replace(/\.ts$/, '.test.ts')
  const cost = ({ path, milliseconds }: TestFile): number => (path === own ? 0 : milliseconds)
  const reaching = tests.filter(({ hits }) => hits[mutant.id] === 1).sort((a, b) => cost(a) - cost(b))
  for (const test of reaching) {
    const verdict = await suite.judge(mutant, test)
    if (verdict !== 'survived') return verdict
  }
  return 'survived'
}

function explains(entry: Equivalent, mutant: Mutant): boolean {
  return entry.file === mutant.file && entry.code === mutant.code && entry.changes.includes(mutant.change)
}

function describe({ id, file, line, code, change }: Mutant): string {
  return `${file}:${line} ${change}  (--id ${id}) in: ${code}`
}

function secondsSince(start: number): string {
  return ((performance.now() - start) / 1000).toFixed(0)
}

function percent(part: number, whole: number): string {
  return whole === 0 ? '-' : `${((100 * part) / whole).toFixed(1)} %`
}

async function eachInParallel<T>(items: readonly T[], run: (item: T) => Promise<void>): Promise<void> {
  const pending = items.slice().reverse()
  const worker = async (): Promise<void> => {
    for (let item = pending.pop(); item !== undefined; item = pending.pop()) await run(item)
  }
  await Promise.all(Array.from({ length: WORKERS }, worker))
}

function print(line: string): void {
  process.stdout.write(`${line}\n`)
}

process.exitCode = await main()
