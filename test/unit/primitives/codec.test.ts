/** Promises: CompactSize and integers are Bitcoin's; a decoder takes canonical bytes only and fails as a `Rejection` only. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { compactSizeLength, DecodeError, decodeWith, Reader, Writer } from '../../../src/primitives/codec.ts'
import type { Result } from '../../../src/primitives/result.ts'

function decodeCompactSize(bytes: Uint8Array): Result<number> {
  return decodeWith(bytes, 'compact-size', (reader) => reader.compactSize())
}

test('a CompactSize has one encoding', () => {
  const starts = fc.oneof(fc.nat(), fc.maxSafeInteger().map(Math.abs), fc.constantFrom(0xfc, 0xfd, 0xffff))
  fc.assert(
    fc.property(starts, (value) => {
      const bytes = new Writer().compactSize(value).finish()
      assert.equal(bytes.length, compactSizeLength(value))
      assert.deepEqual(decodeCompactSize(bytes), { ok: true, value })
      for (const [marker, width] of [
        [0xfd, 2],
        [0xfe, 4],
        [0xff, 8],
      ] as const) {
        if (width + 1 <= bytes.length || value >= 2 ** (width * 8)) continue
        const longer = new Uint8Array(9)
        new DataView(longer.buffer).setBigUint64(1, BigInt(value), true)
        longer[0] = marker
        assert.equal(decodeCompactSize(longer.subarray(0, width + 1)).ok, false)
      }
    }),
  )
})

test('no CompactSize is over 2^53 - 1', () => {
  const encoded = (value: bigint) => new Writer().u8(0xff).u64(value).finish()
  assert.deepEqual(decodeCompactSize(encoded(2n ** 53n - 1n)), { ok: true, value: Number.MAX_SAFE_INTEGER })
  for (const value of [2n ** 53n, 2n ** 53n + 1n, 2n ** 64n - 1n])
    assert.equal(decodeCompactSize(encoded(value)).ok, false)
})

test('integers and byte strings come back as they were written', () => {
  const u = (bits: number) => fc.nat({ max: 2 ** bits - 1 })
  const u32 = fc.integer({ min: 0, max: 0xffffffff })
  fc.assert(
    fc.property(
      u(8),
      u(16),
      u32,
      fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }),
      fc.maxSafeInteger(),
      fc.uint8Array({ maxLength: 300 }),
      fc.nat({ max: 40 }),
      (a, b, c, d, e, f, capacity) => {
        const bytes = new Writer(capacity).u8(a).u16(b).u32(c).u64(d).i64FromNumber(e).varBytes(f).finish()
        // The data view must respect where the bytes lie in their buffer.
        const shifted = new Uint8Array(bytes.length + 3)
        shifted.set(bytes, 3)
        const reader = new Reader(shifted.subarray(3))
        assert.deepEqual([reader.u8(), reader.u16(), reader.u32(), reader.u64()], [a, b, c, d])
        assert.equal(reader.i64AsNumber(), e === 0 ? 0 : e)
        assert.deepEqual(reader.varBytes(), f)
        reader.end()
      },
    ),
  )
})

test('a cleared writer starts again', () => {
  const writer = new Writer(2).u32(1).put(Uint8Array.of(2, 3))
  assert.deepEqual(writer.written, Uint8Array.of(1, 0, 0, 0, 2, 3))
  assert.equal(writer.clear().written.length, 0)
  assert.deepEqual(writer.u8(7).written, Uint8Array.of(7))
  assert.deepEqual(writer.finish(), Uint8Array.of(7))
})

test('64-bit integers beyond 2^53 become the nearest number, never a safe one', () => {
  for (const value of [2n ** 63n - 1n, -(2n ** 63n), 2n ** 53n, -(2n ** 53n)]) {
    const read = new Reader(new Writer().u64(BigInt.asUintN(64, value)).finish()).i64AsNumber()
    assert.equal(read, Number(value))
    assert.equal(Number.isSafeInteger(read), false)
  }
})

test('a count is bounded by the bytes that are left', () => {
  const announced = new Writer().compactSize(4).put(new Uint8Array(39)).finish()
  assert.throws(() => new Reader(announced).count(10), DecodeError)
  assert.equal(new Reader(announced).count(9), 4)
  const huge = new Writer().compactSize(Number.MAX_SAFE_INTEGER).finish()
  assert.throws(() => new Reader(huge).count(1), DecodeError)
  assert.throws(() => new Reader(huge).varBytes(), DecodeError)
})

test('empty byte strings, of which a stranger can list millions, take no memory each', () => {
  const reader = new Reader(new Uint8Array(2))
  const first = reader.varBytes()
  assert.equal(first.length, 0)
  assert.equal(reader.varBytes(), first)
  reader.end()
})

test('what is short or long is a rejection, and a bug stays an exception', () => {
  const read = (reader: Reader) => reader.u32()
  for (const length of [0, 3, 5]) {
    const decoded = decodeWith(new Uint8Array(length), 'some-code', read)
    assert(!decoded.ok)
    assert.deepEqual([decoded.kind, decoded.code], ['invalid', 'some-code'])
  }
  const bug = () => {
    throw new RangeError('bug')
  }
  assert.throws(() => decodeWith(new Uint8Array(4), 'some-code', bug), RangeError)
})
