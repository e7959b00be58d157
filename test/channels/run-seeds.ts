/** Runs of the world of channels, seed after seed, and the table of what they came to. */
import { type Focus, runScenario } from './scenario.ts'
import type { Tally } from './world.ts'

export interface SeedsResult {
  readonly runs: number
  readonly totals: Readonly<Record<keyof Tally, number>>
  /** Invariants that broke, with the seed. */
  readonly broken: readonly { readonly seed: string; readonly text: string }[]
}

export interface SeedsOptions {
  readonly seeds: Iterable<string>
  readonly focus?: Focus
  /** Stops at the first seed that breaks an invariant. */
  readonly untilBroken?: boolean
  readonly log?: (line: string) => void
  /** Told each seed that is over. */
  readonly done?: (seed: string, broken: readonly string[], tally: Tally) => void
}

export async function runSeeds({ seeds, focus, untilBroken, log, done }: SeedsOptions): Promise<SeedsResult> {
  const totals = {} as Record<keyof Tally, number>
  const broken: { seed: string; text: string }[] = []
  let runs = 0
  for (const seed of seeds) {
    const result = await runScenario({ seed, ...(focus && { focus }), ...(log && { log }) })
    runs++
    for (const [name, count] of Object.entries(result.tally))
      totals[name as keyof Tally] = (totals[name as keyof Tally] ?? 0) + count
    for (const text of result.broken) broken.push({ seed, text })
    done?.(seed, result.broken, result.tally)
    if (untilBroken && result.broken.length > 0) break
  }
  return { runs, totals, broken }
}

/** How to see a seed again, alone. */
export function replayOf(seed: string, focus?: Focus): string {
  return `npx tsx test/channels/run.ts --from ${seed} --seeds 1${focus ? ` --focus ${focus}` : ''} --verbose`
}

/** The table, in lines of a name and a number. */
export function tableOf({ runs, totals, broken }: SeedsResult): string {
  const rows: [string, number][] = [
    ['runs', runs],
    ['nodes', totals.nodes],
    ['channels', totals.channels],
    ['payments', totals.payments],
    ['payments made', totals.paid],
    ['messages', totals.messages],
    ['blocks', totals.blocks],
    ['crashes', totals.crashes],
    ['cut connections', totals.cuts],
    ['sleeps', totals.sleeps],
    ['old copies restored', totals.restores],
    ['reorganisations', totals.reorganisations],
    ['cheats', totals.cheats],
    ['cheats punished', totals.punished],
    ['broken invariants', broken.length],
  ]
  return rows
    .map(([name, count]) => `${name.padEnd(20)}${count.toLocaleString('en').padStart(12)}`)
    .join('\n')
}
