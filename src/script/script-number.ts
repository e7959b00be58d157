/**
 * Numbers and truth values as scripts hold them (Bitcoin Core's `CScriptNum` and `CastToBool`): a little-endian magnitude, the
 * sign in the top bit of the last byte; zero is empty. Pure, any thread.
 */

/** The shortest encoding of a safe integer. */
export function encodeScriptNumber(value: number): Uint8Array {
  let magnitude = Math.abs(value)
  let length = magnitude === 0 ? 0 : 1
  // The last byte has seven bits for the magnitude.
  for (let limit = 0x80; magnitude >= limit; limit *= 0x100) length++
  const bytes = new Uint8Array(length)
  for (let i = 0; i < length; i++) {
    bytes[i] = magnitude % 0x100
    magnitude = Math.floor(magnitude / 0x100)
  }
  if (value < 0) bytes[length - 1] |= 0x80
  return bytes
}

/** The number that at most 6 bytes stand for, shortest encoding or not. */
export function decodeScriptNumber(bytes: Uint8Array): number {
  const last = bytes.length - 1
  if (last < 0) return 0
  let magnitude = bytes[last] & 0x7f
  for (let i = last - 1; i >= 0; i--) magnitude = magnitude * 0x100 + bytes[i]
  // Not negated: zero has one value here, whatever its sign.
  return bytes[last] & 0x80 ? 0 - magnitude : magnitude
}

/** Whether no shorter encoding stands for the same number. */
export function isMinimalNumber(bytes: Uint8Array): boolean {
  const last = bytes.length - 1
  if (last < 0 || (bytes[last] & 0x7f) !== 0) return true
  // A byte for the sign alone is needed only where the top bit below is taken.
  return last > 0 && (bytes[last - 1] & 0x80) !== 0
}

/** Whether a stack element counts as true: any byte but zero in it, the sign of a negative zero aside. */
export function isTrue(element: Uint8Array): boolean {
  const last = element.length - 1
  for (let i = 0; i < last; i++) if (element[i] !== 0) return true
  return last >= 0 && (element[last] & 0x7f) !== 0
}
