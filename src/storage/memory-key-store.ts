/** `KeyStore` and `KeyStores` in memory: for tests and the simulator. Any thread. */
import type { ChannelRecordStore } from '../signer/channel-record.ts'
import type { KeyRecord, KeyStore, KeyStores } from '../signer/key-record.ts'
import { MemoryChannelRecordStore } from './memory-channel-record-store.ts'

export class MemoryKeyStore implements KeyStore {
  private record: KeyRecord | undefined

  async load(): Promise<unknown> {
    return this.record
  }

  async save(record: KeyRecord): Promise<void> {
    this.record = record
  }
}

export class MemoryKeyStores implements KeyStores {
  private readonly stores = new Map<string, MemoryKeyStore>()
  private readonly channels = new Map<string, MemoryChannelRecordStore>()

  async names(): Promise<readonly string[]> {
    const all = await Promise.all([...this.stores].map(async ([name, store]) => [name, await store.load()]))
    return all.flatMap(([name, record]) => (record === undefined ? [] : [name as string]))
  }

  channelRecords(name: string): ChannelRecordStore {
    const records = this.channels.get(name) ?? new MemoryChannelRecordStore()
    this.channels.set(name, records)
    return records
  }

  /** A copy, as one of a profile would be. What keeps seeds is shared: they don't change. */
  copy(): MemoryKeyStores {
    const copy = new MemoryKeyStores()
    for (const [name, store] of this.stores) copy.stores.set(name, store)
    for (const [name, records] of this.channels) copy.channels.set(name, records.copy())
    return copy
  }

  store(name: string): KeyStore {
    const store = this.stores.get(name) ?? new MemoryKeyStore()
    this.stores.set(name, store)
    return store
  }
}
