/**
 * Starts the node of this tab: brain and signer in their workers, the transport here in the Window, where alone browsers offer WebRTC.
 * Answers `window.opentab`.
 */
import { networkId } from '../../src/consensus/genesis.ts'
import { encodeParams } from '../../src/consensus/params.ts'
import type { RpcCall } from '../../src/node/rpc-client.ts'
import { RPC_INVALID_PARAMETER, RpcError } from '../../src/node/rpc-error.ts'
import type { pageMethods } from '../../src/node/rpc-page-methods.ts'
import type { signingMethods } from '../../src/node/rpc-signing-methods.ts'
import { fromDisplay } from '../../src/primitives/hashes.ts'
import { missingFeatures } from '../../src/transport/features.ts'
import { createLibp2pTransport } from '../../src/transport/libp2p-transport.ts'
import { isRelayAddress } from '../../src/transport/relay-client.ts'
import { watchForWaking } from '../../src/transport/waking.ts'
import { coinType } from '../../src/wallet/coin-type.ts'
import type { SignerStatus } from '../../src/wallet/signer.ts'
import { Channel } from '../../src/workers/channel.ts'
import { serveTransport } from '../../src/workers/transport-link.ts'
import { readAddress } from './address-parameters.ts'
import { BrainClient } from './brain-client.ts'
import { loadNetworkFile, NetworkFileFollower } from './network-file.ts'
import type { Opentab } from './opentab.ts'
import { SignerClient } from './signer-client.ts'
import { TabError } from './tab-error.ts'
import { fetchFiles, untilDone, whenIdle } from './whole-page.ts'

/** The RPC methods that the page answers with the signer: they are fetched with the first call of one, or once the tab has joined. */
const PAGE_METHODS: Readonly<Record<(typeof pageMethods)[number]['name'], true>> = {
  createwallet: true,
  walletpassphrase: true,
  walletlock: true,
  walletpassphrasechange: true,
  revealmnemonic: true,
  readmnemonic: true,
  exportbackup: true,
  importbackup: true,
  restorewallet: true,
  reviewpsbt: true,
  reviewinvoice: true,
  payallowance: true,
}

/** Those that the brain answers once this page has told the signer what they ask for. */
const SIGNING_METHODS: Readonly<Record<(typeof signingMethods)[number]['name'], true>> = {
  fundchannel: true,
  pay: true,
  keysend: true,
  sendtoaddress: true,
  bumpfee: true,
  sendpsbt: true,
  walletprocesspsbt: true,
  send: true,
  sendall: true,
  sendmany: true,
  signrawtransactionwithwallet: true,
  signmessage: true,
}

export type StartStep = 'profile' | 'keys' | 'chain'

/** Resolves when the node runs; it may have no peer yet. Rejects with a `TabError`. */
export async function startTab(progress: (step: StartStep) => void = () => {}): Promise<Opentab> {
  const missing = missingFeatures()
  if (missing.length > 0)
    throw new TabError(
      'unsupported',
      'This browser can’t run a node: it lacks what is listed here. A current Chrome, Edge, Firefox or Safari has it.',
      missing,
    )
  const threads: { terminate(): void }[] = []
  // They hold the profile until the page is closed otherwise.
  const end = (): void => {
    for (const thread of threads) thread.terminate()
  }
  // WebKit keeps a page that is left for its back button, and its threads with it; what is shown again has none, and starts anew.
  addEventListener('pagehide', ({ persisted }) => persisted && end())
  addEventListener('pageshow', ({ persisted }) => persisted && location.reload())
  try {
    return await startNode(threads, progress)
  } catch (error) {
    end()
    throw error
  }
}

/** Puts the workers that it starts, and the transport, in `threads`. */
async function startNode(
  threads: { terminate(): void }[],
  progress: (step: StartStep) => void,
): Promise<Opentab> {
  const { params: known, profile: named } = readAddress(location.search)
  const invitation = known ? undefined : await (await part(import('./invited.ts'))).accept(isRelayAddress)
  const params = known ?? invitation!.params
  const relays = invitation?.relays ?? []
  const id = networkId(params)
  const remembered = `opentab/profile/${id}`

  progress('profile')
  const brain = new BrainClient()
  threads.push(brain)
  const firstFile = loadNetworkFile()
  const { profile, database, identitySeed, hasKeys } = await brain.open({
    params: encodeParams(params),
    named,
    previous: sessionStorage.getItem(remembered) ?? undefined,
  })
  if (named === undefined) sessionStorage.setItem(remembered, profile)

  progress('keys')
  const signerPorts = new MessageChannel()
  const signer = new SignerClient(
    {
      network: { id, name: params.name },
      coinType: coinType(params, fromDisplay(id)),
      addressPrefix: params.addressPrefix,
      database,
      brain: signerPorts.port1,
    },
    hasKeys,
  )
  threads.push(signer)
  if (hasKeys) await signer.start()

  progress('chain')
  const transport = createLibp2pTransport({ networkId: id, identitySeed, relays, iceServers: [] })
  threads.push({ terminate: () => void transport.stop() })
  const networkFile = new NetworkFileFollower({
    load: loadNetworkFile,
    isRelayAddress,
    log: (line) => console.warn(line),
    changed: (file) => transport.setRelays([...relays, ...file.relays], file.iceServers),
    after(milliseconds, run) {
      const timer = setTimeout(run, milliseconds)
      return () => clearTimeout(timer)
    },
    random: Math.random,
  })
  brain.on('network', ({ relays }) => networkFile.relaysAre(relays))
  networkFile.take(await firstFile)
  const transportPorts = new MessageChannel()
  serveTransport(transport, new Channel(transportPorts.port1))
  await brain.join({ self: transport.self, transport: transportPorts.port2, signer: signerPorts.port2 })

  watchForWaking(() => {
    transport.wake()
    void networkFile.read()
  }, new AbortController().signal)
  void getReady(brain, signer)
  /** As a caller that names this wallet sees it. */
  const client = (wallet: string | undefined): { readonly rpc: RpcCall; signerStatus(): SignerStatus } => ({
    rpc: async (method, ...args) => {
      checkName(method, 'The first argument is the name of a method, such as "help".')
      const isPayment = Object.hasOwn(SIGNING_METHODS, method) || /^(review|payallowance)/.test(method)
      if (isPayment) {
        const { callPayment } = await part(import('./payment-methods.ts'))
        return (await callPayment(brain, signer, method, args, wallet)) as never
      }
      if (!Object.hasOwn(PAGE_METHODS, method)) return (await brain.rpc(method, args, wallet)) as never
      const { walletMethods } = await part(import('./wallet-methods.ts'))
      return (await walletMethods(brain, signer, wallet).get(method)!(args)) as never
    },
    signerStatus() {
      const meant = wallet === undefined ? brain.wallets : [wallet]
      return meant.length === 1 ? signer.status(meant[0]!) : { state: 'none' }
    },
  })
  return {
    identity: {
      profile,
      networkId: id,
      networkName: params.name,
      addressPrefix: params.addressPrefix,
      testControls: params.testControls,
      params,
      peerId: transport.self,
    },
    ...client(undefined),
    wallet(name) {
      checkName(name, 'The argument is the name of a wallet; "" is the default one.')
      return { name, ...client(name) }
    },
    wallets: () => brain.wallets,
    on: (name, listener) => brain.on(name, listener),
  }
}

/** Throws an `RpcError` unless a caller's name is a text. */
function checkName(name: unknown, sentence: string): void {
  if (typeof name !== 'string') throw new RpcError(RPC_INVALID_PARAMETER, sentence)
}

/** A part of the page that is fetched when it is needed. Rejects with a `TabError`. */
async function part<Part>(fetched: Promise<Part>): Promise<Part> {
  return fetched.catch(() => {
    throw new TabError(
      'failed',
      'The server of this page can’t be reached, and what this needs was not fetched from it yet. Nothing is lost: try again when it is back, and reload the page if that does not help.',
    )
  })
}

/** Gets ready to need the page's server no more. Where a file goes from the browser's cache, what was loaded stays. */
async function getReady(brain: BrainClient, signer: SignerClient): Promise<void> {
  await whenIdle(brain)
  await untilDone(async () => {
    await fetchFiles()
    await import('../views/other-views.ts')
    await import('./wallet-methods.ts')
    await import('./payment-methods.ts')
    await signer.start()
    const { keepStorage } = await import('./storage-permission.ts')
    keepStorage(brain)
  })
  brain.loadRest()
}
