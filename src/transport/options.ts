/**
 * What a transport is created with, and the numbers that shape its behaviour. Thread: Window.
 */

/** Numbers that tests change and nobody else needs to. Times in milliseconds. */
export interface TransportTuning {
  /** Peers the dialler tries to hold, counting those that dialled us. */
  readonly targetPeers: number
  /** Peers above which one is evicted. */
  readonly maxPeers: number
  /** Peers that a tab chooses itself, at least, however many dial it: those who dial it may all be one person. */
  readonly outboundPeers: number
  /** How long remembered peers may let a tab without any peer wait before it dials a stranger beside them. */
  readonly patience: number
  /** A dial, from the relay to the open data channel. */
  readonly dialTimeout: number
  /**
   * Peers that a tab dials for side by side and without rest; for further ones it dials one at a time. More dials under
   * way starve each other of the relay and of the tab's one thread.
   */
  readonly urgentPeers: number
  /** How long a tab leaves the first dial to one that came after it, jittered by a quarter. */
  readonly yieldTime: number
  /** First and longest pause after failing to reach a peer. */
  readonly dialBackoff: readonly [first: number, longest: number]
  /** First and longest pause after failing to reach a relay. */
  readonly relayBackoff: readonly [first: number, longest: number]
  /** First and longest pause between two rounds of asking who is there. */
  readonly askInterval: readonly [first: number, longest: number]
  /** Between two pings of a peer or relay, jittered by a quarter. */
  readonly pingInterval: number
  /** After which an unanswered ping counts as failed; two in a row end the connection. */
  readonly pingTimeout: number
  /** After waking, how long peers and relays have to answer before they count as gone. */
  readonly wakeTimeout: number
  /** How long a new direct connection may take until streams and gossip are set up on it. */
  readonly setupTimeout: number
  /** How long a frame may take to come, beside the time that its length allows. */
  readonly frameTimeout: number
  /** How long the relayed connection outlives the opening of the direct one. */
  readonly relayedLinger: number
  /** After meeting the first peer, how long until slots are reserved on tabs: the first seconds are for finding peers. */
  readonly slotDelay: number
  /** First and longest pause between two exchanges of a peer for another, jittered by a quarter. */
  readonly mixInterval: readonly [first: number, longest: number]
}

/** Servers that help tabs to meet. They may change while a transport runs. */
export interface Introductions {
  /** Multiaddrs of relays, each ending in `/p2p/<peer id>`. */
  readonly relays: readonly string[]
  /** STUN and TURN servers. With none, tabs still connect on one machine or local network. */
  readonly iceServers: readonly { readonly urls: string }[]
}

/** What `createLibp2pTransport` needs to know; its relays and ICE servers are those of the start. */
export interface TransportOptions extends Partial<TransportTuning>, Introductions {
  /** The network's name: lower-case hexadecimal, at most 64 characters. Tabs of another network are not met. */
  readonly networkId: string
  /** Seed of the tab's Ed25519 identity, 32 bytes. */
  readonly identitySeed: Uint8Array
}

/** The numbers in use unless told otherwise. */
export const DEFAULT_TUNING: TransportTuning = {
  targetPeers: 8,
  maxPeers: 12,
  outboundPeers: 4,
  patience: 1500,
  dialTimeout: 15_000,
  urgentPeers: 2,
  yieldTime: 4000,
  dialBackoff: [2000, 300_000],
  relayBackoff: [1000, 30_000],
  askInterval: [1000, 60_000],
  pingInterval: 15_000,
  pingTimeout: 10_000,
  wakeTimeout: 2000,
  setupTimeout: 10_000,
  frameTimeout: 30_000,
  relayedLinger: 1000,
  slotDelay: 10_000,
  mixInterval: [120_000, 1_800_000],
}

/** `options` with every number filled in. */
export function withDefaults(options: TransportOptions): TransportOptions & TransportTuning {
  const all = { ...DEFAULT_TUNING, ...options }
  return { ...all, outboundPeers: Math.min(all.outboundPeers, all.targetPeers) }
}
