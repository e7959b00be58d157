/**
 * A tab among honest tabs and the many identities of one attacker, played fast and from a seed: the tab's own memory, choice of whom
 * to dial and choice of who leaves (the code that runs in a tab), around them a model of relays, dials and time. The loop that
 * starts dials follows `Dialler`.
 */

import type { PeerId, RememberedPeer } from '../../src/network/transport.ts'
import { KnownPeers } from '../../src/protocol/known-peers.ts'
import { SeededRandom } from '../../src/simulator/seeded-random.ts'
import { MemoryPeerStore } from '../../src/storage/memory-peer-store.ts'
import { Candidates, type Dialled, type Source } from '../../src/transport/candidates.ts'
import { chooseEvicted, chooseExchanged, type Occupant } from '../../src/transport/eviction.ts'
import { DEFAULT_TUNING } from '../../src/transport/options.ts'
import { silentTransport } from './silent-transport.ts'

const { maxPeers, outboundPeers, patience, targetPeers, urgentPeers } = DEFAULT_TUNING
/** One step of the world, milliseconds. */
const STEP = 250
/** Share of dials to honest tabs that come to nothing. */
const UNREACHABLE = 0.1

/** Someone else in the world. */
export interface Actor {
  readonly id: PeerId
  readonly isHonest: boolean
  readonly addressGroup: string | undefined
}

export interface WorldOptions {
  readonly seed: string
  readonly honest: number
  readonly sybils: number
  /** What is known of addresses: each honest one has its own and the attacker one, all have one, or none is known. */
  readonly addresses: 'apart' | 'one' | 'unknown'
  /** Whom each relay lists; by default there is one, and it lists all. */
  readonly relays?: readonly ('all' | 'sybils' | 'honest')[]
  /** Whether those that are gone still hold their places on the relays, so that dials to them are never answered. */
  readonly isSilent?: boolean
}

/** The world. */
export class EclipseWorld {
  readonly honest: readonly Actor[]
  readonly sybils: readonly Actor[]
  readonly random: SeededRandom
  readonly store = new MemoryPeerStore()
  now = 1_000_000_000_000
  private readonly options: WorldOptions
  private readonly relays: readonly Source[]
  private readonly actors = new Map<PeerId, Actor>()
  /** Actors that aren't there: nobody lists them, and nobody answers. */
  readonly gone = new Set<PeerId>()
  private tab: Tab | undefined

  constructor(options: WorldOptions) {
    this.options = options
    this.random = new SeededRandom(options.seed)
    const group = (isHonest: boolean, at: number): string | undefined => {
      if (options.addresses === 'unknown') return undefined
      return options.addresses === 'apart' && isHonest ? `203.${at}.0.0/16` : '192.0.0.0/16'
    }
    const make = (isHonest: boolean, count: number): Actor[] =>
      Array.from({ length: count }, (_, at) => ({
        id: `${isHonest ? 'honest' : 'sybil'}-${at}` as PeerId,
        isHonest,
        addressGroup: group(isHonest, at),
      }))
    this.honest = make(true, options.honest)
    this.sybils = make(false, options.sybils)
    for (const actor of [...this.honest, ...this.sybils]) this.actors.set(actor.id, actor)
    this.relays = (options.relays ?? ['all']).map((_, at) => ({
      prefix: `relay-${at}`,
      id: `relay-${at}` as PeerId,
      isRelay: true,
    }))
  }

  /** The tab is opened, or loaded again, remembering what it stored. */
  async open(): Promise<Tab> {
    const known = new KnownPeers({
      store: this.store,
      transport: silentTransport({
        valued: (id, standing) => this.tab?.candidates.rise(id, standing),
      }),
      clock: { now: () => this.now, after: () => () => {} },
      log: () => {},
    })
    this.tab = new Tab(this, known, await known.load())
    return this.tab
  }

  actor(id: PeerId): Actor {
    return this.actors.get(id)!
  }

  /** What each relay answers: at most 50, at random. */
  lists(): [Source, PeerId[]][] {
    const kinds = this.options.relays ?? ['all']
    return this.relays.map((relay, at) => {
      const honest = kinds[at] === 'sybils' ? [] : this.honest
      const sybils = kinds[at] === 'honest' ? [] : this.sybils
      const there = [...honest, ...sybils].map(({ id }) => id).filter((id) => !this.gone.has(id))
      return [relay, this.shuffled(there).slice(0, 50)]
    })
  }

  /** Whether a dial reaches an actor, and how long it takes, milliseconds. The attacker is quick and always there. */
  dial(id: PeerId): { readonly reached: boolean; readonly takes: number } {
    const { isHonest } = this.actor(id)
    if (this.gone.has(id))
      return { reached: false, takes: this.options.isSilent ? DEFAULT_TUNING.dialTimeout : STEP }
    if (!isHonest) return { reached: true, takes: STEP }
    const reached = this.random.fraction() >= UNREACHABLE
    return { reached, takes: reached ? 300 + this.random.integer(1000) : 3000 }
  }

  /** The peers that a tab introduces. */
  introductions(id: PeerId): PeerId[] {
    if (!this.actor(id).isHonest)
      // Thousands of names that lead back to the attacker.
      return this.sybils.map((sybil) => sybil.id)
    const all = [...this.honest, ...this.sybils].map((each) => each.id)
    return this.shuffled(all.filter((each) => each !== id && !this.gone.has(each))).slice(0, 8)
  }

  shuffled<T>(items: readonly T[]): T[] {
    return items
      .map((item) => ({ item, at: this.random.fraction() }))
      .sort((a, b) => a.at - b.at)
      .map(({ item }) => item)
  }
}

interface Connection extends Occupant {
  readonly source: string | undefined
}

interface Attempt extends Dialled {
  readonly until: number
  readonly reached: boolean
}

/** The tab. */
export class Tab {
  readonly candidates: Candidates
  /** Longest stay first. */
  connections: Connection[] = []
  /** When it had its first peer, milliseconds after it was opened. */
  firstPeerAfter: number | undefined
  dials = 0
  private readonly world: EclipseWorld
  private readonly known: KnownPeers
  private readonly opened: number
  private readonly remembers: boolean
  private attempts: Attempt[] = []
  private listedAt = -Infinity
  /** Nothing is due before this instant, unless something changes. */
  private idleUntil = -Infinity

  constructor(world: EclipseWorld, known: KnownPeers, remembered: readonly RememberedPeer[]) {
    this.world = world
    this.known = known
    this.opened = world.now
    this.candidates = new Candidates({
      ...DEFAULT_TUNING,
      self: 'self' as PeerId,
      random: () => world.random.fraction(),
    })
    this.candidates.remember(remembered)
    this.remembers = remembered.some(({ id }) => this.candidates.isKnown(id))
  }

  /** Peers that it dialled or knew of old. */
  get chosen(): Connection[] {
    return this.connections
      .map((each) => ({ ...each, known: this.candidates.isKnown(each.id) }))
      .filter(({ outbound, known }) => outbound || known)
  }

  get honestChosen(): number {
    return this.chosen.filter(({ id }) => this.world.actor(id).isHonest).length
  }

  has(id: PeerId): boolean {
    return this.connections.some((each) => each.id === id)
  }

  /** Time goes on. `each` is called before every step, for what others do. */
  run(milliseconds: number, each: () => void = () => {}): void {
    const end = this.world.now + milliseconds
    while (this.world.now < end) {
      each()
      this.step()
      this.world.now += STEP
      if (this.world.now % 1000 < STEP) this.known.tick()
    }
  }

  /** Someone dials the tab. */
  enter(id: PeerId): void {
    if (!this.has(id)) this.connect(id, false, undefined, 'relay-0')
  }

  /** A connection ends. */
  lose(id: PeerId): void {
    this.connections = this.connections.filter((each) => each.id !== id)
    this.idleUntil = -Infinity
    this.known.disconnected(id)
    this.candidates.postpone(id, this.world.now)
    this.candidates.forgetSource(`/p2p/${id}`)
  }

  /** One peer is exchanged for another, as is done now and then. */
  mix(): void {
    const picked = this.candidates.pick({ ...this.situation(), mixing: true })
    if ('dueAt' in picked || !this.world.dial(picked.candidate.id).reached) return
    const { id } = picked.candidate
    this.connect(id, true, picked.source, picked.prefix)
    const occupants = this.connections.map((each) => ({ ...each, known: this.candidates.isKnown(each.id) }))
    const leaving = chooseExchanged(occupants, id, () => this.world.random.fraction())
    if (leaving !== undefined) this.lose(leaving)
  }

  private step(): void {
    const { world } = this
    for (const attempt of this.attempts.filter(({ until }) => until <= world.now)) this.settle(attempt)
    if (world.now - this.listedAt >= 5000) {
      // The lists come a moment after the relays let us dial.
      if (world.now > this.opened)
        for (const [relay, list] of world.lists()) this.candidates.add(list, relay.prefix, true, world.now)
      const known = this.connections.filter(({ id }) => this.candidates.isKnown(id))
      for (const { id } of known.slice(0, 1))
        this.candidates.add(world.introductions(id), `/p2p/${id}`, true, world.now)
      if (world.now > this.opened) this.listedAt = world.now
      this.idleUntil = -Infinity
    }
    while (world.now >= this.idleUntil && this.wanted() > 0) {
      const picked = this.candidates.pick(this.situation())
      if ('dueAt' in picked) {
        this.idleUntil = this.connections.length === 0 ? -Infinity : picked.dueAt
        return
      }
      const { reached, takes } = world.dial(picked.candidate.id)
      this.dials++
      this.attempts.push({ ...picked, reached, until: world.now + takes })
    }
  }

  private settle(attempt: Attempt): void {
    const { candidate, source, prefix, reached } = attempt
    this.attempts = this.attempts.filter((each) => each !== attempt)
    this.idleUntil = -Infinity
    if (this.has(candidate.id)) return
    if (reached) {
      this.connect(candidate.id, true, source, prefix)
      candidate.failures = 0
      candidate.addressGroup = this.world.actor(candidate.id).addressGroup
    } else {
      const ways = this.candidates.waysTo(candidate, this.sources()).length
      this.candidates.failed(candidate, false, ways, this.world.now)
    }
  }

  private connect(id: PeerId, outbound: boolean, source: string | undefined, introducer: string): void {
    const { addressGroup } = this.world.actor(id)
    this.firstPeerAfter ??= this.world.now - this.opened
    this.connections.push({
      id,
      outbound,
      known: false,
      announced: true,
      latency: undefined,
      usefulAt: undefined,
      addressGroup,
      introducer,
      source,
    })
    this.known.connected({
      id,
      direction: outbound ? 'outbound' : 'inbound',
      address: '',
      introducer: introducer as PeerId,
      ...(addressGroup !== undefined && { addressGroup }),
    })
    const occupants = this.connections.map((each) => ({ ...each, known: this.candidates.isKnown(each.id) }))
    const evicted = chooseEvicted(occupants, id, { maxPeers, outboundPeers })
    if (evicted !== undefined) this.lose(evicted)
  }

  private sources(): Source[] {
    const tabs = this.connections.map(({ id }) => ({ id, prefix: `/p2p/${id}`, isRelay: false }))
    return [...this.world.lists().map(([relay]) => relay), ...tabs]
  }

  private isImpatient(): boolean {
    return this.remembers && this.connections.length === 0 && this.world.now - this.opened >= patience
  }

  private situation() {
    const dialled = this.attempts.map(({ candidate: { id, addressGroup }, source }) => ({
      id,
      addressGroup,
      source,
    }))
    return {
      now: this.world.now,
      chosen: [...this.chosen, ...dialled],
      sources: this.sources(),
      outboundPeers,
      impatient: this.isImpatient(),
      mixing: false,
      isUnfit: (id: PeerId) => this.has(id),
      heldUntil: () => 0,
    }
  }

  private wanted(): number {
    const dialling = this.attempts.length
    const isUrgent = this.connections.length + dialling < urgentPeers || this.isImpatient()
    const atATime = isUrgent ? urgentPeers + (this.isImpatient() ? 1 : 0) : 1
    const inAll = targetPeers - this.connections.length - dialling
    return Math.min(atATime - dialling, Math.max(inAll, outboundPeers - this.chosen.length - dialling))
  }
}

/** The attacker dials the tab with identity after identity, `aSecond` of them. */
export function siege(world: EclipseWorld, tab: Tab, aSecond: number): () => void {
  return () => {
    if (world.random.fraction() < (aSecond * STEP) / 1000) {
      const absent = world.sybils.filter(({ id }) => !tab.has(id))
      if (absent.length > 0) tab.enter(absent[world.random.integer(absent.length)]!.id)
    }
  }
}
