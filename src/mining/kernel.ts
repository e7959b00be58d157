/** What searches nonces: one interface for the plain kernel and faster ones, and one for a graphics card. Any thread. */

export interface MiningKernel {
  /**
   * The first nonce from `startNonce` on, among `count`, whose header meets `target`; −1 when none does. The search ends at
   * 0xffffffff: it never wraps around.
   *
   * @param header 80 bytes; the nonce in it is not looked at
   * @param target 32 bytes, big-endian: SHA-256d of the header, read as a little-endian number, must not exceed it
   * @param startNonce 0 to 0xffffffff
   * @param count nonces to try, 1 or more
   */
  scan(header: Uint8Array, target: Uint8Array, startNonce: number, count: number): number
}

/** A kernel that answers later, as a graphics card does: the same search, one scan at a time. It rejects when it can't search any more. */
export interface DeferredMiningKernel {
  scan(header: Uint8Array, target: Uint8Array, startNonce: number, count: number): Promise<number>
}

/** Number of nonces that a header has. */
export const NONCES = 0x1_0000_0000

/** A copy of the 80-byte header with `nonce` (unsigned 32 bits) in its last four bytes. */
export function withNonce(header: Uint8Array, nonce: number): Uint8Array {
  const copy = header.slice()
  new DataView(copy.buffer).setUint32(NONCE_OFFSET, nonce, true)
  return copy
}

const NONCE_OFFSET = 76
