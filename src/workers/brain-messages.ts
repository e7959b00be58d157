/**
 * What passes between the Window and the brain's worker: `open`, answered by `claimed`; `join`, answered by `ready`; then RPC calls and
 * events. Frames of peers and PSBTs have ports of their own.
 */

import type { PeerId } from '../network/transport.ts'
import type { NodeEvent } from '../node/events.ts'
import type { RpcResponse } from '../node/rpc-error.ts'

/** Window to brain. */
export type BrainRequest =
  | {
      readonly type: 'open'
      /** `encodeParams` of the network. */
      readonly params: Uint8Array
      /** The profile asked for by name. */
      readonly named: string | undefined
      /** The profile that this tab had before a reload. */
      readonly previous: string | undefined
    }
  | {
      readonly type: 'join'
      /** This tab's peer id. */
      readonly self: PeerId
      /** Speaks `TransportCommand` and `TransportEvent`. */
      readonly transport: MessagePort
      /** Speaks `SignRequest` and `SignerEvent`. */
      readonly signer: MessagePort
    }
  /** The tab has time: load what may be needed when the page's server is gone. */
  | { readonly type: 'load-rest' }
  | {
      readonly type: 'rpc'
      readonly id: number
      readonly method: string
      readonly args: readonly unknown[]
      /** Name of the wallet that is meant. */
      readonly wallet: string | undefined
    }

/** Brain to Window. */
export type BrainMessage =
  | {
      readonly type: 'claimed'
      readonly profile: string
      /** Name of its IndexedDB database. */
      readonly database: string
      /** Seed of its libp2p identity, 32 bytes. */
      readonly identitySeed: Uint8Array
      /** Whether it has keys of any wallet, for which the signer is needed. */
      readonly hasKeys: boolean
    }
  /** The tab can't run: a sentence for people. */
  | { readonly type: 'failed'; readonly reason: string }
  /** With the names of the wallets that are loaded; later events tell of changes. */
  | { readonly type: 'ready'; readonly wallets: readonly string[] }
  | { readonly type: 'rpc'; readonly id: number; readonly response: RpcResponse }
  | { readonly type: 'event'; readonly event: NodeEvent }
