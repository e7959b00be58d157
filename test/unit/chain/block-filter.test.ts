/** Promise: every block that was connected has its filter, which finds all that it pays and spends, and its header follows its parent's. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { BlockFilter, NO_FILTER_HEADER } from '../../../src/chain/block-filter.ts'
import type { Chain } from '../../../src/chain/chain.ts'
import type { HeaderIndex } from '../../../src/chain/header-tree.ts'
import { StorageError } from '../../../src/chain/store.ts'
import { outputKeyOf, p2trScript } from '../../../src/script/taproot.ts'
import { MemoryChainStore } from '../../../src/storage/memory-chain-store.ts'
import { growTree } from '../../support/block-trees.ts'
import { TEST_SALT, TestChain } from '../../support/chain-builder.ts'
import { deliver, openChain, QUICK } from '../../support/chain-nodes.ts'

/** The scripts that a block pays and spends from. */
async function scriptsOf(chain: Chain, index: HeaderIndex): Promise<Uint8Array[]> {
  const block = await chain.readBlock(index)
  const paid = block!.transactions.flatMap(({ outputs }) => outputs.map(({ scriptPubKey }) => scriptPubKey))
  const spent = (await chain.readSpentCoins(index))!.map(({ outputKey }) => p2trScript(outputKey))
  return [...paid.filter((script) => outputKeyOf(script)), ...spent]
}

test('every block that was ever connected has its filter, on side branches too, and keeps it', async () => {
  for (let seed = 1; seed <= 6; seed++) {
    const tree = growTree(seed, 40)
    const disk = new MemoryChainStore(TEST_SALT)
    // Reopened half way: the header of the next filter then comes from the store.
    const first = await openChain({ store: disk, alreadyVerified: () => true })
    await deliver(first, tree.blocks.slice(0, 20))
    await first.close()
    const chain = await openChain({ store: disk.clone(), alreadyVerified: () => true })
    await deliver(chain, tree.blocks.slice(20))
    const { headers } = chain
    const found = await chain.readMentions(0, headers.size - 1)
    for (let index = 0; index < headers.size; index++) {
      assert.equal(found.has(index), chain.wasConnected(index), `block ${index} of tree ${seed}`)
      const mentions = found.get(index)
      if (!mentions) continue
      const previous = index === 0 ? NO_FILTER_HEADER : found.get(headers.parent(index))!.filterHeader
      assert.deepEqual(mentions.filterHeader, mentions.filter().header(previous))
      const scripts = await scriptsOf(chain, index)
      for (const script of scripts) assert(mentions.filter().matchesAny([script]))
      const block = await chain.readBlock(index)
      assert.deepEqual(mentions.filter().bytes, BlockFilter.of(block!, scripts).bytes)
    }
    await chain.close()
  }
})

test('what pays nothing that can be spent has the filter of one zero byte', async () => {
  const chain = await openChain()
  const genesis = (await chain.readMentions(0, 0)).get(0)!
  assert.deepEqual(genesis.filter().bytes, Uint8Array.of(0))
  assert.deepEqual(genesis.filterHeader, genesis.filter().header(new Uint8Array(32)))
  await chain.close()
})

test('a damaged record is told as damage of storage', async () => {
  const net = new TestChain(QUICK)
  const store = new MemoryChainStore(TEST_SALT)
  const chain = await openChain({ store })
  await deliver(chain, net.branch(net.mineEmpty(net.genesis, 1)))
  const [record] = await store.readMentions(1, 1)
  const isCorrupt = (error: unknown): boolean => error instanceof StorageError && error.kind === 'corrupt'
  for (const bytes of [record.bytes.subarray(0, 30), record.bytes.with(32, 0xff)]) {
    await store.write({ mentions: [{ index: 1, bytes }] })
    await assert.rejects(chain.readMentions(1, 1), isCorrupt)
  }
  // The count of the filter's elements, of which there is one.
  await store.write({ mentions: [{ index: 1, bytes: record.bytes.with(33, 7) }] })
  const damaged = (await chain.readMentions(1, 1)).get(1)!
  assert.throws(() => damaged.filter(), isCorrupt)
  await chain.close()
})
