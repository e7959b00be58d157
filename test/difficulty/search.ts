/** Searches for headers that raise the difficulty: by the network's own code, against the bound that `docs/difficulty.md` proves. */

import { type DifficultyState, retarget } from '../../src/consensus/difficulty.ts'
import { MAX_FUTURE_SECONDS } from '../../src/consensus/headers.ts'
import { PUBLIC } from '../../src/consensus/params.ts'
import { Random } from './mining.ts'
import { START, TABS_WORK } from './powers.ts'
import { bitsOf, HALF_LIFE, hashesOf, LEAST_WORK, type Rule, SPACING, type Tip } from './rules.ts'

/** How much a block may be hardened by rounding, in doublings: the cubic of ASERT, bits cut off, ease in 65,536ths. */
const ROUNDING = 2 ** -12

/** What a doubling of inherited ease counts for in the potential: a block a second after its parent loses by it what its base gains. */
const EASE_WEIGHT = (3 * SPACING * ((SPACING - 1) / HALF_LIFE + ROUNDING)) / (2 * SPACING - 1)

/** The part of the work done in blocks without ease by which the next block's work can grow. */
export const RAISED_SHARE = 2 ** ((SPACING - 1) / HALF_LIFE + ROUNDING) - 1

/** What bounds the work of all that comes after: that of the base, and what the ease on top of it may yet become. Hashes. */
export function potential({ base, ease }: DifficultyState): number {
  return hashesOf(base) * 2 ** ((EASE_WEIGHT * ease) / 65_536)
}

export interface Chains {
  readonly chains: number
  readonly headers: number
  /** Headers whose potential is beyond the start's and what the work since pays for. */
  readonly violations: number
  /** The potential nearest to that bound, as a part of it. */
  readonly nearest: number
  /** The same where all blocks were eased, which must not raise it at all: as a part of the start's. */
  readonly eased: number
}

/**
 * Chains of up to 60 headers with intervals as hostile as times allow, from any difficulty and ease. Every second one changes the best so far,
 * so that the search climbs.
 */
export function chains(count: number, seed: number): Chains {
  const random = new Random(seed)
  const result = { chains: count, headers: 0, violations: 0, nearest: 0, eased: 0 }
  let best: number[] = []
  let bestScore = 0
  for (let chain = 0; chain < count; chain++) {
    // A climb begins anew, so that it doesn't end on one hill.
    if (chain % 1000 === 0) {
      best = []
      bestScore = 0
    }
    const intervals = chain % 2 === 0 || best.length === 0 ? drawn(random) : changed(best, random)
    // Climbs for half of the time towards the bound on eased blocks.
    const wantsEased = chain % 2000 >= 1000
    let state: DifficultyState = {
      time: START,
      base: bitsOf(LEAST_WORK * 2 ** (40 * random.uniform())),
      ease: 0,
    }
    const start = potential(state)
    let paid = 0
    let score = 0
    for (const interval of intervals) {
      const { bits, state: next } = retarget(state, state.time + interval, PUBLIC)
      const full = bits === state.base
      if (full) paid += hashesOf(bits) * RAISED_SHARE
      const had = potential(state)
      const has = potential(next)
      result.headers++
      // In floating point, whose own error is far below.
      if (has > (start + paid) * (1 + 1e-12)) result.violations++
      if (!full && has > had * (1 + 1e-12)) result.violations++
      const nearest = has / (start + paid)
      result.nearest = Math.max(result.nearest, nearest)
      if (!full) result.eased = Math.max(result.eased, has / had)
      score = wantsEased ? (full ? 0 : Math.max(score, has / had)) : nearest * (1 + paid / start)
      state = next
    }
    if (score > bestScore) {
      bestScore = score
      best = intervals
    }
  }
  return result
}

const PACES = [1, 2, SPACING, 2 * SPACING, 10 * SPACING, 10 * SPACING + 1, SPACING + HALF_LIFE, 2 * HALF_LIFE]

function interval(random: Random): number {
  const drawn = random.uniform()
  if (drawn < 0.4) return PACES[random.integer(0, PACES.length - 1)]
  if (drawn < 0.7) return random.integer(1, 100)
  return Math.floor(2 ** (17 * random.uniform()))
}

function drawn(random: Random): number[] {
  const intervals: number[] = []
  while (intervals.length < 60) {
    const one = interval(random)
    for (let i = random.integer(1, 20); i > 0 && intervals.length < 60; i--) intervals.push(one)
  }
  return intervals.slice(0, random.integer(1, 60))
}

function changed(intervals: readonly number[], random: Random): number[] {
  const copy = [...intervals]
  for (let i = random.integer(1, 3); i > 0; i--) copy[random.integer(0, copy.length - 1)] = interval(random)
  return copy
}

/**
 * How much harder than before somebody can make the block after his, with at most `blocks` blocks' worth of work, after a night of eight
 * hours without a block: over what times the rule allows, by climbing. As a factor.
 */
export function hardest(rule: Rule, blocks: number, tries: number, seed: number): number {
  const random = new Random(seed)
  const now = START + 8 * 3600
  const last = now + MAX_FUTURE_SECONDS
  const choices: readonly ((tip: Tip) => number)[] = [
    (tip) => tip.least,
    (tip) => tip.time + 1,
    (tip) => tip.time + SPACING,
    (tip) => tip.time + 10 * SPACING,
    () => now,
    () => last,
  ]
  const raise = (moves: readonly number[]): number => {
    let tip = rule.settled(START, TABS_WORK)
    let left = blocks * TABS_WORK * (1 + 1e-9)
    let most = 0
    for (const move of moves) {
      const time = Math.min(last, Math.max(tip.least, choices[move](tip)))
      if (time < tip.least) break
      left -= tip.work(time)
      if (left < 0) break
      tip = tip.child(time)
      most = Math.max(most, tip.work(Math.max(now, tip.least)) / TABS_WORK)
    }
    return most
  }
  const length = Math.min(6 * blocks + 30, 160)
  const draw = (): number => random.integer(0, choices.length - 1)
  // All as early as allowed, and from now on so.
  const starts = [0, 4, 5].map((first) => Array.from({ length }, (_, i) => (i === 0 ? first : 0)))
  let best = starts[0]
  let found = 0
  for (let i = 0; i < tries; i++) {
    const change = (move: number): number => (random.uniform() < 0.08 ? draw() : move)
    const moves = starts[i] ?? (i % 50 === 0 ? best.map(draw) : best.map(change))
    const raised = raise(moves)
    if (raised >= found) {
      found = raised
      best = moves
    }
  }
  return found
}
