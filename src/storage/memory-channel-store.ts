/** `ChannelStore` in memory: for tests and the simulator, where it outlives the crash of the node that used it. Any thread. */
import { type ChannelStore, type ChannelWrite, checkSequence, type StoredChannel } from '../channels/ports.ts'

interface Records {
  sequence: number
  readonly records: Map<string, string>
  readonly revoked: Map<number, string>
}

export class MemoryChannelStore implements ChannelStore {
  private readonly channels = new Map<string, Records>()

  async load(): Promise<StoredChannel[]> {
    return [...this.channels].map(([keyId, { sequence, records }]) => ({
      keyId,
      sequence,
      records: new Map(records),
    }))
  }

  async revoked(keyId: string, number: number): Promise<string | undefined> {
    return this.channels.get(keyId)?.revoked.get(number)
  }

  async commit(writes: readonly ChannelWrite[]): Promise<void> {
    for (const write of writes) checkSequence(write, this.channels.get(write.keyId)?.sequence)
    for (const { keyId, sequence, records, revoked, forget } of writes) {
      if (forget) {
        this.channels.delete(keyId)
        continue
      }
      const held: Records = this.channels.get(keyId) ?? { sequence, records: new Map(), revoked: new Map() }
      this.channels.set(keyId, held)
      held.sequence = sequence
      for (const [name, text] of records) {
        if (text === undefined) held.records.delete(name)
        else held.records.set(name, text)
      }
      for (const [number, text] of revoked) held.revoked.set(number, text)
    }
  }

  async close(): Promise<void> {}

  /** One text as it lies there, for tests. Throws where there is none. */
  textOf(keyId: string, name: string): string {
    const text = this.channels.get(keyId)?.records.get(name)
    if (text === undefined) throw new Error(`Nothing is stored as ${name} of channel ${keyId}`)
    return text
  }

  /** A copy, as one of a profile would be. */
  copy(): MemoryChannelStore {
    const copy = new MemoryChannelStore()
    for (const [keyId, { sequence, records, revoked }] of this.channels)
      copy.channels.set(keyId, { sequence, records: new Map(records), revoked: new Map(revoked) })
    return copy
  }
}
