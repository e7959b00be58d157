/** Promise: SipHash-2-4 is that of its authors, in both forms we give it. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { siphash24, siphash24Low48 } from '../../src/primitives/siphash.ts'
import { siphashReference } from '../support/siphash-reference.ts'

test('agrees with the 64-bit arithmetic of its definition', () => {
  const keys = fc.uint8Array({ minLength: 16, maxLength: 16 })
  fc.assert(
    fc.property(keys, fc.uint8Array({ maxLength: 300 }), (key, data) => {
      const expected = siphashReference(key, data)
      assert.equal(siphash24(key, data), expected)
      assert.equal(BigInt(siphash24Low48(key, data)), expected & 0xffff_ffff_ffffn)
    }),
    { numRuns: 1000 },
  )
})
