/**
 * What this node says itself: announcements of its channels, made with the other side, what it asks for passing on, and who it is. It compares what is known
 * with what should be, and says what is missing, different or old: neither restarts nor reorganisations are a special case, and nothing is stored. Thread:
 * the brain.
 */
import type { Result } from '../primitives/result.ts'
import { type Msat, msat, satsToMsat } from './amount.ts'
import type { Channel } from './channel.ts'
import { type Features, NO_FEATURES } from './features.ts'
import {
  type ChannelAnnouncement,
  type ChannelUpdate,
  encodeGossip,
  type Gossip,
  gossipHash,
  inNodeOrder,
  type NodeAnnouncement,
  type NodeId,
} from './gossip.ts'
import { checkChannelUpdate, ripeAt } from './gossip-checks.ts'
import type { ChannelGraph, ForwardingPolicy } from './graph.ts'
import type { AnnouncementSignatures } from './messages.ts'
import type { ChannelSigner, HolderAnnouncementSignatures } from './ports.ts'
import { directionBetween } from './router.ts'
import type { ShortChannelId } from './short-channel-id.ts'
import { type ChannelState, isOperating } from './state.ts'

/** When things are said again, in blocks. */
export interface OwnGossipTimes {
  /** Updates and the node's announcement are renewed at that age. */
  readonly renewAfter: number
  /** A channel whose other side has been away for so long is told to be disabled. */
  readonly disableAfter: number
}

export interface OwnGossipPorts {
  readonly self: NodeId
  /** Hash of the genesis block, 32 bytes, internal order. */
  readonly chainHash: Uint8Array
  readonly signer: Pick<ChannelSigner, 'signAnnouncement' | 'signNode'>
  readonly graph: ChannelGraph
  readonly times: OwnGossipTimes
  /** Of the tip. */
  height(): number
  channels(): Iterable<Channel>
  placeOf(state: ChannelState): ShortChannelId | undefined
  /** What this node asks for passing on by a channel now. */
  forwarding(keyId: string): ForwardingPolicy
  /** What it says about itself. */
  about(): { readonly features: Features; readonly alias?: string; readonly peerId?: Uint8Array }
  /** To the other side of a channel alone. */
  send(node: NodeId, bytes: Uint8Array): void
  /** Takes in what this node says, and passes it on: see `GossipSync.publish`. */
  publish(bytes: Uint8Array): Promise<Result<void>>
  /** A fault of this program, or failing storage. */
  failed(error: unknown): void
}

/** What is known of the announcement of a channel. */
interface Own {
  /** At which place of the chain all of this is. */
  place: ShortChannelId | undefined
  /** Whole, with all four signatures. */
  announcement: Uint8Array | undefined
  holder: HolderAnnouncementSignatures | undefined
  counterparty: AnnouncementSignatures | undefined
  /** Whether the holder's half was sent on this connection, and whether the counterparty's came. */
  sent: boolean
  /** Height at which the announcement was last offered to the graph. */
  offeredAt: number | undefined
  /** What this connection was told of the holder's policy. */
  told: string | undefined
  /** Height at which the other side was found to be away. */
  awaySince: number | undefined
  /** What the other side asks for passing on to this one. */
  counterpartyUpdate: ChannelUpdate | undefined
}

export class OwnGossip {
  private readonly ports: OwnGossipPorts
  private readonly known = new Map<string, Own>()
  private running: Promise<void> | undefined
  private again = false
  /** The signer can't be asked: not before the next block, or until it is back. */
  private signerAway = false
  private closed = false

  constructor(ports: OwnGossipPorts) {
    this.ports = ports
  }

  /** What the other side of a channel asks for passing on to this node; undefined until it said so. */
  counterpartyUpdate(keyId: string): ChannelUpdate | undefined {
    return this.known.get(keyId)?.counterpartyUpdate
  }

  /** The node is met anew: what it was told before, it may not have heard. */
  connected(node: NodeId): void {
    for (const { state } of this.ports.channels())
      if (state.peer === node) {
        const own = this.of(state)
        own.sent = false
        own.told = undefined
        if (own.announcement) own.counterparty = undefined
      }
    this.refresh()
  }

  /** The counterparty sent its half of the announcement. */
  signed({ state }: Channel, message: AnnouncementSignatures): void {
    this.of(state).counterparty = message
    this.refresh()
  }

  /** An update that a node sent: of a channel with it, it says what is asked for passing on to this node. */
  takeUpdate(node: NodeId, gossip: Gossip<ChannelUpdate>): void {
    const { message } = gossip
    const { chainHash } = this.ports
    for (const { state } of this.ports.channels()) {
      if (state.peer !== node || this.ports.placeOf(state) !== message.shortChannelId) continue
      const announcement = this.announcementOf(state, message.shortChannelId)
      // Its tip may be ahead.
      const context = { chainHash, height: message.blockHeight }
      const isValid =
        announcement.nodeIds[message.direction] === node &&
        checkChannelUpdate(gossip, announcement, context).ok
      if (isValid) this.of(state).counterpartyUpdate = message
    }
  }

  /** The signer can be asked again. */
  signerReturned(): void {
    this.signerAway = false
    this.refresh()
  }

  /** A block came. */
  blockConnected(): void {
    this.signerReturned()
  }

  /** Says what is due. To be called whenever something may be, and about once a second. */
  refresh(): void {
    if (this.closed) return
    this.again = true
    this.running ??= this.run()
  }

  /** Resolves when what is due is said. */
  async settled(): Promise<void> {
    while (this.running) await this.running
  }

  /** Says nothing more. */
  async close(): Promise<void> {
    this.closed = true
    await this.settled()
  }

  private async run(): Promise<void> {
    try {
      while (this.again && !this.closed) {
        this.again = false
        const kept = new Set<string>()
        for (const channel of [...this.ports.channels()]) {
          kept.add(channel.state.contract.keyId)
          await this.refreshChannel(channel)
        }
        for (const keyId of this.known.keys()) if (!kept.has(keyId)) this.known.delete(keyId)
        await this.refreshNode()
      }
    } catch (error) {
      this.closed = true
      this.ports.failed(error)
    } finally {
      this.running = undefined
    }
  }

  private of({ contract }: ChannelState): Own {
    const known = this.known.get(contract.keyId)
    if (known) return known
    const own: Own = {
      place: undefined,
      announcement: undefined,
      holder: undefined,
      counterparty: undefined,
      sent: false,
      offeredAt: undefined,
      told: undefined,
      awaySince: undefined,
      counterpartyUpdate: undefined,
    }
    this.known.set(contract.keyId, own)
    return own
  }

  private async refreshChannel(channel: Channel): Promise<void> {
    const { state } = channel
    const own = this.of(state)
    const place = this.ports.placeOf(state)
    const height = this.ports.height()
    own.awaySince = state.connection === 'connected' ? undefined : (own.awaySince ?? height)
    if (place !== own.place) {
      // The chain holds the funding elsewhere, or not at all.
      own.place = place
      own.announcement = undefined
      own.holder = undefined
      own.sent = false
      own.told = undefined
    }
    if (place === undefined) return
    await this.tellCounterparty(state, own, place)
    if (!state.announced) return
    // Of a channel whose other side is away nobody needs to hear.
    const isUsable = state.status === 'open' && isOperating(state) && state.connection === 'connected'
    if (isUsable && ripeAt(place) <= height) await this.announce(channel, own, place)
    await this.update(state, own, place)
  }

  /** Tells the other side of a channel what this node asks for passing on by it, which hints in invoices need while it is not announced. */
  private async tellCounterparty(state: ChannelState, own: Own, place: ShortChannelId): Promise<void> {
    if (!state.readySent || state.connection !== 'connected') return
    const update = this.updateOf(state, place, false)
    const text = policyText(update)
    if (own.told === text) return
    const bytes = await this.signedUpdate(update)
    if (!bytes || own.place !== place) return
    own.told = text
    this.ports.send(state.peer as NodeId, bytes)
  }

  private async announce(channel: Channel, own: Own, place: ShortChannelId): Promise<void> {
    const { graph, publish, height } = this.ports
    const { state } = channel
    const isKnown = graph.channel(place) !== undefined
    const isAsked = own.counterparty?.shortChannelId === place
    // Who has the whole of it still answers who lacks it (BOLT 7, `announcement_signatures`, Requirements).
    if (!own.sent && (isAsked || !(own.announcement || isKnown))) await this.sendHalf(channel, own, place)
    if (own.place !== place) return
    own.announcement ??= this.joined(state, own, place)
    // What the graph did not take, it may at the next block.
    if (!own.announcement || isKnown || own.offeredAt === height()) return
    own.offeredAt = height()
    const published = await publish(own.announcement)
    if (published.ok || published.kind !== 'invalid') return
    // The signatures of the other side are wrong: with the next connection it may send others.
    own.announcement = undefined
    own.counterparty = undefined
  }

  /** The whole of it; undefined while a half is missing. */
  private joined(
    state: ChannelState,
    { holder, counterparty }: Own,
    place: ShortChannelId,
  ): Uint8Array | undefined {
    if (!holder || counterparty?.shortChannelId !== place) return undefined
    const announcement = this.announcementOf(state, place)
    const [first, second] =
      announcement.nodeIds[0] === this.ports.self ? [holder, counterparty] : [counterparty, holder]
    return encodeGossip(announcement, [
      first.nodeSignature,
      second.nodeSignature,
      first.fundingSignature,
      second.fundingSignature,
    ])
  }

  private async sendHalf(channel: Channel, own: Own, place: ShortChannelId): Promise<void> {
    if (this.signerAway) return
    const { state } = channel
    const announcement = this.announcementOf(state, place)
    const signed = await this.ports.signer.signAnnouncement(state.contract, announcement)
    if (!signed.ok) {
      this.signerAway = true
      return
    }
    if (own.place !== place) return
    own.holder = signed.value
    const sent = await channel.announce({ shortChannelId: place, ...signed.value })
    own.sent = sent.ok && own.place === place
  }

  /** Says what this node asks for, once the channel is known to all: where that is new, old, or the other side has gone or come back. */
  private async update(state: ChannelState, own: Own, place: ShortChannelId): Promise<void> {
    const { graph, times, self, publish } = this.ports
    const height = this.ports.height()
    const known = graph.channel(place)
    if (!known?.announcement.message.nodeIds.includes(self)) return
    const last = known.updates[directionBetween(self, state.peer as NodeId)]?.message
    const { awaySince } = own
    const isAway = awaySince !== undefined && (last?.disabled || height - awaySince >= times.disableAfter)
    const update = this.updateOf(state, place, state.status !== 'open' || isAway === true)
    if (last) {
      const isOld = last.blockHeight + times.renewAfter <= height
      // Nothing is newer than what was said in this block.
      if (last.blockHeight >= height || (!isOld && policyText(last) === policyText(update))) return
    }
    if (!graph.wantsUpdate({ message: update }, height).ok) return
    const bytes = await this.signedUpdate(update)
    if (bytes && own.place === place) await publish(bytes)
  }

  private async refreshNode(): Promise<void> {
    const { graph, self, times, publish, about } = this.ports
    const height = this.ports.height()
    const last = graph.node(self)
    const message: NodeAnnouncement = {
      type: 'node_announcement_2',
      blockHeight: height,
      nodeId: self,
      ...about(),
    }
    const isNew =
      !last || last.blockHeight + times.renewAfter <= height || aboutText(last) !== aboutText(message)
    if (!isNew || !graph.wantsNode({ message }).ok) return
    const signature = await this.signNode(gossipHash(message))
    if (signature) await publish(encodeGossip(message, [signature]))
  }

  private announcementOf({ contract, peer }: ChannelState, place: ShortChannelId): ChannelAnnouncement {
    const { chainHash } = this.ports
    return {
      type: 'channel_announcement_2',
      chainHash,
      features: NO_FEATURES,
      shortChannelId: place,
      capacity: contract.fundingAmount,
      ...inNodeOrder(
        { id: this.ports.self, fundingKey: contract.holder.basepoints.funding },
        { id: peer as NodeId, fundingKey: contract.counterparty.basepoints.funding },
      ),
    }
  }

  private updateOf(state: ChannelState, place: ShortChannelId, disabled: boolean): ChannelUpdate {
    const { chainHash, self, forwarding } = this.ports
    const { feeBase, feeProportionalMillionths, cltvExpiryDelta } = forwarding(state.contract.keyId)
    const { htlcMinimum, maxHtlcValueInFlight } = state.counterpartyLimits
    const capacity: Msat = satsToMsat(state.contract.fundingAmount)
    return {
      type: 'channel_update_2',
      chainHash,
      shortChannelId: place,
      blockHeight: this.ports.height(),
      disabled,
      direction: directionBetween(self, state.peer as NodeId),
      cltvExpiryDelta,
      htlcMinimum,
      htlcMaximum: msat(Math.min(maxHtlcValueInFlight, capacity)),
      feeBase,
      feeProportionalMillionths,
    }
  }

  private async signedUpdate(update: ChannelUpdate): Promise<Uint8Array | undefined> {
    const signature = await this.signNode(gossipHash(update))
    return signature && encodeGossip(update, [signature])
  }

  private async signNode(hash: Uint8Array): Promise<Uint8Array | undefined> {
    if (this.signerAway) return undefined
    const signature = await this.ports.signer.signNode(hash)
    this.signerAway = !signature.ok
    return signature.ok ? signature.value.subarray(0, 64) : undefined
  }
}

/** What an update asks for: two of the same text are the same but for their height. */
function policyText(update: ChannelUpdate): string {
  const { disabled, cltvExpiryDelta, htlcMinimum, htlcMaximum, feeBase, feeProportionalMillionths } = update
  return [disabled, cltvExpiryDelta, htlcMinimum, htlcMaximum, feeBase, feeProportionalMillionths].join()
}

/** What a node says about itself, but for the height. */
function aboutText({ features, alias, peerId }: NodeAnnouncement): string {
  return [features, alias, peerId].join('\n')
}
