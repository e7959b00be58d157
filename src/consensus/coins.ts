/**
 * Coins: unspent outputs. Every spendable output is P2TR, so a coin has one size; `CoinsOverlay` stages changes
 * above a view and is dropped or applied whole.
 */
import type { Sats } from '../primitives/amount.ts'
import type { Outpoint } from '../primitives/transaction.ts'

export interface Coin {
  readonly value: Sats
  /** Height of the block that made it. */
  readonly height: number
  /** Made by a coinbase. */
  readonly coinbase: boolean
  /** The P2TR output key, 32 bytes (BIP341). */
  readonly outputKey: Uint8Array
}

export interface CoinsView {
  get(prevout: Outpoint): Coin | undefined
  /** Writes the packed coin (`COIN_BYTES`, see `writeCoin`) to `target` at `offset`. False when there is none. */
  read(prevout: Outpoint, target: Uint8Array, offset: number): boolean
}
