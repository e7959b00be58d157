/**
 * Channels as a part of the protocol: carries the messages of the BOLTs over the peers' streams, each as it is with its two bytes of type, bounds them,
 * and tells which node speaks behind which peer. What is malformed, unknown and even, or comes before `init` is the peer's offence. Thread: the brain.
 */
import { isGossip, type NodeId, nodeId } from '../channels/gossip.ts'
import { isGossipQuery } from '../channels/gossip-queries.ts'
import {
  checkInit,
  decodeInit,
  encodeInit,
  INIT,
  type Init,
  NODE_FEATURES,
  nodeProofHash,
} from '../channels/init.ts'
import {
  type ChannelMessage,
  decodeMessage,
  isChannelMessage,
  MAX_MESSAGE_BYTES,
} from '../channels/messages.ts'
import type { ChannelSigner } from '../channels/ports.ts'
import { isTowerMessage, towerMessageCost } from '../channels/tower-messages.ts'
import type { MessageKind, WireMessage } from '../network/frames.ts'
import type { PeerId } from '../network/transport.ts'
import { invalid, type Rejection } from '../primitives/result.ts'
import { type Limit, type MakePart, on, type PartPorts, type ProtocolPart } from '../protocol/part.ts'
import type { Peer } from '../protocol/peer.ts'
import { unrequested } from '../protocol/verdict.ts'

/** A message of the BOLTs, with its type. */
export interface BoltMessage extends WireMessage {
  readonly type: 'bolt'
  readonly bytes: Uint8Array
}

export const BOLT: MessageKind<BoltMessage> = {
  type: 'bolt',
  byte: 15,
  maxBytes: 1 + MAX_MESSAGE_BYTES,
  write: (writer, { bytes }) => {
    writer.put(bytes)
  },
  read: (reader) => ({ type: 'bolt', bytes: reader.take(reader.remaining) }),
  bytesOf: ({ bytes }) => bytes.length + 1,
}

const OPEN_CHANNEL = 32
/** Tokens that an opening costs: it has the signer make keys. */
const OPENING_COST = 300
/** Tokens that gossip costs: to read it takes ten times as long as a channel's message, known or not. */
const GOSSIP_COST = 10

/** A payment over one channel takes six messages at most; what is signed for together takes fewer. */
const LIMIT: Limit<BoltMessage> = {
  rate: [6000, 3000],
  what: 'messages of channels',
  cost: ({ bytes }) => costOf(typeOf(bytes) ?? 0),
}

function costOf(type: number): number {
  if (type === OPEN_CHANNEL) return OPENING_COST
  return isGossip(type) ? GOSSIP_COST : (towerMessageCost(type) ?? 1)
}

/** Sessions that either side may start on one connection: who needs more has the connection end. */
const MAX_SESSIONS = 4
/** What it takes to agree on them: each is told, and heard of, whoever starts it. */
const MAX_INITS = 4 * MAX_SESSIONS

/** Whoever has the channels. */
export interface ChannelLinksPorts {
  readonly signer: Pick<ChannelSigner, 'nodeKey' | 'signNode'>
  /** Hash of the genesis block, internal order. */
  readonly chainHash: Uint8Array
  /** This tab's own peer id. */
  readonly self: string
  connected(node: NodeId): void
  disconnected(node: NodeId): void
  /** A message of a channel, read, and as it came. */
  receive(node: NodeId, message: ChannelMessage, bytes: Uint8Array): void
  /** Gossip, a query for it, or an answer; not yet read. */
  gossip(node: NodeId, message: Uint8Array): void
  /** A message of a watchtower or to one. Nothing of it was checked. */
  tower(node: NodeId, message: Uint8Array): void
  /** About once a second. */
  tick(): void
}

/** What is known of a connection. */
interface Link {
  /** Heard. */
  inits: number
  node: NodeId | undefined
  /** The session that each side is in; 0 where the other has told none. */
  own: number
  theirs: number
  /** The last of `theirs` that we said we heard of; undefined where we said nothing. */
  said: number | undefined
  /** The last of `own` that the other side heard of. */
  heard: number
  /** Each side has heard of the other's session: from then on all that is said is of these two. */
  isUp: boolean
}

/** Who speaks here. */
type NodeProof = NonNullable<Init['node']>

export class ChannelLinks implements ProtocolPart {
  readonly messages = [on(BOLT, (peer, message) => this.take(peer, message), { limit: LIMIT })]
  private readonly ports: ChannelLinksPorts
  private readonly part: PartPorts
  private readonly links = new Map<Peer, Link>()
  /** The connection by which a node is heard: its last. */
  private readonly peers = new Map<NodeId, Peer>()
  /** Undefined until the signer has told. */
  private proof: NodeProof | undefined

  /** For `PeerManager.join`; `made` gets the part. */
  static maker(ports: ChannelLinksPorts, made: (links: ChannelLinks) => void): MakePart {
    return (part) => {
      const links = new ChannelLinks(ports, part)
      made(links)
      return links
    }
  }

  private constructor(ports: ChannelLinksPorts, part: PartPorts) {
    this.ports = ports
    this.part = part
  }

  /** Peer ids of the nodes that are connected. */
  peerOf(node: NodeId): PeerId | undefined {
    return this.peers.get(node)?.id
  }

  /** The node behind a connected peer. */
  nodeOf(peer: string): NodeId | undefined {
    for (const [node, { id }] of this.peers) if (id === peer) return node
    return undefined
  }

  get nodes(): NodeId[] {
    return [...this.peers.keys()]
  }

  /** The signer can be asked: who could not be greeted is. */
  signerReturned(): void {
    void this.introduce()
  }

  send(node: NodeId, bytes: Uint8Array): void {
    const peer = this.peers.get(node)
    if (peer) this.part.peers.send(peer, { type: 'bolt', bytes } as BoltMessage)
  }

  /** A tab that matters more than others, connected or not: it keeps its place, and is dialled before others. */
  favour(peer: PeerId): void {
    this.part.transport.valued(peer, 'anchor')
  }

  /** What a node sent tells against it. */
  punish(node: NodeId, rejection: Rejection): void {
    const peer = this.peers.get(node)
    if (peer) this.part.peers.punish(peer, rejection)
  }

  /**
   * Ends what is said of channels with a node, so that both sides start anew from what is durable. Blocks and payments of the chain go on over the same
   * connection, unless it takes too many starts.
   */
  disconnect(node: NodeId): void {
    const peer = this.peers.get(node)
    const link = peer && this.links.get(peer)
    if (!peer || !link) return
    if (link.own >= MAX_SESSIONS) {
      this.part.peers.drop(peer, 'A channel with it starts anew from what is stored.')
      return
    }
    link.own++
    this.bringDown(peer, link)
    this.greet(peer, link)
  }

  tick(): void {
    this.ports.tick()
  }

  add(peer: Peer): void {
    const link: Link = {
      inits: 0,
      node: undefined,
      own: 1,
      theirs: 0,
      said: undefined,
      heard: 0,
      isUp: false,
    }
    this.links.set(peer, link)
    if (this.proof) this.greet(peer, link)
    else void this.introduce()
  }

  forget(peer: Peer): void {
    const link = this.links.get(peer)
    this.links.delete(peer)
    if (link) this.bringDown(peer, link)
  }

  /** Says where we are, as soon as the signer has told who we are. */
  private greet(peer: Peer, link: Link): void {
    if (!this.proof) return
    const { own, theirs } = link
    link.said = theirs
    const bytes = encodeInit({
      features: NODE_FEATURES,
      networks: [this.ports.chainHash],
      node: this.proof,
      session: { own, heard: theirs },
    })
    this.part.peers.send(peer, { type: 'bolt', bytes } as BoltMessage)
    this.bringUp(peer, link)
  }

  /** Once each side has heard of the other's session: before that, neither hears of channels. */
  private bringUp(peer: Peer, link: Link): void {
    const { node, own, theirs, said, heard } = link
    if (link.isUp || node === undefined || said !== theirs || heard !== own) return
    link.isUp = true
    if (this.peers.has(node)) this.ports.disconnected(node)
    this.peers.set(node, peer)
    this.ports.connected(node)
  }

  private bringDown(peer: Peer, link: Link): void {
    const { node, isUp } = link
    link.isUp = false
    if (!isUp || node === undefined || this.peers.get(node) !== peer) return
    this.peers.delete(node)
    this.ports.disconnected(node)
  }

  /** Asks the signer who we are, and greets whom that was due. Nothing comes of it where it can't be asked. */
  private async introduce(): Promise<void> {
    const { signer, self } = this.ports
    const [key, signature] = await Promise.all([signer.nodeKey(), signer.signNode(nodeProofHash(self))])
    if (!key.ok || !signature.ok) return
    this.proof ??= { id: nodeId(key.value), signature: signature.value.subarray(0, 64) }
    for (const [peer, link] of this.links) if (link.said !== link.theirs) this.greet(peer, link)
  }

  private take(peer: Peer, { bytes }: BoltMessage): void {
    const link = this.links.get(peer)
    const type = typeOf(bytes)
    const { peers } = this.part
    if (!link) return
    if (type === undefined) peers.punish(peer, invalid('message-malformed', 'A message has no type.'))
    else if (type === INIT) this.takeInit(peer, link, bytes)
    else if (link.node === undefined)
      peers.punish(peer, unrequested('a message of a channel before its init'))
    // It was said before the other side heard that all starts anew.
    else if (!link.isUp) return
    else if (isChannelMessage(type)) {
      const decoded = decodeMessage(bytes)
      if (decoded.ok) this.ports.receive(link.node, decoded.value, bytes)
      else peers.punish(peer, decoded)
    } else if (isGossip(type) || isGossipQuery(type)) this.ports.gossip(link.node, bytes)
    else if (isTowerMessage(type)) this.ports.tower(link.node, bytes)
    // BOLT 1: it's ok to be odd.
    else if (type % 2 === 0)
      peers.punish(peer, invalid('message-unknown', `A message of type ${type} is unknown, and even.`))
  }

  private takeInit(peer: Peer, link: Link, bytes: Uint8Array): void {
    const { peers } = this.part
    if (++link.inits > MAX_INITS) {
      peers.punish(peer, unrequested('an init once more'))
      return
    }
    const init = decodeInit(bytes)
    const node = init.ok ? checkInit(init.value, peer.id, this.ports.chainHash) : init
    if (!node.ok) {
      peers.punish(peer, node)
      return
    }
    // Who counts no sessions is in its first, and takes us to be.
    const { own, heard } = init.ok && init.value.session ? init.value.session : { own: 1, heard: 1 }
    if (own < link.theirs || own > MAX_SESSIONS || heard > link.own) {
      peers.punish(peer, unrequested('an init of another session'))
      return
    }
    if (own > link.theirs) this.bringDown(peer, link)
    link.node ??= node.value
    link.theirs = own
    link.heard = heard
    if (link.said !== own || heard !== link.own) this.greet(peer, link)
    this.bringUp(peer, link)
  }
}

function typeOf(bytes: Uint8Array): number | undefined {
  return bytes.length < 2 ? undefined : (bytes[0] << 8) | bytes[1]
}
