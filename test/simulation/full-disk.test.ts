/** Promise: a full disk stops one tab's mining and payments, says so, leaves what it holds readable, and does not trouble the others. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { MINUTE } from '../../src/simulator/run.ts'
import { newWorld } from '../support/worlds.ts'

test('one node whose disk is full', async () => {
  const world = newWorld('full disk')
  const nodes = await world.startNodes(3)
  const [, full] = nodes
  const faults: string[] = []
  world.onEvent = (id, event) => {
    if (event.name === 'fault') faults.push(`${id} ${event.detail.kind}`)
  }
  world.mine(nodes)
  await world.until(() => full.wallet.balances().trusted > 1e8, 'it has money', 60 * MINUTE)
  const address = await world.time.complete(world.rpc(nodes[0], 'getnewaddress'))

  full.diskFull = true
  const { chain } = full.core
  const stopped = chain.headers.height(chain.tip)
  await world.run(10 * MINUTE)
  assert.deepEqual([...new Set(faults)], [`${full.id} storage`])
  assert.equal(chain.headers.height(chain.tip), stopped)
  assert.equal(full.core.miner.state.status, 'stopped')
  for (const node of [nodes[0], nodes[2]])
    assert.ok(node.core.chain.headers.height(node.core.chain.tip) > stopped + 5, 'the others go on')

  const block = await world.time.complete(world.rpc(full, 'getblock', chain.headers.hash(chain.tip)))
  assert.equal((block as { height: number }).height, stopped)
  assert.ok(full.wallet.balances().trusted > 0, 'the balance is readable')
  await assert.rejects(world.time.complete(world.rpc(full, 'sendtoaddress', address, 0.1)))

  full.diskFull = false
  await full.kill()
  await world.time.complete(full.start())
  await world.settle(nodes)
  await world.checkInvariants()
})
