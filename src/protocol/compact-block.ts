/**
 * BIP152 compact blocks, version 2 (short ids over wtxids): the payload by which blocks are gossiped, and the block that a
 * tab puts together again from its mempool. Pure, any thread.
 */

import { MAX_GOSSIP_BYTES } from '../network/transport.ts'
import { Block, BlockHeader, merkleRoot } from '../primitives/block.ts'
import { equalBytes } from '../primitives/bytes.ts'
import { DecodeError, decodeWith, Writer } from '../primitives/codec.ts'
import { sha256 } from '../primitives/hashes.ts'
import { invalid, type Result } from '../primitives/result.ts'
import { siphash24Low48 } from '../primitives/siphash.ts'
import { Transaction } from '../primitives/transaction.ts'
import { MAX_BLOCK_TRANSACTIONS, readDifference, writeDifferences } from './wire.ts'

/** Bytes of a short id (BIP152): the low 48 bits of SipHash-2-4. */
const SHORT_ID_BYTES = 6

/** A transaction that a compact block carries whole, and its position in the block. */
export interface PrefilledTransaction {
  readonly index: number
  readonly transaction: Transaction
}

export interface CompactBlock {
  readonly header: BlockHeader
  /** Random, 8 bytes: with the header it keys the short ids, so that nobody can prepare collisions. */
  readonly nonce: Uint8Array
  /** 48-bit integers, for the transactions that aren't prefilled, in the block's order. */
  readonly shortIds: readonly number[]
  /** In the block's order. */
  readonly prefilled: readonly PrefilledTransaction[]
}

/** Describes `block` with its coinbase prefilled: nobody else can have that one. */
export function compactBlockOf(block: Block, nonce: Uint8Array): CompactBlock {
  const key = shortIdKey(block.header, nonce)
  const [coinbase, ...others] = block.transactions
  return {
    header: block.header,
    nonce,
    shortIds: others.map((transaction) => shortId(key, transaction)),
    prefilled: [{ index: 0, transaction: coinbase }],
  }
}

/** The `cmpctblock` payload of BIP152. */
export function encodeCompactBlock(compact: CompactBlock): Uint8Array {
  const writer = new Writer(1024).put(compact.header.bytes).put(compact.nonce)
  writer.compactSize(compact.shortIds.length)
  for (const id of compact.shortIds) writer.u32(id % 0x1_0000_0000).u16(Math.floor(id / 0x1_0000_0000))
  writer.compactSize(compact.prefilled.length)
  let next = 0
  for (const { index, transaction } of compact.prefilled) {
    writeDifferences(writer, [index - next])
    writer.put(transaction.bytes)
    next = index + 1
  }
  return writer.finish()
}

/**
 * Decodes a gossiped compact block. Rejects with `cmpctblock-too-large` over 524,288 bytes before parsing, with
 * `cmpctblock-decode-failed` what is short, long or not canonical, has no transaction, or places one beyond the block's end.
 */
export function decodeCompactBlock(payload: Uint8Array): Result<CompactBlock> {
  if (payload.length > MAX_GOSSIP_BYTES)
    return invalid('cmpctblock-too-large', `The compact block has ${payload.length} bytes.`)
  return decodeWith(payload, 'cmpctblock-decode-failed', (reader) => {
    const header = BlockHeader.read(reader)
    const nonce = reader.take(8)
    const shortIds = Array.from({ length: reader.count(SHORT_ID_BYTES) }, () => {
      const low = reader.u32()
      return low + reader.u16() * 0x1_0000_0000
    })
    const prefilled: PrefilledTransaction[] = []
    const total = shortIds.length + reader.count(1)
    if (total === 0 || total > MAX_BLOCK_TRANSACTIONS) throw new DecodeError(`has ${total} transactions`)
    for (let next = 0; shortIds.length + prefilled.length < total; ) {
      const index = readDifference(reader, next)
      if (index >= total) throw new DecodeError(`places transaction ${index} of ${total}`)
      prefilled.push({ index, transaction: Transaction.read(reader) })
      next = index + 1
    }
    return { header, nonce, shortIds, prefilled }
  })
}

/** A block being put together from a compact one. */
export class PartialBlock {
  readonly header: BlockHeader
  /** Positions of the transactions that were not at hand, ascending. */
  readonly missing: readonly number[]
  private readonly slots: readonly (Transaction | undefined)[]

  private constructor(header: BlockHeader, slots: readonly (Transaction | undefined)[]) {
    this.header = header
    this.slots = slots
    this.missing = slots.flatMap((slot, index) => (slot ? [] : [index]))
  }

  /**
   * Fills what `candidates` (the mempool) hold. Where two candidates share a short id neither is taken. Undefined when two
   * short ids of the block are equal: it must be fetched whole.
   */
  static begin(compact: CompactBlock, candidates: Iterable<Transaction>): PartialBlock | undefined {
    const slots = new Array<Transaction | undefined>(compact.shortIds.length + compact.prefilled.length)
    slots.fill(undefined)
    for (const { index, transaction } of compact.prefilled) slots[index] = transaction
    const positions = new Map<number, number>()
    let position = -1
    for (const id of compact.shortIds) {
      do position++
      while (slots[position])
      positions.set(id, position)
    }
    if (positions.size !== compact.shortIds.length) return undefined
    const key = shortIdKey(compact.header, compact.nonce)
    const ambiguous = new Set<number>()
    for (const candidate of candidates) {
      const at = positions.get(shortId(key, candidate))
      if (at === undefined) continue
      if (slots[at]) ambiguous.add(at)
      slots[at] = candidate
    }
    for (const at of ambiguous) slots[at] = undefined
    return new PartialBlock(compact.header, slots)
  }

  /**
   * The block, with `transactions` in the missing places, one for each. Undefined when it does not match the header's merkle
   * root: a short id met another transaction by chance, which is nobody's fault; the block must be fetched whole.
   */
  fill(transactions: readonly Transaction[]): Block | undefined {
    const slots = this.slots.slice()
    this.missing.forEach((index, i) => {
      slots[index] = transactions[i]
    })
    const complete = slots.filter((slot) => slot !== undefined)
    if (complete.length !== slots.length) return undefined
    const { root } = merkleRoot(complete.map((transaction) => transaction.txidBytes))
    return equalBytes(root, this.header.merkleRoot) ? Block.of(this.header, complete) : undefined
  }
}

/** BIP152: the first 16 bytes of SHA-256(header ‖ nonce). */
function shortIdKey(header: BlockHeader, nonce: Uint8Array): Uint8Array {
  return sha256(header.bytes, nonce).subarray(0, 16)
}

function shortId(key: Uint8Array, transaction: Transaction): number {
  return siphash24Low48(key, transaction.wtxidBytes)
}
