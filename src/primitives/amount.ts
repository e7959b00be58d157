/** Amounts of money. 8 decimals; all the money of a network is below 2^53, so a `number` holds any amount exactly. */

/** An amount in satoshis, 10^-8 coin: a safe integer. */
export type Sats = number & { readonly __brand: 'Sats' }

export const SATS_PER_COIN = 100_000_000

/** Marks a number that is known to be an amount in satoshis. */
export function sats(value: number): Sats {
  return value as Sats
}

/** `1.50000000` for 150,000,000 satoshis; always 8 decimals, never an exponent. */
export function formatCoins(amount: Sats): string {
  const digits = Math.abs(amount).toString().padStart(9, '0')
  return `${amount < 0 ? '-' : ''}${digits.slice(0, -8)}.${digits.slice(-8)}`
}

/**
 * Parses an amount in coins, `12.5` or `0.00000001`. Undefined when the text is not a plain decimal number with at most
 * 8 decimals, or is over 2^53 satoshis. Signs and exponents are refused.
 */
export function parseCoins(text: string): Sats | undefined {
  const match = /^(\d{1,10})?(?:\.(\d{0,8}))?$/.exec(text.trim())
  if (!match || (match[1] === undefined && !match[2])) return undefined
  const value = Number(match[1] ?? '0') * SATS_PER_COIN + Number((match[2] ?? '').padEnd(8, '0'))
  return Number.isSafeInteger(value) ? sats(value) : undefined
}
