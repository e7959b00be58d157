/** A rate limit: tokens that are taken at once and come back evenly. Deterministic, any thread. */
import type { Clock } from './ports.ts'

export class TokenBucket {
  private readonly clock: Pick<Clock, 'now'>
  private readonly capacity: number
  private readonly perSecond: number
  private tokens: number
  private countedAt: number

  /** Full at first. `capacity` may be taken at once, `perSecond` come back. */
  constructor(clock: Pick<Clock, 'now'>, capacity: number, perSecond: number) {
    this.clock = clock
    this.capacity = capacity
    this.perSecond = perSecond
    this.tokens = capacity
    this.countedAt = clock.now()
  }

  /** Takes `count` tokens if there are as many. */
  take(count: number): boolean {
    this.refill()
    if (this.tokens < count) return false
    this.tokens -= count
    return true
  }

  /**
   * Takes `count` tokens even where there are fewer, and answers how many milliseconds its owner must wait to have paid for
   * them: 0 when they were there.
   */
  spend(count: number): number {
    this.refill()
    this.tokens -= count
    return this.tokens >= 0 ? 0 : Math.ceil((-this.tokens / this.perSecond) * 1000)
  }

  /** Gives back what was taken and not used. */
  give(count: number): void {
    this.refill()
    this.tokens = Math.min(this.capacity, this.tokens + count)
  }

  private refill(): void {
    const now = this.clock.now()
    const earned = (Math.max(0, now - this.countedAt) / 1000) * this.perSecond
    this.tokens = Math.min(this.capacity, this.tokens + earned)
    this.countedAt = now
  }
}
