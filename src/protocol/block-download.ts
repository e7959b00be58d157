/**
 * Fetches bodies from all peers that have them, in parallel, within a window ahead of the tip. Each peer is asked for blocks of
 * its own best known chain, at most `MAX_IN_FLIGHT` and about `MAX_BYTES_IN_FLIGHT` at a time. Who holds up the window while
 * others wait is dropped.
 *
 * Bounds: one entry per block in flight (16 a peer), `MAX_HELD` blocks left to gossip, `MAX_VOUCHED` blocks whose
 * sender is remembered until they are connected.
 */
import type { Chain, TipChange } from '../chain/chain.ts'
import { type HeaderIndex, NO_HEADER } from '../chain/header-tree.ts'
import type { PeerId } from '../network/transport.ts'
import type { Block } from '../primitives/block.ts'
import { putBounded } from '../primitives/bounded.ts'
import type { Clock } from '../primitives/ports.ts'
import type { Rejection, Result } from '../primitives/result.ts'
import type { CatchUp } from './catch-up.ts'
import { on, type ProtocolPart } from './part.ts'
import type { Peer } from './peer.ts'
import type { PeerSet } from './peer-set.ts'
import { unrequested, verdictOnConnected } from './verdict.ts'
import {
  BLOCK,
  type BlockMessage,
  type GetDataMessage,
  MAX_BLOCKS_PER_REQUEST,
  type NotFoundMessage,
  SERVICE_FULL_CHAIN,
} from './wire.ts'

/** Blocks ahead of the tip that may be fetched, as in Bitcoin Core: bounds what is stored before it can be connected. */
const WINDOW = 1024
/** Blocks in flight from one peer. */
const MAX_IN_FLIGHT = MAX_BLOCKS_PER_REQUEST
/** Bytes asked of one peer at a time, by estimate: WebRTC has no read backpressure of its own. One block always may. */
const MAX_BYTES_IN_FLIGHT = 2_000_000
/** Milliseconds without a block from a peer that owes some, after which it is dropped. */
const BLOCK_TIMEOUT = 60_000
/** Least and most milliseconds that the peer with the first missing block may take while another could send it. */
const STALL_TIMEOUT = [5_000, 60_000] as const
/** Milliseconds for which a peer that lacked a block, or did not answer for its parts, isn't asked. */
const PAUSE = 30_000
/** Milliseconds that gossip has to bring the body of an announced header before it is fetched. */
const GOSSIP_GRACE = 2_000
/** Milliseconds before a block is fetched again that could not be taken. */
const RETRY_DELAY = 5_000
/** Headers above the tip up to which gossip is waited for. */
const GOSSIP_DEPTH = 2
const MAX_HELD = 64
const MAX_VOUCHED = 2 * WINDOW

interface InFlight {
  readonly peer: Peer
  readonly requestId: number
  readonly bytes: number
}

interface State {
  bytes: number
  /** When it last sent a block, or was first asked after owing none. */
  progressAt: number
  pausedUntil: number
}

export interface BlockDownloadOptions {
  readonly chain: Chain
  readonly peers: PeerSet<GetDataMessage>
  readonly clock: Clock
  readonly catchUp: CatchUp
  /** A peer sent a body that we lack. */
  readonly delivered: (index: HeaderIndex, peer: Peer) => void
}

export class BlockDownload implements ProtocolPart {
  readonly messages = [
    on(BLOCK, (peer, message) => this.handleBlock(peer, message), {
      isOwed: (peer, requestId) => this.isOwed(peer, requestId),
    }),
  ]
  private readonly options: BlockDownloadOptions
  private readonly states = new Map<Peer, State>()
  private readonly inFlight = new Map<HeaderIndex, InFlight>()
  /** Bodies that arrived and are being stored; as many as the transport keeps in flight. */
  private readonly storing = new Set<HeaderIndex>()
  /** Blocks not to be fetched before an instant. */
  private readonly held = new Map<HeaderIndex, number>()
  /** Who sent a whole block, and so vouched for it, until it is connected. */
  private readonly vouched = new Map<HeaderIndex, PeerId>()
  /** Bytes that the next block is expected to have at most: follows large ones at once and small ones slowly. */
  private expectedBytes: number
  private stallTimeout: number = STALL_TIMEOUT[0]
  private stopped = false

  constructor(options: BlockDownloadOptions) {
    this.options = options
    this.expectedBytes = options.chain.params.weightLimit
  }

  add(peer: Peer): void {
    this.states.set(peer, { bytes: 0, progressAt: this.options.clock.now(), pausedUntil: 0 })
  }

  forget(peer: Peer): void {
    this.states.delete(peer)
    for (const [index, request] of [...this.inFlight]) if (request.peer === peer) this.inFlight.delete(index)
    this.schedule()
  }

  /** The store failed: nothing more is fetched. */
  stop(): void {
    this.stopped = true
  }

  /** Leaves a block to gossip for `milliseconds`. */
  hold(index: HeaderIndex, milliseconds: number): void {
    putBounded(this.held, index, this.options.clock.now() + milliseconds, MAX_HELD)
  }

  /** Gossip did not bring the block: fetch it whole. */
  release(index: HeaderIndex): void {
    this.held.delete(index)
    this.schedule()
  }

  /** Asks nothing of a peer for a while. */
  pause(peer: Peer): void {
    const state = this.states.get(peer)
    if (state) state.pausedUntil = this.options.clock.now() + PAUSE
  }

  /** A header was announced: where it is at the tip, its body comes by gossip any moment. */
  announced(index: HeaderIndex): void {
    const { headers, tip } = this.options.chain
    if (headers.height(index) <= headers.height(tip) + GOSSIP_DEPTH) this.hold(index, GOSSIP_GRACE)
  }

  /** Asks peers with room for the next blocks that they have and we lack. */
  schedule(): void {
    if (this.stopped) return
    for (const [peer, state] of this.states) this.requestFrom(peer, state)
  }

  /** Heights of the blocks asked of a peer and not received yet, ascending. */
  heightsInFlight(peer: Peer): number[] {
    const { headers } = this.options.chain
    const mine = [...this.inFlight].filter(([, request]) => request.peer === peer)
    return mine.map(([index]) => headers.height(index)).sort((a, b) => a - b)
  }

  /** Headers whose bodies are on their way. */
  underWay(): HeaderIndex[] {
    return [...this.inFlight.keys(), ...this.storing]
  }

  /** Headers were forgotten. */
  forgot(): void {
    const { headers } = this.options.chain
    for (const map of [this.held, this.vouched])
      for (const index of map.keys()) if (!headers.has(index)) map.delete(index)
  }

  private isOwed(peer: Peer, requestId: number): boolean {
    for (const request of this.inFlight.values())
      if (request.peer === peer && request.requestId === requestId) return true
    return false
  }

  private async handleBlock(peer: Peer, message: BlockMessage): Promise<void> {
    const { chain, clock, peers } = this.options
    const { block } = message
    const index = chain.headers.findBytes(block.header.hashBytes)
    if (!this.settle(peer, index, message.id)) {
      peers.punish(peer, unrequested('a block'))
      return
    }
    peer.lastBlockAt = clock.now()
    this.options.delivered(index, peer)
    this.expectedBytes = Math.max(block.bytes.length, this.expectedBytes - (this.expectedBytes >> 4))
    // Before it is stored: connecting, and its verdict, may follow at once.
    this.vouch(index, peer.id)
    const stored = this.store(index, block)
    this.schedule()
    const result = await stored
    if (!result.ok) {
      peers.punish(peer, result)
      // Its header may have been forgotten once it was no longer being stored, and the place be another's.
      const at = chain.headers.findBytes(block.header.hashBytes)
      if (at !== NO_HEADER) {
        this.vouched.delete(at)
        if (!chain.headers.hasBody(at)) this.hold(at, RETRY_DELAY)
      }
    }
    this.schedule()
  }

  /** What a peer lacks of the blocks asked of it. */
  handleNotFound(peer: Peer, message: NotFoundMessage): void {
    const { catchUp, chain } = this.options
    for (const hash of message.hashes) {
      const index = chain.headers.findBytes(hash)
      if (this.settle(peer, index, message.id)) catchUp.denied(peer, index)
    }
    this.pause(peer)
    this.schedule()
  }

  /** Gives a body to the chain, during which it isn't fetched. */
  async store(index: HeaderIndex, block: Block): Promise<Result<HeaderIndex>> {
    this.storing.add(index)
    try {
      const result = await this.options.chain.acceptBlock(block)
      if (result.ok) this.options.catchUp.received(index)
      return result
    } finally {
      this.storing.delete(index)
      this.held.delete(index)
    }
  }

  tipChanged(change: TipChange): void {
    const { headers } = this.options.chain
    for (const block of change.connected) this.vouched.delete(headers.findBytes(block.header.hashBytes))
    this.stallTimeout = Math.max(STALL_TIMEOUT[0], this.stallTimeout * 0.85)
    this.schedule()
  }

  blockInvalid(index: HeaderIndex, rejection: Rejection): void {
    const { peers } = this.options
    const id = this.vouched.get(index)
    this.vouched.delete(index)
    const peer = id === undefined ? undefined : peers.get(id)
    if (peer) peers.punish(peer, rejection, verdictOnConnected(rejection))
    this.schedule()
  }

  /** The tab was away: what peers owe is counted from now. */
  woke(): void {
    const now = this.options.clock.now()
    for (const state of this.states.values()) state.progressAt = now
  }

  tick(): void {
    const { catchUp, clock, peers } = this.options
    const now = clock.now()
    for (const [peer, state] of [...this.states])
      if (peer.blocksInFlight > 0 && now - state.progressAt > BLOCK_TIMEOUT)
        peers.drop(peer, 'It did not send the blocks asked for.')
    const first = this.missingOf(catchUp.claimed).next()
    const request = first.done ? undefined : this.inFlight.get(first.value)
    if (request && this.otherCouldSend(request.peer, first.value!)) {
      const owing = now - this.states.get(request.peer)!.progressAt
      if (owing > this.stallTimeout) {
        this.stallTimeout = Math.min(STALL_TIMEOUT[1], this.stallTimeout * 2)
        peers.drop(request.peer, 'It holds up the blocks that others could send.')
      }
    }
    this.schedule()
  }

  /** Whether a peer that owes nothing has the block too. */
  private otherCouldSend(holder: Peer, index: HeaderIndex): boolean {
    const { headers } = this.options.chain
    for (const peer of this.states.keys()) {
      if (peer === holder || peer.blocksInFlight > 0 || peer.bestKnown === NO_HEADER) continue
      if (headers.ancestor(peer.bestKnown, headers.height(index)) === index) return true
    }
    return false
  }

  private requestFrom(peer: Peer, state: State): void {
    const { chain, clock, peers } = this.options
    const now = clock.now()
    const { bestKnown, hello } = peer
    if (!hello || !(hello.services & SERVICE_FULL_CHAIN)) return
    // Half of the slots at a time: fewer questions.
    if (peer.blocksInFlight > MAX_IN_FLIGHT / 2 || state.pausedUntil > now || bestKnown === NO_HEADER) return
    if (chain.headers.chainWork(bestKnown) <= chain.headers.chainWork(chain.tip)) return
    const bytes = Math.min(this.expectedBytes, chain.params.weightLimit)
    const hashes: Uint8Array[] = []
    const requestId = peers.nextRequestId()
    for (const index of this.missingOf(bestKnown)) {
      if (peer.blocksInFlight >= MAX_IN_FLIGHT) break
      if (peer.blocksInFlight > 0 && state.bytes + bytes > MAX_BYTES_IN_FLIGHT) break
      if (this.inFlight.has(index) || this.storing.has(index) || (this.held.get(index) ?? 0) > now) continue
      if (peer.blocksInFlight === 0) state.progressAt = now
      this.inFlight.set(index, { peer, requestId, bytes })
      this.held.delete(index)
      peer.blocksInFlight++
      state.bytes += bytes
      hashes.push(chain.headers.hashBytes(index))
    }
    if (hashes.length > 0) peers.send(peer, { type: 'getdata', id: requestId, hashes })
  }

  /**
   * Blocks without body on the way to `end`, lowest first: those of the first window above the fork with the active chain that
   * lacks any. Where all bodies of a window are there and suffice for more work than the tip, connecting comes first.
   */
  private *missingOf(end: HeaderIndex): Generator<HeaderIndex, undefined> {
    const { headers, tip } = this.options.chain
    if (headers.isInvalid(end)) return
    let low = headers.height(headers.forkPoint(tip, end))
    while (low < headers.height(end)) {
      const high = headers.ancestor(end, Math.min(headers.height(end), low + WINDOW))
      const missing: HeaderIndex[] = []
      for (let index = high; headers.height(index) > low; index = headers.parent(index))
        if (!headers.hasBody(index)) missing.push(index)
      yield* missing.reverse()
      if (missing.length > 0 || headers.chainWork(high) > headers.chainWork(tip)) return
      low += WINDOW
    }
  }

  /** Takes an answered block off the list; false where it was not asked of this peer. */
  private settle(peer: Peer, index: HeaderIndex, requestId: number): boolean {
    const request = this.inFlight.get(index)
    const state = this.states.get(peer)
    if (!state || request?.peer !== peer || request.requestId !== requestId) return false
    this.inFlight.delete(index)
    peer.blocksInFlight--
    state.bytes -= request.bytes
    state.progressAt = this.options.clock.now()
    return true
  }

  private vouch(index: HeaderIndex, id: PeerId): void {
    putBounded(this.vouched, index, id, MAX_VOUCHED)
  }
}
