/** Block headers (80 bytes) and blocks. Immutable; a decoded block's transactions are views over its buffer. */
import { compactSizeLength, decodeWith, Reader, Writer } from './codec.ts'
import { hasher, type MerkleRoot } from './hasher.ts'
import { type BlockHash, sha256d, toDisplay } from './hashes.ts'
import { mutated, type Result } from './result.ts'
import { Transaction } from './transaction.ts'

export const HEADER_BYTES = 80

export interface HeaderFields {
  /** Signed 32 bits in Bitcoin, kept unsigned here: nothing depends on its sign. */
  readonly version: number
  /** Hash of the parent header, 32 bytes, internal order. */
  readonly previousHash: Uint8Array
  /** Merkle root over txids, 32 bytes, internal order. */
  readonly merkleRoot: Uint8Array
  /** Seconds since 1970. */
  readonly time: number
  /** Target in compact form (nBits). */
  readonly bits: number
  readonly nonce: number
}

export class BlockHeader implements HeaderFields {
  readonly version: number
  readonly previousHash: Uint8Array
  readonly merkleRoot: Uint8Array
  readonly time: number
  readonly bits: number
  readonly nonce: number
  /** 80 bytes. */
  readonly bytes: Uint8Array
  private cachedHash: Uint8Array | undefined
  private cachedText: BlockHash | undefined

  private constructor(fields: HeaderFields, bytes: Uint8Array) {
    this.version = fields.version
    this.previousHash = fields.previousHash
    this.merkleRoot = fields.merkleRoot
    this.time = fields.time
    this.bits = fields.bits
    this.nonce = fields.nonce
    this.bytes = bytes
  }

  static of(fields: HeaderFields): BlockHeader {
    const { version, previousHash, merkleRoot, time, bits, nonce } = fields
    for (const value of [version, time, bits, nonce])
      if (value >>> 0 !== value) throw new RangeError(`A header has numbers of 32 bits, not ${value}`)
    const writer = new Writer(HEADER_BYTES)
    writer.u32(version).put(previousHash).put(merkleRoot).u32(time).u32(bits).u32(nonce)
    return new BlockHeader(fields, writer.finish())
  }

  /** Reads 80 bytes where the reader stands. Throws `DecodeError`. */
  static read(reader: Reader): BlockHeader {
    const bytes = reader.take(HEADER_BYTES)
    const fields = new Reader(bytes)
    return new BlockHeader(
      {
        version: fields.u32(),
        previousHash: fields.take(32),
        merkleRoot: fields.take(32),
        time: fields.u32(),
        bits: fields.u32(),
        nonce: fields.u32(),
      },
      bytes,
    )
  }

  /** SHA-256d of the 80 bytes: 32 bytes, internal order. */
  get hashBytes(): Uint8Array {
    this.cachedHash ??= sha256d(this.bytes)
    return this.cachedHash
  }

  get hash(): BlockHash {
    this.cachedText ??= toDisplay<BlockHash>(this.hashBytes)
    return this.cachedText
  }

  /** The parent's hash in display order. */
  get previous(): BlockHash {
    return toDisplay<BlockHash>(this.previousHash)
  }
}

export class Block {
  readonly header: BlockHeader
  readonly transactions: readonly Transaction[]
  /** Whole serialisation: header, CompactSize count, transactions with their witnesses. */
  readonly bytes: Uint8Array

  private constructor(header: BlockHeader, transactions: readonly Transaction[], bytes: Uint8Array) {
    this.header = header
    this.transactions = transactions
    this.bytes = bytes
  }

  static of(header: BlockHeader, transactions: readonly Transaction[]): Block {
    const size = transactions.reduce((sum, tx) => sum + tx.bytes.length, HEADER_BYTES)
    const writer = new Writer(size + compactSizeLength(transactions.length))
    writer.put(header.bytes).compactSize(transactions.length)
    for (const tx of transactions) writer.put(tx.bytes)
    return new Block(header, transactions, writer.finish())
  }

  /** Reads a block where the reader stands. Throws `DecodeError`. */
  static read(reader: Reader): Block {
    const start = reader.offset
    const header = BlockHeader.read(reader)
    const count = reader.count(MIN_TRANSACTION_BYTES)
    const transactions = new Array<Transaction>(count)
    for (let i = 0; i < count; i++) transactions[i] = Transaction.read(reader)
    return new Block(header, transactions, reader.bytes.subarray(start, reader.offset))
  }

  get hash(): BlockHash {
    return this.header.hash
  }

  /** Weight units (BIP141) of the whole block, header and count included. */
  get weight(): number {
    const envelope = HEADER_BYTES + compactSizeLength(this.transactions.length)
    return this.transactions.reduce((sum, tx) => sum + tx.weight, envelope * 4)
  }
}

/** Bytes of the smallest transaction that decodes: version, marker-less empty lists, lock time. */
const MIN_TRANSACTION_BYTES = 10

/** Decodes a block that fills `bytes`; rejects with `block-decode-failed`, as mutated: its header may have a good body. */
export function decodeBlock(bytes: Uint8Array): Result<Block> {
  const decoded = decodeWith(bytes, 'block-decode-failed', Block.read)
  return decoded.ok ? decoded : mutated(decoded.code, decoded.detail)
}

/** Decodes an 80-byte header; rejects with `header-decode-failed`. */
export function decodeHeader(bytes: Uint8Array): Result<BlockHeader> {
  return decodeWith(bytes, 'header-decode-failed', BlockHeader.read)
}

/**
 * Merkle root over `leaves` (32 bytes each, internal order), and whether the list repeats itself at some level, which would
 * give another list with the same root (CVE-2012-2459). No leaves: 32 zero bytes.
 */
export function merkleRoot(leaves: readonly Uint8Array[]): MerkleRoot {
  if (leaves.length === 0) return { root: new Uint8Array(32), repeated: false }
  const packed = new Uint8Array(leaves.length * 32)
  for (let i = 0; i < leaves.length; i++) packed.set(leaves[i], i * 32)
  return hasher().merkleRoot(packed)
}
