/** What a node tells the page: plain data that crosses threads. The names are those of `opentab.on(name, listener)`. */

import type { NetworkStatus, PeerId } from '../network/transport.ts'
import type { Sats } from '../primitives/amount.ts'
import type { BlockHash, Txid } from '../primitives/hashes.ts'
import type { ClockState } from '../protocol/clock-comparison.ts'

/** The active chain has a new tip; all of it is durable. */
export interface TipEvent {
  readonly hash: BlockHash
  readonly height: number
  /** Header time, seconds since 1970. */
  readonly time: number
  /** Blocks that left the active chain; more than 0 is a reorganisation. */
  readonly disconnected: number
  readonly connected: number
}

/** A transaction came into the mempool or left it. */
export interface TransactionEvent {
  readonly txid: Txid
  /** `added`, or why it left. */
  readonly change: 'added' | 'block' | 'conflict' | 'replaced' | 'size-limit' | 'expired' | 'reorg'
  /** Virtual bytes. */
  readonly vsize: number
  /** Known while it is in the mempool. */
  readonly fee: Sats | undefined
}

export interface PeerEvent {
  readonly id: PeerId
  readonly change: 'connected' | 'disconnected' | 'updated'
}

/** Relays and direct connections, whenever one of them changes. */
export type NetworkEvent = NetworkStatus

/** How this tab's clock stands to those of its peers; at every change. */
export type ClockEvent = ClockState

/** A wallet's coins, history or addresses changed, or it was loaded, unloaded, locked or unlocked. */
export interface WalletEvent {
  /** Its name. */
  readonly wallet: string
  /** False once it was unloaded. */
  readonly loaded: boolean
  /** Of its keys; `none` where they are elsewhere. */
  readonly state: 'none' | 'locked' | 'unlocked'
  /** Own transactions that are new or changed. */
  readonly txids: readonly Txid[]
}

/** About once a second while mining, and at every change. */
export interface MiningEvent {
  readonly active: boolean
  readonly threads: number
  /** Share of the time that a thread works, above 0 to 1. */
  readonly throttle: number
  /** Whether one more thread searches on the graphics card, if it can be used. */
  readonly graphicsCard: boolean
  /** Why the graphics card isn't used although it should: the end of a sentence. */
  readonly graphicsCardProblem: string | undefined
  /** The names of the kernels that search, such as "WebAssembly SIMD". */
  readonly kernels: readonly string[]
  /** Hashes a second, smoothed; 0 while resting. */
  readonly hashRate: number
  readonly blocksFound: number
  /** Why mining stopped by itself. */
  readonly problem: string | undefined
  /** Why it rests for now although it was asked for, with what to do where something can be done: sentences. It goes on by itself. */
  readonly pause: string | undefined
}

/**
 * Something happened to the channels of the default wallet. `notification` and the names of its fields are Core Lightning's; amounts are in
 * millisatoshis, hashes in hex.
 */
export type ChannelEvent =
  /** A node is heard, or is no more. */
  | { readonly notification: 'connect' | 'disconnect'; readonly id: string }
  /** Somebody opened a channel with this node. */
  | {
      readonly notification: 'channel_opened'
      readonly id: string
      readonly funding_msat: number
      readonly funding_txid: string
    }
  | {
      readonly notification: 'channel_state_changed'
      readonly peer_id: string
      readonly channel_id: string
      /** `listpeerchannels` has them; undefined for a channel that is new, or of which nothing is left. */
      readonly old_state: string | undefined
      readonly new_state: string | undefined
    }
  | { readonly notification: 'invoice_payment'; readonly label: string; readonly msat: number }
  | {
      readonly notification: 'sendpay_success' | 'sendpay_failure'
      readonly payment_hash: string
      readonly amount_msat: number
    }
  /** A payment was passed on, and is settled or failed. Short channel ids, where they are known. */
  | {
      readonly notification: 'forward_event'
      readonly payment_hash: string
      readonly out_channel: string | undefined
      readonly out_msat: number
      readonly status: 'settled' | 'failed'
    }
  /** Somebody must read this: a sentence. */
  | { readonly notification: 'warning'; readonly id: string; readonly message: string }

/** A block that this tab mined and whose body its chain stored; the tip moves there next. */
export interface MinedEvent {
  readonly hash: BlockHash
  readonly height: number
}

/** How far the chain is behind the best header; told while it changes. */
export interface SyncEvent {
  readonly headers: number
  readonly blocks: number
  /** No peer is known to have more. */
  readonly synced: boolean
}

export interface LogEvent {
  /** Milliseconds since 1970. */
  readonly time: number
  readonly level: 'info' | 'warning' | 'error'
  readonly source: 'chain' | 'network' | 'wallet' | 'mining' | 'storage' | 'node'
  readonly message: string
}

/** Something that the person must know: what happened, what was kept, what to do. Stays until the tab is reloaded. */
export interface FaultEvent {
  readonly kind: 'storage' | 'wallet' | 'network' | 'internal'
  readonly message: string
}

export interface NodeEvents {
  readonly tip: TipEvent
  readonly transaction: TransactionEvent
  readonly peer: PeerEvent
  readonly network: NetworkEvent
  readonly clock: ClockEvent
  readonly wallet: WalletEvent
  readonly channel: ChannelEvent
  readonly mining: MiningEvent
  readonly mined: MinedEvent
  readonly sync: SyncEvent
  readonly log: LogEvent
  readonly fault: FaultEvent
}

export type NodeEventName = keyof NodeEvents

const NAMES: Readonly<Record<NodeEventName, true>> = {
  tip: true,
  transaction: true,
  peer: true,
  network: true,
  clock: true,
  wallet: true,
  channel: true,
  mining: true,
  mined: true,
  sync: true,
  log: true,
  fault: true,
}

/** The names of all events. */
export const NODE_EVENT_NAMES = Object.keys(NAMES) as readonly NodeEventName[]

/** One event with its name. */
export type NodeEvent = {
  [Name in NodeEventName]: { readonly name: Name; readonly detail: NodeEvents[Name] }
}[NodeEventName]
