/**
 * How WebSockets that the page's server has accepted become connections of the relay's libp2p node. It stands where
 * @libp2p/websockets has a listener, which insists on a server and a port of its own, dies of a malformed frame (nobody
 * listens for the socket's errors), takes frames of 100 MB, and can't make a sender wait. Thread: Node's main.
 */

import { setMaxListeners } from 'node:events'
import type { ComponentLogger, Logger, Upgrader } from '@libp2p/interface'
import { AbstractMultiaddrConnection } from '@libp2p/utils'
import { type Multiaddr, multiaddr } from '@multiformats/multiaddr'
import type { Uint8ArrayList } from 'uint8arraylist'
import type { WebSocket } from 'ws'
import { TokenBucket } from '../src/primitives/token-bucket.ts'
import { RateLimit, type RateLimitOptions } from './rate-limit.ts'
import { sourceOf } from './source.ts'

/** Most bytes that wait for libp2p, which reads at once. */
const MAX_UNREAD = 262_144

/** Most bytes that wait for a tab: one that reads so little loses the connection. */
const MAX_UNSENT = 1_048_576

/**
 * What the relay reads, bytes: of one address, then of one connection. What comes faster waits with its sender. An
 * introduction takes 3 kB, so a class of 60 that starts together waits little, while yamux's frames
 * of 12 bytes can't be repeated so often that the relay has no time for others.
 */
const ADDRESS_LIMIT: RateLimitOptions = { burst: 512_000, perSecond: 96_000, maxKeys: 4096 }
const CONNECTION_LIMIT = [64_000, 16_000] as const

/** What a message costs beside its length, bytes: a crowd of small ones is work too. */
const MESSAGE_OVERHEAD = 32

/** How long a tab may take to agree that a connection is closed, milliseconds. */
const CLOSE_TIMEOUT = 2000

/** Where a WebSocket comes from. */
export interface RemoteEndpoint {
  /** An IP address in text form, IPv4 never as IPv6. */
  readonly host: string
  readonly family: 'ip4' | 'ip6'
  readonly port: number
}

/** The parts of libp2p that the entrance works with. */
export interface EntranceComponents {
  readonly upgrader: Upgrader
  readonly logger: ComponentLogger
}

/** A service of libp2p: takes WebSockets in. */
export class Entrance {
  readonly #components: EntranceComponents
  readonly #closed = new AbortController()
  readonly #reading = new RateLimit(ADDRESS_LIMIT)

  constructor(components: EntranceComponents) {
    this.#components = components
    setMaxListeners(Infinity, this.#closed.signal)
  }

  start(): void {}

  /** Gives up the handshakes under way. libp2p itself closes the connections that came of earlier ones. */
  stop(): void {
    this.#closed.abort()
  }

  /** Shakes hands over an open WebSocket. Rejects when that fails or takes too long; the WebSocket is closed then. */
  async enter(websocket: WebSocket, { host, family, port }: RemoteEndpoint): Promise<void> {
    const remoteAddr = multiaddr(`/${family}/${host}/tcp/${port}/ws`)
    const { upgrader, logger } = this.#components
    const log = logger.forComponent('opentab:entrance')
    const { address } = sourceOf(host)
    const charge = (bytes: number): number => this.#reading.charge(address, bytes)
    const connection = new WebSocketConnection(websocket, remoteAddr, log, charge)
    try {
      await upgrader.upgradeInbound(connection, { signal: this.#closed.signal })
    } catch (error) {
      connection.abort(error as Error)
      throw error
    }
  }
}

/** A WebSocket as libp2p sees it: each piece of data is a binary message, of whatever length. */
class WebSocketConnection extends AbstractMultiaddrConnection {
  readonly #websocket: WebSocket
  readonly #reading = new TokenBucket(performance, ...CONNECTION_LIMIT)
  /** Waits until what was read is paid for. */
  #waiting: NodeJS.Timeout | undefined
  #pausedByReader = false

  /** `charge` is told how many bytes came, and answers how long the next have to wait, milliseconds. */
  constructor(websocket: WebSocket, remoteAddr: Multiaddr, log: Logger, charge: (bytes: number) => number) {
    super({ remoteAddr, log, direction: 'inbound', maxReadBufferLength: MAX_UNREAD })
    this.#websocket = websocket
    websocket.binaryType = 'arraybuffer'
    websocket.on('message', (data, isBinary) => {
      if (!isBinary) {
        this.abort(new Error('A text message'))
        return
      }
      const bytes = new Uint8Array(data as ArrayBuffer)
      const cost = bytes.length + MESSAGE_OVERHEAD
      this.#wait(Math.max(charge(cost), this.#reading.spend(cost)))
      this.onData(bytes)
    })
    // A malformed or oversized frame; `close` follows.
    websocket.on('error', () => websocket.terminate())
    websocket.on('close', (code) => {
      clearTimeout(this.#waiting)
      if (this.status !== 'open' && this.status !== 'closing') return
      // 1006: it ended without a closing frame.
      if (code === 1006) this.onRemoteReset()
      else this.onTransportClosed()
    })
  }

  override sendData(data: Uint8ArrayList): { sentBytes: number; canSendMore: boolean } {
    for (const piece of data) this.#websocket.send(piece)
    // The layers above would let theirs grow if told to wait.
    if (this.#websocket.bufferedAmount > MAX_UNSENT) this.#websocket.terminate()
    return { sentBytes: data.byteLength, canSendMore: true }
  }

  override sendReset(): void {
    this.#websocket.terminate()
  }

  override async sendClose(): Promise<void> {
    this.#websocket.close()
    setTimeout(() => this.#websocket.terminate(), CLOSE_TIMEOUT).unref()
  }

  override sendPause(): void {
    this.#pausedByReader = true
    this.#websocket.pause()
  }

  override sendResume(): void {
    this.#pausedByReader = false
    if (this.#waiting === undefined) this.#websocket.resume()
  }

  #wait(milliseconds: number): void {
    if (milliseconds <= 0) return
    this.#websocket.pause()
    clearTimeout(this.#waiting)
    this.#waiting = setTimeout(() => {
      this.#waiting = undefined
      if (!this.#pausedByReader) this.#websocket.resume()
    }, milliseconds)
  }
}
