/**
 * Coins that payments leave alone unless someone names them (Bitcoin Core's `lockunspent`). By `outpointKey`. A lock lasts until the program
 * ends, or, where it is persistent, until it is taken away. Thread: the brain.
 */
import type { Records } from './wallet-records.ts'

const PREFIX = 'locked/'

/** A change of locks; `persistent` where it locks. */
export interface LockChange {
  readonly key: string
  readonly lock: 'memory' | 'persistent' | undefined
}

export class CoinLocks {
  /** Whether each is kept. */
  private readonly locks: Map<string, boolean>

  /** `records`: all of the wallet's; others than its own are ignored. */
  constructor(records: ReadonlyMap<string, string> = new Map()) {
    const keys = [...records.keys()].filter((key) => key.startsWith(PREFIX))
    this.locks = new Map(keys.map((key) => [key.slice(PREFIX.length), true]))
  }

  has(key: string): boolean {
    return this.locks.has(key)
  }

  keys(): string[] {
    return [...this.locks.keys()]
  }

  /** Returns what is to be written. */
  change(changes: readonly LockChange[]): Records {
    const records: Records = new Map()
    for (const { key, lock } of changes) {
      const wasKept = this.locks.get(key) === true
      if (lock) this.locks.set(key, wasKept || lock === 'persistent')
      else this.locks.delete(key)
      const isKept = this.locks.get(key) === true
      if (isKept !== wasKept) records.set(`${PREFIX}${key}`, isKept ? '{}' : undefined)
    }
    return records
  }
}
