/** Transactions that wait for a block. */
import type { Chain } from '../chain/chain.ts'
import type { Sats } from '../primitives/amount.ts'
import type { Txid, Wtxid } from '../primitives/hashes.ts'
import type { Clock } from '../primitives/ports.ts'
import type { Result } from '../primitives/result.ts'
import type { Outpoint, Transaction } from '../primitives/transaction.ts'
import type { CheckPool } from '../script/input-check.ts'

export interface MempoolEntry {
  readonly transaction: Transaction
  readonly fee: Sats
  /** Seconds since 1970 at which it was accepted. */
  readonly time: number
  /** Height of the tip at which it was accepted. */
  readonly height: number
  /** Fees and weight of it and all its unconfirmed ancestors. */
  readonly ancestorFees: Sats
  readonly ancestorWeight: number
  readonly ancestorCount: number
  readonly descendantCount: number
}

export type RemovalReason = 'block' | 'conflict' | 'replaced' | 'size-limit' | 'expired' | 'reorg'

export interface MempoolListener {
  added?(entry: MempoolEntry): void
  removed?(transaction: Transaction, reason: RemovalReason): void
}

export interface MempoolOptions {
  readonly chain: Chain
  readonly checks: CheckPool
  readonly clock: Clock
  /** Bytes of transactions held, about; the lowest fee rates leave first. */
  readonly maxBytes?: number
  /** Satoshis per 1,000 virtual bytes. */
  readonly minFeeRate?: number
  /** Seconds after which a transaction leaves. */
  readonly expirySeconds?: number
}

export declare class Mempool {
  constructor(options: MempoolOptions)
  readonly size: number
  /** Bytes of memory counted against the cap. */
  readonly bytes: number
  /** Satoshis per 1,000 virtual bytes that a transaction must pay now: the floor, raised while the cap binds. */
  readonly minFeeRate: number

  /** Checks by consensus and policy, verifies the inputs, and adds. Rejections carry Core's codes. */
  accept(transaction: Transaction): Promise<Result<MempoolEntry>>
  /** What `accept` would say, without adding. */
  test(transaction: Transaction): Promise<Result<{ readonly fee: Sats }>>
  has(txid: Txid): boolean
  get(txid: Txid): MempoolEntry | undefined
  getByWtxid(wtxid: Wtxid): MempoolEntry | undefined
  /** The transaction that spends `prevout`, if one waits here. */
  spender(prevout: Outpoint): MempoolEntry | undefined
  entries(): IterableIterator<MempoolEntry>
  /** Transactions for a block of at most `maxWeight` weight units, best ancestor fee rate first, parents before children. */
  select(maxWeight: number): MempoolEntry[]
  /** Fee rate, satoshis per 1,000 virtual bytes, that should confirm within `blocks` blocks. */
  estimateFeeRate(blocks: number): number
  /** Whether this node verified the inputs of exactly this transaction (by wtxid) before. */
  wasVerified(transaction: Transaction): boolean
  subscribe(listener: MempoolListener): () => void
  /** Resolves when the last change of tip has been taken in, returned transactions included. */
  settled(): Promise<void>
  close(): void
}
