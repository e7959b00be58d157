/** The Clock and Random ports of a real tab. Thread: any worker. */
import type { Clock, Random } from '../primitives/ports.ts'

export const systemClock: Clock = {
  now: () => Date.now(),
  after(milliseconds, run) {
    const timer = setTimeout(run, milliseconds)
    return () => clearTimeout(timer)
  },
}

/** Cryptographically secure. */
export const systemRandom: Random = {
  bytes(length) {
    const bytes = new Uint8Array(length)
    // 65,536 bytes is the most that one call gives.
    for (let at = 0; at < length; at += 65_536) crypto.getRandomValues(bytes.subarray(at, at + 65_536))
    return bytes
  },
}
