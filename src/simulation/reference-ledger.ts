/**
 * The coins of a chain worked out the plain way, from its blocks alone and with no code of the chain layer: what the invariants hold
 * the real thing against.
 */

import type { NetworkParams } from '../consensus/params.ts'
import { subsidy } from '../consensus/subsidy.ts'
import type { Block } from '../primitives/block.ts'
import { outpointKey, type Transaction } from '../primitives/transaction.ts'
import { outputKeyOf } from '../script/taproot.ts'

export class ReferenceLedger {
  /** Value of each unspent output, satoshis, by `outpointKey`. */
  readonly coins = new Map<string, number>()
  private readonly params: NetworkParams
  private height = 0
  /** Satoshis that subsidies allowed so far. */
  private issued = 0n

  constructor(params: NetworkParams) {
    this.params = params
  }

  /** Applies the next block after genesis. Throws where a coin is spent that isn't there, or money comes from nowhere. */
  apply(block: Block): void {
    this.height++
    this.issued += BigInt(subsidy(this.height, this.params))
    for (const tx of block.transactions) this.spend(tx)
    const total = [...this.coins.values()].reduce((sum, value) => sum + BigInt(value), 0n)
    if (total > this.issued)
      throw new Error(`${total} satoshis exist at height ${this.height}, ${this.issued} were issued`)
  }

  /** Applies one transaction on top, as if it were in the next block. */
  spend(tx: Transaction): void {
    let input = 0
    for (const { prevout } of tx.isCoinbase ? [] : tx.inputs) {
      const key = outpointKey(prevout)
      const value = this.coins.get(key)
      if (value === undefined) throw new Error(`${tx.txid} spends ${key}, which is spent or was never made`)
      this.coins.delete(key)
      input += value
    }
    let output = 0
    tx.outputs.forEach(({ value, scriptPubKey }, index) => {
      output += value
      if (outputKeyOf(scriptPubKey)) this.coins.set(outpointKey({ txid: tx.txidBytes, index }), value)
    })
    if (!tx.isCoinbase && output > input)
      throw new Error(`${tx.txid} makes ${output - input} satoshis out of nothing`)
  }
}
