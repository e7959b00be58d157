/**
 * Runs scenarios of the simulator, one test a seed. OPENTAB_SEEDS: how many, 200 when not given. OPENTAB_SEED: one seed alone, with all that
 * happens in it told.
 */
import { test } from 'node:test'
import { runScenario } from '../../src/simulation/scenario.ts'
import { drain } from './worlds.ts'

const DEFAULT_SEEDS = 200

/** Declares the tests of every seed whose number leaves `part` when divided by `parts`: the files that run side by side share them. */
export function testSeeds(part: number, parts: number): void {
  const { OPENTAB_SEED, OPENTAB_SEEDS } = process.env
  if (OPENTAB_SEED !== undefined) {
    if (part === 0) testSeed(OPENTAB_SEED, (line) => console.log(line))
    return
  }
  const count = Number(OPENTAB_SEEDS ?? DEFAULT_SEEDS)
  if (!Number.isSafeInteger(count) || count < 0)
    throw new Error(`OPENTAB_SEEDS is no number: ${OPENTAB_SEEDS}`)
  for (let seed = part; seed < count; seed += parts) testSeed(String(seed))
}

function testSeed(seed: string, log?: (line: string) => void): void {
  test(`seed ${seed}: all agree, nothing is lost`, async () => {
    try {
      await runScenario({ seed, drain, log })
    } catch (error) {
      const replay = `OPENTAB_SEED=${seed} npm run test:simulation`
      throw new Error(`Seed ${seed} fails. To see it again: ${replay}`, { cause: error })
    }
  })
}
