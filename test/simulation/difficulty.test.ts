/**
 * What the rule of difficulty promises, by simulated miners at a size that takes seconds. `npm run difficulty` has the whole table,
 * `npm run test:deep -- difficulty` the years. Each promise has beside it a rule that breaks it, so that the simulator is known to see it.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { BY_THE_CLOCK, liar, richestBranch, STAMPS, withhold } from '../difficulty/liars.ts'
import { days, leaving, morning, steady, TABS, wrongClocks } from '../difficulty/powers.ts'
import { FOLLOWED, FORGOTTEN, FORMER, OURS, SPACING, TESTNET4 } from '../difficulty/rules.ts'
import { chains, hardest, RAISED_SHARE } from '../difficulty/search.ts'
import { staleRate, storm } from '../difficulty/storms.ts'

const MINUTE = 60

test('steady power finds blocks at the spacing', () => {
  const { mean, deviation } = steady(OURS, 20_000, 1)
  assert.ok(Math.abs(mean - SPACING) < 0.6, `${mean} s`)
  // Intervals without any feedback deviate by their mean.
  assert.ok(deviation < 1.06 * SPACING, `${deviation} s`)
  assert.ok(staleRate(OURS, 1, 30, 1) < 0.05)
})

test('when a thousandth of the power stays, a block comes within a quarter of an hour, and more follow', () => {
  const ours = leaving(OURS, 1000, 200, 1)
  assert.ok(ours.most <= 15 * MINUTE, `${ours.most} s`)
  assert.ok(ours.backHalf <= 15 * MINUTE && ours.backMost <= 25 * MINUTE, `${ours.backHalf} s`)
  assert.ok(leaving(OURS, 10_000, 100, 2).most <= 18 * MINUTE)
  assert.ok(leaving(FORMER, 1000, 50, 1).half > 120 * MINUTE)
  // Without inheritance the first block is as quick, and all others are slow.
  assert.ok(leaving(FORGOTTEN, 1000, 50, 1).backHalf > 60 * MINUTE)
})

test('mixed traffic of sixty days stays within the stated wait', () => {
  const { blocks, violations, nearest, greatestDrop } = days(60, 1)
  assert.equal(violations, 0)
  assert.ok(blocks > 50_000 && greatestDrop > 1000)
  // The bound is no empty one.
  assert.ok(nearest > 0.7, String(nearest))
})

test('a network that slept 60 hours neither races nor floods itself in the morning', () => {
  const count = morning(OURS, 60, TABS, 20, 1)
  assert.ok(count > 150 && count < 230, `${count} blocks in 90 min`)
  const { blocks, stale } = storm(OURS, 60, TABS, 2, 300, 1)
  assert.ok(blocks <= 30 && stale < 0.4, `${blocks} blocks in 5 min, ${stale} stale`)
})

test('in steady state no stamps, wrong or false, gain a hundredth', () => {
  for (const stamps of STAMPS) {
    const { gain } = liar(OURS, 0.45, stamps, 6000, 1)
    assert.ok(gain <= 0.01, `${stamps}: ${gain}`)
  }
  assert.ok(wrongClocks(OURS, 4000, 1).most <= 1.01)
  assert.ok(liar(TESTNET4, 0.1, 'late', 6000, 1).gain > 1)
})

test('who withholds blocks gains nothing by false times, and issues no more than time gives', () => {
  const clock = withhold(OURS, 0.45, BY_THE_CLOCK, 150, 3)
  for (const first of [1, 420, 540]) {
    const plan = { honest: 0, ahead: 0, first, step: 1, patience: 3, keeps: false }
    const { rate, issuance } = withhold(OURS, 0.45, plan, 150, 3)
    assert.ok(rate <= 1.01 * clock.rate, `${first} s ahead: ${rate}, by the clock ${clock.rate}`)
    assert.ok(issuance < 1.05, `${first} s ahead: ${issuance}`)
  }
  const followed = withhold(
    FOLLOWED,
    0.45,
    { honest: 0, ahead: 0, first: 540, step: 1, patience: 3, keeps: false },
    50,
    3,
  )
  assert.ok(followed.rate > 3 && followed.issuance > 2)
  assert.ok(richestBranch(OURS, 3600) < 1.5)
  assert.ok(richestBranch(FOLLOWED, 3600) > 3)
})

test('no headers make blocks harder than the work in them pays for', () => {
  const { violations, nearest, eased } = chains(4000, 1)
  assert.equal(violations, 0)
  // The search comes near the bound.
  assert.ok(nearest > 0.99 && nearest <= 1 && eased > 0.99 && eased <= 1, `${nearest}, ${eased}`)
  for (const blocks of [1, 10]) assert.ok(hardest(OURS, blocks, 200, 1) <= 1 + blocks * RAISED_SHARE)
  assert.ok(hardest(FORMER, 10, 200, 1) > 2 ** 40)
})
