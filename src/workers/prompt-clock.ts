/** A Clock whose `after(0)` waits for messages only: browsers stretch nested timers to 4 ms, which a miner would idle away. */
import type { Clock } from '../primitives/ports.ts'
import { systemClock } from './system-ports.ts'

export function promptClock(): Clock {
  const { port1, port2 } = new MessageChannel()
  let next: (() => void) | undefined
  port1.onmessage = () => {
    const run = next
    next = undefined
    run?.()
  }
  return {
    now: systemClock.now,
    after(milliseconds, run) {
      // One task of this kind at a time: what comes on top takes the slower way.
      if (milliseconds >= 1 || next) return systemClock.after(milliseconds, run)
      next = run
      port2.postMessage(undefined)
      return () => {
        if (next === run) next = undefined
      }
    },
  }
}
