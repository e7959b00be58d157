/**
 * The page's server: the page, `network.json`, the relay and STUN behind one port number, so that one address (and
 * with `--lan` one accepted certificate) covers all of it. Thread: Node's main.
 */

import { once } from 'node:events'
import {
  createServer as createHttpServer,
  type ServerOptions as HttpOptions,
  type Server as HttpServer,
  type IncomingMessage,
} from 'node:http'
import { createServer as createHttpsServer } from 'node:https'
import { type AddressInfo, createServer as createNetServer, type Socket } from 'node:net'
import { Door, HANDSHAKES, refuse, VISITS } from './door.ts'
import type { Shares } from './fair-share.ts'
import { askedHost, contentSecurityPolicy, networkJson, relayAddress } from './network-json.ts'
import type { PageHandler } from './page.ts'
import { Refusals } from './refusals.ts'
import { type Relay, SLOTS, startRelay } from './relay.ts'
import { type StunServer, startStun } from './stun.ts'
import { TAB_LINE_PATH, type TabLine } from './tab-line.ts'

/**
 * How long a browser may take to send a request, or to shake hands over TLS, milliseconds; and how long it may leave an
 * answer unread. It needs a fraction of that.
 */
const REQUEST_TIMEOUT = 10_000
const READ_TIMEOUT = 30_000

const PROXY_SUSPECTED =
  'Requests from this computer say that they are forwarded for others. If a reverse proxy runs here, start with ' +
  "--behind-proxy: until then all its visitors count as one address and share that address's part of the relay."

/** PEM texts. */
export interface TlsIdentity {
  readonly cert: string
  readonly key: string
}

/** What the server is started with. */
export interface ServerOptions {
  /** Address to bind; `::` binds all of both families. */
  readonly host: string
  /** TCP and UDP port; 0 picks one. */
  readonly port: number
  /** Seed of the relay's key, 32 bytes. */
  readonly keySeed: Uint8Array
  /** Makes the page's handler; the relay alone is served without it. Gets the HTTP server for Vite's hot reload. */
  readonly page?: (server: HttpServer) => PageHandler | Promise<PageHandler>
  /** Serve over TLS. */
  readonly tls?: TlsIdentity
  /** Names or addresses under which tabs reach this machine, for the addresses that the relay announces. */
  readonly publicHosts?: readonly string[]
  /** Multiaddrs of further relays for `network.json`. */
  readonly otherRelays?: readonly string[]
  /** Development: no Content-Security-Policy, which Vite's injected styles and scripts would break. */
  readonly development?: boolean
  /** A reverse proxy on this machine says in X-Forwarded-For who it speaks for. */
  readonly behindProxy?: boolean
  /** Takes the tab that answers programs of this computer; without it none is taken. */
  readonly tabLine?: TabLine
  /** How many may be where; each has a default for a relay of a thousand tabs. */
  readonly shares?: {
    /** Connections for the page. */
    readonly visits?: Shares
    /** Handshakes with the relay. */
    readonly handshakes?: Shares
    /** Tabs. */
    readonly slots?: Shares
  }
  /** Given what the operator should know, a line at a time, without its end. */
  readonly log?: (line: string) => void
}

/** A running server. */
export interface Server {
  readonly port: number
  readonly relayPeerId: string
  /** Why STUN isn't offered; undefined when it is. */
  readonly stunError: Error | undefined
  /** Stops introducing tabs while the page stays served; nothing happens if it is stopped. */
  stopRelay(): Promise<void>
  /** Starts the relay again under the same key; nothing happens if it runs. */
  startRelay(): Promise<void>
  /** Ends every connection and frees the port. */
  stop(): Promise<void>
}

/** Starts everything. Rejects with the system's error (such as EADDRINUSE) when the port can't be had. */
export async function startServer(options: ServerOptions): Promise<Server> {
  const { host, tls, keySeed, otherRelays = [] } = options
  const { visits = VISITS, handshakes = HANDSHAKES, slots = SLOTS } = options.shares ?? {}
  const log = options.log ?? (() => {})
  const refusals = new Refusals(log)
  const door = new Door({
    behindProxy: options.behindProxy ?? false,
    visits,
    handshakes,
    refusals,
    proxySuspected: () => log(PROXY_SUSPECTED),
  })
  const bounds = {
    headersTimeout: REQUEST_TIMEOUT,
    requestTimeout: REQUEST_TIMEOUT,
    connectionsCheckingInterval: 2000,
  }
  const http =
    tls === undefined
      ? createHttpServer(bounds)
      : createHttpsServer({ ...tls, ...bounds, handshakeTimeout: REQUEST_TIMEOUT })
  http.setTimeout(READ_TIMEOUT)
  const front = tls === undefined ? http : redirectPlainHttp(http, bounds)
  const sockets = new Set<Socket>()
  // Before the HTTP server's own listener, which then finds a refused connection destroyed.
  front.prependListener('connection', (socket: Socket) => {
    sockets.add(socket)
    socket.on('close', () => sockets.delete(socket))
    door.visit(socket)
  })
  front.listen(options.port, host)
  await once(front, 'listening')
  const { port } = front.address() as AddressInfo

  let relay: Relay | undefined
  let stun: StunServer | undefined
  let stunError: Error | undefined
  const announce = (options.publicHosts ?? ['127.0.0.1']).map((name) =>
    relayAddress({ name, port, secure: tls !== undefined }),
  )
  const beginRelay = async (): Promise<Relay> => {
    relay ??= await startRelay({
      keySeed,
      announce,
      slots,
      refused: (kind, address) => refusals.count(kind, address),
    })
    return relay
  }
  const endRelay = async (): Promise<void> => {
    const running = relay
    relay = undefined
    await running?.stop()
  }
  const stop = async (): Promise<void> => {
    const closed = once(front, 'close')
    front.close()
    refusals.stop()
    options.tabLine?.stop()
    for (const socket of sockets) socket.destroy()
    await Promise.all([closed, endRelay(), stun?.stop()])
  }

  try {
    const relayPeerId = (await beginRelay()).peerId
    try {
      stun = await startStun({ host, port })
    } catch (error) {
      // Without STUN tabs still meet by their local addresses: no reason to refuse service.
      stunError = error as Error
    }
    const page = await options.page?.(http)

    http.on('upgrade', (request, socket: Socket, head) => {
      if (options.development === true && isHotReload(request)) socket.setTimeout(0)
      else if (request.url === TAB_LINE_PATH) {
        if (options.tabLine === undefined) refuse(socket, 'This server was started without --rpc.')
        else {
          door.release(socket)
          options.tabLine.upgrade(request, socket, head, tls !== undefined)
        }
      } else if (relay === undefined) refuse(socket, 'The relay is stopped.')
      else door.upgrade(relay, request, socket, head)
    })
    http.on('request', (request, response) => {
      door.serve(request, response)
      if (request.method !== 'GET' && request.method !== 'HEAD') {
        response.writeHead(405, { allow: 'GET, HEAD' }).end()
        return
      }
      const asked = askedHost(request, tls !== undefined)
      if (asked === undefined) {
        response.writeHead(400, { 'content-type': 'text/plain; charset=utf-8' })
        response.end('The request does not say which host it is for.\n')
        return
      }
      response.setHeader('x-content-type-options', 'nosniff')
      response.setHeader('referrer-policy', 'no-referrer')
      response.setHeader('cross-origin-opener-policy', 'same-origin')
      const path = (request.url ?? '/').split('?', 1)[0]!
      if (options.development !== true) {
        response.setHeader('content-security-policy', contentSecurityPolicy(asked, otherRelays, path))
      }
      if (path === '/network.json') {
        const notice = relay && door.refusal(relay, door.sourceOf(request))
        const offer = { relayPeerId, stunPort: stun?.port, otherRelays, notice }
        response.writeHead(200, {
          'content-type': 'application/json; charset=utf-8',
          'cache-control': 'no-store',
          // Public by nature, and a page on another host may use this relay.
          'access-control-allow-origin': '*',
        })
        response.end(`${JSON.stringify(networkJson(asked, offer), undefined, 2)}\n`)
      } else if (page !== undefined) {
        page(request, response)
      } else {
        response.writeHead(404, { 'content-type': 'text/plain; charset=utf-8' })
        response.end('This is an Opentab relay. It serves no page; see /network.json for its address.\n')
      }
    })
    return {
      port,
      relayPeerId,
      stunError,
      stopRelay: endRelay,
      startRelay: async () => {
        await beginRelay()
      },
      stop,
    }
  } catch (error) {
    await stop()
    throw error
  }
}

/**
 * Accepts TLS and plain HTTP on one port. Who types the address of a `--lan` page without "https://" is redirected
 * rather than shown a protocol error.
 */
function redirectPlainHttp(https: HttpServer, bounds: HttpOptions): ReturnType<typeof createNetServer> {
  const plain = createHttpServer(bounds, (request, response) => {
    const asked = askedHost(request, false)
    if (asked === undefined) response.writeHead(400).end()
    else response.writeHead(307, { location: `https://${request.headers.host}${request.url ?? '/'}` }).end()
  })
  // They listen to nothing, and wouldn't begin to look for slow requests otherwise.
  for (const server of [https, plain]) server.emit('listening')
  return createNetServer((socket) => {
    socket.on('error', () => socket.destroy())
    // A connection that says nothing must not be kept for ever.
    socket.setTimeout(REQUEST_TIMEOUT, () => socket.destroy())
    socket.once('readable', () => {
      const first: Buffer | null = socket.read(1)
      if (first === null) return
      socket.setTimeout(0)
      socket.unshift(first)
      // 22 is the TLS record type of a handshake (RFC 8446 section 5.1), and no letter.
      const target = first[0] === 22 ? https : plain
      target.emit('connection', socket)
    })
  })
}

/** Vite's own WebSocket, which Vite answers. Without Vite nobody would, nor ever end it. */
function isHotReload(request: IncomingMessage): boolean {
  return request.headers['sec-websocket-protocol']?.startsWith('vite-') === true
}
