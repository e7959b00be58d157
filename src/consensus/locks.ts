/** Time locks: nLockTime against height and median time past (BIP113), and relative locks (BIP68). Pure. */
import {
  LOCK_TIME_THRESHOLD,
  SEQUENCE_FINAL,
  SEQUENCE_LOCK_DISABLE,
  SEQUENCE_LOCK_MASK,
  SEQUENCE_LOCK_SECONDS,
} from '../primitives/lock-times.ts'
import type { TransactionFields } from '../primitives/transaction.ts'
import type { BlockContext } from './block-context.ts'
import type { Coin } from './coins.ts'

/**
 * Whether nLockTime allows the transaction in a block at `height` whose parent has `medianTimePast` (Core's `IsFinalTx`, BIP113).
 * A lock time names the last height or second at which it does not.
 */
export function isFinal(tx: TransactionFields, height: number, medianTimePast: number): boolean {
  const { lockTime } = tx
  if (lockTime === 0) return true
  if (lockTime < (lockTime < LOCK_TIME_THRESHOLD ? height : medianTimePast)) return true
  return tx.inputs.every((input) => input.sequence === SEQUENCE_FINAL)
}

/**
 * Whether the relative locks of all inputs allow the transaction in the block of `context` (BIP68, Core's `SequenceLocks`).
 * `spent`: the coins of its inputs, in order.
 */
export function sequenceLocksMet(
  tx: TransactionFields,
  spent: readonly Coin[],
  context: BlockContext,
): boolean {
  // BIP68: from version 2 on, as unsigned; a coinbase has no coins that could be locked.
  if (tx.version < 2) return true
  return tx.inputs.every(({ sequence }, i) => {
    if (sequence & SEQUENCE_LOCK_DISABLE) return true
    const units = sequence & SEQUENCE_LOCK_MASK
    const { height } = spent[i]
    if (!(sequence & SEQUENCE_LOCK_SECONDS)) return context.height >= height + units
    // The coin's age counts from the median time past of the block before the one that made it.
    return context.medianTimePast >= context.medianTimePastAt(Math.max(height - 1, 0)) + units * 512
  })
}
