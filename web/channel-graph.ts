/** The graph of channels as it is drawn: what this tab knows of nodes and channels, cut to what a person can look at, and laid out. Pure, any thread. */
import { shortened } from './format.ts'
import type { AnnouncedChannel, ChannelPay, ChannelResult, KnownNode } from './rpc-results.ts'

/** Nodes that are drawn: more are a tangle. */
export const MOST_NODES = 60

export interface GraphNode {
  readonly id: string
  /** `You`, its alias, or its id shortened. */
  readonly name: string
  readonly isSelf: boolean
}

export interface GraphEdge {
  /** Short channel id; channel id where it has none yet. */
  readonly id: string
  readonly from: string
  readonly to: string
  /** Millisatoshis; undefined where only a payment told of it. */
  readonly capacity: number | undefined
  readonly isOwn: boolean
  /** Whether payments can go by it now, as far as is known. */
  readonly isUsable: boolean
}

export interface ChannelMap {
  /** The own one first, then as near to it as channels lead. */
  readonly nodes: readonly GraphNode[]
  readonly edges: readonly GraphEdge[]
  /** Nodes that are left out. */
  readonly hidden: number
}

/** What the node answers: `self` its id, its own channels, those that are announced, what nodes say of themselves, and its payments. */
export interface GraphSource {
  readonly self: string
  readonly own: readonly ChannelResult[]
  readonly announced: readonly AnnouncedChannel[]
  readonly known: readonly KnownNode[]
  readonly pays: readonly ChannelPay[]
}

const CLOSED: ReadonlySet<string> = new Set(['CLOSINGD_COMPLETE', 'AWAITING_UNILATERAL', 'ONCHAIN'])

/** The graph, of at most `most` nodes. */
export function channelMap(
  { self, own, announced, known, pays }: GraphSource,
  most = MOST_NODES,
): ChannelMap {
  const edges = new Map<string, GraphEdge>()
  for (const {
    source: from,
    destination: to,
    short_channel_id: id,
    amount_msat: capacity,
    active,
  } of announced) {
    const isUsable = active || edges.get(id)?.isUsable === true
    edges.set(id, { id, from, to, capacity, isOwn: false, isUsable })
  }
  for (const {
    peer_id: to,
    short_channel_id,
    channel_id,
    total_msat: capacity,
    state,
    peer_connected,
  } of own) {
    if (CLOSED.has(state)) continue
    const id = short_channel_id ?? channel_id
    const isUsable = state === 'CHANNELD_NORMAL' && peer_connected
    edges.set(id, { id, from: self, to, capacity, isOwn: true, isUsable })
  }
  // Hints of invoices lead over channels that nobody announces.
  for (const { hops } of pays.flatMap(({ ways }) => ways))
    for (const [at, { id: to, channel: id }] of hops.entries())
      if (!edges.has(id) && at > 0)
        edges.set(id, { id, from: hops[at - 1]!.id, to, capacity: undefined, isOwn: false, isUsable: true })
  const order = nearestFirst(self, [...edges.values()])
  const shown = new Set(order.slice(0, most))
  const aliases = new Map(known.map(({ nodeid, alias }) => [nodeid, alias]))
  return {
    nodes: [...shown].map((id) => ({
      id,
      name: id === self ? 'You' : aliases.get(id) || shortened(id, 6, 4),
      isSelf: id === self,
    })),
    edges: [...edges.values()].filter(({ from, to }) => shown.has(from) && shown.has(to)),
    hidden: order.length - shown.size,
  }
}

/** All nodes: those that channels of the own node lead to in the fewest steps first, by large channels before small ones. */
function nearestFirst(self: string, edges: readonly GraphEdge[]): string[] {
  const neighbours = new Map<string, string[]>()
  for (const { from, to } of edges.toSorted((a, b) => (b.capacity ?? 0) - (a.capacity ?? 0)))
    for (const [one, other] of [
      [from, to],
      [to, from],
    ] as const)
      neighbours.set(one, [...(neighbours.get(one) ?? []), other])
  const order = new Set([self])
  // A set takes in what is added while it is walked.
  for (const id of order) for (const next of neighbours.get(id) ?? []) order.add(next)
  for (const start of neighbours.keys()) {
    order.add(start)
    for (const id of order) for (const next of neighbours.get(id) ?? []) order.add(next)
  }
  return [...order]
}

export interface Point {
  readonly x: number
  readonly y: number
}

const ROUNDS = 160
const GRAVITY = 0.3
/** Radians between two nodes of the spiral that they start on: no two fall into a line. */
const GOLDEN_ANGLE = Math.PI * (3 - Math.sqrt(5))

/**
 * Where the nodes lie in a box, after Fruchterman and Reingold (1991): nodes push each other away, channels pull. The same for the same map; turned so
 * that its length lies along the box and the first node to the left, and no nearer to its edge than `margin`.
 */
export function layOut(
  { nodes, edges }: Pick<ChannelMap, 'nodes' | 'edges'>,
  width: number,
  height: number,
  margin: number,
): Point[] {
  const index = new Map(nodes.map(({ id }, at) => [id, at]))
  const points = nodes.map((_, at) => {
    const radius = Math.sqrt(at)
    return { x: radius * Math.cos(at * GOLDEN_ANGLE), y: radius * Math.sin(at * GOLDEN_ANGLE) }
  })
  const moves = points.map(() => ({ x: 0, y: 0 }))
  const push = (one: number, other: number, strength: (distance: number) => number): void => {
    const [dx, dy] = [points[one]!.x - points[other]!.x, points[one]!.y - points[other]!.y]
    const distance = Math.max(0.01, Math.hypot(dx, dy))
    const force = strength(distance) / distance
    moves[one]!.x += dx * force
    moves[one]!.y += dy * force
    moves[other]!.x -= dx * force
    moves[other]!.y -= dy * force
  }
  for (let round = 0; round < ROUNDS; round++) {
    // All are drawn to the middle, so that parts which no channel joins stay near.
    for (const [at, move] of moves.entries()) {
      move.x = -GRAVITY * points[at]!.x
      move.y = -GRAVITY * points[at]!.y
    }
    for (let one = 0; one < points.length; one++)
      for (let other = 0; other < one; other++) push(one, other, (distance) => 1 / distance)
    for (const { from, to } of edges)
      push(index.get(from)!, index.get(to)!, (distance) => -distance * distance)
    const most = 0.5 * (1 - round / ROUNDS)
    for (const [at, { x, y }] of moves.entries()) {
      const scale = Math.min(1, most / Math.max(0.001, Math.hypot(x, y)))
      points[at] = { x: points[at]!.x + x * scale, y: points[at]!.y + y * scale }
    }
  }
  return fitted(points, width, height, margin)
}

/** Turned by their main axis, and scaled into the box. */
function fitted(points: readonly Point[], width: number, height: number, margin: number): Point[] {
  const mean = (of: (point: Point) => number) =>
    points.reduce((sum, point) => sum + of(point), 0) / Math.max(1, points.length)
  const [cx, cy] = [mean(({ x }) => x), mean(({ y }) => y)]
  const [xx, xy, yy] = [
    mean(({ x }) => (x - cx) ** 2),
    mean(({ x, y }) => (x - cx) * (y - cy)),
    mean(({ y }) => (y - cy) ** 2),
  ]
  const angle = 0.5 * Math.atan2(2 * xy, xx - yy)
  const [cos, sin] = [Math.cos(angle), Math.sin(angle)]
  const turned = points.map(({ x, y }) => ({
    x: (x - cx) * cos + (y - cy) * sin,
    y: (y - cy) * cos - (x - cx) * sin,
  }))
  const reach = (of: (point: Point) => number) =>
    Math.max(0.001, ...turned.map((point) => Math.abs(of(point))))
  const scale = Math.min(
    (width / 2 - margin) / reach(({ x }) => x),
    (height / 2 - margin) / reach(({ y }) => y),
  )
  // The first, the own node, stands to the left.
  const side = (turned[0]?.x ?? 0) > 0 ? -1 : 1
  return turned.map(({ x, y }) => ({ x: width / 2 + side * x * scale, y: height / 2 + y * scale }))
}
