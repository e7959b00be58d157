/**
 * Changes of coins in memory and their forms on disk: a layer of the latest changes, packed deltas, and the salted hash that
 * spreads coins over buckets. Thread: the brain.
 */
import { COIN_RECORD_BYTES, type CoinChanges, CoinTable } from '../consensus/coin-table.ts'
import type { Coin } from '../consensus/coins.ts'
import { OUTPOINT_BYTES, OutpointTable } from '../consensus/outpoint-table.ts'
import { taggedHash } from '../primitives/hashes.ts'
import type { Outpoint } from '../primitives/transaction.ts'
import { StorageError } from './store.ts'

/**
 * The last change of every outpoint since some moment. A coin made and spent since then still leaves a mark of its spending:
 * so a layer may lie above coins of any later moment, up to its own end, and shows the same.
 */
export class CoinLayer {
  private readonly added: CoinTable
  private readonly spent: OutpointTable

  constructor(salt: Uint8Array) {
    this.added = new CoinTable(salt)
    this.spent = new OutpointTable(OUTPOINT_BYTES, salt)
  }

  /** Changes held. */
  get size(): number {
    return this.added.size + this.spent.size
  }

  /** Bytes of memory. */
  get bytes(): number {
    return this.added.bytes + this.spent.bytes
  }

  /** The coin made here, null where it was spent, undefined where nothing changed. */
  find(prevout: Outpoint): Coin | null | undefined {
    return this.added.get(prevout) ?? (this.spent.find(prevout) < 0 ? undefined : null)
  }

  /** Adds the coin made here, if there is one, to `target`, unless that has it. False where nothing changed. */
  copyTo(target: CoinTable, prevout: Outpoint): boolean {
    return this.added.copyTo(target, prevout) || this.spent.find(prevout) >= 0
  }

  /** Takes in later changes. */
  apply(changes: CoinChanges): void {
    this.added.apply(changes)
    for (let at = 0; at < changes.spent.length; at += OUTPOINT_BYTES) this.spent.putRecord(changes.spent, at)
  }

  /** What to remove and then to add, where it may have been added before. */
  changes(): CoinChanges {
    return { added: this.added.records(), spent: this.spent.slice() }
  }

  /** Whether it has a change of the packed outpoint that stands in `source` at `offset`. */
  changesKey(source: Uint8Array, offset: number): boolean {
    return this.added.hasKey(source, offset) || this.spent.findKey(source, offset) >= 0
  }

  /** The packed records of all coins made here, `count` at a time. The layer must not change meanwhile. */
  *addedRecords(count: number): Generator<Uint8Array> {
    for (let start = 0; start < this.added.size; start += count)
      yield this.added.records(start, Math.min(start + count, this.added.size))
  }
}

/** A delta record: number of outpoints spent in 32 bits little-endian, those outpoints, the records added. */
export function packChanges(changes: CoinChanges): Uint8Array {
  const bytes = new Uint8Array(4 + changes.spent.length + changes.added.length)
  new DataView(bytes.buffer).setUint32(0, changes.spent.length / OUTPOINT_BYTES, true)
  bytes.set(changes.spent, 4)
  bytes.set(changes.added, 4 + changes.spent.length)
  return bytes
}

/** Reads what `packChanges` wrote, as views. Throws a `StorageError` where the lengths don't fit. */
export function unpackChanges(bytes: Uint8Array): CoinChanges {
  const spentBytes =
    bytes.length < 4 ? 0 : new DataView(bytes.buffer, bytes.byteOffset).getUint32(0, true) * OUTPOINT_BYTES
  const addedBytes = bytes.length - 4 - spentBytes
  if (addedBytes < 0 || addedBytes % COIN_RECORD_BYTES !== 0)
    throw new StorageError('corrupt', `A stored change of coins has ${bytes.length} bytes.`)
  return { spent: bytes.subarray(4, 4 + spentBytes), added: bytes.subarray(4 + spentBytes) }
}

/** Records grouped by bucket: those of the i-th bucket stand in `bytes` from `ends[i - 1]` (0 before the first) to `ends[i]`. */
export interface Partition {
  readonly bytes: Uint8Array
  readonly ends: Uint32Array
}

/** The slice of a partition that belongs to its i-th bucket, a view. */
export function partOf(partition: Partition, i: number): Uint8Array {
  return partition.bytes.subarray(i === 0 ? 0 : partition.ends[i - 1], partition.ends[i])
}

/** 16-bit halves of a packed outpoint. */
const HALVES = OUTPOINT_BYTES / 2
/** Most leading bits of the hash that are evenly spread. */
export const MAX_BUCKET_BITS = 16

/**
 * Spreads outpoints over buckets by the leading bits of a hash that peers can't compute: multiply-shift on vectors
 * (Dietzfelbinger 1996), 18 secret multipliers of 32 bits on 18 halves of 16 bits.
 */
export class BucketHash {
  private readonly multipliers = new Uint32Array(HALVES)
  private readonly key = new Uint8Array(OUTPOINT_BYTES)
  private readonly keyView = new DataView(this.key.buffer)

  constructor(salt: Uint8Array) {
    for (let i = 0; i < HALVES; i++) {
      const hash = taggedHash('opentab/coin-bucket', salt, Uint8Array.of(i))
      this.multipliers[i] = new DataView(hash.buffer, hash.byteOffset).getUint32(0, true)
    }
  }

  /** The bucket of an outpoint among 2^bits. */
  bucketOf(prevout: Outpoint, bits: number): number {
    this.key.set(prevout.txid)
    this.keyView.setUint32(32, prevout.index, true)
    return this.bucketAt(this.key, 0, bits)
  }

  /**
   * Groups packed records, each beginning with its outpoint, by bucket: the buckets from `first` on, `count` of them, among
   * 2^bits; all the records lie there.
   */
  partition(records: Uint8Array, recordBytes: number, bits: number, first: number, count: number): Partition {
    const buckets = new Uint32Array(records.length / recordBytes)
    const ends = new Uint32Array(count)
    for (let i = 0; i < buckets.length; i++) {
      buckets[i] = this.bucketAt(records, i * recordBytes, bits) - first
      ends[buckets[i]] += recordBytes
    }
    for (let i = 0, end = 0; i < count; i++) {
      const start = end
      end += ends[i]
      ends[i] = start
    }
    // Each bucket's start moves to its end while its records are copied.
    const bytes = new Uint8Array(records.length)
    buckets.forEach((bucket, i) => {
      bytes.set(records.subarray(i * recordBytes, (i + 1) * recordBytes), ends[bucket])
      ends[bucket] += recordBytes
    })
    return { bytes, ends }
  }

  private bucketAt(bytes: Uint8Array, offset: number, bits: number): number {
    let hash = 0
    for (let i = 0; i < HALVES; i++)
      hash += Math.imul(this.multipliers[i], bytes[offset + 2 * i] | (bytes[offset + 2 * i + 1] << 8))
    // Two shifts: a shift by 32 would be a shift by 0.
    return (hash >>> 1) >>> (31 - bits)
  }
}
