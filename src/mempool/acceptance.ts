/**
 * Whether a transaction may enter the mempool, as things stand at this instant: Bitcoin Core's `PreChecks` and
 * `ReplacementChecks`, in their order and with their codes. Synchronous, so that its answer holds until the next await; it
 * changes nothing. Inputs are verified elsewhere, after all of this passed.
 */
import type { BlockContext } from '../consensus/block-context.ts'
import type { Coin } from '../consensus/coins.ts'
import { isFinal } from '../consensus/locks.ts'
import { checkTxInputs } from '../consensus/tx-inputs.ts'
import { feeAt } from '../policy/fees.ts'
import type { Sats } from '../primitives/amount.ts'
import { type Txid, toDisplay } from '../primitives/hashes.ts'
import { SEQUENCE_LOCK_DISABLE } from '../primitives/lock-times.ts'
import { invalid, notNow, type Ok, ok, type Rejection, type Result, retry } from '../primitives/result.ts'
import { type Outpoint, outpointKey, type Transaction } from '../primitives/transaction.ts'
import { outputKeyOf } from '../script/taproot.ts'
import type { Entry, MempoolGraph } from './graph.ts'
import { checkRelatives } from './replacement.ts'

/** What a transaction is held against. */
export interface AcceptanceState {
  readonly graph: MempoolGraph
  /** Of the block that would follow the tip. */
  readonly context: BlockContext
  /** Satoshis per 1,000 virtual bytes. */
  readonly rates: {
    /** The fixed floor, also the price of relaying a replacement. */
    readonly relay: number
    /** What the memory cap asks now. */
    readonly mempool: number
  }
  /** Whether the fee floors hold: not for what comes back from blocks that were left. */
  readonly checkFees: boolean
}

/** What acceptance would do. */
export interface Acceptance {
  readonly fee: Sats
  /** The coins of its inputs, in order. */
  readonly spent: readonly Coin[]
  /** What leaves, with all descendants. */
  readonly replaced: ReadonlySet<Entry>
  /** See `NewEntry`. */
  readonly anchorHeight: number
}

/** A rejection that names the parents that were not found, where that is the reason. */
export type AcceptanceRejection = Rejection & { readonly missingParents?: readonly Txid[] }

/**
 * Checks `tx`, which passed `checkTransaction` and `checkStandard` and is no coinbase. `coins`: those of its inputs on
 * the active chain, in order; the last ones may be left out where others are unknown.
 */
export function checkAcceptance(
  tx: Transaction,
  coins: readonly (Coin | undefined)[],
  state: AcceptanceState,
): Ok<Acceptance> | AcceptanceRejection {
  const { graph, context, rates } = state
  if (!isFinal(tx, context.height, context.medianTimePast))
    return notNow('non-final', `The transaction is locked until ${tx.lockTime}.`)
  const known = checkUnknown(tx, graph)
  if (!known.ok) return known
  const gathered = gatherCoins(tx, coins, state)
  if (!gathered.ok) return gathered
  const { spent, parents } = gathered.value

  const checked = checkTxInputs(tx, spent, context)
  if (!checked.ok) return asPolicy(checked)
  const fee = checked.value
  if (state.checkFees) {
    if (fee < feeAt(rates.mempool, tx.vsize) && rates.mempool > rates.relay)
      return notNow('mempool min fee not met', belowFloor(tx, fee, rates.mempool))
    if (fee < feeAt(rates.relay, tx.vsize))
      return notNow('min relay fee not met', belowFloor(tx, fee, rates.relay))
  }

  const conflicts = new Set<Entry>()
  for (const { prevout } of tx.inputs) {
    const conflict = graph.spender(prevout)
    if (conflict) conflicts.add(conflict)
  }
  const relatives = checkRelatives({ transaction: tx, fee, parents, conflicts }, rates.relay)
  if (!relatives.ok) return relatives
  return ok({ fee, spent, replaced: relatives.value, anchorHeight: anchorOf(tx, spent, context) })
}

function checkUnknown(tx: Transaction, graph: MempoolGraph): Result<void> {
  const same = graph.find(tx.txidBytes)
  if (!same) return ok(undefined)
  return same.transaction.wtxid === tx.wtxid
    ? notNow('txn-already-in-mempool', `Transaction ${tx.txid} is in the mempool.`)
    : notNow('txn-same-nonwitness-data-in-mempool', `Transaction ${tx.txid} is here with another witness.`)
}

/** The coin of every input, from the mempool or the chain, and the parents among the mempool. */
function gatherCoins(
  tx: Transaction,
  coins: readonly (Coin | undefined)[],
  { graph, context }: AcceptanceState,
): Ok<{ spent: Coin[]; parents: Set<Entry> }> | AcceptanceRejection {
  const spent: Coin[] = []
  const parents = new Set<Entry>()
  const missing = new Set<Txid>()
  for (let i = 0; i < tx.inputs.length; i++) {
    const { prevout } = tx.inputs[i]
    const parent = graph.find(prevout.txid)
    const coin = parent ? unconfirmedCoin(parent.transaction, prevout, context.height) : coins[i]
    if (coin) spent.push(coin)
    else if (parent)
      return invalid(
        'bad-txns-inputs-missingorspent',
        `The transaction spends ${outpointKey(prevout)}, which is no coin.`,
      )
    // Coins that were not looked up are named only where nothing else is missing: a parent came in the meantime.
    else if (i < coins.length || missing.size === 0) missing.add(toDisplay<Txid>(prevout.txid))
    if (parent) parents.add(parent)
  }
  if (missing.size === 0) return ok({ spent, parents })
  const detail = `The transaction spends outputs of ${[...missing].join(', ')}, unknown here or spent.`
  return { ...retry('bad-txns-inputs-missingorspent', detail), missingParents: [...missing] }
}

/** The coin that `parent` would make if the next block held it, as relative locks count it (Core's `MEMPOOL_HEIGHT`). */
function unconfirmedCoin(parent: Transaction, { index }: Outpoint, nextHeight: number): Coin | undefined {
  const output = parent.outputs.at(index)
  const outputKey = output && outputKeyOf(output.scriptPubKey)
  return outputKey && { value: output.value, height: nextHeight, coinbase: false, outputKey }
}

/** What a block must not do and a transaction may do later is no offence here. */
function asPolicy(rejection: Rejection): Rejection {
  const { code, detail } = rejection
  if (code === 'bad-txns-premature-spend-of-coinbase') return notNow(code, detail)
  if (code === 'bad-txns-nonfinal') return notNow('non-BIP68-final', detail)
  return rejection
}

/**
 * Times and heights only grow along a chain: what is valid on the tip stays so on every chain that holds the tip. Without
 * locks and coinbases, the coins alone matter.
 */
function anchorOf(tx: Transaction, spent: readonly Coin[], context: BlockContext): number {
  const tip = context.height - 1
  const locked =
    !isFinal(tx, 0, 0) ||
    spent.some((coin) => coin.coinbase) ||
    tx.inputs.some(({ sequence }) => (sequence & SEQUENCE_LOCK_DISABLE) === 0)
  if (locked) return tip
  return spent.reduce((anchor, coin) => (coin.height > tip ? anchor : Math.max(anchor, coin.height)), 0)
}

function belowFloor(tx: Transaction, fee: Sats, rate: number): string {
  return `The fee of ${fee} satoshis is below ${feeAt(rate, tx.vsize)}, ${rate} per 1,000 virtual bytes.`
}
