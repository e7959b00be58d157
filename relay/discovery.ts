/**
 * Peer discovery on the relay: a tab names its network and is told which other tabs of it can be reached through
 * this relay. The relay takes the name as an opaque word and forgets it with the tab's connection.
 *
 * Wire format, both ways one frame prefixed with its length as a varint: the tab sends the network id as lower-case
 * hexadecimal text, the relay answers a JSON array of peer ids. Whatever else arrives resets the stream.
 */

import type { Connection, Stream } from '@libp2p/interface'
import * as lp from 'it-length-prefixed'
import { pipe } from 'it-pipe'
import { RateLimit, type RateLimitOptions } from './rate-limit.ts'

/** The protocol's libp2p name. */
export const PEERS_PROTOCOL = '/opentab/peers/1.0.0'

/** Most peer ids in an answer: enough to fill a tab's 6 to 10 peers several times over. */
export const MAX_PEERS_IN_ANSWER = 50

/** Longest network id, characters: a block hash in hexadecimal. */
export const MAX_NETWORK_ID_LENGTH = 64

/** Networks remembered for one tab. A tab lives in one; the spares are for one that switches without reconnecting. */
const MAX_NETWORKS_PER_PEER = 4

/** How long one ask may take, milliseconds. */
const ASK_TIMEOUT = 10_000

/** A tab asks when it starts and whenever it is short of peers, so a few in a row and then one a second is ample. */
const ASK_LIMIT: RateLimitOptions = { burst: 20, perSecond: 1, maxKeys: 4096 }

const NETWORK_ID = new RegExp(`^[0-9a-f]{1,${MAX_NETWORK_ID_LENGTH}}$`)

/** Answers who is on which network. */
export class PeerDirectory {
  readonly #isReachable: (peer: string) => boolean
  readonly #limit: RateLimit
  /** Peer id to the networks it asked for, oldest first. */
  readonly #networks = new Map<string, Set<string>>()

  /** `isReachable` tells whether a peer holds a reservation, so that others can dial it through this relay. */
  constructor(isReachable: (peer: string) => boolean, limit: RateLimitOptions = ASK_LIMIT) {
    this.#isReachable = isReachable
    this.#limit = new RateLimit(limit)
  }

  /** Serves one stream of {@link PEERS_PROTOCOL}. Never throws: a bad ask resets the stream. */
  readonly serve = async (stream: Stream, connection: Connection): Promise<void> => {
    const timeout = AbortSignal.timeout(ASK_TIMEOUT)
    const onTimeout = (): void => stream.abort(new Error('The ask took too long'))
    timeout.addEventListener('abort', onTimeout)
    try {
      const asker = connection.remotePeer.toString()
      if (!this.#limit.allow(asker)) throw new Error('Too many asks')
      const network = await readNetworkId(stream)
      this.#remember(asker, network)
      const answer = JSON.stringify(this.peersOf(network, asker))
      stream.send(lp.encode.single(new TextEncoder().encode(answer)))
      await stream.close({ signal: timeout })
    } catch (error) {
      stream.abort(error instanceof Error ? error : new Error(String(error)))
    } finally {
      timeout.removeEventListener('abort', onTimeout)
    }
  }

  /** Up to {@link MAX_PEERS_IN_ANSWER} reachable peers of a network in random order, without the asker. */
  peersOf(network: string, asker: string): string[] {
    const peers: string[] = []
    for (const [peer, networks] of this.#networks) {
      if (peer !== asker && networks.has(network) && this.#isReachable(peer)) peers.push(peer)
    }
    // A partial Fisher-Yates shuffle: every tab gets another sample, so that the network's graph is random.
    const count = Math.min(MAX_PEERS_IN_ANSWER, peers.length)
    for (let i = 0; i < count; i++) {
      const j = i + Math.floor(Math.random() * (peers.length - i))
      ;[peers[i], peers[j]] = [peers[j]!, peers[i]!]
    }
    return peers.slice(0, count)
  }

  /** Drops all that is known of a peer; called when its last connection closes. */
  forget(peer: string): void {
    this.#networks.delete(peer)
    this.#limit.forget(peer)
  }

  #remember(peer: string, network: string): void {
    const networks = this.#networks.get(peer) ?? new Set()
    networks.delete(network)
    networks.add(network)
    const [oldest] = networks
    if (networks.size > MAX_NETWORKS_PER_PEER && oldest !== undefined) networks.delete(oldest)
    this.#networks.set(peer, networks)
  }
}

/** Reads the one frame of an ask. Throws for anything but a well-formed network id. */
async function readNetworkId(stream: Stream): Promise<string> {
  const frames = pipe(stream, (source) => lp.decode(source, { maxDataLength: MAX_NETWORK_ID_LENGTH }))
  for await (const frame of frames) {
    const network = new TextDecoder('utf-8', { fatal: true }).decode(frame.subarray())
    if (!NETWORK_ID.test(network)) throw new Error('Not a network id')
    return network
  }
  throw new Error('The stream ended before the ask')
}
