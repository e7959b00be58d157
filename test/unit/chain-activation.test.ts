/** Promise: the active chain is the valid one with most work, the first seen among equals, and moves to it whole or not at all. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { sats } from '../../src/primitives/amount.ts'
import { TestChain, TestWallet } from '../support/chain-builder.ts'
import { deliver, openChain, QUICK, recordEvents, stateOf } from '../support/chain-nodes.ts'

const net = new TestChain(QUICK)
const OTHER = { extraNonce: Uint8Array.of(1) }

test('blocks extend the tip one by one and are told in order', async () => {
  const chain = await openChain()
  const events = recordEvents(chain)
  const tip = net.mineEmpty(net.genesis, 3)
  for (const block of net.branch(tip)) await deliver(chain, [block])
  assert.equal(chain.headers.hash(chain.tip), tip.block.hash)
  assert.equal(chain.bestHeader, chain.tip)
  assert.deepEqual(events, ['tip 0 -0 +1 = 1', 'tip 1 -0 +1 = 2', 'tip 2 -0 +1 = 3'])
  assert.equal(chain.coinStatistics().coins, 3)
})

test('equal work never switches; one more block does, and the coins follow', async () => {
  const first = net.mineEmpty(net.genesis, 3)
  const second = net.mineEmpty(net.genesis, 3, OTHER)
  const chain = await openChain()
  await deliver(chain, [...net.branch(first), ...net.branch(second)])
  assert.equal(chain.headers.hash(chain.tip), first.block.hash)
  const events = recordEvents(chain)
  const longer = net.mineEmpty(second, 1, OTHER)
  await deliver(chain, [longer])
  assert.deepEqual(events, ['tip 0 -3 +4 = 4'])
  const fresh = await openChain()
  await deliver(fresh, net.branch(longer))
  assert.equal(await stateOf(chain), await stateOf(fresh))
})

test('a payment is made and undone with its block', async () => {
  const alice = new TestWallet('alice')
  const base = net.mineEmpty(net.genesis, 4)
  const coin = net.miner.coinbaseOf(net.ancestor(base, 1))
  const payment = net.miner.pay([coin], alice.scriptPubKey, 1000, 10)
  const paid = net.mineBlock(base, [payment])
  const chain = await openChain()
  await deliver(chain, net.branch(paid))
  const [spent, made] = await chain.coins([coin.prevout, alice.coinsOf(payment)[0].prevout])
  assert.equal(spent, undefined)
  assert.equal(made?.value, sats(1000))
  const rival = net.mineEmpty(base, 2, OTHER)
  await deliver(chain, net.branch(rival))
  const [back, gone] = await chain.coins([coin.prevout, alice.coinsOf(payment)[0].prevout])
  assert.equal(back?.value, coin.value)
  assert.equal(gone, undefined)
})
