/** A transaction in the mempool, as others see it. Its sums are live: they follow the mempool, and end when it leaves. */
import type { Sats } from '../primitives/amount.ts'
import type { Transaction } from '../primitives/transaction.ts'

export interface MempoolEntry {
  readonly transaction: Transaction
  readonly fee: Sats
  /** Seconds since 1970 at which it was accepted. */
  readonly time: number
  /** Height of the tip at which it was accepted. */
  readonly height: number
  /** The unconfirmed transactions whose outputs it spends. */
  readonly parents: ReadonlySet<MempoolEntry>
  /** The unconfirmed transactions that spend its outputs. */
  readonly children: ReadonlySet<MempoolEntry>
  /** Fees and weight of it and all its unconfirmed ancestors. */
  readonly ancestorFees: Sats
  readonly ancestorWeight: number
  /** It and its unconfirmed ancestors. */
  readonly ancestorCount: number
  /** Fees and weight of it and all its unconfirmed descendants. */
  readonly descendantFees: Sats
  readonly descendantWeight: number
  /** It and its unconfirmed descendants. */
  readonly descendantCount: number
}
