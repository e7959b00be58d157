/**
 * Which coins pay: branch and bound for a payment without change (Murch; Bitcoin Core's SelectCoinsBnB), else the
 * smallest coin that suffices, else the largest ones first. Sizes are exact: every input is a P2TR key-path spend.
 * Pure, any thread.
 */

import { DUST, feeAt } from '../policy/fees.ts'
import { formatCoins, type Sats, sats } from '../primitives/amount.ts'
import { compactSizeLength } from '../primitives/codec.ts'
import { P2TR_SCRIPT_BYTES } from '../script/taproot.ts'
import { invalid, notNow, ok, type Rejection, type Result } from './result.ts'

/**
 * Weight units of an input: outpoint, empty scriptSig, sequence, and a witness of one 64-byte signature (57.5
 * virtual bytes).
 */
export const INPUT_WEIGHT = 4 * 41 + 66
/** Weight units of an output to an address (43 virtual bytes). */
export const OUTPUT_WEIGHT = 4 * (8 + 1 + P2TR_SCRIPT_BYTES)
/** Combinations that branch and bound looks at (Bitcoin Core's TOTAL_TRIES). */
const MAX_TRIES = 100_000

/** A coin that may be chosen. */
export interface Candidate {
  readonly value: Sats
}

export interface SelectionRequest<C extends Candidate> {
  readonly candidates: readonly C[]
  /** Coins that are spent whatever else is: those that the user chose, or those of a payment that is replaced. */
  readonly required?: readonly C[]
  /** What the recipients are to get, one amount an output. */
  readonly amounts: readonly Sats[]
  /** Bytes of the script of a data output, which holds no money; undefined where there is none. */
  readonly dataBytes?: number | undefined
  /** Satoshis per 1,000 virtual bytes. */
  readonly feeRate: number
  /** A floor under the fee, satoshis: what replacing another payment takes. */
  readonly minFee?: Sats
  /** The recipients bear the fee, in equal parts, and any change below dust with it. */
  readonly subtractFee?: boolean
  /** Which of the amounts bear it; all of them where left out. */
  readonly bearers?: readonly number[] | undefined
  /** Greatest weight of the transaction, weight units. */
  readonly maxWeight: number
}

export interface Selection<C extends Candidate> {
  readonly coins: readonly C[]
  /** What each recipient gets: the amounts asked, less the fee where they bear it. */
  readonly amounts: readonly Sats[]
  /** 0 for no change output, else at least `DUST`. */
  readonly change: Sats
  readonly fee: Sats
  /** Virtual bytes of the signed transaction. */
  readonly vsize: number
}

/** Weight units of a signed payment with so many outputs to addresses, and a data output where `dataBytes` says so. */
export function paymentWeight(inputs: number, outputs: number, dataBytes?: number): number {
  const all = dataBytes === undefined ? outputs : outputs + 1
  const envelope = 4 + 4 + compactSizeLength(inputs) + compactSizeLength(all)
  const data = dataBytes === undefined ? 0 : 4 * (8 + compactSizeLength(dataBytes) + dataBytes)
  return 4 * envelope + 2 + inputs * INPUT_WEIGHT + outputs * OUTPUT_WEIGHT + data
}

/** The fee of `weight` weight units at `feeRate` (satoshis per 1,000 virtual bytes), rounded up. */
export function feeOf(weight: number, feeRate: number): Sats {
  return sats(feeAt(feeRate, Math.ceil(weight / 4)))
}

/**
 * Chooses coins. Rejects with `insufficient-funds`, `amount-too-small` (an amount is dust, or becomes so when it
 * bears the fee) and `tx-size` (too many coins for one transaction).
 */
export function selectCoins<C extends Candidate>(request: SelectionRequest<C>): Result<Selection<C>> {
  const small = request.amounts.find((amount) => amount < DUST)
  if (small !== undefined) return tooSmall(`An amount of ${formatCoins(small)} is`)
  const coins = request.subtractFee ? coinsWithoutFee(request) : coinsWithFee(request)
  if (coins === undefined) return insufficient(request)
  if (paymentWeight(coins.length, request.amounts.length + 1, request.dataBytes) > request.maxWeight) {
    return invalid(
      'tx-size',
      `This payment takes ${coins.length} coins, too many for one transaction. Send a smaller amount first, or in parts.`,
    )
  }
  return settle(request, coins)
}

/** Splits what the coins hold into amounts, fee and change. */
function settle<C extends Candidate>(
  request: SelectionRequest<C>,
  coins: readonly C[],
): Result<Selection<C>> {
  const { amounts, dataBytes, subtractFee, minFee = 0 } = request
  const outputs = amounts.length
  const feeWith = (count: number) =>
    Math.max(feeOf(paymentWeight(coins.length, count, dataBytes), request.feeRate), minFee)
  const excess = total(coins) - sum(amounts)
  const remainder = subtractFee ? excess : excess - feeWith(outputs + 1)
  const change = sats(remainder >= DUST ? remainder : 0)
  const needed = feeWith(change > 0 ? outputs + 1 : outputs)
  // What is too little for an output of its own goes to the miner.
  const given = excess - change
  const borne = subtractFee ? Math.max(0, needed - given) : 0
  const bearers = request.bearers ?? [...amounts.keys()]
  const paid = amounts.map((amount, i) => {
    const place = bearers.indexOf(i)
    return place < 0 ? amount : sats(amount - share(borne, bearers.length, place))
  })
  const smallest = Math.min(...paid)
  if (paid.length > 0 && smallest < DUST)
    return tooSmall(
      `A recipient would get ${formatCoins(sats(Math.max(smallest, 0)))} after the fee, which is`,
    )
  const vsize = Math.ceil(paymentWeight(coins.length, change > 0 ? outputs + 1 : outputs, dataBytes) / 4)
  return ok({ coins, amounts: paid, change, fee: sats(given + borne), vsize })
}

/** Coins that pay amounts and fee; undefined where there are not enough. */
function coinsWithFee<C extends Candidate>(request: SelectionRequest<C>): readonly C[] | undefined {
  const { candidates, required = [], amounts, dataBytes, feeRate, minFee = 0 } = request
  // A coin that costs more than it brings is left where it is. Fees are rounded up an input, so that the sum never
  // falls short.
  const inputFee = feeOf(INPUT_WEIGHT, feeRate)
  const useful = candidates
    .filter(({ value }) => value > inputFee)
    .map((coin) => ({ coin, value: coin.value - inputFee }))
  const baseWeight =
    paymentWeight(required.length + useful.length, amounts.length, dataBytes) - useful.length * INPUT_WEIGHT
  const target = sum(amounts) + Math.max(feeOf(baseWeight, feeRate), minFee) - total(required)
  if (target <= 0 && required.length > 0) return required
  const outputFee = feeOf(OUTPUT_WEIGHT, feeRate)
  const chosen = choose(useful, target, outputFee + inputFee, outputFee + DUST)
  return chosen && [...required, ...chosen]
}

/** Coins that pay the amounts, which bear the fee; undefined where there are not enough. */
function coinsWithoutFee<C extends Candidate>(request: SelectionRequest<C>): readonly C[] | undefined {
  const { candidates, required = [], amounts, feeRate } = request
  const target = sum(amounts) - total(required)
  if (target <= 0 && required.length > 0) return required
  const costOfChange = feeOf(OUTPUT_WEIGHT, feeRate) + feeOf(INPUT_WEIGHT, feeRate)
  const chosen = choose(
    candidates.map((coin) => ({ coin, value: coin.value })),
    target,
    costOfChange,
    DUST,
  )
  return chosen && [...required, ...chosen]
}

interface Weighed<C> {
  readonly coin: C
  /** What it brings to the payment, above 0. */
  readonly value: number
}

/**
 * A set that brings `target` and at most `costOfChange` more, else one that leaves `minChange` or more over, else
 * any that brings `target`.
 */
function choose<C>(
  coins: readonly Weighed<C>[],
  target: number,
  costOfChange: number,
  minChange: number,
): C[] | undefined {
  const sorted = coins.toSorted((a, b) => b.value - a.value)
  const chosen =
    branchAndBound(sorted, target, costOfChange) ??
    accumulate(sorted, target + minChange) ??
    accumulate(sorted, target)
  return chosen?.map(({ coin }) => coin)
}

/**
 * The subset whose sum exceeds `target` least, by at most `tolerance`; undefined where there is none, or none was
 * found in time. Depth-first over the coins from the largest down, with a coin left out only after it was tried.
 */
function branchAndBound<C>(
  sorted: readonly Weighed<C>[],
  target: number,
  tolerance: number,
): Weighed<C>[] | undefined {
  let best: number[] | undefined
  let bestSum = target + tolerance + 1
  const picked: number[] = []
  let pickedSum = 0
  let available = sorted.reduce((total, { value }) => total + value, 0)
  let next = 0
  for (let tries = 0; tries < MAX_TRIES; tries++) {
    if (pickedSum >= target && pickedSum < bestSum) {
      best = [...picked]
      bestSum = pickedSum
      if (bestSum === target) break
    }
    const hopeless = pickedSum + available < target || pickedSum >= target
    if (!hopeless && next < sorted.length) {
      const { value } = sorted[next]
      available -= value
      // Of equal neighbours the first stands for the others: without it they were tried already.
      const repeats = next > 0 && sorted[next - 1].value === value && picked.at(-1) !== next - 1
      if (!repeats) {
        picked.push(next)
        pickedSum += value
      }
      next++
      continue
    }
    // Back to the last coin that was picked, and on without it.
    const last = picked.pop()
    if (last === undefined) break
    pickedSum -= sorted[last].value
    while (next > last + 1) available += sorted[--next].value
  }
  return best?.map((i) => sorted[i])
}

/**
 * The smallest coin of at least `target`, else the largest ones until they reach it; undefined where all together
 * don't.
 */
function accumulate<C>(sorted: readonly Weighed<C>[], target: number): Weighed<C>[] | undefined {
  const single = sorted.findLast(({ value }) => value >= target)
  if (single) return [single]
  let reached = 0
  for (const [i, { value }] of sorted.entries()) {
    reached += value
    if (reached >= target) return sorted.slice(0, i + 1)
  }
  return undefined
}

/** Part `index` of `count` nearly equal parts of `amount` (satoshis); the first ones take what is left over. */
export function share(amount: number, count: number, index: number): number {
  return Math.floor(amount / count) + (index < amount % count ? 1 : 0)
}

function sum(amounts: readonly Sats[]): number {
  return amounts.reduce((total, amount) => total + amount, 0)
}

function total(coins: readonly Candidate[]): number {
  return coins.reduce((total, { value }) => total + value, 0)
}

function tooSmall(subject: string): Rejection {
  return invalid(
    'amount-too-small',
    `${subject} less than ${formatCoins(DUST)} coins, which would cost more to spend than it is worth.`,
  )
}

function insufficient(request: SelectionRequest<Candidate>): Rejection {
  const { candidates, required = [], amounts, dataBytes, feeRate, minFee = 0, subtractFee } = request
  const coins = [...required, ...candidates]
  const fee = Math.max(feeOf(paymentWeight(coins.length, amounts.length, dataBytes), feeRate), minFee)
  const needed = sats(sum(amounts) + (subtractFee ? 0 : fee))
  return notNow(
    'insufficient-funds',
    `There are ${formatCoins(sats(total(coins)))} coins that can be spent; this payment ` +
      `${subtractFee ? '' : 'with its fee '}needs ${formatCoins(needed)}.`,
  )
}
