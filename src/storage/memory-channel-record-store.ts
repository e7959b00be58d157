/** `ChannelRecordStore` in memory: for tests and the simulator. Any thread. */
import type { ChannelKeysId } from '../signer/channel-keys.ts'
import type { ChannelRecord, ChannelRecordStore } from '../signer/channel-record.ts'

export class MemoryChannelRecordStore implements ChannelRecordStore {
  private readonly records: Map<ChannelKeysId, ChannelRecord>

  constructor(records: Iterable<readonly [ChannelKeysId, ChannelRecord]> = []) {
    this.records = new Map(records)
  }

  async load(keyId: ChannelKeysId): Promise<unknown> {
    return this.records.get(keyId)
  }

  async save(records: readonly ChannelRecord[]): Promise<void> {
    for (const record of records) this.records.set(record.keyId, record)
  }

  /** A copy, as one of a profile would be. */
  copy(): MemoryChannelRecordStore {
    return new MemoryChannelRecordStore(this.records)
  }
}
