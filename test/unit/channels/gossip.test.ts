/**
 * Promise: gossip is taken in only as its nodes signed it and the chain bears it out; what a graph holds is bounded, whoever sends, and is the newest.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { msat, satsToMsat } from '../../../src/channels/amount.ts'
import {
  type ChannelAnnouncement,
  type ChannelUpdate,
  decodeGossip,
  encodeGossip,
  type Gossip,
  MAX_GOSSIP_BYTES,
  type NodeAnnouncement,
} from '../../../src/channels/gossip.ts'
import {
  checkChannelAnnouncement,
  checkChannelUpdate,
  checkNodeAnnouncement,
  type FundingOutput,
} from '../../../src/channels/gossip-checks.ts'
import { ChannelGraph, type GraphLimits } from '../../../src/channels/graph.ts'
import { fundingKey, fundingScript } from '../../../src/channels/scripts.ts'
import { WireWriter } from '../../../src/channels/wire.ts'
import { sats } from '../../../src/primitives/amount.ts'
import { concatBytes } from '../../../src/primitives/bytes.ts'
import type { Result } from '../../../src/primitives/result.ts'
import {
  announcementOf,
  CHAIN,
  channelAt,
  graphOf,
  signedAnnouncement,
  signedNode,
  signedUpdate,
  type TestChannel,
  testNode,
  unsigned,
  updateOf,
} from '../../support/channel-graphs.ts'

const CHANNEL: TestChannel = { a: 1, b: 2, capacity: 100_000 }
const CONTEXT = { chainHash: CHAIN, height: 105 }

function fundingOf({ fundingKeys, capacity }: ChannelAnnouncement): FundingOutput {
  const key = fundingKey(...fundingKeys)
  assert(key.ok)
  return { outpoint: 'a', scriptPubKey: fundingScript(key.value), amount: capacity, spent: false }
}

function codeOf(result: Result<unknown>): string {
  return result.ok ? 'ok' : result.code
}

/** The message as it reads with other bytes. */
function again(gossip: Gossip, change: (bytes: Uint8Array) => Uint8Array): Result<Gossip> {
  return decodeGossip(change(gossip.bytes))
}

test('gossip: an announcement is what both nodes and both funding keys signed, over coins that are there', () => {
  for (const channel of [CHANNEL, { ...CHANNEL, a: 2, b: 1 }]) {
    const gossip = signedAnnouncement(channel, 0)
    const funding = fundingOf(gossip.message)
    const check = (funding: FundingOutput | undefined, context = CONTEXT): string =>
      codeOf(checkChannelAnnouncement(gossip, funding, context))
    assert.equal(check(funding), 'ok')
    assert.equal(check(undefined), 'gossip-funding-missing')
    assert.equal(check({ ...funding, spent: true }), 'gossip-funding-spent')
    assert.equal(check({ ...funding, amount: sats(99_999) }), 'gossip-capacity')
    assert.equal(check({ ...funding, amount: sats(100_001) }), 'ok')
    assert.equal(check({ ...funding, scriptPubKey: new Uint8Array(34) }), 'gossip-funding-mismatch')
    assert.equal(check(funding, { ...CONTEXT, height: 104 }), 'gossip-funding-young')
    assert.equal(check(funding, { ...CONTEXT, chainHash: new Uint8Array(32) }), 'gossip-network')
    // One signature in the place of each other.
    gossip.signatures.forEach((_, at) => {
      const signatures = gossip.signatures.with(at, gossip.signatures[(at + 1) % 4])
      const other = decodeGossip(encodeGossip(gossip.message, signatures))
      assert(other.ok)
      const read = other.value as Gossip<ChannelAnnouncement>
      assert.equal(codeOf(checkChannelAnnouncement(read, funding, CONTEXT)), 'gossip-signature')
    })
  }
  const [first, second] = announcementOf(CHANNEL, 0).nodeIds
  const swapped = unsigned({ ...announcementOf(CHANNEL, 0), nodeIds: [second, first] })
  assert.equal(codeOf(checkChannelAnnouncement(swapped, undefined, CONTEXT)), 'gossip-nodes-order')
})

test('gossip: whatever is changed in a message breaks its signatures, records of later versions included', () => {
  const announcement = signedAnnouncement(CHANNEL, 0)
  const update = signedUpdate(updateOf(CHANNEL, 0, 1), 1)
  const node = signedNode(NODE, 1)
  const check = (read: Result<Gossip>): string => {
    if (!read.ok) return read.code
    const { message } = read.value
    // The channel that the message names is asked for, as a receiver would.
    if (message.type === 'channel_announcement_2')
      return codeOf(
        checkChannelAnnouncement(
          read.value as Gossip<ChannelAnnouncement>,
          fundingOf(announcement.message),
          CONTEXT,
        ),
      )
    return message.type === 'channel_update_2'
      ? codeOf(checkChannelUpdate(read.value as Gossip<ChannelUpdate>, announcement.message, CONTEXT))
      : codeOf(checkNodeAnnouncement(read.value as Gossip<NodeAnnouncement>, CONTEXT))
  }
  for (const gossip of [announcement, update, node]) {
    assert.equal(check(decodeGossip(gossip.bytes)), 'ok')
    for (let at = 0; at < gossip.bytes.length; at += 3) {
      const changed = again(gossip, (bytes) => bytes.with(at, bytes[at] ^ (1 << (at % 8))))
      assert.notEqual(check(changed), 'ok', `${gossip.message.type}, byte ${at}`)
    }
    // What is added counts where it is in the signed range, and where it is not, nobody may add it.
    const record = (type: bigint): Uint8Array =>
      new WireWriter().bigSize(type).varBytes(Uint8Array.of(1)).finish()
    const add = (type: bigint): string => check(again(gossip, (bytes) => concatBytes(bytes, record(type))))
    assert.equal(add(1_000_000_001n), 'gossip-signature')
    assert.equal(add(2_999_999_999n), 'gossip-signature')
    assert.equal(add(999_999_999n), 'gossip-malformed')
    assert.equal(add(3_000_000_001n), 'gossip-malformed')
    assert.equal(add(1_000_000_002n), 'gossip-malformed')
  }
})

const NODE: NodeAnnouncement = {
  type: 'node_announcement_2',
  features: 1n << 37n,
  blockHeight: 100,
  nodeId: testNode(1).id,
  alias: 'Ävö 🜚',
  peerId: new Uint8Array(38).fill(9),
}

test('gossip: an update fits its channel, and is of its node', () => {
  const channel = announcementOf(CHANNEL, 0)
  const check = (change: Partial<ChannelUpdate>, from = 1): string =>
    codeOf(
      checkChannelUpdate(signedUpdate({ ...updateOf(CHANNEL, 0, 1), ...change }, from), channel, CONTEXT),
    )
  assert.equal(check({}), 'ok')
  assert.equal(check({}, 2), 'gossip-signature')
  assert.equal(check({ blockHeight: 99 }), 'gossip-height')
  assert.equal(check({ blockHeight: 106 }), 'gossip-height')
  assert.equal(check({ blockHeight: 105 }), 'ok')
  assert.equal(check({ htlcMinimum: msat(5), htlcMaximum: msat(4) }), 'gossip-amounts')
  assert.equal(check({ htlcMaximum: msat(satsToMsat(sats(100_000)) + 1) }), 'gossip-amounts')
  assert.equal(check({ chainHash: new Uint8Array(32) }), 'gossip-network')
  assert.equal(codeOf(checkNodeAnnouncement(signedNode(NODE, 1), CONTEXT)), 'ok')
  assert.equal(codeOf(checkNodeAnnouncement(signedNode(NODE, 2), CONTEXT)), 'gossip-signature')
  assert.equal(
    codeOf(checkNodeAnnouncement(signedNode({ ...NODE, blockHeight: 106 }, 1), CONTEXT)),
    'gossip-height',
  )
})

test('gossip: decoding is the inverse of encoding', () => {
  const update = fc.record(
    {
      type: fc.constant('channel_update_2' as const),
      chainHash: fc.constant(CHAIN),
      shortChannelId: fc.nat(9).map(channelAt),
      blockHeight: fc.nat(),
      disabled: fc.boolean(),
      direction: fc.constantFrom(0 as const, 1 as const),
      cltvExpiryDelta: fc.nat(0xffff),
      htlcMinimum: fc.maxSafeNat().map(msat),
      htlcMaximum: fc.maxSafeNat().map(msat),
      feeBase: fc.nat(0xffffffff).map(msat),
      feeProportionalMillionths: fc.nat(0xffffffff),
    },
    { noNullPrototype: true },
  )
  const node = fc.record(
    {
      type: fc.constant('node_announcement_2' as const),
      features: fc.bigInt({ min: 0n, max: 2n ** 100n }),
      blockHeight: fc.nat(),
      nodeId: fc.nat(9).map((number) => testNode(number).id),
      alias: fc.string({ unit: 'binary', maxLength: 32 }),
      peerId: fc.uint8Array({ maxLength: 64 }),
    },
    { requiredKeys: ['type', 'features', 'blockHeight', 'nodeId'], noNullPrototype: true },
  )
  const channel = fc
    .record({ a: fc.nat(5), b: fc.integer({ min: 6, max: 9 }), capacity: fc.maxSafeNat() })
    .map((channel) => announcementOf(channel, channel.a))
  fc.assert(
    fc.property(fc.oneof(update, node, channel), (message) => {
      const decoded = decodeGossip(unsigned(message).bytes)
      assert(decoded.ok)
      assert.deepEqual(decoded.value.message, message)
      assert.deepEqual(encodeGossip(decoded.value.message, decoded.value.signatures), decoded.value.bytes)
    }),
    { numRuns: 200 },
  )
})

test('gossip: garbage is refused, never thrown at', () => {
  const start = fc.constantFrom([1, 11], [1, 13], [1, 15], [])
  fc.assert(
    fc.property(start, fc.uint8Array({ maxLength: 600 }), (type, rest) => {
      assert.match(
        codeOf(decodeGossip(concatBytes(Uint8Array.from(type), rest))),
        /^(gossip-malformed|gossip-unknown)$/,
      )
    }),
    { numRuns: 500 },
  )
  assert.equal(codeOf(decodeGossip(new Uint8Array(MAX_GOSSIP_BYTES + 1))), 'gossip-malformed')
  assert.equal(codeOf(decodeGossip(unsigned({ ...NODE, alias: 'x'.repeat(33) }).bytes)), 'gossip-malformed')
  // Signatures of any bytes are wrong ones.
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 64, maxLength: 64 }), (signature) => {
      const read = decodeGossip(encodeGossip(NODE, [signature]))
      assert(read.ok)
      assert.equal(
        codeOf(checkNodeAnnouncement(read.value as Gossip<NodeAnnouncement>, CONTEXT)),
        'gossip-signature',
      )
    }),
    { numRuns: 30 },
  )
})

const LIMITS: GraphLimits = {
  channels: 4,
  channelsOfPeer: 3,
  updates: 2,
  updateWindow: 10,
  nodeSpacing: 1,
  staleAfter: 50,
}

test('graph: channels are bounded, in all and by peer; a greater one takes the place of the smallest', () => {
  const graph = new ChannelGraph(LIMITS)
  const add = (place: number, source: string, capacity = 1000, b = 2): string =>
    codeOf(graph.addChannel(unsigned(announcementOf({ a: 1, b, capacity }, place)), source, 100, `${place}`))
  assert.equal(add(0, 'mallory'), 'ok')
  assert.equal(add(0, 'mallory'), 'gossip-known')
  assert.equal(add(0, 'mallory', 1000, 3), 'gossip-conflict')
  assert.equal(add(1, 'mallory', 2000), 'ok')
  assert.equal(add(2, 'mallory'), 'ok')
  assert.equal(add(3, 'mallory'), 'gossip-peer-full')
  assert.equal(add(3, 'alice', 3000, 3), 'ok')
  assert.equal(add(4, 'bob'), 'gossip-full')
  assert.equal(add(4, 'bob', 1001), 'ok')
  assert.equal(graph.channelCount, 4)
  // One of the two smallest is gone, and its peer may bring another.
  assert.equal([0, 2].filter((place) => graph.channel(channelAt(place))).length, 1)
  assert.equal(add(5, 'mallory', 5000), 'ok')
  graph.removeSpent('3')
  assert.equal(graph.hasNode(testNode(3).id), false)
  assert.equal(graph.hasNode(testNode(1).id), true)
})

test('graph: the newest update counts, so many in a time; stale channels go with their nodes', () => {
  const graph = new ChannelGraph(LIMITS)
  const channel: TestChannel = { a: 1, b: 2, capacity: 1000 }
  const update = (from: number, blockHeight: number, height: number): string =>
    codeOf(graph.addUpdate(unsigned({ ...updateOf(channel, 0, from), blockHeight }), height))
  assert.equal(update(1, 101, 101), 'gossip-orphan')
  assert.equal(codeOf(graph.addNode(unsigned(NODE))), 'gossip-orphan')
  graph.addChannel(unsigned(announcementOf(channel, 0)), 'peer', 100, 'a')
  assert.equal(update(1, 101, 101), 'ok')
  assert.equal(update(1, 101, 101), 'gossip-known')
  assert.equal(update(1, 100, 102), 'gossip-known')
  assert.equal(update(1, 102, 102), 'ok')
  assert.equal(update(1, 103, 103), 'gossip-rate')
  assert.equal(update(2, 103, 103), 'ok')
  assert.equal(update(1, 111, 111), 'ok')
  assert.equal(codeOf(graph.addNode(unsigned(NODE))), 'ok')
  assert.equal(codeOf(graph.addNode(unsigned(NODE))), 'gossip-known')
  assert.equal(codeOf(graph.addNode(unsigned({ ...NODE, blockHeight: 101, alias: 'new' }))), 'ok')
  assert.equal(graph.node(NODE.nodeId)?.alias, 'new')
  // The older of both directions is of block 103.
  graph.prune(153)
  assert.equal(graph.channelCount, 1)
  graph.prune(154)
  assert.equal(graph.channelCount, 0)
  assert.equal(graph.nodeCount, 0)
  assert.equal(graph.node(NODE.nodeId), undefined)
})

test('graph: another graph takes in its messages, in their order, and holds the same', () => {
  const graph = graphOf([
    { a: 1, b: 2, capacity: 1000 },
    { a: 2, b: 3, capacity: 1000 },
    { a: 1, b: 3, capacity: 2000 },
  ])
  graph.addNode(unsigned(NODE))
  const other = graphOf([])
  for (const bytes of graph.messages()) {
    const read = decodeGossip(bytes)
    assert(read.ok)
    const { value } = read
    const taken =
      value.message.type === 'channel_announcement_2'
        ? other.addChannel(value as Gossip<ChannelAnnouncement>, 'peer', 100, value.message.shortChannelId)
        : value.message.type === 'channel_update_2'
          ? other.addUpdate(value as Gossip<ChannelUpdate>, 100)
          : other.addNode(value as Gossip<NodeAnnouncement>)
    assert.equal(codeOf(taken), 'ok')
  }
  assert.deepEqual([...other.messages()], [...graph.messages()])
  assert.equal(other.channelCount, 3)
})
