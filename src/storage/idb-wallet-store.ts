/** `WalletStore` in IndexedDB, with strict durability: what was acknowledged survives the death of the machine. Thread: the brain. */
import type { WalletStore } from '../wallet/store.ts'
import type { ProfileDatabase } from './profile-database.ts'

export class IdbWalletStore implements WalletStore {
  private readonly database: ProfileDatabase
  private writing: Promise<unknown> = Promise.resolve()

  constructor(database: ProfileDatabase) {
    this.database = database
  }

  load(): Promise<Map<string, string>> {
    return this.database.transact(['wallet'], 'readonly', 'relaxed', async (transaction) => {
      const store = transaction.objectStore('wallet')
      const [keys, values] = await Promise.all([store.getAllKeys(), store.getAll()])
      return new Map(keys.map((key, i) => [key, values[i]]))
    })
  }

  async commit(changes: ReadonlyMap<string, string | undefined>): Promise<void> {
    const written = this.database.transact(['wallet'], 'readwrite', 'strict', async (transaction) => {
      const store = transaction.objectStore('wallet')
      // Async, so that a value that can't be stored fails the whole like any other request.
      const request = async ([key, value]: readonly [string, string | undefined]): Promise<unknown> =>
        value === undefined ? store.delete(key) : store.put(value, key)
      await Promise.all(Array.from(changes, request))
    })
    this.writing = written.catch(() => undefined)
    await written
  }

  /** The database stays open: others use it. */
  async close(): Promise<void> {
    await this.writing
  }
}
