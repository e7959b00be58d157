/** Small changes to blocks and transactions: what scenarios break rules with. */
import type { NetworkParams } from '../../src/consensus/params.ts'
import { checkProofOfWork } from '../../src/consensus/pow.ts'
import { Block, BlockHeader, type HeaderFields } from '../../src/primitives/block.ts'
import { concatBytes } from '../../src/primitives/bytes.ts'
import { Transaction, type TransactionFields } from '../../src/primitives/transaction.ts'
import type { TestBlock } from '../support/chain-builder.ts'

/** What is changed in one input. */
export type InputChange = Partial<TransactionFields['inputs'][0]>

/** Options that change the one input of a coinbase. */
export function editCoinbase(change: InputChange): {
  coinbase: (fields: TransactionFields) => TransactionFields
} {
  return { coinbase: (fields) => ({ ...fields, inputs: [{ ...fields.inputs[0], ...change }] }) }
}

/** The transaction with its first input changed. */
export function withInput(tx: Transaction, change: InputChange): Transaction {
  return Transaction.of({ ...tx, inputs: [{ ...tx.inputs[0], ...change }, ...tx.inputs.slice(1)] })
}

/** The transaction with another witness of its first input. */
export function withWitness(
  tx: Transaction,
  change: (witness: readonly Uint8Array[]) => readonly Uint8Array[],
): Transaction {
  return withInput(tx, { witness: change(tx.inputs[0].witness) })
}

/** Every longer list that has the same merkle root: where a level has an odd number of nodes, the last may be said again. */
export function repetitions(transactions: readonly Transaction[]): Transaction[][] {
  const longer: Transaction[][] = []
  let list = [...transactions]
  for (let leaves = 1; leaves < list.length; leaves *= 2) {
    if ((list.length / leaves) % 2 === 0) continue
    list = [...list, ...list.slice(-leaves)]
    longer.push(list)
  }
  return longer
}

/** The same body under a header that is changed, without the work that it would take. */
export function withHeader(block: TestBlock, change: Partial<HeaderFields>): TestBlock {
  const header = BlockHeader.of({ ...block.block.header, ...change })
  return { ...block, block: Block.of(header, block.block.transactions) }
}

/** The block with a nonce whose hash is above its target. */
export function withoutWork(block: TestBlock, params: NetworkParams): TestBlock {
  for (let nonce = 0; ; nonce++) {
    const changed = withHeader(block, { nonce })
    if (!checkProofOfWork(changed.block.header, params)) return changed
  }
}

/** `bytes` with `count` of them from `at` on replaced. */
export function splice(bytes: Uint8Array, at: number, count: number, ...by: number[]): Uint8Array {
  return concatBytes(bytes.subarray(0, at), Uint8Array.from(by), bytes.subarray(at + count))
}

/** A copy in which one bit of the byte at `at` differs. */
export function flipped(bytes: Uint8Array, at: number): Uint8Array {
  const copy = bytes.slice()
  copy[at] ^= 1
  return copy
}
