/**
 * Promise: the kernel's sums of points are noble's, for random points and scalars and at their edges, and it refuses what noble refuses.
 * OPENTAB_CASES: random sums, 500 when not given; OPENTAB_SEED: another seed than 1.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { schnorr, secp256k1 } from '@noble/curves/secp256k1.js'
import { bytesToHex, hexToBytes } from '../../../src/primitives/bytes.ts'
import {
  installCurve,
  MAX_TERMS,
  NOBLE_CURVE,
  type PointTerm,
  verifyByCurve,
} from '../../../src/script/curve.ts'
import { verifySchnorr } from '../../../src/script/schnorr.ts'
import { openCurveKernel } from '../../../src/workers/curve-kernel.ts'
import { Draw } from '../../support/draw.ts'
import { kernelBytes } from '../../support/kernels.ts'

const kernel = await openCurveKernel(await kernelBytes('secp256k1'))
const { OPENTAB_CASES = 500, OPENTAB_SEED = 1 } = process.env

const { Point } = secp256k1
const P = Point.Fp.ORDER
const N = Point.Fn.ORDER
const LAMBDA = 0x5363ad4cc05c30e0a5261c028812645a122e22ea20816678df02967c1b23bd72n

const toBytes = (value: bigint): Uint8Array => hexToBytes(value.toString(16).padStart(64, '0'))

function assertSame(terms: readonly PointTerm[], generator?: Uint8Array): void {
  const [found, expected] = [kernel, NOBLE_CURVE].map((each) => {
    const sum = each.sum(terms, generator)
    return sum && bytesToHex(sum)
  })
  const what = terms.map(({ point, scalar }) => `${bytesToHex(point)}·${scalar && bytesToHex(scalar)}`)
  assert.equal(found, expected, `${what.join(' + ')} + ${generator && bytesToHex(generator)}·G`)
}

const SCALARS = [
  0n,
  1n,
  2n,
  3n,
  15n,
  16n,
  2n ** 128n - 1n,
  2n ** 128n,
  LAMBDA,
  N - LAMBDA,
  N / 2n,
  N - 2n,
  N - 1n,
].map(toBytes)
const POINTS = [1n, 2n, 3n, LAMBDA, N - 1n, N - 2n].map((secret) => Point.BASE.multiply(secret).toBytes(true))

test('every pair of edges', () => {
  for (const point of POINTS) {
    assertSame([{ point }])
    for (const scalar of SCALARS) {
      assertSame([], scalar)
      assertSame([{ point }], scalar)
      assertSame([{ point, scalar }])
      for (const other of POINTS) {
        assertSame([{ point, scalar }, { point: other }])
        assertSame([{ point: other }, { point }], scalar)
      }
    }
  }
  assertSame([])
})

test('equal and opposite terms, and terms that come to infinity', () => {
  const [one] = POINTS
  for (const scalar of SCALARS.slice(1)) {
    const number = BigInt(`0x${bytesToHex(scalar)}`)
    const opposite = toBytes((N - number) % N)
    assertSame([
      { point: one, scalar },
      { point: one, scalar: opposite },
    ])
    assertSame(
      [
        { point: one, scalar },
        { point: one, scalar },
      ],
      scalar,
    )
    assertSame([{ point: one, scalar }], opposite)
  }
})

test('random sums of up to three weighted and three plain points', () => {
  for (let number = 0; number < Number(OPENTAB_CASES); number++) {
    const draw = new Draw(`${OPENTAB_SEED}/curve/${number}`)
    const point = () =>
      draw.oneIn(4)
        ? draw.pick(POINTS)
        : Point.BASE.multiplyUnsafe(Point.Fn.create(draw.bits(256)))
            .add(Point.BASE)
            .toBytes(true)
    const scalar = () => (draw.oneIn(4) ? draw.pick(SCALARS) : draw.bytes(32))
    const weighted = draw.list(draw.below(4), () => ({ point: point(), scalar: scalar() }))
    const plain = draw.list(draw.below(4), () => ({ point: point() }))
    assertSame(
      draw.oneIn(2) ? [...weighted, ...plain] : [...plain, ...weighted],
      draw.oneIn(2) ? scalar() : undefined,
    )
  }
})

test('the longest sum fits, and a longer one is a bug', () => {
  const terms = Array.from({ length: MAX_TERMS }, () => ({ point: POINTS[2], scalar: SCALARS[8] }))
  assertSame(terms, SCALARS[9])
  assert.throws(() => kernel.sum([...terms, { point: POINTS[0] }]))
})

test('what is no point or no scalar is refused', () => {
  const [good] = POINTS
  const x = (value: bigint, prefix = 2) => Uint8Array.of(prefix, ...toBytes(value))
  const bad = [
    ...[0, 1, 4, 5, 6, 7, 0x82, 0xff].map((prefix) => good.with(0, prefix)),
    x(0n),
    x(5n),
    x(P),
    x(P + 1n, 3),
    x(2n ** 256n - 1n),
    good.subarray(1),
    Uint8Array.of(...good, 0),
    new Uint8Array(0),
  ]
  for (const point of bad) {
    for (const terms of [[{ point }], [{ point: good }, { point }], [{ point, scalar: SCALARS[1] }]]) {
      assert.equal(kernel.sum(terms), undefined, bytesToHex(point))
      assertSame(terms, SCALARS[1])
    }
  }
  for (const scalar of [
    toBytes(N),
    toBytes(N + 1n),
    toBytes(2n ** 256n - 1n),
    new Uint8Array(31),
    new Uint8Array(33),
  ]) {
    assert.equal(kernel.sum([{ point: good, scalar }]), undefined)
    assert.equal(kernel.sum([{ point: good }], scalar), undefined)
    assertSame([{ point: good, scalar }])
    assertSame([{ point: good }], scalar)
  }
})

/** A signature that all but the parity of R speaks for: of the secret key 1, whose point has an even y. */
function withOddNonce(message: Uint8Array) {
  const [publicKey] = POINTS.map((point) => point.subarray(1))
  let k = 1n
  while (Point.BASE.multiply(k).toBytes(true)[0] === 2) k++
  const r = Point.BASE.multiply(k).toBytes(true).subarray(1)
  const challenge = schnorr.utils.taggedHash('BIP0340/challenge', r, publicKey, message)
  const s = Point.Fn.create(k + BigInt(`0x${bytesToHex(challenge)}`))
  return { signature: Uint8Array.of(...r, ...toBytes(s)), message, publicKey }
}

test('signatures are judged as by verifySchnorr, altered ones too, by either kernel', () => {
  const draw = new Draw(`${OPENTAB_SEED}/curve/signatures`)
  for (let number = 0; number < Number(OPENTAB_CASES) / 5; number++) {
    const secret = draw.bytes(32)
    const message = draw.bytes(32)
    const signature = schnorr.sign(message, secret, draw.bytes(32))
    const publicKey = schnorr.getPublicKey(secret)
    const part = draw.pick([signature, message, publicKey])
    const flipped = part.slice()
    flipped[draw.below(part.length)] ^= 1 << draw.below(8)
    const of = (each: Uint8Array) => (each === part ? flipped : each)
    const negated = Uint8Array.of(
      ...signature.subarray(0, 32),
      ...toBytes(N - BigInt(`0x${bytesToHex(signature.subarray(32))}`)),
    )
    const checks = [
      { signature, message, publicKey },
      { signature: of(signature), message: of(message), publicKey: of(publicKey) },
      { signature: negated, message, publicKey },
      withOddNonce(message),
    ]
    for (const each of [kernel, NOBLE_CURVE]) {
      installCurve(each)
      for (const check of checks) assert.equal(verifyByCurve(check), verifySchnorr(check))
      assert.equal(verifyByCurve({ ...checks[0], signature: signature.subarray(1) }), false)
      assert.equal(verifyByCurve({ ...checks[0], publicKey: publicKey.subarray(1) }), false)
    }
  }
  installCurve(NOBLE_CURVE)
})
