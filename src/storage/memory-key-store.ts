/** `KeyStore` and `KeyStores` in memory: for tests and the simulator. Any thread. */
import type { KeyRecord, KeyStore, KeyStores } from '../signer/key-record.ts'

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

  async names(): Promise<readonly string[]> {
    const all = await Promise.all([...this.stores].map(async ([name, store]) => [name, await store.load()]))
    return all.flatMap(([name, record]) => (record === undefined ? [] : [name as string]))
  }

  store(name: string): KeyStore {
    const store = this.stores.get(name) ?? new MemoryKeyStore()
    this.stores.set(name, store)
    return store
  }
}
