/**
 * Promise: whatever is published, every satoshi of this side comes back to it as soon as it can, and all of the channel from who cheats; by a
 * real chain and mempool, with the signer of the program, over restarts and reorganisations.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { IRREVOCABLE_DEPTH, SETTLED_DEPTH } from '../../../src/channels/monitor.ts'
import { equalBytes } from '../../../src/primitives/bytes.ts'
import type { Transaction } from '../../../src/primitives/transaction.ts'
import {
  agreedOf,
  CAPACITY,
  ChainSide,
  htlcOf,
  MonitoredPair,
  preimageFor,
} from '../../support/monitored-channel.ts'

const FIRST = agreedOf(0, 600_000)

/** Brings the last state of a side to the chain, by its own monitor. */
async function close(rig: MonitoredPair, side: 0 | 1): Promise<void> {
  const { monitor, keeper } = rig.sides[side]
  const transaction = await rig.pair.publish(rig.now, side)
  monitor.publishCommitment(keeper.keys.keyId, transaction, rig.history.get(rig.now.number)![side][side])
  await rig.settle()
}

async function near(rig: MonitoredPair, side: 0 | 1, expected: number, fees: number): Promise<void> {
  const paid = await rig.paidTo(side)
  assert.ok(paid <= expected && paid >= expected - fees, `side ${side} has ${paid}, not about ${expected}`)
}

test('a channel that one side closes pays each its share when it may be taken, and says in blocks when', async () => {
  const rig = await MonitoredPair.open(FIRST)
  await close(rig, 0)
  await rig.mine()
  const [alice, bob] = rig.sides
  assert.equal(alice.told('closed')[0].by, 'holder')
  assert.equal(bob.told('closed')[0].by, 'counterparty')
  const outlook = alice.monitor.outlook(alice.keeper.keys.keyId).find(({ amount }) => amount > 330)
  assert.match(outlook?.text ?? '', /yours again in 12 blocks/)
  assert.equal(outlook?.blocks, 12)
  await rig.mine()
  await near(rig, 1, 400_000, 1_000)
  await rig.mineBlocks(10)
  assert.equal(await rig.paidTo(0), 0)
  await rig.mine()
  // Fees and anchors are the funder's.
  await near(rig, 0, 600_000, 3_000)
  assert.deepEqual(alice.told('resolved'), [])
  await rig.mineBlocks(IRREVOCABLE_DEPTH)
  for (const side of rig.sides) assert.equal(side.told('resolved').length, 1)
})

test('both sides close at once: one commitment is mined, each side takes what is its own', async () => {
  const rig = await MonitoredPair.open(FIRST)
  await close(rig, 0)
  await close(rig, 1)
  await rig.mineBlocks(15)
  await near(rig, 0, 600_000, 4_000)
  await near(rig, 1, 400_000, 2_000)
})

test('a commitment that pays too little is lifted by its anchor’s child, more so with every block that it misses', async () => {
  const rig = await MonitoredPair.open(FIRST)
  rig.feerate = 2_000
  await close(rig, 0)
  const rates: number[] = []
  const child = () => [...rig.node.mempool.entries()].find(({ transaction }) => transaction.inputs.length > 1)
  for (let block = 0; block < 14; block++) {
    rates.push(child()!.fee)
    await rig.mine(() => true)
  }
  assert.ok(new Set(rates).size >= 3, `${rates}`)
  assert.deepEqual(
    [...rates].sort((a, b) => a - b),
    rates,
  )
  await rig.mine()
  assert.equal(rig.sides[0].told('closed').length, 1)
})

/** A state with HTLCs both ways that expire at `expiry`: of each side one whose preimage the other knows. */
function busy(number: number, expiry: number) {
  return agreedOf(number, 490_000, [
    htlcOf(1, true, 50_000, expiry),
    htlcOf(2, true, 60_000, expiry + 2),
    htlcOf(3, false, 70_000, expiry),
    htlcOf(4, false, 80_000, expiry + 1),
  ])
}

for (const closer of [0, 1] as const)
  test(`HTLCs on the commitment of side ${closer} are claimed by preimage or come back, and preimages are told upstream`, async () => {
    const rig = await MonitoredPair.open(FIRST)
    const expiry = rig.height + 12
    await rig.advance(busy(1, expiry))
    const [alice, bob] = rig.sides
    bob.known.add(1)
    alice.known.add(3)
    await close(rig, closer)
    await rig.mineBlocks(40)
    assert.deepEqual(
      alice.told('preimage').map(({ htlc, preimage }) => [htlc.id, preimage]),
      [[1, preimageFor(1)]],
    )
    assert.deepEqual(
      bob.told('preimage').map(({ htlc, preimage }) => [htlc.id, preimage]),
      [[3, preimageFor(3)]],
    )
    assert.deepEqual(
      alice.told('htlc-returned').map(({ htlc }) => htlc.id),
      [2],
    )
    assert.deepEqual(
      bob.told('htlc-returned').map(({ htlc }) => htlc.id),
      [4],
    )
    const due = [490_000 + 60_000 + 70_000, 250_000 + 80_000 + 50_000]
    // The coins that paid for second-level transactions come back by the payout script, too.
    due[closer] += 2 * 200_000
    await near(rig, 0, due[0], 8_000)
    await near(rig, 1, due[1], 8_000)
  })

test('an HTLC whose preimage was told before the close is not told as returned, whatever becomes of its output', async () => {
  const rig = await MonitoredPair.open(FIRST)
  const expiry = rig.height + 4
  await rig.advance(agreedOf(1, 450_000, [htlcOf(1, true, 100_000, expiry), htlcOf(2, true, 50_000, expiry)]))
  rig.fulfilled.add(1)
  await close(rig, 0)
  await rig.mineBlocks(4 + SETTLED_DEPTH + 4)
  const [alice] = rig.sides
  assert.deepEqual(
    alice.told('htlc-returned').map(({ htlc }) => htlc.id),
    [2],
  )
})

test('an HTLC that came back is told when it is settled, not before', async () => {
  const rig = await MonitoredPair.open(FIRST)
  const expiry = rig.height + 4
  await rig.advance(agreedOf(1, 500_000, [htlcOf(1, true, 100_000, expiry)]))
  await close(rig, 0)
  const [alice] = rig.sides
  let settledAt: number | undefined
  while (settledAt === undefined) {
    const mined = await rig.mine()
    const output = rig.spendsOf(1, 0).find(({ htlc }) => htlc)!.outpoint
    if (
      mined.some(({ inputs }) =>
        inputs.some(({ prevout }) => equalBytes(prevout.txid, output.txid) && prevout.index === output.index),
      )
    )
      settledAt = rig.height
  }
  assert.equal(settledAt, expiry + 1)
  while (rig.height < settledAt + SETTLED_DEPTH - 1) {
    assert.deepEqual(alice.told('htlc-returned'), [])
    await rig.mine()
  }
  assert.equal(alice.told('htlc-returned').length, 1)
})

/** A life with HTLCs both ways: each of its states but the last is void. */
function life(expiry: number) {
  const [one, two, three] = [
    htlcOf(1, true, 50_000, expiry),
    htlcOf(2, false, 40_000, expiry),
    htlcOf(3, true, 30_000, expiry + 1),
  ]
  return [
    agreedOf(1, 550_000, [one]),
    agreedOf(2, 550_000, [one, two]),
    agreedOf(3, 550_000, [two]),
    agreedOf(4, 520_000, [two, three]),
    agreedOf(5, 560_000, [three]),
    agreedOf(6, 560_000),
  ]
}

/** Who publishes which states: each of them, and each kind of race over HTLCs. */
const THEFTS = [
  [0, 'sleeps', [0, 4]],
  [0, 'races', [1, 2, 5]],
  [1, 'sleeps', [3]],
  [1, 'races', [2, 4]],
] as const

for (const [thief, race, numbers] of THEFTS)
  test(`side ${thief} publishes states that were given up, and ${race}: it has nothing in the end`, {
    timeout: 600_000,
  }, async () => {
    for (const number of numbers) {
      const rig = await MonitoredPair.open(FIRST)
      const expiry = rig.height + 3
      for (const agreed of life(expiry)) await rig.advance(agreed)
      const victim = (1 - thief) as 0 | 1
      rig.sides[thief].awake = false
      const stolen = rig.commitmentOf(number, thief)
      await rig.send(stolen)
      await rig.mine()
      assert.equal(rig.sides[victim].told('closed')[0].by, 'revoked')
      assert.equal(rig.sides[victim].told('warned').length, 1)
      let brought = 0
      if (race === 'races') {
        // The thief keeps the victim's penalties for HTLCs out, and takes all of them to the second level, for more than the victim pays.
        const htlcs = rig.spendsOf(number, thief).filter(({ htlc }) => htlc)
        const isOf = (spend: (typeof htlcs)[number], { inputs }: Transaction) =>
          inputs.some(
            ({ prevout }) =>
              prevout.index === spend.outpoint.index && equalBytes(prevout.txid, spend.outpoint.txid),
          )
        while (htlcs.some(({ lockTime }) => rig.height < lockTime))
          await rig.mine((transaction) => htlcs.some((spend) => isOf(spend, transaction)))
        for (const spend of htlcs) {
          const second = rig.spend(thief, [spend], 20_000)
          brought += second.outputs[1].value
          await rig.send(second)
        }
        await rig.mine()
      }
      await rig.mineBlocks(15)
      const cost = CAPACITY - stolen.outputs.reduce((sum, { value }) => sum + value, 0)
      await near(rig, victim, CAPACITY - cost, 8_000)
      // Its change of fee coins, which were never the channel's.
      assert.equal(await rig.paidTo(thief), brought, `state ${number}`)
    }
  })

test('a thief whose second level waits in the mempool keeps nothing but its HTLC back', async () => {
  const rig = await MonitoredPair.open(FIRST)
  for (const agreed of life(rig.height + 30)) await rig.advance(agreed)
  rig.sides[0].awake = false
  await rig.send(rig.commitmentOf(2, 0))
  await rig.mine()
  const [success] = rig.spendsOf(2, 0).filter(({ kind }) => kind === 'htlc-success-transaction')
  const pinned = rig.spend(0, [success], 20_000)
  await rig.send(pinned)
  for (let block = 0; block < 3; block++) await rig.mine(({ txid }) => txid === pinned.txid)
  // All but that HTLC of 40,000.
  await near(rig, 1, CAPACITY - 40_000, 5_000)
})

test('reorganisations: what was done is done again on the other branch, to the same end', {
  timeout: 600_000,
}, async () => {
  for (const depth of [1, 8]) {
    const rig = await MonitoredPair.open(FIRST)
    const expiry = rig.height + 30
    await rig.advance(busy(1, expiry))
    rig.sides[1].known.add(1)
    const fork = rig.node.tip
    await close(rig, 0)
    await rig.mineBlocks(depth)
    await rig.reorganise(fork)
    for (const { monitor, keeper } of rig.sides)
      assert.equal(monitor.viewOf(keeper.keys.keyId).spent, undefined)
    // The commitment is back in the mempool, or is published again.
    await rig.mineBlocks(45)
    await near(rig, 1, 250_000 + 70_000 + 80_000 + 50_000, 4_000)
    const paid = await rig.paidTo(0)
    assert.ok(paid > 550_000, `${paid}`)
  }
})

test('a theft on one branch and an honest close on the other: each is answered where it stands', async () => {
  const rig = await MonitoredPair.open(FIRST)
  await rig.advance(agreedOf(1, 300_000, [htlcOf(1, true, 300_000, rig.height + 50)]))
  await rig.advance(agreedOf(2, 300_000))
  const fork = rig.node.tip
  rig.sides[0].awake = false
  await rig.send(rig.commitmentOf(0, 0))
  await rig.mine()
  assert.equal(rig.sides[1].told('closed')[0].by, 'revoked')
  // On the other branch the honest one is first.
  const honest = await rig.pair.publish(rig.now, 0)
  let tip = rig.node.builder.mineBlock(fork, [honest], { extraNonce: Uint8Array.of(1, 2) })
  await rig.node.offer(tip)
  for (let i = 0; i < 3; i++) {
    tip = rig.node.builder.mineBlock(tip, [], { extraNonce: Uint8Array.of(3, i) })
    await rig.node.offer(tip)
  }
  await rig.settle()
  assert.equal(rig.sides[1].told('closed').at(-1)?.by, 'counterparty')
  await rig.mineBlocks(3)
  await near(rig, 1, 700_000, 1_000)
})

test('after a restart a monitor does the same from the chain alone', async () => {
  const rig = await MonitoredPair.open(FIRST)
  const before = rig.node.tip
  for (const agreed of life(rig.height + 3)) await rig.advance(agreed)
  rig.sides[0].awake = false
  rig.sides[1].awake = false
  await rig.send(rig.commitmentOf(2, 0))
  await rig.mine()
  // Bob opens his tab when the theft has happened.
  const again = new ChainSide(rig, 1)
  again.monitor.disconnectTo({ hash: before.block.hash, height: before.height })
  again.monitor.watch(again.keeper.keys.keyId)
  Object.assign(again.secrets, { known: (rig.sides[1].secrets as unknown as { known: unknown }).known })
  rig.sides = [rig.sides[0], again]
  again.follower.advance()
  await rig.settle()
  assert.equal(again.told('closed')[0].by, 'revoked')
  await rig.mineBlocks(12)
  await near(rig, 1, CAPACITY, 10_000)
  assert.equal(await rig.paidTo(0), 0)
})

test('a preimage in a transaction that waits is told before any block', async () => {
  const rig = await MonitoredPair.open(FIRST)
  await rig.advance(agreedOf(1, 500_000, [htlcOf(1, true, 100_000, rig.height + 50)]))
  const [alice, bob] = rig.sides
  bob.known.add(1)
  await close(rig, 1)
  await rig.mine()
  const waiting = [...rig.node.mempool.entries()].map(({ transaction }) => transaction)
  for (const transaction of waiting) alice.monitor.sighted(transaction)
  assert.deepEqual(
    alice.told('preimage').map(({ htlc }) => htlc.id),
    [1],
  )
})

test('what costs more than it brings is left, until it is cheap', async () => {
  const rig = await MonitoredPair.open(agreedOf(0, CAPACITY - 1_000))
  rig.feerate = 5_000
  await close(rig, 0)
  await rig.mineBlocks(3)
  assert.equal(await rig.paidTo(1), 0)
  rig.feerate = 300
  await rig.mineBlocks(2)
  await near(rig, 1, 1_000, 300)
})

test('an HTLC that costs more than it brings does not ride along with one that is worth it', async () => {
  const rig = await MonitoredPair.open(FIRST)
  const expiry = rig.height + 4
  await rig.advance(agreedOf(1, 499_000, [htlcOf(1, true, 100_000, expiry), htlcOf(2, true, 1_000, expiry)]))
  rig.feerate = 5_000
  await close(rig, 1)
  while (rig.height < expiry + 3) await rig.mine()
  const dear = await rig.paidTo(0)
  await near(rig, 0, 599_000, 9_000)
  rig.feerate = 300
  await rig.mineBlocks(2)
  const paid = await rig.paidTo(0)
  assert.ok(paid > dear + 700, `${dear}, then ${paid}`)
})

test('a commitment that an old copy knows nothing of pays the share in it; a transaction that nobody agreed to is told', async () => {
  const rig = await MonitoredPair.open(FIRST)
  const old = agreedOf(2, 500_000)
  const payment = (id: number, sat: number) => htlcOf(id, true, sat, rig.height + 50)
  await rig.advance(agreedOf(1, 500_000, [payment(1, 100_000)]))
  await rig.advance(old)
  await rig.advance(agreedOf(3, 450_000, [payment(2, 50_000)]))
  await rig.advance(agreedOf(4, 450_000))
  rig.now = old
  rig.sides[0].awake = false
  await rig.send(rig.commitmentOf(4, 0))
  await rig.mineBlocks(3)
  const [, bob] = rig.sides
  assert.equal(bob.told('closed')[0].by, 'future')
  assert.match(bob.told('warned')[0].text, /old one/)
  await near(rig, 1, 550_000, 1_000)
})
