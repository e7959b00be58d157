/** `mining.*`: hashes a second of one thread, ours and plain noble in turns. */
import { sha256 } from '@noble/hashes/sha2.js'
import { typescriptKernel } from '../../src/mining/typescript-kernel.ts'
import { type BenchResult, compared, median } from '../result.ts'

const ROUNDS = 5
/** Milliseconds of each measurement. */
const SLICE = 600

export async function benchMining(): Promise<BenchResult[]> {
  const header = Uint8Array.from({ length: 80 }, (_, i) => i)
  const impossible = new Uint8Array(32)
  const ours: number[] = []
  const plain: number[] = []
  typescriptKernel.scan(header, impossible, 0, 200_000)
  plainNoble(header, impossible, 20_000)
  for (let round = 0; round < ROUNDS; round++) {
    ours.push(rate((count) => typescriptKernel.scan(header, impossible, round * 1e8, count), 100_000))
    plain.push(rate((count) => plainNoble(header, impossible, count), 10_000))
  }
  return [compared('mining.one-worker', median(ours) / 1e6, 'MH/s', 'noble', median(plain) / 1e6)]
}

/** Work items a second, over batches of `count`. */
function rate(work: (count: number) => void, count: number): number {
  const start = performance.now()
  let done = 0
  while (performance.now() - start < SLICE) {
    work(count)
    done += count
  }
  return (done / (performance.now() - start)) * 1000
}

/** SHA-256d of the header with each nonce, compared with the target from its most significant byte on. */
function plainNoble(header: Uint8Array, target: Uint8Array, count: number): boolean {
  const copy = header.slice()
  const view = new DataView(copy.buffer)
  for (let nonce = 0; nonce < count; nonce++) {
    view.setUint32(76, nonce, true)
    const hash = sha256(sha256(copy))
    let at = 31
    while (at >= 0 && hash[at] === target[31 - at]) at--
    if (at < 0 || hash[at] < target[31 - at]) return true
  }
  return false
}
