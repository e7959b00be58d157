/**
 * A token bucket per key: how the relay bounds what one peer or one address may ask of it. Memory is bounded too:
 * a full table forgets its oldest entries, which then start afresh. Thread: Node's main.
 */

import { putBounded } from '../src/primitives/bounded.ts'
import { TokenBucket } from '../src/primitives/token-bucket.ts'

/** The shape of a limit. */
export interface RateLimitOptions {
  /** How many in a row are allowed after a rest. */
  readonly burst: number
  /** How many a second are allowed for ever. */
  readonly perSecond: number
  /** How many keys are remembered. */
  readonly maxKeys: number
  /** A monotonic clock in milliseconds; tests pass their own. */
  readonly now?: () => number
}

/** Says whether a key may do one more thing now. */
export class RateLimit {
  readonly #options: RateLimitOptions
  readonly #clock: { now(): number }
  /** In order of last use. */
  readonly #buckets = new Map<string, TokenBucket>()

  constructor(options: RateLimitOptions) {
    this.#options = options
    this.#clock = options.now === undefined ? performance : { now: options.now }
  }

  /** Takes one token of `key`; false when there is none. */
  allow(key: string): boolean {
    return this.#bucket(key).take(1)
  }

  /** Takes `amount` tokens of `key`, be it on credit. Answers how long it takes to pay that back, milliseconds. */
  charge(key: string, amount: number): number {
    return this.#bucket(key).spend(amount)
  }

  /** Forgets a key that is gone. */
  forget(key: string): void {
    this.#buckets.delete(key)
  }

  #bucket(key: string): TokenBucket {
    const { burst, perSecond, maxKeys } = this.#options
    const bucket = this.#buckets.get(key) ?? new TokenBucket(this.#clock, burst, perSecond)
    putBounded(this.#buckets, key, bucket, maxKeys)
    return bucket
  }
}
