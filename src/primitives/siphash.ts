/**
 * SipHash-2-4 (Aumasson, Bernstein), the keyed 64-bit hash behind BIP152's short ids and BIP158's filters. 64-bit words
 * are pairs of 32-bit halves: bigint arithmetic would be some twenty times slower. Pure, any thread.
 */

/** v0 to v3 as little-endian halves, low first: overwritten by every hash. */
const state = new Uint32Array(8)
const V0 = 0
const V1 = 2
const V2 = 4
const V3 = 6

/**
 * The 64-bit hash of `data` as an unsigned bigint. `key` is 16 bytes: k0 then k1, little-endian, which is how both BIPs cut
 * them from a hash.
 */
export function siphash24(key: Uint8Array, data: Uint8Array): bigint {
  compress(key, data)
  return (BigInt(state[1]) << 32n) | BigInt(state[0])
}

/**
 * The lower 48 bits of `siphash24` as a number, exact: a BIP152 short id, which travels as 6 bytes little-endian. There `key` is
 * the first 16 bytes of SHA-256(header ‖ nonce) and `data` a wtxid in internal order.
 */
export function siphash24Low48(key: Uint8Array, data: Uint8Array): number {
  compress(key, data)
  return (state[1] & 0xffff) * 0x1_0000_0000 + state[0]
}

/** Writes `siphash24` as two words, the low one first, at `words[at]`: for filters, which hash by the thousand. */
export function siphash24Into(key: Uint8Array, data: Uint8Array, words: Uint32Array, at: number): void {
  compress(key, data)
  words[at] = state[0]
  words[at + 1] = state[1]
}

/** Leaves the hash in the first two words of `state`. */
function compress(key: Uint8Array, data: Uint8Array): void {
  const [k0Low, k0High, k1Low, k1High] = [wordAt(key, 0), wordAt(key, 4), wordAt(key, 8), wordAt(key, 12)]
  // The constants spell "somepseudorandomlygeneratedbytes".
  state[0] = k0Low ^ 0x70736575
  state[1] = k0High ^ 0x736f6d65
  state[2] = k1Low ^ 0x6e646f6d
  state[3] = k1High ^ 0x646f7261
  state[4] = k0Low ^ 0x6e657261
  state[5] = k0High ^ 0x6c796765
  state[6] = k1Low ^ 0x79746573
  state[7] = k1High ^ 0x74656462
  const tail = data.length & ~7
  for (let at = 0; at < tail; at += 8) absorb(wordAt(data, at), wordAt(data, at + 4))
  // The last word: what is left of the data, and the length in the top byte.
  absorb(wordAt(data, tail), (wordAt(data, tail + 4) & 0xffffff) | (data.length << 24))
  state[V2] ^= 0xff
  for (let i = 0; i < 4; i++) round()
  state[0] ^= state[2] ^ state[4] ^ state[6]
  state[1] ^= state[3] ^ state[5] ^ state[7]
}

function absorb(low: number, high: number): void {
  state[V3] ^= low
  state[V3 + 1] ^= high
  round()
  round()
  state[V0] ^= low
  state[V0 + 1] ^= high
}

function round(): void {
  add(V0, V1)
  add(V2, V3)
  rotateXor(V1, 13, V0)
  rotateXor(V3, 16, V2)
  swapHalves(V0)
  add(V2, V1)
  add(V0, V3)
  rotateXor(V1, 17, V2)
  rotateXor(V3, 21, V0)
  swapHalves(V2)
}

/** a += b */
function add(a: number, b: number): void {
  const low = state[a] + state[b]
  state[a] = low
  state[a + 1] += state[b + 1] + (low > 0xffffffff ? 1 : 0)
}

/** a = rotate left(a, bits) ^ b, for 0 < bits < 32 */
function rotateXor(a: number, bits: number, b: number): void {
  const low = state[a]
  const high = state[a + 1]
  state[a] = ((low << bits) | (high >>> (32 - bits))) ^ state[b]
  state[a + 1] = ((high << bits) | (low >>> (32 - bits))) ^ state[b + 1]
}

/** Rotation by 32. */
function swapHalves(a: number): void {
  const low = state[a]
  state[a] = state[a + 1]
  state[a + 1] = low
}

/** Four bytes little-endian; those beyond the end count as zero. */
function wordAt(bytes: Uint8Array, at: number): number {
  return bytes[at] | (bytes[at + 1] << 8) | (bytes[at + 2] << 16) | (bytes[at + 3] << 24)
}
