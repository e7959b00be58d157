/**
 * Transactions by gossip, and what gossip misses: mempools are compared when peers meet, when this tab has caught up, and
 * now and then; our own transactions are repeated at growing intervals until they leave the mempool.
 *
 * Bounds: `MAX_REJECTED` and `MAX_WAITING` wtxids, `MAX_OWN` transactions of our own, `MAX_VALIDATING` being checked, and per peer
 * `MAX_VALIDATING_BYTES` of those and `MAX_INV` wtxids that it announced.
 */
import type { Mempool } from '../mempool/mempool.ts'
import { type GossipVerdict, MAX_GOSSIP_BYTES, type Transport } from '../network/transport.ts'
import { addBounded, putBounded } from '../primitives/bounded.ts'
import { fromDisplay, type Txid, toDisplay, type Wtxid } from '../primitives/hashes.ts'
import type { Clock } from '../primitives/ports.ts'
import { notNow, type Result, retry } from '../primitives/result.ts'
import { TokenBucket } from '../primitives/token-bucket.ts'
import { decodeTransaction, type Transaction } from '../primitives/transaction.ts'
import { always, on, type ProtocolPart } from './part.ts'
import type { Peer } from './peer.ts'
import type { PeerSet } from './peer-set.ts'
import { rateLimited, unrequested, verdictOn } from './verdict.ts'
import {
  GETTX,
  type GetTxMessage,
  INV,
  type InvMessage,
  MAX_INV,
  MAX_TRANSACTIONS_BYTES,
  MAX_TRANSACTIONS_PER_REQUEST,
  MEMPOOL,
  type MempoolMessage,
  TX,
  TX_TOPIC,
  type TxMessage,
} from './wire.ts'

/** Gossiped transactions of one peer: at once, and a second. Beyond it they are ignored. */
const TRANSACTIONS = [2000, 200] as const
/** Transactions being checked at a time, from all peers. */
const MAX_VALIDATING = 256
/** Bytes of them from one peer, unless it is one alone: a large one can take a second, which nobody pays for when it is refused. */
const MAX_VALIDATING_BYTES = 1_000_000
/** Rejected transactions that aren't checked again until the tip changes. */
const MAX_REJECTED = 4096
/** Transactions remembered that the mempool may yet take, when their parents arrive. */
const MAX_WAITING = 256
/** Our own transactions that are repeated. */
const MAX_OWN = 1000
/** First and longest pause before an own transaction is repeated, milliseconds; longer than gossipsub remembers (2 min). */
const REPEAT_INTERVAL = [150_000, 3_600_000] as const
/** Milliseconds between two comparisons of mempools with some peer. */
const COMPARE_INTERVAL = 300_000
/** Least milliseconds between two comparisons with one peer: as often as it answers without end. */
const COMPARE_PAUSE = 30_000
/** Milliseconds a peer may take to answer `gettx`. */
const ANSWER_TIMEOUT = 20_000
/** Weight of the transactions announced to a peer that asks for the mempool: the best fee rates, ten public blocks. */
const MEMPOOL_WEIGHT = 4_000_000
/** Answers to `mempool` per peer: at once, and a second. */
const MEMPOOL_ANSWERS = [4, 1 / 30] as const
/** Bytes of transactions served to one peer: at once, and a second. */
const BYTES = [8_000_000, 1_000_000] as const

/** Wtxids that a peer may announce: at once, and a second. */
const ANNOUNCED = [20_000, 1000] as const

interface State {
  /** Announced by it and neither known nor asked of it yet, in its order. */
  announced: Wtxid[]
  /** The question under way. */
  request: { readonly id: number; readonly deadline: number; readonly wtxids: readonly Wtxid[] } | undefined
  comparedAt: number
  /** Bytes of its transactions that are being checked. */
  validatingBytes: number
  readonly bytes: TokenBucket
}

interface Own {
  readonly transaction: Transaction
  repeatAt: number
  interval: number
}

export interface TransactionRelayOptions {
  readonly mempool: Mempool
  readonly peers: PeerSet<MempoolMessage | InvMessage | GetTxMessage | TxMessage>
  readonly transport: Transport
  readonly clock: Clock
}

export class TransactionRelay implements ProtocolPart {
  readonly messages = [
    on(MEMPOOL, (peer) => this.handleMempool(peer), {
      unasked: always,
      limit: { rate: MEMPOOL_ANSWERS, what: 'requests for the mempool' },
    }),
    on(INV, (peer, message) => this.handleInv(peer, message), {
      unasked: always,
      limit: { rate: ANNOUNCED, what: 'announcements', cost: ({ wtxids }) => wtxids.length },
    }),
    on(GETTX, (peer, message) => this.handleGetTx(peer, message), { unasked: always }),
    on(TX, (peer, message) => this.handleTx(peer, message), {
      isOwed: (peer, requestId) => this.isOwed(peer, requestId),
    }),
  ]
  readonly topics = [
    {
      ...TX_TOPIC,
      rate: TRANSACTIONS,
      handle: (payload: Uint8Array, peer: Peer) => this.handleGossip(payload, peer),
    },
  ]
  private readonly options: TransactionRelayOptions
  private readonly states = new Map<Peer, State>()
  private readonly rejected = new Set<Wtxid>()
  /** Rejected for now: gossiped on should the mempool take them after all, as it does when a parent arrives. */
  private readonly waiting = new Set<Wtxid>()
  /** Asked of some peer and not answered yet: one question at a time each. */
  private readonly asked = new Set<Wtxid>()
  private readonly own = new Map<Txid, Own>()
  private validating = 0
  private nearTip = false
  /** It was near the tip once. */
  private judges = false
  private nextCompare: number
  /** Peer with which mempools were compared last. */
  private lastCompared: Peer | undefined

  constructor(options: TransactionRelayOptions) {
    this.options = options
    this.nextCompare = options.clock.now() + COMPARE_INTERVAL
  }

  add(peer: Peer): void {
    const { clock } = this.options
    this.states.set(peer, {
      announced: [],
      request: undefined,
      comparedAt: -Infinity,
      validatingBytes: 0,
      bytes: new TokenBucket(clock, ...BYTES),
    })
    this.compareWith(peer)
  }

  forget(peer: Peer): void {
    const state = this.states.get(peer)
    if (!state) return
    this.states.delete(peer)
    this.conclude(state)
  }

  /** Gossips a transaction of this tab that its mempool accepted, and repeats it while it waits there. */
  broadcast(transaction: Transaction): void {
    const [interval] = REPEAT_INTERVAL
    const repeatAt = this.options.clock.now() + interval
    putBounded(this.own, transaction.txid, { transaction, interval, repeatAt }, MAX_OWN)
    this.publish(transaction)
  }

  /**
   * Until the chain is near its peers' for the first time, most transactions can't be judged and all are left aside. Later they are taken
   * whatever headers are announced. Mempools are compared whenever it has caught up.
   */
  setNearTip(nearTip: boolean): void {
    const caughtUp = nearTip && !this.nearTip
    this.nearTip = nearTip
    this.judges ||= nearTip
    if (caughtUp) for (const peer of this.states.keys()) this.compareWith(peer)
  }

  /** The verdict on a gossiped transaction. */
  private async handleGossip(payload: Uint8Array, peer: Peer): Promise<GossipVerdict> {
    const state = this.states.get(peer)
    if (!this.judges || !state) return 'ignore'
    const decoded = decodeTransaction(payload)
    const result = decoded.ok ? await this.take(peer, state, decoded.value) : decoded
    if (result.ok) return 'accept'
    this.options.peers.punish(peer, result)
    return verdictOn(result).gossip
  }

  private handleMempool(peer: Peer): void {
    const { mempool, peers } = this.options
    const entries = mempool.select(MEMPOOL_WEIGHT).slice(0, MAX_INV)
    peers.send(peer, { type: 'inv', wtxids: entries.map((entry) => entry.transaction.wtxidBytes) })
  }

  private handleInv(peer: Peer, message: InvMessage): void {
    const state = this.states.get(peer)
    if (!state || !this.judges) return
    const wtxids = message.wtxids.map((wtxid) => toDisplay<Wtxid>(wtxid))
    state.announced = [...state.announced, ...wtxids].slice(-MAX_INV)
    this.request(peer, state)
  }

  private handleGetTx(peer: Peer, message: GetTxMessage): void {
    const { mempool, peers } = this.options
    const state = this.states.get(peer)
    const transactions: Transaction[] = []
    let bytes = 0
    for (const wtxid of message.wtxids) {
      const entry = mempool.getByWtxid(toDisplay<Wtxid>(wtxid))
      if (!entry || bytes + entry.transaction.bytes.length > MAX_TRANSACTIONS_BYTES - 3) continue
      bytes += entry.transaction.bytes.length
      transactions.push(entry.transaction)
    }
    if (!state?.bytes.take(bytes)) peers.punish(peer, rateLimited('requests for transactions'))
    else peers.send(peer, { type: 'tx', id: message.id, transactions })
  }

  private isOwed(peer: Peer, requestId: number): boolean {
    const request = this.states.get(peer)?.request
    return request?.id === requestId && request.deadline < Infinity
  }

  private async handleTx(peer: Peer, message: TxMessage): Promise<void> {
    const { peers } = this.options
    const state = this.states.get(peer)
    if (!state) return
    if (state.request?.id !== message.id || message.transactions.length > state.request.wtxids.length) {
      peers.punish(peer, unrequested('transactions'))
      return
    }
    // Answered: checking them may take longer than the deadline.
    state.request = { ...state.request, deadline: Infinity }
    const news: Uint8Array[] = []
    for (const transaction of message.transactions) {
      const result = await this.take(peer, state, transaction)
      if (result.ok) news.push(transaction.wtxidBytes)
      else peers.punish(peer, result)
    }
    // What came this way gossip has missed: others may lack it too.
    if (news.length > 0)
      for (const other of peers.ready()) if (other !== peer) peers.send(other, { type: 'inv', wtxids: news })
    this.conclude(state)
  }

  /** The mempool took a transaction: if it had to wait for its parent, it is gossiped on now. */
  added(transaction: Transaction): void {
    if (this.waiting.delete(transaction.wtxid)) this.publish(transaction)
  }

  /** Rejections may not hold on another tip. */
  tipChanged(): void {
    this.rejected.clear()
  }

  tick(): void {
    const { clock, mempool } = this.options
    const now = clock.now()
    for (const state of this.states.values())
      if (state.request && state.request.deadline <= now) this.conclude(state)
    for (const [txid, own] of this.own) {
      if (own.repeatAt > now) continue
      if (!mempool.has(txid)) this.own.delete(txid)
      else {
        own.interval = Math.min(own.interval * 2, REPEAT_INTERVAL[1])
        own.repeatAt = now + own.interval
        this.publish(own.transaction)
      }
    }
    if (this.nextCompare > now) return
    this.nextCompare = now + COMPARE_INTERVAL
    const order = [...this.states.keys()]
    const next = order[(this.lastCompared ? order.indexOf(this.lastCompared) + 1 : 0) % order.length]
    this.lastCompared = next
    if (next) this.compareWith(next)
  }

  /** Asks for what `peer` has in its mempool, unless that was just done. */
  private compareWith(peer: Peer): void {
    const { clock, peers } = this.options
    const state = this.states.get(peer)
    if (!state || !this.nearTip || clock.now() - state.comparedAt < COMPARE_PAUSE) return
    state.comparedAt = clock.now()
    peers.send(peer, { type: 'mempool' })
  }

  /** Without peers nothing is sent: they will ask for the mempool when they come. */
  private publish(transaction: Transaction): void {
    const { peers, transport } = this.options
    if (peers.ready().length > 0 && transaction.bytes.length <= MAX_GOSSIP_BYTES)
      transport.publish(TX_TOPIC.topic, transaction.bytes.slice())
  }

  /** Offers a peer's transaction to the mempool. */
  private async take(peer: Peer, state: State, transaction: Transaction): Promise<Result<unknown>> {
    const { clock, mempool } = this.options
    const { wtxid, bytes } = transaction
    if (mempool.getByWtxid(wtxid)) return notNow('txn-already-in-mempool', 'The transaction is known.')
    if (this.rejected.has(wtxid))
      return notNow('recently-rejected', 'The transaction was rejected on this tip before.')
    const isLarge = state.validatingBytes > 0 && state.validatingBytes + bytes.length > MAX_VALIDATING_BYTES
    if (isLarge || this.validating >= MAX_VALIDATING)
      return retry('busy', 'Too many transactions arrive at once.')
    peer.lastTransactionAt = clock.now()
    this.validating++
    state.validatingBytes += bytes.length
    try {
      const result = await mempool.accept(transaction)
      if (!result.ok)
        if (result.kind === 'retry') {
          addBounded(this.waiting, wtxid, MAX_WAITING)
          // Who has the child has its parents.
          this.compareWith(peer)
        } else addBounded(this.rejected, wtxid, MAX_REJECTED)
      return result
    } finally {
      this.validating--
      state.validatingBytes -= bytes.length
    }
  }

  /** A question is over, answered or not: the peers are asked for what comes next. */
  private conclude(state: State): void {
    for (const wtxid of state.request?.wtxids ?? []) this.asked.delete(wtxid)
    state.request = undefined
    for (const [peer, each] of this.states) this.request(peer, each)
  }

  /** Asks a peer for the next transactions that it announced and we lack, one question at a time. */
  private request(peer: Peer, state: State): void {
    const { clock, mempool, peers } = this.options
    if (state.request) return
    const wtxids: Wtxid[] = []
    const later: Wtxid[] = []
    for (const wtxid of state.announced) {
      if (mempool.getByWtxid(wtxid) || mempool.isOrphan(wtxid) || this.rejected.has(wtxid)) continue
      if (this.asked.has(wtxid) || wtxids.length >= MAX_TRANSACTIONS_PER_REQUEST) later.push(wtxid)
      else wtxids.push(wtxid)
    }
    state.announced = later
    if (wtxids.length === 0) return
    const id = peers.nextRequestId()
    state.request = { id, deadline: clock.now() + ANSWER_TIMEOUT, wtxids }
    for (const wtxid of wtxids) this.asked.add(wtxid)
    peers.send(peer, { type: 'gettx', id, wtxids: wtxids.map(fromDisplay) })
  }
}
