/** `WalletStore` in IndexedDB, with strict durability: what was acknowledged survives the death of the machine. Thread: the brain. */
import type { WalletStore } from '../wallet/store.ts'
import type { ProfileDatabase } from './profile-database.ts'

export class IdbWalletStore implements WalletStore {
  private readonly database: ProfileDatabase
  private readonly wallet: string
  private writing: Promise<unknown> = Promise.resolve()

  /** `wallet`: its name. */
  constructor(database: ProfileDatabase, wallet: string) {
    this.database = database
    this.wallet = wallet
  }

  load(): Promise<Map<string, string>> {
    return this.database.transact(['wallet-records'], 'readonly', 'relaxed', async (transaction) => {
      const store = transaction.objectStore('wallet-records')
      // Arrays come after all texts: these are the keys that begin with the name.
      const own = IDBKeyRange.bound([this.wallet], [this.wallet, []])
      const [keys, values] = await Promise.all([store.getAllKeys(own), store.getAll(own)])
      return new Map(keys.map(([, record], i) => [record, values[i]!]))
    })
  }

  async commit(changes: ReadonlyMap<string, string | undefined>): Promise<void> {
    const written = this.database.transact(['wallet-records'], 'readwrite', 'strict', async (transaction) => {
      const store = transaction.objectStore('wallet-records')
      // Async, so that a value that can't be stored fails the whole like any other request.
      const request = async ([key, value]: readonly [string, string | undefined]): Promise<unknown> =>
        value === undefined ? store.delete([this.wallet, key]) : store.put(value, [this.wallet, key])
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
