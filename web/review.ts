/**
 * A payment before it is signed, as the keeper of keys read it, and whether that is what was asked for. Pure, any thread.
 */
import { type Sats, sats } from '../src/primitives/amount.ts'
import { amountWithUnit, fromCoins, shortened } from './format.ts'
import type { PsbtReview } from './rpc-results.ts'

export interface ReviewedPayee {
  /** Undefined for data, which pays nobody. */
  readonly address: string | undefined
  readonly amount: Sats
}

/** What is about to be paid. */
export interface Review {
  /** Base64, unsigned. */
  readonly psbt: string
  /** What is approved by sending it. */
  readonly digest: string
  readonly payees: readonly ReviewedPayee[]
  readonly fee: Sats
  /** A fee that nobody would pay by intention, mostly. */
  readonly isFeeHigh: boolean
  readonly change: Sats
  /** Virtual bytes. */
  readonly vsize: number
  /** A note about the one who is paid; empty for none. */
  readonly note: string
  /** What the payment link said that it is for; it isn't kept. */
  readonly message?: string
  /** The payment whose place it takes, and what its payees get less by that. */
  readonly replaces?: { readonly txid: string; readonly reduced: Sats }
}

/** What a person asked for. */
export interface Asked {
  readonly address: string
  readonly amount: Sats
  /** The fee is taken from it. */
  readonly all: boolean
}

/** `psbt` in base64, and what `reviewpsbt` answered about it. */
export function reviewOf(
  psbt: string,
  { digest, payees, fee, feeishigh, change, vsize }: PsbtReview,
  note: string,
): Review {
  return {
    psbt,
    digest,
    payees: payees.map(({ address, amount }) => ({ address, amount: fromCoins(amount) })),
    fee: fromCoins(fee),
    isFeeHigh: feeishigh,
    change: sats(change.reduce((sum, { amount }) => sum + fromCoins(amount), 0)),
    vsize,
    note,
  }
}

/** What the payees get together. */
export function paidBy({ payees }: Pick<Review, 'payees'>): Sats {
  return sats(payees.reduce((sum, { amount }) => sum + amount, 0))
}

/** Why a review must not even be shown for approval: it is about another payment than was asked for. Undefined where it is the one. */
export function foreignReview({ payees, fee }: Review, { address, amount, all }: Asked): string | undefined {
  const [payee, ...others] = payees
  const isAmount = all
    ? payee !== undefined && payee.amount <= amount && amount - payee.amount <= fee
    : payee?.amount === amount
  if (isAmount && others.length === 0 && payee?.address === address.toLowerCase()) return undefined
  const found = payees.map(
    ({ address: to = 'nobody', amount: gets }) => `${amountWithUnit(gets)} to ${shortened(to, 12)}`,
  )
  return `This tab’s node prepared another payment than you asked for: ${found.join(' and ') || 'none'}. It was not signed. Reload the page; if it happens again, don’t pay from this browser.`
}
