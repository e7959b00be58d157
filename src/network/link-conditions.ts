/**
 * Faults on links: a decorator of the Transport port that makes what a tab hears late, slow, lost or cut, over a virtual network as over WebRTC.
 * A tab shapes what it hears: what the links are to be like, and whose, is agreed on elsewhere (`link-agreement.ts`).
 * Streams stay what they are, reliable and in order: on them a loss is the wait for what is sent again.
 *
 * Two tabs don't cut and heal a link in the same moment. So whoever sees it healed opens a new session of it, and says so (`RESUME`): what the other has
 * left of the old session ends there, and what comes with the new one waits until it sees the link healed, too. Thread: any.
 */
import { Reader, Writer } from '../primitives/codec.ts'
import type { Clock, Random } from '../primitives/ports.ts'
import { TokenBucket } from '../primitives/token-bucket.ts'
import type {
  GossipVerdict,
  NetworkStatus,
  PeerId,
  PeerInfo,
  RememberedPeer,
  Standing,
  Subscription,
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

/**
 * First bytes of the frames between two such transports, which pass every condition but a ping's: they are no messages of the protocol, and a tab without
 * conditions is sent none.
 */
const RESUME = 254
const PING = 253
const PONG = 252
const WORD_BYTES = 5
/** Sessions of a link that its other side may begin at once, and a second: as many as a timetable and its people may cut and heal. */
const RESUMES = [30, 0.5] as const
/** Pings that it is answered; a tab asks one about every 15 s, and whenever conditions change. */
const PINGS = [30, 1] as const

/** What the tabs say to each other about conditions: it passes them all, and is nobody else's business. */
export interface Aside {
  readonly subscription: Subscription
  gossip(payload: Uint8Array, from: PeerId): GossipVerdict
  /** A tab came that has heard nothing yet. */
  connected(peer: PeerId): void
}

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
  /** Number of the session, 32 bits: of those that the link has begun after a cut, by either side. */
  session: number
  /** What comes belongs to this session. */
  isHeard: boolean
  /** The other side has begun it; this side is still cut. */
  isAwaited: boolean
  /** Sessions that the other side may begin. */
  readonly resumes: TokenBucket
  /** Pings of the other side that are answered. */
  readonly pings: TokenBucket
  /** Round-trip time of the transport below, milliseconds; undefined until it was measured. */
  ping: number | undefined
  /** The ping through the shaped link that was asked last and not answered yet. */
  asked: { readonly id: number; readonly at: number } | undefined
  /** Of the last such, milliseconds; undefined until there is one under these conditions. */
  measured: number | undefined
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
  private aside: Aside | undefined
  private lastPing = 0

  constructor(inner: Transport, clock: Clock, random: Random) {
    this.inner = inner
    this.self = inner.self
    this.clock = clock
    this.random = random
  }

  /** Lets these words pass beside all conditions. To be called before `start`. */
  speak(aside: Aside): void {
    this.aside = aside
  }

  /** The connected tabs, those among them that are cut off. */
  get connected(): readonly PeerId[] {
    return [...this.links.keys()]
  }

  /** What the link to a tab is like, there and back. */
  conditionsWith(id: PeerId): readonly [there: LinkConditions, back: LinkConditions] {
    return [this.conditions(this.self, id), this.conditions(id, this.self)]
  }

  /** Milliseconds that a ping through the shaped link took, there and back; undefined where none has come back yet. */
  measured(id: PeerId): number | undefined {
    return this.links.get(id)?.measured
  }

  /** Shapes the links anew, from now on: what is on its way arrives as it would have, but for what was cut. */
  shape(conditions: ConditionsOf): void {
    this.conditions = conditions
    for (const link of this.links.values()) {
      const wasShown = link.isShown
      this.show(link)
      link.asked = undefined
      link.measured = undefined
      if (wasShown && link.isShown) this.tellLatency(link)
      this.measure(link)
      if (!this.from(link).isCut)
        for (const waiting of link.waiting)
          if (waiting.due === undefined) waiting.due = this.arrival(link, waiting.frame)
      this.work(link)
    }
    this.tellStatus()
  }

  async start(handler: TransportHandler, remembered?: readonly RememberedPeer[]): Promise<void> {
    this.handler = handler
    const shaped: TransportHandler = {
      subscriptions: [...handler.subscriptions, ...(this.aside ? [this.aside.subscription] : [])],
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
      session: 0,
      isHeard: false,
      isAwaited: false,
      resumes: new TokenBucket(this.clock, ...RESUMES),
      pings: new TokenBucket(this.clock, ...PINGS),
      ping: undefined,
      asked: undefined,
      measured: undefined,
    }
    this.links.set(info.id, link)
    link.isShown = !this.isCutOff(link)
    link.isHeard = link.isShown
    if (link.isShown) this.handler?.peerConnected(info)
    this.aside?.connected(info.id)
  }

  private peerDisconnected(id: PeerId): void {
    const wasShown = this.links.get(id)?.isShown
    this.forget(id)
    if (wasShown) this.handler?.peerDisconnected(id)
  }

  private frame(from: PeerId, frame: Uint8Array): Promise<void> {
    const link = this.links.get(from)
    if (!link || !this.handler) return Promise.resolve()
    if (frame[0] === RESUME) {
      if (frame.length === WORD_BYTES) this.resumed(link, numberOf(frame))
      return Promise.resolve()
    }
    if (!link.isHeard || !(link.isShown || link.isAwaited)) return Promise.resolve()
    const { isCut } = this.from(link)
    const due = isCut ? undefined : this.arrival(link, frame)
    if (link.isShown && link.waiting.length === 0 && due !== undefined && due <= this.clock.now())
      return this.deliver(link, frame)
    return new Promise((done) => {
      link.waiting.push({ frame, due, done })
      if (link.waiting.length === 1) this.work(link)
    })
  }

  private async gossip(message: { topic: Topic; payload: Uint8Array; from: PeerId }): Promise<GossipVerdict> {
    if (message.topic === this.aside?.subscription.topic)
      return this.aside.gossip(message.payload, message.from)
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

  private latency(id: PeerId, milliseconds: number): void {
    const link = this.links.get(id)
    if (!link) return
    link.ping = milliseconds
    this.tellLatency(link)
    this.measure(link)
  }

  // Inside

  /** How what this peer says comes to us. */
  private from({ info }: Link): LinkConditions {
    return this.conditions(info.id, this.self)
  }

  /** Both directions are cut. */
  private isCutOff(link: Link): boolean {
    return this.from(link).isCut && this.conditions(this.self, link.info.id).isCut
  }

  /** Tells the node of a peer that it may know again, or that it lost one. */
  private show(link: Link): void {
    const { id } = link.info
    const isShown = !this.isCutOff(link)
    if (isShown === link.isShown) return
    link.isShown = isShown
    if (!isShown) {
      this.drop(link)
      link.isHeard = false
      link.isAwaited = false
      this.handler?.peerDisconnected(id)
      return
    }
    if (!link.isAwaited) link.session = (link.session + 1) >>> 0
    link.isAwaited = false
    this.inner.send(id, word(RESUME, link.session))
    this.handler?.peerConnected(link.info)
    this.tellLatency(link)
  }

  /** The other side says which session all belongs to that it sends from now on. */
  private resumed(link: Link, session: number): void {
    if (session < link.session) return
    const isNew = session > link.session
    link.session = session
    link.isHeard = true
    if (!isNew) return
    if (!link.resumes.take(1)) {
      const detail = 'Sent sessions of the link faster than it may.'
      this.handler?.misbehaved(link.info.id, { code: 'rate-limited', detail, penalty: 20 })
      return
    }
    this.drop(link)
    if (!link.isShown) {
      link.isAwaited = true
      return
    }
    // It has forgotten what was said before, so this side begins anew, too.
    this.handler?.peerDisconnected(link.info.id)
    this.inner.send(link.info.id, word(RESUME, session))
    this.handler?.peerConnected(link.info)
    this.tellLatency(link)
  }

  /** Until a ping came through the shaped link, what the conditions add in both directions is added to one that went below them. */
  private tellLatency(link: Link): void {
    const { id } = link.info
    if (!link.isShown || link.ping === undefined) return
    const added = this.conditionsWith(id).reduce((sum, { latency, jitter }) => sum + latency + jitter / 2, 0)
    this.handler?.latency(id, link.measured ?? link.ping + added)
  }

  /** Sends a ping through a link that is shaped: the other side is such a transport, too. */
  private measure(link: Link): void {
    const { id } = link.info
    if (!link.isShown || link.asked || this.conditionsWith(id).every(isUnshaped)) return
    this.lastPing = (this.lastPing + 1) >>> 0
    link.asked = { id: this.lastPing, at: this.clock.now() }
    this.inner.send(id, word(PING, this.lastPing))
  }

  /** Hands over a frame that has arrived, after all conditions. */
  private deliver(link: Link, frame: Uint8Array): Promise<void> {
    const { id } = link.info
    if (frame[0] === PING && frame.length === WORD_BYTES) {
      if (link.pings.take(1)) this.inner.send(id, word(PONG, numberOf(frame)))
    } else if (frame[0] === PONG && frame.length === WORD_BYTES) {
      if (link.asked?.id !== numberOf(frame)) return Promise.resolve()
      link.measured = this.clock.now() - link.asked.at
      link.asked = undefined
      this.tellLatency(link)
    } else return this.handler?.frame(id, frame) ?? Promise.resolve()
    return Promise.resolve()
  }

  /** When a frame that was sent now arrives, if none ahead of it is later. */
  private arrival(link: Link, frame: Uint8Array): number {
    const { latency, jitter, loss, bandwidth } = this.from(link)
    const now = this.clock.now()
    link.freeAt = Math.max(link.freeAt, now)
    if (bandwidth !== undefined && !isPing(frame)) link.freeAt += (frame.length * 1000) / bandwidth
    let due = link.freeAt + latency + jitter * this.fraction()
    for (let repetition = 0; repetition < MOST_REPETITIONS && this.chance(loss); repetition++)
      due += (RETRANSMISSION + latency) * 2 ** repetition
    return due
  }

  /** Delivers what has arrived, and waits for the next. */
  private work(link: Link): void {
    link.cancel()
    link.cancel = () => {}
    while (link.isShown) {
      const [next] = link.waiting
      if (next?.due === undefined) return
      const wait = next.due - this.clock.now()
      if (wait > 0) {
        link.cancel = this.clock.after(wait, () => this.work(link))
        return
      }
      link.waiting.shift()
      this.deliver(link, next.frame).then(next.done, next.done)
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
    link.asked = undefined
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

/** A frame of the transport's own: what it is, and a number of 32 bits. */
function word(byte: number, number: number): Uint8Array {
  return new Writer(WORD_BYTES).u8(byte).u32(number).finish()
}

/** It waits behind others, and takes up none of the bandwidth itself. */
function isPing(frame: Uint8Array): boolean {
  return frame.length === WORD_BYTES && (frame[0] === PING || frame[0] === PONG)
}

function numberOf(frame: Uint8Array): number {
  return new Reader(frame.subarray(1)).u32()
}

/** Whether a link is left as it is. */
export function isUnshaped({
  latency,
  jitter,
  loss,
  duplication,
  bandwidth,
  isCut,
}: LinkConditions): boolean {
  return latency + jitter + loss + duplication === 0 && bandwidth === undefined && !isCut
}
