/**
 * `npx tsx test/channels/run.ts`: the world of channels over many seeds, with a table in the end. `--seeds`: how many, `--from`: the first, `--focus`: what
 * they dwell on, `--until-broken`: ends with the first that breaks an invariant, `--verbose`: tells all that happens. Ends with 1 where one broke.
 */
import { parseArgs } from 'node:util'
import { installQuickCurve } from './quick-curve.ts'
import type { Focus } from './scenario.ts'

const { values } = parseArgs({
  options: {
    seeds: { type: 'string', default: '100' },
    from: { type: 'string', default: '0' },
    focus: { type: 'string' },
    'until-broken': { type: 'boolean', default: false },
    verbose: { type: 'boolean', default: false },
  },
})

async function main(): Promise<number> {
  await installQuickCurve()
  const { replayOf, runSeeds, tableOf } = await import('./run-seeds.ts')
  const focus = values.focus as Focus | undefined
  const first = Number(values.from)
  const result = await runSeeds({
    seeds: Array.from({ length: Number(values.seeds) }, (_, at) => String(first + at)),
    ...(focus && { focus }),
    untilBroken: values['until-broken'],
    ...(values.verbose && { log: (line: string) => process.stdout.write(`${line}\n`) }),
    done: (seed, broken) => {
      if (broken.length === 0) return
      process.stdout.write(`Seed ${seed} fails. To see it again: ${replayOf(seed, focus)}\n`)
      for (const text of broken) process.stdout.write(`  ${text}\n`)
    },
  })
  process.stdout.write(`${tableOf(result)}\n`)
  return result.broken.length > 0 ? 1 : 0
}

process.exitCode = await main()
