/**
 * The libp2p node inside a tab: which transports and services it has, and which connections it refuses. It decides
 * nothing by itself: nobody is dialled and nobody let in but by the `Gate`. Thread: Window.
 */

import { type CircuitRelayService, circuitRelayServer, circuitRelayTransport } from '@libp2p/circuit-relay-v2'
import { type GossipSub, type GossipSubComponents, gossipsub } from '@libp2p/gossipsub'
import { type Identify, identify } from '@libp2p/identify'
import type { Connection, Libp2p, PrivateKey } from '@libp2p/interface'
import { noise } from '@libp2p/noise'
import { type Ping, ping } from '@libp2p/ping'
import { webRTC } from '@libp2p/webrtc'
import { webSockets } from '@libp2p/websockets'
import { yamux } from '@libp2p/yamux'
import { type Multiaddr, multiaddr } from '@multiformats/multiaddr'
import { createLibp2p } from 'libp2p'
import type { PeerId, Subscription } from '../network/transport.ts'
import type { ConnectionBudget } from './connection-budget.ts'
import { gossipOptions } from './gossip.ts'
import type { Introductions, TransportOptions, TransportTuning } from './options.ts'
import { watchPeerConnections } from './peer-connections.ts'
import { SIGNALLING_PROTOCOL, type SignallingDoor } from './signalling-door.ts'
import { installInitChannelFix } from './webrtc-init-channel.ts'

/** Peers on which a tab reserves a slot. Each costs a stream and a signature when connecting, so not on all. */
const TAB_SLOTS = 4

/**
 * Reservations under way at a time: more than there ever are. Circuit-relay-v2 4.2 empties its queue of waiting ones
 * whenever no slot on tabs is looked for, and leaves who awaits them waiting for ever.
 */
const RESERVATIONS_AT_ONCE = 100

/**
 * How long a slot that we lend lasts while its connection does, milliseconds. Long, because circuit-relay-v2 4.2 can't
 * cancel the timer of a renewed slot, which then takes away the slot that the same tab gets after reconnecting.
 */
const RESERVATION_TTL = 12 * 60 * 60 * 1000

/** Reservations: the addresses that relays, real ones and tabs, lend this tab. */
export interface Listening {
  /** Reserves slots on whichever tabs we are connected with, now and as they change. */
  reserveOnTabs(): Promise<void>
  /** Reserves a slot on one relay, at `<its address>/p2p-circuit`. Rejects when there is none to have. */
  reserve(address: string): Promise<void>
  /** Whether a slot on the relay with this peer id is held now. */
  hasReservation(relay: string): boolean
}

/** libp2p with the services a tab runs. */
export type TabNode = Libp2p<{
  identify: Identify
  ping: Ping
  pubsub: GossipSub
  relayServer: CircuitRelayService
  listening: Listening
}>

/** Who may connect. Asked by libp2p at the points where refusing is cheapest. */
export interface Gate {
  /** Whether libp2p may dial this peer. */
  mayDial(peer: PeerId): boolean
  /** Whether a WebRTC connection or the signalling for one may come in from this peer. */
  mayEnter(peer: PeerId): boolean
  /** Whether this peer may use this tab as a relay. */
  mayRelay(peer: PeerId): boolean
}

/** The parts of libp2p's inside that `listening` works with. */
interface ListeningComponents {
  readonly transportManager: { listen(addresses: Multiaddr[]): Promise<void>; getAddrs(): Multiaddr[] }
  readonly addressManager: {
    confirmObservedAddr(address: Multiaddr): void
    removeObservedAddr(address: Multiaddr): void
  }
}

/**
 * Creates the node, stopped. `subscriptions`: what it gossips on. `introductions` answers the relays and ICE servers of the moment. `door`: where strangers come in; without
 * one it is open.
 */
export async function createTabNode(
  options: TransportOptions & TransportTuning,
  subscriptions: readonly Subscription[],
  privateKey: PrivateKey,
  gate: Gate,
  budget: ConnectionBudget,
  introductions: () => Introductions = () => options,
  door?: SignallingDoor,
): Promise<TabNode> {
  installInitChannelFix()
  watchPeerConnections()
  const makeWebRTC = webRTC({
    // A function, since it is called once for every RTCPeerConnection, just before.
    rtcConfiguration: () => {
      if (!door?.isEntering) budget.spend()
      return { iceServers: introductions().iceServers.map(({ urls }) => ({ urls })) }
    },
  })
  const node: TabNode = await createLibp2p({
    start: false,
    privateKey,
    addresses: {
      // Slots on relays and tabs are reserved one by one, by `listening`.
      listen: ['/webrtc'],
      // Nothing is announced: tabs build each other's addresses from peer ids. Announced ones would nest, tab behind
      // tab, and would let libp2p dial past our dialler.
      announceFilter: () => [],
    },
    transports: [
      webSockets(),
      (components: WebRTCComponents) =>
        makeWebRTC(door === undefined ? components : behind(door, components)),
      circuitRelayTransport({ reservationConcurrency: RESERVATIONS_AT_ONCE }),
    ],
    connectionEncrypters: [noise()],
    // Both ends of what is multiplexed so, the relay and its tabs, ping anyway.
    streamMuxers: [yamux({ enableKeepAlive: false })],
    connectionGater: {
      // The browser's default refuses ws:// and private addresses, on which a class or a test network runs.
      denyDialMultiaddr: () => false,
      denyDialPeer: (peer) => !gate.mayDial(peer.toString() as PeerId),
      denyInboundEncryptedConnection: (peer) => !gate.mayEnter(peer.toString() as PeerId),
      denyInboundRelayedConnection: (relay, peer) =>
        !gate.mayEnter(peer.toString() as PeerId) || door?.mayShakeHands(relay.toString()) === false,
      denyInboundRelayReservation: (peer) => !gate.mayRelay(peer.toString() as PeerId),
      denyOutboundRelayedConnection: (source, destination) =>
        !gate.mayRelay(source.toString() as PeerId) || !gate.mayRelay(destination.toString() as PeerId),
    },
    connectionManager: {
      // All that comes through one relay counts as one host: the default of 5 a second starves a class.
      inboundConnectionThreshold: 1000,
      maxIncomingPendingConnections: 100,
      dialTimeout: options.dialTimeout,
      addressDialTimeout: options.dialTimeout,
      // Lost relays are dialled again by our relay client, and peers by our dialler.
      reconnectRetries: 0,
    },
    // It ends connections whose ping is late, judging by earlier pings; a tab that is mining or hidden is late.
    // Our own pings are more patient.
    connectionMonitor: { enabled: false },
    services: {
      // Relayed connections are for signalling alone.
      identify: identify({ runOnLimitedConnection: false }),
      ping: ping({ maxInboundStreams: 4 }),
      pubsub: (components: GossipSubComponents): GossipSub =>
        gossipsub(gossipOptions(options.networkId, subscriptions))(components),
      relayServer: circuitRelayServer({
        reservations: { maxReservations: 2 * options.maxPeers, reservationTtl: RESERVATION_TTL },
      }),
      listening: (components: ListeningComponents) =>
        listening(components, () => introductions().relays.length),
    },
  })
  node.addEventListener('connection:open', ({ detail: connection }) => {
    if (connection.direction === 'outbound') return
    if (isDirect(connection)) door?.opened(connection.remotePeer.toString() as PeerId)
    else if (isRelayed(connection)) door?.relayedIn(connection)
  })
  const { reservations } = node.services.relayServer
  node.addEventListener('peer:disconnect', ({ detail: peer }) => {
    // Slots otherwise outlive their connection until they expire, and soon peers long gone would hold them all.
    reservations.get(peer)?.signal.clear()
    reservations.delete(peer)
  })
  return node
}

/** The parts of libp2p that @libp2p/webrtc is given. */
type WebRTCComponents = Parameters<ReturnType<typeof webRTC>>[0]

/** The same, but the handler of signalling streams stands behind the door. */
function behind(door: SignallingDoor, components: WebRTCComponents): WebRTCComponents {
  const registrar = new Proxy(components.registrar, {
    get(target, name) {
      if (name !== 'handle') return bound(target, name)
      const handle: typeof target.handle = (protocol, handler, options) =>
        target.handle(
          protocol,
          protocol === SIGNALLING_PROTOCOL
            ? (stream, connection) => door.enter(stream, connection, () => void handler(stream, connection))
            : handler,
          options,
        )
      return handle
    },
  })
  return new Proxy(components, {
    get: (target, name) => (name === 'registrar' ? registrar : Reflect.get(target, name)),
  })
}

/** A member of an object, as one calls it on that object. */
function bound<Target extends object>(target: Target, name: string | symbol): unknown {
  const member: unknown = Reflect.get(target, name)
  return typeof member === 'function' ? member.bind(target) : member
}

function listening(
  { transportManager, addressManager }: ListeningComponents,
  relays: () => number,
): Listening {
  // A slot on a tab that dialled us has an address that begins with /webrtc, at which libp2p 3.3's address manager
  // throws into nowhere ("Multiaddr /webrtc/... was not an IPv4"). Observed addresses are for announcing, and we
  // announce none.
  addressManager.confirmObservedAddr = () => {}
  addressManager.removeObservedAddr = () => {}
  return {
    // A bare `/p2p-circuit` lets libp2p reserve a slot on whichever peer offers one: some for tabs, and one more for
    // every relay, which counts as a peer too. Should tabs take these,
    // as they do while a relay is away, `reserve` still gets its slot beside them.
    reserveOnTabs: () =>
      transportManager.listen(Array.from({ length: TAB_SLOTS + relays() }, () => multiaddr('/p2p-circuit'))),
    reserve: (address) => transportManager.listen([multiaddr(`${address}/p2p-circuit`)]),
    hasReservation: (relay) =>
      transportManager.getAddrs().some((held) => held.toString().endsWith(`/p2p/${relay}/p2p-circuit`)),
  }
}

/** Whether a connection comes through a relay, and no direct one was made of it. */
function isRelayed(connection: Connection): boolean {
  return lastHop(connection) === 'p2p-circuit'
}

/** The last step of a connection's address: what was dialled through a relay tells of both, of the direct step last. */
function lastHop({ remoteAddr }: Connection): string | undefined {
  return remoteAddr.getComponents().findLast(({ name }) => name === 'webrtc' || name === 'p2p-circuit')?.name
}

/**
 * Whether a connection is a tab's own, with no relay in between. Not `limits`: a relay of somebody else's may set
 * none, and what it carries isn't direct for that.
 */
export function isDirect(connection: Connection): boolean {
  return connection.limits === undefined && lastHop(connection) === 'webrtc'
}
