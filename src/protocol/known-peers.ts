/**
 * The peers that were good to have, remembered over reloads, so that a tab that returns needs nobody's list to find the network: an
 * attacker fills lists at no cost. In the manner of Bitcoin Core's address manager and anchors, though so small that all can be ranked
 * where Core draws lots. Sans I/O: time by Clock, storage by the PeerStore. Runs where NodeCore runs.
 *
 * A place in the table is earned, by time and by being the first to tell blocks, and taken from one of less worth alone. However
 * many identities someone makes, those of one address group share `MAX_PER_GROUP` places, and with the table full who came by the
 * introducer with the most places, in its largest group, makes room: whoever has many of a kind competes with himself.
 */

import type { PeerId, PeerInfo, RememberedPeer, Standing, Transport } from '../network/transport.ts'
import type { Clock } from '../primitives/ports.ts'
import { type KnownPeer, MAX_INTRODUCERS, MAX_KNOWN_PEERS, type PeerStore } from './peer-store.ts'

/** Most peers of one address group that are remembered, and of one introducer where addresses are unknown. */
const MAX_PER_GROUP = 8
/** Peers that are dialled before anyone is asked who there is. */
const MAX_ANCHORS = 4
/** Seconds of connection before a peer is remembered. */
const MIN_STAY = 10
/** Seconds of connection, or blocks first told, after which a peer that we chose is proven. */
const PROVEN_STAY = 1800
const PROVEN_BLOCKS = 3
/**
 * Milliseconds in which the worth of a peer that is away halves, and after which others are dialled first. It is forgotten only when its place
 * is needed: how long it was away is what this tab's clock says, which may be set wrong today and right tomorrow.
 */
const HALF_LIFE = 3 * 86_400_000
const MAX_ABSENCE = 30 * 86_400_000
/** Milliseconds between two writes: while nothing but times changes, and after a peer came or went. */
const SAVE_INTERVAL = 30_000
const SAVE_SOON = 5_000
/** Most milliseconds counted from one look to the next: a laptop that slept was with nobody. */
const MAX_STEP = 10_000

interface Live {
  record: KnownPeer
  countedAt: number
  readonly remembered: Standing | undefined
  proven: boolean
}

export interface KnownPeersOptions {
  readonly store: PeerStore
  readonly transport: Transport
  readonly clock: Clock
  readonly log: (line: string) => void
}

export class KnownPeers {
  private readonly options: KnownPeersOptions
  private readonly table = new Map<PeerId, KnownPeer>()
  private readonly live = new Map<PeerId, Live>()
  private standings = new Map<PeerId, Standing>()
  private changed = false
  private savedAt: number

  constructor(options: KnownPeersOptions) {
    this.options = options
    this.savedAt = options.clock.now()
  }

  /** Reads the table; answers who is to be dialled, best first: anchors, then the others by worth. */
  async load(): Promise<readonly RememberedPeer[]> {
    const now = this.options.clock.now()
    const stored: unknown = await this.options.store.loadKnownPeers()
    const peers = (Array.isArray(stored) ? stored : []).flatMap((record) => readRecord(record, now) ?? [])
    for (const peer of peers.slice(0, MAX_KNOWN_PEERS)) this.table.set(peer.id, peer)
    const byWorth = [...this.table.values()].sort((a, b) => worth(b, now) - worth(a, now))
    const isRecent = ({ lastSeen }: KnownPeer): boolean => now - lastSeen < MAX_ABSENCE
    const anchors = chooseAnchors(byWorth.some(isRecent) ? byWorth.filter(isRecent) : byWorth)
    const ordered = [...anchors, ...byWorth.filter((peer) => !anchors.includes(peer))]
    const remembered = ordered.map((peer): RememberedPeer => {
      const { id, introducers, addressGroup } = peer
      const standing = anchors.includes(peer) ? 'anchor' : isProven(peer) ? 'proven' : 'met'
      return { id, standing, introducers, ...(addressGroup !== undefined && { addressGroup }) }
    })
    this.standings = new Map(remembered.map(({ id, standing }) => [id, standing]))
    return remembered
  }

  /** All that are remembered. */
  all(): KnownPeer[] {
    return [...this.table.values()]
  }

  /** A peer finished the handshake. */
  connected({ id, direction, introducer, addressGroup }: PeerInfo): void {
    const now = this.options.clock.now()
    const before = this.table.get(id)
    const introducers = (before?.introducers ?? []).filter((each) => each !== introducer)
    const record: KnownPeer = {
      id,
      introducers:
        introducer === undefined ? introducers : [...introducers, introducer].slice(-MAX_INTRODUCERS),
      addressGroup: addressGroup ?? before?.addressGroup,
      lastSeen: now,
      stay: before?.stay ?? 0,
      blocks: before?.blocks ?? 0,
      chosen: direction === 'outbound' || (before?.chosen ?? false),
    }
    const remembered = this.standings.get(id)
    this.live.set(id, { record, countedAt: now, remembered, proven: remembered === 'proven' })
    if (before) this.table.set(id, record)
  }

  /** A peer was the first to tell a block that is now in our chain. */
  toldBlock(id: PeerId): void {
    const live = this.live.get(id)
    if (!live) return
    this.update(live, { blocks: live.record.blocks + 1 })
    this.options.transport.valued(id, this.standingOf(live))
  }

  /** The connection ended. */
  disconnected(id: PeerId): void {
    const live = this.live.get(id)
    if (!live) return
    this.count(live)
    this.live.delete(id)
  }

  /** The peer broke the rules: nothing that it did before counts. */
  forget(id: PeerId): void {
    this.live.delete(id)
    this.standings.delete(id)
    if (this.table.delete(id)) this.changed = true
  }

  /** Counts time, and writes the table now and then. Called about once a second. */
  tick(): void {
    for (const live of this.live.values()) this.count(live)
    const since = this.options.clock.now() - this.savedAt
    // The clock may have been set back.
    const isDue = since >= SAVE_INTERVAL || since < 0
    if (isDue ? this.live.size > 0 || this.changed : since >= SAVE_SOON && this.changed) this.save()
  }

  private count(live: Live): void {
    const now = this.options.clock.now()
    const elapsed = Math.min(MAX_STEP, Math.max(0, now - live.countedAt))
    live.countedAt = now
    this.update(live, { stay: live.record.stay + elapsed / 1000, lastSeen: now })
    if (live.proven || !isProven(live.record)) return
    live.proven = true
    this.options.transport.valued(live.record.id, this.standingOf(live))
  }

  private standingOf({ record, remembered }: Live): Standing {
    if (remembered === 'anchor') return remembered
    return isProven(record) ? 'proven' : 'met'
  }

  private update(live: Live, news: Partial<KnownPeer>): void {
    const record = { ...live.record, ...news }
    live.record = record
    if (this.table.has(record.id)) this.table.set(record.id, record)
    else if (record.stay >= MIN_STAY || record.blocks > 0) this.insert(record)
  }

  /** Takes a place that is free, or that of a peer of less worth; else it is not remembered, for now. */
  private insert(record: KnownPeer): void {
    const now = this.options.clock.now()
    const all = [...this.table.values()]
    const alike = all.filter((peer) => groupOf(peer) === groupOf(record))
    const rivals =
      alike.length >= MAX_PER_GROUP ? alike : all.length >= MAX_KNOWN_PEERS ? largestGroup(all) : []
    const [least] = rivals.sort((a, b) => worth(a, now) - worth(b, now))
    if (least) {
      if (worth(least, now) >= worth(record, now)) return
      this.table.delete(least.id)
    }
    this.table.set(record.id, record)
    this.changed = true
  }

  private save(): void {
    const { clock, log, store } = this.options
    this.changed = false
    this.savedAt = clock.now()
    // What can't be written is met anew; the chain tells of failing storage.
    store.saveKnownPeers([...this.table.values()]).catch((error: Error) => {
      log(`The peers could not be stored: ${error.message}`)
    })
  }
}

/**
 * A stored record as far as it can be one, undefined otherwise: what a damaged profile or another version of the page left costs no more than
 * this peer. Nobody was seen later than `now`.
 */
function readRecord(record: unknown, now: number): KnownPeer | undefined {
  if (typeof record !== 'object' || record === null) return undefined
  const { id, introducers, addressGroup, lastSeen, stay, blocks, chosen } = record as Record<string, unknown>
  if (!isText(id) || !Array.isArray(introducers) || !introducers.every(isText)) return undefined
  if (addressGroup !== undefined && !isText(addressGroup)) return undefined
  if (!isAmount(lastSeen) || !isAmount(stay) || !isAmount(blocks) || typeof chosen !== 'boolean')
    return undefined
  return {
    id: id as PeerId,
    introducers: introducers.slice(-MAX_INTRODUCERS) as PeerId[],
    addressGroup,
    lastSeen: Math.min(lastSeen, now),
    stay,
    blocks,
    chosen,
  }
}

function isText(value: unknown): value is string {
  return typeof value === 'string' && value !== ''
}

function isAmount(value: unknown): value is number {
  return typeof value === 'number' && value >= 0 && value <= Number.MAX_SAFE_INTEGER
}

/** What a peer did for us, less the longer it is away. Time counts by its root: none can be made up for by waiting alone. */
function worth({ stay, blocks, chosen, lastSeen }: KnownPeer, now: number): number {
  const served = Math.sqrt(stay / 3600) + Math.sqrt(blocks) / 2
  return served * (chosen ? 2 : 1) * 0.5 ** (Math.max(0, now - lastSeen) / HALF_LIFE)
}

function isProven({ stay, blocks, chosen }: KnownPeer): boolean {
  return chosen && (stay >= PROVEN_STAY || blocks >= PROVEN_BLOCKS)
}

/** Its address group; those whose address is unknown are told apart by who introduced them. */
function groupOf({ addressGroup, introducers }: KnownPeer): string {
  return addressGroup ?? `by ${introducers.at(-1) ?? 'nobody'}`
}

/** The best of every group first, as long as there are groups, then the best of the others. `byWorth`: best first. */
function chooseAnchors(byWorth: readonly KnownPeer[]): KnownPeer[] {
  const firsts = byWorth.filter(
    (peer, at) => byWorth.findIndex((other) => groupOf(other) === groupOf(peer)) === at,
  )
  const others = byWorth.filter((peer) => !firsts.includes(peer))
  return [...firsts, ...others].slice(0, MAX_ANCHORS)
}

/** Of the peers of the introducer that has most, those of its largest groups. */
function largestGroup(peers: readonly KnownPeer[]): KnownPeer[] {
  const ofIntroducer = mostCommon(peers, ({ introducers }) => introducers.at(-1) ?? '')
  return mostCommon(ofIntroducer, groupOf)
}

/** The peers whose key is shared by the most. */
function mostCommon(peers: readonly KnownPeer[], keyOf: (peer: KnownPeer) => string): KnownPeer[] {
  const counts = new Map<string, number>()
  for (const peer of peers) counts.set(keyOf(peer), (counts.get(keyOf(peer)) ?? 0) + 1)
  const most = Math.max(...counts.values())
  return peers.filter((peer) => counts.get(keyOf(peer)) === most)
}
