/**
 * The rule of difficulty from the prose of `docs/difficulty.md`, in floating point and in doublings instead of targets, as somebody would write
 * it who has not seen the code. Only ease is rounded, to the 65,536ths that the prose names.
 */

export interface ReferenceParams {
  /** Seconds. */
  readonly spacing: number
  /** Seconds. */
  readonly halfLife: number
  /** log2 of the easiest target. */
  readonly limit: number
}

export interface ReferenceState {
  /** Seconds since 1970. */
  readonly time: number
  /** log2 of the base. */
  readonly base: number
  /** Inherited, doublings. */
  readonly ease: number
}

export interface ReferenceStep {
  /** log2 of the block's target. */
  readonly target: number
  readonly state: ReferenceState
  /** How near the way from base to limit is to a whole number of doublings, where rounding decides. */
  readonly edge: number
}

export function difficultyReference(
  before: ReferenceState,
  time: number,
  params: ReferenceParams,
): ReferenceStep {
  const { spacing, halfLife, limit } = params
  const spacings = (time - before.time) / spacing

  // "For each spacing and a half beyond ten spacings one doubling."
  let ease = steps((spacings - 10) / 1.5)
  // "What was inherited, one doubling more for each three spacings beyond two, or less for each that is missing."
  if (before.ease > 0) ease = Math.max(ease, before.ease + steps((spacings - 2) / 3))
  if (ease < 0) ease = 0
  const target = Math.min(limit, before.base + ease)

  // "The base: one doubling for each half-life beyond the spacing, at most one."
  const base = Math.min(limit, before.base + Math.min(1, (time - before.time - spacing) / halfLife))
  const toLimit = limit - base
  const inherits = Math.min(ease, Math.floor(toLimit + 1e-9), steps((2 * halfLife) / (3 * spacing)))
  return { target, state: { time, base, ease: inherits }, edge: Math.abs(toLimit - Math.round(toLimit)) }
}

/** Towards zero, in 65,536ths. The nudge is for quotients that floating point leaves just below a step. */
function steps(doublings: number): number {
  return Math.trunc(doublings * 65_536 * (1 + 1e-14)) / 65_536
}
