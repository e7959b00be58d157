/** `WalletDirectory` in memory: for tests and the simulator, where it outlives the crash of the node that used it. Any thread. */
import type { WalletDirectory, WalletEntry, WalletStore } from '../wallet/store.ts'
import { MemoryWalletStore } from './memory-wallet-store.ts'

export class MemoryWalletDirectory implements WalletDirectory {
  private readonly entries = new Map<string, WalletEntry>()
  private readonly stores = new Map<string, WalletStore>()

  async load(): Promise<ReadonlyMap<string, WalletEntry>> {
    return new Map(this.entries)
  }

  async save(name: string, entry: WalletEntry): Promise<void> {
    this.entries.set(name, entry)
  }

  records(name: string): WalletStore {
    const store = this.stores.get(name) ?? new MemoryWalletStore()
    this.stores.set(name, store)
    return store
  }
}
