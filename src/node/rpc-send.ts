/** RPC: paying as Bitcoin Core's `send`, `sendall` and `sendmany` do, and adding coins to what others put together. */
import { base64 } from '@scure/base'
import { DUST } from '../policy/fees.ts'
import { formatCoins, sats } from '../primitives/amount.ts'
import { bytesToHex, equalBytes } from '../primitives/bytes.ts'
import { DecodeError, decodeWith } from '../primitives/codec.ts'
import { type Txid, toDisplay } from '../primitives/hashes.ts'
import type { Result } from '../primitives/result.ts'
import {
  decodeTransaction,
  outpointKey,
  outpointOf,
  readOutput,
  type TransactionFields,
  type TxOutput,
} from '../primitives/transaction.ts'
import { addressOf } from '../script/address.ts'
import { ScriptReader } from '../script/opcodes.ts'
import { nullDataScript } from '../script/taproot.ts'
import { feeOf, INPUT_WEIGHT, paymentWeight, share } from '../wallet/coin-selection.ts'
import { Psbt } from '../wallet/psbt.ts'
import { shuffled } from '../wallet/shuffle.ts'
import { maxPaymentWeight } from '../wallet/spending.ts'
import type { PaymentPlan, Recipient, Wallet, WalletCoin } from '../wallet/wallet.ts'
import type { NodeCore } from './node-core.ts'
import { pay } from './payments.ts'
import {
  RPC_DESERIALIZATION_ERROR,
  RPC_INVALID_PARAMETER,
  RPC_WALLET_ERROR,
  RPC_WALLET_INSUFFICIENT_FUNDS,
  RpcError,
} from './rpc-error.ts'
import {
  type FeeChoice,
  feeRateOf,
  lockInputs,
  planFunded,
  refuseWeight,
  sentJson,
  sequencesOf,
} from './rpc-funding.ts'
import { coins } from './rpc-json.ts'
import { implement, method, type RpcMethod } from './rpc-method.ts'
import { hexBytes, unused } from './rpc-parameters.ts'
import { FUND_OPTIONS, MANY, type SEND_ALL_OPTIONS, type Share } from './rpc-payment-parameters.ts'
import { signedBy } from './rpc-psbt.ts'
import { send, sendAll, sendMany } from './rpc-signing-methods.ts'
import { requireKeys, requireWallet, unwrap } from './rpc-wallet-error.ts'

/** Bytes of the smallest output: value 8, empty script 1. */
const MIN_OUTPUT_BYTES = 9

/** Target and rate stand beside the options, too. */
function feeChoice(target: number | undefined, rate: number | undefined, choice: FeeChoice): FeeChoice {
  if (
    (target !== undefined && choice.conf_target !== undefined) ||
    (rate !== undefined && choice.fee_rate !== undefined)
  )
    throw new RpcError(
      RPC_INVALID_PARAMETER,
      'Give conf_target and fee_rate as arguments or in options, not both.',
    )
  return { conf_target: target ?? choice.conf_target, fee_rate: rate ?? choice.fee_rate }
}

/** Sends a planned payment; or answers it, signed as far as this wallet can, where it is not to be sent or its keys are elsewhere. */
async function finish(
  node: NodeCore,
  wallet: Wallet,
  plan: PaymentPlan,
  choice: { readonly psbt: boolean; readonly add_to_wallet: boolean },
) {
  const planned = unwrap(Psbt.parse(plan.psbt))
  const hasKeys = wallet.signer.status().state !== 'none'
  if (hasKeys && !choice.psbt && choice.add_to_wallet) {
    const { txid } = unwrap(await pay(node, wallet, plan))
    return { complete: true, txid }
  }
  const final = (await signedBy(wallet, planned, undefined)).finalized()
  const psbt = base64.encode(final.bytes)
  const extracted = final.extract()
  if (!extracted.ok) return { complete: false, psbt }
  return { complete: true, txid: extracted.value.txid, hex: bytesToHex(extracted.value.bytes), psbt }
}

type SendAllChoice = ReturnType<typeof SEND_ALL_OPTIONS.parse>

/** Why a coin stays behind when all is sent; undefined where it need not. */
function reasonToStay(coin: WalletCoin, choice: SendAllChoice, feeRate: number) {
  if (coin.locked) return 'locked' as const
  if (!coin.trusted) return 'unconfirmed' as const
  if (!coin.spendable) return 'immature' as const
  if (coin.confirmations < choice.minconf || coin.confirmations > choice.maxconf)
    return 'confirmations' as const
  if (choice.send_max && coin.value <= feeOf(INPUT_WEIGHT, feeRate)) return 'uneconomical' as const
  return undefined
}

/** The coins of `sendall`, and those that stay behind. */
function coinsToSend(wallet: Wallet, choice: SendAllChoice, feeRate: number) {
  const named = new Set(choice.inputs.map(({ txid, vout }) => outpointKey(outpointOf(txid, vout))))
  const stranger = [...named].find((key) => !wallet.coin(key))
  if (stranger !== undefined)
    throw new RpcError(RPC_INVALID_PARAMETER, `The coin ${stranger} is not in this wallet, or was spent.`)
  const sorted = wallet.coins().map((coin) => {
    const isNamed = named.has(outpointKey(coin.outpoint))
    const reason =
      named.size === 0 ? reasonToStay(coin, choice, feeRate) : isNamed ? undefined : ('not named' as const)
    return { coin, reason }
  })
  return {
    taken: sorted.filter(({ reason }) => reason === undefined).map(({ coin }) => coin),
    left: sorted.flatMap(({ coin, reason }) => (reason === undefined ? [] : [{ coin, reason }])),
  }
}

/** Plans to pay all that the coins hold: the amounts that are named, and the rest in equal parts to the others. */
async function planAll(
  node: NodeCore,
  wallet: Wallet,
  shares: readonly Share[],
  choice: SendAllChoice,
  rate: number,
  taken: readonly WalletCoin[],
): Promise<PaymentPlan> {
  const places = shares.flatMap(({ address, ...rest }, at) =>
    address !== undefined && 'amount' in rest && rest.amount === undefined ? [at] : [],
  )
  if (places.length === 0)
    throw new RpcError(
      RPC_INVALID_PARAMETER,
      'Name at least one address without an amount: it gets what is left.',
    )
  const held = taken.reduce((sum, { value }) => sum + value, 0)
  const named = shares.reduce((sum, one) => sum + ('amount' in one ? (one.amount ?? 0) : 0), 0)
  const rest = held - named
  if (rest < DUST * places.length)
    throw new RpcError(
      RPC_WALLET_INSUFFICIENT_FUNDS,
      `There are ${formatCoins(sats(held))} coins to be sent, too few for these recipients. Lower the amounts, or the fee rate, or leave out with send_max what costs more than it brings.`,
    )
  const recipients = shares.map((one, at): Recipient => {
    if (one.address === undefined) return one
    const { address, amount = sats(share(rest, places.length, places.indexOf(at))) } = one
    return { address, amount }
  })
  const plan = await wallet.createPayment({
    recipients,
    feeRate: rate,
    coins:
      choice.inputs.length > 0
        ? choice.inputs.map(({ txid, vout }) => outpointOf(txid, vout))
        : shuffled(taken, node.random).map(({ outpoint }) => outpoint),
    subtractFee: places,
    version: choice.version,
    lockTime: choice.locktime,
    sequences: sequencesOf(choice.inputs),
  })
  if (plan.ok || plan.code !== 'tx-size') return unwrap(plan)
  const empty = paymentWeight(1000, recipients.length) - 1000 * INPUT_WEIGHT
  const most = Math.floor((maxPaymentWeight(node.params) - empty) / INPUT_WEIGHT)
  throw new RpcError(
    RPC_WALLET_ERROR,
    `These are ${taken.length} coins, and a transaction has room for ${most}. Name at most so many as inputs, and send the others after it.`,
  )
}

/** Core's list of addresses that bear the fee. */
function placesOf(
  addresses: readonly string[],
  recipients: readonly { readonly address: string }[],
): number[] {
  return addresses.map((address) => {
    const place = recipients.findIndex(
      (recipient) => recipient.address.toLowerCase() === address.toLowerCase(),
    )
    if (place >= 0) return place
    throw new RpcError(
      RPC_INVALID_PARAMETER,
      `subtractfeefrom names ${address.slice(0, 100)}, which amounts does not.`,
    )
  })
}

/** A transaction that may lack inputs: its bytes then begin as those of one with witnesses do, and are read as Bitcoin Core reads them. */
function decodeUnfunded(bytes: Uint8Array): Result<TransactionFields> {
  const decoded = decodeTransaction(bytes)
  if (decoded.ok) return decoded
  const withoutInputs = decodeWith(bytes, decoded.code, (reader): TransactionFields => {
    const version = reader.u32()
    if (reader.compactSize() !== 0) throw new DecodeError('it has inputs')
    const outputs = Array.from({ length: reader.count(MIN_OUTPUT_BYTES) }, () => readOutput(reader))
    return { version, inputs: [], outputs, lockTime: reader.u32() }
  })
  return withoutInputs.ok ? withoutInputs : decoded
}

/** The data of an output that pays nobody. */
function dataOf(script: Uint8Array): Uint8Array | undefined {
  const reader = new ScriptReader(script.subarray(1))
  const data = reader.next() ? reader.data : new Uint8Array()
  return equalBytes(nullDataScript(data), script) ? data : undefined
}

function recipientOf({ value, scriptPubKey }: TxOutput, prefix: string): Recipient {
  const address = addressOf(scriptPubKey, prefix)
  if (address !== undefined) return { address, amount: value }
  const data = value === 0 ? dataOf(scriptPubKey) : undefined
  if (data) return { data }
  throw new RpcError(
    RPC_WALLET_ERROR,
    'An output is neither to an address of this network nor data in one push: no such payment is made here.',
  )
}

export const sendMethods = [
  implement(send, async (node: NodeCore, recipients, target, _mode, rate, choice, version) => {
    const wallet = await requireWallet(node)
    node.requireStorage()
    return wallet.inTurn(async () => {
      const plan = await planFunded(
        node,
        wallet,
        { recipients, inputs: choice.inputs, lockTime: choice.locktime, version },
        {
          ...choice,
          ...feeChoice(target, rate, choice),
          changeAddress: choice.change_address,
          changePosition: choice.change_position,
          lockUnspents: choice.lock_unspents,
          subtractFeeFromOutputs: choice.subtract_fee_from_outputs,
        },
      )
      return finish(node, wallet, plan, choice)
    })
  }),
  implement(sendAll, async (node, shares, target, _mode, rate, choice) => {
    const wallet = await requireWallet(node)
    node.requireStorage()
    if (choice.inputs.length > 0 && choice.send_max)
      throw new RpcError(RPC_INVALID_PARAMETER, 'send_max chooses among all coins: leave it out with inputs.')
    if (choice.inputs.length > 0 && (choice.minconf > 0 || choice.maxconf < MANY))
      throw new RpcError(
        RPC_INVALID_PARAMETER,
        'minconf and maxconf choose among all coins: leave them out with inputs.',
      )
    const feeRate = feeRateOf(node, feeChoice(target, rate, choice))
    const { sent, left } = await wallet.inTurn(async () => {
      // What the wallet has yet to find in the chain is to be sent, too.
      await wallet.settled()
      const { taken, left } = coinsToSend(wallet, choice, feeRate)
      const plan = await planAll(node, wallet, shares, choice, feeRate, taken)
      refuseWeight(plan, choice.max_tx_weight)
      if (choice.lock_unspents) await lockInputs(wallet, plan)
      return { sent: await finish(node, wallet, plan, choice), left }
    })
    return {
      ...sent,
      left: left.map(({ coin, reason }) => ({
        txid: toDisplay<Txid>(coin.outpoint.txid),
        vout: coin.outpoint.index,
        amount: coins(coin.value),
        reason,
      })),
    }
  }),
  implement(
    sendMany,
    async (
      node,
      _dummy,
      recipients,
      _minconf,
      _comment,
      bearers,
      _replaceable,
      target,
      _mode,
      rate,
      verbose,
    ) => {
      const wallet = await requireKeys(node)
      node.requireStorage()
      const choice = { conf_target: target, fee_rate: rate }
      const { txid } = await wallet.inTurn(async () => {
        const plan = await wallet.createPayment({
          recipients,
          feeRate: feeRateOf(node, choice),
          subtractFee: placesOf(bearers, recipients),
        })
        return unwrap(await pay(node, wallet, unwrap(plan)))
      })
      return sentJson(txid, verbose, choice)
    },
  ),
  method(
    'fundrawtransaction',
    'Adds coins of the wallet and change to a transaction, until they pay for it. Its outputs and inputs stay; nothing is signed.',
    [hexBytes('hexstring', 'the transaction'), FUND_OPTIONS, unused('iswitness')],
    async (node, bytes, choice) => {
      const wallet = await requireWallet(node)
      const decoded = decodeUnfunded(bytes)
      if (!decoded.ok)
        throw new RpcError(RPC_DESERIALIZATION_ERROR, `This is not a transaction. ${decoded.detail}`)
      const { version, inputs, outputs, lockTime } = decoded.value
      if (outputs.length === 0)
        throw new RpcError(RPC_INVALID_PARAMETER, 'A transaction needs an output before it is funded.')
      const plan = await planFunded(
        node,
        wallet,
        {
          recipients: outputs.map((output) => recipientOf(output, node.params.addressPrefix)),
          inputs: inputs.map(({ prevout, sequence }) => ({
            txid: toDisplay<Txid>(prevout.txid),
            vout: prevout.index,
            sequence,
            weight: undefined,
          })),
          version,
          lockTime,
          addsInputs: true,
        },
        choice,
      )
      return {
        hex: bytesToHex(unwrap(Psbt.parse(plan.psbt)).unsigned.bytes),
        fee: coins(plan.fee),
        changepos: plan.outputs.findIndex((output) => output.change),
      }
    },
  ),
] satisfies readonly RpcMethod<NodeCore>[]
