/** What opcodes are called, for messages to people: read off the constants of `opcodes.ts`. Pure, any thread. */
import * as opcodes from './opcodes.ts'

const NAMES = new Map<number, string>()
for (const [name, value] of Object.entries(opcodes)) if (typeof value === 'number') NAMES.set(value, name)

/** `OP_DUP`, `OP_7`, `OP_SUCCESS80`; pushes of data and what has no name by their number, such as `0x04`. */
export function opcodeName(opcode: number): string {
  if (opcode > opcodes.OP_1 && opcode < opcodes.OP_16) return `OP_${opcode - opcodes.OP_1 + 1}`
  if (opcodes.isOpSuccess(opcode)) return `OP_SUCCESS${opcode}`
  return NAMES.get(opcode) ?? `0x${opcode.toString(16).padStart(2, '0')}`
}
