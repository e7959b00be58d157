/** Miners who give blocks any time that is allowed, alone and while they withhold blocks (Eyal and Sirer's selfish mining). */
import { MAX_FUTURE_SECONDS } from '../../src/consensus/headers.ts'
import { Miner, nextFind, Random, type Searcher, stampOn } from './mining.ts'
import { START, TABS, TABS_WORK } from './powers.ts'
import { type Rule, SPACING, type Tip } from './rules.ts'

/** How a liar who publishes at once stamps: as late as allowed, as early, whichever is easier now, or early unless late is easier. */
export const STAMPS = ['late', 'early', 'easier', 'early unless easier'] as const
export type Stamps = (typeof STAMPS)[number]

class Liar implements Searcher {
  tip: Tip
  readonly power: number
  private readonly stamps: Stamps | 'honest'

  constructor(tip: Tip, power: number, stamps: Stamps | 'honest') {
    this.tip = tip
    this.power = power
    this.stamps = stamps
  }

  work(now: number): number {
    return this.tip.work(this.stamp(now))
  }

  stamp(now: number): number {
    const { tip, stamps } = this
    const honest = stampOn(tip, now)
    const late = stampOn(tip, now, MAX_FUTURE_SECONDS)
    if (stamps === 'honest') return honest
    if (stamps === 'late') return late
    if (stamps === 'early') return tip.least
    const other = stamps === 'easier' ? honest : tip.least
    return tip.work(late) < 0.97 * tip.work(other) ? late : other
  }
}

export interface Share {
  /** His part of the blocks, in terms of his part of the power, less 1. */
  readonly gain: number
  /** Seconds a block. */
  readonly interval: number
}

/**
 * What a liar with the part `part` of the power gains in `blocks` blocks after the power fell by `drop` (1: steady), over
 * `runs`. His expected part of each block is what is summed, not who found it, which says the same with less noise.
 */
export function liar(
  rule: Rule,
  part: number,
  stamps: Stamps | 'honest',
  blocks: number,
  seed: number,
  { drop = 1, runs = 1 } = {},
): Share {
  const random = new Random(seed)
  let his = 0
  let seconds = 0
  for (let run = 0; run < runs; run++) {
    let tip = rule.settled(START, TABS_WORK * drop)
    let now = START
    for (let i = 0; i < blocks; i++) {
      const honest = new Miner(tip, TABS * (1 - part))
      const liar = new Liar(tip, TABS * part, stamps)
      const { at, who } = nextFind([honest, liar], now, random)!
      const rates = [honest.power / honest.work(at), liar.power / liar.work(at)]
      his += rates[1] / (rates[0] + rates[1])
      tip = tip.child([honest, liar][who].stamp(at))
      now = at
    }
    seconds += now - START
  }
  return { gain: his / (blocks * runs) / part - 1, interval: seconds / (blocks * runs) }
}

/** How one who withholds stamps and publishes. */
export interface Plan {
  /** How many private blocks by the clock come before those on the plan: who lies only when he is ahead; Infinity: all by the clock. */
  readonly honest: number
  /** Seconds by which his clock is ahead in those. */
  readonly ahead: number
  /** Seconds from the clock when the branch began, or from the last block by the clock, to the time of the first planned block. */
  readonly first: number
  /** Seconds from each planned block's time to the next. */
  readonly step: number
  /** Blocks' worth of work behind at which he gives up. */
  readonly patience: number
  /** Whether he keeps a lead until it is down to one block, as Eyal and Sirer's; else he publishes as soon as he leads. */
  readonly keeps: boolean
}

/** Eyal and Sirer's selfish miner, who doesn't lie. */
export const BY_THE_CLOCK: Plan = {
  honest: Number.POSITIVE_INFINITY,
  ahead: 0,
  first: 0,
  step: 1,
  patience: 0,
  keeps: true,
}

export interface Withheld {
  /** His part of the chain's blocks. */
  readonly share: number
  /** His blocks in terms of those that his power would find on a chain at its spacing. */
  readonly rate: number
  /** All blocks in terms of those that the spacing intends: issuance. */
  readonly issuance: number
}

/**
 * Selfish mining with the part `part` of the power for `hours`. The part `gamma` of the honest power mines on his of two equal branches.
 * Leads are of work, since difficulty follows every block.
 */
export function withhold(
  rule: Rule,
  part: number,
  plan: Plan,
  hours: number,
  seed: number,
  gamma = 0,
): Withheld {
  const random = new Random(seed)
  const end = START + hours * 3600
  let now = START
  let his = 0
  let all = 0
  let began = START
  let open = new Branch(rule.settled(START, TABS_WORK))
  let hidden = new Branch(open.tip)
  // Two public branches of equal work.
  let race = false
  const adopt = (branch: Branch): void => {
    all += branch.blocks
    his += branch.his
    began = now
    open = new Branch(branch.tip)
    hidden = new Branch(branch.tip)
    race = false
  }
  const hiddenStamp = (at: number): number => {
    const { tip, blocks } = hidden
    if (blocks < plan.honest) return stampOn(tip, at, plan.ahead)
    if (blocks > plan.honest) return Math.max(tip.least, tip.time + plan.step)
    return Math.max(tip.least, (blocks === 0 ? Math.floor(began) : tip.time) + plan.first)
  }
  while (now < end) {
    const honest = new Miner(open.tip, TABS * (1 - part) * (race ? 1 - gamma : 1))
    const selfish: Searcher = { power: TABS * part, work: (at) => hidden.tip.work(hiddenStamp(at)) }
    const misled = new Miner(hidden.tip, TABS * (1 - part) * gamma)
    // A branch that leads may have to wait until its times are allowed.
    const allowed = hidden.tip.time - MAX_FUTURE_SECONDS
    const until = hidden.work > open.work && allowed > now ? allowed : Number.POSITIVE_INFINITY
    const find = nextFind(
      race && gamma > 0 ? [honest, selfish, misled] : [honest, selfish],
      now,
      random,
      until,
    )
    now = find?.at ?? until
    if (find?.who === 0) open.add(honest.stamp(now), false)
    if (find?.who === 1) hidden.add(hiddenStamp(now), true)
    if (find?.who === 2) hidden.add(misled.stamp(now), false)

    const lead = hidden.work - open.work
    const equal = Math.abs(lead) < TIE * TABS_WORK
    const publishable = hidden.tip.time <= now + MAX_FUTURE_SECONDS
    if (race) {
      // Whoever finds the next block decides it.
      if (!equal && (lead < 0 || publishable)) adopt(lead > 0 ? hidden : open)
    } else if (equal) race = publishable && find?.who === 0
    else if (lead < -plan.patience * TABS_WORK) adopt(open)
    else if (lead > 0 && publishable) {
      const near = find?.who !== 1 && lead <= open.tip.work(stampOn(open.tip, now))
      if (near || !plan.keeps) adopt(hidden)
    }
  }
  return {
    share: his / all,
    rate: his / ((part * (now - START)) / SPACING),
    issuance: (all * SPACING) / (now - START),
  }
}

/** Blocks' worth of work below which two branches are equal. */
const TIE = 1e-6

class Branch {
  work = 0
  blocks = 0
  his = 0

  tip: Tip

  constructor(tip: Tip) {
    this.tip = tip
  }

  add(time: number, his: boolean): void {
    this.work += this.tip.work(time)
    this.tip = this.tip.child(time)
    this.blocks++
    if (his) this.his++
  }
}

/**
 * The plans that are tried: a first false time from a second after the parent's to twelve minutes ahead, then fast or at pace, with and
 * without a lead by the clock before; and selfish mining by a clock that is ahead.
 */
export function plans(): Plan[] {
  const found: Plan[] = [60, MAX_FUTURE_SECONDS].map((ahead) => ({ ...BY_THE_CLOCK, ahead }))
  for (const [keeps, patience] of [
    [false, 3],
    [true, 0],
  ] as const)
    for (const honest of [0, 1])
      for (const first of [1, 120, 330, 420, 540, 720])
        for (const step of [1, 30]) found.push({ honest, ahead: 0, first, step, patience, keeps })
  return found
}

/** The plan that pays best, of all: tried for `hours`, and the best once more for `longer` with another seed. */
export function bestPlan(
  rule: Rule,
  part: number,
  hours: number,
  longer: number,
  seed: number,
): { plan: Plan; result: Withheld } {
  let best = BY_THE_CLOCK
  let rate = 0
  for (const plan of plans()) {
    const tried = withhold(rule, part, plan, hours, seed)
    if (tried.rate > rate) {
      rate = tried.rate
      best = plan
    }
  }
  return { plan: best, result: withhold(rule, part, best, longer, seed + 1) }
}

export interface Visits {
  /** The visitor's blocks for the work he did, in terms of the others'. */
  readonly gain: number
  /** All blocks in terms of those intended. */
  readonly issuance: number
}

/**
 * One with `times` the tabs' power who mines while a block takes at most `on` blocks' worth of the tabs' work (eased or not), and leaves when
 * the next would take more than `off`.
 */
export function comeAndGo(
  rule: Rule,
  times: number,
  on: number,
  off: number,
  hours: number,
  seed: number,
): Visits {
  const random = new Random(seed)
  let tip = rule.settled(START, TABS_WORK)
  let now = START
  const end = START + hours * 3600
  const blocks = [0, 0]
  const hashes = [0, 0]
  let here = true
  while (now < end) {
    const tabs = new Miner(tip, TABS)
    const asked = (at: number): number => tabs.work(at) / TABS_WORK
    if (here ? asked(now) > off : asked(now) <= on) here = !here
    const visitor = new Miner(tip, TABS * times)
    // He looks once a second while the target eases.
    const until = Math.floor(now) + (asked(now + SPACING) < asked(now) ? 1 : SPACING)
    const find = nextFind(here ? [tabs, visitor] : [tabs], now, random, until)
    const at = find?.at ?? until
    hashes[0] += TABS * (at - now)
    if (here) hashes[1] += TABS * times * (at - now)
    now = at
    if (find === undefined) continue
    blocks[find.who]++
    tip = tip.child(tabs.stamp(at))
  }
  return {
    gain: blocks[1] / hashes[1] / (blocks[0] / hashes[0]),
    issuance: ((blocks[0] + blocks[1]) * SPACING) / (now - START),
  }
}

/**
 * The most blocks that a branch can hold which forks off `seconds` ago and has as much work as the chain since, in terms of the blocks
 * of that chain: over patterns of one long interval and several short ones.
 */
export function richestBranch(rule: Rule, seconds: number): number {
  const goal = seconds / SPACING
  let most = 0
  for (const long of [1, 15, 30, 60, 120, 330, 420, 540, 720, 1080, 3600, 6 * 3600])
    for (const step of [1, 10, 20, 29, 30, 45, 60, 75])
      for (const several of [0, 1, 3, 10, 30, 100, 1e9]) {
        let tip = rule.settled(START, TABS_WORK)
        let work = 0
        let blocks = 0
        const last = START + seconds + MAX_FUTURE_SECONDS
        for (; work < goal && blocks < 100 * goal; blocks++) {
          const interval = blocks % (several + 1) === 0 ? long : step
          const time = Math.max(tip.least, tip.time + interval)
          // Where the times are used up he goes on with the least.
          const allowed = time <= last ? time : tip.least
          if (allowed > last) break
          work += tip.work(allowed) / TABS_WORK
          tip = tip.child(allowed)
        }
        if (work >= goal) most = Math.max(most, blocks / goal)
      }
  return most
}
