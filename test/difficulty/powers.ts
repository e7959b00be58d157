/** Honest miners whose power changes: steady, leaving, nights, and years of a mixture. */
import { deviation, Miner, mean, nextFind, quantile, Random } from './mining.ts'
import { hashesOf, LEAST_WORK, OURS, type OurTip, type Rule, SPACING } from './rules.ts'

/** When simulations begin, seconds since 1970. */
export const START = 2_000_000_000
/** Hashes a second of thirty tabs, and what a block of theirs takes. */
export const TABS = LEAST_WORK
export const TABS_WORK = TABS * SPACING

/** Mean and deviation of intervals, seconds. */
export function steady(rule: Rule, blocks: number, seed: number): { mean: number; deviation: number } {
  const random = new Random(seed)
  const miner = new Miner(rule.settled(START, TABS_WORK), TABS)
  const intervals: number[] = []
  let now = START
  for (let i = 0; i < blocks; i++) {
    const { at } = nextFind([miner], now, random)!
    miner.find(at)
    intervals.push(at - now)
    now = at
  }
  // What came first depends on where it began.
  const settled = intervals.slice(blocks >> 5)
  return { mean: mean(settled), deviation: deviation(settled) }
}

/**
 * Steady power whose clocks are wrong: five equal parts of it from two minutes behind to two minutes ahead. Mean and deviation of intervals, seconds,
 * and the blocks of the clock that found most, in terms of its part.
 */
export function wrongClocks(
  rule: Rule,
  blocks: number,
  seed: number,
): { mean: number; deviation: number; most: number } {
  const random = new Random(seed)
  const clocks = [-120, -60, 0, 60, 120]
  const expected = clocks.map(() => 0)
  const intervals: number[] = []
  let tip = rule.settled(START, TABS_WORK)
  let now = START
  for (let i = 0; i < blocks; i++) {
    const miners = clocks.map((ahead) => new Miner(tip, TABS / clocks.length, ahead))
    const { at, who } = nextFind(miners, now, random)!
    const rates = miners.map((miner) => miner.power / miner.work(at))
    const all = rates.reduce((sum, rate) => sum + rate, 0)
    rates.forEach((rate, clock) => {
      expected[clock] += rate / all
    })
    intervals.push(at - now)
    tip = tip.child(miners[who].stamp(at))
    now = at
  }
  const most = (Math.max(...expected) * clocks.length) / blocks
  return { mean: mean(intervals), deviation: deviation(intervals), most }
}

export interface Leaving {
  /** Seconds to the next block: half of the runs, 19 of 20. */
  readonly half: number
  readonly most: number
  /** Seconds to the first ten blocks that come within ten minutes. */
  readonly backHalf: number
  readonly backMost: number
}

/** Longer than anybody waits, seconds. */
const GIVEN_UP = 400 * 86_400

/** The power falls by `factor` from one block to the next, whose time is `ahead` seconds ahead. */
export function leaving(rule: Rule, factor: number, runs: number, seed: number, ahead = 0): Leaving {
  const random = new Random(seed)
  const first: number[] = []
  const back: number[] = []
  for (let run = 0; run < runs; run++) {
    const miner = new Miner(rule.settled(START + ahead, TABS_WORK * factor), TABS)
    const times = [START]
    let returned = Number.POSITIVE_INFINITY
    for (let now = START; now < START + GIVEN_UP; ) {
      const { at } = nextFind([miner], now, random)!
      miner.find(at)
      times.push(at)
      now = at
      const tenth = times.at(-11)
      if (tenth !== undefined && now - tenth <= 600) {
        returned = tenth - START
        break
      }
    }
    first.push(times[1] - START)
    back.push(returned)
  }
  return {
    half: quantile(first, 0.5),
    most: quantile(first, 0.95),
    backHalf: quantile(back, 0.5),
    backMost: quantile(back, 0.95),
  }
}

/** Every block as power comes and goes, times in seconds since the beginning. `powers`: from when on, which. */
export function record(
  rule: Rule,
  powers: readonly { readonly from: number; readonly power: number }[],
  seconds: number,
  seed: number,
): { readonly at: number; readonly interval: number; readonly work: number }[] {
  const random = new Random(seed)
  let miner = new Miner(rule.settled(START, TABS_WORK), powers[0].power)
  const blocks: { at: number; interval: number; work: number }[] = []
  let now = START
  let last = START
  powers.forEach(({ power }, i) => {
    miner = new Miner(miner.tip, power)
    const end = START + Math.min(seconds, powers[i + 1]?.from ?? seconds)
    for (;;) {
      const find = power === 0 ? undefined : nextFind([miner], now, random, end)
      if (find === undefined) break
      const work = miner.work(find.at)
      miner.find(find.at)
      blocks.push({ at: find.at - START, interval: find.at - last, work })
      last = now = find.at
    }
    now = end
  })
  return blocks
}

/** Blocks in the 90 minutes after a night without any miner; 180 are aimed at. */
export function morning(rule: Rule, hours: number, power: number, runs: number, seed: number): number {
  const woken = START + hours * 3600
  const counts: number[] = []
  for (let run = 0; run < runs; run++) {
    const random = new Random(seed + run)
    const miner = new Miner(rule.settled(START, TABS_WORK), power)
    let count = 0
    for (let now = woken; ; count++) {
      const find = nextFind([miner], now, random, woken + 5400)
      if (find === undefined) break
      miner.find(find.at)
      now = find.at
    }
    counts.push(count)
  }
  return mean(counts)
}

/**
 * The longest that a block should take, seconds, where its parent left a base of `work` hashes and the least power in the wait is
 * `power`, unless its luck is worse than `need`: a block takes more than that many times the hashes expected once in e^need. With
 * D = work / (power × spacing), the factor by which the power fell, it is D × need spacings within the patience, and beyond it
 * patience + 1.5 spacings × log2(1 + (ln 2 / 1.5) × (D × need − 10)); at the limit, where ease ends, it is the limit's work.
 */
export function longestWait(work: number, power: number, need: number): number {
  const patience = 10 * SPACING
  const pace = 1.5 * SPACING
  // Seconds at the base's work that are left after the patience.
  const left = (need * work) / power - patience
  if (left <= 0) return (need * work) / power
  const toLimit = Math.log2(work / LEAST_WORK)
  const easing = (pace / Math.LN2) * (2 ** toLimit - 1)
  const wait =
    left <= easing
      ? patience + pace * Math.log2(1 + (left * Math.LN2) / pace)
      : patience + pace * toLimit + (left - easing) * (LEAST_WORK / work)
  // Times are whole seconds, that of the parent and that of the block.
  return wait + 2
}

/** Luck that one block in 72,000,000,000 has. */
export const NEED = 25

export interface Days {
  readonly days: number
  readonly blocks: number
  /** Longest wait for a block while somebody mined, seconds. */
  readonly longest: number
  /** The longest wait in terms of its bound: above 1 it is broken. */
  readonly nearest: number
  readonly violations: number
  /** The greatest fall of power met, as a factor: what the base asked for by what was there. */
  readonly greatestDrop: number
}

/**
 * Years of mixed traffic under the network's rule: thirty tabs whose number walks at random, cards that come and go with up to 10,000
 * times the tabs' power, hours with a hundredth of it, and nights of 4 to 60 hours in which all sleep.
 */
export function days(count: number, seed: number): Days {
  const random = new Random(seed)
  let tip = OURS.settled(START, TABS_WORK) as OurTip
  const end = START + count * 86_400
  let now = START
  let walk = 0
  // When the wait began, with the parent or with the end of a night, and the least power in it.
  let since = START
  let least = TABS
  const result = { days: count, blocks: 0, longest: 0, nearest: 0, violations: 0, greatestDrop: 0 }
  while (now < end) {
    if (random.uniform() < 0.02) {
      now += random.integer(4, 60) * 3600
      since = now
      least = Number.POSITIVE_INFINITY
    }
    walk = Math.min(3, Math.max(-4, walk + random.uniform() - 0.5))
    const miner = new Miner(tip, TABS * 2 ** walk * visitors(random))
    least = Math.min(least, miner.power)
    const until = now + 60 + 3600 * random.exponential()
    for (;;) {
      const find = nextFind([miner], now, random, until)
      if (find === undefined) break
      now = find.at
      const work = hashesOf(tip.state.base)
      const waited = now - since
      const share = waited / longestWait(work, least, NEED)
      result.blocks++
      result.longest = Math.max(result.longest, waited)
      result.nearest = Math.max(result.nearest, share)
      if (share > 1) result.violations++
      result.greatestDrop = Math.max(result.greatestDrop, work / (least * SPACING))
      miner.find(now)
      tip = miner.tip as OurTip
      since = now
      least = miner.power
    }
    now = until
  }
  return result
}

/** What multiplies the tabs' power for a while: mostly nothing. */
function visitors(random: Random): number {
  const drawn = random.uniform()
  if (drawn < 0.85) return 1
  if (drawn < 0.9) return 10 ** (-2 * random.uniform())
  return 10 ** (4 * random.uniform())
}
