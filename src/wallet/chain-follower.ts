/**
 * Keeps a ledger on the chain's active tip: over new blocks, back over blocks that the chain left, and after
 * reopening from wherever either of the two stopped. Of older blocks it reads those alone whose filters (BIP158) seem to
 * hold something of the account. Where a block reveals keys that were unknown before, the earlier blocks are asked for those, until nothing new
 * appears. Thread: the brain.
 */
import type { BlockFilter } from '../chain/block-filter.ts'
import type { Chain, TipChange } from '../chain/chain.ts'
import { MENTIONS_AT_ONCE } from '../chain/chain-search.ts'
import { type HeaderIndex, NO_HEADER } from '../chain/header-tree.ts'
import type { Block } from '../primitives/block.ts'
import type { BlockHash, Txid } from '../primitives/hashes.ts'
import type { AddressBook, PerBranch } from './address-book.ts'
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

/** Which keys were looked for in which blocks. */
export interface Searched {
  /** Height of the last block that can't hold anything of the account: it is older, or was never to be searched. */
  readonly above: number
  /** Per branch: keys of a lower index were looked for in all blocks from there to the ledger's tip. */
  readonly keys: PerBranch
}

/** A search under way of blocks that the ledger has passed, for keys that were derived since. */
interface EarlierSearch {
  /** What will have been looked for at its end, see `Searched`. */
  readonly keys: PerBranch
  readonly scripts: readonly Uint8Array[]
  /** Height of the last block that was looked at. */
  height: number
  /** Height of the last block that has to be. */
  readonly last: number
}

export interface FollowerListener {
  /** The ledger moved; the transactions that changed with it. */
  advanced(txids: ReadonlySet<Txid>): void
  /** Keys were derived that nothing was searched for yet; the follower sees to the blocks. */
  keysDerived(): void
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
  /** Of keys that were derived late. */
  private earlier: EarlierSearch | undefined
  private searchedBlocks: Searched
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
    searched: Searched,
    listener: FollowerListener,
  ) {
    this.chain = chain
    this.book = book
    this.ledger = ledger
    this.locator = locator
    this.searchedBlocks = searched
    this.listener = listener
  }

  /** A new value whenever it changes: to be stored with the ledger's tip. */
  get searched(): Searched {
    return this.searchedBlocks
  }

  tipChanged({ fork, disconnected, connected }: TipChange): void {
    if (disconnected.length > 0) this.confirmed.clear()
    // While blocks on the way to these are being read, these are read in their turn.
    const isNext = this.ledger.tip.hash === this.chain.headers.hash(fork)
    if (!this.isReading || isNext) for (const block of connected) this.bodies.set(block.hash, block)
    this.advance()
  }

  /**
   * Follows the active chain: at once as far as bodies are at hand, then by reading what is missing. To be called, too, when the address book grew
   * by other means than this.
   */
  advance(): void {
    const missing = this.step()
    if (missing === NO_HEADER) this.forget()
    const rests = missing === NO_HEADER && this.isSearched()
    if (!rests && !this.isReading) this.lastReading = this.read()
  }

  /** Goes through the blocks above `tip`, which is in the active chain, once more. */
  rescan(tip: LedgerTip): void {
    const { ledger } = this
    if (tip.height < ledger.tip.height) {
      // While an earlier rescan is under way, what it has yet to find again stays noted.
      for (const { txid, block } of ledger.all()) if (block) this.confirmed.add(txid)
      this.listener.advanced(this.leave(tip))
    }
    this.advance()
  }

  /** Resolves when no block is being read. */
  async settled(): Promise<void> {
    while (this.isReading) await this.lastReading
  }

  private async read(): Promise<void> {
    this.isReading = true
    try {
      for (;;) {
        const missing = this.step()
        const isSearched = this.isSearched()
        if (missing === NO_HEADER && isSearched) break
        // Looking behind first: what is ahead is then read but once.
        if (!isSearched && (await this.searchEarlier())) continue
        // Without a body the ledger stays where it is; the next change of tip tries again.
        if (missing === NO_HEADER || !(await this.readNext(missing))) return
      }
      this.forget()
    } catch (error) {
      this.listener.failed(error instanceof Error ? error : new Error(String(error)))
    } finally {
      // At once with the last step: a change of tip right after it is not overlooked.
      this.isReading = false
    }
  }

  /** Reads what the ledger needs to pass a block. False where its body is missing. */
  private async readNext(index: HeaderIndex): Promise<boolean> {
    if (!this.isAtHand(index) && this.filtersSuffice()) {
      this.passage = await this.readPassage(index, this.book.scripts().length)
      return true
    }
    const block = await this.chain.readBlock(index)
    if (block) this.bodies.set(block.hash, block)
    return block !== undefined
  }

  /** Whether all keys derived so far were looked for. */
  private isSearched(): boolean {
    const { derived } = this.book
    return this.searched.keys.every((count, branch) => count >= derived[branch])
  }

  /** Goes on with the search of earlier blocks, as far as one passage of filters leads. False where a body is missing. */
  private async searchEarlier(): Promise<boolean> {
    const { chain, ledger, book } = this
    const { above, keys } = this.searched
    const earlier = this.earlier ?? {
      keys: book.derived,
      scripts: book.scripts(keys),
      height: above,
      last: ledger.tip.height,
    }
    if (!this.earlier) this.listener.keysDerived()
    this.earlier = earlier
    // The ledger may have gone back meanwhile: what it comes to again it sees with all keys.
    const end = () => Math.min(earlier.last, ledger.tip.height)
    if (earlier.height < end()) {
      const passage = await this.readPassage(chain.activeAt(earlier.height + 1), earlier.scripts.length)
      while (earlier.height < end()) {
        const height = earlier.height + 1
        const index = chain.activeAt(height)
        if (index < passage.first || index > passage.last) break
        if (passage.filters.get(index)?.matchesAny(earlier.scripts) ?? true) {
          const block = await chain.readBlock(index)
          if (!block) return false
          if (!chain.isActive(index) || height > end()) continue
          this.listener.advanced(ledger.readBlock(block, height))
        }
        earlier.height = height
      }
    }
    if (earlier.height >= end()) {
      this.searchedBlocks = { ...this.searched, keys: earlier.keys }
      this.earlier = undefined
      this.listener.advanced(new Set())
    }
    return true
  }

  /** `scripts`: how many are to be looked for. */
  private async readPassage(first: HeaderIndex, scripts: number): Promise<Passage> {
    const count = Math.floor(LOOKUPS_AT_ONCE / scripts)
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
        for (const txid of this.leave({ hash: headers.hash(fork), height: headers.height(fork) }))
          changed.add(txid)
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

  /** Goes back to a block of the active chain. Returns the transactions that this changed. */
  private leave(tip: LedgerTip): Set<Txid> {
    // What is searched from here on is searched for all keys.
    if (tip.height < this.searched.above) this.searchedBlocks = { ...this.searched, above: tip.height }
    return this.ledger.disconnectTo(tip)
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
 * The block of the active chain from which on an account born at `birthday` (seconds since 1970) may have coins. Genesis where the chain's own time
 * has not come to that: a clock was ahead of it, so that its times tell nothing.
 */
export function birthBlock(chain: Chain, birthday: number): LedgerTip {
  const { headers } = chain
  if (headers.medianTimePast(chain.tip) < birthday - BIRTHDAY_MARGIN)
    return { hash: chain.genesis.hash, height: 0 }
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
