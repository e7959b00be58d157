/** Spends by script path (BIP341, BIP342): each way in which a script can fail, and what only just does not. */
import { createHash } from 'node:crypto'
import { bytesToHex, concatBytes } from '../../src/primitives/bytes.ts'
import { flipped } from './edits.ts'
import { judge, KEYS, type LeafSpend } from './leaf-spends.ts'
import type { RuleId } from './rules.ts'
import type { Scenario, ScenarioWriter } from './scenario.ts'

/** Each rule with scripts that keep it and scripts that break it. A text is a script that needs no stack. */
interface Judged {
  readonly keep: readonly (LeafSpend | string)[]
  readonly break: readonly (LeafSpend | string)[]
}

const [ALICE, BOB, CAROL] = KEYS
const EMPTY = new Uint8Array(0)
/** A script to which these bytes are given alone. */
const given = (asm: string, ...items: readonly (readonly number[])[]): LeafSpend => ({
  asm,
  stack: () => items.map((item) => Uint8Array.from(item)),
})
/** A script that takes one signature of the first signer. */
const signed = (asm: string, more: Partial<LeafSpend> = {}): LeafSpend => ({
  asm,
  stack: (sign) => [sign()],
  ...more,
})
const zeros = (length: number): string => `0x${'00'.repeat(length)}`

/** The control block is the last item of a witness without annex. */
const tampered = (change: (control: Uint8Array) => Uint8Array, depth = 0): LeafSpend => ({
  asm: '1',
  depth,
  tamper: (witness) => [...witness.slice(0, -1), change(witness[witness.length - 1])],
})

const SCRIPT_PATH: Partial<Record<RuleId, Judged>> = {
  'taproot-wrong-control-size': {
    keep: ['1', { asm: '1', depth: 1 }, { asm: '1', depth: 128 }],
    break: [
      tampered((control) => control.subarray(0, 32)),
      tampered((control) => control.subarray(0, 1)),
      tampered(() => EMPTY),
      tampered((control) => concatBytes(control, Uint8Array.of(0))),
      tampered((control) => control.subarray(0, -1), 2),
      { asm: '1', depth: 129 },
    ],
  },
  'witness-program-mismatch': {
    keep: [
      { asm: '1', depth: 2 },
      { asm: '0', depth: 2, leafVersion: 0xc2 },
    ],
    break: [
      // Parity, leaf version, internal key, an internal key that is no point, a hash of the path.
      tampered((control) => flipped(control, 0)),
      tampered((control) => concatBytes(Uint8Array.of(control[0] ^ 2), control.subarray(1))),
      tampered((control) => flipped(control, 1)),
      tampered((control) => concatBytes(control.subarray(0, 1), new Uint8Array(32).fill(0xff))),
      tampered((control) => flipped(control, 40), 2),
      // A path too short, too long, and in another order.
      tampered((control) => control.subarray(0, 65), 2),
      tampered((control) => concatBytes(control, new Uint8Array(32)), 2),
      tampered(
        (control) => concatBytes(control.subarray(0, 33), control.subarray(65), control.subarray(33, 65)),
        2,
      ),
      { asm: '1', tamper: ([, control]) => [Uint8Array.of(0x52), control] },
    ],
  },
  'stack-size': {
    keep: [
      { asm: `${'2DROP '.repeat(500)}1`, stack: () => new Array(1000).fill(EMPTY) },
      `${'1 '.repeat(1000)}${'2DROP '.repeat(499)}DROP`,
      `${'1 '.repeat(1000)}${'TOALTSTACK '.repeat(999)}`.trimEnd(),
      // OP_SUCCESS comes before all limits.
      { asm: '0x50', stack: () => new Array(1001).fill(EMPTY) },
    ],
    break: [
      { asm: `${'2DROP '.repeat(500)}DROP 1`, stack: () => new Array(1001).fill(EMPTY) },
      `${'1 '.repeat(1001)}${'2DROP '.repeat(500)}`.trimEnd(),
      `${'1 '.repeat(1000)}${'TOALTSTACK '.repeat(999)}1 DROP`,
      `${'1 '.repeat(998)}3DUP ${'2DROP '.repeat(500)}`.trimEnd(),
    ],
  },
  'push-size': {
    keep: [
      { asm: 'DROP 1', stack: () => [new Uint8Array(520)] },
      `0x4d0802 ${zeros(520)} DROP 1`,
      { asm: 'DROP 0xfe', stack: () => [new Uint8Array(521)] },
    ],
    break: [
      { asm: 'DROP 1', stack: () => [new Uint8Array(521)] },
      `0x4d0902 ${zeros(521)} DROP 1`,
      // Where nothing is executed, too.
      `0 IF 0x4d0902 ${zeros(521)} ENDIF 1`,
    ],
  },
  'tapscript-validation-weight': {
    keep: [manySignatures(292), given('DUP 0x0102 CHECKSIGVERIFY DROP 1', [1])],
    break: [manySignatures(291), given('DUP 0x0102 CHECKSIGVERIFY DUP 0x0102 CHECKSIGVERIFY DROP 1', [1])],
  },
  'bad-opcode': {
    keep: [
      '0 IF 0xff ENDIF 1',
      '1 NOP1 NOP4 NOP5 NOP6 NOP7 NOP8 NOP9 NOP10',
      // OP_SUCCESS makes all else good, before it and behind, even what can't be read.
      'RETURN 0x50',
      '0xff 0xbb',
      '0 IF 0xfe ENDIF RETURN',
      '0xbb 0x05',
      // In older scripts these are disabled; here they are OP_SUCCESS.
      '0x7e',
      '0x95',
    ],
    break: [
      '0xff',
      '1 0xff',
      '0 IF 0x65 ENDIF 1',
      '0 IF 0x66 ENDIF 1',
      '1 0x05',
      '1 0x4c',
      '1 0x4d05',
      '1 0x05 0xfefe',
    ],
  },
  'invalid-stack-operation': {
    keep: ['1 DUP DROP', '1 0 PICK DROP', '1 0 0 2DROP'],
    break: [
      'DUP',
      'IF 1 ENDIF',
      'NOTIF 1 ENDIF',
      '1 2DROP',
      '1 ADD',
      '1 1 WITHIN',
      '1 1 PICK',
      '1 -1 ROLL',
      '1 1 1 1 1 2ROT',
      '1 EQUAL',
      'SHA256',
      '1 CHECKSIG',
      '1 1 CHECKSIGADD',
      'TOALTSTACK',
    ],
  },
  'invalid-altstack-operation': {
    keep: ['1 TOALTSTACK FROMALTSTACK'],
    break: ['FROMALTSTACK', '1 TOALTSTACK FROMALTSTACK FROMALTSTACK'],
  },
  'unbalanced-conditional': {
    keep: [
      '1 IF 1 ELSE RETURN ENDIF',
      '0 IF 0 IF RETURN ENDIF ELSE 1 ENDIF',
      '1 IF 1 ELSE 0 ELSE 2 DROP ENDIF',
    ],
    break: ['1 1 IF', '1 ENDIF', '1 ELSE', '1 0 IF 1 ELSE', '1 0 IF ENDIF ENDIF'],
  },
  'tapscript-minimalif': {
    keep: [
      given('IF 1 ELSE RETURN ENDIF', [1]),
      given('IF RETURN ELSE 1 ENDIF', []),
      given('NOTIF 1 ENDIF', []),
    ],
    break: [
      ...[[2], [0], [0x80], [1, 0], [0, 1]].map((item) => given('IF 1 ELSE 1 ENDIF', item)),
      given('NOTIF 1 ELSE 1 ENDIF', [0]),
    ],
  },
  'tapscript-checkmultisig': {
    keep: ['0 IF CHECKMULTISIG CHECKMULTISIGVERIFY ENDIF 1'],
    break: ['0 0 0 CHECKMULTISIG', '0 0 0 CHECKMULTISIGVERIFY 1', 'CHECKMULTISIG'],
  },
  'tapscript-empty-pubkey': {
    // Keys of other lengths than 32 are kept for later: any signature is taken.
    keep: [
      given('0x0102 CHECKSIG', [1]),
      given(`0x21 ${zeros(33)} CHECKSIG`, [7, 7]),
      given('1 0x0102 CHECKSIGADD 2 NUMEQUAL', [1]),
    ],
    break: [
      given('0 CHECKSIG', [1]),
      given('0 CHECKSIG NOT', []),
      given('0 CHECKSIGVERIFY 1', [1]),
      given('1 0 CHECKSIGADD', [1]),
    ],
  },
  scriptnum: {
    keep: [
      given('1ADD DROP 1', [1, 2, 3, 4]),
      // Longer than it needs: policy minds, consensus does not.
      given('1ADD 2 NUMEQUAL', [1, 0]),
      given('CHECKLOCKTIMEVERIFY DROP 1', [0, 0, 0, 0, 0]),
    ],
    break: [
      given('1ADD DROP 1', [1, 2, 3, 4, 5]),
      given('1 ADD DROP 1', [0, 0, 0, 0, 0]),
      given(`0 SWAP ${ALICE} CHECKSIGADD DROP 1`, [1, 2, 3, 4, 5]),
      given('CHECKLOCKTIMEVERIFY DROP 1', [0, 0, 0, 0, 0, 0]),
      given('CHECKSEQUENCEVERIFY DROP 1', [0, 0, 0, 0, 0, 0]),
    ],
  },
  verify: {
    keep: ['1 VERIFY 1', '0x028000 VERIFY 1'],
    break: ['0 VERIFY 1', '0x0180 VERIFY 1', '0x020080 VERIFY 1', '0x020000 VERIFY 1'],
  },
  equalverify: {
    keep: ['1 0x0101 EQUALVERIFY 1', '0 0 EQUALVERIFY 1'],
    break: ['1 2 EQUALVERIFY 1', '1 0x020100 EQUALVERIFY 1'],
  },
  numequalverify: {
    keep: ['1 0x020100 NUMEQUALVERIFY 1', '0 0x0180 NUMEQUALVERIFY 1'],
    break: ['1 2 NUMEQUALVERIFY 1', '1 -1 NUMEQUALVERIFY 1'],
  },
  checksigverify: {
    keep: [signed(`${ALICE} CHECKSIGVERIFY 1`)],
    break: [given(`${ALICE} CHECKSIGVERIFY 1`, []), given('0x0102 CHECKSIGVERIFY 1', [])],
  },
  'op-return': {
    keep: ['0 IF RETURN ENDIF 1'],
    break: ['RETURN', '1 RETURN', '1 IF RETURN ENDIF 1'],
  },
  'negative-locktime': {
    keep: ['0 CHECKLOCKTIMEVERIFY DROP 1', '0 CHECKSEQUENCEVERIFY DROP 1'],
    break: [
      '-1 CHECKLOCKTIMEVERIFY DROP 1',
      '-1 CHECKSEQUENCEVERIFY DROP 1',
      '0x050000008080 CHECKSEQUENCEVERIFY DROP 1',
    ],
  },
  'unsatisfied-locktime': {
    keep: [
      { asm: '5 CHECKLOCKTIMEVERIFY DROP 1', lockTime: 5 },
      { asm: '500000000 CHECKLOCKTIMEVERIFY DROP 1', lockTime: 500_000_000 },
      { asm: '2 CHECKSEQUENCEVERIFY DROP 1', sequence: 2 },
      { asm: '2 CHECKSEQUENCEVERIFY DROP 1', sequence: 0x00020002 },
      { asm: '4194304 CHECKSEQUENCEVERIFY DROP 1', sequence: 0x00400000 },
      // The flag that disables BIP68, in the operand.
      { asm: '2147483650 CHECKSEQUENCEVERIFY DROP 1', sequence: 0, version: 1 },
    ],
    break: [
      { asm: '5 CHECKLOCKTIMEVERIFY DROP 1', lockTime: 4 },
      { asm: '5 CHECKLOCKTIMEVERIFY DROP 1', lockTime: 5, sequence: 0xffffffff },
      // A height is not asked of a time, nor a time of a height.
      { asm: '5 CHECKLOCKTIMEVERIFY DROP 1', lockTime: 500_000_000 },
      { asm: '500000000 CHECKLOCKTIMEVERIFY DROP 1', lockTime: 5 },
      { asm: '500000001 CHECKLOCKTIMEVERIFY DROP 1', lockTime: 500_000_000 },
      { asm: '2 CHECKSEQUENCEVERIFY DROP 1', sequence: 1 },
      { asm: '2 CHECKSEQUENCEVERIFY DROP 1', sequence: 2, version: 1 },
      { asm: '2 CHECKSEQUENCEVERIFY DROP 1', sequence: 0x80000002 },
      { asm: '4194304 CHECKSEQUENCEVERIFY DROP 1', sequence: 0 },
      { asm: '0 CHECKSEQUENCEVERIFY DROP 1', sequence: 0x00400000 },
    ],
  },
  cleanstack: {
    keep: ['1', given('DROP 1', [7]), given('', [1])],
    break: ['1 1', '', given('1', []), given('DROP', [1]), '0 0'],
  },
  'eval-false': {
    keep: [
      '0x0101',
      '0x028000',
      '0x0181',
      // A script of another version is not run at all.
      { asm: '0', leafVersion: 0xc2 },
      { asm: 'RETURN', leafVersion: 0xfe, depth: 1 },
      { asm: '0xff', leafVersion: 0x66, stack: () => [new Uint8Array(600)] },
    ],
    break: [
      '0',
      '0x0180',
      '0x020000',
      '0x020080',
      given(`${ALICE} CHECKSIG`, []),
      given('0 EQUAL', [1]),
      signed(`${ALICE} CHECKSIG NOT`),
    ],
  },
  'schnorr-sig-size': {
    keep: [
      signed(`${ALICE} CHECKSIG`),
      { asm: `${ALICE} CHECKSIG`, stack: (sign) => [sign({ hashType: 1 })] },
    ],
    break: [63, 66, 1].map((length) => ({ asm: `${ALICE} CHECKSIG`, stack: () => [new Uint8Array(length)] })),
  },
  'schnorr-sig-hashtype': {
    keep: [0x01, 0x02, 0x03, 0x81, 0x82, 0x83].map((hashType) => ({
      asm: `${ALICE} CHECKSIG`,
      stack: (sign) => [sign({ hashType })],
    })),
    break: [0x00, 0x04, 0x80, 0x84].map((hashType) => ({
      asm: `${ALICE} CHECKSIG`,
      stack: (sign) => [concatBytes(sign(), Uint8Array.of(hashType))],
    })),
  },
  'schnorr-sig': {
    keep: [
      signed(`${ALICE} CHECKSIG`, { depth: 3 }),
      signed(`${ALICE} CHECKSIG`, { annex: Uint8Array.of(0x50, 9) }),
      // By position of the opcode, with pushes counted as one.
      { asm: `${ALICE} CODESEPARATOR CHECKSIG`, stack: (sign) => [sign({ codeSeparator: 1 })] },
      { asm: `0 IF CODESEPARATOR ENDIF ${ALICE} CHECKSIG`, stack: (sign) => [sign()] },
      {
        asm: `DUP ${ALICE} CHECKSIGVERIFY CODESEPARATOR DROP ${ALICE} CHECKSIG`,
        stack: (sign) => [sign({ codeSeparator: 3 }), sign()],
      },
    ],
    break: [
      { asm: `${ALICE} CHECKSIG`, stack: (sign) => [sign({ signer: 1 })] },
      { asm: `${ALICE} CHECKSIG`, stack: (sign) => [flipped(sign(), 10)] },
      // A signature that is wrong fails the script, whatever becomes of its result.
      { asm: `${ALICE} CHECKSIG DROP 1`, stack: (sign) => [flipped(sign(), 63)] },
      { asm: `${ALICE} CHECKSIG DROP 1`, stack: () => [new Uint8Array(64)] },
      { asm: `0x20 ${zeros(32)} CHECKSIG DROP 1`, stack: (sign) => [sign()] },
      { asm: `${ALICE} CODESEPARATOR CHECKSIG`, stack: (sign) => [sign()] },
      { asm: `CODESEPARATOR ${ALICE} CHECKSIG`, stack: (sign) => [sign({ codeSeparator: 1 })] },
      signed(`${ALICE} CHECKSIG`, {
        annex: Uint8Array.of(0x50, 9),
        tamper: (witness) => witness.slice(0, -1),
      }),
      signed(`${ALICE} CHECKSIG`, { tamper: (witness) => [...witness, Uint8Array.of(0x50)] }),
    ],
  },
}

/** Two of three by OP_CHECKSIGADD; from the top of the stack on, as the script asks for them. */
const MULTISIG = `${ALICE} CHECKSIG ${BOB} CHECKSIGADD ${CAROL} CHECKSIGADD 2 NUMEQUAL`
const multisig = (...signers: readonly number[]): LeafSpend => ({
  asm: MULTISIG,
  stack: (sign) => [2, 1, 0].map((signer) => (signers.includes(signer) ? sign({ signer }) : EMPTY)),
})

const PREIMAGE = new Uint8Array(32).fill(0x42)
const HASH = bytesToHex(createHash('sha256').update(PREIMAGE).digest())
/** Bob with the preimage, or Alice from height 5 on. */
const HTLC = `IF SIZE 32 EQUALVERIFY SHA256 0x20${HASH} EQUALVERIFY ${BOB} ELSE 5 CHECKLOCKTIMEVERIFY DROP ${ALICE} ENDIF CHECKSIG`
const claim = (preimage: Uint8Array, signer = 1): LeafSpend => ({
  asm: HTLC,
  stack: (sign) => [sign({ signer }), preimage, Uint8Array.of(1)],
})
const refund = (lockTime: number, signer = 0): LeafSpend => ({
  asm: HTLC,
  lockTime,
  stack: (sign) => [sign({ signer }), EMPTY],
})
/** Alice after two blocks. */
const DELAYED = `2 CHECKSEQUENCEVERIFY DROP ${ALICE} CHECKSIG`

export const scriptPathScenarios: readonly Scenario[] = [
  ...(Object.keys(SCRIPT_PATH) as RuleId[]).map((rule) => ({
    name: `script path: ${rule}`,
    write: (s: ScenarioWriter) => {
      s.fund(1)
      s.grow(6)
      const { keep, break: broken } = SCRIPT_PATH[rule] as Judged
      const spends = (list: readonly (LeafSpend | string)[]): LeafSpend[] =>
        list.map((each) => (typeof each === 'string' ? { asm: each } : each))
      judge(s, rule, { keep: spends(keep), break: spends(broken) })
    },
  })),
  {
    name: 'script path: two signatures of three',
    write: (s) => {
      s.fund(2)
      judge(s, 'eval-false', {
        keep: [multisig(0, 1), multisig(0, 2), multisig(1, 2)],
        break: [multisig(), multisig(1), multisig(0, 1, 2)],
      })
      judge(s, 'schnorr-sig', {
        keep: [multisig(0, 2)],
        // In each other's place; and one that is wrong beside a good one.
        break: [
          { asm: MULTISIG, stack: (sign) => [EMPTY, sign({ signer: 0 }), sign({ signer: 1 })] },
          { asm: MULTISIG, stack: (sign) => [flipped(sign({ signer: 2 }), 5), EMPTY, sign({ signer: 0 })] },
        ],
      })
    },
  },
  {
    name: 'script path: a payment for a preimage, with a refund',
    write: (s) => {
      s.fund(4)
      s.grow(5)
      judge(s, 'equalverify', {
        keep: [claim(PREIMAGE)],
        break: [claim(new Uint8Array(32)), claim(PREIMAGE.subarray(1)), claim(new Uint8Array(33))],
      })
      judge(s, 'schnorr-sig', {
        keep: [claim(PREIMAGE), refund(5)],
        break: [claim(PREIMAGE, 0), refund(5, 1)],
      })
      judge(s, 'unsatisfied-locktime', { keep: [refund(5), refund(6)], break: [refund(4), refund(0)] })
    },
  },
  {
    name: 'script path: a delayed payment',
    write: (s) => {
      s.fund(2)
      judge(s, 'unsatisfied-locktime', {
        keep: [signed(DELAYED, { sequence: 2 }), signed(DELAYED, { sequence: 3 })],
        break: [signed(DELAYED, { sequence: 1 }), signed(DELAYED, { sequence: 2, version: 1 })],
      })
      // What the script asks of nSequence, BIP68 asks of the coin.
      judge(s, 'bad-txns-nonfinal: BIP68 blocks', {
        keep: [signed(DELAYED, { sequence: 3 })],
        break: [signed(DELAYED, { sequence: 100 })],
      })
    },
  },
]

/**
 * 30 signatures, which take 1,500 weight units. The witness has 1,155 bytes without annex, and 50 units are free: an annex of 292
 * bytes and the 3 of its length makes up the rest.
 */
function manySignatures(annexBytes: number): LeafSpend {
  const asm = `${`DUP ${ALICE} CHECKSIGVERIFY `.repeat(30)}DROP 1`
  return signed(asm, { annex: new Uint8Array(annexBytes).fill(0x50) })
}
