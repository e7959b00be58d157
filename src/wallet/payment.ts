/**
 * Preparing a payment: from what the user asks to a plan that can be reviewed, a PSBT and the figures beside it.
 * Changes nothing; the wallet signs and records. Pure, any thread.
 */
import { DUST, MAX_FEE_RATE, REPLACEABLE_SEQUENCE } from '../policy/fees.ts'
import { formatCoins, type Sats, sats } from '../primitives/amount.ts'
import type { Txid } from '../primitives/hashes.ts'
import type { Random } from '../primitives/ports.ts'
import { type Outpoint, outpointKey } from '../primitives/transaction.ts'
import { addressOf, decodeAddress } from '../script/address.ts'
import { nullDataScript } from '../script/taproot.ts'
import type { OwnKey } from './address-book.ts'
import type { Selection } from './coin-selection.ts'
import type { OwnOutput } from './ledger.ts'
import { Psbt, type PsbtOutput } from './psbt.ts'
import { invalid, ok, type Rejection, type Result } from './result.ts'
import { below, shuffled } from './shuffle.ts'
import type { WalletCoin } from './views.ts'

/** Who is paid, or data that the payment carries: at most 80 bytes, and once. */
export type Recipient =
  | { readonly address: string; readonly amount: Sats }
  | { readonly data: Uint8Array; readonly address?: undefined }

export interface PaymentRequest {
  readonly recipients: readonly Recipient[]
  /** Satoshis per 1,000 virtual bytes. */
  readonly feeRate: number
  /** Coin control: exactly these coins are spent. They come first, in this order. */
  readonly coins?: readonly Outpoint[] | undefined
  /** Others are added to `coins` where those do not suffice. */
  readonly addCoins?: boolean
  /** Confirmations that a coin has at least and at most which is chosen for the payment. */
  readonly confirmations?: readonly [least: number, most: number]
  /** The recipients bear the fee, in equal parts: with the whole balance as amount this empties the wallet. A list: those at these places do. */
  readonly subtractFee?: boolean | readonly number[]
  /** Where change goes, an address of this network; an own fresh one where left out. */
  readonly changeAddress?: string | undefined
  /** Place of the change among the outputs; by lot where left out. */
  readonly changePosition?: number | undefined
  readonly version?: number | undefined
  /** nLockTime; the height of the tip where left out. */
  readonly lockTime?: number | undefined
  /** nSequence by `outpointKey` of the coin; `REPLACEABLE_SEQUENCE` where left out. */
  readonly sequences?: ReadonlyMap<string, number>
}

export interface PlannedOutput {
  /** Undefined for a data output. */
  readonly address: string | undefined
  readonly scriptPubKey: Uint8Array
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
  /** What the payees get less than by the payment that is replaced, which has no change to take a higher fee from. */
  readonly reduced: Sats
}

/** A recipient whose address was understood; undefined amount: a data output. */
export interface Payee {
  readonly scriptPubKey: Uint8Array
  readonly amount: Sats | undefined
}

/** Bytes that an output can carry: its script has OP_RETURN and their push before them. */
const MAX_DATA_BYTES = 80

/** The amounts of those who get one, in order. */
export function amountsOf(payees: readonly Payee[]): Sats[] {
  return payees.flatMap(({ amount }) => amount ?? [])
}

/** Bytes of the data output's script; undefined where there is none. */
export function dataBytesOf(payees: readonly Payee[]): number | undefined {
  return payees.find(({ amount }) => amount === undefined)?.scriptPubKey.length
}

/**
 * Checks recipients and fee rate. Codes of `decodeAddress`, `amount-invalid`, `amount-too-small`, `data-invalid`,
 * `fee-rate-invalid`, `max-fee-exceeded`, `recipients-missing`.
 */
export function checkRequest(request: PaymentRequest, addressPrefix: string): Result<Payee[]> {
  const rate = checkFeeRate(request.feeRate)
  if (rate) return rate
  if (request.recipients.length === 0) return invalid('recipients-missing', 'Say who is to be paid.')
  const payees: Payee[] = []
  for (const recipient of request.recipients) {
    if (recipient.address === undefined) {
      if (recipient.data.length > MAX_DATA_BYTES || dataBytesOf(payees) !== undefined)
        return invalid('data-invalid', `A payment can carry data once, of at most ${MAX_DATA_BYTES} bytes.`)
      payees.push({ scriptPubKey: nullDataScript(recipient.data), amount: undefined })
      continue
    }
    const { address, amount } = recipient
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
  return ok(payees)
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
  readonly selection: Selection<SpendableCoin>
  /** Whom the selection pays, in its order. */
  readonly payees: readonly Payee[]
  /** Where change goes, if there is any. `key`: undefined where that is another's address. */
  readonly changeTo: { readonly scriptPubKey: Uint8Array; readonly key: OwnKey | undefined }
  /** See `PaymentRequest`. */
  readonly changePosition?: number | undefined
  /** Coins that come first, in this order, where they are chosen. */
  readonly first: readonly Outpoint[]
  /** Height of the tip: the payment can't be mined below it, so that nobody gains by mining the past again. */
  readonly lockTime: number
  readonly addressPrefix: string
  readonly random: Random
  readonly replaces: Txid | undefined
  readonly reduced?: Sats
  readonly version?: number | undefined
  readonly sequences?: ReadonlyMap<string, number> | undefined
}

/**
 * The plan of a payment whose coins are chosen. Inputs that nobody named and change have their places by lot: position tells nothing. Those that
 * were named stay in their order, by which whoever named them may know them (Bitcoin Core does so, too).
 */
export function planPayment(parts: PlanParts): PaymentPlan {
  const { selection, payees, changeTo, lockTime, addressPrefix, random, replaces } = parts
  const places = new Map(parts.first.map((outpoint, place) => [outpointKey(outpoint), place]))
  const placeOf = ({ own }: SpendableCoin): number => places.get(outpointKey(own.outpoint)) ?? places.size
  // The sort is stable.
  const coins = shuffled(selection.coins, random).sort((a, b) => placeOf(a) - placeOf(b))
  const amounts = [...selection.amounts]
  const outputs: (PsbtOutput & { readonly change: boolean })[] = payees.map(({ scriptPubKey, amount }) => {
    const value = amount === undefined ? sats(0) : amounts.shift()!
    return { value, scriptPubKey, key: undefined, change: false }
  })
  if (selection.change > 0) {
    const change = { value: selection.change, ...changeTo, change: true }
    outputs.splice(parts.changePosition ?? below(outputs.length + 1, random), 0, change)
  }
  const psbt = Psbt.of({
    ...(parts.version !== undefined && { version: parts.version }),
    inputs: coins.map(({ own: { outpoint, output, key } }) => {
      const sequence = parts.sequences?.get(outpointKey(outpoint)) ?? REPLACEABLE_SEQUENCE
      return { prevout: outpoint, sequence, spent: output, key }
    }),
    outputs,
    lockTime,
  })
  return {
    inputs: coins.map(({ coin }) => coin),
    outputs: outputs.map(({ value, scriptPubKey, change }) => {
      return { address: addressOf(scriptPubKey, addressPrefix), scriptPubKey, value, change }
    }),
    fee: selection.fee,
    vsize: selection.vsize,
    psbt: psbt.bytes,
    replaces,
    reduced: parts.reduced ?? sats(0),
  }
}
