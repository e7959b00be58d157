/**
 * Promise: a hostile peer can't take a tab down. Each attack by itself against three honest nodes: they keep agreeing and never ban each
 * other, the attacker is banned where the verdict table says so, and what it makes them remember stays bounded.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { PeerId } from '../../src/network/transport.ts'
import { Adversary, type Attack } from '../../src/simulation/adversary.ts'
import { ATTACKS, type AttackName, BAD_BLOCKS, servingAttack } from '../../src/simulation/attacks.ts'
import { MINUTE, SECOND } from '../../src/simulator/run.ts'
import { newWorld } from '../support/worlds.ts'

/** Whether the attacker is banned by all whom it reaches, or borne: what honest peers could do by chance is no offence. */
const OUTCOMES: Readonly<Record<AttackName, 'banned' | 'borne'>> = {
  garbage: 'banned',
  malformed: 'banned',
  oversized: 'banned',
  unsolicited: 'banned',
  'invalid block': 'banned',
  // Forwarded before it is connected: nobody is blamed.
  'invalid gossip': 'borne',
  'malformed block': 'banned',
  'mutated body': 'banned',
  // A meeting of short ids: the block is fetched whole.
  'wrong short ids': 'borne',
  'mutated relay': 'borne',
  'low work': 'borne',
  // A clock may be wrong.
  'from the future': 'borne',
  'wrong time': 'borne',
  withholding: 'borne',
  forgery: 'banned',
  spam: 'banned',
  slow: 'borne',
  flood: 'banned',
}

/** Headers without work that a node takes from one peer. */
const LOW_WORK_HEADERS = 20_000

for (const [name, outcome] of Object.entries(OUTCOMES) as [AttackName, 'banned' | 'borne'][])
  test(`${name}: ${outcome}`, () => endure(name, ATTACKS[name], outcome))

for (const [name, forger] of Object.entries(BAD_BLOCKS))
  test(`a block that ${name}: banned`, () => endure(name, servingAttack(forger), 'banned'))

async function endure(name: string, attack: Attack, outcome: 'banned' | 'borne'): Promise<void> {
  const world = newWorld(`hostile/${name}`)
  const nodes = await world.startNodes(3)
  world.mine(nodes)
  await world.run(10 * MINUTE)

  const adversary = new Adversary({
    id: 'hostile' as PeerId,
    network: world.network,
    random: world.random.fork('adversary'),
    attacks: [attack],
    view: () => nodes[0].core,
    pace: 10 * SECOND,
  })
  await adversary.start()
  await world.run(10 * MINUTE)
  await world.settle(nodes)

  const banned = await Promise.all(nodes.map((node) => node.bannedPeers()))
  assert.deepEqual(
    banned,
    nodes.map(() => (outcome === 'banned' ? ['hostile'] : [])),
  )
  const { headers, tip } = nodes[0].core.chain
  assert.ok(headers.height(tip) > 30, `mining goes on: height ${headers.height(tip)}`)
  // Side branches of honest miners, and what the attacker paid for by its work or its allowance.
  for (const { core } of nodes) {
    const { size } = core.chain.headers
    assert.ok(size < 2 * headers.height(tip) + LOW_WORK_HEADERS, `${size} headers are remembered`)
    assert.equal(core.mempool.size, 0)
  }
  await world.checkInvariants()
  await adversary.stop()
}
