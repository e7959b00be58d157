/**
 * What a node remembers beside its channels: invoices, payments, onions that it has opened. Texts by name, durable as the channels are, in the same
 * store, under a name that no channel has; so neither an old copy nor a second tab goes on with it. What is set at once is written at once, in one piece.
 * Thread: the brain.
 */
import type { ChannelStore, StoredChannel } from './ports.ts'

/** In place of a channel's `keyId`. */
const BOOK = 'node'

export class RecordBook {
  private readonly store: ChannelStore
  private readonly records: Map<string, string>
  private sequence: number
  /** Not written yet. */
  private changes = new Map<string, string | undefined>()
  private writing: Promise<void> | undefined

  private constructor(store: ChannelStore, stored: StoredChannel | undefined) {
    this.store = store
    this.records = new Map(stored?.records)
    this.sequence = stored?.sequence ?? 0
  }

  /** Reads what there is. Throws where storage fails. */
  static async open(store: ChannelStore): Promise<RecordBook> {
    return new RecordBook(
      store,
      (await store.load()).find(({ keyId }) => keyId === BOOK),
    )
  }

  /** The same store, as its channels see it. */
  get channels(): ChannelStore {
    const { store } = this
    return {
      load: async () => (await store.load()).filter(({ keyId }) => keyId !== BOOK),
      revoked: (keyId, number) => store.revoked(keyId, number),
      commit: (writes) => store.commit(writes),
      close: () => store.close(),
    }
  }

  get(name: string): string | undefined {
    return this.records.get(name)
  }

  /** Name without the prefix, and text, in the order in which they were first set. */
  *entries(prefix: string): Iterable<[string, string]> {
    for (const [name, text] of this.records)
      if (name.startsWith(prefix)) yield [name.slice(prefix.length), text]
  }

  /** Undefined removes a record. Known at once; durable when it resolves. Throws where storage fails. */
  set(name: string, text: string | undefined): Promise<void> {
    if (text === undefined) this.records.delete(name)
    else this.records.set(name, text)
    this.changes.set(name, text)
    return this.written()
  }

  /** Resolves when all that was set is durable. */
  async written(): Promise<void> {
    // What is being written may be older than what waits.
    while (this.writing) await this.writing
    if (this.changes.size === 0) return
    this.writing = this.write()
    try {
      await this.writing
    } finally {
      this.writing = undefined
    }
  }

  private async write(): Promise<void> {
    // What the caller sets next comes along.
    await undefined
    const { changes } = this
    this.changes = new Map()
    const write = { keyId: BOOK, sequence: this.sequence + 1, records: changes, revoked: new Map() }
    await this.store.commit([write])
    this.sequence++
  }
}
