/** What a person types to pay: links, amounts and fee rates, checked before the node is asked. Pure, any thread. */
import { MAX_MONEY } from '../src/consensus/params.ts'
import { MAX_FEE_RATE } from '../src/policy/fees.ts'
import { formatCoins, parseCoins, type Sats } from '../src/primitives/amount.ts'
import { ok } from '../src/primitives/result.ts'
import { type PaymentLink, parsePaymentLink } from '../src/wallet/uri.ts'
import { amountWithUnit, feeRateText, type NumberStyle, OWN_STYLE } from './format.ts'
import type { FeeEstimate } from './rpc-results.ts'

/** What was typed is right, or a sentence says what isn't. */
export type Checked<T> =
  | { readonly value: T; readonly problem?: undefined }
  | { readonly value?: undefined; readonly problem: string }

/** Greatest rate that the form takes, satoshis per virtual byte: beyond it lies a slip of the keyboard. */
const MAX_RATE = MAX_FEE_RATE / 1_000

/** An amount as it is typed into a field: `1234.5`, no grouping, no trailing zeros. */
export function decimalText(amount: Sats, { decimal }: NumberStyle = OWN_STYLE): string {
  return formatCoins(amount)
    .replace(/\.?0+$/, '')
    .replace('.', decimal)
}

/** Reads a link or a bare address; whether the address is one is the node's to say. */
export function readRecipient(text: string): Checked<PaymentLink> {
  if (text.trim() === '') return { problem: 'Enter the address of the one you pay.' }
  const parsed = parsePaymentLink(text, ok)
  return parsed.ok ? { value: parsed.value } : { problem: parsed.detail }
}

/**
 * Reads a number as people write it, into digits and a point. A lone comma or point that groups nothing is the decimal sign, whichever of the
 * two it is; blanks and apostrophes group. What another locale reads as another number is refused: a factor of a thousand is at stake.
 */
export function readNumber(text: string, { decimal }: NumberStyle = OWN_STYLE): Checked<string> {
  const other = decimal === ',' ? '.' : ','
  const typed = text.trim()
  const plain = typed.replace(/(?<=\d)[\s\u2019'](?=\d{3}(?!\d))/g, '')
  const isGrouped = new RegExp(
    `^[1-9]\\d{0,2}(\\${other}\\d{2,3})*\\${other}\\d{3}(\\${decimal}\\d*)?$`,
  ).test(plain)
  // `1,234`: a thousand and some, or one and some.
  const isAmbiguous = isGrouped && /^\d+[.,]\d{3}$/.test(plain)
  if (isGrouped && !isAmbiguous) return { value: plain.replaceAll(other, '').replace(decimal, '.') }
  if (/^\d*[.,]?\d*$/.test(plain) && !isAmbiguous) return { value: plain.replace(',', '.') }
  const example = `1234${decimal}5`
  return {
    problem: /^[\d.,]+$/.test(plain)
      ? `“${typed.slice(0, 40)}” can be read as different numbers. Write it with one “${decimal}” before the decimals and nothing between the thousands, such as ${example}.`
      : `Enter a number with at most 8 decimals, such as ${example}.`,
  }
}

/** Reads an amount in coins, above 0: at most `spendable` satoshis where it is to be paid. */
export function readAmount(text: string, spendable?: Sats): Checked<Sats> {
  if (text.trim() === '') return { problem: 'Enter the amount.' }
  const { value: digits, problem } = readNumber(text)
  if (digits === undefined) return { problem }
  if (/\.\d{9}/.test(digits) || !/\d/.test(digits))
    return { problem: `Enter a number with at most 8 decimals, such as 1${OWN_STYLE.decimal}5.` }
  const value = parseCoins(digits)
  if (value === 0) return { problem: 'Enter an amount above 0.' }
  if (value === undefined || value > (spendable ?? MAX_MONEY))
    return {
      problem:
        spendable === undefined
          ? `There are no more than ${amountWithUnit(MAX_MONEY)}.`
          : `That is more than you can spend: you have ${amountWithUnit(spendable)}.`,
    }
  return { value }
}

/** Reads a fee rate in satoshis per virtual byte, at least `minimum`; `floor` begins the sentence that says what for. */
export function readFeeRate(
  text: string,
  minimum: number,
  floor = 'The network forwards payments from',
): Checked<number> {
  const { value: digits = '' } = readNumber(text)
  if (!/^\d{1,6}(\.\d{1,3})?$/.test(digits))
    return { problem: `Enter a rate such as 2${OWN_STYLE.decimal}5, in sat/vB.` }
  const value = Number(digits)
  if (value < minimum)
    return { problem: `${floor} ${OWN_STYLE.group(minimum)} sat/vB on. Enter at least that.` }
  if (value > MAX_RATE)
    return { problem: `That would be a very high fee. Enter at most ${feeRateText(MAX_RATE)}.` }
  return { value }
}

/** Targets of the three choices, blocks. */
export const FEE_TARGETS = { slow: 24, normal: 6, fast: 2 } as const
export type FeeSpeed = keyof typeof FEE_TARGETS

/** A fee rate on offer. */
export interface FeeChoice {
  readonly speed: FeeSpeed
  /** Satoshis per virtual byte. */
  readonly rate: number
  /** Blocks until it is likely mined. */
  readonly blocks: number
}

/**
 * What there is to choose, cheapest first, from estimates in the order of `FEE_TARGETS`: a rate that gains nothing over the normal one isn't
 * offered. `minimum` is the least rate that is forwarded, satoshis per virtual byte.
 */
export function feeChoices(estimates: readonly FeeEstimate[], minimum: number): FeeChoice[] {
  let least = minimum
  const choices = (Object.keys(FEE_TARGETS) as FeeSpeed[]).map((speed, at) => {
    const { feerate = 0, blocks = FEE_TARGETS[speed] } = estimates[at] ?? {}
    least = Math.max(least, satsPerVbyte(feerate))
    return { speed, rate: least, blocks }
  })
  const usual = choices.find(({ speed }) => speed === 'normal')!
  const blocks = Math.min(...choices.filter(({ rate }) => rate === usual.rate).map((choice) => choice.blocks))
  return choices.flatMap((choice) =>
    choice === usual ? { ...usual, blocks } : choice.rate === usual.rate ? [] : choice,
  )
}

/** Satoshis per virtual byte from Core's coins per 1,000 virtual bytes: rounded up to two decimals, so that it never falls short. */
export function satsPerVbyte(feerate: number): number {
  return Math.ceil(feerate * 1e7 - 1e-6) / 100
}
