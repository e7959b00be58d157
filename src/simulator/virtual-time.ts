/**
 * Virtual time: a queue of events, run one at a time in order of their instant. Between two events every promise that can
 * settle has settled, so a run depends on its seed alone and hours of network life take seconds.
 */
import type { Clock } from '../primitives/ports.ts'

interface Event {
  readonly at: number
  readonly order: number
  run: (() => void) | undefined
}

export class VirtualTime implements Clock {
  private readonly queue: Event[] = []
  private order = 0
  private time: number
  private readonly drain: () => Promise<void>

  /**
   * `start` in milliseconds since 1970. `drain` resolves in a later macrotask of the host (`setImmediate`, a message): then all
   * microtasks are done.
   */
  constructor(start: number, drain: () => Promise<void>) {
    this.time = start
    this.drain = drain
  }

  now(): number {
    return this.time
  }

  after(milliseconds: number, run: () => void): () => void {
    const event: Event = { at: this.time + Math.max(0, milliseconds), order: this.order++, run }
    this.push(event)
    return () => {
      event.run = undefined
    }
  }

  /** A promise that resolves at a virtual instant. */
  sleep(milliseconds: number): Promise<void> {
    return new Promise((resolve) => this.after(milliseconds, resolve))
  }

  /** Runs events until `done` holds (true) or `milliseconds` of virtual time are over (false). */
  async run(milliseconds: number, done: () => boolean = () => false): Promise<boolean> {
    const end = this.time + milliseconds
    await this.drain()
    while (!done()) {
      const next = this.queue[0]
      if (next === undefined || next.at > end) {
        this.time = end
        return done()
      }
      this.pop()
      if (next.run === undefined) continue
      this.time = next.at
      next.run()
      await this.drain()
    }
    return true
  }

  /** Runs events until `promise` settles, and answers it. Throws when nothing is left that could settle it. */
  async complete<T>(promise: Promise<T>, withinMilliseconds = 3_600_000): Promise<T> {
    let settled = false
    const mark = (): void => {
      settled = true
    }
    promise.then(mark, mark)
    if (!(await this.run(withinMilliseconds, () => settled)))
      throw new Error(`a promise did not settle within ${withinMilliseconds} virtual milliseconds`)
    return promise
  }

  private push(event: Event): void {
    const { queue } = this
    let at = queue.push(event) - 1
    while (at > 0) {
      const above = (at - 1) >> 1
      if (precedes(queue[above], event)) break
      queue[at] = queue[above]
      at = above
    }
    queue[at] = event
  }

  private pop(): void {
    const { queue } = this
    const last = queue.pop() as Event
    if (queue.length === 0) return
    let at = 0
    for (;;) {
      let below = at * 2 + 1
      if (below >= queue.length) break
      if (below + 1 < queue.length && precedes(queue[below + 1], queue[below])) below++
      if (precedes(last, queue[below])) break
      queue[at] = queue[below]
      at = below
    }
    queue[at] = last
  }
}

function precedes(a: Event, b: Event): boolean {
  return a.at < b.at || (a.at === b.at && a.order < b.order)
}
