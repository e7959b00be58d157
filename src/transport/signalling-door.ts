/**
 * Where strangers come in: over a relayed connection they send a WebRTC offer on a signalling stream, and get an answer. Thread: Window.
 *
 * @libp2p/webrtc makes an RTCPeerConnection as soon as such a stream opens, and Chrome grants a tab few of them. So the stream is held back
 * here until a whole offer was read from it. What is under way is bounded, by peer, by relay and in all, in number and in time; where room is
 * short the worst goes, not the newcomer: who tried in vain most often, then who comes by the relay that is most crowded, then who waits
 * longest. A peer that tries in vain again and again is left outside for a while, longer each time.
 */

import type { Connection, Stream } from '@libp2p/interface'
import { Uint8ArrayList } from 'uint8arraylist'
import type { PeerId, TransportOffence } from '../network/transport.ts'
import { putBounded } from '../primitives/bounded.ts'
import { isOffer, MAX_OFFER_BYTES } from './webrtc-offer.ts'

/** The protocol's libp2p name. */
export const SIGNALLING_PROTOCOL = '/webrtc-signaling/0.0.1'

/** Streams whose offer is awaited, or that wait for a connection: in all, and through one relay. */
export const MAX_WAITING = 24
const MAX_WAITING_ON_RELAY = 18

/** Strangers for whom a connection is being made. */
const MAX_MAKING = 12

/** How long an offer may take, a stranger wait for a connection, and the making of one take, milliseconds. libp2p gives up after 10 s. */
const OFFER_TIMEOUT = 5000
const WAIT_TIMEOUT = 10_000
const MAKING_TIMEOUT = 12_000

/** Between two looks at whether there is a connection for those who wait, milliseconds. */
const LOOK = 1000

/** Bytes that a signalling stream may bring: the offer and candidates, some 200 bytes each. */
const MAX_SIGNALLING_BYTES = MAX_OFFER_BYTES + 32 * 1024

/** Streams that a relayed connection may bring. An honest dialler opens one, and another for each time that it tries again. */
const MAX_STREAMS = 8

/** Relayed connections: at a time, and how long one may last, milliseconds. Signalling is all they are for. */
const MAX_RELAYED = 40
const RELAYED_TIMEOUT = 30_000

/** Handshakes of relayed connections under way, in all and through one relay, and how long one counts, milliseconds. libp2p bounds all inbound ones together. */
const MAX_HANDSHAKES = 60
const MAX_HANDSHAKES_ON_RELAY = 40
const HANDSHAKE_TIMEOUT = 10_000

/** Vain attempts after which a peer is left outside, for how long at first and at most, and after how long they are forgotten, milliseconds. */
const FREE_FAILURES = 4
const OUTSIDE = [30_000, 3_600_000] as const
const FORGET = 3_600_000

/** Attempts without an offer, within so long, milliseconds, that are an offence. An honest dialler may give up once, when its peer dials it. */
const MAX_EMPTY = 4
const EMPTY_TIME = 60_000

/** Peers of which vain attempts are remembered. A peer id costs nothing to make, so the one that failed longest ago makes room. */
const MAX_RECORDS = 1000

/** What the door needs to know of the rest. Times in milliseconds. */
export interface DoorPorts {
  /** Spends a connection on a stranger; false when there is none now. */
  spend(): boolean
  /** Spends one on a tab that was our peer for a while: as if we had dialled it. */
  spendOnFriend(): boolean
  /** Whether this tab was our peer for a while. */
  isFriend(peer: PeerId): boolean
  /** Whether a peer that this relay introduces would stay, if it were let in. */
  hasPlaceFor(peer: PeerId, relay: string): boolean
  /** A peer went too far. */
  offended(peer: PeerId, offence: TransportOffence): void
  /** Attempts are refused because there are too many. `scarce`: because no connections are left for strangers. */
  flooded(scarce: boolean): void
}

/** Reasons for which a peer is not to blame: it may be slow, or others too many. */
const OFFER_LATE = 'The offer took too long'
const CROWDED = 'Too many ask for a connection'
const BLAMELESS: ReadonlySet<string> = new Set([OFFER_LATE, CROWDED])

/** Why a peer is sent away before a connection is made. Nobody is to blame for it. */
const FULL = 'There is no place for another peer'

interface Attempt {
  readonly peer: PeerId
  readonly relay: string
  readonly stream: Stream
  readonly connection: Connection
  readonly since: number
  readonly timers: Set<ReturnType<typeof setTimeout>>
  /** What waits, once the offer is read, for a connection to be made. */
  proceed: (() => void) | undefined
  making: boolean
}

interface Failures {
  count: number
  /** When those were that gave up before an offer or sent something else. */
  empty: number[]
  at: number
}

/** The door. */
export class SignallingDoor {
  readonly #ports: DoorPorts
  readonly #now: () => number
  readonly #attempts = new Set<Attempt>()
  readonly #failures = new Map<PeerId, Failures>()
  readonly #relayed = new Set<Connection>()
  /** When handshakes began, by relay, milliseconds of `now`. */
  readonly #handshakes = new Map<string, number[]>()
  #looking: ReturnType<typeof setTimeout> | undefined
  #isEntering = false

  /** `now` is a monotonic clock in milliseconds. */
  constructor(ports: DoorPorts, now: () => number = () => performance.now()) {
    this.#ports = ports
    this.#now = now
  }

  /** Whether the connection that is being made, right now, is for a stranger whom the door let in: it is paid for. */
  get isEntering(): boolean {
    return this.#isEntering
  }

  /** Whether a peer is left outside now. */
  isOutside(peer: PeerId): boolean {
    const failures = this.#failures.get(peer)
    return failures !== undefined && this.#now() < failures.at + outsideTime(failures)
  }

  /** Whether a relay's request to connect us with a peer may go on to a handshake. */
  mayShakeHands(relay: string): boolean {
    const now = this.#now()
    let all = 0
    for (const [id, begun] of this.#handshakes) {
      while (begun.length > 0 && begun[0]! + HANDSHAKE_TIMEOUT < now) begun.shift()
      if (begun.length === 0) this.#handshakes.delete(id)
      all += begun.length
    }
    const begun = this.#handshakes.get(relay) ?? []
    if (all >= MAX_HANDSHAKES || begun.length >= MAX_HANDSHAKES_ON_RELAY) {
      this.#ports.flooded(false)
      return false
    }
    begun.push(now)
    this.#handshakes.set(relay, begun)
    return true
  }

  /** A relayed connection came in. */
  relayedIn(connection: Connection): void {
    const relay = relayOf(connection)
    this.#handshakes.get(relay)?.shift()
    if (this.#relayed.size >= MAX_RELAYED) this.#closeWorstRelayed()
    this.#relayed.add(connection)
    const timer = setTimeout(() => abort(connection, 'Nothing is signalled any more'), RELAYED_TIMEOUT)
    connection.addEventListener('close', () => {
      clearTimeout(timer)
      this.#relayed.delete(connection)
    })
    let streams = 0
    ;(connection as unknown as { muxer?: EventTarget }).muxer?.addEventListener('stream', () => {
      if (++streams <= MAX_STREAMS) return
      const peer = idOf(connection)
      abort(connection, 'Too many streams')
      this.#ports.offended(peer, {
        code: 'signalling-flood',
        detail: 'It opened stream after stream over a relay.',
        penalty: 100,
      })
      this.#ports.flooded(false)
    })
  }

  /** A peer was met: its vain attempts are forgotten. */
  met(peer: PeerId): void {
    this.#failures.delete(peer)
  }

  /** A peer's attempt was in vain. `empty`: it gave up before an offer, or sent something else. */
  failed(peer: PeerId, empty = false): void {
    const before = this.#failures.get(peer)
    const now = this.#now()
    const failures =
      before !== undefined && now < before.at + FORGET ? before : { count: 0, empty: [], at: now }
    failures.count++
    failures.empty = failures.empty.filter((at) => at > now - EMPTY_TIME)
    if (empty) failures.empty.push(now)
    failures.at = now
    putBounded(this.#failures, peer, failures, MAX_RECORDS)
    // A direct path may not exist, for which nobody is to blame; an offer is a matter of sending it.
    if (empty && failures.empty.length >= MAX_EMPTY) {
      failures.empty = []
      this.#ports.flooded(false)
      this.#ports.offended(peer, {
        code: 'signalling-flood',
        detail: 'It asked for a connection again and again, and sent no offer.',
        penalty: 100,
      })
    }
  }

  /** A direct connection of this peer's dial is open: the signalling for it has done its work. */
  opened(peer: PeerId): void {
    for (const attempt of this.#attempts) if (attempt.peer === peer) this.#settle(attempt)
  }

  /** A signalling stream opened. `proceed` makes the connection, at once, and reads the offer from the stream. */
  enter(stream: Stream, connection: Connection, proceed: () => void): void {
    const peer = idOf(connection)
    const relay = relayOf(connection)
    // Who is connected directly has no use for another connection, and who is outside stays there.
    if (!this.#relayed.has(connection) || this.isOutside(peer)) {
      stream.abort(new Error('No connection is made for this peer now'))
      return
    }
    if (!this.#ports.hasPlaceFor(peer, relay)) {
      stream.abort(new Error(FULL))
      abort(connection, FULL)
      return
    }
    for (const other of this.#attempts) if (other.peer === peer) this.#fail(other, 'It asked again')
    this.#makeRoom(relay)
    const attempt: Attempt = {
      peer,
      relay,
      stream,
      connection,
      since: this.#now(),
      timers: new Set(),
      proceed: undefined,
      making: false,
    }
    this.#attempts.add(attempt)
    stream.maxReadBufferLength = MAX_SIGNALLING_BYTES
    this.#within(attempt, OFFER_TIMEOUT, OFFER_LATE)
    const stopReading = readOffer(stream, (offer) => {
      if (!this.#attempts.has(attempt)) return
      if (offer === undefined) {
        this.#fail(attempt, 'It sent no offer')
        return
      }
      this.#stopTimers(attempt)
      this.#within(attempt, WAIT_TIMEOUT, 'No connection was left in time')
      attempt.proceed = proceed
      this.#admit()
    })
    stream.addEventListener('close', ({ error }) => {
      stopReading()
      // Without an error signalling is over, and the connection about to open.
      if (error !== undefined || !attempt.making) this.#fail(attempt, 'The signalling ended')
    })
  }

  /** Makes connections for those who wait, while there are any to make: the best first, and of equals who came last, as a queue is where floods wait. */
  #admit(): void {
    clearTimeout(this.#looking)
    for (;;) {
      const attempts = [...this.#attempts]
      const waiting = attempts.filter(({ proceed, making }) => proceed !== undefined && !making)
      const best = waiting.sort((a, b) => this.#compare(a, b)).at(-1)
      if (best === undefined) return
      const isRoom = attempts.filter(({ making }) => making).length < MAX_MAKING
      const isPaid =
        isRoom && (this.#ports.isFriend(best.peer) ? this.#ports.spendOnFriend() : this.#ports.spend())
      if (!isPaid) {
        this.#ports.flooded(isRoom)
        this.#looking = setTimeout(() => this.#admit(), LOOK)
        return
      }
      this.#make(best)
    }
  }

  #make(attempt: Attempt): void {
    const { stream, proceed } = attempt
    attempt.making = true
    this.#stopTimers(attempt)
    this.#within(attempt, MAKING_TIMEOUT, 'The connection took too long')
    this.#isEntering = true
    proceed!()
    this.#isEntering = false
    let bytes = 0
    const count = ({ data }: { data: { byteLength: number } }): void => {
      bytes += data.byteLength
      if (bytes > MAX_SIGNALLING_BYTES) this.#fail(attempt, 'Too many candidates')
    }
    // Not before libp2p listens as well, or it would miss the offer.
    setTimeout(() => stream.addEventListener('message', count), 0)
  }

  /** Ends the worst of those that wait, where there are too many of them. */
  #makeRoom(relay: string): void {
    const waiting = [...this.#attempts].filter(({ making }) => !making)
    const onRelay = waiting.filter((attempt) => attempt.relay === relay)
    const crowd =
      waiting.length >= MAX_WAITING ? waiting : onRelay.length >= MAX_WAITING_ON_RELAY ? onRelay : []
    const worst = crowd.sort((a, b) => this.#compare(a, b))[0]
    if (worst === undefined) return
    this.#ports.flooded(false)
    this.#fail(worst, CROWDED)
  }

  /** Negative when `a` is the worse. */
  #compare(a: Attempt, b: Attempt): number {
    const friends = Number(this.#ports.isFriend(a.peer)) - Number(this.#ports.isFriend(b.peer))
    const failures = this.#failureCount(b.peer) - this.#failureCount(a.peer)
    const crowd = this.#crowd(b.relay) - this.#crowd(a.relay)
    return friends || failures || crowd || a.since - b.since
  }

  #failureCount(peer: PeerId): number {
    return this.#failures.get(peer)?.count ?? 0
  }

  #crowd(relay: string): number {
    return [...this.#attempts].filter((attempt) => attempt.relay === relay && !attempt.making).length
  }

  #closeWorstRelayed(): void {
    const busy = new Set([...this.#attempts].map(({ connection }) => connection))
    const [oldest] = this.#relayed
    const idle = [...this.#relayed].find((connection) => !busy.has(connection))
    this.#ports.flooded(false)
    abort(idle ?? oldest!, 'Too many relayed connections')
    this.#relayed.delete(idle ?? oldest!)
  }

  #within(attempt: Attempt, milliseconds: number, reason: string): void {
    attempt.timers.add(setTimeout(() => this.#fail(attempt, reason), milliseconds))
  }

  #stopTimers({ timers }: Attempt): void {
    for (const timer of timers) clearTimeout(timer)
    timers.clear()
  }

  #settle(attempt: Attempt): boolean {
    this.#stopTimers(attempt)
    const isFirst = this.#attempts.delete(attempt)
    // There may be room now for one that waits.
    if (isFirst && attempt.making) this.#admit()
    return isFirst
  }

  #fail(attempt: Attempt, reason: string): void {
    if (!this.#settle(attempt)) return
    // Whoever waited for us to have a connection left is not to blame.
    if (attempt.proceed === undefined || attempt.making)
      this.failed(attempt.peer, attempt.proceed === undefined && !BLAMELESS.has(reason))
    attempt.stream.abort(new Error(reason))
    if (this.isOutside(attempt.peer)) abort(attempt.connection, reason)
  }
}

/** The peer id of the relay that a relayed connection comes through. */
export function relayOf({ remoteAddr }: Connection): string {
  const components = remoteAddr.getComponents()
  const circuit = components.findLastIndex(({ name }) => name === 'p2p-circuit')
  return components.slice(0, Math.max(0, circuit)).findLast(({ name }) => name === 'p2p')?.value ?? ''
}

/** How long a peer is left outside after its last vain attempt, milliseconds. */
function outsideTime({ count }: Failures): number {
  const [first, longest] = OUTSIDE
  return count < FREE_FAILURES ? 0 : Math.min(longest, first * 2 ** (count - FREE_FAILURES))
}

/**
 * Reads a stream up to its first whole message, which stays to be read again. Calls `done` once: with the message when it is an offer that a
 * connection may be made for, else with nothing. Returns the function that gives up.
 */
function readOffer(stream: Stream, done: (offer: Uint8Array | undefined) => void): () => void {
  const read = new Uint8ArrayList()
  const stop = (): void => {
    stream.removeEventListener('message', onMessage)
    stream.removeEventListener('remoteCloseWrite', onEnd)
  }
  const finish = (offer: Uint8Array | undefined): void => {
    stop()
    if (offer !== undefined) stream.unshift(read)
    done(offer)
  }
  const onMessage = ({ data }: { data: Uint8Array | Uint8ArrayList }): void => {
    read.append(data)
    const bytes = read.subarray(0, Math.min(read.byteLength, MAX_OFFER_BYTES))
    const offer = isOffer(bytes)
    if (offer === 'incomplete') return
    finish(offer === 'yes' ? bytes : undefined)
  }
  const onEnd = (): void => finish(undefined)
  stream.addEventListener('message', onMessage)
  stream.addEventListener('remoteCloseWrite', onEnd)
  return stop
}

function idOf(connection: Connection): PeerId {
  return connection.remotePeer.toString() as PeerId
}

function abort(connection: Connection, reason: string): void {
  connection.abort(new Error(reason))
}
