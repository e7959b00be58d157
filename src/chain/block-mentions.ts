/**
 * What a block mentions, packed for search: its filter, which tells of scripts, and the beginnings of its transactions' ids. A record is some
 * twenty bytes a transaction; what it leaves uncertain, the block itself decides. Pure, any thread.
 */
import { spentScriptsIn } from '../consensus/connect-block.ts'
import type { Block } from '../primitives/block.ts'
import { compactSizeLength, decodeWith, Writer } from '../primitives/codec.ts'
import { BlockFilter } from './block-filter.ts'
import { StorageError } from './store.ts'

const FILTER_HEADER_BYTES = 32

/** Bytes kept of each id: two strangers meet once in 2^64, and to make them meet on purpose gains nothing. */
const ID_BYTES = 8

export class Mentions {
  /** See `BlockFilter.header`. */
  readonly filterHeader: Uint8Array
  private readonly blockHash: Uint8Array
  private readonly filterBytes: Uint8Array
  private readonly ids: Uint8Array

  /** What a block mentions. `undo`: what connecting it gave; `previous`: the filter header of its parent. */
  static of(block: Block, undo: Uint8Array, previous: Uint8Array): Mentions {
    const filter = BlockFilter.of(block, spentScriptsIn(undo))
    const ids = new Uint8Array(block.transactions.length * ID_BYTES)
    block.transactions.forEach(({ txidBytes }, i) => {
      ids.set(txidBytes.subarray(0, ID_BYTES), i * ID_BYTES)
    })
    return new Mentions(block.header.hashBytes, filter.header(previous), filter.bytes, ids)
  }

  /** Reads the record of the block with this hash, 32 bytes in internal order. Throws a `StorageError` where it can't be what was written. */
  static decode(blockHash: Uint8Array, record: Uint8Array): Mentions {
    const decoded = decodeWith(record, 'mentions-invalid', (reader) => {
      const header = reader.take(FILTER_HEADER_BYTES)
      const filter = reader.varBytes()
      return new Mentions(blockHash, header, filter, reader.take(reader.remaining))
    })
    if (!decoded.ok) throw damaged(decoded.detail)
    return decoded.value
  }

  private constructor(
    blockHash: Uint8Array,
    filterHeader: Uint8Array,
    filterBytes: Uint8Array,
    ids: Uint8Array,
  ) {
    this.blockHash = blockHash
    this.filterHeader = filterHeader
    this.filterBytes = filterBytes
    this.ids = ids
  }

  /** The record: filter header, filter after its CompactSize length, `ID_BYTES` bytes a transaction. */
  encode(): Uint8Array {
    const { length } = this.filterBytes
    return new Writer(FILTER_HEADER_BYTES + compactSizeLength(length) + length + this.ids.length)
      .put(this.filterHeader)
      .varBytes(this.filterBytes)
      .put(this.ids)
      .finish()
  }

  /** The block's filter. Throws a `StorageError` where it is damaged. */
  filter(): BlockFilter {
    const decoded = BlockFilter.decode(this.blockHash, this.filterBytes)
    if (!decoded.ok) throw damaged(decoded.detail)
    return decoded.value
  }

  /** Whether the block seems to have a transaction of this id: 32 bytes, internal order. */
  hasTransaction(txid: Uint8Array): boolean {
    for (let at = 0; at < this.ids.length; at += ID_BYTES) {
      let equal = 0
      while (equal < ID_BYTES && this.ids[at + equal] === txid[equal]) equal++
      if (equal === ID_BYTES) return true
    }
    return false
  }
}

function damaged(detail: string): StorageError {
  return new StorageError('corrupt', `What is stored of a block for search is damaged. ${detail}`)
}
