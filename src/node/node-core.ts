/**
 * One node: chain, mempool, peers, wallet and miner, composed over ports. Deterministic: all time, randomness, storage, network,
 * verification and signing come through the ports it is given. Runs in a tab's worker, in tests, and by the hundred in the simulator.
 */
import { Chain } from '../chain/chain.ts'
import type { ChainStore } from '../chain/store.ts'
import type { NetworkParams } from '../consensus/params.ts'
import { Mempool, type MempoolEntry } from '../mempool/mempool.ts'
import { Miner } from '../mining/miner.ts'
import type { MinerPool } from '../mining/miner-pool.ts'
import type { Block } from '../primitives/block.ts'
import type { BlockHash } from '../primitives/hashes.ts'
import type { Clock, Random } from '../primitives/ports.ts'
import { OK, type Rejection, type Result } from '../primitives/result.ts'
import type { Transaction } from '../primitives/transaction.ts'
import { PeerManager } from '../protocol/peer-manager.ts'
import type { PeerStore } from '../protocol/peer-store.ts'
import type { PeerId, Transport } from '../protocol/transport.ts'
import type { CheckPool } from '../script/input-check.ts'
import type { Signer } from '../wallet/signer.ts'
import type { WalletStore } from '../wallet/store.ts'
import { type IssuedAddress, Wallet } from '../wallet/wallet.ts'
import type { LogEvent, NodeEvent, NodeEventName, NodeEvents } from './events.ts'
import { NodeClock } from './node-clock.ts'

export interface NodePorts {
  readonly clock: Clock
  readonly random: Random
  readonly transport: Transport
  readonly chainStore: ChainStore
  readonly walletStore: WalletStore
  readonly peerStore: PeerStore
  readonly checks: CheckPool
  readonly miners: MinerPool
  readonly signer: Signer
}

/** Label of the address that mining pays to. */
const MINING_LABEL = 'Mining'
/** Verdicts on blocks kept for their submitters; the oldest leaves first. */
const MAX_VERDICTS = 100

export class NodeCore {
  readonly params: NetworkParams
  readonly chain: Chain
  readonly mempool: Mempool
  readonly wallet: Wallet
  readonly miner: Miner
  readonly peers: PeerManager
  readonly signer: Signer
  /** This tab's own peer id. */
  readonly self: PeerId
  readonly random: Random
  /** The node's own time: real, or held by `setmocktime` on a network for tests. */
  readonly clock: NodeClock
  private readonly realClock: Clock
  private readonly startedAt: number
  private readonly listeners = new Set<(event: NodeEvent) => void>()
  /** Why blocks were found bad when their turn came to connect, for whoever submitted them. */
  private readonly blockVerdicts = new Map<BlockHash, Rejection>()
  private readonly unsubscribe: (() => void)[]

  /** Opens chain and wallet at what their stores hold. Nothing is sent or mined before `start`. */
  static async open(params: NetworkParams, ports: NodePorts): Promise<NodeCore> {
    const clock = new NodeClock(ports.clock)
    const { random, checks, signer } = ports
    const chain: Chain = await Chain.open({
      params,
      clock,
      checks,
      store: ports.chainStore,
      alreadyVerified: (transaction) => mempool.wasVerified(transaction),
    })
    // Listeners of the chain hear of a new tip in this order: each may rely on the ones before.
    const mempool = new Mempool({ chain, checks, clock })
    const wallet = await Wallet.open({ chain, signer, clock, random, store: ports.walletStore })
    const miner = new Miner({ chain, mempool, clock, random, pool: ports.miners })
    const peers = new PeerManager({
      chain,
      mempool,
      clock,
      random,
      transport: ports.transport,
      store: ports.peerStore,
    })
    return new NodeCore(ports, clock, chain, mempool, wallet, miner, peers)
  }

  private constructor(
    ports: NodePorts,
    clock: NodeClock,
    chain: Chain,
    mempool: Mempool,
    wallet: Wallet,
    miner: Miner,
    peers: PeerManager,
  ) {
    this.params = chain.params
    this.clock = clock
    this.chain = chain
    this.mempool = mempool
    this.wallet = wallet
    this.miner = miner
    this.peers = peers
    this.signer = ports.signer
    this.random = ports.random
    this.self = ports.transport.self
    this.realClock = ports.clock
    this.startedAt = ports.clock.now()
    this.unsubscribe = this.listenToParts()
  }

  /** Offers the wallet's pending payments to the mempool again, and joins the network. */
  async start(): Promise<void> {
    await this.resubmitPayments()
    await this.peers.start()
  }

  /** Ends everything; what was acknowledged is durable. */
  async close(): Promise<void> {
    for (const end of this.unsubscribe) end()
    this.miner.stop()
    await this.peers.stop()
    this.mempool.close()
    await this.wallet.close()
    await this.chain.close()
  }

  /** Takes a block of a caller: resolves when it is connected, kept on a side branch, or refused. */
  async submitBlock(block: Block): Promise<Result<void>> {
    const accepted = await this.chain.acceptBlock(block)
    if (!accepted.ok) return accepted
    await this.chain.settled()
    const verdict = this.blockVerdicts.get(block.hash)
    this.blockVerdicts.delete(block.hash)
    if (verdict) return verdict
    this.peers.broadcastBlock(block)
    return OK
  }

  /** Takes a transaction of our own or of a caller into the mempool and tells the network. */
  async submitTransaction(transaction: Transaction): Promise<Result<MempoolEntry>> {
    const accepted = await this.mempool.accept(transaction)
    if (accepted.ok) this.peers.broadcastTransaction(transaction)
    return accepted
  }

  /** The address that mining pays to: always the same one, so that the gap limit isn't used up. */
  async miningAddress(): Promise<Result<IssuedAddress>> {
    const existing = this.wallet.addresses().find((address) => address.label === MINING_LABEL)
    return existing ? { ok: true, value: existing } : this.wallet.newAddress(MINING_LABEL)
  }

  /** Seconds since this node was opened. */
  uptime(): number {
    return Math.floor((this.realClock.now() - this.startedAt) / 1000)
  }

  /** Calls `listener` at every event. Returns the function that unsubscribes. */
  subscribe(listener: (event: NodeEvent) => void): () => void {
    this.listeners.add(listener)
    return () => this.listeners.delete(listener)
  }

  private emit<Name extends NodeEventName>(name: Name, detail: NodeEvents[Name]): void {
    for (const listener of this.listeners) listener({ name, detail } as NodeEvent)
  }

  private log(source: LogEvent['source'], message: string, level: LogEvent['level'] = 'info'): void {
    this.emit('log', { time: this.clock.now(), level, source, message })
  }

  /** Lets the parts know of each other, and the page of all. */
  private listenToParts(): (() => void)[] {
    const { chain, mempool, wallet, miner, peers, signer } = this
    const { headers } = chain
    return [
      chain.subscribe({
        tipChanged: ({ tip, disconnected, connected }) => {
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
              `The chain was reorganised: ${disconnected.length} blocks left it, ${connected.length} joined.`,
            )
        },
        blockInvalid: (hash, { code, detail }) => {
          this.rememberVerdict(hash, { ok: false, kind: 'invalid', code, detail })
          this.log('chain', `Block ${hash} is invalid: ${detail} (${code})`, 'warning')
        },
        storageFailed: (error) => this.storageFailed(error),
      }),
      mempool.subscribe({
        added: ({ transaction, fee }) => {
          wallet.transactionAdded(transaction)
          this.emit('transaction', { txid: transaction.txid, change: 'added', vsize: transaction.vsize, fee })
        },
        removed: (transaction, reason) => {
          wallet.transactionRemoved(transaction, reason)
          this.emit('transaction', {
            txid: transaction.txid,
            change: reason,
            vsize: transaction.vsize,
            fee: undefined,
          })
        },
      }),
      wallet.subscribe({
        changed: (txids) => this.emit('wallet', { state: signer.status().state, txids }),
        storageFailed: (error) => this.storageFailed(error),
      }),
      signer.onChange(({ state }) => this.emit('wallet', { state, txids: [] })),
      miner.subscribe({
        stateChanged: (state) =>
          this.emit('mining', {
            active: state.status !== 'stopped',
            threads: state.threads,
            throttle: state.throttle,
            hashRate: state.hashRate,
            blocksFound: state.blocksFound,
            problem: state.lastError,
          }),
        blockFound: (block, index) => {
          peers.broadcastBlock(block)
          this.emit('mined', { hash: block.hash, height: headers.height(index) })
          this.log('mining', `This tab mined block ${headers.height(index)}.`)
        },
      }),
      peers.subscribe({
        peerConnected: ({ id }) => this.emit('peer', { id, change: 'connected' }),
        peerDisconnected: (id) => this.emit('peer', { id, change: 'disconnected' }),
        peerChanged: ({ id }) => this.emit('peer', { id, change: 'updated' }),
        networkChanged: (status) => this.emit('network', status),
        syncChanged: (state) => this.emit('sync', state),
        log: (line) => this.log('network', line),
      }),
    ]
  }

  /** Mining stops by itself, and chain and wallet write nothing more; what was stored stays readable. */
  private storageFailed(error: Error): void {
    this.log('storage', error.message, 'error')
    this.emit('fault', {
      kind: 'storage',
      message: `${error.message} Mining and payments have stopped. What was stored before is kept and can be read; free some space and reload the page.`,
    })
  }

  private rememberVerdict(hash: BlockHash, rejection: Rejection): void {
    if (this.blockVerdicts.size >= MAX_VERDICTS)
      this.blockVerdicts.delete(this.blockVerdicts.keys().next().value as BlockHash)
    this.blockVerdicts.set(hash, rejection)
  }

  private async resubmitPayments(): Promise<void> {
    for (const payment of this.wallet.pendingPayments()) {
      const { txid } = payment
      const accepted = await this.submitTransaction(payment)
      if (!accepted.ok && accepted.code !== 'txn-already-in-mempool')
        this.log('wallet', `The payment ${txid} waits outside the mempool: ${accepted.detail}`, 'warning')
    }
  }
}
