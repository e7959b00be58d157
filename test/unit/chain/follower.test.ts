/**
 * Promise: whoever follows the chain has seen the blocks of its active branch, each once and in order, wherever it and the chain stopped before.
 * One that looks for scripts sees the blocks that hold them, and few others.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Chain } from '../../../src/chain/chain.ts'
import { type BlockPlace, type ChainConsumer, ChainFollower, locatorOf } from '../../../src/chain/follower.ts'
import type { Block } from '../../../src/primitives/block.ts'
import type { BlockHash } from '../../../src/primitives/hashes.ts'
import { MemoryChainStore } from '../../../src/storage/memory-chain-store.ts'
import { growTree, seededIntegers } from '../../support/block-trees.ts'
import { TEST_SALT, type TestBlock, TestChain, TestWallet } from '../../support/chain-builder.ts'
import { deliver, openChain, QUICK } from '../../support/chain-nodes.ts'
import { WatchedStore } from '../../support/watched-store.ts'

/** Lists the blocks of the active branch above genesis, those passed in brackets. */
class BlockList implements ChainConsumer {
  tip: BlockPlace
  locator: readonly BlockHash[] = []
  readonly seen: { readonly hash: BlockHash; readonly passed: boolean }[] = []
  readonly wanted: readonly Uint8Array[] | undefined
  arrivals = 0
  /** Heights to which it went back. */
  readonly returns: number[] = []
  readonly failures: string[] = []
  /** Told, once each, when it stands at the tip. */
  backlog: (() => Promise<boolean>)[] = []

  constructor(genesis: BlockPlace, wanted?: readonly Uint8Array[]) {
    this.tip = genesis
    this.wanted = wanted
  }

  connectBlock(block: Block, height: number): void {
    assert.equal(height, this.tip.height + 1)
    assert.equal(block.header.previous, this.tip.hash)
    this.seen.push({ hash: block.hash, passed: false })
    this.tip = { hash: block.hash, height }
  }

  passBlock(place: BlockPlace): void {
    this.seen.push({ hash: place.hash, passed: true })
    this.tip = place
  }

  disconnectTo(place: BlockPlace): void {
    assert.ok(place.height < this.tip.height)
    this.seen.length = place.height
    this.returns.push(place.height)
    this.tip = place
  }

  scripts() {
    return this.wanted
  }

  get hasBacklog(): boolean {
    return this.backlog.length > 0
  }

  async readBacklog(): Promise<boolean> {
    const done = await this.backlog[0]()
    if (done) this.backlog.shift()
    return done
  }

  advanced(): void {}

  arrived(): void {
    this.arrivals++
  }

  failed(error: Error): void {
    this.failures.push(error.message)
  }
}

const genesisPlace = (net: TestChain): BlockPlace => ({ hash: net.genesis.block.hash, height: 0 })

/** What a list must hold at the chain's tip. */
function branchOf(chain: Chain): BlockHash[] {
  const hashes: BlockHash[] = []
  for (let height = 1; height <= chain.headers.height(chain.tip); height++)
    hashes.push(chain.headers.hash(chain.activeAt(height)))
  return hashes
}

function check(list: BlockList, chain: Chain): void {
  assert.deepEqual(
    list.seen.map(({ hash }) => hash),
    branchOf(chain),
  )
  assert.deepEqual(list.failures, [])
}

for (let seed = 1; seed <= 6; seed++)
  test(`lists every block of the active branch through reorganisations and restarts, seed ${seed}`, async () => {
    const { blocks } = growTree(seed, 60)
    const integer = seededIntegers(seed)
    const net = new TestChain(QUICK)
    let disk = new MemoryChainStore(TEST_SALT)
    /** As it was some time before: the tab may lose what the consumer keeps. */
    let earlier = disk.clone()
    const list = new BlockList(genesisPlace(net))
    for (let at = 0; at < blocks.length; ) {
      const chain = await openChain({ store: disk })
      await chain.settled()
      const follower = new ChainFollower(chain, list, list.locator)
      follower.advance()
      const unsubscribe = chain.subscribe({ tipChanged: (change) => follower.tipChanged(change) })
      const next = at + 1 + integer(15)
      await deliver(chain, blocks.slice(0, next))
      await follower.settled()
      check(list, chain)
      list.locator = locatorOf(chain, list.tip)
      unsubscribe()
      // Not followed: caught up with after the restart.
      await deliver(chain, blocks.slice(0, next + integer(10)))
      await chain.close()
      const kept = disk.clone()
      disk = integer(3) === 0 ? earlier : kept
      earlier = kept.clone()
      at = next
    }
    const chain = await openChain({ store: disk.clone() })
    await deliver(chain, blocks)
    const follower = new ChainFollower(chain, list, list.locator)
    follower.advance()
    await follower.settled()
    check(list, chain)
    assert.ok(list.arrivals > 0)
    await chain.close()
  })

test('where the chain has lost its last blocks it goes back no further than to those that are left', async () => {
  const net = new TestChain(QUICK)
  const blocks = net.branch(net.mineEmpty(net.genesis, 20))
  const disk = new MemoryChainStore(TEST_SALT)
  const first = await openChain({ store: disk })
  await deliver(first, blocks.slice(0, 15))
  await first.close()
  const kept = disk.clone()
  const second = await openChain({ store: disk.clone() })
  await deliver(second, blocks.slice(15))
  const list = new BlockList(genesisPlace(net))
  const follower = new ChainFollower(second, list, [])
  follower.advance()
  await follower.settled()
  assert.equal(list.tip.height, 20)
  const locator = locatorOf(second, list.tip)
  await second.close()

  const third = await openChain({ store: kept })
  const again = new ChainFollower(third, list, locator)
  again.advance()
  await again.settled()
  check(list, third)
  assert.deepEqual(list.returns, [15])
  await third.close()
})

test('who looks for a script reads the blocks that hold it, and passes others by their filters', async () => {
  const net = new TestChain(QUICK)
  const payee = new TestWallet('payee')
  const blocks: TestBlock[] = []
  let tip = net.genesis
  for (let height = 1; height <= 40; height++) {
    const { scriptPubKey } = height % 10 === 0 ? payee : net.miner
    tip = net.mineBlock(tip, [], { scriptPubKey })
    blocks.push(tip)
  }
  const disk = new MemoryChainStore(TEST_SALT)
  const first = await openChain({ store: disk })
  await deliver(first, blocks)
  await first.close()

  const store = new WatchedStore(disk.clone())
  const chain = await openChain({ store })
  const list = new BlockList(genesisPlace(net), [payee.scriptPubKey])
  const follower = new ChainFollower(chain, list, [])
  follower.advance()
  await follower.settled()
  check(list, chain)
  const read = list.seen.flatMap(({ passed }, i) => (passed ? [] : [i + 1]))
  assert.deepEqual(read, [10, 20, 30, 40])
  assert.equal(store.bodiesRead, 4)
  await chain.close()
})

test('where the store can’t be read it stays where it is, and goes on with the next block', async () => {
  const net = new TestChain(QUICK)
  const first = net.mineBlock(net.genesis)
  const second = net.mineBlock(first)
  const disk = new MemoryChainStore(TEST_SALT)
  const before = await openChain({ store: disk })
  await deliver(before, [first])
  await before.close()

  const store = new WatchedStore(disk.clone())
  let broken = true
  const { readBodies } = store
  store.readBodies = async (indexes) => {
    if (broken) throw new Error('no disk')
    return readBodies.call(store, indexes)
  }
  const chain = await openChain({ store })
  const list = new BlockList(genesisPlace(net))
  const follower = new ChainFollower(chain, list, [])
  chain.subscribe({ tipChanged: (change) => follower.tipChanged(change) })
  follower.advance()
  await follower.settled()
  assert.deepEqual(list.failures.splice(0), ['no disk'])
  assert.equal(list.tip.height, 0)
  broken = false
  await deliver(chain, [second])
  await follower.settled()
  check(list, chain)
  await chain.close()
})

test('earlier blocks that a consumer wants are read first, and where they can’t be, it goes on and asks again', async () => {
  const net = new TestChain(QUICK)
  const blocks = net.branch(net.mineEmpty(net.genesis, 6))
  const chain = await openChain()
  await deliver(chain, blocks.slice(0, 4))
  const list = new BlockList(genesisPlace(net))
  const heights: number[] = []
  let held = false
  const look = async (): Promise<boolean> => {
    if (!held) heights.push(list.tip.height)
    return !held
  }
  list.backlog = [look]
  const follower = new ChainFollower(chain, list, [])
  chain.subscribe({ tipChanged: (change) => follower.tipChanged(change) })
  follower.advance()
  await follower.settled()
  assert.deepEqual(heights, [0])

  held = true
  list.backlog = [look]
  await deliver(chain, blocks.slice(4, 5))
  await follower.settled()
  assert.equal(list.tip.height, 5)
  held = false
  await deliver(chain, blocks.slice(5))
  await follower.settled()
  assert.deepEqual(heights, [0, 6])
  check(list, chain)
  await chain.close()
})
