/**
 * A node without a browser: what a tab has in several threads, in one. Blocks and wallets lie in a folder, peers are met by WebRTC, and RPC methods that
 * the page of a tab answers with its signer are answered here. Thread: Node's main; checks and mining have threads of their own.
 */
import '../relay/polyfill.ts'
import './browser-globals.ts'
import { availableParallelism } from 'node:os'
import { join } from 'node:path'
import { networkId } from '../src/consensus/genesis.ts'
import type { NetworkParams } from '../src/consensus/params.ts'
import { ThreadedMinerPool } from '../src/mining/threaded-miner-pool.ts'
import type { PeerId } from '../src/network/transport.ts'
import type { LogEvent, NodeEvent, NodeEventName, NodeEvents } from '../src/node/events.ts'
import { NodeCore } from '../src/node/node-core.ts'
import { callRpc } from '../src/node/rpc.ts'
import { RPC_INTERNAL_ERROR, RpcError, type RpcResponse } from '../src/node/rpc-error.ts'
import { pageMethods } from '../src/node/rpc-page-methods.ts'
import { rpcPart } from '../src/node/rpc-part.ts'
import { signingMethods } from '../src/node/rpc-signing-methods.ts'
import { walletPart } from '../src/node/wallet-part.ts'
import { fromDisplay } from '../src/primitives/hashes.ts'
import type { Faults } from '../src/primitives/ports.ts'
import { LocalSigners } from '../src/signer/local-signers.ts'
import { createLibp2pTransport, type Libp2pTransport } from '../src/transport/libp2p-transport.ts'
import { isRelayAddress } from '../src/transport/relay-client.ts'
import { TimeJump } from '../src/transport/waking.ts'
import { coinType } from '../src/wallet/coin-type.ts'
import { openChannelsOver } from '../src/workers/channels-part.ts'
import { installCurveKernel } from '../src/workers/curve-kernel.ts'
import { installHashKernel } from '../src/workers/hash-kernel.ts'
import { RemoteSigners, runCommand, type SignerCommand, serveSigners } from '../src/workers/signer-link.ts'
import { systemClock, systemRandom } from '../src/workers/system-ports.ts'
import { ThreadedCheckPool } from '../src/workers/threaded-check-pool.ts'
import { startWorkerCheckThread } from '../src/workers/worker-check-threads.ts'
import { startWorkerMinerThread } from '../src/workers/worker-miner-threads.ts'
import { type NetworkFile, NetworkFileFollower, parseNetworkFile } from '../web/tab/network-file.ts'
import { callPayment } from '../web/tab/payment-methods.ts'
import { walletMethods } from '../web/tab/wallet-methods.ts'
import { DiskChainStore } from './disk-chain-store.ts'
import { DiskChannelStore } from './disk-channel-store.ts'
import { DiskDatabase } from './disk-database.ts'
import { DiskKeyStores } from './disk-key-stores.ts'
import { DiskPeerStore, loadIdentity } from './disk-peer-store.ts'
import { DiskTowerStore } from './disk-tower-store.ts'
import { DiskWalletDirectory } from './disk-wallet-stores.ts'

/** Milliseconds between two looks at whether this computer slept. */
const LOOK = 1000

/** How long a page's server may take to answer, milliseconds. */
const FETCH_TIMEOUT = 10_000

/** Methods that the signer has a hand in: those that sign, and those that carry a passphrase or seed words. */
const SIGNER_METHODS: ReadonlySet<string> = new Set(
  [...pageMethods, ...signingMethods].map(({ name }) => name),
)

export interface HeadlessOptions {
  readonly params: NetworkParams
  /** Where the folders of all networks lie, each under its network's id. */
  readonly folder: string
  /** Multiaddrs of relays that end in a peer id, and addresses of pages (http, https) whose `network.json` names relays. */
  readonly relays: readonly string[]
  /** Told every event, from the start on. */
  readonly told: (event: NodeEvent) => void
}

export class HeadlessNode {
  /** Resolves when the node has ended, by `close` or by a call of `stop`. */
  readonly ended: Promise<void>
  private readonly core: NodeCore
  private readonly signers: LocalSigners
  private readonly stops: readonly (() => unknown)[]
  private end = (): void => {}
  private closing: Promise<void> | undefined

  private constructor(core: NodeCore, signers: LocalSigners, stops: readonly (() => unknown)[]) {
    this.core = core
    this.signers = signers
    this.stops = stops
    this.ended = new Promise((resolve) => {
      this.end = resolve
    })
  }

  /** Opens the folder, and joins the network. Rejects with an Error whose message says why it can't: a `StorageError` of the folder. */
  static async open({ params, folder, relays, told }: HeadlessOptions): Promise<HeadlessNode> {
    const id = networkId(params)
    const log = (source: LogEvent['source'], level: LogEvent['level'], message: string): void =>
      told({ name: 'log', detail: { time: systemClock.now(), source, level, message } })
    const faults: Faults = {
      report(error, consequence) {
        const message = consequence === undefined ? messageOf(error) : `${messageOf(error)} ${consequence}`
        log('node', 'error', error instanceof Error ? `${message}\n${error.stack}` : message)
        told({ name: 'fault', detail: { kind: 'internal', message } })
      },
    }
    await installKernels((message) => log('node', 'warning', message))
    const database = await DiskDatabase.open(join(folder, id))
    const signers = await LocalSigners.open({
      network: { id, name: params.name },
      coinType: coinType(params, fromDisplay(id)),
      addressPrefix: params.addressPrefix,
      stores: new DiskKeyStores(database),
      clock: systemClock,
      random: systemRandom,
    })
    // The brain's line to the signers, as between a tab's threads: nothing but PSBTs and signatures pass.
    const line = new MessageChannel()
    serveSigners(signers, line.port1)
    const remoteSigners = await RemoteSigners.connect(line.port2)
    const transport = createLibp2pTransport({
      networkId: id,
      identitySeed: await loadIdentity(database, systemRandom),
      relays: [],
      iceServers: [],
    })
    const cores = availableParallelism()
    // One core is left to this thread, which connects the next blocks meanwhile.
    const checks = new ThreadedCheckPool(startWorkerCheckThread, Math.max(1, cores - 1), (message) =>
      log('node', 'warning', message),
    )
    const channels = { store: new DiskChannelStore(database), towerStore: new DiskTowerStore(database) }
    const core = await NodeCore.open(params, {
      clock: systemClock,
      random: systemRandom,
      faults,
      transport,
      signers: remoteSigners,
      loadRpc: async () => rpcPart,
      loadWallet: async () => walletPart,
      // Where money is worth something they wait for towers and for gossip.
      ...(params.testControls && {
        openChannels: (node: NodeCore) => openChannelsOver(channels, node, remoteSigners),
      }),
      chainStore: new DiskChainStore(database),
      wallets: new DiskWalletDirectory(database),
      peerStore: new DiskPeerStore(database),
      checks,
      miners: new ThreadedMinerPool(startWorkerMinerThread, cores, systemClock),
    })
    core.subscribe(told)
    const follower = followRelays(core, transport, relays, (line) => log('network', 'warning', line))
    const waking = watchForSleep(() => {
      transport.wake()
      void follower.read()
    })
    await follower.read()
    await core.start()
    if ((await channels.store.load()).length > 0)
      await core.openChannels?.().catch((error: unknown) => log('wallet', 'error', messageOf(error)))
    return new HeadlessNode(core, signers, [
      () => clearInterval(waking),
      () => core.close(),
      () => checks.stop(),
      () => line.port1.close(),
      () => database.close(),
    ])
  }

  /** This node's libp2p peer id. */
  get peerId(): PeerId {
    return this.core.self
  }

  /**
   * Calls an RPC method, those of the page among them: the call itself is the approval of what it pays, as at a tab's console. Never rejects; see
   * `callRpc`. After `stop` the node ends.
   */
  async call(method: string, args: readonly unknown[], wallet?: string): Promise<RpcResponse> {
    if (method === 'stop') {
      void this.close()
      return { result: 'The node is stopping. What it acknowledged is on the disk.' }
    }
    if (!SIGNER_METHODS.has(method)) return callRpc(this.core, method, args, wallet)
    const { core, signers } = this
    const brain = {
      get wallets() {
        return core.wallets?.loadedNames ?? []
      },
      rpc: (name: string, given: readonly unknown[], named?: string) => ask(core, name, given, named),
      on: <Name extends NodeEventName>(name: Name, listener: (detail: NodeEvents[Name]) => void) =>
        core.subscribe((event) => {
          if (event.name === name) listener(event.detail as NodeEvents[Name])
        }),
    }
    const keys = {
      run: (name: string, command: SignerCommand) => runCommand(signers, name, command),
      status: (name: string) => signers.status(name),
      // They are in this very thread: while anybody can ask, they are there.
      stopped: new Promise<never>(() => {}),
    }
    try {
      const answer = walletMethods(brain, keys, wallet).get(method)
      return { result: await (answer ? answer(args) : callPayment(brain, keys, method, args, wallet)) }
    } catch (error) {
      const code = error instanceof RpcError ? error.code : RPC_INTERNAL_ERROR
      return { error: { code, message: messageOf(error) } }
    }
  }

  /** Ends everything; what was acknowledged is on the disk. */
  close(): Promise<void> {
    this.closing ??= (async () => {
      try {
        for (const stop of this.stops) await stop()
      } finally {
        this.end()
      }
    })()
    return this.closing
  }
}

/** What a method answers. Rejects with an `RpcError`. */
async function ask(
  core: NodeCore,
  method: string,
  args: readonly unknown[],
  wallet?: string,
): Promise<unknown> {
  const response = await callRpc(core, method, args, wallet)
  if ('error' in response) throw new RpcError(response.error.code, response.error.message)
  return response.result
}

/** `warn` is told why a kernel can't be used: what it computes is then computed without it, more slowly. */
async function installKernels(warn: (message: string) => void): Promise<void> {
  const failed = (name: string) => (error: unknown) =>
    warn(`The ${name} kernel can't be used (${messageOf(error)}). What it computes takes longer without it.`)
  await Promise.all([
    installHashKernel().catch(failed('hash')),
    installCurveKernel().catch(failed('signature')),
  ])
}

/** Keeps to the relays that are named, and to those that the pages among them name from time to time. */
function followRelays(
  core: NodeCore,
  transport: Libp2pTransport,
  named: readonly string[],
  warn: (line: string) => void,
): NetworkFileFollower {
  const pages = named.filter(isPage)
  /** What was last read of each page, beside what is named itself: a page that can't be asked changes nothing. */
  const files = new Map<string, NetworkFile>()
  files.set('', { relays: named.filter((address) => !isPage(address)), iceServers: [] })
  const follower = new NetworkFileFollower({
    async load() {
      const read = async (page: string): Promise<void> => {
        const file = await loadNetworkFile(page, warn)
        if (file) files.set(page, file)
      }
      await Promise.all(pages.map(read))
      const known = [...files.values()]
      return {
        relays: known.flatMap(({ relays }) => relays),
        iceServers: known.flatMap(({ iceServers }) => iceServers),
      }
    },
    isRelayAddress,
    log: warn,
    changed: ({ relays, iceServers }) => transport.setRelays(relays, iceServers),
    after: systemClock.after,
    random: Math.random,
  })
  core.subscribe((event) => {
    if (event.name === 'network') follower.relaysAre(event.detail.relays)
  })
  return follower
}

/** Whether a relay is named by the address of a page. */
export function isPage(address: string): boolean {
  return /^https?:\/\//i.test(address)
}

/** Undefined where the page's file can't be had or makes no sense. */
async function loadNetworkFile(page: string, warn: (line: string) => void): Promise<NetworkFile | undefined> {
  try {
    const response = await fetch(new URL('/network.json', page), {
      signal: AbortSignal.timeout(FETCH_TIMEOUT),
    })
    if (!response.ok) throw new Error(`status ${response.status}`)
    const file = parseNetworkFile(await response.json())
    if (file === undefined) throw new Error('it names no relays')
    return file
  } catch (error) {
    warn(`${page} can't be asked for its relays (${messageOf(error)}). It is asked again later.`)
    return undefined
  }
}

/** Calls `woke` when this computer slept, or the process was stopped, until the timer that it answers is cleared. */
function watchForSleep(woke: () => void): NodeJS.Timeout {
  const jump = new TimeJump({ wall: () => Date.now(), steady: () => performance.now() })
  return setInterval(() => {
    if (jump.look(LOOK) > 0) woke()
  }, LOOK)
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
