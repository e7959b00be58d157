/**
 * A small network for tests of the protocol: real nodes (chain, mempool, peer manager) and puppets, peers whose every
 * message the test writes, on the simulator's virtual network and time.
 */
import { Chain } from '../../src/chain/chain.ts'
import { Mempool } from '../../src/mempool/mempool.ts'
import type { GossipVerdict, PeerId, Topic, TransportHandler } from '../../src/network/transport.ts'
import type { Block } from '../../src/primitives/block.ts'
import type { Clock } from '../../src/primitives/ports.ts'
import type { Transaction } from '../../src/primitives/transaction.ts'
import type { MakePart } from '../../src/protocol/part.ts'
import { PeerManager } from '../../src/protocol/peer-manager.ts'
import type { BanRecord } from '../../src/protocol/peer-store.ts'
import {
  COMMON_TOPICS,
  decodeMessage,
  encodeMessage,
  type HelloMessage,
  type Message,
  type MessageType,
  PROTOCOL_VERSION,
} from '../../src/protocol/wire.ts'
import { InlineCheckPool } from '../../src/script/verify-input.ts'
import { TabNetwork, type VirtualTransport } from '../../src/simulation/tab-network.ts'
import { SeededRandom } from '../../src/simulator/seeded-random.ts'
import { VirtualTime } from '../../src/simulator/virtual-time.ts'
import { MemoryChainStore } from '../../src/storage/memory-chain-store.ts'
import { MemoryPeerStore } from '../../src/storage/memory-peer-store.ts'
import type { TestBlock, TestChain } from './chain-builder.ts'
import { FAIL_TEST } from './faults.ts'

/** A store whose bans a test can look at. */
export class WatchedPeerStore extends MemoryPeerStore {
  saved: readonly BanRecord[] = []

  override saveBans(bans: readonly BanRecord[]): Promise<void> {
    this.saved = bans
    return super.saveBans(bans)
  }
}

/** Runs tests each on a network of its own over `blocks`, which is closed behind them. */
export function networksOf(blocks: TestChain) {
  return async (
    run: (network: TestNetwork) => Promise<void>,
    options?: ConstructorParameters<typeof TestNetwork>[1],
  ): Promise<void> => {
    const network = new TestNetwork(blocks, options)
    try {
      await run(network)
    } finally {
      await network.close()
    }
  }
}

export class TestNetwork {
  readonly blocks: TestChain
  readonly time: VirtualTime
  readonly network: TabNetwork
  private readonly random = new SeededRandom('protocol')
  private readonly running: (() => Promise<void>)[] = []

  /** Starts long after the genesis of `blocks`, so that a thousand blocks fit. `gossipLoss`: share of gossip that gets lost. */
  constructor(blocks: TestChain, { gossipLoss = 0, degree = 8 } = {}) {
    this.blocks = blocks
    const start = (blocks.params.genesisTime + 1_000_000) * 1000
    this.time = new VirtualTime(start, () => new Promise((resolve) => setImmediate(resolve)))
    this.network = new TabNetwork(this.time, this.random.fork('network'), {
      latency: [20, 20],
      loss: gossipLoss,
      degree,
    })
  }

  /** A node whose chain ends at `tip`. It joins by `join`. */
  async node(
    name: string,
    tip: TestBlock,
    peerStore = new WatchedPeerStore(),
    clock: Clock = this.time,
    parts: readonly MakePart[] = [],
  ): Promise<TestNode> {
    const { params } = this.blocks
    const checks = new InlineCheckPool()
    const chain = await Chain.open({
      params,
      clock,
      checks,
      faults: FAIL_TEST,
      store: new MemoryChainStore(),
    })
    const mempool = new Mempool({ chain, checks, clock })
    const transport = this.network.endpoint(name as PeerId)
    const random = this.random.fork(name)
    const manager = new PeerManager({ chain, mempool, transport, clock, random, store: peerStore, parts })
    const node = new TestNode(name as PeerId, chain, mempool, manager, transport, peerStore)
    for (const { block } of this.blocks.branch(tip)) await chain.acceptBlock(block)
    await chain.settled()
    this.running.push(async () => {
      await manager.stop()
      mempool.close()
      await chain.close()
    })
    return node
  }

  puppet(name: string, hello?: Partial<HelloMessage>): Puppet {
    const { genesis } = this.blocks
    return new Puppet(this.network.endpoint(name as PeerId), {
      type: 'hello',
      version: PROTOCOL_VERSION,
      networkId: genesis.block.header.hashBytes,
      services: 1n,
      height: 0,
      tipHash: genesis.block.header.hashBytes,
      chainWork: 0n,
      userAgent: '/puppet/',
      ...hello,
    })
  }

  /** Runs the network until `done`; throws after `seconds` of virtual time. */
  async until(done: () => boolean, what: string, seconds = 120): Promise<void> {
    if (!(await this.time.run(seconds * 1000, done)))
      throw new Error(`in ${seconds} s did not happen: ${what}`)
  }

  /** Runs the network for a while, for what must not happen. */
  async pass(seconds: number): Promise<void> {
    await this.time.run(seconds * 1000)
  }

  async close(): Promise<void> {
    for (const end of this.running) await end()
  }
}

export class TestNode {
  readonly id: PeerId
  readonly chain: Chain
  readonly mempool: Mempool
  readonly manager: PeerManager
  readonly transport: VirtualTransport
  readonly peerStore: WatchedPeerStore
  /** Messages sent to peers, by type. */
  readonly sent = new Map<string, number>()
  readonly log: string[] = []
  /** Peers lost and the reasons given, in order. */
  readonly lost: { id: PeerId; reason: string }[] = []

  constructor(
    id: PeerId,
    chain: Chain,
    mempool: Mempool,
    manager: PeerManager,
    transport: VirtualTransport,
    peerStore: WatchedPeerStore,
  ) {
    this.id = id
    this.chain = chain
    this.mempool = mempool
    this.manager = manager
    this.transport = transport
    this.peerStore = peerStore
    const send = transport.send.bind(transport)
    transport.send = (to, frame) => {
      const message = decodeMessage(frame)
      const type = (message.ok && message.value?.type) || 'undecodable'
      this.sent.set(type, this.sentCount(type) + 1)
      send(to, frame)
    }
    manager.subscribe({
      log: (line) => this.log.push(line),
      peerDisconnected: (id, reason) => this.lost.push({ id, reason }),
    })
  }

  sentCount(type: MessageType | 'undecodable'): number {
    return this.sent.get(type) ?? 0
  }

  join(): Promise<void> {
    return this.manager.start()
  }

  get height(): number {
    return this.chain.headers.height(this.chain.tip)
  }

  get tipHash(): string {
    return this.chain.headers.hash(this.chain.tip)
  }

  scoreOf(id: PeerId): number | undefined {
    return this.manager.peers().find((peer) => peer.id === id)?.score
  }

  isBanned(id: PeerId): boolean {
    return this.peerStore.saved.some((ban) => ban.id === id)
  }

  /** As a miner does: into the own chain, then to everyone. */
  async mine(block: Block): Promise<void> {
    const accepted = await this.chain.acceptBlock(block)
    if (!accepted.ok) throw new Error(accepted.detail)
    await this.chain.settled()
    this.manager.broadcastBlock(block)
  }

  /** As a wallet does. */
  async pay(transaction: Transaction): Promise<void> {
    const accepted = await this.mempool.accept(transaction)
    if (!accepted.ok) throw new Error(accepted.detail)
    this.manager.broadcastTransaction(transaction)
  }
}

/** A peer that only does what the test says. */
export class Puppet implements TransportHandler {
  readonly id: PeerId
  readonly subscriptions = COMMON_TOPICS
  readonly received: Message[] = []
  readonly gossiped: { topic: Topic; payload: Uint8Array }[] = []
  /** Called on every message; to answer, use `send`. */
  onMessage: (message: Message, from: PeerId) => void = () => {}
  /** What it answers who asks for the time, milliseconds since 1970; no answer by default. */
  clock: (() => number) | undefined
  connections = 0
  private readonly transport: VirtualTransport
  readonly greeting: HelloMessage

  constructor(transport: VirtualTransport, greeting: HelloMessage) {
    this.id = transport.self
    this.transport = transport
    this.greeting = greeting
  }

  join(): Promise<void> {
    return this.transport.start(this)
  }

  leave(): Promise<void> {
    return this.transport.stop()
  }

  send(to: PeerId, message: Message): void {
    this.transport.send(to, encodeMessage(message))
  }

  sendBytes(to: PeerId, frame: Uint8Array): void {
    this.transport.send(to, frame)
  }

  publish(topic: Topic, payload: Uint8Array): void {
    this.transport.publish(topic, payload)
  }

  got(type: MessageType): number {
    return this.received.filter((message) => message.type === type).length
  }

  /** Answers questions for headers and bodies from these blocks, lowest first, as an honest peer would. */
  serve(blocks: readonly Block[], { bodies = true } = {}): void {
    this.onMessage = (message, from) => {
      if (message.type === 'getheaders') {
        const known = message.locator.map((hash) => blocks.findIndex((block) => same(block, hash)))
        const start = Math.max(-1, ...known) + 1
        const headers = blocks.slice(start, start + 2000).map((block) => block.header)
        this.send(from, { type: 'headers', id: message.id, headers })
      } else if (message.type === 'getdata' && bodies)
        for (const hash of message.hashes) {
          const block = blocks.find((each) => same(each, hash))
          if (block) this.send(from, { type: 'block', id: message.id, block })
          else this.send(from, { type: 'notfound', id: message.id, hashes: [hash] })
        }
    }
  }

  peerConnected({ id }: { id: PeerId }): void {
    this.connections++
    this.send(id, this.greeting)
  }

  peerDisconnected(): void {
    this.connections--
  }

  async frame(from: PeerId, frame: Uint8Array): Promise<void> {
    const message = decodeMessage(frame)
    if (!message.ok || !message.value) throw new Error('a node sent what does not decode')
    this.received.push(message.value)
    if (message.value.type === 'gettime' && this.clock)
      this.send(from, { type: 'time', id: message.value.id, time: this.clock() })
    this.onMessage(message.value, from)
  }

  async gossip(message: { topic: Topic; payload: Uint8Array }): Promise<GossipVerdict> {
    this.gossiped.push(message)
    return 'ignore'
  }

  latency(): void {}

  misbehaved(): void {}
  status(): void {}
}

function same(block: Block, hash: Uint8Array): boolean {
  return block.header.hashBytes.every((byte, i) => byte === hash[i])
}
