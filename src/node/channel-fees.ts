/**
 * Coins of a wallet that pay for what a channel's closing needs: children of anchors, transactions of the second level. Set aside for a purpose as long as
 * it lasts, so that no payment takes them meanwhile. What they pay for was agreed to when the channel was opened; the signer sees that it is no more. Thread: the brain.
 */
import type { FeeSource } from '../channels/monitor.ts'
import { FEERATE_FLOOR } from '../channels/policy.ts'
import type { FeeCoin } from '../channels/spends.ts'
import type { Mempool } from '../mempool/mempool.ts'
import { outpointKey, type Transaction } from '../primitives/transaction.ts'
import { Psbt } from '../wallet/psbt.ts'
import type { Wallet } from '../wallet/wallet.ts'

const WEIGHT_PER_VBYTE = 4

export class WalletFees implements FeeSource {
  private readonly wallet: Wallet
  private readonly mempool: Pick<Mempool, 'estimateFeeRate'>
  private readonly held = new Map<string, FeeCoin[]>()

  constructor(wallet: Wallet, mempool: Pick<Mempool, 'estimateFeeRate'>) {
    this.wallet = wallet
    this.mempool = mempool
  }

  feerate(blocks: number): number {
    return Math.max(FEERATE_FLOOR, Math.ceil(this.mempool.estimateFeeRate(blocks) / WEIGHT_PER_VBYTE))
  }

  async coins(purpose: string, amount: number): Promise<readonly FeeCoin[] | undefined> {
    const held = this.held.get(purpose) ?? []
    let sum = held.reduce((total, { output }) => total + output.value, 0)
    const added: FeeCoin[] = []
    // The smallest that is enough, else the largest: few inputs, and large coins stay whole.
    const free = this.wallet
      .coins()
      .filter(({ spendable, locked, confirmations }) => spendable && !locked && confirmations > 0)
      .sort((a, b) => a.value - b.value)
    while (sum < amount && free.length > 0) {
      const missing = amount - sum
      const enough = free.findIndex(({ value }) => value >= missing)
      const [coin] = free.splice(enough >= 0 ? enough : free.length - 1, 1)
      const { outpoint, value, scriptPubKey } = coin
      added.push({ outpoint, output: { value, scriptPubKey } })
      sum += value
    }
    if (sum < amount) return undefined
    this.held.set(purpose, [...held, ...added])
    await this.lock(added, 'memory')
    return this.held.get(purpose)
  }

  async sign(
    transaction: Transaction,
    coins: readonly FeeCoin[],
    spent: readonly FeeCoin['output'][],
  ): Promise<readonly (readonly Uint8Array[])[] | undefined> {
    const { wallet } = this
    const first = spent.length - coins.length
    const keyOf = (script: Uint8Array) => wallet.addressInfo(script).key
    const psbt = Psbt.of({
      version: transaction.version,
      inputs: transaction.inputs.map(({ prevout, sequence }, at) => ({
        prevout,
        sequence,
        spent: spent[at],
        key: at < first ? undefined : keyOf(spent[at].scriptPubKey),
      })),
      outputs: transaction.outputs.map((output) => ({ ...output, key: keyOf(output.scriptPubKey) })),
      lockTime: transaction.lockTime,
    })
    const bytes = await wallet.signer.signPsbt(psbt.bytes)
    const signed = bytes.ok ? Psbt.parse(bytes.value) : bytes
    if (!signed.ok) return undefined
    const witnesses = signed.value.finalized().maps.inputs.map(({ finalScriptWitness }) => finalScriptWitness)
    const own = witnesses.slice(first)
    return own.every((witness) => witness !== undefined) ? (own as Uint8Array[][]) : undefined
  }

  release(purpose: string): void {
    const held = this.held.get(purpose) ?? []
    this.held.delete(purpose)
    // Spent ones are no coins any more; a lock in memory is forgotten with the program.
    void this.lock(held, undefined)
  }

  private lock(coins: readonly FeeCoin[], lock: 'memory' | undefined): Promise<void> {
    return this.wallet.lockCoins(coins.map(({ outpoint }) => ({ key: outpointKey(outpoint), lock })))
  }
}
