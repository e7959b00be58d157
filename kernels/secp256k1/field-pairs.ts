/**
 * Products and squares of field elements two at a time, each pair in the two lanes of a vector: two take little longer than one of
 * field.ts, whose steps and bounds these are: magnitudes up to 8 give 1. Only 32-bit words are multiplied: limbs of magnitude 8 have 30
 * bits, the sum of two and the double of one 31. A column, at most 10 · 2^60, fits into its lane. Results may overwrite operands.
 */
import * as field from './field'
import { FIELD_SIZE, Field } from './field'

/** The lanes' products of the lower two words of each. */
function product(a: v128, b: v128): v128 {
  return i64x2.extmul_low_i32x4_u(a, b)
}

function sum(a: v128, b: v128): v128 {
  return i64x2.add(a, b)
}

function sum3(a: v128, b: v128, c: v128): v128 {
  return sum(sum(a, b), c)
}

function sum4(a: v128, b: v128, c: v128, d: v128): v128 {
  return sum(sum3(a, b, c), d)
}

function sum5(a: v128, b: v128, c: v128, d: v128, e: v128): v128 {
  return sum(sum4(a, b, c, d), e)
}

function difference(a: v128, b: v128): v128 {
  return i64x2.sub(a, b)
}

/** Two limbs of each element by turns, so that the lower two words are the elements' first ones. */
function zip(a: v128, b: v128): v128 {
  return v128.shuffle<u32>(a, b, 0, 4, 1, 5)
}

/** The second limbs of what `zip` made, in its place. */
function second(pair: v128): v128 {
  return v128.shuffle<u32>(pair, pair, 2, 3, 2, 3)
}

/** Two limbs, each in lanes of 64 bits, as `zip` has them. */
function narrow(a: v128, b: v128): v128 {
  return v128.shuffle<u32>(a, b, 0, 2, 4, 6)
}

function limbOf(lanes: v128): v128 {
  return v128.and(lanes, i64x2.splat(0x3ffffff))
}

/** What limbs of up to 32 bits, ten further up, add to a column. */
function foldLow(limbs: v128): v128 {
  return product(narrow(limbs, limbs), i32x4.splat(0x3d10))
}

/** What they add to the next one. */
function foldHigh(limbs: v128): v128 {
  return i64x2.shl(limbs, 10)
}

/** The carry of a column. */
function carryOf(lanes: v128): v128 {
  return i64x2.shr_u(lanes, 26)
}

function storeFirst(r: Field, a0: v128, a2: v128, a4: v128, a6: v128, a8: v128): void {
  v128.store(r, v128.shuffle<u32>(a0, a2, 0, 2, 4, 6))
  v128.store(r, v128.shuffle<u32>(a4, a6, 0, 2, 4, 6), 16)
  v128.store64_lane(r, v128.shuffle<u32>(a8, a8, 0, 2, 0, 2), 0, 32)
}

function storeSecond(r: Field, a0: v128, a2: v128, a4: v128, a6: v128, a8: v128): void {
  v128.store(r, v128.shuffle<u32>(a0, a2, 1, 3, 5, 7))
  v128.store(r, v128.shuffle<u32>(a4, a6, 1, 3, 5, 7), 16)
  v128.store64_lane(r, v128.shuffle<u32>(a8, a8, 1, 3, 1, 3), 0, 32)
}

/** 977 times lanes of up to 54 bits. */
function times977(lanes: v128): v128 {
  const most = i64x2.sub(i64x2.shl(lanes, 10), i64x2.shl(lanes, 6))
  return sum(most, sum(i64x2.shl(lanes, 4), lanes))
}

/** r = a·b and s = c·d. */
export function multiplyTwo(r: Field, a: Field, b: Field, s: Field, c: Field, d: Field): void {
  const a0 = zip(v128.load64_zero(a), v128.load64_zero(c))
  const a2 = zip(v128.load64_zero(a, 8), v128.load64_zero(c, 8))
  const a4 = zip(v128.load64_zero(a, 16), v128.load64_zero(c, 16))
  const a6 = zip(v128.load64_zero(a, 24), v128.load64_zero(c, 24))
  const a8 = zip(v128.load64_zero(a, 32), v128.load64_zero(c, 32))
  const b0 = zip(v128.load64_zero(b), v128.load64_zero(d))
  const b2 = zip(v128.load64_zero(b, 8), v128.load64_zero(d, 8))
  const b4 = zip(v128.load64_zero(b, 16), v128.load64_zero(d, 16))
  const b6 = zip(v128.load64_zero(b, 24), v128.load64_zero(d, 24))
  const b8 = zip(v128.load64_zero(b, 32), v128.load64_zero(d, 32))
  const a1 = second(a0)
  const a3 = second(a2)
  const a5 = second(a4)
  const a7 = second(a6)
  const a9 = second(a8)
  const b1 = second(b0)
  const b3 = second(b2)
  const b5 = second(b4)
  const b7 = second(b6)
  const b9 = second(b8)

  // Columns as in `multiply`.
  const sa0 = i32x4.add(a0, a5)
  const sb0 = i32x4.add(b0, b5)
  const sa1 = i32x4.add(a1, a6)
  const sb1 = i32x4.add(b1, b6)
  const sa2 = i32x4.add(a2, a7)
  const sb2 = i32x4.add(b2, b7)
  const sa3 = i32x4.add(a3, a8)
  const sb3 = i32x4.add(b3, b8)
  const sa4 = i32x4.add(a4, a9)
  const sb4 = i32x4.add(b4, b9)
  const low0 = product(a0, b0)
  const up0 = product(a5, b5)
  const mixed0 = difference(product(sa0, sb0), sum(low0, up0))
  const low1 = sum(product(a0, b1), product(a1, b0))
  const up1 = sum(product(a5, b6), product(a6, b5))
  const mixed1 = difference(sum(product(sa0, sb1), product(sa1, sb0)), sum(low1, up1))
  const low2 = sum3(product(a0, b2), product(a1, b1), product(a2, b0))
  const up2 = sum3(product(a5, b7), product(a6, b6), product(a7, b5))
  const mixed2 = difference(sum3(product(sa0, sb2), product(sa1, sb1), product(sa2, sb0)), sum(low2, up2))
  const low3 = sum4(product(a0, b3), product(a1, b2), product(a2, b1), product(a3, b0))
  const up3 = sum4(product(a5, b8), product(a6, b7), product(a7, b6), product(a8, b5))
  const mixed3 = difference(
    sum4(product(sa0, sb3), product(sa1, sb2), product(sa2, sb1), product(sa3, sb0)),
    sum(low3, up3),
  )
  const low4 = sum5(product(a0, b4), product(a1, b3), product(a2, b2), product(a3, b1), product(a4, b0))
  const up4 = sum5(product(a5, b9), product(a6, b8), product(a7, b7), product(a8, b6), product(a9, b5))
  const mixed4 = difference(
    sum5(product(sa0, sb4), product(sa1, sb3), product(sa2, sb2), product(sa3, sb1), product(sa4, sb0)),
    sum(low4, up4),
  )
  const low5 = sum4(product(a1, b4), product(a2, b3), product(a3, b2), product(a4, b1))
  const up5 = sum4(product(a6, b9), product(a7, b8), product(a8, b7), product(a9, b6))
  const mixed5 = difference(
    sum4(product(sa1, sb4), product(sa2, sb3), product(sa3, sb2), product(sa4, sb1)),
    sum(low5, up5),
  )
  const low6 = sum3(product(a2, b4), product(a3, b3), product(a4, b2))
  const up6 = sum3(product(a7, b9), product(a8, b8), product(a9, b7))
  const mixed6 = difference(sum3(product(sa2, sb4), product(sa3, sb3), product(sa4, sb2)), sum(low6, up6))
  const low7 = sum(product(a3, b4), product(a4, b3))
  const up7 = sum(product(a8, b9), product(a9, b8))
  const mixed7 = difference(sum(product(sa3, sb4), product(sa4, sb3)), sum(low7, up7))
  const low8 = product(a4, b4)
  const up8 = product(a9, b9)
  const mixed8 = difference(product(sa4, sb4), sum(low8, up8))

  let high: v128 = mixed4
  const t9 = limbOf(high)
  high = carryOf(high)
  let low: v128 = low0
  high = sum(high, sum(mixed5, up0))
  let u = limbOf(high)
  high = carryOf(high)
  low = sum(low, foldLow(u))
  const t0 = limbOf(low)
  low = sum3(carryOf(low), foldHigh(u), low1)
  high = sum(high, sum(mixed6, up1))
  u = limbOf(high)
  high = carryOf(high)
  low = sum(low, foldLow(u))
  const t1 = limbOf(low)
  low = sum3(carryOf(low), foldHigh(u), low2)
  high = sum(high, sum(mixed7, up2))
  u = limbOf(high)
  high = carryOf(high)
  low = sum(low, foldLow(u))
  const t2 = limbOf(low)
  low = sum3(carryOf(low), foldHigh(u), low3)
  high = sum(high, sum(mixed8, up3))
  u = limbOf(high)
  high = carryOf(high)
  low = sum(low, foldLow(u))
  const t3 = limbOf(low)
  low = sum3(carryOf(low), foldHigh(u), low4)
  high = sum(high, up4)
  u = limbOf(high)
  high = carryOf(high)
  low = sum(low, foldLow(u))
  const t4 = limbOf(low)
  low = sum3(carryOf(low), foldHigh(u), sum(low5, mixed0))
  high = sum(high, up5)
  u = limbOf(high)
  high = carryOf(high)
  low = sum(low, foldLow(u))
  const t5 = limbOf(low)
  low = sum3(carryOf(low), foldHigh(u), sum(low6, mixed1))
  high = sum(high, up6)
  u = limbOf(high)
  high = carryOf(high)
  low = sum(low, foldLow(u))
  const t6 = limbOf(low)
  low = sum3(carryOf(low), foldHigh(u), sum(low7, mixed2))
  high = sum(high, up7)
  u = limbOf(high)
  high = carryOf(high)
  low = sum(low, foldLow(u))
  const t7 = limbOf(low)
  low = sum3(carryOf(low), foldHigh(u), sum(low8, mixed3))
  high = sum(high, up8)
  u = limbOf(high)
  high = carryOf(high)
  low = sum(low, foldLow(u))
  const t8 = limbOf(low)
  low = sum(carryOf(low), foldHigh(u))
  low = sum3(low, t9, foldLow(high))

  // The end, as foldTop of field.ts: what is left above 2^256 counts 2^32 + 977.
  const over = sum(i64x2.shr_u(low, 22), i64x2.shl(high, 14))
  let carry = sum(t0, times977(over))
  const t0low = limbOf(carry)
  carry = sum3(carryOf(carry), i64x2.shl(over, 6), t1)
  const r0 = narrow(t0low, limbOf(carry))
  const r2 = narrow(sum(carryOf(carry), t2), t3)
  const r4 = narrow(t4, t5)
  const r6 = narrow(t6, t7)
  const r8 = narrow(t8, v128.and(low, i64x2.splat(0x3fffff)))
  storeFirst(r, r0, r2, r4, r6, r8)
  storeSecond(s, r0, r2, r4, r6, r8)
}

/** r = a^(2^count) and s = b^(2^count), count at least 1: limbs stay in vectors from one square to the next. */
export function squareTwoTimes(r: Field, a: Field, s: Field, b: Field, count: i32): void {
  let a0 = zip(v128.load64_zero(a), v128.load64_zero(b))
  let a2 = zip(v128.load64_zero(a, 8), v128.load64_zero(b, 8))
  let a4 = zip(v128.load64_zero(a, 16), v128.load64_zero(b, 16))
  let a6 = zip(v128.load64_zero(a, 24), v128.load64_zero(b, 24))
  let a8 = zip(v128.load64_zero(a, 32), v128.load64_zero(b, 32))
  do {
    const a1 = second(a0)
    const a3 = second(a2)
    const a5 = second(a4)
    const a7 = second(a6)
    const a9 = second(a8)
    const d0 = i32x4.shl(a0, 1)
    const d1 = i32x4.shl(a1, 1)
    const d2 = i32x4.shl(a2, 1)
    const d3 = i32x4.shl(a3, 1)
    const d4 = i32x4.shl(a4, 1)
    const d5 = i32x4.shl(a5, 1)
    const d6 = i32x4.shl(a6, 1)
    const d7 = i32x4.shl(a7, 1)
    const d8 = i32x4.shl(a8, 1)

    let high: v128 = sum5(product(d0, a9), product(d1, a8), product(d2, a7), product(d3, a6), product(d4, a5))
    const t9 = limbOf(high)
    high = carryOf(high)
    let low: v128 = product(a0, a0)
    high = sum(
      high,
      sum5(product(d1, a9), product(d2, a8), product(d3, a7), product(d4, a6), product(a5, a5)),
    )
    let u = limbOf(high)
    high = carryOf(high)
    low = sum(low, foldLow(u))
    const t0 = limbOf(low)
    low = sum3(carryOf(low), foldHigh(u), product(d0, a1))
    high = sum(high, sum4(product(d2, a9), product(d3, a8), product(d4, a7), product(d5, a6)))
    u = limbOf(high)
    high = carryOf(high)
    low = sum(low, foldLow(u))
    const t1 = limbOf(low)
    low = sum3(carryOf(low), foldHigh(u), sum(product(d0, a2), product(a1, a1)))
    high = sum(high, sum4(product(d3, a9), product(d4, a8), product(d5, a7), product(a6, a6)))
    u = limbOf(high)
    high = carryOf(high)
    low = sum(low, foldLow(u))
    const t2 = limbOf(low)
    low = sum3(carryOf(low), foldHigh(u), sum(product(d0, a3), product(d1, a2)))
    high = sum(high, sum3(product(d4, a9), product(d5, a8), product(d6, a7)))
    u = limbOf(high)
    high = carryOf(high)
    low = sum(low, foldLow(u))
    const t3 = limbOf(low)
    low = sum3(carryOf(low), foldHigh(u), sum3(product(d0, a4), product(d1, a3), product(a2, a2)))
    high = sum(high, sum3(product(d5, a9), product(d6, a8), product(a7, a7)))
    u = limbOf(high)
    high = carryOf(high)
    low = sum(low, foldLow(u))
    const t4 = limbOf(low)
    low = sum3(carryOf(low), foldHigh(u), sum3(product(d0, a5), product(d1, a4), product(d2, a3)))
    high = sum(high, sum(product(d6, a9), product(d7, a8)))
    u = limbOf(high)
    high = carryOf(high)
    low = sum(low, foldLow(u))
    const t5 = limbOf(low)
    low = sum3(
      carryOf(low),
      foldHigh(u),
      sum4(product(d0, a6), product(d1, a5), product(d2, a4), product(a3, a3)),
    )
    high = sum(high, sum(product(d7, a9), product(a8, a8)))
    u = limbOf(high)
    high = carryOf(high)
    low = sum(low, foldLow(u))
    const t6 = limbOf(low)
    low = sum3(
      carryOf(low),
      foldHigh(u),
      sum4(product(d0, a7), product(d1, a6), product(d2, a5), product(d3, a4)),
    )
    high = sum(high, product(d8, a9))
    u = limbOf(high)
    high = carryOf(high)
    low = sum(low, foldLow(u))
    const t7 = limbOf(low)
    low = sum3(
      carryOf(low),
      foldHigh(u),
      sum5(product(d0, a8), product(d1, a7), product(d2, a6), product(d3, a5), product(a4, a4)),
    )
    high = sum(high, product(a9, a9))
    u = limbOf(high)
    high = carryOf(high)
    low = sum(low, foldLow(u))
    const t8 = limbOf(low)
    low = sum(carryOf(low), foldHigh(u))
    low = sum3(low, t9, foldLow(high))

    // The end, as foldTop of field.ts: what is left above 2^256 counts 2^32 + 977.
    const over = sum(i64x2.shr_u(low, 22), i64x2.shl(high, 14))
    let carry = sum(t0, times977(over))
    const t0low = limbOf(carry)
    carry = sum3(carryOf(carry), i64x2.shl(over, 6), t1)
    a0 = narrow(t0low, limbOf(carry))
    a2 = narrow(sum(carryOf(carry), t2), t3)
    a4 = narrow(t4, t5)
    a6 = narrow(t6, t7)
    a8 = narrow(t8, v128.and(low, i64x2.splat(0x3fffff)))
  } while (--count > 0)
  storeFirst(r, a0, a2, a4, a6, a8)
  storeSecond(s, a0, a2, a4, a6, a8)
}

/** r = a² and s = b². */
export function squareTwo(r: Field, a: Field, s: Field, b: Field): void {
  squareTwoTimes(r, a, s, b, 1)
}

// Powers of two elements whose exponents are 2^k − 1: k is in the names. The second of a pair follows the first.
const base = memory.data(80)
const x2 = memory.data(80)
const x3 = memory.data(80)
const x22 = memory.data(80)
const x44 = memory.data(80)
const x88 = memory.data(80)
const power = memory.data(80)
const scratch = memory.data(80)

/** r and s = square roots of a and b, their powers by (p + 1) / 4, for magnitudes up to 8. False where either has none. */
export function squareRoots(r: Field, a: Field, s: Field, b: Field): bool {
  field.copy(base, a)
  field.copy(base + FIELD_SIZE, b)
  raise(x2, base, 1, base)
  raise(x3, x2, 1, base)
  raise(power, x3, 3, x3) // 6
  raise(power, power, 3, x3) // 9
  raise(power, power, 2, x2) // 11
  raise(x22, power, 11, power)
  raise(x44, x22, 22, x22)
  raise(x88, x44, 44, x44)
  raise(power, x88, 88, x88) // 176
  raise(power, power, 44, x44) // 220
  raise(power, power, 3, x3) // 223
  raise(power, power, 23, x22)
  raise(power, power, 6, x2)
  squareTwoTimes(r, power, s, power + FIELD_SIZE, 2)
  squareTwo(power, r, power + FIELD_SIZE, s)
  return field.areEqual(power, base) && field.areEqual(power + FIELD_SIZE, base + FIELD_SIZE)
}

/** r = a^(2^count)·b for the pairs, which lengthens the exponents of a by those of b; r may be either. */
function raise(r: usize, a: usize, count: i32, b: usize): void {
  squareTwoTimes(scratch, a, scratch + FIELD_SIZE, a + FIELD_SIZE, count)
  multiplyTwo(r, scratch, b, r + FIELD_SIZE, scratch + FIELD_SIZE, b + FIELD_SIZE)
}
