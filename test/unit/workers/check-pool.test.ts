/** Promise: the check pool's outcome is that of checking in list order, however lists were spread and mixed over threads. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { sats } from '../../../src/primitives/amount.ts'
import { Transaction, unsignedInput } from '../../../src/primitives/transaction.ts'
import { type CheckOutcome, packOutputs, type TransactionCheck } from '../../../src/script/input-check.ts'
import { p2trScript } from '../../../src/script/taproot.ts'
import { type CheckMessage, type CheckRequest, decodeChecks } from '../../../src/workers/check-batch.ts'
import { type StartCheckThread, ThreadedCheckPool } from '../../../src/workers/threaded-check-pool.ts'

const GOOD = 1
const BAD = 0

/** A check that stands for some inputs; the threads below read its verdict from it. */
function checkOf(verdict: number, inputs = 1): TransactionCheck {
  return { transaction: Uint8Array.of(verdict, 0, 0), spentOutputs: new Uint8Array(43 * inputs) }
}

function inputsIn(checks: readonly TransactionCheck[]): number {
  return checks.reduce((sum, { spentOutputs }) => sum + spentOutputs.length / 43, 0)
}

/** Threads that answer when the test says so. */
class HeldThreads {
  /** The batches that were sent and not answered, in the order of sending. */
  readonly batches: { readonly thread: number; readonly id: number; readonly checks: TransactionCheck[] }[] =
    []
  /** How often a check was sent, all in all. */
  sent = 0
  readonly closed = new Set<number>()
  private readonly told: Parameters<StartCheckThread>[0][] = []

  readonly start: StartCheckThread = (told) => {
    const thread = this.told.push(told) - 1
    return {
      post: ({ id, checks }: CheckRequest) => {
        const decoded = decodeChecks(checks)
        this.batches.push({ thread, id, checks: decoded })
        this.sent += decoded.length
      },
      close: () => this.closed.add(thread),
    }
  }

  /** Answers one of the batches. Of those of a thread, the first is always answered first. */
  answer(choice: number): void {
    const { thread } = this.batches[choice % this.batches.length]
    const at = this.batches.findIndex((batch) => batch.thread === thread)
    const [{ id, checks }] = this.batches.splice(at, 1)
    const check = checks.findIndex(({ transaction }) => transaction[0] === BAD)
    const failure = { check, input: 0, kind: 'invalid', code: 'schnorr-sig', detail: '' } as const
    this.tell(thread, check < 0 ? { id } : { id, failure })
  }

  answerAll(): void {
    while (this.batches.length > 0) this.answer(0)
  }

  tell(thread: number, message: CheckMessage): void {
    this.told[thread].message(message)
  }

  fail(thread: number): void {
    this.told[thread].failed('no memory')
  }
}

function unexpected(message: string): never {
  throw new Error(message)
}

function told(outcome: CheckOutcome): number {
  return outcome.ok ? -1 : outcome.check
}

const verdict = fc.oneof(
  { arbitrary: fc.constant(GOOD), weight: 40 },
  { arbitrary: fc.constant(BAD), weight: 1 },
)
const check = fc.record({ verdict, inputs: fc.constantFrom(1, 2, 2, 2, 30, 600) })
const list = fc.array(check, { maxLength: 60, size: 'max' })

test('of several lists under way, each gets the outcome of checking it in order', async () => {
  let failed = 0
  await fc.assert(
    fc.asyncProperty(
      fc.array(list, { minLength: 1, maxLength: 16, size: 'max' }),
      fc.integer({ min: 1, max: 3 }),
      fc.infiniteStream(fc.nat({ max: 11 })),
      async (lists, threads, choices) => {
        const held = new HeldThreads()
        const pool = new ThreadedCheckPool(held.start, threads, unexpected)
        const outcomes: Promise<CheckOutcome>[] = []
        const waiting = [...lists]
        while (waiting.length > 0 || held.batches.length > 0) {
          const choice = choices.next().value
          const next = choice % 4 > 0 || held.batches.length === 0 ? waiting.shift() : undefined
          if (next) outcomes.push(pool.verify(next.map(({ verdict, inputs }) => checkOf(verdict, inputs))))
          else if (held.batches.length > 0) held.answer(choice)
        }
        const expected = lists.map((each) => each.findIndex(({ verdict }) => verdict === BAD))
        assert.deepEqual((await Promise.all(outcomes)).map(told), expected)
        // Nobody makes others be checked more than twice.
        assert(held.sent <= 2 * lists.flat().length)
        if (expected.some((at) => at >= 0)) failed++
      },
    ),
    { numRuns: 300 },
  )
  assert(failed > 0)
})

test('lists that share a batch with a bad check are checked by themselves', async () => {
  const held = new HeldThreads()
  const pool = new ThreadedCheckPool(held.start, 1, unexpected)
  const before = [pool.verify([checkOf(GOOD)]), pool.verify([checkOf(GOOD)])]
  const outcomes = [-1, 2, -1, 4].map((bad) =>
    pool.verify(Array.from({ length: 5 }, (_, i) => checkOf(i === bad ? BAD : GOOD))),
  )
  held.answer(0)
  held.answer(0)
  assert.deepEqual(
    held.batches.map(({ checks }) => checks.length),
    [20],
  )
  held.answerAll()
  assert.deepEqual((await Promise.all([...before, ...outcomes])).map(told), [-1, -1, -1, 2, -1, 4])
  assert.equal(held.sent, 2 + 20 + 5 + 5)
})

test('a bad check at any place of a list that takes several batches is told', async () => {
  const places = [0, 1, 255, 256, 257, 511, 512, 700, 999]
  for (const place of places) {
    const held = new HeldThreads()
    const pool = new ThreadedCheckPool(held.start, 2, unexpected)
    const outcome = pool.verify(Array.from({ length: 1_000 }, (_, i) => checkOf(i === place ? BAD : GOOD, 2)))
    held.answerAll()
    assert.equal(told(await outcome), place)
  }
})

test('batches take checks of several lists, and as many as the kernel likes', async () => {
  const held = new HeldThreads()
  const pool = new ThreadedCheckPool(held.start, 1, unexpected)
  const lists = [300, 100, 400].map((length) => Array.from({ length }, () => checkOf(GOOD, 2)))
  const outcomes = lists.map((checks) => pool.verify(checks))
  const sizes: number[] = []
  while (held.batches.length > 0) {
    sizes.push(inputsIn(held.batches[0].checks))
    held.answer(0)
  }
  assert.deepEqual((await Promise.all(outcomes)).map(told), [-1, -1, -1])
  assert.deepEqual(sizes, [512, 88, 512, 488])
})

test('a thread holds two batches at most, and little work is shared among all threads', async () => {
  const held = new HeldThreads()
  const pool = new ThreadedCheckPool(held.start, 3, unexpected)
  const outcome = pool.verify(Array.from({ length: 300 }, () => checkOf(GOOD, 2)))
  assert.deepEqual(
    held.batches.slice(0, 3).map(({ thread }) => thread),
    [0, 1, 2],
  )
  assert.equal(held.batches.length, 6)
  assert(Math.max(...held.batches.map(({ checks }) => inputsIn(checks))) <= 200)
  held.answerAll()
  assert.equal(told(await outcome), -1)
})

test('the checks of blocks go before those of the mempool, in their own order', async () => {
  const held = new HeldThreads()
  const pool = new ThreadedCheckPool(held.start, 1, unexpected)
  const list = (flags?: number): TransactionCheck[] => [{ ...checkOf(GOOD, 600), ...(flags && { flags }) }]
  // The thread holds the first two; the blocks come when three more wait.
  const lists = [1, 2, 3, 4, 5].map((flags) => list(flags))
  const blocks = [list(), [checkOf(GOOD, 601)]]
  const outcomes = [...lists, ...blocks].map((checks) => pool.verify(checks))
  const order: string[] = []
  while (held.batches.length > 0) {
    const [{ flags, spentOutputs }] = held.batches[0].checks
    order.push(flags ? `transaction ${flags}` : `block of ${spentOutputs.length / 43}`)
    held.answer(0)
  }
  assert.deepEqual(order, [
    'transaction 1',
    'transaction 2',
    'block of 600',
    'block of 601',
    'transaction 3',
    'transaction 4',
    'transaction 5',
  ])
  assert.deepEqual((await Promise.all(outcomes)).map(told), [-1, -1, -1, -1, -1, -1, -1])
})

test('checks behind a failure of their list are not sent any more', async () => {
  const held = new HeldThreads()
  const pool = new ThreadedCheckPool(held.start, 1, unexpected)
  const outcome = pool.verify(Array.from({ length: 5_000 }, (_, i) => checkOf(i === 3 ? BAD : GOOD, 2)))
  held.answerAll()
  assert.equal(told(await outcome), 3)
  assert.equal(held.sent, 512)
})

test('what waits is rejected when the pool stops, and what comes after', async () => {
  const held = new HeldThreads()
  const pool = new ThreadedCheckPool(held.start, 2, unexpected)
  const waiting = [100, 3_000].map((length) => pool.verify(Array.from({ length }, () => checkOf(GOOD, 2))))
  pool.stop()
  for (const each of waiting) await assert.rejects(each, /stopped/)
  await assert.rejects(pool.verify([checkOf(GOOD)]), /stopped/)
  assert.equal(held.closed.size, 2)
  // An answer that was on its way.
  held.answerAll()
})

test('when a thread fails, the checks under way and all later ones run without threads, and the log says so once', async () => {
  const held = new HeldThreads()
  const log: string[] = []
  const pool = new ThreadedCheckPool(held.start, 2, (message) => log.push(message))
  const unsigned = Transaction.of({
    version: 2,
    inputs: [unsignedInput({ txid: new Uint8Array(32), index: 0 }, 0)],
    outputs: [],
    lockTime: 0,
  })
  const spent = packOutputs([{ value: sats(1), scriptPubKey: p2trScript(new Uint8Array(32)) }])
  const list = [{ transaction: unsigned.bytes, spentOutputs: spent }]
  const waiting = [pool.verify(list), pool.verify(list)]
  held.fail(1)
  held.fail(0)
  for (const outcome of [...waiting, pool.verify(list)]) assert.equal(told(await outcome), 0)
  assert.equal(log.length, 1)
  assert.match(log[0], /no memory/)
  assert.equal(held.closed.size, 2)
})

test("a kernel that can't be used is told once, whatever the number of threads", () => {
  const held = new HeldThreads()
  const log: string[] = []
  new ThreadedCheckPool(held.start, 2, (message) => log.push(message))
  held.tell(0, { kernelFault: 'its file was not found' })
  held.tell(1, { kernelFault: 'its file was not found' })
  assert.equal(log.length, 1)
})
