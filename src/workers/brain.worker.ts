/** Thread root of the brain: claims a profile, opens its stores, and runs the node on them. */
import { networkId } from '../consensus/genesis.ts'
import { decodeParams, type NetworkParams } from '../consensus/params.ts'
import { ThreadedMinerPool } from '../mining/threaded-miner-pool.ts'
import type { FaultEvent, LogEvent, NodeEvent } from '../node/events.ts'
import { NodeCore, type RpcPart, type WalletPart } from '../node/node-core.ts'
import { callRpc } from '../node/rpc.ts'
import { RPC_MISC_ERROR, RpcError, type RpcResponse } from '../node/rpc-error.ts'
import type { Faults } from '../primitives/ports.ts'
import { IdbChainStore } from '../storage/idb-chain-store.ts'
import { walletsWithKeys } from '../storage/idb-key-store.ts'
import { IdbPeerStore, loadIdentity } from '../storage/idb-peer-store.ts'
import { IdbWalletDirectory } from '../storage/idb-wallet-directory.ts'
import { ProfileDatabase } from '../storage/profile-database.ts'
import { claimProfile } from '../storage/profile-lock.ts'
import { databaseName } from '../storage/profile-names.ts'
import type { BrainMessage, BrainRequest } from './brain-messages.ts'
import { Channel } from './channel.ts'
import { installHashKernel } from './hash-kernel.ts'
import { RemoteSigners } from './signer-link.ts'
import { systemClock, systemRandom } from './system-ports.ts'
import { ThreadedCheckPool } from './threaded-check-pool.ts'
import { RemoteTransport } from './transport-link.ts'
import { startWorkerCheckThread } from './worker-check-threads.ts'
import { startWorkerMinerThread } from './worker-miner-threads.ts'

/** What a tab that has claimed its profile holds. */
interface Profile {
  readonly params: NetworkParams
  readonly database: ProfileDatabase
}

const window = new Channel<BrainMessage, BrainRequest>(self)
const cores = Math.max(1, navigator.hardwareConcurrency)
/** One core is left to the brain, which connects the next blocks meanwhile. */
const checkThreads = Math.max(1, cores - 1)
/** Why hashes are computed without the kernel; undefined once it computes them. */
const hashFault = installHashKernel().then(() => undefined, messageOf)

let profile: Profile | undefined
let node: NodeCore | undefined

window.listen((request) => {
  handle(request).catch((error: unknown) => {
    window.post({ type: 'failed', reason: messageOf(error) })
  })
})

/** Begins the line of a bug in the browser's console. */
const FAULT = 'A fault of this program:'

/** A bug anywhere in the node: the person is told, and what is durable stays so. */
const faults: Faults = {
  report(error, consequence) {
    console.error(FAULT, error)
    tellFault(consequence === undefined ? messageOf(error) : `${messageOf(error)} ${consequence}`)
  },
}
// What no part of it caught.
self.addEventListener('unhandledrejection', (event) => faults.report(event.reason))
self.addEventListener('error', (event) => tellFault(event.message))

async function handle(request: BrainRequest): Promise<void> {
  switch (request.type) {
    case 'open':
      profile = await open(request)
      return
    case 'join':
      node = await join(request)
      window.post({ type: 'ready', wallets: node.wallets?.loadedNames ?? [] })
      // The page has its answer: what fails from here on is a fault of a node that runs.
      await node.start().catch((error: unknown) => tellFault(messageOf(error)))
      await reopenChannels(node).catch((error: unknown) => tellLog('wallet', messageOf(error), 'error'))
      return
    case 'load-rest':
      await Promise.allSettled([
        import('../node/rpc-part.ts'),
        import('../node/wallet-part.ts'),
        ...(node?.openChannels ? [import('./channels-part.ts')] : []),
      ])
      return
    case 'rpc':
      window.post({ type: 'rpc', id: request.id, response: await answer(request) })
  }
}

async function open(request: Extract<BrainRequest, { type: 'open' }>): Promise<Profile | undefined> {
  const decoded = decodeParams(request.params)
  if (!decoded.ok) throw new Error(decoded.detail)
  const params = decoded.value
  const { named, previous } = request
  const id = networkId(params)
  const claim = await claimProfile({ networkId: id, named, previous }, systemClock)
  if ('busy' in claim) throw new Error(claim.busy)
  const name = databaseName(id, claim.profile)
  const database = await ProfileDatabase.open(name, (error) => tellFault(error.message, 'storage'))
  const identitySeed = await loadIdentity(database, systemRandom)
  window.post({
    type: 'claimed',
    profile: claim.profile,
    database: name,
    identitySeed,
    hasKeys: (await walletsWithKeys(database)).length > 0,
  })
  return { params, database }
}

async function join(request: Extract<BrainRequest, { type: 'join' }>): Promise<NodeCore> {
  if (profile === undefined) throw new Error('The tab joined before it had a profile.')
  const { params, database } = profile
  const fault = await hashFault
  if (fault !== undefined)
    tellLog(
      'node',
      `The hash kernel can't be used (${fault}). Hashes are computed without it, more slowly.`,
      'warning',
    )
  const signers = await RemoteSigners.connect(request.signer)
  const bare = new RemoteTransport(request.self, new Channel(request.transport), faults)
  const conditioned = params.testControls
    ? await (await later(import('./link-conditions-part.ts'))).conditionLinks(
        bare,
        params,
        database,
        (line) => tellLog('network', line, 'info'),
        (error) => faults.report(error),
      )
    : { transport: bare }
  const opened = await NodeCore.open(params, {
    clock: systemClock,
    random: systemRandom,
    faults,
    ...conditioned,
    signers,
    loadRpc,
    loadWallet,
    // On networks for tests alone so far: see docs/channels.md, In the node.
    ...(params.testControls && {
      openChannels: async (node: NodeCore) =>
        (await later(import('./channels-part.ts'))).openChannels(node, database, signers),
    }),
    chainStore: new IdbChainStore(database),
    wallets: new IdbWalletDirectory(database),
    peerStore: new IdbPeerStore(database),
    checks: new ThreadedCheckPool(startWorkerCheckThread, checkThreads, (message) =>
      tellLog('node', message, 'warning'),
    ),
    miners: new ThreadedMinerPool(startWorkerMinerThread, cores, systemClock),
  })
  opened.subscribe(tell)
  return opened
}

/** Channels that there are need somebody who looks at the chain, from the start on. */
async function reopenChannels(node: NodeCore): Promise<void> {
  const count = await profile?.database.transact(['channels'], 'readonly', 'relaxed', (transaction) =>
    transaction.objectStore('channels').count(),
  )
  if (count) await node.openChannels?.()
}

async function loadRpc(): Promise<RpcPart> {
  return (await later(import('../node/rpc-part.ts'))).rpcPart
}

async function loadWallet(): Promise<WalletPart> {
  return (await later(import('../node/wallet-part.ts'))).walletPart
}

/** A part of this program that is fetched when it is needed. Rejects with a sentence: in Firefox what failed once fails until a reload. */
async function later<Part>(part: Promise<Part>): Promise<Part> {
  try {
    return await part
  } catch (cause) {
    tellLog('node', `A part of the page could not be fetched: ${messageOf(cause)}`, 'warning')
    throw new RpcError(
      RPC_MISC_ERROR,
      'The server of this page can’t be reached, and what this needs was not fetched from it yet. Nothing is lost: try again when it is back, and reload the page if that does not help.',
    )
  }
}

async function answer({
  method,
  args,
  wallet,
}: Extract<BrainRequest, { type: 'rpc' }>): Promise<RpcResponse> {
  if (node === undefined)
    return { error: { code: -28, message: 'The node is starting. Ask again in a moment.' } }
  return callRpc(node, method, args, wallet)
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}

function tell(event: NodeEvent): void {
  window.post({ type: 'event', event })
}

function tellLog(source: LogEvent['source'], message: string, level: LogEvent['level']): void {
  tell({ name: 'log', detail: { time: systemClock.now(), source, message, level } })
}

function tellFault(message: string, kind: FaultEvent['kind'] = 'internal'): void {
  tellLog('node', message, 'error')
  tell({ name: 'fault', detail: { kind, message } })
}
