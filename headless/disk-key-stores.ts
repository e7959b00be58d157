/** The encrypted seeds of a node's wallets on disk, and what their signers keep of channels; strictly durable. Thread: Node's main. */
import type { ChannelRecordStore } from '../src/signer/channel-record.ts'
import type { KeyStore, KeyStores } from '../src/signer/key-record.ts'
import { type DiskDatabase, type Key, pack, type Table, unpack } from './disk-database.ts'

export class DiskKeyStores implements KeyStores {
  private readonly database: DiskDatabase

  constructor(database: DiskDatabase) {
    this.database = database
  }

  async names(): Promise<string[]> {
    return (await this.database.keys('keys')).map(([name]) => name as string)
  }

  store(name: string): KeyStore {
    return {
      load: () => this.load('keys', [name]),
      save: (record) =>
        this.database.write('strict', () => [{ table: 'keys', key: [name], value: pack(record) }]),
    }
  }

  channelRecords(name: string): ChannelRecordStore {
    return {
      load: (keyId) => this.load('channel-keys', [name, keyId]),
      save: (records) =>
        this.database.write('strict', () =>
          records.map((record) => ({
            table: 'channel-keys',
            key: [name, record.keyId],
            value: pack(record),
          })),
        ),
    }
  }

  private async load(table: Table, key: Key): Promise<unknown> {
    const bytes = await this.database.get(table, key)
    return bytes && unpack(bytes)
  }
}
