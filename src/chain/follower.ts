/**
 * Keeps a consumer on the chain's active tip: over new blocks, back over blocks that the chain left, and after reopening from wherever either of
 * the two stopped. Where the consumer looks for scripts, of older blocks those alone are read whose filters (BIP158) seem to hold one. Thread: the
 * brain.
 */
import type { Block } from '../primitives/block.ts'
import type { BlockHash } from '../primitives/hashes.ts'
import type { BlockFilter } from './block-filter.ts'
import type { Chain } from './chain.ts'
import { MENTIONS_AT_ONCE } from './chain-search.ts'
import type { TipChange } from './chainstate.ts'
import { type HeaderIndex, NO_HEADER } from './header-tree.ts'

/** Scripts looked for in filters between two waits for the store, about 20 ms of work: the brain answers others meanwhile. */
const LOOKUPS_AT_ONCE = 16_384

/** A block by its hash, and its height. */
export interface BlockPlace {
  readonly hash: BlockHash
  readonly height: number
}

/** Whoever takes in the blocks of the active chain: a wallet's ledger, an index, a watch over outputs. */
export interface ChainConsumer {
  /** The last block that it took in or passed, kept over restarts: genesis, or a place of the chain, at first. */
  readonly tip: BlockPlace
  /** Takes in the block after `tip`. */
  connectBlock(block: Block, height: number): void
  /** The block after `tip` holds none of its scripts. */
  passBlock(place: BlockPlace): void
  /** Goes back to a block of the active chain. */
  disconnectTo(place: BlockPlace): void
  /** What it looks for, by what it has taken in so far; undefined while it must see every block. */
  scripts(): readonly Uint8Array[] | undefined
  /** It stands as far ahead as was at hand; maybe nothing changed. */
  advanced(): void
  /** It stands at the tip. */
  arrived(): void
  /** It looks for more than it did when it passed earlier blocks, and wants to read some of them before it goes on. */
  readonly hasBacklog: boolean
  /** Reads some of those. False where a body is missing: it goes on, and is asked again. */
  readBacklog(): Promise<boolean>
  /** The chain's store could not be read: it stays where it is. */
  failed(error: Error): void
}

/** The filters of the blocks from `first` to `last` in the header tree, where there are any. */
export interface Passage {
  readonly first: HeaderIndex
  readonly last: HeaderIndex
  readonly filters: ReadonlyMap<HeaderIndex, BlockFilter>
}

export class ChainFollower {
  private readonly chain: Chain
  private readonly consumer: ChainConsumer
  /** See `locatorOf`: of the consumer's tip when it was stored. */
  private readonly locator: readonly BlockHash[]
  /** Bodies that the chain connected just now. */
  private readonly bodies = new Map<BlockHash, Block>()
  /** Where filters are at hand. */
  private passage: Passage | undefined
  /** Blocks that are not at hand are being read. */
  private isReading = false
  private lastReading: Promise<void> = Promise.resolve()
  private isClosed = false

  /** Does nothing until `advance` or `tipChanged` is called. */
  constructor(chain: Chain, consumer: ChainConsumer, locator: readonly BlockHash[]) {
    this.chain = chain
    this.consumer = consumer
    this.locator = locator
  }

  tipChanged({ fork, connected }: TipChange): void {
    // While blocks on the way to these are being read, these are read in their turn.
    const isNext = this.consumer.tip.hash === this.chain.headers.hash(fork)
    if (!this.isReading || isNext) for (const block of connected) this.bodies.set(block.hash, block)
    this.advance()
  }

  /**
   * Follows the active chain: at once as far as bodies are at hand, then by reading what is missing. To be called, too, when the consumer has got
   * a backlog by other means than this.
   */
  advance(): void {
    if (this.isClosed) return
    const missing = this.step()
    if (missing === NO_HEADER) this.arrive()
    const rests = missing === NO_HEADER && !this.consumer.hasBacklog
    if (!rests && !this.isReading) this.lastReading = this.read()
  }

  /** Resolves when no block is being read. */
  async settled(): Promise<void> {
    while (this.isReading) await this.lastReading
  }

  /** Takes in nothing more. Resolves when no block is being read. */
  async close(): Promise<void> {
    this.isClosed = true
    await this.settled()
  }

  private async read(): Promise<void> {
    const { consumer } = this
    this.isReading = true
    try {
      while (!this.isClosed) {
        const missing = this.step()
        const { hasBacklog } = consumer
        if (missing === NO_HEADER && !hasBacklog) {
          this.arrive()
          return
        }
        // Looking behind first: what is ahead is then read but once.
        if (hasBacklog && (await consumer.readBacklog())) continue
        // Without a body the consumer stays where it is; the next change of tip tries again.
        if (missing === NO_HEADER || !(await this.readNext(missing))) return
      }
    } catch (error) {
      this.consumer.failed(error instanceof Error ? error : new Error(String(error)))
    } finally {
      // At once with the last step: a change of tip right after it is not overlooked.
      this.isReading = false
    }
  }

  /** Reads what the consumer needs to pass a block. False where its body is missing. */
  private async readNext(index: HeaderIndex): Promise<boolean> {
    const scripts = this.consumer.scripts()
    if (scripts && !this.isAtHand(index)) {
      this.passage = await readPassage(this.chain, index, scripts.length)
      return true
    }
    const block = await this.chain.readBlock(index)
    if (block) this.bodies.set(block.hash, block)
    return block !== undefined
  }

  private isAtHand(index: HeaderIndex): boolean {
    return this.passage !== undefined && this.passage.first <= index && index <= this.passage.last
  }

  /** Whether a filter at hand shows that a block has nothing of what is looked for by now. */
  private isForeign(index: HeaderIndex): boolean {
    const filter = this.passage?.filters.get(index)
    const scripts = filter && this.consumer.scripts()
    return scripts !== undefined && !filter!.matchesAny(scripts)
  }

  private arrive(): void {
    this.bodies.clear()
    this.passage = undefined
    this.consumer.arrived()
  }

  /** Goes as far as bodies or filters are at hand. Returns the block whose body is missing, or `NO_HEADER` at the tip. */
  private step(): HeaderIndex {
    const { chain, consumer } = this
    const { headers } = chain
    let missing: HeaderIndex = NO_HEADER
    for (;;) {
      const place = headers.find(consumer.tip.hash)
      if (place === NO_HEADER || !chain.isActive(place)) consumer.disconnectTo(this.forkPlace(place))
      const next = chain.activeAt(consumer.tip.height + 1)
      if (next === NO_HEADER) break
      const hash = headers.hash(next)
      const height = headers.height(next)
      const block = this.bodies.get(hash)
      if (block) {
        this.bodies.delete(hash)
        consumer.connectBlock(block, height)
      } else if (this.isForeign(next)) consumer.passBlock({ hash, height })
      else {
        missing = next
        break
      }
    }
    consumer.advanced()
    return missing
  }

  /** The last block of the active chain that a place off it comes from. */
  private forkPlace(place: HeaderIndex): BlockPlace {
    const { headers, tip } = this.chain
    const known = [place, ...this.locator.map((hash) => headers.find(hash))]
    const latest = known.find((index) => index !== NO_HEADER) ?? 0
    const fork = headers.forkPoint(latest, tip)
    return { hash: headers.hash(fork), height: headers.height(fork) }
  }
}

/** The filters from a place on, as many as `scripts` can be looked for in at a time. Throws a `StorageError`. */
export async function readPassage(chain: Chain, first: HeaderIndex, scripts: number): Promise<Passage> {
  const count = Math.floor(LOOKUPS_AT_ONCE / Math.max(1, scripts))
  const last = first + Math.max(1, Math.min(count, MENTIONS_AT_ONCE)) - 1
  const found = await chain.readMentions(first, last)
  const filters = new Map([...found].map(([index, mentions]) => [index, mentions.filter()]))
  return { first, last, filters }
}

/**
 * Hashes from a block of the tree back to genesis, in steps that grow after the tenth, as in Bitcoin's block
 * locators. To be stored with a consumer's tip: the chain's own store may lose its last blocks with the tab, which the consumer's may not.
 */
export function locatorOf(chain: Chain, tip: BlockPlace): BlockHash[] {
  const { headers } = chain
  const index = headers.find(tip.hash)
  if (index === NO_HEADER) return []
  const hashes: BlockHash[] = []
  for (let height = tip.height, step = 1; height > 0; height -= step) {
    if (hashes.length >= 10) step *= 2
    hashes.push(headers.hash(headers.ancestor(index, height)))
  }
  return hashes
}
