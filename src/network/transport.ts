/**
 * The port through which the brain reaches other tabs. Transports move bytes and know no rules: libp2p in a
 * tab's Window (`src/transport`), a virtual network in the simulator (`src/simulation`). Thread: any.
 */

/** A libp2p peer id in its text form (base58btc), the key under which everything about a peer is kept. */
export type PeerId = string & { readonly __brand: 'PeerId' }

/** Name of a gossip topic; on the wire `/opentab/<network id>/<topic>`. */
export type Topic = string

/** A topic that a tab hears. */
export interface Subscription {
  readonly topic: Topic
  /** Every tab of the network hears it: a peer counts as connected once it has told that it does. */
  readonly isCommon: boolean
}

/**
 * What the brain answers about a gossiped message. `accept` forwards it, `ignore` drops it without blame,
 * `reject` drops it and lowers the sender's gossip score.
 */
export type GossipVerdict = 'accept' | 'ignore' | 'reject'

export interface PeerInfo {
  readonly id: PeerId
  /** `outbound`: we dialled. */
  readonly direction: 'inbound' | 'outbound'
  /** Multiaddr of the connection, for display only. */
  readonly address: string
  /**
   * `anchor`: one of the best of those remembered, whoever dialled; `outbound-full-relay`: another that we dialled; `inbound`:
   * another that dialled us. As Bitcoin Core names them.
   */
  readonly connectionType?: 'anchor' | 'outbound-full-relay' | 'inbound'
  /** Peer id of the relay or tab that introduced it; absent where unknown. */
  readonly introducer?: PeerId
  /** Which addresses count as one with its own, as text (see `addressGroup`); absent where its address is unknown. */
  readonly addressGroup?: string
}

/**
 * What a peer is to us by what it did: `anchor`, one of the few that served best, dialled first after a reload; `proven`, it stayed
 * long, or was often the first to tell a block, on a connection that we chose; `met`, no more than met.
 */
export type Standing = 'anchor' | 'proven' | 'met'

/** A peer remembered from an earlier life of this tab. */
export interface RememberedPeer {
  readonly id: PeerId
  readonly standing: Standing
  /** Peer ids of relays and tabs that introduced it, the last one last. */
  readonly introducers: readonly PeerId[]
  readonly addressGroup?: string
}

export interface RelayInfo {
  /** Multiaddr as configured. */
  readonly address: string
  /** `reserved`: connected and able to introduce this tab to others. */
  readonly state: 'connecting' | 'connected' | 'reserved' | 'unreachable'
}

export interface NetworkStatus {
  readonly relays: readonly RelayInfo[]
  /** Peers reached directly (not through a relay). Relayed connections never carry chain data. */
  readonly directPeers: number
  /** Peers that could be reached through a relay only: no direct path was found. */
  readonly relayedOnlyPeers: number
  /**
   * The share of the WebRTC connections that the browser grants this tab at a time that is used up, 0 to 1: it falls as closed ones are
   * freed. Near 1 the tab soon meets nobody. Absent where nothing limits them.
   */
  readonly connectionsUsed?: number
  /** Attacks under way, for people, in the order in which they began; absent or empty while there is none. */
  readonly alarms?: readonly NetworkAlarm[]
}

/** An attack under way that the transport sees and holds off. */
export interface NetworkAlarm {
  /** Names the kind of attack; at most one alarm of a code is told at a time. */
  readonly code: string
  /** What happens, what is kept and what to do, for people. */
  readonly sentence: string
  /** When it began, milliseconds since 1970. */
  readonly since: number
}

/** What a peer did below the level of messages: on its connection, its streams or the signalling for them. */
export interface TransportOffence {
  /** Names the kind of offence. */
  readonly code: string
  /** A sentence for people. */
  readonly detail: string
  /** Score points; 100 ends the connection and bans at once. */
  readonly penalty: number
}

/** What a transport delivers. The brain implements it. */
export interface TransportHandler {
  /** What is gossiped on other topics is neither delivered nor forwarded. Fixed from the start on. */
  readonly subscriptions: readonly Subscription[]
  /** A direct connection is open and its stream can carry frames. Called once until `peerDisconnected`. */
  peerConnected(peer: PeerInfo): void
  peerDisconnected(id: PeerId): void
  /**
   * One whole frame from a connected peer. The transport counts it as in flight until the promise resolves, and
   * bounds the frames and bytes in flight per peer. The handler owns the buffer.
   */
  frame(from: PeerId, frame: Uint8Array): Promise<void>
  /** A gossiped message, asked once per distinct payload. Gossipsub drops what waits more than 5 s. */
  gossip(message: { topic: Topic; payload: Uint8Array; from: PeerId }): Promise<GossipVerdict>
  /** Round-trip time to a connected peer, milliseconds, measured about every 15 s. */
  latency(id: PeerId, milliseconds: number): void
  /** A peer broke the transport's rules. It may not be connected: not yet, or no more. */
  misbehaved(from: PeerId, offence: TransportOffence): void
  /** The tab was away (asleep, stopped, without network) and is back: what it knows of its peers is old. */
  woke?(): void
  status(status: NetworkStatus): void
}

export interface Transport {
  /** This tab's own peer id. */
  readonly self: PeerId
  /** Starts delivering to `handler`. `remembered`: peers of an earlier life, best first. */
  start(handler: TransportHandler, remembered?: readonly RememberedPeer[]): Promise<void>
  stop(): Promise<void>
  /**
   * Queues a frame on the peer's stream, in order. Frames to a peer that is gone are dropped; a peer whose queue
   * exceeds its byte bound is disconnected. The transport owns the buffer from here on.
   */
  send(to: PeerId, frame: Uint8Array): void
  /** Gossips a payload of our own. */
  publish(topic: Topic, payload: Uint8Array): void
  /** Ends the connection; the peer is neither dialled nor accepted for `banSeconds` (0: until it comes back). */
  disconnect(peer: PeerId, reason: string, banSeconds: number): void
  /** Ends a ban before its time. */
  allow(peer: PeerId): void
  /** A connected peer was just the first to tell a block, or rose to `standing`: it keeps its place before others. */
  valued(peer: PeerId, standing: Standing): void
}

/** Largest frame on a peer stream, bytes: a full block of 4,000,000 weight units and its envelope. */
export const MAX_FRAME_BYTES = 4_100_000

/** Largest gossiped payload, bytes. What is larger is announced by its header and fetched over a stream. */
export const MAX_GOSSIP_BYTES = 524_288
