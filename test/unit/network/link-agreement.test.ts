/**
 * Promise: conditions on links are by consent. What one tab asks for holds between all that take part and for no other, also where the asking tab is cut off from
 * them; it ends with its author; and nobody can ask in another's name, or cost a tab more than is bounded.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import {
  type ConditionRequest,
  type ConditionRule,
  checkRequest,
  decodeStatement,
  encodeStatement,
  MAX_AFTER,
  MAX_STATEMENT_BYTES,
  partitionRules,
  type Statement,
  signedStatement,
} from '../../../src/network/condition-requests.ts'
import {
  CONDITIONS_TOPIC,
  LEASE,
  LinkAgreement,
  MAX_TABS,
  type TabIdentity,
} from '../../../src/network/link-agreement.ts'
import { ConditionedTransport, UNSHAPED } from '../../../src/network/link-conditions.ts'
import type { PeerId, TransportHandler } from '../../../src/network/transport.ts'
import { TabNetwork } from '../../../src/simulation/tab-network.ts'
import { SeededRandom } from '../../../src/simulator/seeded-random.ts'
import { VirtualTime } from '../../../src/simulator/virtual-time.ts'
import { virtualIdentity } from '../../support/tab-identities.ts'

/** One-way milliseconds of the links below. */
const OWN_LATENCY = 10
const NETWORK_ID = new Uint8Array(32).fill(7)

class Tab implements TransportHandler {
  readonly subscriptions = [{ topic: 'block', isCommon: true }]
  readonly peers = new Set<PeerId>()
  readonly frames: (readonly [from: PeerId, number: number])[] = []
  readonly lines: string[] = []
  readonly pings = new Map<PeerId, number>()
  readonly transport: ConditionedTransport
  readonly links: LinkAgreement
  kept: boolean | undefined
  offences = 0
  connections = 0

  constructor(world: World, id: PeerId, takesPart: boolean) {
    const { time, network, random } = world
    this.transport = new ConditionedTransport(network.endpoint(id), time, random.fork(id))
    this.links = new LinkAgreement({
      transport: this.transport,
      clock: time,
      identity: virtualIdentity(id),
      networkId: NETWORK_ID,
      takesPart,
      keep: (value) => {
        this.kept = value
      },
      log: (line) => this.lines.push(line),
    })
  }
  get id(): PeerId {
    return this.transport.self
  }
  peerConnected({ id }: { readonly id: PeerId }): void {
    assert(!this.peers.has(id), 'connected twice')
    this.peers.add(id)
    this.connections++
  }
  peerDisconnected(id: PeerId): void {
    assert(this.peers.delete(id), 'gone without having been there')
  }
  async frame(from: PeerId, frame: Uint8Array): Promise<void> {
    assert(this.peers.has(from), 'a frame of nobody')
    this.frames.push([from, frame[0]!])
  }
  async gossip() {
    return 'accept' as const
  }
  latency(id: PeerId, milliseconds: number): void {
    this.pings.set(id, milliseconds)
  }
  misbehaved(): void {
    this.offences++
  }
  status(): void {}
}

class World {
  readonly time = new VirtualTime(1_000_000, () => new Promise((resolve) => setImmediate(resolve)))
  readonly random = new SeededRandom('agreement')
  readonly network = new TabNetwork(this.time, this.random.fork('network'), {
    latency: [OWN_LATENCY, OWN_LATENCY],
    loss: 0,
    degree: 4,
  })

  async tab(id: string, takesPart = true): Promise<Tab> {
    const tab = new Tab(this, id as PeerId, takesPart)
    await tab.transport.start(tab)
    await this.time.run(1000)
    return tab
  }

  async tabs(...ids: string[]): Promise<Tab[]> {
    const tabs: Tab[] = []
    for (const id of ids) tabs.push(await this.tab(id))
    return tabs
  }
}

function rule(conditions: Partial<ConditionRule>): ConditionRule {
  return { ...UNSHAPED, from: 'everybody', to: 'everybody', ...conditions }
}

function at0(conditions: Partial<ConditionRule>): ConditionRequest {
  return { groups: [], steps: [{ after: 0, rules: [rule(conditions)] }] }
}

function partition(isOneWay: boolean, ...groups: string[][]): ConditionRequest {
  return {
    groups: groups.map((members, at) => ({ name: `g${at}`, members: members as PeerId[] })),
    steps: [{ after: 0, rules: partitionRules(groups.length, isOneWay) }],
  }
}

const others = (tab: Tab): string => [...tab.peers].sort().join()
const asked = (tab: Tab): number => tab.links.inForce.length

test('what one tab asks for holds for all, and a ping through the link takes as long as was asked', async () => {
  const world = new World()
  const [a, b, c] = (await world.tabs('a', 'b', 'c')) as [Tab, Tab, Tab]
  assert(a.links.ask(at0({ latency: 300 })).ok)
  await world.time.run(3000)
  for (const tab of [a, b, c])
    for (const ping of tab.pings.values()) assert.equal(ping, 2 * (OWN_LATENCY + 300))
  assert.equal(b.transport.measured(c.id), 2 * (OWN_LATENCY + 300), 'it was measured, not reckoned')
  assert(b.lines.some((line) => line.startsWith('The tab a asks for conditions')))

  assert(a.links.heal())
  await world.time.run(1000)
  assert.deepEqual([a, b, c].map(asked), [0, 0, 0])
  for (const tab of [a, b, c]) for (const ping of tab.pings.values()) assert.equal(ping, 2 * OWN_LATENCY)
})

test('a partition parts its groups and the rest; words on conditions pass it, and healing joins all', async () => {
  const world = new World()
  const [a, b, c, d] = (await world.tabs('a', 'b', 'c', 'd')) as [Tab, Tab, Tab, Tab]
  assert(a.links.ask(partition(false, ['a'], ['b', 'c', 'nobody'])).ok)
  await world.time.run(1000)
  assert.deepEqual([a, b, c, d].map(others), ['', 'c', 'b', ''])
  // Longer than anybody is remembered who can't be heard.
  await world.time.run(3 * LEASE)
  assert.deepEqual([a, b, c, d].map(others), ['', 'c', 'b', ''])
  assert.equal(b.links.known.length, 4)
  a.links.heal()
  await world.time.run(1000)
  assert.deepEqual([a, b, c, d].map(others), ['b,c,d', 'a,c,d', 'a,b,d', 'a,b,c'])
  for (const tab of [a, b, c, d]) {
    assert(!tab.lines.some((line) => line.includes('is gone')))
    assert.equal(tab.offences, 0)
  }
})

test('one direction is cut alone', async () => {
  const world = new World()
  const [a, b] = (await world.tabs('a', 'b')) as [Tab, Tab]
  assert(b.links.ask(partition(true, ['a'])).ok)
  await world.time.run(1000)
  a.transport.send(b.id, Uint8Array.of(1))
  b.transport.send(a.id, Uint8Array.of(2))
  await world.time.run(1000)
  assert.deepEqual([a.frames, b.frames], [[['b', 2]], []])
  b.links.heal()
  await world.time.run(1000)
  assert.deepEqual(b.frames, [['a', 1]], 'what was held comes')
})

test('a session of the link begins anew on both sides, whichever heals first: nothing of before it is heard', async () => {
  for (const first of [0, 1] as const) {
    const world = new World()
    const tabs = (await world.tabs('a', 'b')) as [Tab, Tab]
    const [early, late] = [tabs[first]!, tabs[1 - first]!]
    const cut = () => ({ ...UNSHAPED, isCut: true })
    early.transport.shape(cut)
    // The other side does not know yet.
    late.transport.send(early.id, Uint8Array.of(1))
    await world.time.run(1000)
    late.transport.shape(cut)
    await world.time.run(1000)
    early.transport.shape(() => UNSHAPED)
    early.transport.send(late.id, Uint8Array.of(2))
    await world.time.run(30_000)
    assert.deepEqual(late.frames, [], 'it waits for the other side')
    late.transport.shape(() => UNSHAPED)
    late.transport.send(early.id, Uint8Array.of(3))
    await world.time.run(1000)
    assert.deepEqual(late.frames, [[early.id, 2]])
    assert.deepEqual(early.frames, [[late.id, 3]])
    // And where the other side missed the cut altogether.
    late.frames.length = 0
    early.transport.shape(cut)
    early.transport.shape(() => UNSHAPED)
    early.transport.send(late.id, Uint8Array.of(4))
    await world.time.run(1000)
    assert.deepEqual(late.frames, [[early.id, 4]])
    assert.deepEqual(tabs.map(others), ['b', 'a'])
  }
})

test('a tab that refuses is not shaped, all are told, and it can refuse while conditions hold', async () => {
  const world = new World()
  const [a, b] = (await world.tabs('a', 'b')) as [Tab, Tab]
  const c = await world.tab('c', false)
  a.links.ask(at0({ isCut: true }))
  await world.time.run(1000)
  assert.deepEqual([a, b, c].map(others), ['c', 'c', 'a,b'])
  for (const tab of [a, b])
    assert.deepEqual(
      [tab.links.link(c.id), c.links.link(tab.id)].flatMap(({ there, back }) => [there, back]),
      [UNSHAPED, UNSHAPED, UNSHAPED, UNSHAPED],
    )
  assert.deepEqual(a.links.known.map(({ id, takesPart }) => [id, takesPart]).sort(), [
    ['a', true],
    ['b', true],
    ['c', false],
  ])
  b.links.setTakesPart(false)
  await world.time.run(1000)
  assert.deepEqual([a, b, c].map(others), ['b,c', 'a,c', 'a,b'])
  assert.equal(b.kept, false)
  assert(a.lines.includes('The tab b takes no part in conditions on links.'))
  const refused = b.links.ask(at0({ latency: 1 }))
  assert(!refused.ok && refused.code === 'takes-no-part')
})

test('everything resets when its author leaves, however it leaves', async () => {
  for (const leave of ['stops', 'is killed'] as const) {
    const world = new World()
    const [a, b, c] = (await world.tabs('a', 'b', 'c')) as [Tab, Tab, Tab]
    a.links.ask(partition(false, ['a'], ['b'], ['c']))
    await world.time.run(1000)
    assert.equal(others(b), '')
    if (leave === 'stops') {
      a.links.stop()
      await world.time.run(100)
    }
    await a.transport.stop()
    await world.time.run(leave === 'stops' ? 1000 : 2 * LEASE)
    assert.deepEqual([b, c].map(others), ['c', 'b'], leave)
    assert.deepEqual([b, c].map(asked), [0, 0])
  }
})

test('a timetable cuts and heals by itself, also for one who comes later', async () => {
  const world = new World()
  const [a, b] = (await world.tabs('a', 'b')) as [Tab, Tab]
  const cut = [rule({ isCut: true })]
  a.links.ask({
    groups: [],
    steps: [
      { after: 20, rules: cut },
      { after: 60, rules: [] },
      { after: 90, rules: cut },
    ],
  })
  await world.time.run(15_000)
  assert.equal(others(b), 'a')
  await world.time.run(10_000)
  assert.equal(others(b), '')
  const c = await world.tab('c')
  assert.equal(others(c), '')
  await world.time.run(40_000)
  assert.deepEqual([a, b, c].map(others), ['b,c', 'a,c', 'a,b'])
  await world.time.run(30_000)
  assert.deepEqual([a, b, c].map(others), ['', '', ''])
})

test('what several tabs ask for holds together, and each ends its own', async () => {
  const world = new World()
  const [a, b, c] = (await world.tabs('a', 'b', 'c')) as [Tab, Tab, Tab]
  a.links.ask(at0({ latency: 100 }))
  b.links.ask(at0({ latency: 200, loss: 0.5 }))
  await world.time.run(5000)
  assert.deepEqual(c.links.link(a.id).there, { ...UNSHAPED, latency: 300, loss: 0.5 })
  a.links.heal()
  await world.time.run(1000)
  assert.deepEqual(c.links.link(a.id).there, { ...UNSHAPED, latency: 200, loss: 0.5 })
})

// Hostile tabs

/** A tab, and what others would say to it. */
async function target() {
  const world = new World()
  const tab = await world.tab('victim')
  const says = (
    author: string,
    sequence: number,
    request: ConditionRequest | undefined = at0({ isCut: true }),
    by: TabIdentity = virtualIdentity(author as PeerId),
    networkId = NETWORK_ID,
  ): Uint8Array => {
    const statement = { author: author as PeerId, sequence, takesPart: true, request, elapsed: 0 }
    const bytes = encodeStatement(statement)
    const tag = new TextEncoder().encode('opentab/conditions')
    const signed = Uint8Array.from([...tag, ...networkId, ...bytes])
    return signedStatement(bytes, by.sign(signed))
  }
  const hears = (payload: Uint8Array, from = 'forwarder') => tab.links.gossip(payload, from as PeerId)
  return { world, tab, says, hears }
}

test('nobody asks in another’s name, says old words again, or brings them from another network', async () => {
  const { world, tab, says, hears } = await target()
  const forger = virtualIdentity('forger' as PeerId)
  assert.equal(hears(says('author', 5, undefined, forger)), 'reject')
  assert.equal(hears(says('author', 5, undefined, undefined, new Uint8Array(32))), 'reject')
  const altered = says('author', 5)
  altered[altered.length - 70]! ^= 1
  assert.equal(hears(altered), 'reject')
  assert.deepEqual([tab.links.known.length, asked(tab)], [1, 0])

  const asking = says('author', 5)
  assert.equal(hears(asking), 'accept')
  assert.equal(hears(asking), 'ignore')
  assert.equal(hears(says('author', 6, { groups: [], steps: [{ after: 0, rules: [] }] })), 'accept')
  assert.equal(hears(asking), 'ignore', 'words from before')
  await world.time.run(2 * LEASE)
  assert.equal(tab.links.known.length, 1)
  assert.equal(hears(asking), 'ignore', 'words of one who left')
  assert.equal(hears(says('author', 7)), 'accept', 'its own new words')
  // Its own statements, sent back.
  assert.equal(hears(says('victim', 2 ** 52)), 'ignore')
  assert.equal(asked(tab), 1)
})

test('floods end at their bounds: of an author, of a forwarder, and of authors that are made up', async () => {
  const { world, tab, says, hears } = await target()
  const verdicts = Array.from({ length: 100 }, (_, at) => hears(says('author', at + 1)))
  assert(verdicts.filter((verdict) => verdict === 'accept').length <= 12)
  let accepted = 0
  for (let at = 0; at < 1000; at++)
    if (hears(says(`tab${at}`, 1, undefined), `forwarder${at % 3}`) === 'accept') accepted++
  assert(accepted < MAX_TABS && tab.links.known.length === MAX_TABS + 1)
  const logged = tab.lines.length
  assert(logged < MAX_TABS + 30, `${logged} lines`)
  // One that is connected has room.
  const friend = await world.tab('friend')
  await world.time.run(LEASE / 2)
  assert(tab.links.known.some(({ id }) => id === friend.id))
})

test('floods below the protocol end at their bounds, too: pings are answered no more, and sessions cost who begins them', async () => {
  const world = new World()
  const tab = await world.tab('victim')
  const raw = world.network.endpoint('raw' as PeerId)
  let answers = 0
  await raw.start({
    subscriptions: [],
    peerConnected() {},
    peerDisconnected() {},
    async frame() {
      answers++
    },
    gossip: async () => 'ignore',
    latency() {},
    misbehaved() {},
    status() {},
  })
  await world.time.run(6000)
  const say = (byte: number, number: number) =>
    raw.send(tab.id, Uint8Array.of(byte, number & 255, number >> 8, 0, 0))
  for (let at = 1; at <= 1000; at++) say(253, at)
  await world.time.run(1000)
  assert(answers > 0 && answers <= 31, `${answers} pings answered`)
  assert.equal(tab.connections, 1)
  for (let at = 1; at <= 1000; at++) say(254, at)
  await world.time.run(1000)
  assert(tab.connections <= 32 && tab.offences > 900, `${tab.connections} sessions, ${tab.offences} offences`)
  // What is none of these words is the node's.
  for (const frame of [[253], [254, 0], [252, 1, 2, 3, 4, 5]]) raw.send(tab.id, Uint8Array.from(frame))
  await world.time.run(1000)
  assert.deepEqual(tab.frames, [
    ['raw', 253],
    ['raw', 252],
  ])
})

const plainRecord = <T>(fields: { [K in keyof T]: fc.Arbitrary<T[K]> }): fc.Arbitrary<T> =>
  fc.record(fields, { noNullPrototype: true }) as fc.Arbitrary<T>

const side = (groups: number): fc.Arbitrary<ConditionRule['from']> =>
  fc.oneof(
    fc.constantFrom('everybody' as const, 'rest' as const),
    ...(groups > 0 ? [fc.nat(groups - 1)] : []),
  )

const request: fc.Arbitrary<ConditionRequest> = fc
  .tuple(
    fc.uniqueArray(fc.stringMatching(/^[a-z0-9.-]{1,8}$/), { maxLength: 4, selector: (name) => name }),
    fc.uniqueArray(fc.stringMatching(/^[1-9A-HJ-NP-Za-km-z]{4,52}$/), { maxLength: 12 }),
  )
  .filter(([names]) => !names.includes('rest'))
  .chain(([names, ids]) =>
    plainRecord({
      groups: fc.constant(
        names.map((name, at) => ({
          name,
          members: ids.filter((_, i) => i % names.length === at) as PeerId[],
        })),
      ),
      steps: fc
        .uniqueArray(fc.nat(MAX_AFTER), { minLength: 1, maxLength: 5 })
        .map((times) => times.sort((x, y) => x - y))
        .chain((times) =>
          fc.tuple(
            ...times.map((after) =>
              plainRecord({
                after: fc.constant(after),
                rules: fc.array(
                  plainRecord({
                    from: side(names.length),
                    to: side(names.length),
                    latency: fc.nat(60_000),
                    jitter: fc.nat(60_000),
                    loss: fc.nat(9900).map((share) => share / 10_000),
                    duplication: fc.nat(10_000).map((share) => share / 10_000),
                    bandwidth: fc.option(fc.integer({ min: 100, max: 2 ** 32 - 1 }), { nil: undefined }),
                    isCut: fc.boolean(),
                  }),
                  { maxLength: 6 },
                ),
              }),
            ),
          ),
        ),
    }),
  )

test('what may be asked is read as it was written, and what is changed on the way is read or refused, never thrown', () => {
  fc.assert(
    fc.property(
      request,
      fc.nat(),
      fc.boolean(),
      fc.nat(),
      fc.integer({ min: 1, max: 255 }),
      (asks, n, takesPart, at, flip) => {
        assert(checkRequest(asks).ok)
        const statement: Statement = {
          author: 'a' as PeerId,
          sequence: n,
          takesPart,
          request: asks,
          elapsed: n,
        }
        const payload = signedStatement(encodeStatement(statement), new Uint8Array(64))
        const decoded = decodeStatement(payload)
        assert(decoded.ok)
        assert.deepEqual(decoded.value.statement, statement)
        payload[at % (payload.length - 64)]! ^= flip
        const altered = decodeStatement(payload)
        if (altered.ok) assert.notDeepEqual(altered.value.statement, statement)
        decodeStatement(payload.subarray(0, at % payload.length))
      },
    ),
  )
})

test('absurd values are refused, asked for here or by another', async () => {
  const { tab, says, hears } = await target()
  const absurd: ConditionRequest[] = [
    at0({ latency: 60_001 }),
    at0({ latency: -1 }),
    at0({ jitter: Number.NaN }),
    at0({ loss: 1 }),
    at0({ duplication: 1.5 }),
    at0({ bandwidth: 5 }),
    at0({ from: 3 }),
    { groups: [], steps: [] },
    { groups: [], steps: Array.from({ length: 40 }, (_, after) => ({ after, rules: [] })) },
    {
      groups: [],
      steps: [
        { after: 5, rules: [] },
        { after: 5, rules: [] },
      ],
    },
    { groups: [], steps: [{ after: 0, rules: Array(300).fill(rule({})) }] },
    partition(false, ['a'], ['a']),
    partition(
      false,
      Array.from({ length: 200 }, (_, at) => `t${at}`),
    ),
    partition(false, ...Array.from({ length: 20 }, (_, at) => [`t${at}`])),
    { groups: [{ name: 'rest', members: [] }], steps: [{ after: 0, rules: [] }] },
    { groups: [{ name: '\u0007', members: [] }], steps: [{ after: 0, rules: [] }] },
  ]
  for (const each of absurd) {
    const own = tab.links.ask(each)
    assert(!own.ok && own.detail.endsWith('.'), JSON.stringify(each))
  }
  for (const each of absurd.slice(3))
    assert.equal(hears(says('author', 9, each)), 'reject', JSON.stringify(each))
  assert.equal(hears(new Uint8Array(MAX_STATEMENT_BYTES + 1)), 'reject')
  assert.equal(asked(tab), 0)
})

test('the topic is told from the start, and not as one that every tab hears', () => {
  assert.deepEqual(CONDITIONS_TOPIC, { topic: 'conditions', isCommon: false })
})
