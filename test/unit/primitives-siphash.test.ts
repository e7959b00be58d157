/** Promise: SipHash-2-4 is that of its authors, in both forms we give it. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { siphash24, siphash24Low48 } from '../../src/primitives/siphash.ts'

test('agrees with the 64-bit arithmetic of its definition', () => {
  const keys = fc.uint8Array({ minLength: 16, maxLength: 16 })
  fc.assert(
    fc.property(keys, fc.uint8Array({ maxLength: 300 }), (key, data) => {
      const expected = definition(key, data)
      assert.equal(siphash24(key, data), expected)
      assert.equal(BigInt(siphash24Low48(key, data)), expected & 0xffff_ffff_ffffn)
    }),
    { numRuns: 1000 },
  )
})

/** SipHash-2-4 as its paper writes it, in bigints. */
function definition(key: Uint8Array, data: Uint8Array): bigint {
  const u64 = (value: bigint) => BigInt.asUintN(64, value)
  const rotate = (value: bigint, bits: bigint) => u64((value << bits) | (value >> (64n - bits)))
  const padded = new Uint8Array((Math.floor(data.length / 8) + 1) * 8)
  padded.set(data)
  padded[padded.length - 1] = data.length
  const word = (bytes: Uint8Array, at: number) =>
    new DataView(bytes.buffer, bytes.byteOffset).getBigUint64(at, true)
  const [k0, k1] = [word(key, 0), word(key, 8)]
  let v0 = k0 ^ 0x736f6d6570736575n
  let v1 = k1 ^ 0x646f72616e646f6dn
  let v2 = k0 ^ 0x6c7967656e657261n
  let v3 = k1 ^ 0x7465646279746573n
  const rounds = (count: number) => {
    for (let i = 0; i < count; i++) {
      v0 = u64(v0 + v1)
      v2 = u64(v2 + v3)
      v1 = rotate(v1, 13n) ^ v0
      v3 = rotate(v3, 16n) ^ v2
      v0 = rotate(v0, 32n)
      v2 = u64(v2 + v1)
      v0 = u64(v0 + v3)
      v1 = rotate(v1, 17n) ^ v2
      v3 = rotate(v3, 21n) ^ v0
      v2 = rotate(v2, 32n)
    }
  }
  for (let at = 0; at < padded.length; at += 8) {
    const m = word(padded, at)
    v3 ^= m
    rounds(2)
    v0 ^= m
  }
  v2 ^= 0xffn
  rounds(4)
  return v0 ^ v1 ^ v2 ^ v3
}
