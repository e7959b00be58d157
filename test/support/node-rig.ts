/** Whole nodes over virtual time and a virtual network, driven by RPC as users drive a tab. */
import { setImmediate } from 'node:timers/promises'
import type { ChainStore } from '../../src/chain/store.ts'
import type { TowerLimits } from '../../src/channels/tower.ts'
import { networkId } from '../../src/consensus/genesis.ts'
import { type NetworkParams, REGTEST } from '../../src/consensus/params.ts'
import type { PeerId } from '../../src/network/transport.ts'
import { Channels } from '../../src/node/channels-part.ts'
import type { NodeEvent, NodeEventName, NodeEvents } from '../../src/node/events.ts'
import { type ChannelsPart, type LoadRpc, type LoadWallet, NodeCore } from '../../src/node/node-core.ts'
import { callRpc } from '../../src/node/rpc.ts'
import { channelMethods } from '../../src/node/rpc-channels.ts'
import { rpcPart } from '../../src/node/rpc-part.ts'
import { towerMethods } from '../../src/node/rpc-towers.ts'
import { walletPart } from '../../src/node/wallet-part.ts'
import { taggedHash } from '../../src/primitives/hashes.ts'
import type { Faults } from '../../src/primitives/ports.ts'
import type { MakePart } from '../../src/protocol/part.ts'
import { encodeAddress } from '../../src/script/address.ts'
import type { LocalSigner } from '../../src/signer/local-signer.ts'
import { LocalSigners } from '../../src/signer/local-signers.ts'
import { allUnattended } from '../../src/signer/unattended.ts'
import { TabNetwork } from '../../src/simulation/tab-network.ts'
import { VerdictCache, VirtualCheckPool } from '../../src/simulation/virtual-check-pool.ts'
import { VirtualMinerPool } from '../../src/simulation/virtual-miner-pool.ts'
import { SeededRandom } from '../../src/simulator/seeded-random.ts'
import { VirtualTime } from '../../src/simulator/virtual-time.ts'
import { MemoryChainStore } from '../../src/storage/memory-chain-store.ts'
import { MemoryChannelStore } from '../../src/storage/memory-channel-store.ts'
import { MemoryKeyStores } from '../../src/storage/memory-key-store.ts'
import { MemoryPeerStore } from '../../src/storage/memory-peer-store.ts'
import { MemoryTowerStore } from '../../src/storage/memory-tower-store.ts'
import { MemoryWalletDirectory } from '../../src/storage/memory-wallet-directory.ts'
import { NO_SIGNER, type Signers } from '../../src/wallet/signer.ts'
import type { WalletDirectory, WalletStore } from '../../src/wallet/store.ts'
import { FAIL_TEST } from './faults.ts'
import { differencesOf } from './rpc-shapes.ts'
import { PASSPHRASE, value } from './wallets.ts'

/** Mined coins mature soon, so that a test needs few blocks. */
export const RIG_PARAMS: NetworkParams = { ...REGTEST, coinbaseMaturity: 5 }

/** An address of nobody. */
export const STRANGER = encodeAddress(taggedHash('test/stranger'), RIG_PARAMS.addressPrefix)

export interface RigNodeOptions {
  /** Created and unlocked; true by default. */
  readonly wallet?: boolean
  readonly chainStore?: ChainStore
  readonly walletStore?: WalletStore
  readonly loadRpc?: LoadRpc
  /** A bug fails the test by default. */
  readonly faults?: Faults
  readonly loadWallet?: LoadWallet
  readonly parts?: readonly MakePart[]
  /** Whether payments need an approval, as a tab's do; by default whoever asks for one agrees to it. */
  readonly attended?: boolean
  /** Whether its default wallet has channels. */
  readonly channels?: boolean
  readonly towerLimits?: TowerLimits
}

/** An RPC error. */
export interface Failure {
  readonly code: number
  readonly message: string
}

// biome-ignore lint/suspicious/noExplicitAny: results are JSON, whose shapes the tests assert
export type Json = any

export class NodeRig {
  readonly time: VirtualTime
  readonly network: TabNetwork
  readonly params: NetworkParams
  readonly random: SeededRandom
  readonly verdicts = new VerdictCache()

  constructor({ params = RIG_PARAMS, seed = 'rig' } = {}) {
    this.params = params
    this.random = new SeededRandom(seed)
    // Far enough from genesis that no block of a test is ahead of its time.
    this.time = new VirtualTime((params.genesisTime + 1_000_000) * 1000, () => setImmediate())
    this.network = new TabNetwork(this.time, this.random.fork('network'), {
      latency: [10, 100],
      loss: 0,
      degree: 2,
    })
  }

  async add(name: string, options: RigNodeOptions = {}): Promise<RigNode> {
    const node = new RigNode(this, name, options)
    await node.open()
    return node
  }

  /** Lets virtual time pass until `done`; throws when it does not come true within ten minutes. */
  async until(done: () => boolean): Promise<void> {
    if (!(await this.time.run(600_000, done))) throw new Error('what the test waits for did not come true')
  }
}

export class RigNode {
  readonly rig: NodeRig
  readonly name: string
  readonly events: NodeEvent[] = []
  signers!: LocalSigners
  /** Of the default wallet. */
  signer!: LocalSigner
  core!: NodeCore
  private readonly options: RigNodeOptions
  keys = new MemoryKeyStores()
  private wallets = new MemoryWalletDirectory()
  /** Of its default wallet. */
  private words: string | undefined
  private channelStore = new MemoryChannelStore()
  towerStore = new MemoryTowerStore()
  channels!: Channels
  private readonly peerStore = new MemoryPeerStore()
  private chainStore: MemoryChainStore

  constructor(rig: NodeRig, name: string, options: RigNodeOptions) {
    this.rig = rig
    this.name = name
    this.options = options
    this.chainStore = new MemoryChainStore(rig.random.fork(`${name}/salt`).bytes(8))
  }

  get id(): PeerId {
    return this.name as PeerId
  }

  /** `locked`: its wallet is not unlocked, as after a reload of a tab. */
  async open(locked = false): Promise<void> {
    const { params, time, network, verdicts } = this.rig
    const random = this.rig.random.fork(this.name)
    this.signers = await LocalSigners.open({
      network: { id: networkId(params), name: params.name },
      coinType: 1,
      addressPrefix: params.addressPrefix,
      stores: this.keys,
      clock: time,
      random: random.fork('signer'),
      unattended: this.options.attended !== true,
      logN: 1,
    })
    this.signer = await this.signers.of('')
    if (this.options.wallet !== false) {
      if (this.signer.status().state === 'none') {
        if (this.words) value(await this.signer.restoreWords(this.words, PASSPHRASE))
        else this.words = value(await this.signer.create(PASSPHRASE))
      }
      if (!locked) value(await this.signer.unlock(PASSPHRASE))
    }
    this.core = await time.complete(
      NodeCore.open(params, {
        clock: time,
        random,
        faults: this.options.faults ?? FAIL_TEST,
        signers: this.options.attended ? attended(this.signers) : allUnattended(this.signers),
        loadRpc: this.options.loadRpc ?? (async () => rpcPart),
        ...(this.options.channels && { openChannels: (node) => this.openChannels(node) }),
        loadWallet: this.options.loadWallet ?? (async () => walletPart),
        transport: network.endpoint(this.id),
        chainStore: this.options.chainStore ?? this.chainStore,
        wallets: this.directory(),
        peerStore: this.peerStore,
        checks: new VirtualCheckPool(verdicts),
        miners: new VirtualMinerPool(time, random.fork('miner'), 1),
        parts: this.options.parts ?? [],
      }),
    )
    this.core.subscribe((event) => this.events.push(event))
    await time.complete(this.core.start())
    if (this.core.openChannels) await time.complete(this.core.openChannels())
  }

  /** Its channels, of the default wallet. */
  async openChannels(node: NodeCore): Promise<ChannelsPart> {
    const opened = await Channels.open(node, {
      store: this.channelStore,
      signer: this.signer.channels,
      wallet: '',
      towerStore: this.towerStore,
      ...(this.options.towerLimits && { towerLimits: this.options.towerLimits }),
    })
    this.channels = value(opened)
    const methods = [...channelMethods(this.channels), ...towerMethods(this.channels)]
    return { methods, close: () => this.channels.close() }
  }

  /** The records of a wallet. */
  records(wallet: string): WalletStore {
    return this.wallets.records(wallet)
  }

  private directory(): WalletDirectory {
    const { walletStore } = this.options
    if (!walletStore) return this.wallets
    return {
      load: () => this.wallets.load(),
      save: (name, entry) => this.wallets.save(name, entry),
      records: () => walletStore,
    }
  }

  /** Closes the node and opens it on what its stores hold. */
  async restart(): Promise<void> {
    await this.rig.time.complete(this.core.close())
    this.chainStore = this.chainStore.clone()
    await this.open()
  }

  /** Ends the node at this instant: what its stores of channels and keys did not have is lost. `open` starts it again. */
  async kill(): Promise<void> {
    this.channelStore = this.channelStore.copy()
    this.towerStore = this.towerStore.copy()
    this.keys = this.keys.copy()
    await this.rig.time.complete(this.core.close())
    this.chainStore = this.chainStore.clone()
  }

  /** Ends the node; nothing is left of it but the chain and the seed words. `open` restores them. */
  async lose(): Promise<void> {
    await this.kill()
    this.channelStore = new MemoryChannelStore()
    this.keys = new MemoryKeyStores()
    this.wallets = new MemoryWalletDirectory()
  }

  /** The result of an RPC call; throws where it fails. */
  rpc(method: string, ...args: unknown[]): Promise<Json> {
    return this.rpcOf(undefined, method, ...args)
  }

  /** The same of a call that names a wallet. */
  async rpcOf(wallet: string | undefined, method: string, ...args: unknown[]): Promise<Json> {
    const response = await this.rig.time.complete(callRpc(this.core, method, args, wallet))
    if ('error' in response) throw new Error(`${method}: ${response.error.message} (${response.error.code})`)
    // Whatever a test is about: an answer that isn't what `help` says is wrong.
    const [wrong] = differencesOf(method, args, response.result)
    if (wrong !== undefined) throw new Error(`Not as described: ${wrong}`)
    return response.result
  }

  /** The error of an RPC call; throws where it succeeds. */
  failure(method: string, ...args: unknown[]): Promise<Failure> {
    return this.failureOf(undefined, method, ...args)
  }

  /** The same of a call that names a wallet. */
  async failureOf(wallet: string | undefined, method: string, ...args: unknown[]): Promise<Failure> {
    const response = await this.rig.time.complete(callRpc(this.core, method, args, wallet))
    if ('error' in response) return response.error
    throw new Error(`${method} succeeded: ${JSON.stringify(response.result)}`)
  }

  /** Mines blocks on demand to an address, by default one of its own. Their hashes. */
  async generate(count: number, address?: string): Promise<string[]> {
    return this.rpc('generatetoaddress', count, address ?? (await this.rpc('getnewaddress')))
  }

  /** Mines until the wallet has a coin to spend. */
  async fund(): Promise<void> {
    await this.generate(1)
    await this.generate(this.rig.params.coinbaseMaturity, STRANGER)
  }

  get tip(): string {
    const { chain } = this.core
    return chain.headers.hash(chain.tip)
  }

  /** The details of the events of one name, in order. */
  told<Name extends NodeEventName>(name: Name): NodeEvents[Name][] {
    return this.events.flatMap((event) => (event.name === name ? [event.detail as NodeEvents[Name]] : []))
  }
}

/** The signers as they are: what was not approved is not signed. */
function attended(signers: LocalSigners): Signers {
  return {
    names: () => signers.names(),
    signer: (wallet) => signers.get(wallet) ?? NO_SIGNER,
    onChange: (listener) => signers.onChange(listener),
  }
}
