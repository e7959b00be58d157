/**
 * Σ scalar·point for a few public points of any origin, from bytes to bytes: what keys are derived with. The time it takes tells the scalars;
 * none may be a secret.
 */
import * as field from './field'
import { FIELD_SIZE } from './field'
import * as group from './group'
import { Affine } from './group'
import * as scalar from './scalar'
import { SCALAR_SIZE } from './scalar'
import * as strauss from './strauss'
import * as terms from './terms'
import { TERMS } from './terms'

/** Bytes of a compressed point. */
export const POINT_BYTES: u32 = 33

const Y: usize = FIELD_SIZE
const g = memory.data(32)
const value = memory.data(32)
const zero = memory.data(32)
const point = memory.data(80)
const total = memory.data(128)

/** The sum is a point, infinity, or there is none since a point is not on the curve or a scalar not below n. */
export const POINT: u32 = 1
export const INFINITE: u32 = 0
export const INVALID: u32 = 2

/**
 * From `at` on: a scalar for G, 32 bytes; `weighted` points, 33 bytes compressed, each with its scalar; `plain` points without one. The sum, 33
 * bytes, is written to `at`.
 */
export function combine(at: usize, weighted: u32, plain: u32): u32 {
  if (!scalar.fromBytes(g, at)) return INVALID
  let from = at + SCALAR_SIZE
  for (let i: u32 = 0; i < weighted; i++) {
    const key = i * TERMS + 1
    if (!decompress(terms.pointOf(key), from)) return INVALID
    if (!scalar.fromBytes(value, from + POINT_BYTES)) return INVALID
    terms.setSplitScalar(key, value)
    // The place of a signature's R, which sums go over: any point, no time.
    if (i > 0) {
      group.copyAffine(terms.pointOf(key - 1), terms.pointOf(key))
      terms.setScalar(key - 1, zero)
    }
    from += POINT_BYTES + SCALAR_SIZE
  }
  if (weighted > 0) strauss.sum(total, 1, weighted * TERMS, g)
  else strauss.sum(total, 0, 0, g)
  for (let i: u32 = 0; i < plain; i++) {
    if (!decompress(point, from)) return INVALID
    group.addAffine(total, total, point, 0)
    from += POINT_BYTES
  }
  if (group.isInfinity(total)) return INFINITE
  group.toAffine(point, total)
  field.normalize(point)
  field.normalize(point + Y)
  store<u8>(at, field.isOdd(point + Y) ? 3 : 2)
  field.toBytes(at + 1, point)
  return POINT
}

/** r = a compressed point, 33 bytes. False where they are none. */
function decompress(r: Affine, bytes: usize): bool {
  const prefix = load<u8>(bytes)
  if (prefix !== 2 && prefix !== 3) return false
  if (!group.lift(r, bytes + 1)) return false
  if (prefix === 3) {
    group.negateAffine(r, r)
    field.normalizeWeak(r + Y)
  }
  return true
}
