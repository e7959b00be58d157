/** `ChannelStore` in memory: for tests and the simulator, where it outlives the crash of the node that used it. Any thread. */
import type { ChannelStore, ChannelWrite, StoredChannel } from '../channels/ports.ts'

interface Records {
  sequence: number
  readonly records: Map<string, string>
  readonly revoked: Map<number, string>
}

export class MemoryChannelStore implements ChannelStore {
  private readonly channels = new Map<string, Records>()

  async load(): Promise<StoredChannel[]> {
    return [...this.channels]
      .filter(([, { records }]) => records.size > 0)
      .map(([keyId, { sequence, records }]) => ({ keyId, sequence, records: new Map(records) }))
  }

  async revoked(keyId: string, number: number): Promise<string | undefined> {
    return this.channels.get(keyId)?.revoked.get(number)
  }

  async commit(writes: readonly ChannelWrite[]): Promise<void> {
    for (const { keyId, sequence } of writes)
      checkSequence(keyId, this.channels.get(keyId)?.sequence, sequence)
    for (const { keyId, sequence, records, revoked, forget } of writes) {
      const held: Records = this.channels.get(keyId) ?? { sequence, records: new Map(), revoked: new Map() }
      this.channels.set(keyId, held)
      held.sequence = sequence
      if (forget) {
        held.records.clear()
        held.revoked.clear()
        continue
      }
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

/** Throws where a write is not the one after the last. `last`: undefined where there was none. */
export function checkSequence(keyId: string, last: number | undefined, sequence: number): void {
  if (sequence !== (last ?? 0) + 1)
    throw new Error(
      `Write ${sequence} of channel ${keyId} does not follow write ${last ?? 0}: another tab, or a later copy of this profile, has it.`,
    )
}
