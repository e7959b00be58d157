/**
 * Promise: a node without a wallet works without the wallet's part of the program; where that can't be fetched for a wallet just made, the
 * person is told, nothing is lost, and the next call tries again. A wallet that comes late sees what happened before, and a node that is
 * still fetching closes.
 */
import assert from 'node:assert/strict'
import test from 'node:test'
import type { LoadWallet } from '../../../src/node/node-core.ts'
import { walletPart } from '../../../src/node/wallet-part.ts'
import { type Json, NodeRig, STRANGER } from '../../support/node-rig.ts'
import { PASSPHRASE, value } from '../../support/wallets.ts'

/** A server of the page that comes and goes. */
class PageServer {
  isThere = true
  asked = 0

  readonly load: LoadWallet = async () => {
    this.asked++
    if (!this.isThere) throw new Error('The server is gone.')
    return walletPart
  }
}

test('a node without a wallet mines, answers and restarts without asking for its part', async () => {
  const server = new PageServer()
  const node = await new NodeRig().add('node', { wallet: false, loadWallet: server.load })
  await node.rpc('generatetoaddress', 3, STRANGER)
  await node.restart()
  assert.equal((await node.rpc('getblockchaininfo')).blocks, 3)
  assert.equal((await node.failure('getblocktemplate')).code, -18)
  assert.equal(server.asked, 0)
  assert.equal((await node.failure('getbalances')).code, -18)
  assert.equal(server.asked, 1)
})

test('a wallet made while its part can not be fetched is followed by the next call that gets it', async () => {
  const rig = new NodeRig()
  const server = new PageServer()
  const node = await rig.add('node', { wallet: false, loadWallet: server.load })
  server.isThere = false
  value(await node.signer.create(PASSPHRASE))
  await rig.until(() => node.told('fault').length > 0)
  assert.deepEqual(node.told('fault'), [{ kind: 'wallet', message: 'The server is gone.' }])
  assert.deepEqual(node.told('wallet'), [], 'a wallet is told of that can not be asked')
  assert.match((await node.failure('getbalances')).message, /The server is gone/)
  assert.equal((await node.rpc('getblockchaininfo')).blocks, 0)

  server.isThere = true
  assert.deepEqual(await node.rpc('listwallets'), [''])
  const address = await node.rpc('getnewaddress')
  await node.rpc('generatetoaddress', 1, address)
  assert.ok((await node.rpc('getbalances')).mine.immature > 0, 'it does not follow the chain')
  await node.restart()
  assert.ok((await node.rpc('getbalances')).mine.immature > 0, 'what it followed was not kept')
})

test('a wallet that is made is told of once it can be asked', async () => {
  const rig = new NodeRig()
  const node = await rig.add('node', { wallet: false })
  const asked: Promise<unknown>[] = []
  node.core.subscribe(({ name }) => {
    if (name === 'wallet') asked.push(node.rpc('getbalances'))
  })
  value(await node.signer.create(PASSPHRASE))
  await rig.until(() => asked.length > 0)
  await Promise.all(asked)
})

test('a wallet that is restored sees the payments that wait already, to it and from it', async () => {
  const rig = new NodeRig()
  const [before, after, payer] = await Promise.all([
    rig.add('before', { wallet: false }),
    rig.add('after', { wallet: false }),
    rig.add('payer'),
  ])
  const words = value(await before.signer.create(PASSPHRASE))
  value(await before.signer.unlock(PASSPHRASE))
  for (const miner of [before, payer]) {
    await miner.fund()
    await rig.until(() => [before, after, payer].every(({ tip }) => tip === miner.tip))
  }
  const spent = await before.rpc('sendtoaddress', STRANGER, 1)
  const received = await payer.rpc('sendtoaddress', await before.rpc('getnewaddress'), 2)
  const waiting = [spent, received].sort()
  await rig.until(() => [before, after].every(({ core }) => core.mempool.size === 2))

  value(await after.signer.restoreWords(words, PASSPHRASE))
  await rig.until(() => after.told('wallet').length > 0)
  await rig.time.complete(after.core.settled())
  const seen = (await after.rpc('listtransactions')).filter(({ confirmations }: Json) => confirmations === 0)
  assert.deepEqual([...new Set(seen.map(({ txid }: Json) => txid))].sort(), waiting)
  assert.deepEqual((await after.rpc('getbalances')).mine, (await before.rpc('getbalances')).mine)
})

test('a node closes while the part is being fetched, and opens no wallet after that', async () => {
  const rig = new NodeRig()
  let arrive = (): void => {}
  const arrived = new Promise<void>((resolve) => {
    arrive = resolve
  })
  const node = await rig.add('node', {
    wallet: false,
    loadWallet: async () => {
      await arrived
      return walletPart
    },
  })
  value(await node.signer.create(PASSPHRASE))
  const waiting = node.failure('getbalances')
  await node.rpc('stop')
  arrive()
  assert.match((await waiting).message, /has stopped/)
  assert.equal(node.core.wallet, undefined)
  assert.deepEqual([...node.told('fault'), ...node.told('wallet')], [])
})

test('a restored wallet gives no address out that its history has used', async () => {
  const rig = new NodeRig()
  const [before, after] = await Promise.all([
    rig.add('before', { wallet: false }),
    rig.add('after', { wallet: false }),
  ])
  const words = value(await before.signer.create(PASSPHRASE))
  const used = [await before.rpc('getnewaddress'), await before.rpc('getnewaddress')]
  for (const address of used) await before.generate(1, address)
  await rig.until(() => after.tip === before.tip)

  value(await after.signer.restoreWords(words, PASSPHRASE))
  const fresh = await after.rpc('getnewaddress')
  assert.ok(!used.includes(fresh), `${fresh} was given out before`)
})

test('what a later payment reveals is looked for in earlier blocks and among those that wait', async () => {
  const rig = new NodeRig()
  const [before, after, payer] = await Promise.all([
    rig.add('before', { wallet: false }),
    rig.add('after', { wallet: false }),
    rig.add('payer'),
  ])
  const words = value(await before.signer.create(PASSPHRASE))
  const addresses: string[] = []
  for (let i = 0; i < 50; i++) addresses.push(await before.rpc('getnewaddress'))
  await payer.fund()
  await payer.generate(1, addresses[30])
  await rig.until(() => after.tip === payer.tip)
  // Of these three payments only the last is found by who knows 20 addresses; it leads to the block, that to the other.
  await payer.rpc('sendtoaddress', addresses[48], 2)
  await payer.rpc('sendtoaddress', addresses[15], 1)
  await rig.until(() => [before, after].every(({ core }) => core.mempool.size === 2))

  value(await after.signer.restoreWords(words, PASSPHRASE))
  const fresh = await after.rpc('getnewaddress')
  assert.deepEqual((await after.rpc('getbalances')).mine, (await before.rpc('getbalances')).mine)
  assert.equal(fresh, addresses[49])
})
