/**
 * Golomb-coded sets (BIP158): a set of byte strings as about 21 bits each, which tells what is not in it for certain, and what is but for one
 * time in `GOLOMB_M`. Values stay below 2^53 and are plain numbers. Pure, any thread.
 */
import { compactSizeLength, DecodeError, decodeWith, Writer } from './codec.ts'
import type { Result } from './result.ts'
import { siphash24Into } from './siphash.ts'

/** Bits of a delta that are written as they are; the rest is unary (BIP158, `P` of the basic filter). */
export const GOLOMB_P = 19
/** One stranger in so many is taken for a member (BIP158, `M` of the basic filter). */
export const GOLOMB_M = 784_931

const REMAINDERS = 2 ** GOLOMB_P

/**
 * The set of `elements`, each counted once: their number as a CompactSize, then their sorted hashes as Golomb-Rice coded deltas, the last
 * byte filled with zero bits. `key`: 16 bytes. Equal elements are told by their 64-bit hashes: that two others share one happens by chance
 * in one of 2^40 sets of 5,000, and on nobody's wish, since a filter's key is known only when its elements are fixed.
 */
export function encodeGolombSet(key: Uint8Array, elements: readonly Uint8Array[]): Uint8Array {
  const distinct = withoutRepeats(sortedHashes(key, elements))
  const count = distinct.length
  const values = spread(distinct, count)
  const deltas = values.map((value, i) => (i === 0 ? value : value - values[i - 1]))
  const bits = deltas.reduce((sum, delta) => sum + Math.floor(delta / REMAINDERS) + 1 + GOLOMB_P, 0)
  const coded = new BitWriter(bits)
  for (const delta of deltas) {
    coded.unary(Math.floor(delta / REMAINDERS))
    coded.bits(delta % REMAINDERS, GOLOMB_P)
  }
  return new Writer(compactSizeLength(count) + coded.bytes.length)
    .compactSize(count)
    .put(coded.bytes)
    .finish()
}

/**
 * The values in a coded set, ascending: what `matchesAny` takes. Rejects with `golomb-set-invalid` all that `encodeGolombSet` can't have
 * written: a count that isn't written in the shortest way or that the data has no room for, data that ends early, values out of range,
 * padding of a byte or more or of anything but zeros.
 */
export function decodeGolombSet(bytes: Uint8Array): Result<Float64Array> {
  return decodeWith(bytes, 'golomb-set-invalid', (reader) => {
    const count = reader.compactSize()
    const coded = new BitReader(reader.take(reader.remaining))
    if (count * (GOLOMB_P + 1) > coded.remaining)
      throw new DecodeError(`announces ${count} elements but has room for fewer`)
    const values = new Float64Array(count)
    let value = 0
    for (let i = 0; i < count; i++) {
      value += coded.unary() * REMAINDERS + coded.bits(GOLOMB_P)
      if (value >= count * GOLOMB_M) throw new DecodeError('has a value out of range')
      values[i] = value
    }
    coded.end()
    return values
  })
}

/**
 * Whether at least one of `elements` seems to be in the set of these `values`, which was coded with `key` (16 bytes): one pass over both.
 * Always true where one is; of those that aren't, one in `GOLOMB_M` seems to be.
 */
export function matchesAny(values: Float64Array, key: Uint8Array, elements: readonly Uint8Array[]): boolean {
  const wanted = spread(sortedHashes(key, elements), values.length)
  for (let i = 0, j = 0; i < values.length && j < wanted.length; ) {
    if (values[i] === wanted[j]) return true
    if (values[i] < wanted[j]) i++
    else j++
  }
  return false
}

/** The elements' 64-bit hashes, ascending. As two words the low one comes first: every platform of a browser is little-endian. */
function sortedHashes(key: Uint8Array, elements: readonly Uint8Array[]): BigUint64Array {
  const hashes = new BigUint64Array(elements.length)
  const words = new Uint32Array(hashes.buffer)
  for (let i = 0; i < elements.length; i++) siphash24Into(key, elements[i], words, i * 2)
  return hashes.sort()
}

/** Sorted hashes, each once: a view of the same memory. By words, since every hash read as a bigint is an object. */
function withoutRepeats(hashes: BigUint64Array): BigUint64Array {
  const words = new Uint32Array(hashes.buffer)
  let count = 0
  for (let i = 0; i < words.length; i += 2) {
    const last = 2 * (count - 1)
    if (count > 0 && words[i] === words[last] && words[i + 1] === words[last + 1]) continue
    words[2 * count] = words[i]
    words[2 * count + 1] = words[i + 1]
    count++
  }
  return hashes.subarray(0, count)
}

/** Sorted hashes as values below `count` × `GOLOMB_M`, in the same order. */
function spread(hashes: BigUint64Array, count: number): Float64Array {
  const words = new Uint32Array(hashes.buffer)
  const values = new Float64Array(hashes.length)
  for (let i = 0; i < values.length; i++)
    values[i] = toRange(words[i * 2], words[i * 2 + 1], count * GOLOMB_M)
  return values
}

/**
 * hash × range / 2^64, rounded down (BIP158, Hashing Data Objects), of a hash in two words. Exact for a range below 2^52: every product
 * and sum is a safe integer, where bigints would cost as much as the hash.
 */
function toRange(low: number, high: number, range: number): number {
  const rangeLow = range >>> 0
  const rangeHigh = Math.floor(range / 0x1_0000_0000)
  const carry = low * rangeHigh + upperWord(low, rangeLow, 0)
  return high * rangeHigh + upperWord(high, rangeLow, carry)
}

/** (a × b + c) / 2^32, rounded down, for words a and b and a c below 2^52. */
function upperWord(a: number, b: number, c: number): number {
  const upper = (a >>> 16) * b
  const lower = (a & 0xffff) * b + c
  return Math.floor((upper + Math.floor(lower / 0x1_0000)) / 0x1_0000)
}

/** Bits, the highest of a byte first. */
class BitWriter {
  readonly bytes: Uint8Array
  private position = 0

  /** `bits`: how many will be written. */
  constructor(bits: number) {
    this.bytes = new Uint8Array(Math.ceil(bits / 8))
  }

  /** `ones` bits that are set, and one that isn't. */
  unary(ones: number): void {
    for (let i = 0; i < ones; i++, this.position++)
      this.bytes[this.position >>> 3] |= 0x80 >>> (this.position & 7)
    this.position++
  }

  /** The lowest `count` bits of `value`, 24 at most. */
  bits(value: number, count: number): void {
    const at = this.position >>> 3
    const word = value << (32 - count - (this.position & 7))
    this.bytes[at] |= word >>> 24
    // Those behind the last bit are zeros, and beyond the end they are dropped.
    this.bytes[at + 1] = word >>> 16
    this.bytes[at + 2] = word >>> 8
    this.bytes[at + 3] = word
    this.position += count
  }
}

/** Reads what `BitWriter` wrote; throws a `DecodeError` where the data ends. */
class BitReader {
  private readonly bytes: Uint8Array
  private position = 0

  constructor(bytes: Uint8Array) {
    this.bytes = bytes
  }

  get remaining(): number {
    return this.bytes.length * 8 - this.position
  }

  unary(): number {
    const { bytes } = this
    const start = this.position
    // Beyond the end there are no ones.
    while (bytes[this.position >>> 3] & (0x80 >>> (this.position & 7))) this.position++
    const ones = this.position - start
    this.advance(1)
    return ones
  }

  /** `count` at most 24. */
  bits(count: number): number {
    const { bytes, position } = this
    const at = position >>> 3
    const word = (bytes[at] << 24) | (bytes[at + 1] << 16) | (bytes[at + 2] << 8) | bytes[at + 3]
    this.advance(count)
    return (word << (position & 7)) >>> (32 - count)
  }

  /** Throws unless less than a byte remains, and only zeros. */
  end(): void {
    const { remaining } = this
    if (remaining >= 8) throw new DecodeError(`has ${remaining >>> 3} bytes too many`)
    if (remaining > 0 && this.bits(remaining) !== 0) throw new DecodeError('is not filled with zeros')
  }

  private advance(count: number): void {
    this.position += count
    if (this.remaining < 0) throw new DecodeError('ends too early')
  }
}
