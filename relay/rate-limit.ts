/**
 * A token bucket per key: how the relay bounds what one peer or one address may ask of it. Memory is bounded too:
 * a full table forgets its oldest entries, which then start afresh. Thread: Node's main.
 */

interface Bucket {
  tokens: number
  /** When `tokens` was right, milliseconds of `now`. */
  at: number
}

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
  readonly #now: () => number
  /** In order of last use, since a Map iterates in order of insertion. */
  readonly #buckets = new Map<string, Bucket>()

  constructor(options: RateLimitOptions) {
    this.#options = options
    this.#now = options.now ?? (() => performance.now())
  }

  /** Takes one token of `key`; false when there is none. */
  allow(key: string): boolean {
    const { burst, perSecond, maxKeys } = this.#options
    const at = this.#now()
    const last = this.#buckets.get(key) ?? { tokens: burst, at }
    const tokens = Math.min(burst, last.tokens + ((at - last.at) / 1000) * perSecond)
    const allowed = tokens >= 1
    this.#buckets.delete(key)
    if (this.#buckets.size >= maxKeys) {
      const [oldest] = this.#buckets.keys()
      if (oldest !== undefined) this.#buckets.delete(oldest)
    }
    this.#buckets.set(key, { tokens: allowed ? tokens - 1 : tokens, at })
    return allowed
  }

  /** Forgets a key that is gone. */
  forget(key: string): void {
    this.#buckets.delete(key)
  }
}
