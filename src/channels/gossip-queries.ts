/**
 * How a node learns what it missed while it was away (BOLT 7, Query Messages): a peer tells which channels it knows, and how new their updates are;
 * what is missing or newer is then asked for. Heights of updates stand where BOLT 7 has times. Pure, any thread.
 */
import { DecodeError } from '../primitives/codec.ts'
import { notNow, type Result } from '../primitives/result.ts'
import type { ShortChannelId } from './short-channel-id.ts'
import { type TlvEncoding, tlvField, tlvStream } from './tlv.ts'
import { decodeWire, WireReader, WireWriter } from './wire.ts'

/** Asks which channels a peer knows, of those funded in these blocks. */
export interface QueryChannelRange {
  readonly type: 'query_channel_range'
  /** Hash of the genesis block, 32 bytes, internal order. */
  readonly chainHash: Uint8Array
  readonly firstBlock: number
  readonly blocks: number
  /** Whether heights of updates are to be told, too. */
  readonly wantsHeights: boolean
}

/** What one knows of a channel. */
export interface KnownChannel {
  readonly id: ShortChannelId
  /** Heights of the newest update of each node; 0 where there is none, or nobody asked. */
  readonly updates: readonly [number, number]
}

/** A part of the answer. */
export interface ReplyChannelRange {
  readonly type: 'reply_channel_range'
  readonly chainHash: Uint8Array
  readonly firstBlock: number
  readonly blocks: number
  /** Whether it is the last part. */
  readonly complete: boolean
  /** Ascending. At most `MAX_KNOWN_IN_REPLY`. */
  readonly known: readonly KnownChannel[]
}

/** Bits of what is wanted of a channel. */
export const WANTS_ANNOUNCEMENT = 1
/** By direction. */
export const WANTS_UPDATES = [2, 4] as const
/** Of the nodes, in the order of the announcement. */
export const WANTS_NODES = [8, 16] as const
const WANTS_ALL = 31

/** A channel, and what of it is wanted. */
export interface WantedChannel {
  readonly id: ShortChannelId
  readonly flags: number
}

/** Asks for messages. */
export interface QueryShortChannelIds {
  readonly type: 'query_short_channel_ids'
  readonly chainHash: Uint8Array
  /** Ascending. */
  readonly wanted: readonly WantedChannel[]
}

/** All that a node has of what was asked for is said. */
export interface ReplyShortChannelIdsEnd {
  readonly type: 'reply_short_channel_ids_end'
  readonly chainHash: Uint8Array
  readonly fullInformation: boolean
}

export type GossipQuery =
  | QueryChannelRange
  | ReplyChannelRange
  | QueryShortChannelIds
  | ReplyShortChannelIdsEnd

/** Channels that one `reply_channel_range` holds at most here: 16 bytes each. */
export const MAX_KNOWN_IN_REPLY = 4_000

const HASH_BYTES = 32
/** An array as it stands, the only encoding that may be used. */
const UNCOMPRESSED = 0
/** Bit of `query_option`: times, here heights, are wanted. */
const WITH_HEIGHTS = 1n

/** Everything behind a first byte that names the encoding. */
function arrayOf<T>(
  read: (reader: WireReader) => T,
  write: (writer: WireWriter, value: T) => void,
): TlvEncoding<T[]> {
  return {
    read(reader) {
      if (reader.u8() !== UNCOMPRESSED) throw new DecodeError('holds an array in an unknown encoding')
      const values: T[] = []
      while (reader.remaining > 0) values.push(read(reader))
      return values
    },
    write(writer, values) {
      writer.u8(UNCOMPRESSED)
      for (const value of values) write(writer, value)
    },
  }
}

const IDS = arrayOf<ShortChannelId>(
  (reader) => reader.shortChannelId(),
  (writer, id) => writer.shortChannelId(id),
)
const HEIGHTS = arrayOf<readonly [number, number]>(
  (reader) => [reader.u32(), reader.u32()],
  (writer, [first, second]) => writer.u32(first).u32(second),
)
const FLAGS = arrayOf<number>(
  (reader) => Number(reader.bigSize() & 0xffn),
  (writer, flags) => writer.bigSize(BigInt(flags)),
)
const BIG_SIZE: TlvEncoding<bigint> = {
  read: (reader) => reader.bigSize(),
  write: (writer, value) => writer.bigSize(value),
}

const RANGE_QUERY = tlvStream({ option: tlvField(1, BIG_SIZE) })
const RANGE_REPLY = tlvStream({ heights: tlvField(1, HEIGHTS) })
const IDS_QUERY = tlvStream({ flags: tlvField(1, FLAGS) })
const NO_RECORDS = tlvStream({})

interface QueryCodec<Query extends GossipQuery> {
  readonly number: number
  read(reader: WireReader): Omit<Query, 'type' | 'chainHash'>
  write(writer: WireWriter, query: Query): void
}

function readArray<T>(reader: WireReader, encoding: TlvEncoding<T[]>): T[] {
  return encoding.read(new WireReader(reader.u16Bytes()))
}

function writeArray<T>(writer: WireWriter, encoding: TlvEncoding<T[]>, values: T[]): void {
  const inner = new WireWriter(8 * values.length + 1)
  encoding.write(inner, values)
  writer.u16Bytes(inner.written)
}

const CODECS: { readonly [Type in GossipQuery['type']]: QueryCodec<Extract<GossipQuery, { type: Type }>> } = {
  query_short_channel_ids: {
    number: 261,
    read(reader) {
      const ids = readArray(reader, IDS)
      const { flags } = IDS_QUERY.read(reader)
      if (flags && flags.length !== ids.length)
        throw new DecodeError('holds another number of flags than channels')
      return { wanted: ids.map((id, at) => ({ id, flags: flags?.[at] ?? WANTS_ALL })) }
    },
    write(writer, { wanted }) {
      writeArray(
        writer,
        IDS,
        wanted.map(({ id }) => id),
      )
      IDS_QUERY.write(writer, { flags: wanted.map(({ flags }) => flags) })
    },
  },
  reply_short_channel_ids_end: {
    number: 262,
    read(reader) {
      const fullInformation = reader.u8() === 1
      NO_RECORDS.read(reader)
      return { fullInformation }
    },
    write: (writer, { fullInformation }) => {
      writer.u8(fullInformation ? 1 : 0)
    },
  },
  query_channel_range: {
    number: 263,
    read(reader) {
      const [firstBlock, blocks] = [reader.u32(), reader.u32()]
      const { option = 0n } = RANGE_QUERY.read(reader)
      return { firstBlock, blocks, wantsHeights: (option & WITH_HEIGHTS) !== 0n }
    },
    write(writer, { firstBlock, blocks, wantsHeights }) {
      writer.u32(firstBlock).u32(blocks)
      RANGE_QUERY.write(writer, { option: wantsHeights ? WITH_HEIGHTS : undefined })
    },
  },
  reply_channel_range: {
    number: 264,
    read(reader) {
      const [firstBlock, blocks, complete] = [reader.u32(), reader.u32(), reader.u8() === 1]
      const ids = readArray(reader, IDS)
      const { heights } = RANGE_REPLY.read(reader)
      if (heights && heights.length !== ids.length)
        throw new DecodeError('holds another number of heights than channels')
      return {
        firstBlock,
        blocks,
        complete,
        known: ids.map((id, at) => ({ id, updates: heights?.[at] ?? [0, 0] })),
      }
    },
    write(writer, { firstBlock, blocks, complete, known }) {
      writer
        .u32(firstBlock)
        .u32(blocks)
        .u8(complete ? 1 : 0)
      writeArray(
        writer,
        IDS,
        known.map(({ id }) => id),
      )
      RANGE_REPLY.write(writer, { heights: known.map(({ updates }) => updates) })
    },
  },
}

const TYPE_OF_NUMBER = new Map(
  Object.entries(CODECS).map(([type, { number }]) => [number, type as GossipQuery['type']]),
)

/** Whether messages of this number are queries of gossip, or answers to them. */
export function isGossipQuery(number: number): boolean {
  return TYPE_OF_NUMBER.has(number)
}

/** The message with its two bytes of type. */
export function encodeGossipQuery<Query extends GossipQuery>(query: Query): Uint8Array {
  // The compiler can't tell that a type's codec takes the message of that type.
  const codec = CODECS[query.type] as unknown as QueryCodec<Query>
  const writer = new WireWriter(512).u16(codec.number).put(query.chainHash)
  codec.write(writer, query)
  return writer.finish()
}

/** Reads the message, its type included. Rejects with `gossip-malformed`, and with `gossip-unknown` another type. */
export function decodeGossipQuery(bytes: Uint8Array): Result<GossipQuery> {
  const number = bytes.length < 2 ? 0 : (bytes[0] << 8) | bytes[1]
  const type = TYPE_OF_NUMBER.get(number)
  if (type === undefined) return notNow('gossip-unknown', `Messages of type ${number} ask for no gossip.`)
  return decodeWire(bytes.subarray(2), 'gossip-malformed', (reader) => {
    const chainHash = reader.take(HASH_BYTES)
    return { type, chainHash, ...CODECS[type].read(reader) } as GossipQuery
  })
}
