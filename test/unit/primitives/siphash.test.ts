/** Promise: SipHash-2-4 is that of its authors, in every form we give it. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { siphash24, siphash24Into, siphash24Low48 } from '../../../src/primitives/siphash.ts'
import { siphashReference } from '../../support/siphash-reference.ts'

function assertAgrees(key: Uint8Array, data: Uint8Array): void {
  const expected = siphashReference(key, data)
  assert.equal(siphash24(key, data), expected)
  assert.equal(BigInt(siphash24Low48(key, data)), expected & 0xffff_ffff_ffffn)
  const words = new Uint32Array(4)
  siphash24Into(key, data, words, 1)
  assert.deepEqual([...words], [0, Number(expected & 0xffff_ffffn), Number(expected >> 32n), 0])
}

test('gives what the paper computes by hand (appendix A)', () => {
  const bytes = (length: number): Uint8Array => Uint8Array.from({ length }, (_, i) => i)
  assert.equal(siphash24(bytes(16), bytes(15)), 0xa129ca6149be45e5n)
})

test('agrees with the 64-bit arithmetic of its definition, at every length', () => {
  const keys = fc.uint8Array({ minLength: 16, maxLength: 16 })
  for (let length = 0; length <= 64; length++) {
    const data = fc.uint8Array({ minLength: length, maxLength: length })
    fc.assert(fc.property(keys, data, assertAgrees), { numRuns: 15 })
  }
  fc.assert(fc.property(keys, fc.uint8Array({ maxLength: 300 }), assertAgrees), { numRuns: 500 })
})
