/**
 * A part of the protocol: it declares its messages and topics, what may be sent of them and what becomes of it; `Parts` does the rest. Nothing
 * else has to know a new one. Sans I/O, runs where NodeCore runs.
 */

import type { Chain } from '../chain/chain.ts'
import type { Mempool } from '../mempool/mempool.ts'
import type { MessageKind, WireMessage } from '../network/frames.ts'
import type { GossipVerdict, Subscription, Transport } from '../network/transport.ts'
import type { Random } from '../primitives/ports.ts'
import type { Peer } from './peer.ts'
import type { PeerSet } from './peer-set.ts'
import type { SteadyClock } from './steady-clock.ts'

/** Tokens that a peer may use at once, and that come back a second. */
export type Rate = readonly [atOnce: number, perSecond: number]

/** What a peer may send of a message beside its share of messages. Beyond it nothing is handled, and the peer told off. */
export interface Limit<M extends WireMessage = WireMessage> {
  readonly rate: Rate
  /** Completes the sentence "Sent … faster than it may." */
  readonly what: string
  /** Tokens that a message costs; 1 when left out. */
  cost?(message: M): number
}

export interface MessageTerms<M extends WireMessage = WireMessage> {
  /** Whether nobody asked for it: it takes one of the peer's share of messages. */
  unasked?(message: M): boolean
  readonly limit?: Limit<M>
  /**
   * For answers of up to megabytes, whose decoded form can take fifty times as much memory: whether the peer owes one to the request
   * of this id, with which the payload begins. What isn't owed is not decoded.
   */
  isOwed?(peer: Peer, requestId: number): boolean
  /** It may come before the peer said hello. */
  readonly beforeHello?: boolean
}

export interface MessageHandler<M extends WireMessage = WireMessage> extends MessageTerms<M> {
  readonly kind: MessageKind<M>
  handle(peer: Peer, message: M): void | Promise<void>
}

/** What a part does with messages of a kind. */
export function on<M extends WireMessage>(
  kind: MessageKind<M>,
  handle: (peer: Peer, message: M) => void | Promise<void>,
  terms: MessageTerms<M> = {},
): MessageHandler {
  return { ...terms, kind, handle }
}

/** What a part does with the gossip of a topic. */
export interface TopicHandler extends Subscription {
  /** Messages that one peer may pass on. Beyond it they are ignored. */
  readonly rate: Rate
  handle(payload: Uint8Array, peer: Peer): Promise<GossipVerdict>
}

export interface ProtocolPart {
  readonly messages?: readonly MessageHandler[]
  readonly topics?: readonly TopicHandler[]
  /** Bits of the services that this tab offers by it, told in its hello. */
  readonly services?: bigint
  /** A peer said hello. */
  add?(peer: Peer): void
  /** A peer is gone, whether it said hello or not. */
  forget?(peer: Peer): void
  /** About once a second: timeouts, retries, polls. */
  tick?(): void
  /** The tab was away and is back. */
  woke?(): void
}

/** What a part is given to work with. It may send any message, and publish on any topic, that it declares. */
export interface PartPorts {
  readonly chain: Chain
  readonly mempool: Mempool
  readonly peers: PeerSet
  readonly transport: Pick<Transport, 'publish' | 'valued'>
  /** Steady: whatever lasts or is due goes by it. */
  readonly clock: SteadyClock
  readonly random: Random
  /** A sentence for people. */
  readonly log: (line: string) => void
}

export type MakePart = (ports: PartPorts) => ProtocolPart

/** For messages that are unasked whatever they say. */
export const always = (): boolean => true
