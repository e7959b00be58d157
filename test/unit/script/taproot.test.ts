/** Promises: output scripts and keys are BIP341's; the secret key that is derived signs for the output key. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { schnorr } from '@noble/curves/secp256k1.js'
import * as scure from '@scure/btc-signer/utils.js'
import fc from 'fast-check'
import { hexToBytes } from '../../../src/primitives/bytes.ts'
import {
  isControlBlockSize,
  isNullData,
  outputKeyOf,
  p2trScript,
  splitWitness,
  taprootOutputKey,
  tweakSecretKey,
} from '../../../src/script/taproot.ts'

const bytes32 = fc.uint8Array({ minLength: 32, maxLength: 32 })
/** A number below the group order, and not zero. */
const secretKeys = bytes32.filter((key) => key[0] < 0xff && key.some((byte) => byte !== 0))

test('tweaked keys agree with scure-btc-signer, and belong together', () => {
  fc.assert(
    fc.property(secretKeys, fc.option(bytes32, { nil: undefined }), (secretKey, root) => {
      const internalKey = schnorr.getPublicKey(secretKey)
      const [expected, parity] = scure.taprootTweakPubkey(internalKey, root ?? new Uint8Array())
      assert.deepEqual(taprootOutputKey(internalKey, root), { outputKey: expected, oddY: parity === 1 })
      const tweaked = tweakSecretKey(secretKey, root)
      assert.deepEqual(tweaked, scure.taprootTweakPrivKey(secretKey, root))
      assert.deepEqual(schnorr.getPublicKey(tweaked), expected)
    }),
    { seed: 341 },
  )
})

test('a key that is not on the curve has no output key, and no secret key is out of range', () => {
  const order = hexToBytes('fffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141')
  for (const hex of ['00'.repeat(32), 'ff'.repeat(32), '00'.repeat(31).concat('05')])
    assert.equal(taprootOutputKey(hexToBytes(hex)), undefined, hex)
  for (const secretKey of [new Uint8Array(32), order, new Uint8Array(31)])
    assert.throws(() => tweakSecretKey(secretKey))
})

test('an output is P2TR when it is OP_1 and a push of 32 bytes, nothing else', () => {
  fc.assert(
    fc.property(bytes32, (key) => {
      const script = p2trScript(key)
      assert.deepEqual(outputKeyOf(script), key)
      const others = [
        script.subarray(0, 33),
        Uint8Array.of(...script, 0),
        Uint8Array.of(0, ...script.subarray(1)),
        Uint8Array.of(0x52, ...script.subarray(1)),
        Uint8Array.of(0x51, 31, ...script.subarray(2)),
      ]
      for (const other of others) assert.equal(outputKeyOf(other), undefined)
      assert.equal(isNullData(script), false)
    }),
  )
})

test('a data output is OP_RETURN in at most 83 bytes', () => {
  const script = (length: number) => new Uint8Array(length).fill(0x6a, 0, 1)
  for (const length of [1, 2, 83]) assert.equal(isNullData(script(length)), true)
  for (const length of [0, 84]) assert.equal(isNullData(script(length)), false)
})

test('a witness is a signature, or a stack with script and control block, and may end with an annex', () => {
  const [a, b, c, d] = [1, 2, 3, 4].map((byte) => Uint8Array.of(byte))
  const annex = Uint8Array.of(0x50, 9)
  for (const end of [undefined, annex]) {
    const split = (...items: Uint8Array[]) => splitWitness(end ? [...items, end] : items)
    assert.deepEqual(split(a), { stack: [a], annex: end })
    assert.deepEqual(split(a, b), { stack: [], scriptPath: { script: a, controlBlock: b }, annex: end })
    const scriptPath = { script: c, controlBlock: d }
    assert.deepEqual(split(a, b, c, d), { stack: [a, b], scriptPath, annex: end })
  }
  // Alone it is no annex.
  assert.deepEqual(splitWitness([annex]), { stack: [annex], annex: undefined })
})

test('a control block has 33 bytes, and 32 more for each of at most 128 hashes', () => {
  const sizes = Array.from({ length: 33 + 32 * 130 }, (_, length) => length).filter(isControlBlockSize)
  assert.deepEqual(
    sizes,
    Array.from({ length: 129 }, (_, hashes) => 33 + 32 * hashes),
  )
})
