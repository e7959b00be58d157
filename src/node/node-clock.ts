/** The node's time. `setmocktime` can hold it at an instant on a network for tests; timers stay on the port's time. */
import type { Clock } from '../primitives/ports.ts'

/** Most milliseconds that blocks' times are judged ahead of a slow clock: time zones and a date that is off by one. */
const MAX_BEHIND = 86_400_000

export class NodeClock implements Clock {
  /**
   * Time for whatever deals with blocks: as far ahead of a slow clock as `setBehind` says, so that a tab whose clock is behind follows, and
   * mines on, the same chain as others. Never behind the clock: nobody's word makes a tab refuse blocks that it would have taken.
   */
  readonly forBlocks: Clock
  private readonly clock: Clock
  private held: number | undefined
  private behind = 0

  constructor(clock: Clock) {
    this.clock = clock
    this.forBlocks = {
      now: () => this.held ?? this.clock.now() + this.behind,
      after: (milliseconds, run) => this.after(milliseconds, run),
    }
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

  get isHeld(): boolean {
    return this.held !== undefined
  }

  /** By how many milliseconds the clock is behind what is true, as far as known; below 0 where it is ahead. */
  setBehind(milliseconds: number): void {
    this.behind = milliseconds > 0 && milliseconds <= MAX_BEHIND ? milliseconds : 0
  }
}
