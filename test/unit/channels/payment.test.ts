/**
 * Promise: a payment tries until it is through or nothing is left to try, learns from each failure, never lets the payee have more than was asked, and
 * says at the end what became of it. Over networks whose balances nobody tells, with real onions and real errors.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { msat, satsToMsat } from '../../../src/channels/amount.ts'
import type { Failure } from '../../../src/channels/failures.ts'
import { LiquidityMemory } from '../../../src/channels/liquidity.ts'
import { OutgoingPayment, type PaymentStep, type PaymentTerms } from '../../../src/channels/payment.ts'
import { routingCosts } from '../../../src/channels/router.ts'
import { sats } from '../../../src/primitives/amount.ts'
import { sha256 } from '../../../src/primitives/hashes.ts'
import { channelAt, graphOf, type TestChannel, testNode } from '../../support/channel-graphs.ts'
import { Draw } from '../../support/draw.ts'
import { type Arrival, HiddenNetwork, idOf } from '../../support/hidden-network.ts'

const PREIMAGE = new Uint8Array(32).fill(5)
const HASH = sha256(PREIMAGE)
const SECRET = new Uint8Array(32).fill(6)
const clock = { now: () => 0 }

function termsOf(amount: number, change: Partial<PaymentTerms> = {}): PaymentTerms {
  return {
    payer: idOf(0),
    payee: idOf(1),
    amount: msat(amount),
    paymentHash: HASH,
    paymentSecret: SECRET,
    minFinalCltvExpiryDelta: 20,
    hints: [],
    maxFee: msat(1_000_000),
    maxCltvExpiryDelta: 2000,
    maxParts: 8,
    maxFailures: 100,
    maxShadow: 30,
    ...change,
  }
}

interface Run {
  readonly end: Extract<PaymentStep, { kind: 'paid' | 'failed' }>
  readonly attempts: number
  readonly network: HiddenNetwork
}

/** Pays from node 0 to node 1 until it is over. `answer`: what the payee says to a whole payment in place of taking it. */
function run(
  channels: readonly TestChannel[],
  balances: readonly number[],
  terms: PaymentTerms,
  answer?: Failure,
  memory = new LiquidityMemory(clock),
  announced = channels,
): Run {
  const network = new HiddenNetwork(channels, balances)
  const draw = new Draw('payment')
  const payment = new OutgoingPayment(terms, graphOf(announced), memory, routingCosts(30), draw)
  const arrived = new Map<number, Arrival>()
  let attempts = 0
  for (;;) {
    const view = { height: network.height, ownChannels: network.ownChannels(), inFlight: new Map() }
    const step = payment.next(view)
    if (step.kind === 'paid' || step.kind === 'failed') {
      assert.deepEqual([...payment.underWay].length === 0 || step.kind === 'paid', true)
      return { end: step, attempts, network }
    }
    if (step.kind === 'send') {
      for (const part of step.parts) {
        attempts++
        const outcome = network.send(part, HASH, 1)
        if (outcome.kind === 'failed') payment.failed(part.id, outcome.packet)
        else arrived.set(part.id, outcome.arrival)
      }
      continue
    }
    // Nothing more comes: the payee has all, or waits for what doesn't come.
    const total = [...arrived.values()].reduce((sum, { payload }) => sum + payload.amount, 0)
    assert(total <= terms.amount, 'the payee was offered more than it asked for')
    assert(arrived.size > 0, 'the payment waits for nothing')
    for (const { payload } of arrived.values())
      assert.deepEqual(payload.paymentData, terms.paymentSecret && { secret: SECRET, total: terms.amount })
    const whole = total === terms.amount
    for (const [id, arrival] of arrived)
      if (whole && !answer) payment.fulfilled(id, PREIMAGE)
      else payment.failed(id, network.fail(arrival, whole && answer ? answer : { name: 'mpp_timeout' }))
    arrived.clear()
  }
}

const channel: fc.Arbitrary<TestChannel> = fc
  .tuple(fc.nat(5), fc.nat(5), fc.integer({ min: 300, max: 2000 }), fc.nat(500), fc.nat(2000))
  .filter(([a, b]) => a !== b)
  .map(([a, b, capacity, feeBase, feeProportionalMillionths]) => {
    const policy = { feeBase, feeProportionalMillionths }
    return { a: Math.min(a, b), b: Math.max(a, b), capacity, fromA: policy, fromB: policy }
  })

/** Whether some single way from node 0 to node 1 holds the amount and all fees at this moment. */
function someWayHolds(
  channels: readonly TestChannel[],
  balances: readonly number[],
  amount: number,
): boolean {
  // Twice the amount is more than any fee here makes of it.
  const reached = new Set([1])
  for (let grown = true; grown; ) {
    grown = false
    channels.forEach(({ a, b, capacity }, place) => {
      for (const [from, to, side] of [
        [a, b, balances[place]],
        [b, a, satsToMsat(sats(capacity)) - balances[place]],
      ])
        if (reached.has(to) && !reached.has(from) && side >= 2 * amount) {
          reached.add(from)
          grown = true
        }
    })
  }
  return reached.has(0)
}

test('payments: over hidden balances they end, keep every sum, and get through where a single way holds them', () => {
  let paid = 0
  let retried = 0
  fc.assert(
    fc.property(
      fc.array(fc.tuple(channel, fc.integer({ min: 0, max: 10 })), { minLength: 10, maxLength: 16 }),
      fc.integer({ min: 20_000, max: 500_000 }),
      (others, amount) => {
        // The payer has something to begin with.
        const own = [2, 3].map((b): [TestChannel, number] => [{ a: 0, b, capacity: 1000 }, 10])
        const drawn = [...own, ...others]
        const channels = drawn.map(([channel]) => channel)
        const balances = drawn.map(([{ capacity }, share]) => (satsToMsat(sats(capacity)) * share) / 10)
        const { end, attempts, network } = run(channels, balances, termsOf(amount))
        const before = new HiddenNetwork(channels, balances)
        if (end.kind === 'paid') {
          paid++
          if (attempts > 1) retried++
          assert.deepEqual(end.preimage, PREIMAGE)
          assert.equal(network.wealthOf(1) - before.wealthOf(1), amount)
          assert.equal(before.wealthOf(0) - network.wealthOf(0), amount + end.fee)
          for (const other of [2, 3, 4, 5]) assert(network.wealthOf(other) >= before.wealthOf(other))
        } else {
          assert.deepEqual(network.balances, balances)
          assert(!someWayHolds(channels, balances, amount), end.failure.detail)
        }
      },
    ),
    { numRuns: 60 },
  )
  assert(paid > 5 && retried > 2, `${paid} paid, ${retried} of them not at once`)
})

const WAY: readonly TestChannel[] = [
  { a: 0, b: 2, capacity: 1000 },
  { a: 2, b: 1, capacity: 1000 },
]
const FULL = WAY.map(({ capacity }) => satsToMsat(sats(capacity)))

test('payments: of several parts the one that failed is sent again, and no more than what is missing', () => {
  const cheap = { feeBase: 1, feeProportionalMillionths: 0 }
  // By 2, and by 3: from there straight, where nothing is left, or over 4.
  const channels: TestChannel[] = [
    { a: 0, b: 2, capacity: 600 },
    { a: 0, b: 3, capacity: 600 },
    { a: 2, b: 1, capacity: 2000, fromA: cheap },
    { a: 3, b: 1, capacity: 2000, fromA: cheap },
    { a: 3, b: 4, capacity: 2000 },
    { a: 4, b: 1, capacity: 2000 },
  ]
  const balances = channels.map(({ capacity }, place) => (place === 3 ? 0 : satsToMsat(sats(capacity))))
  const { end, attempts, network } = run(channels, balances, termsOf(1_000_000))
  assert(end.kind === 'paid')
  assert.equal(attempts, 3)
  assert.equal(network.wealthOf(1), satsToMsat(sats(2000)) + 1_000_000)
})

test('payments: what the payee refuses for good ends at once; what may pass is tried again', () => {
  const refused = run(WAY, FULL, termsOf(100_000), {
    name: 'incorrect_or_unknown_payment_details',
    htlcMsat: msat(100_000),
    height: 500,
  })
  assert.equal(refused.attempts, 1)
  assert(refused.end.kind === 'failed' && refused.end.failure.code === 'payment-refused')
  const busy = run(WAY, FULL, termsOf(100_000, { maxFailures: 3 }), { name: 'temporary_node_failure' })
  assert.equal(busy.attempts, 3)
  assert(busy.end.kind === 'failed' && busy.end.failure.code === 'payment-failures')
  assert.deepEqual(busy.network.balances, FULL)
})

test('payments: without a way they say so, and one that is known to fail is not tried', () => {
  const memory = new LiquidityMemory(clock)
  const empty = [FULL[0], 0]
  const first = run(WAY, empty, termsOf(100_000, { maxParts: 1 }), undefined, memory)
  assert.equal(first.attempts, 1)
  assert(first.end.kind === 'failed' && first.end.failure.code === 'route-none')
  const second = run(WAY, empty, termsOf(100_000, { maxParts: 1 }), undefined, memory)
  assert.equal(second.attempts, 0)
})

test('payments: a keysend brings its preimage', () => {
  const network = new HiddenNetwork(WAY, FULL)
  const terms = termsOf(5000, { paymentSecret: undefined, preimage: PREIMAGE, maxParts: 1 })
  const payment = new OutgoingPayment(
    terms,
    graphOf(WAY),
    new LiquidityMemory(clock),
    routingCosts(30),
    new Draw('keysend'),
  )
  const step = payment.next({ height: 500, ownChannels: network.ownChannels(), inFlight: new Map() })
  assert(step.kind === 'send')
  const outcome = network.send(step.parts[0], HASH, 1)
  assert(outcome.kind === 'arrived')
  assert.deepEqual(outcome.arrival.payload.preimage, PREIMAGE)
  assert.equal(outcome.arrival.payload.paymentData, undefined)
})

test('payments: the last expiry is put off by chance, and after a restart what was under way goes on', () => {
  const terms = termsOf(5000)
  const memory = new LiquidityMemory(clock)
  const graph = graphOf(WAY)
  const network = new HiddenNetwork(WAY, FULL)
  const view = { height: 500, ownChannels: network.ownChannels(), inFlight: new Map() }
  const expiries = new Set<number>()
  for (let seed = 0; seed < 20; seed++) {
    const payment = new OutgoingPayment(terms, graph, memory, routingCosts(30), new Draw(String(seed)))
    const step = payment.next(view)
    assert(step.kind === 'send')
    const [part] = step.parts
    expiries.add(part.cltvExpiry)
    assert(part.cltvExpiry >= 500 + 20 + 10 + 10 && part.cltvExpiry <= 500 + 20 + 10 + 10 + 30)
    // As a store gives it back.
    const restored = new OutgoingPayment(
      terms,
      graph,
      memory,
      routingCosts(30),
      new Draw('again'),
      structuredClone(step.parts),
    )
    assert.deepEqual(restored.next(view), { kind: 'wait' })
    restored.fulfilled(part.id, PREIMAGE)
    assert.deepEqual(restored.next(view), { kind: 'paid', preimage: PREIMAGE, fee: part.route.fee })
  }
  assert(expiries.size > 5)
})

test('payments: a hop that changes errors is left out', () => {
  // Over 2, cheap, which lies; over 3, dear.
  const free = { feeBase: 0, feeProportionalMillionths: 0 }
  const channels: TestChannel[] = [
    { a: 0, b: 2, capacity: 1000 },
    { a: 2, b: 1, capacity: 1000, fromA: free, fromB: free },
    { a: 0, b: 3, capacity: 1000 },
    { a: 1, b: 3, capacity: 1000 },
  ]
  const network = new HiddenNetwork(
    channels,
    channels.map(({ capacity }) => satsToMsat(sats(capacity)) / 2),
  )
  const payment = new OutgoingPayment(
    termsOf(5000),
    graphOf(channels),
    new LiquidityMemory(clock),
    routingCosts(30),
    new Draw('liar'),
  )
  const first = payment.next({ height: 500, ownChannels: network.ownChannels(), inFlight: new Map() })
  assert(first.kind === 'send')
  assert.equal(first.parts[0].route.hops[0].nodeId, idOf(2))
  const opened = payment.failed(first.parts[0].id, { reason: new Uint8Array(292).fill(1) })
  assert.deepEqual(opened, { holdTimes: [], suspect: 0 })
  const second = payment.next({ height: 500, ownChannels: network.ownChannels(), inFlight: new Map() })
  assert(second.kind === 'send')
  assert.equal(second.parts[0].route.hops[0].nodeId, idOf(3))
})

test('payments: a hinted channel that can’t carry one payment now is tried by the next, and not again by the same', () => {
  const channels = [
    { a: 0, b: 2, capacity: 1000 },
    { a: 2, b: 1, capacity: 1000 },
  ]
  const hint = {
    nodeId: testNode(2).publicKey,
    shortChannelId: channelAt(1),
    feeBase: msat(1000),
    feeProportionalMillionths: 1000,
    cltvExpiryDelta: 40,
  }
  const terms = termsOf(300_000, { hints: [[hint]] })
  const memory = new LiquidityMemory(clock)
  const full = satsToMsat(sats(1000))
  const [announced] = channels
  const first = run(channels, [full, 0], terms, undefined, memory, [announced])
  assert.equal(first.end.kind, 'failed')
  assert(first.attempts <= terms.maxParts, `${first.attempts} parts`)
  // The money behind it has come back.
  assert.equal(run(channels, [full, full], terms, undefined, memory, [announced]).end.kind, 'paid')
})
