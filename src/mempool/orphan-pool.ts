/**
 * Transactions whose parents have not arrived: a small pool, bounded in number and memory, the oldest leaving first. Nothing
 * in it was verified.
 */
import type { Txid, Wtxid } from '../primitives/hashes.ts'
import type { Transaction } from '../primitives/transaction.ts'
import { memoryOf } from './graph.ts'

const MAX_ORPHANS = 100
/** Bytes of memory, about. */
const MAX_ORPHAN_BYTES = 2_000_000
/** Seconds that an orphan waits, as in Bitcoin Core. */
const ORPHAN_SECONDS = 20 * 60

interface Orphan {
  readonly transaction: Transaction
  readonly missing: readonly Txid[]
  /** Seconds since 1970. */
  readonly since: number
}

export class OrphanPool {
  /** In order of arrival. */
  private readonly orphans = new Map<Wtxid, Orphan>()
  private readonly byParent = new Map<Txid, Set<Transaction>>()
  /** Bytes of memory, about. */
  private memory = 0

  get size(): number {
    return this.orphans.size
  }

  has(wtxid: Wtxid): boolean {
    return this.orphans.has(wtxid)
  }

  /** Keeps `transaction` until one of the `missing` parents arrives. `now` in seconds since 1970. */
  add(transaction: Transaction, missing: readonly Txid[], now: number): void {
    this.delete(transaction)
    this.orphans.set(transaction.wtxid, { transaction, missing, since: now })
    this.memory += memoryOf(transaction)
    for (const parent of missing) {
      const waiting = this.byParent.get(parent)
      if (waiting) waiting.add(transaction)
      else this.byParent.set(parent, new Set([transaction]))
    }
    this.expire(now)
  }

  /** Takes out and returns the transactions that wait for `parent`, oldest first. */
  takeChildrenOf(parent: Txid): Transaction[] {
    const children = [...(this.byParent.get(parent) ?? [])]
    for (const child of children) this.delete(child)
    return children
  }

  delete(transaction: Transaction): void {
    if (this.orphans.size === 0) return
    const { wtxid } = transaction
    const orphan = this.orphans.get(wtxid)
    if (!orphan) return
    this.orphans.delete(wtxid)
    this.memory -= memoryOf(orphan.transaction)
    for (const parent of orphan.missing) {
      const waiting = this.byParent.get(parent)!
      waiting.delete(orphan.transaction)
      if (waiting.size === 0) this.byParent.delete(parent)
    }
  }

  /** Drops what has waited too long, and the oldest while the bounds are exceeded. */
  expire(now: number): void {
    for (const { transaction, since } of this.orphans.values()) {
      const full = this.orphans.size > MAX_ORPHANS || this.memory > MAX_ORPHAN_BYTES
      if (!full && since > now - ORPHAN_SECONDS) return
      this.delete(transaction)
    }
  }
}
