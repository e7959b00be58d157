/**
 * SipHash-2-4 (Aumasson, Bernstein), the keyed 64-bit hash behind BIP152's short ids and BIP158's filters. 64-bit words
 * are pairs of 32-bit halves: bigint arithmetic would be some twenty times slower. Pure, any thread.
 */

/** The last hash: its low word, then its high word. */
const hash = new Uint32Array(2)

/**
 * The 64-bit hash of `data` as an unsigned bigint. `key` is 16 bytes: k0 then k1, little-endian, which is how both BIPs cut
 * them from a hash.
 */
export function siphash24(key: Uint8Array, data: Uint8Array): bigint {
  compress(key, data)
  return (BigInt(hash[1]) << 32n) | BigInt(hash[0])
}

/**
 * The lower 48 bits of `siphash24` as a number, exact: a BIP152 short id, which travels as 6 bytes little-endian. There `key` is
 * the first 16 bytes of SHA-256(header ‖ nonce) and `data` a wtxid in internal order.
 */
export function siphash24Low48(key: Uint8Array, data: Uint8Array): number {
  compress(key, data)
  return (hash[1] & 0xffff) * 0x1_0000_0000 + hash[0]
}

/** Writes `siphash24` as two words, the low one first, at `words[at]`: for filters, which hash by the thousand. */
export function siphash24Into(key: Uint8Array, data: Uint8Array, words: Uint32Array, at: number): void {
  compress(key, data)
  words[at] = hash[0]
  words[at + 1] = hash[1]
}

/** Writes to `hash`. The state is in local variables, low halves and high halves: in an array it takes twice the time. */
function compress(key: Uint8Array, data: Uint8Array): void {
  const k0Low = wordAt(key, 0)
  const k0High = wordAt(key, 4)
  const k1Low = wordAt(key, 8)
  const k1High = wordAt(key, 12)
  // The constants spell "somepseudorandomlygeneratedbytes".
  let v0 = k0Low ^ 0x70736575
  let v0High = k0High ^ 0x736f6d65
  let v1 = k1Low ^ 0x6e646f6d
  let v1High = k1High ^ 0x646f7261
  let v2 = k0Low ^ 0x6e657261
  let v2High = k0High ^ 0x6c796765
  let v3 = k1Low ^ 0x79746573
  let v3High = k1High ^ 0x74656462
  const tail = data.length & ~7
  const end = tail + 8
  for (let at = 0; at <= end; at += 8) {
    let low = 0
    let high = 0
    if (at < end) {
      low = wordAt(data, at)
      // The last word: what is left of the data, and the length in the top byte.
      high = at < tail ? wordAt(data, at + 4) : (wordAt(data, at + 4) & 0xffffff) | (data.length << 24)
    } else v2 ^= 0xff
    v3 ^= low
    v3High ^= high
    for (let rounds = at < end ? 2 : 4; rounds > 0; rounds--) {
      let sum = (v0 >>> 0) + (v1 >>> 0)
      v0High = (v0High + v1High + (sum > 0xffffffff ? 1 : 0)) | 0
      v0 = sum | 0
      sum = (v2 >>> 0) + (v3 >>> 0)
      v2High = (v2High + v3High + (sum > 0xffffffff ? 1 : 0)) | 0
      v2 = sum | 0
      let rotated = (v1 << 13) | (v1High >>> 19)
      v1High = ((v1High << 13) | (v1 >>> 19)) ^ v0High
      v1 = rotated ^ v0
      rotated = (v3 << 16) | (v3High >>> 16)
      v3High = ((v3High << 16) | (v3 >>> 16)) ^ v2High
      v3 = rotated ^ v2
      // v0 is rotated by 32 bits: its halves change places.
      sum = (v2 >>> 0) + (v1 >>> 0)
      v2High = (v2High + v1High + (sum > 0xffffffff ? 1 : 0)) | 0
      v2 = sum | 0
      sum = (v0High >>> 0) + (v3 >>> 0)
      v0High = (v0 + v3High + (sum > 0xffffffff ? 1 : 0)) | 0
      v0 = sum | 0
      rotated = (v1 << 17) | (v1High >>> 15)
      v1High = ((v1High << 17) | (v1 >>> 15)) ^ v2High
      v1 = rotated ^ v2
      rotated = (v3 << 21) | (v3High >>> 11)
      v3High = ((v3High << 21) | (v3 >>> 11)) ^ v0High
      v3 = rotated ^ v0
      // And v2.
      rotated = v2
      v2 = v2High
      v2High = rotated
    }
    v0 ^= low
    v0High ^= high
  }
  hash[0] = v0 ^ v1 ^ v2 ^ v3
  hash[1] = v0High ^ v1High ^ v2High ^ v3High
}

/** Four bytes little-endian; those beyond the end count as zero. */
function wordAt(bytes: Uint8Array, at: number): number {
  return bytes[at] | (bytes[at + 1] << 8) | (bytes[at + 2] << 16) | (bytes[at + 3] << 24)
}
