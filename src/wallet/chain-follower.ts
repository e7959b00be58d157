/**
 * Keeps a ledger on the chain's active tip: over new blocks, back over blocks that the chain left, and after
 * reopening from wherever either of the two stopped. Of older blocks it reads those alone whose filters (BIP158) seem to
 * hold something of the account. Thread: the brain.
 */
import type { BlockFilter } from '../chain/block-filter.ts'
import type { Chain, TipChange } from '../chain/chain.ts'
import { MENTIONS_AT_ONCE } from '../chain/chain-search.ts'
import { type HeaderIndex, NO_HEADER } from '../chain/header-tree.ts'
import type { Block } from '../primitives/block.ts'
import type { BlockHash, Txid } from '../primitives/hashes.ts'
import type { AddressBook } from './address-book.ts'
import type { Ledger, LedgerTip } from './ledger.ts'

/**
 * How much earlier than an account's birthday its history may begin, seconds: clocks differ (Bitcoin Core's
 * TIMESTAMP_WINDOW).
 */
const BIRTHDAY_MARGIN = 7_200

/** Scripts looked for in filters between two waits for the store, about 20 ms of work: the brain answers others meanwhile. */
const LOOKUPS_AT_ONCE = 16_384

/** The filters of the blocks from `first` to `last` in the header tree, where there are any. */
interface Passage {
  readonly first: HeaderIndex
  readonly last: HeaderIndex
  readonly filters: ReadonlyMap<HeaderIndex, BlockFilter>
}

export interface FollowerListener {
  /** The ledger moved; the transactions that changed with it. */
  advanced(txids: ReadonlySet<Txid>): void
  /** The chain's store could not be read. */
  failed(error: Error): void
}

export class ChainFollower {
  private readonly chain: Chain
  private readonly book: AddressBook
  private readonly ledger: Ledger
  private readonly listener: FollowerListener
  /** See `locatorOf`: of the ledger's tip at opening. */
  private readonly locator: readonly BlockHash[]
  /** Bodies that the chain connected just now. */
  private readonly bodies = new Map<BlockHash, Block>()
  /** Where filters are at hand. */
  private passage: Passage | undefined
  /** The active chain holds these, though the ledger went back behind their blocks. */
  private readonly confirmed = new Set<Txid>()
  /** Blocks that are not at hand are being read. */
  private isReading = false
  private lastReading: Promise<void> = Promise.resolve()

  constructor(
    chain: Chain,
    book: AddressBook,
    ledger: Ledger,
    locator: readonly BlockHash[],
    listener: FollowerListener,
  ) {
    this.chain = chain
    this.book = book
    this.ledger = ledger
    this.locator = locator
    this.listener = listener
  }

  tipChanged({ disconnected, connected }: TipChange): void {
    if (disconnected.length > 0) this.confirmed.clear()
    // While older blocks are being read, these are read in their turn.
    if (!this.isReading) for (const block of connected) this.bodies.set(block.hash, block)
    this.advance()
  }

  /** Follows the active chain: at once as far as bodies are at hand, then by reading what is missing. */
  advance(): void {
    const missing = this.step()
    if (missing === NO_HEADER) this.forget()
    else if (!this.isReading) this.lastReading = this.read(missing)
  }

  /** Goes through the blocks above `tip`, which is in the active chain, once more. */
  rescan(tip: LedgerTip): void {
    const { ledger } = this
    if (tip.height < ledger.tip.height) {
      // While an earlier rescan is under way, what it has yet to find again stays noted.
      for (const { txid, block } of ledger.all()) if (block) this.confirmed.add(txid)
      this.listener.advanced(ledger.disconnectTo(tip))
    }
    this.advance()
  }

  /** Resolves when no block is being read. */
  async settled(): Promise<void> {
    while (this.isReading) await this.lastReading
  }

  private async read(first: HeaderIndex): Promise<void> {
    this.isReading = true
    try {
      for (let missing = first; missing !== NO_HEADER; missing = this.step()) {
        if (!this.isAtHand(missing) && this.filtersSuffice()) {
          this.passage = await this.readPassage(missing)
          continue
        }
        const block = await this.chain.readBlock(missing)
        // Without it the ledger stays where it is; the next change of tip tries again.
        if (!block) return
        this.bodies.set(block.hash, block)
      }
      this.forget()
    } catch (error) {
      this.listener.failed(error instanceof Error ? error : new Error(String(error)))
    } finally {
      // At once with the last step: a change of tip right after it is not overlooked.
      this.isReading = false
    }
  }

  private async readPassage(first: HeaderIndex): Promise<Passage> {
    const count = Math.floor(LOOKUPS_AT_ONCE / this.book.scripts().length)
    const last = first + Math.max(1, Math.min(count, MENTIONS_AT_ONCE)) - 1
    const found = await this.chain.readMentions(first, last)
    const filters = new Map([...found].map(([index, mentions]) => [index, mentions.filter()]))
    return { first, last, filters }
  }

  private isAtHand(index: HeaderIndex): boolean {
    return this.passage !== undefined && this.passage.first <= index && index <= this.passage.last
  }

  /** Whether filters tell of all that concerns the account: not while it waits for what strangers do. */
  private filtersSuffice(): boolean {
    return !this.ledger.dependsOnStrangers(this.confirmed)
  }

  /** Whether a filter at hand shows that a block has nothing for the account; asked for all keys that the blocks before have revealed. */
  private isForeign(index: HeaderIndex): boolean {
    const filter = this.passage?.filters.get(index)
    return filter !== undefined && this.filtersSuffice() && !filter.matchesAny(this.book.scripts())
  }

  /** At the tip. */
  private forget(): void {
    this.bodies.clear()
    this.passage = undefined
    this.confirmed.clear()
  }

  /** Goes as far as bodies or filters are at hand. Returns the block whose body is missing, or `NO_HEADER` at the tip. */
  private step(): HeaderIndex {
    const { chain, ledger } = this
    const { headers } = chain
    const changed = new Set<Txid>()
    let missing: HeaderIndex = NO_HEADER
    for (;;) {
      const place = headers.find(ledger.tip.hash)
      if (place === NO_HEADER || !chain.isActive(place)) {
        const fork = this.forkPoint(place)
        const tip = { hash: headers.hash(fork), height: headers.height(fork) }
        for (const txid of ledger.disconnectTo(tip)) changed.add(txid)
      }
      const next = chain.activeAt(ledger.tip.height + 1)
      if (next === NO_HEADER) break
      const hash = headers.hash(next)
      const height = headers.height(next)
      const block = this.bodies.get(hash)
      if (block) {
        this.bodies.delete(hash)
        for (const txid of ledger.connectBlock(block, height)) changed.add(txid)
      } else if (this.isForeign(next)) ledger.tip = { hash, height }
      else {
        missing = next
        break
      }
    }
    this.listener.advanced(changed)
    return missing
  }

  /** The last block of the active chain that a place off it comes from. */
  private forkPoint(place: HeaderIndex): HeaderIndex {
    const { headers, tip } = this.chain
    const known = [place, ...this.locator.map((hash) => headers.find(hash))]
    const latest = known.find((index) => index !== NO_HEADER)
    return latest === undefined ? this.chain.activeAt(0) : headers.forkPoint(latest, tip)
  }
}

/**
 * Hashes from a block of the tree back to genesis, in steps that grow after the tenth, as in Bitcoin's block
 * locators. The chain's own store may lose its last blocks with the tab, which a wallet does not.
 */
export function locatorOf(chain: Chain, tip: LedgerTip): BlockHash[] {
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

/**
 * The block of the active chain from which on an account born at `birthday` (seconds since 1970) may have coins.
 */
export function birthBlock(chain: Chain, birthday: number): LedgerTip {
  const { headers } = chain
  let low = 0
  let high = headers.height(chain.tip)
  // Median times never fall along a chain: the last block whose median time lies before.
  while (low < high) {
    const middle = Math.ceil((low + high) / 2)
    if (headers.medianTimePast(chain.activeAt(middle)) < birthday - BIRTHDAY_MARGIN) low = middle
    else high = middle - 1
  }
  return { hash: headers.hash(chain.activeAt(low)), height: low }
}
