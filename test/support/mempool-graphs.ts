/** Unsigned transactions in graphs of any shape, for tests of what needs no coins and no signatures. */
import type { Entry, MempoolGraph } from '../../src/mempool/graph.ts'
import { sats } from '../../src/primitives/amount.ts'
import { type Outpoint, Transaction, unsignedInput } from '../../src/primitives/transaction.ts'

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
