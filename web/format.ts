/** How figures are written for people: every number with its unit, in the same way everywhere. Pure, any thread. */
import { formatCoins, SATS_PER_COIN, type Sats, sats } from '../src/primitives/amount.ts'

/** How numbers are written: in Western digits, with the decimal sign and the groups of a locale. */
export interface NumberStyle {
  readonly decimal: ',' | '.'
  /** A whole number with its thousands grouped. */
  group(whole: number): string
}

/** The style of a locale; the browser's own when none is given. */
export function numberStyle(locale?: string): NumberStyle {
  const { format } = new Intl.NumberFormat(locale, { numberingSystem: 'latn' })
  return { decimal: format(1.5).includes(',') ? ',' : '.', group: format }
}

/** That of this browser, in which the page shows numbers and reads them. */
export const OWN_STYLE = numberStyle()

/** Bitcoin Core's RPC writes amounts as numbers in coins; the nearest satoshi is exact for all the money there is. */
export function fromCoins(coins: number): Sats {
  return sats(Math.round(coins * SATS_PER_COIN))
}

/** `1,234.5` or `0.00000141`: thousands grouped, no trailing zeros. Without unit. */
export function amountText(amount: Sats, { group, decimal }: NumberStyle = OWN_STYLE): string {
  const [whole, decimals] = formatCoins(sats(Math.abs(amount))).split('.')
  const fraction = decimals.replace(/0+$/, '')
  const text = group(Number(whole)) + (fraction === '' ? '' : decimal + fraction)
  return amount < 0 ? `−${text}` : text
}

/** Whether an amount is too long to be written large on a phone. */
export function isLong(amount: Sats): boolean {
  return amountText(amount).length > 9
}

/** The unit of an amount: `coin` for exactly one, else `coins`. */
export function coinUnit(amount: Sats): 'coin' | 'coins' {
  return Math.abs(amount) === SATS_PER_COIN ? 'coin' : 'coins'
}

/** `2.5 coins` */
export function amountWithUnit(amount: Sats): string {
  return `${amountText(amount)} ${coinUnit(amount)}`
}

/** `12,345`: a count or a height. */
export function countText(count: number): string {
  return count < 0 ? `−${countText(-count)}` : OWN_STYLE.group(Math.round(count))
}

/** A number with so many decimals, neither more nor less. */
function fixedText(value: number, decimals: number): string {
  return value.toFixed(decimals).replace('.', OWN_STYLE.decimal)
}

/** `12 %`, and with a decimal below 10: a share in hundredths. */
export function percentText(percent: number): string {
  return `${fixedText(percent, percent < 10 ? 1 : 0)} %`
}

/** `1 block`, `20 blocks`: a count with its noun. */
export function plural(count: number, one: string, many = `${one}s`): string {
  return `${countText(count)} ${Math.abs(count) === 1 ? one : many}`
}

/** Three significant digits with an SI prefix: `1.24 MH/s` for 1,240,000 and `H/s`. */
export function siText(value: number, unit: string): string {
  const prefixes = ['', 'k', 'M', 'G', 'T', 'P', 'E']
  let [scaled, step] = [value, 0]
  while (scaled >= 999.5 && step < prefixes.length - 1) {
    scaled /= 1000
    step++
  }
  const digits = scaled === 0 ? '0' : fixedText(scaled, scaled < 10 ? 2 : scaled < 100 ? 1 : 0)
  return `${step === 0 && Number.isInteger(value) ? countText(value) : digits} ${prefixes[step]}${unit}`
}

/** Hashes a second. */
export function hashRateText(rate: number): string {
  return siText(rate, 'H/s')
}

/** Bytes, decimal prefixes. */
export function bytesText(bytes: number): string {
  return siText(Math.round(bytes), 'B')
}

/** Satoshis per virtual byte: `1.5 sat/vB`. */
export function feeRateText(rate: number): string {
  const digits =
    rate < 10 ? Math.round(rate * 100) / 100 : rate < 100 ? Math.round(rate * 10) / 10 : Math.round(rate)
  return `${OWN_STYLE.group(digits)} sat/vB`
}

/** A length of time in at most two units: `8 s`, `2 min`, `1 h 5 min`, `3 days`. */
export function durationText(seconds: number): string {
  const whole = Math.max(0, Math.round(seconds))
  if (whole < 60) return `${whole} s`
  const minutes = Math.round(whole / 60)
  if (minutes < 60) return `${minutes} min`
  const [hours, rest] = [Math.floor(minutes / 60), minutes % 60]
  if (hours < 24) return rest === 0 ? `${hours} h` : `${hours} h ${rest} min`
  const days = Math.round(hours / 24)
  return days < 730 ? plural(days, 'day') : plural(Math.round(days / 365), 'year')
}

/** How long ago something was, for text that counts on: `now`, `12 s ago`. A time ahead of ours (clocks differ) is `now`. */
export function ageText(seconds: number): string {
  return seconds < 2 ? 'now' : `${durationText(seconds)} ago`
}

/** A hash, address or peer id shortened in the middle: `3f9a01…c2d4e8`. Texts that are not longer than that stay whole. */
export function shortened(text: string, head = 8, tail = 6): string {
  return text.length <= head + tail + 1 ? text : `${text.slice(0, head)}…${text.slice(-tail)}`
}

/** Local date and time of seconds since 1970. */
export function dateText(seconds: number): string {
  return new Date(seconds * 1000).toLocaleString(undefined, { dateStyle: 'medium', timeStyle: 'medium' })
}

/** Local time of day of milliseconds since 1970. */
export function timeOfDay(milliseconds: number): string {
  return new Date(milliseconds).toLocaleTimeString(undefined, { timeStyle: 'medium' })
}

/** `eased 8-fold, since no block came for 9 min`: by so many doublings of the target, so many seconds after a block; else undefined. */
export function easedText(ease: number, seconds: number, spacing: number): string | undefined {
  const fold = 2 ** ease
  // What rounds to 1 is not worth a word.
  if (!(fold >= 1.05)) return undefined
  const why =
    seconds > 10 * spacing ? `no block came for ${durationText(seconds)}` : 'blocks were slow to come'
  return `eased ${OWN_STYLE.group(fold < 10 ? Math.round(fold * 10) / 10 : Math.round(fold))}-fold, since ${why}`
}

/** Hashes that a block takes on average at a difficulty as Core states it (1 is a target of 0xffff × 2^208). */
export function hashesPerBlock(difficulty: number): number {
  return difficulty * (2 ** 48 / 0xffff)
}
