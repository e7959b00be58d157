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

/** Most bytes that wait for a slow tab before libp2p is made to wait, and most that wait for libp2p. */
const MAX_BUFFERED = 262_144

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
    const connection = new WebSocketConnection(websocket, remoteAddr, log)
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

  constructor(websocket: WebSocket, remoteAddr: Multiaddr, log: Logger) {
    super({ remoteAddr, log, direction: 'inbound', maxReadBufferLength: MAX_BUFFERED })
    this.#websocket = websocket
    websocket.binaryType = 'arraybuffer'
    websocket.on('message', (data, isBinary) => {
      if (isBinary) this.onData(new Uint8Array(data as ArrayBuffer))
      else this.abort(new Error('A text message'))
    })
    // A malformed or oversized frame; `close` follows.
    websocket.on('error', () => websocket.terminate())
    websocket.on('close', (code) => {
      if (this.status !== 'open' && this.status !== 'closing') return
      // 1006: it ended without a closing frame.
      if (code === 1006) this.onRemoteReset()
      else this.onTransportClosed()
    })
  }

  override sendData(data: Uint8ArrayList): { sentBytes: number; canSendMore: boolean } {
    const onSent = (): void => {
      if (this.writableNeedsDrain && this.#websocket.bufferedAmount === 0) this.safeDispatchEvent('drain')
    }
    for (const piece of data) this.#websocket.send(piece, onSent)
    return { sentBytes: data.byteLength, canSendMore: this.#websocket.bufferedAmount < MAX_BUFFERED }
  }

  override sendReset(): void {
    this.#websocket.terminate()
  }

  override async sendClose(): Promise<void> {
    this.#websocket.close()
    setTimeout(() => this.#websocket.terminate(), CLOSE_TIMEOUT).unref()
  }

  override sendPause(): void {
    this.#websocket.pause()
  }

  override sendResume(): void {
    this.#websocket.resume()
  }
}
