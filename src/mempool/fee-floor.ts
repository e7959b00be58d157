/**
 * The fee rate below which nothing enters: a fixed floor, raised to what the memory cap drove out, and falling back after
 * blocks made room (Bitcoin Core's rolling minimum fee).
 */
import type { Clock } from '../primitives/ports.ts'

/**
 * The raised floor halves in this many block spacings. Core's 12 hours are 72 of its blocks; what counts is how many blocks
 * had the chance to take the backlog in, not the hour.
 */
const HALF_LIFE_BLOCKS = 72

export class FeeFloor {
  private readonly clock: Clock
  private readonly fixedRate: number
  private readonly halfLifeSeconds: number
  private raisedRate = 0
  private lastDecay = 0
  private blockSinceRaise = false

  /** `fixedRate` in satoshis per 1,000 virtual bytes, `targetSpacing` in seconds. */
  constructor(clock: Clock, fixedRate: number, targetSpacing: number) {
    this.clock = clock
    this.fixedRate = fixedRate
    this.halfLifeSeconds = targetSpacing * HALF_LIFE_BLOCKS
  }

  /** Satoshis per 1,000 virtual bytes, while `fill` (0 to 1) of the memory cap is in use. An emptier mempool forgets faster. */
  rate(fill: number): number {
    if (this.raisedRate > 0 && this.blockSinceRaise) {
      const now = this.clock.now() / 1_000
      const halfLife = this.halfLifeSeconds / (fill < 1 / 4 ? 4 : fill < 1 / 2 ? 2 : 1)
      this.raisedRate /= 2 ** (Math.max(0, now - this.lastDecay) / halfLife)
      this.lastDecay = now
      if (this.raisedRate < this.fixedRate / 2) this.raisedRate = 0
    }
    return Math.max(this.fixedRate, Math.ceil(this.raisedRate))
  }

  /** A package of this fee rate had to leave: what comes must pay that and the relay of one more transaction. */
  raise(evictedRate: number): void {
    const rate = evictedRate + this.fixedRate
    if (rate <= this.raisedRate) return
    this.raisedRate = rate
    this.blockSinceRaise = false
  }

  blockConnected(): void {
    if (!this.blockSinceRaise) this.lastDecay = this.clock.now() / 1_000
    this.blockSinceRaise = true
  }
}
