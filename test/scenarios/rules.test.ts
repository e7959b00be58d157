/** Plays all scenarios, and tells at the end which blocks prove each consensus rule. */
import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { arrivalScenarios } from './arrival-scenarios.ts'
import { bodyScenarios } from './body-scenarios.ts'
import { branchScenarios } from './branch-scenarios.ts'
import { headerScenarios } from './header-scenarios.ts'
import { keyPathScenarios } from './key-path-scenarios.ts'
import { lockScenarios } from './lock-scenarios.ts'
import { play, type RuleTests } from './player.ts'
import { findRejectCodes } from './reject-codes.ts'
import { codeOf, NOT_OF_BLOCKS, RULE_IDS, RULES, type RuleId } from './rules.ts'
import { scriptPathScenarios } from './script-path-scenarios.ts'
import { snapshotScenarios } from './snapshot-scenarios.ts'
import { transactionScenarios } from './transaction-scenarios.ts'

const SCENARIOS = [
  ...headerScenarios,
  ...arrivalScenarios,
  ...bodyScenarios,
  ...transactionScenarios,
  ...lockScenarios,
  ...keyPathScenarios,
  ...scriptPathScenarios,
  ...snapshotScenarios,
  ...branchScenarios,
]

/** What the scenarios played so far say of each rule. */
const tests = new Map<RuleId, RuleTests>()

for (const scenario of SCENARIOS) test(scenario.name, () => play(scenario, tests))

test('every rule has a block that only just keeps it and one that breaks it', () => {
  const unproven = RULE_IDS.filter((rule) => {
    const { accepting = 0, rejecting = 0 } = tests.get(rule) ?? {}
    return accepting === 0 || rejecting === 0
  })
  assert.deepEqual(unproven, [])
})

test('every code in the sources has a rule here, or a reason why no block can be the cause', async () => {
  const codes = await findRejectCodes()
  const explained = new Set([...RULE_IDS.map(codeOf), ...Object.keys(NOT_OF_BLOCKS)])
  const forgotten = [...codes].filter(([code]) => !explained.has(code))
  assert.deepEqual(forgotten, [])
  assert.deepEqual(
    [...explained].filter((code) => !codes.has(code)),
    [],
    'nothing is listed that the sources do not have',
  )
})

after(() => {
  console.log(tableOf(tests))
  for (const [code, reason] of Object.entries(NOT_OF_BLOCKS))
    console.log(`No block causes ${code}: ${reason}`)
})

/** `code | rule | source | accepting tests | rejecting tests`, a line a rule. */
function tableOf(proven: ReadonlyMap<RuleId, RuleTests>): string {
  const lines = [
    ['code', 'rule', 'source', 'accepting', 'rejecting'],
    ...RULE_IDS.map((id) => {
      const { accepting = 0, rejecting = 0 } = proven.get(id) ?? {}
      const { rule, source } = RULES[id]
      return [id, rule, source, String(accepting), String(rejecting)]
    }),
  ]
  const widths = lines[0].map((_, column) => Math.max(...lines.map((line) => line[column].length)))
  return lines.map((line) => line.map((cell, column) => cell.padEnd(widths[column])).join(' | ')).join('\n')
}
