/** A rate limit by a monotonic clock: so many at once, and one more each `refill` milliseconds. Any thread. */
export class Allowance {
  readonly #burst: number
  readonly #refill: number
  readonly #now: () => number
  #left: number
  #at: number

  /** Full at first. `now` is a monotonic clock in milliseconds. */
  constructor(burst: number, refill: number, now: () => number = () => performance.now()) {
    this.#burst = burst
    this.#refill = refill
    this.#now = now
    this.#left = burst
    this.#at = now()
  }

  /** How many are left now. */
  get left(): number {
    const at = this.#now()
    this.#left = Math.min(this.#burst, this.#left + (at - this.#at) / this.#refill)
    this.#at = at
    return this.#left
  }

  /** Takes one, or as many as told; false, and nothing is taken, when there are fewer. */
  take(count = 1): boolean {
    if (this.left < count) return false
    this.#left -= count
    return true
  }
}
