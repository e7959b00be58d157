/** PSBTs as people carry them. Any thread. */
import { base64 } from '@scure/base'
import { hexToBytes, isHex } from '../primitives/bytes.ts'

/** The bytes that every PSBT begins with: no base64 of one does. */
const MAGIC_IN_HEX = '70736274ff'

/** The bytes of a PSBT in base64, on several lines or one, or in hex; undefined where the text is neither. */
export function psbtBytesOf(text: string): Uint8Array | undefined {
  const compact = text.replace(/\s+/g, '')
  if (compact.toLowerCase().startsWith(MAGIC_IN_HEX) && isHex(compact)) return hexToBytes(compact)
  try {
    return base64.decode(compact)
  } catch {
    return undefined
  }
}
