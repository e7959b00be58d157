/** What a transaction must satisfy towards the coins it spends, scripts aside. The mempool and `connectBlock` share it. Pure. */
import { formatCoins, type Sats, sats } from '../primitives/amount.ts'
import { Writer } from '../primitives/codec.ts'
import { invalid, ok, type Result } from '../primitives/result.ts'
import { outpointKey, type Transaction } from '../primitives/transaction.ts'
import type { TransactionCheck } from '../script/input-check.ts'
import { CONSENSUS_SCRIPT_FLAGS, type ScriptFlags } from '../script/script-flags.ts'
import { P2TR_OUTPUT_BYTES, writeP2trOutput } from '../script/taproot.ts'
import type { BlockContext } from './block-context.ts'
import type { Coin, CoinsView } from './coins.ts'
import { sequenceLocksMet } from './locks.ts'
import { MAX_MONEY } from './params.ts'

/** The coins that a transaction spends, in the order of its inputs; `bad-txns-inputs-missingorspent` where one isn't there. */
export function spentCoins(tx: Transaction, view: CoinsView): Result<Coin[]> {
  const spent: Coin[] = []
  for (const { prevout } of tx.inputs) {
    const coin = view.get(prevout)
    if (!coin) return missingOrSpent(tx, outpointKey(prevout))
    spent.push(coin)
  }
  return ok(spent)
}

export function missingOrSpent(tx: Transaction, outpoint: string): Result<never> {
  return invalid(
    'bad-txns-inputs-missingorspent',
    `Transaction ${tx.txid} spends ${outpoint}, which does not exist or is spent.`,
  )
}

/**
 * Checks a transaction that isn't a coinbase, and passed `checkTransaction`, against the coins of its inputs (`spent`, in
 * order), for the block of `context`: maturity, amounts, relative locks (BIP68). Its fee on success.
 */
export function checkTxInputs(tx: Transaction, spent: readonly Coin[], context: BlockContext): Result<Sats> {
  let input = 0
  for (const coin of spent) {
    const age = context.height - coin.height
    if (coin.coinbase && age < context.params.coinbaseMaturity)
      return invalid(
        'bad-txns-premature-spend-of-coinbase',
        `Transaction ${tx.txid} spends a coinbase ${age} blocks old; it matures at ${context.params.coinbaseMaturity}.`,
      )
    input += coin.value
    if (input > MAX_MONEY)
      return invalid(
        'bad-txns-inputvalues-outofrange',
        `Transaction ${tx.txid} spends more than all the money there can be.`,
      )
  }
  const output = tx.outputs.reduce((sum, { value }) => sum + value, 0)
  if (input < output)
    return invalid(
      'bad-txns-in-belowout',
      `Transaction ${tx.txid} spends ${formatCoins(sats(input))} coins and pays ${formatCoins(sats(output))}.`,
    )
  if (!sequenceLocksMet(tx, spent, context))
    return invalid(
      'bad-txns-nonfinal',
      `Transaction ${tx.txid} spends a coin before the age that it asks for (BIP68).`,
    )
  return ok(sats(input - output))
}

/**
 * What the check pool needs to verify the scripts and signatures of all inputs. `spent` as for `checkTxInputs`; `flags`: rules of
 * policy to apply as well, never to blocks.
 */
export function transactionCheck(
  tx: Transaction,
  spent: readonly Coin[],
  flags: ScriptFlags = CONSENSUS_SCRIPT_FLAGS,
): TransactionCheck {
  const writer = new Writer(spent.length * P2TR_OUTPUT_BYTES)
  for (const { value, outputKey } of spent) writeP2trOutput(writer, value, outputKey)
  return { transaction: tx.bytes, spentOutputs: writer.finish(), flags }
}
