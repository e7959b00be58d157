/**
 * Gossip between this node and others that have channels: checks what comes, passes on what is news, each message once, and learns from each peer what was
 * missed. Bounded in memory and work, whoever sends: what is false in itself is its sender's offence, and what only this node's chain or graph does not bear
 * out uses up what a peer may waste. Sans I/O, deterministic. Thread: the brain.
 */

import type { Block } from '../primitives/block.ts'
import type { Clock } from '../primitives/ports.ts'
import { notNow, type Rejection, type Result } from '../primitives/result.ts'
import { TokenBucket } from '../primitives/token-bucket.ts'
import { outpointKey } from '../primitives/transaction.ts'
import {
  type ChannelAnnouncement,
  type ChannelUpdate,
  decodeGossip,
  type Gossip,
  type NodeAnnouncement,
  type NodeId,
} from './gossip.ts'
import {
  checkChannelAnnouncement,
  checkChannelUpdate,
  checkNodeAnnouncement,
  type FundingOutputs,
  ripeAt,
} from './gossip-checks.ts'
import {
  decodeGossipQuery,
  encodeGossipQuery,
  type GossipQuery,
  isGossipQuery,
  type KnownChannel,
  MAX_KNOWN_IN_REPLY,
  type QueryChannelRange,
  type ReplyChannelRange,
  WANTS_ANNOUNCEMENT,
  WANTS_NODES,
  WANTS_UPDATES,
  type WantedChannel,
} from './gossip-queries.ts'
import type { ChannelGraph } from './graph.ts'
import { compareShortChannelIds, fundingPlace } from './short-channel-id.ts'

export interface GossipPorts {
  readonly graph: ChannelGraph
  readonly funding: FundingOutputs
  readonly clock: Clock
  /** Hash of the genesis block, 32 bytes, internal order. */
  readonly chainHash: Uint8Array
  /** Of the tip. */
  height(): number
  /** `bytes`: with their type. */
  send(node: NodeId, bytes: Uint8Array): void
  /** A node sent what no honest one sends. */
  punish(node: NodeId, rejection: Rejection): void
  /** A fault of this program, or failing storage: gossip stands still. */
  failed(error: unknown): void
}

/** Messages of one peer that wait to be looked at. More is left out, and asked for later. */
const MAX_WAITING = 1_000
/** Messages of one peer that wait for blocks, which this node may lack so many of. */
const MAX_HELD = 50
const MAX_AHEAD = 6
/** Messages of a peer that are read though they are no news: at once, and in a second. */
const READS = [2_000, 20] as const
/** Checks that a peer may waste at once, and in a second: of signatures, or a block read from the store. */
const WASTE = [100, 1] as const
/** Summaries of the graph that a peer may ask for: at once, and in a second. */
const SUMMARIES = [6, 1 / 60] as const
/** Channels that it may ask for, as well. */
const CHANNELS_ASKED = [20_000, 100] as const
/** Channels that a peer may tell in a summary. */
const MAX_TOLD = 20_000
/** Channels that are asked for at a time. */
const BATCH = 100
/** Milliseconds without an answer after which another peer is asked. */
const PATIENCE = 60_000
/** Milliseconds after which some peer is asked what it knows: after all that was missed for whatever reason, and where it is known that something was. */
const AGAIN = 3_600_000
const AGAIN_SOON = 60_000
/** Messages to be passed on that are remembered, and what each peer is told of them at a tick. */
const MAX_NEWS = 2_000
const NEWS_AT_ONCE = 100
/** Messages that are dealt with until others have their turn. */
const WITHOUT_REST = 8

interface GossipPeer {
  readonly node: NodeId
  /** Number of the next piece of news that it is told. */
  next: number
  waiting: number
  held: number
  readonly reads: TokenBucket
  readonly waste: TokenBucket
  readonly summaries: TokenBucket
  readonly channelsAsked: TokenBucket
}

/** What waits to be dealt with. `lost`: called instead where it never will be. */
interface Task {
  readonly run: () => Promise<void>
  readonly lost?: () => void
}

/** A message that waits for the tip to reach a height. */
interface Held {
  readonly gossip: Gossip
  readonly peer: GossipPeer
  readonly until: number
}

/** What is being asked of a peer. */
interface Asking {
  readonly peer: GossipPeer
  told: number
  readonly wanted: WantedChannel[]
  /** What it answered is taken in up to its last question: whether any of it was news. */
  fruitful: boolean
  cancelTimeout: () => void
}

export class GossipSync {
  private readonly ports: GossipPorts
  private readonly peers = new Map<NodeId, GossipPeer>()
  private readonly inbox: Task[] = []
  private held: Held[] = []
  /** What is passed on, and the number of the first of it. */
  private news: { readonly bytes: Uint8Array; readonly source: NodeId | undefined }[] = []
  private firstNews = 0
  /** Who is asked next what it knows. */
  private readonly due: GossipPeer[] = []
  private asking: Asking | undefined
  private askedAt: number
  /** Asked after the hour, in turn. */
  private turn = 0
  /** Something was left out that a peer can tell later. */
  private incomplete = false
  /** Counts changes of the chain: what was checked before one is checked again. */
  private chainChanges = 0
  private working: Promise<void> | undefined
  private closed = false

  constructor(ports: GossipPorts) {
    this.ports = ports
    this.askedAt = ports.clock.now()
  }

  /** A node with channels hears us. */
  connected(node: NodeId): void {
    this.disconnected(node)
    const { clock } = this.ports
    const peer: GossipPeer = {
      node,
      next: this.firstNews + this.news.length,
      waiting: 0,
      held: 0,
      reads: new TokenBucket(clock, ...READS),
      waste: new TokenBucket(clock, ...WASTE),
      summaries: new TokenBucket(clock, ...SUMMARIES),
      channelsAsked: new TokenBucket(clock, ...CHANNELS_ASKED),
    }
    this.peers.set(node, peer)
    this.due.push(peer)
    this.askNext()
  }

  disconnected(node: NodeId): void {
    const peer = this.peers.get(node)
    if (!peer) return
    this.peers.delete(node)
    const at = this.due.indexOf(peer)
    if (at >= 0) this.due.splice(at, 1)
    if (this.asking?.peer === peer) this.endAsking(this.asking)
  }

  /** A message of a node, with its type, which `isGossip` or `isGossipQuery` names. */
  receive(node: NodeId, bytes: Uint8Array): void {
    const peer = this.peers.get(node)
    if (!peer) return
    if (peer.waiting >= MAX_WAITING) {
      this.incomplete = true
      return
    }
    // The frame that it came in goes; what the graph keeps stays.
    const own = bytes.slice()
    peer.waiting++
    this.enqueue({
      run: async () => {
        peer.waiting--
        if (isGossipQuery((own[0] << 8) | own[1])) this.takeQuery(peer, own)
        else await this.takeMessage(peer, own)
      },
    })
  }

  /** Takes in what this node says itself and passes it on. Rejects as the checks and the graph do, and with `gossip-closed`. */
  publish(bytes: Uint8Array): Promise<Result<void>> {
    const decoded = decodeGossip(bytes)
    if (!decoded.ok) return Promise.resolve(decoded)
    return new Promise((resolve) => {
      this.enqueue({
        run: async () => resolve(await this.take(decoded.value, undefined)),
        lost: () => resolve(notNow('gossip-closed', 'Gossip stands still. Nothing was said.')),
      })
    })
  }

  /** A block joined the active chain. */
  blockConnected({ transactions }: Block): void {
    this.chainChanges++
    for (const { inputs } of transactions)
      for (const { prevout } of inputs) this.ports.graph.removeSpent(outpointKey(prevout))
  }

  /** The active chain left all blocks above a height. */
  disconnectedTo(height: number): void {
    this.chainChanges++
    this.ports.graph.removeAbove(height)
  }

  /** The chain has a new tip, of which the two above told. */
  tipChanged(): void {
    const height = this.ports.height()
    this.ports.graph.prune(height)
    const ripe = this.held.filter(({ until }) => until <= height)
    this.held = this.held.filter(({ until }) => until > height)
    for (const { gossip, peer } of ripe) {
      peer.held--
      this.enqueue({ run: () => this.takeFrom(peer, gossip) })
    }
  }

  /** About once a second: tells the peers what is news, and asks one of them where something was missed. */
  tick(): void {
    for (const peer of this.peers.values()) this.tellNews(peer)
    const last = this.firstNews + this.news.length
    const next = Math.max(
      last - MAX_NEWS,
      Math.min(last, ...[...this.peers.values()].map(({ next }) => next)),
    )
    this.news = this.news.slice(next - this.firstNews)
    this.firstNews = next
    const since = this.ports.clock.now() - this.askedAt
    if (this.asking || this.peers.size === 0 || since < (this.incomplete ? AGAIN_SOON : AGAIN)) return
    this.due.push([...this.peers.values()][this.turn++ % this.peers.size])
    this.askNext()
  }

  /** Resolves when all that came is dealt with. */
  async settled(): Promise<void> {
    while (this.working) await this.working
  }

  /** Takes in nothing more. Resolves when what was under way is done. */
  async close(): Promise<void> {
    this.closed = true
    this.asking?.cancelTimeout()
    for (const { lost } of this.inbox.splice(0)) lost?.()
    await this.settled()
  }

  private enqueue(task: Task): void {
    if (this.closed) {
      task.lost?.()
      return
    }
    this.inbox.push(task)
    this.working ??= this.work()
  }

  private async work(): Promise<void> {
    // What comes at once is queued before the first of it is looked at.
    await undefined
    let task: Task | undefined
    try {
      for (let done = 1; ; done++) {
        task = this.inbox.shift()
        if (!task) break
        await task.run()
        if (done % WITHOUT_REST === 0)
          await new Promise<void>((resolve) => this.ports.clock.after(0, resolve))
      }
    } catch (error) {
      this.closed = true
      task?.lost?.()
      for (const { lost } of this.inbox.splice(0)) lost?.()
      this.ports.failed(error)
    } finally {
      this.working = undefined
    }
  }

  private async takeMessage(peer: GossipPeer, bytes: Uint8Array): Promise<void> {
    if (!peer.reads.take(1)) {
      this.incomplete = true
      return
    }
    const decoded = decodeGossip(bytes)
    if (decoded.ok) await this.takeFrom(peer, decoded.value)
    else this.ports.punish(peer.node, decoded)
  }

  /** Deals with a message of a peer, now or when its block is there. */
  private async takeFrom(peer: GossipPeer, gossip: Gossip): Promise<void> {
    const until = this.waitsFor(gossip)
    if (until !== undefined) {
      this.hold({ gossip, peer, until })
      return
    }
    const wanted = this.wants(gossip, peer.node)
    if (!wanted.ok) return
    if (!peer.waste.take(1)) {
      this.incomplete = true
      return
    }
    const taken = await this.take(gossip, peer)
    if (taken.ok) {
      peer.reads.give(1)
      peer.waste.give(1)
      if (this.asking?.peer === peer) this.asking.fruitful = true
    } else if (taken.kind === 'invalid') this.ports.punish(peer.node, taken)
  }

  /** The height that the tip must have first; undefined where it has. What leans on a channel that waits itself waits with it. */
  private waitsFor({ message }: Gossip): number | undefined {
    const { graph } = this.ports
    const height = this.ports.height()
    if (message.type === 'channel_announcement_2') {
      const ripe = ripeAt(message.shortChannelId)
      return ripe > height ? ripe : undefined
    }
    if (message.blockHeight > height) return message.blockHeight
    if (message.type === 'node_announcement_2')
      return graph.hasNode(message.nodeId)
        ? undefined
        : this.heldChannel(({ nodeIds }) => nodeIds.includes(message.nodeId))?.until
    return graph.channel(message.shortChannelId)
      ? undefined
      : this.heldChannel(({ shortChannelId }) => shortChannelId === message.shortChannelId)?.until
  }

  private heldChannel(is: (announcement: ChannelAnnouncement) => boolean): Held | undefined {
    return this.held.find(({ gossip }) => isAnnouncement(gossip) && is(gossip.message))
  }

  private hold(held: Held): void {
    const { peer, until } = held
    if (until > this.ports.height() + MAX_AHEAD || peer.held >= MAX_HELD) {
      this.incomplete = true
      return
    }
    peer.held++
    this.held.push(held)
  }

  /** Whether it would be news, before the work of checking it. */
  private wants(gossip: Gossip, source: string): Result<void> {
    const { graph } = this.ports
    if (isAnnouncement(gossip)) return graph.wants(gossip, source)
    if (isUpdate(gossip)) return graph.wantsUpdate(gossip, this.ports.height())
    if (!isNode(gossip)) throw new Error('A message of gossip has no type')
    return graph.wantsNode(gossip)
  }

  /** Checks a message, takes it into the graph, and passes it on. `peer`: undefined for this node's own. */
  private async take(gossip: Gossip, peer: GossipPeer | undefined): Promise<Result<void>> {
    const taken = await this.takeChecked(gossip, peer?.node ?? OWN)
    if (taken.ok) this.news.push({ bytes: gossip.bytes, source: peer?.node })
    return taken
  }

  private async takeChecked(gossip: Gossip, source: string): Promise<Result<void>> {
    const { graph } = this.ports
    if (isAnnouncement(gossip)) return this.takeAnnouncement(gossip, source)
    const { height } = this.context
    if (isUpdate(gossip)) {
      const channel = graph.channel(gossip.message.shortChannelId)
      if (!channel) return notNow('gossip-orphan', 'The channel of this update is not known.')
      const checked = checkChannelUpdate(gossip, channel.announcement.message, this.context)
      return checked.ok ? graph.addUpdate(gossip, height) : checked
    }
    if (!isNode(gossip)) throw new Error('A message of gossip has no type')
    const checked = checkNodeAnnouncement(gossip, this.context)
    return checked.ok ? graph.addNode(gossip) : checked
  }

  private async takeAnnouncement(gossip: Gossip<ChannelAnnouncement>, source: string): Promise<Result<void>> {
    for (;;) {
      const { chainChanges } = this
      const output = await this.ports.funding.fundingOutput(gossip.message.shortChannelId)
      // The output may have been spent since, or be on no active chain any more.
      if (chainChanges !== this.chainChanges) continue
      const { context } = this
      const checked = checkChannelAnnouncement(gossip, output, context)
      if (!checked.ok || !output) return checked
      return this.ports.graph.addChannel(gossip, source, context.height, output.outpoint)
    }
  }

  private get context(): { readonly chainHash: Uint8Array; readonly height: number } {
    return { chainHash: this.ports.chainHash, height: this.ports.height() }
  }

  private tellNews(peer: GossipPeer): void {
    const start = Math.max(0, peer.next - this.firstNews)
    const told = this.news.slice(start, start + NEWS_AT_ONCE)
    peer.next = this.firstNews + start + told.length
    for (const { bytes, source } of told) if (source !== peer.node) this.ports.send(peer.node, bytes)
  }

  private takeQuery(peer: GossipPeer, bytes: Uint8Array): void {
    const decoded = decodeGossipQuery(bytes)
    if (!decoded.ok) {
      this.ports.punish(peer.node, decoded)
      return
    }
    const query = decoded.value
    switch (query.type) {
      case 'query_channel_range':
        // Who asks for more than it may waits in vain, and asks another.
        if (peer.summaries.take(1)) this.tellKnown(peer, query)
        return
      case 'query_short_channel_ids':
        if (peer.channelsAsked.take(query.wanted.length)) this.tellWanted(peer, query.wanted)
        return
      case 'reply_channel_range':
        if (this.asking?.peer === peer) this.takeKnown(this.asking, query)
        return
      case 'reply_short_channel_ids_end':
        if (this.asking?.peer === peer) this.askOn(this.asking)
    }
  }

  private say(peer: GossipPeer, query: GossipQuery): void {
    this.ports.send(peer.node, encodeGossipQuery(query))
  }

  private tellKnown(peer: GossipPeer, { firstBlock, blocks }: QueryChannelRange): void {
    const { graph, chainHash } = this.ports
    const end = firstBlock + blocks
    const known: KnownChannel[] = []
    for (const { announcement, updates } of graph.allChannels()) {
      const id = announcement.message.shortChannelId
      const { height } = fundingPlace(id)
      const [first, second] = updates.map((update) => update?.message.blockHeight ?? 0)
      if (height >= firstBlock && height < end) known.push({ id, updates: [first, second] })
    }
    known.sort((a, b) => compareShortChannelIds(a.id, b.id))
    let from = firstBlock
    for (let at = 0; at === 0 || at < known.length; at += MAX_KNOWN_IN_REPLY) {
      const part = known.slice(at, at + MAX_KNOWN_IN_REPLY)
      const complete = at + MAX_KNOWN_IN_REPLY >= known.length
      const to = complete ? end : fundingPlace(part[part.length - 1].id).height + 1
      this.say(peer, {
        type: 'reply_channel_range',
        chainHash,
        firstBlock: from,
        blocks: to - from,
        complete,
        known: part,
      })
      // The next part may begin in the block that this one ends in.
      from = to - 1
    }
  }

  private tellWanted(peer: GossipPeer, wanted: readonly WantedChannel[]): void {
    const { graph, chainHash } = this.ports
    const nodes = new Map<NodeId, Uint8Array>()
    for (const { id, flags } of wanted) {
      const channel = graph.channel(id)
      if (!channel) continue
      if ((flags & WANTS_ANNOUNCEMENT) !== 0) this.ports.send(peer.node, channel.announcement.bytes)
      channel.updates.forEach((update, at) => {
        if (update && (flags & WANTS_UPDATES[at]) !== 0) this.ports.send(peer.node, update.bytes)
      })
      channel.announcement.message.nodeIds.forEach((node, at) => {
        const said = (flags & WANTS_NODES[at]) !== 0 ? graph.nodeGossip(node) : undefined
        if (said) nodes.set(node, said.bytes)
      })
    }
    for (const bytes of nodes.values()) this.ports.send(peer.node, bytes)
    this.say(peer, { type: 'reply_short_channel_ids_end', chainHash, fullInformation: true })
  }

  private askNext(): void {
    if (this.asking || this.closed) return
    const peer = this.due.shift()
    if (!peer) return
    this.incomplete = false
    this.asking = { peer, told: 0, wanted: [], fruitful: true, cancelTimeout: () => {} }
    this.wait(this.asking)
    const { chainHash } = this.ports
    this.say(peer, {
      type: 'query_channel_range',
      chainHash,
      firstBlock: 0,
      blocks: 0xffff_ffff,
      wantsHeights: true,
    })
  }

  private wait(asking: Asking): void {
    asking.cancelTimeout()
    asking.cancelTimeout = this.ports.clock.after(PATIENCE, () => this.endAsking(asking))
  }

  private endAsking(asking: Asking): void {
    asking.cancelTimeout()
    if (this.asking !== asking) return
    if (asking.wanted.length > 0) this.incomplete = true
    this.asking = undefined
    this.askedAt = this.ports.clock.now()
    this.askNext()
  }

  private takeKnown(asking: Asking, { known, complete }: ReplyChannelRange): void {
    asking.told += known.length
    for (const channel of known) {
      const flags = this.missing(channel)
      if (flags !== 0) asking.wanted.push({ id: channel.id, flags })
    }
    const goesOn = !complete && known.length > 0 && asking.told <= MAX_TOLD
    if (goesOn) this.wait(asking)
    else this.askOn(asking)
  }

  /** What of a channel that a peer knows is not known here. */
  private missing({ id, updates }: KnownChannel): number {
    const { graph } = this.ports
    const channel = graph.channel(id)
    const nodes = WANTS_NODES[0] | WANTS_NODES[1]
    if (!channel) {
      const isRipe = ripeAt(id) <= this.ports.height()
      if (!isRipe) this.incomplete = true
      return isRipe ? WANTS_ANNOUNCEMENT | WANTS_UPDATES[0] | WANTS_UPDATES[1] | nodes : 0
    }
    const newer = ([0, 1] as const)
      .filter((at) => updates[at] > (channel.updates[at]?.message.blockHeight ?? 0))
      .reduce((flags: number, at) => flags | WANTS_UPDATES[at], 0)
    // Nodes renew what they say about themselves with their updates.
    return newer === 0 ? 0 : newer | nodes
  }

  /** Goes on with the next channels, unless the last ones were of no use: then the peer tells of what does not exist. */
  private askOn(asking: Asking): void {
    const wanted = asking.wanted.splice(0, BATCH)
    if (wanted.length === 0 || !asking.fruitful) {
      this.endAsking(asking)
      return
    }
    asking.fruitful = false
    this.wait(asking)
    this.say(asking.peer, { type: 'query_short_channel_ids', chainHash: this.ports.chainHash, wanted })
  }
}

/** In place of a peer, for what this node says itself. */
const OWN = 'own'

function isAnnouncement(gossip: Gossip): gossip is Gossip<ChannelAnnouncement> {
  return gossip.message.type === 'channel_announcement_2'
}

function isUpdate(gossip: Gossip): gossip is Gossip<ChannelUpdate> {
  return gossip.message.type === 'channel_update_2'
}

function isNode(gossip: Gossip): gossip is Gossip<NodeAnnouncement> {
  return gossip.message.type === 'node_announcement_2'
}
