/**
 * Peers that are kept out for a while. Thread: Window.
 */

import type { PeerId } from '../protocol/transport.ts'

/** Most peers banned at a time; a peer id costs nothing to make, so the oldest ban makes room. */
const MAX_BANS = 1000

/** Who is banned, and until when. */
export class Bans {
  readonly #now: () => number
  /** Peer id to the end of its ban, milliseconds of `now`; in the order of banning. */
  readonly #until = new Map<PeerId, number>()

  /** `now` is a monotonic clock in milliseconds. */
  constructor(now: () => number = () => performance.now()) {
    this.#now = now
  }

  /** Bans a peer for so many seconds from now; a longer ban in force stays. */
  add(peer: PeerId, seconds: number): void {
    const until = Math.max(this.#now() + seconds * 1000, this.#until.get(peer) ?? 0)
    this.#until.delete(peer)
    this.#until.set(peer, until)
    if (this.#until.size > MAX_BANS) {
      const [oldest] = this.#until.keys()
      this.#until.delete(oldest!)
    }
  }

  /** Ends a ban before its time. */
  delete(peer: PeerId): void {
    this.#until.delete(peer)
  }

  /** Whether a peer is banned now. */
  has(peer: PeerId): boolean {
    const until = this.#until.get(peer)
    if (until === undefined) return false
    if (this.#now() < until) return true
    this.#until.delete(peer)
    return false
  }
}
