/**
 * What the chain has done with the money of one channel: the funding transaction, what spent its output, and what spent the outputs of that, two
 * levels down. A function of the blocks on the active chain alone: what a reorganisation takes away is forgotten. Thread: the brain.
 */
import type { Block } from '../primitives/block.ts'
import { equalBytes } from '../primitives/bytes.ts'
import { type Outpoint, outpointKey, type Transaction } from '../primitives/transaction.ts'

/** A transaction in a block of the active chain. */
export interface Sighting {
  readonly transaction: Transaction
  readonly height: number
}

/** An output that is looked for. */
interface Watched {
  readonly script: Uint8Array
  /** 0 for the funding output, 1 for those of what spends it, 2 for those below. */
  readonly level: number
  /** Of the block that holds it; 0 for the funding output, which is looked for wherever it is. */
  readonly height: number
}

/** Outputs below this level are the holder's wallet's business, or the other side's. */
const LAST_LEVEL = 2

export class ChainWatch {
  private readonly funding: Outpoint
  private readonly watched = new Map<string, Watched>()
  private readonly spends = new Map<string, Sighting>()
  private funded: number | undefined

  /** `script`: of the funding output. */
  constructor(funding: Outpoint, script: Uint8Array) {
    this.funding = funding
    this.watched.set(outpointKey(funding), { script, level: 0, height: 0 })
  }

  /** Height of the block that holds the funding transaction; undefined where none of this chain does. */
  get fundingHeight(): number | undefined {
    return this.funded
  }

  /** What spends the funding output. */
  get close(): Sighting | undefined {
    return this.spendOf(this.funding)
  }

  /** What spends an output that is watched. */
  spendOf(outpoint: Outpoint): Sighting | undefined {
    return this.spends.get(outpointKey(outpoint))
  }

  /** Scripts that blocks worth reading mention. */
  scripts(): Uint8Array[] {
    return [...this.watched.values()].map(({ script }) => script)
  }

  /** Takes in the next block. True where it has to do with the channel. */
  connectBlock(block: Block, height: number): boolean {
    let concerned = false
    for (const transaction of block.transactions) {
      if (equalBytes(transaction.txidBytes, this.funding.txid)) {
        this.funded = height
        concerned = true
      }
      if (this.take(transaction, height)) concerned = true
    }
    return concerned
  }

  /** Whether a transaction spends what is watched: one that waits for a block, for instance. */
  concerns({ inputs }: Transaction): boolean {
    return inputs.some(({ prevout }) => this.watched.has(outpointKey(prevout)))
  }

  private take(transaction: Transaction, height: number): boolean {
    const spent = transaction.inputs.flatMap(({ prevout }) => {
      const key = outpointKey(prevout)
      const watched = this.watched.get(key)
      return watched ? [{ key, watched }] : []
    })
    if (spent.length === 0) return false
    for (const { key } of spent) this.spends.set(key, { transaction, height })
    const level = Math.min(...spent.map(({ watched }) => watched.level)) + 1
    if (level <= LAST_LEVEL)
      for (const [index, { scriptPubKey }] of transaction.outputs.entries()) {
        const key = outpointKey({ txid: transaction.txidBytes, index })
        this.watched.set(key, { script: scriptPubKey, level, height })
      }
    return true
  }

  /** Forgets what lies above a height. True where something did. */
  disconnectTo(height: number): boolean {
    let concerned = false
    if (this.funded !== undefined && this.funded > height) {
      this.funded = undefined
      concerned = true
    }
    for (const [key, spend] of this.spends)
      if (spend.height > height) {
        this.spends.delete(key)
        concerned = true
      }
    for (const [key, watched] of this.watched) if (watched.height > height) this.watched.delete(key)
    return concerned
  }
}
