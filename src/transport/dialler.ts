/**
 * Dials the tabs that discovery finds, until there are enough peers. Thread: Window.
 *
 * It is sparing: Chrome grants about 500 RTCPeerConnections in the life of a tab's process, and each dial that gets
 * past the relay takes one. And it is modest: once there are some peers it rests between dials, since tabs that find
 * each other at the same time share the relay, and often the machine, with tabs that have no peer yet.
 */

import type { Connection } from '@libp2p/interface'
import { multiaddr } from '@multiformats/multiaddr'
import type { PeerId } from '../protocol/transport.ts'
import { isDirect, type TabNode } from './libp2p-node.ts'
import type { TransportTuning } from './options.ts'
import { backoff, jittered } from './timing.ts'

/** Most tabs remembered; the one heard of longest ago makes room. */
const MAX_CANDIDATES = 500

/** Most introducers remembered for one tab. */
const MAX_INTRODUCERS = 8

/** Longest rest after a dial, milliseconds; it is as long as the dial took. */
const MAX_REST = 2000

/** The share of the browser's connections above which only `FEW_PEERS` are looked for. */
const SCARCE = 0.8
const FEW_PEERS = 4

/** Failures after which a tab is forgotten until discovery names it again. */
const MAX_FAILURES = 8

/** Dials in a row that met the peer but found no direct path, after which it counts as reachable by relay only. */
const RELAYED_ONLY_AFTER = 2

/** The step of a WebRTC dial at which the peer has answered: it lives, and the relay reaches it. */
const PEER_ANSWERED: string = 'webrtc:read-ice-candidates'

/** A dial that is given up because the peer's own dial to us goes first. */
class Yielded extends Error {}

interface Candidate {
  readonly id: PeerId
  /** Address prefixes of those who named it, newest last: `<relay's address>` or `/p2p/<tab>`. */
  readonly introducers: Set<string>
  /** Not to be dialled before this instant, milliseconds of `performance.now()`. */
  notBefore: number
  failures: number
  /** Dials in a row, by either side, that met the other but became no direct connection. */
  pathless: number
  /** We gave up a dial because the peer's own dial to us goes first, and wait for what becomes of it. */
  yielded: boolean
}

/** What the dialler needs to know of the rest. */
export interface DiallerPorts {
  readonly self: PeerId
  /** Direct connections there are, by either side's dial. */
  connections(): number
  isConnected(peer: PeerId): boolean
  /** A peer never to dial: a banned one, or a relay. */
  isExcluded(peer: PeerId): boolean
  /** The share of the browser's connections that is used up, 0 to 1. */
  used(): number
  /** Whether an introducer's address prefix can be used now. */
  canIntroduce(prefix: string): boolean
  /** The number of relayed-only peers may have changed. */
  changed(): void
  readonly stopped: AbortSignal
}

/** The dialler. */
export class Dialler {
  readonly #node: TabNode
  readonly #tuning: TransportTuning
  readonly #ports: DiallerPorts
  readonly #candidates = new Map<PeerId, Candidate>()
  readonly #inFlight = new Map<PeerId, AbortController>()
  #timer: ReturnType<typeof setTimeout> | undefined
  /** When the rest after the last dial ends, milliseconds of `performance.now()`. */
  #restUntil = 0

  constructor(node: TabNode, tuning: TransportTuning, ports: DiallerPorts) {
    this.#node = node
    this.#tuning = tuning
    this.#ports = ports
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
    let count = 0
    for (const { id, pathless } of this.#candidates.values()) {
      if (pathless >= RELAYED_ONLY_AFTER && !this.#ports.isConnected(id)) count++
    }
    return count
  }

  /**
   * Takes in peers that an introducer, named by its address prefix, can put us in touch with. `first`: it is the first
   * that we hear from this introducer, so the peers were there before us. Answers how many of them were unknown.
   */
  add(peers: readonly PeerId[], introducer: string, first: boolean): number {
    let news = 0
    for (const id of peers) {
      if (id === this.#ports.self) continue
      if (!this.#candidates.has(id)) news++
      const candidate = this.#candidates.get(id) ?? this.#newCandidate(id, first)
      candidate.introducers.delete(introducer)
      candidate.introducers.add(introducer)
      const [longestAgo] = candidate.introducers
      if (candidate.introducers.size > MAX_INTRODUCERS) candidate.introducers.delete(longestAgo!)
      this.#candidates.delete(id)
      this.#candidates.set(id, candidate)
    }
    while (this.#candidates.size > MAX_CANDIDATES) {
      const [oldest] = this.#candidates.keys()
      this.#candidates.delete(oldest!)
    }
    this.dial()
    return news
  }

  /** A peer was lost or sent away: dialled again only after a pause. */
  postpone(peer: PeerId): void {
    const candidate = this.#candidates.get(peer)
    if (candidate === undefined) return
    candidate.notBefore = performance.now() + backoff(candidate.failures, this.#tuning.dialBackoff)
    this.dial()
  }

  /** The tab was away: dials under way lead nowhere. */
  wake(): void {
    for (const controller of this.#inFlight.values()) controller.abort(new Error('The tab woke'))
    this.forgive()
  }

  /** Dials whoever is known as if nobody had failed yet: what failed before the tab woke says nothing of now. */
  forgive(): void {
    for (const candidate of this.#candidates.values()) {
      candidate.failures = 0
      candidate.notBefore = performance.now()
    }
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
  reached(peer: PeerId): void {
    const candidate = this.#candidates.get(peer)
    if (candidate === undefined) return
    candidate.failures = 0
    candidate.pathless = 0
    candidate.yielded = false
  }

  /** Starts as many dials as are due, and sees to it that the next one due is started in its time. */
  readonly dial = (): void => {
    clearTimeout(this.#timer)
    if (this.#ports.stopped.aborted) return
    while (this.#wanted() > 0) {
      const now = performance.now()
      const candidate = this.#pick()
      const next = Math.max(
        candidate === undefined ? this.#nextDue() : now,
        this.#isUrgent() ? 0 : this.#restUntil,
      )
      if (candidate === undefined || next > now) {
        if (Number.isFinite(next)) this.#timer = setTimeout(this.dial, next - now)
        return
      }
      void this.#attempt(candidate)
    }
  }

  /** Dials one more peer, however many there are. Resolves with it when the dial has made it a connection. */
  async dialExtra(): Promise<PeerId | undefined> {
    const candidate = this.#pick()
    if (candidate === undefined) return undefined
    await this.#attempt(candidate)
    return this.#ports.isConnected(candidate.id) ? candidate.id : undefined
  }

  /** One that is due: at random among those that failed least, so that the network's graph is random. */
  #pick(): Candidate | undefined {
    const now = performance.now()
    const due = this.#eligible().filter((candidate) => this.#dueAt(candidate) <= now)
    const fewest = Math.min(...due.map(({ failures }) => failures))
    const best = due.filter(({ failures }) => failures === fewest)
    return best[Math.floor(Math.random() * best.length)]
  }

  /** When the next candidate will be due, milliseconds of `performance.now()`. */
  #nextDue(): number {
    return Math.min(...this.#eligible().map((candidate) => this.#dueAt(candidate)))
  }

  /** Not while the peer is dialling us: two connections would come of it, and one be closed. */
  #dueAt({ id, notBefore }: Candidate): number {
    const opened = this.#node
      .getConnections()
      .filter((connection) => isSignalling(connection) && connection.remotePeer.toString() === id)
      .map(({ timeline }) => timeline.open - Date.now() + performance.now())
    return Math.max(notBefore, ...opened.map((at) => at + this.#tuning.dialTimeout))
  }

  /** Whether the dials under way, should they succeed, leave the tab with too few peers to rest. */
  #isUrgent(): boolean {
    return this.#ports.connections() + this.#inFlight.size < this.#tuning.urgentPeers
  }

  #newCandidate(id: PeerId, first: boolean): Candidate {
    // The newcomer dials: it heard of us when it came, which is before we hear of it. Were we to dial as well, two
    // dials would get into each other's way.
    const wait = first ? 0 : jittered(this.#tuning.yieldTime)
    return {
      id,
      introducers: new Set(),
      notBefore: performance.now() + wait,
      failures: 0,
      pathless: 0,
      yielded: false,
    }
  }

  /** How many more dials to start now. */
  #wanted(): number {
    const { size } = this.#inFlight
    const target = this.#ports.used() < SCARCE ? this.#tuning.targetPeers : FEW_PEERS
    const atATime = this.#isUrgent() ? this.#tuning.urgentPeers : 1
    return Math.min(atATime - size, target - this.#ports.connections() - size)
  }

  #eligible(): Candidate[] {
    return [...this.#candidates.values()].filter(
      ({ id, introducers }) =>
        !this.#inFlight.has(id) &&
        !this.#ports.isConnected(id) &&
        !this.#ports.isExcluded(id) &&
        [...introducers].some((prefix) => this.#ports.canIntroduce(prefix)),
    )
  }

  async #attempt(candidate: Candidate): Promise<void> {
    const { id } = candidate
    const usable = [...candidate.introducers].filter((prefix) => this.#ports.canIntroduce(prefix))
    // Each failure tries the next introducer, the one that named the peer last going first.
    const prefix = usable[usable.length - 1 - (candidate.failures % usable.length)]!
    if (candidate.yielded) {
      // The peer's dial has come to nothing, or we would be connected.
      candidate.yielded = false
      candidate.pathless++
    }
    const controller = new AbortController()
    this.#inFlight.set(id, controller)
    let answered = false
    const began = performance.now()
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
      this.#inFlight.delete(id)
      const now = performance.now()
      this.#restUntil = now + Math.min(MAX_REST, now - began)
      this.#ports.changed()
      this.dial()
    }
  }

  /** Counts a failure, unless there is a connection after all, of which the peer table tells the outcome. */
  #count(candidate: Candidate, metPeer: boolean): void {
    if (this.#ports.stopped.aborted || this.#ports.isConnected(candidate.id)) return
    candidate.pathless = metPeer ? candidate.pathless + 1 : 0
    candidate.notBefore = performance.now() + backoff(candidate.failures, this.#tuning.dialBackoff)
    candidate.failures++
    if (candidate.failures >= MAX_FAILURES && candidate.pathless === 0) this.#candidates.delete(candidate.id)
    this.#ports.changed()
  }
}

/** Whether this is a relayed connection over which a peer is about to dial us. */
function isSignalling(connection: Connection): boolean {
  return connection.direction === 'inbound' && !isDirect(connection)
}
