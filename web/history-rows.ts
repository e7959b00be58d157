/** The wallet's history as people read it: a replacement for all that it replaced, and one line for rewards in a row. Pure, any thread. */
import type { Payment } from './history.ts'

/** A line of the history. */
export type HistoryRow =
  | {
      readonly payment: Payment /** Those whose place it took, latest first. */
      readonly former: readonly Payment[]
    }
  | { readonly rewards: readonly Payment[] }

export type HistoryFilter = 'all' | 'payments' | 'mining'

/** The lines of a history: a replacement stands for those that it replaced, and rewards in a row are one line. */
export function rowsOf(payments: readonly Payment[], filter: HistoryFilter = 'all'): HistoryRow[] {
  const known = new Map(payments.map((payment) => [payment.txid, payment]))
  const rows: ({ payment: Payment; former: Payment[] } | { rewards: Payment[] })[] = []
  for (const payment of payments) {
    const isMined = payment.kind === 'mined'
    if (filter !== 'all' && isMined !== (filter === 'mining')) continue
    if (payment.replacedBy !== undefined && known.has(payment.replacedBy)) continue
    const last = rows.at(-1)
    if (!isMined) rows.push({ payment, former: formerOf(payment, known) })
    else if (last && 'rewards' in last) last.rewards.push(payment)
    else rows.push({ rewards: [payment] })
  }
  return rows
}

function formerOf(payment: Payment, known: ReadonlyMap<string, Payment>): Payment[] {
  const former: Payment[] = []
  let before = payment.replaces === undefined ? undefined : known.get(payment.replaces)
  while (before && !former.includes(before)) {
    former.push(before)
    before = before.replaces === undefined ? undefined : known.get(before.replaces)
  }
  return former
}
