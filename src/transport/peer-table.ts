/**
 * The tabs we are connected with: one direct connection and one stream each. Thread: Window.
 *
 * The side that dialled a connection opens the stream on it. Each side says on it when it has heard the other's gossip
 * subscriptions, and a peer is announced when both have: from then on frames and gossip reach it. It is gone when its
 * stream or connection ends; neither lives on without the other.
 */

import type { Connection, Stream } from '@libp2p/interface'
import type { PeerId, PeerInfo, Standing, TransportOffence } from '../network/transport.ts'
import { addressGroup, addressHost } from './address-group.ts'
import { isKnown } from './candidates.ts'
import { chooseEvicted, chooseExchanged, type Occupant } from './eviction.ts'
import { isDirect, type TabNode } from './libp2p-node.ts'
import { guardOf, letGo } from './peer-connections.ts'
import { PeerStream } from './peer-stream.ts'
import { remoteAddressOf } from './remote-address.ts'
import { patience, pause, within } from './timing.ts'

/** Two connections opened within this time, milliseconds, come from both sides dialling at once. */
const SIMULTANEOUS = 5000

/** How long a newcomer that dialled us is on probation, where others from its address did wrong, milliseconds. */
const PROBATION = 300_000

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
  readonly outboundPeers: number
  readonly relayedLinger: number
  /** How long a new connection may take until its peer can be announced. */
  readonly setupTimeout: number
  /** What a frame may take beside the time its length allows. */
  readonly frameTimeout: number
  /** Whether this tab was our peer for a while. */
  readonly isFriend: (id: PeerId) => boolean
  /** How many newcomers from a host may be on probation at a time; undefined when there is nothing against it. */
  readonly placesFor: (host: string) => number | undefined
  /** Whether gossip has heard this peer's subscriptions. */
  readonly isSubscribed: (id: PeerId) => boolean
  /** What a peer is to us; undefined for a stranger. */
  readonly standingOf: (id: PeerId) => Standing | undefined
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
  /** Aborts when it is announced or gone: nothing waits for it then, nor holds on to its connection. */
  readonly decided: AbortController
  /** It came to take the place of another. */
  isExtra: boolean
  latency: number | undefined
  /** When it was last the first to tell a block, milliseconds of `performance.now()`. */
  usefulAt: number | undefined
  /** Where it is, as far as the browser tells: the group of its address, and its host. */
  addressGroup: string | undefined
  addressHost: string | undefined
  readonly introducer: PeerId | undefined
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

  /**
   * Whether a tab that dials us by way of `introducer` would have a place. One that wouldn't is told before a connection is made: of a connection
   * that is closed at once Firefox tells nothing, so that the dial goes on until it times out.
   */
  hasPlaceFor(id: PeerId, introducer: PeerId): boolean {
    if (this.has(id)) return true
    const newcomer: Occupant = {
      id,
      outbound: false,
      known: isKnown(this.#options.standingOf(id)),
      announced: false,
      latency: undefined,
      usefulAt: undefined,
      addressGroup: undefined,
      introducer,
    }
    return chooseEvicted([...this.#occupants, newcomer], id, this.#options) !== id
  }

  /** The peers that we chose: we dialled them, or know them of old, whoever dialled. */
  get chosen(): { readonly id: PeerId; readonly addressGroup: string | undefined }[] {
    return this.#occupants.filter(({ outbound, known }) => outbound || known)
  }

  /** A peer was the first to tell a block, or rose in standing. */
  valued(id: PeerId): void {
    const entry = this.#entries.get(id)
    if (entry !== undefined) entry.usefulAt = performance.now()
  }

  /** The direct connection to an announced peer. */
  connectionTo(id: PeerId): Connection | undefined {
    const entry = this.#entries.get(id)
    return entry?.announced ? entry.connection : undefined
  }

  /** The host of a peer that is connected directly, as `addressHost` names it; undefined when it isn't known. */
  hostOf(id: PeerId): string | undefined {
    return this.#entries.get(id)?.addressHost
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
      decided: new AbortController(),
      isExtra: false,
      latency: undefined,
      usefulAt: undefined,
      addressGroup: undefined,
      addressHost: undefined,
      introducer: this.#introducerOf(connection),
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
    void this.#closeRelayed(id)
    void this.#openStream(entry)
    void this.#locate(entry)
    const evicted = chooseEvicted(this.#occupants, id, this.#options)
    if (evicted !== undefined) this.#drop(this.#entries.get(evicted)!, 'more peers than we can serve')
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

  /** Where others from a newcomer's host did wrong, few come in at a time, and they are watched more closely. */
  #admit(entry: Entry): void {
    const { id, connection, addressHost: host } = entry
    const places = host === undefined ? undefined : this.#options.placesFor(host)
    if (places === undefined || !this.#isOnProbation(entry)) return
    guardOf(connection)?.watchClosely()
    const others = [...this.#entries.values()].filter(
      (other) => other !== entry && other.addressHost === host && this.#isOnProbation(other),
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
    const { connection, decided } = entry
    const { protocol, setupTimeout, stopped } = this.#options
    const over = AbortSignal.any([decided.signal, stopped])
    void patience(setupTimeout, over).then(() => {
      if (!entry.announced) this.#waste(entry, 'the peer took too long to set up its stream and gossip')
    })
    if (connection.direction === 'inbound') return
    try {
      const stream = await within(setupTimeout, over, (signal) => connection.newStream(protocol, { signal }))
      this.#attach(entry, stream)
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
    const { id, stream } = entry
    if (stream === undefined) return
    if (!entry.weAreReady && this.#options.isSubscribed(id)) {
      entry.weAreReady = true
      stream.sendReady()
    }
    if (entry.weAreReady && entry.peerIsReady && !entry.announced) {
      entry.announced = true
      entry.decided.abort()
      this.#events.connected(this.#describe(entry))
      if (entry.isExtra) this.#exchange(entry)
    }
  }

  #drop(entry: Entry, reason: string): void {
    if (this.#entries.get(entry.id) !== entry) return
    this.#entries.delete(entry.id)
    entry.decided.abort()
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

  #exchange(newcomer: Entry): void {
    const leaving = chooseExchanged(this.#occupants, newcomer.id, Math.random)
    if (leaving !== undefined) this.#drop(this.#entries.get(leaving)!, 'exchanged for another peer')
  }

  /** All entries as those who choose among them see them, longest stay first. */
  get #occupants(): Occupant[] {
    return [...this.#entries.values()].map((entry) => ({
      id: entry.id,
      outbound: entry.connection.direction === 'outbound',
      known: isKnown(this.#options.standingOf(entry.id)),
      announced: entry.announced,
      latency: entry.latency,
      usefulAt: entry.usefulAt,
      addressGroup: entry.addressGroup,
      introducer: entry.introducer,
    }))
  }

  #describe({ id, connection, addressGroup, introducer }: Entry): PeerInfo {
    const { direction, remoteAddr } = connection
    const isAnchor = this.#options.standingOf(id) === 'anchor'
    const byDialler = direction === 'outbound' ? 'outbound-full-relay' : 'inbound'
    return {
      id,
      direction,
      address: remoteAddr.toString(),
      connectionType: isAnchor ? 'anchor' : byDialler,
      ...(introducer !== undefined && { introducer }),
      ...(addressGroup !== undefined && { addressGroup }),
    }
  }

  /** Who relayed the signalling: named in the address that we dialled, or by the relayed connection over which we were dialled. */
  #introducerOf(connection: Connection): PeerId | undefined {
    const relayed = this.#node
      .getConnections(connection.remotePeer)
      .filter((other) => !isDirect(other))
      .map((other) => relayIn(other))
    return relayIn(connection) ?? relayed.find((relay) => relay !== undefined)
  }

  /** Finds out where the peer is, which takes less time than setting up streams and gossip. */
  async #locate(entry: Entry): Promise<void> {
    const address = await remoteAddressOf(entry.connection)
    entry.addressGroup = address === undefined ? undefined : addressGroup(address)
    // Those whose addresses are hidden share one account.
    entry.addressHost = (address === undefined ? undefined : addressHost(address)) ?? 'hidden'
    this.#admit(entry)
  }
}

/** The relay in a connection's address, `<address>/p2p/<relay>/p2p-circuit/…`. */
function relayIn({ remoteAddr }: Connection): PeerId | undefined {
  const components = remoteAddr.getComponents()
  const circuit = components.findIndex(({ name }) => name === 'p2p-circuit')
  const relay = circuit > 0 ? components[circuit - 1] : undefined
  return relay?.name === 'p2p' ? (relay.value as PeerId | undefined) : undefined
}

function idOf(connection: Connection): PeerId {
  return connection.remotePeer.toString() as PeerId
}

function close(connection: Connection): void {
  connection.close().catch((error: Error) => connection.abort(error))
}
