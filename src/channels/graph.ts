/**
 * The channels and nodes that a node knows of, from gossip that was checked: the newest of each, in bounded memory. What it holds can be stored and
 * handed to others as it came. Deterministic, any thread.
 */
import { notNow, OK, type Result } from '../primitives/result.ts'
import type { Msat } from './amount.ts'
import type { ChannelAnnouncement, ChannelUpdate, Gossip, NodeAnnouncement, NodeId } from './gossip.ts'
import { fundingPlace, type ShortChannelId } from './short-channel-id.ts'

/** What passing payments on costs over a channel, in one direction. */
export interface ForwardingPolicy {
  readonly feeBase: Msat
  readonly feeProportionalMillionths: number
  /** Blocks. */
  readonly cltvExpiryDelta: number
}

/** The fee for passing `amount` on (BOLT 7, HTLC Fees): rounded down. */
export function forwardingFee({ feeBase, feeProportionalMillionths }: ForwardingPolicy, amount: Msat): Msat {
  const whole = Math.floor(amount / 1_000_000) * feeProportionalMillionths
  // In two steps, since the product may be beyond 2^53.
  const rest = Math.floor(((amount % 1_000_000) * feeProportionalMillionths) / 1_000_000)
  return (feeBase + whole + rest) as Msat
}

/** A channel of the graph. */
export interface GraphChannel {
  readonly announcement: Gossip<ChannelAnnouncement>
  /** That funds it, as `outpointKey`. */
  readonly outpoint: string
  /** By direction: the newest update of the first node, and of the second. */
  readonly updates: readonly [Gossip<ChannelUpdate> | undefined, Gossip<ChannelUpdate> | undefined]
}

/** Bounds of a graph. */
export interface GraphLimits {
  /** Most channels. Where there are as many, a greater one takes the place of the smallest. */
  readonly channels: number
  /** Most channels that came from one peer. */
  readonly channelsOfPeer: number
  /** Most updates of one direction of a channel in `updateWindow` blocks. */
  readonly updates: number
  readonly updateWindow: number
  /** Least blocks between two announcements of a node. */
  readonly nodeSpacing: number
  /** Blocks after which a channel is forgotten whose nodes have not both renewed their updates. */
  readonly staleAfter: number
}

const TWO_WEEKS = 1_209_600
const HOUR = 3600

/** Limits for a network whose blocks are `targetSpacing` seconds apart: some 30 MB at most. */
export function graphLimits(targetSpacing: number): GraphLimits {
  const updateWindow = Math.ceil(HOUR / targetSpacing)
  return {
    channels: 20_000,
    channelsOfPeer: 5_000,
    updates: 12,
    updateWindow,
    nodeSpacing: Math.ceil(updateWindow / 12),
    staleAfter: Math.ceil(TWO_WEEKS / targetSpacing),
  }
}

interface Entry extends GraphChannel {
  announcement: Gossip<ChannelAnnouncement>
  updates: [Gossip<ChannelUpdate> | undefined, Gossip<ChannelUpdate> | undefined]
  /** The peer that it came from first. */
  readonly source: string
  /** Height at which it was taken in, from which its nodes have time to renew it. */
  readonly since: number
  /** By direction: since which height updates are counted, and how many. */
  readonly counted: [UpdateCount, UpdateCount]
}

interface UpdateCount {
  since: number
  count: number
}

export class ChannelGraph {
  private readonly limits: GraphLimits
  private readonly channels = new Map<ShortChannelId, Entry>()
  private readonly byOutpoint = new Map<string, Entry>()
  /** By node: its channels. Every node has one at least. */
  private readonly nodes = new Map<NodeId, Set<Entry>>()
  private readonly announcedNodes = new Map<NodeId, Gossip<NodeAnnouncement>>()
  private readonly countBySource = new Map<string, number>()

  constructor(limits: GraphLimits) {
    this.limits = limits
  }

  get channelCount(): number {
    return this.channels.size
  }

  get nodeCount(): number {
    return this.nodes.size
  }

  channel(id: ShortChannelId): GraphChannel | undefined {
    return this.channels.get(id)
  }

  /** The channels of a node. */
  channelsOf(id: NodeId): Iterable<GraphChannel> {
    return this.nodes.get(id) ?? []
  }

  allChannels(): Iterable<GraphChannel> {
    return this.channels.values()
  }

  /** What a node says about itself; undefined where it said nothing, or has no channel. */
  node(id: NodeId): NodeAnnouncement | undefined {
    return this.announcedNodes.get(id)?.message
  }

  /** The same as it came. */
  nodeGossip(id: NodeId): Gossip<NodeAnnouncement> | undefined {
    return this.announcedNodes.get(id)
  }

  /** All nodes that have a channel. */
  allNodes(): Iterable<NodeId> {
    return this.nodes.keys()
  }

  hasNode(id: NodeId): boolean {
    return this.nodes.has(id)
  }

  /**
   * Whether an announcement would be taken in, before the work of checking it. Rejects with `gossip-known`, `gossip-conflict` where the same output
   * is announced for other nodes (its owners contradict themselves: the first stays), `gossip-peer-full` and `gossip-full`.
   */
  wants({ message }: Pick<Gossip<ChannelAnnouncement>, 'message'>, source: string): Result<void> {
    const known = this.channels.get(message.shortChannelId)
    if (known) {
      const [first, second] = known.announcement.message.nodeIds
      return first === message.nodeIds[0] && second === message.nodeIds[1]
        ? notNow('gossip-known', 'This channel is known.')
        : notNow('gossip-conflict', 'This channel is known as that of other nodes.')
    }
    if ((this.countBySource.get(source) ?? 0) >= this.limits.channelsOfPeer)
      return notNow('gossip-peer-full', 'Enough channels came from this peer.')
    if (this.channels.size >= this.limits.channels && !this.smallestBelow(message.capacity))
      return notNow(
        'gossip-full',
        `The graph holds ${this.channels.size} channels, all as great as this one.`,
      )
    return OK
  }

  /**
   * Takes in an announcement that passed `checkChannelAnnouncement`, at this height of the tip. `source`: the peer; `outpoint`: as `outpointKey`, of
   * what funds it. Rejects as `wants`.
   */
  addChannel(
    announcement: Gossip<ChannelAnnouncement>,
    source: string,
    height: number,
    outpoint: string,
  ): Result<void> {
    const wanted = this.wants(announcement, source)
    if (!wanted.ok) return wanted
    const { message } = announcement
    if (this.channels.size >= this.limits.channels) this.drop(this.smallestBelow(message.capacity))
    const counted: Entry['counted'] = [
      { since: height, count: 0 },
      { since: height, count: 0 },
    ]
    const entry: Entry = {
      announcement,
      outpoint,
      updates: [undefined, undefined],
      source,
      since: height,
      counted,
    }
    this.channels.set(message.shortChannelId, entry)
    this.byOutpoint.set(outpoint, entry)
    this.countBySource.set(source, (this.countBySource.get(source) ?? 0) + 1)
    for (const id of message.nodeIds) {
      const channels = this.nodes.get(id)
      if (channels) channels.add(entry)
      else this.nodes.set(id, new Set([entry]))
    }
    return OK
  }

  /**
   * Whether an update would be taken in, before the work of checking it. Rejects with `gossip-orphan` one of a channel that is not known,
   * `gossip-known` one that is not newer than the last, and `gossip-rate` where its direction had enough for now.
   */
  wantsUpdate({ message }: Pick<Gossip<ChannelUpdate>, 'message'>, height: number): Result<void> {
    const entry = this.channels.get(message.shortChannelId)
    if (!entry) return notNow('gossip-orphan', 'The channel of this update is not known.')
    const last = entry.updates[message.direction]
    if (last && message.blockHeight <= last.message.blockHeight)
      return notNow('gossip-known', 'A newer update of this channel is known.')
    const { since, count } = entry.counted[message.direction]
    if (height < since + this.limits.updateWindow && count >= this.limits.updates)
      return notNow('gossip-rate', `The channel had ${count} updates lately. It may have more later.`)
    return OK
  }

  /** Takes in an update that passed `checkChannelUpdate`. Rejects as `wantsUpdate`. */
  addUpdate(update: Gossip<ChannelUpdate>, height: number): Result<void> {
    const wanted = this.wantsUpdate(update, height)
    if (!wanted.ok) return wanted
    const { shortChannelId, direction } = update.message
    const entry = this.channels.get(shortChannelId)
    if (!entry) throw new Error('An update without its channel was wanted')
    const counted = entry.counted[direction]
    if (height >= counted.since + this.limits.updateWindow) {
      counted.since = height
      counted.count = 0
    }
    counted.count++
    entry.updates[direction] = update
    return OK
  }

  /**
   * Rejects with `gossip-orphan` a node that has no channel, with `gossip-known` what is not newer than the last, and with `gossip-rate` what
   * follows too soon on it.
   */
  wantsNode({ message }: Pick<Gossip<NodeAnnouncement>, 'message'>): Result<void> {
    if (!this.nodes.has(message.nodeId))
      return notNow('gossip-orphan', 'The node has no channel that is known.')
    const last = this.announcedNodes.get(message.nodeId)
    if (last && message.blockHeight <= last.message.blockHeight)
      return notNow('gossip-known', 'A newer announcement of this node is known.')
    if (last && message.blockHeight < last.message.blockHeight + this.limits.nodeSpacing)
      return notNow('gossip-rate', 'This node said something about itself only just now.')
    return OK
  }

  /** Takes in what passed `checkNodeAnnouncement`. Rejects as `wantsNode`. */
  addNode(announcement: Gossip<NodeAnnouncement>): Result<void> {
    const wanted = this.wantsNode(announcement)
    if (wanted.ok) this.announcedNodes.set(announcement.message.nodeId, announcement)
    return wanted
  }

  /** An output was spent: the channel that it funded, if it is one, is forgotten. */
  removeSpent(outpoint: string): void {
    this.drop(this.byOutpoint.get(outpoint))
  }

  /** The chain left the blocks above a height: their channels are forgotten. Where the other branch has them, they are announced anew. */
  removeAbove(height: number): void {
    for (const [id, entry] of this.channels) if (fundingPlace(id).height > height) this.drop(entry)
  }

  /** Forgets the channels whose nodes have not both renewed their updates for `staleAfter` blocks (BOLT 7, Pruning Stale Entries). */
  prune(height: number): void {
    for (const entry of this.channels.values()) {
      const renewed = entry.updates.map((update) => update?.message.blockHeight ?? entry.since)
      if (Math.min(...renewed) + this.limits.staleAfter < height) this.drop(entry)
    }
  }

  /** Every message that it holds, in an order in which another graph takes them in. */
  *messages(): Iterable<Uint8Array> {
    for (const { announcement, updates } of this.channels.values()) {
      yield announcement.bytes
      for (const update of updates) if (update) yield update.bytes
    }
    for (const { bytes } of this.announcedNodes.values()) yield bytes
  }

  private smallestBelow(capacity: number): Entry | undefined {
    let smallest: Entry | undefined
    let least = capacity
    for (const entry of this.channels.values())
      if (entry.announcement.message.capacity < least) {
        smallest = entry
        least = entry.announcement.message.capacity
      }
    return smallest
  }

  private drop(entry: Entry | undefined): void {
    if (!entry) return
    const { message } = entry.announcement
    this.channels.delete(message.shortChannelId)
    this.byOutpoint.delete(entry.outpoint)
    const left = (this.countBySource.get(entry.source) ?? 0) - 1
    if (left > 0) this.countBySource.set(entry.source, left)
    else this.countBySource.delete(entry.source)
    for (const id of message.nodeIds) {
      const channels = this.nodes.get(id)
      channels?.delete(entry)
      if (channels?.size === 0) {
        this.nodes.delete(id)
        this.announcedNodes.delete(id)
      }
    }
  }
}
