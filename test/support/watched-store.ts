/** A chain store that counts what is asked of another, and fails from a given write on, as a full disk or a killed tab does. */
import {
  type ChainBatch,
  type ChainStore,
  StorageError,
  type StorageErrorKind,
} from '../../src/chain/store.ts'

export class WatchedStore implements ChainStore {
  readonly inner: ChainStore
  /** Writes that took effect. */
  readonly batches: ChainBatch[] = []
  /** Buckets read. */
  bucketsRead = 0
  /** Bodies read. */
  bodiesRead = 0
  private readonly writesGranted: number
  private readonly kind: StorageErrorKind

  constructor(
    inner: ChainStore,
    writesGranted = Number.POSITIVE_INFINITY,
    kind: StorageErrorKind = 'closed',
  ) {
    this.inner = inner
    this.writesGranted = writesGranted
    this.kind = kind
  }

  load() {
    return this.inner.load()
  }

  async write(batch: ChainBatch): Promise<void> {
    if (this.batches.length >= this.writesGranted)
      throw new StorageError(this.kind, 'The store fails on purpose.')
    await this.inner.write(batch)
    this.batches.push(batch)
  }

  readBodies(indexes: readonly number[]) {
    this.bodiesRead += indexes.length
    return this.inner.readBodies(indexes)
  }

  readUndo(indexes: readonly number[]) {
    return this.inner.readUndo(indexes)
  }

  readMentions(first: number, last: number) {
    return this.inner.readMentions(first, last)
  }

  readBuckets(bits: number, buckets: readonly number[]) {
    this.bucketsRead += buckets.length
    return this.inner.readBuckets(bits, buckets)
  }

  close() {
    return this.inner.close()
  }
}

/** Records of a batch: each is a request to IndexedDB, and so is each deletion of a range. */
export function requestsOf(batch: ChainBatch): number {
  const { headerPages = [], bodies = [], undo = [], mentions = [], snapshots = [], buckets = [] } = batch
  const single = [batch.delta, batch.state, batch.dropDeltas, batch.keepBuckets]
  return (
    headerPages.length +
    bodies.length +
    undo.length +
    mentions.length +
    snapshots.length +
    buckets.length +
    single.filter((item) => item !== undefined).length
  )
}
