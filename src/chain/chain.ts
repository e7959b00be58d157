/**
 * The chain of one node: takes headers and blocks, keeps its chainstate on the branch with most work, and tells who listens. Headers, bodies
 * and coins are each kept by a part of their own; this is the only place that decides what happens next, one move after another. The single
 * writer of its store: durable first, memory second, events last. Runs wherever NodeCore runs.
 */
import type { BlockContext } from '../consensus/block-context.ts'
import { checkBlock, contextualCheckBlock } from '../consensus/checks.ts'
import type { Coin } from '../consensus/coins.ts'
import type { NetworkParams } from '../consensus/params.ts'
import type { SnapshotCommitment } from '../consensus/snapshot.ts'
import type { Block, BlockHeader } from '../primitives/block.ts'
import type { BlockHash } from '../primitives/hashes.ts'
import type { Clock, Faults } from '../primitives/ports.ts'
import { notNow, ok, type Rejection, type Result, retry } from '../primitives/result.ts'
import type { Outpoint, Transaction } from '../primitives/transaction.ts'
import type { CheckPool } from '../script/input-check.ts'
import { BlockArchive } from './block-archive.ts'
import type { Mentions } from './block-mentions.ts'
import { Chainstate, type TipChange } from './chainstate.ts'
import { type HeaderIndex, type HeaderTree, NO_HEADER } from './header-tree.ts'
import { Headers } from './headers.ts'
import { type ChainStore, StorageError, type StoredChain } from './store.ts'

export type { TipChange } from './chainstate.ts'

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

export class Chain {
  private readonly store: ChainStore
  private readonly rules: Headers
  private readonly faults: Faults
  private readonly archive: BlockArchive
  private readonly chainstate: Chainstate
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
    const chain = new Chain(options, await options.store.load())
    // What was stored but not connected before.
    chain.wake()
    return chain
  }

  private constructor(options: ChainOptions, stored: StoredChain) {
    const { checks, clock, faults, params, store } = options
    this.store = store
    this.faults = faults
    this.rules = new Headers(params, clock, stored.headerPages)
    this.archive = new BlockArchive(store, this.headers, (index) => {
      this.chainstate.candidates.add(index)
      this.wake()
    })
    this.chainstate = new Chainstate({
      id: 0,
      headers: this.rules,
      archive: this.archive,
      store,
      stored,
      checks,
      clock,
      coinCacheBytes: options.coinCacheBytes ?? DEFAULT_COIN_CACHE_BYTES,
      alreadyVerified: options.alreadyVerified ?? (() => false),
      tipChanged: (change) => this.tell((listener) => listener.tipChanged?.(change)),
      foundBad: ({ index, rejection }) => {
        this.markInvalid(index)
        this.tell((listener) => listener.blockInvalid?.(this.headers.hash(index), rejection))
      },
    })
  }

  get params(): NetworkParams {
    return this.rules.params
  }

  get genesis(): Block {
    return this.rules.genesis
  }

  get headers(): HeaderTree {
    return this.rules.tree
  }

  /** Tip of the active chain: all of it connected. */
  get tip(): HeaderIndex {
    return this.chainstate.tip
  }

  /** Header of the active chain at `height`, `NO_HEADER` above the tip. */
  activeAt(height: number): HeaderIndex {
    return this.chainstate.activeAt(height)
  }

  isActive(index: HeaderIndex): boolean {
    return this.chainstate.isActive(index)
  }

  /** Part of the active chain at some time: it and its ancestors are valid. */
  wasConnected(index: HeaderIndex): boolean {
    return this.chainstate.wasConnected(index)
  }

  /** The place of a block on `parent`, for rules and templates. */
  contextOn(parent: HeaderIndex): BlockContext {
    return this.chainstate.contextOn(parent)
  }

  /** The least time that a block on `parent` may have, seconds since 1970. */
  leastTimeOn(parent: HeaderIndex): number {
    return this.rules.leastTimeOn(parent)
  }

  /** Milliseconds until a header is no longer too new by the clock of this chain; at most 0 where it isn't. */
  millisecondsTooNew(header: BlockHeader): number {
    return this.rules.millisecondsTooNew(header)
  }

  /** The target that a block on the tip must have if it is made at `now` (seconds since 1970), in compact form. */
  nextBits(now: number): number {
    return this.rules.nextBitsOn(this.tip, now)
  }

  /**
   * Checks headers in order (work on their 80 bytes first, then context) and adds the new ones; known ones are skipped. On
   * success the last one's index, `NO_HEADER` where there were none. `retry`/`prev-blk-not-found` when the first one's parent is
   * unknown, `retry`/`time-too-new` when more than 2 min ahead, `bad-prevblk` and `duplicate-invalid` on a chain known to be bad;
   * what came before the failing header was added.
   */
  acceptHeaders(headers: readonly BlockHeader[]): Result<HeaderIndex> {
    const { result, added } = this.rules.accept(headers)
    if (added !== NO_HEADER) {
      // Fewer go with the next commit: to lose them costs a question to a peer.
      if (this.archive.isBehind) this.saveHeaders()
      this.tell((listener) => listener.headersChanged?.(added))
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
    return ok(index)
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
  readSpentCoins(index: HeaderIndex): Promise<Coin[] | undefined> {
    return this.chainstate.readSpentCoins(index)
  }

  /**
   * What the blocks from `first` to `last`, both included, mention, in order: those that were ever connected, on whatever branch. One read.
   * Throws a `StorageError` on a damaged record.
   */
  readMentions(first: HeaderIndex, last: HeaderIndex): Promise<Map<HeaderIndex, Mentions>> {
    return this.chainstate.readMentions(first, last)
  }

  /** The coins of the active chain at these outpoints, in order; undefined where spent or unknown. One batched read. */
  coins(prevouts: readonly Outpoint[]): Promise<(Coin | undefined)[]> {
    return this.chainstate.coins(prevouts)
  }

  /** Number of unspent coins, their total, and the bytes they take in memory. */
  coinStatistics(): { readonly coins: number; readonly total: bigint; readonly memoryBytes: number } {
    return this.chainstate.coinStatistics()
  }

  /** The unspent coins after a block at a snapshot height that was connected; undefined for others. */
  snapshotAfter(index: HeaderIndex): SnapshotCommitment | undefined {
    return this.chainstate.snapshotAfter(index)
  }

  /** All unspent coins, in no set order. Blocks wait to be connected meanwhile. */
  forEachCoin(visit: (prevout: Outpoint, coin: Coin) => void): Promise<void> {
    return this.request(() => this.chainstate.forEachCoin(visit))
  }

  /** Marks a block and its descendants invalid and moves to the best other chain (`invalidateblock`). Throws on genesis. */
  invalidate(index: HeaderIndex): Promise<void> {
    if (index === 0) throw new Error('The genesis block is valid by definition')
    return this.requestOn(index, async () => {
      this.markInvalid(index, true)
      while (this.headers.isInvalid(this.tip)) await this.chainstate.moveTo(this.chainstate.bestTarget())
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
      this.chainstate.candidates.rebuild()
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
      const target = this.failure || this.closing ? NO_HEADER : this.chainstate.bestTarget()
      try {
        if (request) await request()
        else if (target !== NO_HEADER) await this.chainstate.moveTo(target)
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

  private markInvalid(index: HeaderIndex, byHand = false): void {
    this.headers.markInvalid(index, byHand)
    this.chainstate.candidates.rebuild()
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
