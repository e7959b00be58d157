/**
 * What was agreed to, and may therefore be signed. The thread that prepares payments reads what strangers send; to be unlocked is no
 * licence for it. A person or a caller in the page agrees by the page's own line to the keys, to exactly what was reviewed, or to terms
 * that a payment has to keep. Each approval serves once.
 */
import { type Sats, sats } from '../primitives/amount.ts'
import { equalBytes } from '../primitives/bytes.ts'
import type { Txid } from '../primitives/hashes.ts'
import {
  decodeTransaction,
  type Outpoint,
  outpointKey,
  type Transaction,
  type TxOutput,
} from '../primitives/transaction.ts'
import { decodeAddress } from '../script/address.ts'
import { nameOfHashType } from '../script/hash-types.ts'
import { packOutputs } from '../script/input-check.ts'
import { SIGHASH_DEFAULT } from '../script/sighash.ts'
import { isToSign, transactionToSign } from '../script/signed-message.ts'
import { nullDataScript } from '../script/taproot.ts'
import { verifyTransaction } from '../script/verify-input.ts'
import { Psbt } from '../wallet/psbt.ts'
import { invalid, notNow, OK, ok, type Rejection, type Result } from '../wallet/result.ts'
import { disguisedMessage } from '../wallet/signer.ts'
import { greatestFee } from './greatest-fee.ts'
import type { PaymentReading } from './review.ts'

/** What signatures commit to, where somebody named another type than SIGHASH_DEFAULT: it may leave parts to others. */
interface NamedHashType {
  readonly hashType?: number | undefined
}

/** What the page asks to have signed. Rates in satoshis per 1,000 virtual bytes. */
export type Agreement =
  /** Exactly what a review showed to a person, its fee included. */
  | ({ readonly type: 'reviewed'; readonly digest: string } & NamedHashType)
  /** Exactly this transaction, where its fee is no slip: see `greatestFee`. In a PSBT, or as it is. */
  | ({ readonly type: 'transaction'; readonly psbt: Uint8Array } & NamedHashType)
  | ({ readonly type: 'transaction'; readonly transaction: Uint8Array } & NamedHashType)
  /** That a message is signed for an address (BIP322): no coin can be spent with that. */
  | { readonly type: 'message'; readonly address: string; readonly message: string }
  /** A payment of these amounts, the rest but for the fee coming back. */
  | {
      readonly type: 'payment'
      readonly payees: readonly AgreedPayee[]
      /** An address that may get what else would come back. */
      readonly changeAddress?: string | undefined
      /** Undefined where the node is to choose: within `greatestFee`. */
      readonly feeRate: number | undefined
    }
  /** A channel that these keys stand in, of at most `amount`; of it `given` is the other side's from the start. It can cost no more than that. */
  | {
      readonly type: 'channel'
      readonly amount: Sats
      readonly given: Sats
      readonly feeRate: number | undefined
    }
  /** Another fee for a payment that these keys have signed. */
  | { readonly type: 'replacement'; readonly txid: Txid; readonly feeRate: number | undefined }
  /** An invoice (BOLT 11) that is paid over channels. */
  | ({ readonly type: 'invoice' } & InvoiceAsked)
  /** A payment over channels that nobody asked for: its payee can't be seen here, its amount (millisatoshis) can. */
  | { readonly type: 'keysend'; readonly amount: number; readonly maxFeePercent: number }

/** What a page asks about an invoice. */
export interface InvoiceAsked {
  readonly invoice: string
  /** Millisatoshis, where the invoice leaves it open. */
  readonly amount: number | undefined
  /** Most that it may cost, in hundredths of the amount: see `greatestPaymentFee`. */
  readonly maxFeePercent: number
}

/** An agreement about coins; the others are about money in channels. */
export type CoinAgreement = Exclude<Agreement, { readonly type: 'invoice' | 'keysend' }>

/** An address and what it gets, in satoshis, where that is not whatever is left; or data that the payment carries. */
export type AgreedPayee =
  | {
      readonly address: string
      readonly amount: Sats | undefined
      /** The fee comes out of the amount, in part where others bear it, too. */
      readonly bearsFee?: boolean
    }
  | { readonly address?: undefined; readonly data: Uint8Array }

/** An agreement that was understood. */
type Terms =
  | Exclude<CoinAgreement, { readonly type: 'payment' | 'transaction' | 'message' }>
  | ({ readonly type: 'transaction'; readonly txid: Txid } & NamedHashType)
  | (Omit<Extract<Agreement, { readonly type: 'payment' }>, 'payees'> & { readonly payees: readonly Owed[] })

interface Owed {
  readonly scriptPubKey: Uint8Array
  /** Undefined for whatever it is. */
  readonly amount: Sats | undefined
  /** See `AgreedPayee`. */
  readonly bearsFee: boolean
  /** It may get nothing at all. */
  readonly isOptional: boolean
}

/** What is known of channels here. */
export interface FundingCheck {
  /** See `ChannelKeeper.givenAway`. */
  givenAway(outpoint: Outpoint, script: Uint8Array, amount: Sats): number | undefined
  /** See `ChannelKeeper.claimOf`. */
  claimOf(
    transaction: Transaction,
  ): { readonly scripts: readonly Uint8Array[]; readonly stake: number } | undefined
}

export class Approvals {
  private readonly addressPrefix: string
  private readonly channels: FundingCheck
  private readonly waiting = new Map<number, Terms>()
  private readonly nextNumber: () => number

  /** `nextNumber`: another one with each call. */
  constructor(addressPrefix: string, channels: FundingCheck, nextNumber: () => number) {
    this.addressPrefix = addressPrefix
    this.channels = channels
    this.nextNumber = nextNumber
  }

  /** Returns the number to `revoke` it by. Rejects with `psbt-invalid`, `psbt-message` and the codes of `decodeAddress`. */
  add(agreement: CoinAgreement): Result<number> {
    const terms = this.understood(agreement)
    if (!terms.ok) return terms
    const approval = this.nextNumber()
    this.waiting.set(approval, terms.value)
    return ok(approval)
  }

  /** Takes one back that was not used. */
  revoke(approval: number): void {
    this.waiting.delete(approval)
  }

  /**
   * Uses up the approval that covers a payment. `replaced`: the bytes of the signed payment that it takes the place of. Rejects with
   * `payment-not-approved`, and with `max-fee-exceeded` where the fee alone stands against it.
   */
  use(reading: PaymentReading, replaced: Uint8Array | undefined): Result<void> {
    if (isFeeOfClaim(reading, this.channels)) return OK
    let reason: Rejection | undefined
    for (const [approval, terms] of this.waiting) {
      const refusal = refusalOf(terms, reading, replaced, this.channels)
      if (!refusal) {
        this.waiting.delete(approval)
        return OK
      }
      reason = refusal
    }
    return reason ?? notApproved('Nobody in this page asked for it.')
  }

  private understood(agreement: CoinAgreement): Result<Terms> {
    if (agreement.type === 'transaction') {
      const transaction = transactionOf(agreement)
      if (!transaction.ok) return transaction
      if (isToSign(transaction.value)) return disguisedMessage()
      return ok({ type: 'transaction', txid: transaction.value.txid, hashType: agreement.hashType })
    }
    if (agreement.type === 'message') {
      const scriptPubKey = decodeAddress(agreement.address, this.addressPrefix)
      if (!scriptPubKey.ok) return scriptPubKey
      return ok({
        type: 'transaction',
        txid: transactionToSign(scriptPubKey.value, agreement.message).txid,
      })
    }
    if (agreement.type !== 'payment') return ok(agreement)
    const { changeAddress } = agreement
    const change: AgreedPayee[] =
      changeAddress === undefined ? [] : [{ address: changeAddress, amount: undefined }]
    const payees: Owed[] = []
    // What is named exactly is looked for first.
    for (const payee of [...agreement.payees, ...change]) {
      const isOptional = change.some((one) => one === payee)
      if (payee.address === undefined) {
        const scriptPubKey = nullDataScript(payee.data)
        payees.push({ scriptPubKey, amount: sats(0), bearsFee: false, isOptional })
        continue
      }
      const scriptPubKey = decodeAddress(payee.address, this.addressPrefix)
      if (!scriptPubKey.ok) return scriptPubKey
      const { amount, bearsFee = false } = payee
      payees.push({ scriptPubKey: scriptPubKey.value, amount, bearsFee, isOptional })
    }
    return ok({ ...agreement, payees })
  }
}

/** The transaction that an agreement names. */
function transactionOf(agreement: Extract<Agreement, { readonly type: 'transaction' }>): Result<Transaction> {
  if ('psbt' in agreement) {
    const psbt = Psbt.parse(agreement.psbt)
    return psbt.ok ? ok(psbt.value.unsigned) : psbt
  }
  const decoded = decodeTransaction(agreement.transaction)
  return decoded.ok
    ? ok(decoded.value)
    : invalid('psbt-invalid', `This is not a transaction. ${decoded.detail}`)
}

/** Why the terms don't cover a payment; undefined where they do. */
function refusalOf(
  terms: Terms,
  reading: PaymentReading,
  replaced: Uint8Array | undefined,
  channels: FundingCheck,
): Rejection | undefined {
  const { review, hashType } = reading
  const agreed = ('hashType' in terms ? terms.hashType : undefined) ?? SIGHASH_DEFAULT
  if (hashType !== agreed)
    return notApproved(
      `Signatures were to be of the hash type ${nameOfHashType(agreed)}, not ${nameOfHashType(hashType)}.`,
    )
  switch (terms.type) {
    case 'reviewed':
      return review.digest === terms.digest
        ? undefined
        : notApproved('It is not the payment that was reviewed.')
    case 'transaction':
      return review.txid === terms.txid
        ? feeRefusal(reading, undefined)
        : notApproved('It is another transaction.')
    case 'payment':
      return paymentRefusal(terms, reading) ?? feeRefusal(reading, terms.feeRate)
    case 'channel':
      return channelRefusal(terms, reading, channels) ?? feeRefusal(reading, terms.feeRate)
    case 'replacement':
      return replacementRefusal(terms.txid, reading, replaced) ?? feeRefusal(reading, terms.feeRate)
  }
}

function feeRefusal({ review }: PaymentReading, feeRate: number | undefined): Rejection | undefined {
  const { fee, vsize } = review
  const most = greatestFee(vsize, feeRate)
  if (fee <= most) return undefined
  const remedy =
    feeRate === undefined ? ' If it is meant, name the fee rate, or review the payment and confirm it.' : ''
  return invalid(
    'max-fee-exceeded',
    `The fee of ${fee} satoshis exceeds the ${most} that were agreed to for ${vsize} virtual bytes. It was not signed.${remedy}`,
  )
}

/** All that was owed is paid, and nothing else leaves. */
function paymentRefusal(
  { payees }: Extract<Terms, { readonly type: 'payment' }>,
  { review, unsigned, ownOutputs }: PaymentReading,
): Rejection | undefined {
  if (review.foreignInputs > 0) return notApproved('It spends coins of others, too.')
  const owed = [...payees]
  // By all of them together: what they got less beyond it would stay with whoever pays.
  let bearable: number = review.fee
  for (const [index, { scriptPubKey, value }] of unsigned.outputs.entries()) {
    const found = owed.findIndex(({ amount, bearsFee, ...payee }) => {
      const borne = (amount ?? value) - value
      return (
        equalBytes(payee.scriptPubKey, scriptPubKey) &&
        (bearsFee ? borne >= 0 && borne <= bearable : borne === 0)
      )
    })
    if (found >= 0) {
      bearable -= (owed[found].amount ?? value) - value
      owed.splice(found, 1)
    } else if (!ownOutputs.has(index))
      return notApproved('It pays someone or an amount that nobody asked for.')
  }
  return owed.some(({ isOptional }) => !isOptional)
    ? notApproved('It does not pay all that was asked for.')
    : undefined
}

/** One output funds a channel whose first commitment was signed, so that its money can be got back; nothing else leaves. */
function channelRefusal(
  { amount, given }: Extract<Terms, { readonly type: 'channel' }>,
  { review, unsigned, ownOutputs }: PaymentReading,
  channels: FundingCheck,
): Rejection | undefined {
  if (review.foreignInputs > 0) return notApproved('It spends coins of others, too.')
  const [index, ...others] = [...unsigned.outputs.keys()].filter((at) => !ownOutputs.has(at))
  if (index === undefined || others.length > 0) return notApproved('It pays more than one channel.')
  const { value, scriptPubKey } = unsigned.outputs[index]
  if (value > amount) return notApproved(`The channel was to hold ${amount} satoshis at most.`)
  const lost = channels.givenAway({ txid: unsigned.txidBytes, index }, scriptPubKey, value)
  if (lost === undefined)
    return notApproved('It funds no channel whose first commitment the other side has signed.')
  return lost > given ? notApproved('It gives more to the other side than was asked for.') : undefined
}

/**
 * Whether it pays for a claim of a channel, to which the approval of its opening stands: it takes an output of a commitment, all comes back to
 * this wallet or to the channel's own second level, and the fee is at most half of what is at stake.
 */
function isFeeOfClaim(
  { review, unsigned, ownOutputs, hashType }: PaymentReading,
  channels: FundingCheck,
): boolean {
  const claim = hashType === SIGHASH_DEFAULT ? channels.claimOf(unsigned) : undefined
  return (
    claim !== undefined &&
    review.fee <= Math.min(claim.stake / 2, greatestFee(review.vsize, undefined)) &&
    unsigned.outputs.every(
      ({ scriptPubKey }, index) =>
        ownOutputs.has(index) || claim.scripts.some((script) => equalBytes(script, scriptPubKey)),
    )
  )
}

/**
 * It spends all that the former payment spent, so that at most one of them can be, and pays nobody else and nobody more. The former one
 * carries this wallet's own signatures: what it paid was agreed to once.
 */
function replacementRefusal(
  txid: Txid,
  reading: PaymentReading,
  replaced: Uint8Array | undefined,
): Rejection | undefined {
  const { review, unsigned, ownInputs, ownOutputs, spent } = reading
  const former = replaced && decodeTransaction(replaced)
  if (!former?.ok || former.value.txid !== txid) return notApproved('It replaces another payment.')
  if (review.foreignInputs > 0) return notApproved('It spends coins of others, too.')
  const { inputs, outputs } = former.value
  const places = new Map(unsigned.inputs.map(({ prevout }, index) => [outpointKey(prevout), index]))
  const formerSpent = inputs.map(({ prevout }) => places.get(outpointKey(prevout)) ?? -1)
  if (!formerSpent.every((index) => ownInputs.has(index)))
    return notApproved('It does not spend the coins of the payment that it is to replace.')
  if (
    !isSignedByKeys(
      former.value,
      formerSpent.map((index) => spent[index]),
    )
  )
    return notApproved('This wallet never signed the payment that it is to replace.')
  const owed = [...outputs]
  let bearable: number = review.fee
  for (const [index, { scriptPubKey, value }] of unsigned.outputs.entries()) {
    if (ownOutputs.has(index)) continue
    const found = owed.findIndex(
      (output) =>
        equalBytes(output.scriptPubKey, scriptPubKey) &&
        value <= output.value &&
        output.value - value <= bearable,
    )
    if (found < 0) return notApproved('It pays someone or an amount that the former payment did not.')
    bearable -= owed[found].value - value
    owed.splice(found, 1)
  }
  return undefined
}

/** Signatures over the whole transaction (SIGHASH_DEFAULT), which alone bind its outputs. */
function isSignedByKeys(transaction: Transaction, spent: readonly TxOutput[]): boolean {
  return (
    transaction.inputs.every(({ witness }) => witness.length === 1 && witness[0].length === 64) &&
    verifyTransaction({ transaction: transaction.bytes, spentOutputs: packOutputs(spent) }) === undefined
  )
}

function notApproved(sentence: string): Rejection {
  return notNow('payment-not-approved', `This payment was not agreed to, and not signed. ${sentence}`)
}
