/**
 * Dials the tabs that discovery finds, until there are enough peers. Thread: Window.
 *
 * It is sparing: Chrome grants about 500 RTCPeerConnections in the life of a tab's process, and each dial that gets
 * past the relay takes one. And it is modest: once there are some peers it rests between dials, since tabs that find
 * each other at the same time share the relay, and often the machine, with tabs that have no peer yet.
 */

import type { Connection } from '@libp2p/interface'
import { multiaddr } from '@multiformats/multiaddr'
import type { PeerId, PeerInfo, RememberedPeer, Standing } from '../network/transport.ts'
import {
  type Candidate,
  Candidates,
  type Chosen,
  type Dialled,
  type Situation,
  type Source,
} from './candidates.ts'
import { isDirect, type TabNode } from './libp2p-node.ts'
import type { TransportTuning } from './options.ts'

/** Longest rest after a dial, milliseconds; it is as long as the dial took. */
const MAX_REST = 2000

/** The share of the browser's connections above which only `FEW_PEERS` are looked for, and of these so many by dialling. */
const SCARCE = 0.8
const FEW_PEERS = 4
const FEW_OUTBOUND = 2

/**
 * Dials of a tab without any peer whose peers haven't answered for so long, milliseconds, hold up no others: names of tabs that are not
 * there cost nothing to make. After the second time they are given up; so many are under way in all.
 */
const SILENT_AFTER = 1500
const GIVEN_UP_AFTER = 5000
const MOST_DIALS = 6

/** The step of a WebRTC dial at which the peer has answered: it lives, and the relay reaches it. */
const PEER_ANSWERED: string = 'webrtc:read-ice-candidates'

/** A dial that is given up because the peer's own dial to us goes first. */
class Yielded extends Error {}

/** What the dialler needs to know of the rest. */
export interface DiallerPorts {
  readonly self: PeerId
  /** Direct connections there are, by either side's dial. */
  connections(): number
  /** Of these, the peers that we chose: we dialled them, or know them of old. With the address group of each, as far as known. */
  chosen(): readonly { readonly id: PeerId; readonly addressGroup: string | undefined }[]
  isConnected(peer: PeerId): boolean
  /** A peer never to dial: a banned one, or a relay. */
  isExcluded(peer: PeerId): boolean
  /** The share of the browser's connections that is used up, 0 to 1. */
  used(): number
  /** Those who can introduce us now. */
  sources(): readonly Source[]
  /** The number of relayed-only peers may have changed. */
  changed(): void
  readonly stopped: AbortSignal
}

/** The dialler. */
export class Dialler {
  readonly #node: TabNode
  readonly #tuning: TransportTuning
  readonly #ports: DiallerPorts
  readonly #candidates: Candidates
  readonly #inFlight = new Map<PeerId, AbortController>()
  /** Of these, the peers that haven't answered for `SILENT_AFTER`. */
  readonly #silent = new Set<PeerId>()
  /** By which source a peer was picked that is being dialled or that the dial made a peer. */
  readonly #pickedBy = new Map<PeerId, string>()
  #timer: ReturnType<typeof setTimeout> | undefined
  /** When the rest after the last dial ends, milliseconds of `performance.now()`. */
  #restUntil = 0
  /** Whether peers are remembered that are worth waiting for. */
  #remembers = false
  /** Since when there is no peer though someone could introduce us, milliseconds of `performance.now()`. */
  #aloneSince: number | undefined

  constructor(node: TabNode, tuning: TransportTuning, ports: DiallerPorts) {
    this.#node = node
    this.#tuning = tuning
    this.#ports = ports
    this.#candidates = new Candidates({ ...tuning, self: ports.self, random: Math.random })
    ports.stopped.addEventListener('abort', () => clearTimeout(this.#timer))
    node.addEventListener('connection:close', ({ detail }) => {
      // The peer may have given up its dial to us.
      if (isSignalling(detail)) this.dial()
    })
  }

  /** Whether a dial to this peer is under way. */
  isDialling(peer: PeerId): boolean {
    return this.#inFlight.has(peer)
  }

  /** Peers that were met through a relay but to which no direct path was found. */
  get relayedOnly(): number {
    return this.#candidates.relayedOnly((id) => this.#ports.isConnected(id))
  }

  /** What is known of the peers, for those who ask. */
  get candidates(): Pick<Candidates, 'forgetSource' | 'isKnown' | 'standingOf'> {
    return this.#candidates
  }

  /** Takes in the peers of earlier lives, best first; they are dialled as soon as someone can introduce us. */
  remember(peers: readonly RememberedPeer[]): void {
    this.#candidates.remember(peers)
    this.#remembers = peers.some(({ id }) => this.#candidates.isKnown(id))
  }

  /** A peer rose in standing. */
  rise(peer: PeerId, standing: Standing): void {
    this.#candidates.rise(peer, standing)
    this.dial()
  }

  /**
   * Takes in peers that an introducer, named by its address prefix, can put us in touch with. `first`: it is the first
   * that we hear from this introducer, so the peers were there before us. Answers how many of them were unknown.
   */
  add(peers: readonly PeerId[], introducer: string, first: boolean): number {
    const news = this.#candidates.add(peers, introducer, first, performance.now())
    this.dial()
    return news
  }

  /** A peer was lost or sent away: dialled again only after a pause. It introduces nobody any more. */
  postpone(peer: PeerId): void {
    this.#candidates.postpone(peer, performance.now())
    this.#candidates.forgetSource(`/p2p/${peer}`)
    if (!this.#inFlight.has(peer)) this.#pickedBy.delete(peer)
    this.dial()
  }

  /** The tab was away: dials under way lead nowhere. */
  wake(): void {
    for (const controller of this.#inFlight.values()) controller.abort(new Error('The tab woke'))
    this.forgive()
  }

  /** Dials whoever is known as if nobody had failed yet: what failed before the tab woke says nothing of now. */
  forgive(): void {
    this.#candidates.forgive(performance.now())
    this.#restUntil = 0
    this.dial()
  }

  /** The peer's own dial to us goes first: ours, if it is under way, is given up. */
  yieldTo(peer: PeerId): void {
    this.#inFlight.get(peer)?.abort(new Yielded('the peer dials us'))
  }

  /** A direct connection came to nothing; `silent` as told by the peer table. */
  failed(peer: PeerId, silent: boolean): void {
    const candidate = this.#candidates.get(peer)
    if (candidate === undefined) return
    candidate.yielded = false
    this.#count(candidate, silent)
    this.dial()
  }

  /** The peer is connected directly, whoever dialled. */
  reached({ id, addressGroup }: Pick<PeerInfo, 'id' | 'addressGroup'>): void {
    this.#aloneSince = undefined
    const candidate = this.#candidates.get(id)
    if (candidate === undefined) return
    candidate.failures = 0
    candidate.pathless = 0
    candidate.yielded = false
    candidate.addressGroup = addressGroup ?? candidate.addressGroup
  }

  /** Starts as many dials as are due, and sees to it that the next one due is started in its time. */
  readonly dial = (): void => {
    clearTimeout(this.#timer)
    if (this.#ports.stopped.aborted) return
    while (this.#wanted() > 0) {
      const now = performance.now()
      const picked = this.#candidates.pick(this.#situation(now, false))
      const next = Math.max(
        'dueAt' in picked ? Math.min(picked.dueAt, this.#patientUntil(now)) : now,
        this.#isUrgent() || ('candidate' in picked && isUntriedAnchor(picked.candidate))
          ? 0
          : this.#restUntil,
      )
      if ('dueAt' in picked || next > now) {
        this.#wake(next, now)
        return
      }
      void this.#attempt(picked)
    }
    this.#wake(this.#patientUntil(performance.now()), performance.now())
  }

  /** Dials one more peer, however many there are. Resolves with it when the dial has made it a connection. */
  async dialExtra(): Promise<PeerId | undefined> {
    const picked = this.#candidates.pick(this.#situation(performance.now(), true))
    if ('dueAt' in picked) return undefined
    const { id } = picked.candidate
    await this.#attempt(picked)
    return this.#ports.isConnected(id) ? id : undefined
  }

  #wake(at: number, now: number): void {
    if (Number.isFinite(at)) this.#timer = setTimeout(this.dial, at - now)
  }

  #situation(now: number, mixing: boolean): Situation {
    const { outboundPeers } = this.#tuning
    const sources = this.#ports.sources()
    return {
      now,
      chosen: this.#chosen(),
      sources,
      outboundPeers,
      mixing,
      impatient: this.#isImpatient(now),
      isUnfit: (id) => this.#ports.isConnected(id) || this.#ports.isExcluded(id),
      heldUntil: (id) => this.#heldUntil(id),
    }
  }

  /** The peers that we chose, and those that we are dialling. */
  #chosen(): Chosen[] {
    const dialled = [...this.#inFlight.keys()]
      .filter((id) => !this.#ports.isConnected(id))
      .map((id) => ({ id, addressGroup: this.#candidates.get(id)?.addressGroup }))
    return [...this.#ports.chosen(), ...dialled].map((peer) => ({
      ...peer,
      source: this.#pickedBy.get(peer.id),
    }))
  }

  /** Until when a tab without any peer leaves its first dials to those it remembers; infinity when it doesn't wait. */
  #patientUntil(now: number): number {
    if (!this.#remembers || this.#ports.connections() > 0) {
      this.#aloneSince = undefined
      return Infinity
    }
    if (this.#ports.sources().length > 0) this.#aloneSince ??= now
    const until = (this.#aloneSince ?? Infinity) + this.#tuning.patience
    return until > now ? until : Infinity
  }

  #isImpatient(now: number): boolean {
    if (this.#ports.connections() > 0 || this.#aloneSince === undefined) return false
    return now >= this.#aloneSince + this.#tuning.patience
  }

  /** Not while the peer is dialling us: two connections would come of it, and one be closed. */
  #heldUntil(id: PeerId): number {
    const opened = this.#node
      .getConnections()
      .filter((connection) => isSignalling(connection) && connection.remotePeer.toString() === id)
      .map(({ timeline }) => timeline.open - Date.now() + performance.now())
    return Math.max(0, ...opened.map((at) => at + this.#tuning.dialTimeout))
  }

  /** Whether the dials under way, should they succeed, leave the tab with too few peers to rest. */
  #isUrgent(): boolean {
    return (
      this.#ports.connections() + this.#hopeful < this.#tuning.urgentPeers ||
      this.#isImpatient(performance.now())
    )
  }

  /** Dials under way that others wait for. */
  get #hopeful(): number {
    return this.#inFlight.size - (this.#ports.connections() === 0 ? this.#silent.size : 0)
  }

  /** How many more dials to start now. */
  #wanted(): number {
    const { size } = this.#inFlight
    const { targetPeers, outboundPeers, urgentPeers } = this.#tuning
    const isScarce = this.#ports.used() >= SCARCE
    const inAll = (isScarce ? FEW_PEERS : targetPeers) - this.#ports.connections() - size
    const outbound =
      (isScarce ? Math.min(FEW_OUTBOUND, outboundPeers) : outboundPeers) - this.#chosen().length
    const atATime = this.#isUrgent() ? urgentPeers + (this.#isImpatient(performance.now()) ? 1 : 0) : 1
    return Math.min(atATime - this.#hopeful, Math.max(MOST_DIALS - size, 0), Math.max(inAll, outbound))
  }

  async #attempt({ candidate, source, prefix }: Dialled): Promise<void> {
    const { id } = candidate
    this.#pickedBy.set(id, source)
    if (candidate.yielded) {
      // The peer's dial has come to nothing, or we would be connected.
      candidate.yielded = false
      candidate.pathless++
    }
    const controller = new AbortController()
    this.#inFlight.set(id, controller)
    let answered = false
    const began = performance.now()
    const silence = [
      setTimeout(() => {
        if (answered) return
        this.#silent.add(id)
        this.dial()
      }, SILENT_AFTER),
      setTimeout(() => {
        if (!answered && this.#ports.connections() === 0)
          controller.abort(new Error('The peer does not answer'))
      }, GIVEN_UP_AFTER),
    ]
    try {
      await this.#node.dial(multiaddr(`${prefix}/p2p-circuit/webrtc/p2p/${id}`), {
        // An old relayed connection doesn't count as being connected.
        force: true,
        signal: AbortSignal.any([
          controller.signal,
          this.#ports.stopped,
          AbortSignal.timeout(this.#tuning.dialTimeout),
        ]),
        onProgress: ({ type }) => {
          answered ||= type === PEER_ANSWERED
          if (answered) this.#silent.delete(id)
        },
      })
    } catch {
      if (controller.signal.reason instanceof Yielded) {
        candidate.yielded = !this.#ports.isConnected(id)
        candidate.notBefore = performance.now() + this.#tuning.dialTimeout
      } else {
        this.#count(candidate, answered)
      }
    } finally {
      for (const timer of silence) clearTimeout(timer)
      this.#inFlight.delete(id)
      this.#silent.delete(id)
      if (!this.#ports.isConnected(id)) this.#pickedBy.delete(id)
      const now = performance.now()
      this.#restUntil = now + Math.min(MAX_REST, now - began)
      this.#ports.changed()
      this.dial()
    }
  }

  /** Counts a failure, unless there is a connection after all, of which the peer table tells the outcome. */
  #count(candidate: Candidate, metPeer: boolean): void {
    if (this.#ports.stopped.aborted || this.#ports.isConnected(candidate.id)) return
    const ways = this.#candidates.waysTo(candidate, this.#ports.sources()).length
    this.#candidates.failed(candidate, metPeer, ways, performance.now())
    this.#ports.changed()
  }
}

/** Whether this is a relayed connection over which a peer is about to dial us. */
function isSignalling(connection: Connection): boolean {
  return connection.direction === 'inbound' && !isDirect(connection)
}

/** Few, and soon found: it is dialled without rest, though many may have dialled us meanwhile. */
function isUntriedAnchor({ standing, failures }: Candidate): boolean {
  return standing === 'anchor' && failures === 0
}
