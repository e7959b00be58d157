/** Promise: the active chain is the valid one with most work, the first seen among equals, and moves to it whole or not at all. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { sats } from '../../../src/primitives/amount.ts'
import { MemoryChainStore } from '../../../src/storage/memory-chain-store.ts'
import { TEST_SALT, type TestBlock, TestChain, TestWallet } from '../../support/chain-builder.ts'
import { deliver, openChain, QUICK, recordEvents, stateOf } from '../../support/chain-nodes.ts'
import { HeldCheckPool } from '../../support/held-check-pool.ts'

const net = new TestChain(QUICK)
const OTHER = { extraNonce: Uint8Array.of(1) }

test('blocks extend the tip one by one and are told in order', async () => {
  const chain = await openChain()
  const events = recordEvents(chain)
  const tip = net.mineEmpty(net.genesis, 3)
  for (const block of net.branch(tip)) await deliver(chain, [block])
  assert.equal(chain.headers.hash(chain.tip), tip.block.hash)
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

/** The block after `parent` with one payment, of the coin at `height`. */
function payingBlock(parent: TestBlock, height: number): TestBlock {
  const coin = net.miner.coinbaseOf(net.ancestor(parent, height))
  return net.mineBlock(parent, [net.miner.pay([coin], net.miner.scriptPubKey, 1000, 10)])
}

test('a long reorganisation is one change, never by way of a tip with less work', async () => {
  const old = net.mineEmpty(net.genesis, 150)
  const rival = net.mineEmpty(net.genesis, 151, OTHER)
  const chain = await openChain()
  await deliver(chain, net.branch(old))
  const events = recordEvents(chain)
  await deliver(chain, net.branch(rival))
  assert.deepEqual(events, ['tip 0 -150 +151 = 151'])
  const fresh = await openChain()
  await deliver(fresh, net.branch(rival))
  assert.equal(await stateOf(chain), await stateOf(fresh))
})

test('a block that fails to connect is marked with its descendants, and the best of the rest is found', async () => {
  const base = net.mineEmpty(net.genesis, 2)
  const good = net.mineEmpty(base, 1)
  const bad = net.mineBlock(good, [], { claim: sats(QUICK.initialSubsidy + 1) })
  const after = net.mineEmpty(bad, 2)
  const chain = await openChain()
  const events = recordEvents(chain)
  // All headers first: the branch is connected in one go, or not at all.
  chain.acceptHeaders(net.branch(after).map(({ block }) => block.header))
  for (const { block } of net.branch(after).reverse()) assert.ok((await chain.acceptBlock(block)).ok)
  await chain.settled()
  assert.deepEqual(events, ['invalid 4 bad-cb-amount', 'tip 0 -0 +3 = 3'])
  assert.equal(chain.headers.isInvalid(chain.headers.find(after.block.hash)), true)
  const again = await chain.acceptBlock(after.block)
  assert.equal(!again.ok && again.code, 'duplicate-invalid')
  const child = await chain.acceptBlock(net.mineEmpty(after, 1).block)
  assert.equal(!child.ok && child.code, 'bad-prevblk')
})

test('a bad block that repeats a transaction of old does not take the good one before it along', async () => {
  const base = net.mineEmpty(net.genesis, 3)
  const paid = payingBlock(base, 1)
  const [, payment] = paid.block.transactions
  // So long ago that its coin has to be read from the store.
  const buried = net.mineEmpty(paid, 20)
  const chain = await openChain({ coinCacheBytes: 0 })
  await deliver(chain, net.branch(buried))
  const events = recordEvents(chain)
  const good = net.mineBlock(buried, [
    net.miner.spend([net.miner.coinsOf(payment)[0]], payment.outputs.slice(0, 1)),
  ])
  const bad = net.mineBlock(good, [payment])
  // Child before parent: both are connected in one go.
  chain.acceptHeaders([good, bad].map(({ block }) => block.header))
  await deliver(chain, [bad, good])
  assert.deepEqual(events, ['invalid 26 bad-txns-inputs-missingorspent', 'tip 24 -0 +1 = 25'])
})

test('a wrong signature is found by the check pool, and nothing of its block is kept', async () => {
  const thief = new TestWallet('thief')
  const base = net.mineEmpty(net.genesis, 3)
  const coin = net.miner.coinbaseOf(net.ancestor(base, 1))
  const stolen = net.mineBlock(base, [thief.pay([coin], thief.scriptPubKey, 1000, 10)])
  const chain = await openChain()
  await deliver(chain, net.branch(base))
  const before = await stateOf(chain)
  const events = recordEvents(chain)
  assert.ok((await chain.acceptBlock(stolen.block)).ok)
  await chain.settled()
  assert.deepEqual(events, ['invalid 4 block-script-verify-flag-failed'])
  assert.equal(await stateOf(chain), before)
})

test('checks of several blocks run at once, and nothing is committed before all have passed', async () => {
  const base = net.mineEmpty(net.genesis, 3)
  const first = payingBlock(base, 1)
  const second = payingBlock(first, 2)
  const checks = new HeldCheckPool()
  const chain = await openChain({ checks })
  await deliver(chain, net.branch(base))
  await Promise.all([first, second].map(({ block }) => chain.acceptBlock(block)))
  await checks.asked(2)
  assert.equal(chain.headers.height(chain.tip), 3)
  checks.pass(1)
  checks.fail(0)
  await chain.settled()
  assert.equal(chain.headers.height(chain.tip), 3)
  assert.equal(chain.headers.isInvalid(chain.headers.find(first.block.hash)), true)
})

test('checks of one block run in parts: of its bad ones the first in the block is told, whichever is known first', async () => {
  const base = net.mineEmpty(net.genesis, 3)
  const outputs = Array.from({ length: 300 }, () => ({
    value: sats(1000),
    scriptPubKey: net.miner.scriptPubKey,
  }))
  const fan = net.miner.spend([net.miner.coinbaseOf(net.ancestor(base, 1))], outputs)
  const payments = net.miner.coinsOf(fan).map((coin) => net.miner.pay([coin], net.miner.scriptPubKey, 900))
  const large = net.mineBlock(base, [fan, ...payments])
  const toldAfter = async (answer: (checks: HeldCheckPool) => void): Promise<string[]> => {
    const checks = new HeldCheckPool()
    const chain = await openChain({ checks })
    const told: string[] = []
    chain.subscribe({ blockInvalid: (_, { detail }) => told.push(detail) })
    await deliver(chain, net.branch(base))
    await chain.acceptBlock(large.block)
    await checks.asked(2)
    answer(checks)
    await chain.settled()
    assert.equal(chain.headers.height(chain.tip), told.length > 0 ? 3 : 4)
    return told
  }
  const failsWith = (code: string): string =>
    `Input 0 of a transaction fails with ${code}: Failed by the test.`
  assert.deepEqual(
    await toldAfter((checks) => {
      checks.pass(0)
      checks.fail(1)
    }),
    [failsWith('schnorr-sig')],
  )
  assert.deepEqual(
    await toldAfter((checks) => {
      checks.fail(1, 'eval-false')
      checks.fail(0, 'schnorr-sig')
    }),
    [failsWith('schnorr-sig')],
  )
  assert.deepEqual(
    await toldAfter((checks) => {
      checks.pass(1)
      checks.pass(0)
    }),
    [],
  )
})

test('a better branch that turns up while checks run is taken instead', async () => {
  const base = net.mineEmpty(net.genesis, 3)
  const slow = payingBlock(base, 1)
  const rival = net.mineEmpty(base, 2, OTHER)
  const checks = new HeldCheckPool()
  const chain = await openChain({ checks })
  await deliver(chain, net.branch(base))
  const events = recordEvents(chain)
  await chain.acceptBlock(slow.block)
  await checks.asked(1)
  for (const { block } of net.branch(rival).slice(3)) await chain.acceptBlock(block)
  checks.pass(0)
  await chain.settled()
  assert.deepEqual(events, ['tip 3 -0 +2 = 5'])
})

test('of equal branches the one whose body came first wins, while bodies are being written and in the next life', async () => {
  const base = net.mineEmpty(net.genesis, 1)
  const [first, second] = [Uint8Array.of(1), Uint8Array.of(2)].map((extraNonce) =>
    net.mineEmpty(base, 1, { extraNonce }),
  )
  const bad = net.mineBlock(base, [], { coinbase: (fields) => ({ ...fields, lockTime: 7 }) })
  const store = new MemoryChainStore(TEST_SALT)
  const chain = await openChain({ store })
  await deliver(chain, [base])
  let killed: MemoryChainStore | undefined
  const write = store.write.bind(store)
  store.write = async (batch) => {
    await write(batch)
    if (batch.bodies?.length === 2) killed = store.clone()
  }
  // Their headers in the other order.
  chain.acceptHeaders([second.block.header, first.block.header])
  // Found bad on arrival: candidates are looked for anew, of which no body is stored yet.
  await Promise.all([first, second, bad].map(({ block }) => chain.acceptBlock(block)))
  await chain.settled()
  assert.equal(chain.headers.hash(chain.tip), first.block.hash)
  const reopened = await openChain({ store: killed as MemoryChainStore })
  assert.equal(reopened.headers.height(reopened.tip), 1)
  await reopened.settled()
  assert.equal(reopened.headers.hash(reopened.tip), first.block.hash)
})

test('of equal branches that one body completed the one whose last body came first wins, in the next life too', async () => {
  const base = net.mineEmpty(net.genesis, 1)
  const [left, right] = [Uint8Array.of(1), Uint8Array.of(2)].map((extraNonce) =>
    net.branch(net.mineEmpty(base, 2, { extraNonce })).slice(1),
  )
  const store = new MemoryChainStore(TEST_SALT)
  const chain = await openChain({ store })
  chain.acceptHeaders([base, ...left, ...right].map(({ block }) => block.header))
  await deliver(chain, [left[0], right[0], right[1], left[1]])
  const write = store.write.bind(store)
  let killed: MemoryChainStore | undefined
  store.write = async (batch) => {
    await write(batch)
    killed ??= store.clone()
  }
  await deliver(chain, [base])
  assert.equal(chain.headers.hash(chain.tip), right[1].block.hash)
  const reopened = await openChain({ store: killed as MemoryChainStore })
  await reopened.settled()
  assert.equal(reopened.headers.hash(reopened.tip), right[1].block.hash)
})

test('a body is stored once; one that does not match its header leaves the header unmarked', async () => {
  const paid = payingBlock(net.mineEmpty(net.genesis, 3), 1)
  const chain = await openChain()
  await deliver(chain, net.branch(paid.parent as TestBlock))
  const mangled = net.withBody(paid, [paid.block.transactions[0]])
  const refused = await chain.acceptBlock(mangled.block)
  assert.deepEqual([!refused.ok && refused.kind, !refused.ok && refused.code], ['mutated', 'bad-txnmrklroot'])
  const results = await Promise.all([chain.acceptBlock(paid.block), chain.acceptBlock(paid.block)])
  assert.deepEqual(
    results.map((result) => result.ok || result.code),
    [true, 'duplicate'],
  )
  await chain.settled()
  assert.equal(chain.headers.hash(chain.tip), paid.block.hash)
})

test('an invalid body found on arrival marks its header', async () => {
  const bad = net.mineBlock(net.genesis, [], { coinbase: (fields) => ({ ...fields, lockTime: 7 }) })
  const chain = await openChain()
  const refused = await chain.acceptBlock(bad.block)
  assert.deepEqual(
    [!refused.ok && refused.kind, !refused.ok && refused.code],
    ['invalid', 'bad-txns-nonfinal'],
  )
  assert.equal(chain.headers.isInvalid(chain.headers.find(bad.block.hash)), true)
})

test('invalidate leaves a branch for the best other one, for this life and the next; reconsider comes back', async () => {
  const base = net.mineEmpty(net.genesis, 2)
  const long = net.mineEmpty(base, 4)
  const first = net.mineEmpty(base, 2, OTHER)
  const second = net.mineEmpty(base, 2, { extraNonce: Uint8Array.of(2) })
  const disk = new MemoryChainStore(TEST_SALT)
  const chain = await openChain({ store: disk })
  await deliver(chain, [...net.branch(long), ...net.branch(first).slice(2), ...net.branch(second).slice(2)])
  const events = recordEvents(chain)
  await chain.invalidate(chain.activeAt(3))
  // Two branches with equal work remain: the one seen first.
  assert.equal(chain.headers.hash(chain.tip), first.block.hash)
  assert.deepEqual(events, ['tip 2 -4 +2 = 4'])
  await chain.close()

  const reopened = await openChain({ store: disk.clone() })
  assert.equal(reopened.headers.hash(reopened.tip), first.block.hash)
  await reopened.invalidate(reopened.activeAt(1))
  assert.equal(reopened.tip, 0)
  assert.equal(reopened.coinStatistics().coins, 0)
  await reopened.reconsider(reopened.headers.find(long.block.hash))
  await reopened.settled()
  assert.equal(reopened.headers.hash(reopened.tip), long.block.hash)
})

test('the coins that a block spent can be read', async () => {
  const paid = payingBlock(net.mineEmpty(net.genesis, 3), 1)
  const chain = await openChain()
  await deliver(chain, net.branch(paid))
  const coin = net.miner.coinbaseOf(net.ancestor(paid, 1))
  const spent = await chain.readSpentCoins(chain.tip)
  assert.deepEqual(
    spent?.map(({ value, height, coinbase }) => ({ value, height, coinbase })),
    [{ value: coin.value, height: 1, coinbase: true }],
  )
  assert.deepEqual(await chain.readSpentCoins(0), [])
})

test('a store of another network is refused', async () => {
  const disk = new MemoryChainStore(TEST_SALT)
  const chain = await openChain({ store: disk })
  await deliver(chain, net.branch(net.mineEmpty(net.genesis, 1)))
  await assert.rejects(
    openChain({ store: disk.clone(), params: { ...QUICK, genesisTime: QUICK.genesisTime + 1 } }),
    /another network/,
  )
})

test('headers: work before all else, then parent, then context; the clock decides what is too new', async () => {
  const chain = await openChain({
    clock: { now: () => (net.genesis.block.header.time + 100) * 1000, after: () => () => undefined },
  })
  const code = (block: TestBlock): string | boolean => {
    const result = chain.acceptHeaders([block.block.header])
    return result.ok || `${result.kind} ${result.code}`
  }
  const time = net.genesis.block.header.time
  const one = net.mineEmpty(net.genesis, 1)
  assert.equal(code(net.mineEmpty(one, 1)), 'retry prev-blk-not-found')
  assert.equal(code(net.mineEmpty(net.genesis, 1, { time: time + 7301 })), 'retry time-too-new')
  assert.equal(code(net.mineEmpty(net.genesis, 1, { time: time + 7300 })), true)
  assert.equal(code(net.mineEmpty(net.genesis, 1, { time })), 'invalid time-too-old')
  const added: number[] = []
  chain.subscribe({ headersChanged: (last) => added.push(last) })
  const three = net.branch(net.mineEmpty(one, 2))
  const result = chain.acceptHeaders(three.map(({ block }) => block.header))
  assert.ok(result.ok)
  assert.equal(chain.headers.hash(result.value), three[2].block.hash)
  assert.deepEqual(added, [result.value])
  assert.deepEqual(chain.acceptHeaders([]), { ok: true, value: -1 })
})
