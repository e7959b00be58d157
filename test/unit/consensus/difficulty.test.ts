import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import {
  type DifficultyState,
  genesisDifficulty,
  nextBits,
  retarget,
} from '../../../src/consensus/difficulty.ts'
import { type NetworkParams, PUBLIC, REGTEST } from '../../../src/consensus/params.ts'
import { blockWork, targetOf } from '../../../src/consensus/pow.ts'

const { targetSpacing: SPACING, halfLife: HALF_LIFE } = PUBLIC

/** 2^34 hashes a block: 256 times the limit's work. */
const HARD: DifficultyState = { time: 2_000_000_000, base: 0x1c400000, ease: 0 }

function after(state: DifficultyState, ...intervals: readonly number[]): DifficultyState {
  let at = state
  for (const interval of intervals) at = retarget(at, at.time + interval, PUBLIC).state
  return at
}

function target(state: DifficultyState, interval: number): bigint {
  return targetOf(nextBits(state, state.time + interval, PUBLIC))
}

/** log2 of how much easier `b` is than `a`. */
function doublings(a: bigint, b: bigint): number {
  return Math.log2(Number(b)) - Math.log2(Number(a))
}

test('the base doubles for each half-life of delay, and halves for each of haste', () => {
  const hard = targetOf(HARD.base)
  assert.equal(after(HARD, SPACING).base, HARD.base)
  assert.equal(targetOf(after(HARD, SPACING + HALF_LIFE).base), hard * 2n)
  assert.ok(targetOf(after(HARD, SPACING + 1).base) > hard)
  // Twenty blocks and some a second apart.
  const fast = after(HARD, ...new Array(Math.round(HALF_LIFE / (SPACING - 1))).fill(1))
  assert.ok(Math.abs(doublings(hard, target(fast, SPACING)) + 1) < 0.02)
})

test('one interval eases the base by one doubling at most: a night is forgotten, the power before it is not', () => {
  const evening = targetOf(HARD.base)
  assert.equal(targetOf(after(HARD, 8 * 3600).base), evening * 2n)
  assert.equal(targetOf(after(HARD, 60 * 3600).base), evening * 2n)
})

test('a block eases by its own time: by nothing for ten spacings, then by one doubling every spacing and a half', () => {
  const hard = targetOf(HARD.base)
  for (const seconds of [1, SPACING, 10 * SPACING]) assert.equal(target(HARD, seconds), hard)
  assert.ok(target(HARD, 10 * SPACING + 1) > hard)
  for (const count of [1, 2, 4, 5])
    assert.ok(
      Math.abs(doublings(hard, target(HARD, (10 + 1.5 * count) * SPACING)) - count) < 0.001,
      `${count} doublings`,
    )
  const limit = targetOf(PUBLIC.powLimitBits)
  assert.equal(target(HARD, 8 * 3600), limit)
  assert.equal(target(HARD, 0xffffffff - HARD.time), limit)
})

test('ease goes on at two spacings a block, grows when blocks come slower, and is gone after a few that come fast', () => {
  const eased = after(HARD, (10 + 1.5 * 4) * SPACING)
  const { base } = eased
  const easeOf = (interval: number): number => doublings(targetOf(base), target(eased, interval))
  assert.ok(Math.abs(easeOf(2 * SPACING) - 4) < 0.001)
  assert.ok(Math.abs(easeOf(5 * SPACING) - 5) < 0.001)
  assert.ok(easeOf(1) < 3.4)
  const gone = after(eased, 1, 1, 1, 1, 1, 1, 1)
  assert.equal(gone.ease, 0)
  assert.equal(target(gone, 1), targetOf(gone.base))
})

test('ease is inherited by whole doublings from the base as it is stored, not as it was before it was rounded', () => {
  const before: DifficultyState = { time: 1_800_000_000, base: 0x1d0bb344, ease: 800_000 }
  // A quarter of the limit, to the last bit that compact form holds: two doublings.
  assert.deepEqual(after(before, 301), { time: before.time + 301, base: 0x1d100000, ease: 2 * 65_536 })
})

test('ease never moves the base: it follows the intervals alone', () => {
  const intervals = [16 * SPACING, 1, 2 * SPACING, 700, 5]
  assert.notEqual(after(HARD, intervals[0]).ease, 0)
  let base = HARD.base
  for (const interval of intervals) base = after({ ...HARD, base, ease: 0 }, interval).base
  assert.equal(after(HARD, ...intervals).base, base)
})

test('from genesis on blocks are at the limit, until they come faster than aimed at', () => {
  const genesis = genesisDifficulty(PUBLIC)
  assert.deepEqual(genesis, { time: PUBLIC.genesisTime, base: PUBLIC.powLimitBits, ease: 0 })
  assert.equal(nextBits(genesis, PUBLIC.genesisTime + 1, PUBLIC), PUBLIC.powLimitBits)
  assert.equal(after(genesis, 31).base, PUBLIC.powLimitBits)
  assert.notEqual(after(genesis, 29).base, PUBLIC.powLimitBits)
})

test('without retargeting every block is at the limit', () => {
  const genesis = genesisDifficulty(REGTEST)
  const { bits, state } = retarget(genesis, genesis.time + 1, REGTEST)
  assert.equal(bits, REGTEST.powLimitBits)
  assert.deepEqual(state, { ...genesis, time: genesis.time + 1 })
})

/** Networks that `checkParams` accepts, and what their miners do: intervals, as hostile as times allow. */
const network = fc
  .record({ targetSpacing: fc.integer({ min: 2, max: 600 }), ratio: fc.integer({ min: 1, max: 500 }) })
  .map(
    ({ targetSpacing, ratio }): NetworkParams => ({
      ...PUBLIC,
      powLimitBits: 0x207fffff,
      targetSpacing,
      halfLife: targetSpacing * ratio,
    }),
  )
const pace = fc.oneof(
  fc.constant(1),
  fc.integer({ min: 1, max: 100 }),
  fc.integer({ min: 1, max: 20_000 }),
  fc.integer({ min: 1, max: 100_000_000 }),
)
const run = fc.record({ pace, blocks: fc.integer({ min: 1, max: 60 }) })

/** How much harder rounding may make a block, at most: the cubic of ASERT and compact bits, some 2^-12 a block. */
const ROUNDING = 1 + 2 ** -11

test('no headers raise the difficulty beyond what the work in them pays for', () => {
  let raised = 0
  fc.assert(
    fc.property(network, fc.array(run, { minLength: 1, maxLength: 12 }), (params, runs) => {
      let state: DifficultyState = { time: params.genesisTime, base: 0x1a00ffff, ease: 0 }
      const hashes = (bits: number): number => Number(blockWork(targetOf(bits)))
      const start = hashes(state.base)
      // A block of full work makes the next harder by (spacing − 1) / half-life doublings at most, and so the next's work by
      // this share of its own.
      const share = 2 ** ((params.targetSpacing - 1) / params.halfLife) - 1
      let allowed = start
      for (const { pace: seconds, blocks } of runs)
        for (let i = 0; i < blocks && state.time + seconds < 0xffffffff; i++) {
          const { bits, state: next } = retarget(state, state.time + seconds, params)
          // More than 2^192 hashes: there a target's last digits are great steps.
          if (targetOf(next.base) < 2n ** 64n) return
          allowed = (allowed + share * hashes(bits)) * ROUNDING
          assert.ok(hashes(next.base) <= allowed, `${hashes(next.base)} beyond ${allowed}`)
          state = next
        }
      if (hashes(state.base) > start) raised++
    }),
    { numRuns: 3000 },
  )
  assert.ok(raised > 100, `${raised} runs raised it at all`)
})

test('from one block to the next the target hardens by a bounded factor', () => {
  fc.assert(
    fc.property(network, fc.array(run, { minLength: 1, maxLength: 12 }), (params, runs) => {
      let state: DifficultyState = { time: params.genesisTime, base: 0x1a00ffff, ease: 0 }
      let last = 0n
      // One second after an eased block: a third of a doubling for each spacing off the eased pace, and what the base may rise.
      const most = 2 / 3 + (params.targetSpacing - 1) / params.halfLife + 0.001
      for (const { pace: seconds, blocks } of runs)
        for (let i = 0; i < blocks && state.time + seconds < 0xffffffff; i++) {
          const inherits = state.ease > 0
          const { bits, state: next } = retarget(state, state.time + seconds, params)
          if (inherits && last > 0n && targetOf(bits) < last)
            assert.ok(doublings(targetOf(bits), last) <= most + beyondInherited(last, state), 'too steep')
          last = targetOf(bits)
          state = next
        }
    }),
    { numRuns: 500 },
  )
})

/** Doublings that a block was eased beyond what its children inherit. */
function beyondInherited(blockTarget: bigint, state: DifficultyState): number {
  const inherited = targetOf(state.base) * 2n ** BigInt(state.ease >> 16)
  return Math.max(0, doublings(inherited, blockTarget)) + 1
}
