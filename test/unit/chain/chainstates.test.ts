/**
 * Promise: chainstates share headers and bodies, and nothing else. What one has connected, the other checks for itself, and comes to the same
 * coins; each goes on where it stood after a restart.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { BlockArchive } from '../../../src/chain/block-archive.ts'
import { Chainstate, type TipChange } from '../../../src/chain/chainstate.ts'
import { type ChainstateId, NO_HEADER } from '../../../src/chain/header-tree.ts'
import { Headers } from '../../../src/chain/headers.ts'
import type { BadBlock } from '../../../src/chain/move.ts'
import type { ChainBatch, ChainStore } from '../../../src/chain/store.ts'
import { outpointKey } from '../../../src/primitives/transaction.ts'
import type { CheckPool } from '../../../src/script/input-check.ts'
import { InlineCheckPool } from '../../../src/script/verify-input.ts'
import { MemoryChainStore } from '../../../src/storage/memory-chain-store.ts'
import { growTree } from '../../support/block-trees.ts'
import { TEST_SALT, type TestBlock } from '../../support/chain-builder.ts'
import { lateClock, QUICK } from '../../support/chain-nodes.ts'

/** A store of a second chainstate: header pages and bodies are those of the first. */
function besides(first: ChainStore, own: ChainStore): ChainStore {
  return {
    load: async () => ({ ...(await own.load()), headerPages: (await first.load()).headerPages }),
    async write({ headerPages = [], bodies = [], ...batch }: ChainBatch) {
      await own.write(batch)
      await first.write({ headerPages, bodies })
    },
    readBodies: (indexes) => first.readBodies(indexes),
    readUndo: (indexes) => own.readUndo(indexes),
    readMentions: (from, to) => own.readMentions(from, to),
    readBuckets: (bits, buckets) => own.readBuckets(bits, buckets),
    close: () => own.close(),
  }
}

/** Two chainstates and what they share. */
class Pair {
  readonly headers: Headers
  readonly archive: BlockArchive
  readonly states: readonly [Chainstate, Chainstate]
  /** Inputs checked by each. */
  readonly checked = [0, 0]
  readonly changes: TipChange[][] = [[], []]

  private constructor(
    stores: readonly [ChainStore, ChainStore],
    stored: Awaited<ReturnType<ChainStore['load']>>[],
  ) {
    this.headers = new Headers(QUICK, lateClock, stored[0].headerPages)
    this.archive = new BlockArchive(stores[0], this.headers.tree, (index) => {
      for (const state of this.states) state.candidates.add(index)
    })
    const make = (id: ChainstateId): Chainstate => {
      const inline = new InlineCheckPool()
      const checks: CheckPool = {
        verify: (batch) => {
          this.checked[id] += batch.length
          return inline.verify(batch)
        },
      }
      return new Chainstate({
        ...{ id, checks, headers: this.headers, archive: this.archive, clock: lateClock },
        store: stores[id],
        stored: stored[id],
        coinCacheBytes: 1 << 20,
        alreadyVerified: () => false,
        tipChanged: (change) => this.changes[id].push(change),
        foundBad: ({ index }: BadBlock) => {
          this.headers.tree.markInvalid(index)
          for (const state of this.states) state.candidates.rebuild()
        },
      })
    }
    this.states = [make(0), make(1)]
  }

  static async open(stores: readonly [ChainStore, ChainStore]): Promise<Pair> {
    return new Pair(stores, [await stores[0].load(), await stores[1].load()])
  }

  async take(blocks: readonly TestBlock[]): Promise<void> {
    for (const { block } of blocks) {
      const { result } = this.headers.accept([block.header])
      if (result.ok && !this.archive.holds(result.value))
        await this.archive.put({ index: result.value, block })
    }
  }

  /** Moves a chainstate as far as it can. */
  async move(id: ChainstateId): Promise<void> {
    const state = this.states[id]
    for (let end = state.bestTarget(); end !== NO_HEADER; end = state.bestTarget()) await state.moveTo(end)
  }

  async coinsOf(id: ChainstateId): Promise<string[]> {
    const coins: string[] = []
    await this.states[id].forEachCoin((prevout, { value }) => coins.push(`${outpointKey(prevout)} ${value}`))
    return coins.sort()
  }

  hashAt(id: ChainstateId): string {
    return this.headers.tree.hash(this.states[id].tip)
  }
}

for (let seed = 1; seed <= 4; seed++)
  test(`two chainstates follow one tree of blocks, each at its own pace, seed ${seed}`, async () => {
    const { best, blocks } = growTree(seed, 60)
    const disk = new MemoryChainStore(TEST_SALT)
    const own = new MemoryChainStore(Uint8Array.of(8, 7, 6, 5, 4, 3, 2, 1))
    const pair = await Pair.open([disk, besides(disk, own)])
    await pair.take(blocks.slice(0, 40))
    await pair.move(0)
    const { states, checked } = pair
    assert.notEqual(states[0].tip, 0)
    assert.ok(states[0].wasConnected(states[0].tip))
    assert.equal(states[1].tip, 0, 'the other stands where it stood')
    assert.ok(!states[1].wasConnected(states[0].tip))
    assert.equal(pair.changes[1].length, 0)

    await pair.take(blocks.slice(40))
    await pair.move(1)
    assert.equal(pair.hashAt(1), best.block.hash)
    assert.ok(checked[1] > 0, 'it checks itself what the other has connected')
    await pair.move(0)
    assert.equal(pair.hashAt(0), best.block.hash)
    assert.deepEqual(await pair.coinsOf(0), await pair.coinsOf(1))
    assert.deepEqual(
      { ...states[0].coinStatistics(), memoryBytes: 0 },
      { ...states[1].coinStatistics(), memoryBytes: 0 },
    )

    // A restart of both, and of the first without the second.
    const again = await Pair.open([disk.clone(), besides(disk.clone(), own.clone())])
    assert.deepEqual([again.hashAt(0), again.hashAt(1)], [best.block.hash, best.block.hash])
    assert.deepEqual(await again.coinsOf(1), await pair.coinsOf(1))
    const { tip } = again.states[0]
    assert.deepEqual(
      again.states.map((state) => state.wasConnected(tip)),
      [true, true],
    )
  })
