/** RPC: paying, at once or by way of a PSBT (BIP174) that `rpc-psbt.ts` has reviewed and signed. */
import { feeRate } from '../policy/fees.ts'
import { formatCoins, type Sats, sats } from '../primitives/amount.ts'
import type { Txid } from '../primitives/hashes.ts'
import type { HistoryEntry, PaymentPlan, Wallet } from '../wallet/wallet.ts'
import type { NodeCore } from './node-core.ts'
import { pay, planReplacement } from './payments.ts'
import { type FeeChoice, feeRateOf, planFunded, planJson, sentJson } from './rpc-funding.ts'
import { coins } from './rpc-json.ts'
import { implement, integer, method, optional, type RpcMethod, txid } from './rpc-method.ts'
import { list } from './rpc-parameters.ts'
import { BUMP_OPTIONS, FUND_OPTIONS, INPUT, OUTPUTS } from './rpc-payment-parameters.ts'
import { bumpFee, sendPsbt, sendToAddress } from './rpc-signing-methods.ts'
import { requireKeys, requireWallet, unwrap } from './rpc-wallet-error.ts'

export const paymentMethods = [
  implement(
    sendToAddress,
    async (
      node,
      address,
      value,
      _comment,
      _commentTo,
      subtractFee,
      _replaceable,
      target,
      _mode,
      _reuse,
      rate,
      verbose,
    ) => {
      const wallet = await requireKeys(node)
      node.requireStorage()
      const choice = { conf_target: target, fee_rate: rate }
      const { txid: id } = await wallet.inTurn(async () => {
        const plan = await wallet.createPayment({
          recipients: [{ address, amount: value }],
          feeRate: feeRateOf(node, choice),
          subtractFee,
        })
        return unwrap(await pay(node, wallet, unwrap(plan)))
      })
      return sentJson(id, verbose, choice)
    },
  ),
  method(
    'walletcreatefundedpsbt',
    'Plans a payment for review: which coins it spends, its fee and its change. Nothing is reserved.',
    [
      list('inputs', 'coins to spend, [] to have them chosen', INPUT),
      OUTPUTS,
      optional(
        integer(
          'locktime',
          'height or time before which it is not valid; 0 for the height of the tip',
          0,
          0xffffffff,
        ),
        0,
      ),
      FUND_OPTIONS,
    ],
    async (node, inputs, recipients, lockTime, choice) => {
      const wallet = await requireWallet(node)
      // What Core has by default would let miners gain by mining the past again.
      const funding = { recipients, inputs, lockTime: lockTime === 0 ? undefined : lockTime }
      return planJson(await planFunded(node, wallet, funding, choice))
    },
  ),
  implement(sendPsbt, async (node, psbt, { replaces }) => {
    const wallet = await requireWallet(node)
    return unwrap(await pay(node, wallet, { psbt, replaces })).txid
  }),
  method(
    'psbtbumpfee',
    'Plans to replace a payment that waits by one with a higher fee (BIP125), for review.',
    [txid(), BUMP_OPTIONS],
    async (node, id, choice) => {
      const { plan, former } = await planBump(node, await requireWallet(node), id, choice)
      return { ...planJson(plan), origfee: coins(former), ...warningsOf(plan), errors: [] }
    },
  ),
  implement(bumpFee, async (node, id, choice) => {
    const wallet = await requireKeys(node)
    node.requireStorage()
    const { plan, former, replacement } = await wallet.inTurn(async () => {
      const bump = await planBump(node, wallet, id, choice)
      return { ...bump, replacement: unwrap(await pay(node, wallet, bump.plan)) }
    })
    return {
      txid: replacement.txid,
      origfee: coins(former),
      fee: coins(plan.fee),
      ...warningsOf(plan),
      errors: [],
    }
  }),
  method(
    'abandontransaction',
    'Gives up a payment that is neither in a block nor in the mempool: its coins are free again.',
    [txid()],
    async (node, id) => {
      const wallet = await requireWallet(node)
      unwrap(await wallet.abandon(id))
      return null
    },
  ),
] satisfies readonly RpcMethod<NodeCore>[]

interface Bump {
  readonly plan: PaymentPlan
  /** Fee of the payment that is replaced. */
  readonly former: Sats
}

async function planBump(node: NodeCore, wallet: Wallet, id: Txid, choice: FeeChoice): Promise<Bump> {
  const former = wallet.transaction(id)
  const asked = feeRateOf(node, choice)
  const rate = choice.fee_rate === undefined && former ? atLeastMore(node, former, asked) : asked
  const plan = unwrap(await planReplacement(node, wallet, id, rate))
  return { plan, former: former?.fee ?? sats(0) }
}

/** The rate, or what replacing the payment takes at least where that is more; satoshis per 1,000 virtual bytes. */
function atLeastMore(node: NodeCore, { fee, transaction }: HistoryEntry, rate: number): number {
  if (fee === undefined) return rate
  const former = feeRate(fee, transaction.weight)
  return Math.max(rate, Math.ceil(former + node.mempool.relayFeeRate))
}

/** What is not as before beside the fee. */
function warningsOf({ reduced }: PaymentPlan): {
  readonly reduced?: number
  readonly warnings?: readonly string[]
} {
  if (reduced === 0) return {}
  return {
    reduced: coins(reduced),
    warnings: [
      `The former payment took all there was: the higher fee is taken from it, the recipient gets ${formatCoins(reduced)} coins less.`,
    ],
  }
}
