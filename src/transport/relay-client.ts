/**
 * Keeps one relay: connected, and with a slot reserved, until it is stopped. Thread: Window.
 */

import type { Connection } from '@libp2p/interface'
import { multiaddr } from '@multiformats/multiaddr'
import type { PeerId, RelayInfo } from '../network/transport.ts'
import type { TabNode } from './libp2p-node.ts'
import type { TransportTuning } from './options.ts'
import { backoff, jittered, pause, within } from './timing.ts'

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
  readonly #stop = new AbortController()
  /** Aborts when this client is stopped, or the transport. */
  readonly #stopped: AbortSignal
  /** Aborts at the next waking: whatever waits then waits no longer. */
  #woken = new AbortController()
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
    this.#stopped = AbortSignal.any([stopped, this.#stop.signal])
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
      const { signal: woken } = this.#woken
      try {
        this.#connection = await this.#node.dial(multiaddr(this.address), {
          signal: AbortSignal.any([this.#stopped, woken, AbortSignal.timeout(STEP_TIMEOUT)]),
        })
        failures = 0
        await this.#keep(this.#connection)
        this.#set('connecting')
      } catch {
        this.#set('unreachable')
      }
      this.#connection = undefined
      await pause(backoff(failures++, this.#tuning.relayBackoff), AbortSignal.any([this.#stopped, woken]))
      // Earlier failures say nothing of the network that the tab woke in.
      if (woken.aborted) failures = 0
    }
  }

  /** The tab was away: looks whether the relay is still there, and dials it again at once where it isn't. */
  wake(): void {
    const woken = this.#woken
    this.#woken = new AbortController()
    woken.abort(new Error('The tab woke'))
    const connection = this.#connection
    if (connection === undefined) return
    this.#ping(connection, this.#tuning.wakeTimeout, this.#stopped).catch(() =>
      connection.abort(new Error('The relay is gone since the tab was away')),
    )
  }

  /** Gives the relay up. */
  stop(): void {
    this.#stop.abort(new Error('The relay is not used any more'))
    const connection = this.#connection
    connection?.close().catch((error: Error) => connection.abort(error))
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
      const { signal: woken } = this.#woken
      await pause(backoff(failures++, this.#tuning.relayBackoff), AbortSignal.any([over, woken]))
      if (woken.aborted) failures = 0
    }
  }

  /** A server that vanished without closing, behind a changed network for example, is noticed by its silence. */
  async #watch(connection: Connection, over: AbortSignal): Promise<void> {
    let missed = 0
    while (!over.aborted) {
      await pause(jittered(this.#tuning.pingInterval), over)
      if (over.aborted) return
      try {
        await this.#ping(connection, this.#tuning.pingTimeout, over)
        missed = 0
      } catch {
        missed++
        if (missed >= 2) connection.abort(new Error('The relay is silent'))
      }
    }
  }

  async #ping(connection: Connection, timeout: number, over: AbortSignal): Promise<void> {
    const { ping } = this.#node.services
    await within(timeout, over, (signal) => ping.ping(connection.remotePeer, { signal }))
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

/** Whether a relay at this address can be used: it is a multiaddr that ends in a peer id. */
export function isRelayAddress(address: string): boolean {
  try {
    return relayIdOf(address) !== ''
  } catch {
    return false
  }
}
