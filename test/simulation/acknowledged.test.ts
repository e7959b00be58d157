/** Promise: a killed tab loses nothing it acknowledged, not even what it said as it died. */

import { test } from 'node:test'
import { REGTEST } from '../../src/consensus/params.ts'
import type { Txid } from '../../src/primitives/hashes.ts'
import { MINUTE } from '../../src/simulation/world.ts'
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
