/** The wallet's history as people read it: one line a payment. Pure, any thread. */
import { type Sats, sats } from '../src/primitives/amount.ts'
import { fromCoins } from './format.ts'
import type { WalletTransaction } from './rpc-results.ts'

export interface Payment {
  readonly txid: string
  readonly kind: 'mined' | 'received' | 'sent' | 'moved'
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
  /** Given up: by the person, or a mined block that the chain left. */
  readonly abandoned: boolean
}

/**
 * Groups the entries of `listtransactions` (one an output, oldest first) by transaction, newest first. A payment to oneself has
 * entries of both signs and becomes `moved`.
 */
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
  const sent = entries.find(({ category }) => category === 'send')
  const received = entries.find(({ category }) => category === 'receive')
  const isMined = ['generate', 'immature', 'orphan'].includes(first.category)
  // Core repeats the fee at every output of the payment.
  const fee = sent?.fee === undefined ? 0 : Math.abs(fromCoins(sent.fee))
  const sum = entries.reduce((total, { amount }) => total + fromCoins(amount), 0)
  const shown = sent ?? first
  return {
    txid: first.txid,
    kind: isMined ? 'mined' : sent && received ? 'moved' : sent ? 'sent' : 'received',
    net: sats(sum - fee),
    fee: sats(fee),
    address: shown.address,
    label: shown.label || undefined,
    time: first.time,
    confirmations: first.confirmations,
    immature: first.category === 'immature',
    abandoned: entries.some(({ abandoned, category }) => abandoned === true || category === 'orphan'),
  }
}

/** What a history line is headed with. */
export function paymentTitle({ kind, label }: Pick<Payment, 'kind' | 'label'>): string {
  const title = { mined: 'Mined', received: 'Received', sent: 'Sent', moved: 'Moved within the wallet' }[kind]
  return label ? `${title} · ${label}` : title
}
