/**
 * Faults on links: a decorator of the Transport port that makes what a tab hears late, slow, lost or cut, over a virtual network as over WebRTC.
 * A tab shapes what it hears, so a network has the conditions that all its tabs agreed to, and one that did not agree is shaped by the others.
 * Streams stay what they are, reliable and in order: on them a loss is the wait for what is sent again. Thread: any.
 */
import type { Clock, Random } from '../primitives/ports.ts'
import type {
  GossipVerdict,
  NetworkStatus,
  PeerId,
  PeerInfo,
  RememberedPeer,
  Standing,
  Topic,
  Transport,
  TransportHandler,
} from './transport.ts'

/** Conditions of one direction of a link. */
export interface LinkConditions {
  /** Milliseconds that everything takes longer. */
  readonly latency: number
  /** Milliseconds that are drawn anew for each message and added, from 0 to this. */
  readonly jitter: number
  /** Share, 0 to 1 exclusive: of gossip it is lost; a frame waits for as many repetitions as were lost. */
  readonly loss: number
  /** Share of gossip that comes twice, 0 to 1. */
  readonly duplication: number
  /** Bytes a second; undefined for as many as there are. */
  readonly bandwidth: number | undefined
  /** Nothing comes through. Where both directions are cut the two are not connected. */
  readonly isCut: boolean
}

/** Of a link that is left as it is. */
export const UNSHAPED: LinkConditions = {
  latency: 0,
  jitter: 0,
  loss: 0,
  duplication: 0,
  bandwidth: undefined,
  isCut: false,
}

/** What the link from one tab to another is to be like. Pure. */
export type ConditionsOf = (from: PeerId, to: PeerId) => LinkConditions

/** Milliseconds until something lost is sent again; twice as long each time it is lost, as TCP and SCTP do. */
const RETRANSMISSION = 200
/** Repetitions after which it comes through, whatever is drawn: about 13 s. */
const MOST_REPETITIONS = 6

/** A frame that is on its way. */
interface Waiting {
  readonly frame: Uint8Array
  /** When it arrives, by the clock; undefined while its direction is cut. */
  due: number | undefined
  /** It was handled, or never will be. */
  done(): void
}

/** A connected peer. */
interface Link {
  info: PeerInfo
  /** The node knows of it: the link is not cut both ways. */
  isShown: boolean
  /** What it sent, in order: none overtakes the one ahead. */
  readonly waiting: Waiting[]
  /** When the link is free for the next byte. */
  freeAt: number
  cancel: () => void
}

export class ConditionedTransport implements Transport {
  readonly self: PeerId
  private readonly inner: Transport
  private readonly clock: Clock
  private readonly random: Random
  private conditions: ConditionsOf = () => UNSHAPED
  private handler: TransportHandler | undefined
  private lastStatus: NetworkStatus | undefined
  private readonly links = new Map<PeerId, Link>()

  constructor(inner: Transport, clock: Clock, random: Random) {
    this.inner = inner
    this.self = inner.self
    this.clock = clock
    this.random = random
  }

  /** Shapes the links anew, from now on: what is on its way arrives as it would have, but for what was cut. */
  shape(conditions: ConditionsOf): void {
    this.conditions = conditions
    for (const link of this.links.values()) {
      this.show(link)
      if (!this.from(link).isCut)
        for (const waiting of link.waiting)
          if (waiting.due === undefined) waiting.due = this.arrival(link, waiting.frame.length)
      this.work(link)
    }
    this.tellStatus()
  }

  async start(handler: TransportHandler, remembered?: readonly RememberedPeer[]): Promise<void> {
    this.handler = handler
    const shaped: TransportHandler = {
      subscriptions: handler.subscriptions,
      peerConnected: (peer) => this.peerConnected(peer),
      peerDisconnected: (id) => this.peerDisconnected(id),
      frame: (from, frame) => this.frame(from, frame),
      gossip: (message) => this.gossip(message),
      latency: (id, milliseconds) => this.latency(id, milliseconds),
      misbehaved: (from, offence) => this.handler?.misbehaved(from, offence),
      woke: () => this.handler?.woke?.(),
      status: (status) => {
        this.lastStatus = status
        this.tellStatus()
      },
    }
    await this.inner.start(shaped, remembered)
  }

  async stop(): Promise<void> {
    this.handler = undefined
    for (const id of [...this.links.keys()]) this.forget(id)
    await this.inner.stop()
  }

  send(to: PeerId, frame: Uint8Array): void {
    if (this.links.get(to)?.isShown) this.inner.send(to, frame)
  }

  publish(topic: Topic, payload: Uint8Array): void {
    this.inner.publish(topic, payload)
  }

  disconnect(peer: PeerId, reason: string, banSeconds: number): void {
    this.inner.disconnect(peer, reason, banSeconds)
  }

  allow(peer: PeerId): void {
    this.inner.allow(peer)
  }

  valued(peer: PeerId, standing: Standing): void {
    this.inner.valued(peer, standing)
  }

  // What the transport below tells

  private peerConnected(info: PeerInfo): void {
    const link: Link = {
      info,
      isShown: false,
      waiting: [],
      freeAt: 0,
      cancel: () => {},
    }
    this.links.set(info.id, link)
    this.show(link)
  }

  private peerDisconnected(id: PeerId): void {
    const wasShown = this.links.get(id)?.isShown
    this.forget(id)
    if (wasShown) this.handler?.peerDisconnected(id)
  }

  private frame(from: PeerId, frame: Uint8Array): Promise<void> {
    const link = this.links.get(from)
    if (!link?.isShown || !this.handler) return Promise.resolve()
    const { isCut } = this.from(link)
    const due = isCut ? undefined : this.arrival(link, frame.length)
    if (link.waiting.length === 0 && due !== undefined && due <= this.clock.now())
      return this.handler.frame(from, frame)
    return new Promise((done) => {
      link.waiting.push({ frame, due, done })
      if (link.waiting.length === 1) this.work(link)
    })
  }

  private async gossip(message: { topic: Topic; payload: Uint8Array; from: PeerId }): Promise<GossipVerdict> {
    const link = this.links.get(message.from)
    const { isCut, loss, latency, jitter, duplication } = link ? this.from(link) : UNSHAPED
    if (isCut || this.chance(loss)) return 'ignore'
    const delay = latency + jitter * this.fraction()
    if (delay > 0) await new Promise<void>((arrived) => this.clock.after(delay, arrived))
    const again = this.chance(duplication) ? message.payload.slice() : undefined
    const verdict = (await this.handler?.gossip(message)) ?? 'ignore'
    if (again) await this.handler?.gossip({ ...message, payload: again })
    return verdict
  }

  /** A ping goes below the conditions: what they add in both directions is added to it. */
  private latency(id: PeerId, milliseconds: number): void {
    const link = this.links.get(id)
    if (!link?.isShown) return
    const there = this.conditions(this.self, id)
    const back = this.from(link)
    const added = [there, back].reduce((sum, { latency, jitter }) => sum + latency + jitter / 2, 0)
    this.handler?.latency(id, milliseconds + added)
  }

  // Inside

  /** How what this peer says comes to us. */
  private from({ info }: Link): LinkConditions {
    return this.conditions(info.id, this.self)
  }

  /** Tells the node of a peer that it may know, or that it lost one. */
  private show(link: Link): void {
    const { id } = link.info
    const isShown = !(this.from(link).isCut && this.conditions(this.self, id).isCut)
    if (isShown === link.isShown) return
    link.isShown = isShown
    if (isShown) this.handler?.peerConnected(link.info)
    else {
      this.drop(link)
      this.handler?.peerDisconnected(id)
    }
  }

  /** When a frame that was sent now arrives, if none ahead of it is later. */
  private arrival(link: Link, bytes: number): number {
    const { latency, jitter, loss, bandwidth } = this.from(link)
    const now = this.clock.now()
    link.freeAt = Math.max(link.freeAt, now)
    if (bandwidth !== undefined) link.freeAt += (bytes * 1000) / bandwidth
    let due = link.freeAt + latency + jitter * this.fraction()
    for (let repetition = 0; repetition < MOST_REPETITIONS && this.chance(loss); repetition++)
      due += (RETRANSMISSION + latency) * 2 ** repetition
    return due
  }

  /** Delivers what has arrived, and waits for the next. */
  private work(link: Link): void {
    link.cancel()
    link.cancel = () => {}
    for (;;) {
      const [next] = link.waiting
      if (next?.due === undefined) return
      const wait = next.due - this.clock.now()
      if (wait > 0) {
        link.cancel = this.clock.after(wait, () => this.work(link))
        return
      }
      link.waiting.shift()
      const handled = this.handler?.frame(link.info.id, next.frame) ?? Promise.resolve()
      handled.then(next.done, next.done)
    }
  }

  private forget(id: PeerId): void {
    const link = this.links.get(id)
    if (!link) return
    this.links.delete(id)
    this.drop(link)
  }

  /** What is on its way never arrives. */
  private drop(link: Link): void {
    link.cancel()
    for (const { done } of link.waiting.splice(0)) done()
  }

  private tellStatus(): void {
    if (!this.lastStatus) return
    const hidden = [...this.links.values()].filter(({ isShown }) => !isShown).length
    const { directPeers } = this.lastStatus
    this.handler?.status({ ...this.lastStatus, directPeers: Math.max(0, directPeers - hidden) })
  }

  private chance(share: number): boolean {
    return share > 0 && this.fraction() < share
  }

  /** Uniform in [0, 1). */
  private fraction(): number {
    const [a, b, c] = this.random.bytes(3)
    return (a * 65_536 + b * 256 + c) / 0x1_000_000
  }
}
