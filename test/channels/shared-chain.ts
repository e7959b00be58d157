/**
 * One chain and one mempool for all nodes of a world of channels: blocks are mined from what the mempool took, by fee rate, so that every
 * transaction has passed the interpreter and the policy. It can be driven back by a longer branch, and asks more in times of high fees.
 */
import type { TipChange } from '../../src/chain/chainstate.ts'
import type { MempoolEntry } from '../../src/mempool/entry.ts'
import { bytesToHex, EMPTY } from '../../src/primitives/bytes.ts'
import type { Txid } from '../../src/primitives/hashes.ts'
import { outpointKey, type Transaction, type TxOutput } from '../../src/primitives/transaction.ts'
import type { VirtualTime } from '../../src/simulator/virtual-time.ts'
import type { TestBlock, TestCoin } from '../support/chain-builder.ts'
import { ChainNode } from '../support/chain-node.ts'

/** Weight that blocks of this world hold, far more than it ever fills. */
const BLOCK_WEIGHT = 2_000_000

/** What the active chain says of a transaction. */
export interface Confirmed {
  readonly transaction: Transaction
  readonly height: number
  /** Satoshis; 0 for a coinbase. */
  readonly fee: number
}

export class SharedChain {
  readonly node: ChainNode
  /** No branch leaves the chain below this height: the coins of all nodes lie there. */
  base = 0
  /** Satoshis for 1,000 weight units below which nothing is mined. */
  feerate = 253
  /** The most that was ever asked. */
  greatestFeerate = 253
  /** Why the mempool refused a transaction when it was last offered. */
  readonly refusals = new Map<Txid, string>()
  private offering: Promise<unknown> = Promise.resolve()
  /** All outputs that ever were, on any branch. */
  private readonly outputs = new Map<string, TxOutput>()

  private constructor(node: ChainNode) {
    this.node = node
  }

  static async open(): Promise<SharedChain> {
    return new SharedChain(await ChainNode.open())
  }

  get time(): VirtualTime {
    return this.node.time
  }

  get height(): number {
    return this.node.tip.height
  }

  get chainHash(): Uint8Array {
    return this.node.chain.genesis.header.hashBytes
  }

  onTip(listener: (change: TipChange) => void): void {
    this.node.chain.subscribe({ tipChanged: listener })
  }

  onTransaction(listener: (transaction: Transaction) => void): void {
    this.node.mempool.subscribe({ added: ({ transaction }) => listener(transaction) })
  }

  /** Offers transactions, parents first. What is refused may be offered again. */
  offer(transactions: readonly Transaction[]): void {
    this.offering = this.offering.then(async () => {
      for (const transaction of transactions) {
        if (this.node.mempool.has(transaction.txid)) continue
        const accepted = await this.node.mempool.accept(transaction)
        if (accepted.ok) this.refusals.delete(transaction.txid)
        else this.refusals.set(transaction.txid, accepted.code)
      }
    })
    this.offering.catch(() => {})
  }

  /** Resolves when what was offered is taken in or refused. Throws where the chain failed. */
  async settled(): Promise<void> {
    await this.offering
    await this.node.settled()
  }

  setFeerate(feerate: number): void {
    this.feerate = feerate
    this.greatestFeerate = Math.max(this.greatestFeerate, feerate)
  }

  /** Mines a block of all that pays enough, on the tip or on `parent`. */
  async mine(parent?: TestBlock, transactions = this.paying()): Promise<void> {
    await this.node.mine(transactions, parent)
  }

  private paying(): Transaction[] {
    return this.node.mempool
      .select(BLOCK_WEIGHT)
      .filter((entry) => this.pays(entry))
      .map(({ transaction }) => transaction)
  }

  /** By itself with what it hangs on, or since what hangs below it pays for it. */
  private pays(entry: MempoolEntry): boolean {
    const enough = ({ ancestorFees, ancestorWeight }: MempoolEntry) =>
      // A little grace: rates are rounded on their way.
      ancestorFees * 1000 >= (this.feerate - 5) * ancestorWeight
    return enough(entry) || [...entry.children].some((child) => this.pays(child))
  }

  /** A longer branch from `asked` blocks below the tip; what was mined meanwhile is in its last block, and in none where it is `empty`. */
  async reorganise(asked: number, empty: boolean): Promise<void> {
    const depth = Math.min(asked, this.height - this.base)
    if (depth === 0) return
    const fork = this.node.builder.ancestor(this.node.tip, this.height - depth)
    let tip = fork
    for (let at = 0; at < depth; at++) {
      tip = this.node.builder.mineBlock(tip, [], {
        extraNonce: Uint8Array.of(0xee, at, this.branches++ & 0xff),
      })
      await this.node.offer(tip)
    }
    await this.mine(tip, [])
    await this.settled()
    if (!empty) await this.mine()
  }
  private branches = 0

  /** The active chain's transactions, by id, coinbases among them. */
  confirmed(): Map<Txid, Confirmed> {
    const all = new Map<Txid, Confirmed>()
    for (const { block, height } of this.node.builder.branch(this.node.tip))
      for (const [at, transaction] of block.transactions.entries()) {
        for (const [index, output] of transaction.outputs.entries())
          this.outputs.set(outpointKey({ txid: transaction.txidBytes, index }), output)
        const paid = transaction.outputs.reduce((sum, { value }) => sum + value, 0)
        const spent =
          at === 0
            ? paid
            : transaction.inputs.reduce((sum, { prevout }) => sum + this.outputOf(prevout).value, 0)
        all.set(transaction.txid, { transaction, height, fee: spent - paid })
      }
    return all
  }

  /** An output that is, or was, on the chain. `confirmed` was called since. */
  outputOf(prevout: Parameters<typeof outpointKey>[0]): TxOutput {
    const output = this.outputs.get(outpointKey(prevout))
    if (!output) throw new Error('An output is spent that never was')
    return output
  }

  /** The coins of a script, by outpoint: computed once for each tip. */
  coinsOf(scriptPubKey: Uint8Array): Map<string, TestCoin> {
    const tip = this.node.tip.block.hash
    if (this.coinsAt !== tip) {
      this.coinsAt = tip
      this.byScript.clear()
      for (const { transaction } of this.confirmed().values()) {
        for (const { prevout } of transaction.inputs) {
          const spent = this.byScript.get(
            bytesToHex(this.outputs.get(outpointKey(prevout))?.scriptPubKey ?? EMPTY),
          )
          spent?.delete(outpointKey(prevout))
        }
        for (const [index, { value, scriptPubKey }] of transaction.outputs.entries()) {
          const prevout = { txid: transaction.txidBytes, index }
          const script = bytesToHex(scriptPubKey)
          const coins = this.byScript.get(script) ?? new Map<string, TestCoin>()
          this.byScript.set(script, coins.set(outpointKey(prevout), { prevout, value }))
        }
      }
    }
    return this.byScript.get(bytesToHex(scriptPubKey)) ?? new Map()
  }
  private coinsAt: string | undefined
  private readonly byScript = new Map<string, Map<string, TestCoin>>()

  /** The block of the active chain at a height. */
  blockAt(height: number): TestBlock | undefined {
    return height > this.height ? undefined : this.node.builder.ancestor(this.node.tip, height)
  }
}
