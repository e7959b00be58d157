/** Promises: what strangers may cost a tab, what is judged an offer or a message, who makes room, and where trouble came from. */
import assert from 'node:assert/strict'
import { mock, test } from 'node:test'
import type { Connection, Stream } from '@libp2p/interface'
import { multiaddr } from '@multiformats/multiaddr'
import type { PeerId, TransportOffence } from '../../../src/network/transport.ts'
import { TokenBucket } from '../../../src/primitives/token-bucket.ts'
import { Alarms } from '../../../src/transport/alarms.ts'
import { Bans } from '../../../src/transport/bans.ts'
import { Framing } from '../../../src/transport/channel-guard.ts'
import { ConnectionBudget } from '../../../src/transport/connection-budget.ts'
import { MAX_WAITING, SignallingDoor } from '../../../src/transport/signalling-door.ts'
import { isOffer } from '../../../src/transport/webrtc-offer.ts'

const RELAYS = [
  '12D3KooWGjSE7eCu5f1Pa8pGxscmoEcdQ5BRMGqbyMvL2dhrPCS5',
  '12D3KooWENTLiCwwoVwYNbKFEfmNdyHG1jxNn9oPB29JeeZXWjAb',
]

const SDP = [
  'v=0',
  'o=- 1 2 IN IP4 127.0.0.1',
  's=-',
  't=0 0',
  'm=application 9 UDP/DTLS/SCTP webrtc-datachannel',
  'c=IN IP4 0.0.0.0',
  'a=ice-ufrag:abcd',
  'a=ice-pwd:abcdefghijklmnopqrstuvwx',
  'a=fingerprint:sha-256 00:11',
  '',
].join('\r\n')

/** A signalling message as libp2p writes it. */
function signal(type: number, data: string): Uint8Array {
  const text = new TextEncoder().encode(data)
  const message = [0x08, type, 0x12, ...varint(text.length), ...text]
  return Uint8Array.of(...varint(message.length), ...message)
}

function varint(value: number): number[] {
  return value < 128 ? [value] : [(value & 127) | 128, ...varint(value >> 7)]
}

test('an offer is told from what is none, as soon as it can be', () => {
  const offer = signal(0, SDP)
  assert.equal(isOffer(offer), 'yes')
  for (let length = 0; length < offer.length; length++)
    assert.equal(isOffer(offer.subarray(0, length)), 'incomplete')
  const without = (line: string): string => SDP.replace(new RegExp(`${line}.*\r\n`), '')
  for (const [what, bytes] of [
    ['an answer', signal(1, SDP)],
    ['a candidate', signal(2, '{}')],
    ['no credentials', signal(0, without('a=ice-pwd'))],
    ['no fingerprint', signal(0, without('a=fingerprint'))],
    ['no data channel', signal(0, without('m=application'))],
    ['pictures', signal(0, `${SDP}m=video 9 UDP/TLS/RTP/SAVPF 96\r\n`)],
    ['nothing', Uint8Array.of(0)],
    ['too much', Uint8Array.of(...varint(16 * 1024))],
    ['an endless length', Uint8Array.of(255, 255, 255, 255)],
    ['no protobuf', Uint8Array.of(4, 9, 9, 9, 9)],
  ] as const)
    assert.equal(isOffer(bytes), 'no', what)
})

test('the messages of a channel are followed however they are cut', () => {
  const message = Uint8Array.of(...varint(300), 0x12, ...varint(297), ...new Uint8Array(297))
  const whole = Uint8Array.of(...message, 2, 0x08, 1, ...message)
  for (const step of [1, 2, 3, 7, 100, whole.length]) {
    const framing = new Framing()
    for (let at = 0; at < whole.length; at += step)
      assert.equal(framing.take(whole.subarray(at, at + step)), true)
  }
  for (const [what, bytes] of [
    ['too long', Uint8Array.of(...varint(64 * 1024 + 1))],
    ['an endless length', Uint8Array.of(255, 255, 255)],
    ['empty', Uint8Array.of(0)],
    ['no field', Uint8Array.of(2, 0x07, 0)],
    ['no field after a good message', Uint8Array.of(...message, 2, 0x07)],
  ] as const)
    assert.equal(new Framing().take(bytes), false, what)
})

test('a token bucket gives its burst at once, and then one each pause', () => {
  let now = 0
  const bucket = new TokenBucket({ now: () => now }, 3, 10)
  assert.deepEqual(
    [1, 2, 3, 4].map(() => bucket.take(1)),
    [true, true, true, false],
  )
  now = 99
  assert.equal(bucket.take(1), false)
  now = 100
  assert.equal(bucket.take(1), true)
  assert.equal(bucket.take(1), false)
  now = 100_000
  assert.equal(bucket.take(4), false)
  assert.equal(bucket.take(3), true)
})

test('strangers never spend what our own dials need, nor the other way round', () => {
  let now = 0
  const budget = new ConnectionBudget(() => now)
  let strangers = 0
  while (budget.spendOnStranger()) strangers++
  assert.equal(strangers, 60)
  for (let i = 0; i < 50; i++) budget.spend()
  assert.equal(budget.spendOnFriend(), true)
  // An hour of it: one in ten seconds for strangers, and ours come back to the full.
  for (let i = 0; i < 360; i++) {
    now += 10_000
    if (budget.spendOnStranger()) strangers++
  }
  assert.equal(strangers, 60 + 360)
  for (let i = 0; i < 100; i++) budget.spend()
  assert.throws(() => budget.spend())
  now += 10_000
  assert.equal(budget.spendOnStranger(), true)
})

test('newcomers from where trouble came have fewer places, never none, and it is forgotten after an hour', () => {
  let now = 0
  const bans = new Bans(() => now)
  const places = (): (number | undefined)[] => ['a', 'b'].map((address) => bans.placesFor(address))
  assert.deepEqual(places(), [undefined, undefined])
  const seen = [1, 2, 3, 4, 5].map(() => {
    bans.offence('a')
    return bans.placesFor('a')
  })
  assert.deepEqual(seen, [4, 2, 1, 1, 1])
  assert.deepEqual(places(), [1, undefined])
  now = 3_600_000
  assert.deepEqual(places(), [undefined, undefined])
})

test('a ban holds for its time or until it is ended', () => {
  let now = 0
  const bans = new Bans(() => now)
  const [a, b] = ['a', 'b'] as PeerId[]
  bans.add(a!, 10)
  bans.add(a!, 1)
  bans.add(b!, 10)
  bans.delete(b!)
  now = 9999
  assert.deepEqual([bans.has(a!), bans.has(b!)], [true, false])
  now = 10_000
  assert.equal(bans.has(a!), false)
})

test('an alarm is told once, lasts while its attack does, and ends two minutes after', () => {
  mock.timers.enable({ apis: ['setTimeout', 'Date'], now: 1_000_000 })
  const told: string[][] = []
  const alarms: Alarms = new Alarms(
    () => told.push(alarms.current.map(({ code, since }) => `${code} ${since}`)),
    new AbortController().signal,
  )
  alarms.raise('signalling-flood')
  mock.timers.tick(60_000)
  alarms.raise('signalling-flood')
  alarms.raise('stream-flood')
  mock.timers.tick(119_999)
  const both = ['signalling-flood 1000000', 'stream-flood 1060000']
  assert.deepEqual(told, [['signalling-flood 1000000'], both])
  mock.timers.tick(1)
  assert.deepEqual(told.at(-1), [])
  mock.timers.reset()
})

/** A stream as far as the door looks at it: messages are events, and what is pushed back comes again. */
class FakeStream extends EventTarget {
  maxReadBufferLength = 0
  aborted = false
  unread: Uint8Array | undefined

  say(data: Uint8Array): void {
    this.dispatchEvent(Object.assign(new Event('message'), { data }))
  }

  unshift(data: { subarray(): Uint8Array }): void {
    this.unread = data.subarray()
  }

  abort(error: Error): void {
    if (this.aborted) return
    this.aborted = true
    this.dispatchEvent(Object.assign(new Event('close'), { error }))
  }
}

class FakeConnection extends EventTarget {
  readonly remotePeer: { toString(): string }
  readonly remoteAddr
  readonly muxer = new EventTarget()
  status = 'open'

  constructor(peer: string, relay = 0) {
    super()
    this.remotePeer = { toString: () => peer }
    this.remoteAddr = multiaddr(`/ip4/1.2.3.4/tcp/${relay + 1}/ws/p2p/${RELAYS[relay]}/p2p-circuit`)
  }

  abort(): void {
    this.status = 'aborted'
    this.dispatchEvent(new Event('close'))
  }
}

/** A door, what it was told to let in, and those at it. */
class Scene {
  now = 0
  purse = 1000
  readonly made: string[] = []
  readonly offences: [string, TransportOffence][] = []
  readonly floods: boolean[] = []
  readonly friends = new Set<string>()
  isFull = false
  readonly door = new SignallingDoor(
    {
      spend: () => this.purse-- > 0,
      spendOnFriend: () => true,
      isFriend: (peer) => this.friends.has(peer),
      hasPlaceFor: () => !this.isFull,
      offended: (peer, offence) => this.offences.push([peer, offence]),
      flooded: (scarce) => this.floods.push(scarce),
    },
    () => this.now,
  )

  /** Somebody comes in by a relay and opens a signalling stream. */
  come(peer: string, relay = 0): FakeStream {
    const connection = new FakeConnection(peer, relay)
    this.door.relayedIn(connection as unknown as Connection)
    return this.ask(connection)
  }

  ask(connection: FakeConnection): FakeStream {
    const stream = new FakeStream()
    this.door.enter(stream as unknown as Stream, connection as unknown as Connection, () =>
      this.made.push(connection.remotePeer.toString()),
    )
    return stream
  }
}

/** Runs with timers that only `mock.timers.tick` moves. */
function scene(name: string, run: (scene: Scene) => void): void {
  test(name, () => {
    mock.timers.enable({ apis: ['setTimeout'] })
    try {
      run(new Scene())
    } finally {
      mock.timers.reset()
    }
  })
}

scene('a connection is made when a whole offer was read, which is then read again', (scene) => {
  const stream = scene.come('peer')
  const offer = signal(0, SDP)
  stream.say(offer.subarray(0, 100))
  assert.deepEqual(scene.made, [])
  stream.say(offer.subarray(100))
  assert.deepEqual(scene.made, ['peer'])
  assert.deepEqual(stream.unread, offer)
})

scene(
  'who gives up before an offer or sends none costs nothing; four times in a minute are an offence',
  (scene) => {
    scene.come('a').abort(new Error('given up'))
    scene.come('a').abort(new Error('given up'))
    scene.now = 60_000
    scene.come('a').say(signal(2, '{}'))
    assert.equal(scene.offences.length, 0)
    scene.door.met('a' as PeerId)
    for (let i = 0; i < 3; i++) scene.come('a').abort(new Error('given up'))
    assert.equal(scene.offences.length, 0)
    const connection = new FakeConnection('a')
    scene.door.relayedIn(connection as unknown as Connection)
    scene.ask(connection).abort(new Error('given up'))
    assert.deepEqual(
      scene.offences.map(([peer, offence]) => [peer, offence.code, offence.penalty]),
      [['a', 'signalling-flood', 100]],
    )
    assert.equal(connection.status, 'aborted')
    assert.equal(scene.door.isOutside('a' as PeerId), true)
    assert.deepEqual([scene.made.length, scene.purse], [0, 1000])
  },
)

scene('who is slow with the offer is left outside in the end, and is no offender', (scene) => {
  for (let i = 0; i < 4; i++) {
    const stream = scene.come('a')
    mock.timers.tick(5000)
    assert.equal(stream.aborted, true)
  }
  assert.equal(scene.door.isOutside('a' as PeerId), true)
  assert.equal(scene.offences.length, 0)
})

scene('offers of which nothing comes leave a peer outside, longer each time, without a ban', (scene) => {
  const fail = (): boolean => {
    const stream = scene.come('a')
    stream.say(signal(0, SDP))
    mock.timers.tick(12_000)
    assert.equal(stream.aborted, true)
    return scene.door.isOutside('a' as PeerId)
  }
  assert.deepEqual([fail(), fail(), fail(), fail()], [false, false, false, true])
  assert.equal(scene.made.length, 4)
  const refused = scene.come('a')
  assert.equal(refused.aborted, true)
  scene.now = 30_000
  assert.equal(fail(), true)
  scene.now += 59_999
  assert.equal(scene.door.isOutside('a' as PeerId), true)
  scene.now++
  assert.equal(scene.door.isOutside('a' as PeerId), false)
  assert.equal(scene.offences.length, 0)
  scene.door.met('a' as PeerId)
  assert.deepEqual([fail(), fail(), fail()], [false, false, false])
})

scene('who would find no place is told so before a connection is made, and is not to blame', (scene) => {
  scene.isFull = true
  const connection = new FakeConnection('a')
  scene.door.relayedIn(connection as unknown as Connection)
  for (let i = 0; i < 8; i++) assert.equal(scene.come('a').aborted, true)
  assert.equal(scene.ask(connection).aborted, true)
  assert.equal(connection.status, 'aborted')
  assert.deepEqual([scene.made, scene.purse, scene.offences, scene.floods], [[], 1000, [], []])
  scene.isFull = false
  scene.come('a').say(signal(0, SDP))
  assert.deepEqual(scene.made, ['a'])
})

scene('stream after stream over one relayed connection ends it', (scene) => {
  const connection = new FakeConnection('a')
  scene.door.relayedIn(connection as unknown as Connection)
  for (let i = 0; i < 8; i++) connection.muxer.dispatchEvent(new Event('stream'))
  assert.equal(connection.status, 'open')
  connection.muxer.dispatchEvent(new Event('stream'))
  assert.equal(connection.status, 'aborted')
  assert.equal(scene.offences[0]![1].code, 'signalling-flood')
})

scene(
  'where too many wait the worst makes room: who failed most, then who comes by the crowded relay',
  (scene) => {
    scene.come('failed before').abort(new Error('given up'))
    const others = Array.from({ length: 16 }, (_, i) => scene.come(`crowd ${i}`, 0))
    const rest = Array.from({ length: MAX_WAITING - 17 }, (_, i) => scene.come(`rest ${i}`, 1))
    const again = scene.come('failed before', 1)
    const newcomer = scene.come('newcomer', 1)
    assert.equal(again.aborted, true)
    const next = scene.come('next', 1)
    assert.deepEqual(
      [newcomer, next, ...rest].map(({ aborted }) => aborted),
      Array.from({ length: rest.length + 2 }, () => false),
    )
    assert.deepEqual(
      others.map(({ aborted }) => aborted).indexOf(true),
      0,
      'of the crowd, who waited longest',
    )
    assert.equal(scene.floods.length, 2)
  },
)

scene('one relay alone never takes all places', (scene) => {
  const crowd = Array.from({ length: 30 }, (_, i) => scene.come(`crowd ${i}`, 0))
  assert.equal(crowd.filter(({ aborted }) => !aborted).length, 18)
})

scene(
  'when no connection is left strangers wait, who came last goes first, and friends do not wait',
  (scene) => {
    scene.purse = 0
    for (const peer of ['first', 'second']) scene.come(peer).say(signal(0, SDP))
    assert.deepEqual(scene.made, [])
    assert.deepEqual(scene.floods.at(-1), true)
    scene.friends.add('friend')
    scene.come('friend').say(signal(0, SDP))
    assert.deepEqual(scene.made, ['friend'])
    scene.purse = 1
    scene.now = 1000
    mock.timers.tick(1000)
    assert.deepEqual(scene.made, ['friend', 'second'])
    mock.timers.tick(10_000)
    assert.equal(scene.door.isOutside('first' as PeerId), false)
    assert.equal(scene.offences.length, 0)
  },
)

scene('at most twelve connections are made at a time; the next one as soon as one is open', (scene) => {
  for (let i = 0; i < 14; i++) scene.come(`peer ${i}`).say(signal(0, SDP))
  assert.equal(scene.made.length, 12)
  scene.door.opened('peer 3' as PeerId)
  assert.equal(scene.made.length, 13)
})

scene('handshakes over relays are bounded, by relay and in all, and only for their time', (scene) => {
  const begin = (relay: string): number => {
    let count = 0
    while (scene.door.mayShakeHands(relay)) count++
    return count
  }
  assert.deepEqual([begin('a'), begin('b'), begin('c')], [40, 20, 0])
  scene.now = 10_001
  assert.equal(begin('c'), 40)
})

scene('relayed connections are few and short', (scene) => {
  const connections = Array.from({ length: 41 }, (_, i) => new FakeConnection(`peer ${i}`))
  for (const connection of connections) scene.door.relayedIn(connection as unknown as Connection)
  assert.equal(connections.filter(({ status }) => status === 'aborted').length, 1, 'one makes room')
  assert.equal(connections[0]!.status, 'aborted')
  mock.timers.tick(30_000)
  assert.equal(
    connections.every(({ status }) => status === 'aborted'),
    true,
  )
})
