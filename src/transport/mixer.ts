/**
 * Keeps the network's graph random after all have found their peers: now and then a peer is exchanged for one dialled
 * at random. Without it two halves that were cut off from each other, each tab with its fill of peers, would stay
 * apart when they can meet again. Thread: Window.
 */

import type { PeerId } from '../network/transport.ts'
import type { TransportTuning } from './options.ts'
import { jittered, pause } from './timing.ts'

/** The share of the browser's connections above which no more are spent on mixing. */
const BUDGET_SHARE = 0.5

/** What the mixer needs to know of the rest. */
export interface MixerPorts {
  /** Whether there are as many peers as the dialler looks for. */
  isFull(): boolean
  /** Whether one group of addresses has more than half of the peers that we chose, though there are others. */
  isLopsided(): boolean
  /** The share of the browser's connections that is used up, 0 to 1. */
  used(): number
  /** Dials a peer beyond the target, picked at random; resolves with it once it is connected. */
  dialExtra(): Promise<PeerId | undefined>
  /** Sends one peer away in exchange for a new one. */
  exchange(newcomer: PeerId): void
  readonly stopped: AbortSignal
}

/** Exchanges peers, less and less often while nothing changes and they are from many places. */
export class Mixer {
  readonly #tuning: TransportTuning
  readonly #ports: MixerPorts
  #hurry = new AbortController()

  constructor(tuning: TransportTuning, ports: MixerPorts) {
    this.#tuning = tuning
    this.#ports = ports
  }

  /** Mixes until stopped. */
  async run(): Promise<void> {
    const { stopped } = this.#ports
    const [shortest, longest] = this.#tuning.mixInterval
    let interval = shortest
    while (!stopped.aborted) {
      await pause(jittered(interval), AbortSignal.any([stopped, this.#hurry.signal]))
      if (this.#hurry.signal.aborted) {
        this.#hurry = new AbortController()
        interval = shortest
        continue
      }
      if (!this.#ports.isFull() || this.#ports.used() > BUDGET_SHARE) continue
      const newcomer = await this.#ports.dialExtra()
      if (newcomer !== undefined) this.#ports.exchange(newcomer)
      // Each exchange takes from the largest group, so that in time one machine's many identities give way.
      interval = this.#ports.isLopsided() ? shortest : Math.min(longest, 2 * interval)
    }
  }

  /** Many peers turned up of which nothing was known: it is worth mixing soon. */
  hurry(): void {
    this.#hurry.abort()
  }
}
