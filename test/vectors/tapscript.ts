/** Spends of P2TR outputs: Bitcoin Core's script_assets_test, and the taproot rows of its script_tests. */
import assert from 'node:assert/strict'
import { concatBytes, hexToBytes } from '../../src/primitives/bytes.ts'
import { decodeTransaction } from '../../src/primitives/transaction.ts'
import { SCRIPT_VERIFY, type ScriptFlags } from '../../src/script/script-flags.ts'
import { parseAsm } from '../support/script-asm.ts'
import { leafVerdict, rehouse, verdictOf } from '../support/tapscript-spends.ts'
import { isRecord } from '../support/vector-files.ts'
import { notApplicable, type VectorReport } from '../support/vector-report.ts'
import { value } from '../support/wallets.ts'
import { codeOfScriptError, policyFlags } from './core-names.ts'
import type { VectorRule } from './rule.ts'

/** A case of script_assets_test: one input, with a witness that unlocks it and one that doesn't. */
interface ScriptAsset {
  readonly tx: string
  /** CTxOut of every output spent. */
  readonly prevouts: readonly string[]
  readonly index: number
  readonly flags: string
  readonly comment: string
  /** Succeeds whatever other rules come into force. */
  readonly final?: boolean
  readonly success?: Spend
  readonly failure?: Spend
}

interface Spend {
  readonly scriptSig: string
  readonly witness: readonly string[]
}

function isScriptAsset(row: unknown): row is ScriptAsset {
  return (
    isRecord(row) &&
    typeof row.tx === 'string' &&
    Array.isArray(row.prevouts) &&
    typeof row.index === 'number' &&
    typeof row.flags === 'string'
  )
}

const scriptAssets: VectorRule = {
  folder: 'tapscript',
  accepts: ({ json }) =>
    Array.isArray(json) ? json.length > 0 && json.every(isScriptAsset) : isScriptAsset(json),
  run: ({ json }, report) => {
    for (const row of (Array.isArray(json) ? json : [json]) as readonly ScriptAsset[]) runAsset(row, report)
  },
}

/** Rules of consensus that hold on this network from genesis on. */
const ALWAYS = 'P2SH,DERSIG,CHECKLOCKTIMEVERIFY,CHECKSEQUENCEVERIFY,WITNESS,NULLDUMMY,TAPROOT'.split(',')

/** CTxOut in hex: eight bytes of amount, the script's length, OP_1 and a push of 32 bytes. */
const P2TR_OUTPUT = /^.{16}225120.{64}$/

function runAsset(row: ScriptAsset, report: VectorReport): void {
  const flags = row.flags.split(',')
  const policy = policyFlags(flags)
  /** The verdicts on the input with this spend in it, under each of these sets of flags. */
  const verdicts = (spend: Spend, flagSets: Iterable<ScriptFlags>): string[] => {
    const scriptSigs: Uint8Array[] = []
    scriptSigs[row.index] = hexToBytes(spend.scriptSig)
    const witnesses: Uint8Array[][] = []
    witnesses[row.index] = spend.witness.map(hexToBytes)
    const original = value(decodeTransaction(hexToBytes(row.tx)))
    const transaction = rehouse(original, { scriptSigs, witnesses })
    const spentOutputs = concatBytes(...row.prevouts.map(hexToBytes))
    return Array.from(flagSets, (set) => verdictOf(transaction, spentOutputs, row.index, set))
  }
  const applies = (): void => {
    if (!P2TR_OUTPUT.test(row.prevouts[row.index])) notApplicable('spends an output that is not P2TR')
  }
  const { success, failure } = row
  if (success)
    report.row(`${row.comment}, success`, () => {
      applies()
      if (!row.final && ALWAYS.some((name) => !flags.includes(name)))
        notApplicable('succeeds while rules are switched off that hold here always')
      for (const verdict of verdicts(success, subsetsOf(policy))) assert.equal(verdict, 'ok')
    })
  if (failure)
    report.row(`${row.comment}, failure`, () => {
      applies()
      for (const verdict of verdicts(failure, supersetsOf(policy))) assert.notEqual(verdict, 'ok')
    })
}

const ALL_POLICY: ScriptFlags = Object.values(SCRIPT_VERIFY).reduce((sum, flag) => sum | flag, 0)

/** Every set of flags within `flags`, the empty one and itself included. */
function subsetsOf(flags: ScriptFlags): ScriptFlags[] {
  return Array.from({ length: flags + 1 }, (_, set) => set).filter((set) => (set & ~flags) === 0)
}

/** `flags`, with each other flag of policy, and with all. */
function supersetsOf(flags: ScriptFlags): Set<ScriptFlags> {
  return new Set([flags, ...Object.values(SCRIPT_VERIFY).map((flag) => flags | flag), ALL_POLICY])
}

/** Row 0 ends in the script, the control block and the amount; the output commits to just this leaf. */
type TaprootRow = readonly [
  readonly (string | number)[],
  scriptSig: string,
  scriptPubKey: string,
  flags: string,
  expected: string,
  ...comment: string[],
]

export function isTaprootRow(row: unknown): row is TaprootRow {
  return Array.isArray(row) && Array.isArray(row[0]) && row[0].includes('#CONTROLBLOCK#')
}

/** Runs a row of script_tests.json that names its leaf and has everything else generated. */
export function checkTaprootRow([witness, scriptSig, scriptPubKey, flags, expected]: TaprootRow): void {
  assert.equal(scriptSig, '')
  assert.equal(scriptPubKey, '0x51 0x20 #TAPROOTOUTPUT#')
  const [leaf, controlBlock] = witness.slice(-3, -1)
  assert(typeof leaf === 'string' && leaf.startsWith('#SCRIPT#') && controlBlock === '#CONTROLBLOCK#')
  const stack = witness.slice(0, -3).map((item) => hexToBytes(String(item)))
  const script = parseAsm(leaf.slice('#SCRIPT#'.length))
  assert.equal(leafVerdict(script, stack, policyFlags(flags.split(','))), codeOfScriptError(expected))
}

const taprootRows: VectorRule = {
  folder: 'tapscript',
  accepts: ({ rows }) => rows.length > 0 && rows.every(isTaprootRow),
  run: ({ rows }, report) => {
    for (const row of rows as readonly TaprootRow[])
      report.row(row.at(-1) as string, () => checkTaprootRow(row))
  },
}

export const tapscriptRules: readonly VectorRule[] = [scriptAssets, taprootRows]
