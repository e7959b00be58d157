/** Promise: however signatures are put together for the kernel, the outcome is that of one input after another. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { schnorr } from '@noble/curves/secp256k1.js'
import fc from 'fast-check'
import { sats } from '../../../src/primitives/amount.ts'
import { EMPTY } from '../../../src/primitives/bytes.ts'
import {
  decodeTransaction,
  Transaction,
  type TransactionFields,
} from '../../../src/primitives/transaction.ts'
import { type CheckOutcome, packOutputs, type TransactionCheck } from '../../../src/script/input-check.ts'
import { NOBLE_KERNEL, type SignatureCheck, type SignatureKernel } from '../../../src/script/schnorr.ts'
import { STANDARD_SCRIPT_FLAGS } from '../../../src/script/script-flags.ts'
import { SighashCache } from '../../../src/script/sighash.ts'
import { p2trScript } from '../../../src/script/taproot.ts'
import {
  InlineCheckPool,
  verifyChecks,
  verifyInput,
  verifyTransaction,
} from '../../../src/script/verify-input.ts'
import { decodeChecks, encodeChecks } from '../../../src/workers/check-batch.ts'
import { parseAsm } from '../../support/script-asm.ts'
import { leafSpend } from '../../support/tapscript-spends.ts'

const KEY = schnorr.getPublicKey(new Uint8Array(32).fill(1))

/** Stands for any kernel: a signature is valid when it begins with a one. Keeps what it was asked. */
class MarkedKernel implements SignatureKernel {
  readonly calls: number[] = []

  findInvalid(signatures: readonly SignatureCheck[]): number {
    this.calls.push(signatures.length)
    return signatures.findIndex(({ signature }) => signature[0] !== 1)
  }
}

const GOOD = new Uint8Array(64).fill(1)
const BAD = new Uint8Array(64).fill(2)
const keyPath = (signature: Uint8Array) => ({ scriptPubKey: p2trScript(KEY), witness: [signature] })
/** Two signatures by any key, then what else the script does. */
const scriptPath = (signatures: readonly Uint8Array[], end: string) =>
  leafSpend(parseAsm(`TUCK CHECKSIGVERIFY CHECKSIGVERIFY ${end}`), [...signatures, KEY])
/** A signature of 301 messages. */
const crowd = (signature: Uint8Array) =>
  leafSpend(
    parseAsm(
      `${'2DUP CHECKSIGVERIFY CODESEPARATOR '.repeat(300)} CHECKSIG ${`'${'x'.repeat(500)}' DROP `.repeat(30)}`,
    ),
    [signature, KEY],
  )

/** The kinds of inputs, each with its verdict where it stands alone. */
const INPUTS = [
  { ...keyPath(GOOD), code: undefined },
  { ...keyPath(BAD), code: 'schnorr-sig' },
  { ...keyPath(EMPTY), code: 'schnorr-sig-size' },
  { ...scriptPath([GOOD, GOOD], '1'), code: undefined },
  { ...scriptPath([GOOD, BAD], '1'), code: 'schnorr-sig' },
  { ...scriptPath([BAD, GOOD], '1'), code: 'schnorr-sig' },
  { ...scriptPath([GOOD, GOOD], 'RETURN'), code: 'op-return' },
  // The script error comes before the signature error.
  { ...scriptPath([BAD, BAD], 'RETURN'), code: 'op-return' },
  { ...scriptPath([GOOD, GOOD], '1 NOP1'), code: 'discourage-upgradable-nops' },
  { ...crowd(GOOD), code: undefined },
  { ...crowd(BAD), code: 'schnorr-sig' },
]

function checkOf(kinds: readonly number[], flags?: number): TransactionCheck {
  const fields: TransactionFields = {
    version: 2,
    lockTime: 0,
    inputs: kinds.map((kind, index) => ({
      prevout: { txid: new Uint8Array(32), index },
      scriptSig: EMPTY,
      sequence: 0,
      witness: INPUTS[kind].witness,
    })),
    outputs: [],
  }
  const spent = kinds.map((kind) => ({ value: sats(1), scriptPubKey: INPUTS[kind].scriptPubKey }))
  return {
    transaction: Transaction.of(fields).bytes,
    spentOutputs: packOutputs(spent),
    ...(flags === undefined ? {} : { flags }),
  }
}

/** What the kinds of inputs say by themselves. */
function expected(lists: readonly (readonly number[])[], flags: number): string {
  for (let check = 0; check < lists.length; check++)
    for (let input = 0; input < lists[check].length; input++) {
      const { code } = INPUTS[lists[check][input]]
      const isPolicy = code === 'discourage-upgradable-nops'
      if (code && (!isPolicy || flags)) return `${check} ${input} ${isPolicy ? 'not-now' : 'invalid'} ${code}`
    }
  return 'ok'
}

function told(outcome: CheckOutcome): string {
  return outcome.ok ? 'ok' : `${outcome.check} ${outcome.input} ${outcome.kind} ${outcome.code}`
}

/** Mostly valid inputs, so that failures come late. */
const kind = fc.oneof(
  { arbitrary: fc.constantFrom(0, 3, 9), weight: 6 },
  { arbitrary: fc.nat({ max: INPUTS.length - 1 }), weight: 1 },
)
const lists = fc.array(fc.array(kind, { minLength: 1, maxLength: 4 }), { maxLength: 5 })

test('verifyChecks tells the lowest failing input of the lowest failing check', () => {
  const counts = { failed: 0, severalCalls: 0 }
  fc.assert(
    fc.property(lists, fc.constantFrom(0, STANDARD_SCRIPT_FLAGS), (kinds, flags) => {
      const kernel = new MarkedKernel()
      const checks = kinds.map((each) => checkOf(each, flags))
      const outcome = verifyChecks(checks, kernel)
      assert.equal(told(outcome), expected(kinds, flags))
      if (!outcome.ok) counts.failed++
      if (kernel.calls.length > 1) counts.severalCalls++
    }),
    { seed: 342, numRuns: 150 },
  )
  assert(counts.failed > 20 && counts.severalCalls > 20, JSON.stringify(counts))
})

test('each kind of input has its verdict alone, and in a transaction of its own', () => {
  INPUTS.forEach(({ code }, kind) => {
    const check = checkOf([kind], STANDARD_SCRIPT_FLAGS)
    const kernel = new MarkedKernel()
    const failure = verifyTransaction(check, kernel)
    assert.equal(failure?.code, code)
    const transaction = decodeTransaction(check.transaction)
    assert(transaction.ok)
    const verdict = verifyInput(
      new SighashCache(transaction.value, check.spentOutputs),
      0,
      STANDARD_SCRIPT_FLAGS,
      kernel,
    )
    assert.equal(verdict.ok ? undefined : verdict.code, code)
    if (!verdict.ok) assert.equal(verdict.detail, failure?.detail)
  })
})

test('the signatures of many inputs and transactions go to the kernel in one call, of a bounded number', () => {
  const kernel = new MarkedKernel()
  assert.deepEqual(verifyChecks([checkOf([0, 3]), checkOf([0]), checkOf([3, 3])], kernel), { ok: true })
  assert.deepEqual(kernel.calls, [8])
  const crowds = new MarkedKernel()
  assert.deepEqual(verifyChecks([checkOf([9, 9, 9]), checkOf([9])], crowds), { ok: true })
  assert.deepEqual(crowds.calls, [602, 602, 0])
  // Nothing behind a failure is looked at.
  const failed = new MarkedKernel()
  assert.equal(
    told(verifyChecks([checkOf([0]), checkOf([7]), checkOf([9])], failed)),
    '1 0 invalid op-return',
  )
  assert.deepEqual(failed.calls, [1])
})

test('the plain kernel names the first of several invalid signatures', () => {
  const sign = (byte: number): SignatureCheck => {
    const secretKey = new Uint8Array(32).fill(byte)
    const message = new Uint8Array(32).fill(byte)
    const signature = schnorr.sign(message, secretKey, new Uint8Array(32))
    return { signature, message, publicKey: schnorr.getPublicKey(secretKey) }
  }
  const good = [1, 2, 3, 4].map(sign)
  const bad = good.map((each) => ({ ...each, message: new Uint8Array(32) }))
  assert.equal(NOBLE_KERNEL.findInvalid([]), -1)
  assert.equal(NOBLE_KERNEL.findInvalid(good), -1)
  for (let mask = 1; mask < 16; mask++) {
    const mixed = good.map((each, i) => (mask & (1 << i) ? bad[i] : each))
    const first = [0, 1, 2, 3].find((i) => mask & (1 << i))
    assert.equal(NOBLE_KERNEL.findInvalid(mixed), first, `mask ${mask}`)
  }
})

test('a pool uses the kernel that it was given', async () => {
  const kernel = new MarkedKernel()
  const pool = new InlineCheckPool(kernel)
  assert.deepEqual(await pool.verify([checkOf([0])]), { ok: true })
  assert.equal(told(await pool.verify([checkOf([1])])), '0 0 invalid schnorr-sig')
  assert.deepEqual(kernel.calls, [1, 1])
})

test('checks cross to a worker with their flags', () => {
  const checks = [checkOf([0]), checkOf([3, 4], STANDARD_SCRIPT_FLAGS), checkOf([1], 0)]
  assert.deepEqual(
    decodeChecks(encodeChecks(checks)),
    checks.map(({ flags = 0, ...rest }) => ({ flags, ...rest })),
  )
  assert.deepEqual(decodeChecks(encodeChecks([])), [])
})
