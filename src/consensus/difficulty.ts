/**
 * The target that a block must have (`docs/difficulty.md` has the argument and the measurements). Two things make it:
 *
 * - the **base** follows the times of the blocks by ASERT with the parent as anchor: it doubles for each half-life of delay, and an
 *   interval eases it by one doubling at most, so that a network remembers through a night what it could do;
 * - the **ease** is how many times the target of one block doubles beyond the base because no block came: it grows with the block's own
 *   time once that is `PATIENCE` spacings past its parent's, goes on from block to block while these come slowly, and is gone after a few
 *   that come fast. It never moves the base.
 *
 * Since times never step back, a base rises by what blocks at the full target were worked for and by nothing else. Pure.
 */
import type { NetworkParams } from './params.ts'
import { asertTarget, EXPONENT_ONE, encodeCompact, scaleTarget, targetOf } from './pow.ts'

/** Spacings without a block before the target eases. */
const PATIENCE = 10n
/** Spacings at which blocks come while ease neither grows nor shrinks. */
const EASED_PACE = 2n

/** What the difficulty of a block's children follows from, besides their own times. */
export interface DifficultyState {
  /** Of the block, seconds since 1970. */
  readonly time: number
  /** The children's target without ease, in compact form. */
  readonly base: number
  /** What a child inherits of the block's ease, in 1/65,536 of a doubling. */
  readonly ease: number
}

/** After the genesis block: at the limit. */
export function genesisDifficulty(params: NetworkParams): DifficultyState {
  return { time: params.genesisTime, base: params.powLimitBits, ease: 0 }
}

/**
 * The bits of a block at `time` (seconds since 1970, after its parent's) on a parent that left `before`, and what it leaves itself. The
 * same bits at any time where the network doesn't retarget.
 */
export function retarget(
  before: DifficultyState,
  time: number,
  params: NetworkParams,
): { readonly bits: number; readonly state: DifficultyState } {
  const { powLimitBits } = params
  if (!params.retarget) return { bits: powLimitBits, state: { time, base: powLimitBits, ease: 0 } }
  const limit = targetOf(powLimitBits)
  const base = targetOf(before.base)
  const spacing = BigInt(params.targetSpacing)
  const halfLife = BigInt(params.halfLife)
  const interval = BigInt(time - before.time)

  const ease = easeAfter(BigInt(before.ease), interval, spacing)
  const bits = ease === 0n ? before.base : encodeCompact(scaleTarget(base, ease, limit))

  const longest = spacing + halfLife
  const next = asertTarget({
    anchorTarget: base,
    timeDiff: interval < longest ? interval : longest,
    heightDiff: 0n,
    spacing,
    halfLife,
    limit,
  })
  const left = encodeCompact(next)
  return { bits, state: { time, base: left, ease: Number(inherited(ease, targetOf(left), params)) } }
}

/** The bits of a block at `time`, as `retarget` says. */
export function nextBits(before: DifficultyState, time: number, params: NetworkParams): number {
  return retarget(before, time, params).bits
}

/**
 * The ease of a block whose parent left it `inherited`: it doubles its target for each spacing and a half beyond the patience; or goes on
 * from what it inherited, up or down by one doubling for three spacings off the eased pace. Whichever is more.
 */
function easeAfter(inherited: bigint, interval: bigint, spacing: bigint): bigint {
  const fresh = ((interval - PATIENCE * spacing) * 2n * EXPONENT_ONE) / (3n * spacing)
  const carried =
    inherited === 0n ? 0n : inherited + ((interval - EASED_PACE * spacing) * EXPONENT_ONE) / (3n * spacing)
  const ease = fresh > carried ? fresh : carried
  return ease > 0n ? ease : 0n
}

/**
 * What of a block's ease its children inherit: no more than leads from their base to the limit, and no more than the fall of the base in
 * the longest interval pays for: 2/3 half-life, in spacings, of doublings. With this bound blocks that were eased can't
 * together leave a harder base than the wait before them took away.
 */
function inherited(ease: bigint, base: bigint, params: NetworkParams): bigint {
  const toLimit = BigInt((targetOf(params.powLimitBits) / base).toString(2).length - 1) * EXPONENT_ONE
  const paidFor = (2n * BigInt(params.halfLife) * EXPONENT_ONE) / (3n * BigInt(params.targetSpacing))
  return [toLimit, paidFor].reduce((least, bound) => (bound < least ? bound : least), ease)
}
