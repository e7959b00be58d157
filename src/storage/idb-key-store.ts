/** `KeyStore` in IndexedDB, with strict durability. Thread: the signer. */
import type { KeyRecord, KeyStore } from '../wallet/key-record.ts'
import type { ProfileDatabase } from './profile-database.ts'

/** The one record's key. */
const KEY = 'seed'

export class IdbKeyStore implements KeyStore {
  private readonly database: ProfileDatabase

  constructor(database: ProfileDatabase) {
    this.database = database
  }

  load(): Promise<unknown> {
    return this.database.transact(['keys'], 'readonly', 'relaxed', (transaction) =>
      transaction.objectStore('keys').get(KEY),
    )
  }

  async save(record: KeyRecord): Promise<void> {
    await this.database.transact(['keys'], 'readwrite', 'strict', (transaction) =>
      transaction.objectStore('keys').put(record, KEY),
    )
  }
}
