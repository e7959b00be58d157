/**
 * Preparing a payment: from what the user asks to a plan that can be reviewed, a PSBT and the figures beside it.
 * Changes nothing; the wallet signs and records. Pure, any thread.
 */

import { DUST, MAX_FEE_RATE, REPLACEABLE_SEQUENCE } from '../policy/fees.ts'
import { formatCoins, type Sats } from '../primitives/amount.ts'
import type { Txid } from '../primitives/hashes.ts'
import type { Random } from '../primitives/ports.ts'
import type { Outpoint } from '../primitives/transaction.ts'
import { addressOf, decodeAddress } from '../script/address.ts'
import type { OwnKey } from './address-book.ts'
import type { Selection } from './coin-selection.ts'
import type { OwnOutput } from './ledger.ts'
import type { Psbt, PsbtOutput } from './psbt.ts'
import { accept, invalid, type Rejection, type Result } from './result.ts'
import { below, shuffled } from './shuffle.ts'
import type { WalletCoin } from './views.ts'

export interface Recipient {
  readonly address: string
  readonly amount: Sats
}

export interface PaymentRequest {
  readonly recipients: readonly Recipient[]
  /** Satoshis per 1,000 virtual bytes. */
  readonly feeRate: number
  /** Coin control: exactly these coins are spent. */
  readonly coins?: readonly Outpoint[]
  /** The recipients bear the fee, in equal parts: with the whole balance as amount this empties the wallet. */
  readonly subtractFee?: boolean
}

export interface PlannedOutput {
  readonly address: string
  readonly value: Sats
  readonly change: boolean
}

/** A payment to be reviewed: plain data. Nothing is reserved until it is signed. */
export interface PaymentPlan {
  readonly inputs: readonly WalletCoin[]
  /** In the order of the transaction, where change has a place by lot. */
  readonly outputs: readonly PlannedOutput[]
  readonly fee: Sats
  /** Virtual bytes once signed. */
  readonly vsize: number
  /** BIP174, version 0, unsigned. */
  readonly psbt: Uint8Array
  /** The own pending payment that it takes the place of. */
  readonly replaces: Txid | undefined
}

/** A recipient whose address was understood. */
export interface Payee {
  readonly scriptPubKey: Uint8Array
  readonly amount: Sats
}

/**
 * Checks recipients and fee rate. Codes of `decodeAddress`, `amount-invalid`, `amount-too-small`,
 * `fee-rate-invalid`, `max-fee-exceeded`, `recipients-missing`.
 */
export function checkRequest(request: PaymentRequest, addressPrefix: string): Result<Payee[]> {
  const rate = checkFeeRate(request.feeRate)
  if (rate) return rate
  if (request.recipients.length === 0) return invalid('recipients-missing', 'Say who is to be paid.')
  const payees: Payee[] = []
  for (const { address, amount } of request.recipients) {
    const decoded = decodeAddress(address, addressPrefix)
    if (!decoded.ok) return decoded
    if (!Number.isSafeInteger(amount) || amount <= 0)
      return invalid(
        'amount-invalid',
        'The amount should be a number of coins above 0 with at most 8 decimals.',
      )
    if (amount < DUST)
      return invalid(
        'amount-too-small',
        `The smallest amount that can be sent is ${formatCoins(DUST)} coins.`,
      )
    payees.push({ scriptPubKey: decoded.value, amount })
  }
  return accept(payees)
}

export function checkFeeRate(feeRate: number): Rejection | undefined {
  if (!Number.isFinite(feeRate) || feeRate <= 0)
    return invalid(
      'fee-rate-invalid',
      'The fee rate should be a number above 0, in satoshis per 1,000 virtual bytes.',
    )
  if (feeRate > MAX_FEE_RATE)
    return invalid(
      'max-fee-exceeded',
      `A fee rate of ${feeRate / 1000} satoshis per virtual byte must be a mistake: at most ${MAX_FEE_RATE / 1000} is sent.`,
    )
  return undefined
}

/** A coin as selection and PSBT need it. */
export interface SpendableCoin {
  readonly value: Sats
  readonly own: OwnOutput
  readonly coin: WalletCoin
}

export interface PlanParts {
  readonly psbtClass: typeof Psbt
  readonly selection: Selection<SpendableCoin>
  /** In the order of the amounts that were selected for. */
  readonly scripts: readonly Uint8Array[]
  /** Where change goes, if there is any. */
  readonly changeKey: OwnKey
  /** Height of the tip: the payment can't be mined below it, so that nobody gains by mining the past again. */
  readonly lockTime: number
  readonly addressPrefix: string
  readonly random: Random
  readonly replaces: Txid | undefined
}

/**
 * The plan of a payment whose coins are chosen. Inputs and change have their places by lot: position tells nothing.
 */
export function planPayment(parts: PlanParts): PaymentPlan {
  const { psbtClass, selection, scripts, changeKey, lockTime, addressPrefix, random, replaces } = parts
  const coins = shuffled(selection.coins, random)
  const outputs: (PsbtOutput & { readonly change: boolean })[] = scripts.map((scriptPubKey, i) => {
    return { value: selection.amounts[i], scriptPubKey, key: undefined, change: false }
  })
  if (selection.change > 0) {
    const { scriptPubKey } = changeKey
    const change = { value: selection.change, scriptPubKey, key: changeKey, change: true }
    outputs.splice(below(outputs.length + 1, random), 0, change)
  }
  const psbt = psbtClass.of({
    inputs: coins.map(({ own: { outpoint, output, key } }) => {
      return { prevout: outpoint, sequence: REPLACEABLE_SEQUENCE, spent: output, key }
    }),
    outputs,
    lockTime,
  })
  return {
    inputs: coins.map(({ coin }) => coin),
    outputs: outputs.map(({ value, scriptPubKey, change }) => {
      return { address: addressOf(scriptPubKey, addressPrefix)!, value, change }
    }),
    fee: selection.fee,
    vsize: selection.vsize,
    psbt: psbt.bytes,
    replaces,
  }
}
