/** The node's time. `setmocktime` can hold it at an instant on a network for tests; timers stay on the port's time. */
import type { Clock } from '../primitives/ports.ts'

export class NodeClock implements Clock {
  private readonly clock: Clock
  private held: number | undefined

  constructor(clock: Clock) {
    this.clock = clock
  }

  now(): number {
    return this.held ?? this.clock.now()
  }

  after(milliseconds: number, run: () => void): () => void {
    return this.clock.after(milliseconds, run)
  }

  /** Holds time at this instant, milliseconds since 1970; undefined lets it run again. */
  hold(instant: number | undefined): void {
    this.held = instant
  }
}
