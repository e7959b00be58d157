/**
 * Promise: nodes that have channels tell each other of those that are announced, so that a payment finds its way to a stranger without hints; what is said is
 * borne out by each node's own chain, follows it when it moves, and comes back after a restart; channels that are not announced stay between their two sides.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { fundingPlace, shortChannelId } from '../../../src/channels/short-channel-id.ts'
import { signedAnnouncement, type TestChannel, testNode } from '../../support/channel-graphs.ts'
import { NodeRig, RIG_PARAMS, type RigNode, STRANGER } from '../../support/node-rig.ts'

const CHANNEL = 1_000_000
/** Confirmations of a channel that is announced. */
const DEPTH = 6

/** Nodes of which each has a coin, and each is met by all. */
async function nodes(seed: string, names: readonly string[], params = RIG_PARAMS): Promise<RigNode[]> {
  const rig = new NodeRig({ seed, params })
  const all: RigNode[] = []
  for (const name of names) {
    const node = await rig.add(name, { channels: true })
    await rig.until(() => all.every(({ tip }) => tip === node.tip))
    await node.fund()
    all.push(node)
  }
  await agreed(all)
  return all
}

async function agreed(all: readonly RigNode[]): Promise<void> {
  await all[0].rig.until(() => all.every(({ tip }) => tip === all[0].tip))
}

async function mine(all: readonly RigNode[], count: number): Promise<void> {
  await all[0].generate(count)
  await agreed(all)
}

async function open(from: RigNode, to: RigNode, announce = true): Promise<void> {
  await from.rig.until(() => from.channels.links.nodes.includes(to.channels.self))
  await from.rpc('fundchannel', to.channels.self, CHANNEL, null, announce)
}

/** A line of channels, mined so deep that they may be announced. */
async function line(all: readonly RigNode[], depth = DEPTH): Promise<void> {
  for (let at = 1; at < all.length; at++) await open(all[at - 1], all[at])
  await all[0].rig.until(() => all.every(({ core }) => core.mempool.size === all.length - 1))
  await mine(all, depth)
}

/** Both directions of each channel are known. */
function knows({ channels: { graph } }: RigNode, channels: number): boolean {
  const known = [...graph.allChannels()]
  return known.length === channels && known.every(({ updates }) => updates.every((update) => update))
}

async function learn(all: readonly RigNode[], channels: number): Promise<void> {
  await all[0].rig.until(() => all.every((node) => knows(node, channels)))
}

test('gossip: nodes in a line learn all channels, and the first pays the last without hints', async () => {
  const all = await nodes('line', ['a', 'b', 'c', 'd'])
  const [a, b, c, d] = all
  const { rig } = a
  await a.rpc('setalias', 'Ada')
  await line(all, DEPTH - 1)
  await rig.time.run(5_000)
  assert.deepEqual(
    all.map(({ channels: { graph } }) => graph.channelCount),
    [0, 0, 0, 0],
    'five confirmations are too few',
  )
  assert(d.channels.routeHints().length > 0, 'what is not known yet needs a hint')
  await mine(all, 1)
  await learn(all, 3)
  const { channels } = await d.rpc('listchannels')
  assert.equal(channels.length, 6)
  const { route } = await a.rpc('getroute', d.channels.self, 1_000_000)
  assert.deepEqual(
    route.map(({ id }: { readonly id: string }) => id),
    [b, c, d].map((node) => node.channels.self),
  )
  const { bolt11 } = await d.rpc('invoice', 20_000_000, 'line', 'over three hops')
  assert.deepEqual((await a.rpc('decode', bolt11)).routes, [])
  const paid = await a.rpc('pay', bolt11)
  assert.equal(paid.amount_sent_msat, 20_000_000 + 2 * 1000 + 400)
  // Who they are.
  await rig.until(() => d.channels.graph.node(a.channels.self)?.alias === 'Ada')
  const said = (await d.rpc('listnodes')).nodes
  assert.equal(said.length, 4)
  assert.deepEqual(said.map(({ peer_id }: { readonly peer_id: string }) => peer_id).sort(), [
    'a',
    'b',
    'c',
    'd',
  ])
  assert.equal((await d.rpc('listnodes', a.channels.self)).nodes[0].alias, 'Ada')
  // A person sets another price: known to all with the next block.
  const own = (await b.rpc('listpeerchannels', c.channels.self)).channels[0]
  await b.rpc('setchannel', own.short_channel_id, 5000, 20)
  await mine(all, 1)
  await rig.until(() => feeOf(a) === 5000)
  const dearer = (await d.rpc('invoice', 20_000_000, 'dearer', 'at another price')).bolt11
  assert.equal((await a.rpc('pay', dearer)).amount_sent_msat, 20_000_000 + 1000 + 200 + 5000 + 400)
  function feeOf({ channels: { graph } }: RigNode): number | undefined {
    const { updates } = graph.channel(own.short_channel_id)!
    return updates.find((update) => update?.message.feeProportionalMillionths === 20)?.message.feeBase
  }
})

test('gossip: a channel that is not announced is known to its two sides alone, and paid over by its hint', async () => {
  const all = await nodes('private', ['a', 'b', 'c'])
  const [a, b, c] = all
  await open(a, b)
  await open(b, c, false)
  await a.rig.until(() => all.every(({ core }) => core.mempool.size === 2))
  await mine(all, DEPTH)
  await learn(all, 1)
  await a.rig.until(() => c.channels.routeHints().length === 1)
  await mine(all, 2)
  await a.rig.time.run(5_000)
  assert(all.every((node) => node.channels.graph.channelCount === 1))
  assert.equal((await a.failure('getroute', c.channels.self, 1000)).code, 205)
  assert.equal((await c.rpc('listpeerchannels')).channels[0].private, true)
  const { bolt11 } = await c.rpc('invoice', 1_000_000, 'hint', 'by a hint')
  assert.equal((await a.rpc('pay', bolt11)).status, 'complete')
})

test('gossip: a channel that is closed is forgotten by all with the block that closes it', async () => {
  const all = await nodes('closed', ['a', 'b', 'c'])
  const [a, b, c] = all
  await line(all)
  await learn(all, 2)
  await c.rpc('close', b.channels.self)
  await a.rig.until(() => all.every(({ core }) => core.mempool.size > 0))
  await mine(all, 1)
  assert(all.every((node) => node.channels.graph.channelCount === 1))
  assert.equal((await a.failure('getroute', c.channels.self, 1000)).code, 205)
  assert.equal((await a.rpc('listnodes')).nodes.length, 2, 'and a node without channels, too')
  // Nobody brings it back.
  await mine(all, 2)
  await a.rig.time.run(3_700_000)
  assert(all.every((node) => node.channels.graph.channelCount === 1))
})

test('gossip: a channel whose block the chain leaves is forgotten, and announced anew at its new place', async () => {
  const all = await nodes('reorganised', ['a', 'b', 'c'])
  const [a] = all
  await line(all)
  await learn(all, 2)
  const places = () =>
    [...a.channels.graph.allChannels()].map(({ announcement }) => announcement.message.shortChannelId)
  const before = places()
  const left = await a.rpc('getblockhash', a.channels.height - DEPTH + 1)
  for (const node of all) await node.rpc('invalidateblock', left)
  await a.rig.until(() =>
    all.every(({ core, channels }) => channels.graph.channelCount + core.mempool.size === 2),
  )
  // The other branch has the fundings a block later.
  await a.rpc('generateblock', STRANGER, [])
  await agreed(all)
  await mine(all, DEPTH)
  await learn(all, 2)
  assert.deepEqual(
    places().map((place) => fundingPlace(place).height),
    before.map((place) => fundingPlace(place).height + 1),
  )
})

test('gossip: who starts again has the graph back from its peers, and two that start again at once announce theirs anew', async () => {
  const all = await nodes('restart', ['a', 'b', 'c'])
  const [a, b, c] = all
  await line(all)
  await learn(all, 2)
  await c.restart()
  assert.equal(c.channels.graph.channelCount, 0)
  await learn(all, 2)
  await mine(all, 1)
  for (const node of all) await node.kill()
  for (const node of all) await node.open()
  await learn(all, 2)
  const { bolt11 } = await c.rpc('invoice', 1_000_000, 'after', 'after all started again')
  assert.equal((await a.rpc('pay', bolt11)).amount_sent_msat, 1_000_000 + 1000 + 10)
  assert.equal(b.channels.all().length, 2)
})

test('gossip: a channel whose other side stays away is told to be disabled, and to be back', async () => {
  const all = await nodes('away', ['a', 'b', 'c'])
  const [a, b, c] = all
  await line(all)
  await learn(all, 2)
  const isDisabled = () =>
    [...a.channels.graph.channelsOf(c.channels.self)].some(({ updates }) =>
      updates.some((update) => update?.message.disabled),
    )
  await c.kill()
  await a.rig.until(() => !b.channels.links.nodes.includes(c.channels.self))
  await mine([a, b], 3)
  await a.rig.time.run(5_000)
  assert(!isDisabled(), 'a short absence is nobody’s business')
  await mine([a, b], 6)
  await a.rig.until(isDisabled)
  assert.equal((await a.failure('getroute', c.channels.self, 1000)).code, 205)
  await c.open()
  await a.rig.until(() => b.channels.links.nodes.includes(c.channels.self))
  await agreed(all)
  await mine(all, 1)
  await a.rig.until(() => !isDisabled())
  assert.equal((await a.rpc('getroute', c.channels.self, 1000)).route.length, 2)
})

test('gossip: what is said is renewed before it is too old; a channel of which one side says nothing more is forgotten', async () => {
  // Two weeks are 20 blocks.
  const all = await nodes('renewed', ['a', 'b', 'c'], { ...RIG_PARAMS, targetSpacing: 60_480 })
  const [a, b] = all
  await line(all)
  await learn(all, 2)
  const heights = (node: RigNode) =>
    [...node.channels.graph.allChannels()].flatMap(({ updates }) =>
      updates.map((update) => update?.message.blockHeight ?? 0),
    )
  for (let round = 0; round < 3; round++) {
    const { height } = a.channels
    await mine(all, 10)
    await a.rig.until(() => all.every((node) => heights(node).every((each) => each > height)))
  }
  const before = a.channels.graph.node(b.channels.self)!.blockHeight
  await all[2].kill()
  for (let block = 0; block < 22; block++) {
    await mine([a, b], 1)
    await a.rig.time.run(3_000)
  }
  assert(a.channels.graph.node(b.channels.self)!.blockHeight > before)
  assert.deepEqual(
    [a, b].map(({ channels: { graph } }) => graph.channelCount),
    [1, 1],
  )
})

test('gossip: who announces an output of others is not believed, and not by those who believe it is taken for a liar', async () => {
  const all = await nodes('liar', ['a', 'b', 'c'])
  const [a, b, c] = all
  await line(all)
  await learn(all, 2)
  const channel: TestChannel = { a: 1, b: 2, capacity: 1000 }
  // A coin of the chain, under real signatures of two nodes that have no part in it; and a place where there is none.
  const places = [
    { height: 1, position: 0, output: 0 },
    { height: 1, position: 7, output: 0 },
    { height: 0, position: 0, output: 0 },
  ]
  for (const place of places) {
    const lie = signedAnnouncement(channel, 0, {
      shortChannelId: shortChannelId(place),
      chainHash: a.core.chain.genesis.header.hashBytes,
    })
    b.channels.links.send(a.channels.self, lie.bytes)
  }
  await a.rig.time.run(5_000)
  assert.equal(a.channels.graph.channelCount, 2)
  assert(!a.channels.graph.hasNode(testNode(1).id))
  assert(a.channels.links.nodes.includes(b.channels.self))
  // A real channel, whose announcement was touched.
  const [known] = a.channels.graph.allChannels()
  const { bytes } = known.announcement
  a.channels.graph.removeSpent(known.outpoint)
  b.channels.links.send(a.channels.self, bytes.with(-1, bytes.at(-1)! ^ 1))
  await a.rig.until(() => a.core.peers.bans().some(({ id }) => id === b.id))
  assert(!b.core.peers.bans().some(({ id }) => id === c.id))
})
