/**
 * Who is kept out for a while, and from where trouble came. Thread: Window.
 *
 * A ban is a peer id's, and a peer id costs nothing to make: the next identity of the same offender is known by its address at most. An
 * address isn't banned for that. A class, a household or a mobile carrier's customers share one, and browsers hide it on a local network: a ban
 * would shut out many for the misdeed of one, which is an attack of its own. Instead newcomers from there start with less: few places on
 * probation, and a closer watch. Those who are connected already, those whom we dialled and those whom we know lose nothing.
 */

import type { PeerId } from '../network/transport.ts'
import { putBounded } from '../primitives/bounded.ts'

/** Most peers banned and addresses remembered at a time; both cost little to make, so the oldest makes room. */
const MAX_BANS = 1000

/** Places on probation for newcomers from an address with one offence; each further offence halves them, down to one. */
const PLACES = 4

/** An offence by an address is forgotten after so long, milliseconds. */
const FORGET = 3_600_000

/** Who is banned and until when, and the offences of addresses. The brain's list of bans is the one that lasts. */
export class Bans {
  readonly #now: () => number
  /** Peer id to the end of its ban, milliseconds of `now`; in the order of banning. */
  readonly #until = new Map<PeerId, number>()
  /** Address to when its offences were, milliseconds of `now`, oldest first. */
  readonly #offences = new Map<string, number[]>()

  /** `now` is a monotonic clock in milliseconds. */
  constructor(now: () => number = () => performance.now()) {
    this.#now = now
  }

  /** Bans a peer for so many seconds from now; a longer ban in force stays. */
  add(peer: PeerId, seconds: number): void {
    const until = Math.max(this.#now() + seconds * 1000, this.#until.get(peer) ?? 0)
    putBounded(this.#until, peer, until, MAX_BANS)
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

  /** A peer at this address, as `addressHost` names it, did what it was sent away for. */
  offence(address: string): void {
    putBounded(this.#offences, address, [...this.#recent(address), this.#now()].slice(-MAX_BANS), MAX_BANS)
  }

  /** How many newcomers from an address may be on probation at a time; undefined when there is nothing against it. */
  placesFor(address: string): number | undefined {
    const offences = this.#recent(address).length
    return offences === 0 ? undefined : Math.max(1, PLACES >> (offences - 1))
  }

  #recent(address: string): number[] {
    const since = this.#now() - FORGET
    return (this.#offences.get(address) ?? []).filter((at) => at > since)
  }
}
