/** SipHash-2-4 word by word from the paper (Aumasson and Bernstein, 2012, section 2), in 64-bit BigInt: slow, and nothing else. */

const rotate = (x: bigint, bits: bigint): bigint => BigInt.asUintN(64, (x << bits) | (x >> (64n - bits)))
const add = (a: bigint, b: bigint): bigint => BigInt.asUintN(64, a + b)

/** `key` is 16 bytes: k0 then k1, little-endian. */
export function siphashReference(key: Uint8Array, data: Uint8Array): bigint {
  const word = (bytes: Uint8Array, at: number): bigint =>
    bytes.subarray(at, at + 8).reduceRight((value, byte) => (value << 8n) | BigInt(byte), 0n)
  const [k0, k1] = [word(key, 0), word(key, 8)]
  let v0 = k0 ^ 0x736f6d6570736575n
  let v1 = k1 ^ 0x646f72616e646f6dn
  let v2 = k0 ^ 0x6c7967656e657261n
  let v3 = k1 ^ 0x7465646279746573n
  const rounds = (count: number): void => {
    for (let i = 0; i < count; i++) {
      v0 = add(v0, v1)
      v2 = add(v2, v3)
      v1 = rotate(v1, 13n) ^ v0
      v3 = rotate(v3, 16n) ^ v2
      v0 = rotate(v0, 32n)
      v2 = add(v2, v1)
      v0 = add(v0, v3)
      v1 = rotate(v1, 17n) ^ v2
      v3 = rotate(v3, 21n) ^ v0
      v2 = rotate(v2, 32n)
    }
  }
  const padded = new Uint8Array(8 * Math.floor(data.length / 8) + 8)
  padded.set(data)
  padded[padded.length - 1] = data.length
  for (let at = 0; at < padded.length; at += 8) {
    const message = word(padded, at)
    v3 ^= message
    rounds(2)
    v0 ^= message
  }
  v2 ^= 0xffn
  rounds(4)
  return v0 ^ v1 ^ v2 ^ v3
}
