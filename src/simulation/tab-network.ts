/**
 * A network of virtual tabs: the Transport port of `network` on the simulator's links, with reliable ordered frames and flooded gossip that may
 * be lost.
 */
import {
  type GossipVerdict,
  MAX_FRAME_BYTES,
  MAX_GOSSIP_BYTES,
  type NetworkStatus,
  type PeerId,
  type Standing,
  type Topic,
  type Transport,
  type TransportHandler,
} from '../network/transport.ts'
import { bytesToHex } from '../primitives/bytes.ts'
import { sha256 } from '../primitives/hashes.ts'
import { type Endpoint, type Link, VirtualNetwork } from '../simulator/virtual-network.ts'

/** Milliseconds for which an endpoint drops a payload that it saw before, as gossipsub does. */
const SEEN_TIME = 120_000

export class TabNetwork extends VirtualNetwork<VirtualTransport> {
  /** A new endpoint; it joins the network when it is started. Nobody counts on a hostile one to pass anything on. */
  endpoint(id: PeerId, { hostile = false } = {}): VirtualTransport {
    return new VirtualTransport(this, id, hostile)
  }
}

type TabLink = Link<VirtualTransport>

export class VirtualTransport implements Transport, Endpoint<VirtualTransport> {
  readonly self: PeerId
  readonly isHostile: boolean
  private readonly network: TabNetwork
  private handler: TransportHandler | undefined
  private readonly peers = new Map<PeerId, TabLink>()
  /** Payloads seen and when, by topic and SHA-256: asked and forwarded once, as gossipsub does. */
  private readonly seen = new Map<string, number>()

  constructor(network: TabNetwork, id: PeerId, isHostile: boolean) {
    this.network = network
    this.self = id
    this.isHostile = isHostile
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

  /** Frames are never lost: streams retransmit. */
  send(to: PeerId, frame: Uint8Array): void {
    const link = this.peers.get(to)
    if (link === undefined) return
    if (frame.length > MAX_FRAME_BYTES)
      throw new Error(`a frame of ${frame.length} bytes exceeds the transport's limit`)
    const copy = frame.slice()
    link.carry(this, (peer) => peer.deliver(this.self, link, copy))
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
  valued(_peer: PeerId, _standing: Standing): void {}

  linked(link: TabLink, direction: 'inbound' | 'outbound'): void {
    if (this.handler === undefined) return
    const id = link.opposite(this).self
    this.peers.set(id, link)
    this.handler.peerConnected({ id, direction, address: `/virtual/${id}` })
    this.handler.latency(id, link.latency * 2)
    this.tellStatus()
  }

  lost(link: TabLink): void {
    const id = link.opposite(this).self
    if (this.handler === undefined || this.peers.get(id) !== link) return
    this.peers.delete(id)
    this.handler.peerDisconnected(id)
    this.tellStatus()
  }

  private deliver(from: PeerId, link: TabLink, frame: Uint8Array): void {
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
    for (const [id, link] of this.peers)
      if (id !== except)
        link.tryToCarry(this, (peer) => {
          void peer.hear(topic, payload, key, this.self)
        })
  }

  private tellStatus(): void {
    const status: NetworkStatus = { relays: [], directPeers: this.peers.size, relayedOnlyPeers: 0 }
    this.handler?.status(status)
  }
}

function payloadKey(topic: Topic, payload: Uint8Array): string {
  return `${topic}/${bytesToHex(sha256(payload))}`
}
