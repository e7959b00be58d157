/**
 * `npx tsx test/channels/run-guards.ts`: takes each guard of `guards.ts` out of a copy of the program and runs the world of channels until an invariant
 * breaks. Ends with a table, and with 1 where a guard could be missing unnoticed. `--only`: guards whose name has this text; `--seeds`: most for each.
 */
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { bundle } from '../support/instrumented-bundle.ts'
import { runProgram } from '../support/test-runs.ts'
import { GUARDS, type Guard, withoutGuard } from './guards.ts'

const { values } = parseArgs({
  options: { only: { type: 'string', default: '' }, seeds: { type: 'string', default: '40' } },
})

/** By which run it was caught, and by what; undefined where it was not. */
async function caught(
  guard: Guard,
): Promise<{ readonly seed: string; readonly invariant: string } | undefined> {
  const folder = await mkdtemp(join(tmpdir(), 'opentab-guards-'))
  try {
    await bundle({
      entries: ['test/channels/run.ts'],
      folder,
      banner: '',
      transform: (path, code) => withoutGuard(guard, path, code),
    })
    await writeFile(join(folder, 'package.json'), '{"type":"module"}')
    const program = join(folder, 'test/channels/run.js')
    const { output } = await runProgram([
      program,
      '--until-broken',
      '--seeds',
      values.seeds,
      '--focus',
      guard.focus,
    ])
    const [, seed] = /^Seed (\d+) fails/m.exec(output) ?? []
    const found = [...output.matchAll(/^ {2}(\w+): /gm)].map(([, invariant]) => invariant)
    const invariant = guard.breaks.find((name) => found.includes(name))
    return seed !== undefined && invariant !== undefined ? { seed, invariant } : undefined
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

async function main(): Promise<number> {
  const rows: string[] = []
  let missed = 0
  for (const guard of GUARDS.filter(({ name }) => name.includes(values.only))) {
    const found = await caught(guard)
    if (!found) missed++
    rows.push(
      `${guard.name.padEnd(70)}${found ? `${found.invariant.padEnd(12)}run ${Number(found.seed) + 1}` : 'NOT NOTICED'}`,
    )
    process.stdout.write(`${rows.at(-1)}\n`)
  }
  process.stdout.write(`\n${rows.join('\n')}\n${rows.length} guards removed, ${missed} unnoticed\n`)
  return missed > 0 ? 1 : 0
}

process.exitCode = await main()
