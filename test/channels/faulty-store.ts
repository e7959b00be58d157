/** Stores of a node that can be killed at any write: before it is durable, or after, when nobody is told any more. */
import type { ChannelStore, ChannelWrite } from '../../src/channels/ports.ts'
import type { ChannelRecord, ChannelRecordStore } from '../../src/signer/channel-record.ts'
import type { MemoryChannelRecordStore } from '../../src/storage/memory-channel-record-store.ts'
import type { MemoryChannelStore } from '../../src/storage/memory-channel-store.ts'

/** What happens at writes. */
export interface WriteFaults {
  /** Asked before each write: whether the node dies now. */
  dies(): boolean
  /** Virtual time passes until the write is durable. */
  wait(): Promise<void>
  /** How many of the writes that wait become durable while the node dies, from 0 to `count`. */
  survivors(count: number): number
  kill(): void
}

const NEVER = new Promise<never>(() => {})

/** The store of one life of a node; what is durable lies in `inner`, which outlives it. */
export class FaultyChannelStore implements ChannelStore {
  private readonly inner: MemoryChannelStore
  private readonly faults: WriteFaults
  private readonly waiting: (readonly ChannelWrite[])[] = []
  private last: Promise<unknown> = Promise.resolve()
  private dead = false

  constructor(inner: MemoryChannelStore, faults: WriteFaults) {
    this.inner = inner
    this.faults = faults
  }

  load() {
    return this.inner.load()
  }

  revoked(keyId: string, number: number) {
    return this.inner.revoked(keyId, number)
  }

  commit(writes: readonly ChannelWrite[]): Promise<void> {
    if (this.dead) return NEVER
    this.waiting.push(writes)
    if (this.faults.dies()) {
      this.faults.kill()
      return NEVER
    }
    const written = this.last.then(async () => {
      await this.faults.wait()
      if (this.dead) return NEVER
      this.waiting.shift()
      return this.inner.commit(writes)
    })
    // One that fails keeps no other from being tried.
    this.last = written.catch(() => {})
    return written
  }

  async close(): Promise<void> {}

  /** The node dies: of what waits, some is durable. */
  async die(): Promise<void> {
    if (this.dead) return
    this.dead = true
    const survivors = this.faults.survivors(this.waiting.length)
    for (const writes of this.waiting.slice(0, survivors)) await this.inner.commit(writes)
  }
}

/** The signer's records, in the same way. */
export class FaultyRecordStore implements ChannelRecordStore {
  private readonly inner: MemoryChannelRecordStore
  private readonly faults: WriteFaults
  dead = false

  constructor(inner: MemoryChannelRecordStore, faults: WriteFaults) {
    this.inner = inner
    this.faults = faults
  }

  load(keyId: ChannelRecord['keyId']): Promise<unknown> {
    return this.inner.load(keyId)
  }

  async save(records: readonly ChannelRecord[]): Promise<void> {
    if (this.dead) return NEVER
    if (this.faults.dies()) {
      if (this.faults.survivors(1) > 0) await this.inner.save(records)
      this.faults.kill()
      return NEVER
    }
    return this.inner.save(records)
  }
}
