/** Promise: where a chain ends up depends on the blocks alone: not on the order of their arrival, nor on how many coins fit in memory. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { MemoryChainStore } from '../../../src/storage/memory-chain-store.ts'
import { growTree } from '../../support/block-trees.ts'
import { TEST_SALT, TestChain } from '../../support/chain-builder.ts'
import { deliver, openChain, QUICK, stateOf } from '../../support/chain-nodes.ts'
import { JitteredStore } from '../../support/jittered-store.ts'

const net = new TestChain(QUICK)
const trees = [1, 2, 3].map((seed) => growTree(seed, 40))
const verified = { alreadyVerified: () => true }
const expected = await Promise.all(
  trees.map(async ({ best }) => {
    const chain = await openChain()
    await deliver(chain, net.branch(best))
    assert.equal(chain.headers.hash(chain.tip), best.block.hash)
    return stateOf(chain)
  }),
)

/** One of the trees, and an order of its blocks. */
const shuffledTree = fc.nat({ max: trees.length - 1 }).chain((which) => {
  const numbers = [...trees[which].blocks.keys()]
  return fc.record({
    which: fc.constant(which),
    order: fc.shuffledSubarray(numbers, { minLength: numbers.length }),
  })
})

test('any order of arrival of headers and bodies ends in the same state', async () => {
  await fc.assert(
    fc.asyncProperty(shuffledTree, async ({ which, order }) => {
      const chain = await openChain(verified)
      let work = 0n
      chain.subscribe({
        tipChanged: ({ tip }) => {
          assert.ok(chain.headers.chainWork(tip) > work, 'every change of tip is to more work')
          work = chain.headers.chainWork(tip)
        },
      })
      // Headers first, as in a sync; those on bad blocks may be refused by then or later.
      for (const { block } of trees[which].blocks) chain.acceptHeaders([block.header])
      await Promise.all(order.map((number) => chain.acceptBlock(trees[which].blocks[number].block)))
      await chain.settled()
      assert.equal(await stateOf(chain), expected[which])
    }),
    { numRuns: 40 },
  )
})

test('blocks before their headers are refused for now, and accepted when they come again', async () => {
  await fc.assert(
    fc.asyncProperty(shuffledTree, async ({ which, order }) => {
      const chain = await openChain(verified)
      let waiting = order
      while (waiting.length > 0) {
        const refused: typeof waiting = []
        for (const number of waiting) {
          const result = await chain.acceptBlock(trees[which].blocks[number].block)
          if (!result.ok && result.kind === 'retry') refused.push(number)
        }
        await chain.settled()
        assert.ok(refused.length < waiting.length)
        waiting = refused
      }
      assert.equal(await stateOf(chain), expected[which])
    }),
    { numRuns: 10 },
  )
})

test('of blocks stored together a child may come before its parent, while one before both is missing', async () => {
  const blocks = net.branch(net.mineEmpty(net.genesis, 5))
  const chain = await openChain()
  const failures: string[] = []
  chain.subscribe({ failed: ({ message }) => failures.push(message) })
  chain.acceptHeaders(blocks.map(({ block }) => block.header))
  await Promise.all([0, 4, 3, 2].map((number) => chain.acceptBlock(blocks[number].block)))
  await chain.settled()
  assert.deepEqual([chain.headers.height(chain.tip), failures], [1, []])
  await deliver(chain, [blocks[1]])
  assert.equal(chain.headers.height(chain.tip), 5)
})

test('a cache of a few kilobytes ends in the same state as a large one', async () => {
  await fc.assert(
    fc.asyncProperty(
      shuffledTree,
      fc.constantFrom(0, 2000, 8000),
      async ({ which, order }, coinCacheBytes) => {
        const chain = await openChain({ ...verified, coinCacheBytes })
        for (const { block } of trees[which].blocks) chain.acceptHeaders([block.header])
        for (const number of order) await chain.acceptBlock(trees[which].blocks[number].block)
        await chain.settled()
        assert.equal(await stateOf(chain), expected[which])
      },
    ),
    { numRuns: 30 },
  )
})

test('storage may answer at any time, and coins may be asked for meanwhile', async () => {
  await fc.assert(
    fc.asyncProperty(shuffledTree, fc.nat({ max: 0xffff }), async ({ which, order }, seed) => {
      const { blocks } = trees[which]
      const store = new JitteredStore(new MemoryChainStore(TEST_SALT), seed)
      const chain = await openChain({ ...verified, store, coinCacheBytes: 2000 })
      for (const { block } of blocks) chain.acceptHeaders([block.header])
      const asked: Promise<unknown>[] = []
      const accepted = order.map(async (number) => {
        const { block } = blocks[number]
        await chain.acceptBlock(block)
        const outpoints = block.transactions.map(({ txidBytes: txid }) => ({ txid, index: 0 }))
        asked.push(chain.coins(outpoints))
      })
      await Promise.all(accepted)
      await chain.settled()
      await Promise.all(asked)
      assert.equal(await stateOf(chain), expected[which])
    }),
    { numRuns: 60 },
  )
})
