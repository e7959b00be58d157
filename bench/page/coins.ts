/** `coins.bytes`: memory that a coin takes in the packed table, and in a Map of objects. Thread: Window, where heaps can be measured. */
import { CoinTable } from '../../src/consensus/coin-table.ts'
import type { Coin } from '../../src/consensus/coins.ts'
import { sats } from '../../src/primitives/amount.ts'
import { outpointKey } from '../../src/primitives/transaction.ts'
import { type BenchResult, compared } from '../result.ts'

const COINS = 400_000

declare global {
  interface Window {
    /** With `--js-flags=--expose-gc`. */
    gc(): void
  }
  interface Performance {
    /** With `--enable-precise-memory-info`; Chromium only. */
    readonly memory: { readonly usedJSHeapSize: number }
  }
}

export function benchCoins(): BenchResult {
  const table = new CoinTable(new Uint8Array(8))
  for (let i = 0; i < COINS; i++) table.add(prevout(i), coin(i))
  const before = heapBytes()
  const map = new Map<string, Coin>()
  for (let i = 0; i < COINS; i++) map.set(outpointKey(prevout(i)), coin(i))
  // The 32 bytes of each key lie outside the heap that is measured.
  const theirs = (heapBytes() - before) / map.size + 32
  return compared('coins.bytes', table.bytes / table.size, 'bytes', 'Map of objects', theirs)
}

function heapBytes(): number {
  window.gc()
  window.gc()
  return performance.memory.usedJSHeapSize
}

function prevout(i: number) {
  const txid = new Uint8Array(32)
  new DataView(txid.buffer).setUint32(0, Math.imul(i, 2_654_435_761))
  new DataView(txid.buffer).setUint32(4, i)
  return { txid, index: i & 3 }
}

function coin(i: number): Coin {
  return { value: sats(i * 1000), height: i >> 4, coinbase: false, outputKey: new Uint8Array(32).fill(i) }
}
