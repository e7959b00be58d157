/**
 * The race for a block, event by event. A search has no memory: finds are a Poisson process whose rate is power by work. Seconds and
 * hashes.
 */
import type { Tip } from './rules.ts'

/** Numbers from a seed (sfc32). */
export class Random {
  private a: number
  private b = 0x9e3779b9
  private c = 0x243f6a88
  private counter = 1

  constructor(seed: number) {
    this.a = seed >>> 0
    for (let i = 0; i < 12; i++) this.uniform()
  }

  /** From 0 up to 1, without it. */
  uniform(): number {
    const sum = (this.a + this.b + this.counter++) | 0
    this.a = this.b ^ (this.b >>> 9)
    this.b = (this.c + (this.c << 3)) | 0
    this.c = ((this.c << 21) | (this.c >>> 11)) + sum
    return (sum >>> 0) / 2 ** 32
  }

  /** Of mean 1. */
  exponential(): number {
    return -Math.log(1 - this.uniform())
  }

  integer(least: number, most: number): number {
    return least + Math.floor(this.uniform() * (most - least + 1))
  }
}

/** Who searches for a block. */
export interface Searcher {
  /** Hashes a second. */
  readonly power: number
  /** Hashes expected for the block it would make at this moment: the same within a second, and never more later. */
  work(now: number): number
}

export interface Find {
  readonly at: number
  /** Index of the searcher. */
  readonly who: number
}

/** The next find after `now`; undefined where there is none before `until`. */
export function nextFind(
  searchers: readonly Searcher[],
  now: number,
  random: Random,
  until = Number.POSITIVE_INFINITY,
): Find | undefined {
  const rates = (time: number): number[] => searchers.map((searcher) => searcher.power / searcher.work(time))
  // Thinning: finds are drawn at the rate of a window's end, the greatest in it, and kept as often as the rate then is of that.
  let window = FIRST_WINDOW
  for (let from = now; ; ) {
    const end = Math.min(from + window, until)
    const greatest = sum(rates(end))
    const at = from + random.exponential() / greatest
    if (at >= end) {
      if (end === until) return undefined
      from = end
      window *= 2
      continue
    }
    const then = rates(at)
    let drawn = random.uniform() * greatest
    const who = then.findIndex((rate) => {
      drawn -= rate
      return drawn < 0
    })
    if (who >= 0) return { at, who }
    from = at
    window /= 2
  }
}

/** Seconds. Of influence on the speed alone. */
const FIRST_WINDOW = 64

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0)
}

/** The time that an honest miner gives a block on `tip` whose clock is `ahead` seconds ahead. */
export function stampOn(tip: Tip, now: number, ahead = 0): number {
  return Math.max(Math.floor(now) + ahead, tip.least)
}

/** One who stamps by a clock, on a tip that may be replaced. */
export class Miner implements Searcher {
  tip: Tip
  readonly power: number
  ahead: number

  constructor(tip: Tip, power: number, ahead = 0) {
    this.tip = tip
    this.power = power
    this.ahead = ahead
  }

  work(now: number): number {
    return this.tip.work(this.stamp(now))
  }

  stamp(now: number): number {
    return stampOn(this.tip, now, this.ahead)
  }

  /** Puts a block found at `now` on its tip. */
  find(now: number): void {
    this.tip = this.tip.child(this.stamp(now))
  }
}

/** The value below which the share `fraction` lies. Sorts. */
export function quantile(values: number[], fraction: number): number {
  values.sort((a, b) => a - b)
  return values[Math.min(values.length - 1, Math.floor(fraction * values.length))]
}

export function mean(values: readonly number[]): number {
  return sum(values) / values.length
}

export function deviation(values: readonly number[]): number {
  const middle = mean(values)
  return Math.sqrt(mean(values.map((value) => (value - middle) ** 2)))
}
