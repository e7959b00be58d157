/** Sums of many terms by Pippenger: per window of bits, points are added into the bucket of their digit. */
import * as field from './field'
import { FIELD_SIZE } from './field'
import * as group from './group'
import { Affine, Jacobian } from './group'
import * as terms from './terms'

const C: u32 = 8
const BUCKETS: u32 = 128
const WINDOWS: u32 = 17
const buckets = memory.data(128 * 128)
const digits = memory.data(3 * 1024 * 17 * 2)
const running = memory.data(128)
const total = memory.data(128)
const negated = memory.data(80)

export function sum(r: Jacobian, from: u32, to: u32): void {
  for (let term = from; term < to; term++) {
    let carry: u32 = 0
    const m = terms.magnitudeOf(term)
    for (let w: u32 = 0; w < WINDOWS; w++) {
      const v = (w < 16 ? u32(load<u8>(m + w)) : 0) + carry
      carry = v > BUCKETS ? 1 : 0
      const d = i32(v) - i32(carry << C)
      store<i16>(digits + (w * 3072 + term) * 2, i16(terms.isNegative(term) ? -d : d))
    }
  }
  group.setInfinity(r)
  for (let w: i32 = WINDOWS - 1; w >= 0; w--) {
    for (let i: u32 = 0; i < C; i++) group.double(r, r)
    for (let b: u32 = 0; b < BUCKETS; b++) group.setInfinity(buckets + b * 128)
    for (let term = from; term < to; term++) {
      const d: i32 = load<i16>(digits + (w * 3072 + term) * 2)
      if (d === 0) continue
      let p: Affine = terms.pointOf(term)
      if (d < 0) {
        field.copy(negated, p)
        field.negate(negated + FIELD_SIZE, p + FIELD_SIZE, 2)
        p = negated
      }
      const b = buckets + (abs(d) - 1) * 128
      group.addAffine(b, b, p, 0)
    }
    group.setInfinity(running)
    group.setInfinity(total)
    for (let b: i32 = BUCKETS - 1; b >= 0; b--) {
      group.addJacobian(running, running, buckets + b * 128)
      group.addJacobian(total, total, running)
    }
    group.addJacobian(r, r, total)
  }
}
