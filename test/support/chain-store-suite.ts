/** What every `ChainStore` must do, for whatever runner. */
import { type ChainStore, StorageError } from '../../src/chain/store.ts'
import { growTree } from './block-trees.ts'
import { TestChain } from './chain-builder.ts'
import { deliver, openChain, QUICK, stateOf } from './chain-nodes.ts'
import { requestsOf, WatchedStore } from './watched-store.ts'

/** Opens a store on the records that earlier calls left, as a tab does that comes back. */
export type Reopen = () => Promise<ChainStore>

export interface StoreCase {
  /** The promise. */
  readonly name: string
  /** Throws when it is broken. `reopen` starts with no records. */
  run(reopen: Reopen): Promise<void>
}

const STATE = { tip: 3, sequence: 2, checkpoint: 1, bucketBits: 4, coins: 7, total: 2n ** 52n }

function bytes(...values: number[]): Uint8Array {
  return Uint8Array.from(values)
}

/** Equal plain data, byte strings and bigints included. */
function same(actual: unknown, expected: unknown): void {
  const show = (value: unknown): string =>
    JSON.stringify(value, (_, part: unknown) =>
      typeof part === 'bigint'
        ? `${part}n`
        : part instanceof Uint8Array
          ? `bytes ${part}`
          : part === undefined
            ? 'none'
            : part,
    )
  if (show(actual) !== show(expected)) throw new Error(`expected ${show(expected)}, got ${show(actual)}`)
}

export const CHAIN_STORE_CASES: readonly StoreCase[] = [
  {
    name: 'a new store is empty, and its salt stays',
    async run(reopen) {
      const { salt, ...rest } = await (await reopen()).load()
      same(rest, { state: undefined, headerPages: [], deltas: [], snapshots: [] })
      same(salt.length, 8)
      same((await (await reopen()).load()).salt, salt)
    },
  },
  {
    name: 'what a batch holds is there after reopening, in order',
    async run(reopen) {
      const store = await reopen()
      await store.load()
      // Views of a larger buffer: only what they show is stored.
      const large = Uint8Array.from({ length: 1000 }, (_, i) => i % 251)
      await store.write({
        headerPages: [
          { page: 1, bytes: bytes(1) },
          { page: 0, bytes: bytes(0) },
        ],
        bodies: [{ index: 5, bytes: large.subarray(10, 13) }],
        undo: [{ index: 5, bytes: new Uint8Array(0) }],
        mentions: [300, 5, 4, 7].map((index) => ({ index, bytes: bytes(index % 256) })),
        snapshots: [300, 5].map((index) => ({ index, bytes: bytes(index % 256) })),
        delta: { sequence: 1, bytes: bytes(11) },
        buckets: [
          { bits: 4, bucket: 15, bytes: bytes(15) },
          { bits: 4, bucket: 0, bytes: bytes(16) },
        ],
        state: STATE,
      })
      await store.write({ delta: { sequence: 2, bytes: bytes(12) } })
      const again = await reopen()
      const { salt: _, ...rest } = await again.load()
      same(rest, {
        state: STATE,
        headerPages: [bytes(0), bytes(1)],
        deltas: [bytes(11), bytes(12)],
        snapshots: [5, 300].map((index) => ({ index, bytes: bytes(index % 256) })),
      })
      const bodies = await again.readBodies([6, 5])
      same(bodies, [undefined, bytes(10, 11, 12)])
      same(bodies[1]?.buffer.byteLength, 3)
      same(await again.readUndo([5, 0, 5]), [bytes(), undefined, bytes()])
      same(
        await again.readMentions(5, 300),
        [5, 7, 300].map((index) => ({ index, bytes: bytes(index % 256) })),
      )
      same(await again.readMentions(8, 299), [])
      same(await again.readBuckets(4, [0, 1, 15]), [bytes(16), undefined, bytes(15)])
      same(await again.readBuckets(5, [0]), [undefined])
    },
  },
  {
    name: 'a batch replaces records, and drops deltas and buckets',
    async run(reopen) {
      const store = await reopen()
      await store.load()
      for (let sequence = 1; sequence <= 12; sequence++)
        await store.write({ delta: { sequence, bytes: bytes(sequence) }, state: { ...STATE, sequence } })
      await store.write({ buckets: [1, 2, 3, 10].map((bits) => ({ bits, bucket: 1, bytes: bytes(bits) })) })
      await store.write({
        headerPages: [{ page: 0, bytes: bytes(9) }],
        buckets: [{ bits: 2, bucket: 0, bytes: bytes(20) }],
        dropDeltas: 10,
        keepBuckets: 2,
      })
      const again = await reopen()
      const { state, headerPages, deltas } = await again.load()
      same(
        { state, headerPages, deltas },
        { state: { ...STATE, sequence: 12 }, headerPages: [bytes(9)], deltas: [bytes(11), bytes(12)] },
      )
      for (const bits of [1, 3, 10]) same(await again.readBuckets(bits, [1]), [undefined])
      same(await again.readBuckets(2, [0, 1]), [bytes(20), bytes(2)])
    },
  },
  {
    name: 'batches take effect in the order of the calls',
    async run(reopen) {
      const store = await reopen()
      await store.load()
      await Promise.all(
        Array.from({ length: 20 }, (_, i) => store.write({ bodies: [{ index: 1, bytes: bytes(i) }] })),
      )
      same(await store.readBodies([1]), [bytes(19)])
      const written = store.write({ bodies: [{ index: 1, bytes: bytes(99) }] })
      await store.close()
      await written
      same(await (await reopen()).readBodies([1]), [bytes(99)])
    },
  },
  {
    name: 'a closed store says so',
    async run(reopen) {
      const store = await reopen()
      await store.close()
      const calls = [
        () => store.load(),
        () => store.write({ state: STATE }),
        () => store.readBodies([0]),
        () => store.readUndo([0]),
        () => store.readMentions(0, 1),
        () => store.readBuckets(0, [0]),
      ]
      for (const call of calls) {
        const error = await call().then(
          () => undefined,
          (thrown: unknown) => thrown,
        )
        if (!(error instanceof StorageError && error.kind === 'closed')) throw new Error(`got ${error}`)
      }
    },
  },
  {
    name: 'a chain reopens where it was, coins on disk or in memory',
    async run(reopen) {
      const tree = growTree(5, 30)
      const options = { alreadyVerified: () => true, coinCacheBytes: 3000 }
      let chain = await openChain({ ...options, store: await reopen() })
      for (const [i, block] of tree.blocks.entries()) {
        await deliver(chain, [block])
        if (i % 10 !== 9) continue
        const before = await stateOf(chain)
        await chain.close()
        chain = await openChain({ ...options, store: await reopen() })
        same(await stateOf(chain), before)
      }
      same(chain.headers.hash(chain.tip), tree.best.block.hash)
      await chain.close()
    },
  },
]

/** The requests of storing and connecting one block of `payments` payments. */
export async function requestsOfBlock(store: ChainStore, payments: number): Promise<number[]> {
  const net = new TestChain(QUICK)
  const base = net.mineEmpty(net.genesis, 3)
  const outputs = Array.from({ length: payments }, () => ({
    value: 1000,
    scriptPubKey: net.miner.scriptPubKey,
  }))
  const split = net.miner.spend([net.miner.coinbaseOf(net.ancestor(base, 1))], outputs as never)
  const ready = net.mineBlock(base, [split])
  const spends = net.miner
    .coinsOf(split)
    .map((coin) => net.miner.pay([coin], net.miner.scriptPubKey, 500, 10))
  const block = net.mineBlock(ready, spends)
  const watched = new WatchedStore(store)
  const chain = await openChain({ store: watched, alreadyVerified: () => true })
  await deliver(chain, net.branch(ready))
  const before = watched.batches.length
  await deliver(chain, [block])
  if (chain.headers.hash(chain.tip) !== block.block.hash) throw new Error('the block was not connected')
  await chain.close()
  return watched.batches.slice(before).map(requestsOf)
}
