/** A clock for tests. */
import type { Clock } from '../../src/primitives/ports.ts'

/** Time that moves when told: by an amount, with what is due in it; by work alone; or from timer to timer. */
export class ManualClock implements Clock {
  /** Milliseconds of `work` in all. */
  worked = 0
  private time: number
  private timers: { readonly at: number; readonly run: () => void }[] = []

  /** `time` in milliseconds since 1970. */
  constructor(time = 1_800_000_000_000) {
    this.time = time
  }

  now(): number {
    return this.time
  }

  after(milliseconds: number, run: () => void): () => void {
    const timer = { at: this.time + milliseconds, run }
    this.timers.push(timer)
    return () => {
      this.timers = this.timers.filter((other) => other !== timer)
    }
  }

  /** Moves on, and runs what has become due. */
  advance(milliseconds: number): void {
    this.time += milliseconds
    const due = this.timers.filter(({ at }) => at <= this.time)
    this.timers = this.timers.filter(({ at }) => at > this.time)
    for (const { run } of due) run()
  }

  /** Moves on by work, during which nothing else runs. */
  work(milliseconds: number): void {
    this.worked += milliseconds
    this.time += milliseconds
  }

  /** Moves on to the next `count` timers, as far as there are any, and runs them one by one. */
  step(count = 1): void {
    for (let i = 0; i < count; i++) {
      const next = this.timers.toSorted((a, b) => a.at - b.at)[0]
      if (!next) return
      this.timers = this.timers.filter((timer) => timer !== next)
      this.time = Math.max(this.time, next.at)
      next.run()
    }
  }
}
