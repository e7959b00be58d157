/**
 * `mining.*`: hashes a second of one thread with the fastest kernel, plain noble and hash-wasm in turns; and of two threads. The graphics card
 * isn't measured.
 */
import { sha256 } from '@noble/hashes/sha2.js'
import { createSHA256 } from 'hash-wasm'
import { loadMiningKernel } from '../../src/workers/mining-kernels.ts'
import { type BenchResult, compared, median } from '../result.ts'
import { NO_HASH, SOME_HEADER } from './mining-material.ts'
import { oneAndTwoWorkers } from './rates.ts'

/** Short turns, many of them: the median is then that of turns in which nothing else had the processor. */
const TURNS = 80

export async function benchMining(): Promise<BenchResult[]> {
  const { kernel } = await loadMiningKernel()
  const hasher = await createSHA256()
  const hashWasm = (bytes: Uint8Array): Uint8Array => hasher.init().update(bytes).digest('binary')
  const times = { ours: [] as number[], noble: [] as number[], hashWasm: [] as number[] }
  for (let turn = 0; turn < TURNS; turn++) {
    const nonce = turn * 100_000
    times.noble.push(nanoseconds(1_500, (count) => searchWith(sha256, nonce, count)))
    times.ours.push(nanoseconds(40_000, (count) => kernel.scan(SOME_HEADER, NO_HASH, nonce, count)))
    times.hashWasm.push(nanoseconds(4_000, (count) => searchWith(hashWasm, nonce, count)))
  }
  /** Million hashes a second. */
  const rateOf = (name: keyof typeof times): number => 1e3 / median(times[name])
  const workers = await oneAndTwoWorkers(
    () => new Worker(new URL('./mining-rate.worker.ts', import.meta.url), { type: 'module' }),
  )
  return [
    compared('mining.one-worker', rateOf('ours'), 'MH/s', 'noble', rateOf('noble')),
    compared('mining.hash-wasm', rateOf('ours'), 'MH/s', 'hash-wasm', rateOf('hashWasm')),
    compared('mining.two-workers', workers.two / 1e6, 'MH/s', 'one worker', workers.one / 1e6),
  ]
}

/** Nanoseconds for each of `count` nonces. */
function nanoseconds(count: number, search: (count: number) => void): number {
  const start = performance.now()
  search(count)
  return ((performance.now() - start) * 1e6) / count
}

/** SHA-256d of the header with each nonce, compared with the target from its most significant byte on. */
function searchWith(sha: (bytes: Uint8Array) => Uint8Array, start: number, count: number): boolean {
  const copy = SOME_HEADER.slice()
  const view = new DataView(copy.buffer)
  for (let nonce = start; nonce < start + count; nonce++) {
    view.setUint32(76, nonce, true)
    const hash = sha(sha(copy))
    let at = 31
    while (at >= 0 && hash[at] === NO_HASH[31 - at]) at--
    if (at < 0 || hash[at] < NO_HASH[31 - at]) return true
  }
  return false
}
