/**
 * `npm run difficulty [-- table days search plots]`: what `docs/difficulty.md` reports. `--days N` and `--chains N` change the numbers, `--seed N`
 * what is drawn, `--rows TEXT` takes the rows of the table that have it in their names. Plots go to `docs/images`. Ends with 1 where a promise of the network's rule is broken.
 */
import { parseArgs } from 'node:util'
import { BY_THE_CLOCK, bestPlan, comeAndGo, liar, richestBranch, STAMPS, withhold } from './liars.ts'
import { drawPlots } from './plots.ts'
import { days, leaving, morning, steady, TABS, wrongClocks } from './powers.ts'
import { OURS, RULES, type Rule } from './rules.ts'
import { chains, hardest } from './search.ts'
import { staleRate, storm } from './storms.ts'

const PARTS = ['table', 'days', 'search', 'plots'] as const

const HELP = `npm run difficulty [-- parts and options]

Simulates miners under the network's rule of difficulty and others: what docs/difficulty.md reports. All parts unless some are named.

  table       every rule by every measure; each row is printed when it is there
  days        days of traffic against the bound on waits
  search      chains of headers against the bound on difficulty
  plots       draws those of docs/images

  --days N    days of traffic; 10000 if not given
  --chains N  chains of headers; 1000000 if not given
  --seed N    what is drawn; 1 if not given
  --rows TEXT rows of the table that have it in their names
  --help      show this text

At these numbers each part takes minutes, the table longest: "days search --days 100 --chains 5000" takes seconds. Ends with 1 where a promise of the rule is broken.
`

function readArguments() {
  try {
    return parse()
  } catch (error) {
    process.stderr.write(`${(error as Error).message}\n\n${HELP}`)
    process.exit(2)
  }
}

const parse = () =>
  parseArgs({
    allowPositionals: true,
    options: {
      days: { type: 'string', default: '10000' },
      chains: { type: 'string', default: '1000000' },
      seed: { type: 'string', default: '1' },
      rows: { type: 'string', default: '' },
      help: { type: 'boolean', default: false },
    },
  })

const { values, positionals } = readArguments()
const seed = Number(values.seed)
let broken = 0

function expect(holds: boolean, promise: string): void {
  if (holds) return
  broken++
  process.stdout.write(`BROKEN: ${promise}\n`)
}

const minutes = (seconds: number): string => {
  if (seconds === Number.POSITIVE_INFINITY) return 'more than 400 d'
  if (seconds < 100 * 60) return `${(seconds / 60).toFixed(1)} min`
  return seconds < 48 * 3600 ? `${(seconds / 3600).toFixed(0)} h` : `${(seconds / 86_400).toFixed(0)} d`
}
const percent = (part: number): string => `${(100 * part + 1e-9).toFixed(1)} %`
const times = (factor: number): string =>
  factor < 1000 ? `×${factor.toFixed(2)}` : `×2^${Math.log2(factor).toFixed(0)}`

/** A row of the table for every rule, as it is measured. */
const ROWS: readonly (readonly [string, (rule: Rule) => string])[] = [
  [
    'interval: mean, deviation',
    (rule) => {
      const found = steady(rule, 30_000, seed)
      if (rule === OURS) expect(Math.abs(found.mean - 30) < 0.6, 'blocks at the spacing')
      return `${found.mean.toFixed(1)}, ${found.deviation.toFixed(1)} s`
    },
  ],
  [
    'clocks wrong by up to 2 min: mean, deviation, most for one clock',
    (rule) => {
      const found = wrongClocks(rule, 10_000, seed)
      if (rule === OURS) expect(found.most <= 1.01, 'a wrong clock gains 1 % at most')
      return `${found.mean.toFixed(1)}, ${found.deviation.toFixed(1)} s, ${percent(found.most - 1)}`
    },
  ],
  ...[43, 300, 1000, 10_000].flatMap((factor): [string, (rule: Rule) => string][] => [
    [
      `power ÷ ${factor}: next block, half and 95 %`,
      (rule) => {
        const { half, most } = leaving(rule, factor, 400, seed)
        if (rule === OURS && factor === 1000) expect(most <= 900, 'a block within 15 min')
        return `${minutes(half)}, ${minutes(most)}`
      },
    ],
    [
      `power ÷ ${factor}: at 60 s again, half and 95 %`,
      (rule) => {
        const { backHalf, backMost } = leaving(rule, factor, 100, seed)
        return `${minutes(backHalf)}, ${minutes(backMost)}`
      },
    ],
  ]),
  [
    'power ÷ 1000 after a block stamped 2 min ahead: 95 %',
    (rule) => minutes(leaving(rule, 1000, 400, seed, 120).most),
  ],
  [
    'blocks in 90 min after 60 h asleep (180)',
    (rule) => [1, 0.1, 3].map((part) => morning(rule, 60, TABS * part, 20, seed).toFixed(0)).join(', '),
  ],
  [
    'the first 5 min of it at 1 s delay: blocks, stale',
    (rule) => {
      const { blocks, stale } = storm(rule, 60, TABS, 1, 300, seed)
      return `${blocks}, ${percent(stale)}`
    },
  ],
  [
    'stale at 0.5, 1, 2 s delay',
    (rule) => [0.5, 1, 2].map((delay) => percent(staleRate(rule, delay, 60, seed))).join(', '),
  ],
  [
    'liar alone, 10 % and 45 %: best gain',
    (rule) =>
      [0.1, 0.45]
        .map((part) => {
          const gains = STAMPS.map((stamps) => liar(rule, part, stamps, 20_000, seed).gain)
          if (rule === OURS) expect(Math.max(...gains) <= 0.01, 'a liar gains 1 % at most')
          return percent(Math.max(...gains))
        })
        .join(', '),
  ],
  [
    'the same in the hour after ÷ 1,000',
    (rule) =>
      [0.1, 0.45]
        .map((part) => {
          const gain = (stamps: 'late' | 'easier'): number =>
            liar(rule, part, stamps, 60, seed, { drop: 1000, runs: 100 }).gain
          return `×${(1 + Math.max(gain('late'), gain('easier'))).toFixed(2)}`
        })
        .join(', '),
  ],
  [
    'selfish 45 %, true times: rate (γ 0, 0.5)',
    (rule) =>
      [0, 0.5]
        .map((gamma) => `×${withhold(rule, 0.45, BY_THE_CLOCK, 600, seed, gamma).rate.toFixed(2)}`)
        .join(', '),
  ],
  [
    'selfish 45 %, best false times: rate, issuance',
    (rule) => {
      const { result } = bestPlan(rule, 0.45, 40, 400, seed)
      const clock = withhold(rule, 0.45, BY_THE_CLOCK, 400, seed)
      if (rule === OURS) {
        expect(result.rate <= 1.01 * clock.rate, 'false times gain a selfish miner 1 % at most')
        expect(result.issuance < 1.02, 'no more blocks than time gives')
      }
      return `×${result.rate.toFixed(2)}, ×${result.issuance.toFixed(2)}`
    },
  ],
  [
    'secret branch of the same work: blocks (1 h, 1 day)',
    (rule) => [3600, 86_400].map((seconds) => `×${richestBranch(rule, seconds).toFixed(2)}`).join(', '),
  ],
  [
    'a card of ×43 that comes and goes: best gain',
    (rule) => {
      const gains = [0.1, 0.5, 1].flatMap((on) =>
        [1.1, 2, 8].map((off) => comeAndGo(rule, 43, on, off, 25, seed).gain),
      )
      return `×${Math.max(...gains.filter(Number.isFinite)).toFixed(2)}`
    },
  ],
  [
    'hardest next block for 1, 10, 100 blocks of work',
    (rule) => [1, 10, 100].map((blocks) => times(hardest(rule, blocks, 200, seed))).join(', '),
  ],
]

function table(): void {
  process.stdout.write(
    `| | ${RULES.map(({ name }) => name).join(' | ')} |\n|${' --- |'.repeat(RULES.length + 1)}\n`,
  )
  for (const [name, measure] of ROWS.filter(([name]) => name.includes(values.rows)))
    process.stdout.write(`| ${name} | ${RULES.map(measure).join(' | ')} |\n`)
}

function years(): void {
  const result = days(Number(values.days), seed)
  expect(result.violations === 0, 'no wait beyond the bound')
  const { blocks, longest, nearest, violations, greatestDrop } = result
  process.stdout.write(
    `${result.days} days, ${blocks} blocks, ${violations} waits beyond the bound; the nearest ${nearest.toFixed(3)} of it; ` +
      `the longest wait ${minutes(longest)}; the greatest fall of power ÷ ${greatestDrop.toFixed(0)}\n`,
  )
}

function search(): void {
  const found = chains(Number(values.chains), seed)
  expect(found.violations === 0, 'no headers raise the difficulty beyond the work in them')
  process.stdout.write(
    `${found.chains} chains, ${found.headers} headers, ${found.violations} beyond the bound; the nearest ${found.nearest.toFixed(5)} of it, ` +
      `of eased blocks ${found.eased.toFixed(5)}\n`,
  )
}

const RUN: Record<(typeof PARTS)[number], () => void | Promise<void>> = {
  table,
  days: years,
  search,
  plots: drawPlots,
}
const unknown = positionals.find((name) => !(PARTS as readonly string[]).includes(name))
if (values.help) process.stdout.write(HELP)
else if (unknown !== undefined) {
  process.stderr.write(`There is no part "${unknown}". The parts are ${PARTS.join(', ')}.\n`)
  process.exitCode = 2
} else {
  for (const part of PARTS)
    if (positionals.length === 0 || positionals.includes(part)) {
      process.stderr.write(`${part}…\n`)
      await RUN[part]()
    }
  if (broken > 0) process.exitCode = 1
}
