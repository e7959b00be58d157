/** Promise: a tab whose clock is wrong is told so by the most of its peers, and few liars tell nothing. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import type { PeerId } from '../../../src/network/transport.ts'
import { conclusionOf } from '../../../src/protocol/clock-comparison.ts'
import { TestChain } from '../../support/chain-builder.ts'
import { networksOf, type Puppet, type TestNetwork } from '../../support/protocol-nodes.ts'

const chain = new TestChain()
const MINUTE = 60_000

const withNetwork = networksOf(chain)

/** Peers whose clocks are off by these milliseconds, in order of connection. */
async function join(network: TestNetwork, errors: readonly number[], name = 'peer'): Promise<Puppet[]> {
  const puppets: Puppet[] = []
  for (const [i, error] of errors.entries()) {
    const puppet = network.puppet(`${name} ${i}`)
    puppet.serve([])
    puppet.clock = () => network.time.now() + error
    puppets.push(puppet)
    await puppet.join()
  }
  await network.pass(1)
  return puppets
}

test('a minority of liars moves nothing, whatever they say', () => {
  const liar = fc.oneof(fc.integer({ min: -1e15, max: 1e15 }), fc.integer({ min: -200_000, max: 200_000 }))
  fc.assert(
    fc.property(
      fc.integer({ min: -1e9, max: 1e9 }),
      fc.array(fc.integer({ min: -5_000, max: 5_000 }), { minLength: 2, maxLength: 10 }),
      fc.array(liar, { maxLength: 9 }),
      fc.infiniteStream(fc.nat()),
      (truth, jitters, lies, order) => {
        const liars = lies.slice(0, jitters.length - 1)
        const offsets = [...jitters.map((jitter) => truth + jitter), ...liars]
        const shuffled = offsets
          .map((offset) => ({ offset, at: order.next().value as number }))
          .sort((a, b) => a.at - b.at)
          .map(({ offset }) => offset)
        const { offsetSeconds, peers } = conclusionOf(shuffled)
        if (offsets.length < 3) assert.equal(peers, 0)
        else {
          assert.ok(Math.abs(offsetSeconds * 1000 - truth) <= 5_500, `${offsetSeconds} s`)
          assert.ok(peers * 2 > offsets.length)
        }
      },
    ),
    { numRuns: 2000 },
  )
})

test('one or two peers tell nothing, and divided ones neither', () => {
  for (const offsets of [[], [6e5], [6e5, 6e5], [0, 6e5, 12e5], [0, 0, 6e5, 6e5]])
    assert.deepEqual(conclusionOf(offsets), { offsetSeconds: 0, peers: 0, sentence: undefined }, `${offsets}`)
})

test('the sentence says which way, by how much, and what to do, beyond a minute', () => {
  assert.equal(conclusionOf([59_000, 60_000, 60_400]).sentence, undefined)
  const behind = conclusionOf([600_000, 601_000, 599_000, 3]).sentence
  assert.match(behind!, /^Your clock is 10 minutes behind what 3 tabs say\. .*Set date, time and time zone/)
  const early = conclusionOf(Array(5).fill(-(3 * 60 + 20) * MINUTE)).sentence
  assert.match(early!, /^Your clock is 3 hours 20 minutes ahead of what 5 tabs say\. /)
  assert.match(conclusionOf(Array(3).fill(61_000)).sentence!, /is 1 minute behind/)
  assert.match(conclusionOf(Array(3).fill(1e12)).sentence!, /is 11574 days 1 hour behind/)
})

test('a clock that three of five peers find ten minutes slow is told, and no more when it is right again', () =>
  withNetwork(async (network) => {
    const node = await network.node('node', chain.genesis)
    await node.join()
    const told: (string | undefined)[] = []
    node.manager.subscribe({ clockChanged: ({ sentence }) => told.push(sentence) })
    const puppets = await join(network, [10 * MINUTE, 10 * MINUTE + 3000, 10 * MINUTE, -90 * MINUTE, 5e9])
    const { offsetSeconds, peers, sentence } = node.manager.clockState()
    assert.deepEqual([offsetSeconds, peers], [600, 3])
    const [alarm] = node.manager.networkStatus().alarms ?? []
    assert.deepEqual([alarm.code, alarm.sentence], ['clock', sentence])
    assert.ok(node.log.includes(sentence!))
    // Their clocks, or ours: what differs is all that can be seen.
    for (const puppet of puppets) puppet.clock = () => network.time.now()
    await network.pass(65)
    assert.deepEqual(node.manager.clockState(), { offsetSeconds: 0, peers: 5, sentence: undefined })
    assert.equal(node.manager.networkStatus().alarms, undefined)
    assert.equal(told.at(-1), undefined)
  }))

test('liars who come in later have no vote where peers are that came before', () =>
  withNetwork(
    async (network) => {
      const node = await network.node('node', chain.genesis)
      const honest = await join(network, [0, 500, -500, 0, 0], 'honest')
      await node.join()
      await network.pass(1)
      assert.equal(node.manager.peers().length, 5)
      await join(network, Array(20).fill(30 * MINUTE), 'liar')
      await network.pass(70)
      assert.ok(node.manager.peers().length > 11, 'most peers lie')
      assert.equal(node.manager.clockState().sentence, undefined)
      assert.equal(node.manager.clockState().offsetSeconds, 0)
      assert.equal(honest.length, 5)
    },
    // So that the node dials none of them.
    { degree: 5 },
  ))

test('an answer that a tab got too late, having slept, tells nothing; one that it did not ask for costs score', () =>
  withNetwork(async (network) => {
    const node = await network.node('node', chain.genesis)
    await node.join()
    const puppets = await join(network, [0, 0, 0])
    for (const puppet of puppets) {
      puppet.clock = undefined
      puppet.onMessage = (message, from) => {
        if (message.type === 'getheaders') puppet.send(from, { type: 'headers', id: message.id, headers: [] })
        if (message.type !== 'gettime') return
        const time = network.time.now()
        network.time.after(20_000, () => puppet.send(from, { type: 'time', id: message.id, time }))
      }
    }
    await network.pass(110)
    assert.equal(node.manager.clockState().offsetSeconds, 0)
    puppets[0].send(node.id, { type: 'time', id: 999, time: 0 })
    await network.pass(1)
    assert.equal(node.scoreOf(puppets[0].id), 20)
  }))

/** A clock that is three hours fast until it is set right. */
function fastClock(network: TestNetwork) {
  const { time } = network
  let ahead = 180 * MINUTE
  return {
    now: () => time.now() + ahead,
    after: (milliseconds: number, run: () => void) => time.after(milliseconds, run),
    setRight: () => {
      ahead = 0
    },
  }
}

test('a clock that is set back holds up no timeout: who does not answer for headers is left, and another asked', () =>
  withNetwork(async (network) => {
    const clock = fastClock(network)
    const tip = chain.mineEmpty(chain.genesis, 30)
    const node = await network.node('node', chain.genesis, undefined, clock)
    await node.join()
    const mute = network.puppet('mute', {
      height: 30,
      chainWork: 1n << 40n,
      tipHash: new Uint8Array(32).fill(7),
    })
    mute.onMessage = () => {}
    await mute.join()
    await network.pass(2)
    clock.setRight()
    await network.pass(2)
    const { hashBytes } = tip.block.header
    const honest = network.puppet('honest', { height: 30, chainWork: 62n, tipHash: hashBytes })
    honest.serve(chain.branch(tip).map(({ block }) => block))
    await honest.join()
    await network.until(() => node.height === 30, 'sync', 30)
    assert.deepEqual(node.lost, [{ id: mute.id, reason: 'It did not answer for headers.' }])
    const [peer] = node.manager.peers()
    const age = network.time.now() - peer.connectedAt
    assert.ok(age >= 0 && age < MINUTE, `people are told the time by the clock as it is set now, not ${age}`)
  }))

test('a block whose gossip is lost while the clock is set back is fetched', () =>
  withNetwork(async (network) => {
    const clock = fastClock(network)
    const tip = chain.mineEmpty(chain.genesis, 3)
    const node = await network.node('node', tip, undefined, clock)
    await node.join()
    const { hashBytes } = tip.block.header
    const puppet = network.puppet('puppet', { height: 3, chainWork: 8n, tipHash: hashBytes })
    const next = chain.mineEmpty(tip, 1)
    puppet.serve(chain.branch(next).map(({ block }) => block))
    await puppet.join()
    await network.pass(5)
    puppet.send(node.id, { type: 'headers', id: 0, headers: [next.block.header] })
    await network.time.run(500)
    clock.setRight()
    await network.until(() => node.height === 4, 'the block', 10)
  }))

test('a clock that is set right is found right at once', () =>
  withNetwork(async (network) => {
    const clock = fastClock(network)
    const node = await network.node('node', chain.genesis, undefined, clock)
    await node.join()
    await join(network, [0, 0, 0])
    assert.equal(node.manager.clockState().offsetSeconds, -180 * 60)
    clock.setRight()
    await network.pass(3)
    assert.deepEqual(node.manager.clockState(), { offsetSeconds: 0, peers: 3, sentence: undefined })
  }))

test('a peer whose answers about the time come late is not blamed, and one beyond what is waited for neither', () =>
  withNetwork(async (network) => {
    const node = await network.node('node', chain.genesis)
    await node.join()
    for (const [name, seconds] of [
      ['slow', 70],
      ['slower', 700],
    ] as const) {
      const puppet = network.puppet(name)
      puppet.serve([])
      const serve = puppet.onMessage
      puppet.onMessage = (message, from) => {
        if (message.type !== 'gettime') serve(message, from)
        else {
          const answer = { type: 'time', id: message.id, time: network.time.now() } as const
          network.time.after(seconds * 1000, () => puppet.send(from, answer))
        }
      }
      await puppet.join()
    }
    for (let minute = 0; minute < 25; minute++) {
      await network.pass(60)
      assert.deepEqual([node.scoreOf('slow' as PeerId), node.scoreOf('slower' as PeerId)], [0, 0])
    }
  }))

test('a tab dated before 1970 is no offender', () =>
  withNetwork(async (network) => {
    const node = await network.node('node', chain.genesis)
    const early = await network.node('early', chain.genesis, undefined, {
      now: () => network.time.now() - 1e13,
      after: (milliseconds, run) => network.time.after(milliseconds, run),
    })
    await node.join()
    await early.join()
    await network.pass(200)
    assert.equal(node.scoreOf(early.id), 0)
  }))

test('with too few peers to compare clocks, blocks from the future tell of a slow clock', () =>
  withNetwork(async (network) => {
    const now = Math.floor(network.time.now() / 1000)
    const early = chain.mineBlock(chain.genesis, [], { time: now + 3 * 3600 })
    const node = await network.node('node', chain.genesis)
    const puppet = network.puppet('puppet', {
      height: 1,
      tipHash: early.block.header.hashBytes,
      chainWork: 1n << 60n,
    })
    puppet.serve([early.block])
    await puppet.join()
    await node.join()
    await network.pass(40)
    assert.equal(node.manager.networkStatus().alarms, undefined, 'one block can be early')
    await network.pass(30)
    const [alarm] = node.manager.networkStatus().alarms ?? []
    assert.equal(alarm.code, 'clock')
    assert.match(alarm.sentence, /newest blocks bear times .* Set date, time/)
    await puppet.leave()
    await network.pass(40)
    assert.equal(node.manager.networkStatus().alarms, undefined)
  }))

test('a chain that no peer follows is told as that, and no more when one does', () =>
  withNetwork(async (network) => {
    const tip = chain.mineEmpty(chain.genesis, 6)
    const node = await network.node('node', tip)
    const puppets = await join(network, [0, 0])
    await node.join()
    await network.pass(30)
    assert.equal(node.manager.networkStatus().alarms, undefined, 'not before it asked twice')
    await network.pass(40)
    const [alarm] = node.manager.networkStatus().alarms ?? []
    assert.equal(alarm.code, 'unfollowed')
    assert.match(alarm.sentence, /^None of the 2 tabs that are connected follows the last 6 blocks/)
    puppets[0].send(node.id, { type: 'headers', id: 0, headers: [tip.block.header] })
    await network.pass(2)
    assert.equal(node.manager.networkStatus().alarms, undefined)
  }))

test('who follows only slowly follows', () =>
  withNetwork(async (network) => {
    const tip = chain.mineEmpty(chain.genesis, 200)
    const node = await network.node('node', tip)
    const [puppet] = await join(network, [0])
    await node.join()
    for (let height = 1; height < 20; height++) {
      const hashes = [chain.ancestor(tip, height * 5).block.header.hashBytes]
      puppet.send(node.id, { type: 'getdata', id: height, hashes })
      await network.pass(20)
      assert.equal(node.manager.networkStatus().alarms, undefined)
    }
  }))
