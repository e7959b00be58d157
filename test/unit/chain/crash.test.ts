/**
 * Promise: a tab that dies between any two writes, or whose storage fails at any write, reopens at a consistent tip with nothing lost
 * that it had acknowledged.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { MemoryChainStore } from '../../../src/storage/memory-chain-store.ts'
import { growTree } from '../../support/block-trees.ts'
import { TEST_SALT, type TestBlock, TestChain } from '../../support/chain-builder.ts'
import { deliver, openChain, QUICK, recordEvents, stateOf } from '../../support/chain-nodes.ts'
import { HeldCheckPool } from '../../support/held-check-pool.ts'
import { WatchedStore } from '../../support/watched-store.ts'

const net = new TestChain(QUICK)
const verified = { alreadyVerified: () => true }

/** What a chain that has seen nothing but the branch to this tip comes to. */
const expected = new Map<string, string>()
async function expectedAt(tip: TestBlock): Promise<string> {
  const known = expected.get(tip.block.hash)
  if (known !== undefined) return known
  const chain = await openChain(verified)
  await deliver(chain, net.branch(tip))
  const state = await stateOf(chain)
  expected.set(tip.block.hash, state)
  return state
}

for (const { seed, coinCacheBytes } of [
  { seed: 11, coinCacheBytes: undefined },
  { seed: 12, coinCacheBytes: 3000 },
  { seed: 13, coinCacheBytes: 12_000 },
]) {
  test(`a crash after any write, cache of ${coinCacheBytes ?? 'any number of'} bytes`, async (context) => {
    const tree = growTree(seed, 30)
    const byHash = new Map([net.genesis, ...tree.blocks].map((each) => [each.block.hash, each]))
    let writes = 0
    for (let granted = 0; granted <= writes; granted++) {
      const disk = new MemoryChainStore(TEST_SALT)
      const store = new WatchedStore(disk, granted)
      const chain = await openChain({ ...verified, store, coinCacheBytes })
      const acknowledged: TestBlock[] = []
      const tips: number[] = []
      chain.subscribe({ tipChanged: ({ tip }) => tips.push(chain.headers.height(tip)) })
      for (const [i, each] of tree.blocks.entries()) {
        const result = await chain.acceptBlock(each.block)
        if (result.ok) acknowledged.push(each)
        if (i % 3 === 0) await chain.settled()
      }
      await chain.settled()
      if (store.batches.length === granted) writes = granted + 1

      // Nothing more can be written: this chain stays where the disk says.
      const stopped = await openChain({
        ...verified,
        store: new WatchedStore(disk.clone(), 0),
        coinCacheBytes,
      })
      const tip = byHash.get(stopped.headers.hash(stopped.tip)) as TestBlock
      assert.ok(tip.height >= Math.max(0, ...tips), `tip ${tip.height} after ${tips}`)
      assert.equal(await stateOf(stopped), await expectedAt(tip))
      for (const { block } of acknowledged) {
        const index = stopped.headers.find(block.hash)
        assert.ok(stopped.headers.hasBody(index), `block ${block.hash} was acknowledged`)
        assert.equal((await stopped.readBlock(index))?.hash, block.hash)
      }
      const reopened = await openChain({ ...verified, store: disk.clone(), coinCacheBytes })
      await deliver(reopened, tree.blocks)
      assert.equal(await stateOf(reopened), await expectedAt(tree.best))
    }
    context.diagnostic(`${writes} crashes`)
  })
}

test('a crash after any write on branches that leave different coins to count', async (context) => {
  const base = net.mineEmpty(net.genesis, 6)
  const coin = net.miner.coinbaseOf(net.ancestor(base, 1))
  const first = net.mineEmpty(net.mineBlock(base, [net.miner.pay([coin], net.miner.scriptPubKey, 1000)]), 3)
  const second = net.mineEmpty(base, 5, { extraNonce: Uint8Array.of(1) })
  const back = net.mineEmpty(first, 8)
  // Past a snapshot at 8, over to another before its commitment at 11 and beyond it, and back beyond the next pair.
  const legs = [net.branch(first), net.branch(second).slice(6), net.branch(back).slice(10)]
  const byHash = new Map(legs.flat().map((each) => [each.block.hash, each]))
  let writes = 0
  for (let granted = 0; granted <= writes; granted++) {
    const disk = new MemoryChainStore(TEST_SALT)
    const store = new WatchedStore(disk, granted)
    const chain = await openChain({ ...verified, store, coinCacheBytes: 3000 })
    for (const leg of legs) await deliver(chain, leg)
    if (store.batches.length === granted) writes = granted + 1
    const reopened = await openChain({ ...verified, store: disk.clone(), coinCacheBytes: 3000 })
    await reopened.settled()
    const tip = byHash.get(reopened.headers.hash(reopened.tip)) ?? net.genesis
    assert.equal(await stateOf(reopened), await expectedAt(tip))
    for (const leg of legs) await deliver(reopened, leg)
    assert.equal(await stateOf(reopened), await expectedAt(back))
  }
  context.diagnostic(`${writes} crashes`)
})

test('a block is connected while its body is written, and told once it and its body are durable', async () => {
  const inner = new MemoryChainStore(TEST_SALT)
  const order: string[] = []
  let release = (): void => {}
  const written = new Promise<void>((resolve) => {
    release = resolve
  })
  const store = new WatchedStore(inner)
  const write = store.write.bind(store)
  store.write = async (batch) => {
    if (batch.bodies) await written
    await write(batch)
    order.push(batch.bodies ? 'body durable' : 'commit durable')
  }
  const checks = new HeldCheckPool()
  const base = net.mineEmpty(net.genesis, 3)
  const coin = net.miner.coinbaseOf(net.ancestor(base, 1))
  const paid = net.mineBlock(base, [net.miner.pay([coin], net.miner.scriptPubKey, 1000)])
  const before = await openChain({ store: inner })
  await deliver(before, net.branch(base))
  const chain = await openChain({ store, checks })
  chain.subscribe({ tipChanged: () => order.push('tip told') })
  const accepted = chain.acceptBlock(paid.block).then(() => order.push('accepted'))
  await checks.asked(1)
  checks.pass(0)
  for (let turn = 0; turn < 50; turn++) await undefined
  assert.deepEqual(order, [])
  release()
  await accepted
  await chain.settled()
  assert.deepEqual(order, ['body durable', 'accepted', 'commit durable', 'tip told'])
})

test('a block found bad while its body is written is accepted all the same, told once, and known by the next life', async () => {
  const base = net.mineEmpty(net.genesis, 1)
  const bad = net.mineBlock(base, [], { claim: 100 * 100_000_000 })
  const inner = new MemoryChainStore(TEST_SALT)
  const store = new WatchedStore(inner)
  const chain = await openChain({ store })
  await deliver(chain, [base])
  const events = recordEvents(chain)
  const told = new Promise<void>((resolve) => {
    chain.subscribe({ blockInvalid: () => resolve() })
  })
  const write = store.write.bind(store)
  store.write = async (batch) => {
    await told
    await write(batch)
  }
  // Whoever gossiped it is answered as if it had been stored sooner.
  assert.ok((await chain.acceptBlock(bad.block)).ok)
  await chain.settled()
  assert.deepEqual(events, ['invalid 2 bad-cb-amount'])
  const killed = await openChain({ store: inner.clone() })
  await killed.settled()
  await chain.close()
  for (const each of [killed, await openChain({ store: inner.clone() })]) {
    const index = each.headers.find(bad.block.hash)
    assert.deepEqual([each.headers.hasBody(index), each.headers.isInvalid(index)], [true, true])
    assert.equal(each.headers.height(each.tip), 1)
  }
})

test('what waits for a body whose write fails hears of that failure, not of a body missing', async () => {
  const [first, second] = [1, 2].map((nonce) =>
    net.mineEmpty(net.genesis, 1, { extraNonce: Uint8Array.of(nonce) }),
  )
  const store = new WatchedStore(new MemoryChainStore(TEST_SALT), 2, 'quota')
  const chain = await openChain({ store })
  await deliver(chain, [first])
  const events = recordEvents(chain)
  let refused: Promise<unknown> | undefined
  const readUndo = store.readUndo.bind(store)
  // On its way to the second block: its body is held, and lost before it is read.
  store.readUndo = async (indexes) => {
    await refused
    return readUndo(indexes)
  }
  refused = chain.acceptBlock(second.block)
  await assert.rejects(chain.invalidate(chain.tip), { message: 'The store fails on purpose.' })
  assert.deepEqual(events, ['failed The store fails on purpose.'])
})

test('a failing store is told once, stops writing and leaves the chain readable', async () => {
  const tip = net.mineEmpty(net.genesis, 3)
  const [first, second, third] = net.branch(tip)
  const store = new WatchedStore(new MemoryChainStore(TEST_SALT), 3, 'quota')
  const chain = await openChain({ store })
  const events = recordEvents(chain)
  await deliver(chain, [first])
  const result = await chain.acceptBlock(second.block)
  assert.ok(result.ok)
  await chain.settled()
  assert.equal(chain.headers.height(chain.tip), 1)
  const refused = await chain.acceptBlock(third.block)
  assert.deepEqual(
    [refused.ok, !refused.ok && refused.kind, !refused.ok && refused.code],
    [false, 'retry', 'storage-busy'],
  )
  assert.deepEqual(events, ['tip 0 -0 +1 = 1', 'failed The store fails on purpose.'])
  assert.equal(store.batches.length, 3)
  assert.equal((await chain.readBlock(chain.tip))?.hash, first.block.hash)
  assert.equal(chain.headers.isInvalid(chain.headers.find(second.block.hash)), false)
  assert.equal(await stateOf(chain), await expectedAt(first))
})
