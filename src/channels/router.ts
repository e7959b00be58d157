/**
 * Ways for a payment over the channels of others: the cheapest by fee, by the time that money may be stuck, and by how likely a try fails; in parts
 * where no single way carries it. Searches from the payee back to the payer, since each hop's fee depends on what is passed on behind it (BOLT 7,
 * Recommendations for Routing). A pure function of its arguments, any thread.
 */
import { bytesToHex } from '../primitives/bytes.ts'
import { err, notNow, ok, type Result } from '../primitives/result.ts'
import { MAX_MSAT, type Msat, msat, satsToMsat } from './amount.ts'
import { NO_FEATURES, unknownRequired } from './features.ts'
import type { ChannelUpdate, Gossip, NodeId } from './gossip.ts'
import { type ChannelGraph, type ForwardingPolicy, forwardingFee, type GraphChannel } from './graph.ts'
import type { RouteHint } from './invoice.ts'
import type { Direction, LiquidityMemory } from './liquidity.ts'
import type { ShortChannelId } from './short-channel-id.ts'
import { MAX_HOPS } from './sphinx.ts'

/** A channel of the payer, whose balance is known. */
export interface OwnChannel {
  readonly shortChannelId: ShortChannelId
  readonly peer: NodeId
  /** What can be offered by it now, all of its limits kept. */
  readonly sendable: Msat
  readonly htlcMinimum: Msat
  /** Of one HTLC. */
  readonly htlcMaximum: Msat
}

/** What is to be paid. */
export interface RouteTerms {
  readonly payer: NodeId
  readonly payee: NodeId
  /** That reaches the payee. */
  readonly amount: Msat
  /** Blocks above the tip that the last HTLC expires. */
  readonly finalCltvExpiryDelta: number
  readonly ownChannels: readonly OwnChannel[]
  /** Ways to the payee that the invoice names. */
  readonly hints: readonly (readonly RouteHint[])[]
  readonly maxFee: Msat
  /** Most blocks above the tip that the first HTLC may expire. */
  readonly maxCltvExpiryDelta: number
  /** 1 where the payee takes no parts. */
  readonly maxParts: number
  /** What parts of payments hold in flight already, by `directionKey`; own channels apart, whose `sendable` knows. */
  readonly inFlight: ReadonlyMap<string, Msat>
}

/** How much other things than fees count, in millisatoshis. */
export interface RoutingCosts {
  /** For each millisatoshi and block that it may be stuck. */
  readonly perBlock: number
  /** For a try that fails: at least, and for each millisatoshi. */
  readonly perFailure: number
  readonly perFailureAndMsat: number
}

const YEAR = 31_557_600

/** Costs where blocks are `targetSpacing` seconds apart: a tenth a year, and half a satoshi and 200 millionths for a failed try. */
export function routingCosts(targetSpacing: number): RoutingCosts {
  return { perBlock: (0.1 * targetSpacing) / YEAR, perFailure: 500, perFailureAndMsat: 0.0002 }
}

/** A step of a route. */
export interface RouteHop {
  /** Who is reached by it. */
  readonly nodeId: NodeId
  readonly shortChannelId: ShortChannelId
  /** In which direction of the channel, and how much it holds, where that is known: not of own channels and hints. */
  readonly direction?: Direction
  /** Of the HTLC of this step. */
  readonly amount: Msat
  /** Blocks above the tip that this HTLC expires. */
  readonly cltvExpiryDelta: number
}

/** A way for one part of a payment. */
export interface Route {
  /** From the payer's own channel to the payee; 1 to 20. */
  readonly hops: readonly RouteHop[]
  /** That reaches the payee. */
  readonly amount: Msat
  readonly fee: Msat
}

export type RouteCode = `route-${'balance' | 'fee' | 'none' | 'self' | 'too-long'}`

/** What stands for a direction in `RouteTerms.inFlight`. */
export function directionKey({ shortChannelId, direction }: Omit<Direction, 'capacity'>): string {
  return `${shortChannelId}/${direction}`
}

/**
 * Routes for a payment, at most `maxParts`, each as cheap as can be given those before it. Rejects, as `not-now` unless the terms can never be met:
 * `route-self` (invalid), `route-balance` (own channels hold less), `route-fee` and `route-too-long` (there is a way, over the limit), `route-none`.
 */
export function findRoutes(
  terms: RouteTerms,
  graph: ChannelGraph,
  memory: LiquidityMemory,
  costs: RoutingCosts,
): Result<readonly Route[], RouteCode> {
  if (terms.payer === terms.payee) return err('invalid', 'route-self', 'This is an invoice of your own.')
  const sendable = terms.ownChannels.reduce((sum, channel) => sum + channel.sendable, 0)
  if (sendable < terms.amount)
    return notNow(
      'route-balance',
      `Your channels can send ${sendable} millisatoshis, ${terms.amount} are asked for.`,
    )
  const search = new RouteSearch(terms, graph, memory, costs)
  const routes: Route[] = []
  let remaining = terms.amount
  let budget = terms.maxFee
  while (remaining > 0) {
    const route = nextPart(search, remaining, terms.maxParts - routes.length, budget)
    if (!route) return explainFailure(search, terms)
    search.occupy(route)
    routes.push(route)
    remaining = msat(remaining - route.amount)
    budget = msat(budget - route.fee)
  }
  return ok(routes)
}

/**
 * The whole of what remains, if a way carries it; else the cheapest way that carries a half of it, a quarter, … and then as much more as it is likely
 * to carry. Undefined where what must go by each of the parts that are left goes by none.
 */
function nextPart(search: RouteSearch, remaining: Msat, parts: number, budget: Msat): Route | undefined {
  for (let share = 1; share < parts * 2; share *= 2) {
    const least = msat(Math.ceil(remaining / Math.min(share, parts)))
    const found = search.cheapest(least, budget)
    if (!found) continue
    const more = Math.min(remaining, search.likelyMost(found))
    if (share === 1 || more <= least) return found
    // The fee grows with the amount, and so may leave the budget.
    return search.along(found, msat(more), budget) ?? found
  }
  return undefined
}

/** What a person can do about it. */
function explainFailure(search: RouteSearch, terms: RouteTerms): Result<never, RouteCode> {
  const least = msat(Math.ceil(terms.amount / terms.maxParts))
  const unlimited = search.cheapest(least, MAX_MSAT)
  if (!unlimited)
    return search.cheapest(least, MAX_MSAT, Number.MAX_SAFE_INTEGER)
      ? notNow(
          'route-too-long',
          `The payment could be stuck for more than ${terms.maxCltvExpiryDelta} blocks on every way to this payee.`,
        )
      : notNow(
          'route-none',
          'No way to this payee is known that can carry the amount. It may work later, or with a smaller amount.',
        )
  return unlimited.fee > terms.maxFee
    ? notNow(
        'route-fee',
        `The cheapest way costs ${unlimited.fee} millisatoshis, over your limit of ${terms.maxFee}.`,
      )
    : notNow(
        'route-none',
        'The ways to this payee carry only a part of the amount, within your limit of fees.',
      )
}

/** A channel in one direction, as a step towards the payee. */
interface Edge {
  readonly from: NodeId
  readonly to: NodeId
  readonly shortChannelId: ShortChannelId
  /** What `from` asks for passing on by it: nothing where that is the payer. */
  readonly policy: ForwardingPolicy
  readonly htlcMinimum: Msat
  readonly htlcMaximum: Msat
  /** What it carries at most, all HTLCs together. */
  readonly most: Msat
  /** Where memory knows it. */
  readonly direction?: Direction
}

/** The best way found from a node to the payee. */
interface Label {
  readonly node: NodeId
  /** What the node must receive. */
  readonly amount: number
  /** Blocks above the tip that the HTLC to it must expire. */
  readonly cltvExpiryDelta: number
  readonly cost: number
  readonly hops: number
  /** The step from it, and what follows. Undefined at the payee. */
  readonly edge?: Edge
  readonly next?: Label
}

const NO_POLICY: ForwardingPolicy = { feeBase: msat(0), feeProportionalMillionths: 0, cltvExpiryDelta: 0 }

class RouteSearch {
  private readonly terms: RouteTerms
  private readonly graph: ChannelGraph
  private readonly memory: LiquidityMemory
  private readonly costs: RoutingCosts
  /** Steps that the graph does not know, by where they lead: own channels and hints. */
  private readonly known = new Map<NodeId, Edge[]>()
  /** What is in flight, and planned by this search. */
  private readonly used: Map<string, number>

  constructor(terms: RouteTerms, graph: ChannelGraph, memory: LiquidityMemory, costs: RoutingCosts) {
    this.terms = terms
    this.graph = graph
    this.memory = memory
    this.costs = costs
    this.used = new Map(terms.inFlight)
    for (const { peer, shortChannelId, sendable, htlcMinimum, htlcMaximum } of terms.ownChannels)
      this.addKnown({
        from: terms.payer,
        to: peer,
        shortChannelId,
        policy: NO_POLICY,
        htlcMinimum,
        htlcMaximum,
        most: sendable,
      })
    for (const hints of terms.hints)
      hints.forEach((hint, at) => {
        if (this.graph.channel(hint.shortChannelId)) return
        const next = hints[at + 1]
        this.addKnown({
          from: bytesToHex(hint.nodeId) as NodeId,
          to: next ? (bytesToHex(next.nodeId) as NodeId) : terms.payee,
          shortChannelId: hint.shortChannelId,
          policy: hint,
          htlcMinimum: msat(0),
          htlcMaximum: MAX_MSAT,
          most: MAX_MSAT,
        })
      })
  }

  private addKnown(edge: Edge): void {
    // The payer's own channels are known exactly, whatever an invoice says.
    if (edge.from === this.terms.payer && edge.policy !== NO_POLICY) return
    const edges = this.known.get(edge.to)
    if (edges) edges.push(edge)
    else this.known.set(edge.to, [edge])
  }

  /** The cheapest way for an amount, whose fee is within `budget`. */
  cheapest(
    amount: Msat,
    budget: Msat,
    maxCltvExpiryDelta = this.terms.maxCltvExpiryDelta,
  ): Route | undefined {
    const { payer, payee, finalCltvExpiryDelta } = this.terms
    const best = new Map<NodeId, Label>()
    const settled = new Set<NodeId>()
    const queue = new LabelQueue()
    const offer = (label: Label): void => {
      if (label.amount - amount > budget || label.cltvExpiryDelta > maxCltvExpiryDelta) return
      const other = best.get(label.node)
      if (other && other.cost <= label.cost) return
      best.set(label.node, label)
      queue.push(label)
    }
    offer({ node: payee, amount, cltvExpiryDelta: finalCltvExpiryDelta, cost: 0, hops: 0 })
    for (let label = queue.pop(); label; label = queue.pop()) {
      if (label.node === payer) return routeOf(label, amount)
      if (settled.has(label.node)) continue
      settled.add(label.node)
      if (label.hops === MAX_HOPS || !(label.node === payee || this.passesOn(label.node))) continue
      for (const edge of this.edgesTo(label.node)) {
        if (settled.has(edge.from)) continue
        const before = this.step(edge, label)
        if (before) offer(before)
      }
    }
    return undefined
  }

  /** The same way for another amount, if it carries it. */
  along(route: Route, amount: Msat, budget: Msat): Route | undefined {
    const { payee, finalCltvExpiryDelta, maxCltvExpiryDelta } = this.terms
    let label: Label = { node: payee, amount, cltvExpiryDelta: finalCltvExpiryDelta, cost: 0, hops: 0 }
    for (const edge of this.edgesOf(route).reverse()) {
      const before = this.step(edge, label)
      if (!before) return undefined
      label = before
    }
    const whole = routeOf(label, amount)
    return whole.fee <= budget && label.cltvExpiryDelta <= maxCltvExpiryDelta ? whole : undefined
  }

  /** What a way carries as likely as not; more than what it was found for, or as much. */
  likelyMost(route: Route): Msat {
    let most: number = MAX_MSAT
    for (const edge of this.edgesOf(route)) {
      // What is left behind the fee of the node where the step begins, which is not quite exact: `along` finds out.
      const passedOn = Math.floor(
        (Math.max(0, most - edge.policy.feeBase) / (1_000_000 + edge.policy.feeProportionalMillionths)) *
          1_000_000,
      )
      const likely = edge.direction ? this.memory.median(edge.direction) : edge.most
      most = Math.min(passedOn, edge.htlcMaximum, likely - this.usedOf(edge))
    }
    return msat(Math.max(route.amount, most))
  }

  /** Counts a part as sent, so that the next one finds what it leaves. */
  occupy(route: Route): void {
    for (const [at, edge] of this.edgesOf(route).entries()) {
      const key = keyOf(edge)
      this.used.set(key, (this.used.get(key) ?? 0) + route.hops[at].amount)
    }
  }

  private edgesOf(route: Route): Edge[] {
    return route.hops.map(({ nodeId, shortChannelId }) => {
      for (const edge of this.edgesTo(nodeId)) if (edge.shortChannelId === shortChannelId) return edge
      throw new Error('A route goes by a channel that was not searched')
    })
  }

  /** The label of the node where `edge` begins, if it can carry what `label` needs. */
  private step(edge: Edge, label: Label): Label | undefined {
    const amount = msat(label.amount)
    if (amount < edge.htlcMinimum || amount > edge.htlcMaximum) return undefined
    const together = msat(amount + this.usedOf(edge))
    if (together > edge.most || this.avoids(edge)) return undefined
    const probability = edge.direction ? this.memory.probability(edge.direction, together) : 1
    if (probability <= 0) return undefined
    const fee = forwardingFee(edge.policy, amount)
    const { perBlock, perFailure, perFailureAndMsat } = this.costs
    const cost =
      fee +
      amount * edge.policy.cltvExpiryDelta * perBlock -
      Math.log(probability) * (perFailure + amount * perFailureAndMsat)
    return {
      node: edge.from,
      amount: amount + fee,
      cltvExpiryDelta: label.cltvExpiryDelta + edge.policy.cltvExpiryDelta,
      cost: label.cost + cost,
      hops: label.hops + 1,
      edge,
      next: label,
    }
  }

  private usedOf(edge: Edge): number {
    return this.used.size === 0 ? 0 : (this.used.get(keyOf(edge)) ?? 0)
  }

  private *edgesTo(node: NodeId): Iterable<Edge> {
    yield* this.known.get(node) ?? []
    for (const channel of this.graph.channelsOf(node)) {
      const edge = graphEdge(channel, node)
      // The payer's own channels are known better.
      if (edge && edge.from !== this.terms.payer) yield edge
    }
  }

  /** Whether a failure says to leave it out for now. Own channels say themselves what they can send. */
  private avoids({ from, to, shortChannelId }: Edge): boolean {
    if (from === this.terms.payer) return false
    const direction = directionBetween(from, to)
    return this.memory.avoidsNode(from) || this.memory.avoidsChannel({ shortChannelId, direction })
  }

  /** Whether the node requires nothing of payments that this program does not know. */
  private passesOn(node: NodeId): boolean {
    const features = this.graph.node(node)?.features ?? NO_FEATURES
    return features === NO_FEATURES || unknownRequired(features, KNOWN_NODE_FEATURES) === undefined
  }
}

/** The steps of updates, made once: a search looks at tens of thousands. */
const EDGES = new WeakMap<Gossip<ChannelUpdate>, Edge>()

/** The step over a channel to one of its nodes; undefined where the other one does not offer it. */
function graphEdge({ announcement, updates }: GraphChannel, to: NodeId): Edge | undefined {
  const { nodeIds, shortChannelId, capacity, features } = announcement.message
  const direction = nodeIds[1] === to ? 0 : 1
  const update = updates[direction]
  if (!update || update.message.disabled) return undefined
  if (features !== NO_FEATURES && unknownRequired(features, []) !== undefined) return undefined
  const known = EDGES.get(update)
  if (known) return known
  const of = { shortChannelId, direction, capacity: satsToMsat(capacity) } as const
  const { htlcMinimum, htlcMaximum } = update.message
  const edge: Edge = {
    from: nodeIds[direction],
    to,
    shortChannelId,
    policy: update.message,
    htlcMinimum,
    htlcMaximum,
    most: of.capacity,
    direction: of,
  }
  EDGES.set(update, edge)
  return edge
}

/** Direction of a channel from one node to the other: nodes are announced in the order of their keys. */
export function directionBetween(from: NodeId, to: NodeId): 0 | 1 {
  return from < to ? 0 : 1
}

/** Features that a node may require of those who send through it. */
const KNOWN_NODE_FEATURES = [
  'var_onion_optin',
  'payment_secret',
  'basic_mpp',
  'option_attribution_data',
] as const

function keyOf({ shortChannelId, from, to }: Edge): string {
  return directionKey({ shortChannelId, direction: directionBetween(from, to) })
}

function routeOf(first: Label, amount: Msat): Route {
  const hops: RouteHop[] = []
  for (let label = first; label.edge && label.next; label = label.next) {
    const { to, shortChannelId, direction } = label.edge
    const { amount, cltvExpiryDelta } = label.next
    hops.push({ nodeId: to, shortChannelId, direction, amount: msat(amount), cltvExpiryDelta })
  }
  return { hops, amount, fee: msat(hops[0].amount - amount) }
}

/** A binary heap: the least cost comes out first, of equals the one that went in first. */
class LabelQueue {
  private readonly heap: { readonly label: Label; readonly order: number }[] = []
  private pushed = 0

  push(label: Label): void {
    const { heap } = this
    const item = { label, order: this.pushed++ }
    let at = heap.length
    heap.push(item)
    while (at > 0) {
      const parent = (at - 1) >> 1
      if (!this.before(item, heap[parent])) break
      heap[at] = heap[parent]
      at = parent
    }
    heap[at] = item
  }

  pop(): Label | undefined {
    const { heap } = this
    const first = heap[0]
    const last = heap.pop()
    if (!first || !last) return undefined
    if (heap.length > 0) this.sink(last)
    return first.label
  }

  private sink(item: { readonly label: Label; readonly order: number }): void {
    const { heap } = this
    let at = 0
    for (;;) {
      let child = 2 * at + 1
      if (child >= heap.length) break
      if (child + 1 < heap.length && this.before(heap[child + 1], heap[child])) child++
      if (!this.before(heap[child], item)) break
      heap[at] = heap[child]
      at = child
    }
    heap[at] = item
  }

  private before(
    a: { readonly label: Label; readonly order: number },
    b: { readonly label: Label; readonly order: number },
  ): boolean {
    return a.label.cost < b.label.cost || (a.label.cost === b.label.cost && a.order < b.order)
  }
}
