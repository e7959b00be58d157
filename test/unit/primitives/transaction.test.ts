/** Promises: transactions are BIP144's, each has one serialisation, and no bytes make the decoder throw. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as scure from '@scure/btc-signer'
import fc from 'fast-check'
import { sats } from '../../../src/primitives/amount.ts'
import { concatBytes, hexToBytes } from '../../../src/primitives/bytes.ts'
import { fromDisplay } from '../../../src/primitives/hashes.ts'
import {
  decodeTransaction,
  NULL_OUTPOINT,
  outpointKey,
  outpointOf,
  Transaction,
  unsignedInput,
} from '../../../src/primitives/transaction.ts'
import { packOutputs } from '../../../src/script/input-check.ts'
import { anyTransactionFields } from '../../support/transactions.ts'

test('decoding is the inverse of encoding', () => {
  fc.assert(
    fc.property(anyTransactionFields, (fields) => {
      const tx = Transaction.of(fields)
      const decoded = decodeTransaction(tx.bytes)
      assert(decoded.ok)
      const { version, inputs, outputs, lockTime } = decoded.value
      assert.deepEqual({ version, inputs, outputs, lockTime }, { ...fields })
      for (const key of ['txid', 'wtxid', 'weight', 'vsize', 'strippedSize', 'hasWitness'] as const)
        assert.equal(decoded.value[key], tx[key], key)
      assert.deepEqual(decoded.value.outputsBytes, packOutputs(fields.outputs))
    }),
  )
})

test('only canonical bytes decode, and nothing throws', () => {
  let accepted = 0
  fc.assert(
    fc.property(anyTransactionFields, fc.array(fc.nat()), fc.uint8Array(), (fields, edits, noise) => {
      const bytes = Transaction.of(fields).bytes.slice()
      edits.forEach((edit, index) => {
        bytes[edit % bytes.length] = noise[index % (noise.length || 1)] ?? edit
      })
      const cut = bytes.subarray(0, edits.length % 3 ? bytes.length : (edits[0] ?? 0) % bytes.length)
      for (const input of [bytes, cut, noise, concatBytes(bytes, noise)]) {
        const decoded = decodeTransaction(input)
        if (!decoded.ok) {
          assert.deepEqual([decoded.kind, decoded.code], ['invalid', 'tx-decode-failed'])
          continue
        }
        accepted++
        assert.deepEqual(decoded.value.bytes, input)
        const unsafe = decoded.value.outputs.some(({ value }) => !Number.isSafeInteger(value))
        if (!unsafe) assert.deepEqual(Transaction.of(decoded.value).bytes, input)
      }
    }),
    { numRuns: 500 },
  )
  assert(accepted > 50, `only ${accepted} mutated transactions were decoded: the test has lost its teeth`)
})

test('agrees with scure-btc-signer on bytes and ids', () => {
  const options = { allowUnknownOutputs: true, allowUnknownInputs: true, allowUnknownVersion: true }
  fc.assert(
    fc.property(anyTransactionFields, (fields) => {
      // What scure refuses to parse is left out: negative amounts, versions from 2^31, unknown forms of outputs.
      const tx = Transaction.of({
        ...fields,
        version: fields.version & 0x7fffffff,
        outputs: fields.outputs.map(({ value }, index) => ({
          value: sats(Math.abs(value) % 21e14),
          scriptPubKey: hexToBytes(`6a20${index.toString(16).padStart(64, '0')}`),
        })),
      })
      const parsed = scure.RawTx.decode(tx.bytes)
      assert.deepEqual(scure.RawTx.encode(parsed), tx.bytes)
      assert.deepEqual(parsed.inputs.length, tx.inputs.length)
      const theirs = scure.Transaction.fromRaw(tx.bytes, options)
      assert.equal(theirs.id, tx.txid)
      assert.deepEqual(theirs.toBytes(true, false), tx.strippedBytes)
      if (tx.hasWitness) assert.deepEqual(theirs.toBytes(true, true), tx.bytes)
    }),
    { seed: 341, numRuns: 300 },
  )
})

const empty = { version: 2, lockTime: 0 }

test('the marker of BIP144 stands alone: forms that Core refuses are refused', () => {
  const bad: [name: string, hex: string][] = [
    [
      'a witness flag without any witness',
      `02000000${'0001'}01${'00'.repeat(36)}00ffffffff${'00'}${'00'}00000000`,
    ],
    ['an unknown flag', `02000000${'0002'}01${'00'.repeat(36)}00ffffffff${'00'}00000000`],
    [
      'a witness flag and an unknown one',
      `02000000${'0003'}01${'00'.repeat(36)}00ffffffff${'00'}0101${'ff'}00000000`,
    ],
    ['a witness flag and no inputs', '0200000000010000' + '00000000'],
  ]
  for (const [name, hex] of bad) assert.equal(decodeTransaction(hexToBytes(hex)).ok, false, name)
  const bare = decodeTransaction(hexToBytes('02000000000000000000'))
  assert(bare.ok)
  assert.deepEqual([bare.value.inputs.length, bare.value.outputs.length], [0, 0])
})

test('a list that announces more than its bytes is refused before memory is reserved', () => {
  for (const count of ['feffffffff', 'ff0000000001000000'])
    for (const hex of [
      `02000000${count}`,
      `0200000000${'01'}${count}`,
      `0200000001${'00'.repeat(41)}${count}`,
    ])
      assert.equal(decodeTransaction(hexToBytes(hex)).ok, false)
})

test('a coinbase is one input with the null outpoint', () => {
  const spend = unsignedInput(outpointOf('11'.repeat(32) as never, 0xffffffff), 0)
  const coinbase = unsignedInput(NULL_OUTPOINT, 0)
  const is = (...inputs: (typeof spend)[]) => Transaction.of({ ...empty, inputs, outputs: [] }).isCoinbase
  assert.equal(is(coinbase), true)
  assert.equal(is(coinbase, spend), false)
  assert.equal(is(spend), false)
  assert.equal(is({ ...coinbase, prevout: { ...NULL_OUTPOINT, index: 0 } }), false)
})

test('an outpoint names its transaction in display order', () => {
  const txid = `${'00'.repeat(31)}ff` as never
  const prevout = outpointOf(txid, 7)
  assert.equal(prevout.txid[0], 0xff)
  assert.equal(outpointKey(prevout), `${txid}:7`)
  assert.deepEqual(fromDisplay(txid), prevout.txid)
})
