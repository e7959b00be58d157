/**
 * What a network promises without its relays: it lives on, tabs introduce tabs, and a relay that returns is used.
 */

import { assert } from 'chai'
import { createLibp2pTransport } from '../../src/transport/libp2p-transport.ts'
import { portOf, randomNetworkId, startRelay, stopRelay, stopTabs, Tab } from './support/tab.ts'

describe('relays', () => {
  let relays: string[] = []

  async function relay(seed: number, port = 0): Promise<string> {
    const address = await startRelay(seed, port)
    relays.push(address)
    return address
  }

  afterEach(async () => {
    await stopTabs()
    await Promise.all(relays.map(stopRelay))
    relays = []
  })

  it('can die without disturbing those that have met', async () => {
    const address = await relay(4)
    const networkId = randomNetworkId()
    const a = await new Tab({ networkId, relays: [address] }).start()
    const b = await new Tab({ networkId, relays: [address] }).start()
    await Promise.all([a.untilConnectedTo(b), b.untilConnectedTo(a)])
    await stopRelay(address)
    await Promise.all(
      [a, b].map((tab) =>
        tab.until('the relay is missed', ({ lastStatus }) => lastStatus?.relays[0]?.state === 'unreachable'),
      ),
    )
    a.transport.send(b.id, Uint8Array.of(1))
    b.transport.publish('tx', Uint8Array.of(2))
    await b.until('the frame came', ({ frames }) => frames.length === 1)
    await a.until('the message came', ({ gossiped }) => gossiped.length === 1)
    assert.deepEqual(a.history, [`connected ${b.id}`])
    assert.deepEqual(b.history, [`connected ${a.id}`])
  })

  it('are replaced by a tab that both others know', async () => {
    const [first, second] = [await relay(5), await relay(6)]
    const networkId = randomNetworkId()
    const a = await new Tab({ networkId, relays: [first] }).start()
    const between = await new Tab({ networkId, relays: [first, second] }).start()
    await Promise.all([a.untilConnectedTo(between), between.untilConnectedTo(a), between.untilReserved()])
    // From here on no relay knows both a and b: only the tab between them can introduce them.
    await stopRelay(first)
    const b = await new Tab({ networkId, relays: [second] }).start()
    await Promise.all([b.untilConnectedTo(a), a.untilConnectedTo(b)])
    assert.isTrue(
      [a.peers.get(b.id)!.address, b.peers.get(a.id)!.address].some((address) =>
        address.startsWith(`/p2p/${between.id}/p2p-circuit/webrtc`),
      ),
      'the connection did not come about through the tab between',
    )
    await Promise.all([stopRelay(second), between.stop()])
    await a.until('the tab between is gone', ({ peers }) => !peers.has(between.id))
    a.transport.send(b.id, Uint8Array.of(1))
    await b.until('the frame came', ({ frames }) => frames.length === 1)
  })

  it('are used again when they come back, and introduce a newcomer', async () => {
    const address = await relay(7)
    const networkId = randomNetworkId()
    const a = await new Tab({ networkId, relays: [address] }).start()
    await a.untilReserved()
    await stopRelay(address)
    await a.until('the relay is missed', ({ lastStatus }) => lastStatus?.relays[0]?.state === 'unreachable')
    assert.equal(await relay(7, portOf(address)), address)
    await a.untilReserved()
    const b = await new Tab({ networkId, relays: [address] }).start()
    await Promise.all([a.untilConnectedTo(b), b.untilConnectedTo(a)])
  })

  it('may change while a tab runs: one that comes back under another key introduces a newcomer', async () => {
    const old = await relay(15)
    const networkId = randomNetworkId()
    const a = await new Tab({ networkId, relays: [old] }).start()
    await a.untilReserved()
    await stopRelay(old)
    const changed = await relay(16, portOf(old))
    assert.notEqual(changed, old)
    await a.until('the relay is missed', ({ lastStatus }) => lastStatus?.relays[0]?.state === 'unreachable')
    a.transport.setRelays([changed], [])
    await a.untilReserved()
    assert.deepEqual(
      a.lastStatus!.relays.map(({ address }) => address),
      [changed],
    )
    const b = await new Tab({ networkId, relays: [changed] }).start()
    await Promise.all([a.untilConnectedTo(b), b.untilConnectedTo(a)])
  })

  it('may be more while a tab runs: those in use stay, and one that is taken away is left', async () => {
    const [first, second] = [await relay(17), await relay(18)]
    const networkId = randomNetworkId()
    const a = await new Tab({ networkId, relays: [first] }).start()
    await a.untilReserved()
    const states: string[] = []
    const status = a.status.bind(a)
    a.status = (told) => {
      states.push(told.relays[0]?.state ?? 'none')
      status(told)
    }
    a.transport.setRelays([first, second], [])
    await a.until(
      'both have a slot',
      ({ lastStatus }) => lastStatus?.relays.filter(({ state }) => state === 'reserved').length === 2,
    )
    assert.isTrue(
      states.every((state) => state === 'reserved'),
      'the first was disturbed',
    )
    a.transport.setRelays([second], [])
    const b = await new Tab({ networkId, relays: [second] }).start()
    await Promise.all([a.untilConnectedTo(b), b.untilConnectedTo(a)])
    assert.deepEqual(
      a.lastStatus!.relays.map(({ address }) => address),
      [second],
    )
  })

  it('stay as they are where a new list makes no sense', async () => {
    const address = await relay(19)
    const a = await new Tab({ networkId: randomNetworkId(), relays: [address] }).start()
    await a.untilReserved()
    assert.throws(() => a.transport.setRelays([address, '/ip4/127.0.0.1/tcp/1/ws'], []), TypeError)
    assert.deepEqual(a.lastStatus!.relays, [{ address, state: 'reserved' }])
  })

  it('come with ICE servers, of which the latest are used', async () => {
    const address = await relay(20)
    const networkId = randomNetworkId()
    const { createDataChannel } = RTCPeerConnection.prototype
    const used = new Set<string>()
    RTCPeerConnection.prototype.createDataChannel = function (this: RTCPeerConnection, ...args) {
      for (const { urls } of this.getConfiguration().iceServers ?? []) used.add(String(urls))
      return createDataChannel.apply(this, args)
    }
    try {
      const a = await new Tab({ networkId, relays: [address] }).start()
      a.transport.setRelays([address], [{ urls: 'stun:127.0.0.1:9' }])
      const b = await new Tab({ networkId, relays: [address] }).start()
      b.transport.setRelays([address], [{ urls: 'stun:127.0.0.1:9' }])
      await Promise.all([a.untilConnectedTo(b), b.untilConnectedTo(a)])
      assert.deepEqual([...used], ['stun:127.0.0.1:9'])
    } finally {
      RTCPeerConnection.prototype.createDataChannel = createDataChannel
    }
  })

  it('are dialled again at once when the tab wakes, however long it would have waited', async () => {
    const address = await relay(21)
    const networkId = randomNetworkId()
    const patient = { networkId, relays: [address], relayBackoff: [600_000, 600_000] as const }
    const [a, b] = [await new Tab(patient).start(), await new Tab(patient).start()]
    await Promise.all([a.untilConnectedTo(b), b.untilConnectedTo(a)])
    await stopRelay(address)
    await a.until('the relay is missed', ({ lastStatus }) => lastStatus?.relays[0]?.state !== 'reserved')
    assert.equal(await relay(21, portOf(address)), address)
    a.transport.wake()
    await a.untilReserved()
    assert.equal(a.wakings, 1, 'the brain is told')
    assert.deepEqual(a.history, [`connected ${b.id}`], 'a peer that answers is kept')
  })

  it('are several: one that is down from the start is told and does not matter', async () => {
    const [down, up] = [await relay(8), await relay(9)]
    await stopRelay(down)
    const networkId = randomNetworkId()
    const a = await new Tab({ networkId, relays: [down, up] }).start()
    const b = await new Tab({ networkId, relays: [up, down] }).start()
    await Promise.all([a.untilConnectedTo(b), b.untilConnectedTo(a)])
    await a.until(
      'the states are known',
      ({ lastStatus }) =>
        ['unreachable', 'connecting'].includes(lastStatus?.relays[0]?.state ?? '') &&
        lastStatus?.relays[1]?.state === 'reserved',
    )
  })

  it('alone do not make a peer: without a direct path the tab says so, and heals when there is one', async () => {
    const address = await relay(11)
    const networkId = randomNetworkId()
    const addIceCandidate = RTCPeerConnection.prototype.addIceCandidate
    // Neither side learns where the other is, as behind two strict firewalls.
    RTCPeerConnection.prototype.addIceCandidate = async () => {}
    try {
      const impatient = { networkId, relays: [address], dialTimeout: 3000, setupTimeout: 3000 }
      const a = await new Tab(impatient).start()
      const b = await new Tab(impatient).start()
      await Promise.all(
        [a, b].map((tab) => tab.until('it says so', ({ lastStatus }) => lastStatus?.relayedOnlyPeers === 1)),
      )
      assert.deepEqual([a.lastStatus!.directPeers, b.lastStatus!.directPeers], [0, 0])
      RTCPeerConnection.prototype.addIceCandidate = addIceCandidate
      await Promise.all([a.untilConnectedTo(b), b.untilConnectedTo(a)])
      await a.until('the fault is gone', ({ lastStatus }) => lastStatus?.relayedOnlyPeers === 0)
    } finally {
      RTCPeerConnection.prototype.addIceCandidate = addIceCandidate
    }
  })

  it('heal a partition: two halves, each tab with its fill of peers, find each other', async () => {
    const [left, right, both] = [await relay(12), await relay(13), await relay(14)]
    await stopRelay(both)
    const networkId = randomNetworkId()
    const half = async (own: string): Promise<Tab[]> => {
      const options = { networkId, relays: [own, both], targetPeers: 2, mixInterval: [500, 1000] as const }
      const tabs = Array.from({ length: 3 }, () => new Tab(options))
      await Promise.all(tabs.map((tab) => tab.start()))
      await Promise.all(tabs.map((tab) => tab.until('it has its fill', ({ peers }) => peers.size === 2)))
      return tabs
    }
    const halves = [await half(left), await half(right)]
    const others = new Set(halves[1]!.map(({ id }) => id))
    assert.equal(await relay(14, portOf(both)), both)
    await Promise.any(
      halves[0]!.map((tab) =>
        tab.until('it has a peer of the other half', ({ peers }) =>
          [...peers.keys()].some((id) => others.has(id)),
        ),
      ),
    )
    // They stay one network: what is said in one half is heard everywhere.
    const heard = halves.flat().slice(1)
    const said = setInterval(
      () => halves[0]![0]!.transport.publish('tx', crypto.getRandomValues(new Uint8Array(4))),
      100,
    )
    try {
      await Promise.all(heard.map((tab) => tab.until('it heard', ({ gossiped }) => gossiped.length > 0)))
    } finally {
      clearInterval(said)
    }
  })

  it('need an address with a peer id', () => {
    let refused = false
    try {
      createLibp2pTransport({
        networkId: 'ab',
        identitySeed: new Uint8Array(32),
        relays: ['/ip4/127.0.0.1/tcp/1/ws'],
        iceServers: [],
      })
    } catch (error) {
      refused = error instanceof TypeError
    }
    assert.isTrue(refused, 'an address without a peer id was taken')
  })
})
