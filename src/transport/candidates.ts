/**
 * The peers that could be dialled, and which of them is next. Pure: time and chance are arguments. Thread: any.
 *
 * An attacker fills lists at no cost: of relays with identities that he makes, of his own tabs with whatever he likes. So a
 * list is one source among several and none has more weight for being longer. Those remembered from earlier lives of
 * this tab go first; while any of them serve, strangers get a few places only; and strangers are taken from each source in
 * turn. Where addresses are known, one group of them never gets more than half the places beyond the first few.
 */

import type { PeerId, RememberedPeer, Standing } from '../network/transport.ts'
import { backoff, jittered } from './timing.ts'

/** Most peers kept of one introducer; the one named longest ago makes room. */
const MAX_OF_SOURCE = 100

/** Places for strangers among the peers that we choose while remembered ones serve. */
const FEW_STRANGERS = 2

/** Remembered peers found gone, with none found, after which strangers are looked for as if none were remembered. */
const ALL_GONE = 4

/** Failures after which a tab is forgotten until it is named again. */
const MAX_FAILURES = 8

/** Dials in a row that met the peer but found no direct path, after which it counts as reachable by relay only. */
const RELAYED_ONLY_AFTER = 2

/** Stands for our own memory among the sources of strangers. */
const MEMORY = 'memory'

/** A peer that could be dialled. */
export interface Candidate {
  readonly id: PeerId
  /** As remembered, or as it rose to since; undefined for a stranger. */
  standing: Standing | undefined
  /** Which addresses count as one with its own; undefined while unknown. */
  addressGroup: string | undefined
  /** Those who may introduce it though they never named it: remembered. Peer ids. */
  readonly rememberedBy: readonly PeerId[]
  /** Not to be dialled before this instant, milliseconds. */
  notBefore: number
  failures: number
  /** Dials in a row, by either side, that met the other but became no direct connection. */
  pathless: number
  /** We gave up a dial because the peer's own dial to us goes first, and wait for what becomes of it. */
  yielded: boolean
}

/** A peer that we chose and are connected with, or dial just now. */
export interface Chosen {
  readonly id: PeerId
  readonly addressGroup: string | undefined
  /** The source by which it was picked; undefined when it dialled us. */
  readonly source: string | undefined
}

/** Someone who can introduce us now. */
export interface Source {
  /** Prefix of addresses by way of it: `<relay's address>` or `/p2p/<tab>`. */
  readonly prefix: string
  readonly id: PeerId
  readonly isRelay: boolean
}

/** How things stand when the next one is picked. */
export interface Situation {
  /** Milliseconds of any monotonic clock. */
  readonly now: number
  readonly chosen: readonly Chosen[]
  readonly sources: readonly Source[]
  /** Peers that we choose, at least. */
  readonly outboundPeers: number
  /** There is no peer yet, and the remembered ones let us wait: one stranger is dialled beside them. */
  readonly impatient: boolean
  /** Whether it is dialled to mix the network's graph: then all are alike. */
  readonly mixing: boolean
  /** Whether a peer can't be dialled now, for reasons of its own. */
  isUnfit(id: PeerId): boolean
  /** The instant before which a peer isn't dialled, for reasons of its own. */
  heldUntil(id: PeerId): number
}

/** Who is dialled, picked by which source and by way of whom. */
export interface Dialled {
  readonly candidate: Candidate
  readonly source: string
  readonly prefix: string
}

/** A candidate that can be dialled, and the ways to it. */
interface Eligible {
  readonly candidate: Candidate
  readonly ways: readonly string[]
}

/** One that was picked, by which source. */
interface Picked extends Eligible {
  readonly source: string
}

/** Times in milliseconds. */
export interface CandidatesOptions {
  readonly self: PeerId
  /** First and longest pause after failing to reach a peer. */
  readonly dialBackoff: readonly [first: number, longest: number]
  /** How long a tab leaves the first dial to one that came after it. */
  readonly yieldTime: number
  /** Uniform in [0, 1). */
  readonly random: () => number
}

/** The candidates. */
export class Candidates {
  readonly #options: CandidatesOptions
  readonly #all = new Map<PeerId, Candidate>()
  /** Prefix of an introducer to those it named, longest ago first, and of one answer the first last. */
  readonly #named = new Map<string, Set<PeerId>>()
  /** Standings of peers, also of those that nobody named. */
  readonly #standings = new Map<PeerId, Standing>()

  constructor(options: CandidatesOptions) {
    this.#options = options
  }

  /** Takes in the peers of earlier lives, best first. */
  remember(peers: readonly RememberedPeer[]): void {
    for (const { id, standing, introducers, addressGroup } of peers) {
      if (id === this.#options.self) continue
      this.#standings.set(id, standing)
      this.#all.set(id, { ...fresh(id, 0), standing, addressGroup, rememberedBy: introducers })
    }
  }

  /**
   * Takes in peers that an introducer, named by its prefix, can put us in touch with, the likeliest first. `first`: it is
   * the first that we hear from this introducer, so the peers were there before us. Answers how many of them were unknown.
   */
  add(peers: readonly PeerId[], prefix: string, first: boolean, now: number): number {
    const named = this.#named.get(prefix) ?? new Set()
    this.#named.set(prefix, named)
    let news = 0
    for (const id of peers.toReversed()) {
      if (id === this.#options.self) continue
      if (!this.#all.has(id)) {
        news++
        // The newcomer dials: it heard of us when it came, which is before we hear of it. Were we to dial as well, two
        // dials would get into each other's way.
        const notBefore = now + (first ? 0 : jittered(this.#options.yieldTime, this.#options.random))
        this.#all.set(id, { ...fresh(id, notBefore), standing: this.#standings.get(id) })
      }
      named.delete(id)
      named.add(id)
    }
    for (const id of named) {
      if (named.size <= MAX_OF_SOURCE) break
      this.#unname(id, prefix)
    }
    return news
  }

  /** An introducer is gone, and those whom only it could introduce. */
  forgetSource(prefix: string): void {
    for (const id of this.#named.get(prefix) ?? []) this.#unname(id, prefix)
    this.#named.delete(prefix)
  }

  get(id: PeerId): Candidate | undefined {
    return this.#all.get(id)
  }

  /** Forgets failures: all may be dialled now. */
  forgive(now: number): void {
    for (const candidate of this.#all.values()) {
      candidate.failures = 0
      candidate.notBefore = now
    }
  }

  /** What a peer is to us; undefined for a stranger. */
  standingOf(id: PeerId): Standing | undefined {
    return this.#standings.get(id)
  }

  /** Whether a peer is among those that served us well. */
  isKnown(id: PeerId): boolean {
    return isKnown(this.#standings.get(id))
  }

  /** A peer rose in standing. Having been met is no rise: that would make room here for whoever dials us. */
  rise(id: PeerId, standing: Standing): void {
    if (standing === 'met') return
    this.#standings.set(id, standing)
    const candidate = this.#all.get(id)
    if (candidate !== undefined) candidate.standing = standing
  }

  /** Peers that were met through a relay but to which no direct path was found, but for those connected after all. */
  relayedOnly(isConnected: (id: PeerId) => boolean): number {
    let count = 0
    for (const { id, pathless } of this.#all.values())
      if (pathless >= RELAYED_ONLY_AFTER && !isConnected(id)) count++
    return count
  }

  /** A dial failed, or a connection came to nothing. `metPeer`: the peer had answered by way of the relay. */
  failed(candidate: Candidate, metPeer: boolean, ways: number, now: number): void {
    const { dialBackoff, random } = this.#options
    candidate.pathless = metPeer ? candidate.pathless + 1 : 0
    candidate.failures++
    // Each way is tried once before the next pause: an introducer may lie about one peer.
    const rounds = Math.floor(candidate.failures / Math.max(1, ways))
    candidate.notBefore =
      metPeer || candidate.failures % Math.max(1, ways) === 0
        ? now + backoff(Math.max(0, rounds - 1), dialBackoff, random)
        : now
    if (candidate.failures < MAX_FAILURES || candidate.pathless > 0 || this.#isRemembered(candidate)) return
    for (const prefix of this.#named.keys()) this.#unname(candidate.id, prefix)
  }

  /** A peer was lost or sent away: it is dialled again only after a pause. */
  postpone(id: PeerId, now: number): void {
    const candidate = this.#all.get(id)
    if (candidate === undefined) return
    candidate.notBefore = now + backoff(candidate.failures, this.#options.dialBackoff, this.#options.random)
  }

  /** Ways to a peer: prefixes of sources that named it or may introduce it, the likeliest last. */
  waysTo(candidate: Candidate, sources: readonly Source[]): string[] {
    const ways: string[] = []
    const likely: string[] = []
    for (const { prefix, id, isRelay } of sources) {
      if (this.#named.get(prefix)?.has(candidate.id)) likely.push(prefix)
      else if (candidate.rememberedBy.includes(id)) likely.unshift(prefix)
      else if (isRelay && this.#isRemembered(candidate)) ways.push(prefix)
    }
    return [...ways, ...likely]
  }

  /** The next one to dial; or when one will be due, infinity if none is. */
  pick(situation: Situation): Dialled | { readonly dueAt: number } {
    const { now, sources } = situation
    const chosen = new Set(situation.chosen.map(({ id }) => id))
    const eligible: Eligible[] = []
    for (const candidate of this.#all.values()) {
      if (chosen.has(candidate.id) || situation.isUnfit(candidate.id)) continue
      const ways = this.waysTo(candidate, sources)
      if (ways.length > 0 && !this.#isCrowded(candidate, situation)) eligible.push({ candidate, ways })
    }
    const dueAt = ({ candidate }: Eligible): number =>
      Math.max(candidate.notBefore, situation.heldUntil(candidate.id))
    const turn = this.#turnOfStrangers(situation)
    const wanted = eligible.filter(({ candidate }) => turn !== 'none' || this.isKnown(candidate.id))
    const due = wanted.filter((each) => dueAt(each) <= now)
    const known = (): Picked | undefined => this.#bestKnown(due, situation)
    const stranger = (): Picked | undefined => this.#bestStranger(due, situation)
    const best = turn === 'first' ? (stranger() ?? known()) : (known() ?? stranger())
    if (best === undefined) return { dueAt: Math.min(...wanted.map(dueAt)) }
    const { candidate, ways, source } = best
    // Each failure tries the next way; a stranger's first is that of the source for which it was picked.
    const order = ways.includes(source) ? [...ways.filter((way) => way !== source), source] : ways
    return { candidate, source, prefix: order[order.length - 1 - (candidate.failures % order.length)]! }
  }

  /** Anchors first, those of the least crowded group before others, those that failed least, else as they are ranked. */
  #bestKnown(due: readonly Eligible[], { chosen }: Situation): Picked | undefined {
    const key = ({ candidate }: Eligible): number[] => [
      candidate.failures,
      candidate.standing === 'anchor' ? 0 : 1,
      chosen.filter(({ addressGroup }) => addressGroup === candidate.addressGroup).length,
    ]
    const known = due.filter(({ candidate }) => this.isKnown(candidate.id))
    const [best] = known.sort((a, b) => compare(key(a), key(b)))
    return best && { ...best, source: MEMORY }
  }

  /**
   * Of the source by which we chose fewest, and among those that failed least: whom it named in its last answer, and there before
   * others. To mix the network's graph, and from memory, any of these.
   */
  #bestStranger(due: readonly Eligible[], { chosen, sources, mixing }: Situation): Picked | undefined {
    const { random } = this.#options
    const strangers = mixing ? due : due.filter(({ candidate }) => !this.isKnown(candidate.id))
    const byId = new Map(strangers.map((each) => [each.candidate.id, each]))
    const bySource = sources.map(({ prefix, id, isRelay }) => ({
      source: prefix,
      // What a stranger's tab tells is worth least: its maker chose it.
      rank: isRelay || this.isKnown(id) ? 0 : 1,
      candidates: [...(this.#named.get(prefix) ?? [])].reverse().flatMap((named) => byId.get(named) ?? []),
    }))
    bySource.push({
      source: MEMORY,
      rank: 0,
      candidates: strangers.filter(({ candidate }) => candidate.standing !== undefined),
    })
    const [best] = bySource
      .filter(({ candidates }) => candidates.length > 0)
      .map((each) => {
        const taken = chosen.filter(({ source }) => source === each.source).length
        return { ...each, key: [each.rank, taken, random()] }
      })
      .sort((a, b) => compare(a.key, b.key))
    if (best === undefined) return undefined
    const fewest = Math.min(...best.candidates.map(({ candidate }) => candidate.failures))
    const least = best.candidates.filter(({ candidate }) => candidate.failures === fewest)
    const isAny = mixing || best.source === MEMORY
    return { ...least[isAny ? Math.floor(random() * least.length) : 0]!, source: best.source }
  }

  /**
   * While remembered peers serve, or may yet be found, strangers never outnumber them but to make up the least number of peers that
   * we choose. With no memory, or one of peers that are gone, all are strangers; and then none waits for those remembered.
   */
  #turnOfStrangers(situation: Situation): 'none' | 'second' | 'first' {
    const { chosen, impatient, mixing, outboundPeers, sources, isUnfit } = situation
    const known = chosen.filter(({ id }) => this.isKnown(id)).length
    const strangers = chosen.length - known
    if (mixing || (impatient && strangers === 0)) return 'first'
    const connected = new Set(chosen.map(({ id }) => id))
    let hopeful = 0
    let gone = 0
    for (const candidate of this.#all.values()) {
      if (!this.isKnown(candidate.id) || connected.has(candidate.id) || isUnfit(candidate.id)) continue
      const ways = this.waysTo(candidate, sources).length
      if (ways > 0 && candidate.failures < ways) hopeful++
      else if (candidate.failures > 0) gone++
    }
    if (known === 0 && gone >= ALL_GONE) return 'first'
    if (known + hopeful === 0) return 'second'
    return strangers < Math.max(FEW_STRANGERS, outboundPeers - known - hopeful) ? 'second' : 'none'
  }

  /** Whether the group of its address has its share of those chosen already, and there are others. */
  #isCrowded({ addressGroup }: Candidate, { chosen, outboundPeers }: Situation): boolean {
    if (addressGroup === undefined || chosen.length < outboundPeers) return false
    const alike = chosen.filter((other) => other.addressGroup === addressGroup).length
    const others = chosen.length - alike
    return others > 0 && alike >= others
  }

  #isRemembered({ standing }: Candidate): boolean {
    return standing !== undefined
  }

  #unname(id: PeerId, prefix: string): void {
    this.#named.get(prefix)?.delete(id)
    const candidate = this.#all.get(id)
    if (candidate === undefined || this.#isRemembered(candidate)) return
    if (![...this.#named.values()].some((named) => named.has(id))) this.#all.delete(id)
  }
}

/** Whether a standing is that of a peer that served us well. */
export function isKnown(standing: Standing | undefined): boolean {
  return standing === 'anchor' || standing === 'proven'
}

function fresh(id: PeerId, notBefore: number): Candidate {
  return {
    id,
    standing: undefined,
    addressGroup: undefined,
    rememberedBy: [],
    notBefore,
    failures: 0,
    pathless: 0,
    yielded: false,
  }
}

/** Lexicographic. */
function compare(a: readonly number[], b: readonly number[]): number {
  const at = a.findIndex((value, place) => value !== b[place])
  return at < 0 ? 0 : a[at]! - b[at]!
}
