/** RPC: what methods that choose coins and add change have in common (Bitcoin Core's funding options). */
import { base64 } from '@scure/base'
import type { Sats } from '../primitives/amount.ts'
import { bytesToHex } from '../primitives/bytes.ts'
import { type Txid, toDisplay } from '../primitives/hashes.ts'
import { outpointKey, outpointOf } from '../primitives/transaction.ts'
import type { PaymentPlan, Recipient, Wallet } from '../wallet/wallet.ts'
import type { NodeCore } from './node-core.ts'
import { RPC_INVALID_PARAMETER, RPC_WALLET_ERROR, RpcError } from './rpc-error.ts'
import { coins } from './rpc-json.ts'
import type { Parsed } from './rpc-method.ts'
import type { FUNDING_FIELDS, INPUT } from './rpc-payment-parameters.ts'
import { DEFAULT_TARGET } from './rpc-payment-parameters.ts'
import { unwrap } from './rpc-wallet-error.ts'

export interface FeeChoice {
  readonly conf_target: number | undefined
  /** Satoshis per virtual byte. */
  readonly fee_rate: number | undefined
  /** Satoshis per 1,000 virtual bytes. */
  readonly feeRate?: Sats | undefined
}

/** The rate asked for, satoshis per 1,000 virtual bytes; else what should confirm within the target. */
export function feeRateOf(
  node: NodeCore,
  { conf_target: target, fee_rate: rate, feeRate }: FeeChoice,
): number {
  if (rate !== undefined && feeRate !== undefined)
    throw new RpcError(RPC_INVALID_PARAMETER, 'Give either fee_rate or feeRate, not both.')
  const asked = rate === undefined ? feeRate : rate * 1000
  if (target !== undefined && asked !== undefined)
    throw new RpcError(RPC_INVALID_PARAMETER, 'Give either conf_target or fee_rate, not both.')
  return asked ?? node.mempool.estimateFeeRate(target ?? DEFAULT_TARGET)
}

type FundingFields = typeof FUNDING_FIELDS
type FundingChoice = {
  readonly [K in keyof FundingFields]: Parsed<[FundingFields[K]]>[0]
} & Pick<FeeChoice, 'feeRate'> & {
    readonly changeAddress: string | undefined
    readonly changePosition: number | undefined
    readonly lockUnspents: boolean
    readonly subtractFeeFromOutputs: readonly number[]
  }

type Input = ReturnType<typeof INPUT.parse>

/** What is to be paid, and of what. */
export interface Funding {
  readonly recipients: readonly Recipient[]
  readonly inputs: readonly Input[]
  readonly version?: number | undefined
  /** nLockTime; the height of the tip where left out. */
  readonly lockTime?: number | undefined
  /** Whether coins are added to inputs where nobody says. */
  readonly addsInputs?: boolean
}

/** Plans a payment of these outputs and inputs. Locks its coins where that was asked for. */
export async function planFunded(
  node: NodeCore,
  wallet: Wallet,
  { recipients, inputs, version, lockTime, addsInputs = inputs.length === 0 }: Funding,
  choice: FundingChoice,
): Promise<PaymentPlan> {
  const { changePosition } = choice
  if (changePosition !== undefined && changePosition > recipients.length)
    throw new RpcError(RPC_INVALID_PARAMETER, `Change can only be at positions 0 to ${recipients.length}.`)
  const plan = unwrap(
    await wallet.createPayment({
      recipients,
      feeRate: feeRateOf(node, choice),
      coins: inputs.map(({ txid, vout }) => outpointOf(txid, vout)),
      addCoins: choice.add_inputs ?? addsInputs,
      confirmations: [choice.minconf, choice.maxconf],
      subtractFee: bearersOf(choice.subtractFeeFromOutputs, recipients),
      changeAddress: choice.changeAddress,
      changePosition,
      version,
      lockTime,
      sequences: sequencesOf(inputs),
    }),
  )
  refuseWeight(plan, choice.max_tx_weight)
  if (choice.lockUnspents) await lockInputs(wallet, plan)
  return plan
}

/** Throws where a payment weighs more than so many weight units. */
export function refuseWeight({ vsize }: PaymentPlan, most: number): void {
  if (vsize * 4 > most)
    throw new RpcError(
      RPC_WALLET_ERROR,
      `The payment weighs ${vsize * 4} weight units, over max_tx_weight. Send a smaller amount, or in parts.`,
    )
}

/** The sequence numbers that were given, by coin. */
export function sequencesOf(inputs: readonly Input[]): ReadonlyMap<string, number> {
  return new Map(
    inputs.flatMap(({ txid, vout, sequence }) =>
      sequence === undefined ? [] : [[outpointKey(outpointOf(txid, vout)), sequence]],
    ),
  )
}

/** Keeps the coins of a plan from other payments. */
export async function lockInputs(wallet: Wallet, { inputs }: PaymentPlan): Promise<void> {
  await wallet.lockCoins(inputs.map(({ outpoint }) => ({ key: outpointKey(outpoint), lock: 'memory' })))
}

/** Core's list of the outputs that bear the fee: each pays, and is named once. */
function bearersOf(places: readonly number[], recipients: readonly Recipient[]): readonly number[] {
  const distinct = new Set(places)
  if (distinct.size === places.length && places.every((place) => recipients[place]?.address !== undefined))
    return places
  const paying = recipients.flatMap(({ address }, at) => (address === undefined ? [] : [at]))
  throw new RpcError(
    RPC_INVALID_PARAMETER,
    `The outputs that bear the fee must be among those that pay, ${paying.join(', ')}, each named once.`,
  )
}

/** What a method that pays at once answers: the id, or with `verbose` the reason of the fee, too. */
export function sentJson(
  txid: Txid,
  verbose: boolean,
  { conf_target: target = DEFAULT_TARGET, fee_rate: rate }: FeeChoice,
) {
  if (!verbose) return txid
  const within = `Should confirm within ${target} blocks.`
  return { txid, fee_reason: rate === undefined ? within : 'The rate that was asked for.' }
}

export function planJson(plan: PaymentPlan) {
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
