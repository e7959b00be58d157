/**
 * Pings the peers: how far they are, and whether they are still there. Thread: Window.
 */

import type { PeerId } from '../protocol/transport.ts'
import type { TabNode } from './libp2p-node.ts'
import type { TransportTuning } from './options.ts'
import type { PeerTable } from './peer-table.ts'
import { jittered, pause } from './timing.ts'

/** Unanswered pings in a row after which a peer counts as gone. */
const MAX_MISSED = 2

/** The first ping leaves a new peer this time to settle, milliseconds. */
const FIRST_PING = 1000

/** Pings a peer from now until it is disconnected or `stopped` aborts. */
export async function pingPeer(
  id: PeerId,
  node: TabNode,
  peers: PeerTable,
  { pingInterval, pingTimeout }: TransportTuning,
  stopped: AbortSignal,
): Promise<void> {
  const connection = peers.connectionTo(id)
  let missed = 0
  await pause(jittered(Math.min(FIRST_PING, pingInterval)), stopped)
  while (connection !== undefined && !stopped.aborted && peers.connectionTo(id) === connection) {
    try {
      const signal = AbortSignal.any([stopped, AbortSignal.timeout(pingTimeout)])
      peers.setLatency(id, await node.services.ping.ping(connection.remotePeer, { signal }))
      missed = 0
    } catch {
      missed++
      if (missed >= MAX_MISSED && peers.connectionTo(id) === connection) {
        peers.disconnect(id, 'pings are not answered')
      }
    }
    await pause(jittered(pingInterval), stopped)
  }
}
