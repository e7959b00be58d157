/** The wallets of a node on disk, strictly durable: what was acknowledged survives the death of the machine. Thread: Node's main. */
import { utf8 } from '@scure/base'
import type { WalletDirectory, WalletEntry, WalletStore } from '../src/wallet/store.ts'
import { type Change, type DiskDatabase, pack, unpack } from './disk-database.ts'

export class DiskWalletDirectory implements WalletDirectory {
  private readonly database: DiskDatabase

  constructor(database: DiskDatabase) {
    this.database = database
  }

  async load(): Promise<ReadonlyMap<string, WalletEntry>> {
    const rows = await this.database.rows('wallets', [])
    return new Map(rows.map(({ key, value }) => [key[0] as string, unpack(value)]))
  }

  async save(name: string, entry: WalletEntry): Promise<void> {
    await this.database.write('strict', () => [{ table: 'wallets', key: [name], value: pack(entry) }])
  }

  records(name: string): WalletStore {
    return new DiskWalletStore(this.database, name)
  }
}

class DiskWalletStore implements WalletStore {
  private readonly database: DiskDatabase
  private readonly wallet: string
  private writing: Promise<unknown> = Promise.resolve()

  constructor(database: DiskDatabase, wallet: string) {
    this.database = database
    this.wallet = wallet
  }

  async load(): Promise<Map<string, string>> {
    const rows = await this.database.rows('wallet-records', [this.wallet])
    return new Map(rows.map(({ key, value }) => [key[1] as string, utf8.encode(value)]))
  }

  async commit(changes: ReadonlyMap<string, string | undefined>): Promise<void> {
    const written = this.database.write('strict', () =>
      Array.from(
        changes,
        ([record, text]): Change => ({
          table: 'wallet-records',
          key: [this.wallet, record],
          ...(text !== undefined && { value: utf8.decode(text) }),
        }),
      ),
    )
    this.writing = written.catch(() => undefined)
    await written
  }

  /** The database stays open: others use it. */
  async close(): Promise<void> {
    await this.writing
  }
}
