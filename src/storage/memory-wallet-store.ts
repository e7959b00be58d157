/**
 * `WalletStore` in memory: for tests and the simulator, where it outlives the crash of the node that used it. Any
 * thread.
 */
import type { WalletStore } from '../wallet/store.ts'

export class MemoryWalletStore implements WalletStore {
  private readonly records = new Map<string, string>()

  async load(): Promise<Map<string, string>> {
    return new Map(this.records)
  }

  async commit(changes: ReadonlyMap<string, string | undefined>): Promise<void> {
    for (const [key, value] of changes) {
      if (value === undefined) this.records.delete(key)
      else this.records.set(key, value)
    }
  }

  async close(): Promise<void> {}
}
