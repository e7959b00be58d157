/**
 * Golomb-coded sets straight from BIP158, as text of ones and zeros and BigInt: what no package in the registry builds without native
 * code.
 */
import { siphashReference } from './siphash-reference.ts'

const P = 19
const M = 784_931n

/** BIP158, Hashing data objects: `hash_to_range`. */
export function hashToRangeReference(key: Uint8Array, element: Uint8Array, range: bigint): bigint {
  return (siphashReference(key, element) * range) >> 64n
}

/** BIP158, Set Construction: the sorted hashes of the distinct elements. `key` is 16 bytes. */
export function hashedSetReference(key: Uint8Array, elements: readonly Uint8Array[]): bigint[] {
  const distinct = new Map(elements.map((element) => [element.join(), element]))
  const range = BigInt(distinct.size) * M
  return [...distinct.values()]
    .map((element) => hashToRangeReference(key, element, range))
    .sort((a, b) => (a < b ? -1 : a > b ? 1 : 0))
}

/** The set as bits: CompactSize count aside. Each delta as a quotient in ones ended by a zero, and `P` bits of remainder. */
export function golombBitsReference(values: readonly bigint[]): string {
  return values
    .map((value, i) => value - (i === 0 ? 0n : values[i - 1]))
    .map((delta) => {
      const remainder = (delta % 2n ** BigInt(P)).toString(2).padStart(P, '0')
      return `${'1'.repeat(Number(delta / 2n ** BigInt(P)))}0${remainder}`
    })
    .join('')
}

/** Eight bits a byte, the first the highest; zeros fill the last byte. */
export function bytesOfBits(bits: string): Uint8Array {
  const padded = bits.padEnd(Math.ceil(bits.length / 8) * 8, '0')
  return Uint8Array.from({ length: padded.length / 8 }, (_, i) =>
    Number.parseInt(padded.slice(8 * i, 8 * i + 8), 2),
  )
}
