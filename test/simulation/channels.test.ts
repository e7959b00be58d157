/**
 * Promise: whatever happens to the nodes of a network of channels, and whoever cheats, what `test/channels/judge.ts` names holds. A world a seed:
 * OPENTAB_SEEDS says how many (60), OPENTAB_SEED one alone, with all that happens in it told.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { installQuickCurve } from '../channels/quick-curve.ts'

const { OPENTAB_SEED, OPENTAB_SEEDS = '60' } = process.env

test('networks of channels: nobody honest loses, no thief gains, payments end', async (t) => {
  await installQuickCurve()
  const { replayOf, runSeeds, tableOf } = await import('../channels/run-seeds.ts')
  const alone = OPENTAB_SEED !== undefined
  const result = await runSeeds({
    seeds: alone ? [OPENTAB_SEED] : Array.from({ length: Number(OPENTAB_SEEDS) }, (_, seed) => String(seed)),
    ...(alone && { log: (line: string) => console.log(line) }),
  })
  for (const line of tableOf(result).split('\n')) t.diagnostic(line)
  const failures = result.broken.map(
    ({ seed, text }) => `Seed ${seed}: ${text}\nTo see it again: ${replayOf(seed)}`,
  )
  assert.deepEqual(failures, [])
  if (result.runs < 50) return
  for (const name of ['paid', 'crashes', 'cheats', 'punished', 'reorganisations', 'sleeps'] as const)
    assert.ok(result.totals[name] > 0, `no run had ${name}`)
})

test('networks of channels with a tower: a victim that sleeps too long loses nothing, and no thief gains', async (t) => {
  await installQuickCurve()
  const { replayOf, runSeeds, tableOf } = await import('../channels/run-seeds.ts')
  const count = OPENTAB_SEED === undefined ? Math.ceil(Number(OPENTAB_SEEDS) / 10) : 0
  const seeds = Array.from({ length: count }, (_, seed) => String(seed))
  const result = await runSeeds({ seeds, focus: 'tower' })
  for (const line of tableOf(result).split('\n')) t.diagnostic(line)
  const failures = result.broken.map(
    ({ seed, text }) => `Seed ${seed}: ${text}\nTo see it again: ${replayOf(seed, 'tower')}`,
  )
  assert.deepEqual(failures, [])
  // Where a restored victim, or a state that was not handed over yet, was robbed, nothing was promised.
  if (count > 0) assert.ok(result.totals.punished > 0)
})
