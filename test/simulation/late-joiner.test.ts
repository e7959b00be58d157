/** Promises: a tab that joins late gets the whole chain; killed at any step of that, it loses nothing and gets the rest. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { REGTEST } from '../../src/consensus/params.ts'
import type { SimulatedNode } from '../../src/simulation/simulated-node.ts'
import type { World } from '../../src/simulation/world.ts'
import { MINUTE } from '../../src/simulator/run.ts'
import { newWorld } from '../support/worlds.ts'

const params = { ...REGTEST, coinbaseMaturity: 3 }

/** Two nodes that share a chain of `count` blocks. */
async function grown(seed: string, count: number): Promise<World> {
  const world = newWorld(seed, { params })
  const [miner] = await world.startNodes(2)
  const address = await world.time.complete(world.rpc(miner, 'getnewaddress'))
  await world.time.complete(world.rpc(miner, 'generatetoaddress', count, address))
  await world.until(() => world.agreed(), 'both have the chain')
  return world
}

function height({ core: { chain } }: SimulatedNode): number {
  return chain.headers.height(chain.tip)
}

test('a late joiner gets 500 blocks', async () => {
  const world = await grown('500 blocks', 500)
  const late = await world.addNode()
  await world.time.complete(late.start())
  await world.until(() => height(late) === 500, 'the late one has the chain', MINUTE)
  assert.equal(world.agreed(), true)
  await world.checkInvariants()
})

test('a node that slept gets what it missed, and keeps its wallet', async () => {
  const world = await grown('asleep', 20)
  const [awake, sleeper] = world.nodes
  const address = await world.time.complete(world.rpc(sleeper, 'getnewaddress'))
  await world.time.complete(sleeper.stop())
  const txid = await world.time.complete(world.rpc(awake, 'sendtoaddress', address, 7))
  await world.time.complete(world.rpc(awake, 'generatetoaddress', 80, address))
  await world.run(24 * 60 * MINUTE)
  await world.time.complete(sleeper.start())
  await world.until(() => height(sleeper) === 100, 'the sleeper has the chain', MINUTE)
  await world.time.complete(sleeper.wallet.settled())
  const received = (await world.time.complete(world.rpc(sleeper, 'gettransaction', txid))) as {
    amount: number
    confirmations: number
  }
  assert.deepEqual([received.amount, received.confirmations], [7, 80])
  await world.checkInvariants()
})

test('killed at any call of its store, a node that syncs opens again and gets the rest', async (context) => {
  const world = await grown('killed at every step', 60)
  let call = 0
  for (let killed = true; killed; ) {
    call++
    killed = false
    const node = await world.addNode({ wallet: false })
    node.onStoreCall = (number) => {
      if (number !== call) return
      killed = true
      world.background(node.kill())
    }
    world.background(node.start())
    await world.until(() => killed || (node.running && height(node) === 60), 'killed or done', MINUTE)
    if (!node.alive) await world.time.complete(node.start())
    await world.until(() => height(node) === 60, `killed at call ${call}, it has the chain`, MINUTE)
    await world.time.complete(node.stop())
  }
  assert.ok(call > 10, 'it was killed on the way')
  context.diagnostic(`killed at ${call - 1} calls`)
  await world.checkInvariants()
})
