/**
 * HTTP JSON-RPC for programs of this computer, as Bitcoin Core's server (its `httprpc.cpp`, `httpserver.cpp`): the same paths, status codes and
 * authentication. Stricter than it: pages of browsers are refused whatever they know, by the headers that a browser sets and a page can't, and so
 * is a request for a host by another name than this computer's own (DNS rebinding). Thread: Node's main.
 */
import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { TokenBucket } from '../src/primitives/token-bucket.ts'
import type { Credentials } from './credentials.ts'
import { answerJsonRpc, type Call } from './json-rpc.ts'

/** Longest body, bytes: a block and its hex digits fit twice. */
export const MAX_BODY = 16_000_000

/** Longest head of a request, bytes (Bitcoin Core's `MAX_HEADERS_SIZE`). */
const MAX_HEADERS = 8192

/** How long a request may take to arrive, milliseconds, as Bitcoin Core's `-rpcservertimeout`. */
const REQUEST_TIMEOUT = 30_000

/** Connections, and requests of who may call, at a time; requests beyond are told so (503), connections are closed. */
const MAX_CONNECTIONS = 256
const MAX_REQUESTS = 64

/** Bytes of bodies that are read at a time, of all requests. */
const MAX_READING = 4 * MAX_BODY

/** Calls at once, and a second for ever: what comes faster waits. */
const CALL_RATE = [2000, 500] as const

/** How long a wrong password waits for its answer, milliseconds, as in Bitcoin Core: guessing takes time. */
const WRONG_PASSWORD_DELAY = 250

/** Paths: `/`, and `/wallet/NAME` with the name percent-encoded. */
const WALLET_PATH = '/wallet/'

/** What the server is started with. */
export interface RpcServerOptions {
  readonly call: Call
  readonly auth: Pick<Credentials, 'allow'>
  /** TCP port on 127.0.0.1; 0 picks one. */
  readonly port: number
  /** A steady clock, milliseconds; tests pass their own. */
  readonly clock?: { now(): number }
  /** Waits so many milliseconds; tests pass their own. */
  readonly wait?: (milliseconds: number) => Promise<void>
  /** Milliseconds for a request to arrive; 30,000 when left out. */
  readonly requestTimeout?: number
}

/** A running server. */
export interface RpcServer {
  readonly port: number
  /** Ends every connection and frees the port. */
  stop(): Promise<void>
}

/** Serves `call` on the loopback. Rejects with the system's error (such as EADDRINUSE) when the port can't be had. */
export async function serveRpc(options: RpcServerOptions): Promise<RpcServer> {
  const { auth, wait = sleep, requestTimeout = REQUEST_TIMEOUT } = options
  const rate = new TokenBucket(options.clock ?? performance, ...CALL_RATE)
  let requests = 0
  let reading = 0

  /** Undefined where it is longer than it may be, or its sender went away. */
  const bodyOf = async (request: IncomingMessage): Promise<string | undefined> => {
    const pieces: Buffer[] = []
    let length = 0
    try {
      for await (const piece of request as AsyncIterable<Buffer>) {
        length += piece.length
        reading += piece.length
        if (length > MAX_BODY || reading > MAX_READING) return undefined
        pieces.push(piece)
      }
      return Buffer.concat(pieces).toString()
    } catch {
      return undefined
    } finally {
      reading -= length
    }
  }

  const answer = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const refusal = refusalOf(request)
    if (refusal !== undefined) return refuse(response, ...refusal)
    if (!auth.allow(request.headers.authorization)) {
      if (request.headers.authorization !== undefined) await wait(WRONG_PASSWORD_DELAY)
      response.setHeader('www-authenticate', 'Basic realm="jsonrpc"')
      return refuse(response, 401, '')
    }
    if (requests >= MAX_REQUESTS) return refuse(response, 503, 'Work queue depth exceeded')
    requests++
    response.on('close', () => requests--)
    if (Number(request.headers['content-length'] ?? 0) > MAX_BODY) return refuse(response, 413, TOO_LONG)
    const body = await bodyOf(request)
    if (body === undefined) return refuse(response, 413, TOO_LONG)
    const wallet = walletOf(request) ?? undefined
    const call = async (method: string, params: readonly unknown[]) => {
      const pause = rate.spend(1)
      if (pause > 0) await wait(pause)
      return options.call(method, params, wallet)
    }
    const { status, body: text } = await answerJsonRpc(body, call, () => response.destroyed)
    if (text === '') response.writeHead(status).end()
    else response.writeHead(status, { 'content-type': 'application/json' }).end(text)
  }

  const server = createServer(
    {
      maxHeaderSize: MAX_HEADERS,
      headersTimeout: requestTimeout,
      requestTimeout,
      connectionsCheckingInterval: Math.min(2000, requestTimeout),
    },
    (request, response) => {
      answer(request, response).catch(() => response.destroy())
    },
  )
  server.maxConnections = MAX_CONNECTIONS
  // A body that a client announces is waited for only once it is known who sends it.
  server.on('checkContinue', (request, response) => {
    if (refusalOf(request) === undefined && auth.allow(request.headers.authorization))
      response.writeContinue()
    server.emit('request', request, response)
  })
  server.listen(options.port, '127.0.0.1')
  await once(server, 'listening')
  return {
    port: (server.address() as AddressInfo).port,
    async stop() {
      const closed = once(server, 'close')
      server.close()
      server.closeAllConnections()
      await closed
    },
  }
}

const TOO_LONG = `The request is longer than ${MAX_BODY} bytes, or too many long ones come at a time.`

/** Why a request isn't answered, whoever sends it. */
function refusalOf(request: IncomingMessage): readonly [status: number, sentence: string] | undefined {
  const { headers, method } = request
  if (headers.origin !== undefined || headers['sec-fetch-site'] !== undefined)
    return [403, 'Pages of browsers may not call: this is for programs of this computer.']
  if (!isOwnName(headers.host))
    return [403, 'The request names another host than this computer: use localhost or 127.0.0.1.']
  if (pathOf(request) !== '/' && !pathOf(request).startsWith(WALLET_PATH)) return [404, '']
  if (method !== 'POST') return [405, 'JSONRPC server handles only POST requests']
  if (walletOf(request) === null)
    return [400, 'The name of the wallet in the path is not encoded as it should be.']
  return undefined
}

/** Whether a Host header means this computer by a name that nobody's DNS can give to it. */
export function isOwnName(host: string | undefined): boolean {
  return /^(localhost|127\.0\.0\.1|\[::1\])(:\d{1,5})?$/i.test(host ?? '')
}

function pathOf({ url = '/' }: IncomingMessage): string {
  return url.split('?', 1)[0]!
}

/** The wallet that the path names; undefined where it names none, null where it can't be read. */
function walletOf(request: IncomingMessage): string | undefined | null {
  const path = pathOf(request)
  if (!path.startsWith(WALLET_PATH)) return undefined
  try {
    return decodeURIComponent(path.slice(WALLET_PATH.length))
  } catch {
    return null
  }
}

function refuse(response: ServerResponse, status: number, sentence: string): void {
  // What is left of a body that nobody reads goes with the connection.
  response.writeHead(status, { 'content-type': 'text/plain; charset=utf-8', connection: 'close' })
  response.end(sentence)
}

function sleep(milliseconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds))
}
