/**
 * The messages by which tabs keep one chain, in Bitcoin's encodings; each kind is registered by the part that answers it. Only canonical
 * encodings are accepted. Pure, any thread.
 *
 * A request carries an id (32 bits, chosen by the asker, not 0) in front of Bitcoin's payload, and its answer repeats it.
 */

import { type MessageKind, MessageTable } from '../network/frames.ts'
import { MAX_FRAME_BYTES, type Subscription } from '../network/transport.ts'
import { Block, BlockHeader, HEADER_BYTES } from '../primitives/block.ts'
import { compactSizeLength, DecodeError, type Reader, type Writer } from '../primitives/codec.ts'
import type { Result } from '../primitives/result.ts'
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

/** Compact blocks (BIP152). */
export const BLOCK_TOPIC: Subscription = { topic: 'block', isCommon: true }
/** Transactions. */
export const TX_TOPIC: Subscription = { topic: 'tx', isCommon: true }
/** What every tab of a network hears. */
export const COMMON_TOPICS: readonly Subscription[] = [BLOCK_TOPIC, TX_TOPIC]

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

// The kinds of these messages, by their bytes.

export const HELLO: MessageKind<HelloMessage> = {
  type: 'hello',
  byte: 1,
  maxBytes: 1 + 4 + 32 + 8 + 4 + 32 + 32 + 1 + MAX_USER_AGENT_BYTES,
  write(writer, { version, networkId, services, height, tipHash, chainWork, userAgent }) {
    writer.u32(version).put(networkId).u64(services).u32(height).put(tipHash)
    for (let shift = 0n; shift < 256n; shift += 64n) writer.u64(BigInt.asUintN(64, chainWork >> shift))
    writer.varBytes(Uint8Array.from(userAgent, (char) => char.charCodeAt(0)))
  },
  read(reader) {
    const version = reader.u32()
    const networkId = reader.take(32)
    const services = reader.u64()
    const height = reader.u32()
    const tipHash = reader.take(32)
    let chainWork = 0n
    for (let shift = 0n; shift < 256n; shift += 64n) chainWork |= reader.u64() << shift
    const agent = reader.varBytes()
    if (agent.length > MAX_USER_AGENT_BYTES) throw new DecodeError('has a user agent of over 64 bytes')
    if (agent.some((byte) => byte < 0x20 || byte > 0x7e))
      throw new DecodeError('has a user agent not in ASCII')
    const userAgent = String.fromCharCode(...agent)
    return { type: 'hello', version, networkId, services, height, tipHash, chainWork, userAgent }
  },
}

export const GETHEADERS: MessageKind<GetHeadersMessage> = {
  type: 'getheaders',
  byte: 2,
  maxBytes: 1 + 4 + 1 + 32 * (MAX_LOCATOR_HASHES + 1),
  write(writer, { id, locator, stop }) {
    writeHashes(writer.u32(id), locator)
    writer.put(stop)
  },
  read: (reader) => ({
    type: 'getheaders',
    id: reader.u32(),
    locator: readHashes(reader, 1, MAX_LOCATOR_HASHES),
    stop: reader.take(32),
  }),
}

export const HEADERS: MessageKind<HeadersMessage> = {
  type: 'headers',
  byte: 3,
  maxBytes: 1 + 4 + 3 + HEADER_BYTES * MAX_HEADERS,
  write(writer, { id, headers }) {
    writer.u32(id).compactSize(headers.length)
    for (const header of headers) writer.put(header.bytes)
  },
  read: (reader) => ({
    type: 'headers',
    id: reader.u32(),
    headers: readList(reader, HEADER_BYTES, 0, MAX_HEADERS, BlockHeader.read),
  }),
  bytesOf: ({ headers }) => 5 + compactSizeLength(headers.length) + headers.length * HEADER_BYTES,
}

export const GETDATA: MessageKind<GetDataMessage> = {
  type: 'getdata',
  byte: 4,
  maxBytes: 1 + 4 + 1 + 32 * MAX_BLOCKS_PER_REQUEST,
  write: (writer, { id, hashes }) => writeHashes(writer.u32(id), hashes),
  read: (reader) => ({
    type: 'getdata',
    id: reader.u32(),
    hashes: readHashes(reader, 1, MAX_BLOCKS_PER_REQUEST),
  }),
}

export const BLOCK: MessageKind<BlockMessage> = {
  type: 'block',
  byte: 5,
  maxBytes: MAX_FRAME_BYTES,
  write: (writer, { id, block }) => writer.u32(id).put(block.bytes),
  read: (reader) => ({ type: 'block', id: reader.u32(), block: Block.read(reader) }),
  bytesOf: ({ block }) => 5 + block.bytes.length,
}

export const NOTFOUND: MessageKind<NotFoundMessage> = {
  type: 'notfound',
  byte: 6,
  maxBytes: 1 + 4 + 1 + 32 * MAX_BLOCKS_PER_REQUEST,
  write: (writer, { id, hashes }) => writeHashes(writer.u32(id), hashes),
  read: (reader) => ({
    type: 'notfound',
    id: reader.u32(),
    hashes: readHashes(reader, 1, MAX_BLOCKS_PER_REQUEST),
  }),
}

export const GETBLOCKTXN: MessageKind<GetBlockTxnMessage> = {
  type: 'getblocktxn',
  byte: 7,
  maxBytes: 1 + 4 + 32 + 3 + 3 * MAX_BLOCK_TRANSACTIONS,
  write(writer, { id, blockHash, indexes }) {
    writer.u32(id).put(blockHash).compactSize(indexes.length)
    writeDifferences(writer, indexes)
  },
  read(reader) {
    const id = reader.u32()
    const blockHash = reader.take(32)
    const count = reader.count(1)
    if (count === 0) throw new DecodeError('asks for no transaction')
    return { type: 'getblocktxn', id, blockHash, indexes: readDifferences(reader, count) }
  },
}

export const BLOCKTXN: MessageKind<BlockTxnMessage> = {
  type: 'blocktxn',
  byte: 8,
  maxBytes: MAX_FRAME_BYTES,
  write: (writer, { id, blockHash, transactions }) =>
    writeTransactions(writer.u32(id).put(blockHash), transactions),
  read: (reader) => ({
    type: 'blocktxn',
    id: reader.u32(),
    blockHash: reader.take(32),
    transactions: readTransactions(reader),
  }),
}

export const MEMPOOL: MessageKind<MempoolMessage> = {
  type: 'mempool',
  byte: 9,
  maxBytes: 1,
  write: () => {},
  read: () => ({ type: 'mempool' }),
}

export const INV: MessageKind<InvMessage> = {
  type: 'inv',
  byte: 10,
  maxBytes: 1 + 3 + 32 * MAX_INV,
  write: (writer, { wtxids }) => writeHashes(writer, wtxids),
  read: (reader) => ({ type: 'inv', wtxids: readHashes(reader, 0, MAX_INV) }),
}

export const GETTX: MessageKind<GetTxMessage> = {
  type: 'gettx',
  byte: 11,
  maxBytes: 1 + 4 + 1 + 32 * MAX_TRANSACTIONS_PER_REQUEST,
  write: (writer, { id, wtxids }) => writeHashes(writer.u32(id), wtxids),
  read: (reader) => ({
    type: 'gettx',
    id: reader.u32(),
    wtxids: readHashes(reader, 1, MAX_TRANSACTIONS_PER_REQUEST),
  }),
}

export const TX: MessageKind<TxMessage> = {
  type: 'tx',
  byte: 12,
  maxBytes: 1 + 4 + MAX_TRANSACTIONS_BYTES,
  write: (writer, { id, transactions }) => writeTransactions(writer.u32(id), transactions),
  read: (reader) => ({ type: 'tx', id: reader.u32(), transactions: readTransactions(reader) }),
}

export const GETTIME: MessageKind<GetTimeMessage> = {
  type: 'gettime',
  byte: 13,
  maxBytes: 1 + 4,
  write: (writer, { id }) => writer.u32(id),
  read: (reader) => ({ type: 'gettime', id: reader.u32() }),
}

export const TIME: MessageKind<TimeMessage> = {
  type: 'time',
  byte: 14,
  maxBytes: 1 + 4 + 8,
  write: (writer, { id, time }) => writer.u32(id).u64(BigInt(time)),
  read(reader) {
    const id = reader.u32()
    const time = reader.u64()
    if (time > BigInt(Number.MAX_SAFE_INTEGER)) throw new DecodeError('names a time beyond 2^53 ms')
    return { type: 'time', id, time: Number(time) }
  },
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

const MESSAGES = /* @__PURE__ */ new MessageTable([
  HELLO,
  GETHEADERS,
  HEADERS,
  GETDATA,
  BLOCK,
  NOTFOUND,
  GETBLOCKTXN,
  BLOCKTXN,
  MEMPOOL,
  INV,
  GETTX,
  TX,
  GETTIME,
  TIME,
])

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

/** The frame of one of the messages of this file. A tab encodes by the table of all its parts. */
export function encodeMessage(message: Message): Uint8Array {
  return MESSAGES.encode(message)
}

/** The message of a frame, as far as it is one of this file's; undefined for others. Rejects as `MessageTable.decode`. */
export function decodeMessage(frame: Uint8Array): Result<Message | undefined> {
  return MESSAGES.decode(frame) as Result<Message | undefined>
}
