/** Promise: a tapscript succeeds or fails as BIP342 says, with Bitcoin Core's code, and at the exact limits. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ripemd160, sha1 } from '@noble/hashes/legacy.js'
import { opcodes } from 'bitcoinjs-lib'
import fc from 'fast-check'
import { concatBytes, EMPTY } from '../../../src/primitives/bytes.ts'
import { sha256 } from '../../../src/primitives/hashes.ts'
import { executeTapscript, type TapscriptExecution } from '../../../src/script/interpreter.ts'
import { opcodeName } from '../../../src/script/opcode-names.ts'
import {
  isMinimalPush,
  isOpSuccess,
  OP_1,
  OP_ENDIF,
  OP_IF,
  pushData,
  pushNumber,
  ScriptReader,
} from '../../../src/script/opcodes.ts'
import type { SignatureCheck } from '../../../src/script/schnorr.ts'
import { SCRIPT_ERRORS } from '../../../src/script/script-error.ts'
import {
  CONSENSUS_SCRIPT_FLAGS,
  SCRIPT_VERIFY,
  STANDARD_SCRIPT_FLAGS,
} from '../../../src/script/script-flags.ts'
import { decodeScriptNumber, encodeScriptNumber, isMinimalNumber } from '../../../src/script/script-number.ts'
import { parseAsm } from '../../support/script-asm.ts'

type Options = Partial<Omit<TapscriptExecution, 'script' | 'stack'>> & {
  readonly version?: number
  readonly lockTime?: number
  readonly sequence?: number
}

function execute(script: string | Uint8Array, stack: readonly Uint8Array[] = [], options: Options = {}) {
  const { version = 2, lockTime = 0, sequence = 0, ...rest } = options
  return executeTapscript({
    script: typeof script === 'string' ? parseAsm(script) : script,
    stack,
    transaction: {
      version,
      lockTime,
      inputs: [{ prevout: { txid: EMPTY, index: 0 }, scriptSig: EMPTY, sequence, witness: [] }],
      outputs: [],
    },
    input: 0,
    validationWeight: 1_000,
    flags: CONSENSUS_SCRIPT_FLAGS,
    sighash: (hashType, position) => (hashType < 4 ? parseAsm(`${hashType} ${position}`) : undefined),
    ...rest,
  })
}

/** The codes that some test of this file got. */
const seen = new Set<string>()

/** `ok`, or the code; that of policy with its kind. */
function verdict(script: string | Uint8Array, stack: readonly Uint8Array[] = [], options: Options = {}) {
  const result = execute(script, stack, options)
  if (result.ok) return 'ok'
  seen.add(result.code)
  return result.kind === 'invalid' ? result.code : `${result.kind} ${result.code}`
}

function collected(
  script: string,
  stack: readonly Uint8Array[],
  options?: Options,
): readonly SignatureCheck[] {
  const result = execute(script, stack, options)
  assert(result.ok, script)
  return result.value
}

type Row = readonly [expected: string, script: string, stack?: readonly Uint8Array[], options?: Options]

function check(rows: readonly Row[]): void {
  for (const [expected, script, stack, options] of rows)
    assert.equal(verdict(script, stack, options), expected, script)
}

const bytes = (...values: number[]) => Uint8Array.from(values)
const filled = (length: number, value = 7) => new Uint8Array(length).fill(value)
const times = (count: number, element: Uint8Array) => Array.from({ length: count }, () => element)
const repeat = (count: number, asm: string) => `${asm} `.repeat(count)
const ONE = bytes(1)

test('a script must leave one true element', () => {
  check([
    ['ok', '1'],
    ['ok', '', [ONE]],
    ['cleanstack', ''],
    ['cleanstack', '1 1'],
    ['cleanstack', '', [ONE, ONE]],
    ['eval-false', '0'],
    ['eval-false', '', [bytes(0, 0, 0)]],
    // Negative zero.
    ['eval-false', '', [bytes(0, 0x80)]],
    ['ok', '', [bytes(0x80, 0)]],
    ['ok', '', [bytes(0, 0x81)]],
  ])
})

test('pushes of every form', () => {
  check([
    ['ok', `0x4c01ff 0x4d0100ff EQUAL`],
    ['ok', `0x01ff 0x4e01000000ff EQUAL`],
    ['ok', '-1 0x0181 EQUAL'],
    ['ok', '16 0x0110 EQUAL'],
    ['ok', '0 SIZE 0 EQUALVERIFY DROP 1'],
    ['bad-opcode', '1 0x02ff'],
    ['bad-opcode', '1 0x4c'],
    ['bad-opcode', '1 0x4d01'],
    ['bad-opcode', '1 0x4e010000'],
    ['bad-opcode', '1 0x4effffffff00'],
    // Not even what is never executed may be cut short.
    ['bad-opcode', '1 RETURN 0x02ff'],
  ])
})

test('minimal pushes and numbers are policy, as in Core', () => {
  const flags = SCRIPT_VERIFY.MINIMALDATA
  const rows: [script: string, code: string][] = [
    ['0x0101', 'minimaldata'],
    ['0x0110', 'minimaldata'],
    ['0x0181', 'minimaldata'],
    ['0x4c01ff', 'minimaldata'],
    ['1 0x4c00 DROP', 'minimaldata'],
    [`0x4d4c00${'01'.repeat(76)}`, 'minimaldata'],
    [`0x4e00010000${'01'.repeat(256)}`, 'minimaldata'],
    ['0x02ff00 0x03ff0000 NUMEQUAL', 'scriptnum'],
    ['0x0100 NOT', 'scriptnum'],
    ['0x0180 NOT', 'scriptnum'],
    ['1 0x020000 CHECKLOCKTIMEVERIFY DROP', 'scriptnum'],
  ]
  for (const [script, code] of rows) {
    assert.equal(verdict(script), 'ok', script)
    assert.equal(verdict(script, [], { flags }), `not-now ${code}`, script)
  }
  check([
    ['ok', '0x0111 17 EQUAL', [], { flags }],
    ['ok', `0x4c4c${'01'.repeat(76)} DROP 1`, [], { flags }],
    ['ok', `0x4d0001${'01'.repeat(256)} DROP 1`, [], { flags }],
    // Not where it isn't executed.
    ['ok', '0 IF 0x0101 ENDIF 1', [], { flags }],
    // A number that is too long breaks consensus, whatever its form.
    ['scriptnum', '0x050000000000 NOT', [], { flags }],
  ])
})

test('conditions', () => {
  check([
    ['ok', 'IF 1 ELSE 0 ENDIF', [ONE]],
    ['eval-false', 'IF 1 ELSE 0 ENDIF', [EMPTY]],
    ['eval-false', 'NOTIF 1 ELSE 0 ENDIF', [ONE]],
    ['ok', 'NOTIF 1 ELSE 0 ENDIF', [EMPTY]],
    ['ok', '1 IF 1 ELSE RETURN ELSE ENDIF'],
    ['ok', '0 IF 1 IF RETURN ELSE RETURN ENDIF ELSE 1 ENDIF'],
    ['ok', '1 IF 0 IF RETURN ENDIF 1 ENDIF'],
    ['ok', '0 IF NOTIF ELSE ELSE ENDIF RETURN ELSE 1 ENDIF'],
    ['tapscript-minimalif', 'IF 1 ENDIF 1', [bytes(2)]],
    ['tapscript-minimalif', 'IF ENDIF 1', [bytes(1, 0)]],
    ['tapscript-minimalif', 'NOTIF ENDIF 1', [bytes(0)]],
    ['invalid-stack-operation', 'IF 1 ENDIF'],
    ['unbalanced-conditional', '1 ELSE'],
    ['unbalanced-conditional', '1 ENDIF'],
    ['unbalanced-conditional', '1 1 IF'],
    ['unbalanced-conditional', '1 0 IF'],
    ['unbalanced-conditional', '1 0 IF ENDIF ENDIF'],
    ['ok', '1 VERIFY 1'],
    ['verify', '1 0 VERIFY'],
    ['invalid-stack-operation', 'VERIFY'],
    ['op-return', '1 RETURN'],
    // Bad wherever they stand.
    ['bad-opcode', '1 0 IF 0x65 ENDIF'],
    ['bad-opcode', '1 0 IF 0x66 ENDIF'],
    ['bad-opcode', '1 0xff'],
    ['ok', '1 0 IF 0xff ENDIF'],
  ])
})

test('a hundred thousand open conditions take no more than their number', () => {
  const many = (...unit: number[]) => concatBytes(...times(50_000, bytes(...unit)))
  const skipped = concatBytes(parseAsm('1 0'), many(OP_IF), many(OP_ENDIF))
  const executed = concatBytes(many(OP_1, OP_IF), parseAsm('1'), many(OP_ENDIF))
  assert.equal(verdict(skipped), 'ok')
  assert.equal(verdict(executed), 'ok')
})

test('stack opcodes move what Core moves', () => {
  /** The script turns the first list of numbers into the second, the top last; on so few elements it fails. */
  const rows: [script: string, before: number[], after: number[], tooFew: number][] = [
    ['2DROP', [1, 2, 3], [1], 1],
    ['2DUP', [1, 2], [1, 2, 1, 2], 1],
    ['3DUP', [1, 2, 3], [1, 2, 3, 1, 2, 3], 2],
    ['2OVER', [1, 2, 3, 4], [1, 2, 3, 4, 1, 2], 3],
    ['2ROT', [1, 2, 3, 4, 5, 6], [3, 4, 5, 6, 1, 2], 5],
    ['2SWAP', [1, 2, 3, 4], [3, 4, 1, 2], 3],
    ['IFDUP', [1, 2], [1, 2, 2], 0],
    ['IFDUP', [1, 0], [1, 0], 0],
    ['DEPTH', [5, 6], [5, 6, 3], -1],
    ['DROP', [1, 2], [1], 0],
    ['DUP', [1, 2], [1, 2, 2], 0],
    ['NIP', [1, 2], [2], 1],
    ['OVER', [1, 2], [1, 2, 1], 1],
    ['2 PICK', [1, 2, 3], [1, 2, 3, 1], 2],
    ['0 PICK', [1, 2], [1, 2, 2], 0],
    ['2 ROLL', [1, 2, 3], [2, 3, 1], 2],
    ['0 ROLL', [1, 2], [1, 2], 0],
    ['ROT', [1, 2, 3], [2, 3, 1], 2],
    ['SWAP', [1, 2], [2, 1], 1],
    ['TUCK', [1, 2], [2, 1, 2], 1],
    ['SIZE', [1, 1_000], [1, 1_000, 2], 0],
    ['SIZE', [0], [0, 0], 0],
    ['TOALTSTACK DUP FROMALTSTACK', [1, 2], [1, 1, 2], 1],
  ]
  for (const [script, before, after, tooFew] of rows) {
    // Below lies one more, which must stay where it is.
    const stack = [9, ...before].map(encodeScriptNumber)
    const checks = after.toReversed().map((value) => `${value} EQUALVERIFY`)
    assert.equal(verdict(`${script} ${checks.join(' ')} 9 EQUAL`, stack), 'ok', script)
    if (tooFew < 0) continue
    const short = before.slice(0, tooFew).map(encodeScriptNumber)
    assert.equal(verdict(script, short), 'invalid-stack-operation', `${script} on ${tooFew}`)
    const enough = before.slice(0, tooFew + 1).map(encodeScriptNumber)
    assert.notEqual(verdict(script, enough), 'invalid-stack-operation', `${script} on ${tooFew + 1}`)
  }
  check([
    ['invalid-altstack-operation', '1 FROMALTSTACK'],
    ['invalid-stack-operation', 'TOALTSTACK'],
    ['invalid-stack-operation', '1 1 PICK'],
    ['invalid-stack-operation', '1 1 ROLL'],
    ['invalid-stack-operation', '1 -1 PICK'],
    ['invalid-stack-operation', '1 -1 ROLL'],
    ['scriptnum', '1 0x050000000000 ROLL'],
  ])
})

test('arithmetic', () => {
  const rows: Row[] = [
    ['ok', '1 1ADD 2 EQUAL'],
    ['ok', '1 1SUB 0 EQUAL'],
    ['ok', '5 NEGATE -5 EQUAL'],
    ['ok', '0 NEGATE 0 EQUAL'],
    ['ok', '-7 ABS 7 EQUAL'],
    ['ok', '7 ABS 7 EQUAL'],
    ['ok', '0 NOT 1 EQUAL'],
    ['ok', '5 NOT 0 EQUAL'],
    ['ok', '5 0NOTEQUAL 1 EQUAL'],
    ['ok', '0 0NOTEQUAL 0 EQUAL'],
    ['ok', '2 -3 ADD -1 EQUAL'],
    ['ok', '2 -3 SUB 5 EQUAL'],
    ...(['0 0', '0 1', '1 0', '2 3'] as const).flatMap((pair, i): Row[] => [
      ['ok', `${pair} BOOLAND ${i === 3 ? 1 : 0} EQUAL`],
      ['ok', `${pair} BOOLOR ${i === 0 ? 0 : 1} EQUAL`],
    ]),
    ...([-1, 0, 1] as const).flatMap((order): Row[] =>
      (
        [
          ['NUMEQUAL', order === 0],
          ['NUMNOTEQUAL', order !== 0],
          ['LESSTHAN', order < 0],
          ['GREATERTHAN', order > 0],
          ['LESSTHANOREQUAL', order <= 0],
          ['GREATERTHANOREQUAL', order >= 0],
        ] as const
      ).map(([name, result]) => ['ok', `${5 + order} 5 ${name} ${result ? 1 : 0} EQUAL`]),
    ),
    ['ok', '3 -4 MIN -4 EQUAL'],
    ['ok', '3 -4 MAX 3 EQUAL'],
    ['ok', '-4 3 MIN -4 EQUAL'],
    ['ok', '-4 3 MAX 3 EQUAL'],
    ['ok', '5 5 6 WITHIN'],
    ['eval-false', '6 5 6 WITHIN'],
    ['eval-false', '4 5 6 WITHIN'],
    ['ok', '1 5 5 NUMEQUALVERIFY'],
    ['numequalverify', '1 5 6 NUMEQUALVERIFY'],
    ['ok', '1 5 5 EQUALVERIFY'],
    ['equalverify', '1 5 6 EQUALVERIFY'],
    ['eval-false', '0x020500 5 EQUAL'],
    ['ok', '0x020500 5 NUMEQUAL'],
    // Operands have 4 bytes, results may have 5.
    ['ok', '2147483647 DUP ADD 4294967294 EQUAL'],
    ['ok', '-2147483647 DUP ADD -4294967294 EQUAL'],
    ['scriptnum', '2147483648 1ADD'],
    ['scriptnum', '-2147483648 1ADD'],
    ['scriptnum', '1 2147483647 DUP ADD ADD'],
    ...['1ADD', '1SUB', 'NEGATE', 'ABS', 'NOT', '0NOTEQUAL'].flatMap((name): Row[] => [
      ['invalid-stack-operation', name],
      ['scriptnum', `2147483648 ${name}`],
    ]),
    ...['ADD', 'SUB', 'BOOLAND', 'BOOLOR', 'NUMEQUAL', 'NUMEQUALVERIFY', 'NUMNOTEQUAL', 'LESSTHAN']
      .concat(['GREATERTHAN', 'LESSTHANOREQUAL', 'GREATERTHANOREQUAL', 'MIN', 'MAX'])
      .flatMap((name): Row[] => [
        ['invalid-stack-operation', `2147483648 ${name}`],
        ['scriptnum', `1 2147483648 ${name}`],
        ['scriptnum', `2147483648 1 ${name}`],
      ]),
    ['invalid-stack-operation', '1 1 WITHIN'],
    ['ok', '1 0 2 WITHIN'],
    ['scriptnum', '2147483648 1 1 WITHIN'],
    ['scriptnum', '1 2147483648 1 WITHIN'],
    ['scriptnum', '1 1 2147483648 WITHIN'],
    ['invalid-stack-operation', '1 EQUAL'],
    ['invalid-stack-operation', '1 EQUALVERIFY'],
  ]
  check(rows)
  // What lies below the operands stays where it is.
  for (const [expected, script] of rows)
    if (expected === 'ok') assert.equal(verdict(`9 ${script} VERIFY 9 EQUAL`), 'ok', `9 ${script}`)
})

test('script numbers: one value for each canonical encoding, and back', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 6 }), (encoding) => {
      const value = decodeScriptNumber(encoding)
      const canonical = encodeScriptNumber(value)
      assert(!Object.is(value, -0))
      assert.equal(decodeScriptNumber(canonical), value)
      assert(isMinimalNumber(canonical))
      assert.equal(isMinimalNumber(encoding), concatBytes(encoding).join() === canonical.join())
    }),
    { numRuns: 2_000 },
  )
})

test('hash opcodes', () => {
  const data = filled(520)
  const rows: [name: string, hash: Uint8Array][] = [
    ['RIPEMD160', ripemd160(data)],
    ['SHA1', sha1(data)],
    ['SHA256', sha256(data)],
    ['HASH160', ripemd160(sha256(data))],
    ['HASH256', sha256(sha256(data))],
  ]
  for (const [name, hash] of rows) {
    assert.equal(verdict(`${name} EQUAL`, [hash, data]), 'ok', name)
    assert.equal(verdict(name), 'invalid-stack-operation')
  }
})

test('limits: 1,000 elements, 520 bytes each, and none on the script', () => {
  const drops = (count: number) => repeat(count, 'DROP')
  check([
    ['ok', drops(999), times(1_000, ONE)],
    ['stack-size', drops(1_000), times(1_001, ONE)],
    ['ok', `1 ${drops(999)}`, times(999, ONE)],
    ['stack-size', `1 ${drops(1_000)}`, times(1_000, ONE)],
    // The altstack counts.
    ['ok', `TOALTSTACK ${drops(998)}`, times(1_000, ONE)],
    ['stack-size', `TOALTSTACK DUP DUP ${drops(999)}`, times(999, ONE)],
    ['ok', `TOALTSTACK DUP ${drops(998)}`, times(999, ONE)],
    ['ok', 'DROP 1', [filled(520)]],
    ['push-size', 'DROP 1', [filled(521)]],
    ['ok', `0x4d0802${'00'.repeat(520)} DROP 1`],
    ['push-size', `0x4d0902${'00'.repeat(521)} DROP 1`],
    ['push-size', `0 IF 0x4d0902${'00'.repeat(521)} ENDIF 1`],
    // Both are found before the first opcode, the number first.
    ['push-size', 'RETURN', [filled(521)]],
    ['stack-size', 'RETURN', [filled(521), ...times(1_000, ONE)]],
    // No 10,000 bytes, no 201 opcodes.
    ['ok', `1 ${repeat(20_000, 'NOP')}`],
  ])
})

test('OP_SUCCESSx ends every script in success, if what stands before it can be read', () => {
  let count = 0
  for (let opcode = 0; opcode < 256; opcode++) {
    const script = bytes(0x00, 0x6a, opcode, 0x4c)
    const success = isOpSuccess(opcode)
    if (success) count++
    assert.equal(verdict(script, [filled(521)]) === 'ok', success, `${opcode}`)
    assert.equal(/^OP_SUCCESS\d+$/.test(opcodeName(opcode)), success)
    if (!success) continue
    const flags = SCRIPT_VERIFY.DISCOURAGE_OP_SUCCESS
    assert.equal(verdict(script, [], { flags }), 'not-now discourage-op-success')
    assert.deepEqual(execute(script, times(1_001, ONE)), { ok: true, value: [] })
    assert.equal(verdict(bytes(0x02, opcode)), 'bad-opcode', 'within a push cut short')
    assert.equal(verdict(bytes(OP_1, 0x01, opcode, 0x75)), 'ok', 'as data')
  }
  assert.equal(count, 87)
})

test('opcodes are called what bitcoinjs-lib calls them', () => {
  const theirs = opcodes as unknown as Readonly<Record<string, number>>
  for (let opcode = 0; opcode < 0xff; opcode++) {
    const name = opcodeName(opcode)
    if (!name.startsWith('OP_')) assert(opcode > 0 && opcode < 0x4c, name)
    else if (!isOpSuccess(opcode)) assert.equal(theirs[name], opcode, name)
  }
})

test('each flag of policy is a bit of its own, and the mempool sets them all', () => {
  const bits = Object.values(SCRIPT_VERIFY)
  assert.deepEqual(
    bits,
    bits.map((_, i) => 1 << i),
  )
  assert.equal(STANDARD_SCRIPT_FLAGS, (1 << bits.length) - 1)
  assert.equal(CONSENSUS_SCRIPT_FLAGS, 0)
})

test('kept opcodes: no operation, and policy against them', () => {
  for (const name of ['NOP1', 'NOP4', 'NOP5', 'NOP6', 'NOP7', 'NOP8', 'NOP9', 'NOP10']) {
    const flags = SCRIPT_VERIFY.DISCOURAGE_UPGRADABLE_NOPS
    assert.equal(verdict(`1 ${name}`), 'ok')
    assert.equal(verdict(`1 ${name}`, [], { flags }), 'not-now discourage-upgradable-nops')
    assert.equal(verdict(`1 0 IF ${name} ENDIF`, [], { flags }), 'ok')
  }
  assert.equal(verdict('1 NOP', [], { flags: STANDARD_SCRIPT_FLAGS }), 'ok')
})

test('OP_CHECKLOCKTIMEVERIFY (BIP65)', () => {
  const at = (lockTime: number, sequence = 0) => ({ lockTime, sequence })
  check([
    ['ok', '100 CHECKLOCKTIMEVERIFY', [], at(100)],
    ['ok', '100 CHECKLOCKTIMEVERIFY', [], at(101, 0xfffffffe)],
    ['unsatisfied-locktime', '101 CHECKLOCKTIMEVERIFY', [], at(100)],
    ['unsatisfied-locktime', '100 CHECKLOCKTIMEVERIFY', [], at(100, 0xffffffff)],
    ['ok', '499999999 CHECKLOCKTIMEVERIFY', [], at(499_999_999)],
    ['ok', '500000000 CHECKLOCKTIMEVERIFY', [], at(500_000_000)],
    ['unsatisfied-locktime', '499999999 CHECKLOCKTIMEVERIFY', [], at(500_000_000)],
    ['unsatisfied-locktime', '500000000 CHECKLOCKTIMEVERIFY', [], at(499_999_999)],
    ['ok', '4294967295 CHECKLOCKTIMEVERIFY', [], at(0xffffffff)],
    ['unsatisfied-locktime', '4294967296 CHECKLOCKTIMEVERIFY', [], at(0xffffffff)],
    ['negative-locktime', '-1 CHECKLOCKTIMEVERIFY', [], at(100)],
    ['invalid-stack-operation', 'CHECKLOCKTIMEVERIFY', [], at(100)],
    ['scriptnum', '0x06000000000000 CHECKLOCKTIMEVERIFY', [], at(100)],
    ['ok', '1 0x050000000000 CHECKLOCKTIMEVERIFY DROP', [], at(100)],
  ])
})

test('OP_CHECKSEQUENCEVERIFY (BIP112)', () => {
  const at = (sequence: number, version = 2) => ({ sequence, version })
  const SECONDS = 1 << 22
  check([
    ['ok', '5 CHECKSEQUENCEVERIFY', [], at(5)],
    ['ok', '5 CHECKSEQUENCEVERIFY', [], at(6)],
    ['unsatisfied-locktime', '6 CHECKSEQUENCEVERIFY', [], at(5)],
    ['unsatisfied-locktime', '5 CHECKSEQUENCEVERIFY', [], at(5, 1)],
    ['ok', '5 CHECKSEQUENCEVERIFY', [], at(5, 0xffffffff)],
    ['unsatisfied-locktime', '5 CHECKSEQUENCEVERIFY', [], at(0x80000005)],
    ['ok', `${SECONDS + 5} CHECKSEQUENCEVERIFY`, [], at(SECONDS + 5)],
    ['unsatisfied-locktime', `${SECONDS + 5} CHECKSEQUENCEVERIFY`, [], at(5)],
    ['unsatisfied-locktime', '5 CHECKSEQUENCEVERIFY', [], at(SECONDS + 5)],
    // Other bits mean nothing.
    ['ok', `${0x10000 + 5} CHECKSEQUENCEVERIFY`, [], at(5)],
    ['ok', '5 CHECKSEQUENCEVERIFY', [], at(0x20000 + 5)],
    // Bit 31 switches the opcode off, whatever stands above it.
    ['ok', `${0x80000000} CHECKSEQUENCEVERIFY`, [], at(0xffffffff, 1)],
    ['ok', `${0x180000000} CHECKSEQUENCEVERIFY`, [], at(0xffffffff, 1)],
    ['unsatisfied-locktime', `${0x100000005} CHECKSEQUENCEVERIFY`, [], at(4)],
    ['ok', `${0x100000005} CHECKSEQUENCEVERIFY`, [], at(5)],
    ['negative-locktime', '-1 CHECKSEQUENCEVERIFY', [], at(5)],
    ['invalid-stack-operation', 'CHECKSEQUENCEVERIFY', [], at(5)],
    ['scriptnum', '0x06000000000000 CHECKSEQUENCEVERIFY', [], at(5)],
  ])
})

const KEY = filled(32, 2)
const SIGNATURE = filled(64, 3)

test('signature opcodes: a signature that is there counts as true and is collected', () => {
  check([
    ['ok', 'CHECKSIG', [SIGNATURE, KEY]],
    ['eval-false', 'CHECKSIG', [EMPTY, KEY]],
    ['ok', 'CHECKSIGVERIFY 1', [SIGNATURE, KEY]],
    ['checksigverify', 'CHECKSIGVERIFY 1', [EMPTY, KEY]],
    ['ok', '5 SWAP CHECKSIGADD 6 EQUAL', [SIGNATURE, KEY]],
    ['ok', '5 SWAP CHECKSIGADD 5 EQUAL', [EMPTY, KEY]],
    ['ok', '-1 SWAP CHECKSIGADD 0 EQUAL', [SIGNATURE, KEY]],
    ['ok', '2147483647 SWAP CHECKSIGADD 2147483648 EQUAL', [SIGNATURE, KEY]],
    ['scriptnum', '2147483648 SWAP CHECKSIGADD', [SIGNATURE, KEY]],
    ['scriptnum', '2147483648 0 CHECKSIGADD', [SIGNATURE]],
    ['invalid-stack-operation', 'CHECKSIG', [KEY]],
    ['invalid-stack-operation', 'CHECKSIGVERIFY', [KEY]],
    ['invalid-stack-operation', 'CHECKSIGADD', [SIGNATURE, KEY]],
    ['tapscript-checkmultisig', 'CHECKMULTISIG', [SIGNATURE, KEY]],
    ['tapscript-checkmultisig', 'CHECKMULTISIGVERIFY'],
    ['ok', '1 0 IF CHECKMULTISIG ENDIF'],
  ])
  assert.deepEqual(collected('CHECKSIG', [SIGNATURE, KEY]), [
    { signature: SIGNATURE, message: parseAsm(`0 ${0xffffffff}`), publicKey: KEY },
  ])
  assert.deepEqual(collected('CHECKSIG NOT', [EMPTY, KEY]), [])
})

test('signatures by their length and hash type', () => {
  check([
    ['schnorr-sig-size', 'CHECKSIG', [filled(63), KEY]],
    ['schnorr-sig-size', 'CHECKSIG', [filled(66), KEY]],
    ['schnorr-sig-size', 'CHECKSIG', [ONE, KEY]],
    ['schnorr-sig-hashtype', 'CHECKSIG', [bytes(...SIGNATURE, 0), KEY]],
    ['schnorr-sig-hashtype', 'CHECKSIG', [bytes(...SIGNATURE, 4), KEY]],
    ['ok', 'CHECKSIG', [bytes(...SIGNATURE, 2), KEY]],
  ])
  const [signed] = collected('CHECKSIG', [bytes(...SIGNATURE, 2), KEY])
  assert.deepEqual(signed, { signature: SIGNATURE, message: parseAsm(`2 ${0xffffffff}`), publicKey: KEY })
})

test('public keys: 32 bytes, none of no bytes, others unknown', () => {
  const flags = SCRIPT_VERIFY.DISCOURAGE_UPGRADABLE_PUBKEYTYPE
  check([
    ['tapscript-empty-pubkey', '0 CHECKSIG', [SIGNATURE]],
    ['tapscript-empty-pubkey', '0 CHECKSIG NOT', [EMPTY]],
    ['tapscript-empty-pubkey', '0 0 CHECKSIGADD', [EMPTY]],
  ])
  for (const length of [1, 31, 33, 65, 520]) {
    const key = filled(length)
    // Any signature holds for a key of unknown kind, whatever its length, and none is collected.
    assert.deepEqual(collected('CHECKSIG', [ONE, key]), [])
    assert.deepEqual(collected('CHECKSIG NOT', [EMPTY, key]), [])
    for (const signature of [ONE, EMPTY])
      assert.equal(
        verdict('CHECKSIG', [signature, key], { flags }),
        'not-now discourage-upgradable-pubkeytype',
      )
  }
})

test('each signature that is there takes 50 units of the budget', () => {
  const three = `${repeat(2, '2DUP CHECKSIGVERIFY')} CHECKSIG`
  check([
    ['ok', three, [SIGNATURE, KEY], { validationWeight: 150 }],
    ['tapscript-validation-weight', three, [SIGNATURE, KEY], { validationWeight: 149 }],
    // Those for keys of unknown kind count, and before the key is looked at; missing ones do not.
    ['ok', three, [ONE, ONE], { validationWeight: 150 }],
    ['tapscript-validation-weight', three, [ONE, ONE], { validationWeight: 149 }],
    ['tapscript-validation-weight', '0 CHECKSIG', [ONE], { validationWeight: 49 }],
    ['ok', `${repeat(5, '2DUP CHECKSIG NOT VERIFY')} CHECKSIG NOT`, [EMPTY, KEY], { validationWeight: 0 }],
    ['ok', '0 SWAP CHECKSIGADD', [SIGNATURE, KEY], { validationWeight: 50 }],
    ['tapscript-validation-weight', '0 SWAP CHECKSIGADD', [SIGNATURE, KEY], { validationWeight: 49 }],
  ])
})

test('a signature commits to the last OP_CODESEPARATOR that was executed, by its opcode position', () => {
  const positions = (script: string) =>
    collected(script, [SIGNATURE, KEY]).map(({ message }) => {
      const reader = new ScriptReader(message)
      reader.next()
      reader.next()
      return decodeScriptNumber(reader.data)
    })
  assert.deepEqual(positions('CHECKSIG CODESEPARATOR'), [0xffffffff])
  assert.deepEqual(
    positions('NOP NOP NOP NOP NOP NOP NOP NOP NOP NOP NOP NOP NOP NOP NOP NOP NOP CODESEPARATOR CHECKSIG'),
    [17],
  )
  // A push is one opcode, whatever its length; what is skipped counts, and separates nothing.
  const long = `0x4c4c${'00'.repeat(76)} DROP `
  assert.deepEqual(
    positions(`${long.repeat(10)} CODESEPARATOR 2DUP CHECKSIGVERIFY 0 IF CODESEPARATOR ENDIF CHECKSIG`),
    [20],
  )
  assert.deepEqual(
    positions(`${long.repeat(10)} 2DUP CHECKSIGVERIFY CODESEPARATOR 1 IF CODESEPARATOR ENDIF CHECKSIG`),
    [0xffffffff, 25],
  )
})

test('what many signatures sign is hashed once for each hash type and separator', () => {
  const asked: string[] = []
  const sighash = (hashType: number, position: number) => {
    asked.push(`${hashType} ${position}`)
    return filled(32)
  }
  const options = { sighash, validationWeight: 1e6 }
  const other = bytes(...SIGNATURE, 1)
  const signatures = collected(
    `${repeat(400, '2DUP CHECKSIGVERIFY 2 PICK OVER CHECKSIGVERIFY')} CODESEPARATOR CHECKSIG NIP`,
    [other, SIGNATURE, KEY],
    options,
  )
  // 801 checks of two signatures, one of them behind the separator too.
  assert.equal(signatures.length, 3)
  assert.deepEqual(asked, [`0 ${0xffffffff}`, `1 ${0xffffffff}`, '0 2400'])
})

test('a signature that is checked again is verified once for each key and message', () => {
  const other = filled(32, 9)
  const counts = (script: string, stack: readonly Uint8Array[]) => collected(script, stack).length
  assert.equal(counts('2DUP CHECKSIGVERIFY 2DUP CHECKSIGVERIFY CHECKSIG', [SIGNATURE, KEY]), 1)
  // The key's bytes count, not where they lie; the signature is the same element.
  assert.equal(counts('2 PICK SWAP CHECKSIGVERIFY CHECKSIG', [SIGNATURE, KEY, KEY.slice()]), 1)
  assert.equal(counts('2 PICK SWAP CHECKSIGVERIFY CHECKSIG', [SIGNATURE, KEY, other]), 2)
  assert.equal(counts('2DUP CHECKSIGVERIFY CODESEPARATOR CHECKSIG', [SIGNATURE, KEY]), 2)
  // Elements that are alike count apart: each took its bytes of the witness.
  assert.equal(counts('2DUP CHECKSIGVERIFY NIP CHECKSIG', [SIGNATURE.slice(), SIGNATURE, KEY]), 2)
})

test('what two signatures sign is not confused between hash types and separators', () => {
  // Type 3 behind position 0, then type 0 behind position 3.
  const script = 'CODESEPARATOR TUCK CHECKSIGVERIFY CODESEPARATOR CHECKSIG'
  assert.deepEqual(
    collected(script, [SIGNATURE, bytes(...SIGNATURE, 3), KEY]).map(({ message }) => message),
    [parseAsm('3 0'), parseAsm('0 3')],
  )
  const far = `CODESEPARATOR TUCK CHECKSIGVERIFY ${repeat(765, 'NOP')} CODESEPARATOR CHECKSIG`
  assert.deepEqual(
    collected(far, [SIGNATURE, bytes(...SIGNATURE, 3), KEY]).map(({ message }) => message),
    [parseAsm('3 0'), parseAsm('0 768')],
  )
})

test('a fault of this program is thrown, and is no verdict on the script', () => {
  const sighash = (): never => {
    throw new Error('a bug')
  }
  assert.throws(() => execute('CHECKSIG', [SIGNATURE, KEY], { sighash }), /a bug/)
})

test('every code of the interpreter was given above, and the sentence names the place', () => {
  const around = [
    'bad-txns-nonstandard-inputs',
    'witness-malleated',
    'witness-program-witness-empty',
    'taproot-wrong-control-size',
    'witness-program-mismatch',
    'schnorr-sig',
    'discourage-upgradable-taproot-version',
  ]
  assert.deepEqual(
    SCRIPT_ERRORS.filter((code) => !seen.has(code)),
    around,
  )
  const failed = execute('1 1 0 VERIFY')
  assert(!failed.ok)
  assert.equal(failed.detail, 'Input 0 fails at opcode 3 (OP_VERIFY): the element is false.')
  const first = execute('VERIFY', [EMPTY])
  assert(!first.ok)
  assert.equal(first.detail, 'Input 0 fails at opcode 0 (OP_VERIFY): the element is false.')
  const unclean = execute('1 1')
  assert(!unclean.ok)
  assert.equal(unclean.detail, 'Input 0 fails: the script must leave exactly one element on the stack.')
})

test('the stack that is given and its elements are never changed: duplicates share their memory', () => {
  const element = filled(4)
  const before = element.slice()
  const stack = [element, element]
  collected('DUP 1ADD DROP DUP NEGATE DROP DUP SHA256 DROP EQUAL', stack)
  assert.deepEqual(stack, [before, before])
})

test('no bytes make the interpreter throw, and a push that builds a script is minimal', () => {
  fc.assert(
    fc.property(
      fc.uint8Array({ maxLength: 200 }),
      fc.array(fc.uint8Array({ maxLength: 40 }), { maxLength: 8 }),
      fc.constantFrom(CONSENSUS_SCRIPT_FLAGS, STANDARD_SCRIPT_FLAGS),
      (script, stack, flags) => {
        const result = execute(script, stack, { flags })
        if (!result.ok) assert((SCRIPT_ERRORS as readonly string[]).includes(result.code))
      },
    ),
    { numRuns: 3_000 },
  )
  fc.assert(
    fc.property(fc.oneof(fc.uint8Array({ maxLength: 600 }), fc.uint8Array({ maxLength: 2 })), (data) => {
      const small = data.length === 1 && (data[0] === 0x81 || (data[0] >= 1 && data[0] <= 16))
      const reader = new ScriptReader(pushData(data))
      assert(reader.next())
      assert.deepEqual(reader.data, data)
      assert(reader.atEnd)
      assert.equal(isMinimalPush(reader.opcode, data), !small)
    }),
  )
  assert.equal(verdict(concatBytes(pushNumber(-1), pushData(bytes(0x81)), bytes(0x87))), 'ok')
})
