/**
 * Serves headers, blocks and their transactions to peers. Only what this tab validated is vouched for: headers and whole
 * blocks come from the active chain. Per peer at most `MAX_WAITING` blocks wait to be sent, at a bounded rate.
 */
import type { Chain } from '../chain/chain.ts'
import { type HeaderIndex, NO_HEADER } from '../chain/header-tree.ts'
import { StorageError } from '../chain/store.ts'
import { type Block, HEADER_BYTES } from '../primitives/block.ts'
import type { Clock } from '../primitives/ports.ts'
import { invalid } from '../primitives/result.ts'
import { TokenBucket } from '../primitives/token-bucket.ts'
import { headersAfter } from './header-sync.ts'
import { always, on, type ProtocolPart } from './part.ts'
import type { Peer } from './peer.ts'
import type { PeerSet } from './peer-set.ts'
import { rateLimited } from './verdict.ts'
import {
  type BlockMessage,
  type BlockTxnMessage,
  GETBLOCKTXN,
  GETDATA,
  GETHEADERS,
  type GetBlockTxnMessage,
  type GetDataMessage,
  type GetHeadersMessage,
  type HeadersMessage,
  MAX_BLOCKS_PER_REQUEST,
  type NotFoundMessage,
  SERVICE_FULL_CHAIN,
} from './wire.ts'

/** Blocks of one peer that may wait to be sent: two full requests. */
const MAX_WAITING = 2 * MAX_BLOCKS_PER_REQUEST
/** Bytes served to one peer: at once, and a second. */
const BYTES = [32_000_000, 16_000_000] as const
/** Bytes that looking up an answer counts as. */
const ANSWER_COST = 10_000
/** Blocks below the tip whose single transactions are served: compact blocks are news. */
const COMPACT_DEPTH = 10

interface State {
  readonly waiting: { readonly id: number; readonly hash: Uint8Array }[]
  serving: boolean
  readonly bytes: TokenBucket
}

export interface BlockServerOptions {
  readonly chain: Chain
  readonly peers: PeerSet<HeadersMessage | BlockMessage | BlockTxnMessage | NotFoundMessage>
  readonly clock: Clock
  /** A peer named these blocks as its own, or asks for them. 32 bytes each. */
  readonly showed: (peer: Peer, hashes: readonly Uint8Array[]) => void
}

export class BlockServer implements ProtocolPart {
  readonly services = SERVICE_FULL_CHAIN
  readonly messages = [
    on(GETHEADERS, (peer, message) => this.handleGetHeaders(peer, message), { unasked: always }),
    on(GETDATA, (peer, message) => this.handleGetData(peer, message)),
    on(GETBLOCKTXN, (peer, message) => this.handleGetBlockTxn(peer, message), { unasked: always }),
  ]
  private readonly options: BlockServerOptions
  private readonly states = new Map<Peer, State>()

  constructor(options: BlockServerOptions) {
    this.options = options
  }

  add(peer: Peer): void {
    this.states.set(peer, {
      waiting: [],
      serving: false,
      bytes: new TokenBucket(this.options.clock, ...BYTES),
    })
  }

  forget(peer: Peer): void {
    this.states.delete(peer)
  }

  private handleGetHeaders(peer: Peer, message: GetHeadersMessage): void {
    const { chain, peers, showed } = this.options
    showed(peer, message.locator)
    const headers = headersAfter(chain, message)
    const paid = this.pays(peer, ANSWER_COST + headers.length * HEADER_BYTES)
    if (paid) peers.send(peer, { type: 'headers', id: message.id, headers })
  }

  private handleGetData(peer: Peer, message: GetDataMessage): void {
    this.options.showed(peer, message.hashes)
    const state = this.states.get(peer)
    if (!state) return
    if (state.waiting.length + message.hashes.length > MAX_WAITING) {
      this.options.peers.punish(peer, rateLimited('requests for blocks'))
      return
    }
    for (const hash of message.hashes) state.waiting.push({ id: message.id, hash })
    if (!state.serving) void this.serve(peer, state)
  }

  /** BIP152: the transactions that a peer lacks to rebuild a block that it heard of by gossip. */
  private async handleGetBlockTxn(peer: Peer, message: GetBlockTxnMessage): Promise<void> {
    const { chain, peers } = this.options
    const { id, blockHash, indexes } = message
    const index = chain.headers.findBytes(blockHash)
    const recent =
      index !== NO_HEADER &&
      chain.headers.height(index) > chain.headers.height(chain.tip) - COMPACT_DEPTH &&
      !chain.headers.isInvalid(index)
    const block = recent ? await this.read(index) : undefined
    if (!block) {
      peers.send(peer, { type: 'notfound', id, hashes: [blockHash] })
      return
    }
    const transactions = indexes.flatMap((at) => block.transactions[at] ?? [])
    if (transactions.length < indexes.length) {
      const detail = `Asked for transaction ${indexes[indexes.length - 1]} of a block of ${block.transactions.length}.`
      peers.punish(peer, invalid('getblocktxn-index', detail))
      return
    }
    if (!this.pays(peer, block.bytes.length)) return
    peers.send(peer, { type: 'blocktxn', id, blockHash, transactions })
  }

  /** Whether `bytes` are within the peer's rate; else it is told off and gets nothing. */
  private pays(peer: Peer, bytes: number): boolean {
    if (this.states.get(peer)?.bytes.take(bytes)) return true
    this.options.peers.punish(peer, rateLimited('requests'))
    return false
  }

  /** Sends what waits, in order and at the peer's rate, until nothing does or the peer is gone. */
  private async serve(peer: Peer, state: State): Promise<void> {
    const { chain, clock, peers } = this.options
    state.serving = true
    for (let next = state.waiting.shift(); next && peers.has(peer); next = state.waiting.shift()) {
      const { id, hash } = next
      const index = chain.headers.findBytes(hash)
      const block = index !== NO_HEADER && chain.isActive(index) ? await this.read(index) : undefined
      if (block) peers.send(peer, { type: 'block', id, block })
      else peers.send(peer, { type: 'notfound', id, hashes: [hash] })
      const debt = state.bytes.spend(ANSWER_COST + (block?.bytes.length ?? 0))
      if (debt > 0) await new Promise<void>((resolve) => clock.after(debt, resolve))
    }
    state.serving = false
  }

  /** Undefined where the body isn't held or the store fails: the chain tells of that, peers ask elsewhere. */
  private async read(index: HeaderIndex): Promise<Block | undefined> {
    try {
      return await this.options.chain.readBlock(index)
    } catch (error) {
      if (error instanceof StorageError) return undefined
      throw error
    }
  }
}
