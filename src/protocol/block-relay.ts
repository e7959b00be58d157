/**
 * Blocks by gossip: compact blocks in and out, rebuilt from the mempool. The verdict comes when header, context and structure
 * are checked and the body is stored; where transactions are missing, the sender is asked and the verdict waits for it at most
 * `ROUND_TRIP_TIMEOUT`.
 *
 * Nobody is blamed for a compact block whose body proves bad when it is connected: honest tabs forward before that (BIP152,
 * pre-validation relay). Such a block costs its maker the work of a good one.
 *
 * One compact form of a block is forwarded: by then its body is stored, and others, with another nonce, go no further. At most
 * `MAX_REBUILDING` blocks are being rebuilt.
 */
import type { Chain } from '../chain/chain.ts'
import { type HeaderIndex, NO_HEADER } from '../chain/header-tree.ts'
import type { Mempool } from '../mempool/mempool.ts'
import { type GossipVerdict, MAX_GOSSIP_BYTES, type Transport } from '../network/transport.ts'
import type { Block, BlockHeader } from '../primitives/block.ts'
import { equalBytes } from '../primitives/bytes.ts'
import type { Clock, Random } from '../primitives/ports.ts'
import { invalid, type Rejection } from '../primitives/result.ts'
import type { Transaction } from '../primitives/transaction.ts'
import type { BlockDownload } from './block-download.ts'
import { compactBlockOf, decodeCompactBlock, encodeCompactBlock, PartialBlock } from './compact-block.ts'
import { type HeaderSync, MAX_ANNOUNCED_HEADERS } from './header-sync.ts'
import { on, type ProtocolPart } from './part.ts'
import type { Peer } from './peer.ts'
import type { PeerSet } from './peer-set.ts'
import { unrequested, verdictOn } from './verdict.ts'
import {
  BLOCK_TOPIC,
  BLOCKTXN,
  type BlockTxnMessage,
  type GetBlockTxnMessage,
  type HeadersMessage,
  NOTFOUND,
  type NotFoundMessage,
} from './wire.ts'

/** Milliseconds that a gossip verdict waits for missing transactions; gossipsub drops what waits over 5 s. */
const ROUND_TRIP_TIMEOUT = 3000
/** Milliseconds between a new tip and its announcement by headers; gossip is under way meanwhile. */
const ANNOUNCE_DELAY = 100
/** Gossiped blocks of one peer: at once, and a second. Beyond it they are ignored, and come by their headers. */
const BLOCKS = [200, 20] as const
/** Compact blocks in work at a time. Each holds at most `MAX_GOSSIP_BYTES` and its transactions. */
const MAX_REBUILDING = 16

/** A question to the sender of a compact block that its verdict waits for. */
interface Question {
  readonly peer: Peer
  readonly blockHash: Uint8Array
  readonly answer: (transactions: readonly Transaction[] | undefined) => void
}

export interface BlockRelayOptions {
  readonly chain: Chain
  readonly mempool: Mempool
  readonly peers: PeerSet<GetBlockTxnMessage | HeadersMessage>
  readonly transport: Transport
  readonly clock: Clock
  readonly random: Random
  readonly headerSync: HeaderSync
  readonly download: BlockDownload
  /** A peer sent all that we lack of a body. */
  readonly delivered: (index: HeaderIndex, peer: Peer) => void
}

export class BlockRelay implements ProtocolPart {
  readonly messages = [
    on(BLOCKTXN, (peer, message) => this.handleBlockTxn(peer, message), {
      isOwed: (peer, requestId) => this.questions.get(requestId)?.peer === peer,
    }),
    on(NOTFOUND, (peer, message) => this.handleNotFound(peer, message)),
  ]
  readonly topics = [
    {
      ...BLOCK_TOPIC,
      rate: BLOCKS,
      handle: (payload: Uint8Array, peer: Peer) => this.handleGossip(payload, peer),
    },
  ]
  private readonly options: BlockRelayOptions
  private readonly rebuilding = new Set<HeaderIndex>()
  /** By request id. */
  private readonly questions = new Map<number, Question>()
  private announcing = false

  constructor(options: BlockRelayOptions) {
    this.options = options
  }

  /** Gossips a block of our own making. One too large to gossip is announced by its header, as every new tip is. */
  broadcast(block: Block): void {
    const payload = encodeCompactBlock(compactBlockOf(block, this.options.random.bytes(8)))
    const { peers, transport } = this.options
    if (peers.ready().length > 0 && payload.length <= MAX_GOSSIP_BYTES)
      transport.publish(BLOCK_TOPIC.topic, payload)
  }

  /** Tells a new tip to the peers that aren't known to have it, shortly: a burst of blocks makes one announcement. */
  announceTip(): void {
    if (this.announcing) return
    this.announcing = true
    this.options.clock.after(ANNOUNCE_DELAY, () => {
      this.announcing = false
      for (const peer of this.options.peers.ready()) this.announceTo(peer)
    })
  }

  private announceTo(peer: Peer): void {
    const { chain, peers } = this.options
    const { headers, tip } = chain
    const shared = peer.bestKnown === NO_HEADER ? 0 : headers.height(headers.forkPoint(peer.bestKnown, tip))
    const news: BlockHeader[] = []
    for (let index = tip; headers.height(index) > shared && news.length < MAX_ANNOUNCED_HEADERS; ) {
      news.unshift(headers.header(index))
      index = headers.parent(index)
    }
    if (news.length > 0) peers.send(peer, { type: 'headers', id: 0, headers: news })
  }

  /** The verdict on a gossiped compact block. */
  private async handleGossip(payload: Uint8Array, peer: Peer): Promise<GossipVerdict> {
    const { chain, headerSync } = this.options
    const decoded = decodeCompactBlock(payload)
    if (!decoded.ok) return this.refuse(peer, decoded)
    const compact = decoded.value
    const accepted = headerSync.accept(peer, [compact.header], true)
    if (!accepted.ok) {
      headerSync.refused(peer, accepted, [compact.header])
      return this.refuse(peer, accepted)
    }
    const index = accepted.value
    const { headers } = chain
    const late = headers.hasBody(index) || this.rebuilding.has(index)
    // What leads to less work than our tip isn't news; its header is kept, and its body fetched if it ever matters.
    const stale = headers.chainWork(index) < headers.chainWork(chain.tip)
    if (late || stale || this.rebuilding.size >= MAX_REBUILDING) return 'ignore'
    const partial = PartialBlock.begin(compact, transactionsOf(this.options.mempool))
    this.rebuilding.add(index)
    this.options.download.hold(index, ROUND_TRIP_TIMEOUT)
    try {
      const block = partial && (await this.complete(peer, partial))
      return block ? await this.store(peer, index, block) : 'ignore'
    } finally {
      this.rebuilding.delete(index)
      if (!headers.hasBody(index)) this.options.download.release(index)
    }
  }

  /** Headers whose bodies are being put together. */
  underWay(): Iterable<HeaderIndex> {
    return this.rebuilding
  }

  /** Answer to a question for missing transactions. */
  private handleBlockTxn(peer: Peer, message: BlockTxnMessage): void {
    const question = this.questions.get(message.id)
    if (question?.peer !== peer || !equalBytes(question.blockHash, message.blockHash))
      this.options.peers.punish(peer, unrequested('transactions of a block'))
    else question.answer(message.transactions)
  }

  /** Answer to a question for missing transactions, or for whole blocks. */
  private handleNotFound(peer: Peer, message: NotFoundMessage): void {
    const question = this.questions.get(message.id)
    if (question?.peer === peer) question.answer(undefined)
    else this.options.download.handleNotFound(peer, message)
  }

  forget(peer: Peer): void {
    for (const question of [...this.questions.values()])
      if (question.peer === peer) question.answer(undefined)
  }

  /** The block with its missing transactions asked of the sender; undefined when it must be fetched whole. */
  private async complete(peer: Peer, partial: PartialBlock): Promise<Block | undefined> {
    const { missing, header } = partial
    if (missing.length === 0) return partial.fill([])
    const transactions = await this.ask(peer, header.hashBytes, missing)
    if (!transactions) return undefined
    if (transactions.length !== missing.length) {
      const detail = `Sent ${transactions.length} transactions of a block where ${missing.length} were asked for.`
      this.options.peers.punish(peer, invalid('blocktxn-count', detail))
      return undefined
    }
    return partial.fill(transactions)
  }

  private ask(
    peer: Peer,
    blockHash: Uint8Array,
    indexes: readonly number[],
  ): Promise<readonly Transaction[] | undefined> {
    const { clock, download, peers } = this.options
    const id = peers.nextRequestId()
    return new Promise((resolve) => {
      const answer = (transactions: readonly Transaction[] | undefined): void => {
        this.questions.delete(id)
        cancel()
        resolve(transactions)
      }
      const cancel = clock.after(ROUND_TRIP_TIMEOUT, () => {
        // It is the last to be asked for the whole block.
        download.pause(peer)
        answer(undefined)
      })
      this.questions.set(id, { peer, blockHash, answer })
      peers.send(peer, { type: 'getblocktxn', id, blockHash, indexes })
    })
  }

  private async store(peer: Peer, index: HeaderIndex, block: Block): Promise<GossipVerdict> {
    const { clock, delivered, download } = this.options
    peer.lastBlockAt = clock.now()
    delivered(index, peer)
    const result = await download.store(index, block)
    if (result.ok) return 'accept'
    // A body that does not match its header may be a meeting of short ids: it is fetched whole, and nobody blamed.
    return result.kind === 'mutated' ? 'ignore' : this.refuse(peer, result)
  }

  private refuse(peer: Peer, rejection: Rejection): GossipVerdict {
    this.options.peers.punish(peer, rejection)
    return verdictOn(rejection).gossip
  }
}

function* transactionsOf(mempool: Mempool): Generator<Transaction> {
  for (const entry of mempool.entries()) yield entry.transaction
}
