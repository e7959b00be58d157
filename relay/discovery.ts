/**
 * Peer discovery on the relay: a tab names its network and is told which other tabs of it can be reached through
 * this relay. The relay takes the name as an opaque word and forgets it with the tab's connection.
 *
 * Wire format, both ways one frame prefixed with its length as a varint: the tab sends the network id as lower-case
 * hexadecimal text, the relay answers a JSON array of peer ids. Whatever else arrives resets the stream.
 */

import type { Connection, PeerId, Stream } from '@libp2p/interface'
import * as lp from 'it-length-prefixed'
import { pipe } from 'it-pipe'
import { addBounded } from '../src/primitives/bounded.ts'
import { RateLimit, type RateLimitOptions } from './rate-limit.ts'
import type { Source } from './source.ts'

/** Most peer ids in an answer: enough to fill a tab's 6 to 10 peers several times over. */
export const MAX_PEERS_IN_ANSWER = 50

/** Longest network id, characters: a block hash in hexadecimal. */
export const MAX_NETWORK_ID_LENGTH = 64

/** Networks remembered for one tab. A tab lives in one; the spares are for one that switches without reconnecting. */
const MAX_NETWORKS_PER_PEER = 4

/** How many tabs of one address are named however few others there are. */
const FEW = 4

/** How long one ask may take, milliseconds. */
const ASK_TIMEOUT = 10_000

/** A tab asks when it starts and whenever it is short of peers, so a few in a row and then one a second is ample. */
const ASK_LIMIT: RateLimitOptions = { burst: 20, perSecond: 1, maxKeys: 4096 }

/** Of all tabs at one address: a class of 60 that starts together, and whoever flies from identity to identity. */
const ADDRESS_LIMIT: RateLimitOptions = { burst: 1200, perSecond: 60, maxKeys: 4096 }

const NETWORK_ID = new RegExp(`^[0-9a-f]{1,${MAX_NETWORK_ID_LENGTH}}$`)

/** A tab that asked. */
interface Asker {
  readonly id: PeerId
  /** The networks it asked for, oldest first. */
  readonly networks: Set<string>
}

/** Answers who is on which network. */
export class PeerDirectory {
  readonly #reachableFrom: (peer: PeerId) => Source | undefined
  readonly #refused: (address: string) => void
  readonly #limit: RateLimit
  readonly #addressLimit = new RateLimit(ADDRESS_LIMIT)
  readonly #askers = new Map<string, Asker>()

  /**
   * `reachableFrom` tells where a peer is, and undefined when it holds no reservation by which others could dial it
   * through this relay. `refused` hears of an ask that came too soon, with the asker's address.
   */
  constructor(
    reachableFrom: (peer: PeerId) => Source | undefined,
    refused: (address: string) => void = () => {},
    limit: RateLimitOptions = ASK_LIMIT,
  ) {
    this.#reachableFrom = reachableFrom
    this.#refused = refused
    this.#limit = new RateLimit(limit)
  }

  /** Serves one stream of `PEERS_PROTOCOL`. Never throws: a bad ask resets the stream. */
  readonly serve = async (stream: Stream, { remotePeer }: Connection): Promise<void> => {
    const timeout = AbortSignal.timeout(ASK_TIMEOUT)
    const onTimeout = (): void => stream.abort(new Error('The ask took too long'))
    timeout.addEventListener('abort', onTimeout)
    try {
      const address = this.#reachableFrom(remotePeer)?.address
      if (
        !this.#limit.allow(remotePeer.toString()) ||
        (address !== undefined && !this.#addressLimit.allow(address))
      ) {
        if (address !== undefined) this.#refused(address)
        throw new Error('Too many asks')
      }
      const network = await readNetworkId(stream)
      this.#remember(remotePeer, network)
      const answer = JSON.stringify(this.peersOf(network, remotePeer))
      stream.send(lp.encode.single(new TextEncoder().encode(answer)))
      await stream.close({ signal: timeout })
    } catch (error) {
      stream.abort(error instanceof Error ? error : new Error(String(error)))
    } finally {
      timeout.removeEventListener('abort', onTimeout)
    }
  }

  /**
   * Up to {@link MAX_PEERS_IN_ANSWER} reachable peers of a network, without the asker. Every other one is of the asker's
   * address while there are any: a direct path to them is likeliest, and nobody elsewhere can pass for one of them,
   * however many identities he makes. Of the others, subnets take turns, and within them addresses. None of all these is
   * more than half of an answer, beyond a few. Otherwise the order is random.
   */
  peersOf(network: string, asker: PeerId): string[] {
    const self = asker.toString()
    const own = this.#reachableFrom(asker)
    const subnets = new Map<string, Map<string, string[]>>()
    for (const [peer, { id, networks }] of this.#askers) {
      const source = peer !== self && networks.has(network) ? this.#reachableFrom(id) : undefined
      if (source === undefined) continue
      const addresses = subnets.get(source.subnet) ?? new Map<string, string[]>()
      subnets.set(source.subnet, addresses)
      const peers = addresses.get(source.address)
      if (peers === undefined) addresses.set(source.address, [peer])
      else peers.push(peer)
    }
    const neighbours = own && subnets.get(own.subnet)
    const near = shuffle(neighbours?.get(own!.address) ?? [])
    neighbours?.delete(own!.address)
    const perSubnet = new Map<string, string[]>()
    for (const [subnet, addresses] of subnets) {
      for (const peers of addresses.values()) shuffle(peers)
      if (addresses.size > 0) perSubnet.set(subnet, takeTurns(addresses, near.length))
    }
    const others = shuffle(takeTurns(perSubnet, near.length, own?.subnet))
    const most = others.length > 0 ? MAX_PEERS_IN_ANSWER / 2 : MAX_PEERS_IN_ANSWER
    return alternate(near.slice(0, most), others).slice(0, MAX_PEERS_IN_ANSWER)
  }

  /** Drops all that is known of a peer; called when its last connection closes. */
  forget(peer: string): void {
    this.#askers.delete(peer)
    this.#limit.forget(peer)
  }

  #remember(id: PeerId, network: string): void {
    const peer = id.toString()
    const { networks } = this.#askers.get(peer) ?? { networks: new Set<string>() }
    addBounded(networks, network, MAX_NETWORKS_PER_PEER)
    this.#askers.set(peer, { id, networks })
  }
}

/**
 * Takes from each list in turn, in random order of lists, until {@link MAX_PEERS_IN_ANSWER} are taken. One list gives
 * {@link FEW}, then no more than all the others and the `near` ones. A list alone gives all, if it is of the asker's
 * `own` subnet or none is near.
 */
function takeTurns(lists: ReadonlyMap<string, readonly string[]>, near: number, own?: string): string[] {
  const taken: string[] = []
  const given = new Map<string, number>()
  const order = shuffle([...lists])
  let before = -1
  while (taken.length > before) {
    before = taken.length
    for (const [key, list] of order) {
      const count = given.get(key) ?? 0
      const isAlone = lists.size === 1 && (near === 0 || key === own)
      const most = isAlone ? list.length : Math.max(FEW, near + taken.length - count)
      if (count >= Math.min(most, list.length) || taken.length === MAX_PEERS_IN_ANSWER) continue
      taken.push(list[count]!)
      given.set(key, count + 1)
    }
  }
  return taken
}

/** One of each list in turn while both last. */
function alternate<T>(first: readonly T[], second: readonly T[]): T[] {
  const length = Math.max(first.length, second.length)
  return Array.from({ length }, (_, i) => [...first.slice(i, i + 1), ...second.slice(i, i + 1)]).flat()
}

/** Fisher-Yates, in place: every tab gets another sample, so that the network's graph is random. */
function shuffle<T>(items: T[]): T[] {
  for (let i = items.length - 1; i > 0; i--) {
    const j = Math.floor(Math.random() * (i + 1))
    ;[items[i], items[j]] = [items[j]!, items[i]!]
  }
  return items
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
