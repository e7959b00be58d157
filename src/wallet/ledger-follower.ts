/**
 * Keeps a ledger on the chain's active tip, by the blocks whose filters seem to hold something of the account. Where a block reveals keys that
 * were unknown before, the earlier blocks are asked for those, until nothing new appears. Thread: the brain.
 */
import type { Chain } from '../chain/chain.ts'
import type { TipChange } from '../chain/chainstate.ts'
import { type BlockPlace, type ChainConsumer, ChainFollower, readPassage } from '../chain/follower.ts'
import type { Block } from '../primitives/block.ts'
import type { BlockHash, Txid } from '../primitives/hashes.ts'
import type { AddressBook, PerBranch } from './address-book.ts'
import type { Ledger } from './ledger.ts'

/**
 * How much earlier than an account's birthday its history may begin, seconds: clocks differ (Bitcoin Core's
 * TIMESTAMP_WINDOW).
 */
const BIRTHDAY_MARGIN = 7_200

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

export class LedgerFollower implements ChainConsumer {
  private readonly chain: Chain
  private readonly book: AddressBook
  private readonly ledger: Ledger
  private readonly listener: FollowerListener
  private readonly follower: ChainFollower
  /** Of keys that were derived late. */
  private earlier: EarlierSearch | undefined
  private searchedBlocks: Searched
  /** The active chain holds these, though the ledger went back behind their blocks. */
  private readonly confirmed = new Set<Txid>()
  /** Transactions that changed and weren't told yet. */
  private changed = new Set<Txid>()

  /** `locator`: of the ledger's tip at opening. */
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
    this.searchedBlocks = searched
    this.listener = listener
    this.follower = new ChainFollower(chain, this, locator)
  }

  /** A new value whenever it changes: to be stored with the ledger's tip. */
  get searched(): Searched {
    return this.searchedBlocks
  }

  tipChanged(change: TipChange): void {
    if (change.disconnected.length > 0) this.confirmed.clear()
    this.follower.tipChanged(change)
  }

  /** Follows the active chain. To be called, too, when the address book grew by other means than this. */
  advance(): void {
    this.follower.advance()
  }

  /** Goes through the blocks above `tip`, which is in the active chain, once more. */
  rescan(tip: BlockPlace): void {
    const { ledger } = this
    if (tip.height < ledger.tip.height) {
      // While an earlier rescan is under way, what it has yet to find again stays noted.
      for (const { txid, block } of ledger.all()) if (block) this.confirmed.add(txid)
      this.disconnectTo(tip)
    }
    this.advance()
  }

  /** Resolves when no block is being read. */
  settled(): Promise<void> {
    return this.follower.settled()
  }

  /** Resolves when no block is being read, and none will be. */
  close(): Promise<void> {
    return this.follower.close()
  }

  get tip(): BlockPlace {
    return this.ledger.tip
  }

  connectBlock(block: Block, height: number): void {
    for (const txid of this.ledger.connectBlock(block, height)) this.changed.add(txid)
  }

  passBlock(place: BlockPlace): void {
    this.ledger.tip = place
  }

  disconnectTo(place: BlockPlace): void {
    // What is searched from here on is searched for all keys.
    if (place.height < this.searched.above) this.searchedBlocks = { ...this.searched, above: place.height }
    for (const txid of this.ledger.disconnectTo(place)) this.changed.add(txid)
  }

  /** All keys derived so far. Filters don't tell all that concerns the account while it waits for what strangers do. */
  scripts(): readonly Uint8Array[] | undefined {
    return this.ledger.dependsOnStrangers(this.confirmed) ? undefined : this.book.scripts()
  }

  advanced(): void {
    const { changed } = this
    this.changed = new Set()
    this.listener.advanced(changed)
  }

  arrived(): void {
    this.confirmed.clear()
  }

  failed(error: Error): void {
    this.listener.failed(error)
  }

  /** Some keys derived so far were not looked for everywhere. */
  get hasBacklog(): boolean {
    const { derived } = this.book
    return this.searched.keys.some((count, branch) => count < derived[branch])
  }

  /** Goes on with the search of earlier blocks, as far as one passage of filters leads. */
  async readBacklog(): Promise<boolean> {
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
      const passage = await readPassage(chain, chain.activeAt(earlier.height + 1), earlier.scripts.length)
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
}

/**
 * The block of the active chain from which on an account born at `birthday` (seconds since 1970) may have coins. Genesis where the chain's own time
 * has not come to that: a clock was ahead of it, so that its times tell nothing.
 */
export function birthBlock(chain: Chain, birthday: number): BlockPlace {
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
