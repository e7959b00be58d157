/** Promise: headers whose bodies never come take no room for ever, and a chain whose blocks stand in their places is like any other. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { findTransaction } from '../../src/chain/chain-search.ts'
import { MemoryChainStore } from '../../src/storage/memory-chain-store.ts'
import { TEST_SALT, TestChain } from '../support/chain-builder.ts'
import { deliver, openChain, QUICK, stateOf } from '../support/chain-nodes.ts'

const net = new TestChain(QUICK)

test('blocks in the places of forgotten headers are connected, found, left and joined again, and the chain opens again', async () => {
  const disk = new MemoryChainStore(TEST_SALT)
  const chain = await openChain({ store: disk })
  const base = net.mineEmpty(net.genesis, 20)
  await deliver(chain, net.branch(base))
  // What somebody claims and never serves, twice over; later blocks come to stand in the places of the first.
  const claimed = net.branch(net.mineEmpty(base, 50, { extraNonce: Uint8Array.of(7) }))
  assert.ok(chain.acceptHeaders(claimed.map(({ block }) => block.header)).ok)
  const first = net.mineEmpty(base, 30)
  await deliver(chain, net.branch(first).slice(20))
  const { end } = chain.headers
  chain.forgetHeaders([])
  assert.equal(chain.headers.size, 51)
  const again = net.branch(net.mineEmpty(first, 40, { extraNonce: Uint8Array.of(8) })).slice(50)
  assert.ok(chain.acceptHeaders(again.map(({ block }) => block.header)).ok)
  chain.forgetHeaders([])
  const longer = net.mineEmpty(first, 45)
  await deliver(chain, net.branch(longer).slice(50))
  assert.equal(chain.headers.end, end, 'no new place was needed')
  assert.equal(chain.headers.hash(chain.tip), longer.block.hash)
  assert.ok(chain.tip < chain.activeAt(50), 'a child stands before its ancestors')

  const fresh = await openChain()
  await deliver(fresh, net.branch(longer))
  const expected = await stateOf(fresh)
  assert.equal(await stateOf(chain), expected)
  for (const height of [3, 45, 60, 95]) {
    const coinbase = net.ancestor(longer, height).block.transactions[0]
    const found = await findTransaction(chain, coinbase.txid)
    assert.equal(found && chain.headers.height(found.index), height)
  }

  const middle = chain.activeAt(60)
  await chain.invalidate(middle)
  assert.equal(chain.headers.height(chain.tip), 59)
  await chain.reconsider(middle)
  await chain.settled()
  assert.equal(await stateOf(chain), expected)
  await chain.close()
  const reopened = await openChain({ store: disk.clone() })
  await reopened.settled()
  assert.equal(await stateOf(reopened), expected)
  assert.equal(reopened.headers.size, 96)
  const rival = net.mineEmpty(first, 46, { extraNonce: Uint8Array.of(9) })
  await deliver(reopened, net.branch(rival).slice(50))
  assert.equal(reopened.headers.hash(reopened.tip), rival.block.hash)
})

test('what leads to a body, or is to be kept, is never forgotten', async () => {
  const chain = await openChain()
  const branch = net.branch(net.mineEmpty(net.genesis, 10))
  assert.ok(chain.acceptHeaders(branch.map(({ block }) => block.header)).ok)
  // A body in the middle, whose parents are still on their way.
  assert.ok((await chain.acceptBlock(branch[5].block)).ok)
  chain.forgetHeaders([chain.headers.find(branch[7].block.hash)])
  const { headers } = chain
  assert.deepEqual(
    branch.map(({ block }) => headers.find(block.hash) >= 0),
    branch.map((_, i) => i <= 7),
  )
  await deliver(chain, branch)
  assert.equal(headers.height(chain.tip), 10)
})

/** A chain of thirty blocks, the last ten behind fifty places that headers were forgotten from, and one of these places. */
async function behindFreePlaces(store: MemoryChainStore) {
  const chain = await openChain({ store })
  const base = net.mineEmpty(net.genesis, 20)
  await deliver(chain, net.branch(base))
  const claimed = net.branch(net.mineEmpty(base, 50, { extraNonce: Uint8Array.of(7) }))
  assert.ok(chain.acceptHeaders(claimed.map(({ block }) => block.header)).ok)
  const free = chain.headers.find(claimed[20].block.hash)
  const tip = net.mineEmpty(base, 30)
  await deliver(chain, net.branch(tip).slice(20))
  chain.forgetHeaders([])
  return { chain, tip, free }
}

test('a tip that stands behind free places opens again', async () => {
  const disk = new MemoryChainStore(TEST_SALT)
  const { chain, tip } = await behindFreePlaces(disk)
  assert.ok(chain.tip >= chain.headers.size, 'its index is above the number of headers')
  assert.equal(chain.tip, chain.headers.end - 1, 'it has the highest place')
  const expected = await stateOf(chain)
  await chain.close()
  const reopened = await openChain({ store: disk.clone() })
  await reopened.settled()
  assert.equal(await stateOf(reopened), expected)
  const longer = net.mineEmpty(tip, 15)
  await deliver(reopened, net.branch(longer).slice(50))
  assert.equal(reopened.headers.hash(reopened.tip), longer.block.hash)
})

test('a stored tip in a free place is told as damage', async () => {
  const disk = new MemoryChainStore(TEST_SALT)
  const { chain, free } = await behindFreePlaces(disk)
  assert.ok(!chain.headers.has(free) && free < chain.headers.size)
  await chain.close()
  const store = disk.clone()
  const { state, ...stored } = await store.load()
  assert.ok(state)
  store.load = async () => ({ ...stored, state: { ...state, tip: free } })
  await assert.rejects(openChain({ store }), { message: `The stored tip ${free} has no header.` })
})
