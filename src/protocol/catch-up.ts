/**
 * Which header this tab waits for, and for how long that makes sense. The one notion of "behind" for sync state, mining, payments and
 * what a branch is compared with.
 *
 * A header counts as long as a connected peer is known to have it and to serve whole blocks: once its peers are gone, or say that they
 * lack the block, nobody waits. What peers claim and don't serve uses up a tab's patience. It comes back by bodies of the branch that is
 * waited for, each `PATIENCE_PER_BODY`, and slowly while nothing is waited for: so neither a branch whose bodies never come, nor one
 * served drop by drop, nor ever new ones keep a tab waiting. Nothing of this is stored.
 */
import type { Chain } from '../chain/chain.ts'
import { type HeaderIndex, NO_HEADER } from '../chain/header-tree.ts'
import type { Clock } from '../primitives/ports.ts'
import type { Peer } from './peer.ts'
import type { PeerSet } from './peer-set.ts'
import { SERVICE_FULL_CHAIN } from './wire.ts'

/** Most milliseconds that a tab waits without a body of the branch that it waits for. */
const PATIENCE = 60_000
/** Milliseconds of patience that a body of that branch gives back: who serves them slower isn't waited for. */
const PATIENCE_PER_BODY = 4_000
/** Milliseconds of patience from which on a tab that gave up waits again. */
const RESUMED = 5_000
/** Milliseconds of patience that come back in a millisecond without anything to wait for. */
const RECOVERY = 1 / 60
/** Blocks behind up to which a tip is as good as the newest: bodies arrive after their headers. */
const NEAR = 6

export interface CatchUpOptions {
  readonly chain: Chain
  readonly peers: PeerSet
  readonly clock: Clock
  /** Whether some peer may have headers that lead further, and is being asked. */
  readonly asking: () => boolean
}

export class CatchUp {
  private readonly options: CatchUpOptions
  private patience = PATIENCE
  private gaveUp = false
  private countedAt: number
  private wasWaiting = false

  constructor(options: CatchUpOptions) {
    this.options = options
    this.countedAt = options.clock.now()
  }

  /**
   * The header with the most work that some connected peer has and is to serve: the tip where none leads to more. Whether it is still
   * waited for is another question.
   */
  get claimed(): HeaderIndex {
    const { chain, peers } = this.options
    const { headers } = chain
    let best = chain.tip
    for (const { hello, bestKnown } of peers.all()) {
      if (!hello || (hello.services & SERVICE_FULL_CHAIN) === 0n || bestKnown === NO_HEADER) continue
      if (headers.isInvalid(bestKnown) || headers.chainWork(bestKnown) <= headers.chainWork(best)) continue
      best = bestKnown
    }
    return best
  }

  /** The header that this tab waits for: the tip where nobody has more, or has kept it waiting for too long. */
  get target(): HeaderIndex {
    this.count()
    return this.gaveUp ? this.options.chain.tip : this.claimed
  }

  /** No peer has more that is worth waiting for. */
  get isSynced(): boolean {
    this.count()
    return this.gaveUp || !this.isWaiting()
  }

  /** So many blocks are missing that one on the tip would be in vain. */
  get isFarBehind(): boolean {
    const { headers, tip } = this.options.chain
    return !this.isSynced && headers.height(this.claimed) - headers.height(tip) > NEAR
  }

  /** Many blocks are missing, or it is yet to be seen how many: most transactions can't be judged. */
  get mayBeFarBehind(): boolean {
    return this.isFarBehind || (!this.isSynced && this.options.asking())
  }

  /** The body of a block came that was not held before. */
  received(index: HeaderIndex): void {
    this.count()
    const { claimed } = this
    const { headers } = this.options.chain
    if (headers.ancestor(claimed, headers.height(index)) !== index) return
    this.gain(PATIENCE_PER_BODY)
  }

  /** A peer says that it lacks a block of the branch that it is thought to have: it isn't known to have what is built on it either. */
  denied(peer: Peer, index: HeaderIndex): void {
    const { headers } = this.options.chain
    if (index === NO_HEADER || peer.bestKnown === NO_HEADER) return
    if (headers.ancestor(peer.bestKnown, headers.height(index)) === index)
      peer.bestKnown = headers.parent(index)
  }

  /** Called often: time counts by what was the case when it was last called. */
  count(): void {
    const now = this.options.clock.now()
    const passed = Math.max(0, now - this.countedAt)
    this.countedAt = now
    // A tab that slept did not wait.
    if (this.wasWaiting) this.patience = Math.max(0, this.patience - Math.min(passed, PATIENCE / 4))
    else this.gain(passed * RECOVERY)
    if (this.patience === 0) this.gaveUp = true
    this.wasWaiting = this.isWaiting()
  }

  private gain(milliseconds: number): void {
    this.patience = Math.min(PATIENCE, this.patience + milliseconds)
    if (this.patience >= RESUMED) this.gaveUp = false
  }

  private isWaiting(): boolean {
    return this.options.asking() || this.claimed !== this.options.chain.tip
  }
}
