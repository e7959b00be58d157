/**
 * The line to the tab that answers programs of this computer (`--rpc`): a WebSocket that a tab opens to its own page's server. Calls go down it,
 * answers come up. Who opens it must be a page of this server, on this computer, and name the code that this server printed: so no page of another
 * site, and no other user of this computer, is taken for the tab. Thread: Node's main.
 */
import { randomBytes, timingSafeEqual } from 'node:crypto'
import type { IncomingMessage } from 'node:http'
import type { Socket } from 'node:net'
import { type RawData, type WebSocket, WebSocketServer } from 'ws'
import { isOwnName } from '../rpc/server.ts'
import { RPC_MISC_ERROR, type RpcResponse } from '../src/node/rpc-error.ts'
import { isLoopback } from './source.ts'

/** Bitcoin Core's code while it starts; `bitcoin-cli -rpcwait` and other clients try again. */
const RPC_IN_WARMUP = -28

/** Where the page's server takes it. */
export const TAB_LINE_PATH = '/rpc'

/** Longest answer of a tab, bytes. */
const MAX_ANSWER = 64_000_000

/** Calls that wait for the tab; the oldest is given up for one more. */
const MAX_WAITING = 256

/** How long a line may take to name the code, and how long one with a wrong code is kept waiting, milliseconds. */
const CODE_TIMEOUT = 5000
const WRONG_CODE_DELAY = 1000

/** Lines that have not named the code, at a time: as many guesses a second at a code of 40 bits. */
const MAX_STRANGERS = 4

/** Why a line was closed, in the range that RFC 6455 section 7.4.2 leaves to programs; `web/tab/outside.ts` has sentences for them. */
const WRONG_CODE = 4001
const TAKEN = 4002

/** Takes a tab's line, and calls the tab over it. */
export class TabLine {
  /** What a person types in the tab: 10 hexadecimal digits. */
  readonly code: string = randomBytes(5).toString('hex')
  /** Of calls under way, oldest first, how they are answered. */
  readonly #waiting = new Map<number, (response: RpcResponse) => void>()
  readonly #websockets = new WebSocketServer({
    noServer: true,
    clientTracking: true,
    maxPayload: MAX_ANSWER,
  })
  readonly #log: (line: string) => void
  #tab: WebSocket | undefined
  #strangers = 0
  #calls = 0

  /** `log` is given one line at a time, without its end. */
  constructor(log: (line: string) => void) {
    this.#log = log
  }

  /** Takes a request to upgrade at {@link TAB_LINE_PATH}. `tls`: the server speaks TLS. */
  upgrade(request: IncomingMessage, socket: Socket, head: Buffer, tls: boolean): void {
    const { host, origin, 'x-forwarded-for': forwarded } = request.headers
    const isOwnPage =
      isOwnName(host) && origin?.toLowerCase() === `${tls ? 'https' : 'http'}://${host?.toLowerCase()}`
    const isFromHere = forwarded === undefined && isLoopback(socket.remoteAddress)
    const status = isOwnPage && isFromHere ? (this.#strangers < MAX_STRANGERS ? undefined : 503) : 403
    if (status !== undefined) {
      turnAway(socket, status)
      return
    }
    this.#strangers++
    let isStranger = true
    const isKnown = (): void => {
      if (isStranger) this.#strangers--
      isStranger = false
    }
    socket.once('close', isKnown)
    this.#websockets.handleUpgrade(request, socket, head, (websocket) => {
      // A malformed or oversized frame; `close` follows.
      websocket.on('error', () => websocket.terminate())
      const late = setTimeout(() => websocket.terminate(), CODE_TIMEOUT)
      websocket.once('close', () => clearTimeout(late))
      websocket.once('message', (data) => {
        clearTimeout(late)
        if (!this.#isCode(data)) setTimeout(() => websocket.close(WRONG_CODE), WRONG_CODE_DELAY)
        else if (this.#tab !== undefined) websocket.close(TAKEN)
        else {
          isKnown()
          this.#take(websocket)
        }
      })
    })
  }

  /** Asks the tab; answers an error where there is none, or it goes away. */
  call(method: string, params: readonly unknown[], wallet: string | undefined): Promise<RpcResponse> {
    const tab = this.#tab
    if (tab === undefined)
      return Promise.resolve(
        failure(
          RPC_IN_WARMUP,
          'No tab answers programs yet. Open the page on this computer, and allow it there: Network, “From outside the page”.',
        ),
      )
    if (this.#waiting.size >= MAX_WAITING) {
      const [oldest] = this.#waiting.keys()
      this.#answer(
        oldest!,
        failure(RPC_MISC_ERROR, 'Too many calls wait for the tab: this one was given up.'),
      )
    }
    const id = ++this.#calls
    return new Promise((resolve) => {
      this.#waiting.set(id, resolve)
      tab.send(JSON.stringify({ id, method, params, wallet }))
    })
  }

  /** Closes all lines. */
  stop(): void {
    for (const websocket of this.#websockets.clients) websocket.terminate()
  }

  #isCode(data: RawData): boolean {
    const [given, code] = [Buffer.from(String(data)), Buffer.from(this.code)]
    return given.length === code.length && timingSafeEqual(given, code)
  }

  #take(websocket: WebSocket): void {
    this.#tab = websocket
    this.#log('A tab answers programs of this computer.')
    websocket.on('message', (data) => {
      const answer = parse(String(data))
      if (answer === undefined) websocket.terminate()
      else this.#answer(answer.id, answer.response)
    })
    websocket.once('close', () => {
      this.#tab = undefined
      this.#log('The tab no longer answers programs.')
      for (const id of [...this.#waiting.keys()])
        this.#answer(
          id,
          failure(RPC_MISC_ERROR, 'The tab went away before it answered. What was asked may have been done.'),
        )
    })
    websocket.send('ready')
  }

  #answer(id: number, response: RpcResponse): void {
    this.#waiting.get(id)?.(response)
    this.#waiting.delete(id)
  }
}

/** What a tab says; undefined where it is no answer. */
function parse(text: string): { readonly id: number; readonly response: RpcResponse } | undefined {
  try {
    const { id, result, error } = JSON.parse(text) as Readonly<Record<string, unknown>>
    if (typeof id !== 'number') return undefined
    if (error === undefined) return { id, response: { result } }
    const { code, message } = error as Readonly<Record<string, unknown>>
    if (typeof code !== 'number' || typeof message !== 'string') return undefined
    return { id, response: failure(code, message) }
  } catch {
    return undefined
  }
}

function failure(code: number, message: string): RpcResponse {
  return { error: { code, message } }
}

/** A browser's script learns no more than that it failed. */
function turnAway(socket: Socket, status: 403 | 503): void {
  socket.on('error', () => socket.destroy())
  const reason = status === 403 ? 'Forbidden' : 'Service Unavailable'
  socket.end(`HTTP/1.1 ${status} ${reason}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`, () =>
    socket.destroy(),
  )
}
