/** `KeyStores` in IndexedDB, with strict durability. Thread: the signer; the brain asks only whether there are keys. */
import type { KeyRecord, KeyStore, KeyStores } from '../signer/key-record.ts'
import type { ProfileDatabase } from './profile-database.ts'

/** Names of the wallets of a profile that have keys. Reads nothing of them. */
export function walletsWithKeys(database: ProfileDatabase): Promise<string[]> {
  return database.transact(['keys'], 'readonly', 'relaxed', (transaction) =>
    transaction.objectStore('keys').getAllKeys(),
  )
}

export class IdbKeyStores implements KeyStores {
  private readonly database: ProfileDatabase

  constructor(database: ProfileDatabase) {
    this.database = database
  }

  names(): Promise<string[]> {
    return walletsWithKeys(this.database)
  }

  store(name: string): KeyStore {
    const { database } = this
    return {
      load: () =>
        database.transact(['keys'], 'readonly', 'relaxed', (transaction) =>
          transaction.objectStore('keys').get(name),
        ),
      async save(record: KeyRecord) {
        await database.transact(['keys'], 'readwrite', 'strict', (transaction) =>
          transaction.objectStore('keys').put(record, name),
        )
      },
    }
  }
}
