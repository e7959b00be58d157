/** Promise: a mining thread turns to a new job within one batch, rests as much as it is told, and tells what it found. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import {
  type DeferredMiningKernel,
  type MiningKernel,
  NONCES,
  withNonce,
} from '../../../src/mining/kernel.ts'
import type { MinerPoolListener } from '../../../src/mining/miner-pool.ts'
import { MinerThread, type MinerThreadEvent } from '../../../src/mining/miner-thread.ts'
import { type MiningHardware, ThreadedMinerPool } from '../../../src/mining/threaded-miner-pool.ts'
import { typescriptKernel } from '../../../src/mining/typescript-kernel.ts'
import { ManualClock } from '../../support/manual-clock.ts'

/** A kernel that takes a millisecond for `perMillisecond` nonces, and finds `winner` of headers whose first byte is not 0. */
class TimedKernel implements MiningKernel {
  readonly batches: { count: number; start: number; first: number }[] = []
  private readonly time: ManualClock
  private readonly winner: number
  perMillisecond: number

  constructor(time: ManualClock, perMillisecond: number, winner = 0) {
    this.time = time
    this.perMillisecond = perMillisecond
    this.winner = winner
  }

  scan(header: Uint8Array, _target: Uint8Array, start: number, count: number): number {
    this.batches.push({ count, start, first: header[0] })
    this.time.work(count / this.perMillisecond)
    return header[0] !== 0 && start <= this.winner && this.winner < start + count ? this.winner : -1
  }
}

const EASY = new Uint8Array(80).fill(1)
const ENDLESS = new Uint8Array(80)
/** Every nonce meets it: kernels of these tests say which wins. */
const TARGET = new Uint8Array(32).fill(0xff)

function startThread(perMillisecond: number, winner?: number) {
  const time = new ManualClock()
  const kernel = new TimedKernel(time, perMillisecond, winner)
  const events: MinerThreadEvent[] = []
  const thread = new MinerThread({ kernel, clock: time, post: (event) => events.push(event) })
  return { time, kernel, events, thread }
}

const job = (number: number, header: Uint8Array) =>
  ({ type: 'job', job: number, header, target: TARGET }) as const

describe('miner thread', () => {
  for (const speed of [20, 300, 2_300, 7_000, 2_000_000])
    test(`at ${speed} kH/s, batches settle at 20 to 40 ms and none takes over 50 ms after the first few`, () => {
      const { time, kernel, thread } = startThread(speed)
      thread.receive(job(1, ENDLESS))
      time.step(30)
      const lengths = kernel.batches.map(({ count }) => count / speed)
      assert.ok(lengths.slice(12).every((milliseconds) => milliseconds >= 20 && milliseconds <= 40))
      if (speed >= 300) assert.ok(lengths.every((milliseconds) => milliseconds <= 50))
    })

  test('batches shrink when the machine slows down', () => {
    const { time, kernel, thread } = startThread(7_000)
    thread.receive(job(1, ENDLESS))
    time.step(30)
    kernel.perMillisecond = 500
    const before = kernel.batches.length
    time.step(10)
    assert.ok(kernel.batches.slice(before + 3).every(({ count }) => count / 500 <= 50))
  })

  test('nonces follow each other without a gap, and end', () => {
    const { time, kernel, thread, events } = startThread(2 ** 24)
    thread.receive(job(7, ENDLESS))
    time.step(200)
    let next = 0
    for (const { start, count } of kernel.batches) {
      assert.equal(start, next)
      next += count
    }
    assert.equal(next, 2 ** 32)
    assert.deepEqual(
      events.filter(({ type }) => type === 'exhausted'),
      [{ type: 'exhausted', job: 7 }],
    )
    const hashes = events.reduce((sum, event) => sum + (event.type === 'hashed' ? event.hashes : 0), 0)
    assert.ok(hashes <= 2 ** 32)
  })

  test('a new job starts with the next batch, at its first nonce', () => {
    const { time, kernel, thread } = startThread(1_000)
    thread.receive(job(1, ENDLESS))
    time.step(5)
    const before = kernel.batches.length
    thread.receive(job(2, ENDLESS.with(0, 0).fill(0, 1)))
    const other = new Uint8Array(80).fill(5)
    thread.receive(job(3, other))
    time.step()
    assert.deepEqual(
      kernel.batches.slice(before).map(({ first, start }) => [first, start]),
      [[5, 0]],
    )
  })

  test('what it finds has the nonce in its header; then it rests', () => {
    const { time, kernel, thread, events } = startThread(1_000, 0x01020304 % 5_000)
    thread.receive(job(4, EASY))
    time.step(20)
    const found = events.find((event) => event.type === 'found')
    assert.ok(found?.type === 'found')
    assert.equal(found.job, 4)
    assert.deepEqual(found.header.subarray(0, 76), EASY.subarray(0, 76))
    assert.equal(new DataView(found.header.buffer).getUint32(76, true), 0x01020304 % 5_000)
    const { length } = kernel.batches
    time.step(10)
    assert.equal(kernel.batches.length, length)
  })

  test('the throttle is the share of the time worked', () => {
    for (const throttle of [1, 0.5, 0.1]) {
      const { time, thread } = startThread(1_000)
      thread.receive({ type: 'throttle', throttle })
      thread.receive(job(1, ENDLESS))
      const start = time.now()
      while (time.now() - start < 60_000) time.step()
      const share = time.worked / (time.now() - start)
      if (throttle < 1)
        assert.ok(Math.abs(share - throttle) < 0.05 * throttle + 0.02, `${share} of ${throttle}`)
    }
  })

  test('a change of jobs does not cut a rest short', () => {
    const { time, kernel, thread } = startThread(1_000)
    thread.receive({ type: 'throttle', throttle: 0.01 })
    thread.receive(job(1, ENDLESS))
    time.step()
    assert.equal(kernel.batches.length, 1)
    const rest = (kernel.batches[0].count / 1_000) * 99
    const until = time.now() + rest
    for (let i = 2; i < 20; i++) thread.receive(job(i, ENDLESS))
    time.step()
    assert.equal(kernel.batches.length, 2)
    assert.ok(Math.abs(time.now() - kernel.batches[1].count / 1_000 - until) < 0.1)
  })

  test('rest ends the work and tells the hashes that were not told', () => {
    const { time, kernel, thread, events } = startThread(1_000)
    thread.receive(job(1, ENDLESS))
    time.step(3)
    thread.receive({ type: 'rest' })
    time.step(10)
    const tried = kernel.batches.reduce((sum, { count }) => sum + count, 0)
    assert.deepEqual(events, [{ type: 'hashed', hashes: tried }])
  })
})

/** A kernel that answers when the test says so. */
class HeldKernel implements DeferredMiningKernel {
  readonly scans: { first: number; start: number; count: number }[] = []
  private waiting: { answer: (nonce: number) => void; fail: (error: Error) => void } | undefined

  scan(header: Uint8Array, _target: Uint8Array, start: number, count: number): Promise<number> {
    assert.equal(this.waiting, undefined, 'one scan at a time')
    this.scans.push({ first: header[0], start, count })
    return new Promise((answer, fail) => {
      this.waiting = { answer, fail }
    })
  }

  async answer(nonce: number): Promise<void> {
    const { waiting } = this
    this.waiting = undefined
    waiting?.answer(nonce)
    await Promise.resolve()
  }

  async fail(reason: string): Promise<void> {
    this.waiting?.fail(new Error(reason))
    await Promise.resolve()
    await Promise.resolve()
  }
}

describe('miner thread whose kernel answers later', () => {
  function startHeld() {
    const time = new ManualClock()
    const kernel = new HeldKernel()
    const events: MinerThreadEvent[] = []
    const thread = new MinerThread({ kernel, clock: time, post: (event) => events.push(event) })
    /** Runs a batch to its answer. */
    const batch = async (milliseconds: (count: number) => number, nonce = -1): Promise<void> => {
      time.step()
      time.work(milliseconds(kernel.scans[kernel.scans.length - 1].count))
      await kernel.answer(nonce)
    }
    return { time, kernel, events, thread, batch }
  }

  test('one batch at a time, each after the other, as long as those of any kernel', async () => {
    const { kernel, thread, batch } = startHeld()
    thread.receive(job(1, ENDLESS))
    for (let i = 0; i < 40; i++) await batch((count) => count / 500_000)
    let next = 0
    for (const { start, count } of kernel.scans) {
      assert.equal(start, next)
      next += count
    }
    const lengths = kernel.scans.slice(12).map(({ count }) => count / 500_000)
    assert.ok(
      lengths.every((milliseconds) => milliseconds >= 20 && milliseconds <= 40),
      lengths.join(),
    )
  })

  test('a new job waits for the batch under way alone, and what that one finds is forgotten', async () => {
    const { time, kernel, thread, events, batch } = startHeld()
    thread.receive(job(1, EASY))
    time.step()
    for (let i = 2; i < 9; i++) thread.receive(job(i, new Uint8Array(80).fill(i)))
    time.step(5)
    assert.equal(kernel.scans.length, 1)
    time.work(5)
    await kernel.answer(7)
    assert.equal(events.length, 0)
    await batch(() => 5, 3)
    assert.deepEqual(kernel.scans[1], { ...kernel.scans[1], first: 8, start: 0 })
    assert.deepEqual(events, [{ type: 'found', job: 8, header: withNonce(new Uint8Array(80).fill(8), 3) }])
  })

  test('rest ends the work though a batch is under way', async () => {
    const { time, kernel, thread, events } = startHeld()
    thread.receive(job(1, EASY))
    time.step()
    thread.receive({ type: 'rest' })
    await kernel.answer(7)
    time.step(5)
    assert.equal(kernel.scans.length, 1)
    assert.deepEqual(events, [])
    thread.receive(job(2, EASY))
    time.step()
    assert.deepEqual([kernel.scans.length, kernel.scans[1].start], [2, 0])
  })

  test('the throttle counts the time until the answer as work', async () => {
    const { time, kernel, thread, batch } = startHeld()
    thread.receive({ type: 'throttle', throttle: 0.1 })
    thread.receive(job(1, ENDLESS))
    await batch(() => 20)
    thread.receive(job(2, ENDLESS))
    const rested = time.now()
    time.step()
    assert.equal(kernel.scans.length, 2)
    assert.ok(Math.abs(time.now() - rested - 180) < 0.1)
  })

  test('a kernel that rejects is told once, and asked no more', async () => {
    const { time, kernel, thread, events } = startHeld()
    thread.receive(job(1, ENDLESS))
    time.step()
    await kernel.fail('the card is gone')
    thread.receive(job(2, ENDLESS))
    thread.receive({ type: 'throttle', throttle: 0.5 })
    time.step(5)
    assert.deepEqual(events, [{ type: 'failed', reason: 'the card is gone' }])
    assert.equal(kernel.scans.length, 1)
  })
})

test('a nonce that does not meet its target is never told, whatever the kernel says', async () => {
  const header = new Uint8Array(80).fill(9)
  const target = Uint8Array.of(0, 4, ...new Uint8Array(30))
  const winner = typescriptKernel.scan(header, target, 0, NONCES)
  const lie = (start: number, count: number): number =>
    start <= winner && winner < start + count ? winner : start
  const lies: (MiningKernel | DeferredMiningKernel)[] = [
    { scan: (_header, _target, start, count) => lie(start, count) },
    { scan: async (_header, _target, start, count) => lie(start, count) },
    // Outside of what it was asked for.
    { scan: (_header, _target, start, count) => (winner < start + count ? winner : start + count + NONCES) },
  ]
  for (const kernel of lies) {
    const time = new ManualClock()
    const events: MinerThreadEvent[] = []
    const thread = new MinerThread({ kernel, clock: time, post: (event) => events.push(event) })
    thread.receive({ type: 'job', job: 1, header, target })
    for (let i = 0; i < 1_000 && events.length === 0; i++) {
      time.work(30)
      time.step()
      await new Promise((resolve) => setImmediate(resolve))
    }
    const found = events.filter(({ type }) => type === 'found')
    assert.deepEqual(found, [{ type: 'found', job: 1, header: withNonce(header, winner) }])
  }
})

describe('threaded miner pool', () => {
  function startPool(maxThreads: number) {
    const time = new ManualClock()
    const kernel = new TimedKernel(time, 1_000, 100)
    const told: string[] = []
    const threads: {
      readonly hardware: MiningHardware
      closed: boolean
      tell(event: MinerThreadEvent): void
      fail(reason: string): void
    }[] = []
    const pool = new ThreadedMinerPool(
      (hardware, { event, failed }) => {
        const thread = new MinerThread({ kernel, clock: time, post: event })
        const handle = { hardware, closed: false, tell: event, fail: failed }
        threads.push(handle)
        return {
          post: (request) => thread.receive(request),
          close: () => {
            handle.closed = true
            thread.receive({ type: 'rest' })
          },
        }
      },
      maxThreads,
      time,
    )
    const listener: MinerPoolListener = {
      found: (id, thread) => told.push(`found ${id} ${thread}`),
      hashed: (hashes, milliseconds) => told.push(`hashed ${Math.round(hashes / milliseconds)}`),
      exhausted: (id) => told.push(`exhausted ${id}`),
      kernelsChanged: (kernels) => told.push(`kernels ${kernels.join(', ')}`),
      fellBack: (sentence) => told.push(`fell back: ${sentence}`),
      graphicsCardFailed: (reason) => told.push(`no graphics card: ${reason}`),
      failed: (reason) => told.push(`failed ${reason}`),
    }
    return { time, pool, told, threads, listener }
  }

  test('each thread works on a header of its own', () => {
    const { time, pool, told, listener } = startPool(4)
    pool.start(listener)
    pool.configure({ threads: 3, throttle: 1, graphicsCard: false })
    pool.setJob({ id: 9, headers: [ENDLESS, EASY, ENDLESS], target: TARGET })
    time.step(5)
    assert.deepEqual(
      told.filter((text) => text.startsWith('found')),
      ['found 9 1'],
    )
    pool.stop()
  })

  test('results of a job that was replaced are not told, nor what a closed thread says', () => {
    const { pool, told, threads, listener } = startPool(2)
    pool.start(listener)
    pool.configure({ threads: 2, throttle: 1, graphicsCard: false })
    pool.setJob({ id: 1, headers: [ENDLESS, ENDLESS], target: TARGET })
    pool.setJob({ id: 2, headers: [ENDLESS, ENDLESS], target: TARGET })
    threads[0].tell({ type: 'found', job: 1, header: EASY })
    threads[0].tell({ type: 'exhausted', job: 1 })
    pool.configure({ threads: 1, throttle: 1, graphicsCard: false })
    threads[1].tell({ type: 'found', job: 2, header: EASY })
    assert.deepEqual(told, [])
    threads[0].tell({ type: 'found', job: 2, header: EASY })
    assert.deepEqual(told, ['found 2 0'])
    pool.stop()
  })

  test('threads come and go with the settings, within what the machine has', () => {
    const { pool, threads, listener } = startPool(3)
    pool.configure({ threads: 2, throttle: 1, graphicsCard: false })
    assert.equal(threads.length, 0)
    pool.start(listener)
    const open = () => threads.filter(({ closed }) => !closed).length
    assert.equal(open(), 2)
    pool.configure({ threads: 8, throttle: 1, graphicsCard: false })
    assert.equal(open(), 3)
    pool.configure({ threads: 0, throttle: 1, graphicsCard: false })
    assert.equal(open(), 1)
    pool.stop()
    assert.equal(open(), 0)
  })

  test('a thread that fails ends them all, once', () => {
    const { pool, threads, told, listener } = startPool(2)
    pool.start(listener)
    pool.configure({ threads: 2, throttle: 1, graphicsCard: false })
    threads[0].fail('out of memory')
    threads[1].fail('out of memory')
    assert.deepEqual(told, ['failed out of memory'])
    assert.ok(threads.every(({ closed }) => closed))
  })

  const withCard = { threads: 2, throttle: 1, graphicsCard: true }
  const kernel = (name: string, fallback?: string) => ({ type: 'kernel', name, fallback }) as const

  test('the graphics card has the last header, and comes and goes with its setting', () => {
    const { pool, threads, told, listener } = startPool(4)
    pool.start(listener)
    pool.configure(withCard)
    pool.setJob({ id: 1, headers: [ENDLESS, ENDLESS, EASY], target: TARGET })
    const open = () => threads.filter(({ closed }) => !closed).map(({ hardware }) => hardware)
    assert.deepEqual(open(), ['processor', 'processor', 'graphics card'])
    threads
      .find(({ hardware }) => hardware === 'graphics card')
      ?.tell({ type: 'found', job: 1, header: EASY })
    assert.deepEqual(told, ['found 1 2'])
    pool.configure({ ...withCard, threads: 3 })
    assert.deepEqual(open(), ['processor', 'processor', 'graphics card', 'processor'])
    pool.configure({ ...withCard, graphicsCard: false })
    assert.deepEqual(open(), ['processor', 'processor'])
    pool.stop()
  })

  test('a graphics card that fails ends alone; it is tried again when asked for anew', () => {
    const { time, pool, threads, told, listener } = startPool(4)
    const cards = () => threads.filter(({ hardware }) => hardware === 'graphics card')
    const fails: ((reason: string) => void)[] = [
      (reason) => cards().at(-1)?.fail(reason),
      (reason) => cards().at(-1)?.tell({ type: 'failed', reason }),
    ]
    pool.start(listener)
    for (const fail of fails) {
      pool.configure(withCard)
      told.length = 0
      fail('lost')
      fail('lost')
      pool.configure({ ...withCard, throttle: 0.5 })
      assert.deepEqual(told, ['no graphics card: lost'])
      assert.ok(cards().every(({ closed }) => closed))
      pool.setJob({ id: 5, headers: [ENDLESS, EASY, ENDLESS], target: TARGET })
      time.step(5)
      assert.equal(told.at(-1), 'found 5 1')
      pool.configure({ ...withCard, graphicsCard: false })
    }
    assert.equal(cards().length, 2)
    pool.configure(withCard)
    cards().at(-1)?.fail('lost')
    pool.stop()
    pool.start(listener)
    assert.equal(cards().length, 4)
    pool.stop()
  })

  test('kernels are told when they change, each once, and a fallback once for all threads', () => {
    const { pool, threads, told, listener } = startPool(4)
    pool.start(listener)
    pool.configure(withCard)
    threads[0].tell(kernel('WebAssembly', 'No SIMD.'))
    threads[1].tell(kernel('WebAssembly', 'No SIMD.'))
    threads[2].tell(kernel('WebGPU'))
    assert.deepEqual(told, ['kernels WebAssembly', 'fell back: No SIMD.', 'kernels WebAssembly, WebGPU'])
    told.length = 0
    pool.configure({ ...withCard, throttle: 0.5 })
    pool.configure({ ...withCard, graphicsCard: false })
    assert.deepEqual(told, ['kernels WebAssembly'])
    pool.stop()
    pool.start(listener)
    threads.at(-1)?.tell(kernel('WebAssembly', 'No SIMD.'))
    assert.deepEqual(told, ['kernels WebAssembly', 'kernels WebAssembly'])
    pool.stop()
  })

  test('hashes of all threads add up', () => {
    const { time, pool, told, listener } = startPool(2)
    pool.start(listener)
    pool.configure({ threads: 2, throttle: 1, graphicsCard: false })
    pool.setJob({ id: 1, headers: [ENDLESS, ENDLESS], target: TARGET })
    time.step(200)
    // One virtual processor does 1,000 hashes a millisecond, whatever thread they are for.
    const rates = told.filter((text) => text.startsWith('hashed'))
    assert.ok(rates.length >= 3)
    assert.ok(
      rates.slice(1).every((text) => Math.abs(Number(text.split(' ')[1]) - 1_000) < 60),
      rates.join(),
    )
    pool.stop()
  })
})
