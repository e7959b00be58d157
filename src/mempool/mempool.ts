/**
 * Transactions that wait for a block. Runs wherever NodeCore runs.
 *
 * What is in here is valid on the chain's tip at every instant, taken together and in order: any selection of it makes a valid
 * block. That holds because all changes happen in two synchronous places: `insert`, straight after the checks against the
 * state it changes, and `follow`, within the chain's own change of tip. What awaits in between, reading coins and verifying
 * inputs, holds no state: when the tip moved meanwhile, the coins are read again, and all checks are made again anyway.
 */
import type { Chain, TipChange } from '../chain/chain.ts'
import { checkTransaction } from '../consensus/checks.ts'
import type { Coin } from '../consensus/coins.ts'
import { transactionCheck } from '../consensus/tx-inputs.ts'
import { feeRate, RELAY_FEE_RATE } from '../policy/fees.ts'
import { BLOCK_RESERVED_WEIGHT, checkStandard } from '../policy/standard.ts'
import type { Sats } from '../primitives/amount.ts'
import { hashKey } from '../primitives/hash-key.ts'
import type { Txid, Wtxid } from '../primitives/hashes.ts'
import type { Clock } from '../primitives/ports.ts'
import { err, invalid, notNow, type Ok, ok, type Rejection } from '../primitives/result.ts'
import { decodeTransaction, type Outpoint, type Transaction } from '../primitives/transaction.ts'
import type { CheckPool } from '../script/input-check.ts'
import { STANDARD_SCRIPT_FLAGS } from '../script/script-flags.ts'
import {
  type Acceptance,
  type AcceptanceRejection,
  type AcceptanceState,
  checkAcceptance,
} from './acceptance.ts'
import type { MempoolEntry } from './entry.ts'
import { FeeFloor } from './fee-floor.ts'
import { ancestorsOf, descendantsOf, type Entry, MempoolGraph, parentsFirst } from './graph.ts'
import { OrphanPool } from './orphan-pool.ts'
import { selectPackages } from './package-selection.ts'
import { VerifiedSet } from './verified-set.ts'

export type { AcceptanceRejection } from './acceptance.ts'
export type { MempoolEntry } from './entry.ts'

export type RemovalReason = 'block' | 'conflict' | 'replaced' | 'size-limit' | 'expired' | 'reorg'

/** Called when the mempool is as told. A listener may read it, and must not throw. */
export interface MempoolListener {
  added?(entry: MempoolEntry): void
  removed?(transaction: Transaction, reason: RemovalReason): void
  /** Work that nobody awaits, such as taking back what a reorganisation left, failed: storage, or a bug. */
  failed?(error: unknown): void
}

export interface MempoolOptions {
  readonly chain: Chain
  readonly checks: CheckPool
  readonly clock: Clock
  /** Bytes of memory, about; the lowest fee rates leave first. 50,000,000 by default. */
  readonly maxBytes?: number
  /** Satoshis per 1,000 virtual bytes. `RELAY_FEE_RATE` by default. */
  readonly minFeeRate?: number
  /** Seconds after which a transaction leaves. 14 days by default. */
  readonly expirySeconds?: number
}

/** A transaction that comes back: it was valid before, in a block or in here. */
interface Returning {
  readonly transaction: Transaction
  /** Since when it was in here; undefined when it comes from a block. */
  readonly formerTime: number | undefined
}

/** Share of the cap that eviction leaves in use, so that it sorts all entries once in a while only. */
const EVICTION_TARGET = 0.95

/** Transactions whose coins are read in one batch on their way back. */
const RETURN_BATCH = 500

export class Mempool {
  /** Bytes of memory that it may take, about. */
  readonly maxBytes: number
  /** Satoshis per 1,000 virtual bytes: the floor that nothing goes below, and what a replacement adds at least. */
  readonly relayFeeRate: number
  private readonly chain: Chain
  private readonly checks: CheckPool
  private readonly clock: Clock
  private readonly expirySeconds: number
  private readonly graph = new MempoolGraph()
  private readonly orphans = new OrphanPool()
  private readonly verified = new VerifiedSet()
  private readonly floor: FeeFloor
  private readonly listeners: MempoolListener[] = []
  private readonly unsubscribe: () => void
  private changes = 0
  /** Counts changes of tip: coins read before the last one are stale. */
  private generation = 0
  /** What waits to be checked again after a reorganisation, parents first, by `hashKey` of the txid. */
  private returning: Map<string, Returning> = new Map()
  /** The work that nobody awaits, one piece after another. */
  private background: Promise<void> = Promise.resolve()
  private closed = false

  constructor(options: MempoolOptions) {
    this.chain = options.chain
    this.checks = options.checks
    this.clock = options.clock
    this.maxBytes = options.maxBytes ?? 50_000_000
    this.relayFeeRate = options.minFeeRate ?? RELAY_FEE_RATE
    this.expirySeconds = options.expirySeconds ?? 14 * 86_400
    this.floor = new FeeFloor(options.clock, this.relayFeeRate, options.chain.params.targetSpacing)
    this.unsubscribe = options.chain.subscribe({ tipChanged: (change) => this.follow(change) })
  }

  /** Transactions. */
  get size(): number {
    return this.graph.size
  }

  /** Bytes of memory counted against the cap. */
  get bytes(): number {
    return this.graph.bytes
  }

  /** Satoshis per 1,000 virtual bytes that a transaction must pay now: the floor, raised while the cap binds. */
  get minFeeRate(): number {
    return this.floor.rate(this.graph.bytes / this.maxBytes)
  }

  /**
   * Checks by consensus and policy, verifies the inputs, and adds. Rejections carry Core's codes. `retry` with
   * `missingParents` when coins are unknown: the transaction is kept a while, and tried again when a parent comes.
   *
   * A rejection for a faulty witness says nothing about the txid: another witness may be good. Remember it by wtxid only.
   */
  async accept(transaction: Transaction): Promise<Ok<MempoolEntry> | AcceptanceRejection> {
    const tx = withOwnBytes(transaction)
    const examined = await this.examine(
      tx,
      (acceptance) => this.insert(tx, acceptance),
      (missing) => this.orphans.add(tx, missing, this.now()),
    )
    return examined.ok ? examined.value : examined
  }

  /** What `accept` would say, without adding. */
  test(transaction: Transaction): Promise<Ok<{ readonly fee: Sats }> | AcceptanceRejection> {
    return this.examine(transaction, ({ fee }) => ({ fee }))
  }

  has(txid: Txid): boolean {
    return this.graph.get(txid) !== undefined
  }

  get(txid: Txid): MempoolEntry | undefined {
    return this.graph.get(txid)
  }

  getByWtxid(wtxid: Wtxid): MempoolEntry | undefined {
    return this.graph.getByWtxid(wtxid)
  }

  /** Whether the transaction waits for a parent that has not arrived. */
  isOrphan(wtxid: Wtxid): boolean {
    return this.orphans.has(wtxid)
  }

  /** The transaction that spends `prevout`, if one waits here. */
  spender(prevout: Outpoint): MempoolEntry | undefined {
    return this.graph.spender(prevout)
  }

  /** In order of arrival, parents before children. */
  entries(): IterableIterator<MempoolEntry> {
    return this.graph.entries()
  }

  /** All unconfirmed transactions that `txid` spends, directly or not; parents before children. Empty when it isn't here. */
  ancestors(txid: Txid): MempoolEntry[] {
    const entry = this.graph.get(txid)
    return entry ? parentsFirst(ancestorsOf(entry)) : []
  }

  /** All unconfirmed transactions that spend `txid`, directly or not; parents before children. Empty when it isn't here. */
  descendants(txid: Txid): MempoolEntry[] {
    const entry = this.graph.get(txid)
    return entry ? parentsFirst(descendantsOf(entry)) : []
  }

  /** Transactions for a block of at most `maxWeight` weight units, best ancestor fee rate first, parents before children. */
  select(maxWeight: number): MempoolEntry[] {
    return [...selectPackages(this.graph.entries(), maxWeight).entries]
  }

  /**
   * Fee rate, satoshis per 1,000 virtual bytes, that gets a transaction into one of the next `blocks` blocks if nothing
   * else arrives: just above the least that these blocks would take now, or the floor while they have room for all. It looks at
   * this mempool alone and at no history: what arrives in the meantime can outbid it.
   */
  estimateFeeRate(blocks: number): number {
    const room = blocks * (this.chain.params.weightLimit - BLOCK_RESERVED_WEIGHT)
    const { lastRate, complete } = selectPackages(this.graph.entries(), room)
    if (complete || lastRate === undefined) return this.minFeeRate
    return Math.max(this.minFeeRate, Math.floor(feeRate(lastRate, 1)) + 1)
  }

  /** Whether this node verified the inputs of exactly this transaction (by wtxid) before, in here or in a block. */
  wasVerified(transaction: Transaction): boolean {
    const { wtxidBytes } = transaction
    return this.verified.has(wtxidBytes) || this.graph.findByWtxid(wtxidBytes) !== undefined
  }

  /** Grows by one with each transaction that comes or leaves (Bitcoin Core's `mempool_sequence`). */
  get sequence(): number {
    return this.changes
  }

  /** Listeners are called in order of subscription. Returns the function that unsubscribes. */
  subscribe(listener: MempoolListener): () => void {
    this.listeners.push(listener)
    return () => {
      const at = this.listeners.indexOf(listener)
      if (at >= 0) this.listeners.splice(at, 1)
    }
  }

  /** Resolves when the last change of tip has been taken in, returned transactions and freed orphans included. */
  async settled(): Promise<void> {
    for (let seen: Promise<void> | undefined; seen !== this.background; ) {
      seen = this.background
      await seen
    }
  }

  close(): void {
    this.closed = true
    this.unsubscribe()
  }

  /**
   * Takes `tx` through every check, then calls `conclude` in the same instant as the last of them, or `setAside` in the instant
   * in which parents are missing. Loops because reading coins and verifying take time: whatever changed meanwhile, the state is
   * checked again before anything is concluded.
   */
  private async examine<T>(
    tx: Transaction,
    conclude: (acceptance: Acceptance) => T,
    setAside: (missing: readonly Txid[]) => void = () => {},
  ): Promise<Ok<T> | AcceptanceRejection> {
    const checked = checkTransaction(tx, this.chain.params)
    if (!checked.ok) return checked
    if (tx.isCoinbase) return invalid('coinbase', 'A coinbase is valid in its block only.')
    const standard = checkStandard(tx, this.chain.params)
    if (!standard.ok) return standard
    let coins: (Coin | undefined)[] | undefined
    let generation = -1
    let inputsVerified = this.wasVerified(tx)
    for (;;) {
      while (!coins || generation !== this.generation) {
        generation = this.generation
        coins = await this.readCoins(prevoutsOf(tx))
      }
      const checked = checkAcceptance(tx, coins, this.state({ checkFees: true }))
      if (!checked.ok) {
        if (!checked.missingParents) return checked
        setAside(checked.missingParents)
        return (await this.isConfirmed(tx)) ? this.alreadyKnown(tx) : checked
      }
      if (inputsVerified) return ok(conclude(checked.value))
      const outcome = await this.checks.verify([
        transactionCheck(tx, checked.value.spent, STANDARD_SCRIPT_FLAGS),
      ])
      if (!outcome.ok)
        return err(
          outcome.kind,
          'mempool-script-verify-flag-failed',
          `Input ${outcome.input} fails (${outcome.code}): ${outcome.detail}`,
        )
      inputsVerified = true
      this.verified.add(tx.wtxidBytes)
    }
  }

  /** The coins at `prevouts`, as far as the first that are unknown: a stranger can name a thousand, each a read from disk. */
  private async readCoins(prevouts: readonly Outpoint[]): Promise<(Coin | undefined)[]> {
    const coins: (Coin | undefined)[] = []
    while (coins.length < prevouts.length) {
      const from = coins.length
      coins.push(...(await this.chain.coins(prevouts.slice(from, from + COINS_AT_ONCE))))
      const isUnknown = ({ txid }: Outpoint, i: number) => !coins[i] && !this.graph.find(txid)
      if (prevouts.slice(0, coins.length).some(isUnknown)) break
    }
    return coins
  }

  private state({ checkFees }: { checkFees: boolean }): AcceptanceState {
    return {
      graph: this.graph,
      context: this.chain.contextOn(this.chain.tip),
      rates: { relay: this.relayFeeRate, mempool: this.minFeeRate },
      checkFees,
    }
  }

  /** Whether a coin that `tx` makes is on the chain: those that it spends are not there any more. */
  private async isConfirmed(tx: Transaction): Promise<boolean> {
    const outputs = tx.outputs.slice(0, MAX_OUTPUTS_LOOKED_UP)
    const coins = await this.chain.coins(outputs.map((_, index) => ({ txid: tx.txidBytes, index })))
    return coins.some((coin) => coin !== undefined)
  }

  private alreadyKnown(tx: Transaction): Rejection {
    this.orphans.delete(tx)
    return notNow('txn-already-known', `Transaction ${tx.txid} is confirmed.`)
  }

  /** Adds what was just checked, and makes room for it. `mempool full` when it is itself what has to leave. */
  private insert(tx: Transaction, acceptance: Acceptance): Ok<Entry> | Rejection {
    const former = this.takeReturning(tx)
    const replaced = this.graph.removeWithDescendants(acceptance.replaced)
    const entry = this.graph.add({
      transaction: tx,
      fee: acceptance.fee,
      time: former?.formerTime ?? this.now(),
      height: this.chain.headers.height(this.chain.tip),
      anchorHeight: acceptance.anchorHeight,
    })
    const evicted = this.trim()
    const wasEvicted = evicted.includes(entry)
    const wasTold = former?.formerTime !== undefined
    this.tellRemoved(replaced, 'replaced')
    if (!wasEvicted && !wasTold) this.tellAdded(entry)
    this.tellRemoved(wasTold ? evicted : evicted.filter((other) => other !== entry), 'size-limit')
    if (wasEvicted)
      return notNow('mempool full', `The mempool is full of transactions that pay more than ${tx.txid}.`)
    this.orphans.delete(tx)
    this.wakeOrphans([tx])
    return ok(entry)
  }

  /**
   * While the cap is exceeded, drives out what pays least together with its descendants, or by itself where that is more: a
   * transaction that a rich child spends is not poor. Raises the floor to what left.
   */
  private trim(): Entry[] {
    if (this.graph.bytes <= this.maxBytes) return []
    const ranked = [...this.graph.entries()]
      .map((entry) => ({ entry, rate: Math.max(feeRate(entry.fee, entry.weight), packageRate(entry)) }))
      .sort((a, b) => a.rate - b.rate || b.entry.order - a.entry.order)
    const evicted: Entry[] = []
    for (const { entry } of ranked) {
      if (this.graph.bytes <= this.maxBytes * EVICTION_TARGET) break
      if (this.graph.find(entry.transaction.txidBytes) !== entry) continue
      this.floor.raise(packageRate(entry))
      evicted.push(...this.graph.removeWithDescendants([entry]))
    }
    return evicted
  }

  /** Follows the chain to another tip. Synchronous: from here on everything is valid on the new tip. */
  private follow(change: TipChange): void {
    this.generation++
    const removed: (readonly [readonly Pick<Entry, 'transaction'>[], RemovalReason])[] = []
    if (change.disconnected.length > 0) this.leaveBlocks(change)
    let height = this.chain.headers.height(change.fork)
    for (const block of change.connected) {
      height++
      for (const tx of block.transactions) {
        this.verified.add(tx.wtxidBytes)
        const entry = this.graph.find(tx.txidBytes)
        const waiting = this.takeReturning(tx)
        if (entry) {
          this.graph.removeConfirmed(entry, height)
          removed.push([[entry], 'block'])
        } else if (waiting?.formerTime !== undefined) removed.push([[waiting], 'block'])
        else removed.push([this.graph.removeWithDescendants(this.spendersOf(tx)), 'conflict'])
        this.orphans.delete(tx)
      }
      this.wakeOrphans(block.transactions)
      this.floor.blockConnected()
    }
    const expired = [...this.graph.entries()].filter(({ time }) => time <= this.now() - this.expirySeconds)
    removed.push([this.graph.removeWithDescendants(expired), 'expired'])
    this.orphans.expire(this.now())
    if (this.returning.size > 0) this.enqueue(() => this.takeBack())
    for (const [entries, reason] of removed) this.tellRemoved(entries, reason)
  }

  /** Sets aside what a reorganisation calls into question: the transactions of the blocks left, and the entries anchored there. */
  private leaveBlocks({ fork, disconnected }: TipChange): void {
    const forkHeight = this.chain.headers.height(fork)
    const displaced = [...this.graph.entries()].filter((entry) => entry.anchorHeight > forkHeight)
    const returning: Returning[] = [
      ...disconnected
        .toReversed()
        .flatMap((block) =>
          block.transactions.slice(1).map((transaction) => ({ transaction, formerTime: undefined })),
        ),
      ...this.graph
        .removeWithDescendants(displaced)
        .map(({ transaction, time }) => ({ transaction, formerTime: time })),
      // What waits from the reorganisation before may spend either.
      ...this.returning.values(),
    ]
    this.returning = new Map(returning.map((each) => [hashKey(each.transaction.txidBytes), each]))
  }

  /**
   * Takes back what reorganisations set aside, as far as it is valid on the tip. Verified it was, in here or in a block; and
   * what a miner took for less than the floor may wait for the next one.
   */
  private async takeBack(): Promise<void> {
    while (this.returning.size > 0) {
      const batch = [...this.returning.values()].slice(0, RETURN_BATCH)
      const generation = this.generation
      const coins = await this.chain.coins(batch.flatMap(({ transaction }) => prevoutsOf(transaction)))
      if (generation !== this.generation) continue
      let at = 0
      for (const { transaction } of batch) {
        const spent = coins.slice(at, at + transaction.inputs.length)
        at += transaction.inputs.length
        this.takeBackOne(transaction, spent)
      }
    }
  }

  private takeBackOne(transaction: Transaction, coins: readonly (Coin | undefined)[]): void {
    // Accepted from a peer, or confirmed, while the coins were read.
    const former = this.returning.get(hashKey(transaction.txidBytes))
    if (!former) return
    const tx = withOwnBytes(transaction)
    const standard = checkStandard(tx, this.chain.params)
    const checked = standard.ok ? checkAcceptance(tx, coins, this.state({ checkFees: false })) : standard
    if (checked.ok) {
      this.verified.add(tx.wtxidBytes)
      this.insert(tx, checked.value)
      return
    }
    this.takeReturning(tx)
    if (former.formerTime !== undefined) this.tellRemoved([former], 'reorg')
  }

  /** Takes a transaction out of those that wait to be checked again; undefined when it isn't there. */
  private takeReturning({ txidBytes }: Transaction): Returning | undefined {
    if (this.returning.size === 0) return undefined
    const key = hashKey(txidBytes)
    const found = this.returning.get(key)
    this.returning.delete(key)
    return found
  }

  private spendersOf(tx: Transaction): Set<Entry> {
    const spenders = new Set<Entry>()
    if (this.graph.size === 0) return spenders
    for (const prevout of prevoutsOf(tx)) {
      const spender = this.graph.spender(prevout)
      if (spender) spenders.add(spender)
    }
    return spenders
  }

  /** Tries again the orphans that wait for one of `parents`. */
  private wakeOrphans(parents: readonly Transaction[]): void {
    if (this.orphans.size === 0) return
    for (const child of parents.flatMap(({ txid }) => this.orphans.takeChildrenOf(txid)))
      this.enqueue(() => this.accept(child))
  }

  private enqueue(work: () => Promise<unknown>): void {
    this.background = this.background
      .then(async () => {
        if (!this.closed) await work()
      })
      .catch((error) => {
        if (!this.closed) for (const listener of [...this.listeners]) listener.failed?.(error)
      })
  }

  private tellAdded(entry: Entry): void {
    this.changes++
    for (const listener of [...this.listeners]) listener.added?.(entry)
  }

  private tellRemoved(
    entries: readonly { readonly transaction: Transaction }[],
    reason: RemovalReason,
  ): void {
    for (const { transaction } of entries) {
      this.changes++
      for (const listener of [...this.listeners]) listener.removed?.(transaction, reason)
    }
  }

  /** Seconds since 1970. */
  private now(): number {
    return Math.floor(this.clock.now() / 1_000)
  }
}

/** Inputs whose coins are read in one batch. */
const COINS_AT_ONCE = 64

/** Outputs of a transaction looked up to see whether it is confirmed. */
const MAX_OUTPUTS_LOOKED_UP = 16

function prevoutsOf(tx: Transaction): Outpoint[] {
  return tx.inputs.map(({ prevout }) => prevout)
}

/** Satoshis per 1,000 virtual bytes of an entry with its descendants. */
function packageRate(entry: Entry): number {
  return feeRate(entry.descendantFees, entry.descendantWeight)
}

/** The transaction on a buffer of its own: as a view it would keep the whole message or block in memory. */
function withOwnBytes(tx: Transaction): Transaction {
  if (tx.bytes.buffer.byteLength === tx.bytes.length) return tx
  const decoded = decodeTransaction(tx.bytes.slice())
  if (!decoded.ok) throw new Error(`A decoded transaction does not decode: ${decoded.detail}`)
  return decoded.value
}
