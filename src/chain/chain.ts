/**
 * The chain of one node: header tree, bodies, coins, the most-work rule and reorganisations. The single writer of
 * its store. Runs wherever NodeCore runs.
 */
import type { Coin } from '../consensus/coins.ts'
import type { NetworkParams } from '../consensus/params.ts'
import type { Block, BlockHeader } from '../primitives/block.ts'
import type { BlockHash } from '../primitives/hashes.ts'
import type { Clock } from '../primitives/ports.ts'
import type { Rejection, Result } from '../primitives/result.ts'
import type { Outpoint, Transaction } from '../primitives/transaction.ts'
import type { CheckPool } from '../script/input-check.ts'
import type { HeaderIndex, HeaderTree } from './header-tree.ts'
import type { ChainStore } from './store.ts'

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
  headersChanged?(best: HeaderIndex): void
  /** A stored block was found bad when its turn came to connect. */
  blockInvalid?(hash: BlockHash, rejection: Rejection): void
  /** The store failed (disk full, eviction): the chain stopped writing and stays readable. */
  storageFailed?(error: Error): void
}

export interface ChainOptions {
  readonly params: NetworkParams
  readonly store: ChainStore
  readonly checks: CheckPool
  readonly clock: Clock
  /** Bytes of coins held in memory, about; the rest is read on demand. */
  readonly coinCacheBytes?: number
  /** Whether a transaction's inputs were verified before (the mempool knows): its checks are skipped. By wtxid, 32 bytes, internal. */
  readonly alreadyVerified?: (transaction: Transaction) => boolean
}

export declare class Chain {
  /** Opens at the stored tip, or at genesis in an empty store. */
  static open(options: ChainOptions): Promise<Chain>

  readonly params: NetworkParams
  readonly genesis: Block
  readonly headers: HeaderTree
  /** Tip of the active chain: all of it connected. */
  readonly tip: HeaderIndex
  /** Header with the most work whose chain isn't known to be bad; at or ahead of `tip`. */
  readonly bestHeader: HeaderIndex

  /** Header of the active chain at `height`, `NO_HEADER` above the tip. */
  activeAt(height: number): HeaderIndex
  isActive(index: HeaderIndex): boolean

  /**
   * Checks headers in order (work on their 80 bytes first, then context) and adds the new ones; known ones are skipped. On
   * success the last one's index. `retry`/`prev-blk-not-found` when the first one's parent is unknown, `retry`/`time-too-new`
   * when more than 2 min ahead; what came before the failing header was added.
   */
  acceptHeaders(headers: readonly BlockHeader[]): Result<HeaderIndex>

  /**
   * Checks a block's header, structure and context, and stores it: the answer that gossip waits for. Connecting follows by
   * itself when it leads to more work; its outcome is told to listeners. `not-now`/`duplicate` when the body is held already.
   */
  acceptBlock(block: Block): Promise<Result<HeaderIndex>>

  /** Resolves when no accepted block waits to be connected. */
  settled(): Promise<void>

  /** Undefined when the body isn't held. */
  readBlock(index: HeaderIndex): Promise<Block | undefined>

  /** The coins of the active chain at these outpoints, in order; undefined where spent or unknown. One batched read. */
  coins(prevouts: readonly Outpoint[]): Promise<(Coin | undefined)[]>
  /** Number of unspent coins, their total, and the bytes they take in memory. */
  coinStatistics(): { readonly coins: number; readonly total: bigint; readonly memoryBytes: number }
  /** All unspent coins, in no set order. */
  forEachCoin(visit: (prevout: Outpoint, coin: Coin) => void): Promise<void>

  /** Marks a block and its descendants invalid and moves to the best other chain (`invalidateblock`). */
  invalidate(index: HeaderIndex): Promise<void>
  /** Takes back `invalidate` and verdicts on its descendants (`reconsiderblock`). */
  reconsider(index: HeaderIndex): Promise<void>

  /** Listeners are called in order of subscription. Returns the function that unsubscribes. */
  subscribe(listener: ChainListener): () => void
  /** Finishes the write under way and closes the store. */
  close(): Promise<void>
}
