/** A libp2p node that does whatever a test likes: no door, no rules. */

import type { Connection, Stream } from '@libp2p/interface'
import { multiaddr } from '@multiformats/multiaddr'
import type { PeerId } from '../../../src/network/transport.ts'
import { COMMON_TOPICS } from '../../../src/protocol/wire.ts'
import { ConnectionBudget } from '../../../src/transport/connection-budget.ts'
import { topicName } from '../../../src/transport/gossip.ts'
import { privateKeyFromSeed } from '../../../src/transport/identity.ts'
import { createTabNode, type TabNode } from '../../../src/transport/libp2p-node.ts'
import { withDefaults } from '../../../src/transport/options.ts'

/** Dials after which a hostile node has not got in. */
const DIALS = 10

export class Hostile {
  readonly node: TabNode
  readonly #networkId: string
  readonly #relay: string

  private constructor(node: TabNode, networkId: string, relay: string) {
    this.node = node
    this.#networkId = networkId
    this.#relay = relay
  }

  /** Starts one with an identity of its own. */
  static async start(networkId: string, relay: string): Promise<Hostile> {
    const identitySeed = crypto.getRandomValues(new Uint8Array(32))
    const options = withDefaults({ networkId, identitySeed, relays: [relay], iceServers: [] })
    const open = { mayDial: () => true, mayEnter: () => true, mayRelay: () => true }
    const key = privateKeyFromSeed(identitySeed)
    const node = await createTabNode(options, COMMON_TOPICS, key, open, new ConnectionBudget())
    await node.start()
    running.add(node)
    for (const { topic } of COMMON_TOPICS) node.services.pubsub.subscribe(topicName(networkId, topic))
    return new Hostile(node, networkId, relay)
  }

  get id(): PeerId {
    return this.node.peerId.toString() as PeerId
  }

  /** Connects with a tab through the relay, and goes no further. */
  dialRelayed(tab: PeerId): Promise<Connection> {
    return this.node.dial(multiaddr(`${this.#relay}/p2p-circuit/p2p/${tab}`), { force: true })
  }

  /** Connects with a tab directly. */
  dial(tab: PeerId): Promise<Connection> {
    return this.node.dial(multiaddr(`${this.#relay}/p2p-circuit/webrtc/p2p/${tab}`), { force: true })
  }

  /** Connects with a tab directly as tabs do: by another dial where one fails, as when the machine stood still. */
  async enter(tab: PeerId): Promise<Connection> {
    for (let left = DIALS; ; left--) {
      try {
        return await this.dial(tab)
      } catch (error) {
        if (left === 0) throw error
      }
    }
  }

  /** Opens the peer stream, on which nothing is said yet. */
  openPeerStream(connection: Connection): Promise<Stream> {
    return connection.newStream(`/opentab/${this.#networkId}/1.0.0`)
  }

  /** The RTCPeerConnection under a direct connection. */
  peerConnection(connection: Connection): RTCPeerConnection {
    return (connection as unknown as { maConn: { peerConnection: RTCPeerConnection } }).maConn.peerConnection
  }
}

/** Whether a connection comes to be; a tab that refuses it may leave the dialler waiting, but not for ever. */
export function succeeds(dial: Promise<unknown>): Promise<boolean> {
  return dial.then(
    () => true,
    () => false,
  )
}

/** Stops those that a test left running. */
export async function stopHostiles(): Promise<void> {
  const nodes = [...running]
  running.clear()
  await Promise.all(nodes.map((node) => node.stop()))
}

const running = new Set<TabNode>()
