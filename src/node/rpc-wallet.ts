/**
 * RPC: the wallet. Calls that carry a passphrase or seed words are absent here: the page takes them straight to the signer.
 */
import { base64 } from '@scure/base'
import { bytesToHex } from '../primitives/bytes.ts'
import { type Txid, toDisplay } from '../primitives/hashes.ts'
import type { Rejection, Result } from '../primitives/result.ts'
import { type Outpoint, outpointOf, type Transaction } from '../primitives/transaction.ts'
import { decodeAddress } from '../script/address.ts'
import { Psbt } from '../wallet/psbt.ts'
import type { HistoryEntry, HistoryOutput } from '../wallet/views.ts'
import type { PaymentPlan, PaymentRequest, Recipient } from '../wallet/wallet.ts'
import type { NodeCore } from './node-core.ts'
import {
  RPC_DESERIALIZATION_ERROR,
  RPC_INVALID_ADDRESS_OR_KEY,
  RPC_INVALID_PARAMETER,
  RPC_VERIFY_REJECTED,
  RPC_WALLET_ERROR,
  RPC_WALLET_INSUFFICIENT_FUNDS,
  RPC_WALLET_NOT_FOUND,
  RPC_WALLET_UNLOCK_NEEDED,
  RpcError,
} from './rpc-error.ts'
import { coins, transactionJson } from './rpc-json.ts'
import {
  amount,
  flag,
  integer,
  list,
  method,
  NO_OPTIONS,
  number,
  optional,
  type RpcMethod,
  record,
  text,
  txid,
} from './rpc-method.ts'

/** Blocks within which a payment should confirm when nobody says otherwise. */
const DEFAULT_TARGET = 3
/** Name of a tab's one wallet. */
const WALLET_NAME = ''

const WALLET_ERRORS: Readonly<Record<string, number>> = {
  'wallet-locked': RPC_WALLET_UNLOCK_NEEDED,
  'wallet-missing': RPC_WALLET_NOT_FOUND,
  'insufficient-funds': RPC_WALLET_INSUFFICIENT_FUNDS,
  'address-invalid': RPC_INVALID_ADDRESS_OR_KEY,
}

/** The value, or the rejection as an error that says the same sentence. */
function unwrap<T>(result: Result<T>): T {
  if (result.ok) return result.value
  throw rejected(result)
}

function rejected({ code, detail }: Rejection): RpcError {
  return new RpcError(WALLET_ERRORS[code] ?? RPC_WALLET_ERROR, detail)
}

function requireWallet(node: NodeCore): void {
  if (node.wallet.account === undefined)
    throw new RpcError(
      RPC_WALLET_NOT_FOUND,
      'This profile has no wallet yet: create one, or restore one from its words.',
    )
}

function decodePsbt(encoded: string): Uint8Array {
  try {
    return base64.decode(encoded.trim())
  } catch {
    throw new RpcError(RPC_DESERIALIZATION_ERROR, 'This is not a PSBT: it is not base64.')
  }
}

/** Satoshis per 1,000 virtual bytes, from Core's `fee_rate` (satoshis per virtual byte) or from an estimate. */
function feeRateOf(node: NodeCore, satsPerVbyte: unknown, target: number): number {
  if (satsPerVbyte === undefined) return node.mempool.estimateFeeRate(target)
  const rate = Number(satsPerVbyte)
  if (!(rate > 0 && rate <= 100_000))
    throw new RpcError(
      RPC_INVALID_PARAMETER,
      'fee_rate must be above 0 and at most 100000 satoshis per virtual byte.',
    )
  return rate * 1000
}

/** Core's outputs: objects of address and amount, in one object or in an array of them. */
function recipientsOf(outputs: unknown): Recipient[] {
  const objects = Array.isArray(outputs) ? outputs : [outputs]
  return objects.flatMap((object) => {
    if (typeof object !== 'object' || object === null)
      throw new RpcError(RPC_INVALID_PARAMETER, 'outputs must be objects such as {"address": 1.5}.')
    return Object.entries(object).map(([address, value]) => ({ address, amount: AMOUNT.parse(value) }))
  })
}

const AMOUNT = amount('amount', 'amount in coins')

function outpointsOf(inputs: readonly Readonly<Record<string, unknown>>[]): Outpoint[] {
  return inputs.map((input) => outpointOf(txid().parse(input.txid), VOUT.parse(input.vout)))
}

const VOUT = integer('vout', 'position among the outputs', 0, 0xffffffff)

/** Has a plan signed, and offers the payment to the mempool: when that refuses it, its coins are free again. */
async function send(node: NodeCore, plan: Pick<PaymentPlan, 'psbt'>): Promise<Transaction> {
  const transaction = unwrap(await node.wallet.sign(plan))
  const accepted = await node.submitTransaction(transaction)
  if (accepted.ok) return transaction
  await node.wallet.abandon(transaction.txid)
  throw new RpcError(
    RPC_VERIFY_REJECTED,
    `The payment was not sent: ${accepted.detail} Its coins are free again.`,
  )
}

/** One line of `listtransactions`: an output of a transaction, seen from the wallet. */
function historyLine(entry: HistoryEntry, output: HistoryOutput): object {
  const sent = entry.kind === 'sent' || (entry.kind === 'moved' && !output.mine)
  const category =
    entry.kind === 'mined'
      ? entry.mature
        ? 'generate'
        : entry.state === 'orphaned'
          ? 'orphan'
          : 'immature'
      : sent
        ? 'send'
        : 'receive'
  return {
    ...(output.address === undefined ? {} : { address: output.address }),
    category,
    amount: coins(sent ? -output.value : output.value),
    ...(output.label === undefined ? {} : { label: output.label }),
    ...(sent && entry.fee !== undefined ? { fee: coins(-entry.fee) } : {}),
    ...historyJson(entry),
  }
}

function historyJson(entry: HistoryEntry): object {
  return {
    confirmations: entry.state === 'conflicted' ? -1 : entry.confirmations,
    ...(entry.kind === 'mined' ? { generated: true } : {}),
    ...(entry.blockHash === undefined
      ? { trusted: entry.state === 'pending' && entry.kind !== 'received' }
      : { blockhash: entry.blockHash, blockheight: entry.height, blocktime: entry.time }),
    txid: entry.txid,
    time: entry.time,
    state: entry.state,
    inmempool: entry.inMempool,
    abandoned: entry.state === 'abandoned',
  }
}

/** The outputs that a line is shown for: of a payment those that leave, else those that are ours. */
function shownOutputs(entry: HistoryEntry): HistoryOutput[] {
  const leaving = entry.outputs.filter((output) => !output.mine)
  if (entry.kind === 'sent') return leaving
  return entry.outputs.filter((output) => output.mine && !(entry.kind === 'moved' && output.change))
}

export const walletMethods: readonly RpcMethod<NodeCore>[] = [
  method('listwallets', 'The wallet of this profile, when there is one.', [], ({ wallet }) =>
    wallet.account === undefined ? [] : [WALLET_NAME],
  ),
  method('getwalletinfo', 'State of the wallet.', [], (node) => {
    requireWallet(node)
    const { wallet } = node
    const signer = node.signer.status()
    const balances = wallet.balances()
    return {
      walletname: WALLET_NAME,
      format: 'descriptor',
      descriptor: wallet.account?.descriptor,
      birthtime: wallet.account?.birthday,
      txcount: wallet.history().length,
      private_keys_enabled: signer.state !== 'none',
      unlocked_until: signer.state === 'unlocked' ? Math.floor((signer.until ?? 0) / 1000) : 0,
      lastprocessedblock: { height: wallet.height },
      balance: coins(balances.trusted),
      unconfirmed_balance: coins(balances.untrustedPending),
      immature_balance: coins(balances.immature),
    }
  }),
  method(
    'getnewaddress',
    'A fresh address to receive at.',
    [optional(text('label', 'what it is for'), undefined)],
    async (node, label) => {
      requireWallet(node)
      return unwrap(await node.wallet.newAddress(label === '' ? undefined : label)).address
    },
  ),
  method('listreceivedaddresses', 'The addresses given out, with their labels.', [], ({ wallet }) =>
    wallet
      .addresses()
      .map(({ address, label, used, index }) => ({ address, label: label ?? '', used, index })),
  ),
  method(
    'setlabel',
    'Says what an address of this wallet is for.',
    [text('address', 'an address of this wallet'), text('label', 'what it is for')],
    async (node, address, label) => {
      unwrap(await node.wallet.setLabel(address, label))
      return null
    },
  ),
  method('getbalances', 'What the wallet holds.', [], (node) => {
    requireWallet(node)
    const { trusted, untrustedPending, immature } = node.wallet.balances()
    return {
      mine: {
        trusted: coins(trusted),
        untrusted_pending: coins(untrustedPending),
        immature: coins(immature),
      },
      lastprocessedblock: { height: node.wallet.height },
    }
  }),
  method(
    'listunspent',
    'The wallet’s coins.',
    [
      optional(integer('minconf', 'confirmations at least', 0, 9_999_999), 1),
      optional(integer('maxconf', 'confirmations at most', 0, 9_999_999), 9_999_999),
      optional(list('addresses', 'these addresses only', text('address', 'an address')), undefined),
    ],
    (node, least, most, addresses) =>
      node.wallet
        .coins()
        .filter((coin) => coin.confirmations >= least && coin.confirmations <= most)
        .filter((coin) => addresses === undefined || addresses.includes(coin.address))
        .map((coin) => ({
          txid: toDisplay<Txid>(coin.outpoint.txid),
          vout: coin.outpoint.index,
          address: coin.address,
          label: coin.label ?? '',
          scriptPubKey: bytesToHex(coin.scriptPubKey),
          amount: coins(coin.value),
          confirmations: coin.confirmations,
          spendable: coin.spendable,
          solvable: true,
          safe: coin.trusted,
        })),
  ),
  method(
    'listtransactions',
    'The latest entries of the wallet’s history, newest last.',
    [
      optional(text('label', '"*" for all'), '*'),
      optional(integer('count', 'entries', 0, 100_000), 10),
      optional(integer('skip', 'of the newest', 0, 1_000_000), 0),
    ],
    (node, label, count, skip) =>
      node.wallet
        .history()
        .flatMap((entry) => shownOutputs(entry).map((output) => ({ entry, output })))
        .filter(({ output }) => label === '*' || (output.label ?? '') === label)
        .slice(skip, skip + count)
        .map(({ entry, output }) => historyLine(entry, output))
        .reverse(),
  ),
  method('gettransaction', 'A transaction of the wallet.', [txid()], (node, id) => {
    const entry = node.wallet.transaction(id)
    if (entry === undefined)
      throw new RpcError(RPC_INVALID_ADDRESS_OR_KEY, `The transaction ${id} does not concern this wallet.`)
    return {
      amount: coins(entry.net + (entry.kind === 'sent' || entry.kind === 'moved' ? (entry.fee ?? 0) : 0)),
      ...(entry.fee === undefined ? {} : { fee: coins(-entry.fee) }),
      ...historyJson(entry),
      details: shownOutputs(entry).map((output) => historyLine(entry, output)),
    }
  }),
  method(
    'sendtoaddress',
    'Pays an address. Answers the id of the transaction.',
    [
      text('address', 'who is paid'),
      amount('amount', 'in coins'),
      optional(text('comment', 'not kept'), undefined),
      optional(text('comment_to', 'not kept'), undefined),
      optional(flag('subtractfeefromamount', 'the recipient pays the fee'), false),
      optional(flag('replaceable', 'every payment is'), true),
      optional(integer('conf_target', 'blocks within which it should confirm', 1, 1008), DEFAULT_TARGET),
      optional(text('estimate_mode', 'not used'), undefined),
      optional(flag('avoid_reuse', 'not used'), undefined),
      optional(number('fee_rate', 'satoshis per virtual byte', 0, 100_000), undefined),
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
      requireWallet(node)
      const recipients = [{ address, amount: value }]
      const request: PaymentRequest = { recipients, feeRate: feeRateOf(node, rate, target), subtractFee }
      const plan = unwrap(await node.wallet.createPayment(request))
      return (await send(node, plan)).txid
    },
  ),
  method(
    'walletcreatefundedpsbt',
    'Plans a payment for review: which coins it spends, its fee and its change. Nothing is reserved.',
    [
      list('inputs', 'coins to spend, [] to have them chosen', record('input', '{"txid", "vout"}')),
      { ...record('outputs', '{"address": amount} or an array of these'), parse: recipientsOf },
      optional(integer('locktime', 'not used', 0, 0xffffffff), 0),
      optional(record('options', 'fee_rate, conf_target, subtractFeeFromOutputs'), NO_OPTIONS),
    ],
    async (node, inputs, recipients, _lockTime, options) => {
      requireWallet(node)
      const target = options.conf_target === undefined ? DEFAULT_TARGET : Number(options.conf_target)
      const subtract = options.subtractFeeFromOutputs
      const plan = unwrap(
        await node.wallet.createPayment({
          recipients,
          feeRate: feeRateOf(node, options.fee_rate, target),
          subtractFee: Array.isArray(subtract) && subtract.length > 0,
          ...(inputs.length > 0 ? { coins: outpointsOf(inputs) } : {}),
        }),
      )
      return planJson(plan)
    },
  ),
  method(
    'walletprocesspsbt',
    'Signs the inputs of a PSBT that are this wallet’s.',
    [text('psbt', 'base64')],
    async (node, encoded) => {
      const signed = unwrap(await node.signer.signPsbt(decodePsbt(encoded)))
      const psbt = unwrap(Psbt.parse(signed))
      return { psbt: base64.encode(signed), complete: psbt.extract().ok }
    },
  ),
  method(
    'finalizepsbt',
    'The transaction of a PSBT whose inputs are all signed.',
    [text('psbt', 'base64')],
    (_node: NodeCore, encoded) => {
      const extracted = unwrap(Psbt.parse(decodePsbt(encoded))).extract()
      return extracted.ok
        ? { hex: bytesToHex(extracted.value.bytes), complete: true }
        : { psbt: encoded, complete: false }
    },
  ),
  method(
    'decodepsbt',
    'The transaction and the coins in a PSBT.',
    [text('psbt', 'base64')],
    (node: NodeCore, encoded) => {
      const psbt = unwrap(Psbt.parse(decodePsbt(encoded)))
      return {
        tx: transactionJson(node, psbt.unsigned),
        inputs: psbt.inputs.length,
        outputs: psbt.outputs.length,
      }
    },
  ),
  method(
    'sendpsbt',
    'Signs a planned payment, records it and sends it. Answers the id of the transaction.',
    [text('psbt', 'base64, from walletcreatefundedpsbt')],
    async (node, encoded) => (await send(node, { psbt: decodePsbt(encoded) })).txid,
  ),
  method(
    'bumpfee',
    'Replaces a payment that waits by one with a higher fee (BIP125).',
    [txid(), optional(record('options', 'fee_rate, conf_target'), NO_OPTIONS)],
    async (node, id, options) => {
      requireWallet(node)
      const before = node.wallet.transaction(id)?.fee
      const plan = unwrap(
        await node.wallet.bumpFee(id, feeRateOf(node, options.fee_rate, Number(options.conf_target ?? 1))),
      )
      const transaction = await send(node, plan)
      return { txid: transaction.txid, origfee: coins(before ?? 0), fee: coins(plan.fee), errors: [] }
    },
  ),
  method(
    'abandontransaction',
    'Gives up a payment that waits: its coins are free again.',
    [txid()],
    async (node, id) => {
      unwrap(await node.wallet.abandon(id))
      return null
    },
  ),
  method(
    'validateaddress',
    'Whether a text is an address of this network, and if not, why.',
    [text('address', 'to look at')],
    (node, address) => {
      const decoded = decodeAddress(address, node.params.addressPrefix)
      if (!decoded.ok)
        return {
          isvalid: false,
          error: decoded.detail,
          ...(decoded.suggestion === undefined ? {} : { suggestion: decoded.suggestion }),
          ...(decoded.errorLocations === undefined ? {} : { error_locations: decoded.errorLocations }),
        }
      return {
        isvalid: true,
        address: address.toLowerCase(),
        scriptPubKey: bytesToHex(decoded.value),
        isscript: true,
        iswitness: true,
        witness_version: 1,
        witness_program: bytesToHex(decoded.value.subarray(2)),
        ismine: node.wallet.isMine(decoded.value),
      }
    },
  ),
]

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
