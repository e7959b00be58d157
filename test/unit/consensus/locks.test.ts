import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { BlockContext } from '../../../src/consensus/block-context.ts'
import type { Coin } from '../../../src/consensus/coins.ts'
import { isFinal, sequenceLocksMet } from '../../../src/consensus/locks.ts'
import { REGTEST } from '../../../src/consensus/params.ts'
import { sats } from '../../../src/primitives/amount.ts'
import { SEQUENCE_LOCK_DISABLE, SEQUENCE_LOCK_SECONDS } from '../../../src/primitives/lock-times.ts'
import { NULL_OUTPOINT, type TransactionFields, unsignedInput } from '../../../src/primitives/transaction.ts'

function transaction(sequences: readonly number[], lockTime = 0, version = 2): TransactionFields {
  const inputs = sequences.map((sequence) => unsignedInput(NULL_OUTPOINT, sequence))
  return { version, inputs, outputs: [], lockTime }
}

const time = 1_700_000_000

test('a height lock names the last height at which it holds', () => {
  assert.ok(!isFinal(transaction([0], 100), 100, time))
  assert.ok(isFinal(transaction([0], 100), 101, time))
  assert.ok(!isFinal(transaction([0], 499_999_999), 101, time))
})

test('a time lock is compared with the median time past', () => {
  assert.ok(!isFinal(transaction([0], time), 101, time))
  assert.ok(isFinal(transaction([0], time), 101, time + 1))
  // 500,000,000 is the first number that is a time, and long past.
  assert.ok(isFinal(transaction([0], 500_000_000), 101, time))
})

test('without a lock, or with every sequence final, a transaction is final', () => {
  assert.ok(isFinal(transaction([0]), 0, 0))
  assert.ok(isFinal(transaction([0xffffffff, 0xffffffff], 100), 100, time))
  assert.ok(!isFinal(transaction([0xffffffff, 0xfffffffe], 100), 100, time))
})

/** Median time past 600 s later with each block. */
const context: BlockContext = {
  params: REGTEST,
  genesisHash: new Uint8Array(32),
  height: 100,
  medianTimePast: time + 99 * 600,
  medianTimePastAt: (height) => time + height * 600,
}

function met(sequence: number, coinHeight: number, version = 2): boolean {
  const coin: Coin = { value: sats(1), height: coinHeight, coinbase: false, outputKey: new Uint8Array(32) }
  return sequenceLocksMet(transaction([sequence], 0, version), [coin], context)
}

test('BIP68 counts blocks from the one that made the coin', () => {
  assert.ok(met(10, 90))
  assert.ok(!met(11, 90))
  assert.ok(met(0, 100))
  assert.ok(!met(1, 100))
  assert.ok(met(0xff0a, 90) === false)
})

test('BIP68 counts units of 512 s from the median time past before the block that made the coin', () => {
  // Made at height 90: from the time at 89, ten blocks or 6,000 s have passed: 11 units of 512 s and 368 s.
  assert.ok(met(SEQUENCE_LOCK_SECONDS | 11, 90))
  assert.ok(!met(SEQUENCE_LOCK_SECONDS | 12, 90))
  // Made at height 1: 59,400 s have passed since the genesis block, 116 units and 8 s.
  assert.ok(met(SEQUENCE_LOCK_SECONDS | 116, 1))
  assert.ok(!met(SEQUENCE_LOCK_SECONDS | 117, 1))
  const exact: BlockContext = { ...context, medianTimePast: context.medianTimePastAt(89) + 12 * 512 }
  const coin: Coin = { value: sats(1), height: 90, coinbase: false, outputKey: new Uint8Array(32) }
  const locked = transaction([SEQUENCE_LOCK_SECONDS | 12])
  assert.ok(sequenceLocksMet(locked, [coin], exact))
  assert.ok(!sequenceLocksMet(locked, [coin], { ...exact, medianTimePast: exact.medianTimePast - 1 }))
})

test('BIP68 applies from version 2, as an unsigned number, and not with the disabling bit', () => {
  assert.ok(met(11, 90, 1))
  assert.ok(!met(11, 90, 0xffffffff))
  assert.ok(met((SEQUENCE_LOCK_DISABLE | 11) >>> 0, 90))
})

test('every input must meet its lock', () => {
  const coins = [90, 95].map((height) => ({
    value: sats(1),
    height,
    coinbase: false,
    outputKey: new Uint8Array(32),
  }))
  assert.ok(sequenceLocksMet(transaction([10, 5]), coins, context))
  assert.ok(!sequenceLocksMet(transaction([10, 6]), coins, context))
})
