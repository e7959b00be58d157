/**
 * Promise: links are as they were asked to be. Whatever the conditions and whenever they change, a frame arrives once and in order or its peer is
 * gone; it is never early, and late only as far as was asked; a cut ends and heals connections on both sides without the transport's help.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import {
  ConditionedTransport,
  type ConditionsOf,
  type LinkConditions,
  UNSHAPED,
} from '../../../src/network/link-conditions.ts'
import type { PeerId, TransportHandler } from '../../../src/network/transport.ts'
import { TabNetwork } from '../../../src/simulation/tab-network.ts'
import { SeededRandom } from '../../../src/simulator/seeded-random.ts'
import { VirtualTime } from '../../../src/simulator/virtual-time.ts'

/** One-way milliseconds of the links below. */
const OWN_LATENCY = 10
const TOPIC = 'topic'

/** A tab that writes down what it hears and when. */
class Ear implements TransportHandler {
  readonly subscriptions = [{ topic: TOPIC, isCommon: true }]
  readonly frames: { readonly number: number; readonly at: number; readonly bytes: number }[] = []
  readonly gossiped: number[] = []
  readonly peers = new Set<PeerId>()
  readonly transport: ConditionedTransport
  ping = 0
  directPeers = 0
  private readonly time: VirtualTime

  constructor(time: VirtualTime, transport: ConditionedTransport) {
    this.time = time
    this.transport = transport
  }
  peerConnected({ id }: { readonly id: PeerId }): void {
    assert(!this.peers.has(id), 'connected twice')
    this.peers.add(id)
  }
  peerDisconnected(id: PeerId): void {
    assert(this.peers.delete(id), 'gone without having been there')
  }
  async frame(from: PeerId, frame: Uint8Array): Promise<void> {
    assert(this.peers.has(from), 'a frame of nobody')
    this.frames.push({ number: frame[0]!, at: this.time.now(), bytes: frame.length })
  }
  async gossip({ payload }: { readonly payload: Uint8Array }) {
    this.gossiped.push(payload[0]!)
    return 'accept' as const
  }
  latency(_id: PeerId, milliseconds: number): void {
    this.ping = milliseconds
  }
  misbehaved(): void {
    assert.fail('nobody misbehaves here')
  }
  status({ directPeers }: { readonly directPeers: number }): void {
    this.directPeers = directPeers
  }
}

/** Two tabs with a link. */
class Pair {
  readonly time = new VirtualTime(0, () => new Promise((resolve) => setImmediate(resolve)))
  readonly ears: readonly [Ear, Ear]

  constructor(seed = 'pair') {
    const random = new SeededRandom(seed)
    const network = new TabNetwork(this.time, random.fork('network'), {
      latency: [OWN_LATENCY, OWN_LATENCY],
      loss: 0,
      degree: 1,
    })
    const ear = (id: string): Ear => {
      const transport = new ConditionedTransport(network.endpoint(id as PeerId), this.time, random.fork(id))
      return new Ear(this.time, transport)
    }
    this.ears = [ear('a'), ear('b')]
  }

  async open(conditions: ConditionsOf = () => UNSHAPED): Promise<void> {
    this.shape(conditions)
    for (const ear of this.ears) await ear.transport.start(ear)
    await this.time.run(20)
  }

  shape(conditions: ConditionsOf): void {
    for (const ear of this.ears) ear.transport.shape(conditions)
  }

  /** From `a` to `b`. */
  send(number: number, bytes = 1): void {
    const frame = new Uint8Array(bytes)
    frame[0] = number
    this.ears[0].transport.send('b' as PeerId, frame)
  }
}

/** These conditions for what `a` says. */
function fromA(conditions: Partial<LinkConditions>): ConditionsOf {
  return (from) => (from === 'a' ? { ...UNSHAPED, ...conditions } : UNSHAPED)
}

test('an unshaped link is the link below', async () => {
  const pair = new Pair()
  await pair.open()
  const sent = pair.time.now()
  pair.send(1)
  await pair.time.run(1000)
  assert.deepEqual(pair.ears[1].frames, [{ number: 1, at: sent + OWN_LATENCY, bytes: 1 }])
})

test('latency is added one way, and shows in the ping of both', async () => {
  const pair = new Pair()
  await pair.open(fromA({ latency: 300 }))
  const sent = pair.time.now()
  pair.send(1)
  pair.ears[1].transport.send('a' as PeerId, Uint8Array.of(2))
  await pair.time.run(1000)
  assert.equal(pair.ears[1].frames[0]!.at, sent + OWN_LATENCY + 300)
  assert.equal(pair.ears[0].frames[0]!.at, sent + OWN_LATENCY)
  assert.deepEqual(
    pair.ears.map(({ ping }) => ping),
    [2 * OWN_LATENCY + 300, 2 * OWN_LATENCY + 300],
  )
})

test('bandwidth is shared by what is sent at once', async () => {
  const pair = new Pair()
  await pair.open(fromA({ bandwidth: 1000 }))
  const sent = pair.time.now()
  for (let number = 1; number <= 4; number++) pair.send(number, 500)
  await pair.time.run(10_000)
  assert.deepEqual(
    pair.ears[1].frames.map(({ at }) => at - sent - OWN_LATENCY),
    [500, 1000, 1500, 2000],
  )
})

test('gossip is lost and repeated as often as was asked, and frames never', async () => {
  const pair = new Pair()
  await pair.open(fromA({ loss: 0.3, duplication: 0.5 }))
  const total = 250
  for (let number = 0; number < total; number++) {
    pair.ears[0].transport.publish(TOPIC, Uint8Array.of(number))
    pair.send(number)
  }
  await pair.time.run(600_000)
  const { gossiped, frames } = pair.ears[1]
  const heard = new Set(gossiped).size
  assert(heard > 0.6 * total && heard < 0.8 * total, `${heard} of ${total} heard`)
  const repeated = gossiped.length - heard
  assert(repeated > 0.4 * heard && repeated < 0.6 * heard, `${repeated} of ${heard} repeated`)
  assert.deepEqual(
    frames.map(({ number }) => number),
    Array.from({ length: total }, (_, number) => number),
  )
  assert(frames.at(-1)!.at > 200, 'nothing was sent again')
})

test('a cut in both directions parts the two at once, and healing joins them without a new connection', async () => {
  const pair = new Pair()
  await pair.open()
  pair.send(1)
  pair.shape(() => ({ ...UNSHAPED, isCut: true }))
  for (const { peers, directPeers } of pair.ears) assert.deepEqual([peers.size, directPeers], [0, 0])
  pair.send(2)
  pair.ears[0].transport.publish(TOPIC, Uint8Array.of(2))
  await pair.time.run(60_000)
  pair.shape(() => UNSHAPED)
  for (const { peers, directPeers } of pair.ears) assert.deepEqual([peers.size, directPeers], [1, 1])
  pair.send(3)
  await pair.time.run(1000)
  assert.deepEqual(
    pair.ears[1].frames.map(({ number }) => number),
    [3],
  )
  assert.deepEqual(pair.ears[1].gossiped, [])
})

test('a cut in one direction holds what is said there, and the other hears on', async () => {
  const pair = new Pair()
  await pair.open(fromA({ isCut: true }))
  pair.send(1)
  pair.send(2)
  pair.ears[1].transport.send('a' as PeerId, Uint8Array.of(9))
  await pair.time.run(60_000)
  assert.deepEqual(pair.ears[1].frames, [])
  assert.equal(pair.ears[0].frames.length, 1)
  const healed = pair.time.now()
  pair.shape(fromA({ latency: 50 }))
  pair.send(3)
  await pair.time.run(1000)
  assert.deepEqual(
    pair.ears[1].frames.map(({ number, at }) => [number, at - healed]),
    [
      [1, 50],
      [2, 50],
      [3, 60],
    ],
  )
})

test('whatever changes, frames come once and in order while the peers stay, never early', async () => {
  const conditions = fc.record({
    latency: fc.integer({ min: 0, max: 2000 }),
    jitter: fc.integer({ min: 0, max: 1000 }),
    loss: fc.double({ min: 0, max: 0.9, noNaN: true }),
    duplication: fc.constant(0),
    bandwidth: fc.option(fc.integer({ min: 1, max: 10_000 }), { nil: undefined }),
    isCut: fc.boolean(),
  })
  const act = fc.oneof(
    fc.record({ type: fc.constant('send' as const), bytes: fc.integer({ min: 1, max: 400 }) }),
    fc.record({ type: fc.constant('shape' as const), conditions }),
    fc.record({ type: fc.constant('wait' as const), milliseconds: fc.integer({ min: 1, max: 3000 }) }),
  )
  await fc.assert(
    fc.asyncProperty(fc.array(act, { minLength: 5, maxLength: 40 }), fc.string(), async (acts, seed) => {
      const pair = new Pair(seed)
      await pair.open()
      const sentAt = new Map<number, number>()
      for (const one of acts) {
        if (one.type === 'wait') await pair.time.run(one.milliseconds)
        else if (one.type === 'shape') pair.shape(fromA(one.conditions))
        else {
          sentAt.set(sentAt.size, pair.time.now())
          pair.send(sentAt.size - 1, one.bytes)
        }
      }
      pair.shape(() => UNSHAPED)
      await pair.time.run(3_600_000)
      const { frames } = pair.ears[1]
      assert.deepEqual(
        frames.map(({ number }) => number),
        [...sentAt.keys()],
      )
      for (const { number, at } of frames) assert(at >= sentAt.get(number)! + OWN_LATENCY)
    }),
    { numRuns: 100 },
  )
})

test('what is on its way to a tab that stops is answered', async () => {
  const pair = new Pair()
  await pair.open(fromA({ latency: 5000 }))
  pair.send(1)
  await pair.time.run(100)
  await pair.ears[1].transport.stop()
  await pair.time.run(60_000)
  assert.deepEqual(pair.ears[1].frames, [])
})
