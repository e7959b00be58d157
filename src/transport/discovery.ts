/**
 * Finds out who else is on the network: asks the relays and the tabs we know, and answers tabs that ask us.
 * Thread: Window.
 *
 * Wire format, both ways one frame prefixed with its length as a varint: the asker sends the network id as lower-case
 * hexadecimal text, and gets a JSON array of peer ids. A relay lists the tabs of that network that hold a slot on it.
 * A tab lists its peers that hold a slot on it, so that it can introduce them when every relay is gone.
 */

import type { Connection, Stream } from '@libp2p/interface'
import * as lp from 'it-length-prefixed'
import { pipe } from 'it-pipe'
import { PEERS_PROTOCOL } from '../network/peers-protocol.ts'
import type { PeerId } from '../network/transport.ts'
import type { Source } from './candidates.ts'
import { parsePeerId } from './identity.ts'
import { isDirect, type TabNode } from './libp2p-node.ts'
import type { TransportTuning } from './options.ts'
import { jittered, pause } from './timing.ts'

/** Longest answer, bytes, and most peer ids taken from one. */
const MAX_ANSWER_BYTES = 16_384
const MAX_PEERS_IN_ANSWER = 100

/** Longest network id, bytes. */
const MAX_NETWORK_ID_BYTES = 64

/** In which rounds of asking a tab is asked beside the relays. */
const TABS_EVERY = 4

/** How long one question may take, milliseconds. */
const ASK_TIMEOUT = 5000

/** Someone who can be asked, and who can introduce those that the answer names. */
export interface Introducer extends Source {
  readonly connection: Connection
}

/** What discovery needs to know of the rest. */
export interface DiscoveryPorts {
  /** Relays that introduce us now. */
  relays(): Introducer[]
  /** Connected tabs. */
  tabs(): Introducer[]
  /** Whether a tab is one that served us well. */
  isKnown(tab: PeerId): boolean
  /** Whether more peers are wanted. */
  wantsMore(): boolean
  /** Peers that an introducer, named by its prefix, can put us in touch with; whether it is its first answer. */
  found(peers: PeerId[], prefix: string, first: boolean): void
  readonly stopped: AbortSignal
}

/** Asks and answers. */
export class Discovery {
  readonly #node: TabNode
  readonly #networkId: string
  readonly #tuning: TransportTuning
  readonly #ports: DiscoveryPorts
  #hurry = new AbortController()
  #rounds = 0
  /** Connections over which an answer has come. */
  readonly #heard = new WeakSet<Connection>()

  constructor(node: TabNode, networkId: string, tuning: TransportTuning, ports: DiscoveryPorts) {
    this.#node = node
    this.#networkId = networkId
    this.#tuning = tuning
    this.#ports = ports
  }

  /** Answers from now on, and asks until stopped: often while peers are wanted, seldom otherwise. */
  async run(): Promise<void> {
    const { stopped } = this.#ports
    await this.#node.handle(PEERS_PROTOCOL, (stream, connection) => this.#answer(stream, connection), {
      maxInboundStreams: 1,
    })
    const [shortest, longest] = this.#tuning.askInterval
    let interval = shortest
    while (!stopped.aborted) {
      await this.#askAround()
      await pause(jittered(interval), AbortSignal.any([stopped, this.#hurry.signal]))
      if (this.#hurry.signal.aborted) {
        this.#hurry = new AbortController()
        interval = shortest
      } else {
        interval = this.#ports.wantsMore() ? Math.min(longest, interval * 1.5) : longest
      }
    }
  }

  /** Something changed for which it is worth asking at once: a relay came back, a peer was lost. */
  hurry(): void {
    this.#hurry.abort()
  }

  /**
   * Every relay, so that each keeps listing us; and one tab picked at random when no relay introduces us, or while more peers are
   * wanted: each time one of those that served us well, or now and then any.
   */
  async #askAround(): Promise<void> {
    const asked = this.#ports.relays()
    const all = this.#ports.tabs()
    const known = all.filter(({ id }) => this.#ports.isKnown(id))
    const tabs = known.length > 0 ? known : all
    const isTabsTurn = (++this.#rounds % TABS_EVERY === 0 || known.length > 0) && this.#ports.wantsMore()
    if (tabs.length > 0 && (isTabsTurn || asked.length === 0)) {
      asked.push(tabs[Math.floor(Math.random() * tabs.length)]!)
    }
    await Promise.all(asked.map((introducer) => this.#ask(introducer)))
  }

  async #ask({ connection, prefix }: Introducer): Promise<void> {
    const signal = AbortSignal.any([this.#ports.stopped, AbortSignal.timeout(ASK_TIMEOUT)])
    let stream: Stream | undefined
    const onAbort = (): void => stream?.abort(new Error('The answer took too long'))
    signal.addEventListener('abort', onAbort)
    try {
      stream = await connection.newStream(PEERS_PROTOCOL, { signal })
      stream.send(lp.encode.single(new TextEncoder().encode(this.#networkId)))
      const answer: unknown = JSON.parse(await readText(stream, MAX_ANSWER_BYTES))
      await stream.close({ signal })
      if (!Array.isArray(answer)) return
      const ids = answer.slice(0, MAX_PEERS_IN_ANSWER).map(parsePeerId)
      this.#ports.found(
        ids.filter((id) => id !== undefined),
        prefix,
        !this.#heard.has(connection),
      )
      this.#heard.add(connection)
    } catch (error) {
      // Unreachable, rate-limited or talking nonsense: there are others, and there is a next time.
      stream?.abort(error instanceof Error ? error : new Error(String(error)))
    } finally {
      signal.removeEventListener('abort', onAbort)
    }
  }

  async #answer(stream: Stream, connection: Connection): Promise<void> {
    const signal = AbortSignal.any([this.#ports.stopped, AbortSignal.timeout(ASK_TIMEOUT)])
    const onAbort = (): void => stream.abort(new Error('The question took too long'))
    signal.addEventListener('abort', onAbort)
    try {
      if (!isDirect(connection)) throw new Error('Asked over a relay')
      const network = await readText(stream, MAX_NETWORK_ID_BYTES)
      const ids = network === this.#networkId ? this.#introducible(connection) : []
      stream.send(lp.encode.single(new TextEncoder().encode(JSON.stringify(ids))))
      await stream.close({ signal })
    } catch (error) {
      stream.abort(error instanceof Error ? error : new Error(String(error)))
    } finally {
      signal.removeEventListener('abort', onAbort)
    }
  }

  #introducible(asker: Connection): string[] {
    const { reservations } = this.#node.services.relayServer
    return this.#ports
      .tabs()
      .map(({ connection }) => connection.remotePeer)
      .filter((peer) => !peer.equals(asker.remotePeer) && reservations.has(peer))
      .map(String)
  }
}

/** Reads one frame as text. Throws when it is too long, isn't UTF-8, or doesn't come. */
async function readText(stream: Stream, maxDataLength: number): Promise<string> {
  const frames = pipe(stream, (source) => lp.decode(source, { maxDataLength }))
  for await (const frame of frames) return new TextDecoder('utf-8', { fatal: true }).decode(frame.subarray())
  throw new Error('The stream ended early')
}
