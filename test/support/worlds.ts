/** Simulated networks for directed tests. */
import { setImmediate } from 'node:timers/promises'
import { World, type WorldOptions } from '../../src/simulation/world.ts'

/** See `VirtualTime`. */
export const drain = (): Promise<void> => setImmediate()

export function newWorld(seed: string, options: Partial<WorldOptions> = {}): World {
  return new World({ seed, drain, ...options })
}
