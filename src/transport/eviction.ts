/**
 * Who leaves when there are more peers than a tab can serve, and who is exchanged for another. Pure. Thread: any.
 *
 * As in Bitcoin Core, places are kept for peers that are good in ways which cost an attacker something: whom we chose, whom we
 * remember, who told blocks first, who stayed long, who is near, who is of another address than the rest. Of the others
 * the newest leaves, of the group that has most; so whoever comes in great number takes places from himself.
 */

import type { PeerId } from '../network/transport.ts'

/** Inbound peers that are kept for being remembered, for telling blocks first, for being near, and for having stayed longest. */
const KEPT_KNOWN = 2
const KEPT_TELLERS = 2
const KEPT_NEAR = 1
const KEPT_LONGEST = 2
/** Inbound peers that are kept for being alone in their address group. */
const KEPT_RARE = 1

/** Peers with the longest stay that are never exchanged. */
const KEPT_IN_EXCHANGE = 4

/** A peer that holds a place. */
export interface Occupant {
  readonly id: PeerId
  /** We dialled it. */
  readonly outbound: boolean
  /** It is remembered as one that served us well. */
  readonly known: boolean
  /** Whether streams and gossip are set up on its connection. */
  readonly announced: boolean
  /** Round trip, milliseconds; undefined until measured. */
  readonly latency: number | undefined
  /** When it was last the first to tell a block, milliseconds of any clock; undefined if never. */
  readonly usefulAt: number | undefined
  readonly addressGroup: string | undefined
  /** Who introduced it; stands for its address where that is unknown. */
  readonly introducer: string | undefined
}

/** How many places there are. */
export interface Places {
  readonly maxPeers: number
  /** Of these, so many are for peers that we choose. */
  readonly outboundPeers: number
}

/**
 * Who leaves now that `newcomer` has come; undefined while there is room. `occupants`: longest stay first, the newcomer among them.
 * Never one that we dialled: those who dial us can't take the places of those whom we chose.
 */
export function chooseEvicted(
  occupants: readonly Occupant[],
  newcomer: PeerId,
  { maxPeers, outboundPeers }: Places,
): PeerId | undefined {
  const inbound = occupants.filter(({ outbound }) => !outbound)
  if (occupants.length <= maxPeers && inbound.length <= maxPeers - outboundPeers) return undefined
  const others = inbound.filter(({ id }) => id !== newcomer)
  // What isn't set up yet has shown nothing: connections that are only opened push out each other and nobody else.
  const pending = others.filter(({ announced }) => !announced)
  if (pending.length > 0) return pending[0]!.id
  const kept = keptInbound(others)
  const free = others.filter(({ id }) => !kept.has(id))
  if (free.length === 0) return inbound.at(-1)?.id
  return ofLargestGroup(free, others).at(-1)!.id
}

/**
 * Who leaves in exchange for `newcomer`, which we dialled to keep the network's graph random: neither those that are known nor those
 * with the longest stay, so that whoever floods the network with peers of his own never replaces them all. Of the others one of
 * the address group of which there are most, at random. Undefined when all are kept.
 */
export function chooseExchanged(
  occupants: readonly Occupant[],
  newcomer: PeerId,
  random: () => number,
): PeerId | undefined {
  const tellers = latestTellers(occupants)
  const free = occupants
    .slice(KEPT_IN_EXCHANGE)
    .filter(({ id, known }) => id !== newcomer && !known && !tellers.has(id))
  const crowd = ofLargestGroup(free, occupants)
  return crowd[Math.floor(random() * crowd.length)]?.id
}

/** Whether one address group has more than half of the peers whose address is known, though there are others. */
export function isLopsided(peers: readonly Pick<Occupant, 'addressGroup'>[]): boolean {
  const known = peers.filter(({ addressGroup }) => addressGroup !== undefined)
  const sizes = [...countBy(known, ({ addressGroup }) => addressGroup!).values()]
  return sizes.length > 1 && 2 * Math.max(...sizes) > known.length
}

function keptInbound(inbound: readonly Occupant[]): Set<PeerId> {
  const kept = latestTellers(inbound)
  const keep = (peers: readonly Occupant[], count: number): void => {
    for (const { id } of peers.filter(({ id }) => !kept.has(id)).slice(0, count)) kept.add(id)
  }
  const groups = countBy(inbound, groupOf)
  keep(
    inbound.filter(({ known }) => known),
    KEPT_KNOWN,
  )
  const near = inbound.filter(({ latency }) => latency !== undefined)
  keep(
    near.sort((a, b) => a.latency! - b.latency!),
    KEPT_NEAR,
  )
  keep(
    inbound.filter((each) => groups.get(groupOf(each)) === 1),
    KEPT_RARE,
  )
  keep(inbound, KEPT_LONGEST)
  return kept
}

function latestTellers(occupants: readonly Occupant[]): Set<PeerId> {
  const tellers = occupants.filter(({ usefulAt }) => usefulAt !== undefined)
  tellers.sort((a, b) => b.usefulAt! - a.usefulAt!)
  return new Set(tellers.slice(0, KEPT_TELLERS).map(({ id }) => id))
}

/** Those of `free` whose group has the most among `all`. */
function ofLargestGroup(free: readonly Occupant[], all: readonly Occupant[]): Occupant[] {
  const groups = countBy(all, groupOf)
  const sizeOf = (each: Occupant): number => groups.get(groupOf(each))!
  const most = Math.max(...free.map(sizeOf))
  return free.filter((each) => sizeOf(each) === most)
}

function groupOf({ addressGroup, introducer }: Occupant): string {
  return addressGroup ?? `by ${introducer ?? 'nobody'}`
}

function countBy<T>(peers: readonly T[], key: (peer: T) => string): Map<string, number> {
  const counts = new Map<string, number>()
  for (const each of peers) counts.set(key(each), (counts.get(key(each)) ?? 0) + 1)
  return counts
}
