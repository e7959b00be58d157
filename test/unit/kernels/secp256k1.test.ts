/**
 * Promise: the signature kernel's verdict is noble's for every signature, and a batch's is that of its signatures one by one, however
 * they are batched. OPENTAB_CASES: random signatures, 2,000 when not given; OPENTAB_SEED: another seed than 1.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { schnorr, secp256k1 } from '@noble/curves/secp256k1.js'
import { bytesToHex, hexToBytes } from '../../../src/primitives/bytes.ts'
import { type SignatureCheck, verifySchnorr } from '../../../src/script/schnorr.ts'
import { openSignatureKernel } from '../../../src/workers/signature-kernel.ts'
import { kernelBytes, seededNumbers } from '../../support/kernels.ts'
import { vectorFiles } from '../../support/vector-files.ts'

const module = await kernelBytes('secp256k1')
const kernel = await openSignatureKernel(module)

const seed = Number(process.env.OPENTAB_SEED ?? 1)
const cases = Number(process.env.OPENTAB_CASES ?? 2000)
const random = seededNumbers(seed)
const randomBytes = (length: number): Uint8Array => Uint8Array.from({ length }, () => random() & 255)

const Point = secp256k1.Point
const P = Point.Fp.ORDER
const N = Point.Fn.ORDER

const toBytes = (value: bigint): Uint8Array => hexToBytes(value.toString(16).padStart(64, '0'))
const toNumber = (bytes: Uint8Array): bigint => BigInt(`0x${bytesToHex(bytes)}`)
const xOf = (secret: bigint): Uint8Array => Point.BASE.multiply(secret).toBytes().subarray(1)

/**
 * s = k + e·d for R = k·G and P = d·G, whatever the parity of their y: valid where both are even. No nonce may ever be used
 * twice or known: this is for tests.
 */
function craft(d: bigint, k: bigint, message: Uint8Array, r = xOf(k), publicKey = xOf(d)): SignatureCheck {
  const e = toNumber(schnorr.utils.taggedHash('BIP0340/challenge', r, publicKey, message)) % N
  const s = (k + e * d) % N
  return { signature: Uint8Array.from([...r, ...toBytes(s)]), publicKey, message }
}

/** A secret whose point has even y. */
function even(secret: bigint): bigint {
  return Point.BASE.multiply(secret).toAffine().y % 2n === 0n ? secret : N - secret
}

/** Keys and nonces with their points, from which valid signatures are made at the price of a hash. */
const secrets = Array.from({ length: 24 }, () => {
  const secret = even((toNumber(randomBytes(32)) % (N - 1n)) + 1n)
  return { secret, x: xOf(secret) }
})

function validCheck(message = randomBytes(32)): SignatureCheck {
  const [key, nonce] = [secrets[random() % secrets.length], secrets[random() % secrets.length]]
  return craft(key.secret, nonce.secret, message, nonce.x, key.x)
}

function withSignature(check: SignatureCheck, r: Uint8Array, s: Uint8Array): SignatureCheck {
  return { ...check, signature: Uint8Array.from([...r, ...s]) }
}

function flipBit(bytes: Uint8Array): Uint8Array {
  const bit = random() % (8 * bytes.length)
  return bytes.with(bit >> 3, bytes[bit >> 3] ^ (1 << (bit & 7)))
}

/** What a signature is altered to, in turn; each almost surely invalid. */
const ALTERATIONS: readonly ((check: SignatureCheck) => SignatureCheck)[] = [
  (check) => ({ ...check, signature: flipBit(check.signature) }),
  (check) => ({ ...check, publicKey: flipBit(check.publicKey) }),
  (check) => ({ ...check, message: flipBit(check.message) }),
  (check) => ({ ...check, publicKey: secrets[random() % secrets.length].x, message: randomBytes(32) }),
  (check) => withSignature(check, check.signature.subarray(0, 32), randomBytes(32)),
  (check) => withSignature(check, randomBytes(32), check.signature.subarray(32)),
  (check) => withSignature(check, toBytes(P), check.signature.subarray(32)),
  (check) => withSignature(check, check.signature.subarray(0, 32), toBytes(N)),
  (check) =>
    withSignature(
      check,
      check.signature.subarray(0, 32),
      toBytes(N - toNumber(check.signature.subarray(32))),
    ),
]

/** An invalid signature: of each kind in turn. */
function invalidCheck(kind: number): SignatureCheck {
  const check = ALTERATIONS[kind % ALTERATIONS.length](validCheck())
  assert.ok(!verifySchnorr(check))
  return check
}

function assertVerdict(checks: readonly SignatureCheck[], position: number, what: string): void {
  assert.equal(kernel.findInvalid(checks), position, what)
}

/** Alone, and among valid ones in a batch of either algorithm. */
function assertVerdictEverywhere(check: SignatureCheck, valid: boolean, what: string): void {
  assert.equal(verifySchnorr(check), valid, `${what} by noble`)
  assertVerdict([check], valid ? -1 : 0, `${what} alone`)
  for (const [size, at] of [
    [2, 1],
    [5, 0],
    [130, 70],
  ])
    assertVerdict(manyValid.slice(0, size).with(at, check), valid ? -1 : at, `${what} in a batch of ${size}`)
  assertVerdict([check, check, check, check], valid ? -1 : 0, `${what} four times`)
}

const manyValid = Array.from({ length: 2100 }, () => validCheck())

const vectors = vectorFiles()?.filter(({ path }) => path.startsWith('bip340/') && path.endsWith('.csv')) ?? []

test('the vectors of BIP340', { skip: vectors.length === 0 && 'the vectors are absent' }, () => {
  for (const { text } of vectors)
    for (const line of text.trim().split(/\r?\n/).slice(1)) {
      const [index, , publicKey, , message, signature, verdict, comment] = line.split(',')
      const check = {
        publicKey: hexToBytes(publicKey),
        message: hexToBytes(message),
        signature: hexToBytes(signature),
      }
      assertVerdictEverywhere(check, verdict === 'TRUE', `vector ${index} ${comment}`)
    }
})

test(`${cases} random signatures, valid and altered, of messages of all lengths, alone and in batches (seed ${seed})`, (context) => {
  let batch: SignatureCheck[] = []
  let verdicts: boolean[] = []
  const verifyBatch = (): void => {
    assertVerdict(batch, verdicts.indexOf(false), `batch of ${batch.length}`)
    const valid = batch.filter((_, i) => verdicts[i])
    assertVerdict(valid, -1, `${valid.length} valid ones`)
    batch = []
    verdicts = []
  }
  let size = 1
  for (let i = 0; i < cases; i++) {
    const check = validCheck(random() % 4 === 0 ? randomBytes(random() % 300) : randomBytes(32))
    const altered = random() % 2 === 0 && check.message.length > 0
    const final = altered ? ALTERATIONS[random() % ALTERATIONS.length](check) : check
    const verdict = verifySchnorr(final)
    if (!altered) assert.ok(verdict, 'a valid signature by noble')
    assert.equal(kernel.findInvalid([final]) < 0, verdict, describe(final))
    batch.push(final)
    verdicts.push(verdict)
    if (batch.length === size) {
      verifyBatch()
      size = 1 + (random() % 300)
    }
  }
  verifyBatch()
  context.diagnostic(`signature kernel: ${cases} cases, 0 differences (seed ${seed})`)
})

function describe({ publicKey, message, signature }: SignatureCheck): string {
  return [publicKey, message, signature].map(bytesToHex).join(' ')
}

test('messages of every length, those of many blocks and of many chunks included', () => {
  for (const length of [
    0, 1, 22, 23, 31, 32, 33, 54, 55, 56, 63, 64, 65, 118, 119, 120, 4095, 4096, 4097, 8192, 20_001,
  ]) {
    const check = validCheck(randomBytes(length))
    assertVerdict([check, check], -1, `${length} bytes`)
    assertVerdict([check], -1, `${length} bytes`)
    if (length === 0) continue
    const message = check.message.with(length - 1, check.message[length - 1] ^ 1)
    assertVerdict([check, { ...check, message }], 1, `${length} bytes, the last one another`)
  }
})

test('edge values of r, s and key', () => {
  const check = validCheck()
  const [r, s] = [check.signature.subarray(0, 32), check.signature.subarray(32)]
  const edges = [0n, 1n, 2n, 5n, N - 1n, N, N + 1n, P - 1n, P, P + 1n, P + 2n, 2n ** 256n - 1n].map(toBytes)
  for (const edge of edges) {
    const value = bytesToHex(edge)
    assertVerdictEverywhere(withSignature(check, edge, s), false, `r is ${value}`)
    assertVerdictEverywhere(withSignature(check, r, edge), false, `s is ${value}`)
    assertVerdictEverywhere(withSignature(check, edge, edge), false, `r and s are ${value}`)
    assertVerdictEverywhere({ ...check, publicKey: edge }, false, `the key is ${value}`)
  }
})

test('keys and nonces at the edges: G, its negation, each other, λ times each other', () => {
  const lambda = 0x5363ad4cc05c30e0a5261c028812645a122e22ea20816678df02967c1b23bd72n
  for (const d of [1n, 2n, N - 1n, lambda, 2n ** 128n])
    for (const k of [1n, 2n, N - 1n, d, N - d, (d * lambda) % N, (2n * d) % N]) {
      const check = craft(even(d), even(k), randomBytes(32))
      assertVerdictEverywhere(check, true, `d = ${d}, k = ${k}`)
      // The same x, but an odd y of R, of P, of both.
      assertVerdictEverywhere(craft(even(d), N - even(k), check.message), false, 'R has odd y')
      assertVerdictEverywhere(craft(N - even(d), even(k), check.message), false, 'P has odd y')
      assertVerdictEverywhere(craft(N - even(d), N - even(k), check.message), false, 'R and P have odd y')
    }
})

/** A module's exports, the last two for tests only, and its memory: how a batch was verified. */
const raw = (await WebAssembly.instantiate(module)).instance.exports as unknown as {
  readonly memory: WebAssembly.Memory
  input(): number
  begin(): void
  absorb(bytes: number): void
  finish(): void
  firstInvalid(): number
  magnitudeOf(term: number): number
  straussSum(r: number, from: number, to: number, g: number): void
}
const memory = new Uint8Array(raw.memory.buffer)

/** Verifies signatures of short messages as one batch of that module. */
function verifyRaw(batch: readonly SignatureCheck[]): void {
  for (const { signature, publicKey, message } of batch) {
    memory.set([...signature, ...publicKey, ...message], raw.input())
    raw.begin()
    raw.absorb(message.length)
    raw.finish()
  }
  raw.firstInvalid()
}

test('R at infinity is invalid, whatever r says', () => {
  for (const r of [xOf(1n), xOf(77n), toBytes(0n), toBytes(5n), randomBytes(32)])
    for (const d of [1n, 12345n])
      assertVerdictEverywhere(craft(even(d), 0n, randomBytes(32), r), false, 'k is 0')
})

test('R at infinity is invalid where r is the x that the sum leaves in memory', () => {
  const G = xOf(1n)
  // The last addition is that of ±2^128·G, and leaves what was there before, where the upper half of s has the lowest wNAF digit ±1.
  const craftDigit = (digit: bigint, r: Uint8Array): SignatureCheck => {
    while (true) {
      const check = craft(1n, 0n, randomBytes(32), r, G)
      if ((toNumber(check.signature.subarray(32)) >> 128n) % 2048n === digit) return check
    }
  }
  // The same sum, of the key's terms that verification leaves, with a known address.
  const check = craftDigit(1n, G)
  verifyRaw([check])
  const [s, sum] = [raw.input(), raw.input() + 32]
  memory.set(check.signature.slice(32).reverse(), s)
  raw.straussSum(sum, 1, 3, s)
  const fieldAt = (at: number): bigint =>
    new Uint32Array(memory.slice(at, at + 40).buffer).reduceRight(
      (value, limb) => (value << 26n) + BigInt(limb),
      0n,
    )
  const left = Point.Fp.div(fieldAt(sum) % P, fieldAt(sum + 80) ** 2n % P)
  // Of the two, one leaves an even y.
  for (const digit of [1n, 2047n]) {
    const forged = craftDigit(digit, toBytes(left))
    assert.ok(!verifySchnorr(forged))
    assertVerdict([forged], 0, `digit ${digit}`)
  }
})

test('one bad signature at every position of batches of every size', () => {
  for (let size = 1; size <= 24; size++)
    for (let bad = 0; bad < size; bad++)
      assertVerdict(manyValid.slice(0, size).with(bad, invalidCheck(size + bad)), bad, `${bad} of ${size}`)
  // Around the sizes at which the algorithm changes and batches are cut.
  for (const size of [63, 64, 65, 127, 128, 129, 1023, 1024, 1025, 2049])
    for (const bad of [0, 1, size >> 1, size - 2, size - 1])
      assertVerdict(manyValid.slice(0, size).with(bad, invalidCheck(bad)), bad, `${bad} of ${size}`)
})

test('every list has one verdict, and it is the first bad signature of several', () => {
  assertVerdict([], -1, 'none')
  for (let round = 0; round < 60; round++) {
    const size = 1 + (random() % 160)
    const list = manyValid.slice(0, size)
    let first = -1
    for (let n = random() % 5; n >= 0; n--) {
      const at = random() % size
      list[at] = invalidCheck(random())
      first = first < 0 ? at : Math.min(first, at)
    }
    assertVerdict(list, first, `first of several in ${size}`)
    // Verified in parts, the first part that fails tells the same.
    const part = 1 + (random() % size)
    let found = -1
    for (let start = 0; start < size && found < 0; start += part) {
      const position = kernel.findInvalid(list.slice(start, start + part))
      if (position >= 0) found = start + position
    }
    assert.equal(found, first, 'in parts')
  }
})

test('all signatures of a batch bad, or all the same', () => {
  for (const size of [2, 3, 50, 200]) {
    assertVerdict(
      Array.from({ length: size }, (_, i) => invalidCheck(i)),
      0,
      `${size} bad ones`,
    )
    assertVerdict(new Array<SignatureCheck>(size).fill(manyValid[0]), -1, `${size} times one`)
    const forged = ALTERATIONS[4](manyValid[0])
    assertVerdict(
      [...new Array<SignatureCheck>(size).fill(manyValid[0]), forged, forged],
      size,
      `${size} times one`,
    )
  }
})

test('errors that cancel where coefficients are equal, opposite or in proportion are found', () => {
  const shift = (check: SignatureCheck, by: bigint): SignatureCheck => {
    const s = (toNumber(check.signature.subarray(32)) + by + N) % N
    return withSignature(check, check.signature.subarray(0, 32), toBytes(s))
  }
  for (const size of [2, 3, 10, 150])
    for (const [a, b] of [
      [1n, -1n],
      [1n, 1n],
      [2n, -1n],
      [5n, -3n],
    ]) {
      const list = manyValid.slice(0, size)
      list[size - 2] = shift(list[size - 2], a)
      list[size - 1] = shift(list[size - 1], b)
      assert.deepEqual(list.slice(-2).map(verifySchnorr), [false, false])
      assertVerdict(list, size - 2, `errors ${a}·G and ${b}·G in ${size}`)
    }
  // A whole batch whose plain sum is right: what BIP340's coefficients are for.
  const [first, ...rest] = manyValid.slice(0, 100)
  const shifted = [shift(first, -99n), ...rest.map((check) => shift(check, 1n))]
  assertVerdict(shifted, 0, 'all errors together cancel')
})

test('coefficients: each position has its own, and a change anywhere in the batch changes them all', () => {
  // −aᵢ is the scalar of Rᵢ, the first of a signature's three terms.
  const coefficientsOf = (batch: readonly SignatureCheck[]): string[] => {
    verifyRaw(batch)
    return batch.map((_, i) => bytesToHex(memory.slice(raw.magnitudeOf(3 * i), raw.magnitudeOf(3 * i) + 16)))
  }
  const otherX = xOf(7n)
  const changes: Record<string, (check: SignatureCheck) => SignatureCheck> = {
    r: (check) => withSignature(check, otherX, check.signature.subarray(32)),
    s: (check) => withSignature(check, check.signature.subarray(0, 32), toBytes(7n)),
    key: (check) => ({ ...check, publicKey: otherX }),
    message: (check) => ({ ...check, message: flipBit(check.message) }),
  }
  for (const size of [2, 3, 65]) {
    const batch = manyValid.slice(0, size)
    const drawn = coefficientsOf(batch)
    assert.equal(new Set(drawn).size, size, `${size} coefficients`)
    const assertOthers = (changed: readonly SignatureCheck[], what: string): void =>
      assert.ok(
        coefficientsOf(changed).every((coefficient) => !drawn.includes(coefficient)),
        `another ${what} of ${size}`,
      )
    for (const at of [0, size - 1])
      for (const [what, change] of Object.entries(changes))
        assertOthers(batch.with(at, change(batch[at])), `${what} at ${at}`)
    assertOthers([batch[1], batch[0], ...batch.slice(2)], 'order')
  }
})

test('wrong lengths are bugs of the caller: they throw, and what follows is not disturbed', () => {
  const [check] = manyValid
  for (const wrong of [
    { ...check, signature: check.signature.subarray(1) },
    { ...check, publicKey: randomBytes(33) },
  ]) {
    assert.throws(() => kernel.findInvalid([check, wrong]))
    assertVerdict([check], -1, 'after a throw')
  }
})

test('a kernel that is cut short, altered or of another kind is refused', async () => {
  await assert.rejects(openSignatureKernel(module.slice(0, module.length - 1)))
  await assert.rejects(openSignatureKernel(new Uint8Array()))
  await assert.rejects(openSignatureKernel(new Uint8Array([0, 0x61, 0x73, 0x6d, 1, 0, 0, 0])))
  // The generator's lowest limb, and n's: the module still compiles and runs, and answers wrong.
  for (const limb of [0x2f81798, 0xd0364141]) {
    const bytes = [0, 8, 16, 24].map((shift) => (limb >>> shift) & 255)
    const at = module.findIndex((_, i) => bytes.every((byte, j) => module[i + j] === byte))
    assert.ok(at > 0)
    await assert.rejects(openSignatureKernel(module.with(at, module[at] ^ 4)), /instead of/)
  }
})
