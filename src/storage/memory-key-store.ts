/** `KeyStore` in memory: for tests and the simulator. Any thread. */
import type { KeyRecord, KeyStore } from '../signer/key-record.ts'

export class MemoryKeyStore implements KeyStore {
  private record: KeyRecord | undefined

  async load(): Promise<unknown> {
    return this.record
  }

  async save(record: KeyRecord): Promise<void> {
    this.record = record
  }
}
