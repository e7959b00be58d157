/** Port: what is remembered of peers between two lives of a tab. Bounded by its writer. */
import type { PeerId } from '../network/transport.ts'

export interface BanRecord {
  readonly id: PeerId
  /** Milliseconds since 1970 at which it began. Absent in records of older versions of the page. */
  readonly created?: number
  /** Milliseconds since 1970 at which it ends. */
  readonly until: number
  /** A sentence for people. */
  readonly reason: string
  /** By a person, not for what it did. */
  readonly manual?: true
}

/** A peer that was good to have. */
export interface KnownPeer {
  readonly id: PeerId
  /** Peer ids of relays and tabs that introduced it, the last one last; at most `MAX_INTRODUCERS`. */
  readonly introducers: readonly PeerId[]
  /** Which addresses count as one with its own; undefined where its address is unknown. */
  readonly addressGroup: string | undefined
  /** When it was last connected, milliseconds since 1970. */
  readonly lastSeen: number
  /** How long it was connected in all its lives, seconds. */
  readonly stay: number
  /** Blocks of our chain that it was the first to tell. */
  readonly blocks: number
  /** Whether we ever dialled it: anyone can dial us. */
  readonly chosen: boolean
}

export interface PeerStore {
  /** The bans last saved; none in an empty store. */
  loadBans(): Promise<readonly BanRecord[]>
  /** Replaces all of them; at most `MAX_BANS`. */
  saveBans(bans: readonly BanRecord[]): Promise<void>
  /** The peers last saved; none in an empty store. */
  loadKnownPeers(): Promise<readonly KnownPeer[]>
  /** Replaces all of them; at most `MAX_KNOWN_PEERS`. */
  saveKnownPeers(peers: readonly KnownPeer[]): Promise<void>
}

/** Most bans remembered; of those for what peers did the one that ends first gives way. */
export const MAX_BANS = 256
/** Most of them by people, who must be told where theirs wouldn't last: room is left for offenders. */
export const MAX_MANUAL_BANS = 192

/** Most peers remembered, and most introducers of each. */
export const MAX_KNOWN_PEERS = 64
export const MAX_INTRODUCERS = 4
