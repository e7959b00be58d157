/**
 * One node: chain, mempool, peers, wallet and miner, composed over ports. Deterministic: all time, randomness, storage, network,
 * verification and signing come through the ports it is given. Runs in a tab's worker, in tests, and by the hundred in the simulator.
 */
import { Chain } from '../chain/chain.ts'
import type { HeaderIndex } from '../chain/header-tree.ts'
import { type ChainStore, StorageError } from '../chain/store.ts'
import type { Coin } from '../consensus/coins.ts'
import { MAX_FUTURE_SECONDS, MAX_FUTURE_SECONDS_ON_DEMAND } from '../consensus/headers.ts'
import type { NetworkParams } from '../consensus/params.ts'
import { Mempool, type MempoolEntry } from '../mempool/mempool.ts'
import { Miner } from '../mining/miner.ts'
import type { MinerPool } from '../mining/miner-pool.ts'
import type { PeerId, Transport } from '../network/transport.ts'
import type { Block } from '../primitives/block.ts'
import type { Txid } from '../primitives/hashes.ts'
import type { Clock, Faults, Random } from '../primitives/ports.ts'
import { ok, type Rejection, type Result } from '../primitives/result.ts'
import type { Transaction } from '../primitives/transaction.ts'
import type { ClockState } from '../protocol/clock-comparison.ts'
import type { MakePart } from '../protocol/part.ts'
import { PeerManager } from '../protocol/peer-manager.ts'
import type { PeerStore } from '../protocol/peer-store.ts'
import type { CheckPool } from '../script/input-check.ts'
import type { Signers } from '../wallet/signer.ts'
import type { WalletDirectory } from '../wallet/store.ts'
import type { Wallet } from '../wallet/wallet.ts'
import type { FaultEvent, LogEvent, NodeEvent, NodeEventName, NodeEvents } from './events.ts'
import { NodeClock } from './node-clock.ts'
import type { Declaration, RpcMethod } from './rpc-method.ts'
import type { AnswerOf } from './rpc-result.ts'
import type { BLOCK_TRANSACTION } from './rpc-results-chain.ts'
import type { Wallets } from './wallets.ts'

/** The RPC methods that nobody needs for joining (`rpc-part.ts`). */
export interface RpcPart {
  readonly methods: readonly RpcMethod<NodeCore>[]
  /** Methods that the page answers by itself, for `help`. */
  readonly pageMethods: readonly Declaration[]
  /** The transactions of `getblock` with verbosity 2 or 3. */
  blockTransactionsJson(
    node: NodeCore,
    block: Block,
    spent: readonly Coin[] | undefined,
    level: number,
  ): readonly AnswerOf<typeof BLOCK_TRANSACTION>[]
  /** Arguments in the order of the parameters, where one object may name them. */
  byPosition(declared: Declaration, args: readonly unknown[]): readonly unknown[]
  /** Whether a method is one of the channels', which have to be opened for it. */
  isOfChannels(name: string): boolean
  /** Why there is no method of a name that Bitcoin Core has: a sentence. */
  absence(name: string): string | undefined
  /** `help` without a method, and with one. */
  helpList(declared: readonly Declaration[]): string
  helpOn(declared: Declaration): string
}

/** Port: resolves with the part, at once after the first time. Rejects with a sentence where it can't be fetched; a later call tries again. */
export type LoadRpc = () => Promise<RpcPart>

/** What only a profile with a wallet needs (`wallet-part.ts`). */
export interface WalletPart {
  readonly Wallets: typeof Wallets
  readonly methods: readonly RpcMethod<NodeCore>[]
}

/** Port: resolves with the part, at once after the first time. Rejects with a sentence where it can't be fetched; a later call tries again. */
export type LoadWallet = () => Promise<WalletPart>

/** The channels of a node (`channels-part.ts`), as their RPC methods know them. */
export interface ChannelsPart {
  close(): Promise<void>
  readonly methods: readonly RpcMethod<NodeCore>[]
}

/** Port: opens the channels of a node. Rejects with a sentence where they can't be: a later call tries again. */
export type OpenChannels = (node: NodeCore) => Promise<ChannelsPart>

export interface NodePorts {
  readonly clock: Clock
  readonly random: Random
  readonly faults: Faults
  readonly transport: Transport
  readonly chainStore: ChainStore
  readonly wallets: WalletDirectory
  readonly peerStore: PeerStore
  readonly checks: CheckPool
  readonly miners: MinerPool
  readonly signers: Signers
  readonly loadRpc: LoadRpc
  readonly loadWallet: LoadWallet
  /** Makes further parts of the protocol. */
  readonly parts?: readonly MakePart[]
  /** Undefined where there are no channels. */
  readonly openChannels?: OpenChannels
}

const STORAGE_FAILED =
  'Storage has failed: mining and payments have stopped. What was stored before is kept and can be read. Free some space and reload the page.'
const CHAIN_FAILED =
  'The chain met a fault of this program: mining and payments have stopped. What was stored before is kept and can be read. Reload the page.'

export class NodeCore {
  readonly params: NetworkParams
  readonly chain: Chain
  readonly mempool: Mempool
  readonly miner: Miner
  readonly peers: PeerManager
  readonly loadRpc: LoadRpc
  readonly loadWallet: LoadWallet
  /** The wallet that a call named: see `forWallet`. */
  readonly namedWallet: string | undefined
  /**
   * The wallets, opened at the first call: those that are loaded at start may still have to catch up with the chain, see `Wallet.settled`.
   * Rejects where their part of the program can't be fetched, or a store not be read: the next call tries again.
   */
  readonly openWallets: () => Promise<Wallets>
  /** The payment channels, opened at the first call; undefined where this node has none. Rejects as `openWallets` does. */
  readonly openChannels: (() => Promise<ChannelsPart>) | undefined
  /** Ends everything; what was acknowledged is durable. Later calls wait for the first. */
  readonly close: () => Promise<void>
  /** This tab's own peer id. */
  readonly self: PeerId
  /** RPC calls that are under way. */
  readonly calls = new Set<{ readonly method: string; readonly since: number }>()
  /** Sources of which the log tells warnings and errors alone. */
  readonly quiet = new Set<LogEvent['source']>()
  readonly random: Random
  /** The node's own time: real, or held by `setmocktime` on a network for tests. */
  readonly clock: NodeClock
  private readonly realClock: Clock
  private readonly faults: Faults
  private readonly startedAt: number
  private readonly listeners = new Set<(event: NodeEvent) => void>()
  private readonly unsubscribe: (() => void)[]
  private readonly signers: Signers
  private readonly directory: WalletDirectory
  private readonly walletsAreStored: boolean
  private openedWallets: Wallets | undefined
  /** The last part of the wait for them: their stores are being read. */
  private readingWallets: Promise<Wallets> | undefined
  private openingChannels: Promise<ChannelsPart> | undefined
  /** What went wrong with wallets while nobody was there to be told. */
  private readonly untold: Error[] = []
  /** Why storage or the chain failed, if one did. */
  private failure: Error | undefined
  /** What follows changes of the tip, one after another. */
  private following: Promise<void> = Promise.resolve()
  private closed = false

  /** Opens chain and wallets at what their stores hold; the wallets may have yet to catch up with the chain. Nothing is sent or mined before `start`. */
  static async open(params: NetworkParams, ports: NodePorts): Promise<NodeCore> {
    const clock = new NodeClock(ports.clock)
    const { random, checks, faults } = ports
    // The chain goes on where it stopped as soon as it is open.
    let verifier: Mempool | undefined
    const chain = await Chain.open({
      params,
      clock: clock.forBlocks,
      checks,
      faults: { report: (error) => faults.report(error, CHAIN_FAILED) },
      store: ports.chainStore,
      alreadyVerified: (transaction) => verifier?.wasVerified(transaction) ?? false,
    })
    // Listeners of the chain hear of a new tip in this order: each may rely on the ones before.
    const mempool = new Mempool({ chain, checks, clock })
    verifier = mempool
    // Made last, since it hears of the chain last.
    let peers: PeerManager | undefined
    const miner = new Miner({
      chain,
      mempool,
      random,
      clock: clock.forBlocks,
      pool: ports.miners,
      isFarBehind: () => peers?.isFarBehind ?? false,
      obstacle: () => peers && obstacleOf(peers.clockState(), params, clock),
    })
    peers = new PeerManager({
      chain,
      mempool,
      // Timeouts of peers follow real time, also while `setmocktime` holds the node's.
      clock: ports.clock,
      random,
      transport: ports.transport,
      store: ports.peerStore,
      parts: ports.parts ?? [],
    })
    const stored = (await ports.wallets.load()).size > 0
    const node = new NodeCore(ports, clock, chain, mempool, miner, peers, stored)
    if (node.hasWallets) await node.openWallets()
    return node
  }

  private constructor(
    ports: NodePorts,
    clock: NodeClock,
    chain: Chain,
    mempool: Mempool,
    miner: Miner,
    peers: PeerManager,
    walletsAreStored: boolean,
  ) {
    this.params = chain.params
    this.clock = clock
    this.chain = chain
    this.mempool = mempool
    this.miner = miner
    this.peers = peers
    this.signers = ports.signers
    this.loadRpc = ports.loadRpc
    this.loadWallet = ports.loadWallet
    this.directory = ports.wallets
    this.walletsAreStored = walletsAreStored
    this.openWallets = once(() => this.followWallets())
    const { openChannels } = ports
    this.openChannels = openChannels && once(() => (this.openingChannels = openChannels(this)))
    this.close = once(() => this.closeParts())
    this.random = ports.random
    this.self = ports.transport.self
    this.realClock = ports.clock
    this.faults = ports.faults
    this.startedAt = ports.clock.now()
    this.unsubscribe = this.listenToParts()
  }

  /** Joins the network, and offers the wallets' pending payments to the mempool again as soon as the wallets know which the chain has by now. */
  async start(): Promise<void> {
    for (const error of this.untold.splice(0)) this.walletFailed(error)
    this.offerAgain().catch((error: unknown) => this.walletFailed(error))
    await this.peers.start()
  }

  /** Nothing works any more. */
  get isClosed(): boolean {
    return this.closed
  }

  /** Throws a `StorageError` when storage or the chain has failed: nothing may begin then that has to be kept. */
  requireStorage(): void {
    if (this.failure)
      throw new StorageError('unavailable', consequenceOf(this.failure), { cause: this.failure })
  }

  /** Resolves when chain, mempool and wallets have taken in all that they were given. */
  async settled(): Promise<void> {
    await this.chain.settled()
    await this.mempool.settled()
    await this.wallets?.settled()
  }

  /** Undefined until they are open. */
  get wallets(): Wallets | undefined {
    return this.openedWallets
  }

  /** The one that is loaded; undefined where none or several are. */
  get wallet(): Wallet | undefined {
    const all = this.wallets?.all ?? []
    return all.length === 1 ? all[0] : undefined
  }

  /** Whether the profile has any wallet, loaded or not. */
  get hasWallets(): boolean {
    return this.walletsAreStored || this.signers.names().length > 0 || (this.wallets?.names.length ?? 0) > 0
  }

  /** This node, for the time of a call that names a wallet: methods of wallets then mean that one. Nothing can be set on it. */
  forWallet(name: string): NodeCore {
    return Object.freeze(Object.create(this, { namedWallet: { value: name } }))
  }

  /** Takes a block of a caller: resolves when it is connected, kept on a side branch (`wasConnected` tells), or refused. */
  async submitBlock(block: Block): Promise<Result<HeaderIndex>> {
    let verdict: Rejection | undefined
    const end = this.chain.subscribe({
      blockInvalid: (hash, rejection) => {
        if (hash === block.hash) verdict = rejection
      },
    })
    try {
      const accepted = await this.chain.acceptBlock(block)
      if (!accepted.ok) return accepted
      await this.chain.settled()
      if (verdict) return verdict
      if (this.chain.isActive(accepted.value)) this.peers.broadcastBlock(block)
      return accepted
    } finally {
      end()
    }
  }

  /**
   * Takes a transaction of our own or of a caller into the mempool and tells the network; one that waits there already is told
   * again. A payment of our wallets is durable in their history before the network hears of it.
   */
  async submitTransaction(transaction: Transaction): Promise<Result<MempoolEntry>> {
    const accepted = await this.mempool.accept(transaction)
    const entry = accepted.ok ? accepted.value : this.mempool.get(transaction.txid)
    if (!entry) return accepted
    await Promise.all(this.wallets?.concernedBy(transaction.txid).map((wallet) => wallet.written()) ?? [])
    this.peers.broadcastTransaction(entry.transaction)
    return ok(entry)
  }

  /** Seconds since this node was opened. */
  uptime(): number {
    return Math.floor((this.realClock.now() - this.startedAt) / 1000)
  }

  /** Calls `listener` at every event, and at once where storage has failed before. Returns the function that unsubscribes. */
  subscribe(listener: (event: NodeEvent) => void): () => void {
    this.listeners.add(listener)
    if (this.failure instanceof StorageError) listener({ name: 'fault', detail: faultOf(this.failure) })
    return () => this.listeners.delete(listener)
  }

  /** Tells the page; also for the parts that are fetched later. */
  emit<Name extends NodeEventName>(name: Name, detail: NodeEvents[Name]): void {
    for (const listener of this.listeners) listener({ name, detail } as NodeEvent)
  }

  private log(source: LogEvent['source'], message: string, level: LogEvent['level'] = 'info'): void {
    if (level !== 'info' || !this.quiet.has(source))
      this.emit('log', { time: this.clock.now(), level, source, message })
  }

  /** Lets the parts know of each other, and the page of all. */
  private listenToParts(): (() => void)[] {
    const { chain, mempool, miner, peers, signers } = this
    const { headers } = chain
    return [
      chain.subscribe({
        tipChanged: ({ fork, tip, disconnected, connected }) => {
          this.emit('tip', {
            hash: headers.hash(tip),
            height: headers.height(tip),
            time: headers.time(tip),
            disconnected: disconnected.length,
            connected: connected.length,
          })
          if (disconnected.length > 0)
            this.log(
              'chain',
              `The chain was reorganised above block ${headers.height(fork)}: blocks left ${disconnected.length}, joined ${connected.length}.`,
            )
          this.following = this.following
            .then(() => this.follow(disconnected))
            .catch((error: unknown) => this.partFailed(error))
        },
        blockInvalid: (hash, { code, detail }) =>
          this.log('chain', `Block ${hash} is invalid: ${detail} (${code})`, 'warning'),
        failed: (error) => this.halt(error),
      }),
      mempool.subscribe({
        added: ({ transaction, fee }) => {
          this.emit('transaction', { txid: transaction.txid, change: 'added', vsize: transaction.vsize, fee })
        },
        removed: (transaction, reason) => {
          this.emit('transaction', {
            txid: transaction.txid,
            change: reason,
            vsize: transaction.vsize,
            fee: undefined,
          })
        },
        failed: (error) => this.partFailed(error),
      }),
      signers.onChange(() => {
        // Those that are open hear of it themselves.
        if (!this.wallets) this.openWallets().catch((error: unknown) => this.walletFailed(error))
      }),
      miner.subscribe({
        stateChanged: (state) =>
          this.emit('mining', {
            active: state.status !== 'stopped',
            threads: state.threads,
            throttle: state.throttle,
            graphicsCard: state.graphicsCard,
            graphicsCardProblem: state.graphicsCardProblem,
            kernels: state.kernels,
            hashRate: state.hashRate,
            blocksFound: state.blocksFound,
            problem: state.lastError,
            pause: state.pause,
          }),
        blockFound: (block, index) => {
          peers.broadcastBlock(block)
          this.emit('mined', { hash: block.hash, height: headers.height(index) })
          this.log('mining', `This tab mined block ${headers.height(index)}.`)
        },
        fellBack: (sentence) => this.log('mining', sentence, 'warning'),
      }),
      peers.subscribe({
        peerConnected: ({ id }) => this.emit('peer', { id, change: 'connected' }),
        peerDisconnected: (id) => this.emit('peer', { id, change: 'disconnected' }),
        peerChanged: ({ id }) => this.emit('peer', { id, change: 'updated' }),
        networkChanged: (status) => this.emit('network', status),
        syncChanged: (state) => {
          this.emit('sync', state)
          miner.follow()
        },
        clockChanged: (state) => {
          this.clock.setBehind(state.offsetSeconds * 1000)
          this.emit('clock', state)
          miner.follow()
        },
        log: (line) => this.log('network', line),
      }),
    ]
  }

  /** Fetches the wallets' part of the program, and lets the wallets follow the chain and the mempool. */
  private async followWallets(): Promise<Wallets> {
    const { chain, mempool, clock, random, signers, directory } = this
    const { Wallets } = await this.loadWallet()
    if (this.closed) throw new Error('The node has stopped.')
    this.readingWallets = Wallets.open({
      chain,
      mempool,
      clock,
      random,
      signers,
      directory,
      listener: {
        changed: (event) => this.emit('wallet', event),
        failed: (error) => {
          if (this.listeners.size > 0) this.walletFailed(error)
          else this.untold.push(error)
        },
      },
    })
    this.openedWallets = await this.readingWallets
    return this.openedWallets
  }

  /**
   * After a change of tip: what a lost branch had confirmed is told to those who never saw that branch, as far as it concerns our
   * wallets, and payments that fell out of the mempool are offered again.
   */
  private async follow(disconnected: readonly Block[]): Promise<void> {
    if (this.closed || this.failure) return
    const { mempool, peers, wallets } = this
    await mempool.settled()
    for (const { transactions } of disconnected)
      for (const transaction of transactions)
        if (mempool.has(transaction.txid) && wallets?.concernedBy(transaction.txid).length)
          peers.broadcastTransaction(transaction)
    // A chain that is far behind would refuse them for parents that it has yet to see.
    if (peers.syncState().synced) await this.offerPayments()
  }

  private async offerAgain(): Promise<void> {
    await this.wallets?.settled()
    for (const { txid, rejection } of await this.offerPayments())
      this.log('wallet', `The payment ${txid} waits outside the mempool: ${rejection.detail}`, 'warning')
  }

  /** Offers the wallets' payments that wait for a block and are not in the mempool. Returns those that it refuses. */
  private async offerPayments(): Promise<{ readonly txid: Txid; readonly rejection: Rejection }[]> {
    const refused: { txid: Txid; rejection: Rejection }[] = []
    for (const payment of this.wallets?.pendingPayments() ?? []) {
      const { txid } = payment
      if (this.closed || this.mempool.has(txid)) continue
      const accepted = await this.submitTransaction(payment)
      if (!accepted.ok) refused.push({ txid, rejection: accepted })
    }
    return refused
  }

  private async closeParts(): Promise<void> {
    this.closed = true
    for (const end of this.unsubscribe) end()
    this.miner.stop()
    await this.peers.stop()
    await this.following
    const part = await this.openingChannels?.catch(() => undefined)
    await part?.close().catch((error: unknown) => this.partFailed(error))
    this.mempool.close()
    // Their part of the program is not waited for: a fetch may take for ever, and nothing is opened after it.
    const wallets = await this.readingWallets?.catch(() => undefined)
    // A store that fails must not keep the other from closing.
    for (const part of [wallets, this.chain])
      await part?.close().catch((error: unknown) => this.partFailed(error))
  }

  /** Channels stand still after a fault of this program, or of their storage. */
  channelsFailed(error: unknown): void {
    this.partFailed(error)
  }

  /** A wallet can't be followed. */
  private walletFailed(error: unknown): void {
    if (this.closed) return
    if (error instanceof StorageError) this.halt(error)
    else {
      const message = error instanceof Error ? error.message : String(error)
      this.log('wallet', message, 'error')
      this.emit('fault', { kind: 'wallet', message })
    }
  }

  /** Work that nobody waits for failed. */
  private partFailed(error: unknown): void {
    if (error instanceof StorageError) this.halt(error)
    else this.faults.report(error)
  }

  /** Mining and payments stop, and nothing more is written; what was stored stays readable. */
  private halt(error: Error): void {
    if (this.failure) return
    this.failure = error
    this.miner.stop()
    // The chain told of its bug itself.
    if (!(error instanceof StorageError)) return
    this.log('storage', error.message, 'error')
    this.emit('fault', faultOf(error))
  }
}

/** Runs at the first call, whose outcome later calls share; after a failure the next call tries again. */
function once<T>(run: () => Promise<T>): () => Promise<T> {
  let outcome: Promise<T> | undefined
  return () => {
    outcome ??= run().catch((error: unknown) => {
      outcome = undefined
      throw error
    })
    return outcome
  }
}

/** Why others would refuse what this tab mines: its clock is further ahead of theirs than a block's time may be. */
function obstacleOf(
  { offsetSeconds, sentence }: ClockState,
  { testControls }: NetworkParams,
  { isHeld }: NodeClock,
): string | undefined {
  const allowed = testControls ? MAX_FUTURE_SECONDS_ON_DEMAND : MAX_FUTURE_SECONDS
  // The sentence names the consequence, too.
  return isHeld || -offsetSeconds < allowed ? undefined : `Mining rests. ${sentence}`
}

function consequenceOf(failure: Error): string {
  return failure instanceof StorageError ? STORAGE_FAILED : CHAIN_FAILED
}

function faultOf({ message }: StorageError): FaultEvent {
  return { kind: 'storage', message: `${message} ${STORAGE_FAILED}` }
}
