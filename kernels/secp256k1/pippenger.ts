/**
 * Sums of many terms by Pippenger: scalars are cut into windows of 8 bits with digits from −128 to 128. In each window the points of the
 * same digit, up to the sign, share a bucket; the sum of the buckets, each as often as its digit says, takes two additions a
 * bucket. Within buckets, points are added in pairs without leaving affine coordinates: all pairs of a window share one
 * inversion (Montgomery's trick), which leaves 5 products and a square for each instead of 8 and 3, done for two pairs at once.
 */
import * as field from './field'
import { FIELD_SIZE, Field } from './field'
import { multiplyTwo, squareTwo } from './field-pairs'
import * as group from './group'
import { AFFINE_SIZE, Affine, Jacobian } from './group'
import * as terms from './terms'
import { MAGNITUDE_SIZE } from './terms'

/** Bits of a window: a byte, so that digits are read from bytes. */
const WINDOW: u32 = 8
const BUCKETS: u32 = 128
/** One for each byte of a scalar, and one for the last carry. */
const WINDOWS: u32 = MAGNITUDE_SIZE + 1
/** Pairs from which on an inversion is worth its price. */
const MIN_PAIRS: u32 = 48

const digits = memory.data(3 * 1024 * 17 * 2)

/** The points of the window, with their signs, and addresses of those that are left: bucket after bucket, from the first up. */
const points = memory.data(3 * 1024 * 80)
const list = memory.data(3 * 1024 * 4)
/** How many are left in each bucket, by digit. */
const sizes = memory.data(129 * 4)
const nexts = memory.data(129 * 4)

/** Addresses of the two points of each pair; of the first twice where it is doubled. */
const pairs = memory.data(3 * 512 * 8)
/** What each pair divides by, and the product of those before it at even positions, or at odd ones. */
const divisors = memory.data(3 * 512 * 40)
const prefixes = memory.data(3 * 512 * 40)

/** r = the sum of the terms from `from` up to `to`. */
export function sum(r: Jacobian, from: u32, to: u32): void {
  writeDigits(from, to)
  group.setInfinity(r)
  for (let window: i32 = WINDOWS - 1; window >= 0; window--) {
    for (let i: u32 = 0; i < WINDOW; i++) group.double(r, r)
    fillBuckets(from, to, window)
    while (countPairs() >= MIN_PAIRS) addPairs()
    addBuckets(r)
  }
}

function writeDigits(from: u32, to: u32): void {
  let at = digits
  for (let term = from; term < to; term++) {
    const magnitude = terms.magnitudeOf(term)
    const negative = terms.isNegative(term)
    let carry: i32 = 0
    for (let window: u32 = 0; window < WINDOWS; window++) {
      let digit: i32 = carry
      if (window < MAGNITUDE_SIZE) digit += load<u8>(magnitude + window)
      carry = i32(digit > 128)
      if (carry) digit -= 256
      store<i16>(at, i16(negative ? -digit : digit))
      at += 2
    }
  }
}

/** Sorts the points of a window by their digits. */
function fillBuckets(from: u32, to: u32, window: u32): void {
  memory.fill(sizes, 0, 129 * 4)
  const first = digits + 2 * window
  for (let term = from; term < to; term++) {
    const size = sizes + 4 * digitSize(load<i16>(first + (term - from) * WINDOWS * 2))
    store<u32>(size, load<u32>(size) + 1)
  }
  let start: u32 = 0
  for (let bucket: u32 = 1; bucket <= BUCKETS; bucket++) {
    store<u32>(nexts + 4 * bucket, start)
    start += load<u32>(sizes + 4 * bucket)
  }
  for (let term = from; term < to; term++) {
    const digit: i32 = load<i16>(first + (term - from) * WINDOWS * 2)
    if (digit === 0) continue
    const next = nexts + 4 * digitSize(digit)
    const index = load<u32>(next)
    store<u32>(next, index + 1)
    const point = points + index * AFFINE_SIZE
    if (digit > 0) group.copyAffine(point, terms.pointOf(term))
    else group.negateAffine(point, terms.pointOf(term))
    store<u32>(list + 4 * index, u32(point))
  }
}

function digitSize(digit: i32): u32 {
  return u32(abs(digit))
}

function countPairs(): u32 {
  let count: u32 = 0
  for (let bucket: u32 = 1; bucket <= BUCKETS; bucket++) count += load<u32>(sizes + 4 * bucket) >> 1
  return count
}

// One for the pairs at even positions, and one for those at odd ones.
const product = memory.data(40)
const oddProduct = memory.data(40)
const inverse = memory.data(40)
const oddInverse = memory.data(40)

/** A point that is doubled to no use where the number of pairs is odd. */
const filler = memory.data(80)

/** Adds the points of every bucket in pairs, which halves their number. */
function addPairs(): void {
  let count = listPairs()
  if (count & 1) {
    notePair(count, filler, filler)
    field.setSmall(divisors + count * FIELD_SIZE, 1)
    count++
  }
  field.setSmall(product, 1)
  field.setSmall(oddProduct, 1)
  for (let i: u32 = 0; i < count; i += 2) {
    const divisor = divisors + i * FIELD_SIZE
    const prefix = prefixes + i * FIELD_SIZE
    field.copy(prefix, product)
    field.copy(prefix + FIELD_SIZE, oddProduct)
    multiplyTwo(product, product, divisor, oddProduct, oddProduct, divisor + FIELD_SIZE)
  }
  field.multiply(inverse, product, oddProduct)
  field.invert(inverse, inverse)
  multiplyTwo(oddInverse, inverse, product, inverse, inverse, oddProduct)
  for (; count > 0; count -= 2) addTwoPairs(count - 2)
}

/** Forms the pairs of every bucket and lists what will be left of it; returns how many pairs there are. */
function listPairs(): u32 {
  let count: u32 = 0
  let from = list
  let to = list
  for (let bucket: u32 = 1; bucket <= BUCKETS; bucket++) {
    const size = load<u32>(sizes + 4 * bucket)
    const start = to
    for (let i: u32 = 1; i < size; i += 2, from += 8) {
      const first: Affine = load<u32>(from)
      if (!preparePair(count, first, load<u32>(from, 4))) continue
      store<u32>(to, u32(first))
      to += 4
      count++
    }
    if (size & 1) {
      store<u32>(to, load<u32>(from))
      to += 4
      from += 4
    }
    store<u32>(sizes + 4 * bucket, u32(to - start) >> 2)
  }
  return count
}

/** Notes a pair, whose sum will take the place of its first point. False where the sum is infinity: both points vanish. */
function preparePair(index: u32, first: Affine, second: Affine): bool {
  const divisor = divisors + index * FIELD_SIZE
  field.negate(divisor, first, 1)
  field.add(divisor, second)
  let partner = second
  if (field.isZero(divisor)) {
    // Equal x: y is equal or opposite, and their sum is what a doubling divides by, or 0.
    field.copy(divisor, first + FIELD_SIZE)
    field.add(divisor, second + FIELD_SIZE)
    if (field.isZero(divisor)) return false
    partner = first
  }
  notePair(index, first, partner)
  return true
}

function notePair(index: u32, first: Affine, second: Affine): void {
  store<u32>(pairs + 8 * index, u32(first))
  store<u32>(pairs + 8 * index, u32(second), 4)
}

const slope = memory.data(40)
const oddSlope = memory.data(40)
const x = memory.data(40)
const oddX = memory.data(40)
const y = memory.data(40)
const oddY = memory.data(40)

/** Adds the last two pairs left; the inverses are those of the products of all divisors up to theirs. */
function addTwoPairs(index: u32): void {
  const prefix = prefixes + index * FIELD_SIZE
  const divisor = divisors + index * FIELD_SIZE
  multiplyTwo(x, inverse, prefix, oddX, oddInverse, prefix + FIELD_SIZE)
  multiplyTwo(inverse, inverse, divisor, oddInverse, oddInverse, divisor + FIELD_SIZE)
  rise(slope, index)
  rise(oddSlope, index + 1)
  multiplyTwo(slope, slope, x, oddSlope, oddSlope, oddX)
  squareTwo(x, slope, oddX, oddSlope)
  setX(index, x, y)
  setX(index + 1, oddX, oddY)
  multiplyTwo(y, y, slope, oddY, oddY, oddSlope)
  setY(index, y)
  setY(index + 1, oddY)
}

/** r = what the slope of the pair is when divided by its divisor. */
function rise(r: Field, index: u32): void {
  const first: Affine = load<u32>(pairs + 8 * index)
  const second: Affine = load<u32>(pairs + 8 * index, 4)
  if (first === second) {
    field.square(r, first)
    field.scale(r, 3)
  } else {
    field.negate(r, first + FIELD_SIZE, 2)
    field.add(r, second + FIELD_SIZE)
  }
}

/** Gives the pair's sum its x = slope² − x1 − x2, and r = x1 − x, for the square of the slope, which is overwritten. */
function setX(index: u32, square: Field, r: Field): void {
  const first: Affine = load<u32>(pairs + 8 * index)
  const second: Affine = load<u32>(pairs + 8 * index, 4)
  field.copy(r, first)
  field.add(first, second)
  field.negate(first, first, 2)
  field.add(first, square)
  field.normalizeWeak(first)
  field.negate(square, first, 1)
  field.add(r, square)
}

/** Gives the pair's sum its y = slope·(x1 − x) − y1, for the product. */
function setY(index: u32, product: Field): void {
  const first: Affine = load<u32>(pairs + 8 * index)
  const at = first + FIELD_SIZE
  field.negate(at, at, 2)
  field.add(at, product)
  field.normalizeWeak(at)
}

const running = memory.data(128)
const total = memory.data(128)

/** r += Σ digit·bucket: each bucket is in the running sum, which is added up, as many times as its digit says. */
function addBuckets(r: Jacobian): void {
  group.setInfinity(running)
  group.setInfinity(total)
  let at = list
  for (let bucket: u32 = 1; bucket <= BUCKETS; bucket++) at += 4 * load<u32>(sizes + 4 * bucket)
  for (let bucket = BUCKETS; bucket > 0; bucket--) {
    for (let left = load<u32>(sizes + 4 * bucket); left > 0; left--) {
      at -= 4
      group.addAffine(running, running, load<u32>(at), 0)
    }
    group.addJacobian(total, total, running)
  }
  group.addJacobian(r, r, total)
}
