/** RPC: paying, at once or by way of a PSBT (BIP174) that `rpc-psbt.ts` has reviewed and signed. */
import { base64 } from '@scure/base'
import { feeRate } from '../policy/fees.ts'
import { type Txid, toDisplay } from '../primitives/hashes.ts'
import { outpointOf, type Transaction } from '../primitives/transaction.ts'
import type { PaymentPlan, Recipient, Wallet } from '../wallet/wallet.ts'
import type { NodeCore } from './node-core.ts'
import { RPC_DATABASE_ERROR, RPC_INVALID_PARAMETER, RPC_VERIFY_REJECTED, RpcError } from './rpc-error.ts'
import { coins } from './rpc-json.ts'
import {
  amount,
  flag,
  integer,
  list,
  method,
  number,
  object,
  optional,
  options,
  type Parameter,
  parameter,
  type RpcMethod,
  text,
  txid,
  wrongType,
} from './rpc-method.ts'
import { requireWallet, unwrap } from './rpc-wallet-error.ts'

/** Blocks within which a payment should confirm when nobody says otherwise. */
const DEFAULT_TARGET = 3

const TARGET = optional(
  integer('conf_target', `blocks within which it should confirm, ${DEFAULT_TARGET} by default`, 1, 1008),
  undefined,
)
const FEE_RATE = optional(number('fee_rate', 'satoshis per virtual byte', 0.001, 100_000), undefined)
const FEE_OPTIONS = { conf_target: TARGET, fee_rate: FEE_RATE }

/** Whether a payment can be replaced: as every one can, `false` is refused rather than not kept. */
const REPLACEABLE = parameter('replaceable', 'true: every payment can be replaced (BIP125)', (value) => {
  if (value !== true)
    throw new RpcError(
      RPC_INVALID_PARAMETER,
      'replaceable can only be true: every payment that waits can be replaced.',
    )
})

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

const AMOUNT = amount('amount', 'in coins')

/** Core's outputs: objects of address and amount, in one object or in an array of them. */
const OUTPUTS: Parameter<Recipient[]> = parameter(
  'outputs',
  '{"address": amount, …} or an array of these',
  (value) => {
    const objects: unknown[] = Array.isArray(value) ? value : [value]
    return objects.flatMap((pairs) => {
      if (typeof pairs !== 'object' || pairs === null || Array.isArray(pairs))
        throw wrongType('outputs', 'objects such as {"address": 1.5}', pairs)
      return Object.entries(pairs).map(([address, coins]) => ({ address, amount: AMOUNT.parse(coins) }))
    })
  },
)

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

/** Core's list of the outputs that bear the fee: none of them, or all in equal parts. */
function bearsFee(positions: readonly number[], outputs: number): boolean {
  const distinct = new Set(positions)
  const all = distinct.size === outputs && positions.every((position) => position < outputs)
  if (distinct.size === 0 || all) return distinct.size > 0
  throw new RpcError(
    RPC_INVALID_PARAMETER,
    `subtractFeeFromOutputs must be empty or name all outputs, 0 to ${outputs - 1}: they bear the fee in equal parts.`,
  )
}

/**
 * Has a plan signed, and offers the payment to the mempool: when that does not take it, its coins are free again. Where storage
 * fails too late for that, the error says that the payment may be on its way.
 */
async function send(node: NodeCore, wallet: Wallet, plan: PaymentPlan): Promise<Transaction> {
  const transaction = unwrap(await wallet.sign(plan))
  const { txid } = transaction
  try {
    const accepted = await node.submitTransaction(transaction)
    if (accepted.ok) return transaction
    throw new RpcError(
      RPC_VERIFY_REJECTED,
      `The payment was not sent: ${accepted.detail} Its coins are free again.`,
    )
  } catch (error) {
    // Also when storage fails in between: who is told of a failure pays again.
    const abandoned = node.mempool.has(txid) ? undefined : await wallet.abandon(txid).catch(() => undefined)
    if (abandoned?.ok) throw error
    throw new RpcError(
      RPC_DATABASE_ERROR,
      `Storage failed while the payment ${txid} was sent: it may be on its way. Reload the page and look for it in the history before you pay again.`,
    )
  }
}

function planJson(plan: PaymentPlan): object {
  return {
    psbt: base64.encode(plan.psbt),
    fee: coins(plan.fee),
    changepos: plan.outputs.findIndex((output) => output.change),
    vsize: plan.vsize,
    outputs: plan.outputs.map(({ address, value, change }) => ({ address, amount: coins(value), change })),
    inputs: plan.inputs.map(({ outpoint, value, address }) => ({
      txid: toDisplay<Txid>(outpoint.txid),
      vout: outpoint.index,
      amount: coins(value),
      address,
    })),
  }
}

export const paymentMethods: readonly RpcMethod<NodeCore>[] = [
  method(
    'sendtoaddress',
    'Pays an address. Answers the id of the transaction.',
    [
      text('address', 'who is paid'),
      amount('amount', 'in coins'),
      optional(text('comment', 'not kept'), undefined),
      optional(text('comment_to', 'not kept'), undefined),
      optional(flag('subtractfeefromamount', 'the recipient bears the fee'), false),
      optional(REPLACEABLE, undefined),
      TARGET,
      optional(text('estimate_mode', 'not used'), undefined),
      optional(flag('avoid_reuse', 'not used'), undefined),
      FEE_RATE,
    ],
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
    ) => {
      const wallet = await requireWallet(node)
      node.requireStorage()
      const plan = await wallet.createPayment({
        recipients: [{ address, amount: value }],
        feeRate: feeRateOf(node, { conf_target: target, fee_rate: rate }),
        subtractFee,
      })
      return (await send(node, wallet, unwrap(plan))).txid
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
        replaceable: optional(REPLACEABLE, undefined),
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
        subtractFee: bearsFee(choice.subtractFeeFromOutputs, recipients.length),
        ...(inputs.length > 0 ? { coins: inputs.map((input) => outpointOf(input.txid, input.vout)) } : {}),
      })
      return planJson(unwrap(plan))
    },
  ),
  method(
    'bumpfee',
    'Replaces a payment that waits by one with a higher fee (BIP125).',
    [txid(), options({ ...FEE_OPTIONS, replaceable: optional(REPLACEABLE, undefined) })],
    async (node, id, choice) => {
      const wallet = await requireWallet(node)
      node.requireStorage()
      const before = wallet.transaction(id)
      const asked = feeRateOf(node, choice)
      const plan = unwrap(
        await wallet.bumpFee(
          id,
          choice.fee_rate === undefined ? atLeastMore(node, wallet, id, asked) : asked,
        ),
      )
      const { txid: replacement } = await send(node, wallet, plan)
      return { txid: replacement, origfee: coins(before?.fee ?? 0), fee: coins(plan.fee), errors: [] }
    },
  ),
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
]

/** The rate, or what replacing the payment takes at least where that is more; satoshis per 1,000 virtual bytes. */
function atLeastMore(node: NodeCore, wallet: Wallet, id: Txid, rate: number): number {
  const entry = wallet.transaction(id)
  if (entry?.fee === undefined) return rate
  const former = feeRate(entry.fee, entry.transaction.weight)
  return Math.max(rate, Math.ceil(former + node.mempool.relayFeeRate))
}
