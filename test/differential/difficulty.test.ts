/**
 * Difficulty over whole chains of headers. No package has this rule: the reference, in test/support/difficulty-reference.ts, is written from
 * the prose of docs/difficulty.md.
 */
import assert from 'node:assert/strict'
import { type DifficultyState, retarget } from '../../src/consensus/difficulty.ts'
import { PUBLIC } from '../../src/consensus/params.ts'
import { targetOf } from '../../src/consensus/pow.ts'
import { differential } from '../support/differential.ts'
import { difficultyReference, type ReferenceState } from '../support/difficulty-reference.ts'
import type { Draw } from '../support/draw.ts'

/** What rounding may change in one block, in doublings: the cubic of ASERT, and targets cut off. */
const ROUNDING = 2 ** -11

function drawInterval(draw: Draw, spacing: number): number {
  const kind = draw.below(4)
  if (kind === 0) return 1
  if (kind === 1) return draw.integer(1, 2 * spacing)
  if (kind === 2) return draw.integer(1, 40 * spacing)
  return 1 + draw.below(2 ** draw.integer(1, 22))
}

differential('difficulty', 'is the rule as the documents tell it, over chains of headers', (draw) => {
  const spacing = draw.oneIn(2) ? PUBLIC.targetSpacing : draw.integer(2, 600)
  const halfLife = draw.oneIn(2) ? 20 * spacing : spacing * draw.integer(1, 100)
  const powLimitBits = draw.pick([PUBLIC.powLimitBits, 0x207fffff, 0x1e00ffff])
  const params = { ...PUBLIC, targetSpacing: spacing, halfLife, powLimitBits }
  const limit = log2(targetOf(powLimitBits))

  let ours: DifficultyState = {
    time: 1_800_000_000,
    base: draw.pick([powLimitBits, 0x1c400000, 0x1a00ffff]),
    ease: 0,
  }
  let reference: ReferenceState = { time: ours.time, base: log2(targetOf(ours.base)), ease: 0 }
  let sort = 'never eased'
  const length = draw.integer(1, 60)
  for (let n = 1; n <= length; n++) {
    const time = ours.time + drawInterval(draw, spacing)
    if (time > 0xffffffff) break
    const { bits, state } = retarget(ours, time, params)
    const step = difficultyReference(reference, time, { spacing, halfLife, limit })
    const told = `block ${n} after ${time - ours.time} s at spacing ${spacing}, half-life ${halfLife}`
    near(log2(targetOf(bits)), step.target, n, `target of ${told}`)
    near(log2(targetOf(state.base)), step.state.base, n, `base after ${told}`)
    // Where the whole doublings to the limit hang on rounding, both answers are right, and the chains part.
    if (step.edge < n * ROUNDING && state.ease / 65_536 !== step.state.ease) return 'ended at an edge'
    assert.equal(state.ease / 65_536, step.state.ease, `ease after ${told}`)
    if (state.ease > 0) sort = 'eased'
    ours = state
    reference = step.state
  }
  return sort
})

function near(ours: number, reference: number, blocks: number, told: string): void {
  assert.ok(Math.abs(ours - reference) < blocks * ROUNDING, `${told}: ${ours}, not ${reference}`)
}

function log2(value: bigint): number {
  const shift = BigInt(Math.max(0, value.toString(2).length - 60))
  return Math.log2(Number(value >> shift)) + Number(shift)
}
