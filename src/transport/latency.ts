/**
 * Pings the peers: how far they are, and whether they are still there. Thread: Window.
 */

import type { Connection } from '@libp2p/interface'
import type { PeerId } from '../network/transport.ts'
import type { TabNode } from './libp2p-node.ts'
import type { TransportTuning } from './options.ts'
import type { PeerTable } from './peer-table.ts'
import { jittered, pause } from './timing.ts'

/** Unanswered pings in a row after which a peer counts as gone. */
const MAX_MISSED = 2

/** The first ping leaves a new peer this time to settle, milliseconds. */
const FIRST_PING = 1000

/** Parts of the time for an answer after waking: of a part, what this tab itself was late for doesn't count. */
const WAKE_STEPS = 8

/** Pings all peers of a table. */
export class Pings {
  readonly #node: TabNode
  readonly #peers: PeerTable
  readonly #tuning: TransportTuning
  readonly #stopped: AbortSignal
  /** Unanswered pings in a row. */
  readonly #missed = new WeakMap<Connection, number>()

  constructor(node: TabNode, peers: PeerTable, tuning: TransportTuning, stopped: AbortSignal) {
    this.#node = node
    this.#peers = peers
    this.#tuning = tuning
    this.#stopped = stopped
  }

  /** Pings a peer from now until it is disconnected. Patient: a peer that is busy or hidden answers late. */
  async follow(id: PeerId): Promise<void> {
    const { pingInterval, pingTimeout } = this.#tuning
    const connection = this.#peers.connectionTo(id)
    await pause(jittered(Math.min(FIRST_PING, pingInterval)), this.#stopped)
    while (connection !== undefined && this.#isThere(id, connection)) {
      if (!(await this.#ping(id, connection, AbortSignal.timeout(pingTimeout)))) {
        const missed = (this.#missed.get(connection) ?? 0) + 1
        this.#missed.set(connection, missed)
        if (missed >= MAX_MISSED) this.#drop(id, connection, 'pings are not answered')
      }
      await pause(jittered(pingInterval), this.#stopped)
    }
  }

  /**
   * The tab was away: pings every peer at once, and drops those that don't answer within `wakeTimeout`. Most have given this
   * tab up meanwhile, which two ordinary pings would take half a minute to find out. Resolves when all are judged.
   */
  async probe(): Promise<void> {
    const over = new AbortController()
    const probes = this.#peers.connected.map(async (id) => {
      const connection = this.#peers.connectionTo(id)!
      if (!(await this.#ping(id, connection, over.signal)))
        this.#drop(id, connection, 'it is gone since this tab was away')
    })
    const answered = Promise.all(probes)
    void answered.then(() => over.abort())
    for (let step = 0; step < WAKE_STEPS; step++)
      await pause(this.#tuning.wakeTimeout / WAKE_STEPS, AbortSignal.any([over.signal, this.#stopped]))
    over.abort()
    await answered
  }

  /** Whether the peer answered before `over` aborted. */
  async #ping(id: PeerId, connection: Connection, over: AbortSignal): Promise<boolean> {
    try {
      const signal = AbortSignal.any([over, this.#stopped])
      const milliseconds = await this.#node.services.ping.ping(connection.remotePeer, { signal })
      this.#missed.delete(connection)
      if (this.#isThere(id, connection)) this.#peers.setLatency(id, milliseconds)
      return true
    } catch {
      return false
    }
  }

  #drop(id: PeerId, connection: Connection, reason: string): void {
    if (this.#isThere(id, connection)) this.#peers.disconnect(id, reason)
  }

  #isThere(id: PeerId, connection: Connection): boolean {
    return !this.#stopped.aborted && this.#peers.connectionTo(id) === connection
  }
}
