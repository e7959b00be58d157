/**
 * Makes a port of promises deliver at virtual instants drawn from the seed, as real storage and workers would, and lets it be
 * cut off as a killed tab is: what was under way is then durable or lost, but in the order it was asked.
 */
import type { SeededRandom } from './seeded-random.ts'
import type { VirtualTime } from './virtual-time.ts'

export interface DelayedPortOptions {
  readonly time: VirtualTime
  readonly random: SeededRandom
  /** Milliseconds that a call takes, least and most. */
  readonly latency: readonly [least: number, most: number]
  /** Called when a call is about to take effect; it may kill the port. */
  readonly before?: () => void
  /** Asked when a call takes effect: an error makes it fail instead. */
  readonly refuse?: (method: string) => Error | undefined
}

export interface DelayedPort<T> {
  readonly port: T
  /** The tab is killed: some of the calls under way still take effect, the rest never do, and none is ever answered. */
  kill(): Promise<void>
}

interface Call {
  run(): Promise<unknown>
  settle(outcome: Promise<unknown>): void
}

/** Wraps an object whose methods return promises. Calls run one after another in the order they were made. */
export function delayedPort<T extends object>(target: T, options: DelayedPortOptions): DelayedPort<T> {
  const { time, random, latency, before, refuse } = options
  const waiting: Call[] = []
  let alive = true
  let working = false

  const work = (): void => {
    const call = waiting[0]
    working = call !== undefined && alive
    if (!working) return
    time.after(random.between(...latency), () => {
      if (alive) before?.()
      if (!alive) return
      const outcome = call.run()
      const done = (): void => {
        if (!alive) return
        waiting.shift()
        call.settle(outcome)
        work()
      }
      outcome.then(done, done)
    })
  }

  const port = new Proxy(target, {
    get(object, name) {
      const member: unknown = Reflect.get(object, name)
      if (typeof member !== 'function') return member
      return (...args: unknown[]) =>
        new Promise((resolve, reject) => {
          if (!alive) return
          waiting.push({
            run: async () => {
              const refusal = refuse?.(String(name))
              if (refusal) throw refusal
              return Reflect.apply(member, object, args)
            },
            settle: (outcome) => outcome.then(resolve, reject),
          })
          if (!working) work()
        })
    },
  })

  return {
    port,
    async kill() {
      if (!alive) return
      alive = false
      const durable = waiting.splice(0, random.integer(waiting.length + 1))
      waiting.length = 0
      for (const call of durable) await call.run().catch(() => undefined)
    },
  }
}
