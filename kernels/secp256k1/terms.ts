/**
 * The sum that verification comes down to, Σ scalar·point, as terms in memory: each an affine point, and a scalar of at most 128
 * bits with a sign. Every signature has three terms in a row: its R, its key P, and λ·P, which takes a half of P's scalar.
 */
import { AFFINE_SIZE, Affine } from './group'
import * as scalar from './scalar'
import { Scalar } from './scalar'

/** Signatures of a batch, at most. */
export const MAX_SIGNATURES: u32 = 1024
/** Terms of a signature. */
export const TERMS: u32 = 3
/** Bits of a term's scalar. */
export const TERM_BITS: u32 = 128
/** Bytes of a term's scalar. */
export const MAGNITUDE_SIZE: u32 = 16

const points = memory.data(3 * 1024 * 80)
const magnitudes = memory.data(3 * 1024 * 16)
const negatives = memory.data(3 * 1024)

/** The term's point. */
export function pointOf(term: u32): Affine {
  return points + term * AFFINE_SIZE
}

/** Address of the absolute value of the term's scalar, the least significant byte first. */
export function magnitudeOf(term: u32): usize {
  return magnitudes + term * MAGNITUDE_SIZE
}

/** Whether the term's scalar is below 0. */
export function isNegative(term: u32): bool {
  return load<u8>(negatives + term) !== 0
}

const magnitude = memory.data(32)

/** Gives the term a scalar of which either itself or its negation has at most 128 bits. */
export function setScalar(term: u32, value: Scalar): void {
  const negative = scalar.isNegative(value)
  if (negative) scalar.negate(magnitude, value)
  else scalar.copy(magnitude, value)
  memory.copy(magnitudeOf(term), magnitude, MAGNITUDE_SIZE)
  store<u8>(negatives + term, u8(negative))
}

const half1 = memory.data(32)
const half2 = memory.data(32)

/** Gives the term and the one after it, of which the point is λ times its own, the halves of any scalar. */
export function setSplitScalar(term: u32, value: Scalar): void {
  scalar.split(half1, half2, value)
  setScalar(term, half1)
  setScalar(term + 1, half2)
}
