/**
 * The tabs we are connected with: one direct connection and one stream each. Thread: Window.
 *
 * The side that dialled a connection opens the stream on it. Each side says on it when it has heard the other's gossip
 * subscriptions, and a peer is announced when both have: from then on frames and gossip reach it. It is gone when its
 * stream or connection ends; neither lives on without the other.
 */

import type { Connection, Stream } from '@libp2p/interface'
import type { PeerId, PeerInfo, TransportOffence } from '../protocol/transport.ts'
import { addressGroup } from './bans.ts'
import { isDirect, type TabNode } from './libp2p-node.ts'
import { guardOf, letGo, remoteAddressOf } from './peer-connections.ts'
import { PeerStream } from './peer-stream.ts'
import { pause } from './timing.ts'

/** Two connections opened within this time, milliseconds, come from both sides dialling at once. */
const SIMULTANEOUS = 5000

/** How long a newcomer that dialled us is on probation, where others from its address did wrong, milliseconds. */
const PROBATION = 300_000

/** How many of the peers with the longest stay, and of those with the lowest latency, are never sent away to make room. */
const PROTECTED = 4

/** What a `PeerTable` reports. */
export interface PeerTableEvents {
  /**
   * A direct connection ended before its peer could be announced. `silent`: it was the peer's dial, and nothing came
   * over it. libp2p reports such a connection as open when the peer gave up while looking for a direct path.
   */
  failed(id: PeerId, silent: boolean): void
  /** A peer dialled us, and nothing came of the connection by its doing; told after `failed`. */
  wasted(id: PeerId): void
  connected(peer: PeerInfo): void
  disconnected(id: PeerId): void
  /** A peer broke the rules of streams and channels; told before its connection ends. */
  offended(id: PeerId, offence: TransportOffence): void
  frame(from: PeerId, frame: Uint8Array): Promise<void>
  latency(id: PeerId, milliseconds: number): void
}

/** The bounds of a `PeerTable`. Times in milliseconds. */
export interface PeerTableOptions {
  readonly self: PeerId
  readonly protocol: string
  readonly maxPeers: number
  readonly relayedLinger: number
  /** How long a new connection may take until its peer can be announced. */
  readonly setupTimeout: number
  /** What a frame may take beside the time its length allows. */
  readonly frameTimeout: number
  /** Whether this tab was our peer for a while. */
  readonly isFriend: (id: PeerId) => boolean
  /** How many newcomers from an address group may be on probation at a time; undefined when there is nothing against it. */
  readonly placesFor: (address: string) => number | undefined
  /** Whether gossip has heard this peer's subscriptions. */
  readonly isSubscribed: (id: PeerId) => boolean
  readonly stopped: AbortSignal
}

interface Entry {
  readonly id: PeerId
  connection: Connection
  stream: PeerStream | undefined
  /** We have told the peer that we are ready, and it has told us. */
  weAreReady: boolean
  peerIsReady: boolean
  announced: boolean
  /** It came to take the place of another. */
  isExtra: boolean
  latency: number | undefined
  /** The group of its address; undefined until the browser has told it. */
  address: string | undefined
}

/** The table of peers. */
export class PeerTable {
  readonly #node: TabNode
  readonly #options: PeerTableOptions
  readonly #events: PeerTableEvents
  readonly #entries = new Map<PeerId, Entry>()

  constructor(node: TabNode, options: PeerTableOptions, events: PeerTableEvents) {
    this.#node = node
    this.#options = options
    this.#events = events
  }

  /** Starts to watch connections and to answer the stream's protocol. */
  async start(): Promise<void> {
    this.#node.addEventListener('connection:open', ({ detail }) => this.#opened(detail))
    this.#node.addEventListener('connection:close', ({ detail }) => this.#closed(detail))
    await this.#node.handle(
      this.#options.protocol,
      (stream, connection) => {
        const entry = this.#entries.get(idOf(connection))
        if (entry?.connection === connection && connection.direction === 'inbound') {
          this.#attach(entry, stream)
        } else {
          stream.abort(new Error('A stream on a connection that was not kept'))
        }
      },
      { maxInboundStreams: 1, maxOutboundStreams: 1 },
    )
  }

  /** Announced peers, longest stay first. */
  get connected(): PeerId[] {
    return [...this.#entries.values()].filter(({ announced }) => announced).map(({ id }) => id)
  }

  /** Direct connections, including those whose peer isn't announced yet. */
  get size(): number {
    return this.#entries.size
  }

  /** Whether there is a direct connection to this peer. */
  has(id: PeerId): boolean {
    return this.#entries.has(id)
  }

  /** The direct connection to an announced peer. */
  connectionTo(id: PeerId): Connection | undefined {
    const entry = this.#entries.get(id)
    return entry?.announced ? entry.connection : undefined
  }

  /** The group of the address of a peer that is connected directly; undefined when it isn't known. */
  addressOf(id: PeerId): string | undefined {
    return this.#entries.get(id)?.address
  }

  /** Queues a frame; does nothing when the peer is gone. */
  send(to: PeerId, frame: Uint8Array): void {
    const entry = this.#entries.get(to)
    if (entry?.announced) entry.stream?.send(frame)
  }

  /** Gossip has heard a peer's subscriptions. */
  subscribed(id: PeerId): void {
    const entry = this.#entries.get(id)
    if (entry !== undefined) this.#advance(entry)
  }

  /** Notes and reports a measured round-trip time, milliseconds. */
  setLatency(id: PeerId, milliseconds: number): void {
    const entry = this.#entries.get(id)
    if (!entry?.announced) return
    entry.latency = milliseconds
    this.#events.latency(id, milliseconds)
  }

  /** Ends a peer's stream and connection. */
  disconnect(id: PeerId, reason: string): void {
    const entry = this.#entries.get(id)
    if (entry !== undefined) this.#drop(entry, reason)
  }

  /** Ends them all. */
  disconnectAll(reason: string): void {
    for (const entry of [...this.#entries.values()]) this.#drop(entry, reason)
  }

  /** Sends one peer away in exchange for a new one, as soon as that is announced. */
  exchange(newcomer: PeerId): void {
    const entry = this.#entries.get(newcomer)
    if (entry === undefined) return
    entry.isExtra = true
    if (entry.announced) this.#exchange(entry)
  }

  #opened(connection: Connection): void {
    if (!isDirect(connection)) return
    if (this.#options.stopped.aborted) {
      close(connection)
      return
    }
    const id = idOf(connection)
    const current = this.#entries.get(id)
    if (current !== undefined) {
      if (!this.#replaces(connection, current.connection)) {
        close(connection)
        return
      }
      this.#drop(current, 'replaced by another connection')
    }
    const entry: Entry = {
      id,
      connection,
      stream: undefined,
      weAreReady: false,
      peerIsReady: false,
      announced: false,
      isExtra: false,
      latency: undefined,
      address: undefined,
    }
    this.#entries.set(id, entry)
    guardOf(connection)?.attach({
      connection,
      // The brain counts its messages.
      countsItself: (protocol) => protocol === this.#options.protocol,
      offended: (offence) => {
        this.#events.offended(id, offence)
        this.#drop(entry, offence.detail)
      },
    })
    void this.#learnAddress(entry)
    void this.#closeRelayed(id)
    void this.#openStream(entry)
    if (this.#entries.size > this.#options.maxPeers) this.#evict()
  }

  /**
   * Which of two connections to a peer stays. Both sides must choose the same: of two that were dialled from both
   * sides at once it is the lower peer id's. Otherwise it is the later one, since a peer dials again only when it
   * has lost the earlier, by a reload for example, which we may not have noticed yet.
   */
  #replaces(connection: Connection, current: Connection): boolean {
    const simultaneous = connection.timeline.open - current.timeline.open < SIMULTANEOUS
    if (current.status !== 'open' || !simultaneous || connection.direction === current.direction) return true
    const lowerDialled = this.#options.self < idOf(connection) ? 'outbound' : 'inbound'
    return connection.direction === lowerDialled
  }

  /** Where others from a newcomer's address did wrong, few come in at a time, and they are watched more closely. */
  async #learnAddress(entry: Entry): Promise<void> {
    const { id, connection } = entry
    const address = addressGroup(await remoteAddressOf(connection))
    entry.address = address
    const places = this.#options.placesFor(address)
    if (places === undefined || !this.#isOnProbation(entry)) return
    guardOf(connection)?.watchClosely()
    const others = [...this.#entries.values()].filter(
      (other) => other !== entry && other.address === address && this.#isOnProbation(other),
    )
    if (others.length < places || this.#entries.get(id) !== entry) return
    this.#drop(entry, 'newcomers from where others did wrong come in few at a time')
  }

  #isOnProbation({ id, connection }: Entry): boolean {
    const isNew = Date.now() - connection.timeline.open < PROBATION
    return isNew && connection.direction === 'inbound' && !this.#options.isFriend(id)
  }

  #closed(connection: Connection): void {
    if (isDirect(connection)) letGo(connection)
    const entry = this.#entries.get(idOf(connection))
    if (entry?.connection === connection) {
      this.#waste(entry, 'the connection closed')
    } else if (entry !== undefined && isDirect(connection)) {
      // Gossipsub puts its stream on one connection and doesn't move it when that one closes while another lives.
      // Another identify makes it look again.
      this.#node.services.identify.identify(entry.connection).catch(() => {})
    }
  }

  async #openStream(entry: Entry): Promise<void> {
    const { connection } = entry
    const signal = AbortSignal.any([AbortSignal.timeout(this.#options.setupTimeout), this.#options.stopped])
    signal.addEventListener('abort', () => {
      if (!entry.announced) this.#waste(entry, 'the peer took too long to set up its stream and gossip')
    })
    if (connection.direction === 'inbound') return
    try {
      this.#attach(entry, await connection.newStream(this.#options.protocol, { signal }))
    } catch (error) {
      this.#drop(entry, `no stream could be opened: ${error}`)
    }
  }

  #attach(entry: Entry, stream: Stream): void {
    if (this.#entries.get(entry.id) !== entry || entry.stream !== undefined) {
      stream.abort(new Error('A stream that is not wanted'))
      return
    }
    entry.stream = new PeerStream(
      stream,
      {
        frame: async (frame) => {
          if (!entry.announced) throw new Error('a frame before we were ready')
          await this.#events.frame(entry.id, frame)
        },
        ready: () => {
          entry.peerIsReady = true
          this.#advance(entry)
        },
        end: (reason, offence) => {
          if (offence !== undefined && this.#entries.get(entry.id) === entry)
            this.#events.offended(entry.id, offence)
          this.#waste(entry, reason)
        },
      },
      this.#options.frameTimeout,
    )
    this.#advance(entry)
  }

  /** Takes the steps that have become possible between opening a stream and announcing the peer. */
  #advance(entry: Entry): void {
    const { id, connection, stream } = entry
    if (stream === undefined) return
    if (!entry.weAreReady && this.#options.isSubscribed(id)) {
      entry.weAreReady = true
      stream.sendReady()
    }
    if (entry.weAreReady && entry.peerIsReady && !entry.announced) {
      entry.announced = true
      this.#events.connected({
        id,
        direction: connection.direction,
        address: connection.remoteAddr.toString(),
      })
      if (entry.isExtra) this.#exchange(entry)
    }
  }

  #drop(entry: Entry, reason: string): void {
    if (this.#entries.get(entry.id) !== entry) return
    this.#entries.delete(entry.id)
    entry.stream?.end(reason)
    close(entry.connection)
    if (entry.announced) this.#events.disconnected(entry.id)
    else this.#events.failed(entry.id, entry.stream === undefined && entry.connection.direction === 'inbound')
  }

  /** As `#drop`, where it is the peer's doing. */
  #waste(entry: Entry, reason: string): void {
    const { id, announced, connection } = entry
    if (this.#entries.get(id) !== entry) return
    this.#drop(entry, reason)
    if (!announced && connection.direction === 'inbound' && !this.#options.stopped.aborted)
      this.#events.wasted(id)
  }

  /** Signalling is over a moment after the direct connection opens; the relayed one then only takes up the relay. */
  async #closeRelayed(id: PeerId): Promise<void> {
    await pause(this.#options.relayedLinger, this.#options.stopped)
    for (const connection of this.#node.getConnections()) {
      if (idOf(connection) === id && !isDirect(connection)) close(connection)
    }
  }

  /**
   * At random, but neither the newcomer nor those with the longest stay, so that whoever floods the network with peers
   * of his own never replaces them all.
   */
  #exchange(newcomer: Entry): void {
    const others = [...this.#entries.values()].slice(PROTECTED).filter((entry) => entry !== newcomer)
    const leaving = others[Math.floor(Math.random() * others.length)]
    if (leaving !== undefined) this.#drop(leaving, 'exchanged for another peer')
  }

  /**
   * Makes room as Bitcoin Core does: never a peer that we chose, nor those with the longest stay or the lowest
   * latency, which an attacker can't fake cheaply; of the others the newest.
   */
  #evict(): void {
    const inbound = [...this.#entries.values()].filter(({ connection }) => connection.direction === 'inbound')
    const nearest = [...inbound]
      .sort((a, b) => (a.latency ?? Infinity) - (b.latency ?? Infinity))
      .slice(0, PROTECTED)
    const candidates = inbound.slice(PROTECTED).filter((entry) => !nearest.includes(entry))
    const evicted = candidates.at(-1) ?? inbound.at(-1)
    if (evicted !== undefined) this.#drop(evicted, 'more peers than we can serve')
  }
}

function idOf(connection: Connection): PeerId {
  return connection.remotePeer.toString() as PeerId
}

function close(connection: Connection): void {
  connection.close().catch((error: Error) => connection.abort(error))
}
