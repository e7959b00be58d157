/** Promises: tagged hashes are BIP340's; byte order, display order and comparisons are what their names say. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { schnorr } from '@noble/curves/secp256k1.js'
import fc from 'fast-check'
import { bytesToHex, compareBytes, equalBytes, isHex, reversed } from '../../../src/primitives/bytes.ts'
import {
  fromDisplay,
  sha256,
  sha256d,
  type Txid,
  taggedHash,
  toDisplay,
} from '../../../src/primitives/hashes.ts'

const anyBytes = fc.uint8Array({ maxLength: 100 })

test('a tagged hash is that of noble, however the data is split', () => {
  fc.assert(
    fc.property(fc.constantFrom('TapTweak', 'TapSighash', 'x'), anyBytes, anyBytes, (tag, a, b) => {
      const expected = schnorr.utils.taggedHash(tag, a, b)
      assert.deepEqual(taggedHash(tag, a, b), expected)
      assert.deepEqual(taggedHash(tag, Uint8Array.of(...a, ...b)), expected)
    }),
  )
})

test('display order is the reverse of internal order', () => {
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 32, maxLength: 32 }), (bytes) => {
      const text = toDisplay<Txid>(bytes)
      assert.equal(text, bytesToHex(reversed(bytes)))
      assert.deepEqual(fromDisplay(text), bytes)
    }),
  )
  assert.deepEqual(sha256d(Uint8Array.of(1)), sha256(sha256(Uint8Array.of(1))))
})

test('bytes are ordered as their hex is', () => {
  fc.assert(
    fc.property(anyBytes, anyBytes, (a, b) => {
      const [x, y] = [bytesToHex(a), bytesToHex(b)]
      assert.equal(Math.sign(compareBytes(a, b)), x < y ? -1 : x > y ? 1 : 0)
      assert.equal(equalBytes(a, b), x === y)
      assert(equalBytes(a, a.slice()) && isHex(x) && isHex(x, a.length) && !isHex(x, a.length + 1))
    }),
  )
  for (const text of ['0', '0g', ' 00', '00\n']) assert.equal(isHex(text), false)
})
