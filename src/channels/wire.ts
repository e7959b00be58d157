/**
 * Reading and writing of the BOLTs' encodings, which are Bitcoin's with the bytes of integers turned round: big-endian (BOLT 1, Fundamental
 * Types). CompactSize becomes BigSize. Pure, any thread.
 */
import { type Sats, sats } from '../primitives/amount.ts'
import { DecodeError, decodeFrom, Reader, Writer } from '../primitives/codec.ts'
import type { Result } from '../primitives/result.ts'
import { curve } from '../script/curve.ts'
import { type Msat, msat } from './amount.ts'
import { readShortChannelId, type ShortChannelId, writeShortChannelId } from './short-channel-id.ts'

export const POINT_BYTES = 33

/** A `Reader` whose integers are big-endian; `compactSize` reads a BigSize of at most 2^53 − 1, `bigSize` any. */
export class WireReader extends Reader {
  override u16(): number {
    const [a, b] = this.take(2)
    return (a << 8) | b
  }

  override u32(): number {
    return this.u16() * 0x1_0000 + this.u16()
  }

  override u64(): bigint {
    const high = this.u32()
    return (BigInt(high) << 32n) | BigInt(this.u32())
  }

  /** A u64 that is at most 2^53 − 1; more is a `DecodeError`. */
  safeU64(): number {
    const value = this.u32() * 0x1_0000_0000 + this.u32()
    if (!Number.isSafeInteger(value)) throw new DecodeError('holds a number over 2^53 - 1')
    return value
  }

  /** A u64 in millisatoshis. */
  msat(): Msat {
    return msat(this.safeU64())
  }

  /** A u64 in satoshis. */
  sats(): Sats {
    return sats(this.safeU64())
  }

  /** A BigSize of 64 bits (BOLT 1, appendix A). Rejects encodings longer than needed. */
  bigSize(): bigint {
    const first = this.u8()
    if (first < 0xfd) return BigInt(first)
    const value = first === 0xff ? this.u64() : BigInt(first === 0xfd ? this.u16() : this.u32())
    if (value <= (first === 0xfd ? 0xfcn : first === 0xfe ? 0xffffn : 0xffffffffn))
      throw new DecodeError('non-canonical BigSize')
    return value
  }

  /** A compressed point of 33 bytes, a view. Rejects what is not on the curve. */
  point(): Uint8Array {
    const bytes = this.take(POINT_BYTES)
    if (!isPoint(bytes)) throw new DecodeError('holds 33 bytes that are no point of the curve')
    return bytes
  }

  shortChannelId(): ShortChannelId {
    return readShortChannelId(this)
  }

  /** All that is left, a view. */
  rest(): Uint8Array {
    return this.take(this.remaining)
  }

  /** A u16 length and as many bytes, a view. */
  u16Bytes(): Uint8Array {
    return this.take(this.u16())
  }
}

/** A `Writer` whose integers are big-endian; `compactSize` writes a BigSize. */
export class WireWriter extends Writer {
  override u16(value: number): this {
    return this.u8(value >>> 8).u8(value)
  }

  override u32(value: number): this {
    return this.u16(value >>> 16).u16(value & 0xffff)
  }

  override u64(value: bigint): this {
    return this.u32(Number(value >> 32n)).u32(Number(value & 0xffffffffn))
  }

  /** A safe integer as a u64: an amount, for one. */
  safeU64(value: number): this {
    return this.u32(Math.floor(value / 0x1_0000_0000)).u32(value >>> 0)
  }

  bigSize(value: bigint): this {
    if (value < 0xfdn) return this.u8(Number(value))
    if (value <= 0xffffn) return this.u8(0xfd).u16(Number(value))
    if (value <= 0xffffffffn) return this.u8(0xfe).u32(Number(value))
    return this.u8(0xff).u64(value)
  }

  shortChannelId(id: ShortChannelId): this {
    writeShortChannelId(this, id)
    return this
  }

  u16Bytes(bytes: Uint8Array): this {
    return this.u16(bytes.length).put(bytes)
  }
}

/** Runs a decoder over the whole of `bytes`, as `decodeWith`. */
export function decodeWire<T>(bytes: Uint8Array, code: string, read: (reader: WireReader) => T): Result<T> {
  return decodeFrom(new WireReader(bytes), code, read)
}

/** Whether these are the 33 bytes of a compressed point (SEC 1, 2.3.3) other than infinity. */
export function isPoint(bytes: Uint8Array): boolean {
  return curve().sum([{ point: bytes }]) !== undefined
}
