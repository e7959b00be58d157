/** Byte strings: hex, comparison, reversal. Every `Uint8Array` in the project is treated as immutable once shared. */
import { bytesToHex, concatBytes, hexToBytes } from '@noble/hashes/utils.js'

export { bytesToHex, concatBytes, hexToBytes }

export const EMPTY = new Uint8Array(0)

/** A reversed copy: between internal byte order and the display order of hashes. */
export function reversed(bytes: Uint8Array): Uint8Array {
  return bytes.slice().reverse()
}

/** Whether both hold the same bytes. Not constant-time: never for secrets. */
export function equalBytes(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && compareBytes(a, b) === 0
}

/** Lexicographic order of unsigned bytes; a proper prefix comes first. Negative, zero or positive. */
export function compareBytes(a: Uint8Array, b: Uint8Array): number {
  const shared = Math.min(a.length, b.length)
  for (let i = 0; i < shared; i++) if (a[i] !== b[i]) return a[i] - b[i]
  return a.length - b.length
}

/** Whether `text` is an even number of hex digits, of `byteLength` bytes where given. */
export function isHex(text: string, byteLength?: number): boolean {
  return (
    (byteLength === undefined ? text.length % 2 === 0 : text.length === byteLength * 2) &&
    /^[0-9a-fA-F]*$/.test(text)
  )
}
