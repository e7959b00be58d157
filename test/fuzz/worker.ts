/** A process that fuzzes: gets targets by message, answers each with its `Report`. Its argument is the folder of `buildTargets`. */
import { fuzz, type Report } from './campaign.ts'
import { loadTargets } from './woven-targets.ts'

/** What is to be fuzzed next. */
export interface Job {
  readonly target: string
  readonly inputs: number
  readonly seed: string
  readonly withSeeds: boolean
}

const { targets, coverage } = await loadTargets(process.argv[2])

process.on('message', ({ target: name, inputs, seed, withSeeds }: Job) => {
  const target = targets.find((each) => each.name === name)
  if (!target) throw new Error(`There is no target ${name}`)
  const report: Report = fuzz(target, coverage, inputs, seed, withSeeds)
  process.send?.(report)
})
