/** Promises: after a partition all nodes end on the branch with more work, and a payment that was only in the lost branch is mined again. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { REGTEST } from '../../src/consensus/params.ts'
import type { Txid } from '../../src/primitives/hashes.ts'
import type { SimulatedNode } from '../../src/simulation/simulated-node.ts'
import type { World } from '../../src/simulation/world.ts'
import { MINUTE, SECOND } from '../../src/simulator/run.ts'
import { newWorld } from '../support/worlds.ts'

/** The hash of a node's tip. */
function tipOf({ core: { chain } }: SimulatedNode): string {
  return chain.headers.hash(chain.tip)
}

function heightOf({ core: { chain } }: SimulatedNode): number {
  return chain.headers.height(chain.tip)
}

async function generate(world: World, node: SimulatedNode, count: number): Promise<void> {
  const address = await world.time.complete(world.rpc(node, 'getnewaddress'))
  await world.time.complete(world.rpc(node, 'generatetoaddress', count, address))
}

test('the branch with more work wins, and the payments of the lost one are mined again', async () => {
  const world = newWorld('more work')
  const strong = [await world.addNode({ hashRate: 0.2 }), await world.addNode({ hashRate: 0.2 })]
  const weak = [await world.addNode({ hashRate: 0.02 }), await world.addNode({ hashRate: 0.02 })]
  for (const node of world.nodes) await world.time.complete(node.start())
  world.mine([weak[0]])
  await world.until(() => weak[0].wallet.balances().trusted > 0, 'the weak have money', 60 * MINUTE)
  await world.rest()

  world.network.partition([strong.map(({ id }) => id), weak.map(({ id }) => id)])
  const address = await world.time.complete(world.rpc(weak[1], 'getnewaddress'))
  const txid = (await world.time.complete(world.rpc(weak[0], 'sendtoaddress', address, 0.5))) as Txid
  world.mine([...strong, ...weak])
  await world.run(20 * MINUTE)
  assert.equal(await world.rest(), false, 'two branches')
  assert.equal(weak[1].wallet.transaction(txid)?.state, 'confirmed')
  assert.equal(strong[0].core.mempool.has(txid), false)
  const [won, lost] = [tipOf(strong[0]), tipOf(weak[0])]
  assert.notEqual(won, lost)

  const left: number[] = []
  world.onEvent = (id, event) => {
    if (id === weak[1].id && event.name === 'tip') left.push(event.detail.disconnected)
  }
  const before = heightOf(weak[1])
  // The payer is gone: the payment lives on in the mempool of whoever left the block that held it.
  await weak[0].kill()
  world.network.heal()
  await world.until(() => world.agreed(), 'all agree', MINUTE)
  assert.deepEqual([...strong, weak[1]].map(tipOf), [won, won, won])
  assert.ok(left[0] > 0 && left[0] <= before, 'one reorganisation, in one step')
  assert.equal(weak[1].wallet.transaction(txid)?.state, 'pending')

  world.mine([strong[0]])
  const confirmed = () => weak[1].wallet.transaction(txid)?.state === 'confirmed'
  await world.until(confirmed, 'the payment is mined again', 30 * MINUTE)
  await world.time.complete(weak[0].start())
  await world.settle([strong[0]])
  assert.equal(weak[0].wallet.transaction(txid)?.state, 'confirmed')
  await world.settle([strong[0]])
  await world.checkInvariants()
})

test('of two branches of equal work each node keeps the one it saw first, also when it starts again', async () => {
  const world = newWorld('equal work', { params: { ...REGTEST, coinbaseMaturity: 3 } })
  const nodes = await world.startNodes(4)
  await generate(world, nodes[0], 5)
  await world.until(() => world.agreed(), 'all agree')
  world.network.partition([
    [nodes[0].id, nodes[1].id],
    [nodes[2].id, nodes[3].id],
  ])
  await generate(world, nodes[0], 3)
  await generate(world, nodes[2], 3)
  await world.run(10 * SECOND)
  const tips = nodes.map(tipOf)
  assert.deepEqual(tips, [tips[0], tips[0], tips[2], tips[2]])
  assert.notEqual(tips[0], tips[2])
  world.network.heal()
  await world.run(2 * MINUTE)
  assert.deepEqual(nodes.map(tipOf), tips)
  for (const node of nodes) {
    await node.kill()
    await world.time.complete(node.start())
  }
  await world.run(2 * MINUTE)
  assert.deepEqual(nodes.map(tipOf), tips)
  await generate(world, nodes[3], 1)
  await world.until(() => world.agreed(), 'the next block decides', MINUTE)
  assert.equal(tipOf(nodes[0]), tipOf(nodes[3]))
  assert.equal(heightOf(nodes[0]), 9)
  await world.checkInvariants()
})

test('three groups that mined for themselves agree', async () => {
  const world = newWorld('three groups')
  const nodes = await world.startNodes(6)
  world.mine(nodes)
  await world.run(5 * MINUTE)
  world.network.partition([0, 1, 2].map((group) => nodes.slice(group * 2, group * 2 + 2).map(({ id }) => id)))
  await world.run(15 * MINUTE)
  assert.equal(new Set(nodes.map(tipOf)).size > 1, true)
  await world.settle(nodes)
  await world.checkInvariants()
})
