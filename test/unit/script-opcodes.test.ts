/** Promise: pushes are those of Bitcoin Core's `CScript <<`. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Script, ScriptNum } from '@scure/btc-signer'
import fc from 'fast-check'
import { bytesToHex } from '../../src/primitives/bytes.ts'
import { pushData, pushNumber } from '../../src/script/opcodes.ts'
import { encodeScriptNumber } from '../../src/script/script-number.ts'

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
