/** RPC: paying, at once or by way of a PSBT (BIP174) that `rpc-psbt.ts` has reviewed and signed. */
import { base64 } from '@scure/base'
import { feeRate } from '../policy/fees.ts'
import { formatCoins, type Sats, sats } from '../primitives/amount.ts'
import { bytesToHex } from '../primitives/bytes.ts'
import { type Txid, toDisplay } from '../primitives/hashes.ts'
import { outpointOf } from '../primitives/transaction.ts'
import type { HistoryEntry, PaymentPlan, Recipient, Wallet } from '../wallet/wallet.ts'
import type { NodeCore } from './node-core.ts'
import { pay, planReplacement } from './payments.ts'
import { RPC_INVALID_PARAMETER, RpcError } from './rpc-error.ts'
import { coins } from './rpc-json.ts'
import { implement, integer, method, optional, parameter, type RpcMethod, txid } from './rpc-method.ts'
import { list, object, options } from './rpc-parameters.ts'
import { BUMP_OPTIONS, DEFAULT_TARGET, FEE_OPTIONS, OUTPUTS, REPLACEABLE } from './rpc-payment-parameters.ts'
import { bumpFee, sendPsbt, sendToAddress } from './rpc-signing-methods.ts'
import { requireKeys, requireWallet, unwrap } from './rpc-wallet-error.ts'

interface FeeChoice {
  readonly conf_target: number | undefined
  readonly fee_rate: number | undefined
}

/** The rate asked for, satoshis per 1,000 virtual bytes; else what should confirm within the target. */
function feeRateOf(node: NodeCore, choice: FeeChoice): number {
  const { conf_target: target, fee_rate: rate } = choice
  if (target !== undefined && rate !== undefined)
    throw new RpcError(RPC_INVALID_PARAMETER, 'Give either conf_target or fee_rate, not both.')
  return rate === undefined ? node.mempool.estimateFeeRate(target ?? DEFAULT_TARGET) : rate * 1000
}

const INPUT = object('input', '{"txid", "vout"}', {
  txid: txid(),
  vout: integer('vout', 'position among the outputs', 0, 0xffffffff),
})

const LOCK_TIME = parameter('locktime', '0: the wallet locks payments to the tip', (value) => {
  if (value !== 0)
    throw new RpcError(
      RPC_INVALID_PARAMETER,
      'locktime can only be 0: the wallet locks its payments to the height of the tip.',
    )
})

const POSITION = integer('position', 'position among the outputs', 0, 10_000)

/** Core's list of the outputs that bear the fee: none of them, or all that pay, in equal parts. */
function bearsFee(positions: readonly number[], recipients: readonly Recipient[]): boolean {
  const paying = recipients.flatMap(({ address }, at) => (address === undefined ? [] : [at]))
  const distinct = new Set(positions)
  const all = distinct.size === paying.length && paying.every((at) => distinct.has(at))
  if (distinct.size === 0 || all) return distinct.size > 0
  throw new RpcError(
    RPC_INVALID_PARAMETER,
    `subtractFeeFromOutputs must be empty or name all outputs that pay, ${paying.join(', ')}: they bear the fee in equal parts.`,
  )
}

function planJson(plan: PaymentPlan) {
  return {
    psbt: base64.encode(plan.psbt),
    fee: coins(plan.fee),
    changepos: plan.outputs.findIndex((output) => output.change),
    vsize: plan.vsize,
    outputs: plan.outputs.map(({ address, scriptPubKey, value, change }) => ({
      ...(address === undefined ? { data: bytesToHex(scriptPubKey) } : { address }),
      amount: coins(value),
      change,
    })),
    inputs: plan.inputs.map(({ outpoint, value, address }) => ({
      txid: toDisplay<Txid>(outpoint.txid),
      vout: outpoint.index,
      amount: coins(value),
      address,
    })),
  }
}

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
      const plan = await wallet.createPayment({
        recipients: [{ address, amount: value }],
        feeRate: feeRateOf(node, { conf_target: target, fee_rate: rate }),
        subtractFee,
      })
      const { txid: id } = unwrap(await pay(node, wallet, unwrap(plan)))
      if (!verbose) return id
      const within = `Should confirm within ${target ?? DEFAULT_TARGET} blocks.`
      return { txid: id, fee_reason: rate === undefined ? within : 'The rate that was asked for.' }
    },
  ),
  method(
    'walletcreatefundedpsbt',
    'Plans a payment for review: which coins it spends, its fee and its change. Nothing is reserved.',
    [
      list('inputs', 'coins to spend, [] to have them chosen', INPUT),
      OUTPUTS,
      optional(LOCK_TIME, undefined),
      options({
        ...FEE_OPTIONS,
        replaceable: REPLACEABLE,
        subtractFeeFromOutputs: optional(
          list('subtractFeeFromOutputs', 'positions of the outputs that bear the fee', POSITION),
          [],
        ),
      }),
    ],
    async (node, inputs, recipients, _lockTime, choice) => {
      const wallet = await requireWallet(node)
      const plan = await wallet.createPayment({
        recipients,
        feeRate: feeRateOf(node, choice),
        subtractFee: bearsFee(choice.subtractFeeFromOutputs, recipients),
        ...(inputs.length > 0 ? { coins: inputs.map((input) => outpointOf(input.txid, input.vout)) } : {}),
      })
      return planJson(unwrap(plan))
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
    const { plan, former } = await planBump(node, wallet, id, choice)
    const { txid: replacement } = unwrap(await pay(node, wallet, plan))
    return {
      txid: replacement,
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
