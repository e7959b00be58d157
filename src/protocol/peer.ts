/** What is known of one connected peer. Its score falls with time; everything else lasts as long as the connection. */
import { type HeaderIndex, NO_HEADER } from '../chain/header-tree.ts'
import type { PeerId, PeerInfo } from '../network/transport.ts'
import type { Clock } from '../primitives/ports.ts'
import { TokenBucket } from '../primitives/token-bucket.ts'
import { FORGIVEN_PER_MINUTE } from './verdict.ts'
import type { HelloMessage } from './wire.ts'

/** Requests and announcements a peer may send: at once, and a second. Answers to our requests don't count. */
const MESSAGES = [400, 40] as const

/** What people and programs are told about a peer. Times in milliseconds since 1970. */
export interface PeerSnapshot {
  readonly id: PeerId
  /** Counts connections since the tab was opened, from 1. */
  readonly number: number
  readonly direction: 'inbound' | 'outbound'
  readonly address: string
  /** These three as in `PeerInfo`. */
  readonly connectionType?: PeerInfo['connectionType']
  readonly introducer?: PeerId
  readonly addressGroup?: string
  readonly connectedAt: number
  /** Milliseconds; undefined until measured. */
  readonly latency: number | undefined
  readonly bytesReceived: number
  readonly bytesSent: number
  readonly lastReceivedAt: number | undefined
  readonly lastSentAt: number | undefined
  readonly lastBlockAt: number | undefined
  readonly lastTransactionAt: number | undefined
  readonly version: number
  readonly services: bigint
  readonly userAgent: string
  /** Height of its tip when it connected, as it said. */
  readonly startingHeight: number
  /** Height of the best header that it is known to have; undefined when none. */
  readonly headerHeight: number | undefined
  /** Height of the last block that it has in common with our active chain, as far as known. */
  readonly commonHeight: number | undefined
  /** Heights of the blocks asked of it and not yet received, ascending. */
  readonly inFlight: readonly number[]
  /** Milliseconds by which its clock is ahead of ours; undefined until measured. */
  readonly clockOffset: number | undefined
  /** Penalty points, 100 bans. */
  readonly score: number
}

/** Its times are those of the clock that it is given, a `SteadyClock`. */
export class Peer {
  readonly info: PeerInfo
  /** Counts connections since the tab was opened, from 1. */
  readonly number: number
  readonly connectedAt: number
  /** Its first message; undefined until the handshake is done. */
  hello: HelloMessage | undefined
  /** The header with most work that it is known to have, body included unless it says otherwise. */
  bestKnown: HeaderIndex = NO_HEADER
  blocksInFlight = 0
  latency: number | undefined
  bytesReceived = 0
  bytesSent = 0
  lastReceivedAt: number | undefined
  lastSentAt: number | undefined
  lastBlockAt: number | undefined
  lastTransactionAt: number | undefined
  /** Unasked messages of the stream. */
  readonly messages: TokenBucket
  private readonly clock: Clock
  private points = 0
  private pointsAt: number

  constructor(info: PeerInfo, number: number, clock: Clock) {
    this.info = info
    this.number = number
    this.clock = clock
    this.connectedAt = clock.now()
    this.pointsAt = this.connectedAt
    this.messages = new TokenBucket(clock, ...MESSAGES)
  }

  get id(): PeerId {
    return this.info.id
  }

  /** Penalty points left after what time forgave, a whole number. */
  get score(): number {
    this.forgive()
    return this.points
  }

  /** Adds points and answers the score that they lead to, before anything of them is forgiven. */
  addPoints(points: number): number {
    this.forgive()
    this.points += points
    return this.points
  }

  /** Whole points only, once they are due: points that follow each other within a minute add up to their sum. */
  private forgive(): void {
    const now = this.clock.now()
    const due = Math.max(0, Math.floor(((now - this.pointsAt) / 60_000) * FORGIVEN_PER_MINUTE))
    // Without points there is nothing to be forgiven, and nothing is saved up.
    this.pointsAt = due >= this.points ? now : this.pointsAt + (due / FORGIVEN_PER_MINUTE) * 60_000
    this.points = Math.max(0, this.points - due)
  }

  received(bytes: number): void {
    this.bytesReceived += bytes
    this.lastReceivedAt = this.clock.now()
  }

  sent(bytes: number): void {
    this.bytesSent += bytes
    this.lastSentAt = this.clock.now()
  }
}
