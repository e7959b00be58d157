/**
 * Promise: the signature kernel's arithmetic is that of the field, of the scalars and of the group, for limbs as large as their
 * magnitudes allow, at the edges of both moduli, and where sums meet equal points, opposite points and infinity.
 * Judged by BigInt, and by noble for points.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { secp256k1 } from '@noble/curves/secp256k1.js'
import { kernelBytes, seededNumbers } from '../../support/kernels.ts'

/** Addresses of operands and results. */
type Address = number

interface Arithmetic {
  readonly memory: WebAssembly.Memory
  input(): Address
  fieldAdd(r: Address, a: Address): void
  fieldAreEqual(a: Address, b: Address): number
  fieldFromBytes(r: Address, bytes: Address): number
  fieldHalve(r: Address): void
  fieldInvert(r: Address, a: Address): void
  fieldIsZero(a: Address): number
  fieldMultiply(r: Address, a: Address, b: Address): void
  fieldMultiplyTwo(r: Address, a: Address, b: Address, s: Address, c: Address, d: Address): void
  fieldNegate(r: Address, a: Address, magnitude: number): void
  fieldNormalize(r: Address): void
  fieldNormalizeWeak(r: Address): void
  fieldSquare(r: Address, a: Address): void
  fieldSquareRoots(r: Address, a: Address, s: Address, b: Address): number
  fieldSquareTwoTimes(r: Address, a: Address, s: Address, b: Address, count: number): void
  fieldToBytes(bytes: Address, a: Address): void
  scalarAdd(r: Address, a: Address): void
  scalarFromBytes(r: Address, bytes: Address): number
  scalarMultiply(r: Address, a: Address, b: Address): void
  scalarNegate(r: Address, a: Address): void
  scalarSplit(k1: Address, k2: Address, k: Address): void
  addAffine(r: Address, a: Address, b: Address, ratio: Address): void
  addJacobian(r: Address, a: Address, b: Address): void
  addScaled(r: Address, a: Address, b: Address, inverseZ: Address): void
  double(r: Address, a: Address): void
  isInfinity(a: Address): number
  lift(r: Address, bytes: Address): number
  liftTwo(r: Address, a: Address, s: Address, b: Address): number
  setInfinity(r: Address): void
  toAffine(r: Address, a: Address): void
  multiplyLambda(r: Address, a: Address): void
  pointOf(term: number): Address
  setScalar(term: number, value: Address): void
  setSplitScalar(term: number, value: Address): void
  straussSum(r: Address, from: number, to: number, g: Address): void
  pippengerSum(r: Address, from: number, to: number): void
}

const Point = secp256k1.Point
type Point = InstanceType<typeof Point>
const P = Point.Fp.ORDER
const N = Point.Fn.ORDER
const LAMBDA = 0x5363ad4cc05c30e0a5261c028812645a122e22ea20816678df02967c1b23bd72n

const { instance } = await WebAssembly.instantiate(await kernelBytes('secp256k1'))
const kernel = instance.exports as unknown as Arithmetic
const view = new DataView(kernel.memory.buffer)
/** Room for operands: the kernel's buffer for messages. */
const [A, B, C, D, R] = [0, 256, 512, 768, 1024].map((offset) => kernel.input() + offset)

const random = seededNumbers(340)
const randomBelow = (bound: bigint): bigint => {
  let value = 0n
  for (let i = 0; i < 10; i++) value = (value << 32n) | BigInt(random())
  return value % bound
}
const modulo = (value: bigint, modulus: bigint): bigint => ((value % modulus) + modulus) % modulus

// Field elements.

function setLimbs(at: Address, limbs: readonly number[]): void {
  for (const [i, limb] of limbs.entries()) view.setUint32(at + 4 * i, limb, true)
}

function limbsAt(at: Address): number[] {
  return Array.from({ length: 10 }, (_, i) => view.getUint32(at + 4 * i, true))
}

/** What limbs stand for, not reduced. */
function valueAt(at: Address): bigint {
  return limbsAt(at).reduceRight((value, limb) => (value << 26n) + BigInt(limb), 0n)
}

function setField(at: Address, value: bigint): void {
  setLimbs(
    at,
    Array.from({ length: 10 }, (_, i) => Number((value >> BigInt(26 * i)) & 0x3ffffffn)),
  )
}

/** The largest limbs of a magnitude. */
function largestLimbs(magnitude: number): number[] {
  return Array.from({ length: 10 }, (_, i) => 2 * magnitude * ((i < 9 ? 2 ** 26 : 2 ** 22) - 1))
}

/** Limbs up to a magnitude: random, or each the least or the largest. */
function* limbsOf(magnitude: number, cases: number): Generator<number[]> {
  const largest = largestLimbs(magnitude)
  yield largest
  yield largest.map(() => 0)
  for (let i = 0; i < 10; i++) yield largest.map((limb, at) => (at === i ? limb : 0))
  for (let i = 0; i < 10; i++) yield largest.map((limb, at) => (at === i ? 0 : limb))
  for (let i = 0; i < cases; i++)
    yield largest.map((limb) => (random() % 4 === 0 ? limb : Math.floor((random() / 2 ** 32) * (limb + 1))))
}

function assertMagnitude(at: Address, magnitude: number, what: string): void {
  const largest = largestLimbs(magnitude)
  for (const [i, limb] of limbsAt(at).entries())
    assert.ok(limb <= largest[i], `${what}: limb ${i} is ${limb}, above magnitude ${magnitude}`)
}

const EDGES = [0n, 1n, 2n, 7n, (P - 1n) / 2n, (P + 1n) / 2n, P - 2n, P - 1n, 2n ** 255n, 2n ** 256n - P - 1n]

test('field: products and squares of limbs up to magnitude 8', () => {
  for (const magnitude of [1, 2, 5, 8])
    for (const a of limbsOf(magnitude, 300)) {
      setLimbs(A, a)
      for (const b of [largestLimbs(8), [...limbsOf(magnitude, 1)].at(-1)!]) {
        setLimbs(B, b)
        kernel.fieldMultiply(R, A, B)
        assert.equal(modulo(valueAt(R), P), (valueAt(A) * valueAt(B)) % P, `${a} times ${b}`)
        assertMagnitude(R, 1, `${a} times ${b}`)
      }
      kernel.fieldSquare(R, A)
      assert.equal(modulo(valueAt(R), P), valueAt(A) ** 2n % P, `${a} squared`)
      assertMagnitude(R, 1, `${a} squared`)
    }
})

test('field: a result may overwrite its operands', () => {
  for (let i = 0; i < 50; i++) {
    const [a, b] = [randomBelow(P), randomBelow(P)]
    for (const [r, other] of [
      [A, B],
      [B, A],
    ] as const) {
      setField(A, a)
      setField(B, b)
      kernel.fieldMultiply(r, A, B)
      assert.equal(modulo(valueAt(r), P), (a * b) % P)
      kernel.fieldMultiply(other, other, other)
      assert.equal(modulo(valueAt(other), P), (other === A ? a : b) ** 2n % P)
    }
    setField(A, a)
    kernel.fieldSquare(A, A)
    assert.equal(modulo(valueAt(A), P), a ** 2n % P)
  }
})

test('field: two products and two squares at once, for limbs up to magnitude 8', () => {
  const assertElement = (at: Address, expected: bigint, what: string): void => {
    assert.equal(valueAt(at) % P, expected % P, what)
    assertMagnitude(at, 1, what)
  }
  for (const magnitude of [1, 2, 5, 8]) {
    const all = [...limbsOf(magnitude, 300)]
    for (const [i, a] of all.entries()) {
      // The neighbours in a vector differ, and each has the largest limbs beside it once.
      const d = all[(7 * i + 3) % all.length]
      for (const [b, c] of [
        [largestLimbs(8), all[(i + 1) % all.length]],
        [all[(i + 2) % all.length], largestLimbs(8)],
      ]) {
        for (const [at, limbs] of [
          [A, a],
          [B, b],
          [C, c],
          [D, d],
        ] as const)
          setLimbs(at, limbs)
        const [va, vb, vc, vd] = [A, B, C, D].map(valueAt)
        kernel.fieldMultiplyTwo(R, A, B, R + 40, C, D)
        assertElement(R, va * vb, `${a} times ${b}`)
        assertElement(R + 40, vc * vd, `${c} times ${d}`)
        kernel.fieldSquareTwoTimes(R, A, R + 40, C, 1)
        assertElement(R, va ** 2n, `${a} squared`)
        assertElement(R + 40, vc ** 2n, `${c} squared`)
        kernel.fieldSquareTwoTimes(R, B, R + 40, D, 3)
        assertElement(R, vb ** 8n, `${b} squared three times`)
        assertElement(R + 40, vd ** 8n, `${d} squared three times`)
        // Results in the place of the operands, the other pair's too.
        kernel.fieldMultiplyTwo(C, A, B, A, C, D)
        assertElement(C, va * vb, 'a product in the place of an operand')
        assertElement(A, vc * vd, 'a product in the place of an operand')
        kernel.fieldSquareTwoTimes(D, B, B, D, 1)
        assertElement(D, vb ** 2n, 'a square in the place of an operand')
        assertElement(B, vd ** 2n, 'a square in the place of an operand')
      }
    }
  }
})

test('field: sums, negations and halves keep to the magnitudes they state', () => {
  for (const magnitude of [1, 2, 3, 4, 8, 15])
    for (const limbs of limbsOf(magnitude, 100)) {
      setLimbs(A, limbs)
      const a = valueAt(A)
      kernel.fieldNegate(R, A, magnitude)
      assert.equal((valueAt(R) + a) % P, 0n)
      assertMagnitude(R, magnitude + 1, 'negation')
      setLimbs(R, limbs)
      kernel.fieldAdd(R, A)
      assert.equal(valueAt(R), 2n * a)
      setLimbs(R, limbs)
      kernel.fieldHalve(R)
      assert.equal((2n * valueAt(R)) % P, a % P)
      assertMagnitude(R, (magnitude >> 1) + 1, 'half')
    }
})

test('field: normal forms, bytes and tests for zero and equality, around multiples of p and for large limbs', () => {
  const check = (limbs: readonly number[]): void => {
    const magnitude = Math.ceil(Math.max(...limbs.slice(0, 9)) / 2 ** 27)
    setLimbs(A, limbs)
    const value = valueAt(A) % P
    assert.equal(kernel.fieldIsZero(A), Number(value === 0n), `is ${limbs} zero`)
    if (magnitude <= 29) {
      setField(B, value)
      assert.equal(kernel.fieldAreEqual(B, A), 1)
      setField(B, (value + 1n) % P)
      assert.equal(kernel.fieldAreEqual(B, A), 0)
    }
    kernel.fieldNormalizeWeak(A)
    assert.equal(valueAt(A) % P, value)
    assertMagnitude(A, 1, 'weakly normalised')
    setLimbs(A, limbs)
    kernel.fieldNormalize(A)
    assert.equal(valueAt(A), value)
    setField(B, value)
    assert.deepEqual(limbsAt(A), limbsAt(B), 'limbs within their width')
    kernel.fieldToBytes(B, A)
    assert.equal(numberAt(B), value)
  }
  for (const magnitude of [1, 8, 31]) for (const limbs of limbsOf(magnitude, 200)) check(limbs)
  for (const multiple of [0n, 1n])
    for (const offset of [-2n, -1n, 0n, 1n, 2n]) {
      const value = multiple * P + offset
      if (value < 0n) continue
      setField(C, value)
      check(limbsAt(C))
    }
  // Multiples of p with limbs that run over.
  for (let multiple = 1; multiple <= 60; multiple++) {
    setField(C, P)
    check(limbsAt(C).map((limb) => limb * multiple))
  }
})

test('field: 32 bytes are taken below p and refused from p on', () => {
  for (const value of [...EDGES, P, P + 1n, P + 977n, 2n ** 256n - 1n, randomBelow(P)]) {
    setNumber(A, value)
    assert.equal(kernel.fieldFromBytes(R, A), Number(value < P), String(value))
    assert.equal(valueAt(R), value)
  }
})

test('field: inverses', () => {
  const powers = Array.from({ length: 256 }, (_, i) => 2n ** BigInt(i))
  const small = Array.from({ length: 70 }, (_, i) => BigInt(i))
  const values = [...EDGES, ...powers, ...small, ...Array.from({ length: 2000 }, () => randomBelow(P))]
  for (const value of values.flatMap((x) => [x, modulo(-x, P)])) {
    setField(A, value)
    kernel.fieldInvert(R, A)
    assert.equal((valueAt(R) * value) % P, value === 0n ? 0n : 1n, `the inverse of ${value}`)
    assert.ok(valueAt(R) < P)
    kernel.fieldInvert(R, R)
    assert.equal(valueAt(R), value, 'inverted twice, in place')
  }
  setLimbs(A, largestLimbs(31))
  kernel.fieldInvert(R, A)
  assert.equal((valueAt(R) * valueAt(A)) % P, 1n, 'of large limbs')
})

test('field: square roots, two at once: of both elements, or not', () => {
  const isSquare = (value: bigint): boolean =>
    value === 0n || Point.Fp.eql(Point.Fp.pow(value, (P - 1n) / 2n), 1n)
  const values = [...EDGES, ...Array.from({ length: 60 }, () => randomBelow(P))]
  const kinds = new Set<string>()
  for (const [i, a] of values.entries())
    for (const b of [values[(i + 1) % values.length], a]) {
      setField(A, a)
      setField(B, b)
      kinds.add(`${isSquare(a)} ${isSquare(b)}`)
      const both = isSquare(a) && isSquare(b)
      assert.equal(kernel.fieldSquareRoots(R, A, R + 40, B), Number(both), `have ${a} and ${b} roots`)
      if (isSquare(a)) assert.equal(valueAt(R) ** 2n % P, a)
      if (isSquare(b)) assert.equal(valueAt(R + 40) ** 2n % P, b)
    }
  assert.equal(kinds.size, 4)
})

// Scalars.

/** Writes 32 bytes, most significant first. */
function setNumber(at: Address, value: bigint): void {
  for (let i = 0; i < 32; i++) view.setUint8(at + i, Number((value >> BigInt(8 * (31 - i))) & 255n))
}

function numberAt(at: Address): bigint {
  return Array.from({ length: 32 }, (_, i) => view.getUint8(at + i)).reduce(
    (value, byte) => (value << 8n) | BigInt(byte),
    0n,
  )
}

function setScalar(at: Address, value: bigint): void {
  for (let i = 0; i < 8; i++)
    view.setUint32(at + 4 * i, Number((value >> BigInt(32 * i)) & 0xffffffffn), true)
}

function scalarAt(at: Address): bigint {
  return Array.from({ length: 8 }, (_, i) => view.getUint32(at + 4 * i, true)).reduceRight(
    (value, limb) => (value << 32n) | BigInt(limb),
    0n,
  )
}

const SCALARS = [
  ...[0n, 1n, 2n, 15n, 16n, 31n, 32n, N - 1n, N - 2n, (N - 1n) / 2n, (N + 1n) / 2n],
  ...[2n ** 127n, 2n ** 128n - 1n, 2n ** 128n, 2n ** 128n + 1n, 2n ** 255n, 2n ** 256n - N, N - 2n ** 128n],
  ...[LAMBDA, N - LAMBDA, LAMBDA + 1n, (LAMBDA * 2n ** 127n) % N],
]

test('scalars: sums, negations and products', () => {
  const values = [...SCALARS, ...Array.from({ length: 60 }, () => randomBelow(N))]
  for (const a of values) {
    setScalar(A, a)
    kernel.scalarNegate(R, A)
    assert.equal(scalarAt(R), modulo(-a, N))
    for (const b of values) {
      setScalar(B, b)
      kernel.scalarMultiply(R, A, B)
      assert.equal(scalarAt(R), (a * b) % N, `${a} times ${b}`)
      kernel.scalarAdd(B, A)
      assert.equal(scalarAt(B), (a + b) % N, `${a} plus ${b}`)
    }
  }
})

test('scalars: 32 bytes count modulo n, and whether they are below n is told', () => {
  for (const value of [...SCALARS, N, N + 1n, 2n ** 256n - 1n]) {
    setNumber(A, value)
    assert.equal(kernel.scalarFromBytes(R, A), Number(value < N), String(value))
    assert.equal(scalarAt(R), value % N)
  }
})

test('scalars: the halves of a split have 128 bits at most, up to the sign, and make the whole', () => {
  for (const k of [...SCALARS, ...Array.from({ length: 2000 }, () => randomBelow(N))]) {
    setScalar(A, k)
    kernel.scalarSplit(B, C, A)
    const [k1, k2] = [scalarAt(B), scalarAt(C)]
    assert.equal((k1 + k2 * LAMBDA) % N, k)
    for (const half of [k1, k2])
      assert.ok(half < 2n ** 128n || N - half < 2n ** 128n, `${k} has the half ${half}`)
  }
})

// Points.

function setAffine(at: Address, point: Point): void {
  setField(at, point.x)
  setField(at + 40, point.y)
}

/** Writes a point scaled by z. */
function setJacobian(at: Address, point: Point, z: bigint): void {
  if (point.is0()) {
    // What is left in the coordinates must not matter.
    setField(at, 3n)
    setField(at + 40, 5n)
    setField(at + 80, 7n)
    kernel.setInfinity(at)
    return
  }
  setField(at, (point.x * z ** 2n) % P)
  setField(at + 40, (point.y * z ** 3n) % P)
  setField(at + 80, z)
  view.setUint32(at + 120, 0, true)
}

function pointAt(at: Address): Point {
  if (kernel.isInfinity(at)) return Point.ZERO
  kernel.toAffine(kernel.input() + 2048, at)
  const [x, y] = [0, 40].map((offset) => valueAt(kernel.input() + 2048 + offset) % P)
  return Point.fromAffine({ x, y })
}

/** k·G for any k. */
function multiple(k: bigint): Point {
  return k % N === 0n ? Point.ZERO : Point.BASE.multiplyUnsafe(modulo(k, N))
}

function assertPoint(actual: Point, expected: Point, what: string): void {
  const text = (point: Point): string => (point.is0() ? 'infinity' : point.toHex())
  assert.equal(text(actual), text(expected), what)
}

test('group: sums of all kinds of points, equal, opposite and infinite ones included', () => {
  const factors = [0n, 1n, 2n, 5n, N - 1n, N - 2n, N - 5n, LAMBDA, randomBelow(N)]
  for (const a of factors)
    for (const b of factors) {
      const [left, right] = [multiple(a), multiple(b)]
      const z = randomBelow(P)
      const expected = left.add(right)
      for (const r of [R, A, B]) {
        setJacobian(A, left, z)
        setJacobian(B, right, randomBelow(P))
        kernel.addJacobian(r, A, B)
        assertPoint(pointAt(r), expected, `${a} + ${b}`)
      }
      for (const r of [R, A]) {
        setJacobian(A, left, z)
        kernel.double(r, A)
        assertPoint(pointAt(r), left.double(), `${a} doubled`)
        if (right.is0()) continue
        setJacobian(A, left, z)
        setAffine(B, right)
        kernel.addAffine(r, A, B, 0)
        assertPoint(pointAt(r), expected, `${a} + affine ${b}`)
        // a stands on a curve scaled by w: as if z left w out.
        const w = randomBelow(P)
        setJacobian(A, left, z)
        setField(A + 80, (z * Point.Fp.inv(w)) % P)
        setField(C, w)
        kernel.addScaled(r, A, B, C)
        if (!kernel.isInfinity(r)) kernel.fieldMultiply(r + 80, r + 80, C)
        assertPoint(pointAt(r), expected, `${a} + scaled ${b}`)
      }
      if (left.is0() || right.is0() || expected.is0()) continue
      setJacobian(A, left, z)
      setAffine(B, right)
      if (a === b) continue
      kernel.addAffine(R, A, B, C)
      assert.equal((valueAt(C) * z) % P, valueAt(R + 80) % P, 'the ratio of the z')
    }
})

test('group: x is lifted to its point of even y, or to none', () => {
  const found = [0, 0]
  for (const x of [
    ...EDGES,
    P,
    P + 1n,
    2n ** 256n - 1n,
    ...Array.from({ length: 100 }, () => randomBelow(P)),
  ]) {
    setNumber(A, x)
    const expected = liftX(x)
    assert.equal(kernel.lift(R, A), Number(expected !== undefined), String(x))
    found[expected ? 1 : 0]++
    if (!expected) continue
    assert.equal(valueAt(R) % P, x)
    assert.equal(valueAt(R + 40) % P, expected.y)
    kernel.multiplyLambda(R, R)
    assert.equal(valueAt(R) % P, expected.multiply(LAMBDA).x)
  }
  assert.ok(found[0] > 30 && found[1] > 30)
})

test('group: of two x, each is lifted to its own point, or none is', () => {
  // 1 and 2 have points, and P + 1 would be taken for 1.
  const all = [1n, P + 1n, 2n, 5n, P, ...Array.from({ length: 40 }, () => randomBelow(P))]
  for (const [i, x] of all.entries()) {
    const other = all[(i + 1) % all.length]
    setNumber(A, x)
    setNumber(B, other)
    const points = [liftX(x), liftX(other)]
    assert.equal(kernel.liftTwo(R, A, R + 80, B), Number(!points.includes(undefined)), `${x} and ${other}`)
    if (points.includes(undefined)) continue
    for (const [at, point] of points.entries()) assert.equal(valueAt(R + 80 * at + 40) % P, point!.y)
  }
})

function liftX(x: bigint): Point | undefined {
  try {
    return Point.fromHex(`02${x.toString(16).padStart(64, '0')}`)
  } catch {
    return undefined
  }
}

/** Signatures that a sum by Strauss takes. */
const STRAUSS_CAPACITY = 64

/** A term: its scalar, and its point as a multiple of G. */
type Term = readonly [scalar: bigint, point: bigint]

/** Sums terms by both algorithms and by BigInt. Terms of a signature: R's scalar has 128 bits, P's is split over it and λ·P. */
function assertSum(signatures: readonly (readonly [r: Term, key: Term])[], g: bigint, what: string): void {
  let total = 0n
  for (const [i, [[a, r], [e, key]]] of signatures.entries()) {
    setAffine(kernel.pointOf(3 * i), multiple(r))
    setAffine(kernel.pointOf(3 * i + 1), multiple(key))
    kernel.multiplyLambda(kernel.pointOf(3 * i + 2), kernel.pointOf(3 * i + 1))
    setScalar(A, modulo(a, N))
    kernel.setScalar(3 * i, A)
    setScalar(A, modulo(e, N))
    kernel.setSplitScalar(3 * i + 1, A)
    total += a * r + e * key
  }
  if (signatures.length > 0) {
    kernel.pippengerSum(R, 0, 3 * signatures.length)
    assertPoint(pointAt(R), multiple(total), `${what} by Pippenger`)
  }
  if (signatures.length > STRAUSS_CAPACITY) return
  setScalar(A, modulo(g, N))
  kernel.straussSum(R, 0, 3 * signatures.length, A)
  assertPoint(pointAt(R), multiple(total + g), `${what} by Strauss`)
}

const HALVES = [
  0n,
  1n,
  -1n,
  2n,
  -7n,
  8n,
  127n,
  -128n,
  129n,
  2n ** 64n,
  1n - 2n ** 128n,
  2n ** 128n - 1n,
  -(2n ** 127n),
]

test('sums: edge scalars on edge points', () => {
  for (const g of SCALARS) assertSum([], g, `${g}·G alone`)
  for (const a of HALVES)
    for (const r of [1n, N - 1n, LAMBDA])
      assertSum(
        [
          [
            [a, r],
            [0n, 1n],
          ],
        ],
        0n,
        `${a} times ${r}·G`,
      )
  for (const e of SCALARS)
    for (const key of [1n, N - 1n, LAMBDA, 5n])
      assertSum(
        [
          [
            [0n, 1n],
            [e, key],
          ],
        ],
        (e * 3n) % N,
        `${e} times ${key}·G, and G`,
      )
})

test('sums: terms that cancel, and terms that meet themselves', () => {
  for (const e of SCALARS.slice(1)) {
    assertSum(
      [
        [
          [0n, 1n],
          [e, 1n],
        ],
      ],
      -e,
      'a key and G cancel',
    )
    assertSum(
      [
        [
          [0n, 1n],
          [e, N - 1n],
        ],
      ],
      e,
      'a negated key and G cancel',
    )
    assertSum(
      [
        [
          [0n, 1n],
          [e, 1n],
        ],
      ],
      e,
      'the key is G',
    )
  }
  // Few of a size share no inversion, many do.
  for (const size of [1, 2, 3, 7, 40, 120])
    for (const half of size < 100 ? HALVES : HALVES.slice(-3)) {
      const same = Array.from({ length: size }, (): [Term, Term] => [
        [half, 5n],
        [half, 5n],
      ])
      assertSum(same, -10n * half * BigInt(size), `${size} equal signatures, and their negation`)
      const opposite = Array.from({ length: size }, (): [Term, Term] => [
        [half, 5n],
        [half, N - 5n],
      ])
      assertSum(opposite, 0n, `${size} times a point and its opposite`)
    }
})

test('sums: random terms, few and many', () => {
  for (const size of [1, 2, 3, 5, 16, 64, 128]) {
    const point = (): bigint =>
      random() % 4 === 0 ? [1n, 2n, N - 1n, N - 2n][random() % 4] : randomBelow(N - 1n) + 1n
    const half = (): bigint =>
      random() % 4 === 0
        ? HALVES[random() % HALVES.length]
        : randomBelow(2n ** 128n) * (random() % 2 ? 1n : -1n)
    const scalar = (): bigint => (random() % 4 === 0 ? SCALARS[random() % SCALARS.length] : randomBelow(N))
    const signatures = Array.from({ length: size }, (): [Term, Term] => [
      [half(), point()],
      [scalar(), point()],
    ])
    assertSum(signatures, randomBelow(N), `${size} signatures`)
  }
})
