/**
 * The door of the page's server: which connections it keeps while they load the page, and while they shake hands with
 * the relay. Each stage has a room of its own, shared out by address, from which the least promising one goes when
 * another comes; so a crowd that says nothing, or says it slowly, stops nobody. Thread: Node's main.
 */

import type { IncomingMessage, ServerResponse } from 'node:http'
import { isIPv6, type Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { WebSocketServer } from 'ws'
import type { RemoteEndpoint } from './entrance.ts'
import { FairShare, type Rivals, type Shares } from './fair-share.ts'
import type { Refusals } from './refusals.ts'
import type { Relay } from './relay.ts'
import { isLoopback, plainAddress, type Source, sourceOf } from './source.ts'

/** Connections for the page. A class behind one router fits: 60 tabs, and six connections of a browser that loads. */
export const VISITS: Shares = { total: 2000, perAddress: 400, perSubnet: 1000 }

/** Handshakes with the relay under way at a time: a class that opens the page at the same second fits. */
export const HANDSHAKES: Shares = { total: 300, perAddress: 100, perSubnet: 150 }

/** Longest WebSocket message, bytes: Noise, which all is wrapped in, has frames of up to 65,537. */
const MAX_MESSAGE_BYTES = 131_072

/** What a visitor is told whom the relay has no slot for. */
const NO_SLOT =
  'The relay holds as many tabs of your address as it can. Those that have met go on without it; try again in a minute.'

/** A TCP connection for the page. */
interface Visit {
  readonly socket: Socket
  readonly source: Source
  /** Answers under way. */
  answers: number
}

/** A WebSocket whose handshake with the relay isn't over. */
interface Handshake {
  readonly socket: Socket
  readonly source: Source
  /** Bytes that had been read when it began. */
  readonly readBefore: number
}

/** What the door is made with. */
export interface DoorOptions {
  /** A reverse proxy on this machine says in X-Forwarded-For who it speaks for. */
  readonly behindProxy: boolean
  readonly visits: Shares
  readonly handshakes: Shares
  readonly refusals: Refusals
  /** Told once: requests seem to come through a proxy that we don't know to be one. */
  readonly proxySuspected: () => void
}

/** The door. */
export class Door {
  readonly #options: DoorOptions
  readonly #visits: FairShare<Visit>
  readonly #handshakes: FairShare<Handshake>
  /** Open connections for the page, by {@link endpointOf}: a TLS socket has the one of the socket below it. */
  readonly #visitors = new Map<string, Visit>()
  readonly #websockets = new WebSocketServer({
    noServer: true,
    clientTracking: false,
    maxPayload: MAX_MESSAGE_BYTES,
  })
  #suspected = false

  constructor(options: DoorOptions) {
    this.#options = options
    this.#visits = new FairShare(options.visits, idlest)
    this.#handshakes = new FairShare(options.handshakes, leastPromising)
  }

  /** A TCP connection came in. Another one, or itself, may be destroyed for it. */
  visit(socket: Socket): void {
    // A proxy's connections carry everybody's requests; it bounds its own visitors.
    if (this.#options.behindProxy && isLoopback(socket.remoteAddress)) return
    const visit: Visit = { socket, source: sourceOf(socket.remoteAddress), answers: 0 }
    const endpoint = endpointOf(socket)
    this.#visitors.set(endpoint, visit)
    socket.on('close', () => {
      this.#visits.delete(visit)
      this.#visitors.delete(endpoint)
    })
    const leaves = this.#visits.add(visit, visit.source)
    if (leaves === undefined) return
    this.#options.refusals.count('visits', leaves.source.address)
    leaves.socket.destroy()
  }

  /** A request came in whole: its connection is worth more than an idle one until it is answered. */
  serve(request: IncomingMessage, response: ServerResponse): void {
    const visit = this.#visitors.get(endpointOf(request.socket))
    if (visit === undefined) return
    visit.answers++
    response.on('close', () => visit.answers--)
  }

  /** Where a request comes from: a proxy that is known to be one speaks for another. */
  sourceOf(request: IncomingMessage): Source {
    return sourceOf(this.#hostOf(request))
  }

  /** Why the relay would refuse a tab from there, a sentence; undefined when it wouldn't. */
  refusal(relay: Relay, source: Source): string | undefined {
    return relay.admits(source) ? undefined : NO_SLOT
  }

  /** Takes a request to upgrade to a WebSocket through its handshakes and into the relay. */
  upgrade(relay: Relay, request: IncomingMessage, socket: Socket, head: Buffer): void {
    const host = this.#hostOf(request)
    const source = sourceOf(host)
    this.release(socket)
    const refusal = this.refusal(relay, source)
    if (refusal !== undefined) {
      this.#options.refusals.count('slots', source.address)
      refuse(socket, refusal)
      return
    }
    const handshake: Handshake = { socket, source, readBefore: socket.bytesRead }
    const leaves = this.#handshakes.add(handshake, source)
    if (leaves !== undefined) {
      this.#options.refusals.count('handshakes', leaves.source.address)
      leaves.socket.destroy()
    }
    const over = (): void => void this.#handshakes.delete(handshake)
    socket.on('close', over)
    const from: RemoteEndpoint = { host, family: isIPv6(host) ? 'ip6' : 'ip4', port: socket.remotePort ?? 0 }
    this.#websockets.handleUpgrade(request, socket, head, (websocket) => {
      // A failed handshake has closed the socket, and there is nobody to tell.
      relay.enter(websocket, from).then(over, over)
    })
  }

  /** A connection is a visit no longer: it is given up for no other, and may be silent. */
  release(socket: Socket): void {
    const visit = this.#visitors.get(endpointOf(socket))
    if (visit !== undefined) this.#visits.delete(visit)
    socket.setTimeout(0)
  }

  #hostOf({ socket, headers }: IncomingMessage): string {
    // Without an address it is closed already.
    const host = plainAddress(socket.remoteAddress ?? '') ?? '0.0.0.0'
    const forwarded = headers['x-forwarded-for']
    if (forwarded === undefined || !isLoopback(host)) return host
    if (this.#options.behindProxy) {
      // The last entry is the proxy's own; what stands before it, the visitor may have made up.
      const last = String(forwarded).split(',').at(-1)!.trim()
      return plainAddress(last.replace(/^\[(.*)\](:\d+)?$/, '$1').replace(/^([\d.]+):\d+$/, '$1')) ?? host
    }
    if (!this.#suspected) this.#options.proxySuspected()
    this.#suspected = true
    return host
  }
}

/** Answers an upgrade that nothing comes of. A browser's script learns no more than that it failed. */
export function refuse(socket: Duplex, sentence: string): void {
  socket.on('error', () => socket.destroy())
  socket.end(
    'HTTP/1.1 503 Service Unavailable\r\nConnection: close\r\nRetry-After: 60\r\n' +
      `Content-Type: text/plain; charset=utf-8\r\nContent-Length: ${sentence.length + 1}\r\n\r\n${sentence}\n`,
    () => socket.destroy(),
  )
}

/** The oldest of those that no answer is under way to, else of all. */
function idlest({ guests }: Rivals<Visit>): Visit {
  return guests.find(({ answers }) => answers === 0) ?? guests[0]!
}

/**
 * Of the older three quarters, the one that has said least, and of equals the oldest. An honest tab speaks at once, and
 * soon has more behind it than one that is silent or drips.
 */
function leastPromising({ guests }: Rivals<Handshake>): Handshake {
  const said = ({ socket, readBefore }: Handshake): number => socket.bytesRead - readBefore
  const older = guests.slice(0, Math.ceil((guests.length * 3) / 4))
  return older.reduce((least, guest) => (said(guest) < said(least) ? guest : least))
}

function endpointOf({ remoteAddress, remotePort, localAddress }: Socket): string {
  return `${remoteAddress} ${remotePort} ${localAddress}`
}
