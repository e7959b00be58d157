/**
 * Promise: after every block at a snapshot height the chain knows what the coins hash to, on any branch, however it got there, and
 * after any restart; no block connects above without having committed to it.
 */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import type { Chain } from '../../../src/chain/chain.ts'
import { coinsInOrder } from '../../../src/chain/coins-in-order.ts'
import { COIN_RECORD_BYTES } from '../../../src/consensus/coin-table.ts'
import { compareCoinRecords, snapshotOutput } from '../../../src/consensus/snapshot.ts'
import { concatBytes } from '../../../src/primitives/bytes.ts'
import type { Clock } from '../../../src/primitives/ports.ts'
import { MemoryChainStore } from '../../../src/storage/memory-chain-store.ts'
import { growTree, seededIntegers } from '../../support/block-trees.ts'
import { TEST_SALT, type TestBlock, TestChain, TestWallet } from '../../support/chain-builder.ts'
import { deliver, openChain, QUICK, recordEvents, stateOf } from '../../support/chain-nodes.ts'
import { HeldCheckPool } from '../../support/held-check-pool.ts'
import { JitteredStore } from '../../support/jittered-store.ts'
import { snapshotOf } from '../../support/snapshots.ts'
import { WatchedStore } from '../../support/watched-store.ts'

const net = new TestChain(QUICK)
const OTHER = { extraNonce: Uint8Array.of(1) }
const verified = { alreadyVerified: () => true }

/** Compares all snapshots on the way to `tip`, which the chain must be at, with those computed from the blocks. */
function checkSnapshots(chain: Chain, tip: TestBlock): number {
  assert.equal(chain.headers.hash(chain.tip), tip.block.hash)
  const blocks = net.branch(tip)
  let count = 0
  for (const { block, height } of blocks) {
    const expected =
      height % QUICK.snapshotInterval === 0
        ? snapshotOf(blocks.slice(0, height).map((each) => each.block))
        : undefined
    assert.deepEqual(chain.snapshotAfter(chain.headers.find(block.hash)), expected, `after block ${height}`)
    if (expected) count++
  }
  return count
}

/** Gives a branch with its bodies in reverse, so that the chain moves to it at once. */
async function deliverAtOnce(chain: Chain, blocks: readonly TestBlock[]): Promise<void> {
  chain.acceptHeaders(blocks.map(({ block }) => block.header))
  await deliver(chain, blocks.toReversed())
}

describe('the coins in order', () => {
  /** Packed records in pieces, with so many bytes of their txids drawn, the rest zero. */
  async function ordered(count: number, drawn: number, maxStaged: number, pieceCoins: number) {
    const integer = seededIntegers(count + drawn)
    const records = Array.from({ length: count }, (_, i) => {
      const record = new Uint8Array(COIN_RECORD_BYTES)
      for (let at = 0; at < drawn; at++) record[at] = integer(256)
      new DataView(record.buffer).setUint32(32, i * 7919, true)
      return record
    })
    let scans = 0
    let pauses = 0
    async function* scan(wanted: (records: Uint8Array, at: number) => boolean): AsyncGenerator<Uint8Array> {
      scans++
      for (let at = 0; at < count; at += pieceCoins)
        yield concatBytes(...records.slice(at, at + pieceCoins).filter((record) => wanted(record, 0)))
    }
    const pause = async (): Promise<void> => {
      pauses++
    }
    const pieces: Uint8Array[] = []
    for await (const piece of coinsInOrder(scan, count, pause, maxStaged)) pieces.push(piece.slice())
    const expected = concatBytes(...records.sort((a, b) => compareCoinRecords(a, 0, b, 0)))
    assert.ok(Buffer.from(concatBytes(...pieces)).equals(expected), `${count} coins`)
    return { scans, pauses, longest: Math.max(...pieces.map(({ length }) => length)) }
  }

  test('all come, in order, in any number of passes', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.nat(300),
        fc.constantFrom(0, 1, 32),
        fc.integer({ min: 1, max: 400 }),
        fc.integer({ min: 1, max: 400 }),
        async (count, drawn, maxStaged, pieceCoins) => {
          const { scans } = await ordered(count, drawn, maxStaged, pieceCoins)
          assert.equal(scans, Math.max(1, Math.ceil(count / maxStaged)))
        },
      ),
    )
  })

  test('a large set is gone through in slices, with pauses between them', async () => {
    for (const drawn of [32, 0]) {
      const { pauses, longest } = await ordered(40_000, drawn, 2 ** 19, 1000)
      assert.equal(longest, 8192 * COIN_RECORD_BYTES)
      // Four between sorted runs, four between merged pieces.
      assert.equal(pauses, 8)
    }
    const { scans, pauses } = await ordered(40_000, 32, 10_000, 1000)
    assert.equal(scans, 4)
    assert.ok(pauses >= 4)
  })
})

describe('snapshots of the chain', () => {
  for (const coinCacheBytes of [undefined, 3000, 12_000])
    test(`they are those of the blocks, with ${coinCacheBytes ?? 'any number of'} bytes of coins in memory`, async () => {
      for (const seed of [21, 22]) {
        const { blocks, best } = growTree(seed, 60)
        const store = new JitteredStore(new MemoryChainStore(TEST_SALT), seed)
        const chain = await openChain({ ...verified, store, coinCacheBytes })
        await deliver(chain, blocks)
        assert.ok(checkSnapshots(chain, best) >= 2)
        const atOnce = await openChain({ ...verified, coinCacheBytes })
        await deliverAtOnce(atOnce, net.branch(best))
        checkSnapshots(atOnce, best)
      }
    })

  test('coins are read while they are counted', async () => {
    const base = net.mineEmpty(net.genesis, 7)
    const coins = net.branch(base).map((block) => net.miner.coinbaseOf(block))
    const disk = new MemoryChainStore(TEST_SALT)
    const chain = await openChain({ store: new JitteredStore(disk, 5), coinCacheBytes: 400 })
    await deliver(chain, net.branch(base))
    const block = net.mineEmpty(base, 1)
    await chain.acceptBlock(block.block)
    let read = 0
    while (!chain.snapshotAfter(chain.headers.find(block.block.hash))) {
      const found = await chain.coins(coins.map(({ prevout }) => prevout))
      assert.deepEqual(
        found.map((coin) => coin?.value),
        coins.map(({ value }) => value),
      )
      read++
    }
    await chain.settled()
    assert.ok(read > 0)
    checkSnapshots(chain, block)
  })

  test('a block that does not commit to it is bad, and so are those after it', async () => {
    const base = net.mineEmpty(net.genesis, 10)
    const rival = net.mineEmpty(net.genesis, 10, OTHER)
    const dropped = net.mineBlock(base, [], {
      coinbase: (fields) => ({ ...fields, outputs: fields.outputs.toSpliced(-2, 1) }),
    })
    const foreign = net.mineBlock(base, [], {
      ...OTHER,
      coinbase: (fields) => ({
        ...fields,
        outputs: fields.outputs.toSpliced(-2, 1, snapshotOutput(net.snapshotFor(rival)!)),
      }),
    })
    const chain = await openChain()
    const events = recordEvents(chain)
    await deliverAtOnce(chain, net.branch(net.mineEmpty(dropped, 2)))
    await deliver(chain, [foreign])
    assert.deepEqual(events, [
      'tip 0 -0 +8 = 8',
      'invalid 11 bad-snapshot-commitment',
      'tip 8 -0 +2 = 10',
      'invalid 11 bad-snapshot-commitment',
    ])
    checkSnapshots(chain, base)
    await deliver(chain, [net.mineEmpty(base, 1)])
    assert.equal(chain.headers.height(chain.tip), 11)
  })

  test('nothing is counted on blocks whose checks have not passed', async () => {
    const base = net.mineEmpty(net.genesis, 7)
    const coin = net.miner.coinbaseOf(net.ancestor(base, 1))
    const paying = net.mineBlock(base, [net.miner.pay([coin], new TestWallet('payee').scriptPubKey, 1000)])
    for (const good of [false, true]) {
      const checks = new HeldCheckPool()
      const store = new WatchedStore(new MemoryChainStore(TEST_SALT))
      const chain = await openChain({ checks, store })
      await deliver(chain, net.branch(base))
      await deliverHeld(chain, net.branch(net.mineEmpty(paying, 4)).slice(7), checks, good)
      const index = chain.headers.find(paying.block.hash)
      assert.equal(chain.snapshotAfter(index) !== undefined, good)
      assert.equal(chain.headers.height(chain.tip), good ? 12 : 7)
      const stored = store.batches.flatMap(({ snapshots = [] }) => snapshots.map((each) => each.index))
      assert.deepEqual(stored, good ? [index] : [])
    }
  })

  async function deliverHeld(
    chain: Chain,
    blocks: readonly TestBlock[],
    checks: HeldCheckPool,
    good: boolean,
  ): Promise<void> {
    chain.acceptHeaders(blocks.map(({ block }) => block.header))
    await Promise.all(blocks.toReversed().map(({ block }) => chain.acceptBlock(block)))
    await checks.asked(1)
    assert.equal(chain.snapshotAfter(chain.headers.find(blocks[0].block.hash)), undefined)
    if (good) checks.pass(0)
    else checks.fail(0)
    await chain.settled()
  }
})

describe('reorganisations', () => {
  /** A payment that only the first branch makes, so that the two leave different coins. */
  function twoBranches(fork: number, heights: readonly [number, number]): [TestBlock, TestBlock] {
    const base = net.mineEmpty(net.genesis, fork)
    const coin = net.miner.coinbaseOf(net.ancestor(base, 1))
    const paying = net.mineBlock(base, [net.miner.pay([coin], new TestWallet('payee').scriptPubKey, 1000)])
    return [net.mineEmpty(paying, heights[0] - fork - 1), net.mineEmpty(base, heights[1] - fork, OTHER)]
  }

  for (const coinCacheBytes of [undefined, 3000])
    for (const [what, fork, before, after] of [
      ['below one that is counted', 6, 10, 12],
      ['below one that is committed to', 6, 12, 13],
      ['below several', 5, 28, 29],
      ['between one counted and its commitment', 9, 10, 14],
      ['at one that is counted', 8, 11, 12],
      ['right below its commitment', 10, 12, 13],
    ] as const)
      test(`${what}, there and back, with restarts and ${coinCacheBytes ?? 'any number of'} bytes`, async () => {
        const [first, second] = twoBranches(fork, [before, after])
        const back = net.mineEmpty(first, after - before + 1)
        const disk = new MemoryChainStore(TEST_SALT)
        const open = (store: MemoryChainStore) => openChain({ ...verified, store, coinCacheBytes })
        await deliver(await open(disk), net.branch(first))
        for (const [tip, blocks] of [
          [second, net.branch(second).slice(fork)],
          [back, net.branch(back).slice(before)],
        ] as const) {
          const chain = await open(disk)
          await deliverAtOnce(chain, blocks)
          checkSnapshots(chain, tip)
          const fresh = await open(new MemoryChainStore(TEST_SALT))
          await deliver(fresh, net.branch(tip))
          assert.equal(await stateOf(chain), await stateOf(fresh))
          checkSnapshots(await open(disk.clone()), tip)
        }
      })

  test('a branch that comes back is not counted again', async () => {
    const [first, second] = twoBranches(6, [10, 11])
    const store = new WatchedStore(new MemoryChainStore(TEST_SALT))
    let counts = 0
    const chain = await openChain({ ...verified, store })
    await deliver(chain, net.branch(first))
    await deliver(chain, net.branch(second).slice(6))
    const snapshot = chain.snapshotAfter(chain.headers.find(net.ancestor(first, 8).block.hash))
    await deliver(chain, net.branch(net.mineEmpty(first, 2)).slice(10))
    assert.equal(chain.headers.height(chain.tip), 12)
    assert.equal(chain.snapshotAfter(chain.activeAt(8)), snapshot)
    for (const { snapshots = [] } of store.batches) counts += snapshots.length
    assert.equal(counts, 3)
  })

  test('down below a snapshot and up again after a restart', async () => {
    const tip = net.mineEmpty(net.genesis, 20)
    const disk = new MemoryChainStore(TEST_SALT)
    const chain = await openChain({ store: disk })
    await deliver(chain, net.branch(tip))
    for (const height of [18, 12, 10, 8, 7, 3]) {
      await chain.invalidate(chain.activeAt(height + 1))
      assert.equal(chain.headers.height(chain.tip), height)
      const down = await openChain({ store: disk.clone() })
      checkSnapshots(down, tip.height === height ? tip : net.ancestor(tip, height))
      await down.reconsider(down.headers.find(tip.block.hash))
      await down.settled()
      checkSnapshots(down, tip)
      await deliver(down, [net.mineEmpty(tip, 8)])
    }
  })
})

test('a large set gives the thread back while it is counted', async () => {
  const base = net.mineEmpty(net.genesis, 4)
  const outputs = Array.from({ length: 9000 }, () => ({ value: 1, scriptPubKey: net.miner.scriptPubKey }))
  const split = net.miner.spend([net.miner.coinbaseOf(net.ancestor(base, 1))], outputs as never)
  const tip = net.mineEmpty(net.mineBlock(base, [split]), 8)
  let waits = 0
  const clock: Clock = {
    now: () => 0xffff_ffff * 1000,
    after(_milliseconds, run) {
      waits++
      const timer = setImmediate(run)
      return () => clearImmediate(timer)
    },
  }
  const chain = await openChain({ ...verified, clock })
  await deliver(chain, net.branch(tip))
  checkSnapshots(chain, tip)
  assert.equal(waits, 2)
})
