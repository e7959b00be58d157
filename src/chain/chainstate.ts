/**
 * One set of coins and the chain that led to it: what is connected, where the tip may go, and moves of the tip. Headers and bodies are not its
 * own: another chainstate could follow them beside it, on a store of its own. Decides nothing by itself; the chain that holds it says when to
 * move. Thread: the brain.
 */
import type { BlockContext } from '../consensus/block-context.ts'
import type { Coin } from '../consensus/coins.ts'
import { spentCoinsIn } from '../consensus/connect-block.ts'
import type { SnapshotCommitment } from '../consensus/snapshot.ts'
import type { Block } from '../primitives/block.ts'
import { EMPTY } from '../primitives/bytes.ts'
import type { Clock } from '../primitives/ports.ts'
import type { Outpoint, Transaction } from '../primitives/transaction.ts'
import type { CheckPool } from '../script/input-check.ts'
import type { BlockArchive } from './block-archive.ts'
import { NO_FILTER_HEADER } from './block-filter.ts'
import { Mentions } from './block-mentions.ts'
import { Candidates } from './candidates.ts'
import { CoinLayer } from './coin-layer.ts'
import { CoinsCache } from './coins-cache.ts'
import { type ChainstateId, type HeaderIndex, type HeaderTree, NO_HEADER } from './header-tree.ts'
import type { Headers } from './headers.ts'
import { type BadBlock, Move } from './move.ts'
import { Snapshots } from './snapshots.ts'
import { type ChainStore, StorageError, type StoredChain } from './store.ts'

/** The tip went from one block to another; durable and in memory when told. */
export interface TipChange {
  /** Last block that both chains share. */
  readonly fork: HeaderIndex
  /** Blocks left, the former tip first. Empty unless a reorganisation. */
  readonly disconnected: readonly Block[]
  /** Blocks joined, lowest first. */
  readonly connected: readonly Block[]
  readonly tip: HeaderIndex
}

export interface ChainstateOptions {
  /** Which one it is of those that share headers and bodies. */
  readonly id: ChainstateId
  readonly headers: Headers
  readonly archive: BlockArchive
  /** Of this chainstate alone, but for header pages and bodies. */
  readonly store: ChainStore
  readonly stored: StoredChain
  readonly checks: CheckPool
  readonly clock: Clock
  /** Bytes of coins held in memory, about; the rest is read on demand. */
  readonly coinCacheBytes: number
  /** Whether a transaction's inputs were verified before. */
  readonly alreadyVerified: (transaction: Transaction) => boolean
  readonly tipChanged: (change: TipChange) => void
  /** A block on the way to more work is bad. It is to be marked so. */
  readonly foundBad: (bad: BadBlock) => void
}

/** Bounds of what is connected between two waits for a port, so that the brain answers others meanwhile. At least one block. */
const MAX_BATCH_BYTES = 1024 * 1024
const MAX_BATCH_BLOCKS = 64

export class Chainstate {
  /** The branches that its tip could move to. */
  readonly candidates: Candidates
  private readonly options: ChainstateOptions
  private readonly tree: HeaderTree
  private readonly coinsCache: CoinsCache
  private readonly snapshots: Snapshots
  /** Its chain by height. */
  private readonly active: HeaderIndex[] = []
  private readonly genesisMentions: Mentions
  /** Filter header of the tip; undefined until it was read or made. */
  private filterHeader: { readonly tip: HeaderIndex; readonly bytes: Uint8Array } | undefined

  /** Stands at the stored tip, or at genesis where nothing is stored. Throws a `StorageError` where that can't be. */
  constructor(options: ChainstateOptions) {
    const { archive, coinCacheBytes, headers, id, store, stored } = options
    const { tree } = headers
    this.options = options
    this.tree = tree
    const tip = stored.state?.tip ?? 0
    if (!tree.has(tip)) throw new StorageError('corrupt', `The stored tip ${tip} has no header.`)
    // Connected from the beginning.
    tree.apply([{ index: 0, connectedBy: id }])
    this.coinsCache = new CoinsCache(store, stored, coinCacheBytes)
    this.snapshots = new Snapshots(headers.params, tree, stored.snapshots)
    this.genesisMentions = Mentions.of(headers.genesis, EMPTY, NO_FILTER_HEADER)
    for (let index = tip; index !== NO_HEADER; index = tree.parent(index)) this.active.push(index)
    this.active.reverse()
    if (this.active[0] !== 0)
      throw new StorageError('corrupt', 'The stored chain does not begin with genesis.')
    this.candidates = new Candidates(tree, archive)
  }

  /** All of the chain up to here is connected. */
  get tip(): HeaderIndex {
    return this.active[this.active.length - 1]
  }

  /** Header of its chain at `height`, `NO_HEADER` above the tip. */
  activeAt(height: number): HeaderIndex {
    return this.active[height] ?? NO_HEADER
  }

  isActive(index: HeaderIndex): boolean {
    return this.active[this.tree.height(index)] === index
  }

  /** Connected here at some time: it and its ancestors are valid. */
  wasConnected(index: HeaderIndex): boolean {
    return this.tree.wasConnected(index, this.options.id)
  }

  /** The place of a block on `parent`, for rules and templates. */
  contextOn(parent: HeaderIndex): BlockContext {
    const { tree } = this
    const { genesis, params } = this.options.headers
    return {
      params,
      genesisHash: genesis.header.hashBytes,
      height: tree.height(parent) + 1,
      medianTimePast: tree.medianTimePast(parent),
      medianTimePastAt: (height) => tree.medianTimePast(tree.ancestor(parent, height)),
      snapshot: this.snapshots.committedOn(parent),
    }
  }

  /** The unspent coins after a block at a snapshot height that was connected; undefined for others. */
  snapshotAfter(index: HeaderIndex): SnapshotCommitment | undefined {
    return this.snapshots.after(index)
  }

  /** The unspent coins at these outpoints, in order; undefined where spent or unknown. One batched read. */
  async coins(prevouts: readonly Outpoint[]): Promise<(Coin | undefined)[]> {
    const found = await this.coinsCache.load(prevouts)
    return prevouts.map((prevout) => found.get(prevout))
  }

  /** Number of unspent coins, their total, and the bytes they take in memory. */
  coinStatistics(): { readonly coins: number; readonly total: bigint; readonly memoryBytes: number } {
    const { coins, total } = this.coinsCache.state
    return { coins, total, memoryBytes: this.coinsCache.memoryBytes }
  }

  /** All unspent coins, in no set order. The tip must not move meanwhile. */
  forEachCoin(visit: (prevout: Outpoint, coin: Coin) => void): Promise<void> {
    return this.coinsCache.forEach(visit)
  }

  /**
   * The coins that a block spent when it was connected, in the order of its inputs after the coinbase's; undefined when it
   * never was, or its undo data is gone.
   */
  async readSpentCoins(index: HeaderIndex): Promise<Coin[] | undefined> {
    if (index === 0) return []
    const [undo] = await this.options.store.readUndo([index])
    return undo && spentCoinsIn(undo)
  }

  /**
   * What the blocks from `first` to `last`, both included, mention, in order: those that were ever connected, on whatever branch. One read.
   * Throws a `StorageError` on a damaged record.
   */
  async readMentions(first: HeaderIndex, last: HeaderIndex): Promise<Map<HeaderIndex, Mentions>> {
    const found = new Map<HeaderIndex, Mentions>()
    if (first === 0) found.set(0, this.genesisMentions)
    for (const { index, bytes } of await this.options.store.readMentions(first, last))
      found.set(index, Mentions.decode(this.tree.hashBytes(index), bytes))
    return found
  }

  /** Where the tip should go: to more work, or anywhere else when it was marked invalid. `NO_HEADER` when it may stay. */
  bestTarget(): HeaderIndex {
    return this.candidates.best(this.tree.isInvalid(this.tip) ? -1n : this.work(this.tip))
  }

  /**
   * Moves the tip towards `end` in one commit: until it has more work than before, or to `end` itself from a tip that was marked
   * invalid. Does nothing when a block on the way is bad, which is then told, or when a better branch turns up: the caller looks
   * again.
   */
  async moveTo(end: HeaderIndex): Promise<void> {
    const { tree } = this
    const fork = tree.forkPoint(this.tip, end)
    const floor = tree.isInvalid(this.tip) ? this.work(end) - 1n : this.work(this.tip)
    const move = new Move(this.coinsCache, this.options.checks, await this.filterHeaderOf(fork))
    let target = end
    let at = this.tip
    let bad: BadBlock | undefined
    while (!bad && at !== target && (!this.isOn(at, target) || this.work(at) <= floor || move.isWaiting)) {
      if (this.isOn(at, target)) {
        const blocks = await this.blocksUp(at, target)
        // Connects while the checks of the batches before run.
        bad = (await move.connect(blocks)) ?? (await move.room())
        at = blocks[blocks.length - 1].index
        if (!bad && this.snapshots.isDue(at)) bad = await this.takeSnapshot(at, move)
      } else {
        const blocks = await this.blocksDown(at, fork)
        await move.disconnect(blocks)
        at = tree.parent(blocks[blocks.length - 1].index)
      }
      const better = this.betterThan(target)
      if (!this.isOn(target, better)) return
      target = better
    }
    bad ??= await move.verdict()
    if (bad) this.options.foundBad(bad)
    else if (this.isOn(target, this.betterThan(target))) await this.commit(move, fork)
  }

  /** The end of the complete branch with most work: `target` or one with more. */
  private betterThan(target: HeaderIndex): HeaderIndex {
    const best = this.candidates.best(this.work(target))
    return best === NO_HEADER ? target : best
  }

  /** Whether `index` is on the chain that ends in `end`. */
  private isOn(index: HeaderIndex, end: HeaderIndex): boolean {
    return this.tree.ancestor(end, this.tree.height(index)) === index
  }

  private async blocksUp(from: HeaderIndex, target: HeaderIndex): Promise<Parameters<Move['connect']>[0]> {
    const { tree } = this
    const { alreadyVerified, archive, headers } = this.options
    const height = tree.height(from)
    // No further than to the next snapshot: later blocks may have to commit to it.
    const { snapshotInterval } = headers.params
    const toSnapshot = snapshotInterval - (height % snapshotInterval)
    const count = Math.min(tree.height(target) - height, toSnapshot, MAX_BATCH_BLOCKS)
    const path = Array.from({ length: count }, (_, i) => tree.ancestor(target, height + 1 + i))
    return (await archive.readSome(path, MAX_BATCH_BYTES)).map(({ index, block }) => ({
      index,
      block,
      context: this.contextOn(tree.parent(index)),
      isVerified: this.wasConnected(index) ? () => true : alreadyVerified,
    }))
  }

  private async blocksDown(from: HeaderIndex, fork: HeaderIndex): Promise<Parameters<Move['disconnect']>[0]> {
    const { tree } = this
    const { archive, store } = this.options
    const height = tree.height(from)
    const count = Math.min(height - tree.height(fork), MAX_BATCH_BLOCKS)
    const path = this.active.slice(height + 1 - count, height + 1).reverse()
    const blocks = await archive.readSome(path, MAX_BATCH_BYTES)
    const undo = await store.readUndo(blocks.map(({ index }) => index))
    return blocks.map(({ index, block }, i) => ({
      index,
      block,
      height: tree.height(index),
      undo: undo[i] ?? missing(`undo data of block ${block.hash}`),
    }))
  }

  /** Counts the coins after the block that `move` stands at, once all checks up to it passed; else the first bad block. */
  private async takeSnapshot(index: HeaderIndex, move: Move): Promise<BadBlock | undefined> {
    const bad = await move.verdict()
    if (bad) return bad
    const changes = new CoinLayer(this.coinsCache.salt)
    changes.apply(move.changes())
    const coins = this.coinsCache.state.coins + changes.size
    const { clock } = this.options
    await this.snapshots.take(index, (wanted) => this.coinsCache.scan(wanted, changes), coins, clock)
    return undefined
  }

  private async commit(move: Move, fork: HeaderIndex): Promise<void> {
    const { archive, id, store, tipChanged } = this.options
    const height = this.tree.height(fork)
    const tip = move.connected.at(-1)?.index ?? fork
    const staged = this.coinsCache.stage(move.changes())
    const marks = move.connected.map(({ index }) => ({ index, connectedBy: id }))
    const state = { ...staged.state, tip }
    const { undo, mentions } = move
    // With the blocks that they belong to: a tab that has connected one has its snapshot.
    const snapshots = this.snapshots.records(move.connected.map(({ index }) => index))
    await archive.write({ undo, mentions, snapshots, delta: staged.delta, state }, marks, store)
    this.coinsCache.commit(staged)
    this.filterHeader = { tip, bytes: move.filterHeader }
    this.active.length = height + 1
    for (const { index } of move.connected) this.active.push(index)
    this.candidates.prune(this.work(tip))
    const { disconnected } = move
    const connected = move.connected.map(({ block }) => block)
    tipChanged({ fork, disconnected, connected, tip })
    await this.coinsCache.advanceCheckpoint(tip)
  }

  /** Of a connected block. */
  private async filterHeaderOf(index: HeaderIndex): Promise<Uint8Array> {
    if (this.filterHeader?.tip === index) return this.filterHeader.bytes
    const found = (await this.readMentions(index, index)).get(index)
    return found?.filterHeader ?? missing(`filter of block ${this.tree.hash(index)}`)
  }

  private work(index: HeaderIndex): bigint {
    return this.tree.chainWork(index)
  }
}

function missing(what: string): never {
  throw new StorageError('corrupt', `The ${what} is missing from storage.`)
}
