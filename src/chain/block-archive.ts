/**
 * Headers and bodies on their way to the store and back, for all chainstates that share them. Writes take turns, so that each builds on the header pages of the one
 * before, and what a write makes true of a header is marked in the tree once it is durable. Nothing is written after a failure.
 * Thread: the brain.
 */
import { type Block, decodeBlock } from '../primitives/block.ts'
import { HEADERS_PER_PAGE, type HeaderIndex, type HeaderMark, type HeaderTree } from './header-tree.ts'
import { RecentBlocks } from './recent-blocks.ts'
import { type ChainBatch, type ChainStore, StorageError } from './store.ts'

/** A block and its header's place in the tree. */
export interface PlacedBlock {
  readonly index: HeaderIndex
  readonly block: Block
}

/** Bytes of blocks kept in memory after they were stored: most are connected, or asked for by a peer, at once. */
const RECENT_BLOCK_BYTES = 16 * 1024 * 1024

export class BlockArchive {
  private readonly store: ChainStore
  private readonly headers: HeaderTree
  private readonly held: (index: HeaderIndex) => void
  private readonly recent = new RecentBlocks(RECENT_BLOCK_BYTES)
  /** Bodies that wait for their turn, or are being written, in this order. */
  private readonly unstored = new Map<HeaderIndex, { readonly block: Block; readonly order: number }>()
  /** All that were ever taken in. */
  private bodies = 0
  private headersSaved: number
  private turn: Promise<unknown> = Promise.resolve()
  private failure: unknown

  /** `held` is called for every body that `put` takes in, before it is durable. */
  constructor(store: ChainStore, headers: HeaderTree, held: (index: HeaderIndex) => void) {
    this.store = store
    this.headers = headers
    this.held = held
    this.headersSaved = headers.added
    for (let index = 0; index < headers.end; index++)
      this.bodies = Math.max(this.bodies, headers.bodyOrder(index))
  }

  /** Whether the body is stored, or about to be: whatever a later write says of it is durable only after it. */
  holds(index: HeaderIndex): boolean {
    return this.headers.hasBody(index) || this.unstored.has(index)
  }

  /** Headers whose bodies are about to be stored. */
  get beingStored(): Iterable<HeaderIndex> {
    return this.unstored.keys()
  }

  /** As the how manieth of all bodies it was taken in, from 1; 0 where it isn't held. */
  bodyOrder(index: HeaderIndex): number {
    return this.unstored.get(index)?.order ?? this.headers.bodyOrder(index)
  }

  /** Whether so many new headers wait for the next write that they deserve one of their own. */
  get isBehind(): boolean {
    return this.headers.added - this.headersSaved >= HEADERS_PER_PAGE
  }

  /** Resolves when no write is under way. */
  get idle(): Promise<unknown> {
    return this.turn
  }

  /**
   * Takes in a body that isn't held, and resolves when it is durable; those that wait at the same time are stored together. It can be read
   * at once, so that it is connected while it is being written.
   */
  put({ index, block }: PlacedBlock): Promise<void> {
    this.unstored.set(index, { block, order: ++this.bodies })
    const stored = this.inTurn(async () => {
      // Written along with one before.
      if (!this.unstored.has(index)) return
      const waiting = [...this.unstored]
      const bodies = waiting.map(([index, { block }]) => ({ index, bytes: block.bytes }))
      const marks = waiting.map(([index, { order }]) => ({ index, bodyOrder: order }))
      try {
        await this.writeNow({ bodies }, marks)
        for (const [index, { block }] of waiting) this.recent.add(index, block)
      } finally {
        for (const [index] of waiting) this.unstored.delete(index)
      }
    })
    this.held(index)
    return stored
  }

  /** Writes a batch of a chainstate to its store, with all header pages that changed, and marks headers. */
  write(batch: ChainBatch, marks: readonly HeaderMark[], store: ChainStore): Promise<void> {
    return this.inTurn(() => this.writeNow(batch, marks, store))
  }

  /** Writes the header pages that changed, if any. */
  writeHeaders(): Promise<void> {
    return this.inTurn(async () => {
      if (this.headers.hasChangedPages) await this.writeNow({}, [])
    })
  }

  /** Undefined when the body isn't held. */
  async read(index: HeaderIndex): Promise<Block | undefined> {
    const recent = this.unstored.get(index)?.block ?? this.recent.get(index)
    if (recent || !this.headers.hasBody(index)) return recent
    const [bytes] = await this.store.readBodies([index])
    if (!bytes) return undefined
    const decoded = decodeBlock(bytes)
    if (!decoded.ok || decoded.value.hash !== this.headers.hash(index))
      throw new StorageError('corrupt', `The stored body of block ${this.headers.hash(index)} is damaged.`)
    return decoded.value
  }

  /** The first bodies of `path`: as many as stay within `maxBytes`, but at least one. Throws where one is missing, or its write failed. */
  async readSome(path: readonly HeaderIndex[], maxBytes: number): Promise<PlacedBlock[]> {
    const blocks: PlacedBlock[] = []
    let bytes = 0
    for (const index of path) {
      const block = await this.read(index)
      // A body whose write failed was held before.
      if (!block)
        throw (
          this.failure ??
          new StorageError(
            'corrupt',
            `The body of block ${this.headers.hash(index)} is missing from storage.`,
          )
        )
      bytes += block.bytes.length
      if (blocks.length > 0 && bytes > maxBytes) break
      blocks.push({ index, block })
    }
    return blocks
  }

  /** Makes every write from now on fail with `reason`, those that wait included. */
  stop(reason: unknown): void {
    this.failure ??= reason
  }

  private async writeNow(batch: ChainBatch, marks: readonly HeaderMark[], store = this.store): Promise<void> {
    this.headersSaved = this.headers.added
    try {
      await store.write({ ...batch, headerPages: this.headers.takeChangedPages(marks) })
    } catch (error) {
      this.stop(error)
      throw error
    }
    this.headers.apply(marks)
  }

  private inTurn(run: () => Promise<void>): Promise<void> {
    const result = this.turn.then(() => {
      if (this.failure) throw this.failure
      return run()
    })
    this.turn = result.catch(() => undefined)
    return result
  }
}
