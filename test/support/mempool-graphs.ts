/** Unsigned transactions in graphs of any shape, for tests of what needs no coins and no signatures; and a check of any graph's sums. */
import assert from 'node:assert/strict'
import type { MempoolEntry } from '../../src/mempool/entry.ts'
import type { Entry, MempoolGraph } from '../../src/mempool/graph.ts'
import { sats } from '../../src/primitives/amount.ts'
import { type Outpoint, outpointKey, Transaction, unsignedInput } from '../../src/primitives/transaction.ts'

export interface EntryShape {
  /** Each names an entry of the graph by its position, modulo their number. */
  readonly parents: readonly number[]
  readonly fee: number
  readonly outputs: number
}

/** A transaction that spends `prevouts`. */
export function spending(prevouts: readonly Outpoint[], outputs: number): Transaction {
  return Transaction.of({
    version: 2,
    inputs: prevouts.map((prevout) => unsignedInput(prevout, 0xffffffff)),
    outputs: Array.from({ length: outputs }, () => ({
      value: sats(1_000),
      scriptPubKey: new Uint8Array(34).fill(0x51),
    })),
    lockTime: 0,
  })
}

let coins = 0

/** An outpoint that no other call returns. */
export function freshCoin(): Outpoint {
  const txid = new Uint8Array(32).fill(0xcc)
  new DataView(txid.buffer).setUint32(0, coins++)
  return { txid, index: 0 }
}

/** Adds a transaction that spends a fresh coin and, of each parent, an output that is free. */
export function addGenerated(graph: MempoolGraph, shape: EntryShape): Entry {
  const entries = [...graph.entries()]
  const parents = entries.length === 0 ? [] : shape.parents.map((parent) => entries[parent % entries.length])
  const prevouts = [...new Set(parents)].flatMap(({ transaction }) => {
    const outpoints = transaction.outputs.map((_, index) => ({ txid: transaction.txidBytes, index }))
    return outpoints.filter((outpoint) => !graph.spender(outpoint)).slice(0, 1)
  })
  return graph.add({
    transaction: spending([freshCoin(), ...prevouts], shape.outputs),
    fee: sats(shape.fee),
    time: 0,
    height: 0,
    anchorHeight: 0,
  })
}

/** Checks the links and sums of all entries of a mempool against what follows from their transactions alone. */
export function checkSums(entries: readonly MempoolEntry[]): void {
  const byTxid = new Map(entries.map((entry) => [entry.transaction.txid as string, entry]))
  const parents = new Map<MempoolEntry, Set<MempoolEntry>>()
  const ancestors = new Map<MempoolEntry, Set<MempoolEntry>>()
  for (const entry of entries) {
    const spent = entry.transaction.inputs.map(({ prevout }) => byTxid.get(outpointKey(prevout).slice(0, 64)))
    parents.set(entry, new Set(spent.filter((parent) => parent !== undefined)))
  }
  for (const entry of entries) {
    const found = new Set([entry])
    for (const member of found) for (const parent of parents.get(member)!) found.add(parent)
    ancestors.set(entry, found)
  }
  const sums = (members: Iterable<MempoolEntry>) => {
    const all = [...members]
    return {
      count: all.length,
      fees: all.reduce((sum, { fee }) => sum + fee, 0),
      weight: all.reduce((sum, { transaction }) => sum + transaction.weight, 0),
    }
  }
  for (const entry of entries) {
    const { ancestorCount, ancestorFees, ancestorWeight } = entry
    const { descendantCount, descendantFees, descendantWeight } = entry
    assert.deepEqual(
      { count: ancestorCount, fees: ancestorFees, weight: ancestorWeight },
      sums(ancestors.get(entry)!),
    )
    assert.deepEqual(
      { count: descendantCount, fees: descendantFees, weight: descendantWeight },
      sums(entries.filter((other) => ancestors.get(other)!.has(entry))),
    )
    assert.ok(sameMembers(entry.parents, parents.get(entry)!))
    assert.ok(sameMembers(entry.children, new Set(entries.filter((other) => parents.get(other)!.has(entry)))))
  }
}

function sameMembers(a: ReadonlySet<MempoolEntry>, b: ReadonlySet<MempoolEntry>): boolean {
  return a.size === b.size && [...a].every((member) => b.has(member))
}
