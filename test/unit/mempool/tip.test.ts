/** Promise: the mempool follows the chain: nothing confirmed or conflicting stays, nothing that a lost branch held is lost. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { sats } from '../../../src/primitives/amount.ts'
import { Transaction } from '../../../src/primitives/transaction.ts'
import type { TestCoin } from '../../support/chain-builder.ts'
import { ChainNode, QUICK_PARAMS } from '../../support/chain-node.ts'

describe('mempool and the tip', () => {
  test('a block removes what it holds and what conflicts with it, and keeps what spends it', async () => {
    const node = await ChainNode.open()
    const [a, b] = await node.fund(2)
    const { wallet } = node
    const parent = node.spend([a], 1_000)
    const child = node.spend(wallet.coinsOf(parent), 1_000)
    const loser = node.spend([b], 1_000)
    const loserChild = node.spend(wallet.coinsOf(loser), 1_000)
    for (const tx of [parent, child, loser, loserChild]) assert.equal(await node.code(tx), 'ok')
    const winner = node.spend([b], 2_000)
    await node.mine([parent, winner])
    assert.deepEqual(node.txids(), new Set([child.txid]))
    assert.equal(node.mempool.get(child.txid)?.ancestorCount, 1)
    assert.deepEqual(node.told.slice(4), [
      `block ${parent.txid}`,
      `conflict ${loser.txid}`,
      `conflict ${loserChild.txid}`,
    ])
  })

  test('a reorganisation brings back the transactions of the lost branch, in order', async () => {
    const node = await ChainNode.open()
    const [a, b] = await node.fund(2)
    const { wallet } = node
    const fork = node.tip
    const first = node.spend([a], 1_000)
    const second = node.spend(wallet.coinsOf(first), 1_000)
    const unseen = node.spend([b], 0)
    const waiting = node.spend(wallet.coinsOf(second), 1_000)
    await node.mine([first])
    await node.mine([second, unseen])
    assert.equal(await node.code(waiting), 'ok')
    const told = node.told.length

    const tip = await branch(node, fork, 3)
    assert.equal(node.chain.headers.hash(node.chain.tip), tip.block.hash)
    assert.deepEqual(
      [...node.mempool.entries()].map(({ transaction }) => transaction.txid),
      [first.txid, second.txid, unseen.txid, waiting.txid],
    )
    assert.equal(node.mempool.get(waiting.txid)?.ancestorCount, 3)
    // The one that stayed unconfirmed was neither added nor removed for those who listen.
    assert.deepEqual(
      node.told.slice(told),
      [first, second, unseen].map(({ txid }) => `added ${txid}`),
    )
    const selected = node.mempool.select(100_000).map(({ transaction }) => transaction)
    await node.mine(selected)
    assert.equal(node.mempool.size, 0)
  })

  test('what the new branch holds, or spends otherwise, does not come back', async () => {
    const node = await ChainNode.open()
    const [a, b] = await node.fund(2)
    const fork = node.tip
    const both = node.spend([a], 1_000)
    const lost = node.spend([b], 1_000)
    const lostChild = node.spend(node.wallet.coinsOf(lost), 1_000)
    const bothChild = node.spend(node.wallet.coinsOf(both), 1_000)
    await node.mine([both, lost])
    assert.equal(await node.code(lostChild), 'ok')
    assert.equal(await node.code(bothChild), 'ok')
    const told = node.told.length
    const other = node.builder.mineBlock(fork, [both, node.spend([b], 3_000)])
    const next = node.builder.mineBlock(other)
    await node.offer(other)
    await node.offer(next)
    assert.equal(node.tip, next)
    assert.deepEqual(node.txids(), new Set([bothChild.txid]))
    assert.deepEqual(node.told.slice(told), [`reorg ${lostChild.txid}`])
  })

  test('what is locked or immature on the new branch leaves', async () => {
    const node = await ChainNode.open()
    const [a, b] = await node.fund(2)
    const { wallet } = node
    const fork = node.tip
    const young = wallet.coinbaseOf(await node.mine())
    await node.mine()
    const outputs = [{ value: sats(50_000), scriptPubKey: wallet.scriptPubKey }]
    const height = node.chain.headers.height(node.chain.tip)
    const locked = wallet.spend([a], outputs, { lockTime: height })
    const free = wallet.spend([b], outputs)
    const ofCoinbase = node.spend([young], 1_000)
    for (const tx of [locked, free, ofCoinbase]) assert.equal(await node.code(tx), 'ok')
    // Back to the fork: no block is connected in place of what is left.
    const left = node.chain.headers.ancestor(node.chain.tip, fork.height + 1)
    await node.chain.invalidate(left)
    await node.settled()
    assert.equal(node.chain.headers.height(node.chain.tip), fork.height)
    assert.deepEqual(node.txids(), new Set([free.txid]))
    assert.deepEqual(node.told.slice(3).sort(), [`reorg ${locked.txid}`, `reorg ${ofCoinbase.txid}`].sort())
  })

  test('what a shorter chain makes immature or locked again leaves, though its coins stay', async () => {
    const node = await ChainNode.open({ params: { ...QUICK_PARAMS, coinbaseMaturity: 4 } })
    const { wallet } = node
    const first = wallet.coinbaseOf(await node.mine())
    for (let i = 0; i < 4; i++) await node.mine()
    const [a, b] = await payOut(node, first)
    const fork = node.tip
    await node.mine()
    await node.mine()
    const outputs = [{ value: sats(50_000), scriptPubKey: wallet.scriptPubKey }]
    // At height 8: the block of `fork` at height 6 made the coins, and a coinbase of height 5 is mature from 9 on.
    const relative = wallet.spend([a], outputs, { sequence: 3 })
    const free = wallet.spend([b], outputs)
    const ofCoinbase = node.spend([wallet.coinbaseOf(node.builder.ancestor(node.tip, 5))], 1_000)
    for (const tx of [relative, free, ofCoinbase]) assert.equal(await node.code(tx), 'ok')
    await node.chain.invalidate(node.chain.headers.ancestor(node.chain.tip, fork.height + 1))
    await node.settled()
    assert.equal(node.chain.headers.height(node.chain.tip), 6)
    assert.deepEqual(node.txids(), new Set([free.txid]))
  })

  test('tips that move again while transactions come back', async () => {
    const node = await ChainNode.open()
    const coins = await node.fund(3)
    const { wallet } = node
    const fork = node.tip
    const parent = node.spend([coins[0]], 1_000)
    const child = node.spend(wallet.coinsOf(parent), 1_000)
    const other = node.spend([coins[1]], 1_000)
    const rival = node.spend([coins[2]], 1_000)
    const grandchild = node.spend(wallet.coinsOf(child), 1_000)
    await node.mine([parent, child, other, rival])
    assert.equal(await node.code(grandchild), 'ok')
    const told = node.told.length

    // Reading coins waits until the tips have moved.
    const { coins: readCoins } = node.chain
    const waiting: (() => void)[] = []
    node.chain.coins = async (prevouts) => {
      const read = await readCoins.call(node.chain, prevouts)
      await new Promise<void>((resolve) => waiting.push(resolve))
      return read
    }
    const branch = node.builder.branch(node.builder.mineEmpty(fork, 2)).slice(fork.height)
    for (const { block } of branch) assert.ok((await node.chain.acceptBlock(block)).ok)
    await node.chain.settled()
    assert.equal(node.mempool.size, 0)
    const [, tip] = branch
    // Two of them are confirmed, and a third loses its coin, before they are back.
    const next = node.builder.mineBlock(tip, [parent, child, grandchild, node.spend([coins[2]], 2_000)])
    assert.ok((await node.chain.acceptBlock(next.block)).ok)
    await node.chain.settled()
    node.chain.coins = readCoins
    for (const release of waiting) release()
    await node.settled()
    assert.deepEqual(node.txids(), new Set([other.txid]))
    assert.deepEqual(node.told.slice(told), [`block ${grandchild.txid}`, `added ${other.txid}`])
  })

  test('two reorganisations before the first is taken in: nothing is lost', async () => {
    const node = await ChainNode.open()
    const [a, b] = await node.fund(2)
    const { wallet } = node
    const fork = node.tip
    const parent = node.spend([a], 1_000)
    const child = node.spend(wallet.coinsOf(parent), 1_000)
    const other = node.spend([b], 1_000)
    await node.mine([parent, other])
    assert.equal(await node.code(child), 'ok')
    const { coins: readCoins } = node.chain
    let release = () => {}
    const released = new Promise<void>((resolve) => {
      release = resolve
    })
    node.chain.coins = async (prevouts) => {
      await released
      return readCoins.call(node.chain, prevouts)
    }
    // The first branch confirms the parent only; the second, nothing.
    const first = node.builder.mineBlock(fork, [parent])
    const second = node.builder.mineEmpty(fork, 3)
    for (const branch of [
      [first, node.builder.mineBlock(first)],
      node.builder.branch(second).slice(fork.height),
    ]) {
      for (const { block } of branch) assert.ok((await node.chain.acceptBlock(block)).ok)
      await node.chain.settled()
    }
    assert.equal(node.chain.headers.hash(node.chain.tip), second.block.hash)
    release()
    await node.settled()
    assert.deepEqual(node.txids(), new Set([parent.txid, child.txid, other.txid]))
  })

  test('what comes back and finds no room is told to have left', async () => {
    const node = await ChainNode.open({ maxBytes: 16_000 })
    const coins = await node.fund(6)
    const fork = node.tip
    const parents = coins.slice(0, 3).map((coin) => node.spend([coin], 9_000))
    await node.mine(parents)
    const children = parents.map((parent, i) => node.spend(node.wallet.coinsOf(parent), 202 - i))
    for (const child of children) assert.equal(await node.code(child), 'ok')
    const told = node.told.length
    await branch(node, fork, 2)
    const txids = node.txids()
    assert.ok(parents.every((parent) => txids.has(parent.txid)))
    const lost = children.filter((child) => !txids.has(child.txid))
    assert.ok(lost.length > 0)
    const left = node.told.slice(told).filter((event) => event.startsWith('size-limit'))
    assert.deepEqual(left.sort(), lost.map(({ txid }) => `size-limit ${txid}`).sort())
  })

  test('returned transactions are not verified a second time', async () => {
    const node = await ChainNode.open()
    const [a] = await node.fund(1)
    const fork = node.tip
    const tx = node.spend([a], 1_000)
    await node.mine([tx])
    await branch(node, fork, 2)
    assert.deepEqual(node.txids(), new Set([tx.txid]))
    assert.ok(node.mempool.wasVerified(tx))
  })

  test('what a block held is not verified again in another, with the same witness', async () => {
    const node = await ChainNode.open()
    const [a] = await node.fund(1)
    const tx = node.spend([a], 1_000)
    assert.equal(node.mempool.wasVerified(tx), false)
    await node.mine([tx])
    assert.ok(node.mempool.wasVerified(tx))
    const [input] = tx.inputs
    const forged = Transaction.of({ ...tx, inputs: [{ ...input, witness: [new Uint8Array(64)] }] })
    assert.equal(forged.txid, tx.txid)
    assert.equal(node.mempool.wasVerified(forged), false)
  })

  test('a closed mempool follows no more', async () => {
    const node = await ChainNode.open()
    const [a] = await node.fund(1)
    const tx = node.spend([a], 1_000)
    assert.equal(await node.code(tx), 'ok')
    node.mempool.close()
    await node.mine([tx])
    assert.equal(node.mempool.size, 1)
  })
})

/** Confirms a split of `coin` in a block of its own. */
async function payOut(node: ChainNode, coin: TestCoin): Promise<TestCoin[]> {
  const split = node.spend([coin], 5_000, 2)
  await node.mine([split])
  return node.wallet.coinsOf(split)
}

/** Mines `count` empty blocks after `fork`, another branch than any before. */
async function branch(node: ChainNode, fork: ChainNode['tip'], count: number): Promise<ChainNode['tip']> {
  let tip = fork
  for (let i = 0; i < count; i++) tip = await node.mine([], tip)
  return tip
}
