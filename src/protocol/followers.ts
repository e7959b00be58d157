/**
 * Whether anyone follows this tab's chain: a tab whose blocks all others refuse, or that only talks to those who are cut off, mines in vain
 * and should know. What peers have is known by what they announce and ask for; where all seem to lack the last blocks they are asked.
 */
import type { Chain } from '../chain/chain.ts'
import { NO_HEADER } from '../chain/header-tree.ts'
import type { Clock } from '../primitives/ports.ts'
import type { ProtocolPart } from './part.ts'
import type { Peer } from './peer.ts'
import type { PeerSet } from './peer-set.ts'

/** Blocks at the tip that no peer has, from which on it is a branch of this tab's own. */
const UNFOLLOWED_BLOCKS = 3
/** Milliseconds for which peers may lack them, and come no closer, before people are told. */
const PATIENCE = 60_000
/** Milliseconds between two questions meanwhile. */
const ASK_INTERVAL = 20_000

export interface FollowersOptions {
  readonly chain: Chain
  readonly peers: PeerSet
  readonly clock: Clock
  /** Asks a peer what it has. */
  readonly ask: (peer: Peer) => void
}

export class Followers implements ProtocolPart {
  private readonly options: FollowersOptions
  /** Height of the highest block of our active chain that a peer has shown to have. */
  private readonly shown = new Map<Peer, number>()
  /** Since when no peer has come closer to a tip that none has. Milliseconds since 1970. */
  private since: number | undefined
  private closest = 0
  private askAt = 0
  private told: string | undefined

  constructor(options: FollowersOptions) {
    this.options = options
  }

  /** What people should know, a sentence; undefined while someone follows, or nobody is there who could. */
  get sentence(): string | undefined {
    return this.told
  }

  /** A peer named these blocks as its own, or asks for them: it takes their headers for good. 32 bytes each. */
  showed(peer: Peer, hashes: readonly Uint8Array[]): void {
    const { chain } = this.options
    for (const hash of hashes) {
      const index = chain.headers.findBytes(hash)
      if (index === NO_HEADER || !chain.isActive(index)) continue
      this.shown.set(peer, Math.max(this.shown.get(peer) ?? 0, chain.headers.height(index)))
    }
  }

  forget(peer: Peer): void {
    this.shown.delete(peer)
  }

  tick(): void {
    const { ask, chain, clock, peers } = this.options
    const ready = peers.ready()
    const now = clock.now()
    const closest = this.closestOf(ready)
    const own = chain.headers.height(chain.tip) - closest
    if (ready.length === 0 || own < UNFOLLOWED_BLOCKS) {
      this.since = undefined
      this.told = undefined
      return
    }
    if (this.since === undefined || closest > this.closest || this.since > now) {
      if (this.since === undefined) this.askAt = now
      this.since = now
    }
    this.closest = closest
    if (this.askAt <= now) {
      this.askAt = now + ASK_INTERVAL
      for (const peer of ready) ask(peer)
    }
    this.told = now - this.since >= PATIENCE ? sentenceOn(own, ready.length) : undefined
  }

  /** Height of the highest block of our active chain that any of them is known to have. */
  private closestOf(ready: readonly Peer[]): number {
    const { headers, tip } = this.options.chain
    let closest = 0
    for (const peer of ready) {
      const { bestKnown } = peer
      const fork = bestKnown === NO_HEADER ? 0 : headers.height(headers.forkPoint(bestKnown, tip))
      // After a reorganisation what was shown may be of a branch that is left: at most the tip's height.
      closest = Math.max(closest, fork, Math.min(this.shown.get(peer) ?? 0, headers.height(tip)))
    }
    return closest
  }
}

function sentenceOn(blocks: number, peers: number): string {
  const who =
    peers === 1
      ? 'The one tab that is connected does not follow'
      : `None of the ${peers} tabs that are connected follows`
  return `${who} the last ${blocks} blocks of this tab's chain: what was mined or paid in them may not last. Nothing is lost that was in blocks before. Look whether the clock of this computer is right, and reload the page so that it meets other tabs.`
}
