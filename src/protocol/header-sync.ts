/**
 * Headers first: learns each peer's best chain by block locators and announcements, and bounds what headers without work
 * can cost.
 *
 * Low-work rule. Headers whose chain leads to more work than what we have or wait for are taken: they cost their maker more than
 * all the chain has. Any others are charged, one token each, to an allowance of the peer and one of the tab; beyond it
 * they are dropped without blame. A fork with more work that is longer than the allowance is followed as tokens come back.
 *
 * At most `MAX_LEAD` headers of a branch lead to more work than the tip, so that headers of a long chain come as its bodies do, and there are
 * `MAX_BODILESS` without bodies in all. Beyond that those are forgotten which lead nowhere, or which no connected peer has.
 *
 * Long stretches are fetched a batch at a time, from the peers in turn, so that one slow peer costs one turn.
 */
import type { Chain } from '../chain/chain.ts'
import { type HeaderIndex, NO_HEADER } from '../chain/header-tree.ts'
import { checkHeader } from '../consensus/headers.ts'
import { blockWork, targetOf } from '../consensus/pow.ts'
import type { BlockHeader } from '../primitives/block.ts'
import { equalBytes } from '../primitives/bytes.ts'
import type { Clock } from '../primitives/ports.ts'
import { invalid, notNow, ok, type Rejection, type Result, retry } from '../primitives/result.ts'
import { TokenBucket } from '../primitives/token-bucket.ts'
import type { CatchUp } from './catch-up.ts'
import { on, type ProtocolPart } from './part.ts'
import type { Peer } from './peer.ts'
import type { PeerSet } from './peer-set.ts'
import { unrequested } from './verdict.ts'
import { type GetHeadersMessage, HEADERS, type HeadersMessage, MAX_HEADERS } from './wire.ts'

/** Milliseconds a peer may take to answer `getheaders`. */
const ANSWER_TIMEOUT = 10_000
/** Milliseconds after which headers that were too new, or over the allowance, are asked for again; too new ones as soon as they no longer are. */
const RETRY_DELAY = 15_000
/** What is asked for again later. */
const RETRIED: ReadonlySet<string> = new Set(['time-too-new', 'low-work-headers', 'headers-ahead'])
/** Milliseconds between two questions to some peer whether there is news, should announcements get lost. */
const POLL_INTERVAL = 60_000
/** Most headers in an announcement; longer news are asked for. */
export const MAX_ANNOUNCED_HEADERS = 8
/** Low-work headers one peer may send: at once, and back a second (as many again a day). */
const LOW_WORK_PER_PEER = [20_000, 20_000 / 86_400] as const
/** Low-work headers from all peers together: at most 50,000 records, some 12 MB, a day. */
const LOW_WORK_IN_ALL = [50_000, 50_000 / 86_400] as const
/** Headers that one branch may be ahead of the tip, by their work: five weeks of the public network. */
export const MAX_LEAD = 100_000
/** Headers without bodies in all, some 60 MB with their records; a few more where each is next to a body. */
export const MAX_BODILESS = 250_000
/** Milliseconds for which headers must be refused as too new, again and again, before that says something of this tab's clock. */
const TOO_NEW_FOR = 45_000
/** More headers without bodies before it is tried again to forget some. */
const FORGET_STEP = 1000

interface State {
  /** The question under way. */
  request: { readonly id: number; readonly deadline: number } | undefined
  /** Ask once more after the answer: something arrived meanwhile that it may not hold. */
  again: boolean
  /** It may have headers for us; it waits for its turn. */
  wanted: boolean
  /** Last header of its last full batch: where the next one goes on. */
  reached: HeaderIndex
  retryAt: number
  readonly lowWork: TokenBucket
}

export interface HeaderSyncOptions {
  readonly chain: Chain
  readonly peers: PeerSet<GetHeadersMessage>
  readonly clock: Clock
  readonly catchUp: CatchUp
  /** A peer's best known header changed. */
  readonly learnt: (peer: Peer) => void
  /** A new header at the tip was announced; its body may be on its way by gossip. */
  readonly announced: (index: HeaderIndex) => void
  /** There are too many headers without bodies: forgets what leads nowhere, but for this one and what it comes from. */
  readonly crowded: (keep: HeaderIndex) => void
}

export class HeaderSync implements ProtocolPart {
  readonly messages = [
    on(HEADERS, (peer, message) => this.handleHeaders(peer, message), { unasked: ({ id }) => id === 0 }),
  ]
  private readonly options: HeaderSyncOptions
  private readonly states = new Map<Peer, State>()
  private readonly lowWork: TokenBucket
  private nextPoll: number
  /** First and last time that headers were refused as too new, without a longer pause between. */
  private tooNew = { since: -Infinity, last: -Infinity }
  /** Headers without bodies at which some are forgotten. */
  private forgetAt = MAX_BODILESS
  /** Peer that had the last turn, by its place in the order of connection. */
  private lastTurn: Peer | undefined

  constructor(options: HeaderSyncOptions) {
    this.options = options
    this.lowWork = new TokenBucket(options.clock, ...LOW_WORK_IN_ALL)
    this.nextPoll = options.clock.now() + POLL_INTERVAL
  }

  /** A peer said hello. */
  add(peer: Peer): void {
    const { chain, clock } = this.options
    const { chainWork, tipHash } = peer.hello!
    const known = chain.headers.findBytes(tipHash)
    this.states.set(peer, {
      request: undefined,
      again: false,
      wanted: known === NO_HEADER && chainWork > chain.headers.chainWork(chain.tip),
      reached: NO_HEADER,
      retryAt: Infinity,
      lowWork: new TokenBucket(clock, ...LOW_WORK_PER_PEER),
    })
    if (known !== NO_HEADER) this.learn(peer, known)
    this.takeTurns()
  }

  forget(peer: Peer): void {
    if (this.lastTurn === peer) this.lastTurn = undefined
    if (this.states.delete(peer)) this.takeTurns()
  }

  /** Whether some peer may have headers that lead further than ours. */
  get active(): boolean {
    return [...this.states.values()].some((state) => state.wanted)
  }

  /** Blocks with work are refused for their time, and have been for a while: either their makers' clocks are wrong or this tab's is. */
  get isBehindBlocks(): boolean {
    const { since, last } = this.tooNew
    return last - since >= TOO_NEW_FOR && this.options.clock.now() - last <= 2 * RETRY_DELAY
  }

  /** Asks what `peer` has beyond the chain that we have or wait for: it named a block whose parent we lack, say. */
  ask(peer: Peer): void {
    const state = this.states.get(peer)
    if (!state) return
    if (state.request) {
      state.again = true
      return
    }
    const { catchUp, chain, clock, peers } = this.options
    const { headers } = chain
    const best = catchUp.claimed
    const goesOn =
      state.reached !== NO_HEADER &&
      !headers.isInvalid(state.reached) &&
      headers.ancestor(best, headers.height(state.reached)) !== state.reached
    // From the parent, so that a peer with the same best header answers it and we learn that it has it.
    const from = goesOn ? state.reached : Math.max(0, headers.parent(best))
    const id = peers.nextRequestId()
    state.request = { id, deadline: clock.now() + ANSWER_TIMEOUT }
    state.retryAt = Infinity
    peers.send(peer, { type: 'getheaders', id, locator: locatorOf(chain, from), stop: new Uint8Array(32) })
  }

  /** An answer to `ask`, or an announcement (id 0). */
  private handleHeaders(peer: Peer, message: HeadersMessage): void {
    const { peers } = this.options
    const state = this.states.get(peer)
    if (!state) return
    const { headers, id } = message
    const announcement = id === 0
    if (announcement ? headers.length > MAX_ANNOUNCED_HEADERS : state.request?.id !== id) {
      peers.punish(peer, unrequested(`${headers.length} headers`))
      return
    }
    if (!announcement) state.request = undefined
    const { chain } = this.options
    const result = headers.length > 0 ? this.accept(peer, headers, announcement) : ok(NO_HEADER)
    if (!result.ok) {
      state.wanted = false
      // An answer follows on our locator; asking again would go on for ever.
      if (!announcement && result.code === 'prev-blk-not-found')
        peers.punish(peer, unrequested('headers that do not follow what we have'))
      else this.refused(peer, result, headers)
      peers.punish(peer, result)
    } else if (!announcement) {
      // A full batch says that there is more, as long as it leads higher.
      state.wanted =
        headers.length === MAX_HEADERS &&
        (state.reached === NO_HEADER ||
          chain.headers.height(result.value) > chain.headers.height(state.reached))
      state.reached = state.wanted ? result.value : NO_HEADER
    }
    if (state.again && !state.request && this.states.has(peer)) {
      state.again = false
      this.ask(peer)
    }
    this.takeTurns()
  }

  /**
   * Takes headers of a peer into the tree, within the low-work rule, and notes the best that it has. Where they are `news` (gossip or an
   * announcement), the body of the last may be on its way by gossip. Beyond the chain's own
   * rejections: `non-continuous-headers` (invalid) where one isn't the parent of the next, `low-work-headers` and `headers-ahead` (not now).
   */
  accept(peer: Peer, batch: readonly BlockHeader[], news: boolean): Result<HeaderIndex> {
    const { chain } = this.options
    for (let i = 1; i < batch.length; i++)
      if (!equalBytes(batch[i].previousHash, batch[i - 1].hashBytes))
        return invalid('non-continuous-headers', `Header ${i} of a batch does not follow the one before.`)
    const known = batch.findIndex((header) => chain.headers.findBytes(header.hashBytes) === NO_HEADER)
    const fresh = known < 0 ? [] : batch.slice(known)
    let result: Result<HeaderIndex> = ok(NO_HEADER)
    if (fresh.length > 0) {
      const parent = chain.headers.findBytes(fresh[0].previousHash)
      if (parent === NO_HEADER)
        return retry('prev-blk-not-found', `The parent of header ${fresh[0].hash} is not known here.`)
      // Claims of work count only where the work was done: else one false header would pay for all before it.
      for (const header of fresh) {
        const work = checkHeader(header, chain.params)
        if (!work.ok) return work
      }
      if (!this.affordable(peer, parent, fresh))
        return notNow(
          'low-work-headers',
          `${fresh.length} headers lead to less work than the best chain has.`,
        )
      if (!this.hasRoom(parent, fresh.length))
        return notNow('headers-ahead', `${fresh.length} headers are too far ahead of the blocks that came.`)
      result = chain.acceptHeaders(fresh)
      if (result.ok && news) this.options.announced(result.value)
    }
    for (let i = batch.length - 1; i >= 0; i--) {
      const index = chain.headers.findBytes(batch[i].hashBytes)
      if (index === NO_HEADER || chain.headers.isInvalid(index)) continue
      this.learn(peer, index)
      if (fresh.length === 0) result = ok(index)
      break
    }
    if (result.ok && result.value === NO_HEADER)
      return invalid('duplicate-invalid', `Header ${batch[batch.length - 1].hash} is known to be invalid.`)
    return result
  }

  /** What becomes of headers that could not be taken: their parents are asked for, or they themselves later. */
  refused(peer: Peer, { code }: Rejection, headers: readonly BlockHeader[]): void {
    const state = this.states.get(peer)
    if (!state) return
    if (code === 'prev-blk-not-found') this.ask(peer)
    if (code === 'time-too-new') {
      const now = this.options.clock.now()
      const isFirst = now - this.tooNew.last > 2 * RETRY_DELAY
      this.tooNew = { since: isFirst ? now : this.tooNew.since, last: now }
    }
    if (!RETRIED.has(code)) return
    const wait = code === 'time-too-new' ? Math.min(RETRY_DELAY, this.tooEarly(headers)) : RETRY_DELAY
    state.retryAt = this.options.clock.now() + wait
    // A block is news to others for seconds: too many for the regular look.
    if (wait < RETRY_DELAY) this.options.clock.after(wait, () => this.retry())
  }

  /** Milliseconds until the first header that is too new no longer is; 0 where that is so by now. */
  private tooEarly(headers: readonly BlockHeader[]): number {
    const { chain } = this.options
    const times = headers.map((header) => chain.millisecondsTooNew(header))
    return times.find((milliseconds) => milliseconds > 0) ?? 0
  }

  /** Asks again where it is time. */
  private retry(): void {
    const now = this.options.clock.now()
    for (const [peer, state] of [...this.states]) if (state.retryAt <= now && !state.request) this.ask(peer)
  }

  /** Headers were forgotten. */
  forgot(): void {
    const { headers } = this.options.chain
    for (const state of this.states.values()) if (!headers.has(state.reached)) state.reached = NO_HEADER
  }

  /** Timeouts, retries and polls. */
  tick(): void {
    const { clock, peers } = this.options
    const now = clock.now()
    for (const [peer, state] of [...this.states]) {
      if (state.request && state.request.deadline <= now) peers.drop(peer, 'It did not answer for headers.')
      else if (state.retryAt <= now) this.ask(peer)
    }
    if (this.nextPoll > now) return
    this.nextPoll = now + POLL_INTERVAL
    const peer = this.nextInTurn(() => true)
    if (peer) this.ask(peer)
  }

  /** The tab was away: every peer is asked for what was missed, and has its full time to answer. */
  woke(): void {
    const now = this.options.clock.now()
    this.nextPoll = now + POLL_INTERVAL
    for (const [peer, state] of [...this.states]) {
      if (state.request) state.request = { id: state.request.id, deadline: now + ANSWER_TIMEOUT }
      this.ask(peer)
    }
  }

  /** `fresh` have the work that their bits ask for. */
  private affordable(peer: Peer, parent: HeaderIndex, fresh: readonly BlockHeader[]): boolean {
    const { catchUp, chain } = this.options
    let work = chain.headers.chainWork(parent)
    for (const { bits } of fresh) work += blockWork(targetOf(bits))
    if (work > chain.headers.chainWork(catchUp.claimed)) return true
    const own = this.states.get(peer)?.lowWork.take(fresh.length) ?? false
    return own && this.lowWork.take(fresh.length)
  }

  /** Whether so many headers may be added above `parent`: the next ones above a body always. */
  private hasRoom(parent: HeaderIndex, count: number): boolean {
    const { chain, crowded } = this.options
    const { headers } = chain
    if (headers.bodiless + count > this.forgetAt) {
      crowded(parent)
      this.forgetAt = Math.max(MAX_BODILESS, headers.bodiless + FORGET_STEP)
    }
    if (count <= MAX_ANNOUNCED_HEADERS && (headers.hasBody(parent) || parent === chain.tip)) return true
    if (headers.bodiless + count > MAX_BODILESS) return false
    // Where the lead may begin at the lowest. Bodies above it are not looked for, which would be a walk of the whole lead for every header
    // that is refused: a branch whose bodies come has the tip after them.
    const lowest = headers.height(parent) + count - MAX_LEAD
    return lowest <= 0 || headers.chainWork(headers.ancestor(parent, lowest)) <= headers.chainWork(chain.tip)
  }

  private learn(peer: Peer, index: HeaderIndex): void {
    const { headers } = this.options.chain
    const { bestKnown } = peer
    const better =
      bestKnown === NO_HEADER ||
      headers.isInvalid(bestKnown) ||
      headers.chainWork(index) > headers.chainWork(bestKnown)
    if (!better || headers.isInvalid(index)) return
    peer.bestKnown = index
    this.options.learnt(peer)
  }

  /** Lets the next peer that may have headers answer, unless another is at it. */
  private takeTurns(): void {
    for (const state of this.states.values()) if (state.request && state.wanted) return
    const peer = this.nextInTurn((state) => state.wanted && !state.request)
    if (peer) this.ask(peer)
  }

  private nextInTurn(suits: (state: State) => boolean): Peer | undefined {
    const order = [...this.states.keys()]
    const start = this.lastTurn ? order.indexOf(this.lastTurn) + 1 : 0
    const turned = [...order.slice(start), ...order.slice(0, start)]
    const peer = turned.find((candidate) => suits(this.states.get(candidate)!))
    if (peer) this.lastTurn = peer
    return peer
  }
}

/**
 * Block locator from `from` down to genesis: the last ten, then at doubling distances (Bitcoin Core's `LocatorEntries`). 32 bytes
 * each, internal order; at most 43 for 2^32 blocks.
 */
export function locatorOf(chain: Chain, from: HeaderIndex): Uint8Array[] {
  const { headers } = chain
  const locator: Uint8Array[] = []
  let step = 1
  for (let height = headers.height(from); height > 0; height -= step) {
    locator.push(headers.hashBytes(headers.ancestor(from, height)))
    if (locator.length >= 10) step *= 2
  }
  locator.push(headers.hashBytes(0))
  return locator
}

/**
 * The headers of the active chain that answer a `getheaders`: after the first hash of the locator that it holds. None to who
 * is above our tip: of that we have validated nothing ourselves.
 */
export function headersAfter(chain: Chain, request: GetHeadersMessage): BlockHeader[] {
  const { headers } = chain
  const known = request.locator
    .map((hash) => headers.findBytes(hash))
    .find((index) => index !== NO_HEADER && (chain.isActive(index) || isAbove(chain, index)))
  const answer: BlockHeader[] = []
  for (let height = headers.height(known ?? 0) + 1; answer.length < MAX_HEADERS; height++) {
    const index = chain.activeAt(height)
    if (index === NO_HEADER) break
    const header = headers.header(index)
    answer.push(header)
    if (equalBytes(header.hashBytes, request.stop)) break
  }
  return answer
}

/** Whether a header descends from our tip. */
function isAbove(chain: Chain, index: HeaderIndex): boolean {
  return chain.headers.ancestor(index, chain.headers.height(chain.tip)) === chain.tip
}
