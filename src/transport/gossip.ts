/**
 * Gossip: the topics of a network that a tab hears, and the verdict that each message waits for before it goes further.
 * Thread: Window.
 */

import { type GossipSub, type GossipsubOpts, StrictNoSign, TopicValidatorResult } from '@libp2p/gossipsub'
import { createTopicScoreParams } from '@libp2p/gossipsub/score'
import type { GossipVerdict, PeerId, Subscription, Topic } from '../network/transport.ts'
import { MAX_GOSSIP_BYTES } from '../network/transport.ts'
import { patience } from './timing.ts'

/** How long a message waits for its verdict, milliseconds; then it is dropped without blame. */
const VERDICT_TIMEOUT = 5000

/** Messages and bytes of one peer that may wait for a verdict at a time. What exceeds them is dropped. */
const MAX_WAITING_MESSAGES = 1024
const MAX_WAITING_BYTES = 16 * MAX_GOSSIP_BYTES

const RESULTS: Readonly<Record<GossipVerdict, TopicValidatorResult>> = {
  accept: TopicValidatorResult.Accept,
  ignore: TopicValidatorResult.Ignore,
  reject: TopicValidatorResult.Reject,
}

/** The topic's name on the wire. */
export function topicName(networkId: string, topic: Topic): string {
  return `/opentab/${networkId}/${topic}`
}

/**
 * How gossipsub is set up for a network, on which these topics are heard. Scores count in one direction only: invalid messages cost (one brings a
 * peer to the gossip threshold, three get it ignored altogether, and it is forgiven in some minutes), and first
 * deliveries earn a little.
 */
export function gossipOptions(
  networkId: string,
  subscriptions: readonly Subscription[],
): Partial<GossipsubOpts> {
  const names = subscriptions.map(({ topic }) => topicName(networkId, topic))
  const scoring = createTopicScoreParams({
    topicWeight: 1,
    // Gossipsub's default pays a point for every millisecond in the mesh: an hour's stay would outweigh any lie.
    timeInMeshWeight: 0,
    firstMessageDeliveriesWeight: 0.1,
    firstMessageDeliveriesDecay: 0.99,
    firstMessageDeliveriesCap: 20,
    // The default also wants 20 messages a second from everybody. A network of ours may be silent for minutes.
    meshMessageDeliveriesWeight: 0,
    meshFailurePenaltyWeight: 0,
    invalidMessageDeliveriesWeight: -10,
    invalidMessageDeliveriesDecay: 0.99,
  })
  return {
    // A signature would name the tab that made a payment. With this policy a message's id is the SHA-256 of its data.
    globalSignaturePolicy: StrictNoSign,
    allowedTopics: names,
    allowPublishToZeroTopicPeers: true,
    ignoreDuplicatePublishError: true,
    fallbackToFloodsub: false,
    // One frame may answer a request for several messages.
    maxInboundDataLength: 8 * MAX_GOSSIP_BYTES,
    maxOutboundBufferSize: 32 * MAX_GOSSIP_BYTES,
    maxTopicBytesPerPeer: 16 * 1024,
    decodeRpcLimits: {
      maxSubscriptions: 16,
      maxMessages: 512,
      maxControlMessages: 64,
      maxIhaveMessageIDs: 5000,
      maxIwantMessageIDs: 5000,
      maxIdontwantMessageIDs: 512,
      maxPeerInfos: 16,
    },
    // A promised message counts as delivered after its verdict, for which we allow 5 s where the default expects 3.
    gossipsubIWantFollowupMs: 2 * VERDICT_TIMEOUT,
    scoreParams: {
      // Tabs of one class, and all that are dialled through one relay, show one address: no sign of an attack here.
      IPColocationFactorWeight: 0,
      topics: Object.fromEntries(names.map((name) => [name, scoring])),
    },
  }
}

/** What is asked about each message that arrives. */
export type AskVerdict = (message: {
  topic: Topic
  payload: Uint8Array
  from: PeerId
}) => Promise<GossipVerdict>

/** The gossip of one network. */
export class Gossip {
  readonly #pubsub: GossipSub
  readonly #networkId: string
  readonly #subscriptions: readonly Subscription[]
  readonly #ask: AskVerdict
  readonly #stopped: AbortSignal
  readonly #waiting = new Map<PeerId, { messages: number; bytes: number }>()

  constructor(
    pubsub: GossipSub,
    networkId: string,
    subscriptions: readonly Subscription[],
    ask: AskVerdict,
    stopped: AbortSignal,
  ) {
    this.#pubsub = pubsub
    this.#networkId = networkId
    this.#subscriptions = subscriptions
    this.#ask = ask
    this.#stopped = stopped
  }

  /** Subscribes to all topics. The node must be started. */
  start(): void {
    for (const { topic } of this.#subscriptions) {
      const name = topicName(this.#networkId, topic)
      this.#pubsub.topicValidators.set(name, async (peer, message) =>
        this.#validate(topic, peer.toString() as PeerId, message.data),
      )
      this.#pubsub.subscribe(name)
    }
  }

  /** Calls `heard` when a peer has told us its subscriptions to the topics that all tabs hear. */
  onSubscribed(heard: (peer: PeerId) => void): void {
    this.#pubsub.addEventListener('subscription-change', ({ detail }) => {
      const peer = detail.peerId.toString() as PeerId
      if (this.isSubscribed(peer)) heard(peer)
    })
  }

  /** Whether a peer has told us its subscriptions to the topics that all tabs hear. */
  isSubscribed(peer: PeerId): boolean {
    return this.#subscriptions.every(
      ({ topic, isCommon }) =>
        !isCommon ||
        this.#pubsub.getSubscribers(topicName(this.#networkId, topic)).some((id) => id.toString() === peer),
    )
  }

  /** Sends a payload to every subscribed peer. Throws a RangeError for one that nobody would take. */
  publish(topic: Topic, payload: Uint8Array): void {
    if (payload.length > MAX_GOSSIP_BYTES) {
      throw new RangeError(`${payload.length} bytes are too many to gossip; the limit is ${MAX_GOSSIP_BYTES}`)
    }
    // It rejects only while stopping: having no peers and having said the same before are allowed above.
    this.#pubsub.publish(topicName(this.#networkId, topic), payload).catch(() => {})
  }

  async #validate(topic: Topic, from: PeerId, data: Uint8Array): Promise<TopicValidatorResult> {
    if (data.length > MAX_GOSSIP_BYTES) return TopicValidatorResult.Reject
    const waiting = this.#waiting.get(from) ?? { messages: 0, bytes: 0 }
    if (waiting.messages >= MAX_WAITING_MESSAGES || waiting.bytes + data.length > MAX_WAITING_BYTES) {
      return TopicValidatorResult.Ignore
    }
    waiting.messages++
    waiting.bytes += data.length
    this.#waiting.set(from, waiting)
    try {
      // A copy, since the handler owns its payload and gossipsub still has to forward the data.
      return RESULTS[await this.#verdict({ topic, payload: data.slice(), from })]
    } finally {
      waiting.messages--
      waiting.bytes -= data.length
      if (waiting.messages === 0) this.#waiting.delete(from)
    }
  }

  async #verdict(message: Parameters<AskVerdict>[0]): Promise<GossipVerdict> {
    const answered = new AbortController()
    const late = patience(VERDICT_TIMEOUT, AbortSignal.any([this.#stopped, answered.signal]))
    try {
      return await Promise.race([this.#ask(message), late.then(() => 'ignore' as const)])
    } finally {
      answered.abort()
    }
  }
}
