/**
 * Port: the durable records of a chain. Records are large and few: a block's commit is one batch of the same handful of
 * records whether it has 1 transaction or 5,000. A store belongs to one chainstate, but for header pages and bodies, which all stores of a
 * profile share: a background validation gets a store of its own beside the first. Thread: the brain.
 */

/**
 * - `quota`: no room left for this page's data.
 * - `unavailable`: the browser refuses storage (private window, blocked site data) or it failed.
 * - `corrupt`: what was read can't be what was written.
 * - `closed`: closed by us, by the user's clearing of site data, or by a newer version of the page.
 */
export type StorageErrorKind = 'quota' | 'unavailable' | 'corrupt' | 'closed'

/** Storage failed: never a fault of a block or of a peer. `message` is a sentence for people. */
export class StorageError extends Error {
  override readonly name = 'StorageError'
  readonly kind: StorageErrorKind

  constructor(kind: StorageErrorKind, message: string, options?: ErrorOptions) {
    super(message, options)
    this.kind = kind
  }
}

/**
 * Place of a header in the tree; genesis is 0. Stable while the tab lives and across reopening, unless the header is forgotten. In order of
 * arrival, parents before children, as long as none was.
 */
export type HeaderIndex = number

/** Some consecutive places of the header tree: `HeaderTree` reads and writes `bytes`. */
export interface HeaderPage {
  /** Number of the page, from 0. */
  readonly page: number
  readonly bytes: Uint8Array
}

/** The body of a block, its undo data, what it mentions (`block-mentions.ts`), or the snapshot after it (`snapshots.ts`). */
export interface BlockRecord {
  readonly index: HeaderIndex
  readonly bytes: Uint8Array
}

/** What one commit changed in the coins, net; `bytes` is a packed `CoinChanges`. */
export interface CoinDelta {
  /** 1 for the first commit of the chainstate, then without gaps. */
  readonly sequence: number
  readonly bytes: Uint8Array
}

/** The coins whose salted hash begins with the `bits` bits of `bucket`; `bytes` is packed coins, empty where there are none. */
export interface CoinBucket {
  readonly bits: number
  readonly bucket: number
  readonly bytes: Uint8Array
}

/** The one small record that says where everything stands. */
export interface ChainState {
  /** Last block connected. */
  readonly tip: HeaderIndex
  /** Sequence of the last delta. */
  readonly sequence: number
  /** The buckets hold all deltas up to this one; they may hold parts of later ones, which does no harm. */
  readonly checkpoint: number
  /** There are 2^bits buckets. */
  readonly bucketBits: number
  /** Unspent coins. */
  readonly coins: number
  /** Their sum, satoshis. */
  readonly total: bigint
}

/** What a chain reads when it opens. */
export interface StoredChain {
  /** 8 random bytes drawn when the store was made: coins are spread by a hash with it, so that nobody can fill one bucket on purpose. */
  readonly salt: Uint8Array
  /** Undefined in a new store. */
  readonly state: ChainState | undefined
  /** All pages in order. */
  readonly headerPages: readonly Uint8Array[]
  /** The deltas after the checkpoint, in order. */
  readonly deltas: readonly Uint8Array[]
  /** All of them, in order. */
  readonly snapshots: readonly BlockRecord[]
}

/** What is written together. */
export interface ChainBatch {
  readonly headerPages?: readonly HeaderPage[]
  readonly bodies?: readonly BlockRecord[]
  readonly undo?: readonly BlockRecord[]
  readonly mentions?: readonly BlockRecord[]
  readonly snapshots?: readonly BlockRecord[]
  readonly delta?: CoinDelta
  readonly buckets?: readonly CoinBucket[]
  readonly state?: ChainState
  /** Deletes the deltas up to this sequence. */
  readonly dropDeltas?: number
  /** Deletes the buckets of any other number of bits. */
  readonly keepBuckets?: number
}

/** Every method rejects with a `StorageError` when storage fails. Byte strings are not changed after they were handed over. */
export interface ChainStore {
  load(): Promise<StoredChain>
  /**
   * Writes all of the batch or nothing. Resolves when it will survive the death of the tab (not of the machine: the chain can be
   * fetched again). Batches take effect in the order of the calls.
   */
  write(batch: ChainBatch): Promise<void>
  /** In the order asked for; undefined where there is no record. */
  readBodies(indexes: readonly HeaderIndex[]): Promise<(Uint8Array | undefined)[]>
  readUndo(indexes: readonly HeaderIndex[]): Promise<(Uint8Array | undefined)[]>
  /** Of the blocks from `first` to `last`, both included, where there is one; in order. */
  readMentions(first: HeaderIndex, last: HeaderIndex): Promise<BlockRecord[]>
  /** In the order asked for; undefined where nothing was ever written. */
  readBuckets(bits: number, buckets: readonly number[]): Promise<(Uint8Array | undefined)[]>
  /** Waits for the writes under way. */
  close(): Promise<void>
}
