/**
 * The brain's side of the network: greets peers, puts the parts of the protocol together, and tells others what
 * goes on. Sans I/O: bytes through the Transport port, time by Clock. Runs where NodeCore runs.
 */
import type { Chain, TipChange } from '../chain/chain.ts'
import { type HeaderIndex, NO_HEADER } from '../chain/header-tree.ts'
import { StorageError } from '../chain/store.ts'
import type { Mempool } from '../mempool/mempool.ts'
import type {
  GossipVerdict,
  NetworkAlarm,
  NetworkStatus,
  PeerId,
  PeerInfo,
  RelayInfo,
  Subscription,
  Topic,
  Transport,
  TransportHandler,
  TransportOffence,
} from '../network/transport.ts'
import type { Block } from '../primitives/block.ts'
import { putBounded } from '../primitives/bounded.ts'
import { equalBytes } from '../primitives/bytes.ts'
import type { Clock, Random } from '../primitives/ports.ts'
import type { Transaction } from '../primitives/transaction.ts'
import { BlockDownload } from './block-download.ts'
import { BlockRelay } from './block-relay.ts'
import { BlockServer } from './block-server.ts'
import { CatchUp } from './catch-up.ts'
import { ClockComparison, type ClockState } from './clock-comparison.ts'
import { Followers } from './followers.ts'
import { HeaderSync } from './header-sync.ts'
import { KnownPeers } from './known-peers.ts'
import { type MakePart, on, type PartPorts } from './part.ts'
import { Parts } from './parts.ts'
import type { Peer, PeerSnapshot } from './peer.ts'
import { PeerSet } from './peer-set.ts'
import type { BanRecord, KnownPeer, PeerStore } from './peer-store.ts'
import { SteadyClock } from './steady-clock.ts'
import { TransactionRelay } from './transaction-relay.ts'
import { unrequested } from './verdict.ts'
import { HELLO, type HelloMessage, PROTOCOL_VERSION } from './wire.ts'

/** What this tab calls itself. */
export const USER_AGENT = '/opentab:0.3.0/'
/** Said where too few peers are there to compare clocks with. */
const BEHIND_BLOCKS =
  'The newest blocks bear times that this tab’s clock has not reached, so that it can’t take them yet. Set date, time and time zone of this computer right.'
/** Milliseconds between two looks at timeouts. */
const TICK = 1000
/** How much later than it should a look must come for this tab to have been away, milliseconds: a busy one is a second or two late. */
const AWAY = 8000
/** Milliseconds within which signs of one waking come. */
const WAKING = 60_000
/** Milliseconds a peer may take to say hello. */
const HELLO_TIMEOUT = 20_000
/** Seconds for which a peer of another network or version is left alone. */
const STRANGER_SECONDS = 300
/** New blocks for which it is remembered who brought them until they join the chain. */
const MAX_NEWS = 32

export interface SyncState {
  /** Height of the header that this tab waits for: the best that its peers have and serve. */
  readonly headers: number
  /** Height of the tip. */
  readonly blocks: number
  /** No peer is known to have more that is worth waiting for. */
  readonly synced: boolean
}

export interface PeerManagerListener {
  /** The handshake is done. */
  peerConnected?(peer: PeerSnapshot): void
  /** `reason` is a sentence for people. */
  peerDisconnected?(id: PeerId, reason: string): void
  peerChanged?(peer: PeerSnapshot): void
  networkChanged?(status: NetworkStatus): void
  /** At most once a second, and whenever `synced` changes. */
  syncChanged?(state: SyncState): void
  /** What is concluded of this tab's clock changed. */
  clockChanged?(state: ClockState): void
  log?(line: string): void
}

export interface PeerManagerOptions {
  readonly chain: Chain
  readonly mempool: Mempool
  readonly transport: Transport
  readonly store: PeerStore
  readonly clock: Clock
  readonly random: Random
  /** Makes further parts of the protocol, in this order after those that keep the chain. */
  readonly parts?: readonly MakePart[]
}

export class PeerManager implements TransportHandler {
  private readonly options: PeerManagerOptions
  /** For whatever lasts or is due: the parts have no other time. */
  private readonly clock: SteadyClock
  private readonly connected: PeerSet
  private readonly parts: Parts
  private readonly catchUp: CatchUp
  private readonly clocks: ClockComparison
  private readonly followers: Followers
  private readonly known: KnownPeers
  private readonly headerSync: HeaderSync
  private readonly download: BlockDownload
  private readonly blocks: BlockRelay
  private readonly transactions: TransactionRelay
  private readonly listeners = new Set<PeerManagerListener>()
  /** New blocks that aren't in our chain yet, and who brought the body of each; undefined while nobody has. */
  private readonly news = new Map<HeaderIndex, PeerId | undefined>()
  private unsubscribe: (() => void)[] = []
  private cancelTick: (() => void) | undefined
  private tickedAt = 0
  /** As the transport last told. */
  private network: NetworkStatus = { relays: [], directPeers: 0, relayedOnlyPeers: 0 }
  /** Whether each relay was last reached or lost, as the log tells. */
  private readonly relaysReached = new Map<string, boolean>()
  private wokeAt = Number.NEGATIVE_INFINITY
  private lastSync: SyncState | undefined
  /** What this part itself has to warn of. */
  private ownAlarms: readonly NetworkAlarm[] = []

  constructor(options: PeerManagerOptions) {
    this.options = options
    const { chain, transport, store } = options
    const clock = new SteadyClock(options.clock)
    this.clock = clock
    const log = (line: string): void => this.tell((listener) => listener.log?.(line))
    const peers = new PeerSet({
      transport,
      store,
      clock,
      log,
      gone: (peer, reason) => this.gone(peer, reason),
    })
    this.connected = peers
    const catchUp = new CatchUp({ chain, peers, clock, asking: () => this.headerSync.active })
    this.catchUp = catchUp
    this.clocks = new ClockComparison({
      peers,
      clock,
      changed: (state) => {
        this.tell((listener) => listener.clockChanged?.(state))
        this.warn()
      },
    })
    this.followers = new Followers({ chain, peers, clock, ask: (peer) => this.headerSync.ask(peer) })
    this.known = new KnownPeers({ store, transport, clock: options.clock, log })
    const delivered = (index: HeaderIndex, peer: Peer): void => this.delivered(index, peer)
    this.download = new BlockDownload({ chain, peers, clock, catchUp, delivered })
    this.headerSync = new HeaderSync({
      chain,
      peers,
      clock,
      catchUp,
      learnt: (peer) => {
        this.download.schedule()
        this.changed(peer)
      },
      announced: (index) => {
        this.noteNews(index)
        this.download.announced(index)
      },
      crowded: (keep) => this.forgetHeaders(keep),
    })
    const { headerSync, download, followers } = this
    const server = new BlockServer({
      chain,
      peers,
      clock,
      showed: (peer, hashes) => followers.showed(peer, hashes),
    })
    this.blocks = new BlockRelay({ ...options, clock, peers, headerSync, download, delivered })
    this.transactions = new TransactionRelay({ ...options, clock, peers })
    this.parts = new Parts({ peers, clock })
    const greeting = on(HELLO, (peer, hello) => this.greeted(peer, hello), { beforeHello: true })
    const ports: PartPorts = { ...options, clock, peers, log }
    for (const part of [
      { messages: [greeting] },
      download,
      server,
      this.blocks,
      this.transactions,
      headerSync,
      this.clocks,
      followers,
      ...(options.parts ?? []).map((make) => make(ports)),
    ])
      this.parts.register(part)
  }

  /** The topics that the parts gossip on. */
  get subscriptions(): readonly Subscription[] {
    return this.parts.subscriptions
  }

  /** Reads who is banned and who was good, and joins the network. */
  async start(): Promise<void> {
    const { chain, mempool, transport } = this.options
    await this.connected.loadBans()
    this.unsubscribe = [
      chain.subscribe({
        tipChanged: (change) => this.tipChanged(change),
        headersChanged: () => this.tellSync(false),
        blockInvalid: (hash, rejection) => this.download.blockInvalid(chain.headers.find(hash), rejection),
        failed: () => this.download.stop(),
      }),
      mempool.subscribe({ added: (entry) => this.transactions.added(entry.transaction) }),
    ]
    this.tickedAt = this.clock.now()
    this.scheduleTick()
    await transport.start(this, await this.known.load())
  }

  /** Leaves the network. */
  async stop(): Promise<void> {
    this.cancelTick?.()
    for (const end of this.unsubscribe) end()
    this.connected.leaveAll('This tab left the network.')
    await this.options.transport.stop()
  }

  /** The peers that finished the handshake, in order of connection. */
  peers(): PeerSnapshot[] {
    return this.connected.ready().map((peer) => this.snapshot(peer))
  }

  /** Bytes of frames from and to all peers since the tab was opened. */
  totals(): { readonly received: number; readonly sent: number } {
    return this.connected.totals()
  }

  /** The peers that are remembered over reloads, connected or not. */
  remembered(): readonly KnownPeer[] {
    return this.known.all()
  }

  /** Bits of the services that the parts offer. */
  get services(): bigint {
    return this.parts.services
  }

  /** The time by which bans are counted, milliseconds since 1970. */
  now(): number {
    return this.options.clock.now()
  }

  /** The bans that hold, the longest first. */
  bans(): BanRecord[] {
    return this.connected.banned()
  }

  /**
   * Keeps a peer out for so many seconds, connected or not, as a person wants it; false where so many are kept out that it would not be
   * remembered. Resolves when that is stored. `reason` is a sentence for people.
   */
  ban(id: PeerId, reason: string, seconds: number): Promise<boolean> {
    return this.connected.banManually(id, reason, seconds)
  }

  /** Ends a ban; false where there is none. Resolves when that is stored. */
  allow(id: PeerId): Promise<boolean> {
    return this.connected.allow(id)
  }

  /** Ends the connection to a peer, which may come back; false where there is none. */
  disconnect(id: PeerId): boolean {
    const peer = this.connected.get(id)
    if (peer) this.connected.drop(peer, 'This tab was told to.')
    return peer !== undefined
  }

  /** Relays and connections, as the transport last told, and all that people should be warned of. */
  networkStatus(): NetworkStatus {
    const alarms = [...(this.network.alarms ?? []), ...this.ownAlarms]
    return alarms.length > 0 ? { ...this.network, alarms } : this.network
  }

  syncState(): SyncState {
    const { headers, tip } = this.options.chain
    const { target, isSynced } = this.catchUp
    return { headers: headers.height(target), blocks: headers.height(tip), synced: isSynced }
  }

  /** Whether so many blocks are on their way here that one on the tip would be in vain. */
  get isFarBehind(): boolean {
    return this.catchUp.isFarBehind
  }

  /** How this tab's clock stands to those of its peers. */
  clockState(): ClockState {
    return this.clocks.state
  }

  /** Gossips a block that this tab made and its chain accepted. */
  broadcastBlock(block: Block): void {
    this.blocks.broadcast(block)
  }

  /** Gossips a transaction that this tab's mempool accepted, and repeats it at growing intervals while it waits there. */
  broadcastTransaction(transaction: Transaction): void {
    this.transactions.broadcast(transaction)
  }

  /** Listeners are called in order of subscription. Returns the function that unsubscribes. */
  subscribe(listener: PeerManagerListener): () => void {
    this.listeners.add(listener)
    return () => this.listeners.delete(listener)
  }

  peerConnected(info: PeerInfo): void {
    const peer = this.connected.connect(info)
    if (peer) this.connected.send(peer, this.hello())
  }

  peerDisconnected(id: PeerId): void {
    this.connected.leave(id, 'The connection ended.')
  }

  async frame(from: PeerId, frame: Uint8Array): Promise<void> {
    const peer = this.connected.get(from)
    if (!peer) return
    peer.received(frame.length)
    await this.unlessStorageFails(this.parts.frame(peer, frame), undefined)
  }

  async gossip(message: { topic: Topic; payload: Uint8Array; from: PeerId }): Promise<GossipVerdict> {
    const { topic, payload, from } = message
    return this.unlessStorageFails(this.parts.gossip(topic, payload, from), 'ignore')
  }

  latency(id: PeerId, milliseconds: number): void {
    const peer = this.connected.get(id)
    if (!peer) return
    peer.latency = milliseconds
    this.changed(peer)
  }

  misbehaved(from: PeerId, offence: TransportOffence): void {
    this.connected.offended(from, offence)
  }

  status(status: NetworkStatus): void {
    this.network = status
    for (const { address, state } of status.relays) this.tellRelay(address, state)
    this.tellNetwork()
  }

  /** Peers answer for what they do, not for how long this tab slept. */
  woke(): void {
    const now = this.options.clock.now()
    // Told once, though several things tell of it.
    if (!(Math.abs(now - this.wokeAt) < WAKING)) {
      this.tell((listener) =>
        listener.log?.('This tab was away and is back: it asks its peers for what it missed.'),
      )
      this.wokeAt = now
    }
    this.parts.woke()
  }

  /** Logs that a relay was reached or lost, not each try. */
  private tellRelay(address: string, state: RelayInfo['state']): void {
    const wasReached = this.relaysReached.get(address)
    const isReached = state === 'reserved' ? true : state === 'unreachable' ? false : wasReached
    if (isReached === undefined || isReached === wasReached) return
    this.relaysReached.set(address, isReached)
    const line = isReached
      ? `The relay ${address} is reached: it introduces this tab to others.`
      : `The relay ${address} can’t be reached: tabs that have met stay connected.`
    this.tell((listener) => listener.log?.(line))
  }

  private hello(): HelloMessage {
    const { headers, tip, genesis } = this.options.chain
    return {
      type: 'hello',
      version: PROTOCOL_VERSION,
      networkId: genesis.header.hashBytes,
      services: this.parts.services,
      height: headers.height(tip),
      tipHash: headers.hashBytes(tip),
      chainWork: headers.chainWork(tip),
      userAgent: USER_AGENT,
    }
  }

  private greeted(peer: Peer, hello: HelloMessage): void {
    const { chain } = this.options
    if (peer.hello) {
      this.connected.punish(peer, unrequested('a second hello'))
      return
    }
    if (!equalBytes(hello.networkId, chain.genesis.header.hashBytes)) {
      this.connected.drop(peer, 'It belongs to another network.', STRANGER_SECONDS)
      return
    }
    if (hello.version !== PROTOCOL_VERSION) {
      const reason = `It speaks version ${hello.version} of the protocol and this tab version ${PROTOCOL_VERSION}: reload the older one.`
      this.connected.drop(peer, reason, STRANGER_SECONDS)
      return
    }
    peer.hello = hello
    this.known.connected(peer.info)
    this.parts.add(peer)
    this.tell((listener) => listener.peerConnected?.(this.snapshot(peer)))
    this.tellSync(false)
  }

  private gone(peer: Peer, reason: string): void {
    this.parts.forget(peer)
    if (this.connected.isBanned(peer.id)) this.known.forget(peer.id)
    else this.known.disconnected(peer.id)
    if (peer.hello) this.tell((listener) => listener.peerDisconnected?.(peer.id, reason))
  }

  private tipChanged(change: TipChange): void {
    this.download.tipChanged(change)
    this.transactions.tipChanged()
    this.blocks.announceTip()
    this.thankBringers(change)
    this.tellSync(false)
  }

  private noteNews(index: HeaderIndex): void {
    putBounded(this.news, index, undefined, MAX_NEWS)
  }

  /** A header without its block is no service, and neither is what is fetched of old. */
  private delivered(index: HeaderIndex, peer: Peer): void {
    if (this.news.has(index) && !this.news.get(index)) this.news.set(index, peer.id)
  }

  /** Credits who brought a new block, once it proved good. */
  private thankBringers({ tip, fork }: TipChange): void {
    const { headers } = this.options.chain
    for (let index = tip; index !== fork && this.news.size > 0; index = headers.parent(index)) {
      const bringer = this.news.get(index)
      if (bringer !== undefined) this.known.toldBlock(bringer)
      this.news.delete(index)
    }
  }

  private scheduleTick(): void {
    this.cancelTick = this.clock.after(TICK, () => {
      this.tick()
      this.scheduleTick()
    })
  }

  private tick(): void {
    const now = this.clock.now()
    const late = now - this.tickedAt - TICK
    this.tickedAt = now
    if (late > AWAY) {
      // What came meanwhile is in the queue, behind this. The transport may notice later than we do.
      this.woke()
      return
    }
    for (const peer of this.connected.all())
      if (!peer.hello && now - peer.connectedAt > HELLO_TIMEOUT)
        this.connected.drop(peer, 'It did not say hello.')
    this.parts.tick()
    this.known.tick()
    this.warn()
    this.tellSync(true)
  }

  /** Keeps of the headers without bodies those that lead to more work and that a connected peer has, what is under way, and `keep`. */
  private forgetHeaders(keep: HeaderIndex): void {
    const { chain } = this.options
    const { headers } = chain
    const floor = headers.chainWork(chain.tip)
    const peers = this.connected.all().filter(({ bestKnown }) => bestKnown !== NO_HEADER)
    const claims = peers
      .map(({ bestKnown }) => bestKnown)
      .filter((index) => !headers.isInvalid(index) && headers.chainWork(index) > floor)
    chain.forgetHeaders([keep, ...claims, ...this.download.underWay(), ...this.blocks.underWay()])
    for (const peer of peers) if (!headers.has(peer.bestKnown)) peer.bestKnown = NO_HEADER
    for (const index of this.news.keys()) if (!headers.has(index)) this.news.delete(index)
    this.headerSync.forgot()
    this.download.forgot()
  }

  /** Tells people of what is wrong with this tab's clock or chain, when that begins, changes or ends. */
  private warn(): void {
    const { peers, sentence } = this.clocks.state
    const sentences = {
      clock: peers === 0 && this.headerSync.isBehindBlocks ? BEHIND_BLOCKS : sentence,
      unfollowed: this.followers.sentence,
    }
    const alarms = Object.entries(sentences).flatMap(([code, sentence]) => {
      if (sentence === undefined) return []
      const before = this.ownAlarms.find((alarm) => alarm.code === code)
      if (before?.sentence === sentence) return [before]
      if (!before) this.tell((listener) => listener.log?.(sentence))
      return [{ code, sentence, since: before?.since ?? this.options.clock.now() }]
    })
    const same =
      alarms.length === this.ownAlarms.length && alarms.every((alarm, i) => alarm === this.ownAlarms[i])
    if (same) return
    this.ownAlarms = alarms
    this.tellNetwork()
  }

  private tellNetwork(): void {
    const status = this.networkStatus()
    this.tell((listener) => listener.networkChanged?.(status))
  }

  /** Tells of progress: all of it where `regular`, else only when `synced` changed. */
  private tellSync(regular: boolean): void {
    const state = this.syncState()
    const { lastSync } = this
    this.transactions.setNearTip(!this.catchUp.mayBeFarBehind)
    const changed = state.headers !== lastSync?.headers || state.blocks !== lastSync.blocks
    if (state.synced === lastSync?.synced && !(regular && changed)) return
    this.lastSync = state
    this.tell((listener) => listener.syncChanged?.(state))
  }

  private changed(peer: Peer): void {
    if (peer.hello) this.tell((listener) => listener.peerChanged?.(this.snapshot(peer)))
  }

  private snapshot(peer: Peer): PeerSnapshot {
    const { headers, tip } = this.options.chain
    const { hello, bestKnown } = peer
    const isKnown = bestKnown !== NO_HEADER
    const wall = (at: number | undefined) => (at === undefined ? undefined : this.clock.wall(at))
    return {
      ...peer.info,
      number: peer.number,
      connectedAt: this.clock.wall(peer.connectedAt),
      latency: peer.latency,
      bytesReceived: peer.bytesReceived,
      bytesSent: peer.bytesSent,
      lastReceivedAt: wall(peer.lastReceivedAt),
      lastSentAt: wall(peer.lastSentAt),
      lastBlockAt: wall(peer.lastBlockAt),
      lastTransactionAt: wall(peer.lastTransactionAt),
      version: hello!.version,
      services: hello!.services,
      userAgent: hello!.userAgent,
      startingHeight: hello!.height,
      headerHeight: isKnown ? headers.height(bestKnown) : undefined,
      commonHeight: isKnown ? headers.height(headers.forkPoint(bestKnown, tip)) : undefined,
      inFlight: this.download.heightsInFlight(peer),
      clockOffset: this.clocks.offsetOf(peer),
      score: peer.score,
    }
  }

  private tell(what: (listener: PeerManagerListener) => void): void {
    for (const listener of this.listeners) what(listener)
  }

  /** Failing storage is told by the chain; here it only means that nothing came of a message. */
  private async unlessStorageFails<T>(work: Promise<T>, otherwise: T): Promise<T> {
    try {
      return await work
    } catch (error) {
      if (!(error instanceof StorageError)) throw error
      return otherwise
    }
  }
}
