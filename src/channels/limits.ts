/**
 * What a side may offer (BOLT 2, Adding an HTLC; Updating Fees; max_dust_htlc_exposure_msat). The one who offers is stricter than the one who
 * receives: what both sides do at once then leaves no honest side in the wrong. Pure, any thread.
 */

import { LOCK_TIME_THRESHOLD } from '../primitives/lock-times.ts'
import { invalid, notNow, OK, type Rejection, type Result } from '../primitives/result.ts'
import { type Msat, msat, satsToMsat } from './amount.ts'
import { ANCHOR_AMOUNT, commitmentFee, isTrimmed } from './commitment-transaction.ts'
import { balanceOf, type ChannelState, viewFeerate, viewShares } from './state.ts'
import type { Htlc, HtlcTerms, View } from './updates.ts'

const HOLDER_NEXT: View = { ofHolder: true, next: true }
const COUNTERPARTY_NEXT: View = { ofHolder: false, next: true }

function dustLimitOf(state: ChannelState, ofHolder: boolean) {
  return (ofHolder ? state.contract.holder : state.contract.counterparty).dustLimit
}

/** What the funder pays at a feerate: for the HTLCs that have an output by the dust limit of the commitment's owner, and both anchors. */
function funderCost(state: ChannelState, ofHolder: boolean, htlcs: readonly Htlc[], feerate: number): Msat {
  const dustLimit = dustLimitOf(state, ofHolder)
  const untrimmed = htlcs.filter(({ terms }) => !isTrimmed(terms.amount, dustLimit)).length
  return satsToMsat(commitmentFee(feerate, untrimmed))
}

const ANCHORS = satsToMsat(ANCHOR_AMOUNT) * 2

/** Greatest cost of a commitment that any order of what is under way can lead to, at `feerate` or what is proposed above it. */
function greatestCost(state: ChannelState, htlcs: readonly Htlc[], feerate: number): number {
  const highest = state.feeUpdates.reduce((most, update) => Math.max(most, update.feerate), feerate)
  const cost = (ofHolder: boolean) => funderCost(state, ofHolder, htlcs, highest)
  return Math.max(cost(true), cost(false)) + ANCHORS
}

function reserve(state: ChannelState, ofHolder: boolean): Msat {
  return satsToMsat((ofHolder ? state.counterpartyLimits : state.holderLimits).channelReserve)
}

/** Dust in the commitments of one owner, whatever stage it is at. */
function dustIn(state: ChannelState, ofHolder: boolean): number {
  const dustLimit = dustLimitOf(state, ofHolder)
  return state.htlcs.reduce(
    (sum, { terms }) => (isTrimmed(terms.amount, dustLimit) ? sum + terms.amount : sum),
    0,
  )
}

/** Whether an HTLC would be more dust, with what there is, than we risk. */
export function exceedsDust(state: ChannelState, amount: Msat): boolean {
  return [true, false].some(
    (ofHolder) =>
      isTrimmed(amount, dustLimitOf(state, ofHolder)) &&
      dustIn(state, ofHolder) + amount > state.policy.maxDustExposure,
  )
}

function htlcOf(terms: HtlcTerms): Htlc {
  return { terms, added: 0 }
}

/**
 * Whether the holder may offer an HTLC. Rejects with `htlc-amount`, `htlc-expiry`, `htlc-value-in-flight`, `dust-exposure`,
 * `balance-insufficient` (reserve and fees kept), `peer-balance-insufficient` (the counterparty, who pays the fees, could not) and, where nothing
 * else is in the way, `htlc-count`.
 */
export function checkOffer(state: ChannelState, terms: HtlcTerms): Result<void> {
  const { amount, expiry } = terms
  const { htlcMinimum, maxAcceptedHtlcs, maxHtlcValueInFlight } = state.counterpartyLimits
  if (!Number.isSafeInteger(amount) || amount <= 0 || amount < htlcMinimum)
    return notNow(
      'htlc-amount',
      `The other side of the channel takes no payment below ${htlcMinimum} millisatoshis.`,
    )
  if (expiry >= LOCK_TIME_THRESHOLD || expiry <= state.height)
    return notNow('htlc-expiry', `The payment would expire at height ${expiry}, and it is ${state.height}.`)
  const htlcs = [...state.htlcs, htlcOf(terms)]
  const { holder, counterparty, pending } = viewShares(state, COUNTERPARTY_NEXT, htlcs)
  const offered = pending.filter((htlc) => htlc.terms.offered)
  if (offered.reduce((sum, htlc) => sum + htlc.terms.amount, 0) > maxHtlcValueInFlight)
    return notNow(
      'htlc-value-in-flight',
      `The other side takes payments of ${maxHtlcValueInFlight} millisatoshis at a time; as many are under way.`,
    )
  if (exceedsDust(state, amount))
    return notNow(
      'dust-exposure',
      'Too many tiny payments are under way: were the channel closed now, their money would go to miners.',
    )
  // A further HTLC, and twice the feerate: the funder stays able to take HTLCs after a rise of the fees.
  const feerate = viewFeerate(state, COUNTERPARTY_NEXT)
  if (state.contract.holderIsFunder) {
    const cost = greatestCost(
      state,
      [...htlcs, htlcOf({ ...terms, amount: msat(Number.MAX_SAFE_INTEGER) })],
      2 * feerate,
    )
    if (holder < reserve(state, true) + cost) return insufficient(holder, reserve(state, true) + cost)
  } else {
    if (holder < reserve(state, true)) return insufficient(holder, reserve(state, true))
    if (counterparty < reserve(state, false) + greatestCost(state, htlcs, feerate))
      return notNow(
        'peer-balance-insufficient',
        'The other side, which pays the fees of the channel, has not enough for those of one more payment.',
      )
  }
  // Last: who waits for room knows that nothing else is in the way.
  if (offered.length > maxAcceptedHtlcs)
    return notNow(
      'htlc-count',
      `The other side takes ${maxAcceptedHtlcs} payments at a time; they are under way.`,
    )
  return OK
}

/** How many HTLCs more the counterparty takes from the holder at a time. */
export function htlcRoom(state: ChannelState): number {
  const { pending } = viewShares(state, COUNTERPARTY_NEXT)
  const offered = pending.filter(({ terms }) => terms.offered).length
  return state.counterpartyLimits.maxAcceptedHtlcs - offered
}

function insufficient(left: number, needed: number): Rejection {
  return notNow(
    'balance-insufficient',
    `The payment would leave ${left} millisatoshis on your side of the channel; ${needed} must stay, as reserve and for fees.`,
  )
}

/** Whether the counterparty may offer an HTLC, in `htlcs` as the last. Rejects with codes as `checkOffer`: the counterparty broke a rule. */
export function checkOffered(state: ChannelState, htlcs: readonly Htlc[]): Result<void> {
  const { terms } = htlcs[htlcs.length - 1]
  const { htlcMinimum, maxAcceptedHtlcs, maxHtlcValueInFlight } = state.holderLimits
  if (terms.amount === 0 || terms.amount < htlcMinimum)
    return invalid(
      'htlc-amount',
      `An HTLC of ${terms.amount} millisatoshis is below the least, ${htlcMinimum}.`,
    )
  if (terms.expiry >= LOCK_TIME_THRESHOLD)
    return invalid('htlc-expiry', `An HTLC expires at ${terms.expiry}, which is no height.`)
  const { counterparty, pending } = viewShares(state, HOLDER_NEXT, htlcs)
  const offered = pending.filter((htlc) => !htlc.terms.offered)
  if (offered.length > maxAcceptedHtlcs)
    return invalid(
      'htlc-count',
      `${offered.length} HTLCs are offered; at most ${maxAcceptedHtlcs} are allowed.`,
    )
  const value = offered.reduce((sum, htlc) => sum + htlc.terms.amount, 0)
  if (value > maxHtlcValueInFlight)
    return invalid(
      'htlc-value-in-flight',
      `HTLCs of ${value} millisatoshis are offered; at most ${maxHtlcValueInFlight} are allowed.`,
    )
  const cost = state.contract.holderIsFunder
    ? 0
    : funderCost(state, true, pending, viewFeerate(state, HOLDER_NEXT)) + ANCHORS
  if (counterparty < reserve(state, false) + cost)
    return invalid(
      'balance-insufficient',
      `An HTLC would leave its sender ${counterparty} millisatoshis; ${reserve(state, false) + cost} must stay.`,
    )
  return OK
}

/** Whether the holder, who funded the channel, may propose a feerate. Rejects with `feerate` and `balance-insufficient`. */
export function checkFee(state: ChannelState, feerate: number): Result<void> {
  const { minFeerate, maxFeerate } = state.policy
  if (!Number.isInteger(feerate) || feerate < minFeerate || feerate > maxFeerate)
    return notNow(
      'feerate',
      `The feerate must be from ${minFeerate} to ${maxFeerate} satoshis for 1,000 weight units.`,
    )
  const { holder } = viewShares(state, COUNTERPARTY_NEXT)
  const needed = reserve(state, true) + greatestCost(state, state.htlcs, feerate)
  return holder < needed ? insufficient(holder, needed) : OK
}

/** Whether the counterparty, who funded the channel, may propose a feerate. Rejects with `feerate` and `balance-insufficient`. */
export function checkProposedFee(state: ChannelState, feerate: number): Result<void> {
  const { minFeerate, maxFeerate } = state.policy
  if (feerate < minFeerate || feerate > maxFeerate)
    return invalid('feerate', `A feerate of ${feerate} is not from ${minFeerate} to ${maxFeerate}.`)
  const { counterparty, pending } = viewShares(state, HOLDER_NEXT)
  if (counterparty < funderCost(state, true, pending, feerate) + ANCHORS)
    return invalid('balance-insufficient', `The sender of a feerate of ${feerate} can't pay it.`)
  return OK
}

/** What the holder can offer in one HTLC now, or as soon as there are fewer under way, up to `amount`. */
export function sendable(state: ChannelState, amount: Msat): Msat {
  const { holder } = balanceOf(state)
  const allows = (value: number) => {
    const checked = value > 0 && checkOffer(state, trial(state, true, msat(value)))
    return checked && (checked.ok || checked.code === 'htlc-count')
  }
  const most = Math.min(amount, holder)
  if (allows(most)) return msat(most)
  let [least, beyond] = [0, most]
  while (beyond - least > 1) {
    const middle = least + Math.floor((beyond - least) / 2)
    if (allows(middle)) least = middle
    else beyond = middle
  }
  return msat(least)
}

/** The most that the counterparty could offer in one HTLC now, by what both sides agreed on; what others see of it may be less. */
export function receivable(state: ChannelState): Msat {
  const { counterparty, pending } = viewShares(state, HOLDER_NEXT)
  // As strict as `checkOffer` is there: this HTLC and a further one, at twice the feerate.
  const further = htlcOf(trial(state, false, msat(Number.MAX_SAFE_INTEGER)))
  const cost = state.contract.holderIsFunder
    ? 0
    : greatestCost(state, [...state.htlcs, further, further], 2 * viewFeerate(state, HOLDER_NEXT))
  const underWay = pending.reduce((sum, { terms }) => sum + (terms.offered ? 0 : terms.amount), 0)
  return msat(
    Math.max(
      0,
      Math.min(
        counterparty - reserve(state, false) - cost,
        state.holderLimits.maxHtlcValueInFlight - underWay,
      ),
    ),
  )
}

/** An HTLC that nobody offers, to see what would follow. */
function trial(state: ChannelState, offered: boolean, amount: Msat): HtlcTerms {
  return {
    offered,
    id: offered ? state.nextHolderHtlc : state.nextCounterpartyHtlc,
    amount,
    paymentHash: new Uint8Array(32),
    expiry: state.height + 1,
    onion: new Uint8Array(0),
  }
}
