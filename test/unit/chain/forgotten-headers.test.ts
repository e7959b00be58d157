/** Promise: headers whose bodies never come take no room for ever, and a chain whose blocks stand in their places is like any other. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Chain } from '../../../src/chain/chain.ts'
import { findTransaction } from '../../../src/chain/chain-search.ts'
import { MemoryChainStore } from '../../../src/storage/memory-chain-store.ts'
import { TEST_SALT, TestChain } from '../../support/chain-builder.ts'
import { deliver, openChain, QUICK, stateOf } from '../../support/chain-nodes.ts'

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

test('a header that is to be marked invalid is not forgotten before, and its mark not after, not even over a reload', async () => {
  const disk = new MemoryChainStore(TEST_SALT)
  const chain = await openChain({ store: disk })
  const base = net.mineEmpty(net.genesis, 5)
  await deliver(chain, net.branch(base))
  const claimed = net.branch(net.mineEmpty(base, 5, { extraNonce: Uint8Array.of(7) })).slice(5)
  assert.ok(chain.acceptHeaders(claimed.map(({ block }) => block.header)).ok)
  const bad = claimed[1].block
  // It waits while headers are forgotten and blocks come that could take their places.
  const marked = chain.invalidate(chain.headers.find(bad.hash))
  chain.forgetHeaders([])
  const good = net.mineEmpty(base, 2)
  assert.ok(chain.acceptHeaders(net.branch(good).map(({ block }) => block.header)).ok)
  await deliver(chain, net.branch(good).slice(5))
  await marked
  await chain.settled()
  assert.equal(chain.headers.hash(chain.tip), good.block.hash, 'no other block was marked in its place')

  chain.forgetHeaders([])
  const refusals = async (on: Chain): Promise<string[]> => {
    const codes: string[] = []
    for (const { block } of claimed) {
      const result = await on.acceptBlock(block)
      codes.push(result.ok ? 'taken' : result.code)
    }
    return codes
  }
  const marks = ['duplicate-invalid', 'bad-prevblk', 'prev-blk-not-found', 'prev-blk-not-found']
  assert.deepEqual(await refusals(chain), ['taken', ...marks])
  await chain.close()
  const reopened = await openChain({ store: disk.clone() })
  reopened.forgetHeaders([])
  assert.deepEqual(await refusals(reopened), ['duplicate', ...marks])
  await reopened.reconsider(reopened.headers.find(bad.hash))
  reopened.forgetHeaders([])
  assert.deepEqual(await refusals(reopened), ['duplicate', 'taken', 'taken', 'taken', 'taken'])
  await reopened.settled()
  assert.equal(reopened.headers.hash(reopened.tip), claimed[4].block.hash)
})

test('headers that lead to one proven bad are forgotten with it', async () => {
  const chain = await openChain()
  const base = net.mineEmpty(net.genesis, 5)
  await deliver(chain, net.branch(base))
  const claimed = net.branch(net.mineEmpty(base, 5, { extraNonce: Uint8Array.of(7) })).slice(5)
  assert.ok(chain.acceptHeaders(claimed.map(({ block }) => block.header)).ok)
  chain.headers.markInvalid(chain.headers.find(claimed[4].block.hash))
  chain.forgetHeaders([])
  assert.equal(chain.headers.bodiless, 0)
})
