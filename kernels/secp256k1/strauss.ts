/**
 * Sums of a few terms by Strauss: all terms share their doublings, and each adds an odd multiple of its point, from a table,
 * wherever its wNAF has a digit (Guide to Elliptic Curve Cryptography, algorithms 3.35, 3.48, 3.51). The generator has larger
 * tables, made once.
 */
import * as field from './field'
import { FIELD_SIZE, Field } from './field'
import * as group from './group'
import { AFFINE_SIZE, Affine, GENERATOR, Jacobian } from './group'
import { Scalar } from './scalar'
import * as terms from './terms'
import { TERM_BITS, TERMS } from './terms'

/** Signatures of a sum, at most: from some more on, Pippenger's algorithm is faster. */
export const CAPACITY: u32 = 64

/** Width of the wNAF of a term, and the entries of its table: 1, 3, … 15 times the point. */
const WINDOW: u32 = 5
const ENTRIES: u32 = 8
/** The same for the generator: 1, 3, … times G, and as many times 2^128·G, which takes the upper half of its scalar. */
const GENERATOR_WINDOW: u32 = 11
const GENERATOR_ENTRIES: u32 = 512

/** Digits of a wNAF: one more than bits, for the carry. */
const DIGITS: u32 = TERM_BITS + 1

const generatorLow = memory.data(512 * 80)
const generatorHigh = memory.data(512 * 80)
const generatorLowDigits = memory.data(129 * 2)
const generatorHighDigits = memory.data(129 * 2)

const tables = memory.data(3 * 64 * 8 * 80)
// The ratios of the z of each entry to that of the one before; G's tables use them first.
const ratios = memory.data(3 * 64 * 8 * 40)
const digits = memory.data(3 * 64 * 129 * 2)

/** Z of a Jacobian point. */
const Z: usize = 2 * FIELD_SIZE
const TABLE_SIZE: u32 = ENTRIES * AFFINE_SIZE

const common = memory.data(40)
const scale = memory.data(40)
const negated = memory.data(80)
const high = memory.data(80)
const current = memory.data(128)
const doubled = memory.data(128)

/** Makes the generator's tables. */
export function initialize(): void {
  makeGeneratorTable(generatorLow, GENERATOR)
  group.fromAffine(current, GENERATOR)
  for (let i = 0; i < 128; i++) group.double(current, current)
  group.toAffine(high, current)
  makeGeneratorTable(generatorHigh, high)
}

function makeGeneratorTable(table: usize, point: Affine): void {
  group.fromAffine(current, point)
  fillTable(table, ratios, GENERATOR_ENTRIES)
  field.invert(scale, common)
  bringToScale(table, ratios, GENERATOR_ENTRIES)
  for (let at = table; at < table + GENERATOR_ENTRIES * AFFINE_SIZE; at += FIELD_SIZE) field.normalize(at)
}

/**
 * r = g·G + the sum of the terms from `from` up to `to`, which begin with a signature's R or P and end with a whole
 * signature.
 */
export function sum(r: Jacobian, from: u32, to: u32, g: Scalar): void {
  makeTables(from, to)
  let length = max(
    writeDigits(generatorLowDigits, g, GENERATOR_WINDOW, false),
    writeDigits(generatorHighDigits, g + 16, GENERATOR_WINDOW, false),
  )
  for (let term = from; term < to; term++) {
    const at = digits + (term - from) * DIGITS * 2
    length = max(length, writeDigits(at, terms.magnitudeOf(term), WINDOW, terms.isNegative(term)))
  }

  group.setInfinity(r)
  for (let bit: i32 = i32(length) - 1; bit >= 0; bit--) {
    group.double(r, r)
    let at = digits + 2 * bit
    let table = tables
    for (let term = from; term < to; term++) {
      const digit = load<i16>(at)
      if (digit !== 0) group.addAffine(r, r, entryOf(table, digit), 0)
      at += DIGITS * 2
      table += TABLE_SIZE
    }
    const low = load<i16>(generatorLowDigits + 2 * bit)
    if (low !== 0) group.addScaled(r, r, entryOf(generatorLow, low), common)
    const high = load<i16>(generatorHighDigits + 2 * bit)
    if (high !== 0) group.addScaled(r, r, entryOf(generatorHigh, high), common)
  }
  if (!group.isInfinity(r)) field.multiply(r + Z, r + Z, common)
}

/**
 * The tables of the terms, all on one scale: the point of an entry is (x / c², y / c³) for the `common` c, which only the result
 * has to be told, while sums treat entries as affine.
 */
function makeTables(from: u32, to: u32): void {
  field.setSmall(common, 1)
  for (let term = from; term < to; term++) {
    if (isLambda(term)) continue
    group.rescale(current, terms.pointOf(term), common)
    field.copy(current + Z, common)
    group.setFinite(current)
    fillTable(tableOf(term - from), ratiosOf(term - from), ENTRIES)
  }
  field.setSmall(scale, 1)
  for (let term = to; term > from; term--) {
    if (isLambda(term - 1)) continue
    bringToScale(tableOf(term - 1 - from), ratiosOf(term - 1 - from), ENTRIES)
  }
  for (let term = from; term < to; term++) {
    if (!isLambda(term)) continue
    const table = tableOf(term - from)
    for (let entry: usize = 0; entry < TABLE_SIZE; entry += AFFINE_SIZE)
      group.multiplyLambda(table + entry, table - TABLE_SIZE + entry)
  }
}

function isLambda(term: u32): bool {
  return term % TERMS === 2
}

function tableOf(index: u32): usize {
  return tables + index * TABLE_SIZE
}

function ratiosOf(index: u32): Field {
  return ratios + index * ENTRIES * FIELD_SIZE
}

/**
 * Fills a table with 1, 3, 5, … times the point in `current`, which is finite. The entries leave their z out: the last one's
 * becomes `common`, and the ratio of each to that of the entry before (of the first to the point's) is kept. The sums are
 * done on the curve scaled so that the double of the point is affine.
 */
function fillTable(table: usize, ratio: Field, entries: u32): void {
  group.double(doubled, current)
  const step = doubled + Z
  group.rescale(current, current, step)
  group.copyAffine(table, current)
  field.copy(ratio, step)
  for (let i: u32 = 1; i < entries; i++) {
    table += AFFINE_SIZE
    ratio += FIELD_SIZE
    group.addAffine(current, current, doubled, ratio)
    group.copyAffine(table, current)
  }
  field.multiply(common, current + Z, step)
}

/** Multiplies the z left out of the last entry by `scale`, and brings the others to the same; `scale` is then the first's, times its ratio. */
function bringToScale(table: usize, ratio: Field, entries: u32): void {
  for (let i = entries; i > 0; i--) {
    const entry = table + (i - 1) * AFFINE_SIZE
    group.rescale(entry, entry, scale)
    field.multiply(scale, scale, ratio + (i - 1) * FIELD_SIZE)
  }
}

/** The entry of a table for an odd digit. */
function entryOf(table: usize, digit: i32): Affine {
  if (digit > 0) return table + u32(digit >> 1) * AFFINE_SIZE
  const entry = table + u32(-digit >> 1) * AFFINE_SIZE
  group.negateAffine(negated, entry)
  return negated
}

/**
 * The width-w NAF of 128 bits, lowest first: digits are 0 or odd and below 2^(w − 1), and after each that isn't 0 come w − 1
 * that are. Returns how many digits there are up to the last that isn't 0.
 */
function writeDigits(at: usize, magnitude: usize, width: u32, negative: bool): i32 {
  memory.fill(at, 0, DIGITS * 2)
  let length = 0
  let carry: u32 = 0
  let bit: u32 = 0
  while (bit < DIGITS) {
    if (bitsAt(magnitude, bit, 1) === carry) {
      bit++
      continue
    }
    const taken = min(width, DIGITS - bit)
    const value = bitsAt(magnitude, bit, taken) + carry
    carry = (value >> (width - 1)) & 1
    const digit = i32(value) - i32(carry << width)
    store<i16>(at + 2 * bit, i16(negative ? -digit : digit))
    length = bit + 1
    bit += taken
  }
  return length
}

/** Bits `bit` to `bit + count` of a 128-bit number, 0 above. */
function bitsAt(magnitude: usize, bit: u32, count: u32): u32 {
  if (bit >= TERM_BITS) return 0
  const limb = bit >> 5
  let pair: u64 = load<u32>(magnitude + 4 * limb)
  if (limb < 3) pair |= u64(load<u32>(magnitude + 4 * limb, 4)) << 32
  return u32(pair >> (bit & 31)) & ((1 << count) - 1)
}
