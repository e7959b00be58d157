/**
 * Promise: whoever sleeps while an old state of a channel is published has all of the channel by a watchtower that was chosen before, whichever state it is; the
 * channel never waits for the tower; and what strangers can make a tower do and keep is bounded.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { secp256k1 } from '@noble/curves/secp256k1.js'
import { BLOB_BYTES } from '../../../src/channels/appointments.ts'
import { nodeId } from '../../../src/channels/gossip.ts'
import { encodeInit, NODE_FEATURES, nodeProofHash } from '../../../src/channels/init.ts'
import {
  decodeTowerMessage,
  encodeTowerMessage,
  type TowerMessage,
} from '../../../src/channels/tower-messages.ts'
import { BOLT, type BoltMessage } from '../../../src/node/channel-links.ts'
import { bytesToHex } from '../../../src/primitives/bytes.ts'
import { sha256 } from '../../../src/primitives/hashes.ts'
import { type MakePart, on, type PartPorts } from '../../../src/protocol/part.ts'
import type { Peer } from '../../../src/protocol/peer.ts'
import { NodeRig, type RigNode, type RigNodeOptions, STRANGER } from '../../support/node-rig.ts'

const CHANNEL = 1_000_000
/** Blocks after which a thief could take what is its own: see the policy of regtest. */
const DELAY = 12

interface Trio {
  readonly rig: NodeRig
  /** Funds the channel, and keeps its void states. */
  readonly thief: RigNode
  readonly victim: RigNode
  readonly tower: RigNode
}

async function trio(seed: string, towerOptions: RigNodeOptions = {}): Promise<Trio> {
  const rig = new NodeRig({ seed })
  const thief = await rig.add('thief', { channels: true })
  const victim = await rig.add('victim', { channels: true })
  const tower = await rig.add('tower', { channels: true, ...towerOptions })
  await thief.fund()
  await linked([thief, victim, tower])
  await thief.rpc('dev-keep-states')
  await thief.rpc('fundchannel', victim.channels.self, CHANNEL)
  await rig.until(() => [victim, tower].every(({ core }) => core.mempool.size > 0))
  await mine(tower, [thief, victim], 1)
  await rig.until(() => isOpen(thief) && isOpen(victim) && victim.channels.routeHints().length === 1)
  return { rig, thief, victim, tower }
}

async function linked(nodes: readonly RigNode[]): Promise<void> {
  const [{ rig }] = nodes
  await rig.until(() =>
    nodes.every(({ channels, tip }) =>
      nodes.every(
        (other) =>
          tip === other.tip &&
          (other.channels === channels || channels.links.nodes.includes(other.channels.self)),
      ),
    ),
  )
}

function isOpen({ channels }: RigNode): boolean {
  return channels.all()[0]?.state.status === 'open' && channels.all()[0].state.connection === 'connected'
}

async function mine(by: RigNode, others: readonly RigNode[], count: number): Promise<void> {
  for (let at = 0; at < count; at++) {
    for (const node of [by, ...others]) await by.rig.time.complete(node.channels.settled())
    await by.rig.time.run(1_000)
    await by.generate(1, STRANGER)
    await by.rig.until(() => others.every(({ tip }) => tip === by.tip))
  }
}

async function pay(from: RigNode, to: RigNode, amount: number, label: string): Promise<void> {
  const { bolt11 } = await to.rpc('invoice', amount, label, label)
  assert.equal((await from.rpc('pay', bolt11)).status, 'complete')
  await from.rig.until(() => [from, to].every(({ channels }) => channels.all()[0].state.htlcs.length === 0))
}

/** Satoshis of a wallet. */
function coins({ core }: RigNode): number {
  return Object.values(core.wallet!.balances()).reduce((sum: number, each) => sum + Number(each), 0)
}

async function choose(client: RigNode, tower: RigNode): Promise<void> {
  await tower.rpc('towerservice', true)
  const { available_slots } = await client.rpc('registertower', tower.channels.self)
  assert.ok(available_slots > 0)
}

/** Revoked states that a tower has not acknowledged yet. */
function pending(client: RigNode, tower: RigNode): number {
  const chosen = client.channels.towers.chosen.find(({ id }) => id === tower.channels.self)
  return chosen!.channels.reduce((sum, each) => sum + each.pending, 0)
}

function acknowledged(client: RigNode, tower: RigNode): number {
  const chosen = client.channels.towers.chosen.find(({ id }) => id === tower.channels.self)
  return chosen!.channels.reduce((sum, each) => sum + each.acknowledged, 0)
}

/** The thief publishes its `at`th void state while the victim sleeps. Answers how many there are. */
async function steal(at: number): Promise<number> {
  const { rig, thief, victim, tower } = await trio(`theft ${at}`)
  await choose(victim, tower)
  await pay(thief, victim, 300_000_000, 'one')
  await pay(thief, victim, 400_000_000, 'two')
  const { states } = await thief.rpc('dev-list-states', victim.channels.self)
  await rig.until(() => pending(victim, tower) === 0)
  assert.equal(acknowledged(victim, tower), states.length)
  const before = coins(victim)
  await victim.kill()
  // The tower slept, too, and has all of it on its disk. It needs no passphrase to watch.
  await tower.kill()
  await tower.open(at % 2 === 0)
  await rig.until(() => tower.tip === thief.tip && tower.core.peers.peers().length > 0)
  const { txid } = await thief.rpc('dev-publish-state', victim.channels.self, states[at].number)
  await rig.until(() => tower.core.mempool.has(txid))
  await mine(tower, [thief], 3)
  const [breach] = (await tower.rpc('towerservice')).breaches
  assert.equal(breach.txid, txid)
  assert.equal(breach.settled, breach.penalties)
  // Beyond the delay, and nobody but the tower was there.
  await mine(tower, [thief], DELAY)
  const lost = coins(thief)
  await victim.open()
  await rig.until(() => victim.tip === tower.tip)
  await rig.time.complete(victim.channels.settled())
  const gained = coins(victim) - before
  assert.ok(gained > CHANNEL - 20_000 && gained <= CHANNEL, `state ${at}: ${gained} of ${CHANNEL}`)
  await mine(tower, [thief, victim], 2)
  assert.equal(coins(thief), lost)
  return states.length
}

test('towers: the victim sleeps, and loses nothing whichever of all void states the thief publishes', {
  timeout: 600_000,
}, async () => {
  let count = 1
  for (let at = 0; at < count; at++) count = await steal(at)
  // At the opening, with a payment under way, and without, twice.
  assert.ok(count >= 4, `${count}`)
})

test('towers: a channel goes on while its tower is away; what the tower lacks is handed over when it is back, after a restart too', async () => {
  const { rig, thief, victim, tower } = await trio('away')
  await choose(victim, tower)
  await pay(thief, victim, 100_000_000, 'with it')
  await rig.until(() => pending(victim, tower) === 0)
  const before = acknowledged(victim, tower)
  await tower.kill()
  await rig.until(() => !victim.channels.links.nodes.includes(tower.channels.self))
  await pay(thief, victim, 100_000_000, 'without it')
  assert.ok(pending(victim, tower) > 0)
  const [listed] = (await victim.rpc('listtowers')).towers
  assert.equal(listed.status, 'temporary_unreachable')
  assert.ok(listed.pending_states > 0)
  await victim.kill()
  await victim.open()
  await linked([thief, victim])
  assert.ok(pending(victim, tower) > 0)
  assert.equal(acknowledged(victim, tower), before)
  await tower.open()
  await rig.until(() => pending(victim, tower) === 0)
  const info = await victim.rpc('gettowerinfo', tower.channels.self)
  assert.equal(info.status, 'reachable')
  assert.equal(info.misbehaviors, 0)
  assert.equal(info.channels[0].acknowledged_states, acknowledged(victim, tower))
  const kept = await tower.rpc('towerservice')
  assert.deepEqual(
    kept.users.map(({ user_id }: { readonly user_id: string }) => user_id),
    [victim.channels.self],
  )
  assert.equal(kept.n_appointments, acknowledged(victim, tower))
})

test('towers: nobody watches who has not agreed to, and each refusal says what to do', async () => {
  const { rig, thief, victim, tower } = await trio('refusals')
  const { self } = tower.channels
  assert.match((await victim.failure('registertower', self)).message, /watches for nobody new/)
  assert.deepEqual((await victim.rpc('listtowers')).towers, [])
  assert.match((await victim.failure('gettowerinfo', self)).message, /none of your towers/)
  assert.match((await victim.failure('registertower', 'nobody')).message, /connected/)
  // The thief itself.
  await thief.rpc('towerservice', true)
  assert.match((await victim.failure('registertower', thief.channels.self)).message, /punish itself/)
  assert.equal((await tower.rpc('towerservice')).enabled, false)
  await tower.rpc('towerservice', true)
  assert.equal((await tower.rpc('towerservice')).enabled, true)
  // Also after a restart.
  await tower.kill()
  await tower.open()
  assert.equal((await tower.rpc('towerservice')).enabled, true)
  await tower.rpc('towerservice', false)
  await rig.time.run(5_000)
  await linked([victim, tower])
  assert.match((await victim.failure('registertower', self)).message, /watches for nobody new/)
})

test('towers: one that is full says so, a second one takes over, and two know nothing of each other', async () => {
  const { rig, thief, victim, tower } = await trio('full', {
    towerLimits: { clients: 1, perClient: 2, inAll: 2 },
  })
  const other = await rig.add('other', { channels: true })
  await linked([victim, other])
  await choose(victim, tower)
  await choose(victim, other)
  await pay(thief, victim, 100_000_000, 'one')
  await pay(thief, victim, 100_000_000, 'two')
  await rig.until(() => pending(victim, other) === 0)
  await rig.until(() => acknowledged(victim, tower) === 2)
  await rig.time.run(5_000)
  const { towers } = await victim.rpc('listtowers')
  const statusOf = ({ channels }: RigNode) =>
    towers.find(({ tower_id }: { readonly tower_id: string }) => tower_id === channels.self)
  assert.equal(statusOf(tower).status, 'subscription_error')
  assert.match(statusOf(tower).status_detail, /as much as it can/)
  assert.equal(statusOf(other).status, 'reachable')
  // Of the same channel each has a series of its own.
  const series = async ({ towerStore }: RigNode) =>
    new Set((await towerStore.load()).map((slot) => slot.series))
  const [one, two] = [await series(tower), await series(other)]
  assert.deepEqual([one.size, two.size], [1, 1])
  assert.ok([...one].every((each) => !two.has(each)))
  // Room is made, and it goes on at once.
  await victim.rpc('abandontower', tower.channels.self)
  await rig.until(() => tower.channels.towers.users.length === 0)
  assert.equal((await victim.rpc('listtowers')).towers.length, 1)
  await other.rpc('removetoweruser', victim.channels.self)
  assert.deepEqual((await other.towerStore.load()).length, 0)
  // It is found out at the next look, and gets all of it again.
  await victim.rpc('retrytower', other.channels.self)
  await rig.until(() => pending(victim, other) === 0 && other.channels.towers.users.length === 1)
  const info = await victim.rpc('gettowerinfo', other.channels.self)
  assert.deepEqual([info.status, info.misbehaviors], ['misbehaving', 1])
})

test('towers: what is kept of a channel is let go of once the channel is closed for good', async () => {
  const { rig, thief, victim, tower } = await trio('closed')
  await choose(victim, tower)
  await pay(thief, victim, 100_000_000, 'one')
  await rig.until(() => pending(victim, tower) === 0)
  assert.ok((await tower.towerStore.load()).length > 0)
  await victim.rpc('close', thief.channels.self)
  await rig.until(() => tower.core.mempool.size > 0)
  await mine(tower, [thief, victim], 1)
  assert.ok((await tower.towerStore.load()).length > 0)
  await mine(tower, [thief, victim], 100)
  await rig.until(() => victim.channels.all().length === 0)
  await rig.until(() => tower.channels.towers.users.length === 0)
  assert.deepEqual(await tower.towerStore.load(), [])
})

const SECRET = sha256(Uint8Array.of(1))

/** A node that says what a test gives it. */
class Mallory {
  readonly heard: TowerMessage[] = []
  private ports!: PartPorts
  private peer: Peer | undefined

  readonly part: MakePart = (ports) => {
    this.ports = ports
    return {
      messages: [
        on(BOLT, (_, { bytes }) => {
          const message = decodeTowerMessage(bytes)
          if (message.ok) this.heard.push(message.value)
        }),
      ],
      add: (peer) => {
        this.peer = peer
        const signature = secp256k1.sign(nodeProofHash('mallory'), SECRET, { prehash: false, lowS: true })
        const id = nodeId(secp256k1.getPublicKey(SECRET, true))
        this.say(encodeInit({ features: NODE_FEATURES, node: { id, signature } }))
      },
    }
  }

  say(bytes: Uint8Array): void {
    this.ports.peers.send(this.peer!, { type: 'bolt', bytes } as BoltMessage)
  }

  ask(message: TowerMessage): void {
    this.say(encodeTowerMessage(message))
  }

  keep(number: number): void {
    const locator = bytesToHex(sha256(Uint8Array.of(number >> 8, number & 0xff)).subarray(0, 16))
    this.ask({
      type: 'tower_keep',
      number,
      series: 'ab'.repeat(16),
      locator,
      part: 0,
      blob: new Uint8Array(BLOB_BYTES),
    })
  }
}

async function meeting(options: RigNodeOptions = {}) {
  const rig = new NodeRig()
  const mallory = new Mallory()
  const tower = await rig.add('tower', { channels: true, ...options })
  await rig.add('mallory', { wallet: false, parts: [mallory.part] })
  await rig.until(() => tower.channels.links.nodes.length === 1)
  await tower.rpc('towerservice', true)
  const score = () => tower.core.peers.peers().find(({ id }) => id === 'mallory')?.score ?? 0
  const isBanned = () => tower.core.peers.bans().some(({ id }) => id === 'mallory')
  return { rig, mallory, tower, score, isBanned }
}

test('towers: a client that fills a tower is refused, and costs it no more than its bounds', async () => {
  const { rig, mallory, tower, score } = await meeting({
    towerLimits: { clients: 2, perClient: 5, inAll: 9 },
  })
  for (let number = 1; number <= 12; number++) mallory.keep(number)
  await rig.until(() => mallory.heard.length === 12)
  assert.equal(mallory.heard.filter(({ type }) => type === 'tower_done').length, 5)
  assert.ok(mallory.heard.every((each) => each.type !== 'tower_refused' || each.code === 'tower-full'))
  assert.equal((await tower.towerStore.load()).length, 5)
  assert.equal(score(), 0)
  // Turned off, nothing new is taken, and nothing is lost.
  await tower.rpc('towerservice', false)
  mallory.keep(1)
  mallory.ask({ type: 'tower_forget', number: 13, series: 'cd'.repeat(16) })
  await rig.until(() => mallory.heard.length === 14)
  assert.deepEqual(
    mallory.heard.find(({ number }, at) => at >= 12 && number === 1),
    {
      type: 'tower_refused',
      number: 1,
      code: 'tower-off',
    },
  )
  assert.equal((await tower.towerStore.load()).length, 5)
  // It can let go of its own.
  mallory.ask({ type: 'tower_forget', number: 14, series: 'ab'.repeat(16) })
  await rig.until(() => mallory.heard.length === 15)
  assert.equal((await tower.towerStore.load()).length, 0)
})

/** Holds up all writes of a tower until it is called. */
function holdWrites({ towerStore }: RigNode): () => void {
  const put = towerStore.put.bind(towerStore)
  let write = () => {}
  const held = new Promise<void>((resolve) => {
    write = resolve
  })
  towerStore.put = async (appointments) => {
    await held
    await put(appointments)
  }
  return write
}

test('towers: nothing is acknowledged before it is durable', async () => {
  const { rig, mallory, tower } = await meeting()
  const write = holdWrites(tower)
  mallory.keep(1)
  await rig.time.run(10_000)
  assert.deepEqual(mallory.heard, [])
  write()
  await rig.until(() => mallory.heard.length === 1)
  assert.equal((await tower.towerStore.load()).length, 1)
})

test('towers: what was asked before a cut is not answered after it, where its number means something else', async () => {
  const { rig, mallory, tower } = await meeting()
  const write = holdWrites(tower)
  mallory.keep(1)
  await rig.time.run(10_000)
  const [id] = tower.channels.links.nodes
  tower.channels.towers.disconnected(id)
  tower.channels.towers.connected(id)
  write()
  await rig.time.run(10_000)
  assert.deepEqual(mallory.heard, [])
  mallory.keep(1)
  await rig.until(() => mallory.heard.length === 1)
})

test('towers: what waits for a slow disk is bounded', async () => {
  const { rig, mallory, tower, score } = await meeting()
  const write = holdWrites(tower)
  for (let number = 1; number <= 64; number++) mallory.keep(number)
  await rig.time.run(10_000)
  assert.equal(score(), 0)
  mallory.keep(65)
  await rig.until(() => score() > 0)
  write()
  await rig.until(() => mallory.heard.length === 64)
  mallory.keep(66)
  await rig.until(() => mallory.heard.length === 65)
})

test('towers: a client that floods is told off and kept out', async () => {
  const { rig, mallory, tower, score, isBanned } = await meeting()
  let number = 0
  for (let at = 0; at < 2_000 && !isBanned(); at++) mallory.keep(++number)
  await rig.until(() => score() > 0 || isBanned())
  await rig.until(isBanned)
  assert.ok((await tower.towerStore.load()).length <= 450)
})

const OFFENCES: Readonly<Record<string, Uint8Array>> = {
  'a request that ends early': encodeTowerMessage({ type: 'tower_register', number: 1 }).subarray(0, 4),
  'a blob of another length': Uint8Array.of(0xab, 0xe3, ...new Uint8Array(100)),
  'a refusal for no known reason': Uint8Array.of(0xab, 0xeb, 0, 0, 0, 1, 77),
}

for (const [what, bytes] of Object.entries(OFFENCES))
  test(`towers: ${what} is an offence`, async () => {
    const { rig, mallory, isBanned } = await meeting()
    mallory.say(bytes)
    await rig.until(isBanned)
  })

test('towers: an answer that nobody asked for is told off, and acknowledges nothing', async () => {
  const { rig, mallory, score } = await meeting()
  mallory.ask({ type: 'tower_done', number: 1, room: 1 })
  await rig.until(() => score() > 0)
})

test('towers: a node that knows none is waited for no longer than a minute', async () => {
  const { rig, tower } = await meeting()
  const id = nodeId(secp256k1.getPublicKey(SECRET, true))
  const asking = tower.failure('registertower', id)
  await rig.time.run(61_000)
  assert.match((await asking).message, /does not answer as a tower/)
})
