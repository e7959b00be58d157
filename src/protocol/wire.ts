/**
 * The frames of the peer stream: one byte that names the message, then its payload in Bitcoin's encodings. A frame's size
 * is bounded by its kind before it is parsed, and only canonical encodings are accepted. Pure, any thread.
 *
 * A request carries an id (32 bits, chosen by the asker, not 0) in front of Bitcoin's payload, and its answer repeats it.
 */

import { MAX_FRAME_BYTES } from '../network/transport.ts'
import { Block, BlockHeader, HEADER_BYTES } from '../primitives/block.ts'
import { compactSizeLength, DecodeError, decodeWith, Reader, Writer } from '../primitives/codec.ts'
import { invalid, type Result } from '../primitives/result.ts'
import { Transaction } from '../primitives/transaction.ts'

/** Version of this protocol. Tabs of another version are not talked to. */
export const PROTOCOL_VERSION = 2
/** `services` bit: serves every block of its active chain. The only bit defined; others are ignored. */
export const SERVICE_FULL_CHAIN = 1n

/** Longest user agent, bytes of printable ASCII. */
export const MAX_USER_AGENT_BYTES = 64
/** Most hashes in a block locator: twice what a chain of 2^32 blocks needs. */
export const MAX_LOCATOR_HASHES = 64
/** Most headers in one message, as in Bitcoin. A full message says that there may be more. */
export const MAX_HEADERS = 2000
/** Most blocks in one `getdata`. */
export const MAX_BLOCKS_PER_REQUEST = 16
/** Most wtxids announced in one `inv`. */
export const MAX_INV = 4096
/** Most transactions asked for in one `gettx`. */
export const MAX_TRANSACTIONS_PER_REQUEST = 128
/** Largest answer to a `gettx`, bytes of payload; what does not fit is left out. */
export const MAX_TRANSACTIONS_BYTES = 1_000_000
/**
 * Most transactions in a block that is described by positions. A block of 4,000,000 weight units holds at most 14,134:
 * the smallest spend, by the script OP_1 into an empty OP_RETURN, weighs 283.
 */
export const MAX_BLOCK_TRANSACTIONS = 16_384

/** First message of both sides, once. */
export interface HelloMessage {
  readonly type: 'hello'
  /** `PROTOCOL_VERSION` of the sender, 32 bits. */
  readonly version: number
  /** Genesis hash, 32 bytes, internal order. */
  readonly networkId: Uint8Array
  /** 64 bits. */
  readonly services: bigint
  /** Height of the sender's tip, 32 bits. A claim. */
  readonly height: number
  /** Hash of the sender's tip, 32 bytes, internal order. */
  readonly tipHash: Uint8Array
  /** Expected hashes behind the tip, 256 bits, on the wire little-endian as all of Bitcoin's integers. A claim. */
  readonly chainWork: bigint
  /** At most 64 printable ASCII characters. */
  readonly userAgent: string
}

/** Asks for the headers after the last one of `locator` that the other has in its active chain. */
export interface GetHeadersMessage {
  readonly type: 'getheaders'
  readonly id: number
  /** 1 to 64 hashes, 32 bytes each, newest first. */
  readonly locator: readonly Uint8Array[]
  /** Last header wanted, 32 bytes; zeros for as many as fit. */
  readonly stop: Uint8Array
}

/** Answer to `getheaders`, or the announcement of a new tip where `id` is 0. At most 2,000. */
export interface HeadersMessage {
  readonly type: 'headers'
  readonly id: number
  readonly headers: readonly BlockHeader[]
}

/** Asks for 1 to 16 blocks; each is answered by a `block`, or together with others by a `notfound`. */
export interface GetDataMessage {
  readonly type: 'getdata'
  readonly id: number
  /** 32 bytes each, internal order. */
  readonly hashes: readonly Uint8Array[]
}

export interface BlockMessage {
  readonly type: 'block'
  readonly id: number
  readonly block: Block
}

/** Those of a `getdata` or `getblocktxn` that the sender cannot serve. */
export interface NotFoundMessage {
  readonly type: 'notfound'
  readonly id: number
  readonly hashes: readonly Uint8Array[]
}

/** BIP152: asks for transactions of a block by their positions. */
export interface GetBlockTxnMessage {
  readonly type: 'getblocktxn'
  readonly id: number
  readonly blockHash: Uint8Array
  /** Ascending, 1 to 16,384 of them; on the wire as differences. */
  readonly indexes: readonly number[]
}

/** BIP152: the transactions that a `getblocktxn` asked for, in its order. */
export interface BlockTxnMessage {
  readonly type: 'blocktxn'
  readonly id: number
  readonly blockHash: Uint8Array
  readonly transactions: readonly Transaction[]
}

/** BIP35: asks for the wtxids of the mempool; answered by an `inv`. */
export interface MempoolMessage {
  readonly type: 'mempool'
}

/** Wtxids that the sender can serve, at most 4,096; 32 bytes each, internal order, parents before children. */
export interface InvMessage {
  readonly type: 'inv'
  readonly wtxids: readonly Uint8Array[]
}

/** Asks for 1 to 128 transactions by wtxid. */
export interface GetTxMessage {
  readonly type: 'gettx'
  readonly id: number
  readonly wtxids: readonly Uint8Array[]
}

/** Answer to `gettx`: those of them that are there and fit, in its order. */
export interface TxMessage {
  readonly type: 'tx'
  readonly id: number
  readonly transactions: readonly Transaction[]
}

/** Asks what time it is there. */
export interface GetTimeMessage {
  readonly type: 'gettime'
  readonly id: number
}

/** Answer to `gettime`. */
export interface TimeMessage {
  readonly type: 'time'
  readonly id: number
  /** The sender's clock, milliseconds since 1970, 64 bits; at most 2^53 - 1. */
  readonly time: number
}

export type Message =
  | HelloMessage
  | GetHeadersMessage
  | HeadersMessage
  | GetDataMessage
  | BlockMessage
  | NotFoundMessage
  | GetBlockTxnMessage
  | BlockTxnMessage
  | MempoolMessage
  | InvMessage
  | GetTxMessage
  | TxMessage
  | GetTimeMessage
  | TimeMessage

export type MessageType = Message['type']

/** Byte that names a message, and the most bytes its whole frame may have. */
const KINDS: Readonly<Record<MessageType, readonly [byte: number, maxBytes: number]>> = {
  hello: [1, 1 + 4 + 32 + 8 + 4 + 32 + 32 + 1 + MAX_USER_AGENT_BYTES],
  getheaders: [2, 1 + 4 + 1 + 32 * (MAX_LOCATOR_HASHES + 1)],
  headers: [3, 1 + 4 + 3 + HEADER_BYTES * MAX_HEADERS],
  getdata: [4, 1 + 4 + 1 + 32 * MAX_BLOCKS_PER_REQUEST],
  block: [5, MAX_FRAME_BYTES],
  notfound: [6, 1 + 4 + 1 + 32 * MAX_BLOCKS_PER_REQUEST],
  getblocktxn: [7, 1 + 4 + 32 + 3 + 3 * MAX_BLOCK_TRANSACTIONS],
  blocktxn: [8, MAX_FRAME_BYTES],
  mempool: [9, 1],
  inv: [10, 1 + 3 + 32 * MAX_INV],
  gettx: [11, 1 + 4 + 1 + 32 * MAX_TRANSACTIONS_PER_REQUEST],
  tx: [12, 1 + 4 + MAX_TRANSACTIONS_BYTES],
  gettime: [13, 1 + 4],
  time: [14, 1 + 4 + 8],
}

const TYPES = new Map(Object.entries(KINDS).map(([type, [byte]]) => [byte, type as MessageType]))

/** The frame of a message that keeps the limits above. */
export function encodeMessage(message: Message): Uint8Array {
  const writer = new Writer(capacityOf(message)).u8(KINDS[message.type][0])
  if ('id' in message) writer.u32(message.id)
  switch (message.type) {
    case 'hello':
      writer.u32(message.version).put(message.networkId).u64(message.services)
      writer.u32(message.height).put(message.tipHash)
      for (let shift = 0n; shift < 256n; shift += 64n)
        writer.u64(BigInt.asUintN(64, message.chainWork >> shift))
      writer.varBytes(Uint8Array.from(message.userAgent, (char) => char.charCodeAt(0)))
      break
    case 'getheaders':
      writeHashes(writer, message.locator)
      writer.put(message.stop)
      break
    case 'headers':
      writer.compactSize(message.headers.length)
      for (const header of message.headers) writer.put(header.bytes)
      break
    case 'getdata':
    case 'notfound':
      writeHashes(writer, message.hashes)
      break
    case 'block':
      writer.put(message.block.bytes)
      break
    case 'getblocktxn':
      writer.put(message.blockHash).compactSize(message.indexes.length)
      writeDifferences(writer, message.indexes)
      break
    case 'blocktxn':
      writer.put(message.blockHash)
      writeTransactions(writer, message.transactions)
      break
    case 'mempool':
    case 'gettime':
      break
    case 'time':
      writer.u64(BigInt(message.time))
      break
    case 'inv':
    case 'gettx':
      writeHashes(writer, message.wtxids)
      break
    case 'tx':
      writeTransactions(writer, message.transactions)
      break
  }
  return writer.finish()
}

/**
 * The message of a frame; undefined for a kind that this version does not know, which is ignored so that later versions
 * can add some. Rejects with `message-too-large` before parsing, with `message-decode-failed` what is short, long, not
 * canonical or over a limit.
 */
export function decodeMessage(frame: Uint8Array): Result<Message | undefined> {
  const type = TYPES.get(frame[0])
  const maxBytes = type ? KINDS[type][1] : MAX_FRAME_BYTES
  if (frame.length > maxBytes)
    return invalid(
      'message-too-large',
      `A ${type ?? 'frame'} of ${frame.length} bytes is over ${maxBytes} bytes.`,
    )
  return decodeWith(frame, 'message-decode-failed', (reader) => {
    reader.u8()
    if (type) return readMessage(type, reader)
    reader.take(reader.remaining)
    return undefined
  })
}

/** An answer of up to megabytes, which decoded can take fifty times as much memory. */
export interface LargeAnswer {
  readonly type: 'block' | 'blocktxn' | 'tx'
  /** Of the request. */
  readonly id: number
}

/** What a frame is an answer to where that may be large, without decoding it; undefined for all others. */
export function largeAnswerIn(frame: Uint8Array): LargeAnswer | undefined {
  const type = TYPES.get(frame[0])
  if (type !== 'block' && type !== 'blocktxn' && type !== 'tx') return undefined
  return frame.length < 5 ? undefined : { type, id: new Reader(frame.subarray(1, 5)).u32() }
}

function readMessage(type: MessageType, reader: Reader): Message {
  if (type === 'hello') return readHello(reader)
  if (type === 'mempool') return { type }
  if (type === 'inv') return { type, wtxids: readHashes(reader, 0, MAX_INV) }
  const id = reader.u32()
  switch (type) {
    case 'getheaders':
      return { type, id, locator: readHashes(reader, 1, MAX_LOCATOR_HASHES), stop: reader.take(32) }
    case 'headers':
      return { type, id, headers: readList(reader, HEADER_BYTES, 0, MAX_HEADERS, BlockHeader.read) }
    case 'getdata':
    case 'notfound':
      return { type, id, hashes: readHashes(reader, 1, MAX_BLOCKS_PER_REQUEST) }
    case 'block':
      return { type, id, block: Block.read(reader) }
    case 'getblocktxn': {
      const blockHash = reader.take(32)
      const count = reader.count(1)
      if (count === 0) throw new DecodeError('asks for no transaction')
      return { type, id, blockHash, indexes: readDifferences(reader, count) }
    }
    case 'blocktxn':
      return { type, id, blockHash: reader.take(32), transactions: readTransactions(reader) }
    case 'gettx':
      return { type, id, wtxids: readHashes(reader, 1, MAX_TRANSACTIONS_PER_REQUEST) }
    case 'tx':
      return { type, id, transactions: readTransactions(reader) }
    case 'gettime':
      return { type, id }
    case 'time':
      return { type, id, time: readTime(reader) }
  }
}

function readHello(reader: Reader): HelloMessage {
  const version = reader.u32()
  const networkId = reader.take(32)
  const services = reader.u64()
  const height = reader.u32()
  const tipHash = reader.take(32)
  let chainWork = 0n
  for (let shift = 0n; shift < 256n; shift += 64n) chainWork |= reader.u64() << shift
  const agent = reader.varBytes()
  if (agent.length > MAX_USER_AGENT_BYTES) throw new DecodeError('has a user agent of over 64 bytes')
  if (agent.some((byte) => byte < 0x20 || byte > 0x7e)) throw new DecodeError('has a user agent not in ASCII')
  const userAgent = String.fromCharCode(...agent)
  return { type: 'hello', version, networkId, services, height, tipHash, chainWork, userAgent }
}

function readTime(reader: Reader): number {
  const time = reader.u64()
  if (time > BigInt(Number.MAX_SAFE_INTEGER)) throw new DecodeError('names a time beyond 2^53 ms')
  return Number(time)
}

/**
 * Writes ascending positions as BIP152 does: each as its distance, less one, from the one before. The count is the
 * caller's.
 */
export function writeDifferences(writer: Writer, indexes: readonly number[]): void {
  let next = 0
  for (const index of indexes) {
    writer.compactSize(index - next)
    next = index + 1
  }
}

/** One position of BIP152's differential encoding, where `next` is the least it can be. Throws `DecodeError`. */
export function readDifference(reader: Reader, next: number): number {
  const index = next + reader.compactSize()
  if (index >= MAX_BLOCK_TRANSACTIONS) throw new DecodeError(`names transaction ${index} of a block`)
  return index
}

function readDifferences(reader: Reader, count: number): number[] {
  const indexes: number[] = []
  for (let next = 0; indexes.length < count; next = indexes[indexes.length - 1] + 1)
    indexes.push(readDifference(reader, next))
  return indexes
}

/** A list after its CompactSize count, of items of at least `itemBytes` bytes each. */
function readList<T>(
  reader: Reader,
  itemBytes: number,
  min: number,
  max: number,
  read: (r: Reader) => T,
): T[] {
  const count = reader.count(itemBytes)
  if (count < min || count > max) throw new DecodeError(`lists ${count} items, not ${min} to ${max}`)
  return Array.from({ length: count }, () => read(reader))
}

function readHashes(reader: Reader, min: number, max: number): Uint8Array[] {
  return readList(reader, 32, min, max, (r) => r.take(32))
}

function writeHashes(writer: Writer, hashes: readonly Uint8Array[]): void {
  writer.compactSize(hashes.length)
  for (const hash of hashes) writer.put(hash)
}

function readTransactions(reader: Reader): Transaction[] {
  return readList(reader, 10, 0, MAX_BLOCK_TRANSACTIONS, Transaction.read)
}

function writeTransactions(writer: Writer, transactions: readonly Transaction[]): void {
  writer.compactSize(transactions.length)
  for (const transaction of transactions) writer.put(transaction.bytes)
}

/** Bytes to reserve: exact for what is large. */
function capacityOf(message: Message): number {
  switch (message.type) {
    case 'block':
      return 5 + message.block.bytes.length
    case 'headers':
      return 5 + compactSizeLength(message.headers.length) + message.headers.length * HEADER_BYTES
    default:
      return 256
  }
}
