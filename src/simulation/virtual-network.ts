/**
 * A network of virtual tabs: reliable ordered frames and flooded gossip between connected endpoints, with latency, loss of
 * gossip, partitions and vanishing peers drawn from the seed. As relays do for real tabs, it keeps introducing those that lack peers, and
 * never leaves the honest in two halves that don't know of each other. Implements the Transport port of `protocol`.
 */

import type {
  GossipVerdict,
  NetworkStatus,
  PeerId,
  Topic,
  Transport,
  TransportHandler,
} from '../network/transport.ts'
import { MAX_FRAME_BYTES, MAX_GOSSIP_BYTES } from '../network/transport.ts'
import { bytesToHex } from '../primitives/bytes.ts'
import { sha256 } from '../primitives/hashes.ts'
import type { SeededRandom } from './seeded-random.ts'
import type { VirtualTime } from './virtual-time.ts'

export interface NetworkConditions {
  /** One-way latency of a link, milliseconds: drawn once per link between these. */
  readonly latency: readonly [least: number, most: number]
  /** Share of gossip messages that get lost on a hop. Frames are never lost: streams retransmit. */
  readonly gossipLoss: number
  /** Peers that each endpoint dials. */
  readonly degree: number
}

/** Milliseconds between two rounds of dialling. */
const DIAL_INTERVAL = 5_000
/** Milliseconds for which an endpoint drops a payload that it saw before, as gossipsub does. */
const SEEN_TIME = 120_000

interface Link {
  readonly a: VirtualTransport
  readonly b: VirtualTransport
  readonly latency: number
  open: boolean
}

export class VirtualNetwork {
  readonly time: VirtualTime
  readonly conditions: NetworkConditions
  private readonly random: SeededRandom
  private readonly endpoints = new Map<PeerId, VirtualTransport>()
  private readonly links = new Set<Link>()
  /** Group of an endpoint; endpoints of different groups can't reach each other. */
  private readonly groups = new Map<PeerId, number>()
  private readonly bans = new Map<string, number>()
  private readonly hostile = new Set<PeerId>()
  private dialling = false

  constructor(time: VirtualTime, random: SeededRandom, conditions: NetworkConditions) {
    this.time = time
    this.random = random
    this.conditions = conditions
  }

  /** A new endpoint; it joins the network when it is started. Nobody counts on a hostile one to pass anything on. */
  endpoint(id: PeerId, { hostile = false } = {}): VirtualTransport {
    if (hostile) this.hostile.add(id)
    return new VirtualTransport(this, id)
  }

  /** Cuts all links between groups. Endpoints not named form one more group. */
  partition(groups: readonly (readonly PeerId[])[]): void {
    this.groups.clear()
    groups.forEach((group, number) => {
      for (const id of group) this.groups.set(id, number + 1)
    })
    for (const link of [...this.links]) if (!this.reachable(link.a.self, link.b.self)) this.cut(link)
    this.topUp()
  }

  /** Ends the partition; the endpoints dial each other again. */
  heal(): void {
    this.groups.clear()
    this.topUp()
  }

  /** Connections open now. */
  get linkCount(): number {
    return this.links.size
  }

  /** Called by endpoints. */
  join(endpoint: VirtualTransport): void {
    this.endpoints.set(endpoint.self, endpoint)
    this.topUp()
    if (!this.dialling) this.dial()
  }

  /** Called by endpoints; the others notice after the latency of their link. */
  leave(endpoint: VirtualTransport): void {
    if (this.endpoints.get(endpoint.self) !== endpoint) return
    this.endpoints.delete(endpoint.self)
    for (const link of [...this.links]) if (link.a === endpoint || link.b === endpoint) this.cut(link)
    this.topUp()
  }

  /** Ends the connection between two endpoints; with a ban it does not come back for that long. */
  disconnect(from: PeerId, to: PeerId, banSeconds: number): void {
    if (banSeconds > 0) this.bans.set(pairKey(from, to), this.time.now() + banSeconds * 1000)
    const link = this.linkBetween(from, to)
    if (link) this.cut(link)
  }

  /** Ends a ban between two endpoints. */
  allow(from: PeerId, to: PeerId): void {
    this.bans.delete(pairKey(from, to))
  }

  linkBetween(a: PeerId, b: PeerId): Link | undefined {
    for (const link of this.links)
      if ((link.a.self === a && link.b.self === b) || (link.a.self === b && link.b.self === a)) return link
    return undefined
  }

  linksOf(id: PeerId): Link[] {
    return [...this.links].filter((link) => link.a.self === id || link.b.self === id)
  }

  gossipIsLost(): boolean {
    return this.random.chance(this.conditions.gossipLoss)
  }

  private reachable(a: PeerId, b: PeerId): boolean {
    return (this.groups.get(a) ?? 0) === (this.groups.get(b) ?? 0)
  }

  private banned(a: PeerId, b: PeerId): boolean {
    return (this.bans.get(pairKey(a, b)) ?? 0) > this.time.now()
  }

  private cut(link: Link): void {
    this.links.delete(link)
    link.open = false
    for (const [end, other] of [
      [link.a, link.b],
      [link.b, link.a],
    ])
      this.time.after(link.latency, () => end.lost(link, other.self))
  }

  private dial(): void {
    this.dialling = true
    this.time.after(DIAL_INTERVAL, () => {
      this.topUp()
      this.dial()
    })
  }

  /** Every endpoint dials random reachable others until it has its degree; then the honest are joined into one. */
  private topUp(): void {
    for (const endpoint of this.endpoints.values()) {
      const links = this.linksOf(endpoint.self).length
      if (links >= this.conditions.degree) continue
      const others = [...this.endpoints.values()].filter((other) => this.canConnect(endpoint, other))
      for (const other of this.random.shuffle(others).slice(0, this.conditions.degree - links))
        this.connect(endpoint, other)
    }
    this.joinHonest()
  }

  /** Connects honest endpoints that could reach each other and don't, not even through other honest ones. */
  private joinHonest(): void {
    const honest = [...this.endpoints.values()].filter(({ self }) => !this.hostile.has(self))
    const reached = new Set<VirtualTransport>()
    for (const start of honest) {
      if (reached.has(start)) continue
      const known = [...reached].find((other) => this.canConnect(start, other))
      if (known) this.connect(start, known)
      reached.add(start)
      for (const at of reached)
        for (const { a, b } of this.linksOf(at.self))
          for (const end of [a, b]) if (!this.hostile.has(end.self)) reached.add(end)
    }
  }

  private canConnect(a: VirtualTransport, b: VirtualTransport): boolean {
    return (
      a !== b &&
      this.linkBetween(a.self, b.self) === undefined &&
      this.reachable(a.self, b.self) &&
      !this.banned(a.self, b.self)
    )
  }

  private connect(a: VirtualTransport, b: VirtualTransport): void {
    const link: Link = { a, b, latency: this.random.between(...this.conditions.latency), open: true }
    this.links.add(link)
    this.time.after(link.latency, () => {
      if (!link.open) return
      a.linked(link, b.self, 'outbound')
      b.linked(link, a.self, 'inbound')
    })
  }
}

export class VirtualTransport implements Transport {
  readonly self: PeerId
  private readonly network: VirtualNetwork
  private handler: TransportHandler | undefined
  private readonly peers = new Map<PeerId, Link>()
  /** Payloads seen and when, by topic and SHA-256: asked and forwarded once, as gossipsub does. */
  private readonly seen = new Map<string, number>()

  constructor(network: VirtualNetwork, id: PeerId) {
    this.network = network
    this.self = id
  }

  async start(handler: TransportHandler): Promise<void> {
    this.handler = handler
    this.network.join(this)
  }

  async stop(): Promise<void> {
    this.handler = undefined
    this.network.leave(this)
    this.peers.clear()
  }

  send(to: PeerId, frame: Uint8Array): void {
    const link = this.peers.get(to)
    if (link === undefined) return
    if (frame.length > MAX_FRAME_BYTES)
      throw new Error(`a frame of ${frame.length} bytes exceeds the transport's limit`)
    const copy = frame.slice()
    this.network.time.after(link.latency, () => {
      if (link.open) opposite(link, this).deliver(this.self, link, copy)
    })
  }

  publish(topic: Topic, payload: Uint8Array): void {
    if (payload.length > MAX_GOSSIP_BYTES)
      throw new Error(`a payload of ${payload.length} bytes exceeds the limit of gossip`)
    const key = payloadKey(topic, payload)
    this.see(key)
    this.spread(topic, payload, key)
  }

  disconnect(peer: PeerId, _reason: string, banSeconds: number): void {
    this.network.disconnect(this.self, peer, banSeconds)
  }

  allow(peer: PeerId): void {
    this.network.allow(this.self, peer)
  }

  /** It dials whom the network introduces, and has room for all. */
  valued(): void {}

  /** The network opened a link. */
  linked(link: Link, id: PeerId, direction: 'inbound' | 'outbound'): void {
    if (this.handler === undefined) return
    this.peers.set(id, link)
    this.handler.peerConnected({ id, direction, address: `/virtual/${id}` })
    this.handler.latency(id, link.latency * 2)
    this.tellStatus()
  }

  /** The network cut a link. */
  lost(link: Link, id: PeerId): void {
    if (this.handler === undefined || this.peers.get(id) !== link) return
    this.peers.delete(id)
    this.handler.peerDisconnected(id)
    this.tellStatus()
  }

  private deliver(from: PeerId, link: Link, frame: Uint8Array): void {
    if (this.peers.get(from) === link) void this.handler?.frame(from, frame)
  }

  private async hear(topic: Topic, payload: Uint8Array, key: string, from: PeerId): Promise<void> {
    if (!this.handler?.subscriptions.some((each) => each.topic === topic) || !this.see(key)) return
    const verdict: GossipVerdict = await this.handler.gossip({ topic, payload: payload.slice(), from })
    if (verdict === 'accept') this.spread(topic, payload, key, from)
  }

  /** Whether a payload is new, or was forgotten; it is remembered. */
  private see(key: string): boolean {
    const now = this.network.time.now()
    for (const [oldest, at] of this.seen) {
      if (at + SEEN_TIME > now) break
      this.seen.delete(oldest)
    }
    if (this.seen.has(key)) return false
    this.seen.set(key, now)
    return true
  }

  private spread(topic: Topic, payload: Uint8Array, key: string, except?: PeerId): void {
    for (const [id, link] of this.peers) {
      if (id === except || this.network.gossipIsLost()) continue
      this.network.time.after(link.latency, () => {
        if (link.open) void opposite(link, this).hear(topic, payload, key, this.self)
      })
    }
  }

  private tellStatus(): void {
    const status: NetworkStatus = { relays: [], directPeers: this.peers.size, relayedOnlyPeers: 0 }
    this.handler?.status(status)
  }
}

function opposite(link: Link, end: VirtualTransport): VirtualTransport {
  return link.a === end ? link.b : link.a
}

function pairKey(a: PeerId, b: PeerId): string {
  return a < b ? `${a} ${b}` : `${b} ${a}`
}

function payloadKey(topic: Topic, payload: Uint8Array): string {
  return `${topic}/${bytesToHex(sha256(payload))}`
}
