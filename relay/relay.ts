/**
 * The relay: a libp2p node that introduces tabs to each other. It lends them addresses (circuit relay v2), over which
 * they signal a direct WebRTC connection, and tells them who else is there. It knows nothing of chains, and its only
 * state is its key. Slots, introductions and answers are shared out by address. Thread: Node's main.
 */

import './polyfill.ts'
import { circuitRelayServer } from '@libp2p/circuit-relay-v2'
import { generateKeyPairFromSeed } from '@libp2p/crypto/keys'
import { identify } from '@libp2p/identify'
import type { Connection, PeerId } from '@libp2p/interface'
import { noise } from '@libp2p/noise'
import { peerIdFromPrivateKey } from '@libp2p/peer-id'
import { ping } from '@libp2p/ping'
import { webSockets } from '@libp2p/websockets'
import { yamux } from '@libp2p/yamux'
import { type Multiaddr, multiaddr } from '@multiformats/multiaddr'
import { createLibp2p } from 'libp2p'
import { PEERS_PROTOCOL, PeerDirectory } from './discovery.ts'
import { FairShare, type Rivals, type Shares } from './fair-share.ts'
import { Introductions } from './introductions.ts'
import type { RefusalKind } from './refusals.ts'
import { type Source, sourceOf } from './source.ts'

/**
 * How many tabs one relay introduces at a time. A quarter for one address: several classes behind one router have room,
 * and one machine that invents identities leaves most of the relay to others.
 */
export const SLOTS: Shares = { total: 1000, perAddress: 250, perSubnet: 500 }

/** How long a tab keeps its slot against others with no better claim, milliseconds: long enough to be introduced. */
const GRACE = 15_000

/** How long a handshake may take, milliseconds. */
const HANDSHAKE_TIMEOUT = 10_000

/** More than our own bounds ever let through: libp2p's count nobody's address, since all come through one pipe. */
const NEVER_REACHED = 1_000_000

/** What a relay is started with. */
export interface RelayOptions {
  /** Seed of the relay's Ed25519 key, 32 bytes: the same seed is the same peer id. */
  readonly keySeed: Uint8Array
  /** Multiaddr to listen on; port 0 picks a free one. */
  readonly listen?: string
  /** Multiaddrs by which tabs reach the relay, when they differ from where it listens (behind the page's server). */
  readonly announce?: readonly string[]
  /** How many tabs it introduces; {@link SLOTS} by default. */
  readonly slots?: Shares
  /**
   * Where a connection really comes from, when the page's server pipes it, by the port of its near end; one that it
   * doesn't know is refused. Without this the connection's own address counts.
   */
  readonly pipedFrom?: (port: number) => Source | undefined
  /** The connection that is piped from this port has completed its handshake. */
  readonly settled?: (port: number) => void
  /** Something was refused to someone at this address. */
  readonly refused?: (kind: RefusalKind, address: string) => void
}

/** A running relay. */
export interface Relay {
  /** Where it listens, with its peer id: what a tab dials. */
  readonly multiaddr: string
  readonly peerId: string
  /** TCP port it listens on. */
  readonly port: number
  /** Whether a tab from there would get a slot now. */
  admits(source: Source): boolean
  /** Closes every connection and the listener. */
  stop(): Promise<void>
}

/** A connected tab. */
interface Tab {
  readonly connection: Connection
  /** When it connected, milliseconds of `performance.now()`. */
  readonly since: number
}

/** Starts a relay. Rejects when the address can't be listened on. */
export async function startRelay({
  keySeed,
  listen = '/ip4/127.0.0.1/tcp/0/ws',
  announce = [],
  slots: shares = SLOTS,
  pipedFrom,
  settled,
  refused = () => {},
}: RelayOptions): Promise<Relay> {
  const privateKey = await generateKeyPairFromSeed('Ed25519', keySeed)
  const peerId = peerIdFromPrivateKey(privateKey).toString()
  const announced = announce.map((address) => multiaddr(`${address}/p2p/${peerId}`))
  const introductions = new Introductions()
  /** By connection. */
  const tabs = new Map<Connection, Tab>()
  /** By peer id, of its newest connection. */
  const sources = new Map<string, Source>()
  const originOf = (address: Multiaddr): Source | undefined => {
    const [host, port] = endpointOf(address)
    return pipedFrom === undefined ? sourceOf(host) : pipedFrom(port)
  }
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
    // A tab has a stream or two open for each introduction, and few others.
    streamMuxers: [yamux({ maxInboundStreams: 64 })],
    connectionManager: {
      maxConnections: NEVER_REACHED,
      inboundConnectionThreshold: NEVER_REACHED,
      maxIncomingPendingConnections: NEVER_REACHED,
      inboundUpgradeTimeout: HANDSHAKE_TIMEOUT,
    },
    connectionGater: {
      denyInboundConnection: ({ remoteAddr }) => originOf(remoteAddr) === undefined,
      denyOutboundRelayedConnection: (from, to) => {
        const source = sources.get(from.toString())
        if (source === undefined) return true
        if (introductions.allow(from.toString(), source, to.toString())) return false
        refused('introductions', source.address)
        return true
      },
    },
    services: {
      identify: identify(),
      ping: ping(),
      circuitRelay: circuitRelayServer({
        hopTimeout: 10_000,
        maxInboundHopStreams: 16,
        reservations: {
          // Slots go to connections (below), and with each comes a reservation.
          maxReservations: NEVER_REACHED,
          // We end a reservation with its connection (below), so a long life costs no slot. It also keeps away from
          // a flaw in circuit-relay-v2 4.2: the timer of a renewed reservation can't be cancelled, and would take
          // away the reservation that the same tab makes after reconnecting.
          reservationTtl: 12 * 60 * 60 * 1000,
          // A relayed connection is for signalling alone: a few kilobytes, then the tabs talk directly.
          defaultDataLimit: 65_536n,
          defaultDurationLimit: 30_000,
        },
      }),
    },
  })

  const { reservations } = node.services.circuitRelay
  const slots = new FairShare<Tab>(shares, (rivals) =>
    whoLeaves(rivals, ({ connection }) => reservations.has(connection.remotePeer)),
  )
  const directory = new PeerDirectory(
    (peer) => (reservations.has(peer) ? sources.get(peer.toString()) : undefined),
    (address) => refused('lists', address),
  )
  node.addEventListener('connection:open', ({ detail: connection }) => {
    const source = originOf(connection.remoteAddr)
    if (source === undefined) {
      connection.abort(new Error('Its other end is gone'))
      return
    }
    settled?.(endpointOf(connection.remoteAddr)[1])
    const tab = { connection, since: performance.now() }
    const leaves = slots.add(tab, source)
    if (leaves !== tab) {
      tabs.set(connection, tab)
      sources.set(connection.remotePeer.toString(), source)
    }
    if (leaves !== undefined) {
      refused('slots', originOf(leaves.connection.remoteAddr)?.address ?? source.address)
      leaves.connection.abort(new Error('Its address holds more than its share of the slots'))
    }
  })
  node.addEventListener('connection:close', ({ detail: connection }) => {
    const tab = tabs.get(connection)
    if (tab !== undefined) slots.delete(tab)
    tabs.delete(connection)
  })
  node.addEventListener('peer:disconnect', ({ detail: peer }: CustomEvent<PeerId>) => {
    // Reservations otherwise live on until they expire, and a thousand visitors would fill the table for good.
    reservations.get(peer)?.signal.clear()
    reservations.delete(peer)
    sources.delete(peer.toString())
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
    port: endpointOf(address)[1],
    admits: (source) => slots.admits(source),
    stop: async () => {
      await node.stop()
    },
  }
}

/**
 * Who gives up its slot: a tab that reserved nothing, if there is one; else any of the newer half, so that those who
 * were there before a flood stay. Undefined when all are within their grace and the newcomer has no better claim.
 */
function whoLeaves({ guests, equal }: Rivals<Tab>, isReserved: (tab: Tab) => boolean): Tab | undefined {
  const settledBefore = performance.now() - GRACE
  const newestFirst = guests.toSorted((a, b) => b.since - a.since)
  const isSettled = ({ since }: Tab): boolean => since <= settledBefore
  const idle = newestFirst.findLast((tab) => isSettled(tab) && !isReserved(tab))
  if (idle !== undefined) return idle
  const newer = newestFirst.slice(0, Math.ceil(guests.length / 2))
  const settled = newer.filter(isSettled)
  const pool = settled.length > 0 || equal ? settled : newer
  return pool[Math.floor(Math.random() * pool.length)]
}

/** Host and TCP port of a multiaddr. */
function endpointOf(address: Multiaddr): [host: string | undefined, port: number] {
  const components = address.getComponents()
  return [components[0]?.value, Number(components.find(({ name }) => name === 'tcp')?.value)]
}
