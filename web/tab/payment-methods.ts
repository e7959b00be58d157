/**
 * RPC methods that sign. The brain reads what strangers send, and might be turned: so the page itself tells the signer what it asks for,
 * on its own line, before the brain is asked. What stands for a person's approval is the call: its payee, amount and fee rate; the
 * payment that it replaces; or the very transaction that it hands over. The approval is of one wallet, and ends with the call. Thread: Window.
 */

import { MSAT_PER_SAT } from '../../src/channels/amount.ts'
import { coins } from '../../src/node/rpc-json.ts'
import { byPosition } from '../../src/node/rpc-names.ts'
import { payAllowance, reviewInvoice, reviewPsbt } from '../../src/node/rpc-page-methods.ts'
import { amount } from '../../src/node/rpc-parameters.ts'
import {
  AMOUNTS,
  OUTPUTS,
  SEND_ALL_OPTIONS,
  SEND_OPTIONS,
  SHARES,
} from '../../src/node/rpc-payment-parameters.ts'
import { psbtBytesOf } from '../../src/node/rpc-psbt-text.ts'
import { MAX_FEE_PERCENT, signingMethods } from '../../src/node/rpc-signing-methods.ts'
import { unwrap } from '../../src/node/rpc-wallet-error.ts'
import { chooseWallet } from '../../src/node/wallet-choice.ts'
import { sats } from '../../src/primitives/amount.ts'
import { hexToBytes, isHex } from '../../src/primitives/bytes.ts'
import type { Txid } from '../../src/primitives/hashes.ts'
import { HASH_TYPES } from '../../src/script/hash-types.ts'
import type { Agreement, InvoiceAsked } from '../../src/signer/approvals.ts'
import type { InvoiceReview } from '../../src/signer/invoice-review.ts'
import type { PaymentReview } from '../../src/signer/review.ts'
import type { Result } from '../../src/wallet/result.ts'
import { disguisedMessage } from '../../src/wallet/signer.ts'
import type { SignerCommand } from '../../src/workers/signer-link.ts'
import type { BrainClient } from './brain-client.ts'
import type { SignerClient } from './signer-client.ts'

type Brain = Pick<BrainClient, 'rpc' | 'wallets'>
type Keys = Pick<SignerClient, 'run' | 'status' | 'stopped'>
type Arguments = readonly unknown[]

const AMOUNT = amount('amount', 'in coins')

/**
 * Calls a method that signs, or `reviewpsbt`. `named`: the wallet that is meant, see `chooseWallet`. Rejects with an `RpcError`, or a `TabError`
 * where the signer has stopped.
 */
export async function callPayment(
  brain: Brain,
  signer: Keys,
  method: string,
  given: Arguments,
  named?: string,
): Promise<unknown> {
  const declared = [reviewPsbt, reviewInvoice, payAllowance, ...signingMethods].find(
    ({ name }) => name === method,
  )
  const args = declared ? byPosition(declared, given) : given
  // Named from here on: what is approved of one wallet is asked of no other.
  const wallet = chooseWallet(named, brain.wallets)
  if (method === 'reviewpsbt') return reviewJson(await review(signer, wallet, args))
  if (method === 'reviewinvoice')
    return invoiceJson(await ask(signer, wallet, { type: 'reviewInvoice', ...invoiceOf(args) }))
  if (method === 'payallowance') {
    const amount = args[0] === undefined || args[0] === null ? undefined : Number(args[0])
    return { left_msat: await ask<number>(signer, wallet, { type: 'allowance', amount }) }
  }
  // A wallet whose keys are elsewhere signs nothing; what is wrong with the arguments, the node tells.
  const agreement = signer.status(wallet).state === 'none' ? undefined : agreementOf(method, args)
  if (!agreement) return brain.rpc(method, args, wallet)
  const approved = (await signer.run(wallet, { type: 'approve', agreement })) as Result<number>
  // What falls into the allowance is paid while the wallet is locked, too.
  if (!approved.ok && approved.code === 'wallet-locked') return brain.rpc(method, args, wallet)
  const approval = unwrap(approved)
  try {
    return await Promise.race([brain.rpc(method, args, wallet), signer.stopped])
  } finally {
    // Where the signer has stopped, nothing is left to be taken back.
    await signer.run(wallet, { type: 'revoke', approval }).catch(() => undefined)
  }
}

/** What a call agrees to; undefined where its arguments are none that the method takes. */
function agreementOf(method: string, args: Arguments): Agreement | undefined {
  switch (method) {
    case 'send': {
      const [outputs, , , rate, given] = args
      if (outputs === undefined || outputs === null) return undefined
      const options = SEND_OPTIONS.parse(given ?? {})
      const bearing = new Set<number>(options.subtract_fee_from_outputs)
      return {
        type: 'payment',
        payees: OUTPUTS.parse(outputs).map((payee, at) => ({ ...payee, bearsFee: bearing.has(at) })),
        changeAddress: options.change_address,
        feeRate: feeRateOf(rate ?? options.fee_rate),
      }
    }
    case 'sendall': {
      const [recipients, , , rate, given] = args
      if (recipients === undefined || recipients === null) return undefined
      const options = SEND_ALL_OPTIONS.parse(given ?? {})
      return {
        type: 'payment',
        payees: SHARES.parse(recipients),
        feeRate: feeRateOf(rate ?? options.fee_rate),
      }
    }
    case 'sendmany': {
      const [, amounts, , , bearers, , , , rate] = args
      if (amounts === undefined || amounts === null) return undefined
      const bearing = new Set(Array.isArray(bearers) ? bearers.map((one) => String(one).toLowerCase()) : [])
      const payees = AMOUNTS.parse(amounts)
      return {
        type: 'payment',
        payees: payees.map((payee) => ({ ...payee, bearsFee: bearing.has(payee.address.toLowerCase()) })),
        feeRate: feeRateOf(rate),
      }
    }
    case 'fundchannel': {
      const [, value, rate, , push] = args
      if (!isAmount(value) || !isAmount(push ?? 0)) return undefined
      const given = sats(Math.ceil(Number(push ?? 0) / MSAT_PER_SAT))
      return { type: 'channel', amount: sats(value), given, feeRate: feeRateOf(rate) }
    }
    case 'pay':
      return typeof args[0] === 'string' ? { type: 'invoice', ...invoiceOf(args) } : undefined
    case 'keysend': {
      const [, value, percent] = args
      if (!isAmount(value)) return undefined
      return { type: 'keysend', amount: value, maxFeePercent: percentOf(percent) }
    }
    case 'signmessage': {
      const [address, message] = args
      if (typeof address !== 'string' || typeof message !== 'string') return undefined
      return { type: 'message', address, message }
    }
    case 'signrawtransactionwithwallet': {
      const [hex, , hashType] = args
      if (typeof hex !== 'string' || !isHex(hex)) return undefined
      return { type: 'transaction', transaction: hexToBytes(hex), hashType: hashTypeOf(hashType) }
    }
    case 'sendtoaddress': {
      const [address, value, , , subtractFee, , , , , rate] = args
      if (typeof address !== 'string' || value === undefined || value === null) return undefined
      const payees = [{ address, amount: AMOUNT.parse(value), bearsFee: subtractFee === true }]
      return { type: 'payment', payees, feeRate: feeRateOf(rate) }
    }
    case 'bumpfee': {
      const [txid, options] = args
      if (typeof txid !== 'string') return undefined
      return {
        type: 'replacement',
        txid: txid.toLowerCase() as Txid,
        feeRate: feeRateOf(fieldOf(options, 'fee_rate')),
      }
    }
    default: {
      const isToSend = method === 'sendpsbt'
      // To have coins and keys filled in is to agree to no signature.
      if (!isToSend && args[1] === false) return undefined
      const digest = isToSend ? fieldOf(args[1], 'digest') : args[5]
      const hashType = hashTypeOf(isToSend ? undefined : args[2])
      if (typeof digest === 'string') return { type: 'reviewed', digest, hashType }
      const psbt = psbtOf(args[0])
      return psbt && { type: 'transaction', psbt, hashType }
    }
  }
}

function isAmount(value: unknown): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0
}

function invoiceOf([invoice, amount, percent]: Arguments): InvoiceAsked {
  return {
    invoice: String(invoice),
    amount: isAmount(amount) ? amount : undefined,
    maxFeePercent: percentOf(percent),
  }
}

/** As the methods declare it. */
function percentOf(percent: unknown): number {
  return percent === undefined || percent === null ? MAX_FEE_PERCENT.parse(undefined) : Number(percent)
}

async function ask<T>(signer: Keys, wallet: string, command: SignerCommand): Promise<T> {
  return unwrap((await signer.run(wallet, command)) as Result<T>)
}

function invoiceJson({ payee, paymentHash, amount, maxFee, description, expiresAt }: InvoiceReview): object {
  return {
    payee,
    payment_hash: paymentHash,
    amount_msat: amount,
    max_fee_msat: maxFee,
    ...(description !== undefined && { description }),
    expires_at: expiresAt,
  }
}

/** The hash type of a name; undefined where it has none. */
function hashTypeOf(name: unknown): number | undefined {
  return HASH_TYPES.get(typeof name === 'string' ? name : 'DEFAULT')
}

/** Satoshis per 1,000 virtual bytes from satoshis per virtual byte; undefined where none is named. */
function feeRateOf(rate: unknown): number | undefined {
  const named = typeof rate === 'number' || typeof rate === 'string' ? Number(rate) * 1000 : Number.NaN
  return Number.isNaN(named) ? undefined : named
}

function fieldOf(options: unknown, name: string): unknown {
  return typeof options === 'object' && options !== null
    ? (options as Readonly<Record<string, unknown>>)[name]
    : undefined
}

function psbtOf(text: unknown): Uint8Array | undefined {
  return typeof text === 'string' ? psbtBytesOf(text) : undefined
}

async function review(signer: Keys, wallet: string, [text]: Arguments): Promise<PaymentReview> {
  // Bytes that are none are refused by the signer, with a sentence.
  const psbt = psbtOf(text) ?? new Uint8Array()
  const review = unwrap((await signer.run(wallet, { type: 'review', psbt })) as Result<PaymentReview>)
  // Nobody who is shown a payment of nothing sees what is signed.
  return review.isMessage ? unwrap(disguisedMessage()) : review
}

function reviewJson(review: PaymentReview): object {
  const { digest, txid, payees, change, fee, vsize, isFeeHigh, foreignInputs } = review
  return {
    digest,
    txid,
    payees: payees.map(({ address, data, amount }) => ({
      ...(address === undefined ? { data } : { address }),
      amount: coins(amount),
    })),
    change: change.map(({ address, amount }) => ({ address, amount: coins(amount) })),
    fee: coins(fee),
    vsize,
    feeishigh: isFeeHigh,
    foreigninputs: foreignInputs,
  }
}
