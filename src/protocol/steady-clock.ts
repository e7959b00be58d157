/**
 * Time for durations: timeouts, pauses and rates. It runs with the tab's clock but never back: where people or the operating system set that
 * one back, what is due in ten seconds stays due in ten seconds, but for the moment since the clock was last read. Set forward, it follows:
 * so far as it can tell, the tab slept. Times for people, for the store and for other tabs are those of `wall`.
 */
import type { Clock } from '../primitives/ports.ts'

export class SteadyClock implements Clock {
  private readonly clock: Clock
  /** Milliseconds by which the tab's clock was set back since the tab was opened. */
  private setBack = 0
  private seen: number

  constructor(clock: Clock) {
    this.clock = clock
    this.seen = clock.now()
  }

  /** Milliseconds since 1970, as far as the clock was never set back. */
  now(): number {
    const now = this.clock.now()
    if (now < this.seen) this.setBack += this.seen - now
    this.seen = now
    return now + this.setBack
  }

  after(milliseconds: number, run: () => void): () => void {
    return this.clock.after(milliseconds, run)
  }

  /** An instant of `now` by the tab's clock as it is set at present: milliseconds since 1970. */
  wall(instant: number): number {
    this.now()
    return instant - this.setBack
  }
}
