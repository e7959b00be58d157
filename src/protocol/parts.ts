/**
 * The parts of the protocol that a tab speaks: hands each message and each gossiped payload to the part that declared it, within the limits
 * declared, and tells the parts who comes and goes. Sans I/O, runs where NodeCore runs.
 */
import { requestIdOf, type WireMessage } from '../network/frames.ts'
import type { GossipVerdict, PeerId, Subscription, Topic } from '../network/transport.ts'
import type { Clock } from '../primitives/ports.ts'
import { TokenBucket } from '../primitives/token-bucket.ts'
import type { MessageHandler, ProtocolPart, Rate, TopicHandler } from './part.ts'
import type { Peer } from './peer.ts'
import type { PeerSet } from './peer-set.ts'
import { rateLimited, unrequested } from './verdict.ts'

export interface PartsOptions {
  /** What is declared is added to its table of messages. */
  readonly peers: PeerSet
  readonly clock: Clock
}

export class Parts {
  private readonly options: PartsOptions
  private readonly parts: ProtocolPart[] = []
  /** By the bytes that name their kinds. */
  private readonly handlers = new Map<number, MessageHandler>()
  private readonly topics = new Map<Topic, TopicHandler>()
  /** What each peer has left of the limits that it made use of. */
  private readonly buckets = new Map<Peer, Map<object, TokenBucket>>()

  constructor(options: PartsOptions) {
    this.options = options
  }

  /** Throws where another part has a message or a topic of that name: that is a bug. */
  register(part: ProtocolPart): void {
    this.parts.push(part)
    for (const handler of part.messages ?? []) {
      this.options.peers.table.add(handler.kind)
      this.handlers.set(handler.kind.byte, handler)
    }
    for (const handler of part.topics ?? []) {
      if (this.topics.has(handler.topic)) throw new Error(`Two parts gossip on '${handler.topic}'.`)
      this.topics.set(handler.topic, handler)
    }
  }

  /** The topics of all parts. */
  get subscriptions(): Subscription[] {
    return [...this.topics.values()].map(({ topic, isCommon }) => ({ topic, isCommon }))
  }

  /** Bits of the services of all parts. */
  get services(): bigint {
    return this.parts.reduce((bits, { services = 0n }) => bits | services, 0n)
  }

  /** A peer said hello. */
  add(peer: Peer): void {
    for (const part of this.parts) part.add?.(peer)
  }

  /** A peer is gone. Who came first goes last: a part may lean on those before it. */
  forget(peer: Peer): void {
    this.buckets.delete(peer)
    for (const part of this.parts.toReversed()) part.forget?.(peer)
  }

  tick(): void {
    for (const part of this.parts) part.tick?.()
  }

  woke(): void {
    for (const part of this.parts) part.woke?.()
  }

  /** A frame of a peer. Kinds that no part declared only use up the peer's share of messages. */
  async frame(peer: Peer, frame: Uint8Array): Promise<void> {
    const { peers } = this.options
    const handler = this.handlers.get(frame[0])
    const requestId = requestIdOf(frame)
    if (requestId !== undefined && handler?.isOwed && !handler.isOwed(peer, requestId)) {
      peers.punish(peer, unrequested(`a message '${handler.kind.type}'`))
      return
    }
    const decoded = peers.table.decode(frame)
    if (!decoded.ok) peers.punish(peer, decoded)
    else if (!peer.hello && !handler?.beforeHello) peers.drop(peer, 'It did not say hello first.')
    else if (!handler || !decoded.value) this.takesMessage(peer)
    else await this.handle(peer, handler, decoded.value)
  }

  private async handle(peer: Peer, handler: MessageHandler, message: WireMessage): Promise<void> {
    const { limit } = handler
    if (handler.unasked?.(message) && !this.takesMessage(peer)) return
    if (limit && !this.takes(peer, limit, limit.rate, limit.cost?.(message)))
      this.options.peers.punish(peer, rateLimited(limit.what))
    else await handler.handle(peer, message)
  }

  /** The verdict on a gossiped payload. */
  async gossip(topic: Topic, payload: Uint8Array, from: PeerId): Promise<GossipVerdict> {
    const handler = this.topics.get(topic)
    const peer = this.options.peers.get(from)
    if (!handler || !peer?.hello || !this.takes(peer, handler, handler.rate)) return 'ignore'
    return handler.handle(payload, peer)
  }

  private takesMessage(peer: Peer): boolean {
    if (peer.messages.take(1)) return true
    this.options.peers.punish(peer, rateLimited('messages'))
    return false
  }

  /** Whether it is within what a peer may have of `limited`, from which it is then taken. */
  private takes(peer: Peer, limited: object, rate: Rate, cost = 1): boolean {
    let buckets = this.buckets.get(peer)
    if (!buckets) {
      buckets = new Map()
      this.buckets.set(peer, buckets)
    }
    let bucket = buckets.get(limited)
    if (!bucket) {
      bucket = new TokenBucket(this.options.clock, ...rate)
      buckets.set(limited, bucket)
    }
    return bucket.take(cost)
  }
}
