/** CompactSize, transactions of bitcoinjs-lib's fixtures, and script numbers. */
import assert from 'node:assert/strict'
import { sats } from '../../src/primitives/amount.ts'
import { bytesToHex, hexToBytes } from '../../src/primitives/bytes.ts'
import { decodeWith, Writer } from '../../src/primitives/codec.ts'
import { decodeTransaction, Transaction } from '../../src/primitives/transaction.ts'
import { packOutputs } from '../../src/script/input-check.ts'
import { decodeScriptNumber, encodeScriptNumber, isMinimalNumber } from '../../src/script/script-number.ts'
import { SighashCache } from '../../src/script/sighash.ts'
import { isRecord } from '../support/vector-files.ts'
import { value } from '../support/wallets.ts'
import { jsonRule, type VectorRule } from './rule.ts'

interface CompactSizes {
  readonly decode: readonly { readonly hex: string; readonly value?: string; readonly error?: string }[]
  readonly roundtrip: readonly { readonly value: string; readonly hex: string }[]
}

function decodeCompactSize(hex: string) {
  return decodeWith(hexToBytes(hex), 'compact-size', (reader) => reader.compactSize())
}

const compactSizes = jsonRule<CompactSizes>(
  'serialization',
  ['decode', 'roundtrip'],
  [],
  ({ decode, roundtrip }, report) => {
    for (const { hex, value, error } of decode)
      report.row(hex, () => {
        const decoded = decodeCompactSize(hex)
        if (error === undefined) assert.deepEqual(decoded, { ok: true, value: Number(value) })
        else assert.equal(decoded.ok, false)
      })
    for (const { value, hex } of roundtrip)
      report.row(hex, () => {
        const number = Number(value)
        // No list or string is longer than 2^53 - 1: beyond, every encoding is refused.
        if (!Number.isSafeInteger(number)) {
          assert.equal(decodeCompactSize(hex).ok, false)
          return
        }
        assert.equal(bytesToHex(new Writer().compactSize(number).finish()), hex)
        assert.deepEqual(decodeCompactSize(hex), { ok: true, value: number })
      })
  },
)

interface TransactionFixtures {
  readonly valid: readonly {
    readonly description: string
    readonly id: string
    readonly hash: string
    readonly hex: string
    readonly whex?: string
    readonly raw: {
      readonly version: number
      readonly ins: readonly unknown[]
      readonly outs: readonly unknown[]
      readonly locktime: number
    }
    readonly coinbase: boolean
    readonly virtualSize: number
    readonly weight: number
  }[]
  readonly hashForSignature?: readonly unknown[]
  readonly hashForWitnessV0?: readonly unknown[]
  readonly taprootSigning?: readonly {
    readonly utxos: readonly { readonly scriptHex: string; readonly value: number }[]
    readonly txHex: string
    readonly cases: readonly { readonly vin: number; readonly typeHex: string; readonly hash: string }[]
  }[]
  readonly invalid: {
    readonly addInput?: readonly unknown[]
    readonly fromBuffer: readonly { readonly exception: string; readonly hex: string }[]
  }
}

const transactions = jsonRule<TransactionFixtures>(
  'serialization',
  ['valid', 'invalid'],
  ['hashForSignature', 'hashForWitnessV0', 'taprootSigning'],
  (content, report) => {
    for (const fixture of content.valid)
      report.row(fixture.description, () => {
        const bytes = hexToBytes(fixture.whex || fixture.hex)
        const tx = value(decodeTransaction(bytes))
        assert.deepEqual([tx.txid, bytesToHex(tx.txidBytes)], [fixture.id, fixture.hash])
        assert.equal(bytesToHex(tx.strippedBytes), fixture.hex)
        assert.equal(tx.hasWitness, Boolean(fixture.whex))
        assert.equal(tx.wtxidBytes === tx.txidBytes, !fixture.whex)
        assert.deepEqual([tx.weight, tx.vsize], [fixture.weight, fixture.virtualSize])
        assert.equal(tx.isCoinbase, fixture.coinbase)
        const { version, ins, outs, locktime } = fixture.raw
        // Theirs is a signed number.
        assert.deepEqual(
          [tx.version, tx.inputs.length, tx.outputs.length, tx.lockTime],
          [version >>> 0, ins.length, outs.length, locktime],
        )
        assert.deepEqual(Transaction.of(tx).bytes, bytes)
      })
    for (const { utxos, txHex, cases } of content.taprootSigning ?? []) {
      const spent = utxos.map(({ scriptHex, value }) => ({
        value: sats(value),
        scriptPubKey: hexToBytes(scriptHex),
      }))
      const sighashes = new SighashCache(value(decodeTransaction(hexToBytes(txHex))), packOutputs(spent))
      for (const { vin, typeHex, hash } of cases)
        report.row(`input ${vin}, hash type ${typeHex}`, () => {
          const sighash = sighashes.sighash(vin, Number.parseInt(typeHex, 16))
          assert.equal(sighash && bytesToHex(sighash), hash)
        })
    }
    for (const { hex, exception } of content.invalid.fromBuffer)
      report.row(exception, () => assert.equal(decodeTransaction(hexToBytes(hex)).ok, false))
    report.skipAll('signature hashes of older outputs', content.hashForSignature)
    report.skipAll('signature hashes of witness version 0', content.hashForWitnessV0)
    report.skipAll('arguments of another interface', content.invalid.addInput)
  },
)

interface ScriptNumberRow {
  readonly hex: string
  readonly number: number
}

/** bitcoinjs-lib's fixture, or other lists of the same rows. */
const scriptNumbers: VectorRule = {
  folder: 'serialization',
  accepts: ({ rows }) =>
    rows.length > 0 && rows.every((row) => isRecord(row) && 'hex' in row && typeof row.number === 'number'),
  run: ({ rows }, report) => {
    for (const { hex, number } of rows as readonly ScriptNumberRow[])
      report.row(`${number}`, () => {
        assert.equal(bytesToHex(encodeScriptNumber(number)), hex)
        assert.equal(decodeScriptNumber(hexToBytes(hex)), number)
        assert(isMinimalNumber(hexToBytes(hex)))
      })
  },
}

export const serializationRules: readonly VectorRule[] = [compactSizes, transactions, scriptNumbers]
