/**
 * Promises: both sides of a channel build the same commitment from the same state; no satoshi is lost or made; outputs are left out exactly below
 * the owner's dust limit, and stand in the order of BOLT 3; weights are as predicted.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { msat } from '../../../src/channels/amount.ts'
import {
  ANCHOR_AMOUNT,
  COMMITMENT_FEE_WEIGHT,
  commitmentFee,
  commitmentNumber,
  commitmentTransaction,
  HTLC_OUTPUT_WEIGHT,
} from '../../../src/channels/commitment-transaction.ts'
import { closingTransaction, fundingSpendWeight } from '../../../src/channels/funding-spend.ts'
import { htlcTransactions } from '../../../src/channels/htlc-transactions.ts'
import { MAX_COMMITMENT_NUMBER } from '../../../src/channels/secrets.ts'
import { sats } from '../../../src/primitives/amount.ts'
import { compareBytes, hexToBytes } from '../../../src/primitives/bytes.ts'
import { packOutputs } from '../../../src/script/input-check.ts'
import { ChannelPair, ChannelSide, type ChannelState, channels } from '../../support/channels.ts'
import { verdictOf } from '../../support/tapscript-spends.ts'

const RUNS = { seed: 3, numRuns: 40 }

test('both sides build the same transactions, second level included', () => {
  fc.assert(
    fc.property(channels, ({ pair, state }) => {
      for (const owner of [pair.a, pair.b]) {
        const [own, others] = [owner, pair.other(owner)].map((holder) => pair.build(state, owner, holder))
        assert.deepEqual(own.built.transaction.bytes, others.built.transaction.bytes)
        assert.equal(own.built.fee, others.built.fee)
        const [ofOwner, ofOther] = [own, others].map(({ contract, commitment, built }) =>
          htlcTransactions(contract, commitment, built).map(({ leaf, transaction, source }) => ({
            leaf,
            bytes: transaction.bytes,
            expiry: source.htlc.expiry,
          })),
        )
        assert.deepEqual(ofOwner, ofOther)
      }
    }),
    RUNS,
  )
})

test('amounts are kept: each side has its share, the funder pays fee and anchors, and nothing else goes to the miner but what is trimmed', () => {
  fc.assert(
    fc.property(channels, ({ pair, state }) => {
      for (const owner of [pair.a, pair.b]) {
        const { built } = pair.build(state, owner, pair.a)
        const { dustLimit } = owner.party
        const whole = state.htlcs.filter(({ amount }) => Math.floor(amount / 1000) >= dustLimit)
        assert.deepEqual(
          built.htlcs.map(({ amount }) => amount).sort((a, b) => a - b),
          whole.map(({ amount }) => Math.floor(amount / 1000)).sort((a, b) => a - b),
        )
        const funderShare =
          Math.floor(state.aAmount / 1000) - commitmentFee(state.feerate, whole.length) - 2 * ANCHOR_AMOUNT
        const otherShare = Math.floor(state.bAmount / 1000)
        const [local, remote] = owner === pair.a ? [funderShare, otherShare] : [otherShare, funderShare]
        const amountOf = (kind: string) => built.outputs.find((output) => output.kind === kind)?.amount
        assert.equal(amountOf('to-local'), local >= dustLimit ? local : undefined)
        assert.equal(amountOf('to-remote'), remote >= dustLimit ? remote : undefined)
        // Anchors: with HTLCs both, else beside the share of the same side.
        assert.equal(
          amountOf('local-anchor'),
          whole.length > 0 || local >= dustLimit ? ANCHOR_AMOUNT : undefined,
        )
        assert.equal(
          amountOf('remote-anchor'),
          whole.length > 0 || remote >= dustLimit ? ANCHOR_AMOUNT : undefined,
        )
        const paid = built.transaction.outputs.reduce((sum, { value }) => sum + value, 0)
        assert.equal(paid + built.fee, pair.capacity)
        assert.ok(built.fee >= commitmentFee(state.feerate, whole.length))
        assert.deepEqual(
          built.transaction.outputs.map(({ value, scriptPubKey }) => [value, scriptPubKey]),
          built.outputs.map(({ amount, output }) => [amount, output.scriptPubKey]),
        )
      }
    }),
    RUNS,
  )
})

test('an output stands from the owner’s dust limit on: shares of both sides, and HTLCs to the millisatoshi', () => {
  const pair = new ChannelPair(new ChannelSide('a', 354, 144), new ChannelSide('b', 700, 144), 1_000_000)
  const paymentHash = new Uint8Array(32).fill(1)
  const kindsOf = (owner: ChannelSide, state: ChannelState): string[] =>
    pair.build(state, owner, pair.a).built.outputs.map(({ kind }) => kind)
  for (const owner of [pair.a, pair.b]) {
    const { dustLimit } = owner.party
    const [ofA, ofB] = owner === pair.a ? ['to-local', 'to-remote'] : ['to-remote', 'to-local']
    for (const [share, stands] of [
      [dustLimit * 1000 - 1, false],
      [dustLimit * 1000, true],
    ] as const) {
      assert.equal(kindsOf(owner, stateWith(1_000_000_000 - share, share)).includes(ofB), stands)
      // A has as much once it has paid the fee, 968 satoshis at this feerate, and the anchors.
      const before = share + (968 + 660) * 1000
      assert.equal(kindsOf(owner, stateWith(before, 1_000_000_000 - before)).includes(ofA), stands)
      const htlc = { ofA: true, id: 0, amount: msat(share), paymentHash, expiry: 500 }
      const withHtlc = { ...stateWith(900_000_000, 100_000_000 - share), htlcs: [htlc] }
      assert.equal(kindsOf(owner, withHtlc).includes('htlc'), stands)
    }
  }
})

test('outputs are ordered by amount, script and expiry, and the number is told to the two sides alone', () => {
  fc.assert(
    fc.property(channels, ({ pair, state }) => {
      const { contract, built } = pair.build(state, pair.b, pair.a)
      for (const [i, after] of built.outputs.entries()) {
        if (i === 0) continue
        const before = built.outputs[i - 1]
        const order =
          before.amount - after.amount || compareBytes(before.output.scriptPubKey, after.output.scriptPubKey)
        assert.ok(order <= 0)
        if (order === 0 && before.kind === 'htlc' && after.kind === 'htlc')
          assert.ok(before.htlc.expiry <= after.htlc.expiry)
      }
      assert.equal(commitmentNumber(contract, built.transaction), state.number)
      assert.equal(commitmentNumber(pair.contractOf(pair.b), built.transaction), state.number)
      // Not a lock: in the past, and no BIP68.
      assert.equal(built.transaction.lockTime >>> 24, 0x20)
      assert.equal(built.transaction.inputs[0].sequence >>> 24, 0x80)
    }),
    RUNS,
  )
})

test('HTLCs of one amount and hash, whose outputs are the same, stand by their expiry', () => {
  const pair = new ChannelPair(new ChannelSide('a', 354, 144), new ChannelSide('b', 354, 144), 1_000_000)
  const paymentHash = new Uint8Array(32).fill(1)
  const htlcs = [700, 500, 600].map((expiry, id) => ({
    ofA: true,
    id,
    amount: msat(1_000_000 + id),
    paymentHash,
    expiry,
  }))
  const state = { number: 1, feerate: 250, aAmount: msat(996_999_997), bAmount: msat(0), htlcs }
  const { built } = pair.build(state, pair.a, pair.b)
  assert.deepEqual(
    built.htlcs.map(({ htlc }) => htlc.expiry),
    [500, 600, 700],
  )
})

test('a signed commitment weighs what was predicted, and its signature is valid', () => {
  fc.assert(
    fc.property(channels, ({ pair, state }) => {
      const { built } = pair.build(state, pair.a, pair.a)
      const signed = pair.signFunding(built.transaction)
      assert.equal(signed.weight, fundingSpendWeight(built.transaction))
      assert.equal(verdictOf(signed, packOutputs([pair.fundingOutput]), 0), 'ok')
      // The weight that the fee is counted for is 8 more than that of all four outputs, and never less than the true one.
      const expected = COMMITMENT_FEE_WEIGHT + HTLC_OUTPUT_WEIGHT * built.htlcs.length
      const missing = 4 - (built.outputs.length - built.htlcs.length)
      assert.equal(signed.weight, expected - 8 - HTLC_OUTPUT_WEIGHT * missing)
    }),
    { ...RUNS, numRuns: 15 },
  )
})

function stateWith(aAmount: number, bAmount: number, feerate = 1000): ChannelState {
  return { number: 0, feerate, aAmount: msat(aAmount), bAmount: msat(bAmount), htlcs: [] }
}

test('a funder who can pay the anchors pays what it has; one who can not is refused, and so are amounts that do not add up', () => {
  const pair = new ChannelPair(new ChannelSide('a', 354, 144), new ChannelSide('b', 354, 144), 1_000_000)
  const contract = pair.contractOf(pair.a)
  const codeOf = (state: ChannelState) => {
    const result = commitmentTransaction(contract, pair.commitmentOf(state, pair.a, pair.a))
    return result.ok ? result.value.fee : result.code
  }
  // Fee 968, anchors 660: nothing is left to the funder, whose own anchor goes with its output.
  assert.equal(codeOf(stateWith(1_628_000, 998_372_000)), 968 + 330)
  assert.equal(codeOf(stateWith(1_000_000, 999_000_000)), 1000 - 660 + 330)
  assert.equal(codeOf(stateWith(660_000, 999_340_000)), 330)
  assert.equal(codeOf(stateWith(659_999, 999_340_001)), 'commitment-fee')
  assert.equal(codeOf(stateWith(500_000_000, 499_999_999)), 'commitment-amounts')
  assert.equal(codeOf(stateWith(1_000_000_001, -1)), 'commitment-amounts')
})

test('the mask covers all 48 bits of a number', () => {
  const pair = new ChannelPair(new ChannelSide('a', 354, 144), new ChannelSide('b', 354, 144), 1_000_000)
  const contract = pair.contractOf(pair.a)
  for (const number of [0, 1, 2 ** 24 - 1, 2 ** 24, 2 ** 47, MAX_COMMITMENT_NUMBER]) {
    const state = { ...stateWith(500_000_000, 500_000_000), number: Math.min(number, 100) }
    const commitment = { ...pair.commitmentOf(state, pair.a, pair.a), number }
    const built = commitmentTransaction(contract, commitment)
    assert.ok(built.ok)
    assert.equal(commitmentNumber(contract, built.value.transaction), number)
  }
  const plain = pair.build(stateWith(500_000_000, 500_000_000), pair.a, pair.a).built.transaction
  assert.equal(commitmentNumber(contract, { ...plain, inputs: plain.inputs, lockTime: 0 }), undefined)
})

test('a closing transaction has the outputs given, in order, and weighs what was predicted', () => {
  const pair = new ChannelPair(new ChannelSide('a', 354, 144), new ChannelSide('b', 354, 144), 1_000_000)
  const contract = pair.contractOf(pair.a)
  const holderOutput = { script: pair.a.script, amount: sats(700_000) }
  const counterpartyOutput = { script: pair.b.script, amount: sats(299_000) }
  const burnt = { script: hexToBytes('6a0101'), amount: sats(299_000) }
  const cases = [
    { holderOutput, counterpartyOutput, values: [299_000, 700_000] },
    { holderOutput, values: [700_000] },
    { counterpartyOutput, values: [299_000] },
    { holderOutput, counterpartyOutput: burnt, values: [0, 700_000] },
  ]
  for (const { values, ...outputs } of cases) {
    const closing = closingTransaction(contract, { closerIsHolder: true, lockTime: 7, ...outputs })
    assert.deepEqual(
      closing.outputs.map(({ value }) => value),
      values,
    )
    assert.deepEqual([closing.lockTime, closing.inputs[0].sequence, closing.version], [7, 0xfffffffd, 2])
    const signed = pair.signFunding(closing)
    assert.equal(signed.weight, fundingSpendWeight(closing))
    assert.equal(verdictOf(signed, packOutputs([pair.fundingOutput]), 0), 'ok')
  }
})
