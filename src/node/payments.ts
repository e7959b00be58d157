/**
 * Paying: the one way from a plan to the network. A payment is planned (by the wallet, or by whoever builds its own outputs), reviewed,
 * and then made here: signed, checked against the mempool, recorded durably, taken into the mempool, told to the network. What the mempool
 * refuses leaves no trace. Thread: the brain.
 */
import { StorageError } from '../chain/store.ts'
import type { Txid } from '../primitives/hashes.ts'
import type { Transaction } from '../primitives/transaction.ts'
import { invalid, type Result } from '../wallet/result.ts'
import { type PaymentOrder, type PaymentPlan, paymentRefused, type Wallet } from '../wallet/wallet.ts'
import type { NodeCore } from './node-core.ts'

/**
 * Makes a payment. Rejects with `payment-refused` (the mempool would not have it: nothing was recorded, its coins are free) and as
 * `Wallet.sign` does. Throws a `StorageError` where storage fails; when that happens too late to take the payment back, it says that
 * it may be on its way.
 */
export async function pay(node: NodeCore, wallet: Wallet, order: PaymentOrder): Promise<Result<Transaction>> {
  node.requireStorage()
  const signed = await wallet.sign(order, (payment) => node.mempool.test(payment))
  if (!signed.ok) return signed
  const { txid } = signed.value
  try {
    const accepted = await node.submitTransaction(signed.value)
    if (accepted.ok) return signed
    // The mempool changed while the payment was written.
    const abandoned = await wallet.abandon(txid)
    return abandoned.ok ? paymentRefused(accepted) : abandoned
  } catch (cause) {
    // Also when storage fails in between: who is told of a failure pays again.
    const abandoned = node.mempool.has(txid) ? undefined : await wallet.abandon(txid).catch(() => undefined)
    if (abandoned?.ok) throw cause
    throw new StorageError(
      'unavailable',
      `Storage failed while the payment ${txid} was sent: it may be on its way. Reload the page and look for it in the history before you pay again.`,
      { cause },
    )
  }
}

/**
 * Plans to replace a payment that waits by the same one at another fee rate (satoshis per 1,000 virtual bytes). Rejects with
 * `not-replaceable` where someone spends of it already, and as `Wallet.bumpFee` does.
 */
export async function planReplacement(
  node: NodeCore,
  wallet: Wallet,
  txid: Txid,
  feeRate: number,
): Promise<Result<PaymentPlan>> {
  const plan = await wallet.bumpFee(txid, feeRate)
  if (plan.ok && node.mempool.descendants(txid).length > 0)
    return invalid(
      'not-replaceable',
      'A later payment spends what this one pays, and would be undone with it. Have whoever received it raise the fee of that one.',
    )
  return plan
}
