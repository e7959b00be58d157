/**
 * The connected peers: handshake state, sending, scores and bans. Iterates in order of connection, so that a run depends
 * on its inputs alone. At most `MAX_PEERS` are held; `MAX_BANS` bans are remembered, in memory and in the PeerStore.
 */

import { MessageTable, type WireMessage } from '../network/frames.ts'
import type { PeerId, PeerInfo, Transport, TransportOffence } from '../network/transport.ts'
import { err, type Rejection } from '../primitives/result.ts'
import { Peer } from './peer.ts'
import { type BanRecord, MAX_BANS, MAX_MANUAL_BANS, type PeerStore } from './peer-store.ts'
import type { SteadyClock } from './steady-clock.ts'
import { BAN_SCORE, BAN_SECONDS, type Verdict, verdictOn } from './verdict.ts'

/** Most peers held at a time. The transport aims lower; this is the brain's own bound. */
export const MAX_PEERS = 64

export interface PeerSetOptions {
  readonly transport: Transport
  readonly store: PeerStore
  readonly clock: SteadyClock
  readonly log: (line: string) => void
  /** Called once for every peer that leaves, whoever ended it. */
  readonly gone: (peer: Peer, reason: string) => void
}

/** `M` are the messages that its holder sends. */
export class PeerSet<M extends WireMessage = WireMessage> {
  /** The messages that this tab knows, by which those to peers are written. */
  readonly table = new MessageTable()
  private readonly options: PeerSetOptions
  private readonly peers = new Map<PeerId, Peer>()
  /** Their times are those of the steady clock: a date that is set right prolongs none. */
  private bans = new Map<PeerId, BanRecord>()
  private lastRequestId = 0
  private lastNumber = 0
  /** Of the peers that left. */
  private readonly past = { received: 0, sent: 0 }

  constructor(options: PeerSetOptions) {
    this.options = options
  }

  async loadBans(): Promise<void> {
    const bans = await this.options.store.loadBans()
    const { clock, transport } = this.options
    const now = clock.now()
    for (const ban of bans.slice(0, MAX_BANS)) {
      const duration = ban.until - (ban.created ?? ban.until - BAN_SECONDS * 1000)
      // Made while the date was wrong, it lasts from now on as long as it was meant to.
      const late = ban.until - now - duration
      this.bans.set(ban.id, late > 0 ? { ...ban, created: now, until: now + duration } : ban)
    }
    if (bans.some(({ id, until }) => this.bans.get(id)?.until !== until)) await this.storeBans()
    // So that the transport refuses them before they cost a connection.
    for (const { id, until, reason } of this.bans.values())
      if (until > clock.now()) transport.disconnect(id, reason, Math.ceil((until - clock.now()) / 1000))
  }

  /** A new connection; undefined when the peer is refused. */
  connect(info: PeerInfo): Peer | undefined {
    const { clock, transport } = this.options
    this.leave(info.id, 'connected again')
    const ban = this.bans.get(info.id)
    if (ban && ban.until > clock.now()) {
      transport.disconnect(info.id, ban.reason, Math.ceil((ban.until - clock.now()) / 1000))
      return undefined
    }
    if (this.peers.size >= MAX_PEERS) {
      transport.disconnect(info.id, `this tab holds ${MAX_PEERS} peers already`, 0)
      return undefined
    }
    const peer = new Peer(info, ++this.lastNumber, clock)
    this.peers.set(info.id, peer)
    return peer
  }

  /** The connection is gone. */
  leave(id: PeerId, reason: string): void {
    const peer = this.peers.get(id)
    if (!peer) return
    this.peers.delete(id)
    this.past.received += peer.bytesReceived
    this.past.sent += peer.bytesSent
    this.options.gone(peer, reason)
  }

  /** Bytes of frames from and to all peers since the tab was opened. */
  totals(): { readonly received: number; readonly sent: number } {
    let { received, sent } = this.past
    for (const peer of this.peers.values()) {
      received += peer.bytesReceived
      sent += peer.bytesSent
    }
    return { received, sent }
  }

  /** Nobody is sent anything any more. */
  leaveAll(reason: string): void {
    const left = this.all()
    this.peers.clear()
    for (const peer of left) this.options.gone(peer, reason)
  }

  isBanned(id: PeerId): boolean {
    return (this.bans.get(id)?.until ?? 0) > this.options.clock.now()
  }

  get(id: PeerId): Peer | undefined {
    return this.peers.get(id)
  }

  /** Whether `peer` is this very connection, still open. */
  has(peer: Peer): boolean {
    return this.peers.get(peer.id) === peer
  }

  /** All connections, in their order. */
  all(): Peer[] {
    return [...this.peers.values()]
  }

  /** Those that finished the handshake, in order of connection. */
  ready(): Peer[] {
    return this.all().filter((peer) => peer.hello !== undefined)
  }

  /** An id for the next request: 32 bits, never 0. */
  nextRequestId(): number {
    this.lastRequestId = (this.lastRequestId % 0xffffffff) + 1
    return this.lastRequestId
  }

  send(peer: Peer, message: M): void {
    if (!this.has(peer)) return
    const frame = this.table.encode(message)
    peer.sent(frame.length)
    this.options.transport.send(peer.id, frame)
  }

  /** Adds what the verdict table asks for, and bans at `BAN_SCORE`. */
  punish(peer: Peer, rejection: Rejection, { points }: Verdict = verdictOn(rejection)): void {
    if (points === 0 || !this.has(peer)) return
    const score = peer.addPoints(points)
    this.options.log(`Peer ${peer.id}: ${rejection.detail} (${rejection.code}, score ${score.toFixed(0)})`)
    if (score >= BAN_SCORE) this.drop(peer, `${rejection.detail} (${rejection.code})`, BAN_SECONDS)
  }

  /** The transport tells of a peer's offence. One that isn't connected has no score: it is banned for a grave offence alone. */
  offended(id: PeerId, { code, detail, penalty }: TransportOffence): void {
    const peer = this.peers.get(id)
    if (peer) {
      this.punish(peer, err('invalid', code, detail), {
        marksHeader: false,
        gossip: 'ignore',
        points: penalty,
      })
      return
    }
    this.options.log(`Peer ${id}: ${detail} (${code})`)
    if (penalty >= BAN_SCORE) void this.ban(id, `${detail} (${code})`, BAN_SECONDS)
  }

  /** Ends a connection, and bans the peer where `banSeconds` isn't 0. `reason` is a sentence for people. */
  drop(peer: Peer, reason: string, banSeconds = 0): void {
    if (!this.has(peer)) return
    if (banSeconds > 0) void this.ban(peer.id, reason, banSeconds)
    else {
      this.options.log(`Peer ${peer.id} disconnected: ${reason}`)
      this.options.transport.disconnect(peer.id, reason, 0)
      this.leave(peer.id, reason)
    }
  }

  /** The bans that hold, the longest first. Times by the tab's clock as it is set now. */
  banned(): BanRecord[] {
    const { clock } = this.options
    return this.inForce().map((ban) => ({
      ...ban,
      ...(ban.created !== undefined && { created: clock.wall(ban.created) }),
      until: clock.wall(ban.until),
    }))
  }

  private inForce(): BanRecord[] {
    const now = this.options.clock.now()
    return [...this.bans.values()].filter(({ until }) => until > now).sort((a, b) => b.until - a.until)
  }

  /** Keeps a peer out as a person wants it; false where there are `MAX_MANUAL_BANS` such already. Resolves when that is stored. */
  async banManually(id: PeerId, reason: string, seconds: number): Promise<boolean> {
    const others = this.inForce().filter((ban) => ban.manual && ban.id !== id)
    if (others.length >= MAX_MANUAL_BANS) return false
    await this.ban(id, reason, seconds, true)
    return true
  }

  /** Keeps a peer out, connected or not. Resolves when that is stored. `reason` is a sentence for people. */
  private ban(id: PeerId, reason: string, seconds: number, manual = false): Promise<void> {
    const now = this.options.clock.now()
    const until = now + seconds * 1000
    this.bans.set(id, { id, created: now, until, reason, ...(manual && { manual }) })
    this.options.log(
      `Peer ${id} is kept out until ${new Date(this.options.clock.wall(until)).toISOString()}: ${reason}`,
    )
    this.options.transport.disconnect(id, reason, seconds)
    this.leave(id, reason)
    return this.storeBans()
  }

  /** Ends a ban; false where there is none. Resolves when that is stored. */
  async allow(id: PeerId): Promise<boolean> {
    if (!this.bans.delete(id)) return false
    this.options.log(`Peer ${id} is let in again.`)
    this.options.transport.allow(id)
    await this.storeBans()
    return true
  }

  private storeBans(): Promise<void> {
    const all = this.inForce()
    const room = MAX_BANS - all.filter(({ manual }) => manual).length
    const offenders = all.filter(({ manual }) => !manual).slice(0, room)
    this.bans = new Map([...all.filter(({ manual }) => manual), ...offenders].map((ban) => [ban.id, ban]))
    const bans = this.banned()
    // A ban that can't be written holds until the tab ends; the chain tells of failing storage.
    return this.options.store.saveBans(bans).catch((error: Error) => {
      this.options.log(`The list of bans could not be stored: ${error.message}`)
    })
  }
}
