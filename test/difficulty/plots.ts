/** The plots of `docs/difficulty.md`, as SVG that follows the reader's light or dark setting. */
import { writeFile } from 'node:fs/promises'
import { type Plan, withhold } from './liars.ts'
import { leaving, record, TABS, TABS_WORK } from './powers.ts'
import { ASERT_288, FOLLOWED, FORMER, LWMA, OURS, type Rule, TESTNET4 } from './rules.ts'

/** Shades that show on white and on black; the first is ours. */
const SHADES = ['#2f7ed8', '#d9822b', '#8f5fd7', '#2a9d6f', '#c94f6d']

interface Series {
  readonly name: string
  readonly points: readonly (readonly [number, number])[]
  /** Marks without lines between. */
  readonly dots?: boolean
}

interface Axis {
  readonly label: string
  readonly least: number
  readonly most: number
  readonly log?: boolean
  readonly ticks: readonly (readonly [number, string])[]
}

interface Panel {
  readonly title: string
  readonly x: Axis
  readonly y: Axis
  readonly series: readonly Series[]
}

const WIDTH = 720
const HEIGHT = 260
const LEFT = 76
const RIGHT = 34
const TOP = 46
const BOTTOM = 46

function place(axis: Axis, value: number, from: number, to: number): number {
  const scale = (at: number): number => (axis.log ? Math.log(Math.max(at, axis.least)) : at)
  const part = (scale(value) - scale(axis.least)) / (scale(axis.most) - scale(axis.least))
  return from + Math.min(1, Math.max(0, part)) * (to - from)
}

function panel({ title, x, y, series }: Panel, top: number): string {
  const right = WIDTH - RIGHT
  const bottom = top + HEIGHT - BOTTOM
  const high = top + TOP
  const px = (value: number): string => place(x, value, LEFT, right).toFixed(1)
  const py = (value: number): string => place(y, value, bottom, high).toFixed(1)
  const parts = [`<text class="t" x="${LEFT}" y="${top + 16}">${title}</text>`]
  for (const [value, label] of y.ticks)
    parts.push(
      `<path class="g" d="M${LEFT} ${py(value)}H${right}"/><text x="${LEFT - 6}" y="${Number(py(value)) + 4}" text-anchor="end">${label}</text>`,
    )
  for (const [value, label] of x.ticks)
    parts.push(
      `<path class="g" d="M${px(value)} ${bottom}v5"/><text x="${px(value)}" y="${bottom + 18}" text-anchor="middle">${label}</text>`,
    )
  parts.push(
    `<text x="${(LEFT + right) / 2}" y="${bottom + 36}" text-anchor="middle">${x.label}</text>`,
    `<text transform="translate(14 ${(high + bottom) / 2}) rotate(-90)" text-anchor="middle">${y.label}</text>`,
  )
  let legend = LEFT
  series.forEach(({ name, points, dots }, i) => {
    const shade = SHADES[i % SHADES.length]
    const path = dots
      ? points.map(([a, b]) => `M${px(a)} ${py(b)}h0`).join('')
      : `M${points.map(([a, b]) => `${px(a)} ${py(b)}`).join('L')}`
    parts.push(`<path d="${path}" stroke="${shade}" class="${dots ? 'd' : 'l'}"/>`)
    if (series.length > 1) {
      parts.push(
        `<path d="M${legend} ${top + 32}h14" stroke="${shade}" class="l"/><text x="${legend + 19}" y="${top + 36}">${name}</text>`,
      )
      legend += 36 + name.length * 6.6
    }
  })
  return parts.join('\n')
}

async function draw(file: string, describes: string, panels: readonly Panel[]): Promise<void> {
  const height = panels.length * HEIGHT
  const svg = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" role="img" aria-label="${describes}">
<style>
svg{background:#fff}text{font:12px system-ui,sans-serif;fill:#333}.t{font-weight:600;font-size:14px}
.g{stroke:#8884;fill:none}.l{fill:none;stroke-width:2;stroke-linejoin:round}.d{fill:none;stroke-width:3.5;stroke-linecap:round}
@media(prefers-color-scheme:dark){svg{background:#15171a}text{fill:#ccc}}
</style>
${panels.map((one, i) => panel(one, i * HEIGHT)).join('\n')}
</svg>
`
  await writeFile(new URL(`../../docs/images/${file}`, import.meta.url), svg)
  process.stdout.write(`docs/images/${file}: ${(svg.length / 1000).toFixed(0)} kB\n`)
}

const MINUTE = 60
const HOUR = 3600
const DAY = 86_400

export async function drawPlots(): Promise<void> {
  await stalls()
  await visitor(43, 'difficulty-visitor-43.svg')
  await visitor(1000, 'difficulty-visitor-1000.svg')
  await mornings()
  await withheld()
}

async function stalls(): Promise<void> {
  const factors = Array.from({ length: 13 }, (_, i) => 10 ** (i / 3))
  const series = [OURS, FORMER, ASERT_288, LWMA, TESTNET4].map((rule) => ({
    name: rule.name,
    points: factors.map((factor): [number, number] => [factor, leaving(rule, factor, 200, 1).backMost]),
  }))
  await draw(
    'difficulty-stall.svg',
    'Time until ten blocks come in ten minutes, by the factor by which power fell',
    [
      {
        title: 'Power leaves: until ten blocks come within ten minutes, 19 of 20 runs',
        x: {
          label: 'power falls by',
          least: 1,
          most: 10_000,
          log: true,
          ticks: [1, 10, 100, 1000, 10_000].map(
            (value) => [value, `×${value.toLocaleString('en')}`] as const,
          ),
        },
        y: {
          label: 'time',
          least: 10,
          most: 100 * DAY,
          log: true,
          ticks: [
            [MINUTE, '1 min'],
            [15 * MINUTE, '15 min'],
            [2 * HOUR, '2 h'],
            [DAY, '1 day'],
            [10 * DAY, '10 days'],
            [100 * DAY, '100 days'],
          ],
        },
        series,
      },
    ],
  )
}

async function visitor(factor: number, file: string): Promise<void> {
  const powers = [
    { from: 0, power: TABS },
    { from: 10 * MINUTE, power: TABS * (1 + factor) },
    { from: 70 * MINUTE, power: TABS },
  ]
  const seconds = 150 * MINUTE
  const runs = [OURS, FORMER].map((rule) => ({ name: rule.name, blocks: record(rule, powers, seconds, 3) }))
  const x: Axis = {
    label: 'minutes',
    least: 0,
    most: 150,
    ticks: [0, 10, 40, 70, 100, 130, 150].map((value) => [value, String(value)] as const),
  }
  const most = 3 * factor
  await draw(file, `Difficulty and intervals while a card of ${factor} times the power mines for an hour`, [
    {
      title: `A card of ×${factor} mines from minute 10 to 70: work of a block (1 = the tabs' own)`,
      x,
      y: {
        label: 'work, log scale',
        least: 0.02,
        most,
        log: true,
        ticks: [0.1, 1, 10, 100, 1000]
          .filter((tick) => tick < most)
          .map((tick) => [tick, `×${tick}`] as const),
      },
      series: runs.map(({ name, blocks }) => ({
        name,
        points: blocks.map(({ at, work }): [number, number] => [at / MINUTE, work / TABS_WORK]),
        dots: true,
      })),
    },
    {
      title: 'Seconds from block to block',
      x,
      y: {
        label: 'interval, log scale',
        least: 0.1,
        most: 6000,
        log: true,
        ticks: [
          [1, '1 s'],
          [30, '30 s'],
          [300, '5 min'],
          [3600, '1 h'],
        ],
      },
      series: runs.map(({ name, blocks }) => ({
        name,
        points: blocks.map(({ at, interval }): [number, number] => [at / MINUTE, interval]),
        dots: true,
      })),
    },
  ])
}

async function mornings(): Promise<void> {
  const night = 60 * HOUR
  const powers = [
    { from: 0, power: 0 },
    { from: night, power: TABS },
  ]
  const blocksOf = (rule: Rule): readonly (readonly [number, number])[] =>
    record(rule, powers, night + 90 * MINUTE, 3).map(({ at }, i) => [(at - night) / MINUTE, i + 1] as const)
  const intended = { name: 'intended', points: [[0, 0] as const, [90, 180] as const] }
  await draw('difficulty-morning.svg', 'Blocks in the ninety minutes after a night of sixty hours', [
    {
      title: 'Thirty tabs wake after 60 hours without a block',
      x: {
        label: 'minutes since they woke',
        least: 0,
        most: 90,
        ticks: [0, 15, 30, 45, 60, 75, 90].map((value) => [value, String(value)] as const),
      },
      y: {
        label: 'blocks',
        least: 0,
        most: 400,
        ticks: [0, 100, 200, 300, 400].map((value) => [value, String(value)] as const),
      },
      series: [
        { name: OURS.name, points: blocksOf(OURS) },
        { name: FORMER.name, points: blocksOf(FORMER) },
        { name: ASERT_288.name, points: blocksOf(ASERT_288).filter(([, count]) => count <= 400) },
        intended,
      ],
    },
  ])
}

async function withheld(): Promise<void> {
  const offsets = [60, 120, 180, 240, 300, 330, 360, 420, 480, 540, 600, 660, 720, 840, 960]
  const rate = (rule: Rule, first: number): number => {
    const plan: Plan = { honest: 0, ahead: 0, first, step: 1, patience: 3, keeps: false }
    return withhold(rule, 0.45, plan, 200, 1).rate
  }
  const series = [OURS, FORMER, FOLLOWED].map((rule) => ({
    name: rule.name,
    points: offsets.map((first): [number, number] => [first / MINUTE, rate(rule, first)]),
  }))
  await draw(
    'difficulty-withheld.svg',
    'Blocks of a miner who withholds and stamps ahead, in terms of his fair rate',
    [
      {
        title: 'A miner with 45 % withholds a branch: his blocks per hour, 1 = his fair rate',
        x: {
          label: "minutes by which his first private block's time is ahead",
          least: 0,
          most: 16,
          ticks: [0, 2, 4, 6, 8, 10, 12, 14, 16].map((value) => [value, String(value)] as const),
        },
        y: {
          label: 'rate',
          least: 0,
          most: 6,
          ticks: [0, 1, 2, 3, 4, 5, 6].map((value) => [value, `×${value}`] as const),
        },
        series,
      },
    ],
  )
}
