/**
 * Type-length-value streams (BOLT 1, Type-Length-Value Format): what messages, onions' payloads and invoices' friends are extended by. A stream
 * is declared once, by the names, types and encodings of what it may hold. Pure, any thread.
 */
import { DecodeError } from '../primitives/codec.ts'
import { type Msat, msat } from './amount.ts'
import type { ShortChannelId } from './short-channel-id.ts'
import { WireReader, WireWriter } from './wire.ts'

/** How a value is written in a record, which tells its length. `read` takes all of the reader, which holds the value alone. */
export interface TlvEncoding<T> {
  read(reader: WireReader): T
  write(writer: WireWriter, value: T): void
}

/** A record: its type and how its value is written. */
export interface TlvField<T> extends TlvEncoding<T> {
  readonly type: bigint
}

export function tlvField<T>(type: number | bigint, encoding: TlvEncoding<T>): TlvField<T> {
  return { ...encoding, type: BigInt(type) }
}

/** What a stream of these fields holds: each may be absent. */
export type TlvValues<Fields> = {
  readonly [Name in keyof Fields]?: Fields[Name] extends TlvField<infer T> ? T : never
}

export interface TlvStream<Values> {
  /**
   * Reads all that is left. Throws `DecodeError` where types don't increase, a number is not in its shortest form, a length or a value is wrong,
   * or a type is even and unknown. Unknown odd ones are dropped.
   */
  read(reader: WireReader): Values
  /** Writes what is not undefined, in the order of the types. */
  write(writer: WireWriter, values: Values): void
  /** As `write`, alone. */
  encode(values: Values): Uint8Array
}

// The fields' types differ, and the compiler can't follow each through a list of them.
// biome-ignore lint/suspicious/noExplicitAny: see above.
type AnyField = TlvField<any>

/** A stream that may hold these fields, in any order here. */
export function tlvStream<Fields extends Readonly<Record<string, AnyField>>>(
  fields: Fields,
): TlvStream<TlvValues<Fields>> {
  const inOrder = Object.entries<AnyField>(fields).sort(([, a], [, b]) => (a.type < b.type ? -1 : 1))
  const nameOf = new Map(inOrder.map(([name, { type }]) => [type, name]))

  function write(writer: WireWriter, values: TlvValues<Fields>): void {
    for (const [name, field] of inOrder) {
      const value = values[name]
      if (value === undefined) continue
      const inner = new WireWriter(64)
      field.write(inner, value)
      writer.bigSize(field.type).varBytes(inner.written)
    }
  }

  return {
    read(reader) {
      const values: Record<string, unknown> = {}
      for (const { type, value } of readTlvRecords(reader)) {
        const name = nameOf.get(type)
        if (name !== undefined) values[name] = readWhole(value, fields[name])
        else if ((type & 1n) === 0n) throw new DecodeError(`holds a record of type ${type}, which is unknown`)
      }
      return values as TlvValues<Fields>
    },
    write,
    encode(values) {
      const writer = new WireWriter(64)
      write(writer, values)
      return writer.finish()
    },
  }
}

function readWhole(value: Uint8Array, field: AnyField): unknown {
  const reader = new WireReader(value)
  const read = field.read(reader)
  if (reader.remaining !== 0) throw new DecodeError(`holds a record of type ${field.type} that is too long`)
  return read
}

/** A record as it stands in a stream, its value a view. */
export interface TlvRecord {
  readonly type: bigint
  readonly value: Uint8Array
}

/** Reads the records that are left, whatever their types, which increase. Throws `DecodeError`. */
export function readTlvRecords(reader: WireReader): TlvRecord[] {
  const records: TlvRecord[] = []
  let least = 0n
  while (reader.remaining > 0) {
    const type = reader.bigSize()
    if (type < least) throw new DecodeError(`holds a record of type ${type} after one of ${least - 1n}`)
    least = type + 1n
    records.push({ type, value: reader.varBytes() })
  }
  return records
}

/** A `tu64`, `tu32` or `tu16` of at most `bytes` bytes: no leading zero byte, nothing for 0. At most 2^53 − 1. */
function truncated(bytes: 2 | 4 | 8): TlvEncoding<number> {
  return {
    read(reader) {
      const digits = reader.rest()
      if (digits.length > bytes) throw new DecodeError(`holds a number of over ${bytes} bytes`)
      if (digits[0] === 0) throw new DecodeError('holds a number with a leading zero byte')
      const value = digits.reduce((sum, byte) => sum * 256 + byte, 0)
      if (!Number.isSafeInteger(value)) throw new DecodeError('holds a number over 2^53 - 1')
      return value
    },
    write(writer, value) {
      const digits: number[] = []
      for (let left = value; left > 0; left = Math.floor(left / 256)) digits.unshift(left % 256)
      writer.put(Uint8Array.from(digits))
    },
  }
}

export const TU16 = truncated(2)
export const TU32 = truncated(4)
/** Of at most 2^53 − 1. */
export const TU64 = truncated(8)
/** A `tu64` in millisatoshis. */
export const TU64_MSAT: TlvEncoding<Msat> = {
  read: (reader) => msat(TU64.read(reader)),
  write: TU64.write,
}

/** Bytes of any number, a view. */
export const BYTES: TlvEncoding<Uint8Array> = {
  read: (reader) => reader.rest(),
  write: (writer, value) => writer.put(value),
}

/** Exactly so many bytes, a view. */
export function bytesOf(length: number): TlvEncoding<Uint8Array> {
  return { read: (reader) => reader.take(length), write: (writer, value) => writer.put(value) }
}

/** A compressed point, 33 bytes. */
export const POINT: TlvEncoding<Uint8Array> = {
  read: (reader) => reader.point(),
  write: (writer, value) => writer.put(value),
}

export const SHORT_CHANNEL_ID: TlvEncoding<ShortChannelId> = {
  read: (reader) => reader.shortChannelId(),
  write: (writer, value) => writer.shortChannelId(value),
}
