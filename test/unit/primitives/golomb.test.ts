/** Promise: coded sets are those of BIP158 bit by bit, every member is found, strangers hardly ever, and decoding accepts nothing but coded sets. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { concatBytes, equalBytes } from '../../../src/primitives/bytes.ts'
import { decodeGolombSet, encodeGolombSet, GOLOMB_M, matchesAny } from '../../../src/primitives/golomb.ts'
import { siphash24 } from '../../../src/primitives/siphash.ts'
import { codeOf, seededRandom, value } from '../../support/wallets.ts'

const keys = fc.uint8Array({ minLength: 16, maxLength: 16 })
const elements = fc.array(fc.uint8Array({ maxLength: 60 }), { maxLength: 400 })

/** BIP158, Hashing Data Objects and Golomb-Rice Coding, with bigints and text of ones and zeros. `count`: of the set, N in the BIP. */
function reference(key: Uint8Array, set: readonly Uint8Array[]): { values: bigint[]; bytes: Uint8Array } {
  const distinct = [...new Map(set.map((element) => [element.join(), element])).values()]
  const values = distinct.map((element) => toRange(key, element, distinct.length))
  values.sort((a, b) => (a < b ? -1 : a > b ? 1 : 0))
  let bits = ''
  values.forEach((hash, i) => {
    const delta = hash - (i === 0 ? 0n : values[i - 1])
    bits += `${'1'.repeat(Number(delta >> 19n))}0${(delta & 0x7ffffn).toString(2).padStart(19, '0')}`
  })
  const count = distinct.length
  const bytes = count < 0xfd ? [count] : [0xfd, count & 0xff, count >> 8]
  for (let at = 0; at < bits.length; at += 8)
    bytes.push(Number.parseInt(bits.slice(at, at + 8).padEnd(8, '0'), 2))
  return { values, bytes: Uint8Array.from(bytes) }
}

function toRange(key: Uint8Array, element: Uint8Array, count: number): bigint {
  return (siphash24(key, element) * BigInt(count * 784_931)) >> 64n
}

function draw(count: number, seed: string): Uint8Array[] {
  const random = seededRandom(seed)
  return Array.from({ length: count }, () => random.bytes(34))
}

test('a set is coded as the BIP says, its members counted once, and read back', () => {
  fc.assert(
    fc.property(keys, elements, (key, set) => {
      const repeated = [...set, ...set.slice(0, 3)]
      const coded = encodeGolombSet(key, repeated)
      const expected = reference(key, set)
      assert.deepEqual(coded, expected.bytes)
      assert.deepEqual([...value(decodeGolombSet(coded))].map(BigInt), expected.values)
    }),
  )
})

test('hashes are spread exactly where ranges exceed 32 bits', () => {
  const key = seededRandom('key').bytes(16)
  const set = draw(20_000, 'large')
  const values = value(decodeGolombSet(encodeGolombSet(key, set)))
  const expected = set.map((element) => toRange(key, element, set.length)).sort((a, b) => Number(a - b))
  assert.deepEqual([...values].map(BigInt), expected)
})

test('every member is found, among whatever else is asked for', () => {
  fc.assert(
    fc.property(keys, fc.array(fc.uint8Array(), { minLength: 1 }), elements, (key, set, others) => {
      const values = value(decodeGolombSet(encodeGolombSet(key, set)))
      for (const member of set) {
        assert(matchesAny(values, key, [member]))
        assert(matchesAny(values, key, [...others, member]))
      }
    }),
  )
})

test('what is asked for is found exactly where its value is in the set', () => {
  fc.assert(
    fc.property(keys, elements, elements, (key, set, others) => {
      const held = new Set(reference(key, set).values)
      const count = new Set(set.map((element) => element.join())).size
      const expected = others.some((element) => held.has(toRange(key, element, count)))
      assert.equal(matchesAny(value(decodeGolombSet(encodeGolombSet(key, set))), key, others), expected)
    }),
  )
})

test('a set of strangers is taken for members about once in M', (context) => {
  const random = seededRandom('strangers')
  const key = random.bytes(16)
  const values = value(decodeGolombSet(encodeGolombSet(key, draw(200, 'set'))))
  // Each asks for many at once: what counts is how many of the lists match.
  const lists = 800
  const length = 2_000
  let matches = 0
  for (let list = 0; list < lists; list++) {
    const bytes = random.bytes(length + 8)
    const strangers = Array.from({ length }, (_, i) => bytes.subarray(i, i + 8))
    if (matchesAny(values, key, strangers)) matches++
  }
  const expected = (lists * length) / GOLOMB_M
  context.diagnostic(`${matches} matches, ${expected.toFixed(1)} expected`)
  // The seed is fixed; a rate twice as high or half as high would be a wrong M.
  assert(matches >= 1 && matches <= 8, `${matches} matches`)
})

test('decoding accepts only what coding writes', () => {
  const coded = fc
    .tuple(keys, fc.array(fc.uint8Array(), { maxLength: 20 }))
    .map(([key, set]) => encodeGolombSet(key, set))
  const damaged = fc.oneof(
    fc.uint8Array({ maxLength: 60 }),
    fc.tuple(coded, fc.nat(), fc.nat(7)).map(([bytes, at, bit]) => {
      const place = at % bytes.length
      return bytes.with(place, bytes[place] ^ (1 << bit))
    }),
    fc.tuple(coded, fc.nat()).map(([bytes, at]) => bytes.subarray(0, at % bytes.length)),
    fc
      .tuple(coded, fc.uint8Array({ minLength: 1, maxLength: 3 }))
      .map(([bytes, more]) => concatBytes(bytes, more)),
  )
  fc.assert(
    fc.property(damaged, (bytes) => {
      const decoded = decodeGolombSet(bytes)
      if (!decoded.ok) {
        assert.equal(decoded.code, 'golomb-set-invalid')
        return
      }
      // Whatever is read must be what its values are written as.
      const values = [...decoded.value]
      assert(values.every((held, i) => held < values.length * GOLOMB_M && held >= (values[i - 1] ?? 0)))
      let bits = ''
      values.forEach((held, i) => {
        const delta = held - (values[i - 1] ?? 0)
        bits += `${'1'.repeat(Math.floor(delta / 2 ** 19))}0${(delta % 2 ** 19).toString(2).padStart(19, '0')}`
      })
      const expected = [values.length]
      for (let at = 0; at < bits.length; at += 8)
        expected.push(Number.parseInt(bits.slice(at, at + 8).padEnd(8, '0'), 2))
      assert(equalBytes(bytes, Uint8Array.from(expected)), `${bytes} was read as ${values}`)
    }),
    { numRuns: 3000 },
  )
})

test('damage is told, and nothing is reserved for a count that the data has no room for', () => {
  const bad: Record<string, number[]> = {
    'no count': [],
    'a count in three bytes': [0xfd, 1, 0, 0, 0, 0],
    'a count without data': [1],
    'a count of billions': [0xff, 0, 0, 0, 0, 1, 0, 0, 0, 1, 2, 3],
    'a byte after the empty set': [0, 0],
    'a byte after the last': [1, 0, 0, 0, 0],
    'padding with a one': [1, 0, 0, 1],
    'ones without end': [1, 0xff, 0xff, 0xff, 0xff],
    // Quotient 1 and remainder M - 2^19: the least that a set of one can't hold.
    'a value out of range': [1, 0b10011111, 0b11010001, 0b00011000],
  }
  for (const [name, bytes] of Object.entries(bad))
    assert.equal(codeOf(decodeGolombSet(Uint8Array.from(bytes))), 'golomb-set-invalid', name)
  assert.deepEqual(value(decodeGolombSet(Uint8Array.of(0))), new Float64Array(0))
  assert.deepEqual(value(decodeGolombSet(Uint8Array.of(1, 0, 0, 0))), Float64Array.of(0))
  const last = Uint8Array.of(1, 0b10011111, 0b11010001, 0b00010000)
  assert.deepEqual(value(decodeGolombSet(last)), Float64Array.of(GOLOMB_M - 1))
})

test('nothing is found in the empty set, nor by asking for nothing', () => {
  const key = new Uint8Array(16)
  assert.equal(matchesAny(new Float64Array(0), key, [key]), false)
  assert.equal(matchesAny(Float64Array.of(0, 1), key, []), false)
})
