/** A chain store whose answers come after a drawn number of turns of the microtask queue: interleavings, the same for the same seed. */
import type { ChainBatch, ChainStore } from '../../src/chain/store.ts'
import { seededIntegers } from './block-trees.ts'

export class JitteredStore implements ChainStore {
  private readonly inner: ChainStore
  private readonly integer: (below: number) => number
  private writing: Promise<unknown> = Promise.resolve()

  constructor(inner: ChainStore, seed: number) {
    this.inner = inner
    this.integer = seededIntegers(seed)
  }

  load() {
    return this.later(() => this.inner.load())
  }

  /** Batches still take effect in the order of the calls. */
  write(batch: ChainBatch): Promise<void> {
    const written = this.writing.then(() => this.later(() => this.inner.write(batch)))
    this.writing = written.catch(() => undefined)
    return written
  }

  readBodies(indexes: readonly number[]) {
    return this.later(() => this.inner.readBodies(indexes))
  }

  readUndo(indexes: readonly number[]) {
    return this.later(() => this.inner.readUndo(indexes))
  }

  readMentions(first: number, last: number) {
    return this.later(() => this.inner.readMentions(first, last))
  }

  readBuckets(bits: number, buckets: readonly number[]) {
    return this.later(() => this.inner.readBuckets(bits, buckets))
  }

  close() {
    return this.later(() => this.inner.close())
  }

  private async later<T>(run: () => Promise<T>): Promise<T> {
    await this.ticks()
    const result = await run()
    await this.ticks()
    return result
  }

  private async ticks(): Promise<void> {
    for (let n = this.integer(30); n > 0; n--) await undefined
  }
}
