/** The wallet's payments as people know them: one for all entries of a transaction. Pure, any thread. */
import { type Sats, sats } from '../src/primitives/amount.ts'
import { fromCoins } from './format.ts'
import type { WalletState, WalletTransaction } from './rpc-results.ts'

export interface Payment {
  readonly txid: string
  readonly kind: WalletTransaction['kind']
  readonly state: WalletState
  /** Waits in this tab's mempool. */
  readonly inMempool: boolean
  /** What it changed the wallet by, fee included; negative for a payment. */
  readonly net: Sats
  /** Paid by this wallet. */
  readonly fee: Sats
  /** Who was paid, or the own address that received. */
  readonly address: string | undefined
  readonly label: string | undefined
  /** Seconds since 1970. */
  readonly time: number
  /** 0 while it waits; negative when a confirmed transaction conflicts. */
  readonly confirmations: number
  /** A mined coin that can't be spent yet. */
  readonly immature: boolean
  /** The payment with a higher fee that took its place. */
  readonly replacedBy: string | undefined
  /** The one whose place it took. */
  readonly replaces: string | undefined
  /** Made over payment channels: `txid` is its payment hash, and no block knows of it. */
  readonly isOverChannel?: true
}

/** Groups the entries of `listtransactions` (one an output, oldest first) by transaction, newest first. */
export function paymentsOf(entries: readonly WalletTransaction[]): Payment[] {
  const groups = new Map<string, WalletTransaction[]>()
  for (const entry of entries) {
    const group = groups.get(entry.txid)
    if (group) group.push(entry)
    else groups.set(entry.txid, [entry])
  }
  return [...groups.values()].map(paymentOf).reverse()
}

function paymentOf(entries: readonly WalletTransaction[]): Payment {
  const first = entries[0]!
  const sent = entries.filter(({ category }) => category === 'send')
  const received = entries.filter(({ category }) => category !== 'send')
  // Core repeats the fee at every output of the payment.
  const fee = sent[0]?.fee === undefined ? 0 : Math.abs(fromCoins(sent[0].fee))
  const sum = entries.reduce((total, { amount }) => total + fromCoins(amount), 0)
  // Of outputs that come back the payment itself tells nothing: who else was paid, does.
  const shown = sent.find(({ vout }) => received.every((other) => other.vout !== vout)) ?? sent[0] ?? first
  return {
    txid: first.txid,
    kind: first.kind,
    state: first.state,
    inMempool: first.inmempool,
    net: sats(sum - fee),
    fee: sats(fee),
    address: shown.address,
    label: shown.label || undefined,
    time: first.time,
    confirmations: first.confirmations,
    immature: first.category === 'immature',
    replacedBy: first.replaced_by_txid,
    replaces: first.replaces_txid,
  }
}

/** Whether it changes nothing, and won't: its amount is struck out. */
export function isVoid({ state }: Pick<Payment, 'state'>): boolean {
  return state !== 'pending' && state !== 'confirmed'
}

/** What a history line is headed with. */
export function paymentTitle({ kind, label }: Pick<Payment, 'kind' | 'label'>): string {
  const title = { mined: 'Mined', received: 'Received', sent: 'Sent', moved: 'Moved within the wallet' }[kind]
  return label ? `${title} · ${label}` : title
}
