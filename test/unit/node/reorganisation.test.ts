/** Promise: a payment that was made is mined in the end, whatever branches, restarts and mempools do meanwhile. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { NodeRig, STRANGER } from '../../support/node-rig.ts'

test('a payment that only the lost branch held is told to the others and mined again', async () => {
  const rig = new NodeRig()
  const payer = await rig.add('payer')
  const payee = await rig.add('payee')
  const east = await rig.add('east', { wallet: false })
  const west = await rig.add('west', { wallet: false })
  const nodes = [payer, payee, east, west]
  const agree = () => nodes.every(({ tip }) => tip === payer.tip)
  await payer.fund()
  await rig.until(agree)

  rig.network.partition([
    [payer.id, payee.id],
    [east.id, west.id],
  ])
  const txid = await payer.rpc('sendtoaddress', await payee.rpc('getnewaddress'), 3)
  await payer.generate(2, STRANGER)
  await rig.until(() => payee.tip === payer.tip)
  assert.equal((await payee.rpc('gettransaction', txid)).confirmations, 2)
  await east.generate(3, STRANGER)
  assert.equal(await west.rpc('getmempoolinfo').then(({ size }) => size), 0)

  rig.network.heal()
  await rig.until(() => agree() && payer.tip === east.tip)
  assert.ok(payer.told('tip').some(({ disconnected, connected }) => disconnected === 2 && connected === 3))
  assert.equal((await payee.rpc('gettransaction', txid)).confirmations, 0)
  assert.equal((await payee.rpc('getbalances')).mine.untrusted_pending, 3)
  // At once: not only when mempools are compared, five minutes later.
  assert.ok(await rig.time.run(5_000, () => east.core.mempool.size === 1))
  await east.generate(1, STRANGER)
  await rig.until(agree)
  for (const node of [payer, payee]) assert.equal((await node.rpc('gettransaction', txid)).confirmations, 1)
  for (const node of nodes) assert.equal(node.core.mempool.size, 0)
})

test('a payment that waits is offered again after a restart', async () => {
  const rig = new NodeRig()
  const payer = await rig.add('payer')
  await payer.fund()
  const txids = [await payer.rpc('sendtoaddress', STRANGER, 1), await payer.rpc('sendtoaddress', STRANGER, 2)]
  await payer.restart()
  assert.deepEqual(await payer.rpc('getrawmempool'), txids, 'the second spends change of the first')
  const other = await rig.add('other', { wallet: false })
  await rig.until(() => other.core.mempool.size === 2)
})

test('a payment that fell out of the mempool is offered again with the next block', async () => {
  const rig = new NodeRig()
  const payer = await rig.add('payer')
  const miner = await rig.add('miner', { wallet: false })
  await payer.fund()
  await rig.until(() => miner.tip === payer.tip)
  rig.network.partition([[payer.id], [miner.id]])
  const txid = await payer.rpc('sendtoaddress', STRANGER, 1)
  const later = Math.floor(rig.time.now() / 1000) + 15 * 86_400
  for (const node of [payer, miner]) await node.rpc('setmocktime', later)
  const [hash] = await miner.generate(1, STRANGER)
  assert.equal(await payer.rpc('submitblock', await miner.rpc('getblock', hash, 0)), null)
  await rig.until(() => payer.core.mempool.size === 1)
  assert.deepEqual(
    payer.told('transaction').map((told) => [told.txid, told.change]),
    [
      [txid, 'added'],
      [txid, 'expired'],
      [txid, 'added'],
    ],
  )
  assert.equal((await payer.rpc('gettransaction', txid)).inmempool, true)
})
