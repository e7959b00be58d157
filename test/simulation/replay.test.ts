/** Promise: a seed replays exactly, event by event. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { runScenario } from '../../src/simulation/scenario.ts'
import { drain } from '../support/worlds.ts'

for (const seed of ['0', 'replay', '7'])
  test(`seed ${seed} runs the same twice`, async () => {
    const first = await runScenario({ seed, drain })
    const second = await runScenario({ seed, drain })
    assert.deepEqual(second, first)
  })

test('other seeds run differently', async () => {
  const [first, second] = [await runScenario({ seed: 'a', drain }), await runScenario({ seed: 'b', drain })]
  assert.notEqual(first.fingerprint, second.fingerprint)
})
