/**
 * The signature kernel: what its module exports. BIP340 verification and sums of public points, no secret ever enters. The caller writes
 * signatures into the input buffer, one after another, and asks for the first that is not valid; or the terms of a sum, and asks for it.
 */
import * as batch from './batch'
import * as sums from './combine'
import { MAX_SIGNATURES } from './terms'

/** Bytes of a message that the input buffer holds. */
const CHUNK: u32 = 4096

/** A signature, 64 bytes, its key, 32, and its message or a part of it. */
const buffer = memory.data(64 + 32 + 4096)

/** Address of the input buffer. */
export function input(): usize {
  return buffer
}

/** Bytes of a message that the input buffer holds; longer ones are absorbed in parts. */
export function chunk(): u32 {
  return CHUNK
}

/** Signatures of a batch, at most. */
export function capacity(): u32 {
  return MAX_SIGNATURES
}

/** Adds the signature and the key in the input buffer to the batch. */
export function begin(): void {
  batch.begin(buffer, buffer + 64)
}

/** Adds the first `bytes` bytes of the message part in the input buffer to its message. */
export function absorb(bytes: u32): void {
  batch.absorb(buffer + 96, bytes)
}

/** Ends its message. */
export function finish(): void {
  batch.finish()
}

/** Position of the batch's first signature that is not valid, its size where all are; the batch is then forgotten. */
export function firstInvalid(): u32 {
  return batch.firstInvalid()
}

/**
 * The sum of the terms in the input buffer, written there, not between `begin` and `firstInvalid`. 1: a point, 33 bytes compressed; 0: infinity; 2: a point is
 * not on the curve, or a scalar not below n. Order of the input: a scalar for G (32 bytes), `weighted` points (33 bytes) each with its scalar (32), `plain` points.
 */
export function combine(weighted: u32, plain: u32): u32 {
  return sums.combine(buffer, weighted, plain)
}

batch.initialize()

// For tests only: the arithmetic by itself.
export {
  add as fieldAdd,
  areEqual as fieldAreEqual,
  fromBytes as fieldFromBytes,
  halve as fieldHalve,
  invert as fieldInvert,
  isZero as fieldIsZero,
  multiply as fieldMultiply,
  negate as fieldNegate,
  normalize as fieldNormalize,
  normalizeWeak as fieldNormalizeWeak,
  square as fieldSquare,
  toBytes as fieldToBytes,
} from './field'
export {
  multiplyTwo as fieldMultiplyTwo,
  squareRoots as fieldSquareRoots,
  squareTwoTimes as fieldSquareTwoTimes,
} from './field-pairs'
export {
  addAffine,
  addJacobian,
  addScaled,
  double,
  isInfinity,
  lift,
  liftTwo,
  multiplyLambda,
  setInfinity,
  toAffine,
} from './group'
export { sum as pippengerSum } from './pippenger'
export {
  add as scalarAdd,
  fromBytes as scalarFromBytes,
  multiply as scalarMultiply,
  negate as scalarNegate,
  split as scalarSplit,
} from './scalar'
export { sum as straussSum } from './strauss'
export { magnitudeOf, pointOf, setScalar, setSplitScalar } from './terms'
