/** `ChannelRecordStore` in memory: for tests and the simulator. Any thread. */
import type { ChannelKeysId } from '../signer/channel-keys.ts'
import type { ChannelRecord, ChannelRecordStore } from '../signer/channel-record.ts'
import type { SPENDING, SpendingRecord } from '../signer/channel-spending.ts'

type Name = ChannelKeysId | typeof SPENDING
type Kept = ChannelRecord | SpendingRecord

export class MemoryChannelRecordStore implements ChannelRecordStore {
  private readonly records: Map<Name, Kept>

  constructor(records: Iterable<readonly [Name, Kept]> = []) {
    this.records = new Map(records)
  }

  async load(keyId: Name): Promise<unknown> {
    return this.records.get(keyId)
  }

  async save(records: readonly Kept[]): Promise<void> {
    for (const record of records) this.records.set(record.keyId, record)
  }

  /** A copy, as one of a profile would be. */
  copy(): MemoryChannelRecordStore {
    return new MemoryChannelRecordStore(this.records)
  }
}
