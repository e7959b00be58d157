/**
 * Bounds-checked reading and writing of Bitcoin's encodings. Readers throw `DecodeError` inside a decoder; the
 * decoders that others call go through `decodeWith`, which turns it into a `Rejection`. Byte strings read are views
 * over the source buffer, never copies.
 */
import { EMPTY } from './bytes.ts'
import { invalid, ok, type Result } from './result.ts'

/** Thrown by `Reader` on input that is short, long or not canonical. Never leaves `decodeWith`. */
export class DecodeError extends Error {
  override readonly name = 'DecodeError'
}

/** Bytes of a CompactSize: 1, 3, 5 or 9. `value` is a safe integer. */
export function compactSizeLength(value: number): number {
  return value < 0xfd ? 1 : value <= 0xffff ? 3 : value <= 0xffffffff ? 5 : 9
}

export class Reader {
  readonly bytes: Uint8Array
  offset = 0
  private readonly view: DataView

  constructor(bytes: Uint8Array) {
    this.bytes = bytes
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  }

  get remaining(): number {
    return this.bytes.length - this.offset
  }

  private advance(count: number): number {
    const start = this.offset
    if (count > this.bytes.length - start)
      throw new DecodeError(`ends ${count - this.remaining} bytes too early`)
    this.offset = start + count
    return start
  }

  u8(): number {
    return this.bytes[this.advance(1)]
  }

  u16(): number {
    return this.view.getUint16(this.advance(2), true)
  }

  u32(): number {
    return this.view.getUint32(this.advance(4), true)
  }

  u64(): bigint {
    return this.view.getBigUint64(this.advance(8), true)
  }

  /**
   * A signed 64-bit little-endian integer as a number: exact within ±2^53, the nearest double beyond, so that range
   * checks hold for every input. Amounts are read this way and hashed from their source bytes.
   */
  i64AsNumber(): number {
    const start = this.advance(8)
    return this.view.getInt32(start + 4, true) * 0x1_0000_0000 + this.view.getUint32(start, true)
  }

  /** `count` bytes, a view over the source. */
  take(count: number): Uint8Array {
    const start = this.advance(count)
    return this.bytes.subarray(start, start + count)
  }

  /** A CompactSize. Rejects encodings longer than needed and values over 2^53 − 1. */
  compactSize(): number {
    const first = this.u8()
    if (first < 0xfd) return first
    const value = first === 0xfd ? this.u16() : first === 0xfe ? this.u32() : Number(this.u64())
    if (compactSizeLength(value) !== (first === 0xfd ? 3 : first === 0xfe ? 5 : 9))
      throw new DecodeError('non-canonical CompactSize')
    if (!Number.isSafeInteger(value)) throw new DecodeError('CompactSize over 2^53 - 1')
    return value
  }

  /** A CompactSize count of items that take at least `itemBytes` each: bounded by what remains, before any allocation. */
  count(itemBytes: number): number {
    const count = this.compactSize()
    if (count * itemBytes > this.remaining)
      throw new DecodeError(`${count} items announced, ${this.remaining} bytes left`)
    return count
  }

  /** A byte string after its CompactSize length, a view over the source. */
  varBytes(): Uint8Array {
    const length = this.compactSize()
    // A block can list millions of empty ones, a view of a hundred bytes each: one stands for all.
    return length === 0 ? EMPTY : this.take(length)
  }

  /** Throws unless everything was read. */
  end(): void {
    if (this.remaining !== 0) throw new DecodeError(`${this.remaining} bytes too many`)
  }
}

/** A growing buffer. */
export class Writer {
  private buffer: Uint8Array
  private view: DataView
  private length = 0

  /** `capacity` bytes are reserved at once; give the exact size where it is known. */
  constructor(capacity = 256) {
    this.buffer = new Uint8Array(capacity)
    this.view = new DataView(this.buffer.buffer)
  }

  private reserve(count: number): number {
    const start = this.length
    this.length += count
    if (this.length > this.buffer.length) {
      const grown = new Uint8Array(Math.max(this.length, this.buffer.length * 2))
      grown.set(this.buffer)
      this.buffer = grown
      this.view = new DataView(grown.buffer)
    }
    return start
  }

  u8(value: number): this {
    const at = this.reserve(1)
    this.buffer[at] = value
    return this
  }

  u16(value: number): this {
    const at = this.reserve(2)
    this.view.setUint16(at, value, true)
    return this
  }

  u32(value: number): this {
    const at = this.reserve(4)
    this.view.setUint32(at, value, true)
    return this
  }

  u64(value: bigint): this {
    const at = this.reserve(8)
    this.view.setBigUint64(at, value, true)
    return this
  }

  /** A signed 64-bit little-endian integer from a safe integer. */
  i64FromNumber(value: number): this {
    const at = this.reserve(8)
    this.view.setUint32(at, value >>> 0, true)
    this.view.setInt32(at + 4, Math.floor(value / 0x1_0000_0000), true)
    return this
  }

  put(bytes: Uint8Array): this {
    const at = this.reserve(bytes.length)
    this.buffer.set(bytes, at)
    return this
  }

  compactSize(value: number): this {
    if (value < 0xfd) return this.u8(value)
    if (value <= 0xffff) return this.u8(0xfd).u16(value)
    if (value <= 0xffffffff) return this.u8(0xfe).u32(value)
    return this.u8(0xff).u64(BigInt(value))
  }

  varBytes(bytes: Uint8Array): this {
    return this.compactSize(bytes.length).put(bytes)
  }

  /** Starts again in the same memory, which what `written` gave shows. */
  clear(): this {
    this.length = 0
    return this
  }

  /** What was written: a view that is good until the next `clear`. For what is hashed at once and then forgotten. */
  get written(): Uint8Array {
    return this.buffer.subarray(0, this.length)
  }

  /** What was written: a view when it fills the buffer exactly, else a copy. */
  finish(): Uint8Array {
    return this.length === this.buffer.length ? this.buffer : this.buffer.slice(0, this.length)
  }
}

/**
 * Runs a decoder over the whole of `bytes`: input that is short, long or not canonical becomes an invalid
 * `Rejection` with `code`.
 */
export function decodeWith<T>(bytes: Uint8Array, code: string, read: (reader: Reader) => T): Result<T> {
  return decodeFrom(new Reader(bytes), code, read)
}

/** As `decodeWith`, over what `reader` holds. */
export function decodeFrom<R extends Reader, T>(reader: R, code: string, read: (reader: R) => T): Result<T> {
  try {
    const value = read(reader)
    reader.end()
    return ok(value)
  } catch (error) {
    if (error instanceof DecodeError)
      return invalid(code, `The data ${error.message} (at byte ${reader.offset}).`)
    throw error
  }
}
