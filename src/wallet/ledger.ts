/** Skeleton: what the ledger answers. */
import type { Sats } from '../primitives/amount.ts'
import type { BlockHash, Txid } from '../primitives/hashes.ts'
import type { Outpoint } from '../primitives/transaction.ts'

export interface Balances {
  /** Confirmed coins, and the change of own pending payments: what can be spent now (Core's `trusted`). */
  readonly trusted: Sats
  /** Payments of others that wait in the mempool (Core's `untrusted_pending`). */
  readonly untrustedPending: Sats
  /** Mined coins that have not matured. */
  readonly immature: Sats
}

/** An unspent output of the wallet. */
export interface WalletCoin {
  readonly outpoint: Outpoint
  readonly value: Sats
  readonly scriptPubKey: Uint8Array
  readonly address: string
  readonly label: string | undefined
  /** Height of its block; undefined while pending. */
  readonly height: number | undefined
  /** Blocks on top of it and its own; 0 while pending. */
  readonly confirmations: number
  readonly coinbase: boolean
  /** Whether a payment may spend it now: confirmed and mature, or change of an own pending payment; and not promised to a payment being signed. */
  readonly spendable: boolean
}

/**
 * - `confirmed`: in the active chain.
 * - `pending`: waits for a block.
 * - `conflicted`: a confirmed transaction spent one of its coins.
 * - `replaced`: another transaction with a higher fee took its place.
 * - `abandoned`: given up by the user, or refused by the mempool.
 * - `orphaned`: mined in a block that the chain left.
 */
export type TransactionState = 'confirmed' | 'pending' | 'conflicted' | 'replaced' | 'abandoned' | 'orphaned'

export interface HistoryOutput {
  /** Undefined for a data output. */
  readonly address: string | undefined
  readonly value: Sats
  /** Pays this wallet. */
  readonly mine: boolean
  /** Pays this wallet's change branch. */
  readonly change: boolean
  readonly label: string | undefined
}

export interface HistoryEntry {
  readonly txid: Txid
  readonly kind: 'mined' | 'received' | 'sent' | 'moved'
  readonly state: TransactionState
  /** Waits in this node's mempool. */
  readonly inMempool: boolean
  /** Seconds since 1970: of its block, else when it was first seen. */
  readonly time: number
  readonly height: number | undefined
  readonly blockHash: BlockHash | undefined
  /** 0 unless confirmed. */
  readonly confirmations: number
  /** What it adds to the wallet (fee included when the wallet paid it); negative for a payment. */
  readonly net: Sats
  /** Undefined unless all its inputs are the wallet's. */
  readonly fee: Sats | undefined
  readonly outputs: readonly HistoryOutput[]
}
