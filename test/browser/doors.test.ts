/** What strangers and peers can do to a tab below the level of messages, and what it costs whom. */

import type { Connection } from '@libp2p/interface'
import { multiaddr } from '@multiformats/multiaddr'
import { assert } from 'chai'
import type { PeerId } from '../../src/network/transport.ts'
import { isDirect } from '../../src/transport/libp2p-node.ts'
import { freeConnections, unfreedConnections } from '../../src/transport/peer-connections.ts'
import { Hostile, stopHostiles, succeeds } from './support/hostile.ts'
import { randomNetworkId, startRelay, stopRelay, stopTabs, Tab } from './support/tab.ts'

const PING = '/ipfs/ping/1.0.0'
const SIGNALLING = '/webrtc-signaling/0.0.1'

describe('the doors of a tab', () => {
  let relay: string
  let networkId: string
  let tab: Tab
  /** An honest peer of the tab. */
  let friend: Tab

  before(async () => {
    relay = await startRelay(11)
  })

  beforeEach(async () => {
    networkId = randomNetworkId()
    // Nobody is sent away for being slow.
    tab = await new Tab({ networkId, relays: [relay], setupTimeout: 600_000 }).start()
    friend = await new Tab({ networkId, relays: [relay] }).start()
    await tab.untilConnectedTo(friend)
  })

  /** Puts back what a test has put something else in the place of. */
  const restore: (() => void)[] = []

  afterEach(async () => {
    for (const back of restore.splice(0)) back()
    await stopHostiles()
    await stopTabs()
  })

  after(() => stopRelay(relay))

  /** A hostile node and its direct connection to the tab. */
  async function intruder(): Promise<{ hostile: Hostile; connection: Connection }> {
    const hostile = await Hostile.start(networkId, relay)
    const connection = await hostile.enter(tab.id)
    await hostile.openPeerStream(connection)
    return { hostile, connection }
  }

  const codesOf = (peer: PeerId): string[] =>
    tab.offences.filter(({ from }) => from === peer).map(({ offence }) => offence.code)

  /** The offender is told of, an alarm is raised, and nobody else suffers. */
  async function untilSentAway({ id }: Hostile, ...codes: string[]): Promise<void> {
    await tab.until(`${codes} is told`, () => codesOf(id).length > 0)
    assert.include(codes, codesOf(id).join())
    assert.isTrue(tab.peers.has(friend.id), 'the honest peer stays')
    assert.isAbove(tab.lastStatus?.alarms?.length ?? 0, 0)
  }

  it('signalling that is begun and given up by the hundred costs no connections, and newcomers come in', async () => {
    const before = tab.lastStatus!.connectionsUsed!
    const hostiles = await Promise.all([1, 2, 3].map(() => Hostile.start(networkId, relay)))
    const attack = async (hostile: Hostile): Promise<void> => {
      for (let i = 0; i < 300; i++) {
        try {
          const [open] = hostile.node
            .getConnections()
            .filter(({ remotePeer }) => remotePeer.toString() === tab.id)
          const connection = open ?? (await hostile.dialRelayed(tab.id))
          const stream = await connection.newStream(SIGNALLING, { runOnLimitedConnection: true })
          stream.abort(new Error('given up'))
        } catch {
          // Refused; it tries again.
        }
      }
    }
    await Promise.all(hostiles.map(attack))
    const newcomer = await new Tab({ networkId, relays: [relay] }).start()
    await newcomer.untilConnectedTo(tab)
    // Two for the newcomer and the tabs' own, in hundredths of what the browser grants.
    assert.isAtMost(tab.lastStatus!.connectionsUsed! - before, 0.03)
    for (const { id } of hostiles) assert.deepEqual(codesOf(id), ['signalling-flood'])
    assert.deepEqual(
      tab.lastStatus?.alarms?.map(({ code }) => code),
      ['signalling-flood'],
    )
    assert.isFalse(await succeeds(hostiles[0]!.dialRelayed(tab.id)), 'it is kept out')
  })

  it('channels without end are cut off after some dozens', async () => {
    const { hostile, connection } = await intruder()
    const peerConnection = hostile.peerConnection(connection)
    let opened = 0
    while (opened < 100_000 && !codesOf(hostile.id).length) {
      const channel = peerConnection.createDataChannel('')
      await new Promise((resolve) => {
        channel.onopen = resolve
        channel.onclose = resolve
        channel.onerror = resolve
      })
      if (channel.readyState !== 'open') break
      opened++
      channel.close()
      assert.isBelow(opened, 500, 'nobody cuts it off')
    }
    await untilSentAway(hostile, 'channel-flood', 'stream-failures')
    assert.isFalse(await succeeds(hostile.dial(tab.id)), 'it is kept out')
  })

  it('channels on which nothing is said are cut off before they are many', async () => {
    const { hostile, connection } = await intruder()
    for (let i = 0; i < 40; i++) hostile.peerConnection(connection).createDataChannel('')
    await untilSentAway(hostile, 'channel-flood')
  })

  it('streams that are opened and reset in a loop are cut off', async () => {
    const { hostile, connection } = await intruder()
    const cutOff = new AbortController()
    const { signal } = cutOff
    tab.misbehaved = (...told) => {
      Tab.prototype.misbehaved.apply(tab, told)
      cutOff.abort()
    }
    for (let i = 0; i < 500 && !signal.aborted; i++) {
      try {
        const stream = await connection.newStream(PING, { signal })
        stream.abort(new Error('given up'))
      } catch {
        // Cut off, or late: then it tries again.
      }
    }
    await untilSentAway(hostile, 'channel-flood', 'stream-failures')
  })

  it('what is no message of a stream ends the connection', async () => {
    const { hostile, connection } = await intruder()
    const channel = hostile.peerConnection(connection).createDataChannel('')
    channel.onopen = () => channel.send(new Uint8Array(16_384).fill(255))
    await untilSentAway(hostile, 'bad-channel')
  })

  it('much data on streams that name no protocol ends the connection', async () => {
    const { hostile, connection } = await intruder()
    const peerConnection = hostile.peerConnection(connection)
    // 16,000 bytes of a message that goes on and on.
    const message = Uint8Array.of(0x80, 0x7d, 0x12, 0xfd, 0x7c, ...new Uint8Array(15_997))
    // libp2p may have given a stream up before the second message, and that counts as well.
    const channels: RTCDataChannel[] = []
    const more = setInterval(() => {
      if (peerConnection.connectionState !== 'connected') return
      const channel = peerConnection.createDataChannel('')
      channels.push(channel)
      channel.onopen = () => {
        channel.send(message)
        channel.send(message)
      }
    }, 200)
    await untilSentAway(hostile, 'bad-channel', 'stream-failures').finally(() => clearInterval(more))
  })

  it('small messages without end are cut off', async () => {
    const { hostile, connection } = await intruder()
    const stream = await connection.newStream(PING)
    const { channel } = stream as unknown as { channel: RTCDataChannel }
    // Without content nobody answers them, and yet reading each costs its time.
    while (channel.readyState === 'open') {
      for (let i = 0; i < 1000; i++) channel.send(Uint8Array.of(2, 0x12, 0))
      await new Promise((resolve) => {
        channel.addEventListener('bufferedamountlow', resolve, { once: true })
        channel.addEventListener('close', resolve, { once: true })
      })
    }
    await untilSentAway(hostile, 'message-flood')
  })

  it('after offences from an address, newcomers from there come in one at a time, and who is in stays', async () => {
    // Whichever path the browser finds on this machine, it is from one address.
    const { getStats } = RTCPeerConnection.prototype
    RTCPeerConnection.prototype.getStats = async function (this: RTCPeerConnection) {
      const report = await getStats.call(this)
      const stats = [...report].map(([id, each]) => [
        id,
        each.type === 'remote-candidate' ? { ...each, address: '192.0.2.9' } : each,
      ])
      return new Map(stats as [string, unknown][]) as RTCStatsReport
    }
    restore.push(() => Object.assign(RTCPeerConnection.prototype, { getStats }))
    for (let i = 0; i < 3; i++) {
      const { hostile, connection } = await intruder()
      const channel = hostile.peerConnection(connection).createDataChannel('')
      channel.onopen = () => channel.send(new Uint8Array(16_384).fill(255))
      await untilSentAway(hostile, 'bad-channel')
    }
    const [first, second] = [await Hostile.start(networkId, relay), await Hostile.start(networkId, relay)]
    // Who is one too many may be sent away before its dial is done.
    const sentAway = async (hostile: Hostile): Promise<void> => {
      const connection = await hostile.dial(tab.id).catch(() => undefined)
      if (connection?.status !== 'open') return
      await new Promise((resolve) => connection.addEventListener('close', resolve))
    }
    await Promise.race([sentAway(first!), sentAway(second!)])
    assert.isTrue(tab.peers.has(friend.id))
    for (const { id } of [first!, second!])
      assert.deepEqual(codesOf(id), [], 'to come too many is no offence')
  })

  it('connections that are over are given back by the browser, which grants 500', async () => {
    const meetAndPart = async (): Promise<void> => {
      const hostile = await Hostile.start(networkId, relay)
      await (await hostile.enter(tab.id)).close()
    }
    /** Frees those of earlier tests, or of this one: all but a few, which libp2p's own timers hold on to. */
    const untilFew = async (): Promise<void> => {
      while (unfreedConnections() > 10) await freeConnections()
    }
    await untilFew()
    // In the hands of this test, until it lets go: the browser would free them when it likes.
    const held = new Set<RTCPeerConnection>()
    const { setLocalDescription } = RTCPeerConnection.prototype
    RTCPeerConnection.prototype.setLocalDescription = function (this: RTCPeerConnection, ...args: unknown[]) {
      held.add(this)
      return Reflect.apply(setLocalDescription, this, args)
    }
    restore.push(() => Object.assign(RTCPeerConnection.prototype, { setLocalDescription }))
    for (let i = 0; i < 10; i++) await meetAndPart()
    await stopHostiles()
    assert.isAtLeast(unfreedConnections(), 20)
    held.clear()
    await untilFew()
    assert.isTrue(tab.peers.has(friend.id))
  })

  it('what a tab relays is not taken for a direct connection, though it sets no limits', () => {
    const at = (address: string): boolean =>
      isDirect({ remoteAddr: multiaddr(address), limits: undefined } as unknown as Connection)
    assert.isTrue(at(`/webrtc/p2p/${tab.id}`))
    assert.isTrue(at(`${relay}/p2p-circuit/webrtc/p2p/${tab.id}`))
    assert.isFalse(at(`${relay}/p2p-circuit/p2p/${tab.id}`))
    assert.isFalse(at(`/webrtc/p2p/${friend.id}/p2p-circuit/p2p/${tab.id}`))
    assert.isFalse(at(`${relay}/p2p-circuit/webrtc/p2p/${friend.id}/p2p-circuit/p2p/${tab.id}`))
  })
})
