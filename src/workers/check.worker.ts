/** Thread root of a check worker: verifies batches of inputs, one after another. */
import { NOBLE_KERNEL, type SignatureKernel } from '../script/schnorr.ts'
import { verifyChecks } from '../script/verify-input.ts'
import { Channel } from './channel.ts'
import { type CheckMessage, type CheckRequest, decodeChecks } from './check-batch.ts'
import { installHashKernel } from './hash-kernel.ts'
import { loadSignatureKernel } from './signature-kernel.ts'

const channel = new Channel<CheckMessage, CheckRequest>(self)

// Where it can't be used, the brain, which loads it too, has said so.
const hashing = installHashKernel().catch(() => {})

const kernel: Promise<SignatureKernel> = loadSignatureKernel().catch((error: Error) => {
  channel.post({ kernelFault: error.message })
  return NOBLE_KERNEL
})

channel.listen((request) => {
  // The pool hears of a bug as of any in a worker: by an error event.
  hashing
    .then(() => kernel)
    .then((loaded) => answer(loaded, request))
    .catch(reportError)
})

function answer(loaded: SignatureKernel, { id, checks }: CheckRequest): void {
  const outcome = verifyChecks(decodeChecks(checks), loaded)
  channel.post(outcome.ok ? { id } : { id, failure: outcome })
}
