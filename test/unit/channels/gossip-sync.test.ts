/**
 * Promise: whatever was said while a node was away, it learns from those it meets; each message is passed on once; and a hostile node makes others do and keep
 * no more than it may, nor has it honest ones taken for liars.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setImmediate } from 'node:timers/promises'
import fc from 'fast-check'
import { type Gossip, isGossip, type NodeAnnouncement, type NodeId } from '../../../src/channels/gossip.ts'
import type { FundingOutput } from '../../../src/channels/gossip-checks.ts'
import {
  decodeGossipQuery,
  encodeGossipQuery,
  type GossipQuery,
  isGossipQuery,
} from '../../../src/channels/gossip-queries.ts'
import { GossipSync } from '../../../src/channels/gossip-sync.ts'
import { ChannelGraph, graphLimits } from '../../../src/channels/graph.ts'
import { fundingKey, fundingScript } from '../../../src/channels/scripts.ts'
import { type ShortChannelId, shortChannelId } from '../../../src/channels/short-channel-id.ts'
import { sats } from '../../../src/primitives/amount.ts'
import type { Block } from '../../../src/primitives/block.ts'
import { concatBytes, hexToBytes } from '../../../src/primitives/bytes.ts'
import type { Rejection } from '../../../src/primitives/result.ts'
import { VirtualTime } from '../../../src/simulator/virtual-time.ts'
import {
  announcementOf,
  CHAIN,
  channelAt,
  signedAnnouncement,
  signedNode,
  signedUpdate,
  type TestChannel,
  testNode,
  updateOf,
} from '../../support/channel-graphs.ts'

/** Nodes that say gossip to each other, over a chain that is the same for all. */
class World {
  readonly time = new VirtualTime(1_800_000_000_000, () => setImmediate())
  readonly outputs = new Map<ShortChannelId, FundingOutput>()
  readonly nodes = new Map<NodeId, Node>()
  height = 110
  /** Messages on their way, each with the type that it begins with. */
  readonly said: { readonly from: NodeId; readonly to: NodeId; readonly bytes: Uint8Array }[] = []

  add(number: number): Node {
    const node = new Node(this, testNode(number).id)
    this.nodes.set(node.id, node)
    return node
  }

  /** A channel that is funded, and what its nodes say of it. */
  channel(place: number, a = 1, b = 2, capacity = 1000): readonly Gossip[] {
    const channel: TestChannel = { a, b, capacity }
    const announcement = signedAnnouncement(channel, place)
    const key = fundingKey(...announcement.message.fundingKeys)
    assert(key.ok)
    this.outputs.set(channelAt(place), {
      outpoint: outpointOf(place),
      scriptPubKey: fundingScript(key.value),
      amount: sats(capacity),
      spent: false,
    })
    return [
      announcement,
      ...[a, b].map((from) => signedUpdate(updateOf(channel, place, from), from)),
      ...[a, b].map((node) => signedNode(aboutNode(node), node)),
    ]
  }

  link(a: Node, b: Node): void {
    a.met.add(b.id)
    b.met.add(a.id)
    a.sync.connected(b.id)
    b.sync.connected(a.id)
  }

  /** Lets nodes talk, with a tick a second. */
  async pass(seconds: number): Promise<void> {
    for (let second = 0; second < seconds; second++) {
      await this.time.run(1000)
      for (const node of this.nodes.values()) node.sync.tick()
    }
    await this.time.run(100)
  }
}

class Node {
  readonly id: NodeId
  private readonly world: World
  readonly graph: ChannelGraph
  readonly sync: GossipSync
  readonly met = new Set<NodeId>()
  readonly punished: Rejection[] = []
  /** Outputs that it looked up. */
  lookups = 0
  onLookup: () => void = () => {}

  constructor(world: World, id: NodeId, graph = new ChannelGraph(graphLimits(30))) {
    this.id = id
    this.world = world
    this.graph = graph
    this.sync = new GossipSync({
      graph,
      funding: {
        fundingOutput: async (place) => {
          this.lookups++
          const output = world.outputs.get(place)
          await world.time.sleep(1)
          this.onLookup()
          return output
        },
      },
      clock: world.time,
      chainHash: CHAIN,
      height: () => world.height,
      send: (to, bytes) => {
        if (!this.met.has(to)) return
        world.said.push({ from: id, to, bytes })
        world.time.after(10, () => world.nodes.get(to)?.sync.receive(id, bytes))
      },
      punish: (_, rejection) => {
        this.punished.push(rejection)
      },
      failed: (error) => {
        throw error
      },
    })
  }

  /** What it holds, in an order of its own. */
  get holds(): string[] {
    return [...this.graph.messages()].map((bytes) => Buffer.from(bytes).toString('hex')).sort()
  }

  async says(messages: readonly Gossip[]): Promise<void> {
    for (const { bytes } of messages) await this.world.time.complete(this.sync.publish(bytes))
  }
}

function outpointOf(place: number): string {
  return `outpoint ${place}`
}

function aboutNode(number: number): NodeAnnouncement {
  return { type: 'node_announcement_2', features: 0n, blockHeight: 100, nodeId: testNode(number).id }
}

/** Gossip that was said, without queries. */
function gossipIn({ said }: World): World['said'] {
  return said.filter(({ bytes }) => isGossip((bytes[0] << 8) | bytes[1]))
}

const CHANNELS: readonly TestChannel[] = [
  { a: 1, b: 2, capacity: 1000 },
  { a: 2, b: 3, capacity: 1000 },
  { a: 3, b: 4, capacity: 1000 },
  { a: 1, b: 4, capacity: 1000 },
  { a: 2, b: 4, capacity: 1000 },
]

test('sync: whatever two nodes know when they meet, both know all of it then', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.tuple(fc.nat(1), fc.boolean(), fc.boolean()), { minLength: 1, maxLength: CHANNELS.length }),
      async (who) => {
        const world = new World()
        const both = [world.add(11), world.add(12)]
        const all: Gossip[] = []
        for (const [place, [knows, withFirst, withSecond]] of who.entries()) {
          const { a, b } = CHANNELS[place]
          const [announcement, first, second] = world.channel(place, a, b)
          all.push(announcement, first, second)
          // One has the channel; of the updates each may be with either.
          await both[knows].says([
            announcement,
            ...(withFirst ? [first] : []),
            ...(withSecond ? [second] : []),
          ])
          if (!withFirst || !withSecond) await both[1 - knows].says([announcement, first, second])
        }
        world.link(both[0], both[1])
        await world.pass(5)
        const expected = [...new Set(all.map(({ bytes }) => Buffer.from(bytes).toString('hex')))].sort()
        for (const node of both) assert.deepEqual(node.holds, expected)
        assert.deepEqual(
          both.flatMap(({ punished }) => punished),
          [],
        )
        // Nobody says what the other asked for twice.
        const texts = gossipIn(world).map(({ to, bytes }) => to + Buffer.from(bytes).toString('hex'))
        assert(texts.length <= 2 * all.length, `${texts.length} messages for ${all.length}`)
      },
    ),
    { numRuns: 10 },
  )
})

test('sync: news goes once to each who may not have it, whatever ways there are', async () => {
  const world = new World()
  const nodes = [11, 12, 13, 14, 15].map((number) => world.add(number))
  // A ring, and one link across.
  for (let at = 0; at < 5; at++) world.link(nodes[at], nodes[(at + 1) % 5])
  world.link(nodes[0], nodes[2])
  await world.pass(2)
  const messages = world.channel(0)
  await nodes[0].says(messages)
  await world.pass(10)
  for (const node of nodes) assert.deepEqual(node.holds, nodes[0].holds)
  assert.equal(nodes[0].holds.length, messages.length)
  const told = gossipIn(world).map(
    ({ from, to, bytes }) => `${from} ${to} ${Buffer.from(bytes).toString('hex')}`,
  )
  assert.equal(new Set(told).size, told.length, 'a message went twice to the same node')
  // Twice over each link at most, in both directions at once.
  assert(told.length <= 2 * 6 * messages.length)
  assert(nodes.every(({ punished }) => punished.length === 0))
  // Never back to who said it.
  const [far, end] = [world.add(16), world.add(17)]
  world.link(far, end)
  await world.pass(1)
  world.said.length = 0
  await far.says(messages)
  await world.pass(3)
  assert.equal(end.holds.length, messages.length)
  assert(gossipIn(world).every(({ from }) => from === far.id))
})

test('sync: a thousand messages of one node wait; what comes behind is left out, and asked for in a minute', async () => {
  const world = new World()
  const [a, b] = [world.add(11), world.add(12)]
  const [known, late] = [world.channel(0), world.channel(1)]
  for (const node of [a, b]) await node.says(known)
  world.link(a, b)
  await world.pass(2)
  await a.says(late)
  for (let count = 0; count < 1_000; count++) b.sync.receive(a.id, known[0].bytes)
  for (const { bytes } of late) b.sync.receive(a.id, bytes)
  a.met.clear()
  await world.pass(5)
  assert.equal(b.graph.channelCount, 1)
  a.met.add(b.id)
  await world.pass(70)
  assert.equal(b.graph.channelCount, 2)
})

test('sync: what is ahead of the tip waits for it, with all that leans on it', async () => {
  const world = new World()
  const [a, b] = [world.add(11), world.add(12)]
  const messages = world.channel(0)
  world.height = 104
  world.link(a, b)
  await world.pass(1)
  for (const { bytes } of messages) b.sync.receive(a.id, bytes)
  await world.pass(1)
  assert.equal(b.graph.channelCount, 0)
  assert.equal(b.lookups, 0)
  world.height = 105
  b.sync.tipChanged()
  await world.pass(1)
  assert.equal(b.holds.length, messages.length)
  // Too far ahead to be kept: asked for later.
  const late = signedAnnouncement({ a: 1, b: 2, capacity: 1000 }, 1)
  world.height = 90
  b.sync.receive(a.id, late.bytes)
  await world.pass(1)
  world.height = 105
  b.sync.tipChanged()
  await world.pass(1)
  assert.equal(b.graph.channelCount, 1)
})

test('sync: an output that is spent while it is looked up makes no channel', async () => {
  const world = new World()
  const [a, b] = [world.add(11), world.add(12)]
  const messages = world.channel(0)
  world.link(a, b)
  await world.pass(1)
  const output = world.outputs.get(channelAt(0))!
  b.onLookup = () => {
    b.onLookup = () => {}
    world.outputs.set(channelAt(0), { ...output, spent: true })
    b.sync.blockConnected({ transactions: [] } as unknown as Block)
  }
  b.sync.receive(a.id, messages[0].bytes)
  await world.pass(1)
  assert.equal(b.lookups, 2)
  assert.equal(b.graph.channelCount, 0)
})

test('sync: what is false in itself is its sender’s offence; what only this chain denies is not, and uses up its patience', async () => {
  const world = new World()
  const [a, b] = [world.add(11), world.add(12)]
  world.link(a, b)
  await world.pass(1)
  const taken = async (bytes: Uint8Array): Promise<string[]> => {
    b.punished.length = 0
    b.sync.receive(a.id, bytes)
    await world.pass(1)
    return b.punished.map(({ code }) => code)
  }
  const [announcement, update, , about] = world.channel(0)
  assert.deepEqual(await taken(concatBytes(announcement.bytes, Uint8Array.of(1))), ['gossip-malformed'])
  assert.deepEqual(await taken(announcement.bytes.with(-1, announcement.bytes.at(-1)! ^ 1)), [
    'gossip-signature',
  ])
  assert.deepEqual(await taken(Uint8Array.of(1, 7)), ['gossip-malformed'])
  // Real signatures under an output that is another's, or nobody's.
  const stolen = signedAnnouncement({ a: 5, b: 6, capacity: 1000 }, 1)
  assert.deepEqual(await taken(stolen.bytes), [])
  world.outputs.set(channelAt(1), { ...world.outputs.get(channelAt(0))!, outpoint: outpointOf(1) })
  assert.deepEqual(await taken(stolen.bytes), [])
  world.outputs.set(channelAt(1), { ...world.outputs.get(channelAt(0))!, spent: true })
  assert.deepEqual(await taken(stolen.bytes), [])
  assert.equal(b.graph.channelCount, 0)
  // The owners announce it here and there in two ways: who believed the other is no liar.
  assert.deepEqual(await taken(announcement.bytes), [])
  const other = signedAnnouncement({ a: 7, b: 8, capacity: 1000 }, 0)
  const strange = signedUpdate(updateOf({ a: 7, b: 8, capacity: 1000 }, 0, 7), 7)
  assert.deepEqual(await taken(other.bytes), [])
  assert.deepEqual(await taken(strange.bytes), [])
  assert.deepEqual(await taken(update.bytes), [])
  assert.deepEqual(await taken(about.bytes), [])
  assert.deepEqual(await taken(about.bytes.with(-1, about.bytes.at(-1)! ^ 1)), [], 'it is no news')
  assert.equal(b.holds.length, 3)
})

test('sync: a flood of announcements that nothing bears out is looked up a hundred times, then once a second', async () => {
  const world = new World()
  const [a, b, honest] = [world.add(11), world.add(12), world.add(13)]
  world.link(a, b)
  world.link(honest, b)
  await world.pass(1)
  const flood = signedAnnouncement({ a: 5, b: 6, capacity: 1000 }, 1).bytes
  for (let count = 0; count < 5_000; count++) b.sync.receive(a.id, flood)
  await world.pass(2)
  assert(b.lookups <= 110, `${b.lookups} lookups`)
  // Nobody else pays for it, and it may go on once it has waited.
  const messages = world.channel(0)
  for (const { bytes } of messages) b.sync.receive(honest.id, bytes)
  await world.pass(1)
  assert.equal(b.holds.length, messages.length)
  await world.pass(10)
  const before = b.lookups
  for (let count = 0; count < 100; count++) b.sync.receive(a.id, flood)
  await world.pass(1)
  assert(b.lookups > before && b.lookups <= before + 15)
})

test('sync: what is known already is read two thousand times, then twenty times a second', async () => {
  const world = new World()
  const [a, b] = [world.add(11), world.add(12)]
  const [known, late] = [world.channel(0), world.channel(1)]
  await b.says(known)
  a.met.add(b.id)
  world.link(a, b)
  await world.pass(70)
  a.met.clear()
  for (let round = 0; round < 3; round++) {
    for (let count = 0; count < 1_000; count++) b.sync.receive(a.id, known[0].bytes)
    await world.time.run(1)
  }
  b.sync.receive(a.id, late[0].bytes)
  await world.time.run(10)
  assert.equal(b.graph.channelCount, 1)
  await world.pass(1)
  b.sync.receive(a.id, late[0].bytes)
  await world.pass(1)
  assert.equal(b.graph.channelCount, 2)
  assert.deepEqual(b.punished, [])
})

test('sync: a summary of channels that don’t exist is believed for one batch', async () => {
  const world = new World()
  const [a, b] = [world.add(11), world.add(12)]
  b.met.add(a.id)
  b.sync.connected(a.id)
  await world.pass(1)
  const known = Array.from({ length: 4000 }, (_, output) => ({
    id: shortChannelId({ height: 1, position: 0, output }),
    updates: [1, 1] as const,
  }))
  for (let part = 0; part < 8; part++)
    b.sync.receive(
      a.id,
      encodeGossipQuery({
        type: 'reply_channel_range',
        chainHash: CHAIN,
        firstBlock: 0,
        blocks: 9,
        complete: false,
        known,
      }),
    )
  const asked = () =>
    world.said.flatMap(({ bytes }) => {
      const read = decodeGossipQuery(bytes)
      return read.ok && read.value.type === 'query_short_channel_ids' ? [read.value.wanted.length] : []
    })
  await world.pass(1)
  assert.deepEqual(asked(), [100])
  const end = encodeGossipQuery({
    type: 'reply_short_channel_ids_end',
    chainHash: CHAIN,
    fullInformation: true,
  })
  for (let again = 0; again < 5; again++) b.sync.receive(a.id, end)
  await world.pass(1)
  assert.deepEqual(asked(), [100])
  // Whoever never answers is waited for a minute; then it is another's turn.
  const [c, silent] = [world.add(13), world.add(14)]
  await c.says(world.channel(0))
  b.met.add(silent.id)
  b.sync.connected(silent.id)
  world.link(b, c)
  silent.met.clear()
  world.nodes.delete(silent.id)
  await world.pass(59)
  assert.equal(b.graph.channelCount, 0)
  await world.pass(5)
  assert.equal(b.graph.channelCount, 1)
})

test('sync: who asks again and again is answered a few times', async () => {
  const world = new World()
  const [a, b] = [world.add(11), world.add(12)]
  await b.says(world.channel(0))
  a.met.add(b.id)
  b.met.add(a.id)
  b.sync.connected(a.id)
  await world.pass(1)
  world.said.length = 0
  const ask = (query: GossipQuery, times: number) => {
    for (let count = 0; count < times; count++) b.sync.receive(a.id, encodeGossipQuery(query))
  }
  ask({ type: 'query_channel_range', chainHash: CHAIN, firstBlock: 0, blocks: 1000, wantsHeights: true }, 500)
  await world.pass(1)
  assert.equal(world.said.length, 6)
  world.said.length = 0
  const wanted = Array.from({ length: 100 }, () => ({ id: channelAt(0), flags: 31 }))
  ask({ type: 'query_short_channel_ids', chainHash: CHAIN, wanted }, 500)
  await world.pass(1)
  // Three messages of each channel, those of nodes once, and an end; 20,000 channels and what comes back in a second or two.
  assert(world.said.length <= 203 * (300 + 2 + 1), `${world.said.length} messages`)
  assert.deepEqual(b.punished, [])
})

test('sync: updates of one channel, and what a node says of itself, are passed on so often and no more', async () => {
  const world = new World()
  const [a, b, c] = [world.add(11), world.add(12), world.add(13)]
  world.height = 1000
  const channel: TestChannel = { a: 1, b: 2, capacity: 1000 }
  for (const node of [b, c]) await node.says(world.channel(0))
  world.link(a, b)
  world.link(b, c)
  await world.pass(2)
  world.said.length = 0
  for (let count = 1; count <= 100; count++) {
    const blockHeight = 100 + count
    b.sync.receive(a.id, signedUpdate({ ...updateOf(channel, 0, 1), blockHeight }, 1).bytes)
    b.sync.receive(a.id, signedNode({ ...aboutNode(1), blockHeight, alias: `${count}` }, 1).bytes)
  }
  await world.pass(3)
  const passedOn = (type: number) =>
    gossipIn(world).filter(({ to, bytes }) => to === c.id && bytes[1] === type - 256).length
  // One of the dozen of an hour was there before, and ten blocks lie between two announcements.
  assert.equal(passedOn(271), 11)
  assert.equal(passedOn(269), 10)
})

test('queries: decoding is the inverse of encoding, and garbage is refused, never thrown at', () => {
  const id = fc
    .record({ height: fc.nat(0xffffff), position: fc.nat(0xffffff), output: fc.nat(0xffff) })
    .map(shortChannelId)
  const height = fc.nat(0xffffffff)
  const chainHash = fc.uint8Array({ minLength: 32, maxLength: 32 })
  const query: fc.Arbitrary<GossipQuery> = fc.oneof(
    fc.record({
      type: fc.constant('query_channel_range' as const),
      chainHash,
      firstBlock: height,
      blocks: height,
      wantsHeights: fc.boolean(),
    }),
    fc.record({
      type: fc.constant('reply_channel_range' as const),
      chainHash,
      firstBlock: height,
      blocks: height,
      complete: fc.boolean(),
      known: fc.array(fc.record({ id, updates: fc.tuple(height, height) }, { noNullPrototype: true })),
    }),
    fc.record({
      type: fc.constant('query_short_channel_ids' as const),
      chainHash,
      wanted: fc.array(fc.record({ id, flags: fc.nat(31) }, { noNullPrototype: true })),
    }),
    fc.record({
      type: fc.constant('reply_short_channel_ids_end' as const),
      chainHash,
      fullInformation: fc.boolean(),
    }),
  )
  fc.assert(
    fc.property(query, (query) => {
      const bytes = encodeGossipQuery(query)
      assert(isGossipQuery((bytes[0] << 8) | bytes[1]))
      const decoded = decodeGossipQuery(bytes)
      assert(decoded.ok)
      assert.deepEqual({ ...decoded.value }, { ...query })
      assert(!decodeGossipQuery(bytes.subarray(0, -1)).ok)
    }),
    { numRuns: 200 },
  )
  fc.assert(
    fc.property(fc.constantFrom(5, 6, 7, 8, 0), fc.uint8Array({ maxLength: 200 }), (type, rest) => {
      const decoded = decodeGossipQuery(concatBytes(Uint8Array.of(1, type), rest))
      assert(decoded.ok || /^gossip-(malformed|unknown)$/.test(decoded.code))
    }),
    { numRuns: 500 },
  )
  // As BOLT 7 lays it out: type, chain, first block, number of blocks, and the record that asks for times.
  const asked = {
    type: 'query_channel_range',
    chainHash: CHAIN,
    firstBlock: 1,
    blocks: 2,
    wantsHeights: true,
  } as const
  assert.deepEqual(
    encodeGossipQuery(asked),
    concatBytes(hexToBytes('0107'), CHAIN, hexToBytes('0000000100000002010101')),
  )
  const wanted = {
    type: 'query_short_channel_ids',
    chainHash: CHAIN,
    wanted: [{ id: channelAt(2), flags: 3 }],
  } as const
  assert.deepEqual(
    encodeGossipQuery(wanted),
    concatBytes(hexToBytes('0105'), CHAIN, hexToBytes('0009000000640000020000'), hexToBytes('01020003')),
  )
  assert.equal(announcementOf(CHANNELS[0], 2).shortChannelId, channelAt(2))
})
