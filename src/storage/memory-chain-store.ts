/**
 * A chain store in memory, for tests and the simulator. Deterministic: it completes at once, and a batch takes effect whole, as a
 * transaction of IndexedDB does. `clone` is what a killed tab finds when it opens again.
 */

import type { HeaderIndex } from '../chain/header-tree.ts'
import {
  type BlockRecord,
  type ChainBatch,
  type ChainState,
  type ChainStore,
  StorageError,
  type StoredChain,
} from '../chain/store.ts'
import { SALT_BYTES } from '../consensus/outpoint-table.ts'
import { ownBytes } from './own-bytes.ts'

export class MemoryChainStore implements ChainStore {
  private readonly salt: Uint8Array
  private state: ChainState | undefined
  private readonly headerPages = new Map<number, Uint8Array>()
  private readonly bodies = new Map<HeaderIndex, Uint8Array>()
  private readonly undo = new Map<HeaderIndex, Uint8Array>()
  private readonly mentions = new Map<HeaderIndex, Uint8Array>()
  private readonly snapshots = new Map<HeaderIndex, Uint8Array>()
  private readonly deltas = new Map<number, Uint8Array>()
  /** By bits, then by bucket. */
  private readonly buckets = new Map<number, Map<number, Uint8Array>>()
  private closed = false

  /** `salt`: 8 bytes, see `StoredChain`. */
  constructor(salt: Uint8Array = new Uint8Array(SALT_BYTES)) {
    this.salt = salt
  }

  /** A store of its own with the same records, open. */
  clone(): MemoryChainStore {
    const copy = new MemoryChainStore(this.salt)
    copy.state = this.state
    for (const [key, value] of this.headerPages) copy.headerPages.set(key, value)
    for (const [key, value] of this.bodies) copy.bodies.set(key, value)
    for (const [key, value] of this.undo) copy.undo.set(key, value)
    for (const [key, value] of this.mentions) copy.mentions.set(key, value)
    for (const [key, value] of this.snapshots) copy.snapshots.set(key, value)
    for (const [key, value] of this.deltas) copy.deltas.set(key, value)
    for (const [bits, level] of this.buckets) copy.buckets.set(bits, new Map(level))
    return copy
  }

  async load(): Promise<StoredChain> {
    this.assertOpen()
    const inOrder = (records: Map<number, Uint8Array>): Uint8Array[] =>
      [...records].sort(([a], [b]) => a - b).map(([, bytes]) => bytes)
    return {
      salt: this.salt,
      state: this.state,
      headerPages: inOrder(this.headerPages),
      deltas: inOrder(this.deltas),
      snapshots: [...this.snapshots].sort(([a], [b]) => a - b).map(([index, bytes]) => ({ index, bytes })),
    }
  }

  async write(batch: ChainBatch): Promise<void> {
    this.assertOpen()
    for (const { page, bytes } of batch.headerPages ?? []) this.headerPages.set(page, ownBytes(bytes))
    for (const { index, bytes } of batch.bodies ?? []) this.bodies.set(index, ownBytes(bytes))
    for (const { index, bytes } of batch.undo ?? []) this.undo.set(index, ownBytes(bytes))
    for (const { index, bytes } of batch.mentions ?? []) this.mentions.set(index, ownBytes(bytes))
    for (const { index, bytes } of batch.snapshots ?? []) this.snapshots.set(index, ownBytes(bytes))
    if (batch.delta) this.deltas.set(batch.delta.sequence, ownBytes(batch.delta.bytes))
    for (const { bits, bucket, bytes } of batch.buckets ?? []) {
      const level = this.buckets.get(bits) ?? new Map<number, Uint8Array>()
      this.buckets.set(bits, level.set(bucket, ownBytes(bytes)))
    }
    if (batch.state) this.state = batch.state
    for (const sequence of this.deltas.keys())
      if (batch.dropDeltas !== undefined && sequence <= batch.dropDeltas) this.deltas.delete(sequence)
    for (const bits of this.buckets.keys())
      if (batch.keepBuckets !== undefined && bits !== batch.keepBuckets) this.buckets.delete(bits)
  }

  async readBodies(indexes: readonly HeaderIndex[]): Promise<(Uint8Array | undefined)[]> {
    this.assertOpen()
    return indexes.map((index) => this.bodies.get(index))
  }

  async readUndo(indexes: readonly HeaderIndex[]): Promise<(Uint8Array | undefined)[]> {
    this.assertOpen()
    return indexes.map((index) => this.undo.get(index))
  }

  async readMentions(first: HeaderIndex, last: HeaderIndex): Promise<BlockRecord[]> {
    this.assertOpen()
    const records: BlockRecord[] = []
    for (let index = first; index <= last; index++) {
      const bytes = this.mentions.get(index)
      if (bytes) records.push({ index, bytes })
    }
    return records
  }

  async readBuckets(bits: number, buckets: readonly number[]): Promise<(Uint8Array | undefined)[]> {
    this.assertOpen()
    return buckets.map((bucket) => this.buckets.get(bits)?.get(bucket))
  }

  async close(): Promise<void> {
    this.closed = true
  }

  private assertOpen(): void {
    if (this.closed) throw new StorageError('closed', 'The chain store was closed.')
  }
}
