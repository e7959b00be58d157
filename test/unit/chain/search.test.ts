/** Promise: what the active chain holds is found by id and by key, what it doesn't hold is not, and few bodies are read for it. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Chain } from '../../../src/chain/chain.ts'
import { findByOutputKey, findTransaction } from '../../../src/chain/chain-search.ts'
import { sats } from '../../../src/primitives/amount.ts'
import { bytesToHex, hexToBytes } from '../../../src/primitives/bytes.ts'
import type { Txid } from '../../../src/primitives/hashes.ts'
import { outpointKey } from '../../../src/primitives/transaction.ts'
import { outputKeyOf } from '../../../src/script/taproot.ts'
import { MemoryChainStore } from '../../../src/storage/memory-chain-store.ts'
import { growTree } from '../../support/block-trees.ts'
import { TEST_SALT, TestChain, TestWallet } from '../../support/chain-builder.ts'
import { deliver, openChain, QUICK } from '../../support/chain-nodes.ts'
import { WatchedStore } from '../../support/watched-store.ts'

/** Where each key is paid or spent, newest first, worked out from all bodies of the active chain. */
async function scan(chain: Chain): Promise<Map<string, Txid[]>> {
  const owners = new Map<string, string>()
  const found = new Map<string, Txid[]>()
  for (let height = 1; height <= chain.headers.height(chain.tip); height++) {
    const block = await chain.readBlock(chain.activeAt(height))
    for (const { txid, inputs, outputs, isCoinbase } of block!.transactions) {
      const keys = new Set<string>()
      if (!isCoinbase) for (const { prevout } of inputs) keys.add(owners.get(outpointKey(prevout))!)
      outputs.forEach(({ scriptPubKey }, index) => {
        const key = outputKeyOf(scriptPubKey)
        if (!key) return
        owners.set(`${txid}:${index}`, bytesToHex(key))
        keys.add(bytesToHex(key))
      })
      for (const key of keys) found.set(key, [txid, ...(found.get(key) ?? [])])
    }
  }
  return found
}

test('searching finds what reading every block finds, also after reorganisations and reopening', async () => {
  for (let seed = 1; seed <= 8; seed++) {
    const tree = growTree(seed, 40)
    const disk = new MemoryChainStore(TEST_SALT)
    const first = await openChain({ store: disk, alreadyVerified: () => true })
    await deliver(first, tree.blocks)
    await first.close()
    const chain = await openChain({ store: disk.clone(), alreadyVerified: () => true })
    for (const [key, txids] of await scan(chain)) {
      const found: Txid[] = []
      for await (const { transaction } of findByOutputKey(chain, hexToBytes(key)))
        found.push(transaction.txid)
      assert.deepEqual(found, txids)
    }
    for (const { block } of tree.blocks)
      for (const { txid } of block.transactions) {
        const found = await findTransaction(chain, txid)
        const active = [...(await holders(chain, txid))]
        assert.deepEqual(found ? [found.index] : [], active)
        assert.equal(found?.transaction.txid, active.length > 0 ? txid : undefined)
      }
    await chain.close()
  }
})

test('only the blocks that mention it are read, in a chain longer than what is looked up at once', async () => {
  const net = new TestChain(QUICK)
  const payee = new TestWallet('payee')
  const early = net.mineEmpty(net.genesis, 3)
  const coinbase = net.miner.coinbaseOf(net.ancestor(early, 1))
  const payment = net.miner.pay([coinbase], payee.scriptPubKey, 5000, 1)
  const late = net.mineEmpty(net.mineBlock(early, [payment]), 600)
  // No change: the block mentions the payee as one who spends alone.
  const spend = payee.spend(payee.coinsOf(payment), [
    { value: sats(4000), scriptPubKey: net.miner.scriptPubKey },
  ])
  const tip = net.mineBlock(late, [spend])
  const disk = new MemoryChainStore(TEST_SALT)
  const first = await openChain({ store: disk, alreadyVerified: () => true })
  await deliver(first, net.branch(tip))
  await first.close()

  const store = new WatchedStore(disk.clone())
  const chain = await openChain({ store, alreadyVerified: () => true })
  const found = await findTransaction(chain, payment.txid)
  assert.equal(chain.headers.height(found!.index), 4)
  assert.equal(store.bodiesRead, 1)
  const about: [number, Txid][] = []
  for await (const { index, transaction } of findByOutputKey(chain, outputKeyOf(payee.scriptPubKey)!))
    about.push([chain.headers.height(index), transaction.txid])
  assert.deepEqual(about, [
    [605, spend.txid],
    [4, payment.txid],
  ])
  assert.equal(store.bodiesRead, 3)
  assert.equal(await findTransaction(chain, '00'.repeat(32) as Txid), undefined)
  assert.equal(store.bodiesRead, 3)
  for (const { block, height } of net.branch(tip)) {
    const coinbase = await findTransaction(chain, block.transactions[0].txid)
    assert.equal(coinbase && chain.headers.height(coinbase.index), height)
  }
  await chain.close()
})

/** The blocks of the active chain that hold a transaction. */
async function holders(chain: Chain, txid: Txid): Promise<number[]> {
  const found: number[] = []
  for (let height = 1; height <= chain.headers.height(chain.tip); height++) {
    const index = chain.activeAt(height)
    const block = await chain.readBlock(index)
    if (block?.transactions.some((tx) => tx.txid === txid)) found.push(index)
  }
  return found
}
