/**
 * Makes a port of promises deliver at virtual instants drawn from the seed, as real storage and workers would, and lets it be
 * cut off as a killed tab is: what was under way is then durable or lost, but in the order it was asked.
 */
import type { SeededRandom } from './seeded-random.ts'
import type { VirtualTime } from './virtual-time.ts'

export interface DelayedPort<T> {
  readonly port: T
  /** The tab is killed: some of the calls under way still take effect, the rest never do, and none is ever answered. */
  kill(): Promise<void>
}

interface Call {
  run(): Promise<unknown>
  settle: ((outcome: Promise<unknown>) => void) | undefined
}

/**
 * Wraps an object whose methods return promises. Calls run one after another in the order they were made, each completing `latency`
 * milliseconds (least, most) after the one before.
 */
export function delayedPort<T extends object>(
  target: T,
  time: VirtualTime,
  random: SeededRandom,
  latency: readonly [least: number, most: number],
): DelayedPort<T> {
  const waiting: Call[] = []
  let alive = true
  let working = false

  const work = (): void => {
    const call = waiting[0]
    if (call === undefined || !alive) {
      working = false
      return
    }
    working = true
    time.after(random.between(...latency), () => {
      if (!alive) return
      const outcome = call.run()
      const done = (): void => {
        if (!alive) return
        waiting.shift()
        call.settle?.(outcome)
        work()
      }
      outcome.then(done, done)
    })
  }

  const port = new Proxy(target, {
    get(object, name, receiver) {
      const member: unknown = Reflect.get(object, name, receiver)
      if (typeof member !== 'function') return member
      return (...args: unknown[]) =>
        new Promise((resolve, reject) => {
          if (!alive) return
          waiting.push({
            run: async () => Reflect.apply(member, object, args),
            settle: (outcome) => outcome.then(resolve, reject),
          })
          if (!working) work()
        })
    },
  })

  return {
    port,
    async kill() {
      alive = false
      const durable = waiting.splice(0, random.integer(waiting.length + 1))
      for (const call of durable) await call.run().catch(() => undefined)
      waiting.length = 0
    },
  }
}
