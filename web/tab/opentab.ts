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

/** One wallet of the tab, as a caller sees it. */
export interface WalletClient {
  readonly name: string
  /** As `opentab.rpc`; methods of wallets mean this one, as in Bitcoin Core's path `/wallet/NAME`. */
  readonly rpc: RpcCall
  /** State of its keys, follows `wallet` events; `none` where they are elsewhere. */
  signerStatus(): SignerStatus
}

/** `window.opentab`. */
export interface Opentab {
  readonly identity: TabIdentity
  /**
   * Calls a method by Bitcoin Core's name, with its arguments in order or in one object that names them. Rejects with an `RpcError` (`code`,
   * `message`). Calls that carry a passphrase or seed words go straight to the signer. Methods of wallets mean the one that is loaded; where
   * several are, `wallet` names one. `opentab.rpc('help')` lists the methods.
   */
  readonly rpc: RpcCall
  /** The wallet of this name. It need not be loaded, or be there, before it is called. */
  wallet(name: string): WalletClient
  /** Names of the wallets that are loaded, in the order of loading; follows `wallet` events. */
  wallets(): readonly string[]
  /** Calls `listener` at every event of this name. Returns the function that unsubscribes. Throws an `RpcError` where there is no such event. */
  on<Name extends NodeEventName>(name: Name, listener: (detail: NodeEvents[Name]) => void): () => void
  /** State of the keys of the wallet that is loaded; `none` where none or several are. Follows `wallet` events. */
  signerStatus(): SignerStatus
}
