import assert from 'node:assert/strict'
import { test } from 'node:test'
import { nextBits } from '../../../src/consensus/difficulty.ts'
import {
  checkHeader,
  contextualCheckHeader,
  type HeaderContext,
  MAX_FUTURE_SECONDS,
  medianTime,
} from '../../../src/consensus/headers.ts'
import { type NetworkParams, REGTEST } from '../../../src/consensus/params.ts'
import { BlockHeader } from '../../../src/primitives/block.ts'
import type { Result } from '../../../src/primitives/result.ts'
import { TestChain } from '../../support/chain-builder.ts'

/** Difficulty moves, but mining stays trivial. */
const params: NetworkParams = { ...REGTEST, retarget: true, testControls: false }
const chain = new TestChain(params)
const one = chain.mineBlock(chain.genesis)
const two = chain.mineBlock(one, [], { time: params.genesisTime + 31 })
const three = chain.mineBlock(two)

const context: HeaderContext = {
  params,
  difficulty: chain.difficultyAfter(two),
  medianTimePast: chain.contextAfter(two).medianTimePast,
  now: three.block.header.time,
}

function code(result: Result<unknown>): string {
  return result.ok ? 'ok' : `${result.kind} ${result.code}`
}

test('a header with its work, bits and time in order is accepted', () => {
  const { header } = three.block
  assert.notEqual(header.bits, params.powLimitBits)
  assert.equal(header.bits, nextBits(chain.difficultyAfter(two), header.time, params))
  assert.equal(code(checkHeader(header, params)), 'ok')
  assert.equal(code(contextualCheckHeader(header, context)), 'ok')
})

test('high-hash: too little work, bits beyond the limit', () => {
  const { header } = three.block
  assert.equal(code(checkHeader(header, { ...params, powLimitBits: 0x1d400000 })), 'invalid high-hash')
  assert.equal(
    code(checkHeader(BlockHeader.of({ ...header, bits: 0x03000001 }), params)),
    'invalid high-hash',
  )
  assert.equal(
    code(checkHeader(BlockHeader.of({ ...header, bits: 0x2100ffff }), params)),
    'invalid high-hash',
  )
})

test('bad-diffbits: the bits are exactly those that the headers before ask for', () => {
  for (const bits of [three.block.header.bits - 1, three.block.header.bits + 1, params.powLimitBits]) {
    const header = BlockHeader.of({ ...three.block.header, bits })
    assert.equal(code(contextualCheckHeader(header, context)), 'invalid bad-diffbits')
  }
})

/** What becomes of a header of this time in a network. */
function at(time: number, params = context.params): string {
  const bits = params === context.params ? three.block.header.bits : params.powLimitBits
  const header = BlockHeader.of({ ...three.block.header, bits, time })
  return code(contextualCheckHeader(header, { ...context, params }))
}

test('time-too-old: where difficulty follows the times, a time is above the parent’s', () => {
  const parentTime = two.block.header.time
  assert.ok(context.medianTimePast < parentTime)
  assert.equal(at(context.medianTimePast), 'invalid time-too-old')
  assert.equal(at(context.medianTimePast + 1), 'invalid time-too-old')
  assert.equal(at(parentTime), 'invalid time-too-old')
  assert.equal(at(parentTime + 1), 'ok')
})

test('time-too-old: elsewhere a time is above the median time past', () => {
  assert.equal(at(context.medianTimePast, REGTEST), 'invalid time-too-old')
  assert.equal(at(context.medianTimePast + 1, REGTEST), 'ok')
})

test('time-too-new: a time is at most two minutes ahead, and is retried, not condemned', () => {
  assert.equal(MAX_FUTURE_SECONDS, 120)
  assert.equal(at(context.now + 120), 'ok')
  assert.equal(at(context.now + 121), 'retry time-too-new')
})

test('time-too-new: two hours where blocks are made on demand', () => {
  assert.equal(at(context.now + 7200, REGTEST), 'ok')
  assert.equal(at(context.now + 7201, REGTEST), 'retry time-too-new')
})

test('the median time is the middle one, the later of two', () => {
  assert.equal(medianTime([5]), 5)
  assert.equal(medianTime([9, 5]), 9)
  assert.equal(medianTime([30, 100, 2]), 30)
  assert.equal(medianTime([11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1]), 6)
})

test('the median time past spans eleven blocks', () => {
  let tip = chain.genesis
  const times = [chain.genesis.block.header.time]
  for (let i = 0; i < 14; i++) {
    tip = chain.mineBlock(tip)
    times.push(tip.block.header.time)
  }
  assert.equal(chain.contextAfter(tip).medianTimePast, times[times.length - 6])
})
