/**
 * A chain store in IndexedDB. One batch is one transaction of relaxed durability; a record is a request, so that a block's commit
 * takes the same handful whatever its size. Thread: the brain.
 */
import type { IDBPObjectStore } from 'idb'
import type { HeaderIndex } from '../chain/header-tree.ts'
import { type ChainBatch, type ChainStore, StorageError, type StoredChain } from '../chain/store.ts'
import { SALT_BYTES } from '../consensus/outpoint-table.ts'
import type { ProfileDatabase, ProfileSchema } from './profile-database.ts'

type RecordStore = 'bodies' | 'undo'
type BatchStore = RecordStore | 'chain-state' | 'headers' | 'deltas' | 'buckets'

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
      ['chain-state', 'headers', 'deltas'],
      'readwrite',
      'relaxed',
      async (transaction) => {
        const states = transaction.objectStore('chain-state')
        const [stored, headerPages, deltas] = await Promise.all([
          states.get(chainstate),
          transaction.objectStore('headers').getAll(all),
          transaction.objectStore('deltas').getAll(all),
        ])
        const record = stored ?? {
          salt: crypto.getRandomValues(new Uint8Array(SALT_BYTES)),
          state: undefined,
        }
        if (!stored) await states.put(record, chainstate)
        this.salt = record.salt
        return { ...record, headerPages, deltas }
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
      deltas: delta !== undefined || dropDeltas !== undefined,
      buckets: buckets.length > 0 || keepBuckets !== undefined,
      'chain-state': state !== undefined,
    }
    const stores = (Object.keys(touched) as BatchStore[]).filter((store) => touched[store])
    if (stores.length === 0) return
    const written = this.database.transact(stores, 'readwrite', 'relaxed', async (transaction) => {
      const store = <S extends BatchStore>(name: S) =>
        transaction.objectStore(name) as unknown as IDBPObjectStore<ProfileSchema, [S], S, 'readwrite'>
      const requests: Promise<unknown>[] = []
      for (const { page, bytes } of headerPages)
        requests.push(store('headers').put(ownBytes(bytes), [chainstate, page]))
      for (const { index, bytes } of bodies)
        requests.push(store('bodies').put(ownBytes(bytes), [chainstate, index]))
      for (const { index, bytes } of undo)
        requests.push(store('undo').put(ownBytes(bytes), [chainstate, index]))
      if (delta) requests.push(store('deltas').put(ownBytes(delta.bytes), [chainstate, delta.sequence]))
      for (const { bits, bucket, bytes } of buckets)
        requests.push(store('buckets').put(ownBytes(bytes), [chainstate, bits, bucket]))
      if (dropDeltas !== undefined)
        requests.push(store('deltas').delete(IDBKeyRange.bound([chainstate], [chainstate, dropDeltas])))
      if (keepBuckets !== undefined) {
        const fewer = IDBKeyRange.bound([chainstate], [chainstate, keepBuckets])
        const more = IDBKeyRange.bound([chainstate, keepBuckets + 1], [chainstate, Number.POSITIVE_INFINITY])
        requests.push(store('buckets').delete(fewer), store('buckets').delete(more))
      }
      if (state) requests.push(store('chain-state').put({ salt, state }, chainstate))
      await Promise.all(requests)
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

/** Bytes with a buffer of their own: a view is stored with the whole buffer behind it. */
function ownBytes(bytes: Uint8Array): Uint8Array {
  return bytes.byteLength === bytes.buffer.byteLength ? bytes : bytes.slice()
}
