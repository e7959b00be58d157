/**
 * All coins in the canonical order of snapshots, out of a set that has none, by sorting runs and merging them. Large sets are gone
 * through several times, so that the memory taken is bounded; the thread is given back between slices. Thread: the brain.
 */
import { COIN_RECORD_BYTES } from '../consensus/coin-table.ts'
import { compareCoinRecords } from '../consensus/snapshot.ts'

/** The packed records of all coins that `wanted` holds for, in no set order, some at a time. */
export type CoinScan = (wanted: (records: Uint8Array, offset: number) => boolean) => AsyncIterable<Uint8Array>

/** Coins sorted, or merged, at a stretch: some ten milliseconds. */
const COINS_AT_A_STRETCH = 8192
/** Coins in memory at once, about: 42 MB. */
const MAX_STAGED_COINS = 2 ** 19
/** Txids are told apart by this many leading bits when a set is gone through several times. */
const PREFIX_BITS = 16

/**
 * The packed records of a set in canonical order, some at a time: views that hold until the next are asked for. `coins`: about how many
 * there are; it decides how often `scan` is called. `pause` lets others run.
 */
export async function* coinsInOrder(
  scan: CoinScan,
  coins: number,
  pause: () => Promise<void>,
  maxStaged = MAX_STAGED_COINS,
): AsyncGenerator<Uint8Array> {
  const passes = Math.max(1, Math.ceil(coins / maxStaged))
  // Txids are evenly spread. Those who grind them make a pass greater, never wrong.
  const passOf = (records: Uint8Array, at: number): number =>
    Math.floor((((records[at] << 8) | records[at + 1]) * passes) / 2 ** PREFIX_BITS)
  for (let pass = 0; pass < passes; pass++) {
    const runs: Uint8Array[] = []
    for await (const run of sortedRuns(scan((records, at) => passOf(records, at) === pass))) {
      if (runs.length > 0) await pause()
      runs.push(run)
    }
    yield* merge(runs, pause)
  }
}

/** The same records in sorted runs of `COINS_AT_A_STRETCH`, the last one shorter. */
async function* sortedRuns(pieces: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  const run = new Uint8Array(COINS_AT_A_STRETCH * COIN_RECORD_BYTES)
  let filled = 0
  for await (const piece of pieces)
    for (let taken = 0; taken < piece.length; ) {
      const part = piece.subarray(taken, taken + run.length - filled)
      run.set(part, filled)
      taken += part.length
      filled += part.length
      if (filled < run.length) continue
      yield sorted(run)
      filled = 0
    }
  if (filled > 0) yield sorted(run.subarray(0, filled))
}

function sorted(records: Uint8Array): Uint8Array {
  const order = Uint32Array.from(
    { length: records.length / COIN_RECORD_BYTES },
    (_, i) => i * COIN_RECORD_BYTES,
  )
  order.sort((a, b) => compareCoinRecords(records, a, records, b))
  const copy = new Uint8Array(records.length)
  order.forEach((at, i) => {
    copy.set(records.subarray(at, at + COIN_RECORD_BYTES), i * COIN_RECORD_BYTES)
  })
  return copy
}

/** Where a merge stands in a run. */
interface Cursor {
  readonly run: Uint8Array
  at: number
}

/** Merges sorted runs: a heap of cursors, the least record on top. */
async function* merge(runs: readonly Uint8Array[], pause: () => Promise<void>): AsyncGenerator<Uint8Array> {
  const precedes = (a: Cursor, b: Cursor): boolean => compareCoinRecords(a.run, a.at, b.run, b.at) < 0
  const heap: Cursor[] = runs.map((run) => ({ run, at: 0 }))
  const sink = (from: number): void => {
    const cursor = heap[from]
    let at = from
    for (;;) {
      let below = at * 2 + 1
      if (below >= heap.length) break
      if (below + 1 < heap.length && precedes(heap[below + 1], heap[below])) below++
      if (precedes(cursor, heap[below])) break
      heap[at] = heap[below]
      at = below
    }
    heap[at] = cursor
  }
  for (let at = (heap.length >> 1) - 1; at >= 0; at--) sink(at)

  const merged = new Uint8Array(COINS_AT_A_STRETCH * COIN_RECORD_BYTES)
  let filled = 0
  while (heap.length > 0) {
    const least = heap[0]
    merged.set(least.run.subarray(least.at, least.at + COIN_RECORD_BYTES), filled)
    filled += COIN_RECORD_BYTES
    least.at += COIN_RECORD_BYTES
    if (least.at === least.run.length) {
      const last = heap.pop() as Cursor
      if (heap.length > 0) heap[0] = last
    }
    if (heap.length > 0) sink(0)
    if (filled < merged.length) continue
    yield merged
    filled = 0
    await pause()
  }
  yield merged.subarray(0, filled)
}
