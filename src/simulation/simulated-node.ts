/**
 * A tab of the simulator: an unchanged NodeCore over virtual ports, on stores that outlive it. It can be killed at any instant and
 * started again on what was durable then.
 */
import { networkId } from '../consensus/genesis.ts'
import type { NetworkParams } from '../consensus/params.ts'
import { NodeCore } from '../node/node-core.ts'
import { fromDisplay } from '../primitives/hashes.ts'
import type { Clock } from '../primitives/ports.ts'
import type { PeerId } from '../protocol/transport.ts'
import { MemoryChainStore } from '../storage/memory-chain-store.ts'
import { MemoryKeyStore } from '../storage/memory-key-store.ts'
import { MemoryPeerStore } from '../storage/memory-peer-store.ts'
import { MemoryWalletStore } from '../storage/memory-wallet-store.ts'
import { coinType } from '../wallet/coin-type.ts'
import { LocalSigner } from '../wallet/local-signer.ts'
import { type DelayedPort, delayedPort } from './delayed-port.ts'
import type { SeededRandom } from './seeded-random.ts'
import { type VerdictCache, VirtualCheckPool } from './virtual-check-pool.ts'
import { VirtualMinerPool } from './virtual-miner-pool.ts'
import type { VirtualNetwork } from './virtual-network.ts'
import type { VirtualTime } from './virtual-time.ts'

export interface SimulatedNodeOptions {
  readonly id: PeerId
  readonly params: NetworkParams
  readonly time: VirtualTime
  readonly network: VirtualNetwork
  readonly random: SeededRandom
  readonly verdicts: VerdictCache
  /** Hashes a virtual second while it mines. */
  readonly hashRate: number
  /** A key store with a wallet made beforehand; an empty one when left out. Its passphrase is `PASSPHRASE`. */
  readonly keys?: MemoryKeyStore
}

/** Of the wallets in simulated nodes. */
export const PASSPHRASE = 'simulated'

/** Milliseconds that a write to storage and a batch of checks take: least, most. */
const STORE_LATENCY = [1, 20] as const
const CHECK_LATENCY = [0, 50] as const

/** What a killed tab leaves behind of itself: nothing but its stores. */
interface Life {
  readonly core: NodeCore
  readonly stores: readonly DelayedPort<object>[]
  readonly clock: MortalClock
  stopTransport(): Promise<void>
}

export class SimulatedNode {
  readonly id: PeerId
  private readonly options: SimulatedNodeOptions
  private chainStore: MemoryChainStore
  private readonly walletStore = new MemoryWalletStore()
  private readonly peerStore = new MemoryPeerStore()
  private readonly keys: MemoryKeyStore
  private life: Life | undefined

  constructor(options: SimulatedNodeOptions) {
    this.options = options
    this.id = options.id
    this.chainStore = new MemoryChainStore(options.random.bytes(8))
    this.keys = options.keys ?? new MemoryKeyStore()
  }

  get running(): boolean {
    return this.life !== undefined
  }

  /** The node, while it runs. */
  get core(): NodeCore {
    if (this.life === undefined) throw new Error(`${this.id} is not running`)
    return this.life.core
  }

  /** Opens the node on its stores, unlocks its wallet, and joins the network. */
  async start(): Promise<void> {
    const { params, time, network, verdicts, hashRate } = this.options
    const random = this.options.random.fork('life')
    const clock = new MortalClock(time)
    const stores: DelayedPort<object>[] = []
    const delayed = <T extends object>(target: T, latency: readonly [number, number]): T => {
      const wrapped = delayedPort(target, time, random.fork('port'), latency)
      stores.push(wrapped)
      return wrapped.port
    }
    const genesisHash = fromDisplay(networkId(params))
    const signer = await LocalSigner.open({
      network: { id: networkId(params), name: params.name },
      coinType: coinType(params, genesisHash),
      store: this.keys,
      clock,
      random,
      logN: 1,
    })
    if (signer.status().state === 'locked') await signer.unlock(PASSPHRASE)
    this.chainStore = this.chainStore.clone()
    const transport = network.endpoint(this.id)
    const core = await NodeCore.open(params, {
      clock,
      random,
      transport,
      signer,
      chainStore: delayed(this.chainStore, STORE_LATENCY),
      walletStore: delayed(this.walletStore, STORE_LATENCY),
      peerStore: delayed(this.peerStore, STORE_LATENCY),
      checks: delayed(new VirtualCheckPool(verdicts), CHECK_LATENCY),
      miners: new VirtualMinerPool(clock, random.fork('miner'), hashRate),
    })
    this.life = { core, stores, clock, stopTransport: () => transport.stop() }
    await core.start()
  }

  /** Kills the tab: nothing runs on, and what was being written is durable or lost. */
  async kill(): Promise<void> {
    const { life } = this
    if (life === undefined) return
    this.life = undefined
    life.clock.stop()
    await life.stopTransport()
    for (const store of life.stores) await store.kill()
  }

  /** Closes the tab in good order. */
  async stop(): Promise<void> {
    const { life } = this
    this.life = undefined
    await life?.core.close()
  }
}

/** A clock whose timers end with the tab. */
class MortalClock implements Clock {
  private readonly time: VirtualTime
  private alive = true

  constructor(time: VirtualTime) {
    this.time = time
  }

  now(): number {
    return this.time.now()
  }

  after(milliseconds: number, run: () => void): () => void {
    return this.time.after(milliseconds, () => {
      if (this.alive) run()
    })
  }

  stop(): void {
    this.alive = false
  }
}
