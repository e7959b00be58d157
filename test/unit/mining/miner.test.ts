/** Promise: the miner always works on the best block there is, and what it finds reaches the chain. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { NetworkParams } from '../../../src/consensus/params.ts'
import { HashRate } from '../../../src/mining/hash-rate.ts'
import { withNonce } from '../../../src/mining/kernel.ts'
import { Miner, type MinerOptions, type MinerState } from '../../../src/mining/miner.ts'
import type {
  MinerPool,
  MinerPoolListener,
  MinerSettings,
  MiningJob,
} from '../../../src/mining/miner-pool.ts'
import { typescriptKernel } from '../../../src/mining/typescript-kernel.ts'
import { decodeHeader } from '../../../src/primitives/block.ts'
import { SeededRandom } from '../../../src/simulator/seeded-random.ts'
import { TestWallet } from '../../support/chain-builder.ts'
import { ChainNode, QUICK_PARAMS } from '../../support/chain-node.ts'

/** A pool whose threads search when the test says so. */
class ManualPool implements MinerPool {
  readonly maxThreads = 4
  readonly jobs: (MiningJob | undefined)[] = []
  settings: MinerSettings | undefined
  listener: MinerPoolListener | undefined

  start(listener: MinerPoolListener): void {
    this.listener = listener
  }

  configure(settings: MinerSettings): void {
    this.settings = settings
  }

  setJob(job: MiningJob | undefined): void {
    this.jobs.push(job)
  }

  stop(): void {
    this.listener = undefined
  }

  get job(): MiningJob | undefined {
    return this.jobs.at(-1)
  }

  /** Lets one thread of `job` find a block. */
  find(thread: number, job = this.job): void {
    assert.ok(job)
    const nonce = typescriptKernel.scan(job.headers[thread], job.target, 0, 1_000)
    this.listener?.found(job.id, thread, withNonce(job.headers[thread], nonce))
  }
}

const payee = new TestWallet('payee').scriptPubKey

async function openMiner(options: Partial<MinerOptions> = {}, params?: NetworkParams) {
  const node = await ChainNode.open({ params })
  await node.mine()
  const pool = new ManualPool()
  const random = new SeededRandom('miner')
  const { chain, mempool, time } = node
  const miner = new Miner({ chain, mempool, pool, clock: time, random, ...options })
  const states: MinerState[] = []
  const found: string[] = []
  miner.subscribe({
    stateChanged: (state) => states.push(state),
    blockFound: (block) => found.push(block.hash),
  })
  return { node, pool, miner, states, found }
}

describe('miner', () => {
  test('each thread has a header of its own on the tip', async () => {
    const { node, pool, miner } = await openMiner()
    assert.equal(miner.state.status, 'stopped')
    miner.start(payee, { threads: 3 })
    const headers = pool.job!.headers.map((bytes) => decodeHeader(bytes))
    assert.equal(headers.length, 3)
    const roots = new Set(headers.map((header) => header.ok && header.value.merkleRoot.join()))
    assert.equal(roots.size, 3)
    for (const header of headers) assert.ok(header.ok && header.value.previous === node.tip.block.hash)
    assert.deepEqual(pool.settings, { threads: 3, throttle: 1, graphicsCard: false })
    assert.equal(miner.state.status, 'mining')
    assert.equal(miner.state.template?.height, 2)
    miner.stop()
  })

  test('a block that a thread finds becomes the tip, and the next job follows at once', async () => {
    const { node, pool, miner, found } = await openMiner()
    miner.start(payee, { threads: 2 })
    for (const thread of [0, 1, 0]) {
      pool.find(thread)
      await node.settled()
      await node.time.run(1_000)
    }
    const { headers, tip } = node.chain
    assert.equal(headers.height(tip), 4)
    assert.equal(found.length, 3)
    assert.equal(found[2], headers.hash(tip))
    assert.equal(miner.state.blocksFound, 3)
    const header = decodeHeader(pool.job!.headers[0])
    assert.ok(header.ok && header.value.previous === headers.hash(tip))
    const block = await node.chain.readBlock(tip)
    assert.deepEqual(block?.transactions[0].outputs[0].scriptPubKey, payee)
    miner.stop()
  })

  test('a miner makes no block whose time is ahead of the clock', async () => {
    const { node, pool, miner } = await openMiner()
    const { headers } = node.chain
    miner.start(payee)
    let blocks = 0
    while (pool.job) {
      pool.find(0)
      await node.settled()
      assert.ok(++blocks < 20, 'the miner never pauses')
    }
    assert.equal(miner.state.status, 'waiting')
    const tip = headers.time(node.chain.tip)
    assert.ok(tip * 1000 <= node.time.now(), 'the tip is ahead of the clock')
    await node.time.run(1_000)
    assert.equal(miner.state.status, 'mining')
    pool.find(0)
    await node.settled()
    assert.equal(headers.time(node.chain.tip), tip + 1)
    miner.stop()
    await node.time.run(5_000)
    assert.equal(miner.state.status, 'stopped')
  })

  test('what a thread finds for an older job is dropped', async () => {
    const { node, pool, miner, found } = await openMiner()
    miner.start(payee)
    const old = pool.job
    await node.mine()
    assert.notEqual(pool.job, old)
    pool.find(0, old)
    await node.settled()
    assert.deepEqual(found, [])
    miner.stop()
  })

  test('of two threads that find at once one makes the block: no branch of its own', async () => {
    const { node, pool, miner, found } = await openMiner()
    miner.start(payee, { threads: 2 })
    const { job } = pool
    pool.find(0, job)
    pool.find(1, job)
    await node.settled()
    assert.equal(found.length, 1)
    assert.equal(miner.state.blocksFound, 1)
    assert.equal(node.chain.headers.leaves().length, 1)
    miner.stop()
  })

  test('a payment is taken up within seconds, and nothing is renewed in vain', async () => {
    const { node, pool, miner } = await openMiner()
    const [coin] = await node.fund(1)
    miner.start(payee)
    const { length } = pool.jobs
    await node.time.run(20_000)
    assert.equal(pool.jobs.length, length)
    assert.equal(await node.code(node.spend([coin], 5_000)), 'ok')
    await node.time.run(3_000)
    assert.equal(pool.jobs.length, length + 1)
    assert.equal(miner.state.template?.transactions, 1)
    miner.stop()
  })

  test('a tip far ahead of the clock is waited for a minute at a time, and told', async () => {
    const waits: number[] = []
    const { node, pool, miner } = await openMiner({
      clock: {
        // Timers hold 24.8 days at most, and call at once when asked for more.
        now: () => node.time.now() - 40 * 86_400_000,
        after: (milliseconds, run) => {
          waits.push(milliseconds)
          return node.time.after(milliseconds, run)
        },
      },
    })
    miner.start(payee)
    assert.deepEqual([miner.state.status, pool.job], ['waiting', undefined])
    assert.match(
      miner.state.pause ?? '',
      /^Mining waits: the last block is stamped later .* by \d+ h\. Look whether/,
    )
    assert.ok(Math.max(...waits) <= 60_000, `${waits}`)
    miner.stop()
  })

  test('a clock that is set back gives a template with its time, which no longer is ahead', async () => {
    let ahead = 3 * 3_600_000
    const { node, pool, miner } = await openMiner({
      clock: {
        now: () => node.time.now() + ahead,
        after: (milliseconds, run) => node.time.after(milliseconds, run),
      },
    })
    miner.start(payee)
    await node.time.run(5_000)
    ahead = 0
    await node.time.run(5_000)
    const header = decodeHeader(pool.job!.headers[0])
    assert.ok(header.ok && header.value.time * 1_000 <= node.time.now())
    miner.stop()
  })

  test('the time of a template does not fall far behind', async () => {
    const { node, pool, miner } = await openMiner()
    miner.start(payee)
    await node.time.run(100_000)
    const header = decodeHeader(pool.job!.headers[0])
    assert.ok(header.ok && node.time.now() / 1_000 - header.value.time <= 33)
    assert.ok(pool.jobs.length <= 5)
    miner.stop()
  })

  test('it rests while blocks on the tip would be in vain, and while others would refuse them', async () => {
    let isFarBehind = false
    let obstacle: string | undefined
    const { pool, miner } = await openMiner({ isFarBehind: () => isFarBehind, obstacle: () => obstacle })
    miner.start(payee)
    assert.equal(miner.state.status, 'mining')
    isFarBehind = true
    miner.follow()
    assert.deepEqual([miner.state.status, miner.state.pause, pool.job], ['waiting', undefined, undefined])
    isFarBehind = false
    obstacle = 'The clock is wrong.'
    miner.follow()
    assert.deepEqual([miner.state.status, miner.state.pause, pool.job], ['waiting', obstacle, undefined])
    obstacle = undefined
    miner.follow()
    assert.deepEqual([miner.state.status, miner.state.pause], ['mining', undefined])
    miner.stop()
  })

  test('settings are bounded, and change what is under way', async () => {
    const { pool, miner } = await openMiner()
    miner.configure({ threads: 99, throttle: 7 })
    assert.equal(pool.settings, undefined)
    miner.start(payee)
    assert.deepEqual(pool.settings, { threads: 4, throttle: 1, graphicsCard: false })
    miner.configure({ threads: 0, throttle: 0 })
    assert.deepEqual(pool.settings, { threads: 1, throttle: 0.01, graphicsCard: false })
    assert.equal(pool.job?.headers.length, 1)
    miner.configure({ throttle: 0.5 })
    assert.deepEqual(pool.settings, { threads: 1, throttle: 0.5, graphicsCard: false })
    miner.stop()
    assert.equal(pool.listener, undefined)
    assert.equal(pool.job, undefined)
  })

  test('stopped, it neither works nor wakes', async () => {
    const { node, pool, miner } = await openMiner()
    miner.start(payee)
    miner.stop()
    const { length } = pool.jobs
    await node.mine()
    await node.time.run(60_000)
    assert.equal(pool.jobs.length, length)
    assert.equal(miner.state.status, 'stopped')
    assert.equal(miner.state.template, undefined)
  })

  test('threads that fail stop it with a reason', async () => {
    const { pool, miner, states } = await openMiner()
    miner.start(payee)
    pool.listener?.failed('no workers here')
    assert.equal(miner.state.status, 'stopped')
    assert.match(miner.state.lastError ?? '', /no workers here/)
    assert.equal(states.at(-1)?.lastError, miner.state.lastError)
    miner.start(payee)
    assert.equal(miner.state.lastError, undefined)
    miner.stop()
  })

  test('a block that is refused is told, and work goes on', async () => {
    const { node, pool, miner } = await openMiner({
      submit: async () => ({
        ok: false,
        kind: 'retry',
        code: 'time-too-new',
        detail: 'The clock is behind.',
      }),
    })
    miner.start(payee)
    const { job } = pool
    pool.find(0)
    await node.time.run(0)
    assert.match(miner.state.lastError ?? '', /time-too-new.*The clock is behind/)
    assert.equal(miner.state.blocksFound, 0)
    assert.notEqual(pool.job, job)
    miner.stop()
  })

  test('the graphics card has a header of its own while it is asked for', async () => {
    const { node, pool, miner, found } = await openMiner()
    const roots = () => new Set(pool.job?.headers.map((header) => header.subarray(36, 68).join()))
    miner.start(payee, { threads: 2, graphicsCard: true })
    assert.equal(roots().size, 3)
    pool.find(2)
    await node.settled()
    assert.equal(found.length, 1)
    await node.time.run(1_000)
    miner.configure({ throttle: 0.5 })
    assert.deepEqual(pool.settings, { threads: 2, throttle: 0.5, graphicsCard: true })
    miner.configure({ graphicsCard: false })
    assert.equal(roots().size, 2)
    miner.stop()
  })

  test('what searches is told, and what cannot: the log hears of it, and mining goes on', async () => {
    const { pool, miner } = await openMiner()
    const log: string[] = []
    miner.subscribe({ fellBack: (sentence) => log.push(sentence) })
    miner.start(payee, { graphicsCard: true })
    pool.listener?.kernelsChanged(['WebAssembly', 'WebGPU'])
    assert.deepEqual(miner.state.kernels, ['WebAssembly', 'WebGPU'])
    pool.listener?.fellBack('No SIMD.')
    pool.listener?.kernelsChanged(['WebAssembly'])
    pool.listener?.graphicsCardFailed('it is gone')
    assert.deepEqual(log, [
      'No SIMD.',
      "The graphics card can't be used: it is gone. The processor goes on mining.",
    ])
    const problem = () => [miner.state.status, miner.state.graphicsCardProblem]
    assert.deepEqual(problem(), ['mining', 'it is gone'])
    miner.configure({ throttle: 0.5 })
    assert.deepEqual(problem(), ['mining', 'it is gone'])
    miner.configure({ graphicsCard: false })
    assert.deepEqual(problem(), ['mining', undefined])
    miner.configure({ graphicsCard: true })
    pool.listener?.graphicsCardFailed('it is gone')
    miner.stop()
    assert.deepEqual(miner.state.kernels, [])
    miner.start(payee)
    assert.deepEqual(problem(), ['mining', undefined])
    miner.stop()
  })

  test('the hash rate smooths what the pool reports, and ends with the work', async () => {
    const { pool, miner } = await openMiner()
    miner.start(payee)
    for (let i = 0; i < 100; i++) pool.listener?.hashed(2_000_000, 1_000)
    assert.ok(Math.abs(miner.state.hashRate - 2_000_000) < 1)
    pool.listener?.hashed(0, 1_000)
    assert.ok(miner.state.hashRate > 1_500_000)
    miner.stop()
    assert.equal(miner.state.hashRate, 0)
    const rate = new HashRate()
    rate.add(5, 0)
    assert.equal(rate.value, 0)
  })

  test('blocks on demand: as many as asked, with what waits', async () => {
    const { node, miner } = await openMiner()
    const [coin] = await node.fund(1)
    const tx = node.spend([coin], 5_000)
    assert.equal(await node.code(tx), 'ok')
    const { headers } = node.chain
    const before = headers.height(node.chain.tip)
    const generated = await node.time.complete(miner.generateBlocks(30, payee, typescriptKernel))
    assert.ok(generated.ok)
    assert.equal(generated.value.length, 30)
    assert.equal(headers.height(node.chain.tip), before + 30)
    assert.deepEqual(
      generated.value,
      Array.from({ length: 30 }, (_, i) => headers.hash(node.chain.activeAt(before + 1 + i))),
    )
    assert.equal(node.mempool.size, 0)
  })

  test('blocks on demand let others have their turn', async () => {
    const { node, miner } = await openMiner()
    let turns = 0
    const take = (): void => {
      turns++
      node.time.after(0, take)
    }
    take()
    await node.time.complete(miner.generateBlocks(20, payee, typescriptKernel))
    assert.ok(turns >= 20, `${turns} turns in 20 blocks`)
  })

  test('blocks on demand end with the tries, and with what the chain refuses', async () => {
    const never = await openMiner()
    const generating = never.miner.generateBlocks(3, payee, { scan: () => -1 }, 50_000)
    assert.deepEqual(await never.node.time.complete(generating), { ok: true, value: [] })
    // Median time past runs ahead of a clock that stands still.
    const { node, miner } = await openMiner({}, { ...QUICK_PARAMS, testControls: false })
    const generated = await node.time.complete(miner.generateBlocks(1_000, payee, typescriptKernel))
    assert.ok(!generated.ok)
    assert.equal(generated.code, 'time-too-new')
    assert.ok(node.chain.headers.height(node.chain.tip) > 600)
  })
})
