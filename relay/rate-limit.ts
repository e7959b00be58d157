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
    const tokens = this.#tokens(key)
    this.#set(key, tokens >= 1 ? tokens - 1 : tokens)
    return tokens >= 1
  }

  /** Takes `amount` tokens of `key`, be it on credit. Answers how long it takes to pay that back, milliseconds. */
  charge(key: string, amount: number): number {
    const tokens = this.#tokens(key) - amount
    this.#set(key, tokens)
    return Math.max(0, (-tokens / this.#options.perSecond) * 1000)
  }

  /** Forgets a key that is gone. */
  forget(key: string): void {
    this.#buckets.delete(key)
  }

  #tokens(key: string): number {
    const { burst, perSecond } = this.#options
    const last = this.#buckets.get(key)
    if (last === undefined) return burst
    return Math.min(burst, last.tokens + ((this.#now() - last.at) / 1000) * perSecond)
  }

  #set(key: string, tokens: number): void {
    this.#buckets.delete(key)
    if (this.#buckets.size >= this.#options.maxKeys) {
      const [oldest] = this.#buckets.keys()
      if (oldest !== undefined) this.#buckets.delete(oldest)
    }
    this.#buckets.set(key, { tokens, at: this.#now() })
  }
}
