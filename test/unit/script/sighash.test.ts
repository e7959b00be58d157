/** Promises: signature messages are BIP341's and BIP342's, and what the inputs share is hashed once. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as scure from '@scure/btc-signer'
import { tapLeafHash } from '@scure/btc-signer/payment.js'
import fc from 'fast-check'
import { sats } from '../../../src/primitives/amount.ts'
import { bytesToHex, concatBytes, hexToBytes } from '../../../src/primitives/bytes.ts'
import { sha256, sha256d } from '../../../src/primitives/hashes.ts'
import { decodeTransaction, Transaction } from '../../../src/primitives/transaction.ts'
import { packOutputs } from '../../../src/script/input-check.ts'
import { hashAnnex, SighashCache } from '../../../src/script/sighash.ts'
import { p2trScript } from '../../../src/script/taproot.ts'

const HASH_TYPES = [0x00, 0x01, 0x02, 0x03, 0x81, 0x82, 0x83]

const bytes32 = fc.uint8Array({ minLength: 32, maxLength: 32 })
const u32 = fc.integer({ min: 0, max: 0xffffffff })
const money = fc.maxSafeNat().map((value) => sats(value % 21e14))
const p2tr = fc.record({ value: money, scriptPubKey: bytes32.map(p2trScript) })
const nullData = fc.uint8Array({ maxLength: 60 }).map((data) => ({
  value: sats(0),
  scriptPubKey: Uint8Array.of(0x6a, data.length, ...data),
}))
const spends = fc.record({
  version: fc.integer({ min: 0, max: 0x7fffffff }),
  lockTime: u32,
  inputs: fc.array(
    fc.record({ txid: bytes32, index: u32, sequence: u32, spent: p2tr, signature: fc.boolean() }),
    { minLength: 1, maxLength: 4 },
  ),
  outputs: fc.array(fc.oneof(p2tr, nullData), { minLength: 1, maxLength: 4 }),
  annex: fc.option(
    fc.uint8Array({ maxLength: 300 }).map((rest) => Uint8Array.of(0x50, ...rest)),
    { nil: undefined },
  ),
  leaf: fc.option(fc.uint8Array({ minLength: 1, maxLength: 300 }), { nil: undefined }),
  codeSeparatorPosition: fc.oneof(fc.constant(0xffffffff), fc.nat({ max: 1000 })),
})

test('agrees with scure-btc-signer on every hash type, ids and weight', () => {
  const options = { allowUnknownOutputs: true, allowUnknownInputs: true, allowUnknownVersion: true }
  let compared = 0
  fc.assert(
    fc.property(spends, ({ inputs, annex, leaf, codeSeparatorPosition, ...fields }) => {
      const tx = Transaction.of({
        ...fields,
        inputs: inputs.map(({ txid, index, sequence, signature }) => ({
          prevout: { txid, index },
          scriptSig: new Uint8Array(),
          sequence,
          witness: [new Uint8Array(signature ? 64 : 65)],
        })),
      })
      const theirs = scure.Transaction.fromRaw(tx.bytes, options)
      assert.equal(theirs.id, tx.txid)
      assert.deepEqual(sha256d(theirs.toBytes(true, true)), tx.wtxidBytes)
      assert.equal(theirs.weight, tx.weight)
      assert.equal(theirs.vsize, tx.vsize)

      const spent = inputs.map((input) => input.spent)
      const sighashes = new SighashCache(tx, packOutputs(spent))
      for (let index = 0; index < inputs.length; index++)
        for (const hashType of HASH_TYPES) {
          const ours = sighashes.sighash(
            index,
            hashType,
            annex && hashAnnex(annex),
            leaf && { leafHash: tapLeafHash(leaf), codeSeparatorPosition },
          )
          if ((hashType & 3) === 3 && index >= tx.outputs.length) {
            assert.equal(ours, undefined)
            continue
          }
          const expected = theirs.preimageWitnessV1(
            index,
            spent.map(({ scriptPubKey }) => scriptPubKey),
            hashType,
            spent.map(({ value }) => BigInt(value)),
            codeSeparatorPosition | 0,
            leaf,
            undefined,
            annex,
          )
          assert.deepEqual(ours, expected, `input ${index}, hash type ${hashType}`)
          compared++
        }
    }),
    { seed: 341, numRuns: 300 },
  )
  assert(compared > 2000)
})

const simple = Transaction.of({
  version: 2,
  inputs: [0, 1].map((index) => ({
    prevout: { txid: new Uint8Array(32), index },
    scriptSig: new Uint8Array(),
    sequence: 0,
    witness: [],
  })),
  outputs: [{ value: sats(1), scriptPubKey: p2trScript(new Uint8Array(32)) }],
  lockTime: 0,
})
const coins = [5, 6].map((value) => ({
  value: sats(value),
  scriptPubKey: p2trScript(new Uint8Array(32)),
}))

test('there are seven hash types, and SINGLE wants its output', () => {
  const sighashes = new SighashCache(simple, packOutputs(coins))
  for (let hashType = 0; hashType < 256; hashType++) {
    const known = HASH_TYPES.includes(hashType)
    assert.equal(sighashes.sighash(0, hashType) !== undefined, known, `${hashType}`)
    assert.equal(sighashes.message(0, hashType) !== undefined, known, `${hashType}`)
    assert.equal(sighashes.sighash(1, hashType) !== undefined, known && (hashType & 3) !== 3, `${hashType}`)
  }
})

test('the hashes that inputs share are made once', () => {
  const sighashes = new SighashCache(simple, packOutputs(coins))
  for (const name of ['shaPrevouts', 'shaAmounts', 'shaScriptPubKeys', 'shaSequences', 'shaOutputs'] as const)
    assert.equal(sighashes[name], sighashes[name], name)
})

test('a thousand inputs are read a few times each, not a thousand times', () => {
  const COUNT = 1_000
  let reads = 0
  const input = {
    prevout: { txid: new Uint8Array(32), index: 0 },
    scriptSig: new Uint8Array(),
    get sequence() {
      reads++
      return 0
    },
    witness: [],
  }
  const outputs = Array.from({ length: COUNT }, () => simple.outputs[0])
  const large = Transaction.of({ ...simple, inputs: Array.from({ length: COUNT }, () => input), outputs })
  const sighashes = new SighashCache(large, packOutputs(Array.from({ length: COUNT }, () => coins[0])))
  reads = 0
  const sizes = new Set<number>()
  for (let index = 0; index < COUNT; index++)
    for (const hashType of HASH_TYPES) {
      const message = sighashes.message(index, hashType, undefined, {
        leafHash: new Uint8Array(32),
        codeSeparatorPosition: index,
      })
      assert(message)
      sizes.add(message.length)
    }
  // Each once for what all share, and once for each hash type that commits to the input alone.
  assert.equal(reads, COUNT * 4)
  // What a signature adds is of bounded size: BIP341 and BIP342 give 206 + 1 + 37 bytes at most.
  assert(Math.max(...sizes) <= 244, `${[...sizes]}`)
})

test('amounts that are no safe integers are hashed as they stand', () => {
  const huge = hexToBytes('0100000000000080')
  const output = concatBytes(huge, Uint8Array.of(1, 0x51))
  const bytes = concatBytes(hexToBytes(`0200000001${'00'.repeat(36)}00ffffffff01`), output, new Uint8Array(4))
  const result = decodeTransaction(bytes)
  assert(result.ok)
  const sighashes = new SighashCache(result.value, output)
  assert.deepEqual(sighashes.shaOutputs, sha256(output))
  assert.deepEqual(sighashes.shaAmounts, sha256(huge))
  assert(bytesToHex(sighashes.message(0, 0x83)!).includes(bytesToHex(output)))
})

test('a cache needs one spent output an input', () => {
  assert.throws(() => new SighashCache(simple, packOutputs(coins.slice(1))), /1 spent outputs given for 2/)
  assert.throws(() => new SighashCache(simple, packOutputs(coins).subarray(1)))
  assert.throws(() => new SighashCache(simple, Uint8Array.of(...packOutputs(coins), 0)), /malformed/)
})
