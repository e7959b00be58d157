/** What a person types to pay: links, amounts and fee rates, checked before the node is asked. Pure, any thread. */

import { MAX_FEE_RATE } from '../src/policy/fees.ts'
import { formatCoins, parseCoins, type Sats } from '../src/primitives/amount.ts'
import { amountWithUnit } from './format.ts'
import type { FeeEstimate } from './rpc-results.ts'

/** What was typed is right, or a sentence says what isn't. */
export type Checked<T> =
  | { readonly value: T; readonly problem?: undefined }
  | { readonly value?: undefined; readonly problem: string }

/** Scheme of payment links (BIP21, for this network). */
const SCHEME = 'opentab:'

/** Greatest rate that the form takes, satoshis per virtual byte: beyond it lies a slip of the keyboard. */
const MAX_RATE = MAX_FEE_RATE / 1_000

export interface PaymentLink {
  readonly address: string
  readonly amount?: Sats
  readonly label?: string
}

/** An amount as it is typed and as links carry it: `1234.5`, no grouping, no trailing zeros. */
export function decimalText(amount: Sats): string {
  return formatCoins(amount).replace(/\.?0+$/, '')
}

/** Writes a link as BIP21 has it. */
export function paymentLink({ address, amount, label }: PaymentLink): string {
  const query = [
    ...(amount ? [`amount=${decimalText(amount)}`] : []),
    ...(label ? [`label=${encodeURIComponent(label)}`] : []),
  ]
  return SCHEME + address + (query.length > 0 ? `?${query.join('&')}` : '')
}

/** Reads a link or a bare address; whether the address is one is the node's to say. Refuses what BIP21 says to refuse. */
export function readRecipient(text: string): Checked<PaymentLink> {
  const trimmed = text.trim()
  if (trimmed === '') return { problem: 'Enter the address of the one you pay.' }
  if (!trimmed.toLowerCase().startsWith(SCHEME)) {
    return /^[a-z]+:/i.test(trimmed)
      ? { problem: `This link is for another network: links of this one start with "${SCHEME}".` }
      : { value: { address: trimmed } }
  }
  const [address = '', query = ''] = trimmed.slice(SCHEME.length).split('?', 2)
  const parameters = new URLSearchParams(query)
  const required = [...parameters.keys()].find((key) => key.startsWith('req-'))
  if (required !== undefined)
    return {
      problem: `This link demands "${required}", which this wallet does not know. Ask for a plain address.`,
    }
  const asked = parameters.get('amount')
  const amount = asked === null ? undefined : parseCoins(asked)
  if (asked !== null && amount === undefined)
    return {
      problem: `This link asks for an amount that is none: "${asked.slice(0, 20)}". Ask for a new link.`,
    }
  const label = parameters.get('label') ?? undefined
  return { value: { address, ...(amount && { amount }), ...(label && { label }) } }
}

/** Reads an amount in coins that at most `spendable` satoshis can pay. */
export function readAmount(text: string, spendable: Sats): Checked<Sats> {
  const trimmed = text.trim()
  if (trimmed === '') return { problem: 'Enter the amount.' }
  const value = parseCoins(trimmed)
  const tooMuch = `That is more than you can spend: you have ${amountWithUnit(spendable)}.`
  // A plain number that is no amount: more than all the money there is.
  if (value === undefined && /^\d+(\.\d{0,8})?$/.test(trimmed)) return { problem: tooMuch }
  if (value === undefined)
    return { problem: 'Enter a number with at most 8 decimals and a point, such as 1.5.' }
  if (value === 0) return { problem: 'Enter an amount above 0.' }
  if (value > spendable) return { problem: tooMuch }
  return { value }
}

/** Reads a fee rate in satoshis per virtual byte, at least `minimum`. */
export function readFeeRate(text: string, minimum: number): Checked<number> {
  const value = /^\d{1,6}(\.\d{1,3})?$/.test(text.trim()) ? Number(text) : Number.NaN
  if (Number.isNaN(value)) return { problem: 'Enter a rate such as 2.5, in sat/vB.' }
  if (value < minimum)
    return { problem: `The network forwards payments from ${minimum} sat/vB on. Enter at least that.` }
  if (value > MAX_RATE) return { problem: `That would be a very high fee. Enter at most ${MAX_RATE} sat/vB.` }
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

/** What each choice offers at least, in multiples of the least rate: while blocks have room, estimates are all that rate. */
const LEAST = { slow: 1, normal: 1.5, fast: 3 } as const

/**
 * Three choices, cheapest first, from estimates in the order of `FEE_TARGETS`. `minimum` is the least rate that is forwarded,
 * satoshis per virtual byte.
 */
export function feeChoices(estimates: readonly FeeEstimate[], minimum: number): FeeChoice[] {
  let least = minimum
  return (Object.keys(FEE_TARGETS) as FeeSpeed[]).map((speed, at) => {
    const estimate = estimates[at]
    const estimated = satsPerVbyte(estimate?.feerate ?? 0)
    least = Math.max(least, estimated, minimum * LEAST[speed])
    return { speed, rate: least, blocks: estimate?.blocks ?? FEE_TARGETS[speed] }
  })
}

/** Satoshis per virtual byte from Core's coins per 1,000 virtual bytes: rounded up to two decimals, so that it never falls short. */
export function satsPerVbyte(feerate: number): number {
  return Math.ceil(feerate * 1e7 - 1e-6) / 100
}
