/**
 * Promise: on a network for tests a person cheats with a void state, loses messages and holds them up, and sees that nobody but the cheat loses money; on any
 * other network none of it can be done.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { callRpc } from '../../../src/node/rpc.ts'
import { KeeperSide } from '../../support/channel-keepers.ts'
import { NodeRig, RIG_PARAMS, type RigNode } from '../../support/node-rig.ts'

const CHANNEL = 1_000_000
const PAYMENTS = 4
const CONTROLS: readonly (readonly [method: string, ...args: readonly unknown[]])[] = [
  ['dev-keep-states'],
  ['dev-list-states', '00'],
  ['dev-publish-state', '00', 0],
  ['dev-disconnect', '00'],
  ['dev-drop-messages', '00'],
  ['dev-delay-messages', '00', 1],
  ['dev-pass-messages', '00'],
]

/** Two nodes with a channel, which the first has paid for. */
async function pair(seed: string): Promise<{ rig: NodeRig; a: RigNode; b: RigNode }> {
  const rig = new NodeRig({ seed })
  const a = await rig.add('a', { channels: true })
  const b = await rig.add('b', { channels: true })
  await a.fund()
  await rig.until(() => b.tip === a.tip && a.channels.links.nodes.length === 1)
  await rig.until(() => b.channels.links.nodes.length === 1)
  await a.rpc('fundchannel', b.channels.self, CHANNEL)
  await rig.until(() => b.core.mempool.size > 0)
  await mine(a, b, 1)
  await rig.until(() => isOpen(a) && isOpen(b) && b.channels.routeHints().length === 1)
  return { rig, a, b }
}

function isOpen({ channels }: RigNode): boolean {
  return channels.all()[0]?.state.status === 'open' && channels.all()[0].state.connection === 'connected'
}

async function mine(by: RigNode, other: RigNode, count: number): Promise<void> {
  await by.generate(count)
  await by.rig.until(() => other.tip === by.tip)
}

async function pay(a: RigNode, b: RigNode, amount: number, label: string): Promise<void> {
  const { bolt11 } = await b.rpc('invoice', amount, label, label)
  assert.equal((await a.rpc('pay', bolt11)).status, 'complete')
}

const coins = (node: RigNode): number =>
  Object.values(node.core.wallet!.balances()).reduce((sum: number, each) => sum + Number(each), 0)

test('controls: each void state that is kept can be published, and whoever does it loses all of the channel', async () => {
  for (const chosen of ['first', 'last'] as const) {
    const { rig, a, b } = await pair(`cheat ${chosen}`)
    assert.deepEqual(await a.rpc('dev-keep-states'), { keeping: true })
    for (let at = 0; at < PAYMENTS; at++) await pay(a, b, 100_000_000, `number ${at}`)
    await rig.until(() => [a, b].every(({ channels }) => channels.all()[0].state.htlcs.length === 0))
    const { states } = await a.rpc('dev-list-states', b.channels.self)
    // Each payment took two new states of the payer's at most.
    assert(states.length >= PAYMENTS && states.length <= 3 * PAYMENTS, `${states.length} states`)
    assert(states[0].to_us_msat > states.at(-1).to_us_msat)
    const state = chosen === 'first' ? states[0] : states.at(-1)
    const before = coins(b)
    const { txid } = await a.rpc('dev-publish-state', b.channels.self, state.number)
    await rig.until(() => b.core.mempool.has(txid))
    await mine(a, b, 1)
    await rig.time.complete(b.channels.settled())
    await rig.until(() => b.core.mempool.size > 0)
    for (let block = 0; block < 4; block++) {
      await mine(a, b, 1)
      await rig.time.complete(b.channels.settled())
      await rig.time.run(2_000)
    }
    const gained = coins(b) - before
    assert(
      gained > CHANNEL - 20_000 && gained <= CHANNEL,
      `${chosen}: the other side got ${gained} of ${CHANNEL}`,
    )
  }
})

test('controls: states that were given up before they were to be kept are not there', async () => {
  const { a, b } = await pair('not kept')
  await pay(a, b, 1_000_000, 'before')
  assert.deepEqual((await a.rpc('dev-list-states', b.channels.self)).states, [])
  assert.match((await a.failure('dev-publish-state', b.channels.self, 0)).message, /was not kept/)
  await a.rpc('dev-keep-states')
  await pay(a, b, 1_000_000, 'after')
  const { states } = await a.rpc('dev-list-states', b.channels.self)
  assert(states.length > 0)
  await a.rpc('dev-keep-states', false)
  assert.deepEqual((await a.rpc('dev-list-states', b.channels.self)).states, [])
})

test('controls: what is held up comes later and in order; what is lost is said again with the next connection', async () => {
  const { rig, a, b } = await pair('messages')
  const waiting = async (label: string) => {
    const { bolt11 } = await b.rpc('invoice', 5_000_000, label, label)
    let isPaid = false
    const paying = callRpc(a.core, 'pay', [bolt11]).then((answer) => {
      isPaid = 'result' in answer
      return answer
    })
    return { paying, isPaid: () => isPaid }
  }
  const { faults } = await a.rpc('dev-delay-messages', b.channels.self, 30_000, 'commitment_signed')
  assert.deepEqual(faults, [{ direction: 'out', type: 'commitment_signed', count: 1, milliseconds: 30_000 }])
  const held = await waiting('held')
  await rig.time.run(29_000)
  assert.equal(held.isPaid(), false)
  await rig.until(held.isPaid)

  await a.rpc('dev-delay-messages', b.channels.self, 3_000_000, null, 100)
  const passed = await waiting('passed')
  await rig.time.run(60_000)
  assert.equal(passed.isPaid(), false)
  await a.rpc('dev-pass-messages', b.channels.self)
  await rig.until(passed.isPaid)

  for (const [type, direction] of [
    ['commitment_signed', 'out'],
    ['revoke_and_ack', 'in'],
    ['update_fulfill_htlc', 'in'],
  ]) {
    await a.rpc('dev-drop-messages', b.channels.self, type, 1, direction)
    const lost = await waiting(`lost ${type}`)
    await rig.until(() => a.channels.faults.of(b.channels.self).length === 0)
    // And all that comes behind it, as where a connection ends.
    await a.rpc('dev-drop-messages', b.channels.self, null, 100, 'in')
    await a.rpc('dev-drop-messages', b.channels.self, null, 100, 'out')
    await rig.time.run(5_000)
    assert.equal(lost.isPaid(), false, type)
    await a.rpc('dev-pass-messages', b.channels.self)
    await a.rpc('dev-disconnect', b.channels.self)
    await rig.until(lost.isPaid)
  }
  await rig.until(() => isOpen(a) && isOpen(b))
  assert.match(
    (await a.failure('dev-drop-messages', b.channels.self, 'no_such')).message,
    /commitment_signed/,
  )
  assert.match((await a.failure('dev-drop-messages', b.channels.self, null, 1, 'up')).message, /in or out/)
})

test('controls: where coins may be worth something, all are refused, and a signer keeps nothing', async () => {
  const rig = new NodeRig({ seed: 'elsewhere', params: { ...RIG_PARAMS, testControls: false } })
  const node = await rig.add('node', { channels: true })
  for (const [method, ...args] of CONTROLS) {
    const { code, message } = await node.failure(method, ...args)
    assert.equal(code, -32601)
    assert.match(message, /networks for tests only/)
  }
  const { keeper } = new KeeperSide('elsewhere')
  for (const result of [await keeper.keepStates(true), await keeper.keptStates('00')])
    assert.equal(result.ok ? undefined : result.code, 'test-controls')
})
