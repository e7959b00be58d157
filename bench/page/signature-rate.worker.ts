/** One of the threads of `signatures.two-workers`: verifies a batch again and again, and says how many signatures a second. */
import type { SignatureCheck } from '../../src/script/schnorr.ts'
import { loadSignatureKernel } from '../../src/workers/signature-kernel.ts'
import { type RateRequest, rate } from './rates.ts'

const loading = loadSignatureKernel()

self.onmessage = async ({ data }: MessageEvent<RateRequest & { checks: SignatureCheck[] }>) => {
  const { checks, slice } = data
  const kernel = await loading
  const verify = (): void => {
    if (kernel.findInvalid(checks) >= 0) throw new Error('The kernel refuses a valid signature')
  }
  verify()
  self.postMessage(rate(slice, checks.length, verify))
}
