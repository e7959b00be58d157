/**
 * A chain store in IndexedDB. One batch is one transaction of relaxed durability; a record is a request, so that a block's commit
 * takes the same handful whatever its size. Thread: the brain.
 */
import { unwrap } from 'idb'
import type { HeaderIndex } from '../chain/header-tree.ts'
import {
  type BlockRecord,
  type ChainBatch,
  type ChainStore,
  StorageError,
  type StoredChain,
} from '../chain/store.ts'
import { SALT_BYTES } from '../consensus/outpoint-table.ts'
import { ownBytes } from './own-bytes.ts'
import type { ProfileDatabase } from './profile-database.ts'

type RecordStore = 'bodies' | 'undo'
type BatchStore = RecordStore | 'mentions' | 'snapshots' | 'chain-state' | 'headers' | 'deltas' | 'buckets'

export class IdbChainStore implements ChainStore {
  private readonly database: ProfileDatabase
  private readonly chainstate: number
  private salt: Uint8Array = new Uint8Array(SALT_BYTES)
  private writing: Promise<unknown> = Promise.resolve()
  private closed = false

  /** `chainstate`: which of the database's chainstates; 0 is the active chain's. */
  constructor(database: ProfileDatabase, chainstate = 0) {
    this.database = database
    this.chainstate = chainstate
  }

  async load(): Promise<StoredChain> {
    this.assertOpen()
    const { chainstate } = this
    const all = IDBKeyRange.bound([chainstate], [chainstate, Number.POSITIVE_INFINITY])
    return this.database.transact(
      ['chain-state', 'headers', 'deltas', 'snapshots'],
      'readwrite',
      'relaxed',
      async (transaction) => {
        const states = transaction.objectStore('chain-state')
        const [stored, headerPages, deltas, snapshotKeys, snapshots] = await Promise.all([
          states.get(chainstate),
          transaction.objectStore('headers').getAll(all),
          transaction.objectStore('deltas').getAll(all),
          transaction.objectStore('snapshots').getAllKeys(all),
          transaction.objectStore('snapshots').getAll(all),
        ])
        const record = stored ?? {
          salt: crypto.getRandomValues(new Uint8Array(SALT_BYTES)),
          state: undefined,
        }
        if (!stored) await states.put(record, chainstate)
        this.salt = record.salt
        return {
          ...record,
          headerPages,
          deltas,
          snapshots: snapshots.map((bytes, i) => ({ index: snapshotKeys[i][1], bytes })),
        }
      },
    )
  }

  async write(batch: ChainBatch): Promise<void> {
    this.assertOpen()
    const { chainstate, salt } = this
    const {
      headerPages = [],
      bodies = [],
      undo = [],
      mentions = [],
      snapshots = [],
      delta,
      buckets = [],
      state,
      dropDeltas,
      keepBuckets,
    } = batch
    const touched: Record<BatchStore, boolean> = {
      headers: headerPages.length > 0,
      bodies: bodies.length > 0,
      undo: undo.length > 0,
      mentions: mentions.length > 0,
      snapshots: snapshots.length > 0,
      deltas: delta !== undefined || dropDeltas !== undefined,
      buckets: buckets.length > 0 || keepBuckets !== undefined,
      'chain-state': state !== undefined,
    }
    const stores = (Object.keys(touched) as BatchStore[]).filter((store) => touched[store])
    if (stores.length === 0) return
    const written = this.database.transact(stores, 'readwrite', 'relaxed', async (transaction) => {
      // Plain requests: a failing one fails the transaction, which is awaited.
      const bare = unwrap(transaction)
      const put = (store: BatchStore, key: IDBValidKey, bytes: Uint8Array): void => {
        bare.objectStore(store).put(ownBytes(bytes), key)
      }
      for (const { page, bytes } of headerPages) put('headers', [chainstate, page], bytes)
      for (const { index, bytes } of bodies) put('bodies', [chainstate, index], bytes)
      for (const { index, bytes } of undo) put('undo', [chainstate, index], bytes)
      for (const { index, bytes } of mentions) put('mentions', [chainstate, index], bytes)
      for (const { index, bytes } of snapshots) put('snapshots', [chainstate, index], bytes)
      if (delta) put('deltas', [chainstate, delta.sequence], delta.bytes)
      for (const { bits, bucket, bytes } of buckets) put('buckets', [chainstate, bits, bucket], bytes)
      if (dropDeltas !== undefined)
        bare.objectStore('deltas').delete(IDBKeyRange.bound([chainstate], [chainstate, dropDeltas]))
      if (keepBuckets !== undefined) {
        const last = [chainstate, Number.POSITIVE_INFINITY]
        bare.objectStore('buckets').delete(IDBKeyRange.bound([chainstate], [chainstate, keepBuckets]))
        bare.objectStore('buckets').delete(IDBKeyRange.bound([chainstate, keepBuckets + 1], last))
      }
      if (state) bare.objectStore('chain-state').put({ salt, state }, chainstate)
    })
    this.writing = written.catch(() => undefined)
    await written
  }

  readBodies(indexes: readonly HeaderIndex[]): Promise<(Uint8Array | undefined)[]> {
    return this.readRecords('bodies', indexes)
  }

  readUndo(indexes: readonly HeaderIndex[]): Promise<(Uint8Array | undefined)[]> {
    return this.readRecords('undo', indexes)
  }

  async readMentions(first: HeaderIndex, last: HeaderIndex): Promise<BlockRecord[]> {
    this.assertOpen()
    const range = IDBKeyRange.bound([this.chainstate, first], [this.chainstate, last])
    return this.database.transact(['mentions'], 'readonly', 'relaxed', async (transaction) => {
      const store = transaction.objectStore('mentions')
      const [keys, records] = await Promise.all([store.getAllKeys(range), store.getAll(range)])
      return records.map((bytes, i) => ({ index: keys[i][1], bytes }))
    })
  }

  async readBuckets(bits: number, buckets: readonly number[]): Promise<(Uint8Array | undefined)[]> {
    this.assertOpen()
    return this.database.transact(['buckets'], 'readonly', 'relaxed', (transaction) => {
      const store = transaction.objectStore('buckets')
      return Promise.all(buckets.map((bucket) => store.get([this.chainstate, bits, bucket])))
    })
  }

  /** The database stays open: others use it. */
  async close(): Promise<void> {
    this.closed = true
    await this.writing
  }

  private async readRecords(
    name: RecordStore,
    indexes: readonly HeaderIndex[],
  ): Promise<(Uint8Array | undefined)[]> {
    this.assertOpen()
    return this.database.transact([name], 'readonly', 'relaxed', (transaction) => {
      const store = transaction.objectStore(name)
      return Promise.all(indexes.map((index) => store.get([this.chainstate, index])))
    })
  }

  private assertOpen(): void {
    if (this.closed) throw new StorageError('closed', 'The chain store was closed.')
  }
}
