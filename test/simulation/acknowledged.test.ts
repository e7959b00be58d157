/** Promise: a killed tab loses nothing it acknowledged, not even what it said as it died. */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { REGTEST } from '../../src/consensus/params.ts'
import type { BlockHash, Txid } from '../../src/primitives/hashes.ts'
import { Acknowledged } from '../../src/simulation/acknowledged.ts'
import { MINUTE } from '../../src/simulator/run.ts'
import { newWorld } from '../support/worlds.ts'

test('a payment or an address whose answer is the last thing that a tab does is there when it starts again', async () => {
  const world = newWorld('last words', { params: { ...REGTEST, coinbaseMaturity: 3 } })
  const [payer, payee] = await world.startNodes(2)
  const own = await world.time.complete(world.rpc(payer, 'getnewaddress'))
  await world.time.complete(world.rpc(payer, 'generatetoaddress', 40, own))
  // Every start checks what was acknowledged before.
  for (let i = 0; i < 25; i++) {
    const address = (await world.time.complete(world.rpc(payee, 'getnewaddress'))) as string
    payee.acknowledged.address(address)
    await payee.kill()
    await world.time.complete(payee.start())
    const txid = await world.time.complete(world.rpc(payer, 'sendtoaddress', address, 1))
    payer.acknowledged.payment(txid as Txid)
    await payer.kill()
    await world.time.complete(payer.start())
  }
  await world.run(10 * MINUTE)
  await world.time.complete(world.rpc(payer, 'generatetoaddress', 1, own))
  await world.settle([payer])
  await world.checkInvariants()
})

test('a block whose miner dies as it tells of it is held by the next life, which connects it', async () => {
  const world = newWorld('mined and dead')
  const [node] = await world.startNodes(1)
  const mined: BlockHash[] = []
  let connectedLater = 0
  world.onEvent = (_, event) => {
    // The body is stored, and nobody waited for the tip.
    if (event.name === 'mined') {
      mined.push(event.detail.hash)
      world.background(node.kill())
    } else if (event.name === 'tip' && event.detail.hash === mined.at(-1)) connectedLater++
  }
  world.mine([node])
  for (let i = 0; i < 20; i++) {
    await world.until(() => !node.alive, 'it mines a block and dies', 60 * MINUTE)
    await world.time.complete(node.start())
    await world.time.complete(node.core.chain.settled())
    const { chain } = node.core
    assert.equal(chain.headers.hash(chain.tip), mined[i])
  }
  assert.ok(connectedLater > 0, 'some lives began below the block mined before')
  world.onEvent = () => {}
  await world.settle([node])
  await world.checkInvariants()
})

test('whatever is gone of what a node told is noticed', async () => {
  const world = newWorld('forgotten', { params: REGTEST })
  const [node, other] = await world.startNodes(2)
  world.network.partition([[node.id], [other.id]])
  const address = (await world.time.complete(world.rpc(node, 'getnewaddress'))) as string
  await world.time.complete(world.rpc(node, 'generatetoaddress', 2, address))
  const { acknowledged, core } = node
  acknowledged.checkSettled(core)
  assert.throws(() => acknowledged.check(other.core), /block .* is no longer held/)

  // The block stays, the tip leaves it.
  const { chain } = core
  const mined = new Acknowledged()
  mined.mined(chain.headers.hash(chain.tip))
  await world.time.complete(chain.invalidate(chain.tip))
  assert.throws(() => acknowledged.check(core), /a tip of work \d+ was told/)
  mined.check(core)
  assert.throws(() => mined.checkSettled(core), /a block of work \d+ was mined/)
  assert.throws(() => mined.check(other.core), /block .* is no longer held/)

  const promises = new Acknowledged()
  promises.address(address)
  promises.check(core)
  assert.throws(() => promises.check(other.core), /the address .* was lost/)
  const paid = new Acknowledged()
  paid.payment('00'.repeat(32) as Txid)
  assert.throws(() => paid.check(core), /the payment .* was lost/)
})
