/**
 * The relay: a libp2p node that introduces tabs to each other. It lends them addresses (circuit relay v2), over which
 * they signal a direct WebRTC connection, and tells them who else is there. It knows nothing of chains, and its only
 * state is its key. Thread: Node's main.
 */

import './polyfill.ts'
import { circuitRelayServer } from '@libp2p/circuit-relay-v2'
import { generateKeyPairFromSeed } from '@libp2p/crypto/keys'
import { identify } from '@libp2p/identify'
import type { PeerId } from '@libp2p/interface'
import { noise } from '@libp2p/noise'
import { peerIdFromPrivateKey, peerIdFromString } from '@libp2p/peer-id'
import { ping } from '@libp2p/ping'
import { webSockets } from '@libp2p/websockets'
import { yamux } from '@libp2p/yamux'
import { multiaddr } from '@multiformats/multiaddr'
import { createLibp2p } from 'libp2p'
import { PEERS_PROTOCOL, PeerDirectory } from './discovery.ts'

/** How many tabs one relay introduces at a time. */
export const MAX_TABS = 1000

/** What a relay is started with. */
export interface RelayOptions {
  /** Seed of the relay's Ed25519 key, 32 bytes: the same seed is the same peer id. */
  readonly keySeed: Uint8Array
  /** Multiaddr to listen on; port 0 picks a free one. */
  readonly listen?: string
  /** Multiaddrs by which tabs reach the relay, when they differ from where it listens (behind the page's server). */
  readonly announce?: readonly string[]
}

/** A running relay. */
export interface Relay {
  /** Where it listens, with its peer id: what a tab dials. */
  readonly multiaddr: string
  readonly peerId: string
  /** TCP port it listens on. */
  readonly port: number
  /** Closes every connection and the listener. */
  stop(): Promise<void>
}

/** Starts a relay. Rejects when the address can't be listened on. */
export async function startRelay({
  keySeed,
  listen = '/ip4/127.0.0.1/tcp/0/ws',
  announce = [],
}: RelayOptions): Promise<Relay> {
  const privateKey = await generateKeyPairFromSeed('Ed25519', keySeed)
  const peerId = peerIdFromPrivateKey(privateKey).toString()
  const announced = announce.map((address) => multiaddr(`${address}/p2p/${peerId}`))
  let started = false
  const node = await createLibp2p({
    privateKey,
    addresses: {
      listen: [listen],
      // A filter, where `announce` would do, because that would also hide from us which port was picked.
      announceFilter: (listening) => (started && announced.length > 0 ? announced : listening),
    },
    transports: [webSockets()],
    connectionEncrypters: [noise()],
    streamMuxers: [yamux()],
    connectionManager: {
      // A reloading tab has two connections for a moment, hence the margin.
      maxConnections: MAX_TABS + 200,
      // Counted per host, and a class behind one router, or behind the page's server, is one host: a room that
      // opens the page at the same second must get in.
      inboundConnectionThreshold: MAX_TABS,
      maxIncomingPendingConnections: 100,
    },
    services: {
      identify: identify(),
      ping: ping(),
      circuitRelay: circuitRelayServer({
        reservations: {
          maxReservations: MAX_TABS,
          // We end a reservation with its connection (below), so a long life costs no slot. It also keeps away from
          // a flaw in circuit-relay-v2 4.2: the timer of a renewed reservation can't be cancelled, and would take
          // away the reservation that the same tab makes after reconnecting.
          reservationTtl: 12 * 60 * 60 * 1000,
          // A relayed connection is for signalling alone: a few kilobytes, then the tabs talk directly.
          defaultDataLimit: 131_072n,
          defaultDurationLimit: 120_000,
        },
      }),
    },
  })

  const { reservations } = node.services.circuitRelay
  const directory = new PeerDirectory((peer) => reservations.has(peerIdFromString(peer)))
  node.addEventListener('peer:disconnect', ({ detail: peer }: CustomEvent<PeerId>) => {
    // Reservations otherwise live on until they expire, and a thousand visitors would fill the table for good.
    reservations.get(peer)?.signal.clear()
    reservations.delete(peer)
    directory.forget(peer.toString())
  })
  await node.handle(PEERS_PROTOCOL, directory.serve, { maxInboundStreams: 4 })

  const [address] = node.getMultiaddrs()
  started = true
  if (address === undefined) {
    await node.stop()
    throw new Error(`The relay listens nowhere: ${listen}`)
  }
  return {
    multiaddr: address.toString(),
    peerId,
    port: Number(address.getComponents().find(({ name }) => name === 'tcp')?.value),
    stop: async () => {
      await node.stop()
    },
  }
}
