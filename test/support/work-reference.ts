/**
 * Proof-of-work arithmetic straight from its definitions, with powers and divisions instead of shifts and masks: what no package in
 * the registry has. Rounding is written out at every step.
 */

/** Rounds towards minus infinity, where `/` on bigints rounds towards zero. `divisor` is positive. */
function floorDivide(value: bigint, divisor: bigint): bigint {
  const remainder = ((value % divisor) + divisor) % divisor
  return (value - remainder) / divisor
}

/**
 * Bitcoin Core, arith_uint256.h, above `SetCompact`: "N = (-1^sign) * mantissa * 256^(exponent-3)", the fraction cut off.
 * Overflow as it says there: a number that isn't zero and takes more than 256 bits.
 */
export function compactReference(bits: number): { target: bigint; negative: boolean; overflow: boolean } {
  const exponent = Math.floor(bits / 2 ** 24)
  const sign = Math.floor(bits / 2 ** 23) % 2
  const mantissa = BigInt(bits % 2 ** 23)
  const target =
    exponent < 3 ? mantissa / 256n ** BigInt(3 - exponent) : mantissa * 256n ** BigInt(exponent - 3)
  return { target, negative: sign === 1 && target !== 0n, overflow: target >= 2n ** 256n }
}

/**
 * `GetCompact`: the least exponent by which the number fits three bytes of which the topmost bit, the sign's, is free; what is smaller
 * than the last of them is cut off.
 */
export function getCompactReference(target: bigint, negative = false): number {
  let exponent = 0
  // As a number of bytes: 2^23 is the first that the mantissa cannot hold.
  const bytes = (value: bigint): number => (value === 0n ? 0 : 1 + bytes(value / 256n))
  exponent = bytes(target)
  const mantissaFor = (size: number): bigint =>
    size < 3 ? target * 256n ** BigInt(3 - size) : target / 256n ** BigInt(size - 3)
  if (mantissaFor(exponent) >= 2n ** 23n) exponent++
  const mantissa = mantissaFor(exponent)
  return exponent * 2 ** 24 + (negative && mantissa !== 0n ? 2 ** 23 : 0) + Number(mantissa)
}

/** `GetBlockProof`: ~target / (target + 1) + 1 in 256 bits. */
export function workReference(target: bigint): bigint {
  const inverse = 2n ** 256n - 1n - target
  // 2^256 does not fit 256 bits; a target of zero has no other answer.
  return inverse / (target + 1n) + 1n
}

export interface AsertCase {
  readonly anchorTarget: bigint
  readonly timeDiff: bigint
  readonly heightDiff: bigint
  readonly spacing: bigint
  readonly halfLife: bigint
  readonly limit: bigint
}

/**
 * The aserti3-2d specification (Bitcoin Cash upgrade of 15 November 2020), Algorithm: `exponent` divided with truncation, split into
 * a whole number of doublings and a fraction of 2^16ths, the cubic, the doublings, the fraction's 2^16, then the edges.
 */
export function asertReference(input: AsertCase): bigint {
  const { anchorTarget, timeDiff, heightDiff, spacing, halfLife, limit } = input
  const lateness = timeDiff - spacing * (heightDiff + 1n)
  const magnitude = ((lateness < 0n ? -lateness : lateness) * 65_536n) / halfLife
  const exponent = lateness < 0n ? -magnitude : magnitude
  const doublings = floorDivide(exponent, 65_536n)
  const fraction = exponent - doublings * 65_536n
  const cubic = 195_766_423_245_049n * fraction + 971_821_376n * fraction ** 2n + 5_127n * fraction ** 3n
  const factor = 65_536n + (cubic + 2n ** 47n) / 2n ** 48n
  // The specification says that what is beyond 2^256 either way is the edge; no machine could compute 2^(2^60).
  if (doublings > 256n) return limit
  if (doublings < -300n) return 1n
  const product = anchorTarget * factor
  const scaled = doublings < 0n ? product / 2n ** -doublings : product * 2n ** doublings
  const target = scaled / 65_536n
  if (target === 0n) return 1n
  return target > limit ? limit : target
}
