/**
 * Clients of a relay on Node, each at an address of its own: all of 127.0.0.0/8 is this machine, so what a relay does by
 * address can be tried for real.
 */

import '../../relay/polyfill.ts'
import { AsyncLocalStorage } from 'node:async_hooks'
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { circuitRelayTransport } from '@libp2p/circuit-relay-v2'
import { identify } from '@libp2p/identify'
import type { Connection, Libp2p } from '@libp2p/interface'
import { noise } from '@libp2p/noise'
import { webSockets } from '@libp2p/websockets'
import { yamux } from '@libp2p/yamux'
import { multiaddr } from '@multiformats/multiaddr'
import * as lp from 'it-length-prefixed'
import { createLibp2p } from 'libp2p'
import { WebSocket } from 'ws'
import { PEERS_PROTOCOL } from '../../src/network/peers-protocol.ts'

/** How long a client waits, milliseconds: it may share one slow thread with the relay and a thousand others. */
const PATIENCE = 120_000

/** From where libp2p's next WebSocket is opened, and with which headers. */
const dialling = new AsyncLocalStorage<{ localAddress: string; headers: Record<string, string> }>()

// Node 20 has no WebSocket of its own, and libp2p dials with the global one.
globalThis.WebSocket = class extends WebSocket {
  constructor(url: string) {
    super(url, dialling.getStore() ?? {})
  }
} as unknown as typeof globalThis.WebSocket

/** Where a server listens. */
export interface Listening {
  readonly port: number
  readonly relayPeerId: string
}

/** A libp2p node with a tab's share of the relay's protocols. */
export class RelayTab {
  readonly node: Libp2p
  readonly connection: Connection

  private constructor(node: Libp2p, connection: Connection) {
    this.node = node
    this.connection = connection
  }

  /** Connects from an address of this machine. Rejects when the relay doesn't let it in. */
  static async connect(
    { port, relayPeerId }: Listening,
    localAddress: string,
    headers: Record<string, string> = {},
  ): Promise<RelayTab> {
    const node = await createLibp2p({
      transports: [webSockets(), circuitRelayTransport({ reservationCompletionTimeout: PATIENCE })],
      connectionEncrypters: [noise()],
      streamMuxers: [yamux({ enableKeepAlive: false })],
      connectionMonitor: { enabled: false },
      connectionManager: {
        reconnectRetries: 0,
        dialTimeout: PATIENCE,
        addressDialTimeout: PATIENCE,
        // As in a tab: all that comes through one relay counts as one host, and the default is 5 a second.
        inboundConnectionThreshold: 1000,
      },
      services: { identify: identify() },
    })
    try {
      const address = multiaddr(`/ip4/127.0.0.1/tcp/${port}/ws/p2p/${relayPeerId}`)
      return new RelayTab(node, await dialling.run({ localAddress, headers }, () => node.dial(address)))
    } catch (error) {
      await node.stop()
      throw error
    }
  }

  /** Reserves an address on the relay. Rejects when the relay refuses, or the connection is lost. */
  async reserve(): Promise<this> {
    const { transportManager } = (this.node as unknown as { components: ListeningComponents }).components
    const lost = once(this.connection as unknown as EventTarget, 'close').then(() => {
      throw new Error('The connection was lost')
    })
    await Promise.race([
      transportManager.listen([multiaddr(`${this.connection.remoteAddr}/p2p-circuit`)]),
      lost,
    ])
    return this
  }

  /** The peers of a network that the relay names. */
  async peers(network: string): Promise<string[]> {
    const stream = await this.connection.newStream(PEERS_PROTOCOL)
    stream.send(lp.encode.single(new TextEncoder().encode(network)).subarray())
    for await (const frame of lp.decode(stream)) return JSON.parse(new TextDecoder().decode(frame.subarray()))
    throw new Error('The stream ended before the answer')
  }

  /** Opens a relayed connection to another tab through the relay, and closes it. Rejects when the relay refuses. */
  async meet(other: RelayTab): Promise<void> {
    await (await this.dial(other)).close()
  }

  /** Opens a relayed connection to another tab through the relay, which ends it in time. Rejects when the relay refuses. */
  async dial(other: RelayTab): Promise<Connection> {
    return await this.node.dial(
      multiaddr(`${this.connection.remoteAddr}/p2p-circuit/p2p/${other.node.peerId}`),
    )
  }

  /** Opens streams and resets them at once, as frames of yamux, without libp2p's slow and careful ways. */
  openAndResetStreams(count: number): void {
    const frames = Buffer.alloc(count * 24)
    for (let i = 0; i < count; i++) {
      // Version, type (window update), flags (SYN, then RST), stream id, length.
      for (const [half, flag] of [1, 8].entries()) {
        const offset = i * 24 + half * 12
        frames[offset + 1] = 1
        frames.writeUInt16BE(flag, offset + 2)
        frames.writeUInt32BE(1001 + 2 * i, offset + 4)
      }
    }
    const { muxer } = this.connection as unknown as { muxer: { maConn: { send(data: Uint8Array): void } } }
    muxer.maConn.send(Uint8Array.from(frames))
  }

  /** Whether the relay has ended the connection. */
  get isLost(): boolean {
    return this.connection.status !== 'open'
  }
}

interface ListeningComponents {
  readonly transportManager: { listen(addresses: unknown[]): Promise<void> }
}

/** A TCP connection from an address of this machine that sends a text (of bytes) and then nothing. Resolves once it is open. */
export async function openSocket(port: number, localAddress: string, text: string): Promise<Socket> {
  const socket = connect({ port, host: '127.0.0.1', localAddress })
  // A server under attack may reset it at any time.
  socket.on('error', () => {})
  await Promise.race([once(socket, 'connect'), once(socket, 'close')]).catch(() => {})
  socket.write(text, 'latin1')
  return socket
}

/** The request that opens a WebSocket. */
export const UPGRADE =
  'GET / HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n' +
  'Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n'
