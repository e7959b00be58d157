/**
 * Promise: what a chain comes to is a function of the blocks it was given: whatever was stored, closed and opened on the way, undone and
 * done again. Its coins are those that the subsidies claimed made, and no more. (Orders of arrival: chain-order.)
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import type { Chain } from '../../../src/chain/chain.ts'
import { subsidy } from '../../../src/consensus/subsidy.ts'
import { coinSetHash } from '../../../src/node/coin-set-hash.ts'
import { decodeBlock } from '../../../src/primitives/block.ts'
import { outpointKey } from '../../../src/primitives/transaction.ts'
import { MemoryChainStore } from '../../../src/storage/memory-chain-store.ts'
import { type BlockTree, growTree } from '../../support/block-trees.ts'
import { TEST_SALT, type TestBlock, TestChain } from '../../support/chain-builder.ts'
import { deliver, openChain, QUICK, stateOf } from '../../support/chain-nodes.ts'
import { JitteredStore } from '../../support/jittered-store.ts'

const net = new TestChain(QUICK)
const verified = { alreadyVerified: () => true }

const recipe = fc.record({
  seed: fc.nat({ max: 0xffff }),
  size: fc.integer({ min: 10, max: 30 }),
  /** Of the last blocks, satoshis: less than their subsidies. */
  claims: fc.array(fc.nat({ max: 1_000_000 }), { maxLength: 3 }),
})

/** Blocks, good and bad, with one best tip. */
function treeOf({ seed, size, claims }: typeof recipe extends fc.Arbitrary<infer R> ? R : never): BlockTree {
  const { blocks, best } = growTree(seed, size)
  const modest: TestBlock[] = []
  for (const claim of claims) modest.push(net.mineBlock(modest.at(-1) ?? best, [], { claim }))
  const tip = modest.at(-1) ?? best
  // A satoshi too much, and a block on top of it: most work, and worth nothing.
  const greedy = net.mineBlock(tip, [], { claim: subsidy(tip.height + 1, QUICK) + 1 })
  return { blocks: [...blocks, ...modest, greedy, net.mineBlock(greedy)], best: tip }
}

/** Hands over the bytes, as the network does. */
async function feed(chain: Chain, blocks: readonly TestBlock[]): Promise<void> {
  for (const { block } of blocks) {
    const decoded = decodeBlock(block.bytes)
    assert.ok(decoded.ok)
    await chain.acceptBlock(decoded.value)
  }
  await chain.settled()
}

test('two chains fed the same bytes have the same state, whatever their storage, memory and restarts', async () => {
  const disturbance = fc.record({
    jitter: fc.nat({ max: 0xffff }),
    coinCacheBytes: fc.constantFrom(0, 4_000, 1_000_000),
    restarts: fc.array(fc.nat(), { minLength: 1, maxLength: 3 }),
  })
  await fc.assert(
    fc.asyncProperty(recipe, disturbance, async (recipe, { jitter, coinCacheBytes, restarts }) => {
      const { blocks, best } = treeOf(recipe)
      const plain = await openChain()
      await feed(plain, blocks)

      let disk = new MemoryChainStore(TEST_SALT)
      const open = () => openChain({ store: new JitteredStore(disk, jitter), coinCacheBytes })
      let disturbed = await open()
      let from = 0
      for (const restart of restarts.map((at) => at % blocks.length).sort((a, b) => a - b)) {
        await feed(disturbed, blocks.slice(from, restart))
        await disturbed.close()
        // What a closed store left behind.
        disk = disk.clone()
        disturbed = await open()
        from = restart
      }
      await feed(disturbed, blocks.slice(from))

      assert.equal(plain.headers.hash(plain.tip), best.block.hash)
      assert.equal(await stateOf(disturbed), await stateOf(plain))
      assert.equal(await coinSetHash(disturbed), await coinSetHash(plain))
    }),
    { numRuns: 10 },
  )
})

test('connecting and disconnecting are inverses: a branch undone leaves the coins from before it, and done again the same', async () => {
  await fc.assert(
    fc.asyncProperty(recipe, fc.array(fc.nat(), { minLength: 1, maxLength: 3 }), async (recipe, depths) => {
      const { blocks } = treeOf(recipe)
      const chain = await openChain(verified)
      await feed(chain, blocks)
      const before = await stateOf(chain)
      const byHash = new Map([net.genesis, ...blocks].map((each) => [each.block.hash, each]))
      for (const depth of depths) {
        const height = 1 + (depth % chain.headers.height(chain.tip))
        const undone = chain.activeAt(height)
        await chain.invalidate(undone)
        await chain.settled()
        const tip = byHash.get(chain.headers.hash(chain.tip)) as TestBlock
        assert.notEqual(chain.headers.ancestor(chain.tip, height), undone)
        const fresh = await openChain(verified)
        await deliver(fresh, net.branch(tip))
        assert.equal(await stateOf(chain), await stateOf(fresh))

        await chain.reconsider(undone)
        await chain.settled()
        assert.equal(await stateOf(chain), before)
      }
    }),
    { numRuns: 8 },
  )
})

test('the supply is what coinbases claimed beyond the fees, at most the subsidies, to the satoshi', async () => {
  await fc.assert(
    fc.asyncProperty(recipe, async (recipe) => {
      const { blocks, best } = treeOf(recipe)
      const chain = await openChain(verified)
      await feed(chain, blocks)
      const { claimed, subsidies, unspent } = accountOf(net.branch(best))
      const { total, coins } = chain.coinStatistics()
      assert.deepEqual([total, coins], [BigInt(claimed), unspent])
      assert.ok(claimed <= subsidies, `${claimed} of ${subsidies}`)
    }),
    { numRuns: 12 },
  )
})

/** A plain account of a branch: what was claimed beyond the fees, what could have been, and the number of coins left. */
function accountOf(branch: readonly TestBlock[]): { claimed: number; subsidies: number; unspent: number } {
  const values = new Map<string, number>()
  let claimed = 0
  let subsidies = 0
  for (const { block, height } of branch) {
    subsidies += subsidy(height, QUICK)
    for (const [position, { inputs, outputs, txidBytes: txid }] of block.transactions.entries()) {
      outputs.forEach(({ value, scriptPubKey }, index) => {
        claimed += value
        if (scriptPubKey[0] !== 0x6a) values.set(outpointKey({ txid, index }), value)
      })
      if (position === 0) continue
      for (const { prevout } of inputs) {
        claimed -= values.get(outpointKey(prevout)) as number
        values.delete(outpointKey(prevout))
      }
    }
  }
  return { claimed, subsidies, unspent: values.size }
}
