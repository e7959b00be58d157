/**
 * Points of secp256k1, y² = x³ + 7. An affine point is x and y, 80 bytes, and never infinity. A Jacobian point stands for
 * (x / z², y / z³): x, y, z and a flag for infinity, 128 bytes. Magnitudes: affine x 1, y at most 2; Jacobian x and y at most
 * 4, z at most 1. Sums treat equal and opposite points and infinity as the group does. Results may overwrite operands.
 */
import * as field from './field'
import { FIELD_SIZE, Field } from './field'
import { multiplyTwo, squareRoots, squareTwo } from './field-pairs'

/** Address of an affine point. */
export type Affine = usize
/** Address of a Jacobian point. */
export type Jacobian = usize

export const AFFINE_SIZE: u32 = 80

const Y: usize = FIELD_SIZE
const Z: usize = 2 * FIELD_SIZE
const INFINITY: usize = 3 * FIELD_SIZE

/** The cube root of 1 that makes (x, y) ↦ (βx, y) the multiplication by λ. */
const BETA = memory.data<u32>([
  0x19501ee, 0x25b0a1c, 0x0995c13, 0x1d44bd6, 0x19cf049, 0x30d0d3a, 0x24479ea, 0x01c41b9, 0x22b657c,
  0x01eba5a,
])

/** The generator G. */
export const GENERATOR: Affine = memory.data<u32>([
  0x2f81798, 0x0a056c5, 0x28d959f, 0x36cb738, 0x3029bfc, 0x3a1c2c1, 0x206295c, 0x2eeb156, 0x27ef9dc,
  0x01e6f99, 0x310d4b8, 0x1f423fe, 0x14199c4, 0x1229a15, 0x0fd17b4, 0x384422a, 0x24fbfc0, 0x3119576,
  0x27726a3, 0x0120eb6,
])

const t = memory.data(FIELD_SIZE)
const s = memory.data(FIELD_SIZE)
const h = memory.data(FIELD_SIZE)
const h2 = memory.data(FIELD_SIZE)
const h3 = memory.data(FIELD_SIZE)
const i = memory.data(FIELD_SIZE)
const i2 = memory.data(FIELD_SIZE)
const u = memory.data(FIELD_SIZE)
const zz = memory.data(FIELD_SIZE)
const az = memory.data(FIELD_SIZE)
/** The second point that lifting one by itself takes. */
const other = memory.data(80)

export function isInfinity(a: Jacobian): bool {
  return load<u32>(a, INFINITY) !== 0
}

export function setInfinity(r: Jacobian): void {
  store<u32>(r, 1, INFINITY)
}

export function setFinite(r: Jacobian): void {
  store<u32>(r, 0, INFINITY)
}

export function copyAffine(r: Affine, a: Affine): void {
  field.copy(r, a)
  field.copy(r + Y, a + Y)
}

export function copyJacobian(r: Jacobian, a: Jacobian): void {
  copyAffine(r, a)
  field.copy(r + Z, a + Z)
  store<u32>(r, load<u32>(a, INFINITY), INFINITY)
}

/** r = a with z = 1. */
export function fromAffine(r: Jacobian, a: Affine): void {
  copyAffine(r, a)
  field.setSmall(r + Z, 1)
  setFinite(r)
}

/** r = (a.x·z², a.y·z³), which is a on the curve scaled by z; r may be a. */
export function rescale(r: Affine, a: Affine, z: Field): void {
  multiplyTwo(zz, z, z, s, a + Y, z)
  multiplyTwo(r, a, zz, r + Y, s, zz)
}

/** r = λ·a: the endomorphism. */
export function multiplyLambda(r: Affine, a: Affine): void {
  field.multiply(r, a, BETA)
  if (r !== a) field.copy(r + Y, a + Y)
}

/** r = −a, for a y of magnitude 1; that of r has 2. */
export function negateAffine(r: Affine, a: Affine): void {
  field.copy(r, a)
  field.negate(r + Y, a + Y, 1)
}

/** r = a, which is finite. */
export function toAffine(r: Affine, a: Jacobian): void {
  field.invert(az, a + Z)
  rescale(r, a, az)
}

/** Whether a, which is finite, has this x, of magnitude 1. */
export function isX(a: Jacobian, x: Field): bool {
  field.square(zz, a + Z)
  field.multiply(zz, zz, x)
  return field.areEqual(zz, a)
}

/** Whether the y of a, which is finite, is even. */
export function hasEvenY(a: Jacobian): bool {
  field.invert(az, a + Z)
  field.square(zz, az)
  field.multiply(zz, zz, az)
  field.multiply(zz, zz, a + Y)
  field.normalize(zz)
  return !field.isOdd(zz)
}

/** r and s = the points of even y with these x, given as 32 bytes (lift_x of BIP340). False where either has none. */
export function liftTwo(r: Affine, rx: usize, s: Affine, sx: usize): bool {
  if (!field.fromBytes(r, rx) || !field.fromBytes(s, sx)) return false
  curve(t, r)
  curve(u, s)
  if (!squareRoots(r + Y, t, s + Y, u)) return false
  makeEven(r + Y)
  makeEven(s + Y)
  return true
}

/** The same for one point. */
export function lift(r: Affine, bytes: usize): bool {
  return liftTwo(r, bytes, other, bytes)
}

/** r = x³ + 7. */
function curve(r: Field, x: Field): void {
  field.square(r, x)
  field.multiply(r, r, x)
  field.setSmall(zz, 7)
  field.add(r, zz)
}

/** Replaces a y by that of the opposite point where it is odd. */
function makeEven(y: Field): void {
  field.normalize(y)
  if (!field.isOdd(y)) return
  field.negate(y, y, 1)
  field.normalizeWeak(y)
}

/** r = 2a. No point has order 2, so that only infinity doubles to infinity. */
export function double(r: Jacobian, a: Jacobian): void {
  if (isInfinity(a)) {
    setInfinity(r)
    return
  }
  setFinite(r)
  squareTwo(s, a + Y, h, a)
  field.scale(h, 3)
  field.halve(h) // 3/2·x², magnitude 2
  field.negate(t, s, 1)
  multiplyTwo(r + Z, a + Z, a + Y, t, t, a) // −x·y²
  squareTwo(r, h, s, s)
  field.add(r, t)
  field.add(r, t) // x' = h² − 2x·y², magnitude 3
  field.add(t, r)
  field.multiply(r + Y, t, h)
  field.add(r + Y, s)
  field.negate(r + Y, r + Y, 2) // y' = −(h·(t + x') + y⁴), magnitude 3
}

/**
 * r = a + b. Where `ratio` isn't 0, a is finite and the ratio of r's z to a's is stored there.
 */
export function addAffine(r: Jacobian, a: Jacobian, b: Affine, ratio: Field): void {
  if (isInfinity(a)) {
    fromAffine(r, b)
    return
  }
  scalePoint(b, a + Z)
  if (!prepareSum(a, a + Y)) {
    addSameX(r, a)
    return
  }
  if (ratio) field.copy(ratio, h)
  field.multiply(r + Z, a + Z, h)
  finishSum(r, a, a + Y)
}

/** r = a + b', where b' is (b.x·z², b.y·z³) for the inverse z of `inverseZ`: b on the scale of a curve on which a is given. */
export function addScaled(r: Jacobian, a: Jacobian, b: Affine, inverseZ: Field): void {
  if (isInfinity(a)) {
    rescale(r, b, inverseZ)
    field.setSmall(r + Z, 1)
    setFinite(r)
    return
  }
  field.multiply(az, a + Z, inverseZ)
  scalePoint(b, az)
  if (!prepareSum(a, a + Y)) {
    addSameX(r, a)
    return
  }
  field.multiply(r + Z, a + Z, h)
  finishSum(r, a, a + Y)
}

const ax = memory.data(FIELD_SIZE)
const ay = memory.data(FIELD_SIZE)

/** r = a + b. */
export function addJacobian(r: Jacobian, a: Jacobian, b: Jacobian): void {
  if (isInfinity(a)) {
    copyJacobian(r, b)
    return
  }
  if (isInfinity(b)) {
    copyJacobian(r, a)
    return
  }
  squareTwo(az, b + Z, zz, a + Z)
  multiplyTwo(ax, a, az, u, b, zz)
  multiplyTwo(ay, a + Y, az, s, b + Y, zz)
  multiplyTwo(ay, ay, b + Z, s, s, a + Z)
  if (!prepareSum(ax, ay)) {
    addSameX(r, a)
    return
  }
  field.multiply(t, h, b + Z)
  field.multiply(r + Z, a + Z, t)
  finishSum(r, ax, ay)
}

/** (u, s) = b on the scale of z. */
function scalePoint(b: Affine, z: Field): void {
  multiplyTwo(zz, z, z, s, b + Y, z)
  multiplyTwo(u, b, zz, s, s, zz)
}

/** With b as (u, s) on a's scale: h = u − x and i = y − s, of magnitude 6. Whether h isn't 0: the sum is the common case. */
function prepareSum(x: Field, y: Field): bool {
  field.negate(h, x, 4)
  field.add(h, u)
  field.negate(i, s, 1)
  field.add(i, y)
  return !field.isZero(h)
}

/** The sum of points of the same x: the double where they are equal, infinity where they are opposite. */
function addSameX(r: Jacobian, a: Jacobian): void {
  if (field.isZero(i)) double(r, a)
  else setInfinity(r)
}

/** x and y of the sum; r's z has been written, r's x and y may be the operands. */
function finishSum(r: Jacobian, x: Field, y: Field): void {
  setFinite(r)
  squareTwo(h2, h, i2, i)
  field.negate(h2, h2, 1)
  multiplyTwo(h3, h2, h, t, x, h2) // −h³ and −x·h²
  field.copy(r, i2)
  field.add(r, h3)
  field.add(r, t)
  field.add(r, t) // x' = i² − h³ − 2x·h², magnitude 4
  field.add(t, r)
  multiplyTwo(h3, h3, y, r + Y, t, i)
  field.add(r + Y, h3) // y' = i·(x' − x·h²) − y·h³, magnitude 2
}
