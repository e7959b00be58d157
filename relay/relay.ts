/**
 * The relay: a libp2p node that introduces tabs to each other. It lends them addresses (circuit relay v2), over which
 * they signal a direct WebRTC connection, and tells them who else is there. It knows nothing of chains, and its only
 * state is its key. Slots, introductions and answers are shared out by address. Thread: Node's main.
 */

import './polyfill.ts'
import { setMaxListeners } from 'node:events'
import { circuitRelayServer } from '@libp2p/circuit-relay-v2'
import { generateKeyPairFromSeed } from '@libp2p/crypto/keys'
import { identify } from '@libp2p/identify'
import type { Connection, PeerId } from '@libp2p/interface'
import { noise } from '@libp2p/noise'
import { peerIdFromPrivateKey } from '@libp2p/peer-id'
import { ping } from '@libp2p/ping'
import { createLibp2p } from 'libp2p'
import type { WebSocket } from 'ws'
import { PEERS_PROTOCOL } from '../src/network/peers-protocol.ts'
import { PeerDirectory } from './discovery.ts'
import { Entrance, type EntranceComponents, type RemoteEndpoint } from './entrance.ts'
import { FairShare, type Rivals, type Shares } from './fair-share.ts'
import { Introductions } from './introductions.ts'
import { boundedYamux } from './muxer.ts'
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

/** More than our own bounds ever let through, which libp2p's, being blind to who is how many, must not forestall. */
const NEVER_REACHED = 1_000_000

/** What a relay is started with. */
export interface RelayOptions {
  /** Seed of the relay's Ed25519 key, 32 bytes: the same seed is the same peer id. */
  readonly keySeed: Uint8Array
  /** Multiaddrs by which tabs reach it. */
  readonly announce: readonly string[]
  /** How many tabs it introduces; {@link SLOTS} by default. */
  readonly slots?: Shares
  /** Something was refused to someone at this address. */
  readonly refused?: (kind: RefusalKind, address: string) => void
}

/** A running relay. */
export interface Relay {
  readonly peerId: string
  /** Whether a tab from there would get a slot now. */
  admits(source: Source): boolean
  /** Takes in an open WebSocket. Resolves once its handshake is over; rejects, and closes it, when that fails. */
  enter(websocket: WebSocket, from: RemoteEndpoint): Promise<void>
  /** Closes every connection. */
  stop(): Promise<void>
}

/** How long libp2p may take to end, milliseconds. */
const STOP_TIMEOUT = 5000

/** A connected tab. */
interface Tab {
  readonly connection: Connection
  /** When it connected, milliseconds of `performance.now()`. */
  readonly since: number
}

/** Starts a relay. */
export async function startRelay({
  keySeed,
  announce,
  slots: shares = SLOTS,
  refused = () => {},
}: RelayOptions): Promise<Relay> {
  const privateKey = await generateKeyPairFromSeed('Ed25519', keySeed)
  const peerId = peerIdFromPrivateKey(privateKey).toString()
  const introductions = new Introductions()
  /** By connection. */
  const tabs = new Map<Connection, Tab>()
  /** By peer id, of its newest connection. */
  const sources = new Map<string, Source>()
  const node = await createLibp2p({
    privateKey,
    // It listens nowhere: the page's server brings connections to the entrance.
    addresses: { announce: [...announce] },
    connectionEncrypters: [noise()],
    streamMuxers: [boundedYamux()],
    connectionManager: {
      maxConnections: NEVER_REACHED,
      inboundConnectionThreshold: NEVER_REACHED,
      maxIncomingPendingConnections: NEVER_REACHED,
      inboundUpgradeTimeout: HANDSHAKE_TIMEOUT,
    },
    connectionGater: {
      denyOutboundRelayedConnection: (from, to) => {
        const source = sources.get(from.toString())
        if (source === undefined) return true
        if (!introductions.allow(from.toString(), source, to.toString())) {
          refused('introductions', source.address)
          return true
        }
        // Each relayed connection listens for the end of the reservation that it leads to, and no longer when it closes
        // itself: many at a time are no leak, of which Node would warn.
        const reservation = reservations.get(to)
        if (reservation !== undefined) setMaxListeners(Infinity, reservation.signal)
        return false
      },
    },
    services: {
      entrance: (components: EntranceComponents) => new Entrance(components),
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
          defaultDataLimit: 32_768n,
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
    const source = sourceOfConnection(connection)
    const tab = { connection, since: performance.now() }
    const leaves = slots.add(tab, source)
    if (leaves !== tab) {
      tabs.set(connection, tab)
      sources.set(connection.remotePeer.toString(), source)
    }
    if (leaves !== undefined) {
      refused('slots', sourceOfConnection(leaves.connection).address)
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

  return {
    peerId,
    admits: (source) => slots.admits(source),
    enter: (websocket, from) => node.services.entrance.enter(websocket, from),
    stop: async () => {
      // Under attack, handshakes and streams that are under way can keep libp2p from ending.
      let timer: NodeJS.Timeout | undefined
      const patience = new Promise<void>((resolve) => {
        timer = setTimeout(resolve, STOP_TIMEOUT)
      })
      await Promise.race([node.stop(), patience])
      clearTimeout(timer)
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

function sourceOfConnection({ remoteAddr }: Connection): Source {
  return sourceOf(remoteAddr.getComponents()[0]?.value)
}
