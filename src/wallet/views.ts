/** What a wallet shows of its ledger: balances, coins and history. Pure, any thread. */
import { type Sats, sats } from '../primitives/amount.ts'
import type { BlockHash, Txid } from '../primitives/hashes.ts'
import { type Outpoint, outpointKey, type Transaction } from '../primitives/transaction.ts'
import { addressOf } from '../script/address.ts'
import { CHANGE } from './address-book.ts'
import type { Ledger, LedgerEntry, OwnOutput, TransactionState } from './ledger.ts'

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
  /** 1 for the coins of the tip's block; 0 while pending. */
  readonly confirmations: number
  readonly coinbase: boolean
  /** Whether it counts as the wallet's own money: confirmed, or change of an own pending payment. */
  readonly trusted: boolean
  /** Whether a payment may spend it now: trusted, mature, and not promised to a payment that is being signed. */
  readonly spendable: boolean
  /** Whether a payment takes it only where it is named: see `CoinLocks`. */
  readonly locked: boolean
}

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
  readonly transaction: Transaction
  /** `moved`: from this wallet to itself. */
  readonly kind: 'mined' | 'received' | 'sent' | 'moved'
  readonly state: TransactionState
  /** Waits in this node's mempool. */
  readonly inMempool: boolean
  /** Seconds since 1970: of its block, else when it was first seen. */
  readonly time: number
  readonly height: number | undefined
  readonly blockHash: BlockHash | undefined
  /** Place in its block, where that was stored. */
  readonly blockPosition: number | undefined
  /** Seconds since 1970 at which this wallet first saw it. */
  readonly seen: number
  /** 0 while it waits or was given up; where it lost a coin to a confirmed transaction, minus the confirmations of that one (Core). */
  readonly confirmations: number
  /** The other transactions of the wallet that spend a coin which this one spends. */
  readonly conflicts: readonly Txid[]
  /** The one with a higher fee that took its place. */
  readonly replacedBy: Txid | undefined
  /** The one whose place it took. */
  readonly replaces: Txid | undefined
  /** Confirmed, and when it was mined also deep enough to be spent. */
  readonly mature: boolean
  /** What the wallet gained, satoshis; negative for a payment, its fee included. */
  readonly net: Sats
  /** Undefined unless the wallet paid it alone. */
  readonly fee: Sats | undefined
  readonly outputs: readonly HistoryOutput[]
}

/** What the views need beside the ledger. */
export interface ViewContext {
  readonly addressPrefix: string
  /** See `NetworkParams`. */
  readonly coinbaseMaturity: number
  /** Weight units of the largest payment: see `maxPaymentWeight`. */
  readonly maxPaymentWeight: number
  label(address: string): string | undefined
  /** Whether a payment that is being signed spends it, by `outpointKey`. */
  isPromised(key: string): boolean
  /** See `WalletCoin.locked`, by `outpointKey`. */
  isLocked(key: string): boolean
}

export function coinsOf(ledger: Ledger, context: ViewContext): WalletCoin[] {
  return ledger.unspent().map((own) => coinOf(ledger, own, context))
}

export function coinOf(
  ledger: Ledger,
  { outpoint, output, key, entry }: OwnOutput,
  context: ViewContext,
): WalletCoin {
  const confirmations = confirmationsOf(ledger, entry)
  const coinbase = entry.transaction.isCoinbase
  const trusted = ledger.isTrusted(entry)
  const mature = isMature(coinbase, confirmations, context.coinbaseMaturity)
  const outpointText = outpointKey(outpoint)
  return {
    outpoint,
    value: output.value,
    scriptPubKey: output.scriptPubKey,
    address: key.address,
    label: context.label(key.address),
    height: entry.block?.height,
    confirmations,
    coinbase,
    trusted,
    spendable: trusted && mature && !context.isPromised(outpointText),
    locked: context.isLocked(outpointText),
  }
}

export function balancesOf(ledger: Ledger, coinbaseMaturity: number): Balances {
  const balances = { trusted: 0, untrustedPending: 0, immature: 0 }
  for (const { output, entry } of ledger.unspent()) {
    const { isCoinbase } = entry.transaction
    const mature = isMature(isCoinbase, confirmationsOf(ledger, entry), coinbaseMaturity)
    const kind = !mature ? 'immature' : ledger.isTrusted(entry) ? 'trusted' : 'untrustedPending'
    balances[kind] += output.value
  }
  const { trusted, untrustedPending, immature } = balances
  return { trusted: sats(trusted), untrustedPending: sats(untrustedPending), immature: sats(immature) }
}

export function historyEntryOf(ledger: Ledger, entry: LedgerEntry, context: ViewContext): HistoryEntry {
  const { transaction, txid, seen, block } = entry
  const outputs = transaction.outputs.map(({ value, scriptPubKey }, index): HistoryOutput => {
    const own = ledger.output({ txid: transaction.txidBytes, index })
    const address = own?.key.address ?? addressOf(scriptPubKey, context.addressPrefix)
    const label = address === undefined ? undefined : context.label(address)
    return { address, value, mine: own !== undefined, change: own?.key.branch === CHANGE, label }
  })
  const paid = ledger.isPayment(entry)
  const confirmations = block ? confirmationsOf(ledger, entry) : conflictConfirmations(ledger, entry)
  const rivals = ledger.rivalsOf(transaction)
  const stays = outputs.every(({ mine, address }) => mine || address === undefined)
  return {
    txid,
    transaction,
    kind: transaction.isCoinbase ? 'mined' : !paid ? 'received' : stays ? 'moved' : 'sent',
    state: ledger.state(entry),
    inMempool: ledger.inMempool(txid),
    time: block?.time ?? seen,
    height: block?.height,
    blockHash: block?.hash,
    blockPosition: block?.position,
    seen,
    confirmations,
    conflicts: rivals.map((rival) => rival.txid),
    ...succession(ledger, entry, rivals),
    mature: confirmations > 0 && isMature(transaction.isCoinbase, confirmations, context.coinbaseMaturity),
    net: ledger.net(entry),
    fee: ledger.fee(entry),
    outputs,
  }
}

/** Newest first: what waits for a block, then all else by its time. */
export function historyOf(ledger: Ledger, context: ViewContext): HistoryEntry[] {
  const entries = [...ledger.all()].map((entry) => historyEntryOf(ledger, entry, context))
  const waits = ({ state }: HistoryEntry) => (state === 'pending' ? 1 : 0)
  return entries.sort((a, b) => waits(b) - waits(a) || b.time - a.time || (b.height ?? 0) - (a.height ?? 0))
}

/**
 * Neighbours in a chain of replacements: each paid a higher fee than the one before (BIP125, rule 3). Of payments by others the fee is unknown:
 * each came after the one before.
 */
function succession(
  ledger: Ledger,
  entry: LedgerEntry,
  rivals: readonly LedgerEntry[],
): Pick<HistoryEntry, 'replaces' | 'replacedBy'> {
  const isReplaced = (one: LedgerEntry): boolean => ledger.state(one) === 'replaced'
  const family = [entry, ...rivals].map((one) => ({ one, fee: ledger.fee(one) }))
  family.sort((a, b) =>
    a.fee !== undefined && b.fee !== undefined
      ? a.fee - b.fee
      : a.one.seen - b.one.seen || Number(isReplaced(b.one)) - Number(isReplaced(a.one)),
  )
  const at = family.findIndex(({ one }) => one === entry)
  return {
    replaces: family.slice(0, at).findLast(({ one }) => isReplaced(one))?.one.txid,
    replacedBy: isReplaced(entry) ? family[at + 1]?.one.txid : undefined,
  }
}

/** Minus the confirmations of the transaction that took a coin from it, or from one that it spends; 0 where none did. */
function conflictConfirmations(ledger: Ledger, entry: LedgerEntry): number {
  const height = ledger.conflictHeight(entry)
  return height === undefined ? 0 : height - ledger.tip.height - 1
}

/** The next block may spend what was mined `coinbaseMaturity` blocks before it. */
function isMature(coinbase: boolean, confirmations: number, coinbaseMaturity: number): boolean {
  return !coinbase || confirmations >= coinbaseMaturity
}

function confirmationsOf(ledger: Ledger, { block }: LedgerEntry): number {
  return block ? ledger.tip.height - block.height + 1 : 0
}
