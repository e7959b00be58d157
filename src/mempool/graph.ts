/**
 * The graph of unconfirmed transactions: who spends whom, what every outpoint is spent by, and the sums that fee rates and
 * limits ask for. Transactions enter as leaves and leave as roots (confirmed) or together with all that spends them, so
 * that no update reaches further than one transaction's ancestors and descendants, which policy bounds. Rules live elsewhere.
 */
import { type Sats, sats } from '../primitives/amount.ts'
import { hashKey, outpointHashKey } from '../primitives/hash-key.ts'
import { fromDisplay, type Txid, type Wtxid } from '../primitives/hashes.ts'
import { type Outpoint, outpointKey, type Transaction } from '../primitives/transaction.ts'
import type { MempoolEntry } from './entry.ts'

/** What is known of a transaction before it enters. */
export interface NewEntry {
  readonly transaction: Transaction
  readonly fee: Sats
  readonly time: number
  readonly height: number
  /** A reorganisation that leaves the chain up to this height as it is leaves the transaction valid. */
  readonly anchorHeight: number
}

/** An entry as the mempool's own files see it. Only `MempoolGraph` writes to it. */
export class Entry implements MempoolEntry {
  readonly transaction: Transaction
  readonly fee: Sats
  readonly weight: number
  readonly time: number
  readonly height: number
  /** Rises with every entry: the order of arrival, which breaks ties. */
  readonly order: number
  /** The `hashKey` of its txid. */
  readonly txidKey: string
  /** The `hashKey` of its wtxid. */
  readonly wtxidKey: string
  /** The outpoints that it spends, by `outpointHashKey`. */
  readonly spentKeys: readonly string[]
  anchorHeight: number
  readonly parents = new Set<Entry>()
  readonly children = new Set<Entry>()
  ancestorFees: Sats
  ancestorWeight: number
  ancestorCount = 1
  descendantFees: Sats
  descendantWeight: number
  descendantCount = 1

  constructor(facts: NewEntry, order: number) {
    this.transaction = facts.transaction
    this.fee = facts.fee
    this.weight = facts.transaction.weight
    this.time = facts.time
    this.height = facts.height
    this.anchorHeight = facts.anchorHeight
    this.order = order
    this.txidKey = hashKey(facts.transaction.txidBytes)
    this.wtxidKey = hashKey(facts.transaction.wtxidBytes)
    this.spentKeys = facts.transaction.inputs.map(({ prevout }) => outpointHashKey(prevout))
    this.ancestorFees = this.descendantFees = facts.fee
    this.ancestorWeight = this.descendantWeight = this.weight
  }
}

export class MempoolGraph {
  /** In order of arrival, by `Entry.txidKey`. */
  private readonly byTxid = new Map<string, Entry>()
  /** By `Entry.wtxidKey`. */
  private readonly byWtxid = new Map<string, Entry>()
  /** By `outpointHashKey`. */
  private readonly spenders = new Map<string, Entry>()
  private memory = 0
  private nextOrder = 0

  get size(): number {
    return this.byTxid.size
  }

  /** Bytes of memory that the entries take, about. */
  get bytes(): number {
    return this.memory
  }

  get(txid: Txid): Entry | undefined {
    return this.find(fromDisplay(txid))
  }

  /** By the 32 bytes of a txid, internal order. */
  find(txid: Uint8Array): Entry | undefined {
    return this.byTxid.get(hashKey(txid))
  }

  getByWtxid(wtxid: Wtxid): Entry | undefined {
    return this.findByWtxid(fromDisplay(wtxid))
  }

  /** By the 32 bytes of a wtxid, internal order. */
  findByWtxid(wtxid: Uint8Array): Entry | undefined {
    return this.byWtxid.get(hashKey(wtxid))
  }

  spender(prevout: Outpoint): Entry | undefined {
    return this.spenders.get(outpointHashKey(prevout))
  }

  /** In order of arrival. */
  entries(): MapIterator<Entry> {
    return this.byTxid.values()
  }

  /** Adds a transaction that nothing here spends or conflicts with; its parents are found by its inputs. */
  add(facts: NewEntry): Entry {
    const entry = new Entry(facts, this.nextOrder++)
    const { transaction } = entry
    transaction.inputs.forEach(({ prevout }, i) => {
      if (this.spenders.has(entry.spentKeys[i]))
        throw new Error(`${outpointKey(prevout)} is spent by another transaction of the mempool`)
      this.spenders.set(entry.spentKeys[i], entry)
      const parent = this.find(prevout.txid)
      if (!parent) return
      entry.parents.add(parent)
      parent.children.add(entry)
    })
    for (const ancestor of ancestorsOf(entry)) {
      addTo(ancestor, 'descendant', entry, 1)
      addTo(entry, 'ancestor', ancestor, 1)
    }
    this.byTxid.set(entry.txidKey, entry)
    this.byWtxid.set(entry.wtxidKey, entry)
    this.memory += memoryOf(transaction)
    return entry
  }

  /** Takes out a transaction that the block at `height` confirmed, after its parents. What spends it stays. */
  removeConfirmed(entry: Entry, height: number): void {
    if (entry.parents.size > 0) throw new Error('a transaction was confirmed before its parent')
    for (const descendant of descendantsOf(entry)) addTo(descendant, 'ancestor', entry, -1)
    for (const child of entry.children) {
      child.parents.delete(entry)
      child.anchorHeight = Math.max(child.anchorHeight, height)
    }
    this.forget(entry)
  }

  /** Takes out `roots` and everything that spends them, directly or not. Returns what left, parents before children. */
  removeWithDescendants(roots: Iterable<Entry>): Entry[] {
    const leaving = parentsFirst(withDescendants(roots))
    for (const entry of leaving.toReversed()) {
      for (const ancestor of ancestorsOf(entry)) addTo(ancestor, 'descendant', entry, -1)
      for (const parent of entry.parents) parent.children.delete(entry)
      this.forget(entry)
    }
    return leaving
  }

  private forget(entry: Entry): void {
    this.byTxid.delete(entry.txidKey)
    this.byWtxid.delete(entry.wtxidKey)
    for (const key of entry.spentKeys) this.spenders.delete(key)
    this.memory -= memoryOf(entry.transaction)
  }
}

/** All that `entry` spends, directly or not, without itself. */
export function ancestorsOf(entry: Entry): Set<Entry> {
  return closure(entry.parents, 'parents')
}

/** All that spends `entry`, directly or not, without itself. */
export function descendantsOf(entry: Entry): Set<Entry> {
  return closure(entry.children, 'children')
}

/** `entries` and all their ancestors. */
export function withAncestors(entries: Iterable<Entry>): Set<Entry> {
  return closure(entries, 'parents')
}

/** `entries` and all their descendants. */
export function withDescendants(entries: Iterable<Entry>): Set<Entry> {
  return closure(entries, 'children')
}

/** In an order in which every parent precedes its children: a child has more ancestors than any of its ancestors. */
export function parentsFirst(entries: Iterable<Entry>): Entry[] {
  return [...entries].sort((a, b) => a.ancestorCount - b.ancestorCount || a.order - b.order)
}

function closure(start: Iterable<Entry>, direction: 'parents' | 'children'): Set<Entry> {
  const found = new Set(start)
  if (found.size === 0) return found
  // A Set's iteration visits what is added on the way.
  for (const entry of found) for (const next of entry[direction]) found.add(next)
  return found
}

/** Counts `relative` in (or out: −1) among the ancestors or descendants of `entry`. */
function addTo(entry: Entry, sums: 'ancestor' | 'descendant', relative: Entry, sign: 1 | -1): void {
  if (sums === 'ancestor') {
    entry.ancestorFees = sats(entry.ancestorFees + sign * relative.fee)
    entry.ancestorWeight += sign * relative.weight
    entry.ancestorCount += sign
  } else {
    entry.descendantFees = sats(entry.descendantFees + sign * relative.fee)
    entry.descendantWeight += sign * relative.weight
    entry.descendantCount += sign
  }
}

/** Bytes that a transaction takes with its objects, views and map slots, about: as measured in V8. */
export function memoryOf(transaction: Transaction): number {
  const { bytes, inputs, outputs } = transaction
  const items = inputs.reduce((sum, { witness }) => sum + witness.length, 0)
  return bytes.length + 2_500 + inputs.length * 500 + items * 100 + outputs.length * 150
}
