/**
 * Opcodes by their numbers, and the pushes of data and numbers that build scripts. The pushes are Bitcoin Core's
 * `CScript <<`, so that scripts built here equal those built there. Pure, any thread.
 */
import { concatBytes } from '../primitives/bytes.ts'

export const OP_0 = 0x00
export const OP_PUSHDATA1 = 0x4c
export const OP_PUSHDATA2 = 0x4d
export const OP_PUSHDATA4 = 0x4e
export const OP_1NEGATE = 0x4f
export const OP_1 = 0x51
export const OP_16 = 0x60
export const OP_RETURN = 0x6a

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
  if (value === 0) return Uint8Array.of(OP_0)
  if (value === -1 || (value >= 1 && value <= 16)) return Uint8Array.of(OP_1 - 1 + value)
  return pushData(encodeScriptNumber(value))
}

/** CScriptNum: little-endian magnitude without padding, the sign in the top bit; zero is empty. `value` is a safe integer. */
export function encodeScriptNumber(value: number): Uint8Array {
  const bytes: number[] = []
  for (let rest = Math.abs(value); rest > 0; rest = Math.floor(rest / 256)) bytes.push(rest % 256)
  const sign = value < 0 ? 0x80 : 0
  if (bytes.length > 0 && bytes[bytes.length - 1] & 0x80) bytes.push(sign)
  else if (sign) bytes[bytes.length - 1] |= sign
  return Uint8Array.from(bytes)
}
