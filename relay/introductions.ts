/**
 * Who may be introduced to whom, and how often. What one address sends to one tab is bounded apart from what others
 * send, so that a flood from there leaves the tab open to everybody else. Thread: Node's main.
 */

import { RateLimit, type RateLimitOptions } from './rate-limit.ts'
import type { Source } from './source.ts'

/** The bounds on introductions. */
export interface IntroductionLimits {
  /** Of one tab: it has two dials under way at most, and rests between them as long as they took. */
  readonly perPeer: RateLimitOptions
  /** Of all tabs at one address: a class that opens the page at the same second wants ten for each of 60 tabs. */
  readonly perAddress: RateLimitOptions
  /** From one address to one tab: each of such a class is met by ten or so, by all if it was there first. */
  readonly perPair: RateLimitOptions
  /** From one subnet to one tab. */
  readonly perSubnetPair: RateLimitOptions
}

/** The bounds in use unless told otherwise. */
export const INTRODUCTION_LIMITS: IntroductionLimits = {
  perPeer: { burst: 30, perSecond: 1, maxKeys: 4096 },
  perAddress: { burst: 1000, perSecond: 30, maxKeys: 4096 },
  perPair: { burst: 60, perSecond: 0.5, maxKeys: 65_536 },
  perSubnetPair: { burst: 120, perSecond: 1, maxKeys: 65_536 },
}

/** Counts introductions against their bounds. */
export class Introductions {
  readonly #perPeer: RateLimit
  readonly #perAddress: RateLimit
  readonly #perPair: RateLimit
  readonly #perSubnetPair: RateLimit

  constructor(limits: IntroductionLimits = INTRODUCTION_LIMITS) {
    this.#perPeer = new RateLimit(limits.perPeer)
    this.#perAddress = new RateLimit(limits.perAddress)
    this.#perPair = new RateLimit(limits.perPair)
    this.#perSubnetPair = new RateLimit(limits.perSubnetPair)
  }

  /** Whether `peer`, who is at `source`, may be introduced to the tab `destination` now. */
  allow(peer: string, { address, subnet }: Source, destination: string): boolean {
    return (
      this.#perPeer.allow(peer) &&
      this.#perAddress.allow(address) &&
      this.#perPair.allow(`${address} ${destination}`) &&
      this.#perSubnetPair.allow(`${subnet} ${destination}`)
    )
  }
}
