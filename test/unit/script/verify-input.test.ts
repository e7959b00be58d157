/** Promise: a P2TR input is accepted exactly when BIP341 accepts it, and a refusal says which input failed first and why. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { sats } from '../../../src/primitives/amount.ts'
import { concatBytes, EMPTY } from '../../../src/primitives/bytes.ts'
import {
  Transaction,
  type TransactionFields,
  type TxInput,
  unsignedInput,
} from '../../../src/primitives/transaction.ts'
import type { TransactionCheck } from '../../../src/script/input-check.ts'
import { SighashCache } from '../../../src/script/sighash.ts'
import { p2trScript } from '../../../src/script/taproot.ts'
import { InlineCheckPool, verifyChecks, verifyInput } from '../../../src/script/verify-input.ts'
import { type KeyPathSigning, signKeyPath } from '../../support/transactions.ts'

const ALICE = new Uint8Array(32).fill(1)
const BOB = new Uint8Array(32).fill(2)

/** Two coins of Alice and Bob, paid to two outputs. */
const payment: TransactionFields = {
  version: 2,
  lockTime: 7,
  inputs: [3, 4].map((index) =>
    unsignedInput({ txid: new Uint8Array(32).fill(9), index }, 0xfffffff0 + index),
  ),
  outputs: [50, 60].map((value) => ({
    value: sats(value),
    scriptPubKey: p2trScript(new Uint8Array(32).fill(value)),
  })),
}
const signing: readonly KeyPathSigning[] = [
  { secretKey: ALICE, value: 70 },
  { secretKey: BOB, value: 80 },
]

function signedPayment(options: Partial<KeyPathSigning> = {}): {
  transaction: Transaction
  spentOutputs: Uint8Array
} {
  return signKeyPath(
    payment,
    signing.map((each) => ({ ...each, ...options })),
  )
}

function check(transaction: Transaction, spentOutputs: Uint8Array): TransactionCheck {
  return { transaction: transaction.bytes, spentOutputs }
}

/** The transaction with one input changed. */
function withInput(tx: Transaction, index: number, change: Partial<TxInput>): Transaction {
  return Transaction.of({
    ...tx,
    inputs: tx.inputs.map((input, at) => (at === index ? { ...input, ...change } : input)),
  })
}

function codeOf(transaction: Transaction, spentOutputs: Uint8Array, index = 0): string {
  const verdict = verifyInput(new SighashCache(transaction, spentOutputs), index)
  return verdict.ok ? 'ok' : verdict.code
}

test('a signature holds for what its hash type covers and breaks with it', () => {
  const other = p2trScript(new Uint8Array(32).fill(5))
  /** Changes of the transaction around input 0, and the hash types whose signature there survives them. */
  const changes: [name: string, change: (tx: Transaction) => Transaction, survivors: number[]][] = [
    ['version', (tx) => Transaction.of({ ...tx, version: 3 }), []],
    ['lock time', (tx) => Transaction.of({ ...tx, lockTime: 8 }), []],
    ['own sequence', (tx) => withInput(tx, 0, { sequence: 1 }), []],
    ['own prevout', (tx) => withInput(tx, 0, { prevout: { ...tx.inputs[0].prevout, index: 9 } }), []],
    ['other sequence', (tx) => withInput(tx, 1, { sequence: 1 }), [0x81, 0x82, 0x83]],
    [
      'other prevout',
      (tx) => withInput(tx, 1, { prevout: { ...tx.inputs[1].prevout, index: 9 } }),
      [0x81, 0x82, 0x83],
    ],
    ['other witness', (tx) => withInput(tx, 1, { witness: [] }), [0, 1, 2, 3, 0x81, 0x82, 0x83]],
    [
      'output of the same index',
      (tx) => Transaction.of({ ...tx, outputs: [{ value: sats(1), scriptPubKey: other }, tx.outputs[1]] }),
      [0x02, 0x82],
    ],
    [
      'other output',
      (tx) => Transaction.of({ ...tx, outputs: [tx.outputs[0], { value: sats(1), scriptPubKey: other }] }),
      [0x02, 0x03, 0x82, 0x83],
    ],
  ]
  for (const hashType of [0, 1, 2, 3, 0x81, 0x82, 0x83]) {
    const { transaction, spentOutputs } = signedPayment({ hashType })
    assert.deepEqual(verifyChecks([check(transaction, spentOutputs)]), { ok: true })
    for (const [name, change, survivors] of changes)
      assert.equal(
        codeOf(change(transaction), spentOutputs),
        survivors.includes(hashType) ? 'ok' : 'schnorr-sig',
        `${name}, hash type ${hashType}`,
      )
    // What the coins held is signed too: of all inputs, or of one's own.
    const spent = (values: number[]) =>
      signKeyPath(
        payment,
        signing.map((each, index) => ({ ...each, value: values[index] })),
      ).spentOutputs
    assert.equal(codeOf(transaction, spent([71, 80])), 'schnorr-sig')
    assert.equal(codeOf(transaction, spent([70, 81])), hashType & 0x80 ? 'ok' : 'schnorr-sig')
  }
})

test('an annex is signed', () => {
  const annex = Uint8Array.of(0x50, 1, 2, 3)
  const { transaction, spentOutputs } = signedPayment({ annex })
  const [signature] = transaction.inputs[0].witness
  assert.equal(codeOf(transaction, spentOutputs), 'ok')
  for (const witness of [
    [signature],
    [signature, Uint8Array.of(0x50, 1, 2, 4)],
    [signature, annex.subarray(0, 1)],
  ])
    assert.equal(codeOf(withInput(transaction, 0, { witness }), spentOutputs), 'schnorr-sig')
})

test('a lone witness item is never an annex, though it begins like one', () => {
  // At this lock time Alice's signature begins with 0x50.
  const fields = {
    version: 2,
    lockTime: 179,
    inputs: [unsignedInput(payment.inputs[0].prevout, 0)],
    outputs: [],
  }
  const { transaction, spentOutputs } = signKeyPath(fields, [signing[0]])
  assert.equal(transaction.inputs[0].witness[0][0], 0x50)
  assert.equal(codeOf(transaction, spentOutputs), 'ok')
})

test('every refusal has the code of Bitcoin Core', () => {
  const { transaction, spentOutputs } = signedPayment()
  const [signature] = transaction.inputs[0].witness
  const cases: [change: Partial<TxInput>, code: string][] = [
    [{ witness: [] }, 'witness-program-witness-empty'],
    [{ scriptSig: Uint8Array.of(0x51) }, 'witness-malleated'],
    [{ scriptSig: Uint8Array.of(0x51), witness: [] }, 'witness-malleated'],
    [{ witness: [EMPTY] }, 'schnorr-sig-size'],
    [{ witness: [signature.subarray(1)] }, 'schnorr-sig-size'],
    [{ witness: [Uint8Array.of(...signature, 1, 1)] }, 'schnorr-sig-size'],
    [{ witness: [Uint8Array.of(...signature, 0)] }, 'schnorr-sig-hashtype'],
    [{ witness: [Uint8Array.of(...signature, 4)] }, 'schnorr-sig-hashtype'],
    [{ witness: [Uint8Array.of(...signature, 0x80)] }, 'schnorr-sig-hashtype'],
    [{ witness: [Uint8Array.of(...signature, 1)] }, 'schnorr-sig'],
    [{ witness: [signature, EMPTY] }, 'taproot-wrong-control-size'],
    [{ witness: [signature, new Uint8Array(33)] }, 'witness-program-mismatch'],
    [{ witness: [signature, new Uint8Array(33), Uint8Array.of(0x50)] }, 'witness-program-mismatch'],
  ]
  for (const [change, code] of cases)
    assert.equal(codeOf(withInput(transaction, 0, change), spentOutputs), code)
  const single = Transaction.of({ ...transaction, outputs: transaction.outputs.slice(1) })
  const witness = [Uint8Array.of(...signature, 3)]
  assert.equal(codeOf(withInput(single, 1, { witness }), spentOutputs, 1), 'schnorr-sig-hashtype')
})

test('an output key that is not on the curve makes the coin unspendable, not the node unwell', () => {
  const { transaction } = signedPayment()
  const output = concatBytes(new Uint8Array(8), Uint8Array.of(34), p2trScript(new Uint8Array(32).fill(0xff)))
  assert.equal(codeOf(transaction, concatBytes(output, output)), 'schnorr-sig')
})

test('an output that is not P2TR is no spend of this network', () => {
  const { transaction } = signedPayment()
  const output = concatBytes(new Uint8Array(8), Uint8Array.of(1, 0x51))
  assert.equal(codeOf(transaction, concatBytes(output, output)), 'bad-txns-nonstandard-inputs')
})

test('one flipped bit anywhere in a signature breaks it', () => {
  const { transaction, spentOutputs } = signedPayment()
  const [signature] = transaction.inputs[0].witness
  fc.assert(
    fc.property(fc.nat({ max: 511 }), (bit) => {
      const flipped = signature.slice()
      flipped[bit >> 3] ^= 1 << (bit & 7)
      const tx = withInput(transaction, 0, { witness: [flipped] })
      assert.equal(codeOf(tx, spentOutputs), 'schnorr-sig')
    }),
    { numRuns: 60 },
  )
})

test('the first failure in list order is reported, with its place', async () => {
  const { transaction, spentOutputs } = signedPayment()
  const good = check(transaction, spentOutputs)
  const unsigned = (index: number) => check(withInput(transaction, index, { witness: [] }), spentOutputs)
  const both = check(
    withInput(withInput(transaction, 0, { witness: [EMPTY] }), 1, { witness: [] }),
    spentOutputs,
  )
  const cases: [
    checks: TransactionCheck[],
    place: [check: number, input: number, code: string] | undefined,
  ][] = [
    [[], undefined],
    [[good, good], undefined],
    [
      [good, unsigned(1), unsigned(0)],
      [1, 1, 'witness-program-witness-empty'],
    ],
    [[both], [0, 0, 'schnorr-sig-size']],
  ]
  const pool = new InlineCheckPool()
  for (const [checks, place] of cases) {
    const outcome = verifyChecks(checks)
    assert.deepEqual(await pool.verify(checks), outcome)
    assert.deepEqual(outcome.ok ? undefined : [outcome.check, outcome.input, outcome.code], place)
    if (!outcome.ok) assert.match(outcome.detail, new RegExp(`input ${outcome.input} .*\\.$`, 'i'))
  }
})

test('a malformed check is a bug, which throws', async () => {
  const { transaction, spentOutputs } = signedPayment()
  const malformed: TransactionCheck[] = [
    { transaction: transaction.bytes.subarray(1), spentOutputs },
    { transaction: transaction.bytes, spentOutputs: spentOutputs.subarray(43) },
    { transaction: transaction.bytes, spentOutputs: spentOutputs.subarray(1) },
  ]
  const messages = [/holds no transaction/, /1 spent outputs given for 2/, /malformed/]
  for (const [i, each] of malformed.entries()) {
    assert.throws(() => verifyChecks([each]), messages[i])
    await assert.rejects(new InlineCheckPool().verify([each]), messages[i])
  }
})
