/**
 * Promise: a tower that was chosen gets every revoked state, whatever is cut, refused or restarted in between; one that keeps nothing is found out; and two of
 * them learn nothing from each other.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setImmediate } from 'node:timers/promises'
import { BLOB_BYTES, locatorOfTxid } from '../../../src/channels/appointments.ts'
import { nodeId } from '../../../src/channels/gossip.ts'
import { RecordBook } from '../../../src/channels/record-book.ts'
import { Tower, type TowerLimits } from '../../../src/channels/tower.ts'
import { type RemoteTower, TowerClient } from '../../../src/channels/tower-client.ts'
import {
  decodeTowerMessage,
  encodeTowerMessage,
  isTowerMessage,
  refusalOf,
  type TowerMessage,
} from '../../../src/channels/tower-messages.ts'
import { TowerSession } from '../../../src/channels/tower-session.ts'
import { notNow, OK, ok } from '../../../src/primitives/result.ts'
import { VirtualTime } from '../../../src/simulator/virtual-time.ts'
import { MemoryChannelStore } from '../../../src/storage/memory-channel-store.ts'
import { MemoryTowerStore } from '../../../src/storage/memory-tower-store.ts'
import { agreedOf, MonitoredPair } from '../../support/monitored-channel.ts'
import { codeOf, seededRandom } from '../../support/wallets.ts'

const TOWER = nodeId(Uint8Array.of(2, ...new Uint8Array(32).fill(7)))
const PEER = nodeId(Uint8Array.of(2, ...new Uint8Array(32).fill(9)))
const STATES = 6

/** Nothing that is tested here changes it. */
let pair: Promise<MonitoredPair> | undefined

async function channel(): Promise<MonitoredPair> {
  const rig = await MonitoredPair.open(agreedOf(0, 600_000))
  for (let number = 1; number <= STATES; number++) await rig.advance(agreedOf(number, 600_000))
  return rig
}

/** A client whose channel has a few states behind it. */
class Victim {
  readonly rig: MonitoredPair
  private store = new MemoryChannelStore()
  book!: RecordBook
  client!: TowerClient
  revokedCount = STATES
  peer = PEER
  signerIsAway = false
  isBusy = false

  private constructor(rig: MonitoredPair) {
    this.rig = rig
  }

  static async open(remote: RemoteTower): Promise<Victim> {
    pair ??= channel()
    const victim = new Victim(await pair)
    await victim.restart(remote)
    await victim.client.register('its peer id')
    return victim
  }

  async restart(remote: RemoteTower): Promise<void> {
    const { rig } = this
    const { keeper } = rig.sides[1]
    // What was not written is lost.
    this.store = this.store.copy()
    this.book = await RecordBook.open(this.store)
    this.client = new TowerClient(TOWER, {
      book: this.book,
      signer: {
        signSpend: async (request) =>
          this.signerIsAway
            ? notNow('wallet-locked', 'The wallet is locked.')
            : keeper.keeper.signSpend(request),
      },
      clock: rig.node.time,
      random: seededRandom('client'),
      remote,
      channels: () => [
        {
          peer: this.peer,
          contract: keeper.contract,
          revokedCount: this.revokedCount,
          revoked: async (number) => ({
            commitment: rig.history.get(number)![0][1],
            secret: await rig.pair.secret(0, number),
          }),
        },
      ],
      isBusy: () => this.isBusy,
      feerates: () => ({ shares: [500, 5_000], htlc: 2_000 }),
      failed: (error) => assert.fail(`${error}`),
    })
  }

  /** Lets time pass until the client rests. */
  async rest(): Promise<void> {
    const { time } = this.rig.node
    let last: number
    do {
      last = this.acknowledged
      await time.run(1_000)
    } while (this.acknowledged !== last)
  }

  get keyId(): string {
    return this.rig.sides[1].keeper.keys.keyId
  }

  get acknowledged(): number {
    return this.client.progress[0]?.acknowledged ?? 0
  }

  /** Whether a tower has what punishes a state. */
  isProtected(tower: Tower, number: number): boolean {
    return tower.waitsFor(locatorOfTxid(this.rig.commitmentOf(number, 0).txidBytes))
  }

  protectedBy(tower: Tower): number {
    return Array.from({ length: STATES }, (_, at) => at).filter((at) => this.isProtected(tower, at)).length
  }
}

/** A tower as it is meant to be. */
function honest(tower: Tower, client = 'victim'): RemoteTower & { readonly series: Set<string> } {
  const series = new Set<string>()
  return {
    series,
    keep: (name, appointment) => {
      series.add(name)
      return tower.accept(client, name, appointment)
    },
    show: async (name, place) => {
      const blob = await tower.show({ client, series: name, ...place })
      return blob ? ok(blob) : refusalOf('tower-absent')
    },
    forget: async (name) => {
      await tower.forget(client, name)
      return OK
    },
  }
}

const open = (limits?: TowerLimits) => Tower.open(new MemoryTowerStore(), limits)

test('every revoked state is handed over, the ones that come later too', async () => {
  const tower = await open()
  const victim = await Victim.open(honest(tower))
  victim.revokedCount = 2
  // Nothing goes to a tower that is away.
  victim.client.wake()
  await victim.rest()
  assert.deepEqual([victim.acknowledged, victim.protectedBy(tower)], [0, 0])
  victim.client.connected()
  await victim.rest()
  assert.deepEqual([victim.acknowledged, victim.protectedBy(tower)], [2, 2])
  victim.revokedCount = STATES
  // Payments go first: it takes longer.
  victim.isBusy = true
  victim.client.wake()
  await victim.rest()
  assert.deepEqual([victim.acknowledged, victim.protectedBy(tower)], [STATES, STATES])
  assert.equal(victim.client.trouble, undefined)
})

test('cut and restarted after any number of acknowledgements, it goes on where it was', async () => {
  for (let cut = 0; cut <= STATES; cut++) {
    const tower = await open()
    const remote = honest(tower)
    let kept = 0
    const victim = await Victim.open({
      ...remote,
      keep: async (series, appointment) =>
        kept++ < cut ? remote.keep(series, appointment) : notNow('tower-away', 'The tower is away.'),
    })
    victim.client.connected()
    await victim.rest()
    assert.equal(victim.acknowledged, cut)
    assert.equal(victim.client.trouble?.code, cut < STATES ? 'tower-away' : undefined)
    victim.client.disconnected()
    const sent: string[] = []
    await victim.restart({
      ...remote,
      keep: (series, appointment) => {
        sent.push(appointment.locator)
        return remote.keep(series, appointment)
      },
    })
    assert.equal(victim.acknowledged, cut)
    victim.client.connected()
    await victim.rest()
    assert.deepEqual([victim.acknowledged, victim.protectedBy(tower)], [STATES, STATES])
    assert.equal(sent.length, STATES - cut)
    // One series, so that it can be let go of.
    assert.equal(remote.series.size, 1)
  }
})

test('one that is full says so, is left alone for a while, and goes on once it has room', async () => {
  const tower = await open({ clients: 1, perClient: 3, inAll: 3 })
  let asked = 0
  const remote = honest(tower)
  const victim = await Victim.open({
    ...remote,
    keep: (series, appointment) => {
      asked++
      return remote.keep(series, appointment)
    },
  })
  victim.client.connected()
  await victim.rest()
  assert.equal(victim.acknowledged, 3)
  assert.equal(victim.client.trouble?.code, 'tower-full')
  const before = asked
  victim.client.wake()
  await victim.rest()
  assert.equal(asked, before)
  Object.assign(tower.limits, { perClient: 100, inAll: 100 })
  victim.client.retry()
  await victim.rest()
  assert.equal(victim.acknowledged, STATES)
  assert.equal(victim.client.trouble, undefined)
})

test('a signer that is locked holds it up, and no longer than that', async () => {
  const tower = await open()
  const victim = await Victim.open(honest(tower))
  victim.signerIsAway = true
  victim.client.connected()
  await victim.rest()
  assert.deepEqual([victim.acknowledged, victim.client.trouble?.code], [0, 'wallet-locked'])
  victim.signerIsAway = false
  victim.client.retry()
  await victim.rest()
  assert.equal(victim.acknowledged, STATES)
})

test('a tower that acknowledged what it does not keep is found out, whatever it shows, and gets all again', async () => {
  const shown: Readonly<
    Record<string, (blobs: Map<string, Uint8Array>, locator: string) => Uint8Array | undefined>
  > = {
    nothing: () => undefined,
    'an empty blob': () => new Uint8Array(0),
    zeros: () => new Uint8Array(BLOB_BYTES),
    'that of another state': (blobs, locator) => [...blobs].find(([other]) => other !== locator)![1],
  }
  for (const [what, show] of Object.entries(shown)) {
    const blobs = new Map<string, Uint8Array>()
    let kept = 0
    const victim = await Victim.open({
      keep: async (_, { locator, blob }) => {
        kept++
        blobs.set(locator, blob)
        return OK
      },
      show: async (_, { locator }) => {
        const blob = show(blobs, locator)
        return blob ? ok(blob) : refusalOf('tower-absent')
      },
      forget: async () => OK,
    })
    for (const lost of [0, 1, 2]) {
      victim.client.connected()
      await victim.rest()
      assert.equal(victim.client.record.lost, lost, what)
      assert.equal(kept, (lost + 1) * STATES, what)
      victim.client.disconnected()
    }
  }
})

test('a tower that lost its disk is found out, and an honest one never is', async () => {
  const tower = await open()
  const victim = await Victim.open(honest(tower))
  for (let meeting = 0; meeting < 5; meeting++) {
    victim.client.connected()
    await victim.rest()
    victim.client.disconnected()
  }
  assert.equal(victim.client.record.lost, 0)
  await tower.forgetAll('victim')
  victim.client.connected()
  await victim.rest()
  assert.deepEqual([victim.client.record.lost, victim.protectedBy(tower)], [1, STATES])
})

test('a channel that is closed for good is let go of, also where the tower was away', async () => {
  const tower = await open()
  const remote = honest(tower)
  const victim = await Victim.open(remote)
  victim.client.connected()
  await victim.rest()
  victim.client.disconnected()
  await victim.client.channelEnded(victim.keyId)
  victim.revokedCount = 0
  await victim.restart(remote)
  assert.equal(tower.countOf('victim'), STATES)
  victim.client.connected()
  await victim.rest()
  assert.equal(tower.countOf('victim'), 0)
  assert.deepEqual([...victim.book.entries('tower-series/')], [])
})

test('a tower that is given up is told to let go, and remembered no more', async () => {
  const tower = await open()
  const victim = await Victim.open(honest(tower))
  victim.client.connected()
  await victim.rest()
  assert.deepEqual(TowerClient.known(victim.book), [TOWER])
  await victim.client.abandon()
  assert.equal(tower.countOf('victim'), 0)
  assert.deepEqual(TowerClient.known(victim.book), [])
  assert.deepEqual([...victim.book.entries('tower')], [])
})

test('nobody is made to punish itself: channels with the tower are not handed over to it', async () => {
  const tower = await open()
  const victim = await Victim.open(honest(tower))
  victim.peer = TOWER
  victim.client.connected()
  await victim.rest()
  assert.deepEqual([victim.client.progress, tower.users], [[], []])
})

const NAME = 'ab'.repeat(16)
const MESSAGES: readonly TowerMessage[] = [
  { type: 'tower_register', number: 1 },
  {
    type: 'tower_keep',
    number: 2,
    series: NAME,
    locator: NAME,
    part: 3,
    blob: new Uint8Array(BLOB_BYTES).fill(4),
  },
  { type: 'tower_show', number: 0xffffffff, series: NAME, locator: NAME, part: 255 },
  { type: 'tower_forget', number: 5, series: NAME },
  { type: 'tower_done', number: 6, room: 7 },
  { type: 'tower_done', number: 6, room: 7, blob: new Uint8Array(BLOB_BYTES) },
  { type: 'tower_refused', number: 8, code: 'tower-full' },
]

test('messages are odd and custom, read as they were written, and nothing else', () => {
  for (const message of MESSAGES) {
    const bytes = encodeTowerMessage(message)
    const type = (bytes[0] << 8) | bytes[1]
    assert.ok(type % 2 === 1 && type >= 32_768 && isTowerMessage(type))
    assert.deepEqual(decodeTowerMessage(bytes), ok(message))
    for (const length of [0, 1, 2, 3, 5, bytes.length - 1])
      assert.equal(
        codeOf(decodeTowerMessage(bytes.subarray(0, length))),
        'message-malformed',
        `${message.type} ${length}`,
      )
    assert.equal(codeOf(decodeTowerMessage(Uint8Array.of(...bytes, 0))), 'message-malformed', message.type)
  }
  const refused = encodeTowerMessage(MESSAGES[6])
  refused[refused.length - 1] = 99
  assert.equal(codeOf(decodeTowerMessage(refused)), 'message-malformed')
})

test('a request is answered by its own number alone, or is given up', async () => {
  const time = new VirtualTime(0, () => setImmediate())
  const sent: TowerMessage[] = []
  const session = new TowerSession(time, (bytes) => {
    const message = decodeTowerMessage(bytes)
    assert.ok(message.ok)
    sent.push(message.value)
  })
  // Nothing was asked yet.
  assert.equal(codeOf(session.take({ type: 'tower_done', number: 1, room: 1 })), 'unrequested')
  assert.equal(codeOf(session.take({ type: 'tower_done', number: 0, room: 1 })), 'unrequested')
  const appointment = { locator: NAME, part: 0, blob: new Uint8Array(BLOB_BYTES) }
  const answers = [session.register(), session.keep(NAME, appointment), session.forget(NAME)]
  assert.deepEqual(
    sent.map(({ number }) => number),
    [1, 2, 3],
  )
  assert.equal(codeOf(session.take({ type: 'tower_done', number: 4, room: 1 })), 'unrequested')
  session.take({ type: 'tower_refused', number: 2, code: 'tower-full' })
  session.take({ type: 'tower_done', number: 1, room: 9 })
  // The same again changes nothing.
  session.take({ type: 'tower_done', number: 2, room: 1 })
  await time.run(60_001)
  assert.deepEqual((await Promise.all(answers)).map(codeOf), ['accepted', 'tower-full', 'tower-silent'])
  assert.deepEqual(await answers[0], ok(9))
  const cut = session.register()
  session.end()
  assert.equal(codeOf(await cut), 'tower-away')
  assert.equal(codeOf(await session.register()), 'tower-away')
})
