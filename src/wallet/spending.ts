/**
 * Which of the ledger's coins a payment may take, and what it takes to replace one. Pure, any thread.
 */
import type { NetworkParams } from '../consensus/params.ts'
import { feeRate as feeRateOf, RELAY_FEE_RATE } from '../policy/fees.ts'
import { maxStandardWeight } from '../policy/standard.ts'
import { formatCoins, type Sats, sats } from '../primitives/amount.ts'
import { type Outpoint, outpointKey, type TxOutput } from '../primitives/transaction.ts'
import { isNullData } from '../script/taproot.ts'
import { CHANGE, type OwnKey } from './address-book.ts'
import { feeOf, type Selection, type SelectionRequest, selectCoins, share } from './coin-selection.ts'
import type { Ledger, LedgerEntry, OwnOutput } from './ledger.ts'
import {
  amountsOf,
  checkFeeRate,
  dataBytesOf,
  type Payee,
  type PaymentRequest,
  type SpendableCoin,
} from './payment.ts'
import { invalid, notNow, ok, type Result } from './result.ts'
import { balancesOf, coinOf, type ViewContext } from './views.ts'

/** Weight units of the largest payment: a quarter of a public block, some 430 coins; or what a network relays at most. */
export function maxPaymentWeight(params: NetworkParams): number {
  return Math.min(100_000, maxStandardWeight(params))
}

export type PaymentTerms = Pick<
  SelectionRequest<SpendableCoin>,
  'amounts' | 'dataBytes' | 'feeRate' | 'subtractFee' | 'bearers'
>

/** What a payment may take: see `PaymentRequest`. */
export type CoinChoice = Pick<PaymentRequest, 'coins' | 'addCoins' | 'confirmations'>

/**
 * Selects the coins that were named, and among all that may be spent where none were or others may be added. Rejects with `coin-unknown`,
 * `coin-not-spendable` and as `selectCoins` does, and says what is on its way.
 */
export function selectSpendable(
  ledger: Ledger,
  context: ViewContext,
  { coins, addCoins = coins === undefined, confirmations: [least, most] = [0, Infinity] }: CoinChoice,
  asked: PaymentTerms,
): Result<Selection<SpendableCoin>> {
  const required = chosenCoins(ledger, context, coins ?? [])
  if (!required.ok) return required
  const terms = { ...asked, required: required.value, maxWeight: context.maxPaymentWeight }
  if (!addCoins) return selectCoins({ ...terms, candidates: [] })
  const named = new Set(required.value.map(({ own }) => outpointKey(own.outpoint)))
  const candidates = spendableCoins(ledger, context).filter(
    ({ own, coin: { confirmations } }) =>
      !named.has(outpointKey(own.outpoint)) && confirmations >= least && confirmations <= most,
  )
  // Change that waits is taken only when it must be: the mempool limits how many unconfirmed payments hang
  // together.
  const confirmed = candidates.filter(({ coin }) => coin.height !== undefined)
  const preferred = selectCoins({ ...terms, candidates: confirmed })
  if (preferred.ok || preferred.code !== 'insufficient-funds') return preferred
  const selection = selectCoins({ ...terms, candidates })
  if (selection.ok || selection.code !== 'insufficient-funds') return selection
  const { untrustedPending, immature } = balancesOf(ledger, context.coinbaseMaturity)
  const pending = untrustedPending > 0 ? ` ${formatCoins(untrustedPending)} more wait to be confirmed.` : ''
  const maturing = immature > 0 ? ` ${formatCoins(immature)} more were mined and have yet to mature.` : ''
  const kept = total(allCoins(ledger, context).flatMap(({ value, coin }) => (coin.locked ? value : [])))
  const locked =
    kept > 0 ? ` ${formatCoins(sats(kept))} are locked: unlock them, or name them as inputs.` : ''
  return { ...selection, detail: `${selection.detail}${pending}${maturing}${locked}` }
}

/** The coins that the user named, locked or not. Rejects with `coin-unknown` and `coin-not-spendable`. */
function chosenCoins(
  ledger: Ledger,
  context: ViewContext,
  chosen: readonly Outpoint[],
): Result<readonly SpendableCoin[]> {
  if (chosen.length === 0) return ok([])
  const coins = new Map(allCoins(ledger, context).map((coin) => [outpointKey(coin.own.outpoint), coin]))
  const required = new Set<SpendableCoin>()
  for (const outpoint of chosen) {
    const key = outpointKey(outpoint)
    const coin = coins.get(key)
    if (!coin) return invalid('coin-unknown', `The chosen coin ${key} is not in this wallet, or was spent.`)
    if (!coin.coin.spendable)
      return notNow(
        'coin-not-spendable',
        `The chosen coin ${key} can't be spent yet: it has to confirm or to mature.`,
      )
    required.add(coin)
  }
  return ok([...required])
}

export interface Replacement {
  readonly selection: Selection<SpendableCoin>
  readonly payees: readonly Payee[]
  /** Where the change of the payment went that is replaced; undefined where it had none. */
  readonly changeKey: OwnKey | undefined
  /** What the payees get less than before. */
  readonly reduced: Sats
}

/**
 * Selects for the same payment at a higher fee (BIP125): its own coins, and confirmed ones where these don't
 * suffice. A payment that took all there was pays the higher fee itself: see `reduced`. Rejects with `not-replaceable`, `fee-rate-too-low`, and as `checkFeeRate` and `selectCoins` do.
 */
export function selectReplacement(
  ledger: Ledger,
  context: ViewContext,
  entry: LedgerEntry,
  feeRate: number,
): Result<Replacement> {
  const rate = checkFeeRate(feeRate)
  if (rate) return rate
  const { transaction } = entry
  const fee = ledger.fee(entry)
  const outputs = transaction.outputs.map((output, index) => {
    const outpoint = { txid: transaction.txidBytes, index }
    return { ...output, own: ledger.output(outpoint), spent: ledger.isSpent(outpointKey(outpoint)) }
  })
  if (ledger.state(entry) !== 'pending' || fee === undefined)
    return invalid('not-replaceable', 'Only an own payment that waits for a block can be given a higher fee.')
  if (outputs.some(({ spent }) => spent))
    return invalid(
      'not-replaceable',
      'A later payment spends the change of this one: raise the fee of that one.',
    )
  const former = feeRateOf(fee, transaction.weight)
  if (feeRate < former + RELAY_FEE_RATE)
    return invalid(
      'fee-rate-too-low',
      `The payment pays ${(former / 1000).toFixed(1)} satoshis per virtual byte now; another has to pay at least 1 more.`,
    )
  const change = outputs.filter(isChangeAmong(outputs))
  const payees = outputs
    .filter((output) => !change.includes(output))
    .map(({ scriptPubKey, value }) => ({
      scriptPubKey,
      amount: isNullData(scriptPubKey) ? undefined : value,
    }))
  const changeKey = change[0]?.own?.key
  const amounts = amountsOf(payees)
  const request = {
    amounts,
    dataBytes: dataBytesOf(payees),
    feeRate,
    candidates: spendableCoins(ledger, context).filter(({ coin }) => coin.height !== undefined),
    required: transaction.inputs.map(({ prevout }) => toSpendable(ledger, context, prevout)),
    maxWeight: context.maxPaymentWeight,
  }
  const selection = payingMore(request, fee)
  if (selection.ok) return ok({ selection: selection.value, payees, changeKey, reduced: sats(0) })
  // It took all there was: what the payment held is divided anew between payees and miner.
  if (selection.code !== 'insufficient-funds' || changeKey || amounts.length === 0) return selection
  const shared = payingMore(
    {
      ...request,
      amounts: amounts.map((amount, i) => sats(amount + share(fee, amounts.length, i))),
      candidates: [],
      subtractFee: true,
    },
    fee,
  )
  if (!shared.ok) return shared
  return ok({
    selection: shared.value,
    payees,
    changeKey,
    reduced: sats(total(amounts) - total(shared.value.amounts)),
  })
}

interface FormerOutput extends TxOutput {
  /** Undefined where it pays another. */
  readonly own: OwnOutput | undefined
}

/**
 * Which outputs of a payment are its change: those of the branch for it. Of a payment that has none there, but pays others, the greatest one that
 * comes back: the wallet may have one branch for both, or its change be sent to an own address by name. What others get is not for us to lower.
 */
function isChangeAmong(outputs: readonly FormerOutput[]): (output: FormerOutput) => boolean {
  const back = outputs.filter(({ own }) => own)
  if (back.some(({ own }) => own?.key.branch === CHANGE)) return ({ own }) => own?.key.branch === CHANGE
  if (!outputs.some(({ own, scriptPubKey }) => !own && !isNullData(scriptPubKey))) return () => false
  const [greatest] = back.toSorted((a, b) => b.value - a.value)
  return (output) => output === greatest
}

/**
 * Selects for a payment that pays for its own relay beyond all that the former one paid, which a smaller transaction would not by its
 * rate. `fee`: of the former one.
 */
function payingMore(request: SelectionRequest<SpendableCoin>, fee: Sats): Result<Selection<SpendableCoin>> {
  let minFee = sats(0)
  for (;;) {
    const selection = selectCoins({ ...request, minFee })
    if (!selection.ok) return selection
    const needed = sats(fee + feeOf(selection.value.vsize * 4, RELAY_FEE_RATE))
    if (selection.value.fee >= needed) return selection
    minFee = needed
  }
}

function total(amounts: readonly Sats[]): number {
  return amounts.reduce((sum, amount) => sum + amount, 0)
}

function spendableCoins(ledger: Ledger, context: ViewContext): SpendableCoin[] {
  return allCoins(ledger, context).filter(({ coin }) => coin.spendable && !coin.locked)
}

function allCoins(ledger: Ledger, context: ViewContext): SpendableCoin[] {
  return ledger.unspent().map((own) => ({ value: own.output.value, own, coin: coinOf(ledger, own, context) }))
}

function toSpendable(ledger: Ledger, context: ViewContext, outpoint: Outpoint): SpendableCoin {
  const own = ledger.output(outpoint)!
  return { value: own.output.value, own, coin: coinOf(ledger, own, context) }
}
