/** Bytes that are nearly what an encoder wrote: what a careless decoder lets pass. */
import fc from 'fast-check'
import { COIN_RECORD_BYTES } from '../../src/consensus/coin-table.ts'
import { OUTPOINT_BYTES } from '../../src/consensus/outpoint-table.ts'

export interface Damage {
  /** Bytes replaced: a position, modulo the length, and the new value. */
  readonly edits: readonly (readonly [at: number, byte: number])[]
  /** Bytes added at the end, or cut off where negative. */
  readonly growth: number
}

export const damage: fc.Arbitrary<Damage> = fc.record({
  edits: fc.array(fc.tuple(fc.nat(), fc.constantFrom(0, 1, 0x7f, 0x80, 0xfc, 0xfd, 0xff)), { maxLength: 3 }),
  growth: fc.constantFrom(0, 0, 0, 1, -1, 4, 8, -8, OUTPOINT_BYTES, COIN_RECORD_BYTES),
})

export function damaged(bytes: Uint8Array, { edits, growth }: Damage): Uint8Array {
  const result = new Uint8Array(Math.max(0, bytes.length + growth))
  result.set(bytes.subarray(0, result.length))
  for (const [at, byte] of edits) if (result.length > 0) result[at % result.length] = byte
  return result
}
