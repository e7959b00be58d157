/**
 * Parts of payments that arrive one by one and are taken together or not at all (BOLT 4, Basic Multi-Part Payments). Deterministic, any thread; as
 * large as the HTLCs that channels hold, which are bounded.
 */
import { bytesToHex } from '../primitives/bytes.ts'
import type { Clock } from '../primitives/ports.ts'
import type { Msat } from './amount.ts'
import type { Failure } from './failures.ts'

/** A part that passed `checkReceive`. */
export interface ReceivedPart<Id> {
  /** The HTLC, for whoever holds the sets. */
  readonly id: Id
  /** 32 bytes. */
  readonly paymentHash: Uint8Array
  /** That it carries for the payee. */
  readonly amount: Msat
  /** Of all parts. */
  readonly total: Msat
}

/** What is to be done with the HTLCs of a set. */
export type SetOutcome<Id> =
  | { readonly kind: 'wait' }
  /** All parts are here: fulfil each, once that is durable. */
  | { readonly kind: 'fulfil'; readonly ids: readonly Id[] }
  | { readonly kind: 'fail'; readonly ids: readonly Id[]; readonly failure: Failure }

/** Milliseconds that the first part waits for the others. */
export const MPP_TIMEOUT = 60_000

interface HtlcSet<Id> {
  readonly total: Msat
  readonly since: number
  readonly ids: Id[]
  sum: number
}

export class HtlcSets<Id> {
  private readonly clock: Pick<Clock, 'now'>
  private readonly sets = new Map<string, HtlcSet<Id>>()

  constructor(clock: Pick<Clock, 'now'>) {
    this.clock = clock
  }

  /** Takes in a part. A part of another total than the first fails the whole set, as does one that comes after `expire` was due: a tab that slept hears of both at once. */
  add({ id, paymentHash, amount, total }: ReceivedPart<Id>): SetOutcome<Id> {
    const key = bytesToHex(paymentHash)
    const set = this.sets.get(key) ?? { total, since: this.clock.now(), ids: [], sum: 0 }
    set.ids.push(id)
    set.sum += amount
    if (set.total !== total || this.isDue(set)) {
      this.sets.delete(key)
      return { kind: 'fail', ids: set.ids, failure: { name: 'mpp_timeout' } }
    }
    if (set.sum < total) {
      this.sets.set(key, set)
      return { kind: 'wait' }
    }
    this.sets.delete(key)
    return { kind: 'fulfil', ids: set.ids }
  }

  /** The sets whose first part has waited too long: they are failed whole. */
  expire(): SetOutcome<Id>[] {
    const outcomes: SetOutcome<Id>[] = []
    for (const [key, set] of this.sets)
      if (this.isDue(set)) {
        this.sets.delete(key)
        outcomes.push({ kind: 'fail', ids: set.ids, failure: { name: 'mpp_timeout' } })
      }
    return outcomes
  }

  private isDue({ since }: HtlcSet<Id>): boolean {
    return this.clock.now() >= since + MPP_TIMEOUT
  }

  /** When `expire` has something to do next, milliseconds since 1970; undefined where nothing waits. */
  get nextExpiry(): number | undefined {
    let next: number | undefined
    for (const { since } of this.sets.values())
      next = Math.min(next ?? Number.POSITIVE_INFINITY, since + MPP_TIMEOUT)
    return next
  }
}
