/**
 * Promise: a route is as cheap as any that all simple paths give, pays every hop what it asks for, and no parts of a payment, together, ask a channel
 * for more than it holds.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { MAX_MSAT, msat, satsToMsat } from '../../../src/channels/amount.ts'
import { NO_FEATURES } from '../../../src/channels/features.ts'
import type { NodeId } from '../../../src/channels/gossip.ts'
import { type ChannelGraph, type ForwardingPolicy, forwardingFee } from '../../../src/channels/graph.ts'
import { LiquidityMemory } from '../../../src/channels/liquidity.ts'
import {
  directionKey,
  findRoutes,
  type OwnChannel,
  type Route,
  type RouteTerms,
  type RoutingCosts,
  routingCosts,
} from '../../../src/channels/router.ts'
import { sats } from '../../../src/primitives/amount.ts'
import {
  announcementOf,
  channelAt,
  graphOf,
  type TestChannel,
  testNode,
  unsigned,
  updateOf,
} from '../../support/channel-graphs.ts'

const FREE: RoutingCosts = { perBlock: 0, perFailure: 0, perFailureAndMsat: 0 }
const clock = { time: 0, now: () => clock.time }

/** The payer is node 0 and has the channels of the list that begin at it, with so much on its side; the graph has the others. */
function termsOf(channels: readonly TestChannel[], payee: number, amount: number): RouteTerms {
  return {
    payer: testNode(0).id,
    payee: testNode(payee).id,
    amount: msat(amount),
    finalCltvExpiryDelta: 20,
    ownChannels: channels.flatMap((channel, place): OwnChannel[] =>
      channel.a === 0
        ? [
            {
              shortChannelId: channelAt(place),
              peer: testNode(channel.b).id,
              sendable: satsToMsat(sats(channel.capacity)),
              htlcMinimum: msat(0),
              htlcMaximum: satsToMsat(sats(channel.capacity)),
            },
          ]
        : [],
    ),
    hints: [],
    maxFee: MAX_MSAT,
    maxCltvExpiryDelta: 2016,
    maxParts: 1,
    inFlight: new Map(),
  }
}

const policy = fc.record({
  feeBase: fc.nat(3000),
  feeProportionalMillionths: fc.nat(20_000),
  cltvExpiryDelta: fc.nat(100),
})

/** Small graphs in which all simple paths can be tried. */
const NODES = 6
const channel: fc.Arbitrary<TestChannel> = fc
  .tuple(fc.nat(NODES - 1), fc.nat(NODES - 1), fc.integer({ min: 1, max: 2000 }), policy, policy)
  .filter(([a, b]) => a !== b)
  .map(([a, b, capacity, fromA, fromB]) => ({ a: Math.min(a, b), b: Math.max(a, b), capacity, fromA, fromB }))
const channels: fc.Arbitrary<readonly TestChannel[]> = fc.array(channel, { minLength: 3, maxLength: 12 })

interface Found {
  readonly fee: number
  readonly cost: number
}

/** The best of all simple paths from node 0, walked from the payee back. */
function bruteForce(
  channels: readonly TestChannel[],
  payee: number,
  amount: number,
  costs: RoutingCosts,
): Found | undefined {
  let best: Found | undefined
  const walk = (node: number, needed: number, cost: number, seen: ReadonlySet<number>): void => {
    if (node === 0) {
      if (!best || cost < best.cost) best = { fee: needed - amount, cost }
      return
    }
    channels.forEach((channel, place) => {
      if (channel.a !== node && channel.b !== node) return
      const from = channel.a === node ? channel.b : channel.a
      const capacity = satsToMsat(sats(channel.capacity))
      if (seen.has(from) || needed > capacity) return
      if (from === 0) {
        walk(0, needed, cost, seen)
        return
      }
      const update = updateOf(channel, place, from)
      const fee = forwardingFee(update, msat(needed))
      const probability = (capacity + 1 - needed) / (capacity + 1)
      const more =
        fee +
        needed * update.cltvExpiryDelta * costs.perBlock -
        Math.log(probability) * (costs.perFailure + needed * costs.perFailureAndMsat)
      walk(from, needed + fee, cost + more, new Set(seen).add(from))
    })
  }
  walk(payee, amount, 0, new Set([payee]))
  return best
}

test('routes: by fees alone, none of all simple paths is cheaper', () => {
  fc.assert(
    fc.property(channels, fc.integer({ min: 1, max: 900_000 }), (channels, amount) => {
      const found = findRoutes(
        termsOf(channels, 1, amount),
        graphOf(channels),
        new LiquidityMemory(clock),
        FREE,
      )
      const best = bruteForce(channels, 1, amount, FREE)
      assert.equal(found.ok ? found.value[0].fee : undefined, best?.fee)
    }),
    { numRuns: 400 },
  )
})

test('routes: by fee, time and risk, no simple path is cheaper by more than fees of fees make', () => {
  const costs = routingCosts(30)
  let routes = 0
  fc.assert(
    fc.property(channels, fc.integer({ min: 1, max: 900_000 }), (channels, amount) => {
      const found = findRoutes(
        termsOf(channels, 1, amount),
        graphOf(channels),
        new LiquidityMemory(clock),
        costs,
      )
      const best = bruteForce(channels, 1, amount, costs)
      assert.equal(found.ok, best !== undefined)
      if (!found.ok || !best) return
      routes++
      assert(costOf(found.value[0], channels, costs) <= best.cost * 1.03 + 20)
    }),
    { numRuns: 400 },
  )
  assert(routes > 100)
})

/** What the walk of `bruteForce` would give for this route. */
function costOf({ hops }: Route, channels: readonly TestChannel[], costs: RoutingCosts): number {
  return hops.slice(1).reduce((sum, { shortChannelId, amount, nodeId }, at) => {
    const { capacity, policy } = stepOf(channels, shortChannelId, nodeId)
    return (
      sum +
      (hops[at].amount - amount) +
      amount * policy.cltvExpiryDelta * costs.perBlock -
      Math.log((capacity + 1 - amount) / (capacity + 1)) *
        (costs.perFailure + amount * costs.perFailureAndMsat)
    )
  }, 0)
}

function stepOf(
  channels: readonly TestChannel[],
  id: string,
  to: NodeId,
): { readonly capacity: number; readonly policy: ForwardingPolicy; readonly from: NodeId } {
  const place = channels.findIndex((_, at) => channelAt(at) === id)
  const channel = channels[place]
  const from = testNode(channel.b).id === to ? channel.a : channel.b
  return {
    capacity: satsToMsat(sats(channel.capacity)),
    policy: updateOf(channel, place, from),
    from: testNode(from).id,
  }
}

/** That a route is connected and pays every hop exactly what it asks for. */
function checkRoute(route: Route, terms: RouteTerms, channels: readonly TestChannel[]): void {
  const { hops } = route
  let at = terms.payer
  hops.forEach(({ nodeId, shortChannelId, amount, cltvExpiryDelta }, hop) => {
    const { policy, from } = stepOf(channels, shortChannelId, nodeId)
    assert.equal(from, at)
    if (hop > 0) {
      assert.equal(hops[hop - 1].amount, amount + forwardingFee(policy, amount))
      assert.equal(hops[hop - 1].cltvExpiryDelta, cltvExpiryDelta + policy.cltvExpiryDelta)
    }
    at = nodeId
  })
  const last = hops[hops.length - 1]
  assert.equal(at, terms.payee)
  assert.equal(last.amount, route.amount)
  assert.equal(last.cltvExpiryDelta, terms.finalCltvExpiryDelta)
  assert.equal(route.fee, hops[0].amount - route.amount)
  assert.equal(new Set(hops.map(({ nodeId }) => nodeId)).size, hops.length)
}

test('parts: together they pay the amount, keep the limits, and ask no channel for more than it holds', () => {
  let inParts = 0
  fc.assert(
    fc.property(
      fc.array(channel, { minLength: 12, maxLength: 24 }),
      fc.integer({ min: 1, max: 6_000_000 }),
      fc.integer({ min: 1, max: 8 }),
      fc.integer({ min: 0, max: 200_000 }),
      fc.integer({ min: 20, max: 300 }),
      (channels, amount, maxParts, maxFee, maxCltvExpiryDelta) => {
        const inFlight = new Map([
          [directionKey({ shortChannelId: channelAt(2), direction: 0 }), msat(50_000)],
        ])
        const terms = {
          ...termsOf(channels, 1, amount),
          maxParts,
          maxFee: msat(maxFee),
          maxCltvExpiryDelta,
          inFlight,
        }
        const found = findRoutes(terms, graphOf(channels), new LiquidityMemory(clock), routingCosts(30))
        if (!found.ok) return
        const routes = found.value
        if (routes.length > 1) inParts++
        assert(routes.length <= maxParts)
        assert.equal(
          routes.reduce((sum, route) => sum + route.amount, 0),
          amount,
        )
        assert(routes.reduce((sum, route) => sum + route.fee, 0) <= maxFee)
        const used = new Map<string, number>()
        for (const route of routes) {
          checkRoute(route, terms, channels)
          assert(route.hops[0].cltvExpiryDelta <= maxCltvExpiryDelta)
          for (const { shortChannelId, nodeId, amount } of route.hops) {
            const key = `${shortChannelId}>${nodeId}`
            used.set(key, (used.get(key) ?? 0) + amount)
            assert((used.get(key) ?? 0) <= stepOf(channels, shortChannelId, nodeId).capacity)
          }
        }
      },
    ),
    { numRuns: 600 },
  )
  assert(inParts > 20, `${inParts} payments in parts`)
})

test('parts: what several channels carry together is found, up to the last satoshi', () => {
  fc.assert(
    fc.property(
      fc.array(fc.integer({ min: 100, max: 5000 }), { minLength: 2, maxLength: 8 }),
      (capacities) => {
        // Node 0 to each of the middle ones, which pass on to node 1 for nothing.
        const free = { feeBase: 0, feeProportionalMillionths: 0 }
        const channels = capacities.flatMap((capacity, at): TestChannel[] => [
          { a: 0, b: 10 + at, capacity },
          { a: 1, b: 10 + at, capacity: 2 * capacity, fromA: free, fromB: free },
        ])
        const whole = capacities.reduce((sum, capacity) => sum + satsToMsat(sats(capacity)), 0)
        const find = (amount: number): boolean =>
          findRoutes(
            { ...termsOf(channels, 1, amount), maxParts: 16 },
            graphOf(channels),
            new LiquidityMemory(clock),
            routingCosts(30),
          ).ok
        assert(find(whole))
        assert(find(whole - 1))
        assert(!find(whole + 1))
      },
    ),
    { numRuns: 60 },
  )
})

test('routes: what can’t be paid says why', () => {
  const channels: TestChannel[] = [
    { a: 0, b: 2, capacity: 1000 },
    { a: 2, b: 1, capacity: 500, fromA: { feeBase: 5000, cltvExpiryDelta: 200 } },
  ]
  const code = (terms: Partial<RouteTerms>, amount = 100_000, payee = 1): string => {
    const full = { ...termsOf(channels, payee, amount), ...terms }
    const found = findRoutes(full, graphOf(channels), new LiquidityMemory(clock), FREE)
    return found.ok ? 'ok' : found.code
  }
  assert.equal(code({}), 'ok')
  assert.equal(code({}, 100_000, 0), 'route-self')
  assert.equal(code({}, 1_000_001), 'route-balance')
  assert.equal(code({}, 600_000), 'route-none')
  assert.equal(code({}, 100_000, 9), 'route-none')
  assert.equal(code({ maxFee: msat(5009) }), 'route-fee')
  assert.equal(code({ maxFee: msat(5010) }), 'ok')
  assert.equal(code({ maxCltvExpiryDelta: 219 }), 'route-too-long')
  assert.equal(code({ maxCltvExpiryDelta: 220 }), 'ok')
})

test('routes: hints lead over channels that nobody announced; the graph is believed before them', () => {
  const channels: TestChannel[] = [
    { a: 0, b: 2, capacity: 1000 },
    { a: 2, b: 3, capacity: 1000 },
  ]
  const hint = (from: number, place: number, feeBase: number) => ({
    nodeId: testNode(from).publicKey,
    shortChannelId: channelAt(place),
    feeBase: msat(feeBase),
    feeProportionalMillionths: 0,
    cltvExpiryDelta: 7,
  })
  const find = (hints: RouteTerms['hints'], payee = 1) =>
    findRoutes(
      { ...termsOf(channels, payee, 1000), hints },
      graphOf(channels),
      new LiquidityMemory(clock),
      FREE,
    )
  assert(!find([]).ok)
  // 0 → 2 → 3 → 4 → 1, the last two of them private.
  const found = find([[hint(3, 50, 10), hint(4, 51, 20)]])
  assert(found.ok)
  const [{ hops, fee }] = found.value
  assert.deepEqual(
    hops.map(({ nodeId }) => nodeId),
    [2, 3, 4, 1].map((number) => testNode(number).id),
  )
  assert.equal(fee, 1000 + 10 + 20)
  assert.equal(hops[0].cltvExpiryDelta, 20 + 7 + 7 + 10)
  // A hint that says the public channel 2 → 3 is free.
  const cheaper = find([[hint(2, 1, 0)]], 3)
  assert(cheaper.ok)
  assert.equal(cheaper.value[0].fee, 1000)
})

test('routes: a channel or a node that requires what nobody knows is passed by, a payee that does is not', () => {
  const channels: TestChannel[] = [
    { a: 0, b: 2, capacity: 1000 },
    { a: 2, b: 1, capacity: 1000 },
  ]
  const ok = (change: (graph: ChannelGraph) => void): boolean => {
    const graph = graphOf(channels.slice(0, 1))
    change(graph)
    return findRoutes(termsOf(channels, 1, 1000), graph, new LiquidityMemory(clock), FREE).ok
  }
  const second = (graph: ChannelGraph, features = NO_FEATURES): void => {
    graph.addChannel(unsigned({ ...announcementOf(channels[1], 1), features }), 'peer', 100, 'second')
    graph.addUpdate(unsigned(updateOf(channels[1], 1, 2)), 100)
  }
  const node = (graph: ChannelGraph, number: number, features: bigint): void => {
    const message = {
      type: 'node_announcement_2',
      features,
      blockHeight: 1,
      nodeId: testNode(number).id,
    } as const
    assert(graph.addNode(unsigned(message)).ok)
  }
  assert(ok((graph) => second(graph)))
  assert(ok((graph) => second(graph, 1n << 101n)))
  assert(!ok((graph) => second(graph, 1n << 100n)))
  const announced = (number: number, features: bigint): boolean =>
    ok((graph) => {
      second(graph)
      node(graph, number, features)
    })
  assert(announced(2, (1n << 101n) | (1n << 14n)))
  assert(!announced(2, 1n << 100n))
  assert(announced(1, 1n << 100n))
})

test('memory: a channel that failed gives way to a dearer one, and is tried again as time passes', () => {
  const cheap = { feeBase: 1, feeProportionalMillionths: 0 }
  const channels: TestChannel[] = [
    { a: 0, b: 2, capacity: 5000 },
    { a: 2, b: 1, capacity: 1000, fromA: cheap, fromB: cheap },
    { a: 0, b: 3, capacity: 5000 },
    { a: 3, b: 1, capacity: 1000 },
  ]
  const memory = new LiquidityMemory(clock)
  const graph = graphOf(channels)
  const routeOver = (amount: number): string => {
    const found = findRoutes(termsOf(channels, 1, amount), graph, memory, routingCosts(30))
    assert(found.ok)
    return found.value[0].hops[1].shortChannelId
  }
  const [update] = [updateOf(channels[1], 1, 2)]
  const direction = { shortChannelId: channelAt(1), direction: update.direction, capacity: msat(1_000_000) }
  assert.equal(routeOver(500_000), channelAt(1))
  memory.failed(direction, msat(500_000))
  assert.equal(memory.probability(direction, msat(500_000)), 0)
  assert.equal(routeOver(500_000), channelAt(3))
  // Less than what failed may still pass, and the other direction holds what this one lacks.
  assert.equal(routeOver(1000), channelAt(1))
  const back = { ...direction, direction: direction.direction === 0 ? 1 : 0 } as const
  assert.equal(memory.probability(back, msat(500_000)), 1)
  memory.passed(direction, msat(200_000))
  assert.equal(memory.probability(direction, msat(200_000)), 1)
  memory.settled(direction, msat(200_000))
  assert(memory.probability(direction, msat(200_000)) < 1)
  assert(memory.probability(direction, msat(300_000)) === 0)
  clock.time += 100 * 3_600_000
  assert(memory.probability(direction, msat(500_000)) > 0.49)
  assert.equal(routeOver(500_000), channelAt(1))
  // Left out altogether for a while.
  memory.avoidChannel(direction)
  assert.equal(routeOver(1000), channelAt(3))
  memory.avoidNode(testNode(3).id)
  const found = findRoutes(termsOf(channels, 1, 1000), graph, memory, FREE)
  assert(!found.ok && found.code === 'route-none')
  clock.time += 3_600_001
  assert.equal(routeOver(1000), channelAt(1))
})

test('memory: whatever is learnt in whatever order, probabilities are probabilities', () => {
  const event = fc.tuple(
    fc.constantFrom('failed', 'passed', 'settled'),
    fc.constantFrom(0 as const, 1 as const),
    fc.nat(1500),
    fc.nat(5_000_000),
  )
  fc.assert(
    fc.property(fc.array(event, { maxLength: 30 }), (events) => {
      const memory = new LiquidityMemory(clock)
      const direction = { shortChannelId: channelAt(0), capacity: msat(1000) }
      for (const [kind, way, amount, pause] of events) {
        memory[kind as 'failed' | 'passed' | 'settled']({ ...direction, direction: way }, msat(amount))
        clock.time += pause
        for (const other of [0, 1] as const) {
          let last = 1
          for (let amount = 0; amount <= 1001; amount += 143) {
            const probability = memory.probability({ ...direction, direction: other }, msat(amount))
            assert(probability >= 0 && probability <= last)
            last = probability
          }
          assert.equal(memory.probability({ ...direction, direction: other }, msat(1001)), 0)
        }
      }
    }),
    { numRuns: 200 },
  )
})
