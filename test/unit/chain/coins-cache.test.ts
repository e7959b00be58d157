/** Promise: whatever fits in memory, coins read are those committed, through checkpoints, splits of buckets, and reopening. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { CoinsCache } from '../../../src/chain/coins-cache.ts'
import { CoinsOverlay } from '../../../src/consensus/coin-table.ts'
import { sats } from '../../../src/primitives/amount.ts'
import { taggedHash } from '../../../src/primitives/hashes.ts'
import { type Outpoint, outpointKey } from '../../../src/primitives/transaction.ts'
import { MemoryChainStore } from '../../../src/storage/memory-chain-store.ts'
import { seededIntegers } from '../../support/block-trees.ts'
import { TEST_SALT } from '../../support/chain-builder.ts'
import { WatchedStore } from '../../support/watched-store.ts'

function outpoint(number: number): Outpoint {
  return {
    txid: taggedHash('test/txid', Uint8Array.of(number, number >> 8, number >> 16)),
    index: number % 3,
  }
}

function coin(number: number, height: number) {
  return {
    value: sats(number + 1),
    height,
    coinbase: number % 2 === 0,
    outputKey: taggedHash('test/key', Uint8Array.of(number)),
  }
}

/** A cache, and the coins that it should hold. */
class Model {
  disk: MemoryChainStore
  store: WatchedStore
  cache!: CoinsCache
  readonly coins = new Map<number, number>()
  private readonly cacheBytes: number

  private constructor(cacheBytes: number) {
    this.cacheBytes = cacheBytes
    this.disk = new MemoryChainStore(TEST_SALT)
    this.store = new WatchedStore(this.disk)
  }

  static async open(cacheBytes: number): Promise<Model> {
    const model = new Model(cacheBytes)
    await model.reopen()
    return model
  }

  async reopen(): Promise<void> {
    this.disk = this.disk.clone()
    this.store = new WatchedStore(this.disk)
    this.cache = new CoinsCache(this.store, await this.store.load(), this.cacheBytes)
  }

  /** Commits: each number's coin is spent where there is one, else made. */
  async commit(numbers: readonly number[], height: number): Promise<void> {
    const before = await this.cache.load(numbers.map(outpoint))
    const overlay = new CoinsOverlay(before, TEST_SALT)
    for (const number of numbers) {
      if (this.coins.delete(number)) assert.ok(overlay.spend(outpoint(number)), `coin ${number}`)
      else {
        this.coins.set(number, height)
        overlay.add(outpoint(number), coin(number, height))
      }
    }
    const staged = this.cache.stage(overlay.changes())
    await this.store.write({ delta: staged.delta, state: { ...staged.state, tip: height } })
    this.cache.commit(staged)
    await this.cache.advanceCheckpoint(height)
  }

  async check(numbers: readonly number[]): Promise<void> {
    const found = await this.cache.load([...numbers, ...numbers].map(outpoint))
    for (const number of numbers) {
      const height = this.coins.get(number)
      assert.deepEqual(found.get(outpoint(number)), height === undefined ? undefined : coin(number, height))
    }
  }

  async checkAll(): Promise<void> {
    const seen = new Map<string, number>()
    await this.cache.forEach((prevout, { height }) => {
      assert.equal(seen.has(outpointKey(prevout)), false)
      seen.set(outpointKey(prevout), height)
    })
    const expected = [...this.coins].map(
      ([number, height]) => [outpointKey(outpoint(number)), height] as const,
    )
    assert.deepEqual([...seen].sort(), expected.sort())
    const total = [...this.coins.keys()].reduce((sum, number) => sum + BigInt(number + 1), 0n)
    assert.deepEqual([this.cache.state.coins, this.cache.state.total], [this.coins.size, total])
  }
}

const step = fc.oneof(
  { weight: 6, arbitrary: fc.record({ commit: fc.uniqueArray(fc.nat({ max: 400 }), { maxLength: 60 }) }) },
  { weight: 3, arbitrary: fc.record({ check: fc.array(fc.nat({ max: 400 }), { maxLength: 20 }) }) },
  { weight: 1, arbitrary: fc.constant('reopen' as const) },
)

test('a cache of any size shows the committed coins', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(step, { maxLength: 40 }),
      fc.constantFrom(0, 2000, 20_000, 2 ** 30),
      async (steps, cacheBytes) => {
        const model = await Model.open(cacheBytes)
        for (const [height, each] of steps.entries()) {
          if (each === 'reopen') await model.reopen()
          else if ('commit' in each) await model.commit(each.commit, height)
          else await model.check(each.check)
        }
        await model.checkAll()
        await model.reopen()
        await model.checkAll()
      },
    ),
    { numRuns: 60 },
  )
})

test('buckets split as the coins grow, and memory stays under its cap', async (context) => {
  const cap = 100_000
  const model = await Model.open(cap)
  const integer = seededIntegers(1)
  let most = 0
  for (let height = 0; height < 60; height++) {
    await model.commit(
      Array.from({ length: 100 }, (_, i) => height * 100 + i),
      height,
    )
    await model.check(Array.from({ length: 20 }, () => integer(height * 100 + 1)))
    most = Math.max(most, model.cache.memoryBytes)
  }
  await model.checkAll()
  assert.ok(model.cache.state.bucketBits >= 6, `${model.cache.state.bucketBits} bits`)
  // 600,000 bytes of coins; a table has room to grow.
  assert.ok(most < 2 * cap, `${most} bytes`)
  context.diagnostic(`${most} bytes of memory at most, cap ${cap}`)
  await model.reopen()
  await model.checkAll()
})

test('a load reads each bucket that it needs once, and none that is in memory', async () => {
  const model = await Model.open(2 ** 24)
  for (let height = 0; height < 20; height++)
    await model.commit(
      Array.from({ length: 5000 }, (_, i) => height * 5000 + i),
      height,
    )
  await model.reopen()
  const { bucketBits, checkpoint } = model.cache.state
  assert.ok(bucketBits > 2 && checkpoint > 0)
  const numbers = Array.from({ length: 2000 }, (_, i) => i)
  await model.check(numbers)
  assert.equal(model.store.bucketsRead, 2 ** bucketBits)
  await model.check(numbers)
  assert.equal(model.store.bucketsRead, 2 ** bucketBits)
})
