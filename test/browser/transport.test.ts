/**
 * What a transport promises about peers and frames, between several tabs in one page and real relays.
 */

import { assert } from 'chai'
import { MAX_FRAME_BYTES, type PeerId } from '../../src/network/transport.ts'
import { ConnectionBudget } from '../../src/transport/connection-budget.ts'
import { MAX_QUEUED_BYTES } from '../../src/transport/peer-stream.ts'
import { deferred, randomNetworkId, startRelay, stopRelay, stopTabs, Tab } from './support/tab.ts'

describe('transport', () => {
  let relay: string

  before(async () => {
    relay = await startRelay(2)
  })

  afterEach(stopTabs)

  after(() => stopRelay(relay))

  /** Two tabs of a network of their own, connected. */
  async function connectedPair(): Promise<[Tab, Tab]> {
    const networkId = randomNetworkId()
    const a = await new Tab({ networkId, relays: [relay] }).start()
    const b = await new Tab({ networkId, relays: [relay] }).start()
    await Promise.all([a.untilConnectedTo(b), b.untilConnectedTo(a)])
    return [a, b]
  }

  it('connects two tabs directly, each told once, one as the dialler', async () => {
    const [a, b] = await connectedPair()
    const directions = [a.peers.get(b.id)!.direction, b.peers.get(a.id)!.direction]
    assert.deepEqual(directions.sort(), ['inbound', 'outbound'])
    assert.deepEqual(a.history, [`connected ${b.id}`])
    assert.deepEqual(b.history, [`connected ${a.id}`])
    await a.until('the status counts the peer', ({ lastStatus }) => lastStatus?.directPeers === 1)
    assert.equal(a.lastStatus!.relayedOnlyPeers, 0)
  })

  it('counts the WebRTC connections of the tab, which the browser grants only so many of', async () => {
    const KEY = 'opentab/peer-connections'
    const { setItem } = Storage.prototype
    const counts = [Number(sessionStorage.getItem(KEY))]
    Storage.prototype.setItem = function (this: Storage, key, value) {
      if (key === KEY) counts.push(Number(value))
      setItem.call(this, key, value)
    }
    const [a] = await connectedPair().finally(() => Object.assign(Storage.prototype, { setItem }))
    // It falls when the browser frees those of earlier tests.
    const rises = counts.filter((count, at) => count > counts[at - 1]!)
    assert.isAtLeast(rises.length, 2)
    await a.until('the status tells', ({ lastStatus }) => (lastStatus?.connectionsUsed ?? 0) > 0)
  })

  it('bounds the connections that are opened in a short time', () => {
    let now = 0
    const budget = new ConnectionBudget(() => now)
    let opened = 0
    const open = (): void => {
      try {
        budget.spend()
        opened++
      } catch {}
    }
    for (let i = 0; i < 1000; i++) open()
    assert.equal(opened, 100)
    now += 3 * 30_000
    for (let i = 0; i < 1000; i++) open()
    assert.equal(opened, 103)
  })

  it('serves no more peers than it can: who comes when it is full is not let in', async () => {
    const networkId = randomNetworkId()
    const hub = await new Tab({ networkId, relays: [relay], targetPeers: 0, maxPeers: 2 }).start()
    await hub.untilReserved()
    const tabs = Array.from({ length: 3 }, () => new Tab({ networkId, relays: [relay] }))
    // They have nobody but the hub.
    for (const tab of tabs)
      for (const other of tabs) if (other !== tab) tab.transport.disconnect(other.id, 'test', 3600)
    const [first, second, late] = tabs as [Tab, Tab, Tab]
    await first.start()
    await first.untilConnectedTo(hub)
    await second.start()
    await second.untilConnectedTo(hub)
    await hub.until('it is full', ({ peers }) => peers.size === 2)
    const { createOffer, createAnswer } = RTCPeerConnection.prototype
    let offers = 0
    let answers = 0
    const thirdOffer = deferred<undefined>()
    RTCPeerConnection.prototype.createOffer = function (this: RTCPeerConnection): Promise<never> {
      if (++offers === 3) thirdOffer.resolve(undefined)
      return Reflect.apply(createOffer, this, [])
    }
    RTCPeerConnection.prototype.createAnswer = function (this: RTCPeerConnection): Promise<never> {
      answers++
      return Reflect.apply(createAnswer, this, [])
    }
    try {
      await late.start()
      // Two dials have come to nothing when it dials for the third time.
      await thirdOffer.promise
    } finally {
      Object.assign(RTCPeerConnection.prototype, { createOffer, createAnswer })
    }
    assert.equal(answers, 0, 'it is told before a connection is made')
    assert.deepEqual(hub.history, [`connected ${first.id}`, `connected ${second.id}`])
    assert.deepEqual(late.history, [])
  })

  it('exchanges a peer for another now and then, never one of the four with the longest stay', async () => {
    const networkId = randomNetworkId()
    const tabs = Array.from({ length: 6 }, () => new Tab({ networkId, relays: [relay], targetPeers: 0 }))
    await Promise.all(tabs.map((tab) => tab.start()))
    await Promise.all(tabs.map((tab) => tab.untilReserved()))
    const hub = new Tab({ networkId, relays: [relay], targetPeers: 5, mixInterval: [1000, 1000] })
    await hub.start()
    await hub.until('it has exchanged one', ({ history }) => history.length >= 7)
    const met = hub.history.slice(0, 6).map((line) => line.replace('connected ', ''))
    assert.sameMembers(
      met,
      tabs.map(({ id }) => id),
    )
    assert.equal(hub.history[6], `disconnected ${met[4]}`)
  })

  it('never exchanges a peer that was lately the first to tell a block', async () => {
    const networkId = randomNetworkId()
    const tabs = Array.from({ length: 7 }, () => new Tab({ networkId, relays: [relay], targetPeers: 0 }))
    await Promise.all(tabs.map((tab) => tab.start()))
    await Promise.all(tabs.map((tab) => tab.untilReserved()))
    const hub = new Tab({ networkId, relays: [relay], targetPeers: 6, mixInterval: [2000, 2000] })
    await hub.start()
    await hub.until('it has six', ({ history }) => history.length === 6)
    const met = hub.history.map((line) => line.replace('connected ', '')) as PeerId[]
    hub.transport.valued(met[5]!, 'met')
    await hub.until('it has exchanged one', ({ history }) => history.length >= 8)
    assert.equal(hub.history[7], `disconnected ${met[4]}`)
  })

  it('measures the round trip', async () => {
    const [a, b] = await connectedPair()
    await a.until('there is a latency', ({ latencies }) => latencies.has(b.id))
    assert.isTrue(a.latencies.get(b.id)! >= 0, 'a latency is not negative')
  })

  it('keeps tabs of different networks apart', async () => {
    const [a, b] = await connectedPair()
    const stranger = await new Tab({ networkId: randomNetworkId(), relays: [relay] }).start()
    await stranger.untilReserved()
    const friend = await new Tab({ networkId: stranger.networkId, relays: [relay] }).start()
    await stranger.untilConnectedTo(friend)
    assert.deepEqual([...stranger.peers.keys()], [friend.id])
    assert.deepEqual([...a.peers.keys()], [b.id])
  })

  it('delivers frames both ways, whole and in order, the largest included', async () => {
    const [a, b] = await connectedPair()
    const largest = new Uint8Array(MAX_FRAME_BYTES)
    for (let i = 0; i < largest.length; i += 65_536) {
      crypto.getRandomValues(largest.subarray(i, Math.min(i + 65_536, largest.length)))
    }
    const digest = await sha256(largest)
    const small = (n: number): Uint8Array => Uint8Array.of(n >> 8, n & 255)
    for (let i = 0; i < 300; i++) {
      if (i === 150) a.transport.send(b.id, largest.slice())
      a.transport.send(b.id, small(i))
      b.transport.send(a.id, small(i))
    }
    a.transport.send(b.id, new Uint8Array(0))
    await Promise.all([
      a.until('300 frames came', ({ frames }) => frames.length === 300),
      b.until('302 frames came', ({ frames }) => frames.length === 302),
    ])
    assert.equal(await sha256(b.frames[150]!.frame), digest)
    const numbers = ({ frames }: Tab): number[] =>
      frames.filter(({ frame }) => frame.length === 2).map(({ frame }) => (frame[0]! << 8) | frame[1]!)
    const expected = Array.from({ length: 300 }, (_, i) => i)
    assert.deepEqual(numbers(a), expected)
    assert.deepEqual(numbers(b), expected)
    assert.equal(b.frames[301]!.frame.length, 0)
  })

  it('gives the handler a buffer that it can transfer', async () => {
    const [a, b] = await connectedPair()
    a.transport.send(b.id, Uint8Array.of(5))
    await b.until('the frame came', ({ frames }) => frames.length === 1)
    const { frame } = b.frames[0]!
    assert.equal(frame.buffer.byteLength, 1)
    structuredClone(frame, { transfer: [frame.buffer] })
    assert.equal(frame.length, 0)
  })

  it('loses nothing of what is sent to a busy handler, though it is more than a reader may leave unread', async () => {
    const [a, b] = await connectedPair()
    const gate = deferred<undefined>()
    b.onFrame = () => gate.promise
    const count = 7
    for (let i = 0; i < count; i++) a.transport.send(b.id, new Uint8Array(MAX_FRAME_BYTES).fill(i))
    a.transport.send(b.id, Uint8Array.of(99))
    await b.until('the first frames came', ({ frames }) => frames.length >= 2)
    gate.resolve(undefined)
    await b.until('all came', ({ frames }) => frames.length === count + 1)
    assert.deepEqual(
      b.frames.map(({ frame }) => frame[0]),
      [0, 1, 2, 3, 4, 5, 6, 99],
    )
  })

  it('disconnects a peer for which too much is queued', async () => {
    const [a, b] = await connectedPair()
    b.onFrame = () => new Promise(() => {})
    const frames = Math.ceil(MAX_QUEUED_BYTES / MAX_FRAME_BYTES) + 4
    for (let i = 0; i < frames; i++) a.transport.send(b.id, new Uint8Array(MAX_FRAME_BYTES))
    await a.until('the peer is gone', ({ history }) => history[1] === `disconnected ${b.id}`)
    await b.until('the peer is gone', ({ history }) => history[1] === `disconnected ${a.id}`)
  })

  it('keeps a banned peer out, by dial from either side', async () => {
    const networkId = randomNetworkId()
    const a = await new Tab({ networkId, relays: [relay] }).start()
    const b = await new Tab({ networkId, relays: [relay] }).start()
    const c = await new Tab({ networkId, relays: [relay] }).start()
    await Promise.all([a.untilConnectedTo(b), b.untilConnectedTo(a), b.untilConnectedTo(c)])
    a.transport.disconnect(b.id, 'test', 3600)
    await b.until('it was sent away', ({ history }) => history.includes(`disconnected ${a.id}`))
    assert.isTrue(!a.peers.has(b.id), 'a still lists b')
    // Another is sent away without a ban, and comes back each time: long enough for the banned one to come back too.
    for (let times = 1; times <= 4; times++) {
      await a.until('the other is back', ({ history }) => count(history, `connected ${c.id}`) === times)
      a.transport.disconnect(c.id, 'test', 0)
    }
    assert.equal(count(a.history, `connected ${b.id}`), 1)
    assert.equal(count(b.history, `connected ${a.id}`), 1)
  })

  it('takes back a peer that was disconnected without a ban', async () => {
    const [a, b] = await connectedPair()
    a.transport.disconnect(b.id, 'test', 0)
    await a.until('it came back', ({ history }) => history.length === 3)
    assert.deepEqual(a.history, [`connected ${b.id}`, `disconnected ${b.id}`, `connected ${b.id}`])
  })

  it('tells a peer when a tab stops, once', async () => {
    const [a, b] = await connectedPair()
    await a.stop()
    await b.until('the peer is gone', ({ peers }) => peers.size === 0)
    assert.deepEqual(b.history, [`connected ${a.id}`, `disconnected ${a.id}`])
  })

  it('replaces the connection of a tab that reloaded', async () => {
    const networkId = randomNetworkId()
    const seed = crypto.getRandomValues(new Uint8Array(32))
    const a = await new Tab({ networkId, relays: [relay] }).start()
    const before = await new Tab({ networkId, relays: [relay], seed: seed.slice() }).start()
    await Promise.all([a.untilConnectedTo(before), before.untilConnectedTo(a)])
    await before.stop()
    const reloaded = await new Tab({ networkId, relays: [relay], seed }).start()
    assert.equal(reloaded.id, before.id)
    await reloaded.untilConnectedTo(a)
    await a.until('it is back', ({ history }) => history.length === 3)
    reloaded.transport.send(a.id, Uint8Array.of(4))
    await a.until('its frame came', ({ frames }) => frames.length === 1)
  })

  it('ends with one connection between any two of five tabs that start at once', async () => {
    const networkId = randomNetworkId()
    const tabs = Array.from({ length: 5 }, () => new Tab({ networkId, relays: [relay] }))
    await Promise.all(tabs.map((tab) => tab.start()))
    /** Whether two agree on who dialled: then it is one connection that both see. */
    const isOne = (tab: Tab, other: Tab): boolean => {
      const directions = [tab.peers.get(other.id)?.direction, other.peers.get(tab.id)?.direction]
      return directions.includes('inbound') && directions.includes('outbound')
    }
    const isSettled = (tab: Tab): boolean =>
      tab.peers.size === 4 && tabs.every((other) => other === tab || isOne(tab, other))
    // Where two connections became one, either side may be the last to know.
    await Promise.any(tabs.map((tab) => tab.until('all have settled', () => tabs.every(isSettled))))
  })
})

function count(history: readonly string[], line: string): number {
  return history.filter((other) => other === line).length
}

async function sha256(data: Uint8Array): Promise<string> {
  const digest = await crypto.subtle.digest('SHA-256', data as Uint8Array<ArrayBuffer>)
  return Array.from(new Uint8Array(digest), (byte) => byte.toString(16).padStart(2, '0')).join('')
}
