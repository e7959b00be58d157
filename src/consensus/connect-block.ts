/** Connecting and disconnecting blocks: pure, synchronous, on an overlay. Each is the other's exact inverse. */
import { formatCoins, type Sats, sats } from '../primitives/amount.ts'
import type { Block } from '../primitives/block.ts'
import { equalBytes } from '../primitives/bytes.ts'
import { invalid, ok, type Result } from '../primitives/result.ts'
import { type Outpoint, outpointKey, type Transaction, type TxOutput } from '../primitives/transaction.ts'
import type { TransactionCheck } from '../script/input-check.ts'
import { outputKeyOf, p2trScript } from '../script/taproot.ts'
import type { BlockContext } from './block-context.ts'
import { COIN_BYTES, type CoinsOverlay, PackedCoin, readCoin } from './coin-table.ts'
import type { Coin } from './coins.ts'
import { MAX_MONEY } from './params.ts'
import { checkSnapshotCommitment } from './snapshot.ts'
import { subsidy } from './subsidy.ts'
import { checkTxInputs, missingOrSpent, transactionCheck } from './tx-inputs.ts'

export interface ConnectedBlock {
  /** The coins that the block spent, in input order, packed (`COIN_BYTES` each); the argument of `disconnectBlock`. */
  readonly undo: Uint8Array
  readonly fees: Sats
}

/** Checks handed over at once: as many as make a batch for two inputs each, so that the first run while the rest of a block is connected. */
const CHECKS_AT_ONCE = 256

/**
 * Applies to `coins` a block that passed `checkBlock` and `contextualCheckBlock`. On rejection the overlay is left halfway: drop
 * it. `startChecks` takes the checks of all inputs, in block order and many at once: nothing may be committed before they pass.
 * `isVerified` says of which transactions all inputs were verified before, witness included (by wtxid): no check is made.
 *
 * Every rejection is `invalid`: the header commits to the whole body, and the coins follow from the chain behind it.
 *
 * BIP30 (no txid may come again while its coins are unspent) needs no check: a coinbase holds its height, so that no two are
 * equal (BIP34, from genesis on), and any other transaction spends coins that can't be spent twice.
 */
export function connectBlock(
  block: Block,
  coins: CoinsOverlay,
  context: BlockContext,
  startChecks: (checks: readonly TransactionCheck[]) => void,
  isVerified: (tx: Transaction) => boolean = () => false,
): Result<ConnectedBlock> {
  const { transactions } = block
  const [coinbase] = transactions
  let checks: TransactionCheck[] = []
  const undo = new SpentCoins(inputsOf(transactions))
  let fees = 0

  const committed = checkSnapshotCommitment(coinbase, context)
  if (!committed.ok) return committed
  addOutputs(coinbase, coins, context.height)
  for (let i = 1; i < transactions.length; i++) {
    const tx = transactions[i]
    const spent: Coin[] = []
    for (const { prevout } of tx.inputs) {
      const coin = undo.take(prevout, coins)
      if (!coin) return missingOrSpent(tx, outpointKey(prevout))
      spent.push(coin)
    }
    const fee = checkTxInputs(tx, spent, context)
    if (!fee.ok) return fee
    fees += fee.value
    if (fees > MAX_MONEY)
      return invalid('bad-txns-accumulated-fee-outofrange', 'The fees exceed all the money there can be.')
    if (!isVerified(tx)) checks.push(transactionCheck(tx, spent))
    if (checks.length === CHECKS_AT_ONCE) {
      startChecks(checks)
      checks = []
    }
    addOutputs(tx, coins, context.height)
  }
  if (checks.length > 0) startChecks(checks)

  const allowed = subsidy(context.height, context.params) + fees
  const claimed = coinbase.outputs.reduce((sum, { value }) => sum + value, 0)
  if (claimed > allowed)
    return invalid(
      'bad-cb-amount',
      `The coinbase claims ${formatCoins(sats(claimed))} coins; subsidy and fees are ${formatCoins(sats(allowed))}.`,
    )
  return ok({ undo: undo.bytes, fees: sats(fees) })
}

/**
 * Inverse of `connectBlock` on the overlay; `height` is the block's. Throws when block, undo and coins do not belong
 * together: storage corruption.
 */
export function disconnectBlock(block: Block, undo: Uint8Array, coins: CoinsOverlay, height: number): void {
  const restored = new UndoReader(undo)
  for (const tx of block.transactions.toReversed()) {
    removeOutputs(tx, coins, height)
    if (!tx.isCoinbase)
      for (const { prevout } of tx.inputs.toReversed()) coins.add(prevout, restored.takeLast())
  }
  if (restored.remaining !== 0) throw new Error(`Undo of block ${block.hash} has coins too many`)
}

/** Of a block's transactions but the coinbase. */
function inputsOf(transactions: readonly Transaction[]): number {
  let inputs = 0
  for (let i = 1; i < transactions.length; i++) inputs += transactions[i].inputs.length
  return inputs
}

/** The coin that an output makes: P2TR outputs do; OP_RETURN outputs can't be spent and are no coins. */
function coinOf({ value, scriptPubKey }: TxOutput, height: number, coinbase: boolean): Coin | undefined {
  const outputKey = outputKeyOf(scriptPubKey)
  return outputKey && { value, height, coinbase, outputKey }
}

function addOutputs(tx: Transaction, coins: CoinsOverlay, height: number): void {
  const { isCoinbase, txidBytes, outputs } = tx
  for (let index = 0; index < outputs.length; index++) {
    const coin = coinOf(outputs[index], height, isCoinbase)
    if (coin) coins.add({ txid: txidBytes, index }, coin)
  }
}

function removeOutputs(tx: Transaction, coins: CoinsOverlay, height: number): void {
  for (let index = 0; index < tx.outputs.length; index++) {
    const made = coinOf(tx.outputs[index], height, tx.isCoinbase)
    if (!made) continue
    const coin = coins.spend({ txid: tx.txidBytes, index })
    if (
      !coin ||
      coin.height !== height ||
      coin.value !== made.value ||
      !equalBytes(coin.outputKey, made.outputKey)
    )
      throw new Error(`Coin ${tx.txid}:${index} of a connected block is missing or differs`)
  }
}

/** Coins as they are spent, packed one behind the other: a block's undo data. */
class SpentCoins {
  readonly bytes: Uint8Array
  private readonly view: DataView
  private end = 0

  constructor(coins: number) {
    this.bytes = new Uint8Array(coins * COIN_BYTES)
    this.view = new DataView(this.bytes.buffer)
  }

  /** Spends a coin: a view over its packed form. Undefined when there is none. */
  take(prevout: Outpoint, coins: CoinsOverlay): Coin | undefined {
    if (!coins.spendInto(prevout, this.bytes, this.end)) return undefined
    this.end += COIN_BYTES
    return new PackedCoin(this.bytes, this.view, this.end - COIN_BYTES)
  }
}

/** The scriptPubKeys of the coins in a block's undo data, in the order of its inputs. */
export function spentScriptsIn(undo: Uint8Array): Uint8Array[] {
  const view = new DataView(undo.buffer, undo.byteOffset, undo.byteLength)
  const scripts = new Array<Uint8Array>(undo.length / COIN_BYTES)
  for (let i = 0; i < scripts.length; i++)
    scripts[i] = p2trScript(new PackedCoin(undo, view, i * COIN_BYTES).outputKey)
  return scripts
}

/** The coins in a block's undo data, in the order of its inputs. */
export function spentCoinsIn(undo: Uint8Array): Coin[] {
  const reader = new UndoReader(undo)
  const coins: Coin[] = []
  while (reader.remaining > 0) coins.push(reader.takeLast())
  return coins.reverse()
}

/** Reads coins in reverse: blocks are undone from their end. */
class UndoReader {
  remaining: number
  private readonly bytes: Uint8Array
  private readonly view: DataView

  constructor(bytes: Uint8Array) {
    this.bytes = bytes
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
    this.remaining = bytes.length
  }

  takeLast(): Coin {
    this.remaining -= COIN_BYTES
    if (this.remaining < 0) throw new Error('Undo data has too few coins')
    return readCoin(this.bytes, this.view, this.remaining)
  }
}
