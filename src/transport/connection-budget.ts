/**
 * What a transport may spend of the RTCPeerConnections that the browser grants the tab. Our own dials and the connections that strangers ask
 * for have a purse each: whoever floods the tab with offers never stops it from dialling. Thread: Window.
 */

import { TokenBucket } from '../primitives/token-bucket.ts'
import { freeConnections, unfreedConnections } from './peer-connections.ts'

/** What Chrome grants, measured. Other browsers grant more. */
const GRANTED = 500

/** Connections in a row, and how many a second come back: for our own dials, and for all strangers together. */
const OWN = [100, 1 / 30] as const
const STRANGERS = [60, 1 / 10] as const

/** The share of what is granted above which strangers get no more: the rest is for our own dials. */
const STRANGERS_SHARE = 0.8

/** Unfreed connections from which on the browser is made to free closed ones, and the least pause between two tries, milliseconds. */
const MANY = GRANTED / 4
const FREEING_PAUSE = 60_000

/** What one transport may still open. */
export class ConnectionBudget {
  readonly #now: () => number
  readonly #own: TokenBucket
  readonly #strangers: TokenBucket
  #freedAt = -Infinity

  /** `now` is a monotonic clock in milliseconds. */
  constructor(now: () => number = () => performance.now()) {
    this.#now = now
    this.#own = new TokenBucket({ now }, ...OWN)
    this.#strangers = new TokenBucket({ now }, ...STRANGERS)
  }

  /** The share of what the browser grants that is taken by connections, open ones and those that it hasn't freed yet: 0 to 1 in hundredths. */
  get used(): number {
    return Math.min(100, Math.round((100 * unfreedConnections()) / GRANTED)) / 100
  }

  /** We are about to dial. Throws when too many were dialled lately. */
  spend(): void {
    this.#freeSome()
    if (!this.#own.take(1)) throw new Error('Too many WebRTC connections were opened lately')
  }

  /** A stranger's offer is about to be answered with a connection; false when there is none for strangers now. */
  spendOnStranger(): boolean {
    this.#freeSome()
    return this.used < STRANGERS_SHARE && this.#strangers.take(1)
  }

  /** As `spend`, for a tab that we know and that dials us; false when we have none for it. */
  spendOnFriend(): boolean {
    this.#freeSome()
    return this.#own.take(1)
  }

  #freeSome(): void {
    const now = this.#now()
    if (unfreedConnections() < MANY || now - this.#freedAt < FREEING_PAUSE) return
    this.#freedAt = now
    void freeConnections()
  }
}
