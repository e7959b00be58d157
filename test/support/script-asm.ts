/** Scripts as Bitcoin Core's test data writes them. */
import { opcodes } from 'bitcoinjs-lib'
import { concatBytes, hexToBytes } from '../../src/primitives/bytes.ts'
import { pushData, pushNumber } from '../../src/script/opcodes.ts'

/** From another library, so that the names don't depend on the code under test. */
const OPCODES = opcodes as unknown as Readonly<Record<string, number>>

/**
 * Core's `ParseScript`: words apart by blanks. A decimal number is pushed in its shortest form, `0x…` stands for these very
 * bytes of the script, `'…'` is pushed as text, and anything else is an opcode, with or without OP_. Throws on other words.
 */
export function parseAsm(asm: string): Uint8Array {
  return concatBytes(...asm.split(/[ \t\n]+/).map(parseWord))
}

function parseWord(word: string): Uint8Array {
  if (word === '') return new Uint8Array(0)
  if (/^-?\d+$/.test(word)) return pushNumber(Number(word))
  if (/^0x([0-9a-fA-F]{2})+$/.test(word)) return hexToBytes(word.slice(2))
  if (/^'.*'$/.test(word)) return pushData(new TextEncoder().encode(word.slice(1, -1)))
  const opcode = OPCODES[word] ?? OPCODES[`OP_${word}`]
  if (opcode === undefined) throw new Error(`No opcode is called "${word}"`)
  return Uint8Array.of(opcode)
}
