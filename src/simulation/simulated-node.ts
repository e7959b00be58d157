/**
 * A tab of the simulator: an unchanged NodeCore over virtual ports, on stores that outlive it. It can be killed at any instant, also
 * while it opens, and started again on what was durable then. Every start checks that nothing acknowledged was lost.
 */
import { StorageError } from '../chain/store.ts'
import type { NetworkParams } from '../consensus/params.ts'
import type { PeerId } from '../network/transport.ts'
import type { NodeEvent } from '../node/events.ts'
import { NodeCore } from '../node/node-core.ts'
import { rpcPart } from '../node/rpc-part.ts'
import { walletPart } from '../node/wallet-part.ts'
import { taggedHash } from '../primitives/hashes.ts'
import type { Clock, Faults } from '../primitives/ports.ts'
import { p2trScript } from '../script/taproot.ts'
import { type DelayedPort, type DelayedPortOptions, delayedPort } from '../simulator/delayed-port.ts'
import type { SeededRandom } from '../simulator/seeded-random.ts'
import type { VirtualTime } from '../simulator/virtual-time.ts'
import { MemoryChainStore } from '../storage/memory-chain-store.ts'
import { MemoryPeerStore } from '../storage/memory-peer-store.ts'
import { MemoryWalletDirectory } from '../storage/memory-wallet-directory.ts'
import { type Signer, signersOf } from '../wallet/signer.ts'
import type { WalletDirectory } from '../wallet/store.ts'
import type { Wallet } from '../wallet/wallet.ts'
import { Acknowledged } from './acknowledged.ts'
import type { TabNetwork } from './tab-network.ts'
import { type VerdictCache, VirtualCheckPool } from './virtual-check-pool.ts'
import { VirtualMinerPool } from './virtual-miner-pool.ts'

export interface SimulatedNodeOptions {
  readonly id: PeerId
  readonly params: NetworkParams
  readonly time: VirtualTime
  readonly network: TabNetwork
  readonly random: SeededRandom
  readonly verdicts: VerdictCache
  /** Hashes a virtual second while it mines. */
  readonly hashRate: number
  /** Of its wallet; none when left out. */
  readonly signer?: Signer | undefined
  /** Milliseconds by which its clock is ahead. */
  readonly clockError?: number
  readonly faults: Faults
  /** Hears all that the node tells, in every life. */
  readonly onEvent?: (event: NodeEvent) => void
}

/** Milliseconds that a call takes, least and most. */
const STORE_LATENCY = [1, 20] as const
const CHECK_LATENCY = [0, 50] as const
const SIGNER_LATENCY = [5, 100] as const

/** What a killed tab leaves behind of itself: nothing but its stores. */
interface Life {
  readonly clock: MortalClock
  readonly ports: DelayedPort<object>[]
  /** Undefined while it opens. */
  core: NodeCore | undefined
  stopTransport(): Promise<void>
}

export class SimulatedNode {
  readonly id: PeerId
  /** Kept through all lives, for the invariants. */
  readonly acknowledged = new Acknowledged()
  /** Calls of the chain's store, in all lives. */
  storeCalls = 0
  /** Hears the number of each when it is about to take effect: to kill the node there. */
  onStoreCall: (call: number) => void = () => {}
  /** No write of any store succeeds while it is set. */
  diskFull = false
  /** Milliseconds by which its clock is ahead. */
  clockError: number
  private readonly options: SimulatedNodeOptions
  private chainStore: MemoryChainStore
  private readonly wallets = new MemoryWalletDirectory()
  private readonly peerStore = new MemoryPeerStore()
  private mining = false
  private life: Life | undefined

  constructor(options: SimulatedNodeOptions) {
    this.options = options
    this.id = options.id
    this.clockError = options.clockError ?? 0
    this.chainStore = new MemoryChainStore(options.random.bytes(8))
  }

  /** Opening or running. */
  get alive(): boolean {
    return this.life !== undefined
  }

  /** Open, and on its way into the network or in it. */
  get running(): boolean {
    return this.life?.core !== undefined
  }

  /** The node, while it runs. */
  get core(): NodeCore {
    if (this.life?.core === undefined) throw new Error(`${this.id} is not running`)
    return this.life.core
  }

  /** The wallet of a node that runs and has one. */
  get wallet(): Wallet {
    if (this.core.wallet === undefined) throw new Error(`${this.id} has no wallet`)
    return this.core.wallet
  }

  get hasWallet(): boolean {
    return this.options.signer !== undefined
  }

  /** The peers that it banned, in any life. */
  async bannedPeers(): Promise<PeerId[]> {
    return (await this.peerStore.loadBans()).map(({ id }) => id)
  }

  /**
   * Opens the node on its stores, joins the network, and mines if it did. Rejects when opening fails or something acknowledged is
   * missing; never settles when it is killed before.
   */
  async start(): Promise<void> {
    if (this.life) throw new Error(`${this.id} runs already`)
    const { params, time, network, verdicts, hashRate, signer, faults } = this.options
    const random = this.options.random.fork('life')
    const transport = network.endpoint(this.id)
    const clock = new MortalClock(time, () => this.clockError)
    const life: Life = { clock, ports: [], core: undefined, stopTransport: () => transport.stop() }
    this.life = life
    const delayed = <T extends object>(
      target: T,
      latency: readonly [number, number],
      options: Pick<DelayedPortOptions, 'before' | 'refuse'> = {},
    ): T => {
      const wrapped = delayedPort(target, { time, random: random.fork('port'), latency, ...options })
      life.ports.push(wrapped)
      return wrapped.port
    }
    // The one of the life before is closed, or was cut off.
    this.chainStore = this.chainStore.clone()
    const refuse = (method: string) => this.refuseWrite(method)
    const before = () => this.onStoreCall(++this.storeCalls)
    const core = await NodeCore.open(params, {
      clock,
      random,
      faults,
      transport,
      signers: signersOf(
        signer ? { '': slowSigner(signer, (target) => delayed(target, SIGNER_LATENCY)) } : {},
      ),
      loadRpc: async () => rpcPart,
      loadWallet: async () => walletPart,
      chainStore: delayed(this.chainStore, STORE_LATENCY, { before, refuse }),
      wallets: delayedDirectory(this.wallets, (target) => delayed(target, STORE_LATENCY, { refuse })),
      peerStore: delayed(this.peerStore, STORE_LATENCY, { refuse }),
      checks: delayed(new VirtualCheckPool(verdicts), CHECK_LATENCY),
      miners: new VirtualMinerPool(clock, random.fork('miner'), hashRate),
    })
    this.acknowledged.check(core)
    life.core = core
    core.subscribe((event) => {
      // A dead tab tells nobody anything.
      if (this.life !== life) return
      if (event.name === 'tip') this.acknowledged.tip(event.detail.hash)
      if (event.name === 'mined') this.acknowledged.mined(event.detail.hash)
      this.options.onEvent?.(event)
    })
    await core.start()
    if (this.mining) await this.mine()
  }

  /** Mines from now on, in this life and those to come. */
  async mine(): Promise<void> {
    this.mining = true
    const { life } = this
    if (!life?.core) return
    const { core } = life
    const scriptPubKey = this.hasWallet ? await miningScript(core) : nobodysScript(this.id)
    if (this.mining && this.life === life) core.miner.start(scriptPubKey)
  }

  stopMining(): void {
    this.mining = false
    this.life?.core?.miner.stop()
  }

  /** Kills the tab: nothing runs on, and what was being written is durable or lost. */
  async kill(): Promise<void> {
    const { life } = this
    if (life === undefined) return
    this.life = undefined
    life.clock.stop()
    await life.stopTransport()
    for (const port of life.ports) await port.kill()
  }

  /** Closes the tab in good order; kills it where it is still opening. */
  async stop(): Promise<void> {
    const { life } = this
    if (life?.core === undefined) return this.kill()
    this.life = undefined
    await life.core.close()
    life.clock.stop()
  }

  private refuseWrite(method: string): Error | undefined {
    const writes = method === 'write' || method === 'commit' || method === 'save' || method === 'saveBans'
    return writes && this.diskFull ? new StorageError('quota', 'There is no room left.') : undefined
  }
}

async function miningScript(core: NodeCore): Promise<Uint8Array> {
  const address = await core.wallet?.miningAddress()
  if (!address?.ok) throw new Error(address?.detail ?? 'There is no wallet.')
  return address.value.scriptPubKey
}

/** A script that no wallet watches. */
function nobodysScript(id: PeerId): Uint8Array {
  return p2trScript(
    taggedHash(
      'simulation/nobody',
      Uint8Array.from(id, (char) => char.charCodeAt(0)),
    ),
  )
}

/** A directory whose calls, and those of the records of its wallets, are delayed. */
function delayedDirectory(
  wallets: WalletDirectory,
  delayed: <T extends object>(target: T) => T,
): WalletDirectory {
  const { load, save } = delayed({ load: () => wallets.load(), save: wallets.save.bind(wallets) })
  return { load, save, records: (name) => delayed(wallets.records(name)) }
}

/** A signer in a worker of its own: its state is known at once, a signature takes a while. */
function slowSigner(
  signer: Signer,
  delayed: (target: Pick<Signer, 'signPsbt'>) => Pick<Signer, 'signPsbt'>,
): Signer {
  const worker = delayed({ signPsbt: (psbt, replaced) => signer.signPsbt(psbt, replaced) })
  return {
    status: () => signer.status(),
    lock: () => signer.lock(),
    onChange: () => () => {},
    signPsbt: (psbt, replaced) => worker.signPsbt(psbt, replaced),
  }
}

/** A clock whose timers end with the tab. */
class MortalClock implements Clock {
  private readonly time: VirtualTime
  private readonly error: () => number
  private alive = true

  constructor(time: VirtualTime, error: () => number) {
    this.time = time
    this.error = error
  }

  now(): number {
    return this.time.now() + this.error()
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
