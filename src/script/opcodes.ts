/**
 * Opcodes by their numbers, reading a script opcode by opcode, and the pushes of data and numbers that build scripts. The
 * pushes are Bitcoin Core's `CScript <<`, so that scripts built here equal those built there. Pure, any thread.
 */
import { concatBytes } from '../primitives/bytes.ts'
import { encodeScriptNumber } from './script-number.ts'

export const OP_0 = 0x00
export const OP_PUSHDATA1 = 0x4c
export const OP_PUSHDATA2 = 0x4d
export const OP_PUSHDATA4 = 0x4e
export const OP_1NEGATE = 0x4f
export const OP_1 = 0x51
export const OP_16 = 0x60
export const OP_NOP = 0x61
export const OP_IF = 0x63
export const OP_NOTIF = 0x64
export const OP_VERIF = 0x65
export const OP_VERNOTIF = 0x66
export const OP_ELSE = 0x67
export const OP_ENDIF = 0x68
export const OP_VERIFY = 0x69
export const OP_RETURN = 0x6a
export const OP_TOALTSTACK = 0x6b
export const OP_FROMALTSTACK = 0x6c
export const OP_2DROP = 0x6d
export const OP_2DUP = 0x6e
export const OP_3DUP = 0x6f
export const OP_2OVER = 0x70
export const OP_2ROT = 0x71
export const OP_2SWAP = 0x72
export const OP_IFDUP = 0x73
export const OP_DEPTH = 0x74
export const OP_DROP = 0x75
export const OP_DUP = 0x76
export const OP_NIP = 0x77
export const OP_OVER = 0x78
export const OP_PICK = 0x79
export const OP_ROLL = 0x7a
export const OP_ROT = 0x7b
export const OP_SWAP = 0x7c
export const OP_TUCK = 0x7d
export const OP_SIZE = 0x82
export const OP_EQUAL = 0x87
export const OP_EQUALVERIFY = 0x88
export const OP_1ADD = 0x8b
export const OP_1SUB = 0x8c
export const OP_NEGATE = 0x8f
export const OP_ABS = 0x90
export const OP_NOT = 0x91
export const OP_0NOTEQUAL = 0x92
export const OP_ADD = 0x93
export const OP_SUB = 0x94
export const OP_BOOLAND = 0x9a
export const OP_BOOLOR = 0x9b
export const OP_NUMEQUAL = 0x9c
export const OP_NUMEQUALVERIFY = 0x9d
export const OP_NUMNOTEQUAL = 0x9e
export const OP_LESSTHAN = 0x9f
export const OP_GREATERTHAN = 0xa0
export const OP_LESSTHANOREQUAL = 0xa1
export const OP_GREATERTHANOREQUAL = 0xa2
export const OP_MIN = 0xa3
export const OP_MAX = 0xa4
export const OP_WITHIN = 0xa5
export const OP_RIPEMD160 = 0xa6
export const OP_SHA1 = 0xa7
export const OP_SHA256 = 0xa8
export const OP_HASH160 = 0xa9
export const OP_HASH256 = 0xaa
export const OP_CODESEPARATOR = 0xab
export const OP_CHECKSIG = 0xac
export const OP_CHECKSIGVERIFY = 0xad
export const OP_CHECKMULTISIG = 0xae
export const OP_CHECKMULTISIGVERIFY = 0xaf
export const OP_NOP1 = 0xb0
export const OP_CHECKLOCKTIMEVERIFY = 0xb1
export const OP_CHECKSEQUENCEVERIFY = 0xb2
export const OP_NOP4 = 0xb3
export const OP_NOP5 = 0xb4
export const OP_NOP6 = 0xb5
export const OP_NOP7 = 0xb6
export const OP_NOP8 = 0xb7
export const OP_NOP9 = 0xb8
export const OP_NOP10 = 0xb9
export const OP_CHECKSIGADD = 0xba

/**
 * Whether an opcode makes a tapscript succeed at once, wherever it stands (BIP342, OP_SUCCESSx): those that once were disabled
 * or reserved, and all without a name.
 */
export function isOpSuccess(opcode: number): boolean {
  return (
    opcode === 80 ||
    opcode === 98 ||
    (opcode >= 126 && opcode <= 129) ||
    (opcode >= 131 && opcode <= 134) ||
    opcode === 137 ||
    opcode === 138 ||
    opcode === 141 ||
    opcode === 142 ||
    (opcode >= 149 && opcode <= 153) ||
    (opcode >= 187 && opcode <= 254)
  )
}

/** Reads a script opcode by opcode (Bitcoin Core's `CScript::GetOp`), without a copy. */
export class ScriptReader {
  /** The opcode read last. */
  opcode = OP_0
  private readonly script: Uint8Array
  /** Of the opcode that comes next. */
  private offset = 0
  /** Where the data that the last opcode pushes begins; it ends at `offset`. */
  private dataOffset = 0

  constructor(script: Uint8Array) {
    this.script = script
  }

  /** Whether everything was read: false after `next` said no for a push that the script's end cuts short. */
  get atEnd(): boolean {
    return this.offset === this.script.length
  }

  /** Bytes that the last opcode pushes: 0 unless it is a push of data. */
  get dataLength(): number {
    return this.offset - this.dataOffset
  }

  /** What the last opcode pushes, a view. */
  get data(): Uint8Array {
    return this.script.subarray(this.dataOffset, this.offset)
  }

  /** Reads one opcode with its data; false where there is none, or not a whole one. */
  next(): boolean {
    const { script } = this
    let at = this.offset
    if (at >= script.length) return false
    const opcode = script[at++]
    let length = 0
    if (opcode < OP_PUSHDATA1) length = opcode
    else if (opcode <= OP_PUSHDATA4) {
      const lengthBytes = opcode === OP_PUSHDATA1 ? 1 : opcode === OP_PUSHDATA2 ? 2 : 4
      if (lengthBytes > script.length - at) return false
      // No shifts: four bytes are an unsigned number.
      for (let i = lengthBytes - 1; i >= 0; i--) length = length * 0x100 + script[at + i]
      at += lengthBytes
    }
    if (length > script.length - at) return false
    this.opcode = opcode
    this.dataOffset = at
    this.offset = at + length
    return true
  }
}

/** Whether `opcode` is the shortest way to push `data`, at most 520 bytes (Bitcoin Core's `CheckMinimalPush`, BIP62 rule 3). */
export function isMinimalPush(opcode: number, data: Uint8Array): boolean {
  const { length } = data
  // These have opcodes of their own: OP_1 to OP_16, and OP_1NEGATE.
  if (length === 1 && ((data[0] >= 1 && data[0] <= 16) || data[0] === 0x81)) return false
  if (length < OP_PUSHDATA1) return opcode === length
  if (length <= 0xff) return opcode === OP_PUSHDATA1
  return opcode === OP_PUSHDATA2
}

/**
 * The shortest push opcode for this length, and the data. The value of the data is not looked at: one byte of 5 is
 * pushed as `01 05`, never as OP_5 (see `pushNumber`).
 */
export function pushData(data: Uint8Array): Uint8Array {
  const { length } = data
  if (length < OP_PUSHDATA1) return concatBytes(Uint8Array.of(length), data)
  if (length <= 0xff) return concatBytes(Uint8Array.of(OP_PUSHDATA1, length), data)
  if (length <= 0xffff) return concatBytes(Uint8Array.of(OP_PUSHDATA2, length & 0xff, length >> 8), data)
  const prefix = new Uint8Array(5)
  prefix[0] = OP_PUSHDATA4
  new DataView(prefix.buffer).setUint32(1, length, true)
  return concatBytes(prefix, data)
}

/**
 * Pushes a safe integer as scripts hold it: OP_1NEGATE, OP_0 and OP_1 to OP_16 for -1 to 16, else its shortest
 * encoding. A height in a coinbase is pushed this way (BIP34).
 */
export function pushNumber(value: number): Uint8Array {
  // Zero's encoding is empty, and pushed by OP_0.
  if (value === -1 || (value >= 1 && value <= 16)) return Uint8Array.of(OP_1 - 1 + value)
  return pushData(encodeScriptNumber(value))
}
