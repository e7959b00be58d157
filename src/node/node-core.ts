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
import type { Signer } from '../wallet/signer.ts'
import type { WalletStore } from '../wallet/store.ts'
import type { Wallet } from '../wallet/wallet.ts'
import type { FaultEvent, LogEvent, NodeEvent, NodeEventName, NodeEvents } from './events.ts'
import { NodeClock } from './node-clock.ts'
import type { Declaration, RpcMethod } from './rpc-method.ts'
import type { AnswerOf } from './rpc-result.ts'
import type { BLOCK_TRANSACTION } from './rpc-results-chain.ts'

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
  readonly Wallet: typeof Wallet
  readonly methods: readonly RpcMethod<NodeCore>[]
}

/** Port: resolves with the part, at once after the first time. Rejects with a sentence where it can't be fetched; a later call tries again. */
export type LoadWallet = () => Promise<WalletPart>

export interface NodePorts {
  readonly clock: Clock
  readonly random: Random
  readonly faults: Faults
  readonly transport: Transport
  readonly chainStore: ChainStore
  readonly walletStore: WalletStore
  readonly peerStore: PeerStore
  readonly checks: CheckPool
  readonly miners: MinerPool
  readonly signer: Signer
  readonly loadRpc: LoadRpc
  readonly loadWallet: LoadWallet
  /** Makes further parts of the protocol. */
  readonly parts?: readonly MakePart[]
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
  readonly signer: Signer
  readonly loadRpc: LoadRpc
  readonly loadWallet: LoadWallet
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
  private readonly walletStore: WalletStore
  private readonly walletIsStored: boolean
  private openedWallet: Wallet | undefined
  /** The wait for it, then itself; undefined again where it failed. */
  private openingWallet: Promise<Wallet> | undefined
  /** The last part of that wait: its store is being read. */
  private readingWallet: Promise<Wallet> | undefined
  /** Why storage or the chain failed, if one did. */
  private failure: Error | undefined
  /** What follows changes of the tip, one after another. */
  private following: Promise<void> = Promise.resolve()
  private closing: Promise<void> | undefined

  /** Opens chain and wallet at what their stores hold. Nothing is sent or mined before `start`. */
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
    const stored = (await ports.walletStore.load()).size > 0
    const node = new NodeCore(ports, clock, chain, mempool, miner, peers, stored)
    const wallet = await node.openWallet()
    await wallet?.settled()
    return node
  }

  private constructor(
    ports: NodePorts,
    clock: NodeClock,
    chain: Chain,
    mempool: Mempool,
    miner: Miner,
    peers: PeerManager,
    walletIsStored: boolean,
  ) {
    this.params = chain.params
    this.clock = clock
    this.chain = chain
    this.mempool = mempool
    this.miner = miner
    this.peers = peers
    this.signer = ports.signer
    this.loadRpc = ports.loadRpc
    this.loadWallet = ports.loadWallet
    this.walletStore = ports.walletStore
    this.walletIsStored = walletIsStored
    this.random = ports.random
    this.self = ports.transport.self
    this.realClock = ports.clock
    this.faults = ports.faults
    this.startedAt = ports.clock.now()
    this.unsubscribe = this.listenToParts()
  }

  /** Offers the wallet's pending payments to the mempool again, and joins the network. */
  async start(): Promise<void> {
    for (const { txid, rejection } of await this.offerPayments())
      this.log('wallet', `The payment ${txid} waits outside the mempool: ${rejection.detail}`, 'warning')
    // Closed meanwhile.
    if (!this.closing) await this.peers.start()
  }

  /** Ends everything; what was acknowledged is durable. Later calls wait for the first. */
  close(): Promise<void> {
    this.closing ??= this.closeParts()
    return this.closing
  }

  /** Nothing works any more. */
  get isClosed(): boolean {
    return this.closing !== undefined
  }

  /** Throws a `StorageError` when storage or the chain has failed: nothing may begin then that has to be kept. */
  requireStorage(): void {
    if (this.failure)
      throw new StorageError('unavailable', consequenceOf(this.failure), { cause: this.failure })
  }

  /** Resolves when chain, mempool and wallet have taken in all that they were given. */
  async settled(): Promise<void> {
    await this.chain.settled()
    await this.mempool.settled()
    await this.wallet?.settled()
  }

  /** Undefined until the profile has one and it is open. */
  get wallet(): Wallet | undefined {
    return this.openedWallet
  }

  /**
   * The wallet, opened at the first call; it may still have to catch up with the chain, see `Wallet.settled`. Undefined where the profile has
   * none. Rejects where its part of the program can't be fetched, or its store not be read: the next call tries again.
   */
  async openWallet(): Promise<Wallet | undefined> {
    if (!this.walletIsStored && this.signer.status().state === 'none') return undefined
    this.openingWallet ??= this.followWallet().catch((error: unknown) => {
      this.openingWallet = undefined
      throw error
    })
    return this.openingWallet
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
   * again. A payment of this wallet is durable in its history before the network hears of it.
   */
  async submitTransaction(transaction: Transaction): Promise<Result<MempoolEntry>> {
    const accepted = await this.mempool.accept(transaction)
    const entry = accepted.ok ? accepted.value : this.mempool.get(transaction.txid)
    if (!entry) return accepted
    if (this.wallet?.transaction(transaction.txid)) await this.wallet.settled()
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

  private emit<Name extends NodeEventName>(name: Name, detail: NodeEvents[Name]): void {
    for (const listener of this.listeners) listener({ name, detail } as NodeEvent)
  }

  private log(source: LogEvent['source'], message: string, level: LogEvent['level'] = 'info'): void {
    if (level !== 'info' || !this.quiet.has(source))
      this.emit('log', { time: this.clock.now(), level, source, message })
  }

  /** Lets the parts know of each other, and the page of all. */
  private listenToParts(): (() => void)[] {
    const { chain, mempool, miner, peers, signer } = this
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
          this.wallet?.transactionAdded(transaction)
          this.emit('transaction', { txid: transaction.txid, change: 'added', vsize: transaction.vsize, fee })
        },
        removed: (transaction, reason) => {
          this.wallet?.transactionRemoved(transaction, reason)
          this.emit('transaction', {
            txid: transaction.txid,
            change: reason,
            vsize: transaction.vsize,
            fee: undefined,
          })
        },
        failed: (error) => this.partFailed(error),
      }),
      signer.onChange(() => {
        const tell = (): void => this.emit('wallet', { state: signer.status().state, txids: [] })
        if (this.wallet) tell()
        // A wallet that was just made is told of once it can be asked.
        else this.openWallet().then(tell, (error: unknown) => this.walletFailed(error))
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

  /** Fetches the wallet's part of the program, and lets the wallet follow the chain and the mempool. */
  private async followWallet(): Promise<Wallet> {
    const { chain, mempool, clock, random, signer, walletStore } = this
    const { Wallet } = await this.loadWallet()
    if (this.closing) throw new Error('The node has stopped.')
    this.readingWallet = Wallet.open({ chain, clock, random, signer, store: walletStore })
    const wallet = await this.readingWallet
    const tellWaiting = (): void => {
      for (const { transaction } of mempool.entries()) wallet.transactionAdded(transaction)
    }
    const ends = wallet.subscribe({
      keysDerived: tellWaiting,
      changed: (txids) => this.emit('wallet', { state: signer.status().state, txids }),
      storageFailed: (error) => this.halt(error),
    })
    this.unsubscribe.push(ends)
    this.openedWallet = wallet
    // Payments that waited before there was a wallet to see them.
    tellWaiting()
    return wallet
  }

  /**
   * After a change of tip: what a lost branch had confirmed is told to those who never saw that branch, as far as it concerns this
   * wallet, and payments that fell out of the mempool are offered again.
   */
  private async follow(disconnected: readonly Block[]): Promise<void> {
    if (this.closing || this.failure) return
    const { mempool, peers, wallet } = this
    await mempool.settled()
    for (const { transactions } of disconnected)
      for (const transaction of transactions)
        if (mempool.has(transaction.txid) && wallet?.transaction(transaction.txid))
          peers.broadcastTransaction(transaction)
    // A chain that is far behind would refuse them for parents that it has yet to see.
    if (peers.syncState().synced) await this.offerPayments()
  }

  /** Offers the wallet's payments that wait for a block and are not in the mempool. Returns those that it refuses. */
  private async offerPayments(): Promise<{ readonly txid: Txid; readonly rejection: Rejection }[]> {
    const refused: { txid: Txid; rejection: Rejection }[] = []
    for (const payment of this.wallet?.pendingPayments() ?? []) {
      const { txid } = payment
      if (this.closing || this.mempool.has(txid)) continue
      const accepted = await this.submitTransaction(payment)
      if (!accepted.ok) refused.push({ txid, rejection: accepted })
    }
    return refused
  }

  private async closeParts(): Promise<void> {
    for (const end of this.unsubscribe) end()
    this.miner.stop()
    await this.peers.stop()
    await this.following
    this.mempool.close()
    // Its part of the program is not waited for: a fetch may take for ever, and nothing is opened after it.
    const wallet = await this.readingWallet?.catch(() => undefined)
    // A store that fails must not keep the other from closing.
    for (const part of [wallet ?? this.walletStore, this.chain])
      await part.close().catch((error: unknown) => this.partFailed(error))
  }

  /** A wallet that was just made can't be followed. */
  private walletFailed(error: unknown): void {
    if (this.closing) return
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
