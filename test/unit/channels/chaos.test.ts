/**
 * Promise: whatever is lost, cut, written or not, two machines agree in the end, sums are kept at every step, each has what was paid to it, and
 * no commitment is signed that must not be.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { runChaos } from '../../support/channel-chaos.ts'
import { mockSigner } from '../../support/mock-channel-signer.ts'

const SEEDS = Number(process.env.OPENTAB_SEEDS ?? 12)

test('random lives of a channel', async (t) => {
  const totals: Record<string, number> = {}
  const only = process.env.OPENTAB_SEED
  const seeds = only !== undefined ? [only] : Array.from({ length: SEEDS }, (_, at) => String(at))
  for (const seed of seeds) {
    try {
      const result = await runChaos({ seed, steps: 1_500, signer: mockSigner })
      for (const [name, count] of Object.entries(result)) totals[name] = (totals[name] ?? 0) + count
    } catch (error) {
      throw new Error(`Seed ${seed} fails`, { cause: error })
    }
  }
  t.diagnostic(JSON.stringify(totals))
  for (const name of ['fulfilled', 'failed', 'crashes', 'cuts']) assert.ok(totals[name] > 0, name)
})
