/**
 * Pings the peers: how far they are, and whether they are still there. Thread: Window.
 */

import type { Connection } from '@libp2p/interface'
import type { PeerId } from '../network/transport.ts'
import type { TabNode } from './libp2p-node.ts'
import type { TransportTuning } from './options.ts'
import type { PeerTable } from './peer-table.ts'
import { jittered, pause, within } from './timing.ts'

/** Unanswered pings in a row after which a peer counts as gone. */
const MAX_MISSED = 2

/** The first ping leaves a new peer this time to settle, milliseconds. */
const FIRST_PING = 1000

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
      if (!(await this.#ping(id, connection, pingTimeout))) {
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
    const probes = this.#peers.connected.map(async (id) => {
      const connection = this.#peers.connectionTo(id)!
      if (!(await this.#ping(id, connection, this.#tuning.wakeTimeout)))
        this.#drop(id, connection, 'it is gone since this tab was away')
    })
    await Promise.all(probes)
  }

  /** Whether the peer answers within `timeout`, milliseconds. */
  async #ping(id: PeerId, connection: Connection, timeout: number): Promise<boolean> {
    try {
      const { ping } = this.#node.services
      const milliseconds = await within(timeout, this.#stopped, (signal) =>
        ping.ping(connection.remotePeer, { signal }),
      )
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
