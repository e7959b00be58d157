/**
 * What a node has learnt about where money lies in others' channels, from its own payments: bounds that widen again as time passes, since
 * balances move. Deterministic, any thread; in bounded memory.
 */
import { putBounded } from '../primitives/bounded.ts'
import type { Clock } from '../primitives/ports.ts'
import type { Msat } from './amount.ts'
import type { NodeId } from './gossip.ts'
import type { ShortChannelId } from './short-channel-id.ts'

/** One direction of a channel: 0 from its first node to its second, 1 the other way. */
export interface Direction {
  readonly shortChannelId: ShortChannelId
  readonly direction: 0 | 1
  readonly capacity: Msat
}

/** Milliseconds in which half of what was learnt is forgotten. */
const HALF_LIFE = 3_600_000

/** Milliseconds for which a channel or a node is left out after a failure that says more than "not now". */
const AVOIDED_FOR = 3_600_000

/** Most channels and most nodes of which something is remembered. */
const MAX_REMEMBERED = 10_000

/** How much of a channel's money lies on its first node's side. */
interface Bounds {
  readonly least: number
  readonly greatest: number
  readonly at: number
}

export class LiquidityMemory {
  private readonly clock: Pick<Clock, 'now'>
  private readonly bounds = new Map<ShortChannelId, Bounds>()
  /** Until when they are left out, milliseconds since 1970; of a channel by direction. */
  private readonly avoidedChannels = [
    new Map<ShortChannelId, number>(),
    new Map<ShortChannelId, number>(),
  ] as const
  private readonly avoidedNodes = new Map<NodeId, number>()

  constructor(clock: Pick<Clock, 'now'>) {
    this.clock = clock
  }

  /**
   * How likely the direction carries the amount, from 0 to 1: all balances within the bounds are as likely. 0 is certain, as far as memory
   * goes: it was tried lately.
   */
  probability(direction: Direction, amount: Msat): number {
    const [least, greatest] = this.available(direction)
    if (amount <= least) return 1
    if (amount > greatest) return 0
    return (greatest + 1 - amount) / (greatest + 1 - least)
  }

  /** What the direction carries as likely as not. */
  median(direction: Direction): Msat {
    const [least, greatest] = this.available(direction)
    return Math.ceil((least + greatest) / 2) as Msat
  }

  /** Least and greatest that the direction may carry by now. */
  private available({ shortChannelId, direction, capacity }: Direction): [number, number] {
    const { least, greatest } = this.now(shortChannelId, capacity)
    return direction === 0 ? [least, greatest] : [capacity - greatest, capacity - least]
  }

  /** The bounds, widened by the time that has passed. */
  private now(id: ShortChannelId, capacity: number): Bounds {
    const at = this.clock.now()
    const known = this.bounds.get(id)
    if (!known) return { least: 0, greatest: capacity, at }
    const kept = 2 ** (-Math.max(0, at - known.at) / HALF_LIFE)
    const greatest = Math.min(known.greatest, capacity)
    return {
      least: Math.floor(Math.min(known.least, capacity) * kept),
      greatest: Math.ceil(capacity - (capacity - greatest) * kept),
      at,
    }
  }

  private learn(direction: Direction, least: number, greatest: number): void {
    const { shortChannelId, capacity } = direction
    const [low, high] =
      direction.direction === 0 ? [least, greatest] : [capacity - greatest, capacity - least]
    const bounds = { least: Math.max(0, low), greatest: Math.min(capacity, high), at: this.clock.now() }
    putBounded(this.bounds, shortChannelId, bounds, MAX_REMEMBERED)
  }

  /** The direction could not carry the amount. */
  failed(direction: Direction, amount: Msat): void {
    const [least, greatest] = this.available(direction)
    const most = Math.min(greatest, Math.max(0, amount - 1))
    this.learn(direction, Math.min(least, most), most)
  }

  /** The direction carried the amount; the payment failed behind it. */
  passed(direction: Direction, amount: Msat): void {
    const [least, greatest] = this.available(direction)
    const atLeast = Math.min(direction.capacity, Math.max(least, amount))
    this.learn(direction, atLeast, Math.max(greatest, atLeast))
  }

  /** The direction carried the amount, which is on the other side now. */
  settled(direction: Direction, amount: Msat): void {
    this.passed(direction, amount)
    const [least, greatest] = this.available(direction)
    this.learn(direction, Math.max(0, least - amount), Math.max(0, greatest - amount))
  }

  /** Leaves a direction out for a while. */
  avoidChannel({ shortChannelId, direction }: Omit<Direction, 'capacity'>): void {
    const until = this.clock.now() + AVOIDED_FOR
    putBounded(this.avoidedChannels[direction], shortChannelId, until, MAX_REMEMBERED)
  }

  /** Leaves a node out for a while, as one that passes on. */
  avoidNode(id: NodeId): void {
    putBounded(this.avoidedNodes, id, this.clock.now() + AVOIDED_FOR, MAX_REMEMBERED)
  }

  avoidsChannel({ shortChannelId, direction }: Omit<Direction, 'capacity'>): boolean {
    return (this.avoidedChannels[direction].get(shortChannelId) ?? 0) > this.clock.now()
  }

  avoidsNode(id: NodeId): boolean {
    return (this.avoidedNodes.get(id) ?? 0) > this.clock.now()
  }
}
