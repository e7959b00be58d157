/**
 * A hostile peer on the virtual network: speaks the protocol well enough to stay connected, and otherwise does what its attacks say.
 * It sees all that an honest node knows.
 */

import type { GossipVerdict, PeerId, PeerInfo, Topic, TransportHandler } from '../network/transport.ts'
import type { NodeCore } from '../node/node-core.ts'
import type { Block } from '../primitives/block.ts'
import {
  COMMON_TOPICS,
  decodeMessage,
  encodeMessage,
  type HelloMessage,
  type Message,
  PROTOCOL_VERSION,
  SERVICE_FULL_CHAIN,
} from '../protocol/wire.ts'
import type { SeededRandom } from '../simulator/seeded-random.ts'
import type { TabNetwork, VirtualTransport } from './tab-network.ts'

/** One way to be hostile. */
export interface Attack {
  /** What it says of itself in place of the truth. */
  hello?(me: Adversary, node: NodeCore): Partial<HelloMessage>
  /** Called now and then for every connected peer. `node` is what the honest know. */
  strike?(me: Adversary, peer: PeerId, node: NodeCore): void
  /** Hears a peer's message first; true where the honest answer is not to be given. */
  answer?(me: Adversary, peer: PeerId, message: Message, node: NodeCore): boolean
  /** Hears what is gossiped. */
  hear?(me: Adversary, topic: Topic, payload: Uint8Array): void
}

export interface AdversaryOptions {
  readonly id: PeerId
  readonly network: TabNetwork
  readonly random: SeededRandom
  readonly attacks: readonly Attack[]
  /** An honest node; undefined while none runs. */
  readonly view: () => NodeCore | undefined
  /** Mean virtual milliseconds between two strikes. */
  readonly pace?: number
}

export class Adversary implements TransportHandler {
  readonly id: PeerId
  readonly subscriptions = COMMON_TOPICS
  readonly random: SeededRandom
  readonly network: TabNetwork
  /** Made by its attacks, to be served. */
  readonly blocks: Block[] = []
  private readonly transport: VirtualTransport
  private readonly attacks: readonly Attack[]
  private readonly view: () => NodeCore | undefined
  private readonly pace: number
  private readonly peers = new Set<PeerId>()
  private active = false

  constructor({ id, network, random, attacks, view, pace = 20_000 }: AdversaryOptions) {
    this.id = id
    this.network = network
    this.random = random
    this.attacks = attacks
    this.view = view
    this.pace = pace
    this.transport = network.endpoint(id, { hostile: true })
  }

  async start(): Promise<void> {
    this.active = true
    await this.transport.start(this)
    this.strikeLater()
  }

  async stop(): Promise<void> {
    this.active = false
    await this.transport.stop()
  }

  /** Virtual milliseconds since 1970. */
  now(): number {
    return this.network.time.now()
  }

  after(milliseconds: number, run: () => void): void {
    this.network.time.after(milliseconds, () => {
      if (this.active) run()
    })
  }

  send(peer: PeerId, message: Message): void {
    this.sendBytes(peer, encodeMessage(message))
  }

  sendBytes(peer: PeerId, frame: Uint8Array): void {
    this.transport.send(peer, frame)
  }

  publish(topic: Topic, payload: Uint8Array): void {
    this.transport.publish(topic, payload)
  }

  peerConnected({ id }: PeerInfo): void {
    this.peers.add(id)
    const node = this.view()
    if (node === undefined) return
    const { chain } = node
    const { headers, tip } = chain
    const honest: HelloMessage = {
      type: 'hello',
      version: PROTOCOL_VERSION,
      networkId: chain.genesis.header.hashBytes,
      services: SERVICE_FULL_CHAIN,
      height: headers.height(tip),
      tipHash: headers.hashBytes(tip),
      chainWork: headers.chainWork(tip),
      userAgent: '/hostile/',
    }
    this.send(id, Object.assign(honest, ...this.attacks.map((attack) => attack.hello?.(this, node))))
  }

  peerDisconnected(id: PeerId): void {
    this.peers.delete(id)
  }

  async frame(from: PeerId, frame: Uint8Array): Promise<void> {
    const decoded = decodeMessage(frame)
    const node = this.view()
    if (!decoded.ok || decoded.value === undefined || node === undefined) return
    const message = decoded.value
    if (!this.attacks.some((attack) => attack.answer?.(this, from, message, node))) this.answer(from, message)
  }

  async gossip({ topic, payload }: { topic: Topic; payload: Uint8Array }): Promise<GossipVerdict> {
    for (const attack of this.attacks) attack.hear?.(this, topic, payload)
    return 'ignore'
  }

  latency(): void {}

  misbehaved(): void {}

  status(): void {}

  /** Has nothing for anyone, and says so. */
  private answer(peer: PeerId, message: Message): void {
    if (message.type === 'getheaders') this.send(peer, { type: 'headers', id: message.id, headers: [] })
    if (message.type === 'getdata') this.send(peer, { ...message, type: 'notfound' })
    if (message.type === 'getblocktxn')
      this.send(peer, { type: 'notfound', id: message.id, hashes: [message.blockHash] })
    if (message.type === 'gettx') this.send(peer, { type: 'tx', id: message.id, transactions: [] })
    if (message.type === 'mempool') this.send(peer, { type: 'inv', wtxids: [] })
    if (message.type === 'gettime')
      this.send(peer, { type: 'time', id: message.id, time: Math.floor(this.now()) })
  }

  private strikeLater(): void {
    this.after(this.random.exponential(this.pace), () => {
      const node = this.view()
      if (node)
        for (const peer of [...this.peers])
          for (const attack of this.attacks) attack.strike?.(this, peer, node)
      this.strikeLater()
    })
  }
}
