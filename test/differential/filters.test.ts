/**
 * Golomb-coded sets (BIP158). The packages of the registry need a native build, so the reference is the BIP itself, over strings of ones
 * and zeros (test/support/golomb-reference.ts); the counts are read and written by libauth.
 */
import assert from 'node:assert/strict'
import { bigIntToCompactUint } from '@bitauth/libauth'
import { bytesToHex, concatBytes, equalBytes } from '../../src/primitives/bytes.ts'
import { decodeGolombSet, encodeGolombSet, matchesAny } from '../../src/primitives/golomb.ts'
import { differential } from '../support/differential.ts'
import type { Draw } from '../support/draw.ts'
import {
  bytesOfBits,
  golombBitsReference,
  hashedSetReference,
  hashToRangeReference,
} from '../support/golomb-reference.ts'

function drawElements(draw: Draw): Uint8Array[] {
  const count = draw.oneIn(30) ? draw.integer(250, 300) : draw.integer(0, 30)
  const elements = draw.list(count, () => (draw.oneIn(3) ? draw.blob().subarray(0, 300) : draw.bytes(34)))
  return count > 0 && draw.oneIn(3) ? [...elements, draw.pick(elements)] : elements
}

differential('filters', 'coded sets, and what they match, are those of the BIP', (draw) => {
  const key = draw.bytes(16)
  const elements = drawElements(draw)
  const values = hashedSetReference(key, elements)
  const expected = concatBytes(
    bigIntToCompactUint(BigInt(values.length)),
    bytesOfBits(golombBitsReference(values)),
  )
  const coded = encodeGolombSet(key, elements)
  assert.ok(equalBytes(coded, expected), bytesToHex(coded))
  const decoded = decodeGolombSet(coded)
  assert.ok(decoded.ok)
  assert.deepEqual([...decoded.value], values.map(Number))

  const asked = draw.list(draw.below(4), () =>
    draw.oneIn(3) && elements.length > 0 ? draw.pick(elements) : draw.bytes(34),
  )
  const held = new Set(values)
  const range = BigInt(values.length) * 784_931n
  const expectedMatch = asked.some((element) => held.has(hashToRangeReference(key, element, range)))
  assert.equal(matchesAny(decoded.value, key, asked), expectedMatch)
  return expectedMatch ? 'with a match' : 'without'
})

differential(
  'large filters',
  'hashes beyond 32 bits, which 5,472 elements make, are those of the BIP',
  (draw) => {
    const key = draw.bytes(16)
    const elements = draw.list(draw.integer(5_472, 7_000), () => draw.bytes(32))
    const decoded = decodeGolombSet(encodeGolombSet(key, elements))
    assert.ok(decoded.ok)
    assert.deepEqual([...decoded.value], hashedSetReference(key, elements).map(Number))
  },
)

differential('corrupted filters', 'are accepted only where the BIP would write them so', (draw) => {
  const coded = encodeGolombSet(draw.bytes(16), drawElements(draw))
  const at = draw.below(coded.length)
  const bytes = draw.oneIn(4)
    ? coded.subarray(0, at)
    : draw.oneIn(3)
      ? concatBytes(coded, draw.oneIn(2) ? draw.bytes(1) : new Uint8Array(1))
      : coded.with(at, coded[at] ^ (1 << draw.below(8)))
  const decoded = decodeGolombSet(bytes)
  if (!decoded.ok) return 'refused'
  const values = [...decoded.value].map(BigInt)
  const rewritten = concatBytes(
    bigIntToCompactUint(BigInt(values.length)),
    bytesOfBits(golombBitsReference(values)),
  )
  assert.ok(equalBytes(rewritten, bytes), bytesToHex(bytes))
  assert.ok(values.every((value) => value < BigInt(values.length) * 784_931n))
  return 'accepted'
})
