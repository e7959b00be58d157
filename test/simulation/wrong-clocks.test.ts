/** Promise: a tab whose clock is wrong is told which way, follows the chain, and makes no branch of its own; liars change nothing of that. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { PeerId } from '../../src/network/transport.ts'
import type { ClockEvent, MiningEvent, NetworkEvent } from '../../src/node/events.ts'
import { Adversary } from '../../src/simulation/adversary.ts'
import { ATTACKS } from '../../src/simulation/attacks.ts'
import type { SimulatedNode } from '../../src/simulation/simulated-node.ts'
import type { World } from '../../src/simulation/world.ts'
import { MINUTE, SECOND } from '../../src/simulator/run.ts'
import { newWorld } from '../support/worlds.ts'

const conditions = { latency: [20, 100] as const, loss: 0, degree: 5 }

function height({ core: { chain } }: SimulatedNode): number {
  return chain.headers.height(chain.tip)
}

/** The last that a node told under each of three names. */
interface Told {
  clock?: ClockEvent
  mining?: MiningEvent
  network?: NetworkEvent
}

/** Five honest nodes that mine, and one more whose clock is ahead by so many minutes. */
async function worldWith(seed: string, minutesAhead: number): Promise<[World, SimulatedNode, Told]> {
  const world = newWorld(seed, { conditions })
  const honest = await world.startNodes(5, { hashRate: 0.01 })
  world.mine(honest)
  await world.run(10 * MINUTE)
  const node = await world.addNode({ clockError: minutesAhead * MINUTE, hashRate: 0.05 })
  const told: Told = {}
  world.onEvent = (id, { name, detail }) => {
    if (id === node.id && (name === 'clock' || name === 'mining' || name === 'network'))
      Object.assign(told, { [name]: detail })
  }
  await world.time.complete(node.start())
  return [world, node, told]
}

for (const minutes of [10, 8 * 60])
  test(`a clock that is ${minutes} minutes behind: the tab is told, follows, and mines with the others`, async () => {
    const [world, node, told] = await worldWith(`${minutes} minutes behind`, -minutes)
    await world.until(() => world.agreed() && height(node) > 5, 'it follows', MINUTE)
    assert.equal(told.clock?.offsetSeconds, minutes * 60)
    assert.match(told.clock.sentence ?? '', /^Your clock is (10 minutes|8 hours) behind what 5 tabs say\./)
    const info = (await world.rpc(node, 'getnetworkinfo')) as { timeoffset: number; warnings: string[] }
    assert.deepEqual([info.timeoffset, info.warnings], [minutes * 60, [told.clock.sentence]])
    const before = node.core.miner.state.blocksFound
    world.mine([node])
    await world.run(20 * MINUTE)
    assert.ok(node.core.miner.state.blocksFound > before, 'it finds blocks')
    assert.equal(told.mining?.pause, undefined)
    await world.settle(world.nodes)
    const mine = await world.time.complete(world.rpc(node, 'getbalances'))
    assert.ok((mine as { mine: { trusted: number } }).mine.trusted > 0, 'others build on its blocks')
    await world.checkInvariants()
  })

test('a clock that is 10 minutes ahead: the tab follows, and its mining rests with a sentence until the clock is right', async () => {
  const [world, node, told] = await worldWith('10 minutes ahead', 10)
  await world.until(() => world.agreed() && height(node) > 5, 'it follows', MINUTE)
  world.mine([node])
  await world.run(10 * MINUTE)
  assert.match(told.clock?.sentence ?? '', /^Your clock is 10 minutes ahead of what 5 tabs say\./)
  const info = (await world.rpc(node, 'getmininginfo')) as { pause?: string }
  assert.equal(info.pause, told.mining?.pause)
  assert.equal(told.mining?.pause, `Mining rests. ${told.clock?.sentence}`)
  assert.equal(node.core.miner.state.blocksFound, 0)
  assert.equal(node.core.miner.state.status, 'waiting')
  assert.equal(told.network?.alarms?.[0].code, 'clock')
  node.clockError = 0
  await world.run(2 * MINUTE)
  assert.equal(told.clock?.sentence, undefined)
  assert.equal(told.mining?.pause, undefined)
  assert.deepEqual(told.network?.alarms ?? [], [])
  await world.until(() => node.core.miner.state.blocksFound > 0, 'it mines', 20 * MINUTE)
  await world.settle(world.nodes)
})

for (const error of [-10, 0, 10])
  test(`two liars among five peers, and a clock ${error} minutes ahead`, async () => {
    const world = newWorld(`two liars ${error}`, { conditions })
    const honest = await world.startNodes(3, { hashRate: 0.02 })
    world.mine(honest)
    await world.run(5 * MINUTE)
    for (const name of ['liar 1', 'liar 2'])
      await new Adversary({
        id: name as PeerId,
        network: world.network,
        random: world.random.fork(name),
        attacks: [ATTACKS['wrong time']],
        view: () => honest[0].core,
      }).start()
    const node = await world.addNode({ clockError: error * MINUTE, hashRate: 0.02 })
    await world.time.complete(node.start())
    await world.until(() => node.core.peers.peers().length === 5, 'it has five peers', MINUTE)
    await world.run(5 * SECOND)
    for (const each of world.nodes) {
      const { offsetSeconds } = each.core.peers.clockState()
      assert.equal(offsetSeconds, each === node ? 0 - error * 60 : 0, `${each.id} is not moved`)
    }
    await world.until(() => world.agreed() && height(node) > 5, 'it follows', MINUTE)
    await world.settle(honest)
    await world.checkInvariants()
  })

test('a tab that is alone ahead of the others says that nobody follows it', async () => {
  const world = newWorld('alone ahead', { conditions })
  // Too few peers to tell whose clock is wrong.
  const [other] = await world.startNodes(1)
  const node = await world.addNode({ clockError: 10 * MINUTE, hashRate: 0.1 })
  let told: NetworkEvent | undefined
  world.onEvent = (id, { name, detail }) => {
    if (id === node.id && name === 'network') told = detail as NetworkEvent
  }
  await world.time.complete(node.start())
  world.mine([node])
  await world.until(() => told?.alarms?.[0]?.code === 'unfollowed', 'it says so', 20 * MINUTE)
  assert.match(
    told?.alarms?.[0].sentence ?? '',
    /The one tab that is connected does not follow the last \d+ blocks/,
  )
  assert.ok(height(node) - height(other) >= 3)
})
