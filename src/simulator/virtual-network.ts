/**
 * Links between the endpoints of a run, with latency, loss, partitions, bans and vanishing endpoints drawn from the seed. As relays do for real
 * tabs, it keeps introducing those that lack peers, and never leaves the honest in two halves that don't know of each other. What is said over a
 * link is the endpoints' own business: any kind of node can stand at its ends.
 */
import type { SeededRandom } from './seeded-random.ts'
import type { VirtualTime } from './virtual-time.ts'

export interface NetworkConditions {
  /** One-way latency of a link, milliseconds: drawn once per link between these. */
  readonly latency: readonly [least: number, most: number]
  /** Share of what may be lost that gets lost on its way over a link. */
  readonly loss: number
  /** Peers that each endpoint dials. */
  readonly degree: number
}

/** Milliseconds between two rounds of dialling. */
const DIAL_INTERVAL = 5_000

/** Where a node of some kind stands in the network. */
export interface Endpoint<E extends Endpoint<E>> {
  /** Its name in the network. */
  readonly self: string
  /** Nobody counts on it to pass anything on. */
  readonly isHostile: boolean
  /** A link opened, `outbound` where this end dialled. */
  linked(link: Link<E>, direction: 'inbound' | 'outbound'): void
  /** A link was cut. */
  lost(link: Link<E>): void
}

/** A connection between two endpoints. What it carries arrives in order. */
export class Link<E extends Endpoint<E>> {
  readonly a: E
  readonly b: E
  /** One-way, milliseconds. */
  readonly latency: number
  /** Nothing arrives any more once it isn't. */
  isOpen = true
  private readonly network: VirtualNetwork<E>

  /** Made by the network. */
  constructor(network: VirtualNetwork<E>, a: E, b: E, latency: number) {
    this.network = network
    this.a = a
    this.b = b
    this.latency = latency
  }

  /** The other end. */
  opposite(end: E): E {
    return this.a === end ? this.b : this.a
  }

  joins(a: string, b: string): boolean {
    return (this.a.self === a && this.b.self === b) || (this.a.self === b && this.b.self === a)
  }

  /** Has something arrive at the other end. */
  carry(from: E, arrive: (at: E) => void): void {
    this.network.time.after(this.latency, () => {
      if (this.isOpen) arrive(this.opposite(from))
    })
  }

  /** The same, of what may be lost on the way. */
  tryToCarry(from: E, arrive: (at: E) => void): void {
    if (!this.network.loses()) this.carry(from, arrive)
  }
}

export class VirtualNetwork<E extends Endpoint<E>> {
  readonly time: VirtualTime
  readonly conditions: NetworkConditions
  private readonly random: SeededRandom
  private readonly endpoints = new Map<string, E>()
  private readonly links = new Set<Link<E>>()
  /** Group of an endpoint; endpoints of different groups can't reach each other. */
  private readonly groups = new Map<string, number>()
  private readonly bans = new Map<string, number>()
  private dialling = false

  constructor(time: VirtualTime, random: SeededRandom, conditions: NetworkConditions) {
    this.time = time
    this.random = random
    this.conditions = conditions
  }

  /** Cuts all links between groups. Endpoints not named form one more group. */
  partition(groups: readonly (readonly string[])[]): void {
    this.groups.clear()
    groups.forEach((group, number) => {
      for (const id of group) this.groups.set(id, number + 1)
    })
    for (const link of [...this.links]) if (!this.reachable(link.a.self, link.b.self)) this.cut(link)
    this.topUp()
  }

  /** Ends the partition; the endpoints dial each other again. */
  heal(): void {
    this.groups.clear()
    this.topUp()
  }

  /** Connections open now. */
  get linkCount(): number {
    return this.links.size
  }

  /** Called by endpoints. */
  join(endpoint: E): void {
    this.endpoints.set(endpoint.self, endpoint)
    this.topUp()
    if (!this.dialling) this.dial()
  }

  /** Called by endpoints; the others notice after the latency of their link. */
  leave(endpoint: E): void {
    if (this.endpoints.get(endpoint.self) !== endpoint) return
    this.endpoints.delete(endpoint.self)
    for (const link of [...this.links]) if (link.a === endpoint || link.b === endpoint) this.cut(link)
    this.topUp()
  }

  /** Ends the connection between two endpoints; with a ban it does not come back for that long. */
  disconnect(from: string, to: string, banSeconds: number): void {
    if (banSeconds > 0) this.bans.set(pairKey(from, to), this.time.now() + banSeconds * 1000)
    const link = this.linkBetween(from, to)
    if (link) this.cut(link)
  }

  /** Ends a ban between two endpoints. */
  allow(from: string, to: string): void {
    this.bans.delete(pairKey(from, to))
  }

  /** Draws whether something that may be lost is. */
  loses(): boolean {
    return this.random.chance(this.conditions.loss)
  }

  private linkBetween(a: string, b: string): Link<E> | undefined {
    for (const link of this.links) if (link.joins(a, b)) return link
    return undefined
  }

  private linksOf(id: string): Link<E>[] {
    return [...this.links].filter((link) => link.a.self === id || link.b.self === id)
  }

  private reachable(a: string, b: string): boolean {
    return (this.groups.get(a) ?? 0) === (this.groups.get(b) ?? 0)
  }

  private banned(a: string, b: string): boolean {
    return (this.bans.get(pairKey(a, b)) ?? 0) > this.time.now()
  }

  private cut(link: Link<E>): void {
    this.links.delete(link)
    link.isOpen = false
    for (const end of [link.a, link.b]) this.time.after(link.latency, () => end.lost(link))
  }

  private dial(): void {
    this.dialling = true
    this.time.after(DIAL_INTERVAL, () => {
      this.topUp()
      this.dial()
    })
  }

  /** Every endpoint dials random reachable others until it has its degree; then the honest are joined into one. */
  private topUp(): void {
    for (const endpoint of this.endpoints.values()) {
      const links = this.linksOf(endpoint.self).length
      if (links >= this.conditions.degree) continue
      const others = [...this.endpoints.values()].filter((other) => this.canConnect(endpoint, other))
      for (const other of this.random.shuffle(others).slice(0, this.conditions.degree - links))
        this.connect(endpoint, other)
    }
    this.joinHonest()
  }

  /** Connects honest endpoints that could reach each other and don't, not even through other honest ones. */
  private joinHonest(): void {
    const honest = [...this.endpoints.values()].filter(({ isHostile }) => !isHostile)
    const reached = new Set<E>()
    for (const start of honest) {
      if (reached.has(start)) continue
      const known = [...reached].find((other) => this.canConnect(start, other))
      if (known) this.connect(start, known)
      reached.add(start)
      for (const at of reached)
        for (const { a, b } of this.linksOf(at.self))
          for (const end of [a, b]) if (!end.isHostile) reached.add(end)
    }
  }

  private canConnect(a: E, b: E): boolean {
    return (
      a !== b &&
      this.linkBetween(a.self, b.self) === undefined &&
      this.reachable(a.self, b.self) &&
      !this.banned(a.self, b.self)
    )
  }

  private connect(a: E, b: E): void {
    const link = new Link(this, a, b, this.random.between(...this.conditions.latency))
    this.links.add(link)
    this.time.after(link.latency, () => {
      if (!link.isOpen) return
      a.linked(link, 'outbound')
      b.linked(link, 'inbound')
    })
  }
}

function pairKey(a: string, b: string): string {
  return a < b ? `${a} ${b}` : `${b} ${a}`
}
