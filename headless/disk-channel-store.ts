/**
 * `ChannelStore` on disk, strictly durable: a channel's state is on the disk before a message leaves that makes the one before it void. The sequence
 * of the last write is a record beside the others, and is compared in the turn that writes. Thread: Node's main.
 */
import {
  type ChannelStore,
  type ChannelWrite,
  checkSequence,
  type StoredChannel,
} from '../src/channels/ports.ts'
import { type Change, type DiskDatabase, pack, unpack } from './disk-database.ts'

/** Beside a channel's own names, which are none of it. */
const SEQUENCE = '#'

export class DiskChannelStore implements ChannelStore {
  private readonly database: DiskDatabase
  private writing: Promise<unknown> = Promise.resolve()

  constructor(database: DiskDatabase) {
    this.database = database
  }

  async load(): Promise<StoredChannel[]> {
    const channels = new Map<string, { sequence: number; records: Map<string, string> }>()
    for (const { key, value } of await this.database.rows('channels', [])) {
      const [keyId, name] = key as [string, string]
      const channel = channels.get(keyId) ?? { sequence: 0, records: new Map() }
      channels.set(keyId, channel)
      if (name === SEQUENCE) channel.sequence = unpack(value)
      else channel.records.set(name, unpack(value))
    }
    return [...channels].map(([keyId, channel]) => ({ keyId, ...channel }))
  }

  async revoked(keyId: string, number: number): Promise<string | undefined> {
    const bytes = await this.database.get('revoked-commitments', [keyId, number])
    return bytes && unpack(bytes)
  }

  async commit(writes: readonly ChannelWrite[]): Promise<void> {
    const written = this.database.write('strict', async () =>
      (await Promise.all(writes.map((write) => this.changesOf(write)))).flat(),
    )
    this.writing = written.catch(() => undefined)
    await written
  }

  /** The database stays open: others use it. */
  async close(): Promise<void> {
    await this.writing
  }

  private async changesOf(write: ChannelWrite): Promise<Change[]> {
    const { database } = this
    const { keyId, sequence, records, revoked, forget } = write
    const last = await database.get('channels', [keyId, SEQUENCE])
    checkSequence(write, last && unpack(last))
    if (forget) {
      const tables = (['channels', 'revoked-commitments'] as const).map(async (table) =>
        (await database.rows(table, [keyId])).map(({ key }) => ({ table, key })),
      )
      return (await Promise.all(tables)).flat()
    }
    return [
      { table: 'channels', key: [keyId, SEQUENCE], value: pack(sequence) },
      ...Array.from(
        records,
        ([name, text]): Change => ({
          table: 'channels',
          key: [keyId, name],
          ...(text !== undefined && { value: pack(text) }),
        }),
      ),
      ...Array.from(
        revoked,
        ([number, text]): Change => ({
          table: 'revoked-commitments',
          key: [keyId, number],
          value: pack(text),
        }),
      ),
    ]
  }
}
