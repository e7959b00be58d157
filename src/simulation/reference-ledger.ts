/**
 * The coins of a chain worked out the plain way, from its blocks alone and with no code of the chain layer: what the invariants hold
 * the real thing against.
 */
import type { NetworkParams } from '../consensus/params.ts'
import { subsidy } from '../consensus/subsidy.ts'
import type { Block } from '../primitives/block.ts'
import { outpointKey, type Transaction, type TxOutput } from '../primitives/transaction.ts'
import { packOutputs } from '../script/input-check.ts'
import { outputKeyOf } from '../script/taproot.ts'
import type { VerdictCache } from './virtual-check-pool.ts'

export interface ReferenceCoin extends TxOutput {
  readonly height: number
  readonly coinbase: boolean
}

export class ReferenceLedger {
  /** Each unspent output, by `outpointKey`. */
  readonly coins = new Map<string, ReferenceCoin>()
  /** Satoshis that coinbases claimed beyond the fees: all the money there is. */
  supply = 0n
  /** Of the last block applied. */
  height = 0
  private readonly params: NetworkParams
  private readonly verdicts: VerdictCache

  constructor(params: NetworkParams, verdicts: VerdictCache) {
    this.params = params
    this.verdicts = verdicts
  }

  /**
   * Applies the next block after genesis. Throws where a coin is spent that isn't there, too early, or without its owner's signature, and where
   * money comes from nowhere.
   */
  apply(block: Block): void {
    const [coinbase, ...payments] = block.transactions
    let fees = 0
    for (const tx of payments) fees += this.spend(tx)
    this.height++
    const claimed = coinbase.outputs.reduce((sum, { value }) => sum + value, 0)
    const minted = claimed - fees
    if (minted > subsidy(this.height, this.params))
      throw new Error(
        `block ${this.height} makes ${minted} satoshis, ${subsidy(this.height, this.params)} are due`,
      )
    this.supply += BigInt(minted)
    this.addOutputs(coinbase, this.height)
  }

  /** Applies one transaction on top, as if it were in the next block. Returns its fee. Throws as `apply` does. */
  spend(tx: Transaction): number {
    const height = this.height + 1
    const spent: ReferenceCoin[] = []
    for (const { prevout } of tx.inputs) {
      const key = outpointKey(prevout)
      const coin = this.coins.get(key)
      if (coin === undefined) throw new Error(`${tx.txid} spends ${key}, which is spent or was never made`)
      if (coin.coinbase && coin.height + this.params.coinbaseMaturity > height)
        throw new Error(`${tx.txid} spends ${key} of height ${coin.height} at ${height}, before it matures`)
      this.coins.delete(key)
      spent.push(coin)
    }
    const failure = this.verdicts.verify({ transaction: tx.bytes, spentOutputs: packOutputs(spent) })
    if (failure) throw new Error(`${tx.txid} is not signed: ${failure.detail}`)
    this.addOutputs(tx, height)
    const sum = (outputs: readonly TxOutput[]): number =>
      outputs.reduce((total, { value }) => total + value, 0)
    const fee = sum(spent) - sum(tx.outputs)
    if (fee < 0) throw new Error(`${tx.txid} makes ${-fee} satoshis out of nothing`)
    return fee
  }

  private addOutputs(tx: Transaction, height: number): void {
    tx.outputs.forEach((output, index) => {
      if (!outputKeyOf(output.scriptPubKey)) return
      const coin = { ...output, height, coinbase: tx.isCoinbase }
      this.coins.set(outpointKey({ txid: tx.txidBytes, index }), coin)
    })
  }
}
