/** Promise: PSBTs are read and written as BIP174 and BIP371 say, and what is none is refused by value. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { sats } from '../../src/primitives/amount.ts'
import { p2trScript } from '../../src/script/taproot.ts'
import { deriveAccount, wordsToEntropy } from '../../src/signer/keys.ts'
import { MAX_PSBT_BYTES, Psbt } from '../../src/wallet/psbt.ts'
import { codeOf, value, WORDS } from '../support/wallets.ts'

const { descriptor } = deriveAccount(value(wordsToEntropy(WORDS)), 1)
const keyOf = (branch: number, index: number) => {
  const key = descriptor.derive(branch, index)
  return { ...key, scriptPubKey: p2trScript(key.outputKey) }
}

function example(lockTime = 77): Psbt {
  const from = keyOf(0, 0)
  const change = keyOf(1, 0)
  return Psbt.of({
    inputs: [
      {
        prevout: { txid: new Uint8Array(32).fill(3), index: 2 },
        sequence: 0xfffffffd,
        spent: { value: sats(70_000), scriptPubKey: from.scriptPubKey },
        key: from,
      },
    ],
    outputs: [
      { value: sats(40_000), scriptPubKey: keyOf(0, 9).scriptPubKey, key: undefined },
      { value: sats(29_000), scriptPubKey: change.scriptPubKey, key: change },
      { value: sats(0), scriptPubKey: Uint8Array.of(0x6a, 1, 7), key: undefined },
    ],
    lockTime,
  })
}

test('a PSBT is read back as it was made', () => {
  const made = example()
  const read = value(Psbt.parse(made.bytes))
  assert.deepEqual(read.inputs, made.inputs)
  assert.deepEqual(read.outputs, made.outputs)
  assert.equal(read.unsigned.txid, made.unsigned.txid)
  assert.equal(read.unsigned.lockTime, 77)
  assert.deepEqual(read.inputs[0].key?.origin, keyOf(0, 0).origin)
  assert.deepEqual(read.outputs[1].key?.internalKey, keyOf(1, 0).internalKey)
  assert.equal(codeOf(read.extract()), 'psbt-incomplete')
})

test('signatures of two copies come together, those of another payment do not', () => {
  const [one, two] = [example(), example()]
  one.addSignature(0, new Uint8Array(64).fill(1))
  const combined = value(two.combine(one))
  assert.deepEqual(value(combined.extract()).inputs[0].witness, [new Uint8Array(64).fill(1)])
  assert.equal(codeOf(example(78).combine(one)), 'psbt-mismatch')
})

test('bytes with one bit flipped are refused or read, never thrown at', () => {
  const { bytes } = example()
  fc.assert(
    fc.property(fc.nat(bytes.length - 1), fc.integer({ min: 0, max: 7 }), (at, bit) => {
      const flipped = bytes.slice()
      flipped[at] ^= 1 << bit
      Psbt.parse(flipped)
    }),
  )
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 300 }), (noise) =>
      assert.equal(codeOf(Psbt.parse(noise)), 'psbt-invalid'),
    ),
  )
  assert.equal(codeOf(Psbt.parse(new Uint8Array(MAX_PSBT_BYTES + 1))), 'psbt-invalid')
})
