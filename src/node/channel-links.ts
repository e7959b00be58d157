/**
 * Channels as a part of the protocol: carries the messages of the BOLTs over the peers' streams, each as it is with its two bytes of type, bounds them,
 * and tells which node speaks behind which peer. What is malformed, unknown and even, or comes before `init` is the peer's offence. Thread: the brain.
 */
import { isGossip, type NodeId, nodeId } from '../channels/gossip.ts'
import { isGossipQuery } from '../channels/gossip-queries.ts'
import { checkInit, decodeInit, encodeInit, INIT, NODE_FEATURES, nodeProofHash } from '../channels/init.ts'
import { decodeMessage, isChannelMessage, MAX_MESSAGE_BYTES } from '../channels/messages.ts'
import type { ChannelSigner } from '../channels/ports.ts'
import { isTowerMessage, towerMessageCost } from '../channels/tower-messages.ts'
import type { MessageKind, WireMessage } from '../network/frames.ts'
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
  return type === OPEN_CHANNEL ? OPENING_COST : isGossip(type) ? GOSSIP_COST : (towerMessageCost(type) ?? 1)
}

/** A connection says `init` when it begins, and once more where the other side's channels began later. */
const MAX_INITS = 2

/** Whoever has the channels. */
export interface ChannelLinksPorts {
  readonly signer: Pick<ChannelSigner, 'nodeKey' | 'signNode'>
  /** Hash of the genesis block, internal order. */
  readonly chainHash: Uint8Array
  /** This tab's own peer id. */
  readonly self: string
  connected(node: NodeId): void
  disconnected(node: NodeId): void
  /** A message of a channel, which can be decoded. */
  receive(node: NodeId, message: Uint8Array): void
  /** Gossip, a query for it, or an answer; not yet read. */
  gossip(node: NodeId, message: Uint8Array): void
  /** A message of a watchtower or to one. Nothing of it was checked. */
  tower(node: NodeId, message: Uint8Array): void
  /** About once a second. */
  tick(): void
}

/** What is known of a connection. */
interface Link {
  inits: number
  said: number
  node: NodeId | undefined
  /** Both sides know each other. */
  isUp: boolean
  /** What came of its channels while our own `init` was made. */
  readonly early: Uint8Array[]
}

/** Messages that wait for our own `init`: what a node says of 50 channels. */
const MAX_EARLY = 100

export class ChannelLinks implements ProtocolPart {
  readonly messages = [on(BOLT, (peer, message) => this.take(peer, message), { limit: LIMIT })]
  private readonly ports: ChannelLinksPorts
  private readonly part: PartPorts
  private readonly links = new Map<Peer, Link>()
  /** The connection by which a node is heard: its last. */
  private readonly peers = new Map<NodeId, Peer>()
  private init: Promise<Uint8Array | undefined> | undefined

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
  peerOf(node: NodeId): string | undefined {
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
    for (const [peer, link] of this.links) if (link.said === 0) void this.greet(peer, link)
  }

  send(node: NodeId, bytes: Uint8Array): void {
    const peer = this.peers.get(node)
    if (peer) this.part.peers.send(peer, { type: 'bolt', bytes } as BoltMessage)
  }

  /** What a node sent tells against it. */
  punish(node: NodeId, rejection: Rejection): void {
    const peer = this.peers.get(node)
    if (peer) this.part.peers.punish(peer, rejection)
  }

  /** Ends the connection, so that both sides start anew from what is durable. */
  disconnect(node: NodeId): void {
    const peer = this.peers.get(node)
    if (peer) this.part.peers.drop(peer, 'A channel with it starts anew from what is stored.')
  }

  tick(): void {
    this.ports.tick()
  }

  add(peer: Peer): void {
    const link: Link = { inits: 0, said: 0, node: undefined, isUp: false, early: [] }
    this.links.set(peer, link)
    void this.greet(peer, link)
  }

  forget(peer: Peer): void {
    const node = this.links.get(peer)?.node
    this.links.delete(peer)
    if (node === undefined || this.peers.get(node) !== peer) return
    this.peers.delete(node)
    this.ports.disconnected(node)
  }

  private async greet(peer: Peer, link: Link): Promise<void> {
    this.init ??= this.makeInit()
    const bytes = await this.init
    if (!bytes) this.init = undefined
    else if (this.links.get(peer) === link && link.said < MAX_INITS) {
      link.said++
      this.part.peers.send(peer, { type: 'bolt', bytes } as BoltMessage)
      this.bringUp(peer, link)
    }
  }

  /** Once each side has said who it is: before that, neither hears of channels. */
  private bringUp(peer: Peer, link: Link): void {
    const { node } = link
    if (link.isUp || node === undefined) return
    link.isUp = true
    if (this.peers.has(node)) this.ports.disconnected(node)
    this.peers.set(node, peer)
    this.ports.connected(node)
    for (const bytes of link.early.splice(0)) this.take(peer, { type: 'bolt', bytes })
  }

  /** Undefined where the signer can't be asked. */
  private async makeInit(): Promise<Uint8Array | undefined> {
    const { signer, chainHash, self } = this.ports
    const [key, signature] = await Promise.all([signer.nodeKey(), signer.signNode(nodeProofHash(self))])
    if (!key.ok || !signature.ok) return undefined
    return encodeInit({
      features: NODE_FEATURES,
      networks: [chainHash],
      node: { id: nodeId(key.value), signature: signature.value.subarray(0, 64) },
    })
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
    else if (!link.isUp) {
      if (link.early.push(bytes) > MAX_EARLY) peers.drop(peer, 'It says much before it is answered.')
    } else if (isChannelMessage(type)) {
      const decoded = decodeMessage(bytes)
      if (decoded.ok) this.ports.receive(link.node, bytes)
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
    if (link.node !== undefined) return
    link.node = node.value
    // Ours may have come before its channels did: it is said once more, in front of all else.
    void this.greet(peer, link)
  }
}

function typeOf(bytes: Uint8Array): number | undefined {
  return bytes.length < 2 ? undefined : (bytes[0] << 8) | bytes[1]
}
