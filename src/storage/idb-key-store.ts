/** `KeyStore` in IndexedDB, with strict durability. Thread: the signer; the brain asks only whether there are keys. */
import type { KeyRecord, KeyStore } from '../signer/key-record.ts'
import type { ProfileDatabase } from './profile-database.ts'

/** The one record's key. */
const KEY = 'seed'

/** Whether a profile has keys. Reads nothing of them. */
export async function hasKeys(database: ProfileDatabase): Promise<boolean> {
  const key = await database.transact(['keys'], 'readonly', 'relaxed', (transaction) =>
    transaction.objectStore('keys').getKey(KEY),
  )
  return key !== undefined
}

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
