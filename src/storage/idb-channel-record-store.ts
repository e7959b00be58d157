/** `ChannelRecordStore` in IndexedDB, beside the seed, with strict durability. Thread: the signer. */
import type { ChannelKeysId } from '../signer/channel-keys.ts'
import type { ChannelRecord, ChannelRecordStore } from '../signer/channel-record.ts'
import type { ProfileDatabase } from './profile-database.ts'

function keyOf(keyId: ChannelKeysId): string {
  return `channel ${keyId}`
}

export class IdbChannelRecordStore implements ChannelRecordStore {
  private readonly database: ProfileDatabase

  constructor(database: ProfileDatabase) {
    this.database = database
  }

  load(keyId: ChannelKeysId): Promise<unknown> {
    return this.database.transact(['keys'], 'readonly', 'relaxed', (transaction) =>
      transaction.objectStore('keys').get(keyOf(keyId)),
    )
  }

  async save(records: readonly ChannelRecord[]): Promise<void> {
    await this.database.transact(['keys'], 'readwrite', 'strict', async (transaction) => {
      const store = transaction.objectStore('keys')
      await Promise.all(records.map((record) => store.put(record, keyOf(record.keyId))))
    })
  }
}
