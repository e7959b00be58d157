/** Byte strings as stores keep them. Any thread. */

/** Bytes with a buffer of their own: a view would be kept, or cloned, with the whole buffer behind it. */
export function ownBytes(bytes: Uint8Array): Uint8Array {
  return bytes.byteLength === bytes.buffer.byteLength ? bytes : bytes.slice()
}
