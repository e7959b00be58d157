/**
 * The coins of the active chain: buckets read on demand under a byte cap, and above them the changes since the last checkpoint.
 * A checkpoint merges those into the stored buckets in small steps; buckets in memory are always clean, so that any can be
 * dropped. At any instant the stored buckets and the stored deltas after the checkpoint show the committed coins. Thread: the brain.
 */
import {
  COIN_RECORD_BYTES,
  type CoinChanges,
  CoinTable,
  type NetCoinChanges,
  readCoinRecord,
  readOutpoint,
} from '../consensus/coin-table.ts'
import type { Coin } from '../consensus/coins.ts'
import { OUTPOINT_BYTES } from '../consensus/outpoint-table.ts'
import { concatBytes, EMPTY } from '../primitives/bytes.ts'
import type { Outpoint } from '../primitives/transaction.ts'
import {
  BucketHash,
  CoinLayer,
  MAX_BUCKET_BITS,
  type Partition,
  packChanges,
  partOf,
  unpackChanges,
} from './coin-layer.ts'
import type { HeaderIndex } from './header-tree.ts'
import {
  type ChainState,
  type ChainStore,
  type CoinBucket,
  type CoinDelta,
  StorageError,
  type StoredChain,
} from './store.ts'

/** Coins of a bucket, at most and on average: records of 64 to 128 KiB. */
const MAX_BUCKET_COINS = 1600
const MIN_BUCKET_COINS = 4
/** Buckets that fit into the cache, at least: a small cache has small buckets. An eighth of it is read or merged at once. */
const BUCKETS_IN_CACHE = 16
/** Changes after which a checkpoint begins, at least; an eighth of all coins in a large set. */
const CHECKPOINT_CHANGES = 65_536
/** Commits after which a checkpoint begins, so that reopening reads few deltas. */
const CHECKPOINT_COMMITS = 1024
/** Buckets that one read or one step of a checkpoint touches, at most. */
const MAX_BUCKETS_AT_ONCE = 8
/** About what a coin takes in memory. */
const COIN_MEMORY_BYTES = 100

/** The part of the state record that tells of coins. */
export type CoinsState = Omit<ChainState, 'tip'>

/** A commit before it is durable. */
export interface StagedCoins {
  readonly changes: CoinChanges
  readonly delta: CoinDelta
  readonly state: CoinsState
}

interface ResidentBucket {
  readonly table: CoinTable
  /** `table.bytes` as counted. */
  bytes: number
  /** Since eviction last came by. */
  used: boolean
}

/** A checkpoint under way. */
interface Checkpoint {
  /** The changes up to `sequence`. */
  readonly layer: CoinLayer
  readonly sequence: number
  /** Bits of the bucket number afterwards; the stored buckets keep theirs until all are merged. */
  readonly bits: number
  readonly added: Partition
  readonly spent: Partition
  /** Buckets merged. */
  done: number
}

export class CoinsCache {
  /** Keys the hash tables of coins; peers don't know it. */
  readonly salt: Uint8Array
  private readonly store: ChainStore
  private readonly cacheBytes: number
  private readonly bucketCoins: number
  private readonly bucketsAtOnce: number
  private readonly hash: BucketHash
  private readonly buckets = new Map<number, ResidentBucket>()
  private bucketBytes = 0
  private current: CoinsState
  private recent: CoinLayer
  private checkpoint: Checkpoint | undefined
  /** Reads of buckets and steps of checkpoints take turns. */
  private turn: Promise<unknown> = Promise.resolve()

  /** `cacheBytes`: memory that coins may take, about. */
  constructor(store: ChainStore, stored: StoredChain, cacheBytes: number) {
    this.store = store
    this.cacheBytes = cacheBytes
    const cacheCoins = cacheBytes / COIN_MEMORY_BYTES
    this.bucketCoins = clamp(cacheCoins / BUCKETS_IN_CACHE, MIN_BUCKET_COINS, MAX_BUCKET_COINS)
    this.bucketsAtOnce = clamp(Math.floor(cacheCoins / 8 / this.bucketCoins), 1, MAX_BUCKETS_AT_ONCE)
    this.salt = stored.salt
    this.hash = new BucketHash(stored.salt)
    this.current = stored.state ?? { sequence: 0, checkpoint: 0, bucketBits: 0, coins: 0, total: 0n }
    this.recent = new CoinLayer(stored.salt)
    if (stored.deltas.length !== this.current.sequence - this.current.checkpoint)
      throw new StorageError('corrupt', 'Some of the stored changes of coins are missing.')
    for (const delta of stored.deltas) this.recent.apply(unpackChanges(delta))
  }

  get state(): CoinsState {
    return this.current
  }

  get memoryBytes(): number {
    return this.bucketBytes + this.recent.bytes + (this.checkpoint?.layer.bytes ?? 0)
  }

  /**
   * The committed coins at these outpoints, as they are when the promise resolves; absent where spent or unknown. Outpoints at
   * positions that `except` holds for may be left out: it is asked only where it spares a read.
   */
  async load(prevouts: readonly Outpoint[], except?: (position: number) => boolean): Promise<CoinTable> {
    return (
      this.resolve(prevouts, (prevout) => this.resident(prevout)?.table) ??
      this.inTurn(async () => {
        const read = await this.readBuckets(prevouts, except)
        return this.resolve(prevouts, () => read) as CoinTable
      })
    )
  }

  /** What a commit of `changes` writes. */
  stage(changes: NetCoinChanges): StagedCoins {
    const { added, spent, gain } = changes
    const sequence = this.current.sequence + 1
    const coins = this.current.coins + added.length / COIN_RECORD_BYTES - spent.length / OUTPOINT_BYTES
    const state = { ...this.current, sequence, coins, total: this.current.total + BigInt(gain) }
    return { changes, delta: { sequence, bytes: packChanges(changes) }, state }
  }

  /** Takes in a commit that is durable. */
  commit(staged: StagedCoins): void {
    this.current = staged.state
    this.recent.apply(staged.changes)
    this.evict()
  }

  /**
   * Does the share of checkpointing that a commit has earned: nothing for most, else steps of a few buckets, so many that the
   * checkpoint ends before the next is due. No commit may run meanwhile. `tip` is the committed one.
   */
  async advanceCheckpoint(tip: HeaderIndex): Promise<void> {
    if (!this.checkpoint && this.fill() >= 1) this.beginCheckpoint()
    while (this.checkpoint) {
      await this.inTurn(() => this.stepCheckpoint(tip))
      if (this.checkpoint && this.checkpoint.done / this.bucketCount > this.fill()) return
    }
  }

  /**
   * The packed records of all committed coins that `wanted` holds for, in no set order, a few buckets at a time; with `changes` on
   * top, if any, as if they were committed. No commit may run before the end; reads may.
   */
  async *scan(
    wanted: (records: Uint8Array, offset: number) => boolean,
    changes?: CoinLayer,
  ): AsyncGenerator<Uint8Array> {
    const layers = [this.checkpoint?.layer, this.recent, changes].filter((layer) => layer !== undefined)
    for (let first = 0; first < this.bucketCount; first += this.bucketsAtOnce) {
      const count = Math.min(this.bucketsAtOnce, this.bucketCount - first)
      const buckets = Array.from({ length: count }, (_, i) => first + i)
      for (const records of await this.inTurn(() => this.recordsOf(buckets)))
        yield shown(records, wanted, layers)
    }
    for (const [i, layer] of layers.entries())
      for (const records of layer.addedRecords(MAX_BUCKET_COINS))
        yield shown(records, wanted, layers.slice(i + 1))
  }

  /** Calls `visit` for every committed coin, in no set order. No commit may run meanwhile. */
  async forEach(visit: (prevout: Outpoint, coin: Coin) => void): Promise<void> {
    for await (const records of this.scan(() => true))
      for (let at = 0; at < records.length; at += COIN_RECORD_BYTES)
        visit(readOutpoint(records, at), readCoinRecord(records, at))
  }

  private get bucketCount(): number {
    return 2 ** this.current.bucketBits
  }

  /** The coins at `prevouts`, below the layers from `tableOf`; undefined where that is once undefined. */
  private resolve(
    prevouts: readonly Outpoint[],
    tableOf: (prevout: Outpoint) => CoinTable | undefined,
  ): CoinTable | undefined {
    const found = new CoinTable(this.salt, prevouts.length)
    for (const prevout of prevouts) {
      if (this.recent.copyTo(found, prevout) || this.checkpoint?.layer.copyTo(found, prevout)) continue
      const table = tableOf(prevout)
      if (!table) return undefined
      table.copyTo(found, prevout)
    }
    return found
  }

  private inLayers(prevout: Outpoint): Coin | null | undefined {
    const coin = this.recent.find(prevout)
    return coin === undefined ? this.checkpoint?.layer.find(prevout) : coin
  }

  private resident(prevout: Outpoint): ResidentBucket | undefined {
    const bucket = this.buckets.get(this.hash.bucketOf(prevout, this.current.bucketBits))
    if (bucket) bucket.used = true
    return bucket
  }

  /** What the buckets say of `prevouts`, kept apart since the buckets may be evicted at once. */
  private async readBuckets(
    prevouts: readonly Outpoint[],
    except: (position: number) => boolean = () => false,
  ): Promise<CoinTable> {
    const found = new CoinTable(this.salt)
    const missing = new Map<number, Outpoint[]>()
    for (const [i, prevout] of prevouts.entries()) {
      const table = this.resident(prevout)?.table
      if (table) table.copyTo(found, prevout)
      else if (this.inLayers(prevout) === undefined && !except(i)) {
        const bucket = this.hash.bucketOf(prevout, this.current.bucketBits)
        const others = missing.get(bucket)
        if (others) others.push(prevout)
        else missing.set(bucket, [prevout])
      }
    }
    const wanted = [...missing.keys()]
    for (let first = 0; first < wanted.length; first += this.bucketsAtOnce) {
      const buckets = wanted.slice(first, first + this.bucketsAtOnce)
      const tables = await this.tablesOf(buckets)
      tables.forEach((table, i) => {
        for (const prevout of missing.get(buckets[i]) as Outpoint[]) table.copyTo(found, prevout)
        this.buckets.set(buckets[i], { table, bytes: table.bytes, used: true })
        this.bucketBytes += table.bytes
      })
      this.evict()
    }
    return found
  }

  /** The stored coins of some buckets. */
  private async tablesOf(buckets: readonly number[]): Promise<CoinTable[]> {
    return (await this.storedBuckets(buckets)).map((stored) => {
      if (stored instanceof CoinTable) return stored
      const table = new CoinTable(this.salt)
      table.addRecords(stored)
      return table
    })
  }

  /** The same as packed records. */
  private async recordsOf(buckets: readonly number[]): Promise<Uint8Array[]> {
    const stored = await this.storedBuckets(buckets)
    return stored.map((each) => (each instanceof CoinTable ? each.records() : each))
  }

  /** The tables of buckets in memory, the records of the others. */
  private async storedBuckets(buckets: readonly number[]): Promise<(CoinTable | Uint8Array)[]> {
    const absent = buckets.filter((bucket) => !this.buckets.has(bucket))
    const read = absent.length > 0 ? await this.store.readBuckets(this.current.bucketBits, absent) : []
    return buckets.map((bucket) => {
      const resident = this.buckets.get(bucket)
      if (resident) return resident.table
      const bytes = read[absent.indexOf(bucket)] ?? EMPTY
      if (bytes.length % COIN_RECORD_BYTES !== 0)
        throw new StorageError('corrupt', `Stored bucket ${bucket} of coins has ${bytes.length} bytes.`)
      return bytes
    })
  }

  /** Drops buckets that weren't used of late (second chance) until the cap holds. */
  private evict(): void {
    for (const [number, bucket] of this.buckets) {
      if (this.memoryBytes <= this.cacheBytes) return
      this.buckets.delete(number)
      if (bucket.used) {
        // Goes to the end of the queue; the loop meets it again only after all others.
        bucket.used = false
        this.buckets.set(number, bucket)
      } else this.bucketBytes -= bucket.bytes
    }
  }

  /** How far the recent changes are on the way to the next checkpoint, 1 when it is due. */
  private fill(): number {
    const limit = Math.min(
      Math.max(CHECKPOINT_CHANGES, this.current.coins / 8),
      this.cacheBytes / 4 / COIN_MEMORY_BYTES,
    )
    const commits = this.current.sequence - (this.checkpoint?.sequence ?? this.current.checkpoint)
    return Math.max(this.recent.size / limit, commits / CHECKPOINT_COMMITS)
  }

  private beginCheckpoint(): void {
    const layer = this.recent
    const { sequence, bucketBits, coins } = this.current
    const { added, spent } = layer.changes()
    const bits = Math.ceil(Math.log2(Math.max(1, coins / this.bucketCoins)))
    this.recent = new CoinLayer(this.salt)
    this.checkpoint = {
      layer,
      sequence,
      bits: clamp(bits, bucketBits, MAX_BUCKET_BITS),
      added: this.hash.partition(added, COIN_RECORD_BYTES, bucketBits, 0, this.bucketCount),
      spent: this.hash.partition(spent, OUTPOINT_BYTES, bucketBits, 0, this.bucketCount),
      done: 0,
    }
  }

  /** Merges the next few buckets; with the last of them the checkpoint takes effect. */
  private async stepCheckpoint(tip: HeaderIndex): Promise<void> {
    const checkpoint = this.checkpoint as Checkpoint
    const splits = checkpoint.bits > this.current.bucketBits
    const todo: number[] = []
    let done = checkpoint.done
    for (; done < this.bucketCount && todo.length < this.bucketsAtOnce; done++)
      if (splits || partOf(checkpoint.added, done).length > 0 || partOf(checkpoint.spent, done).length > 0)
        todo.push(done)
    const tables = await this.tablesOf(todo)
    const buckets = todo.flatMap((bucket, i) => this.merge(checkpoint, bucket, tables[i]))
    const ends = done === this.bucketCount
    const state = { ...this.current, checkpoint: checkpoint.sequence, bucketBits: checkpoint.bits }
    await this.store.write(
      ends
        ? { buckets, state: { ...state, tip }, dropDeltas: checkpoint.sequence, keepBuckets: checkpoint.bits }
        : { buckets },
    )
    checkpoint.done = done
    if (!ends) return
    this.current = state
    this.checkpoint = undefined
    if (splits) {
      this.buckets.clear()
      this.bucketBytes = 0
    }
  }

  /** Brings a bucket's table up to the checkpoint; its records, divided where buckets split. */
  private merge(checkpoint: Checkpoint, bucket: number, table: CoinTable): CoinBucket[] {
    const added = partOf(checkpoint.added, bucket)
    // A step that was cut short by the tab's death may have added them before.
    const removed = [partOf(checkpoint.spent, bucket)]
    for (let at = 0; at < added.length; at += COIN_RECORD_BYTES)
      removed.push(added.subarray(at, at + OUTPOINT_BYTES))
    table.apply({ spent: concatBytes(...removed), added })
    const resident = this.buckets.get(bucket)
    if (resident) {
      this.bucketBytes += table.bytes - resident.bytes
      resident.bytes = table.bytes
    }
    const { bits } = checkpoint
    const parts = 2 ** (bits - this.current.bucketBits)
    const first = bucket * parts
    const partition = this.hash.partition(table.records(), COIN_RECORD_BYTES, bits, first, parts)
    return Array.from({ length: parts }, (_, i) => ({
      bits,
      bucket: first + i,
      bytes: partOf(partition, i),
    }))
  }

  private inTurn<T>(run: () => Promise<T>): Promise<T> {
    const result = this.turn.then(run)
    this.turn = result.catch(() => undefined)
    return result
  }
}

/** Those of `records` that `wanted` holds for and none of the layers above changes. */
function shown(
  records: Uint8Array,
  wanted: (records: Uint8Array, offset: number) => boolean,
  above: readonly CoinLayer[],
): Uint8Array {
  const kept = new Uint8Array(records.length)
  let end = 0
  for (let at = 0; at < records.length; at += COIN_RECORD_BYTES) {
    if (!wanted(records, at) || above.some((layer) => layer.changesKey(records, at))) continue
    kept.set(records.subarray(at, at + COIN_RECORD_BYTES), end)
    end += COIN_RECORD_BYTES
  }
  return kept.subarray(0, end)
}

function clamp(value: number, least: number, most: number): number {
  return Math.min(Math.max(value, least), most)
}
