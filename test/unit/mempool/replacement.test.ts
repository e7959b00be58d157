/** Promise: a payment is replaced only by one that miners prefer and that pays for the bandwidth: BIP125 without signalling. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { sats } from '../../../src/primitives/amount.ts'
import { ChainNode } from '../../support/chain-node.ts'

describe('mempool replacement', () => {
  test('a final sequence does not keep a payment from being replaced', async () => {
    const node = await ChainNode.open()
    const [coin] = await node.fund(1)
    const outputs = (fee: number) => [
      { value: sats(coin.value - fee), scriptPubKey: node.wallet.scriptPubKey },
    ]
    const first = node.wallet.spend([coin], outputs(500), { sequence: 0xffffffff })
    const second = node.wallet.spend([coin], outputs(1_500), { sequence: 0xffffffff })
    assert.equal(await node.code(first), 'ok')
    assert.equal(await node.code(second), 'ok')
    assert.deepEqual(node.told, [`added ${first.txid}`, `replaced ${first.txid}`, `added ${second.txid}`])
    assert.equal(node.mempool.has(first.txid), false)
    assert.equal(node.mempool.spender(coin.prevout)?.transaction.txid, second.txid)
  })

  test('rules 3 and 4: it pays what it replaces, and its own relay', async () => {
    const node = await ChainNode.open()
    const [coin] = await node.fund(1)
    const first = node.spend([coin], 5_000)
    const child = node.spend(node.wallet.coinsOf(first), 3_000)
    assert.equal(await node.code(first), 'ok')
    assert.equal(await node.code(child), 'ok')
    const needed = 8_000 + first.vsize
    const tooPoor = await node.mempool.accept(node.spend([coin], needed - 1))
    assert.ok(!tooPoor.ok)
    assert.deepEqual([tooPoor.kind, tooPoor.code], ['not-now', 'insufficient fee'])
    const second = node.spend([coin], needed)
    assert.equal(await node.code(second), 'ok')
    assert.deepEqual(node.txids(), new Set([second.txid]))
    assert.deepEqual(node.told.slice(2), [
      `replaced ${first.txid}`,
      `replaced ${child.txid}`,
      `added ${second.txid}`,
    ])
  })

  test('it must have a higher fee rate than each that it replaces', async () => {
    const node = await ChainNode.open()
    const [coin] = await node.fund(1)
    assert.equal(await node.code(node.spend([coin], 1_000)), 'ok')
    // Pays three times as much for ten times the size.
    const large = node.spend([coin], 3_000, 25)
    assert.ok(3_000 > 1_000 + large.vsize)
    assert.equal(await node.code(large), 'insufficient fee')
    assert.equal(await node.code(node.spend([coin], 20_000, 25)), 'ok')
    // An equal one is not enough, even where it pays much more.
    const [other] = await node.fund(1)
    const small = node.spend([other], 10 * node.spend([other], 1).weight)
    assert.equal(await node.code(small), 'ok')
    const equal = 10 * large.weight
    assert.equal(await node.code(node.spend([other], equal, 25)), 'insufficient fee')
    assert.equal(await node.code(node.spend([other], equal + 1, 25)), 'ok')
  })

  test('rule 2: it spends nothing unconfirmed that is new', async () => {
    const node = await ChainNode.open()
    const [a, b] = await node.fund(2)
    const { wallet } = node
    const parent = node.spend([b], 1_000, 2)
    const first = node.spend([a], 1_000)
    assert.equal(await node.code(parent), 'ok')
    assert.equal(await node.code(first), 'ok')
    const [p0, p1] = wallet.coinsOf(parent)
    assert.equal(await node.code(node.spend([a, p0], 20_000)), 'replacement-adds-unconfirmed')
    // Once what it replaces spends the same parent, it may.
    const joint = node.spend([p0], 1_000)
    assert.equal(await node.code(joint), 'ok')
    assert.equal(await node.code(node.spend([a, p0, p1], 20_000)), 'ok')
    assert.equal(node.mempool.size, 2)
  })

  test('rule 5: it replaces a hundred at most', async () => {
    const node = await ChainNode.open()
    const coins = await node.fund(5)
    const { wallet } = node
    // Five parents with 20 children each: 105 transactions.
    const parents = coins.map((coin) => node.spend([coin], 2_000, 20))
    for (const parent of parents) {
      assert.equal(await node.code(parent), 'ok')
      for (const output of wallet.coinsOf(parent))
        assert.equal(await node.code(node.spend([output], 200)), 'ok')
    }
    assert.equal(node.mempool.size, 105)
    const all = node.spend(coins, 200_000)
    assert.equal(await node.code(all), 'too many potential replacements')
    assert.equal(await node.code(node.spend(coins.slice(0, 4), 200_000)), 'ok')
    assert.equal(node.mempool.size, 22)
  })

  test('what spends the outputs of what it replaces can never be valid', async () => {
    const node = await ChainNode.open()
    const [coin] = await node.fund(1)
    const first = node.spend([coin], 1_000)
    assert.equal(await node.code(first), 'ok')
    const both = await node.mempool.accept(node.spend([coin, ...node.wallet.coinsOf(first)], 50_000))
    assert.ok(!both.ok)
    assert.deepEqual([both.kind, both.code], ['invalid', 'bad-txns-spends-conflicting-tx'])
    assert.deepEqual(node.txids(), new Set([first.txid]))
  })
})
