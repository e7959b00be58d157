/**
 * The chain of one node: header tree, bodies, coins, the most-work rule and reorganisations. The single writer of
 * its store: durable first, memory second, events last. Runs wherever NodeCore runs.
 */
import type { BlockContext } from '../consensus/block-context.ts'
import { checkBlock, contextualCheckBlock } from '../consensus/checks.ts'
import type { Coin } from '../consensus/coins.ts'
import { spentCoinsIn } from '../consensus/connect-block.ts'
import { genesisDifficulty, nextBits } from '../consensus/difficulty.ts'
import { genesisOf } from '../consensus/genesis.ts'
import { checkHeader, contextualCheckHeader, leastTime, maxFutureSeconds } from '../consensus/headers.ts'
import type { NetworkParams } from '../consensus/params.ts'
import type { SnapshotCommitment } from '../consensus/snapshot.ts'
import type { Block, BlockHeader } from '../primitives/block.ts'
import { EMPTY } from '../primitives/bytes.ts'
import type { BlockHash } from '../primitives/hashes.ts'
import type { Clock, Faults } from '../primitives/ports.ts'
import { accept, invalid, notNow, type Rejection, type Result, retry } from '../primitives/result.ts'
import type { Outpoint, Transaction } from '../primitives/transaction.ts'
import type { CheckPool } from '../script/input-check.ts'
import { BlockArchive } from './block-archive.ts'
import { NO_FILTER_HEADER } from './block-filter.ts'
import { Mentions } from './block-mentions.ts'
import { Candidates } from './candidates.ts'
import { CoinLayer } from './coin-layer.ts'
import { CoinsCache } from './coins-cache.ts'
import { type HeaderIndex, HeaderTree, NO_HEADER } from './header-tree.ts'
import { type BadBlock, Move } from './move.ts'
import { Snapshots } from './snapshots.ts'
import { type ChainStore, StorageError } from './store.ts'

/** The active chain went from one tip to another; durable and in memory when told. */
export interface TipChange {
  /** Last block that both chains share. */
  readonly fork: HeaderIndex
  /** Blocks left, the former tip first. Empty unless a reorganisation. */
  readonly disconnected: readonly Block[]
  /** Blocks joined, lowest first. */
  readonly connected: readonly Block[]
  readonly tip: HeaderIndex
}

export interface ChainListener {
  tipChanged?(change: TipChange): void
  /** New headers were added; the last of them. */
  headersChanged?(last: HeaderIndex): void
  /** A block held was found bad when its turn came to connect, which may be before its body is stored. */
  blockInvalid?(hash: BlockHash, rejection: Rejection): void
  /** The chain stopped writing and stays readable: its store failed (`StorageError`: disk full, eviction), or a bug did. */
  failed?(error: Error): void
}

export interface ChainOptions {
  readonly params: NetworkParams
  readonly store: ChainStore
  readonly checks: CheckPool
  readonly clock: Clock
  readonly faults: Faults
  /** Bytes of coins held in memory, about; the rest is read on demand. */
  readonly coinCacheBytes?: number
  /** Whether a transaction's inputs were verified before (the mempool knows): its checks are skipped. By wtxid, 32 bytes, internal. */
  readonly alreadyVerified?: (transaction: Transaction) => boolean
}

const DEFAULT_COIN_CACHE_BYTES = 256 * 1024 * 1024
/** Bounds of what is connected between two waits for a port, so that the brain answers others meanwhile. At least one block. */
const MAX_BATCH_BYTES = 1024 * 1024
const MAX_BATCH_BLOCKS = 64

export class Chain {
  readonly params: NetworkParams
  readonly genesis: Block
  readonly headers: HeaderTree
  private readonly store: ChainStore
  private readonly pool: CheckPool
  private readonly clock: Clock
  private readonly faults: Faults
  private readonly alreadyVerified: (transaction: Transaction) => boolean
  private readonly coinsCache: CoinsCache
  private readonly snapshots: Snapshots
  private readonly candidates: Candidates
  /** The active chain by height. */
  private readonly active: HeaderIndex[]
  private readonly archive: BlockArchive
  private readonly genesisMentions: Mentions
  /** Filter header of the tip; undefined until it was read or made. */
  private filterHeader: { readonly tip: HeaderIndex; readonly bytes: Uint8Array } | undefined
  private readonly listeners = new Set<ChainListener>()

  /** Blocks whose bodies are being stored. */
  private accepting = 0
  /** Moves of the tip, one after another; undefined while nothing is to be done. */
  private moving: Promise<void> | undefined
  /** What runs between two moves. */
  private readonly requests: (() => Promise<void>)[] = []
  /** How many requests wait for each header that they name: its index must mean the same when they are served. */
  private readonly requested = new Map<HeaderIndex, number>()
  private failure: Error | undefined
  private closing = false

  /**
   * Opens at the stored tip, or at genesis in an empty store. Throws a `StorageError`, also when the store holds
   * another network's chain.
   */
  static async open(options: ChainOptions): Promise<Chain> {
    const stored = await options.store.load()
    const genesis = genesisOf(options.params)
    const headers = HeaderTree.restore(stored.headerPages)
    // The genesis block is connected from the beginning, and never read from the store.
    if (headers.size === 0)
      headers.apply([
        {
          index: headers.add(genesis.header, NO_HEADER, genesisDifficulty(options.params)),
          bodyOrder: 1,
          connected: true,
        },
      ])
    if (headers.hash(0) !== genesis.hash)
      throw new StorageError('corrupt', 'The stored chain belongs to another network.')
    const tip = stored.state?.tip ?? 0
    if (!headers.has(tip)) throw new StorageError('corrupt', `The stored tip ${tip} has no header.`)
    const coins = new CoinsCache(options.store, stored, options.coinCacheBytes ?? DEFAULT_COIN_CACHE_BYTES)
    const snapshots = new Snapshots(options.params, headers, stored.snapshots)
    const chain = new Chain(options, genesis, headers, coins, snapshots, tip)
    // What was stored but not connected before.
    chain.wake()
    return chain
  }

  private constructor(
    options: ChainOptions,
    genesis: Block,
    headers: HeaderTree,
    coins: CoinsCache,
    snapshots: Snapshots,
    tip: HeaderIndex,
  ) {
    this.params = options.params
    this.store = options.store
    this.pool = options.checks
    this.clock = options.clock
    this.faults = options.faults
    this.alreadyVerified = options.alreadyVerified ?? (() => false)
    this.genesis = genesis
    this.genesisMentions = Mentions.of(genesis, EMPTY, NO_FILTER_HEADER)
    this.headers = headers
    this.coinsCache = coins
    this.snapshots = snapshots
    this.active = []
    for (let index = tip; index !== NO_HEADER; index = headers.parent(index)) this.active.push(index)
    this.active.reverse()
    if (this.active[0] !== 0)
      throw new StorageError('corrupt', 'The stored chain does not begin with genesis.')
    this.archive = new BlockArchive(options.store, headers, (index) => {
      this.candidates.add(index)
      this.wake()
    })
    this.candidates = new Candidates(headers, this.archive)
  }

  /** Tip of the active chain: all of it connected. */
  get tip(): HeaderIndex {
    return this.active[this.active.length - 1]
  }

  /** Header of the active chain at `height`, `NO_HEADER` above the tip. */
  activeAt(height: number): HeaderIndex {
    return this.active[height] ?? NO_HEADER
  }

  isActive(index: HeaderIndex): boolean {
    return this.active[this.headers.height(index)] === index
  }

  /** The place of a block on `parent`, for rules and templates. */
  contextOn(parent: HeaderIndex): BlockContext {
    const { headers } = this
    return {
      params: this.params,
      genesisHash: this.genesis.header.hashBytes,
      height: headers.height(parent) + 1,
      medianTimePast: headers.medianTimePast(parent),
      medianTimePastAt: (height) => headers.medianTimePast(headers.ancestor(parent, height)),
      snapshot: this.snapshots.committedOn(parent),
    }
  }

  /** The least time that a block on `parent` may have, seconds since 1970. */
  leastTimeOn(parent: HeaderIndex): number {
    const { headers, params } = this
    return leastTime({
      params,
      difficulty: headers.difficulty(parent),
      medianTimePast: headers.medianTimePast(parent),
    })
  }

  /** Milliseconds until a header is no longer too new by the clock of this chain; at most 0 where it isn't. */
  millisecondsTooNew(header: BlockHeader): number {
    return (header.time - maxFutureSeconds(this.params)) * 1000 - this.clock.now()
  }

  /** The target that a block on the tip must have if it is made at `now` (seconds since 1970), in compact form. */
  nextBits(now: number): number {
    const { headers, params, tip } = this
    return nextBits(headers.difficulty(tip), Math.max(now, this.leastTimeOn(tip)), params)
  }

  /**
   * Checks headers in order (work on their 80 bytes first, then context) and adds the new ones; known ones are skipped. On
   * success the last one's index, `NO_HEADER` where there were none. `retry`/`prev-blk-not-found` when the first one's parent is
   * unknown, `retry`/`time-too-new` when more than 2 min ahead, `bad-prevblk` and `duplicate-invalid` on a chain known to be bad;
   * what came before the failing header was added.
   */
  acceptHeaders(headers: readonly BlockHeader[]): Result<HeaderIndex> {
    const before = this.headers.added
    let last: HeaderIndex = NO_HEADER
    let result: Result<HeaderIndex> = accept(NO_HEADER)
    for (const header of headers) {
      const { added } = this.headers
      result = this.acceptHeader(header)
      if (!result.ok) break
      if (this.headers.added > added) last = result.value
    }
    if (this.headers.added > before) {
      // Fewer go with the next commit: to lose them costs a question to a peer.
      if (this.archive.isBehind) this.saveHeaders()
      this.tell((listener) => listener.headersChanged?.(last))
    }
    return result
  }

  /**
   * Forgets the headers whose bodies aren't held and that lead to none that is, but for those that lead to one of `keep` or to one that is
   * marked invalid by `invalidate`, or about to be. Their indexes mean
   * nothing from then on: whoever holds one that `keep` doesn't cover drops it.
   */
  forgetHeaders(keep: readonly HeaderIndex[]): void {
    this.headers.forget([...keep, this.tip, ...this.archive.beingStored, ...this.requested.keys()])
  }

  /**
   * Checks a block's header, structure and context, and stores it: the answer that gossip waits for. Connecting begins by itself,
   * while the body is written, when it leads to more work; its outcome is told to listeners, and never changes this answer.
   * `not-now`/`duplicate` when the body is held already, `retry`/`storage-busy` when storage failed.
   */
  async acceptBlock(block: Block): Promise<Result<HeaderIndex>> {
    const header = this.acceptHeaders([block.header])
    if (!header.ok) return header
    const index = header.value
    if (this.archive.holds(index)) return notNow('duplicate', `Block ${block.hash} is held already.`)
    const checked = this.checkBody(block, index)
    if (!checked.ok) {
      if (checked.kind === 'invalid') this.markInvalid(index)
      return checked
    }
    if (this.failure || this.closing) return storageBusy()
    this.accepting++
    try {
      await this.archive.put({ index, block })
    } catch (error) {
      this.fail(error)
      return storageBusy()
    } finally {
      this.accepting--
    }
    return accept(index)
  }

  /** Resolves when no accepted block waits to be connected. */
  async settled(): Promise<void> {
    while (this.moving || this.accepting > 0) await (this.moving ?? this.archive.idle)
  }

  /** Undefined when the body isn't held. */
  async readBlock(index: HeaderIndex): Promise<Block | undefined> {
    return index === 0 ? this.genesis : this.archive.read(index)
  }

  /**
   * The coins that a block spent when it was connected, in the order of its inputs after the coinbase's; undefined when it
   * never was, or its undo data is gone.
   */
  async readSpentCoins(index: HeaderIndex): Promise<Coin[] | undefined> {
    if (index === 0) return []
    const [undo] = await this.store.readUndo([index])
    return undo && spentCoinsIn(undo)
  }

  /**
   * What the blocks from `first` to `last`, both included, mention, in order: those that were ever connected, on whatever branch. One read.
   * Throws a `StorageError` on a damaged record.
   */
  async readMentions(first: HeaderIndex, last: HeaderIndex): Promise<Map<HeaderIndex, Mentions>> {
    const found = new Map<HeaderIndex, Mentions>()
    if (first === 0) found.set(0, this.genesisMentions)
    for (const { index, bytes } of await this.store.readMentions(first, last))
      found.set(index, Mentions.decode(this.headers.hashBytes(index), bytes))
    return found
  }

  /** The coins of the active chain at these outpoints, in order; undefined where spent or unknown. One batched read. */
  async coins(prevouts: readonly Outpoint[]): Promise<(Coin | undefined)[]> {
    const found = await this.coinsCache.load(prevouts)
    return prevouts.map((prevout) => found.get(prevout))
  }

  /** Number of unspent coins, their total, and the bytes they take in memory. */
  coinStatistics(): { readonly coins: number; readonly total: bigint; readonly memoryBytes: number } {
    const { coins, total } = this.coinsCache.state
    return { coins, total, memoryBytes: this.coinsCache.memoryBytes }
  }

  /** The unspent coins after a block at a snapshot height that was connected; undefined for others. */
  snapshotAfter(index: HeaderIndex): SnapshotCommitment | undefined {
    return this.snapshots.after(index)
  }

  /** All unspent coins, in no set order. Blocks wait to be connected meanwhile. */
  forEachCoin(visit: (prevout: Outpoint, coin: Coin) => void): Promise<void> {
    return this.request(() => this.coinsCache.forEach(visit))
  }

  /** Marks a block and its descendants invalid and moves to the best other chain (`invalidateblock`). Throws on genesis. */
  invalidate(index: HeaderIndex): Promise<void> {
    if (index === 0) throw new Error('The genesis block is valid by definition')
    return this.requestOn(index, async () => {
      this.markInvalid(index, true)
      while (this.headers.isInvalid(this.tip)) await this.moveTo(this.bestTarget())
      await this.saveHeaders()
    })
  }

  /**
   * Takes back the marks of a block, its ancestors and its descendants (`reconsiderblock`). `settled` waits for the move that may
   * follow.
   */
  reconsider(index: HeaderIndex): Promise<void> {
    return this.requestOn(index, async () => {
      this.headers.clearInvalid(index)
      this.candidates.rebuild()
      await this.saveHeaders()
    })
  }

  /**
   * Listeners are called in order of subscription; one that comes after a failure is told so at once. Returns the function
   * that unsubscribes.
   */
  subscribe(listener: ChainListener): () => void {
    this.listeners.add(listener)
    if (this.failure) listener.failed?.(this.failure)
    return () => this.listeners.delete(listener)
  }

  /** Finishes the write under way and closes the store. */
  async close(): Promise<void> {
    this.closing = true
    await this.settled()
    if (!this.failure) await this.saveHeaders()
    await this.store.close()
  }

  private acceptHeader(header: BlockHeader): Result<HeaderIndex> {
    const { headers, params } = this
    const known = headers.findBytes(header.hashBytes)
    if (known !== NO_HEADER)
      return headers.isInvalid(known)
        ? invalid('duplicate-invalid', `Block ${header.hash} is known to be invalid.`)
        : accept(known)
    const work = checkHeader(header, params)
    if (!work.ok) return work
    const parent = headers.findBytes(header.previousHash)
    if (parent === NO_HEADER)
      return retry('prev-blk-not-found', `Block ${header.previous}, which comes before, is not known.`)
    if (headers.isInvalid(parent))
      return invalid('bad-prevblk', `Block ${header.hash} is built on an invalid block.`)
    const context = contextualCheckHeader(header, {
      params,
      difficulty: headers.difficulty(parent),
      medianTimePast: headers.medianTimePast(parent),
      now: Math.floor(this.clock.now() / 1000),
    })
    if (!context.ok) return context
    return accept(headers.add(header, parent, context.value))
  }

  private checkBody(block: Block, index: HeaderIndex): Result<void> {
    const checked = checkBlock(block, this.params)
    return checked.ok ? contextualCheckBlock(block, this.contextOn(this.headers.parent(index))) : checked
  }

  /** Starts moving the tip unless that is under way. */
  private wake(): void {
    this.moving ??= Promise.resolve().then(() => this.advance())
  }

  /** Serves requests and moves the tip until neither is left. */
  private async advance(): Promise<void> {
    // Nothing is awaited between finding nothing to do and `moving` being undefined: no call to `wake` is lost.
    for (;;) {
      const request = this.requests.shift()
      const target = this.failure || this.closing ? NO_HEADER : this.bestTarget()
      try {
        if (request) await request()
        else if (target !== NO_HEADER) await this.moveTo(target)
        else break
      } catch (error) {
        this.fail(error)
      }
    }
    this.moving = undefined
  }

  private request(run: () => Promise<void>): Promise<void> {
    return new Promise((resolve, reject) => {
      this.requests.push(async () => {
        try {
          resolve(await run())
        } catch (error) {
          reject(error)
          throw error
        }
      })
      this.wake()
    })
  }

  /** A request that names a header, which isn't forgotten before it is served. */
  private async requestOn(index: HeaderIndex, run: () => Promise<void>): Promise<void> {
    const { requested } = this
    requested.set(index, (requested.get(index) ?? 0) + 1)
    try {
      await this.request(run)
    } finally {
      const others = requested.get(index)! - 1
      if (others > 0) requested.set(index, others)
      else requested.delete(index)
    }
  }

  /** Where the tip should go: to more work, or anywhere else when it was marked invalid. `NO_HEADER` when it may stay. */
  private bestTarget(): HeaderIndex {
    return this.candidates.best(this.headers.isInvalid(this.tip) ? -1n : this.work(this.tip))
  }

  /**
   * Moves the tip towards `end` in one commit: until it has more work than before, or to `end` itself from a tip that was marked
   * invalid. Does nothing when a block on the way is bad, which is then marked, or when a better branch turns up: the caller looks
   * again.
   */
  private async moveTo(end: HeaderIndex): Promise<void> {
    const { headers } = this
    const fork = headers.forkPoint(this.tip, end)
    const floor = headers.isInvalid(this.tip) ? this.work(end) - 1n : this.work(this.tip)
    const move = new Move(this.coinsCache, this.pool, await this.filterHeaderOf(fork))
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
        at = headers.parent(blocks[blocks.length - 1].index)
      }
      const better = this.betterThan(target)
      if (!this.isOn(target, better)) return
      target = better
    }
    bad ??= await move.verdict()
    if (bad) {
      this.markInvalid(bad.index)
      const { index, rejection } = bad
      this.tell((listener) => listener.blockInvalid?.(headers.hash(index), rejection))
    } else if (this.isOn(target, this.betterThan(target))) await this.commit(move, fork)
  }

  /** The end of the complete branch with most work: `target` or one with more. */
  private betterThan(target: HeaderIndex): HeaderIndex {
    const best = this.candidates.best(this.work(target))
    return best === NO_HEADER ? target : best
  }

  /** Whether `index` is on the chain that ends in `end`. */
  private isOn(index: HeaderIndex, end: HeaderIndex): boolean {
    return this.headers.ancestor(end, this.headers.height(index)) === index
  }

  private async blocksUp(from: HeaderIndex, target: HeaderIndex): Promise<Parameters<Move['connect']>[0]> {
    const { headers } = this
    const height = headers.height(from)
    // No further than to the next snapshot: later blocks may have to commit to it.
    const { snapshotInterval } = this.params
    const toSnapshot = snapshotInterval - (height % snapshotInterval)
    const count = Math.min(headers.height(target) - height, toSnapshot, MAX_BATCH_BLOCKS)
    const path = Array.from({ length: count }, (_, i) => headers.ancestor(target, height + 1 + i))
    return (await this.archive.readSome(path, MAX_BATCH_BYTES)).map(({ index, block }) => ({
      index,
      block,
      context: this.contextOn(headers.parent(index)),
      isVerified: headers.wasConnected(index) ? () => true : this.alreadyVerified,
    }))
  }

  private async blocksDown(from: HeaderIndex, fork: HeaderIndex): Promise<Parameters<Move['disconnect']>[0]> {
    const { headers } = this
    const height = headers.height(from)
    const count = Math.min(height - headers.height(fork), MAX_BATCH_BLOCKS)
    const path = this.active.slice(height + 1 - count, height + 1).reverse()
    const blocks = await this.archive.readSome(path, MAX_BATCH_BYTES)
    const undo = await this.store.readUndo(blocks.map(({ index }) => index))
    return blocks.map(({ index, block }, i) => ({
      index,
      block,
      height: headers.height(index),
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
    await this.snapshots.take(index, (wanted) => this.coinsCache.scan(wanted, changes), coins, this.clock)
    return undefined
  }

  private async commit(move: Move, fork: HeaderIndex): Promise<void> {
    const height = this.headers.height(fork)
    const tip = move.connected.at(-1)?.index ?? fork
    const staged = this.coinsCache.stage(move.changes())
    const marks = move.connected.map(({ index }) => ({ index, connected: true as const }))
    const state = { ...staged.state, tip }
    const { undo, mentions } = move
    // With the blocks that they belong to: a tab that has connected one has its snapshot.
    const snapshots = this.snapshots.records(move.connected.map(({ index }) => index))
    await this.archive.write({ undo, mentions, snapshots, delta: staged.delta, state }, marks)
    this.coinsCache.commit(staged)
    this.filterHeader = { tip, bytes: move.filterHeader }
    this.active.length = height + 1
    for (const { index } of move.connected) this.active.push(index)
    this.candidates.prune(this.work(tip))
    const { disconnected } = move
    const connected = move.connected.map(({ block }) => block)
    this.tell((listener) => listener.tipChanged?.({ fork, disconnected, connected, tip }))
    await this.coinsCache.advanceCheckpoint(tip)
  }

  /** Of a connected block. */
  private async filterHeaderOf(index: HeaderIndex): Promise<Uint8Array> {
    if (this.filterHeader?.tip === index) return this.filterHeader.bytes
    const found = (await this.readMentions(index, index)).get(index)
    return found?.filterHeader ?? missing(`filter of block ${this.headers.hash(index)}`)
  }

  private markInvalid(index: HeaderIndex, byHand = false): void {
    this.headers.markInvalid(index, byHand)
    this.candidates.rebuild()
  }

  private work(index: HeaderIndex): bigint {
    return this.headers.chainWork(index)
  }

  private saveHeaders(): Promise<void> {
    return this.archive.writeHeaders().catch((error: unknown) => this.fail(error))
  }

  /** Stops writing; what is in memory and in the store stays readable. */
  private fail(error: unknown): void {
    // Whatever waited for the write that failed fails with it.
    if (error === this.failure) return
    if (!(error instanceof StorageError)) this.faults.report(error)
    if (this.failure) return
    const failure = error instanceof Error ? error : new Error(String(error))
    this.failure = failure
    this.archive.stop(error)
    this.tell((listener) => listener.failed?.(failure))
  }

  private tell(event: (listener: ChainListener) => void): void {
    for (const listener of [...this.listeners]) event(listener)
  }
}

function storageBusy(): Rejection {
  return retry('storage-busy', 'The block could not be stored.')
}

function missing(what: string): never {
  throw new StorageError('corrupt', `The ${what} is missing from storage.`)
}
