/**
 * `npm run test:deep`: the tests whose worth grows with their number, at the numbers of a night. `npm run test:deep -- differential`
 * runs a part alone. A fresh seed is drawn and printed unless OPENTAB_SEED is given; OPENTAB_CASES, OPENTAB_SIGNATURES, OPENTAB_INPUTS,
 * OPENTAB_MUTANTS, OPENTAB_SEEDS, OPENTAB_WORLDS, OPENTAB_SOAK_MINUTES, OPENTAB_DAYS and OPENTAB_CHAINS change the numbers. Ends with one table, and with 1 where anything differed, failed or survived unexplained.
 */
import { randomInt } from 'node:crypto'
import { MINUTE, PROJECT, runProgram, runTestFiles, testFiles } from './support/test-runs.ts'

/** What a part came to. */
interface Outcome {
  readonly cases: number
  /** Differences, inputs that were handled wrong, mutants that survived unexplained, seeds that failed. */
  readonly failures: number
}

interface Part {
  readonly name: string
  run(seed: string): Promise<Outcome>
}

const PARTS: readonly Part[] = [
  { name: 'differential', run: differential },
  { name: 'signatures', run: signatures },
  { name: 'fuzz', run: fuzz },
  { name: 'mutation', run: mutation },
  { name: 'simulation', run: simulation },
  { name: 'channels', run: channels },
  { name: 'difficulty', run: difficulty },
  { name: 'hostile', run: hostile },
  { name: 'soak', run: soak },
]

const {
  OPENTAB_SEED,
  OPENTAB_CASES = '100000',
  OPENTAB_SIGNATURES = '1000000',
  OPENTAB_INPUTS = '10000000',
  OPENTAB_MUTANTS = '200',
  OPENTAB_SEEDS = '400',
  OPENTAB_WORLDS = '2000',
  OPENTAB_DAYS = '10000',
  OPENTAB_CHAINS = '1000000',
} = process.env

async function main(asked: readonly string[]): Promise<number> {
  const unknown = asked.find((name) => !PARTS.some((part) => part.name === name))
  if (unknown !== undefined) {
    const names = PARTS.map(({ name }) => name).join(', ')
    process.stderr.write(`There is no part "${unknown}". The parts are ${names}.\n`)
    return 2
  }
  const seed = OPENTAB_SEED ?? String(randomInt(2 ** 32))
  process.stdout.write(`Seed ${seed}\n`)
  const rows: (readonly string[])[] = []
  let failed = false
  for (const { name, run } of PARTS) {
    if (asked.length > 0 && !asked.includes(name)) continue
    process.stdout.write(`\n=== ${name}\n`)
    const start = performance.now()
    const { cases, failures } = await run(seed)
    const seconds = (performance.now() - start) / 1000
    rows.push([name, cases.toLocaleString('en'), failures.toLocaleString('en'), seconds.toFixed(0)])
    // A part that ran nothing has shown nothing.
    failed ||= failures > 0 || cases === 0
  }
  process.stdout.write(`\n${table([['part', 'cases', 'failures', 'seconds'], ...rows])}\n`)
  return failed ? 1 : 0
}

async function differential(seed: string): Promise<Outcome> {
  const env = { ...process.env, OPENTAB_CASES, OPENTAB_SEED: seed }
  const run = await runTestFiles(await testFiles('differential'), 2, 120 * MINUTE, env)
  return { cases: sumOf(run.diagnostics.join('\n'), /: (\d+) cases, 0 differences/g), failures: run.failed }
}

/** The signature kernel against noble. */
async function signatures(seed: string): Promise<Outcome> {
  const env = { ...process.env, OPENTAB_CASES: OPENTAB_SIGNATURES, OPENTAB_SEED: seed }
  const run = await runTestFiles(['test/unit/kernels/secp256k1.test.ts'], 1, 240 * MINUTE, env)
  return { cases: sumOf(run.diagnostics.join('\n'), /: (\d+) cases, 0 differences/g), failures: run.failed }
}

async function fuzz(seed: string): Promise<Outcome> {
  const program = ['test/fuzz/run.ts', '--inputs', OPENTAB_INPUTS, '--seed', seed]
  const { succeeded, output } = await runProgram(program)
  const cases = sumOf(output, /^(\d+) inputs in /gm)
  const found = sumOf(output, / inputs in \d+ s, (\d+) failures/g)
  return { cases, failures: succeeded ? 0 : Math.max(1, found) }
}

async function mutation(seed: string): Promise<Outcome> {
  const program = ['test/mutation/run.ts', '--draw', OPENTAB_MUTANTS, '--seed', seed]
  const { succeeded, output } = await runProgram(program)
  const cases = sumOf(output, /^(\d+) mutants in /gm)
  const unexplained = sumOf(output, /, (\d+) survived/g) - sumOf(output, /of which (\d+) are equivalent/g)
  return { cases, failures: succeeded ? 0 : Math.max(1, unexplained) }
}

async function simulation(): Promise<Outcome> {
  // There, OPENTAB_SEED would mean one seed alone.
  const { OPENTAB_SEED: _, ...rest } = process.env
  const files = (await testFiles('simulation')).filter((file) => /seeds-/.test(file))
  const run = await runTestFiles(files, 2, 120 * MINUTE, { ...rest, OPENTAB_SEEDS })
  return { cases: run.passed + run.failed, failures: run.failed }
}

/** Networks of channels, half of the worlds in each of two processes; then each guard taken out, which must not go unnoticed. */
async function channels(seed: string): Promise<Outcome> {
  const half = Math.ceil(Number(OPENTAB_WORLDS) / 2)
  const worlds = await Promise.all(
    [0, half].map((offset) =>
      runProgram(['test/channels/run.ts', '--from', String(Number(seed) + offset), '--seeds', String(half)]),
    ),
  )
  const guards = await runProgram(['test/channels/run-guards.ts'])
  const told = worlds.map(({ output }) => output.replaceAll(',', '')).join('\n')
  const failures =
    sumOf(told, /^broken invariants +(\d+)/gm) + sumOf(guards.output, /removed, (\d+) unnoticed/g)
  return {
    cases: sumOf(told, /^runs +(\d+)/gm) + sumOf(guards.output, /^(\d+) guards removed/gm),
    failures: [...worlds, guards].every(({ succeeded }) => succeeded) ? 0 : Math.max(1, failures),
  }
}

/** Headers against the bound on difficulty, and years of traffic against that on waits: what they come to, and what broke. */
async function difficulty(seed: string): Promise<Outcome> {
  const numbers = ['--days', OPENTAB_DAYS, '--chains', OPENTAB_CHAINS, '--seed', seed]
  const { succeeded, output } = await runProgram(['test/difficulty/run.ts', 'days', 'search', ...numbers])
  const cases = sumOf(output, /^\d+ days, (\d+) blocks/gm) + sumOf(output, /^(\d+) chains/gm)
  return {
    cases,
    failures: succeeded ? 0 : Math.max(1, sumOf(output, /, (\d+) (?:waits )?beyond the bound/g)),
  }
}

/** The catalogue of attacks, against real tabs. */
async function hostile(): Promise<Outcome> {
  const { succeeded, output } = await runProgram(['test/hostile/run.ts'])
  const cases = sumOf(output, /^(\d+) attacks, /gm)
  const broken = sumOf(output, /^\d+ attacks, (\d+) broke /gm)
  return { cases, failures: succeeded ? 0 : Math.max(1, broken) }
}

/** Ten tabs under all of them at once. */
async function soak(): Promise<Outcome> {
  const { succeeded, output } = await runProgram(['test/hostile/soak.ts'])
  const cases = sumOf(output, /^(\d+) promises, /gm)
  const broken = sumOf(output, /^\d+ promises, (\d+) broken/gm)
  return { cases, failures: succeeded ? 0 : Math.max(1, broken) }
}

/** The sum of the numbers that a pattern's group finds. */
function sumOf(text: string, pattern: RegExp): number {
  return [...text.matchAll(pattern)].reduce((sum, [, number]) => sum + Number(number), 0)
}

/** The first column to the left, numbers to the right. */
function table(rows: readonly (readonly string[])[]): string {
  const widths = rows[0].map((_, column) => Math.max(...rows.map((row) => row[column].length)))
  const line = (row: readonly string[]): string =>
    row.map((cell, i) => (i === 0 ? cell.padEnd(widths[i]) : cell.padStart(widths[i]))).join('  ')
  return rows.map(line).join('\n')
}

process.chdir(PROJECT)
process.exitCode = await main(process.argv.slice(2))
