/**
 * Verification of BIP340 signatures, one or a batch. A signature (r, s) of m for the key P is valid when R = s·G − e·P is the point
 * of x = r and even y, for the challenge e = H(r ‖ P ‖ m). A batch is valid when Σ aᵢ·(sᵢ·G − eᵢ·Pᵢ − Rᵢ) is infinity, for
 * coefficients aᵢ that nobody could know before the batch was fixed (BIP340, Batch Verification).
 */

import * as sha256 from '../sha256/stream'
import * as field from './field'
import * as group from './group'
import { AFFINE_SIZE } from './group'
import * as pippenger from './pippenger'
import * as scalar from './scalar'
import { SCALAR_SIZE } from './scalar'
import * as strauss from './strauss'
import * as terms from './terms'
import { MAGNITUDE_SIZE, TERMS } from './terms'

// What is kept of each signature: r and the key as bytes; s and e as bytes, from which the coefficients are drawn; aᵢ·sᵢ.
const rs = memory.data(1024 * 32)
const keys = memory.data(1024 * 32)
const scalars = memory.data(1024 * 64)
const products = memory.data(1024 * 32)

/** Signatures of the batch. */
let count: u32 = 0

/** "BIP0340/challenge" */
const CHALLENGE_TAG = memory.data<u8>([
  0x42, 0x49, 0x50, 0x30, 0x33, 0x34, 0x30, 0x2f, 0x63, 0x68, 0x61, 0x6c, 0x6c, 0x65, 0x6e, 0x67, 0x65,
])
/** "opentab/coefficients" */
const COEFFICIENT_TAG = memory.data<u8>([
  0x6f, 0x70, 0x65, 0x6e, 0x74, 0x61, 0x62, 0x2f, 0x63, 0x6f, 0x65, 0x66, 0x66, 0x69, 0x63, 0x69, 0x65, 0x6e,
  0x74, 0x73,
])
const challengeMidstate = memory.data(32)
const coefficientMidstate = memory.data(32)

/** Prepares constants and tables. */
export function initialize(): void {
  sha256.tagMidstate(challengeMidstate, CHALLENGE_TAG, 17)
  sha256.tagMidstate(coefficientMidstate, COEFFICIENT_TAG, 20)
  strauss.initialize()
}

/** Starts the batch's next signature, 64 bytes r ‖ s, with its key of 32. `absorb` takes its message, `finish` ends it. */
export function begin(signature: usize, key: usize): void {
  memory.copy(rs + count * 32, signature, 32)
  memory.copy(scalars + count * 64, signature + 32, 32)
  memory.copy(keys + count * 32, key, 32)
  sha256.startFrom(challengeMidstate)
  sha256.absorb(signature, 32)
  sha256.absorb(key, 32)
}

/** Adds bytes to the signature's message. */
export function absorb(from: usize, bytes: u32): void {
  sha256.absorb(from, bytes)
}

/** Ends a signature. */
export function finish(): void {
  sha256.finish(challengeOf(count))
  count++
}

/** Position of the batch's first signature that is not valid, its size where all are. The next `begin` starts another. */
export function firstInvalid(): u32 {
  const size = count
  count = 0
  // One alone does without its R.
  if (size === 1) return u32(isFirstValid())
  // A signature out of range or off the curve is invalid by itself: only those before it still matter.
  let sound: u32 = 0
  while (sound < size && lift(sound)) sound++
  if (sound === 0) return 0
  drawCoefficients(sound)
  if (isSumInfinity(0, sound)) return sound
  // Those before `low` are valid, and one before `high` is not. The coefficients of the whole batch serve its parts too.
  let low: u32 = 0
  let high = sound
  while (high - low > 1) {
    const middle = (low + high) >> 1
    if (isSumInfinity(low, middle)) low = middle
    else high = middle
  }
  return low
}

function sOf(index: u32): usize {
  return scalars + index * 64
}

function challengeOf(index: u32): usize {
  return scalars + index * 64 + 32
}

const s = memory.data(32)
const e = memory.data(32)
const a = memory.data(32)
const sum = memory.data(128)
const x = memory.data(40)

/** Verifies the batch's only signature. */
function isFirstValid(): bool {
  const key: u32 = 1
  if (!field.fromBytes(x, rs)) return false
  if (!scalar.fromBytes(s, sOf(0))) return false
  if (!group.lift(terms.pointOf(key), keys)) return false
  scalar.fromBytes(e, challengeOf(0))
  scalar.negate(e, e)
  terms.setSplitScalar(key, e)
  strauss.sum(sum, key, key + 2, s)
  return !group.isInfinity(sum) && group.isX(sum, x) && group.hasEvenY(sum)
}

/** Lifts the key and r to points. False where either has none, or s is out of range. */
function lift(index: u32): bool {
  const r = terms.pointOf(index * TERMS)
  const key = r + AFFINE_SIZE
  if (!scalar.fromBytes(s, sOf(index))) return false
  if (!group.liftTwo(key, keys + index * 32, r, rs + index * 32)) return false
  group.multiplyLambda(key + AFFINE_SIZE, key)
  return true
}

/** A hash of the batch, and the number of a pair of coefficients. */
const seed = memory.data(36)
const coefficients = memory.data(32)

/**
 * Draws the coefficients of the first `size` signatures and gives their terms the scalars −aᵢ for Rᵢ and −aᵢ·eᵢ for Pᵢ.
 *
 * The seed hashes every s and every challenge, which itself hashes r, key and message: who changes anything changes all
 * coefficients. As the group's order is prime, at most one in 2^128 values of a coefficient lets a batch with an invalid signature pass,
 * whatever the others are: as unlikely as to forge one by finding discrete logarithms, which takes 2^128 steps.
 * BIP340 fixes the first coefficient at 1 and draws the others below n; 128 bits are enough, halve the work for R, and 0 need
 * not be left out, since it is one of those values.
 */
function drawCoefficients(size: u32): void {
  sha256.startFrom(coefficientMidstate)
  sha256.absorb(scalars, size * 64)
  sha256.finish(seed)
  memory.fill(a, 0, SCALAR_SIZE)
  for (let index: u32 = 0; index < size; index++) {
    const second = index & 1
    if (!second) {
      store<u32>(seed, index >> 1, 32)
      sha256.startFrom(coefficientMidstate)
      sha256.absorb(seed, 36)
      sha256.finish(coefficients)
    }
    memory.copy(a, coefficients + second * MAGNITUDE_SIZE, MAGNITUDE_SIZE)
    scalar.fromBytes(s, sOf(index))
    scalar.multiply(products + index * SCALAR_SIZE, a, s)
    scalar.fromBytes(e, challengeOf(index))
    scalar.multiply(e, a, e)
    scalar.negate(e, e)
    scalar.negate(a, a)
    terms.setScalar(index * TERMS, a)
    terms.setSplitScalar(index * TERMS + 1, e)
    memory.fill(a + MAGNITUDE_SIZE, 0, SCALAR_SIZE - MAGNITUDE_SIZE)
  }
}

const g = memory.data(32)
const generatorSum = memory.data(128)

/** Whether the signatures from `from` up to `to`, which have their terms, sum to infinity. */
function isSumInfinity(from: u32, to: u32): bool {
  scalar.copy(g, products + from * SCALAR_SIZE)
  for (let index = from + 1; index < to; index++) scalar.add(g, products + index * SCALAR_SIZE)
  if (to - from <= strauss.CAPACITY) strauss.sum(sum, from * TERMS, to * TERMS, g)
  else {
    strauss.sum(generatorSum, 0, 0, g)
    pippenger.sum(sum, from * TERMS, to * TERMS)
    group.addJacobian(sum, sum, generatorSum)
  }
  return group.isInfinity(sum)
}
