/**
 * The small chain of a lesson: blocks without work, coins, and transactions that wait, under the network's own rules for transactions, time locks and
 * scripts. What the next block could not hold is refused with the reason; of two that spend the same coin the one that pays more stays. In memory, pure
 * but for its own state. Any thread.
 */
import type { BlockContext } from '../consensus/block-context.ts'
import { checkTransaction } from '../consensus/checks.ts'
import type { Coin } from '../consensus/coins.ts'
import { isFinal } from '../consensus/locks.ts'
import { REGTEST } from '../consensus/params.ts'
import { checkTxInputs, missingOrSpent, transactionCheck } from '../consensus/tx-inputs.ts'
import type { Sats } from '../primitives/amount.ts'
import { Block, BlockHeader, merkleRoot } from '../primitives/block.ts'
import { bytesToHex } from '../primitives/bytes.ts'
import { notNow, OK, type Result } from '../primitives/result.ts'
import {
  NULL_OUTPOINT,
  type Outpoint,
  outpointKey,
  Transaction,
  type TxOutput,
  unsignedInput,
} from '../primitives/transaction.ts'
import { outputKeyOf } from '../script/taproot.ts'
import { verifyTransaction } from '../script/verify-input.ts'

/** Seconds between two blocks, as on the public network. */
export const SPACING = 30

/** A transaction that waits for a block. */
interface Waiting {
  readonly transaction: Transaction
  readonly fee: Sats
}

/** A coin of the chain and where it is. */
export interface LedgerCoin {
  readonly outpoint: Outpoint
  readonly output: TxOutput
  readonly height: number
}

export class Ledger {
  /** From height 0 on. */
  readonly blocks: Block[] = []
  private readonly coins = new Map<string, Coin & LedgerCoin>()
  private queue: Waiting[] = []

  /** The first block pays these outputs, out of nothing. */
  constructor(funds: readonly TxOutput[]) {
    const mint = Transaction.of({
      version: 2,
      inputs: [unsignedInput(NULL_OUTPOINT, 0xffffffff)],
      outputs: funds,
      lockTime: 0,
    })
    this.append([mint])
  }

  /** Of the last block. */
  get height(): number {
    return this.blocks.length - 1
  }

  /** Seconds since 1970, of the last block. */
  get time(): number {
    return REGTEST.genesisTime + this.height * SPACING
  }

  /** Hash of the first block, 32 bytes, internal order: names the chain. */
  get genesisHash(): Uint8Array {
    return this.blocks[0].header.hashBytes
  }

  get waiting(): readonly Transaction[] {
    return this.queue.map(({ transaction }) => transaction)
  }

  /** Unspent outputs of a script in blocks, but for what a waiting transaction spends. */
  coinsOf(scriptPubKey: Uint8Array): LedgerCoin[] {
    const script = bytesToHex(scriptPubKey)
    const spent = new Set(this.queue.flatMap(({ transaction }) => keysOf(transaction)))
    return [...this.coins].flatMap(([key, coin]) =>
      bytesToHex(coin.output.scriptPubKey) === script && !spent.has(key) ? [coin] : [],
    )
  }

  /** Satoshis that a script has in blocks. */
  balanceOf(scriptPubKey: Uint8Array): number {
    const script = bytesToHex(scriptPubKey)
    let sum = 0
    for (const { output } of this.coins.values())
      if (bytesToHex(output.scriptPubKey) === script) sum += output.value
    return sum
  }

  /** Height and place in its block of a transaction; undefined where no block holds it. */
  placeOf(txid: string): { readonly height: number; readonly position: number } | undefined {
    for (const [height, { transactions }] of this.blocks.entries()) {
      const position = transactions.findIndex((transaction) => transaction.txid === txid)
      if (position >= 0) return { height, position }
    }
    return undefined
  }

  /**
   * Takes a transaction that the next block could hold. Rejects with the codes of the rules, `bad-txns-inputs-missingorspent`, and
   * `insufficient-fee` where another one spends the same and pays no less.
   */
  accept(transaction: Transaction): Result<void> {
    if (this.queue.some((each) => each.transaction.txid === transaction.txid)) return OK
    const spends = new Set(keysOf(transaction))
    const rivals = this.queue.filter((each) => keysOf(each.transaction).some((key) => spends.has(key)))
    const left = this.queue.filter((each) => !rivals.includes(each))
    const fee = this.check(transaction, left)
    if (!fee.ok) return fee
    if (rivals.some((rival) => rival.fee >= fee.value))
      return notNow('insufficient-fee', 'A transaction that waits spends the same and pays as much.')
    this.queue = [...left, { transaction, fee: fee.value }]
    return OK
  }

  /** The next block, of all that waits. */
  mine(): Block {
    const transactions: Transaction[] = []
    const held: Waiting[] = []
    // What a rival of its parent drove out is no longer valid; the rest was checked for this very block.
    for (const each of this.queue)
      if (this.check(each.transaction, held).ok) {
        held.push(each)
        transactions.push(each.transaction)
      }
    this.queue = []
    return this.append(transactions)
  }

  /** The fee of a transaction that the next block could hold behind those. */
  private check(transaction: Transaction, before: readonly Waiting[]): Result<Sats> {
    const sound = checkTransaction(transaction, REGTEST)
    if (!sound.ok) return sound
    const height = this.height + 1
    if (!isFinal(transaction, height, this.time))
      return notNow(
        'bad-txns-nonfinal',
        `The transaction is locked up to block ${transaction.lockTime}; the next one is ${height}.`,
      )
    const spent: Coin[] = []
    for (const { prevout } of transaction.inputs) {
      const key = outpointKey(prevout)
      const parent = before.find((each) => key.startsWith(each.transaction.txid))?.transaction
      const coin = parent ? coinOf(parent.outputs[prevout.index], height) : this.coins.get(key)
      const isTaken = before.some((each) => keysOf(each.transaction).includes(key))
      if (!coin || isTaken) return missingOrSpent(transaction, key)
      spent.push(coin)
    }
    const fee = checkTxInputs(transaction, spent, this.context(height))
    if (!fee.ok) return fee
    const failure = verifyTransaction(transactionCheck(transaction, spent))
    return failure ? { ...failure, ok: false } : fee
  }

  private context(height: number): BlockContext {
    return {
      params: REGTEST,
      genesisHash: this.genesisHash,
      height,
      medianTimePast: this.time,
      medianTimePastAt: (at) => REGTEST.genesisTime + at * SPACING,
    }
  }

  private append(transactions: readonly Transaction[]): Block {
    const height = this.blocks.length
    const header = BlockHeader.of({
      version: 1,
      previousHash: this.blocks.at(-1)?.header.hashBytes ?? new Uint8Array(32),
      merkleRoot: merkleRoot(transactions.map(({ txidBytes }) => txidBytes)).root,
      time: REGTEST.genesisTime + height * SPACING,
      bits: REGTEST.powLimitBits,
      nonce: 0,
    })
    const block = Block.of(header, transactions)
    for (const transaction of transactions) {
      for (const key of keysOf(transaction)) this.coins.delete(key)
      for (const [index, output] of transaction.outputs.entries()) {
        const outpoint = { txid: transaction.txidBytes, index }
        this.coins.set(outpointKey(outpoint), { ...coinOf(output, height), outpoint, output })
      }
    }
    this.blocks.push(block)
    return block
  }
}

function keysOf({ inputs }: Transaction): string[] {
  return inputs.map(({ prevout }) => outpointKey(prevout))
}

function coinOf({ value, scriptPubKey }: TxOutput, height: number): Coin {
  const outputKey = outputKeyOf(scriptPubKey)
  if (!outputKey) throw new Error('An output of a lesson is not P2TR')
  return { value, height, coinbase: false, outputKey }
}
