/** What is known of one connected peer. Its score falls with time; everything else lasts as long as the connection. */
import { type HeaderIndex, NO_HEADER } from '../chain/header-tree.ts'
import type { Clock } from '../primitives/ports.ts'
import { TokenBucket } from './token-bucket.ts'
import type { PeerId, PeerInfo } from './transport.ts'
import { FORGIVEN_PER_MINUTE } from './verdict.ts'
import type { HelloMessage } from './wire.ts'

/** Requests and announcements a peer may send: at once, and a second. Answers to our requests don't count. */
const MESSAGES = [400, 40] as const

/** What people and programs are told about a peer. Times in milliseconds since 1970. */
export interface PeerSnapshot {
  readonly id: PeerId
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
  /** Blocks asked of it and not yet received. */
  readonly blocksInFlight: number
  /** Penalty points, 100 bans. */
  readonly score: number
}

export class Peer {
  readonly info: PeerInfo
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

  constructor(info: PeerInfo, clock: Clock) {
    this.info = info
    this.clock = clock
    this.connectedAt = clock.now()
    this.pointsAt = this.connectedAt
    this.messages = new TokenBucket(clock, ...MESSAGES)
  }

  get id(): PeerId {
    return this.info.id
  }

  /** Penalty points left after what time forgave. */
  get score(): number {
    return Math.max(0, this.points - ((this.clock.now() - this.pointsAt) / 60_000) * FORGIVEN_PER_MINUTE)
  }

  addPoints(points: number): void {
    this.points = this.score + points
    this.pointsAt = this.clock.now()
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
