/** Promise: a node tells what happens when it is durable, and when storage fails it stops safely and says so once. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { StorageError } from '../../../src/chain/store.ts'
import { MemoryChainStore } from '../../../src/storage/memory-chain-store.ts'
import { MemoryWalletStore } from '../../../src/storage/memory-wallet-store.ts'
import { TestChain } from '../../support/chain-builder.ts'
import { deliver, openChain } from '../../support/chain-nodes.ts'
import { ToldFaults } from '../../support/faults.ts'
import { NodeRig, RIG_PARAMS, type RigNode, STRANGER } from '../../support/node-rig.ts'
import { WatchedStore } from '../../support/watched-store.ts'

/** A disk that is full from some moment on: it can be read, and takes nothing more. */
class FillingChainStore extends MemoryChainStore {
  full = false

  override async write(batch: Parameters<MemoryChainStore['write']>[0]): Promise<void> {
    if (this.full) throw new StorageError('quota', 'The disk is full.')
    return super.write(batch)
  }
}

class FillingWalletStore extends MemoryWalletStore {
  full = false

  override async commit(changes: ReadonlyMap<string, string | undefined>): Promise<void> {
    if (this.full) throw new StorageError('quota', 'The disk is full.')
    return super.commit(changes)
  }
}

test('a mined block, a payment and its confirmation are told', async () => {
  const rig = new NodeRig()
  const node = await rig.add('node')
  await node.fund()
  assert.deepEqual(
    node.told('tip').map(({ height, connected, disconnected }) => [height, connected, disconnected]),
    [1, 2, 3, 4, 5, 6].map((height) => [height, 1, 0]),
  )
  assert.deepEqual(
    node.told('mined').map(({ height }) => height),
    [1, 2, 3, 4, 5, 6],
  )
  node.events.length = 0
  const txid = await node.rpc('sendtoaddress', STRANGER, 1)
  const [added] = node.told('transaction')
  assert.deepEqual([added.txid, added.change], [txid, 'added'])
  assert.ok(added.fee! > 0)
  assert.ok(node.told('wallet').some(({ txids }) => txids.includes(txid as never)))
  node.events.length = 0
  const [hash] = await node.generate(1, STRANGER)
  const [left] = node.told('transaction')
  assert.deepEqual([left.txid, left.change, left.fee], [txid, 'block', undefined])
  assert.equal(node.told('tip')[0].hash, hash)
  assert.ok(node.told('wallet').some(({ txids }) => txids.includes(txid as never)))
})

test('a reorganisation is told, and logged for people', async () => {
  const node = await new NodeRig().add('node')
  await node.generate(2, STRANGER)
  node.events.length = 0
  await node.rpc('invalidateblock', await node.rpc('getblockhash', 1))
  assert.deepEqual(
    node.told('tip').map(({ height, disconnected, connected }) => [height, disconnected, connected]),
    [[0, 2, 0]],
  )
  assert.match(node.told('log')[0].message, /reorganised above block 0: blocks left 2, joined 0/)
})

test('peers come and go, and the chain catches up', async () => {
  const rig = new NodeRig()
  const old = await rig.add('old')
  await old.generate(30, STRANGER)
  const young = await rig.add('young')
  await rig.until(() => young.tip === old.tip && young.told('sync').at(-1)?.synced === true)
  assert.deepEqual(young.told('peer')[0], { id: 'old', change: 'connected' })
  assert.deepEqual(young.told('sync').at(-1), { headers: 30, blocks: 30, synced: true })
  assert.equal(young.told('network').at(-1)?.directPeers, 1)
  const [peer] = await young.rpc('getpeerinfo')
  assert.deepEqual([peer.id, peer.peerid, peer.startingheight], [1, 'old', 30])
  assert.deepEqual([peer.synced_headers, peer.synced_blocks, peer.inflight], [30, 30, []])
  assert.equal((await young.rpc('getnetworkinfo')).connections, 1)
  assert.equal(await young.rpc('getconnectioncount'), 1)
  await rig.time.complete(old.core.close())
  await rig.until(() => young.told('peer').at(-1)?.change === 'disconnected')
})

test('mining is told while it runs, and stops when asked', async () => {
  const rig = new NodeRig()
  const node = await rig.add('node')
  await node.rpc('setgenerate', true, 1, 0.5)
  assert.deepEqual(
    (({ active, threads, throttle }) => [active, threads, throttle])(node.told('mining').at(-1)!),
    [true, 1, 0.5],
  )
  await rig.until(() => node.told('mined').length >= 3)
  const info = await node.rpc('getmininginfo')
  assert.equal(info.generate, true)
  assert.equal(info.blocks, await node.rpc('getblockcount'))
  assert.ok(info.blocksfound >= 3)
  assert.equal(info.graphicscard, false)
  await node.rpc('setgenerate', true, 1, 0.5, true)
  assert.equal(node.told('mining').at(-1)!.graphicsCard, true)
  await node.rpc('setgenerate', true)
  assert.equal((await node.rpc('getmininginfo')).graphicscard, true, 'as before')
  await node.rpc('setgenerate', false)
  assert.equal(node.told('mining').at(-1)!.active, false)
  assert.equal(
    (await node.rpc('getwalletinfo')).immature_balance + (await node.rpc('getbalances')).mine.trusted,
    50 * info.blocks,
  )
})

test('locking and unlocking are told', async () => {
  const node = await new NodeRig().add('node')
  node.events.length = 0
  node.signer.lock()
  assert.deepEqual(node.told('wallet'), [{ wallet: '', loaded: true, state: 'locked', txids: [] }])
})

async function assertStopped(node: RigNode, height: number): Promise<void> {
  const faults = node.told('fault')
  assert.equal(faults.length, 1)
  assert.equal(faults[0].kind, 'storage')
  assert.match(faults[0].message, /The disk is full\..*kept and can be read.*reload/)
  assert.equal(node.core.miner.state.status, 'stopped')
  assert.equal(await node.rpc('getblockcount'), height, 'the chain stays where it was durable')
  for (const call of [
    ['sendtoaddress', STRANGER, 1],
    ['setgenerate', true],
    ['generatetoaddress', 1, STRANGER],
    ['getnewaddress'],
  ] as const) {
    const [method, ...args] = call
    const { code, message } = await node.failure(method, ...args)
    assert.equal(code, -20, method)
    assert.match(message, /Free some space and reload/)
  }
  const tip = await node.rpc('getblock', node.tip, 2)
  assert.equal(tip.height, height)
  assert.equal((await node.rpc('getbalances')).lastprocessedblock.height, height)
  assert.ok((await node.rpc('listtransactions')).length > 0)
}

test('a full disk stops mining and payments; the chain stays readable and reopens', async () => {
  const rig = new NodeRig()
  const chainStore = new FillingChainStore()
  const walletStore = new FillingWalletStore()
  const node = await rig.add('node', { chainStore, walletStore })
  await node.fund()
  await node.rpc('setgenerate', true)
  chainStore.full = true
  await rig.until(() => node.told('fault').length > 0)
  await assertStopped(node, 6)
  walletStore.full = true
  assert.equal((await node.failure('setlabel', STRANGER, 'someone')).code, -20)
  assert.equal(node.told('fault').length, 1, 'told once')
  await rig.time.complete(node.core.close())

  const again = await rig.add('node', { chainStore: chainStore.clone() })
  assert.equal(await again.rpc('getblockcount'), 6)
  await again.generate(1)
})

test('a bug in the chain stops mining and payments, and says so', async () => {
  const rig = new NodeRig()
  const chainStore = new FillingChainStore()
  const faults = new ToldFaults()
  const node = await rig.add('node', { chainStore, faults })
  await node.fund()
  await node.rpc('setgenerate', true)
  chainStore.write = () => Promise.reject(new TypeError('a bug'))
  await rig.until(() => faults.told.length > 0)
  const [{ error, consequence }] = faults.told
  assert.match(String(error), /a bug/)
  assert.match(String(consequence), /fault of this program.*Reload/)
  assert.equal(faults.told.length, 1, 'told once')
  assert.equal(node.core.miner.state.status, 'stopped')
  assert.equal((await node.failure('sendtoaddress', STRANGER, 1)).code, -20)
  assert.equal(await node.rpc('getblockcount'), 6)
})

test('a payment whose outcome storage did not keep is not called unsent', async () => {
  const rig = new NodeRig()
  const walletStore = new FillingWalletStore()
  const node = await rig.add('node', { walletStore })
  await node.fund()
  // The payment is recorded and on its way when something else can not be.
  node.core.mempool.subscribe({
    added: () => {
      walletStore.full = true
      void node.core.wallet!.newAddress().catch(() => {})
    },
  })
  const { code, message } = await node.failure('sendtoaddress', STRANGER, 1)
  assert.equal(code, -20)
  const [txid] = [...node.core.mempool.entries()].map((entry) => entry.transaction.txid)
  assert.ok(message.includes(txid), message)
  assert.match(message, /may be on its way.*history before you pay again/)
})

test('a disk that is full when the node opens is told to who listens later', async () => {
  const inner = new MemoryChainStore()
  const blocks = new TestChain(RIG_PARAMS)
  // The disk has room for a body, and none to connect it.
  const before = await openChain({ params: RIG_PARAMS, store: new WatchedStore(inner, 1) })
  await deliver(before, [blocks.mineBlock(blocks.genesis)])
  const rig = new NodeRig()
  const node = await rig.add('node', { wallet: false, chainStore: new WatchedStore(inner, 0, 'quota') })
  assert.deepEqual(
    node.told('fault').map(({ kind }) => kind),
    ['storage'],
  )
  assert.throws(() => node.core.requireStorage(), StorageError)
})

test('a wallet that can not be stored stops the same way, and the payment is not sent', async () => {
  const rig = new NodeRig()
  const walletStore = new FillingWalletStore()
  const node = await rig.add('node', { walletStore })
  await node.fund()
  await node.rpc('setgenerate', true)
  walletStore.full = true
  const { code } = await node.failure('sendtoaddress', STRANGER, 1)
  assert.equal(code, -20)
  assert.equal(node.core.mempool.size, 0)
  await assertStopped(node, 6)
  await rig.time.complete(node.core.close())
})

test('a node that is closed amid its work is done when told so, and opens at what it said', async () => {
  const rig = new NodeRig()
  const node = await rig.add('node')
  const peer = await rig.add('peer')
  await node.fund()
  await rig.until(() => peer.tip === node.tip)
  await peer.rpc('setgenerate', true)
  await node.rpc('setgenerate', true)
  await rig.until(() => node.told('mined').length > 8)
  const calls = ['getnewaddress', 'getbalances', 'gettxoutsetinfo'].map(
    (method) => node.core && node.rpc(method),
  )
  const stopping = node.rpc('stop')
  const closing = node.core.close()
  await Promise.allSettled(calls)
  assert.match(await stopping, /stopped/)
  await rig.time.complete(closing)
  const told = node.events.length
  const { hash } = node.told('tip').at(-1)!
  node.signer.lock()
  await rig.time.run(60_000)
  assert.equal(node.events.length, told, 'a closed node is silent')
  for (const method of ['getblockcount', 'setgenerate', 'getnewaddress']) {
    const { code, message } = await node.failure(method, ...(method === 'setgenerate' ? [true] : []))
    assert.equal(code, -1)
    assert.match(message, /Reload the page/)
  }
  await node.restart()
  const { chain } = node.core
  assert.ok(chain.isActive(chain.headers.find(hash)), 'what was told is durable')
})
