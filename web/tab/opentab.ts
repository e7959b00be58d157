/**
 * The page's own interface to its node, and the one that developers use from the console or a script. Thread: Window.
 */
import type { NetworkParams } from '../../src/consensus/params.ts'
import type { NodeEventName, NodeEvents } from '../../src/node/events.ts'
import type { RpcCall } from '../../src/node/rpc-client.ts'
import type { SignerStatus } from '../../src/wallet/signer.ts'

/** What runs in this tab. */
export interface TabIdentity {
  /** Name of the profile: chain, peer identity and wallet belong to it. */
  readonly profile: string
  /** Genesis hash, display order. */
  readonly networkId: string
  /** `NetworkParams.name`, such as `public`. */
  readonly networkName: string
  /** Prefix of addresses. */
  readonly addressPrefix: string
  /** Whether blocks can be made on demand (`generatetoaddress`). */
  readonly testControls: boolean
  /** The network's rules: block spacing, maturity and limits, from which the page explains waiting times. */
  readonly params: NetworkParams
  /** This tab's libp2p peer id. */
  readonly peerId: string
}

/** `window.opentab`. */
export interface Opentab {
  readonly identity: TabIdentity
  /**
   * Calls a method by Bitcoin Core's name, with its arguments in order or in one object that names them. Rejects with an `RpcError` (`code`,
   * `message`). Calls that carry a passphrase or seed words go straight to the signer. `opentab.rpc('help')` lists the methods.
   */
  readonly rpc: RpcCall
  /** Calls `listener` at every event of this name. Returns the function that unsubscribes. Throws an `RpcError` where there is no such event. */
  on<Name extends NodeEventName>(name: Name, listener: (detail: NodeEvents[Name]) => void): () => void
  /** Names of the loaded wallets, in the order of loading; follows `wallet` events. */
  wallets(): readonly string[]
  /** Calls to one wallet, as by Bitcoin Core's path `/wallet/NAME`. It need not be loaded. */
  wallet(name: string): WalletClient
  /** State of the keys of the one loaded wallet; `none` where none or several are loaded. */
  signerStatus(): SignerStatus
}

/** One wallet. */
export interface WalletClient {
  readonly name: string
  /** Every method may be called through it. */
  readonly rpc: RpcCall
  /** `none` where its keys are elsewhere. */
  signerStatus(): SignerStatus
}
