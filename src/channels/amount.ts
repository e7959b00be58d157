/** Amounts in channels: thousandths of a satoshi, which the chain never sees. Pure, any thread. */
import { type Sats, sats } from '../primitives/amount.ts'

/**
 * An amount in millisatoshis: a safe integer. So no channel and no payment is over 90,071 coins, the greatest whose millisatoshis a `number`
 * holds exactly; decoders refuse what is.
 */
export type Msat = number & { readonly __brand: 'Msat' }

export const MSAT_PER_SAT = 1000

/** Greatest amount in millisatoshis. */
export const MAX_MSAT = Number.MAX_SAFE_INTEGER as Msat

/** Greatest amount in satoshis that a channel may hold. */
export const MAX_CHANNEL_SATS = sats(Math.floor(MAX_MSAT / MSAT_PER_SAT))

/** Marks a number that is known to be an amount in millisatoshis. */
export function msat(value: number): Msat {
  return value as Msat
}

/** Of at most `MAX_CHANNEL_SATS`. */
export function satsToMsat(amount: Sats): Msat {
  return msat(amount * MSAT_PER_SAT)
}

/** Rounded down, as outputs of commitments are (BOLT 3). */
export function msatToSats(amount: Msat): Sats {
  return sats(Math.floor(amount / MSAT_PER_SAT))
}

/** Where a fee may always be so much, a payment is not too small to be passed on. */
export const FEE_EXEMPT = msat(5_000)

/** Most that a payment may cost beside its amount, where `percent` hundredths of it were agreed to: at least `FEE_EXEMPT`, as in Core Lightning. */
export function greatestPaymentFee(amount: number, percent: number): Msat {
  return msat(Math.max(FEE_EXEMPT, Math.floor((amount * percent) / 100)))
}
