/**
 * What an invoice asks for, as the keys' own thread reads it: whoever handed it over, a person or a caller agrees to what is read here. Pure.
 */
import { greatestPaymentFee, MAX_MSAT, type Msat, msat } from '../channels/amount.ts'
import { decodeInvoice } from '../channels/invoice.ts'
import { bytesToHex } from '../primitives/bytes.ts'
import { invalid, ok, type Result } from '../primitives/result.ts'
import type { InvoiceAsked } from './approvals.ts'

/** What is shown before an invoice is paid: plain data. */
export interface InvoiceReview {
  /** Node id of the payee, 66 hex digits: who signed the invoice. */
  readonly payee: string
  /** 64 hex digits. */
  readonly paymentHash: string
  readonly amount: Msat
  /** Most that it may cost beside. */
  readonly maxFee: Msat
  /** Undefined where the invoice has the hash of one alone. */
  readonly description: string | undefined
  /** Seconds since 1970. */
  readonly expiresAt: number
}

/** `addressPrefix`: see `NetworkParams`. Rejects as `decodeInvoice` does, and with `invoice-amount`. */
export function reviewInvoice(asked: InvoiceAsked, addressPrefix: string): Result<InvoiceReview> {
  const decoded = decodeInvoice(asked.invoice, addressPrefix)
  if (!decoded.ok) return decoded
  const { payee, paymentHash, description, timestamp, expiry, ...invoice } = decoded.value
  const amount = invoice.amount ?? asked.amount
  if (amount === undefined || (asked.amount !== undefined && asked.amount !== amount))
    return invalid(
      'invoice-amount',
      amount === undefined
        ? 'The invoice leaves the amount open: give amount_msat.'
        : 'The invoice names another amount.',
    )
  return reviewed(amount, asked.maxFeePercent, (amount, maxFee) => ({
    payee: bytesToHex(payee),
    paymentHash: bytesToHex(paymentHash),
    amount,
    maxFee,
    description: typeof description === 'string' ? description : undefined,
    expiresAt: timestamp + expiry,
  }))
}

/** What a payment that nobody asked for takes at most, fee included. Rejects with `invoice-amount`. */
export function mostOfKeysend(amount: number, maxFeePercent: number): Result<Msat> {
  return reviewed(amount, maxFeePercent, (amount, maxFee) => msat(amount + maxFee))
}

function reviewed<T>(
  amount: number,
  maxFeePercent: number,
  tell: (amount: Msat, maxFee: Msat) => T,
): Result<T> {
  const fee = greatestPaymentFee(amount, maxFeePercent)
  const isSound =
    Number.isSafeInteger(amount) &&
    amount > 0 &&
    maxFeePercent >= 0 &&
    maxFeePercent <= 100 &&
    amount + fee <= MAX_MSAT
  return isSound
    ? ok(tell(msat(amount), fee))
    : invalid('invoice-amount', 'The amount, or the most that the payment may cost, is out of range.')
}
