/**
 * Bitcoin Core's script_tests.json, re-housed in tapscript leaves. Its rows are scriptSig and scriptPubKey of older outputs: where
 * both mean the same in a tapscript, what the scriptSig pushes becomes the witness and the scriptPubKey the leaf.
 */
import assert from 'node:assert/strict'
import { ripemd160 } from '@noble/hashes/legacy.js'
import { bytesToHex, concatBytes, hexToBytes } from '../../src/primitives/bytes.ts'
import { sha256 } from '../../src/primitives/hashes.ts'
import {
  OP_0NOTEQUAL,
  OP_1,
  OP_1NEGATE,
  OP_16,
  OP_CHECKLOCKTIMEVERIFY,
  OP_CHECKSEQUENCEVERIFY,
  OP_CHECKSIG,
  OP_CHECKSIGADD,
  OP_CODESEPARATOR,
  OP_ELSE,
  OP_ENDIF,
  OP_FROMALTSTACK,
  OP_IF,
  OP_NIP,
  OP_NOTIF,
  OP_PUSHDATA4,
  OP_TOALTSTACK,
  ScriptReader,
} from '../../src/script/opcodes.ts'
import { parseAsm } from '../support/script-asm.ts'
import { type LeafTransaction, leafVerdict } from '../support/tapscript-spends.ts'
import { notApplicable } from '../support/vector-report.ts'
import { codeOfScriptError, policyFlags } from './core-names.ts'
import type { VectorRule } from './rule.ts'
import { checkTaprootRow, isTaprootRow } from './tapscript.ts'

/** A script, cut into opcodes. */
interface ScriptPart {
  readonly opcode: number
  /** What it pushes. */
  readonly data: Uint8Array
  /** The opcode with its data. */
  readonly bytes: Uint8Array
}

/** The parts of a script, and whether its end cuts the last one short. */
function partsOf(script: Uint8Array): { readonly parts: readonly ScriptPart[]; readonly whole: boolean } {
  const reader = new ScriptReader(script)
  const parts: ScriptPart[] = []
  let offset = 0
  while (reader.next()) {
    const { opcode, data, dataLength } = reader
    const lengthBytes = opcode < 0x4c || opcode > OP_PUSHDATA4 ? 0 : 2 ** (opcode - 0x4c)
    const end = offset + 1 + lengthBytes + dataLength
    parts.push({ opcode, data, bytes: script.subarray(offset, end) })
    offset = end
  }
  return { parts, whole: reader.atEnd }
}

/** A leaf that stands for a row. */
export interface Housing {
  readonly script: Uint8Array
  /** Witness items under it. */
  readonly stack: readonly Uint8Array[]
}

/** Scripts and verify flags that unlock an output of older kinds. */
export interface LegacySpend {
  readonly witness: readonly Uint8Array[]
  readonly scriptSig: Uint8Array
  readonly scriptPubKey: Uint8Array
  readonly flags: readonly string[]
}

/** The leaf that does in a tapscript what this spend does; ends the row where there is none. */
export function houseSpend({ witness, scriptSig, scriptPubKey, flags }: LegacySpend): Housing {
  const unlocking = partsOf(scriptSig)
  // It fails by itself.
  if (!unlocking.whole) return { script: scriptSig, stack: [] }
  const pushes = unlocking.parts.every(({ opcode }) => opcode <= OP_16 && opcode !== 0x50)
  const pushed = unlocking.parts.map(dataOf)
  const p2sh = flags.includes('P2SH') && isP2sh(scriptPubKey)
  if (p2sh && !pushes) notApplicable('the rule that a P2SH scriptSig only pushes')
  if (p2sh && pushed.length > 0) {
    const redeemScript = pushed[pushed.length - 1]
    if (bytesToHex(hash160(redeemScript)) !== bytesToHex(scriptPubKey.subarray(2, 22)))
      return { script: scriptPubKey, stack: pushed }
    return isWitnessProgram(redeemScript) && flags.includes('WITNESS')
      ? houseWitness(redeemScript, witness)
      : { script: redeemScript, stack: pushed.slice(0, -1) }
  }
  if (isWitnessProgram(scriptPubKey) && flags.includes('WITNESS')) {
    if (scriptSig.length > 0) notApplicable('the rule that a witness program has no scriptSig')
    return houseWitness(scriptPubKey, witness)
  }
  if (flags.includes('WITNESS') && witness.length > 0) notApplicable('a witness where there is no program')
  // The form of pushes is a matter of scripts: those of a witness have none.
  if (pushes && !flags.includes('MINIMALDATA')) return { script: scriptPubKey, stack: pushed }
  // Apart or one behind the other they do the same, but for two things that end with a script.
  if (!hasBalancedConditions(unlocking.parts)) return { script: scriptSig, stack: [] }
  const count = (wanted: number) => unlocking.parts.filter(({ opcode }) => opcode === wanted).length
  if (count(OP_TOALTSTACK) !== count(OP_FROMALTSTACK))
    notApplicable('an altstack that ends with the scriptSig')
  return { script: concatBytes(scriptSig, scriptPubKey), stack: [] }
}

/** Whether each OP_IF has its OP_ENDIF. A script in which one has not fails by itself. */
function hasBalancedConditions(parts: readonly ScriptPart[]): boolean {
  let depth = 0
  for (const { opcode } of parts) {
    if (opcode === OP_IF || opcode === OP_NOTIF) depth++
    else if ((opcode === OP_ELSE || opcode === OP_ENDIF) && depth === 0) return false
    else if (opcode === OP_ENDIF) depth--
  }
  return depth === 0
}

function houseWitness(program: Uint8Array, witness: readonly Uint8Array[]): Housing {
  const script = witness[witness.length - 1]
  if (program[0] !== 0 || program.length !== 34 || !script) notApplicable('witness programs other than P2WSH')
  if (bytesToHex(sha256(script)) !== bytesToHex(program.subarray(2)))
    notApplicable('a witness script that P2WSH does not commit to')
  return { script, stack: witness.slice(0, -1) }
}

function dataOf({ opcode, data }: ScriptPart): Uint8Array {
  if (opcode === OP_1NEGATE) return Uint8Array.of(0x81)
  return opcode >= OP_1 && opcode <= OP_16 ? Uint8Array.of(opcode - OP_1 + 1) : data
}

function isP2sh(script: Uint8Array): boolean {
  return script.length === 23 && script[0] === 0xa9 && script[1] === 20 && script[22] === 0x87
}

function isWitnessProgram(script: Uint8Array): boolean {
  const version = script[0] === 0 || (script[0] >= OP_1 && script[0] <= OP_16)
  return version && script.length >= 4 && script.length <= 42 && script[1] === script.length - 2
}

function hash160(data: Uint8Array): Uint8Array {
  return ripemd160(sha256(data))
}

/** BIP342, Script execution, and not the code under test: what is left out must not depend on that. */
const OP_SUCCESS: readonly (readonly [first: number, last: number])[] = [
  [80, 80],
  [98, 98],
  [126, 129],
  [131, 134],
  [137, 138],
  [141, 142],
  [149, 153],
  [187, 254],
]

function isOpSuccess(opcode: number): boolean {
  return OP_SUCCESS.some(([first, last]) => opcode >= first && opcode <= last)
}

/** Errors of rules that tapscript doesn't have. */
const ABSENT_RULES: Readonly<Record<string, string>> = {
  OP_COUNT: 'the limit of 201 opcodes, which tapscript does not have',
  SCRIPT_SIZE: 'the limit of 10,000 bytes, which tapscript does not have',
  SIG_PUSHONLY: 'the rule that a scriptSig only pushes',
}

/** Why what is in the script means something else in a tapscript than before; undefined where it doesn't. */
function whyDifferent(
  { script }: Housing,
  expected: string | undefined,
  flags: readonly string[],
): string | undefined {
  const { parts, whole } = partsOf(script)
  const has = (test: (opcode: number) => boolean) => parts.some(({ opcode }) => test(opcode))
  if (has(isOpSuccess)) return 'has what is OP_SUCCESS in tapscript'
  if (has((opcode) => opcode >= OP_CHECKSIG && opcode < OP_CHECKSIG + 4))
    return 'checks ECDSA signatures, or has OP_CHECKMULTISIG'
  if (has((opcode) => opcode === OP_CHECKSIGADD)) return 'has what is OP_CHECKSIGADD in tapscript'
  if (has((opcode) => opcode === OP_CODESEPARATOR) && flags.includes('CONST_SCRIPTCODE'))
    return 'the rule CONST_SCRIPTCODE on older scripts'
  if (has((opcode) => opcode === OP_CHECKLOCKTIMEVERIFY) && !flags.includes('CHECKLOCKTIMEVERIFY'))
    return 'has OP_CHECKLOCKTIMEVERIFY while that does nothing'
  if (has((opcode) => opcode === OP_CHECKSEQUENCEVERIFY) && !flags.includes('CHECKSEQUENCEVERIFY'))
    return 'has OP_CHECKSEQUENCEVERIFY while that does nothing'
  // In a tapscript it is found before anything is executed.
  if (!whole && expected !== undefined && expected !== 'bad-opcode')
    return 'fails before it comes to the push that its end cuts short'
  return undefined
}

/** Whether it has OP_CHECKLOCKTIMEVERIFY or OP_CHECKSEQUENCEVERIFY. */
export function hasLock({ script }: Housing): boolean {
  return partsOf(script).parts.some(
    ({ opcode }) => opcode === OP_CHECKLOCKTIMEVERIFY || opcode === OP_CHECKSEQUENCEVERIFY,
  )
}

/**
 * Checks that the leaf ends with the code `expected`, or fails somehow where that is undefined. Where tapscript adds a rule, it
 * is not left at that: the leaf keeps to the rule and must then end as the older script.
 */
export function checkHousing(
  housing: Housing,
  expected: string | undefined,
  flags: readonly string[],
  transaction?: LeafTransaction,
): void {
  const different = whyDifferent(housing, expected, flags)
  if (different) notApplicable(different)
  const policy = policyFlags(flags)
  const verdict = (script: Uint8Array) => leafVerdict(script, housing.stack, policy, transaction)
  let { script } = housing
  let got = verdict(script)
  // Conditions must be minimal: a number becomes 0 or 1 first.
  if (got === 'tapscript-minimalif' && expected !== 'tapscript-minimalif') {
    script = concatBytes(...partsOf(script).parts.flatMap(withTruthValue))
    got = verdict(script)
  }
  // One element must be left.
  if (got === 'cleanstack' && expected !== 'cleanstack') got = verdictOnTop(script, verdict)
  if (expected === undefined) assert.notEqual(got, 'ok')
  else assert.equal(got, expected)
}

/**
 * How a script ends that is judged by the top of its stack alone, whatever lies under it, as older scripts are: an empty
 * stack is false. `script` ends with 'cleanstack'.
 */
function verdictOnTop(script: Uint8Array, verdict: (script: Uint8Array) => string): string {
  let [least, most] = [1, 1000]
  while (least <= most) {
    const count = (least + most) >> 1
    const got = verdict(concatBytes(script, new Uint8Array(count).fill(OP_NIP)))
    if (got === 'cleanstack') least = count + 1
    else if (got === 'invalid-stack-operation') most = count - 1
    else return got
  }
  return 'eval-false'
}

function withTruthValue({ opcode, bytes }: ScriptPart): Uint8Array[] {
  return opcode === OP_IF || opcode === OP_NOTIF ? [Uint8Array.of(OP_0NOTEQUAL), bytes] : [bytes]
}

/** [[witness..., amount]?, scriptSig, scriptPubKey, flags, expected error, comment?] */
type ScriptTestRow = readonly (string | readonly (string | number)[])[]

const scriptTests: VectorRule = {
  folder: 'core',
  accepts: ({ rows }) =>
    rows.some((row) => Array.isArray(row) && row.length >= 4) &&
    rows.every((row) => Array.isArray(row) && (row.length === 1 || isScriptTest(row as ScriptTestRow))),
  run: ({ rows }, report) => {
    rows.forEach((row, index) => {
      // A row of one text is a comment.
      if ((row as unknown[]).length === 1) return
      report.row(`row ${index}, ${JSON.stringify(row).slice(0, 300)}`, () => {
        if (isTaprootRow(row)) checkTaprootRow(row)
        else checkScriptTest(row as ScriptTestRow)
      })
    })
  },
}

function isScriptTest(row: ScriptTestRow): boolean {
  const texts = Array.isArray(row[0]) ? row.slice(1) : row
  return texts.length >= 4 && texts.every((text) => typeof text === 'string')
}

function checkScriptTest(row: ScriptTestRow): void {
  const hasWitness = Array.isArray(row[0])
  const witness = hasWitness ? (row[0] as string[]).slice(0, -1).map(hexToBytes) : []
  const [scriptSig, scriptPubKey, flagNames, error] = row.slice(hasWitness ? 1 : 0) as string[]
  const flags = flagNames.split(',')
  if (ABSENT_RULES[error]) notApplicable(ABSENT_RULES[error])
  const housing = houseSpend({
    witness,
    scriptSig: parseAsm(scriptSig),
    scriptPubKey: parseAsm(scriptPubKey),
    flags,
  })
  const expected = codeOfScriptError(error)
  // Every error that these scripts can have beside their differences has a code of ours.
  const different = whyDifferent(housing, expected ?? error, flags)
  if (different) notApplicable(different)
  assert(expected !== undefined, `no code for ${error}`)
  checkHousing(housing, expected, flags)
}

export const coreScriptRules: readonly VectorRule[] = [scriptTests]
