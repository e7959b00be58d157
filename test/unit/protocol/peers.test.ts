import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import type { PeerId } from '../../../src/network/transport.ts'
import { BlockHeader } from '../../../src/primitives/block.ts'
import { invalid, mutated, notNow, retry } from '../../../src/primitives/result.ts'
import { TokenBucket } from '../../../src/primitives/token-bucket.ts'
import { CatchUp } from '../../../src/protocol/catch-up.ts'
import { HeaderSync } from '../../../src/protocol/header-sync.ts'
import { Peer } from '../../../src/protocol/peer.ts'
import { PeerSet } from '../../../src/protocol/peer-set.ts'
import { MAX_BANS, MAX_MANUAL_BANS } from '../../../src/protocol/peer-store.ts'
import { SteadyClock } from '../../../src/protocol/steady-clock.ts'
import { BAN_SCORE, verdictOn } from '../../../src/protocol/verdict.ts'
import type { HelloMessage, Message } from '../../../src/protocol/wire.ts'
import { TestChain } from '../../support/chain-builder.ts'
import {
  networksOf,
  type Puppet,
  type TestNetwork,
  type TestNode,
  WatchedPeerStore,
} from '../../support/protocol-nodes.ts'
import { silentTransport } from '../../support/silent-transport.ts'

const chain = new TestChain()
const tip = chain.mineEmpty(chain.genesis, 40)

const withNetwork = networksOf(chain)

async function meet(network: TestNetwork, hello?: Partial<HelloMessage>): Promise<[TestNode, Puppet]> {
  const node = await network.node('node', tip)
  const puppet = network.puppet('puppet', hello)
  puppet.serve([])
  await node.join()
  await puppet.join()
  await network.pass(1)
  return [node, puppet]
}

test('the verdict table', () => {
  const row = (rejection: Parameters<typeof verdictOn>[0]) => Object.values(verdictOn(rejection))
  assert.deepEqual(row(invalid('bad-cb-amount', '')), [true, 'reject', BAN_SCORE])
  assert.deepEqual(row(mutated('bad-txnmrklroot', '')), [false, 'reject', BAN_SCORE])
  assert.deepEqual(row(retry('prev-blk-not-found', '')), [false, 'ignore', 0])
  assert.deepEqual(row(notNow('min relay fee not met', '')), [false, 'ignore', 0])
  // Another tip, or another person's `invalidateblock`, may see these differently.
  for (const code of [
    'duplicate-invalid',
    'bad-prevblk',
    'bad-txns-premature-spend-of-coinbase',
    'non-final',
  ])
    assert.deepEqual(row(invalid(code, '')), [false, 'ignore', 0], code)
})

test('both sides greet each other', () =>
  withNetwork(async (network) => {
    const [node, puppet] = await meet(network, { userAgent: '/puppet:1/' })
    const [hello] = puppet.received
    assert.equal(hello.type === 'hello' && hello.height, 40)
    assert.equal(node.manager.peers()[0].userAgent, '/puppet:1/')
  }))

for (const [what, hello, reason] of [
  ['another network', { networkId: new Uint8Array(32).fill(7) }, /another network/],
  ['another version', { version: 1 }, /speaks version 1.*reload/],
] as const)
  test(`a peer of ${what} is left with a sentence, and without a ban`, () =>
    withNetwork(async (network) => {
      const [node, puppet] = await meet(network, hello)
      assert.deepEqual(node.manager.peers(), [])
      assert.match(node.log.join('\n'), reason)
      assert.equal(puppet.connections, 0)
      assert.equal(puppet.got('getheaders'), 0)
    }))

test('who says nothing, something else, or hello twice', () =>
  withNetwork(async (network) => {
    const node = await network.node('node', tip)
    const [silent, rude] = ['silent', 'rude'].map((name) => network.puppet(name))
    silent.peerConnected = () => {}
    rude.peerConnected = ({ id }) => rude.send(id, { type: 'mempool' })
    await node.join()
    for (const puppet of [silent, rude]) await puppet.join()
    await network.pass(2)
    assert.match(node.log.join('\n'), /rude disconnected: It did not say hello first/)
    await network.pass(25)
    assert.match(node.log.join('\n'), /silent disconnected: It did not say hello\./)

    const twice = network.puppet('twice')
    twice.serve([])
    await twice.join()
    await network.pass(1)
    twice.peerConnected({ id: node.id })
    await network.pass(1)
    assert.ok((node.scoreOf(twice.id) ?? 0) >= 19)
  }))

test('what does not decode costs the connection', () =>
  withNetwork(async (network) => {
    const [node, puppet] = await meet(network)
    puppet.sendBytes(node.id, Uint8Array.of(2, 0, 0))
    await network.until(() => node.isBanned(puppet.id), 'ban', 5)
  }))

test('answers that nobody asked for add up to a ban, and time forgives', () =>
  withNetwork(async (network) => {
    const answers: Message[] = [
      { type: 'headers', id: 77, headers: [tip.block.header] },
      { type: 'block', id: 77, block: tip.block },
      { type: 'tx', id: 77, transactions: [] },
      { type: 'blocktxn', id: 77, blockHash: tip.block.header.hashBytes, transactions: [] },
    ]
    const [node, puppet] = await meet(network)
    for (const answer of answers) puppet.send(node.id, answer)
    await network.pass(1)
    assert.equal(Math.round(node.scoreOf(puppet.id) ?? 0), 80)
    await network.pass(3600)
    assert.equal(Math.round(node.scoreOf(puppet.id) ?? 0), 20)
    for (const answer of [...answers, answers[0]]) puppet.send(node.id, answer)
    await network.until(() => node.isBanned(puppet.id), 'ban', 5)
  }))

test('a large answer that nobody asked for is refused before it is decoded', () =>
  withNetwork(async (network) => {
    const [node, puppet] = await meet(network)
    // Block, blocktxn and tx, in nothing but bytes that do not decode.
    for (const kind of [5, 8, 12]) puppet.sendBytes(node.id, Uint8Array.of(kind, 77, 0, 0, 0, 0xff))
    await network.pass(1)
    assert.equal(Math.round(node.scoreOf(puppet.id) ?? 0), 60)
  }))

test('headers that do not follow each other cost the connection', () =>
  withNetwork(async (network) => {
    const [node, puppet] = await meet(network)
    const { header } = tip.block
    puppet.send(node.id, { type: 'headers', id: 0, headers: [header, header] })
    await network.until(() => node.isBanned(puppet.id), 'ban', 5)
  }))

test('questions beyond the rate are not answered, and cost the connection in the end', () =>
  withNetwork(async (network) => {
    const [node, puppet] = await meet(network)
    const before = node.sentCount('inv')
    for (let i = 0; i < 600; i++) puppet.send(node.id, { type: 'mempool' })
    await network.until(() => node.isBanned(puppet.id), 'ban', 5)
    assert.ok(node.sentCount('inv') - before <= 4)
  }))

test('frames of unknown kinds are ignored, up to a rate', () =>
  withNetwork(async (network) => {
    const [node, puppet] = await meet(network)
    const flood = (): void => {
      for (let i = 0; i < 400; i++) puppet.sendBytes(node.id, Uint8Array.of(200))
    }
    flood()
    await network.pass(15)
    assert.equal(node.scoreOf(puppet.id), 0)
    flood()
    flood()
    await network.until(() => node.isBanned(puppet.id), 'ban', 5)
  }))

test('blocks beyond what may wait are not served', () =>
  withNetwork(async (network) => {
    const [node, puppet] = await meet(network)
    const hashes = Array.from({ length: 16 }, (_, i) => chain.ancestor(tip, i + 1).block.header.hashBytes)
    // A slow disk, so that requests pile up.
    const { readBlock } = node.chain
    node.chain.readBlock = async (index) => {
      await network.time.sleep(100)
      return readBlock.call(node.chain, index)
    }
    for (let id = 1; id <= 40; id++) puppet.send(node.id, { type: 'getdata', id, hashes })
    await network.until(() => node.isBanned(puppet.id), 'ban', 5)
    assert.ok(node.sentCount('block') <= 33, `${node.sentCount('block')} sent`)
  }))

test('only the active chain is served whole', () =>
  withNetwork(async (network) => {
    const [node, puppet] = await meet(network)
    const side = chain.mineBlock(chain.ancestor(tip, 39), [], { extraNonce: Uint8Array.of(9) })
    await node.chain.acceptBlock(side.block)
    const hashes = [side.block.header.hashBytes, tip.block.header.hashBytes]
    puppet.send(node.id, { type: 'getdata', id: 5, hashes })
    await network.pass(1)
    const answers = puppet.received.slice(-2)
    assert.deepEqual(
      answers.map((answer) => answer.type),
      ['notfound', 'block'],
    )
  }))

test('getheaders is answered from the last common block, to the stop, and empty from above our tip', () =>
  withNetwork(async (network) => {
    const [node, puppet] = await meet(network)
    const ask = async (locator: Uint8Array[], stop: Uint8Array = new Uint8Array(32)): Promise<number[]> => {
      puppet.send(node.id, { type: 'getheaders', id: 9, locator, stop })
      await network.pass(1)
      const answer = puppet.received[puppet.received.length - 1]
      assert.ok(answer.type === 'headers' && answer.id === 9)
      return [answer.headers.length, answer.headers[0]?.time ?? 0]
    }
    const hashAt = (height: number) => chain.ancestor(tip, height).block.header.hashBytes
    const timeAt = (height: number) => chain.ancestor(tip, height).block.header.time
    const unknown = new Uint8Array(32).fill(1)
    assert.deepEqual(await ask([unknown, hashAt(30), hashAt(0)]), [10, timeAt(31)])
    assert.deepEqual(await ask([unknown]), [40, timeAt(1)])
    assert.deepEqual(await ask([hashAt(10)], hashAt(12)), [2, timeAt(11)])
    const above = chain.mineBlock(tip)
    node.chain.acceptHeaders([above.block.header])
    assert.deepEqual(await ask([above.block.header.hashBytes, hashAt(10)]), [0, 0])
  }))

test('at most 256 bans are remembered, those that last longest', async () => {
  const store = new WatchedPeerStore()
  const set = new PeerSet({ ...stubs(), store })
  for (let i = 0; i < MAX_BANS + 10; i++) {
    const peer = set.connect({ id: `peer${i}` as PeerId, direction: 'inbound', address: '' }) as Peer
    set.drop(peer, 'Test.', 1000 + i)
  }
  assert.equal(store.saved.length, MAX_BANS)
  assert.equal(
    store.saved.some((ban) => ban.id === 'peer0'),
    false,
  )
  assert.equal(store.saved[0].id, `peer${MAX_BANS + 9}`)
})

test('bans by people are refused beyond their bound, and leave room for offenders', async () => {
  const store = new WatchedPeerStore()
  const set = new PeerSet({ ...stubs(), store })
  const year = 365 * 86_400
  for (let i = 0; i < MAX_MANUAL_BANS; i++)
    assert.equal(await set.banManually(`long${i}` as PeerId, 'Test.', year), true)
  assert.equal(await set.banManually('another' as PeerId, 'Test.', 2 * year), false)
  assert.equal(set.isBanned('another' as PeerId), false)
  for (let i = 0; i < MAX_BANS; i++)
    set.offended(`rude${i}` as PeerId, { code: 'flood', detail: 'Floods.', penalty: BAN_SCORE })
  assert.equal(store.saved.length, MAX_BANS)
  assert.equal(store.saved.filter(({ manual }) => manual).length, MAX_MANUAL_BANS)
})

test('a ban made while the date was wrong lasts as long as it was meant to, in this life and the next', async () => {
  const year = 365 * 86_400_000
  let now = 2 * year
  const clock = { now: () => now, after: () => () => {} }
  const store = new WatchedPeerStore()
  const set = new PeerSet({ ...stubs(), clock: new SteadyClock(clock), store })
  const id = 'unlucky' as PeerId
  await set.banManually(id, 'Test.', 3600)
  now = year
  assert.equal(set.banned()[0].until, now + 3_600_000)
  now += 3_601_000
  assert.equal(set.isBanned(id), false)
  // Closed before the date was set right. The next life ends too early, the one after it keeps to what was left.
  now = year
  const next = new PeerSet({ ...stubs(), clock: new SteadyClock(clock), store })
  await next.loadBans()
  assert.equal(next.banned()[0].until, now + 3_600_000)
  now += 1_800_000
  const last = new PeerSet({ ...stubs(), clock: new SteadyClock(clock), store })
  await last.loadBans()
  assert.equal(last.isBanned(id), true)
  now += 1_801_000
  assert.equal(last.isBanned(id), false)
})

test('offences that the transport tells of add up, are logged, and ban', async () => {
  const store = new WatchedPeerStore()
  const log: string[] = []
  const set = new PeerSet({ ...stubs(), log: (line) => log.push(line), store })
  const id = 'peer' as PeerId
  const peer = set.connect({ id, direction: 'inbound', address: '' }) as Peer
  const offence = { code: 'stream-reset', detail: 'Streams that fail.', penalty: 50 }
  set.offended(id, offence)
  assert.equal(set.has(peer), true)
  assert.deepEqual(log, ['Peer peer: Streams that fail. (stream-reset, score 50)'])
  set.offended(id, offence)
  assert.equal(set.has(peer), false)
  assert.deepEqual(
    store.saved.map((ban) => [ban.id, ban.reason]),
    [[id, 'Streams that fail. (stream-reset)']],
  )
})

test('who is not connected is banned for a grave offence alone, and the transport is told', async () => {
  const store = new WatchedPeerStore()
  const { transport, ...rest } = stubs()
  const banned: [PeerId, number][] = []
  transport.disconnect = (id, _reason, seconds) => banned.push([id, seconds])
  const set = new PeerSet({ ...rest, transport, store })
  const id = 'stranger' as PeerId
  set.offended(id, { code: 'signalling-flood', detail: 'Asks and gives up.', penalty: 20 })
  assert.equal(store.saved.length, 0)
  set.offended(id, { code: 'signalling-flood', detail: 'Asks and gives up.', penalty: 100 })
  assert.equal(store.saved[0].id, id)
  assert.deepEqual(banned, [[id, 3600]])
  // So too after the tab was closed and opened anew: refused before it costs a connection.
  const next = new PeerSet({ ...rest, transport, store })
  await next.loadBans()
  assert.deepEqual(banned, [
    [id, 3600],
    [id, 3600],
  ])
})

test('a token bucket gives its capacity at once and then its rate', () => {
  let now = 0
  const clock = { now: () => now, after: () => () => {} }
  const bucket = new TokenBucket(clock, 10, 2)
  assert.equal(bucket.take(11), false)
  assert.equal(bucket.take(10), true)
  assert.equal(bucket.take(1), false)
  now = 500
  assert.equal(bucket.take(1), true)
  assert.equal(bucket.spend(4), 2000)
  now = 1_000_000
  assert.equal(bucket.take(10), true)
  assert.equal(bucket.take(1), false)
})

test('a flood of headers with little work is bounded, by peer and in all', () =>
  withNetwork(async (network) => {
    const node = await network.node('node', tip)
    const { peers, sync } = headerSyncOf(node, network)
    const join = (name: string): Peer => {
      const peer = peers.connect({ id: name as PeerId, direction: 'inbound', address: '' }) as Peer
      peer.hello = network.puppet(`${name}-hello`).greeting as HelloMessage
      sync.add(peer)
      return peer
    }
    const before = node.chain.headers.size
    /** How many headers of side branches a peer gets in before it is refused. */
    const flood = (peer: Peer): number => {
      const start = node.chain.headers.size
      for (;;) {
        const result = sync.accept(peer, sideBranch(39), false)
        if (!result.ok) {
          assert.equal(result.code, 'low-work-headers')
          return node.chain.headers.size - start
        }
      }
    }
    const [first, second, third] = ['first', 'second', 'third'].map(join)
    const own = flood(first)
    assert.ok(own > 19_000 && own <= 20_000, `${own} headers of one peer`)
    flood(second)
    const last = flood(third)
    assert.ok(last < 19_000, `${last} headers of the third`)
    assert.ok(node.chain.headers.size - before <= 50_000)
    // What leads to more work is still welcome.
    const more = chain.mineEmpty(chain.genesis, 41, { extraNonce: Uint8Array.of(5) })
    const headers = chain.branch(more).map(({ block }) => block.header)
    assert.equal(sync.accept(first, headers, false).ok, true)
  }))

test('work that is claimed and not done pays for no headers', () =>
  withNetwork(async (network) => {
    const node = await network.node('node', tip)
    const { peers, sync } = headerSyncOf(node, network)
    const peer = peers.connect({ id: 'peer' as PeerId, direction: 'inbound', address: '' }) as Peer
    peer.hello = network.puppet('hello').greeting as HelloMessage
    sync.add(peer)
    const before = node.chain.headers.size
    const branch = sideBranch(39)
    const last = branch[branch.length - 1]
    const claim = BlockHeader.of({
      ...last,
      previousHash: last.hashBytes,
      time: last.time + 30,
      bits: 0x03000001,
    })
    const result = sync.accept(peer, [...branch, claim], false)
    assert.equal(!result.ok && result.code, 'high-hash')
    assert.equal(node.chain.headers.size, before)
  }))

function catchUp({ chain }: TestNode, peers: PeerSet, { time }: TestNetwork): CatchUp {
  return new CatchUp({ chain, peers, clock: time, asking: () => false })
}

let salt = 0

/** Headers with work, from genesis, that lead nowhere. */
function sideBranch(length: number): BlockHeader[] {
  const branch: BlockHeader[] = []
  let parent = chain.genesis.block.header
  for (let i = 0; i < length; i++) {
    const merkleRoot = new Uint8Array(32)
    new DataView(merkleRoot.buffer).setUint32(0, ++salt)
    let header: BlockHeader
    let nonce = 0
    do
      header = BlockHeader.of({
        ...parent,
        previousHash: parent.hashBytes,
        merkleRoot,
        time: parent.time + 30,
        nonce: nonce++,
      })
    while (header.hashBytes[31] >= 0x7f)
    branch.push(header)
    parent = header
  }
  return branch
}

/** The part that takes headers, on the chain of a node, with peers of its own. */
function headerSyncOf(node: TestNode, network: TestNetwork): { peers: PeerSet; sync: HeaderSync } {
  const peers = new PeerSet({
    ...stubs(),
    clock: new SteadyClock(network.time),
    store: new WatchedPeerStore(),
  })
  const sync = new HeaderSync({
    chain: node.chain,
    peers,
    clock: network.time,
    catchUp: catchUp(node, peers, network),
    learnt: () => {},
    announced: () => {},
    crowded: (keep) => node.chain.forgetHeaders([keep]),
  })
  return { peers, sync }
}

function stubs() {
  const transport = silentTransport()
  const clock = new SteadyClock({ now: () => 1000, after: () => () => {} })
  return { transport, clock, log: () => {}, gone: () => {} }
}

/** What a peer says that has all the blocks of the nodes here: nobody needs to ask it whether it follows. */
const AT_TIP = { height: 40, tipHash: tip.block.header.hashBytes }

test('a tab that was away asks every peer for headers, and blames none for answers that it slept through', () =>
  withNetwork(async (network) => {
    let slept = 0
    const clock = {
      now: () => network.time.now() + slept,
      after: (milliseconds: number, run: () => void) => network.time.after(milliseconds, run),
    }
    const node = await network.node('node', tip, new WatchedPeerStore(), clock)
    const puppets = ['first', 'second', 'third'].map((name) => network.puppet(name, AT_TIP))
    for (const puppet of puppets) puppet.serve([])
    await node.join()
    for (const puppet of puppets) await puppet.join()
    await network.pass(1)
    // One of them owes an answer when the tab falls asleep.
    puppets[0]!.onMessage = () => {}
    const news = chain.mineEmpty(tip, 2).block.header
    puppets[0]!.send(node.id, { type: 'headers', id: 0, headers: [news] })
    await network.until(() => puppets[0]!.got('getheaders') > 0, 'a question', 5)
    const asked = puppets.map((puppet) => puppet.got('getheaders'))
    slept = 60_000
    await network.pass(2)
    assert.deepEqual(
      puppets.slice(1).map((puppet, i) => puppet.got('getheaders') - asked[i + 1]!),
      [1, 1],
    )
    const lost = (): readonly PeerId[] => node.lost.map(({ id }) => id)
    assert.deepEqual(lost(), [])
    // From then on it has as long as ever.
    await network.until(() => lost().length > 0, 'the silent peer is lost', 12)
    assert.deepEqual(lost(), [puppets[0]!.id])
  }))

test('a busy tab, whose look at its peers comes some seconds late, was not away', () =>
  withNetwork(async (network) => {
    let late = 0
    const clock = {
      now: () => network.time.now() + late,
      after: (milliseconds: number, run: () => void) => network.time.after(milliseconds, run),
    }
    const node = await network.node('node', tip, new WatchedPeerStore(), clock)
    const puppet = network.puppet('puppet', AT_TIP)
    puppet.serve([])
    await node.join()
    await puppet.join()
    await network.pass(1)
    const asked = puppet.got('getheaders')
    late = 7000
    await network.pass(3)
    assert.equal(puppet.got('getheaders'), asked)
  }))
test('offences of exactly the score of a ban lead to one, whatever time passes while they are judged', () => {
  fc.assert(
    fc.property(
      fc.array(fc.integer({ min: 0, max: 40 }), { minLength: 1, maxLength: 60 }),
      fc.constantFrom([100], [50, 50], [20, 20, 20, 20, 20], [5, 95]),
      (delays, offences) => {
        // Time goes on whenever anyone looks at it.
        let now = 1_000
        let looks = 0
        const clock = {
          now: () => {
            now += delays[looks++ % delays.length]
            return now
          },
          after: () => () => {},
        }
        const store = new WatchedPeerStore()
        const set = new PeerSet({ ...stubs(), clock: new SteadyClock(clock), store })
        const peer = set.connect({ id: 'rude' as PeerId, direction: 'inbound', address: '' }) as Peer
        for (const points of offences)
          set.punish(peer, invalid('test', 'Test.'), { marksHeader: false, gossip: 'reject', points })
        assert.equal(set.has(peer), false)
        assert.equal(store.saved[0].id, 'rude')
      },
    ),
  )
})

test('a point is forgiven a minute, and nothing is saved up for later', () => {
  let now = 0
  const clock = { now: () => now, after: () => () => {} }
  const peer = new Peer({ id: 'peer' as PeerId, direction: 'inbound', address: '' }, 1, clock)
  now = 3_600_000
  assert.equal(peer.addPoints(10), 10)
  now += 59_999
  assert.equal(peer.score, 10)
  now += 1
  assert.equal(peer.score, 9)
  now += 30_000
  assert.equal(peer.addPoints(5), 14)
  now += 30_000
  assert.equal(peer.score, 13, 'half a minute before the offence and half a minute after')
  now += 3_600_000
  assert.equal(peer.score, 0)
})
