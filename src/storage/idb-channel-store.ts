/**
 * `ChannelStore` in IndexedDB, with strict durability: a channel's state is on the disk before a message leaves that makes the one before it
 * void. The sequence of the last write is a record beside the others and is compared in the transaction that writes. Thread: the brain.
 */
import { type ChannelStore, type ChannelWrite, checkSequence, type StoredChannel } from '../channels/ports.ts'
import type { ProfileDatabase, ProfileTransaction } from './profile-database.ts'

/** Beside a channel's own names, which are none of it. */
const SEQUENCE = '#'

const STORES = ['channels', 'revoked-commitments'] as const

/** All keys of a channel, in either store: what begins with its id. */
function keysOf(keyId: string): IDBKeyRange {
  // An array is above every number and text.
  return IDBKeyRange.bound([keyId], [keyId, []])
}

export class IdbChannelStore implements ChannelStore {
  private readonly database: ProfileDatabase
  private writing: Promise<unknown> = Promise.resolve()

  constructor(database: ProfileDatabase) {
    this.database = database
  }

  async load(): Promise<StoredChannel[]> {
    const [keys, values] = await this.database.transact(
      ['channels'],
      'readonly',
      'relaxed',
      (transaction) => {
        const store = transaction.objectStore('channels')
        return Promise.all([store.getAllKeys(), store.getAll()])
      },
    )
    const channels = new Map<string, { sequence: number; records: Map<string, string> }>()
    for (const [at, [keyId, name]] of keys.entries()) {
      const channel = channels.get(keyId) ?? { sequence: 0, records: new Map() }
      channels.set(keyId, channel)
      const value = values[at]
      if (typeof value === 'number') channel.sequence = value
      else channel.records.set(name, value)
    }
    return [...channels].map(([keyId, channel]) => ({ keyId, ...channel }))
  }

  revoked(keyId: string, number: number): Promise<string | undefined> {
    return this.database.transact(['revoked-commitments'], 'readonly', 'relaxed', (transaction) =>
      transaction.objectStore('revoked-commitments').get([keyId, number]),
    )
  }

  async commit(writes: readonly ChannelWrite[]): Promise<void> {
    const written = this.database.transact(STORES, 'readwrite', 'strict', async (transaction) => {
      // One after another would wait for each; what fails ends them all.
      await Promise.all(writes.map((write) => put(transaction, write)))
    })
    this.writing = written.catch(() => undefined)
    await written
  }

  /** The database stays open: others use it. */
  async close(): Promise<void> {
    await this.writing
  }
}

async function put(transaction: ProfileTransaction<'readwrite'>, write: ChannelWrite): Promise<void> {
  const { keyId, sequence, records, revoked, forget } = write
  const channels = transaction.objectStore('channels')
  const commitments = transaction.objectStore('revoked-commitments')
  // What comes behind is undone where this write does not follow: to wait for the answer first would take as long again.
  const checked = channels.get([keyId, SEQUENCE]).then((last) => {
    checkSequence(write, typeof last === 'number' ? last : undefined)
  })
  const requests: Promise<unknown>[] = [checked]
  if (forget) requests.push(channels.delete(keysOf(keyId)), commitments.delete(keysOf(keyId)))
  else {
    requests.push(channels.put(sequence, [keyId, SEQUENCE]))
    for (const [name, text] of records)
      requests.push(text === undefined ? channels.delete([keyId, name]) : channels.put(text, [keyId, name]))
    for (const [number, text] of revoked) requests.push(commitments.put(text, [keyId, number]))
  }
  await Promise.all(requests)
}
