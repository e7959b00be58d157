/**
 * What happened to the account's coins: every transaction that touches them, with the facts that the chain and the
 * mempool told about it. All else (which coins are there, what counts as spent, balances) is derived from those
 * facts, so that going back over disconnected blocks means forgetting facts. Synchronous and without I/O:
 * `wallet.ts` feeds and stores it. Thread: the brain.
 */
import type { BlockPlace } from '../chain/follower.ts'
import { type Sats, sats } from '../primitives/amount.ts'
import type { Block } from '../primitives/block.ts'
import { bytesToHex, hexToBytes } from '../primitives/bytes.ts'
import type { BlockHash, Txid } from '../primitives/hashes.ts'
import {
  decodeTransaction,
  type Outpoint,
  outpointKey,
  outpointOf,
  type Transaction,
  type TxOutput,
} from '../primitives/transaction.ts'
import { type AddressBook, type OwnKey, prefixOf } from './address-book.ts'

/**
 * - `confirmed`: in the active chain.
 * - `pending`: waits for a block.
 * - `conflicted`: it, or what it spends, lost a coin to a confirmed transaction.
 * - `replaced`: another transaction with a higher fee took its place.
 * - `abandoned`: given up by the user, or refused by the mempool.
 * - `orphaned`: mined in a block that the chain left.
 */
export type TransactionState = 'confirmed' | 'pending' | 'conflicted' | 'replaced' | 'abandoned' | 'orphaned'

/** The block that holds a transaction. */
export interface LedgerBlock {
  readonly hash: BlockHash
  readonly height: number
  /** Seconds since 1970. */
  readonly time: number
  /** Place of the transaction in the block; version 0.3.0 did not store it. */
  readonly position?: number
}

/** One transaction of the wallet, and the facts about it. */
export interface LedgerEntry {
  readonly transaction: Transaction
  readonly txid: Txid
  /** Seconds since 1970 at which this wallet first saw it. */
  readonly seen: number
  /** The block of the active chain that holds it; see `LedgerBlock`. */
  readonly block: LedgerBlock | undefined
  /** Height of the block whose transaction spent one of its coins. */
  readonly conflict: number | undefined
  readonly retired: 'replaced' | 'abandoned' | undefined
}

/** An output that pays the account. */
export interface OwnOutput {
  readonly outpoint: Outpoint
  readonly output: TxOutput
  readonly key: OwnKey
  readonly entry: LedgerEntry
}

export class Ledger {
  private readonly book: AddressBook
  private readonly entries = new Map<Txid, LedgerEntry>()
  /** Own outputs, spent or not, by `outpointKey`. */
  private readonly outputs = new Map<string, IndexedOutput>()
  /** The entries that spend an outpoint, by `outpointKey`. More than one: at most one of them can confirm. */
  private readonly spenders = new Map<string, Set<Txid>>()
  /** First four bytes of all txids in `outputs` and `spenders`: what a block's inputs are compared with first. */
  private readonly watched = new Set<number>()
  private readonly mempool = new Set<Txid>()
  private readonly dirty = new Set<Txid>()
  /** Derived from the facts; emptied by every change of them. */
  private readonly activity = new Map<Txid, boolean>()
  /** Set from outside over blocks that have nothing for the account. */
  tip: BlockPlace

  constructor(book: AddressBook, tip: BlockPlace) {
    this.book = book
    this.tip = tip
  }

  /** Takes in the block above `tip`. Returns the transactions that it changed. */
  connectBlock(block: Block, height: number): Set<Txid> {
    const changed = this.readBlock(block, height)
    this.tip = { hash: block.hash, height }
    return changed
  }

  /**
   * Takes in a block of the active chain up to `tip`, for the sake of keys that were unknown when the ledger went past it. Facts don't depend on the
   * order in which blocks tell them. Returns the transactions that it changed.
   */
  readBlock(block: Block, height: number): Set<Txid> {
    const changed = new Set<Txid>()
    const place = { hash: block.hash, height, time: block.header.time }
    this.noteUse(block.transactions)
    for (const [position, transaction] of block.transactions.entries()) {
      if (!this.concerns(transaction)) continue
      for (const rival of this.rivals(transaction)) {
        this.put({ ...rival, conflict: height })
        changed.add(rival.txid)
      }
      if (!this.isOwn(transaction)) continue
      const { txid } = transaction
      const seen = this.entries.get(txid)?.seen ?? place.time
      // Also a known one: keys may have been derived since that others of its outputs pay.
      this.index(transaction)
      const held = { ...place, position }
      this.put({ transaction, txid, seen, block: held, conflict: undefined, retired: undefined })
      changed.add(txid)
    }
    return changed
  }

  /** Forgets all that the blocks above `tip` told. */
  disconnectTo(tip: BlockPlace): Set<Txid> {
    const changed = new Set<Txid>()
    for (const entry of this.entries.values()) {
      const block = entry.block && entry.block.height > tip.height ? undefined : entry.block
      const conflict =
        entry.conflict !== undefined && entry.conflict > tip.height ? undefined : entry.conflict
      if (block === entry.block && conflict === entry.conflict) continue
      this.put({ ...entry, block, conflict })
      changed.add(entry.txid)
    }
    this.tip = tip
    return changed
  }

  /** The mempool holds this transaction. `now` in seconds since 1970. */
  addToMempool(transaction: Transaction, now: number): Set<Txid> {
    if (!this.concerns(transaction)) return new Set()
    const changed = this.record(transaction, now)
    for (const rival of this.rivals(transaction)) {
      this.put({ ...rival, retired: 'replaced' })
      changed.add(rival.txid)
    }
    if (this.isOwn(transaction)) {
      this.index(transaction)
      this.mempool.add(transaction.txid)
      this.activity.clear()
      changed.add(transaction.txid)
    }
    return changed
  }

  /** It left the mempool; `replaced` when another took its place. */
  removeFromMempool(txid: Txid, replaced: boolean): Set<Txid> {
    const entry = this.entries.get(txid)
    if (!entry) return new Set()
    this.mempool.delete(txid)
    this.activity.clear()
    if (replaced && !entry.block) this.put({ ...entry, retired: 'replaced' })
    return new Set([txid])
  }

  /** A transaction without a block, such as a payment about to be sent: its coins count as spent from now on. */
  record(transaction: Transaction, now: number): Set<Txid> {
    this.noteUse([transaction])
    const { txid } = transaction
    const known = this.entries.get(txid)
    if (!this.isOwn(transaction) || (known && !known.retired)) return new Set()
    const entry = known ?? { transaction, txid, seen: now, block: undefined, conflict: undefined }
    this.put({ ...entry, retired: undefined })
    return new Set([txid])
  }

  /** Gives a payment up: its coins are free again. */
  abandon(txid: Txid): Set<Txid> {
    this.put({ ...this.entries.get(txid)!, retired: 'abandoned' })
    return new Set([txid])
  }

  get(txid: Txid): LedgerEntry | undefined {
    return this.entries.get(txid)
  }

  all(): IterableIterator<LedgerEntry> {
    return this.entries.values()
  }

  inMempool(txid: Txid): boolean {
    return this.mempool.has(txid)
  }

  /** The own output at an outpoint, spent or not. */
  output(outpoint: Outpoint): OwnOutput | undefined {
    const found = this.outputs.get(outpointKey(outpoint))
    return found && this.toOwnOutput(found)
  }

  /** Own outputs that no active transaction spends and that are in the chain or in the mempool. */
  unspent(): OwnOutput[] {
    return [...this.outputs.keys()].flatMap((key) => this.unspentAt(key) ?? [])
  }

  /** The one of them at an outpoint, by `outpointKey`; undefined where there is none. */
  unspentAt(key: string): OwnOutput | undefined {
    const found = this.outputs.get(key)
    if (!found) return undefined
    const entry = this.entries.get(found.txid)!
    const exists = entry.block !== undefined || (this.mempool.has(found.txid) && this.isActive(entry))
    return exists && !this.isSpent(key) ? this.toOwnOutput(found) : undefined
  }

  /** Whether an active transaction spends an outpoint, by its `outpointKey`. */
  isSpent(key: string): boolean {
    return this.spendersOf(key).length > 0
  }

  /**
   * The active transactions that spend an outpoint, by its `outpointKey`: one, or rivals of which the mempool has
   * not yet chosen.
   */
  spendersOf(key: string): LedgerEntry[] {
    const txids = this.spenders.get(key)
    if (!txids) return []
    return [...txids].map((txid) => this.entries.get(txid)!).filter((entry) => this.isActive(entry))
  }

  /**
   * Whether a block may matter that neither pays the account nor spends from it: it may take the stranger's coin that a payment to the
   * account needs. Not while the mempool holds that payment: then no block has. `confirmed`: payments that are known to be in the chain.
   */
  dependsOnStrangers(confirmed: ReadonlySet<Txid>): boolean {
    for (const { txid, transaction, block, conflict, retired } of this.entries.values()) {
      if (block || conflict !== undefined || retired || transaction.isCoinbase) continue
      if (confirmed.has(txid) || this.mempool.has(txid)) continue
      if (transaction.inputs.some(({ prevout }) => !this.outputs.has(outpointKey(prevout)))) return true
    }
    return false
  }

  /** The other entries, whatever became of them, that spend a coin which this transaction spends. */
  rivalsOf({ txid, inputs, isCoinbase }: Transaction): LedgerEntry[] {
    if (isCoinbase) return []
    const keys = inputs.map(({ prevout }) => outpointKey(prevout))
    const txids = new Set(keys.flatMap((key) => [...(this.spenders.get(key) ?? [])]))
    return [...txids].filter((rival) => rival !== txid).map((rival) => this.entries.get(rival)!)
  }

  /**
   * Height of the first block that spent a coin of this entry, or of one that it hangs on, in another transaction; undefined where none
   * did, and for what is confirmed itself.
   */
  conflictHeight(entry: LedgerEntry): number | undefined {
    const heights: number[] = []
    const seen = new Set<LedgerEntry>()
    const visit = (one: LedgerEntry) => {
      if (one.block || one.transaction.isCoinbase || seen.has(one)) return
      seen.add(one)
      if (one.conflict !== undefined) heights.push(one.conflict)
      for (const { block } of this.rivalsOf(one.transaction)) if (block) heights.push(block.height)
      for (const { prevout } of one.transaction.inputs) {
        const spent = this.output(prevout)
        if (spent) visit(spent.entry)
      }
    }
    visit(entry)
    return heights.length > 0 ? Math.min(...heights) : undefined
  }

  /** Payments from the account that wait for a block, parents before children. */
  pendingPayments(): LedgerEntry[] {
    const sorted = new Set<LedgerEntry>()
    const visit = (entry: LedgerEntry) => {
      if (entry.block || sorted.has(entry) || !this.isPayment(entry) || !this.isActive(entry)) return
      for (const { prevout } of entry.transaction.inputs) {
        const spent = this.output(prevout)
        if (spent) visit(spent.entry)
      }
      sorted.add(entry)
    }
    for (const entry of this.entries.values()) visit(entry)
    return [...sorted]
  }

  state(entry: LedgerEntry): TransactionState {
    if (entry.block) return 'confirmed'
    if (entry.transaction.isCoinbase) return 'orphaned'
    if (entry.retired) return entry.retired
    return this.isActive(entry) ? 'pending' : 'conflicted'
  }

  /**
   * Confirmed; or pending in the mempool with every input the account's own and as good (Bitcoin Core's
   * CachedTxIsTrusted).
   */
  isTrusted(entry: LedgerEntry): boolean {
    if (entry.block) return true
    if (!this.mempool.has(entry.txid) || !this.isActive(entry)) return false
    return entry.transaction.inputs.every(({ prevout }) => {
      const spent = this.output(prevout)
      return spent !== undefined && this.isTrusted(spent.entry)
    })
  }

  /** What the account gains by it: own outputs less own inputs, satoshis. */
  net({ transaction, txid }: LedgerEntry): Sats {
    let net = 0
    for (const { prevout } of transaction.inputs) net -= this.output(prevout)?.output.value ?? 0
    for (const [index, { value }] of transaction.outputs.entries())
      if (this.outputs.has(`${txid}:${index}`)) net += value
    return sats(net)
  }

  /** Undefined unless every input is the account's. */
  fee({ transaction }: LedgerEntry): Sats | undefined {
    let fee = 0
    for (const { prevout } of transaction.inputs) {
      const spent = this.output(prevout)
      if (!spent) return undefined
      fee += spent.output.value
    }
    for (const { value } of transaction.outputs) fee -= value
    return sats(fee)
  }

  /** Whether it spends a coin of the account. */
  isPayment({ transaction }: LedgerEntry): boolean {
    return transaction.inputs.some(({ prevout }) => this.outputs.has(outpointKey(prevout)))
  }

  /** Confirmed, or able to be: nothing it depends on was lost. */
  isActive(entry: LedgerEntry): boolean {
    if (entry.block) return true
    let active = this.activity.get(entry.txid)
    if (active === undefined) {
      active =
        !entry.retired &&
        entry.conflict === undefined &&
        !entry.transaction.isCoinbase &&
        entry.transaction.inputs.every(({ prevout }) => {
          const spent = this.output(prevout)
          return !spent || this.isActive(spent.entry)
        })
      this.activity.set(entry.txid, active)
    }
    return active
  }

  /** The records of all entries that changed since the last call, under the keys that `load` takes. */
  takeChanges(): Map<string, string> {
    const changes = new Map<string, string>()
    for (const txid of this.dirty)
      changes.set(`${RECORD_PREFIX}${txid}`, encodeEntry(this.entries.get(txid)!))
    this.dirty.clear()
    return changes
  }

  /** Takes in stored records; others than its own are ignored. Throws on a damaged one: storage corruption. */
  load(records: ReadonlyMap<string, string>): void {
    for (const [key, text] of records) {
      if (!key.startsWith(RECORD_PREFIX)) continue
      const entry = decodeEntry(text)
      this.noteUse([entry.transaction])
      this.put(entry)
    }
    this.dirty.clear()
  }

  /**
   * Whether it touches the account: pays it, spends from it, or competes with one of its transactions for a coin.
   */
  private concerns(transaction: Transaction): boolean {
    const { inputs, outputs } = transaction
    return (
      outputs.some(({ scriptPubKey }) => this.book.find(scriptPubKey)) ||
      inputs.some(({ prevout }) => {
        return this.watched.has(prefixOf(prevout.txid)) && this.isWatched(outpointKey(prevout))
      })
    )
  }

  private isWatched(key: string): boolean {
    return this.outputs.has(key) || this.spenders.has(key)
  }

  /** Whether it pays the account or spends from it. */
  private isOwn({ inputs, outputs }: Transaction): boolean {
    return (
      outputs.some(({ scriptPubKey }) => this.book.find(scriptPubKey)) ||
      inputs.some(({ prevout }) => this.outputs.has(outpointKey(prevout)))
    )
  }

  /** Other entries that still could confirm and spend a coin that this one spends. */
  private rivals(transaction: Transaction): LedgerEntry[] {
    return this.rivalsOf(transaction).filter(
      (entry) => !entry.block && entry.conflict === undefined && !entry.retired,
    )
  }

  /** Lets the look-ahead of the address book grow until no output pays a key beyond it. */
  private noteUse(transactions: readonly Transaction[]): void {
    let grew = true
    while (grew) {
      grew = false
      for (const { outputs } of transactions) {
        for (const { scriptPubKey } of outputs) {
          const key = this.book.find(scriptPubKey)
          if (key && this.book.markUsed(key)) grew = true
        }
      }
    }
  }

  /** Sets the facts about a transaction. */
  private put(entry: LedgerEntry): void {
    const { transaction, txid } = entry
    if (!this.entries.has(txid)) this.index(transaction)
    this.entries.set(txid, entry)
    this.dirty.add(txid)
    this.activity.clear()
  }

  private index(transaction: Transaction): void {
    const { txid, txidBytes, inputs, outputs, isCoinbase } = transaction
    this.watched.add(prefixOf(txidBytes))
    for (const [index, { scriptPubKey }] of outputs.entries()) {
      const key = this.book.find(scriptPubKey)
      if (key) this.outputs.set(`${txid}:${index}`, { txid, index, key })
    }
    if (isCoinbase) return
    for (const { prevout } of inputs) {
      this.watched.add(prefixOf(prevout.txid))
      const key = outpointKey(prevout)
      const others = this.spenders.get(key)
      if (others) others.add(txid)
      else this.spenders.set(key, new Set([txid]))
    }
  }

  private toOwnOutput({ txid, index, key }: IndexedOutput): OwnOutput {
    const entry = this.entries.get(txid)!
    return { outpoint: outpointOf(txid, index), output: entry.transaction.outputs[index], key, entry }
  }
}

interface IndexedOutput {
  readonly txid: Txid
  readonly index: number
  readonly key: OwnKey
}

const RECORD_PREFIX = 'transaction/'

/** A stored entry: JSON of the entry, with the transaction as hex. */
function encodeEntry({ transaction, seen, block, conflict, retired }: LedgerEntry): string {
  return JSON.stringify({ transaction: bytesToHex(transaction.bytes), seen, block, conflict, retired })
}

function decodeEntry(text: string): LedgerEntry {
  const stored: Omit<LedgerEntry, 'transaction' | 'txid'> & { transaction: string } = JSON.parse(text)
  const transaction = decodeTransaction(hexToBytes(stored.transaction))
  if (!transaction.ok) throw new Error(`A stored transaction of the wallet is damaged. ${transaction.detail}`)
  const { seen, block, conflict, retired } = stored
  return { transaction: transaction.value, txid: transaction.value.txid, seen, block, conflict, retired }
}
