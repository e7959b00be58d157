/** Promise: a payment is never short of its fee, never far above it, and says in figures why it can't be made. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { DUST } from '../../../src/policy/fees.ts'
import { sats } from '../../../src/primitives/amount.ts'
import { Transaction, unsignedInput } from '../../../src/primitives/transaction.ts'
import { p2trScript } from '../../../src/script/taproot.ts'
import {
  type Candidate,
  feeOf,
  INPUT_WEIGHT,
  OUTPUT_WEIGHT,
  paymentWeight,
  type SelectionRequest,
  selectCoins,
} from '../../../src/wallet/coin-selection.ts'
import { codeOf, value } from '../../support/wallets.ts'

const coin = (amount: number): Candidate => ({ value: sats(amount) })
const sum = (amounts: readonly number[]) => amounts.reduce((total, amount) => total + amount, 0)
const held = (coins: readonly Candidate[]) => sum(coins.map(({ value }) => value))

const amounts = (min: number, max: number) =>
  fc.array(fc.integer({ min, max }).map(sats), { minLength: 1, maxLength: 4 })
const coins = fc.array(
  fc.oneof(fc.integer({ min: 1, max: 5_000 }), fc.integer({ min: 1_000, max: 5_000_000 })).map(coin),
  { maxLength: 40 },
)

const request: fc.Arbitrary<SelectionRequest<Candidate>> = fc.record({
  candidates: coins,
  required: fc.oneof(
    fc.constant([]),
    fc.array(fc.integer({ min: 1_000, max: 1_000_000 }).map(coin), { maxLength: 3 }),
  ),
  amounts: amounts(330, 3_000_000),
  feeRate: fc.oneof(fc.constant(1_000), fc.integer({ min: 1, max: 200_000 })),
  minFee: fc.oneof(fc.constant(sats(0)), fc.integer({ min: 0, max: 100_000 }).map(sats)),
  subtractFee: fc.boolean(),
  maxWeight: fc.constant(100_000),
})

test('the weights are those of a serialised payment', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 300 }), fc.integer({ min: 1, max: 300 }), (inputs, outputs) => {
      const prevout = { txid: new Uint8Array(32), index: 0 }
      const transaction = Transaction.of({
        version: 2,
        inputs: Array.from({ length: inputs }, () => ({
          ...unsignedInput(prevout, 0),
          witness: [new Uint8Array(64)],
        })),
        outputs: Array.from({ length: outputs }, () => ({
          value: DUST,
          scriptPubKey: p2trScript(prevout.txid),
        })),
        lockTime: 0,
      })
      assert.equal(paymentWeight(inputs, outputs), transaction.weight)
    }),
    { numRuns: 30 },
  )
  assert.equal(INPUT_WEIGHT / 4, 57.5)
  assert.equal(OUTPUT_WEIGHT / 4, 43)
})

test('what is selected pays the amounts and the fee, and accounts for every satoshi', () => {
  let selected = 0
  fc.assert(
    fc.property(request, (asked) => {
      const result = selectCoins(asked)
      if (!result.ok) return
      selected++
      const { coins, amounts, change, fee, vsize } = result.value
      assert.equal(held(coins), sum(amounts) + change + fee)
      assert.equal(vsize, Math.ceil(paymentWeight(coins.length, amounts.length + (change > 0 ? 1 : 0)) / 4))
      const needed = Math.max(feeOf(vsize * 4, asked.feeRate), asked.minFee ?? 0)
      assert.ok(fee >= needed, `fee ${fee} of ${needed}`)
      // Above it lies at most what no change output could hold, and a virtual byte an input from rounding.
      const slack =
        feeOf(OUTPUT_WEIGHT + INPUT_WEIGHT, asked.feeRate) + DUST + coins.length * (asked.feeRate / 1000 + 1)
      assert.ok(fee <= needed + slack, `fee ${fee}, ${needed} and ${slack}`)
      assert.ok(change === 0 || change >= DUST, 'change is dust')
      assert.ok(
        amounts.every((amount) => amount >= DUST),
        'an amount is dust',
      )
      if (!asked.subtractFee) assert.deepEqual(amounts, asked.amounts)
      assert.equal(new Set(coins).size, coins.length, 'no coin twice')
      const offered = new Set([...asked.candidates, ...(asked.required ?? [])])
      assert.ok(
        coins.every((coin) => offered.has(coin)),
        'a coin from nowhere',
      )
      assert.ok(
        (asked.required ?? []).every((coin) => coins.includes(coin)),
        'a required coin is left out',
      )
    }),
    { numRuns: 1_000 },
  )
  assert.ok(selected > 200, `${selected} of 1000 selected`)
})

test('it refuses for want of funds only where all useful coins together are too few', () => {
  fc.assert(
    fc.property(request, (asked) => {
      const result = selectCoins(asked)
      if (result.ok || result.code !== 'insufficient-funds') return
      const inputFee = asked.subtractFee ? 0 : feeOf(INPUT_WEIGHT, asked.feeRate)
      const useful = asked.candidates.filter(({ value }) => value > inputFee)
      const all = [...useful, ...(asked.required ?? [])]
      const fee = Math.max(
        feeOf(paymentWeight(all.length, asked.amounts.length), asked.feeRate),
        asked.minFee ?? 0,
      )
      const rounding = useful.length * (asked.feeRate / 1000 + 1) + (asked.minFee ?? 0)
      assert.ok(held(all) - rounding < sum(asked.amounts) + (asked.subtractFee ? 0 : fee), 'there was enough')
    }),
    { numRuns: 1_000 },
  )
})

test('a payment that coins match exactly makes no change', () => {
  const feeRate = 2_000
  const exact = feeOf(paymentWeight(2, 1), feeRate) + 2
  const candidates = [100_000, 70_000, 33_000, 12_345, 900_000].map(coin)
  const amount = sats(70_000 + 12_345 - exact)
  const { coins, change, fee } = value(
    selectCoins({ candidates, amounts: [amount], feeRate, maxWeight: 100_000 }),
  )
  assert.deepEqual(coins.map((coin) => coin.value).sort(), [12_345, 70_000])
  assert.equal(change, 0)
  assert.ok(fee <= exact, 'it pays more than the exact fee')
})

test('crumbs that cost more than they bring do not hide an exact match', () => {
  const feeRate = 20_000
  const crumbs = Array.from({ length: 200 }, () => coin(400))
  const candidates = [900_000, 70_000, 40_000].map(coin).concat(crumbs)
  const amount = sats(110_000 - feeOf(paymentWeight(2, 1), feeRate) - 60)
  const asked = { candidates, amounts: [amount], feeRate, maxWeight: 100_000 }
  assert.deepEqual(
    value(selectCoins(asked)).coins.map((coin) => coin.value),
    [70_000, 40_000],
  )
})

test('the smallest coin that suffices is taken before many', () => {
  const candidates = [10_000, 20_000, 500_000, 300_000].map(coin)
  const { coins } = value(
    selectCoins({ candidates, amounts: [sats(200_000)], feeRate: 1_000, maxWeight: 100_000 }),
  )
  assert.deepEqual(coins, [candidates[3]])
})

test('everything can be sent, the recipient bearing the fee', () => {
  const candidates = [1_000, 20_000, 500_000].map(coin)
  const asked = {
    candidates,
    amounts: [sats(521_000)],
    feeRate: 1_000,
    subtractFee: true,
    maxWeight: 100_000,
  }
  const { coins, amounts, change, fee } = value(selectCoins(asked))
  assert.equal(coins.length, 3)
  assert.equal(change, 0)
  assert.equal(fee, feeOf(paymentWeight(3, 1), 1_000))
  assert.deepEqual(amounts, [521_000 - fee])
})

test('recipients share the fee evenly', () => {
  const amounts = [50_000, 50_000, 50_000].map(sats)
  const { amounts: paid, fee } = value(
    selectCoins({
      candidates: [coin(150_000)],
      amounts,
      feeRate: 1_234,
      subtractFee: true,
      maxWeight: 100_000,
    }),
  )
  assert.equal(sum(paid), 150_000 - fee)
  assert.ok(Math.max(...paid) - Math.min(...paid) <= 1, 'unequal parts')
})

test('a coin that costs more than it brings is left', () => {
  const candidates = [coin(500), coin(100_000)]
  const { coins } = value(
    selectCoins({ candidates, amounts: [sats(90_000)], feeRate: 20_000, maxWeight: 100_000 }),
  )
  assert.deepEqual(coins, [candidates[1]])
})

test('refusals say how much there is and how much is needed', () => {
  const poor = selectCoins({
    candidates: [coin(120_000_000)],
    amounts: [sats(130_000_000)],
    feeRate: 1_000,
    maxWeight: 100_000,
  })
  assert.ok(!poor.ok, 'accepted')
  assert.equal(poor.code, 'insufficient-funds')
  assert.match(poor.detail, /1\.20000000 coins that can be spent.* needs 1\.30000111/)
  const dusty = { candidates: [coin(10_000)], feeRate: 1_000, maxWeight: 100_000 }
  assert.equal(codeOf(selectCoins({ ...dusty, amounts: [sats(329)] })), 'amount-too-small')
  assert.equal(codeOf(selectCoins({ ...dusty, amounts: [sats(400)], subtractFee: true })), 'amount-too-small')
  const crumbs = Array.from({ length: 2_000 }, () => coin(10_000))
  const large = selectCoins({
    candidates: crumbs,
    amounts: [sats(15_000_000)],
    feeRate: 1_000,
    maxWeight: 100_000,
  })
  assert.equal(codeOf(large), 'tx-size')
})
