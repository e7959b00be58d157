/** Promise: pushes are those of Bitcoin Core's `CScript <<`, and are read back whole or not at all. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Script, ScriptNum } from '@scure/btc-signer'
import fc from 'fast-check'
import { bytesToHex } from '../../../src/primitives/bytes.ts'
import { isMinimalPush, pushData, pushNumber, ScriptReader } from '../../../src/script/opcodes.ts'
import { encodeScriptNumber } from '../../../src/script/script-number.ts'

test('numbers are pushed as BIP34 and Core push them', () => {
  const cases: [number, string][] = [
    [0, '00'],
    [-1, '4f'],
    [1, '51'],
    [16, '60'],
    [17, '0111'],
    [127, '017f'],
    [128, '028000'],
    [255, '02ff00'],
    [256, '020001'],
    [32767, '02ff7f'],
    [32768, '03008000'],
    [-2, '0182'],
    [-127, '01ff'],
    [-128, '028080'],
    [-255, '02ff80'],
    [227836, '03fc7903'],
    [0x7fffffff, '04ffffff7f'],
    [0xffffffff, '05ffffffff00'],
  ]
  for (const [value, hex] of cases) assert.equal(bytesToHex(pushNumber(value)), hex, `${value}`)
})

test('number encodings agree with scure-btc-signer', () => {
  const coder = ScriptNum(8)
  fc.assert(
    fc.property(fc.maxSafeInteger(), (value) => {
      assert.deepEqual(encodeScriptNumber(value), coder.encode(BigInt(value)))
    }),
  )
})

test('data is pushed with the shortest length prefix', () => {
  const prefixes: [number, string][] = [
    [0, '00'],
    [1, '01'],
    [75, '4b'],
    [76, '4c4c'],
    [255, '4cff'],
    [256, '4d0001'],
    [65535, '4dffff'],
    [65536, '4e00000100'],
  ]
  for (const [length, prefix] of prefixes) {
    const data = new Uint8Array(length).fill(0xab)
    const push = pushData(data)
    assert.equal(bytesToHex(push.subarray(0, push.length - length)), prefix)
    assert.deepEqual(push.subarray(push.length - length), data)
    // Their coder reads one byte or none as a number.
    if (length > 1) assert.deepEqual(Script.decode(push), [data])
  }
})

/** Every way to push `data`: its length in the opcode, or behind it in 1, 2 or 4 bytes. */
function pushesOf(data: Uint8Array): Uint8Array[] {
  const { length } = data
  const bytes = [length & 0xff, length >> 8, 0, 0]
  const prefixes = [
    [0x4d, ...bytes.slice(0, 2)],
    [0x4e, ...bytes],
  ]
  if (length <= 0xff) prefixes.unshift([0x4c, length])
  if (length < 0x4c) prefixes.unshift([length])
  return prefixes.map((prefix) => Uint8Array.of(...prefix, ...data))
}

test('a push is read whole, in every form, or not at all', () => {
  for (const length of [0, 1, 2, 75, 76, 255, 256, 520, 65_535]) {
    const data = new Uint8Array(length).fill(0xab)
    for (const push of pushesOf(data)) {
      const reader = new ScriptReader(push)
      assert(reader.next())
      assert.deepEqual([reader.opcode, reader.dataLength, reader.atEnd], [push[0], length, true])
      assert.deepEqual(reader.data, data)
      assert(!reader.next())
      for (let cut = 1; cut < Math.min(push.length, 10); cut++)
        for (const part of [push.subarray(0, cut), push.subarray(0, -cut)]) {
          const cutShort = new ScriptReader(part)
          assert(!cutShort.next(), `${push[0]}, ${part.length} of ${push.length} bytes`)
          assert.equal(cutShort.atEnd, part.length === 0)
        }
    }
  }
})

test('the first form is minimal and no other, but what has an opcode of its own is pushed by that', () => {
  const check = (data: Uint8Array, hasOpcode: boolean): void =>
    pushesOf(data).forEach((push, form) => {
      assert.equal(isMinimalPush(push[0], data), form === 0 && !hasOpcode, bytesToHex(push.subarray(0, 9)))
    })
  for (let byte = 0; byte < 256; byte++) {
    check(Uint8Array.of(byte), (byte >= 1 && byte <= 16) || byte === 0x81)
    check(Uint8Array.of(byte, byte), false)
  }
  for (const length of [0, 75, 76, 255, 256, 520]) check(new Uint8Array(length).fill(5), false)
})
