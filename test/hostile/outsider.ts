/**
 * A process beside the tabs from which enemies reach the server: so that what they spend isn't taken from the server, which runs in the
 * process of the test. They come from whichever loopback address they like, as from other machines.
 */

import '../../relay/polyfill.ts'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'
import { circuitRelayTransport } from '@libp2p/circuit-relay-v2'
import { identify } from '@libp2p/identify'
import type { Libp2p } from '@libp2p/interface'
import { noise } from '@libp2p/noise'
import { webSockets } from '@libp2p/websockets'
import { yamux } from '@libp2p/yamux'
import { multiaddr } from '@multiformats/multiaddr'
import * as lp from 'it-length-prefixed'
import { createLibp2p } from 'libp2p'
import { WebSocket } from 'ws'

// For libp2p, which has none on Node 20.
Object.assign(globalThis, { WebSocket })

/** What an outsider can be asked to do. */
export interface Deeds {
  /** Leads a port of this machine to the server, whose view of the caller is `address`. Answers the port. */
  disguise(serverPort: number, address: string): Promise<number>
  /**
   * Takes slots on the relay for this many identities and names their network, twenty at a time. Answers how many got one. They
   * answer nobody who dials them.
   */
  identities(relay: string, networkId: string, count: number): Promise<number>
  /**
   * Opens streams of signalling to the tabs from `enemies` identities and aborts them, for `milliseconds`. Answers how many streams were
   * opened.
   */
  signal(relay: string, tabs: readonly string[], enemies: number, milliseconds: number): Promise<number>
  /** Opens connections that say nothing after `greeting`, and one byte of `drip` a second. Answers how many stand after a moment. */
  sockets(port: number, address: string, count: number, greeting: string, drip: string): Promise<number>
  /** Ends what `sockets` opened. */
  hangUp(): Promise<void>
  /** Asks the relay who is there, as fast as it answers, from `enemies` identities. Answers how many questions were asked. */
  ask(relay: string, networkId: string, enemies: number, milliseconds: number): Promise<number>
  /** Ends all that stands. */
  leave(): Promise<void>
}

/** One call of a deed, as a message between processes. */
export interface Order {
  readonly id: number
  readonly deed: keyof Deeds
  readonly args: readonly unknown[]
}

/** Its answer. */
export interface Report {
  readonly id: number
  readonly result?: unknown
  readonly error?: string
}

/** The protocol by which tabs arrange a WebRTC connection over a relay. */
const SIGNALLING = '/webrtc-signaling/0.0.1'
const PEERS = '/opentab/peers/1.0.0'

const nodes = new Set<Libp2p>()
const sockets = new Set<Socket>()
/** Those that say nothing. */
const idle = new Set<Socket>()
const stops: (() => void)[] = []

async function newNode(listen: readonly string[] = []): Promise<Libp2p> {
  const node = await createLibp2p({
    addresses: { listen: [...listen] },
    transports: [webSockets(), circuitRelayTransport()],
    connectionEncrypters: [noise()],
    streamMuxers: [yamux()],
    connectionGater: { denyDialMultiaddr: () => false },
    connectionManager: { reconnectRetries: 0 },
    connectionMonitor: { enabled: false },
    services: { identify: identify() },
  })
  nodes.add(node)
  return node
}

const deeds: Deeds = {
  async disguise(serverPort, address) {
    const server = createServer((near) => {
      const far = connect({ port: serverPort, host: '127.0.0.1', localAddress: address })
      for (const [one, other] of [
        [near, far],
        [far, near],
      ] as const) {
        sockets.add(one)
        one.on('error', () => other.destroy())
        one.on('close', () => {
          sockets.delete(one)
          other.destroy()
        })
        one.pipe(other)
      }
    })
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    stops.push(() => server.close())
    return (server.address() as AddressInfo).port
  },

  async identities(relay, networkId, count) {
    let admitted = 0
    const enter = async (): Promise<void> => {
      try {
        const node = await newNode()
        const connection = await node.dial(multiaddr(relay), { signal: AbortSignal.timeout(20_000) })
        await node.dial(multiaddr(relay))
        await (
          node as unknown as {
            components: { transportManager: { listen(addresses: unknown[]): Promise<void> } }
          }
        ).components.transportManager.listen([multiaddr(`${relay}/p2p-circuit`)])
        const stream = await connection.newStream(PEERS, { signal: AbortSignal.timeout(10_000) })
        stream.send(lp.encode.single(new TextEncoder().encode(networkId)))
        admitted++
      } catch {
        // Refused, or too slow: it is counted as not admitted.
      }
    }
    for (let begun = 0; begun < count; begun += 20)
      await Promise.all(Array.from({ length: Math.min(20, count - begun) }, enter))
    return admitted
  },

  async signal(relay, tabs, enemies, milliseconds) {
    const over = performance.now() + milliseconds
    let opened = 0
    const harass = async (node: Libp2p, tab: string): Promise<void> => {
      while (performance.now() < over) {
        try {
          const connection = await node.dial(multiaddr(`${relay}/p2p-circuit/p2p/${tab}`), {
            signal: AbortSignal.timeout(10_000),
          })
          while (performance.now() < over) {
            const stream = await connection.newStream(SIGNALLING, {
              runOnLimitedConnection: true,
              signal: AbortSignal.timeout(5000),
            })
            opened++
            stream.abort(new Error('never meant'))
          }
        } catch {
          // Sent away, or the relay's limit: again.
          await new Promise((resolve) => setTimeout(resolve, 50))
        }
      }
    }
    await Promise.all(
      Array.from({ length: enemies }, async () => {
        const node = await newNode()
        await Promise.all(tabs.map((tab) => harass(node, tab)))
        nodes.delete(node)
        await node.stop()
      }),
    )
    return opened
  },

  async sockets(port, address, count, greeting, drip) {
    const opened: Socket[] = []
    for (let i = 0; i < count; i++) {
      const socket = connect({ port, host: '127.0.0.1', localAddress: address })
      idle.add(socket)
      opened.push(socket)
      socket.on('error', () => socket.destroy())
      socket.on('close', () => idle.delete(socket))
      socket.on('data', () => {})
      if (greeting !== '') socket.write(greeting)
    }
    if (drip !== '') {
      const timer = setInterval(() => {
        for (const socket of opened) if (!socket.destroyed) socket.write(drip)
      }, 1000)
      stops.push(() => clearInterval(timer))
    }
    await new Promise((resolve) => setTimeout(resolve, 1500))
    return opened.filter(({ destroyed, connecting }) => !destroyed && !connecting).length
  },

  async hangUp() {
    for (const socket of idle) socket.destroy()
  },

  async ask(relay, networkId, enemies, milliseconds) {
    const over = performance.now() + milliseconds
    let asked = 0
    await Promise.all(
      Array.from({ length: enemies }, async () => {
        const node = await newNode()
        while (performance.now() < over) {
          try {
            const connection = await node.dial(multiaddr(relay), { signal: AbortSignal.timeout(10_000) })
            const stream = await connection.newStream(PEERS, { signal: AbortSignal.timeout(5000) })
            stream.send(lp.encode.single(new TextEncoder().encode(networkId)))
            asked++
            await stream.close({ signal: AbortSignal.timeout(5000) })
          } catch {
            await new Promise((resolve) => setTimeout(resolve, 50))
          }
        }
        nodes.delete(node)
        await node.stop()
      }),
    )
    return asked
  },

  async leave() {
    for (const stop of stops.splice(0)) stop()
    for (const socket of [...idle, ...sockets]) socket.destroy()
    const leaving = [...nodes]
    nodes.clear()
    await Promise.all(leaving.map((node) => Promise.resolve(node.stop()).catch(() => {})))
  },
}

process.on('message', ({ id, deed, args }: Order) => {
  const act = deeds[deed] as (...given: readonly unknown[]) => Promise<unknown>
  act(...args).then(
    (result) => process.send?.({ id, result } satisfies Report),
    (error: Error) => process.send?.({ id, error: error.message } satisfies Report),
  )
})
// Enemies break all sorts of streams, which libp2p may complain of with nobody to hear it.
process.on('uncaughtException', () => {})
process.on('unhandledRejection', () => {})
process.on('disconnect', () => process.exit())
