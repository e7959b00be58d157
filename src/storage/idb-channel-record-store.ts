/** `ChannelRecordStore` in IndexedDB, beside the seeds, with strict durability. Thread: the signer. */
import type { ChannelKeysId } from '../signer/channel-keys.ts'
import type { ChannelRecord, ChannelRecordStore } from '../signer/channel-record.ts'
import type { SPENDING, SpendingRecord } from '../signer/channel-spending.ts'
import type { ProfileDatabase } from './profile-database.ts'

export class IdbChannelRecordStore implements ChannelRecordStore {
  private readonly database: ProfileDatabase
  private readonly wallet: string

  /** `wallet`: the name of the wallet whose channels they are. */
  constructor(database: ProfileDatabase, wallet: string) {
    this.database = database
    this.wallet = wallet
  }

  load(keyId: ChannelKeysId | typeof SPENDING): Promise<unknown> {
    return this.database.transact(['channel-keys'], 'readonly', 'relaxed', (transaction) =>
      transaction.objectStore('channel-keys').get([this.wallet, keyId]),
    )
  }

  async save(records: readonly (ChannelRecord | SpendingRecord)[]): Promise<void> {
    await this.database.transact(['channel-keys'], 'readwrite', 'strict', async (transaction) => {
      const store = transaction.objectStore('channel-keys')
      await Promise.all(records.map((record) => store.put(record, [this.wallet, record.keyId])))
    })
  }
}
