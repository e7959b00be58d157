/** What a wallet has. Pure, any thread. */
import { type Sats, sats } from '../src/primitives/amount.ts'
import { fromCoins } from './format.ts'
import type { Balances } from './rpc-results.ts'

/** Parts of which no coin is in two. */
export interface Balance {
  /** What payments may take. */
  readonly spendable: Sats
  /** Would be spendable, but no payment takes it that does not name it. */
  readonly locked: Sats
  /** Unconfirmed, from others. */
  readonly pending: Sats
  /** Mined, and too young to be spent. */
  readonly immature: Sats
}

/** The parts of `getbalances`, which counts what is locked to what is trusted. */
export function balanceOf({ trusted, locked = 0, untrusted_pending, immature }: Balances['mine']): Balance {
  return {
    spendable: sats(fromCoins(trusted) - fromCoins(locked)),
    locked: fromCoins(locked),
    pending: fromCoins(untrusted_pending),
    immature: fromCoins(immature),
  }
}
