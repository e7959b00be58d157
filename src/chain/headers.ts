/**
 * Takes headers into the tree, by the rules that need no coins. Headers belong to no chainstate: all share them, and what was proven bad is bad
 * for all. Thread: the brain.
 */
import { genesisDifficulty, nextBits } from '../consensus/difficulty.ts'
import { genesisOf } from '../consensus/genesis.ts'
import { checkHeader, contextualCheckHeader, leastTime, maxFutureSeconds } from '../consensus/headers.ts'
import type { NetworkParams } from '../consensus/params.ts'
import type { Block, BlockHeader } from '../primitives/block.ts'
import type { Clock } from '../primitives/ports.ts'
import { invalid, ok, type Result, retry } from '../primitives/result.ts'
import { type HeaderIndex, HeaderTree, NO_HEADER } from './header-tree.ts'
import { StorageError } from './store.ts'

/** What became of a batch of headers. */
export interface HeadersOutcome {
  /** Of the last header taken or refused; `NO_HEADER` where there was none. */
  readonly result: Result<HeaderIndex>
  /** The last one that is new in the tree; `NO_HEADER` where none is. */
  readonly added: HeaderIndex
}

export class Headers {
  readonly params: NetworkParams
  readonly genesis: Block
  readonly tree: HeaderTree
  private readonly clock: Clock

  /** `pages`: of the store, all in order. Throws a `StorageError` where they hold another network's headers. */
  constructor(params: NetworkParams, clock: Clock, pages: readonly Uint8Array[]) {
    this.params = params
    this.clock = clock
    this.genesis = genesisOf(params)
    this.tree = HeaderTree.restore(pages)
    // The genesis block is there from the beginning, and never read from the store.
    if (this.tree.size === 0) {
      const index = this.tree.add(this.genesis.header, NO_HEADER, genesisDifficulty(params))
      this.tree.apply([{ index, bodyOrder: 1 }])
    }
    if (this.tree.hash(0) !== this.genesis.hash)
      throw new StorageError('corrupt', 'The stored chain belongs to another network.')
  }

  /**
   * Checks headers in order (work on their 80 bytes first, then context) and adds the new ones; known ones are skipped. Stops at the first
   * that is refused: `retry`/`prev-blk-not-found` when its parent is unknown, `retry`/`time-too-new` when more than 2 min ahead,
   * `bad-prevblk` and `duplicate-invalid` on a chain known to be bad.
   */
  accept(headers: readonly BlockHeader[]): HeadersOutcome {
    let added: HeaderIndex = NO_HEADER
    let result: Result<HeaderIndex> = ok(NO_HEADER)
    for (const header of headers) {
      const before = this.tree.added
      result = this.acceptHeader(header)
      if (!result.ok) break
      if (this.tree.added > before) added = result.value
    }
    return { result, added }
  }

  /** The least time that a block on `parent` may have, seconds since 1970. */
  leastTimeOn(parent: HeaderIndex): number {
    const { params, tree } = this
    return leastTime({
      params,
      difficulty: tree.difficulty(parent),
      medianTimePast: tree.medianTimePast(parent),
    })
  }

  /** Milliseconds until a header is no longer too new by this tab's clock; at most 0 where it isn't. */
  millisecondsTooNew(header: BlockHeader): number {
    return (header.time - maxFutureSeconds(this.params)) * 1000 - this.clock.now()
  }

  /** The target that a block on `parent` must have if it is made at `now` (seconds since 1970), in compact form. */
  nextBitsOn(parent: HeaderIndex, now: number): number {
    return nextBits(this.tree.difficulty(parent), Math.max(now, this.leastTimeOn(parent)), this.params)
  }

  private acceptHeader(header: BlockHeader): Result<HeaderIndex> {
    const { params, tree } = this
    const known = tree.findBytes(header.hashBytes)
    if (known !== NO_HEADER)
      return tree.isInvalid(known)
        ? invalid('duplicate-invalid', `Block ${header.hash} is known to be invalid.`)
        : ok(known)
    const work = checkHeader(header, params)
    if (!work.ok) return work
    const parent = tree.findBytes(header.previousHash)
    if (parent === NO_HEADER)
      return retry('prev-blk-not-found', `Block ${header.previous}, which comes before, is not known.`)
    if (tree.isInvalid(parent))
      return invalid('bad-prevblk', `Block ${header.hash} is built on an invalid block.`)
    const context = contextualCheckHeader(header, {
      params,
      difficulty: tree.difficulty(parent),
      medianTimePast: tree.medianTimePast(parent),
      now: Math.floor(this.clock.now() / 1000),
    })
    if (!context.ok) return context
    return ok(tree.add(header, parent, context.value))
  }
}
