/**
 * Rules of difficulty side by side, for the simulator of miners: ours, which is the code of consensus itself, and those that it is
 * compared with, each after its publication, in floating point. Work is in hashes, times are whole seconds since 1970.
 */
import { type DifficultyState, retarget } from '../../src/consensus/difficulty.ts'
import { leastTime, MEDIAN_TIME_SPAN, medianTime } from '../../src/consensus/headers.ts'
import { PUBLIC } from '../../src/consensus/params.ts'
import { encodeCompact } from '../../src/consensus/pow.ts'

export const SPACING = PUBLIC.targetSpacing
export const HALF_LIFE = PUBLIC.halfLife
/** The least work of a block on the public network, hashes. */
export const LEAST_WORK = hashesOf(PUBLIC.powLimitBits)

/** The last block of a chain, as far as difficulty is concerned. */
export interface Tip {
  /** Of the block. */
  readonly time: number
  /** The least time that a child may have. */
  readonly least: number
  /** Hashes expected for a child at `time`; never more for a later one. */
  work(time: number): number
  /** The tip that a child at `time` is. */
  child(time: number): Tip
}

export interface Rule {
  readonly name: string
  /** A tip at `time` after blocks of `work` that came as intended. */
  settled(time: number, work: number): Tip
}

/** Expected hashes of a block with these bits. */
export function hashesOf(bits: number): number {
  return 2 ** (256 - 8 * ((bits >>> 24) - 3)) / (bits & 0x7fffff)
}

/** The bits that ask for at least about `work` hashes. */
export function bitsOf(work: number): number {
  return encodeCompact((1n << 256n) / BigInt(Math.floor(work)))
}

/** The rule of the public network. */
export const OURS: Rule = {
  name: 'ours',
  settled: (time, work) => new OurTip({ time, base: bitsOf(work), ease: 0 }),
}

export class OurTip implements Tip {
  readonly least: number
  private at = -1
  private answer?: ReturnType<typeof retarget>

  readonly state: DifficultyState

  constructor(state: DifficultyState) {
    this.state = state
    // The median is for networks that don't retarget.
    this.least = leastTime({ params: PUBLIC, difficulty: state, medianTimePast: 0 })
  }

  get time(): number {
    return this.state.time
  }

  work(time: number): number {
    return hashesOf(this.retarget(time).bits)
  }

  child(time: number): OurTip {
    if (time < this.least) throw new Error(`A block at ${time} on one at ${this.time}`)
    return new OurTip(this.retarget(time).state)
  }

  /** The last answer is kept: who finds a block has asked for its work before. */
  private retarget(time: number): ReturnType<typeof retarget> {
    if (this.answer === undefined || this.at !== time) {
      this.at = time
      this.answer = retarget(this.state, time, PUBLIC)
    }
    return this.answer
  }
}

/** log2 of work, at least the limit's. */
function limited(level: number): number {
  return Math.max(Math.log2(LEAST_WORK), level)
}

/** Times of a settled chain's last blocks, as many as the median is taken over. */
function settledTimes(time: number): number[] {
  return Array.from({ length: MEDIAN_TIME_SPAN }, (_, i) => time - i * SPACING)
}

/** A chain whose times keep Bitcoin's rule: above the median of the last eleven. */
abstract class MedianTip implements Tip {
  readonly least: number
  protected readonly times: readonly number[]

  constructor(times: readonly number[]) {
    this.times = times
    this.least = medianTime(times) + 1
  }

  get time(): number {
    return this.times[0]
  }

  abstract work(time: number): number
  abstract child(time: number): Tip

  protected timesWith(time: number): number[] {
    return [time, ...this.times.slice(0, MEDIAN_TIME_SPAN - 1)]
  }
}

/** The network's rule before: ASERT with the parent as anchor, times after Bitcoin's rule. */
export const FORMER: Rule = {
  name: 'former',
  settled: (time, work) => new FormerTip(settledTimes(time), Math.log2(work)),
}

class FormerTip extends MedianTip {
  private readonly next: number

  constructor(times: readonly number[], level: number) {
    super(times)
    this.next = limited(level - (times[0] - times[1] - SPACING) / HALF_LIFE)
  }

  work(): number {
    return 2 ** this.next
  }

  child(time: number): Tip {
    return new FormerTip(this.timesWith(time), this.next)
  }
}

/**
 * ASERT with one anchor (aserti3-2d, Bitcoin Cash since November 2020), whose half-life there is 288 spacings.
 */
function fixedAsert(name: string, halfLife: number): Rule {
  return {
    name,
    settled: (time, work) => new AsertTip(settledTimes(time), { halfLife, time, level: Math.log2(work) }, 0),
  }
}

export const ASERT_288 = fixedAsert('ASERT (BCH)', 288 * SPACING)
export const ASERT_20 = fixedAsert('ASERT, 20 spacings', HALF_LIFE)

interface Anchor {
  readonly halfLife: number
  readonly time: number
  readonly level: number
}

class AsertTip extends MedianTip {
  private readonly anchor: Anchor
  private readonly height: number

  constructor(times: readonly number[], anchor: Anchor, height: number) {
    super(times)
    this.anchor = anchor
    this.height = height
  }

  work(): number {
    const { halfLife, time, level } = this.anchor
    return 2 ** limited(level - (this.time - time - SPACING * this.height) / halfLife)
  }

  child(time: number): Tip {
    return new AsertTip(this.timesWith(time), this.anchor, this.height + 1)
  }
}

/** zawy12's LWMA-1: the mean work of the last blocks by the mean of their intervals, of which later ones weigh more. */
export const LWMA: Rule = {
  name: 'LWMA',
  settled: (time, work) => {
    const blocks = Array.from({ length: LWMA_BLOCKS + 1 }, (_, i) => ({ time: time - i * SPACING, work }))
    return new LwmaTip(blocks.reverse())
  },
}
/** As published for spacings of a minute; none is for less. */
const LWMA_BLOCKS = 90

class LwmaTip extends MedianTip {
  private readonly next: number

  /** The last 91, the oldest first. */
  private readonly blocks: readonly { readonly time: number; readonly work: number }[]

  constructor(blocks: readonly { readonly time: number; readonly work: number }[]) {
    super(
      blocks
        .slice(-MEDIAN_TIME_SPAN)
        .map(({ time }) => time)
        .reverse(),
    )
    this.blocks = blocks
    let weighted = 0
    let sum = 0
    let before = blocks[0].time
    for (let i = 1; i <= LWMA_BLOCKS; i++) {
      const time = Math.max(blocks[i].time, before + 1)
      weighted += i * Math.min(6 * SPACING, time - before)
      sum += blocks[i].work
      before = time
    }
    weighted = Math.max(weighted, (LWMA_BLOCKS * LWMA_BLOCKS * SPACING) / 20)
    this.next = (sum * (LWMA_BLOCKS + 1) * SPACING * 99) / (200 * weighted)
  }

  work(): number {
    return Math.max(LEAST_WORK, this.next)
  }

  child(time: number): Tip {
    return new LwmaTip([...this.blocks.slice(1), { time, work: this.work() }])
  }
}

/**
 * Bitcoin's testnet4 (BIP94) at our spacing: 2,016 blocks of the same work, and any block more than two spacings after its
 * parent may be at the limit. The work of the next period follows from the first block's.
 */
export const TESTNET4: Rule = {
  name: 'testnet4',
  settled: (time, work) =>
    new Testnet4Tip(settledTimes(time), { work, start: time - (PERIOD / 2) * SPACING, blocks: PERIOD / 2 }),
}
const PERIOD = 2016

interface Period {
  readonly work: number
  /** Time of its first block. */
  readonly start: number
  /** How many of it there are. */
  readonly blocks: number
}

class Testnet4Tip extends MedianTip {
  private readonly period: Period

  constructor(times: readonly number[], period: Period) {
    super(times)
    this.period = period
  }

  work(time: number): number {
    if (this.period.blocks === PERIOD) return this.workAfter()
    return time > this.time + 2 * SPACING ? LEAST_WORK : this.period.work
  }

  child(time: number): Tip {
    const { period } = this
    const next =
      period.blocks === PERIOD
        ? { work: this.workAfter(), start: time, blocks: 1 }
        : { ...period, blocks: period.blocks + 1 }
    return new Testnet4Tip(this.timesWith(time), next)
  }

  private workAfter(): number {
    const { work, start } = this.period
    const took = (this.time - start) / (PERIOD * SPACING)
    return Math.max(LEAST_WORK, work / Math.min(4, Math.max(1 / 4, took)))
  }
}

/** Times that never step back, as in our rule; what the children's work follows from is `next`. */
class EasingTip implements Tip {
  readonly least: number
  readonly time: number
  /** log2 of the children's work before they ease. */
  private readonly base: number
  private readonly next: (base: number, eased: number, interval: number) => number

  constructor(time: number, base: number, next: (base: number, eased: number, interval: number) => number) {
    this.time = time
    this.base = base
    this.next = next
    this.least = time + 1
  }

  work(time: number): number {
    return 2 ** this.eased(time)
  }

  child(time: number): Tip {
    const base = limited(this.next(this.base, this.eased(time), time - this.time))
    return new EasingTip(time, base, this.next)
  }

  /** Our patience and pace. */
  private eased(time: number): number {
    return limited(this.base - Math.max(0, time - this.time - 10 * SPACING) / (1.5 * SPACING))
  }
}

/** Rejected: the next block goes on from the eased target. */
export const FOLLOWED: Rule = {
  name: 'ease followed',
  settled: (time, work) =>
    new EasingTip(time, Math.log2(work), (_, eased, interval) => eased - (interval - SPACING) / HALF_LIFE),
}

/** Rejected: every block eases for itself, and the next knows nothing of it. */
export const FORGOTTEN: Rule = {
  name: 'ease forgotten',
  settled: (time, work) =>
    new EasingTip(
      time,
      Math.log2(work),
      (base, _, interval) => base - (Math.min(interval, SPACING + HALF_LIFE) - SPACING) / HALF_LIFE,
    ),
}

export const RULES: readonly Rule[] = [OURS, FORMER, ASERT_288, ASERT_20, LWMA, TESTNET4, FOLLOWED, FORGOTTEN]
