/** `WalletDirectory` in IndexedDB, with strict durability. Thread: the brain. */
import type { WalletDirectory, WalletEntry, WalletStore } from '../wallet/store.ts'
import { IdbWalletStore } from './idb-wallet-store.ts'
import type { ProfileDatabase } from './profile-database.ts'

export class IdbWalletDirectory implements WalletDirectory {
  private readonly database: ProfileDatabase

  constructor(database: ProfileDatabase) {
    this.database = database
  }

  load(): Promise<ReadonlyMap<string, WalletEntry>> {
    return this.database.transact(['wallets'], 'readonly', 'relaxed', async (transaction) => {
      const store = transaction.objectStore('wallets')
      const [names, entries] = await Promise.all([store.getAllKeys(), store.getAll()])
      return new Map(names.map((name, i) => [name, entries[i]!]))
    })
  }

  async save(name: string, entry: WalletEntry): Promise<void> {
    await this.database.transact(['wallets'], 'readwrite', 'strict', (transaction) =>
      transaction.objectStore('wallets').put(entry, name),
    )
  }

  records(name: string): WalletStore {
    return new IdbWalletStore(this.database, name)
  }
}
