/**
 * This tab's node as the views see it: its RPC, and what its events last said. It subscribes once, so that a view opened later
 * knows at once whether the miner runs. Thread: Window.
 */

import type { NetworkStatus } from '../src/network/transport.ts'
import type { FaultEvent, LogEvent, MiningEvent, NodeEventName, SyncEvent } from '../src/node/events.ts'
import type { RpcCall } from '../src/node/rpc-client.ts'
import type { SignerStatus } from '../src/wallet/signer.ts'
import type { Opentab, TabIdentity } from './tab/opentab.ts'

/** Log lines that are kept for the network view. */
const LOG_LINES = 300
/** Hash rates that are kept for the miner's chart: two minutes at one a second. */
const HASH_RATES = 120

/** The latest block of the active chain. */
export interface Tip {
  readonly hash: string
  readonly height: number
  /** Header time, seconds since 1970. */
  readonly time: number
}

export class LiveNode {
  readonly identity: TabIdentity
  /** As `opentab.rpc`, of the wallet that the page shows. */
  readonly rpc: RpcCall
  tip: Tip | undefined
  mining: MiningEvent = {
    active: false,
    threads: 0,
    throttle: 1,
    graphicsCard: false,
    graphicsCardProblem: undefined,
    kernels: [],
    hashRate: 0,
    blocksFound: 0,
    problem: undefined,
    pause: undefined,
  }
  /** Hashes a second, oldest first. */
  hashRates: readonly number[] = []
  sync: SyncEvent = { headers: 0, blocks: 0, synced: true }
  network: NetworkStatus = { relays: [], directPeers: 0, relayedOnlyPeers: 0 }
  /** Since when none of the relays is connected, milliseconds since 1970; undefined while one is, or none is known. */
  relaysGoneAt: number | undefined
  /** Oldest first. */
  log: readonly LogEvent[] = []
  faults: readonly FaultEvent[] = []
  // Not `#`: nodes with a wallet in hand share it, see `of`.
  private readonly opentab: Opentab
  /** The wallet that a person chose to see. */
  private chosen: string | undefined

  constructor(opentab: Opentab) {
    this.opentab = opentab
    this.identity = opentab.identity
    this.rpc = async (method, ...args) => (await this.rpcOf(this.wallet)(method, ...args)) as never
    this.chosen = sessionStorage.getItem(this.choiceKey) ?? undefined
    // Views subscribe after us, so they find what an event said already taken in.
    opentab.on('tip', ({ hash, height, time }) => {
      this.tip = { hash, height, time }
    })
    opentab.on('mining', (mining) => {
      this.mining = mining
      this.hashRates = [...this.hashRates, mining.active ? mining.hashRate : 0].slice(-HASH_RATES)
    })
    opentab.on('sync', (sync) => {
      this.sync = sync
    })
    opentab.on('network', (network) => this.#takeIn(network))
    opentab.on('log', (line) => {
      this.log = [...this.log, line].slice(-LOG_LINES)
    })
    opentab.on('fault', (fault) => {
      this.faults = [...this.faults, fault]
    })
  }

  /** Asks for what events told before we listened. */
  async load(): Promise<void> {
    const [chain, network, peers] = await Promise.all([
      this.rpc('getblockchaininfo'),
      this.rpc('getnetworkinfo'),
      this.rpc('getpeerinfo'),
    ])
    this.tip ??= { hash: chain.bestblockhash, height: chain.blocks, time: chain.time }
    if (this.network.relays.length === 0)
      this.#takeIn({
        relays: network.relays,
        directPeers: peers.length,
        relayedOnlyPeers: network.relayedonlypeers,
        ...(network.connectionsused === undefined ? {} : { connectionsUsed: network.connectionsused }),
        // Since when, the next event tells.
        alarms: network.warnings.map((sentence, i) => ({ code: `${i}`, sentence, since: 0 })),
      })
  }

  #takeIn(network: NetworkStatus): void {
    const { relays } = network
    const isGone =
      relays.length > 0 && relays.every(({ state }) => state === 'unreachable' || state === 'connecting')
    this.network = network
    this.relaysGoneAt = isGone ? (this.relaysGoneAt ?? Date.now()) : undefined
  }

  /** Seconds since the time of the latest block; 0 before one is known. */
  get sinceTip(): number {
    return this.tip ? Math.max(0, Date.now() / 1000 - this.tip.time) : 0
  }

  /** Names of the wallets that are loaded. */
  get wallets(): readonly string[] {
    return this.opentab.wallets()
  }

  /** Name of the wallet that the page shows: the one that was chosen while it is loaded, else the first; undefined without any. */
  get wallet(): string | undefined {
    const { wallets } = this
    return wallets.find((name) => name === this.chosen) ?? wallets[0]
  }

  get hasWallet(): boolean {
    return this.wallet !== undefined
  }

  /** Has the page show this wallet, once it is loaded; kept as long as the tab. Views hear of it by no event: tell them. */
  chooseWallet(name: string): void {
    this.chosen = name
    sessionStorage.setItem(this.choiceKey, name)
  }

  private get choiceKey(): string {
    return `opentab/wallet/${this.identity.networkId}/${this.identity.profile}`
  }

  /** Calls of a wallet; of none in particular where it is undefined. */
  rpcOf(wallet: string | undefined): RpcCall {
    return wallet === undefined ? this.opentab.rpc : this.opentab.wallet(wallet).rpc
  }

  /**
   * This node with one wallet in hand, whichever the page shows later: `rpc`, `wallet` and `signer` are that wallet's. A view that holds it can't
   * mix two wallets.
   */
  of(wallet: string): LiveNode {
    const client = this.opentab.wallet(wallet)
    return Object.create(this, {
      rpc: { value: client.rpc },
      wallet: { value: wallet },
      signer: { get: () => client.signerStatus() },
    }) as LiveNode
  }

  /** State of the keys of the wallet that the page shows; `none` where they are elsewhere. Follows `wallet` events. */
  get signer(): SignerStatus {
    const { wallet } = this
    return wallet === undefined ? { state: 'none' } : this.opentab.wallet(wallet).signerStatus()
  }

  /** Calls `listener` at each of these events, after this object has taken it in. Returns the function that unsubscribes. */
  on(names: readonly NodeEventName[], listener: () => void): () => void {
    const unsubscribe = names.map((name) => this.opentab.on(name, listener))
    return () => {
      for (const stop of unsubscribe) stop()
    }
  }
}

/** What an error says to people. Errors of the node are sentences already. */
export function sentence(error: unknown): string {
  return error instanceof Error && error.message !== '' ? error.message : String(error)
}

/** Bitcoin Core's code of an RPC error; undefined for others. */
export function rpcCode(error: unknown): number | undefined {
  const code = (error as { code?: unknown } | null)?.code
  return typeof code === 'number' ? code : undefined
}
