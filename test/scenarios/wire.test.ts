/**
 * The scenarios once more, on a whole node that hears of every block from a peer. Those in which blocks lie beside the tip or wait for
 * others are left out: a node asks for what it lacks by itself.
 */
import { test } from 'node:test'
import { bodyScenarios } from './body-scenarios.ts'
import { headerScenarios } from './header-scenarios.ts'
import { keyPathScenarios } from './key-path-scenarios.ts'
import { lockScenarios } from './lock-scenarios.ts'
import { scriptPathScenarios } from './script-path-scenarios.ts'
import { snapshotScenarios } from './snapshot-scenarios.ts'
import { transactionScenarios } from './transaction-scenarios.ts'
import { playOnWire } from './wire-player.ts'

const SCENARIOS = [
  ...headerScenarios,
  ...bodyScenarios,
  ...transactionScenarios,
  ...lockScenarios,
  ...keyPathScenarios,
  ...scriptPathScenarios,
  snapshotScenarios[0],
]

for (const scenario of SCENARIOS) test(`by peers: ${scenario.name}`, () => playOnWire(scenario))
