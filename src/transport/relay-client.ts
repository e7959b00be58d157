/**
 * Keeps one relay: connected, and with a slot reserved, for as long as the tab lives. Thread: Window.
 */

import type { Connection } from '@libp2p/interface'
import { multiaddr } from '@multiformats/multiaddr'
import type { PeerId, RelayInfo } from '../protocol/transport.ts'
import type { TabNode } from './libp2p-node.ts'
import type { TransportTuning } from './options.ts'
import { backoff, jittered, nextEvent, pause } from './timing.ts'

/** How long connecting, or reserving a slot, may take, milliseconds. */
const STEP_TIMEOUT = 10_000

/** What a `RelayClient` reports. */
export interface RelayEvents {
  /** The relay's state changed. */
  changed(): void
  /** A slot is reserved: others can reach us through this relay, and it will tell who they are. */
  reserved(): void
}

/** The client of one relay. */
export class RelayClient {
  /** As configured; it ends in `/p2p/<id>`. */
  readonly address: string
  readonly id: PeerId
  readonly #node: TabNode
  readonly #tuning: TransportTuning
  readonly #events: RelayEvents
  readonly #stopped: AbortSignal
  #state: RelayInfo['state'] = 'connecting'
  #connection: Connection | undefined

  constructor(
    address: string,
    node: TabNode,
    tuning: TransportTuning,
    events: RelayEvents,
    stopped: AbortSignal,
  ) {
    this.address = address
    this.id = relayIdOf(address)
    this.#node = node
    this.#tuning = tuning
    this.#events = events
    this.#stopped = stopped
  }

  /** For display. */
  get info(): RelayInfo {
    return { address: this.address, state: this.#state }
  }

  /** The connection, while it is open. */
  get connection(): Connection | undefined {
    return this.#connection
  }

  /** Connects, reserves and reconnects until stopped. */
  async run(): Promise<void> {
    let failures = 0
    while (!this.#stopped.aborted) {
      this.#set('connecting')
      try {
        this.#connection = await this.#node.dial(multiaddr(this.address), {
          signal: AbortSignal.any([this.#stopped, AbortSignal.timeout(STEP_TIMEOUT)]),
        })
        failures = 0
        await this.#keep(this.#connection)
      } catch {
        this.#set('unreachable')
      }
      this.#connection = undefined
      if (!this.#stopped.aborted) await this.#rest(backoff(failures++, this.#tuning.relayBackoff))
    }
  }

  /** Holds a slot while the connection lives; resolves when it is lost. */
  async #keep(connection: Connection): Promise<void> {
    const closed = new AbortController()
    const onClose = (): void => closed.abort()
    connection.addEventListener('close', onClose)
    if (connection.status !== 'open') closed.abort()
    const over = AbortSignal.any([closed.signal, this.#stopped])
    this.#set('connected')
    try {
      await Promise.all([this.#reserve(over), this.#watch(connection, over)])
    } finally {
      connection.removeEventListener('close', onClose)
    }
  }

  async #reserve(over: AbortSignal): Promise<void> {
    let failures = 0
    while (!over.aborted) {
      if (this.#node.services.listening.hasReservation(this.id)) {
        if (this.#state !== 'reserved') {
          this.#set('reserved')
          this.#events.reserved()
        }
        failures = 0
        // libp2p renews a slot; this notices when it couldn't.
        await pause(jittered(this.#tuning.pingInterval), over)
        continue
      }
      this.#set('connected')
      try {
        await this.#node.services.listening.reserve(this.address)
      } catch {
        // The relay is full, or gone.
      }
      if (over.aborted || this.#node.services.listening.hasReservation(this.id)) continue
      await pause(backoff(failures++, this.#tuning.relayBackoff), over)
    }
  }

  /** A server that vanished without closing, behind a changed network for example, is noticed by its silence. */
  async #watch(connection: Connection, over: AbortSignal): Promise<void> {
    let missed = 0
    while (!over.aborted) {
      await pause(jittered(this.#tuning.pingInterval), over)
      if (over.aborted) return
      try {
        const timeout = AbortSignal.timeout(this.#tuning.pingTimeout)
        await this.#node.services.ping.ping(connection.remotePeer, {
          signal: AbortSignal.any([over, timeout]),
        })
        missed = 0
      } catch {
        missed++
        if (missed >= 2) connection.abort(new Error('The relay is silent'))
      }
    }
  }

  /** Waits, but no longer than until the browser is online again. */
  async #rest(milliseconds: number): Promise<void> {
    const rested = new AbortController()
    const signal = AbortSignal.any([rested.signal, this.#stopped])
    await Promise.race([pause(milliseconds, signal), nextEvent(globalThis, 'online', signal)]).catch(() => {})
    rested.abort()
  }

  #set(state: RelayInfo['state']): void {
    if (state === this.#state) return
    this.#state = state
    this.#events.changed()
  }
}

/** The peer id at the end of a relay's multiaddr. Throws a TypeError for an address without one. */
export function relayIdOf(address: string): PeerId {
  const last = multiaddr(address).getComponents().at(-1)
  if (last?.name !== 'p2p' || last.value === undefined) {
    throw new TypeError(`A relay's address ends in /p2p/<peer id>; this one doesn't: ${address}`)
  }
  return last.value as PeerId
}
