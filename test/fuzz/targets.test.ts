/**
 * Promise: whatever bytes a decoder or the interpreter is given, it answers with a value, in work that is bounded by the length of the
 * input. Replays the seeds and tries some thousand new inputs; `npm run test:deep -- fuzz` tries ten million.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { fuzz } from './campaign.ts'
import { buildTargets, loadTargets, removeTargets } from './woven-targets.ts'

const INPUTS = 4_000
const SEED = 'npm test'

const folder = await buildTargets()
const { targets, coverage } = await loadTargets(folder)
await removeTargets(folder)

for (const target of targets)
  test(`${target.name}: any input has its answer, at bounded cost`, (context) => {
    const report = fuzz(target, coverage, Math.ceil(INPUTS * Math.min(5, target.share)), SEED)
    assert.deepEqual(report.failures, [])
    assert.ok(report.accepted > 0, 'no input was accepted: the examples no longer fit')
    context.diagnostic(`${report.inputs} inputs, ${report.edges} edges, work up to ${report.greatestWork}`)
  })
