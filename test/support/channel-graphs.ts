/** Graphs of channels for tests: nodes with real keys, gossip that is signed where a test asks for it. */
import { schnorr, secp256k1 } from '@noble/curves/secp256k1.js'
import { type Msat, msat, satsToMsat } from '../../src/channels/amount.ts'
import { NO_FEATURES } from '../../src/channels/features.ts'
import {
  type ChannelAnnouncement,
  type ChannelUpdate,
  decodeGossip,
  encodeGossip,
  fundingProofHash,
  type Gossip,
  type GossipMessage,
  gossipHash,
  inNodeOrder,
  type NodeAnnouncement,
  type NodeId,
  nodeId,
} from '../../src/channels/gossip.ts'
import { ChannelGraph, type GraphLimits, graphLimits } from '../../src/channels/graph.ts'
import { type ShortChannelId, shortChannelId } from '../../src/channels/short-channel-id.ts'
import { publicKeyOf } from '../../src/channels/sphinx.ts'
import { sats } from '../../src/primitives/amount.ts'

export const CHAIN = new Uint8Array(32).fill(0xcc)

/** A node of tests: the same number, the same keys. */
export interface TestNode {
  readonly secretKey: Uint8Array
  readonly publicKey: Uint8Array
  readonly id: NodeId
}

const nodes = new Map<number, TestNode>()

export function testNode(number: number): TestNode {
  const known = nodes.get(number)
  if (known) return known
  const secretKey = new Uint8Array(32).fill(1)
  new DataView(secretKey.buffer).setUint32(0, number + 1)
  const publicKey = publicKeyOf(secretKey)
  const node = { secretKey, publicKey, id: nodeId(publicKey) }
  nodes.set(number, node)
  return node
}

/** A channel, and what its nodes ask in the directions from `a` and from `b`. */
export interface TestChannel {
  readonly a: number
  readonly b: number
  /** Satoshis. */
  readonly capacity: number
  readonly fromA?: Partial<TestPolicy>
  readonly fromB?: Partial<TestPolicy>
}

export interface TestPolicy {
  readonly feeBase: number
  readonly feeProportionalMillionths: number
  readonly cltvExpiryDelta: number
  readonly htlcMinimum: number
  readonly htlcMaximum: number
  readonly disabled: boolean
}

/** The id of the channel at this place of a list. */
export function channelAt(place: number): ShortChannelId {
  return shortChannelId({ height: 100, position: place, output: 0 })
}

/** A message whose signatures nobody looks at. */
export function unsigned<Message extends GossipMessage>(message: Message): Gossip<Message> {
  const count = message.type === 'channel_announcement_2' ? 4 : 1
  const bytes = encodeGossip(message, Array(count).fill(new Uint8Array(64)))
  return { message, signatures: [], signed: new Uint8Array(0), bytes }
}

export function announcementOf({ a, b, capacity }: TestChannel, place: number): ChannelAnnouncement {
  const [one, other] = [testNode(a), testNode(b)]
  return {
    type: 'channel_announcement_2',
    chainHash: CHAIN,
    features: NO_FEATURES,
    shortChannelId: channelAt(place),
    capacity: sats(capacity),
    ...inNodeOrder(
      { id: one.id, fundingKey: testNode(1_000_000 + 2 * place).publicKey },
      { id: other.id, fundingKey: testNode(1_000_001 + 2 * place).publicKey },
    ),
  }
}

export function updateOf(
  { a, b, capacity, fromA, fromB }: TestChannel,
  place: number,
  from: number,
): ChannelUpdate {
  const policy = (from === a ? fromA : fromB) ?? {}
  return {
    type: 'channel_update_2',
    chainHash: CHAIN,
    shortChannelId: channelAt(place),
    blockHeight: 100,
    disabled: policy.disabled ?? false,
    direction: testNode(from).id < testNode(from === a ? b : a).id ? 0 : 1,
    cltvExpiryDelta: policy.cltvExpiryDelta ?? 10,
    htlcMinimum: msat(policy.htlcMinimum ?? 0),
    htlcMaximum: msat(policy.htlcMaximum ?? satsToMsat(sats(capacity))),
    feeBase: msat(policy.feeBase ?? 1000),
    feeProportionalMillionths: policy.feeProportionalMillionths ?? 100,
  }
}

/** A graph that holds these channels, each with both updates. */
export function graphOf(
  channels: readonly TestChannel[],
  limits: GraphLimits = graphLimits(30),
): ChannelGraph {
  const graph = new ChannelGraph(limits)
  channels.forEach((channel, place) => {
    graph.addChannel(unsigned(announcementOf(channel, place)), 'peer', 100, channelAt(place))
    for (const from of [channel.a, channel.b]) graph.addUpdate(unsigned(updateOf(channel, place, from)), 100)
  })
  return graph
}

/** Signs with a node's key, as its signer does. */
export function signNode(hash: Uint8Array, secretKey: Uint8Array): Uint8Array {
  return secp256k1.sign(hash, secretKey, { prehash: false })
}

/** An announcement as both sides of the channel make it. */
export function signedAnnouncement(
  channel: TestChannel,
  place: number,
  change: Partial<ChannelAnnouncement> = {},
): Gossip<ChannelAnnouncement> {
  const message = { ...announcementOf(channel, place), ...change }
  const [a, b] = [channel.a, channel.b].map(testNode)
  const [first, second] = a.id < b.id ? [a, b] : [b, a]
  const funding = [1_000_000 + 2 * place, 1_000_001 + 2 * place].map(testNode)
  const byNode = gossipHash(message)
  const byFunding = fundingProofHash(message)
  const fundingInOrder = first === a ? funding : [funding[1], funding[0]]
  return decoded(message, [
    signNode(byNode, first.secretKey),
    signNode(byNode, second.secretKey),
    ...fundingInOrder.map(({ secretKey }) => schnorr.sign(byFunding, secretKey, new Uint8Array(32))),
  ])
}

export function signedUpdate(message: ChannelUpdate, from: number): Gossip<ChannelUpdate> {
  return decoded(message, [signNode(gossipHash(message), testNode(from).secretKey)])
}

export function signedNode(message: NodeAnnouncement, from: number): Gossip<NodeAnnouncement> {
  return decoded(message, [signNode(gossipHash(message), testNode(from).secretKey)])
}

/** As a peer would read it. */
function decoded<Message extends GossipMessage>(
  message: Message,
  signatures: readonly Uint8Array[],
): Gossip<Message> {
  const read = decodeGossip(encodeGossip(message, signatures))
  if (!read.ok) throw new Error(read.detail)
  return read.value as Gossip<Message>
}

export function sumOf(amounts: Iterable<Msat>): number {
  let sum = 0
  for (const amount of amounts) sum += amount
  return sum
}
