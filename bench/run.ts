/**
 * `npm run bench [-- NAME...] [--json]`: benchmarks in Chromium. NAME is a group (`blocks`, `store`, `mining`, `signatures`, `worst-case`, `page`, `network`, `sync`,
 * `channels`) or the beginning of a figure's name. With `--json` one object a line, else a table. Figures are ratios against a reference of the same
 * run: absolute ones depend on the machine.
 */
import '../relay/polyfill.ts'
import { benchChannels } from './channels.ts'
import type { BenchResult } from './result.ts'
import { runInPage } from './run-in-page.ts'
import { benchSignatures } from './signatures.ts'
import { benchSync } from './sync.ts'
import { benchNetwork, benchPage } from './tabs.ts'

const GROUPS: Readonly<Record<string, () => Promise<BenchResult[]>>> = {
  blocks: () => runInPage('blocks'),
  store: () => runInPage('store'),
  mining: () => runInPage('mining'),
  signatures: benchSignatures,
  'worst-case': () => runInPage('worst-case'),
  page: benchPage,
  network: benchNetwork,
  sync: benchSync,
  channels: benchChannels,
}
/** Figures whose name begins otherwise than their group's. */
const GROUP_OF: Readonly<Record<string, string>> = { coins: 'store' }

async function main(argv: readonly string[]): Promise<number> {
  const json = argv.includes('--json')
  const names = argv.filter((arg) => arg !== '--json')
  const groupOf = (name: string): string => {
    const [head] = name.split('.')
    return GROUP_OF[head] ?? head
  }
  const unknown = names.find((name) => GROUPS[groupOf(name)] === undefined)
  if (unknown !== undefined) {
    process.stderr.write(
      `There is no benchmark "${unknown}". The groups are ${Object.keys(GROUPS).join(', ')}.\n`,
    )
    return 2
  }
  const wanted = (result: BenchResult): boolean =>
    names.length === 0 || names.some((name) => GROUPS[name] !== undefined || result.name.startsWith(name))
  for (const [group, run] of Object.entries(GROUPS)) {
    if (names.length > 0 && !names.some((name) => groupOf(name) === group)) continue
    for (const result of await run()) {
      if (!wanted(result)) continue
      process.stdout.write(json ? `${JSON.stringify(result)}\n` : line(result))
    }
  }
  return 0
}

function line({ name, value, unit, reference, ratio }: BenchResult): string {
  const figure = `${value.toLocaleString('en', { maximumFractionDigits: 2 })} ${unit}`
  const against = ratio === null ? '' : `${ratio.toPrecision(3)} × ${reference}`
  return `${name.padEnd(30)} ${figure.padStart(20)}   ${against}\n`
}

process.exitCode = await main(process.argv.slice(2))
