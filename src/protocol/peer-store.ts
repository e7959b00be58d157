/** Port: what is remembered of peers between two lives of a tab. Bounded by its writer. */
import type { PeerId } from './transport.ts'

export interface BanRecord {
  readonly id: PeerId
  /** Milliseconds since 1970 at which it began. Absent in records of older versions of the page. */
  readonly created?: number
  /** Milliseconds since 1970 at which it ends. */
  readonly until: number
  /** A sentence for people. */
  readonly reason: string
}

export interface PeerStore {
  /** The bans last saved; none in an empty store. */
  loadBans(): Promise<readonly BanRecord[]>
  /** Replaces all of them; at most `MAX_BANS`. */
  saveBans(bans: readonly BanRecord[]): Promise<void>
}

/** Most bans remembered; the one that ends first gives way. */
export const MAX_BANS = 256
