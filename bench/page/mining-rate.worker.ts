/** One of the threads of `mining.two-workers`: searches, and says how many nonces a second. */
import { loadMiningKernel } from '../../src/workers/mining-kernels.ts'
import { NO_HASH, SOME_HEADER } from './mining-material.ts'
import { type RateRequest, rate } from './rates.ts'

const BATCH = 200_000
const loading = loadMiningKernel()

self.onmessage = async ({ data }: MessageEvent<RateRequest>) => {
  const { kernel } = await loading
  self.postMessage(rate(data.slice, BATCH, () => kernel.scan(SOME_HEADER, NO_HASH, 0, BATCH)))
}
