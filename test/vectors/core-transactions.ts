/**
 * Bitcoin Core's tx_valid.json, tx_invalid.json and sighash.json: their bytes as they are, their structure with outputs of
 * this network, and their locks with every script as a tapscript leaf.
 */
import assert from 'node:assert/strict'
import { checkTransaction } from '../../src/consensus/checks.ts'
import { REGTEST } from '../../src/consensus/params.ts'
import { bytesToHex, EMPTY, hexToBytes } from '../../src/primitives/bytes.ts'
import { decodeTransaction, type Transaction } from '../../src/primitives/transaction.ts'
import { p2trScript } from '../../src/script/taproot.ts'
import { parseAsm } from '../support/script-asm.ts'
import { rehouse } from '../support/tapscript-spends.ts'
import type { VectorFile } from '../support/vector-files.ts'
import { notApplicable } from '../support/vector-report.ts'
import { value } from '../support/wallets.ts'
import { checkHousing, hasLock, houseSpend } from './core-scripts.ts'
import type { VectorRule } from './rule.ts'

/** Prevout's txid and index, scriptPubKey, amount. */
type Prevout = readonly [string, number, string, number?]
/** Prevouts, transaction, flags: those left out where it is valid, those that make it invalid, or BADTX. */
type TransactionRow = readonly [readonly Prevout[], string, string]

function isTransactionRow(row: unknown): row is TransactionRow {
  return (
    Array.isArray(row) &&
    row.length === 3 &&
    Array.isArray(row[0]) &&
    typeof row[1] === 'string' &&
    isFlags(row[2])
  )
}

function isFlags(text: unknown): boolean {
  return typeof text === 'string' && /^[A-Z0-9_,]+$/.test(text)
}

function accepts({ rows }: VectorFile): boolean {
  return (
    rows.some(isTransactionRow) &&
    rows.every((row) => isTransactionRow(row) || (Array.isArray(row) && row.length === 1))
  )
}

/** Which of the two files it is: nothing in the rows tells. */
function isValidFile({ name }: VectorFile): boolean {
  return !name.includes('invalid')
}

function rule(
  aspect: string,
  check: (row: TransactionRow, transaction: Transaction, valid: boolean) => void,
): VectorRule {
  return {
    folder: 'core',
    aspect,
    accepts,
    run: (file, report) => {
      file.rows.forEach((row, index) => {
        if (!isTransactionRow(row)) return
        report.row(`row ${index}`, () =>
          check(row, value(decodeTransaction(hexToBytes(row[1]))), isValidFile(file)),
        )
      })
    },
  }
}

/** Every row is a transaction in bytes, valid or not. */
const serialisation = rule('serialisation', ([, hex], transaction) => {
  assert.equal(bytesToHex(transaction.bytes), hex)
  const witnesses = transaction.inputs.map(({ witness }) => witness)
  assert.equal(bytesToHex(rehouse(transaction, { witnesses }).bytes), hex)
})

/** Any key will do: `checkTransaction` doesn't look whether it is one. */
const P2TR = p2trScript(new Uint8Array(32).fill(1))

/**
 * `checkTransaction` is stricter about two things (`docs/protocol.md`, Transactions): outputs are P2TR, and scriptSigs empty. With
 * both so, what it says is what Bitcoin Core's CheckTransaction says of the row.
 */
const structure = rule('structure', ([, , flags], transaction, valid) => {
  const { inputs, isCoinbase } = transaction
  const scriptSigs = isCoinbase ? inputs.map(({ scriptSig }) => scriptSig) : inputs.map(() => EMPTY)
  const checked = checkTransaction(rehouse(transaction, { scriptSigs, scriptPubKey: P2TR }), REGTEST)
  const expected = valid || flags !== 'BADTX'
  assert.equal(checked.ok, expected, checked.ok ? undefined : checked.code)
})

/** Rows about OP_CHECKLOCKTIMEVERIFY and OP_CHECKSEQUENCEVERIFY: each script becomes a leaf; version, lock time and sequences stay. */
const locks = rule('time locks', ([prevouts, , flagNames], transaction, valid) => {
  if (flagNames === 'BADTX') notApplicable('about structure: see there')
  const named = flagNames.split(',')
  // A valid one is so with all flags but these.
  const flags = valid ? ALL_FLAGS.filter((flag) => !named.includes(flag)) : named
  const scripts = transaction.inputs.map(({ prevout, scriptSig, witness }) => {
    const scriptPubKey = scriptOf(prevouts, prevout.txid, prevout.index)
    return houseSpend({ witness, scriptSig, scriptPubKey, flags })
  })
  if (!scripts.some(hasLock)) notApplicable('has no lock in its scripts')
  const { version, lockTime } = transaction
  const checkInput = (index: number, expected: string | undefined): void =>
    checkHousing(scripts[index], expected, flags, {
      version,
      lockTime,
      sequence: transaction.inputs[index].sequence,
    })
  if (valid) for (const index of scripts.keys()) checkInput(index, 'ok')
  // Which input is at fault is not told: one without a lock is not.
  else
    for (const [index, housing] of scripts.entries()) checkInput(index, hasLock(housing) ? undefined : 'ok')
})

/** The flags that make a difference to a lock. */
const ALL_FLAGS = ['P2SH', 'WITNESS', 'CHECKLOCKTIMEVERIFY', 'CHECKSEQUENCEVERIFY']

function scriptOf(prevouts: readonly Prevout[], txid: Uint8Array, index: number): Uint8Array {
  const display = bytesToHex(txid.slice().reverse())
  const prevout = prevouts.find(([hash, n]) => hash === display && n >>> 0 === index)
  assert(prevout, `no prevout ${display}:${index}`)
  return parseAsm(prevout[2])
}

/** [transaction, script, input, hash type, hash] */
type SighashRow = readonly [string, string, number, number, string]

const sighash: VectorRule = {
  folder: 'core',
  aspect: 'serialisation',
  accepts: ({ rows }) =>
    rows.some((row) => isSighashRow(row)) &&
    rows.every((row) => isSighashRow(row) || (Array.isArray(row) && row.length === 1)),
  run: ({ rows }, report) => {
    for (const row of rows as readonly SighashRow[])
      if (isSighashRow(row))
        report.row(row[4], () => {
          const transaction = value(decodeTransaction(hexToBytes(row[0])))
          assert.equal(bytesToHex(transaction.bytes), row[0])
          assert.equal(bytesToHex(rehouse(transaction, {}).bytes), row[0])
        })
  },
}

function isSighashRow(row: unknown): row is SighashRow {
  return Array.isArray(row) && row.length === 5 && typeof row[2] === 'number' && typeof row[3] === 'number'
}

/** Says which rows of the other files matter to a chain like this: what runs there is decided there. */
const relevance: VectorRule = {
  folder: 'core',
  accepts: (file) => file.hasKeys('summary', 'rows'),
  run: (file, report) => {
    const { rows } = file.json as { rows: Record<string, unknown[]> }
    for (const each of Object.values(rows)) report.skipAll('an index of the other files', each)
  },
}

export const coreTransactionRules: readonly VectorRule[] = [
  serialisation,
  structure,
  locks,
  sighash,
  relevance,
]
