/** Promise: who was good is remembered over reloads, and whoever has many identities competes with himself for a place. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { REGTEST } from '../../../src/consensus/params.ts'
import type {
  PeerId,
  PeerInfo,
  RememberedPeer,
  Standing,
  TransportHandler,
} from '../../../src/network/transport.ts'
import { compactBlockOf, encodeCompactBlock } from '../../../src/protocol/compact-block.ts'
import { KnownPeers } from '../../../src/protocol/known-peers.ts'
import { MAX_KNOWN_PEERS } from '../../../src/protocol/peer-store.ts'
import { MemoryPeerStore } from '../../../src/storage/memory-peer-store.ts'
import { TestChain } from '../../support/chain-builder.ts'
import { TestNetwork } from '../../support/protocol-nodes.ts'
import { silentTransport } from '../../support/silent-transport.ts'

const MINUTE = 60_000
const HOUR = 3_600_000
const DAY = 86_400_000

/** A tab's lives, one after another, over the same store. */
class Lives {
  readonly store = new MemoryPeerStore()
  readonly valued: [PeerId, Standing][] = []
  now = 1_000 * DAY
  peers = this.create()

  private create(): KnownPeers {
    return new KnownPeers({
      store: this.store,
      transport: silentTransport({ valued: (id, standing) => this.valued.push([id, standing]) }),
      clock: { now: () => this.now, after: () => () => {} },
      log: () => {},
    })
  }

  /** The tab is loaded again; answers who it dials first. */
  reload(): Promise<readonly RememberedPeer[]> {
    this.peers = this.create()
    return this.peers.load()
  }

  meet(id: string, info: Partial<PeerInfo> = {}): void {
    this.peers.connected({ id: id as PeerId, direction: 'outbound', address: '', ...info })
  }

  part(id: string): void {
    this.peers.disconnected(id as PeerId)
  }

  pass(milliseconds: number): void {
    const end = this.now + milliseconds
    while (this.now < end) {
      this.now = Math.min(end, this.now + 5000)
      this.peers.tick()
    }
  }
}

const ids = (peers: readonly RememberedPeer[], standing?: Standing): string[] =>
  peers.filter((peer) => standing === undefined || peer.standing === standing).map(({ id }) => id)

test('a peer is remembered with what is known of it, best first', async () => {
  const lives = new Lives()
  lives.meet('old', { introducer: 'relay' as PeerId, addressGroup: '203.0.0.0/16' })
  lives.pass(HOUR)
  lives.meet('young')
  lives.pass(MINUTE)
  assert.deepEqual(await lives.reload(), [
    { id: 'old', standing: 'anchor', introducers: ['relay'], addressGroup: '203.0.0.0/16' },
    { id: 'young', standing: 'anchor', introducers: [] },
  ])
})

test('who only passed by is not remembered', async () => {
  const lives = new Lives()
  lives.meet('passing')
  lives.pass(5000)
  lives.part('passing')
  lives.pass(MINUTE)
  assert.deepEqual(await lives.reload(), [])
})

test('the best of each address group come before the second best of any', async () => {
  const lives = new Lives()
  const inGroup = (group: string) => ({ addressGroup: group, introducer: 'relay' as PeerId })
  for (let i = 0; i < 6; i++) lives.meet(`one machine ${i}`, inGroup('192.0.0.0/16'))
  lives.pass(DAY)
  for (const name of ['a', 'b', 'c']) lives.meet(name, inGroup(`203.${name.charCodeAt(0)}.0.0/16`))
  lives.pass(MINUTE)
  const anchors = ids(await lives.reload(), 'anchor')
  assert.equal(anchors.length, 4)
  assert.deepEqual(anchors.slice(1).sort(), ['a', 'b', 'c'])
})

test('however many identities one address has and however long they stay, the others keep their places', async () => {
  const lives = new Lives()
  for (let i = 0; i < 3; i++) lives.meet(`good ${i}`, { addressGroup: `203.${i}.0.0/16` })
  lives.pass(10 * MINUTE)
  for (let i = 0; i < 3; i++) lives.part(`good ${i}`)
  for (let round = 0; round < 40; round++) {
    for (let i = 0; i < 9; i++)
      lives.meet(`sybil ${round} ${i}`, { direction: 'inbound', addressGroup: '192.0.0.0/16' })
    lives.pass(2 * HOUR)
    for (let i = 0; i < 9; i++) lives.part(`sybil ${round} ${i}`)
  }
  const remembered = await lives.reload()
  assert.equal(ids(remembered).filter((id) => id.startsWith('sybil')).length, 8)
  assert.equal(ids(remembered, 'anchor').filter((id) => id.startsWith('good')).length, 3)
})

test('with the table full, who brought most makes room, and for more worth alone', async () => {
  const lives = new Lives()
  for (let i = 0; i < 4; i++)
    lives.meet(`good ${i}`, { introducer: 'friend' as PeerId, addressGroup: `203.${i}.0.0/16` })
  lives.pass(MINUTE)
  for (let i = 0; i < 4; i++) lives.part(`good ${i}`)
  for (let i = 0; i < 300; i++) {
    lives.meet(`sybil ${i}`, { introducer: 'liar' as PeerId, addressGroup: `10.0.${i}.1` })
    lives.pass(5 * MINUTE)
    lives.part(`sybil ${i}`)
  }
  lives.pass(MINUTE)
  const all = ids(await lives.reload())
  assert.equal(all.length, MAX_KNOWN_PEERS)
  assert.equal(all.filter((id) => id.startsWith('good')).length, 4)
})

test('a peer that we chose is proven by a long stay or by blocks that it told first; one that dialled us is not', async () => {
  const lives = new Lives()
  const inOwnGroup = (id: string, direction: PeerInfo['direction']): void =>
    lives.meet(id, { direction, addressGroup: `${id}/16` })
  for (const id of ['a', 'b', 'c', 'd']) inOwnGroup(id, 'outbound')
  lives.pass(2 * DAY)
  lives.valued.length = 0
  inOwnGroup('useful', 'outbound')
  for (let i = 0; i < 3; i++) lives.peers.toldBlock('useful' as PeerId)
  inOwnGroup('inbound', 'inbound')
  inOwnGroup('long', 'outbound')
  lives.pass(31 * MINUTE)
  const remembered = await lives.reload()
  assert.deepEqual(ids(remembered, 'anchor').sort(), ['a', 'b', 'c', 'd'])
  assert.deepEqual(ids(remembered, 'proven').sort(), ['long', 'useful'])
  assert.deepEqual(ids(remembered, 'met'), ['inbound'])
  // The transport was told as it happened.
  assert.deepEqual(
    lives.valued.filter(([id]) => id === 'long'),
    [['long', 'proven']],
  )
  assert.equal(lives.valued.filter(([id]) => id === 'useful').at(-1)![1], 'proven')
})

test('a peer that is away loses worth, and after a month others are dialled first', async () => {
  const lives = new Lives()
  lives.meet('away')
  lives.pass(HOUR)
  lives.part('away')
  lives.pass(20 * DAY)
  lives.meet('here')
  lives.pass(20 * MINUTE)
  assert.deepEqual(ids(await lives.reload()), ['here', 'away'])
  lives.pass(11 * DAY)
  assert.deepEqual(ids(await lives.reload(), 'anchor'), ['here'])
})

test('a clock that is a year ahead for once costs nobody his place', async () => {
  const lives = new Lives()
  lives.meet('good')
  lives.pass(HOUR)
  lives.part('good')
  lives.now += 365 * DAY
  assert.deepEqual(ids(await lives.reload(), 'anchor'), ['good'])
  lives.meet('new')
  lives.pass(MINUTE)
  await lives.reload()
  lives.now -= 365 * DAY
  assert.deepEqual(ids(await lives.reload()), ['good', 'new'])
  lives.meet('good')
  lives.pass(MINUTE)
  for (const { lastSeen } of await lives.store.loadKnownPeers()) assert.ok(lastSeen <= lives.now)
})

test('records that are damaged, or of another version, are left out, and nobody was seen in the future', async () => {
  const lives = new Lives()
  const good = {
    id: 'good' as PeerId,
    introducers: ['relay' as PeerId],
    addressGroup: '203.0.0.0/16',
    lastSeen: lives.now - HOUR,
    stay: 7200,
    blocks: 5,
    chosen: true,
  }
  const { introducers, ...older } = { ...good, id: 'older' }
  const damaged: unknown[] = [
    null,
    undefined,
    'text',
    7,
    [],
    {},
    older,
    ...Object.keys(good).flatMap((key) => [null, NaN, -1, {}].map((value) => ({ ...good, [key]: value }))),
    { ...good, id: '' },
    { ...good, introducers: [7] },
    { ...good, stay: Infinity },
  ]
  const store = async (records: unknown): Promise<readonly string[]> => {
    lives.store.loadKnownPeers = async () => records as []
    return ids(await lives.reload())
  }
  assert.deepEqual(await store(damaged), [])
  assert.deepEqual(await store([...damaged, ...damaged, good]), ['good'])
  for (const records of [7, null, undefined, {}, 'text']) assert.deepEqual(await store(records), [])
  const future = { ...good, id: 'future', stay: 60, lastSeen: lives.now + 3650 * DAY }
  assert.deepEqual(await store([future, good]), ['good', 'future'])
})

test('time during which the machine slept is nobody’s stay', async () => {
  const lives = new Lives()
  lives.meet('before')
  lives.pass(MINUTE)
  lives.meet('longer')
  lives.now += DAY
  lives.pass(MINUTE)
  const [, second] = await lives.store.loadKnownPeers()
  assert.ok(second!.stay < 120)
})

test('a peer that is banned is no longer remembered', async () => {
  const lives = new Lives()
  lives.meet('bad')
  lives.pass(HOUR)
  lives.peers.forget('bad' as PeerId)
  lives.pass(MINUTE)
  assert.deepEqual(await lives.reload(), [])
})

test('the node credits who told a block first once it is in the chain, and starts with whom it remembers', async () => {
  const blocks = new TestChain(REGTEST)
  const tip = blocks.mineEmpty(blocks.genesis, 3)
  const network = new TestNetwork(blocks)
  try {
    const node = await network.node('node', tip)
    const started: (readonly RememberedPeer[])[] = []
    const valued: unknown[][] = []
    const start = node.transport.start.bind(node.transport)
    node.transport.start = (handler: TransportHandler, ...[remembered]: RememberedPeer[][]) => {
      started.push(remembered ?? [])
      return start(handler)
    }
    node.transport.valued = (...args: unknown[]) => {
      valued.push(args)
    }
    await node.peerStore.saveKnownPeers([
      {
        id: 'friend' as PeerId,
        introducers: [],
        addressGroup: undefined,
        lastSeen: network.time.now(),
        stay: 60,
        blocks: 0,
        chosen: true,
      },
    ])
    await node.join()
    assert.deepEqual(started, [[{ id: 'friend', standing: 'anchor', introducers: [] }]])
    const [first, second] = [network.puppet('first'), network.puppet('second')]
    for (const puppet of [first, second]) await puppet.join()
    await network.pass(2)
    const { block } = blocks.mineEmpty(tip, 1)
    // A header alone is no service.
    second.send(node.id, { type: 'headers', id: 0, headers: [block.header] })
    await network.pass(1)
    assert.equal(valued.length, 0)
    first.publish('block', encodeCompactBlock(compactBlockOf(block, new Uint8Array(8))))
    await network.until(() => node.chain.tip !== undefined && node.height === 4, 'block', 10)
    assert.deepEqual(
      valued.map(([id]) => id),
      ['first'],
    )
    await network.pass(40)
    const stored = await node.peerStore.loadKnownPeers()
    assert.deepEqual(stored.find(({ id }) => id === 'first')?.blocks, 1)
  } finally {
    await network.close()
  }
})
