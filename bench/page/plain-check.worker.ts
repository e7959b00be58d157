/** Verifies checks with noble alone, whatever kernels there are. */
import type { CheckOutcome } from '../../src/script/input-check.ts'
import { NOBLE_KERNEL } from '../../src/script/schnorr.ts'
import { verifyChecks } from '../../src/script/verify-input.ts'
import { decodeChecks } from '../../src/workers/check-batch.ts'

self.onmessage = ({ data }: MessageEvent<Uint8Array>) => {
  const outcome: CheckOutcome = verifyChecks(decodeChecks(data), NOBLE_KERNEL)
  self.postMessage(outcome)
}
