/** Promise: a mining thread turns to a new job within one batch, rests as much as it is told, and tells what it found. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { MiningKernel } from '../../src/mining/kernel.ts'
import type { MinerPoolListener } from '../../src/mining/miner-pool.ts'
import { MinerThread, type MinerThreadEvent } from '../../src/mining/miner-thread.ts'
import { ThreadedMinerPool } from '../../src/mining/threaded-miner-pool.ts'
import type { Clock } from '../../src/primitives/ports.ts'

/** Time that passes by a kernel's work and by waiting; runs one timer at a time. */
class WorkClock implements Clock {
  time = 1e12
  worked = 0
  private timers: { at: number; run: () => void }[] = []

  now(): number {
    return this.time
  }

  after(milliseconds: number, run: () => void): () => void {
    const timer = { at: this.time + milliseconds, run }
    this.timers.push(timer)
    return () => {
      this.timers = this.timers.filter((other) => other !== timer)
    }
  }

  work(milliseconds: number): void {
    this.worked += milliseconds
    this.time += milliseconds
  }

  /** Runs the next `count` timers, as far as there are any. */
  step(count = 1): void {
    for (let i = 0; i < count; i++) {
      const next = this.timers.toSorted((a, b) => a.at - b.at)[0]
      if (!next) return
      this.timers = this.timers.filter((timer) => timer !== next)
      this.time = Math.max(this.time, next.at)
      next.run()
    }
  }
}

/** A kernel that takes a millisecond for `perMillisecond` nonces, and finds `winner` of headers whose first byte is not 0. */
class TimedKernel implements MiningKernel {
  readonly batches: { count: number; start: number; first: number }[] = []
  private readonly time: WorkClock
  private readonly winner: number
  perMillisecond: number

  constructor(time: WorkClock, perMillisecond: number, winner = 0) {
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
const TARGET = new Uint8Array(32)

function startThread(perMillisecond: number, winner?: number) {
  const time = new WorkClock()
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

describe('threaded miner pool', () => {
  function startPool(maxThreads: number) {
    const time = new WorkClock()
    const kernel = new TimedKernel(time, 1_000, 100)
    const told: string[] = []
    const threads: {
      closed: boolean
      tell(event: MinerThreadEvent): void
      fail(reason: string): void
    }[] = []
    const pool = new ThreadedMinerPool(
      ({ event, failed }) => {
        const thread = new MinerThread({ kernel, clock: time, post: event })
        const handle = { closed: false, tell: event, fail: failed }
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
      failed: (reason) => told.push(`failed ${reason}`),
    }
    return { time, pool, told, threads, listener }
  }

  test('each thread works on a header of its own', () => {
    const { time, pool, told, listener } = startPool(4)
    pool.start(listener)
    pool.configure({ threads: 3, throttle: 1 })
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
    pool.configure({ threads: 2, throttle: 1 })
    pool.setJob({ id: 1, headers: [ENDLESS, ENDLESS], target: TARGET })
    pool.setJob({ id: 2, headers: [ENDLESS, ENDLESS], target: TARGET })
    threads[0].tell({ type: 'found', job: 1, header: EASY })
    threads[0].tell({ type: 'exhausted', job: 1 })
    pool.configure({ threads: 1, throttle: 1 })
    threads[1].tell({ type: 'found', job: 2, header: EASY })
    assert.deepEqual(told, [])
    threads[0].tell({ type: 'found', job: 2, header: EASY })
    assert.deepEqual(told, ['found 2 0'])
    pool.stop()
  })

  test('threads come and go with the settings, within what the machine has', () => {
    const { pool, threads, listener } = startPool(3)
    pool.configure({ threads: 2, throttle: 1 })
    assert.equal(threads.length, 0)
    pool.start(listener)
    const open = () => threads.filter(({ closed }) => !closed).length
    assert.equal(open(), 2)
    pool.configure({ threads: 8, throttle: 1 })
    assert.equal(open(), 3)
    pool.configure({ threads: 0, throttle: 1 })
    assert.equal(open(), 1)
    pool.stop()
    assert.equal(open(), 0)
  })

  test('a thread that fails ends them all, once', () => {
    const { pool, threads, told, listener } = startPool(2)
    pool.start(listener)
    pool.configure({ threads: 2, throttle: 1 })
    threads[0].fail('out of memory')
    threads[1].fail('out of memory')
    assert.deepEqual(told, ['failed out of memory'])
    assert.ok(threads.every(({ closed }) => closed))
  })

  test('hashes of all threads add up', () => {
    const { time, pool, told, listener } = startPool(2)
    pool.start(listener)
    pool.configure({ threads: 2, throttle: 1 })
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
