/**
 * Compares this tab's clock with those of its peers. Each is asked when it comes and every minute, one question at a time; the answer counts where it came at
 * once, so that a tab that slept between question and answer learns nothing false.
 *
 * What is concluded is the median of a few voters, and only where more than half of them agree within `SPREAD`: a minority of
 * liars moves nothing, and where they are divided nothing is concluded. Voters are the peers that this tab chose itself (outbound), where
 * there are `OUTBOUND_VOTERS`; else the inbound ones that came first join them, so that strangers who flock in later have no vote.
 */
import { always, on, type ProtocolPart } from './part.ts'
import type { Peer } from './peer.ts'
import type { PeerSet } from './peer-set.ts'
import type { SteadyClock } from './steady-clock.ts'
import { unrequested } from './verdict.ts'
import { GETTIME, type GetTimeMessage, TIME, type TimeMessage } from './wire.ts'

/** Voters below which nothing is concluded: one peer's word is none. */
const MIN_VOTERS = 3
/** Outbound peers that need no others beside them. */
const OUTBOUND_VOTERS = 5
/** Most voters where inbound peers are among them. */
const MAX_MIXED_VOTERS = 7
/** Milliseconds from the median within which a voter agrees with it. */
const SPREAD = 30_000
/** Milliseconds between two questions to one peer. */
const ASK_INTERVAL = 60_000
/** Milliseconds after which an answer says nothing any more: it is off by half of that at most. */
const MAX_ROUND_TRIP = 10_000
/**
 * Milliseconds after which a question is given up and another asked: an answer may stand for minutes behind the blocks that a slow
 * uplink sends.
 */
const GIVE_UP = 600_000
/** Seconds beyond which people are told. */
const TOLERANCE_SECONDS = 60

/** How this tab's clock stands to those of its peers. Plain data, for people and programs. */
export interface ClockState {
  /** Seconds by which the peers' clocks are ahead of this tab's; below 0 where this tab's is ahead. 0 while nothing is concluded. */
  readonly offsetSeconds: number
  /** Peers whose clocks say so; 0 while nothing is concluded. */
  readonly peers: number
  /** Which way this tab's clock is wrong, by how much, and what to do. Undefined within a minute, and while nothing is concluded. */
  readonly sentence: string | undefined
}

const NOTHING: ClockState = { offsetSeconds: 0, peers: 0, sentence: undefined }

interface State {
  request: { readonly id: number; readonly askedAt: number } | undefined
  /** The question that was given up last: an answer may come yet, and says nothing. */
  givenUp: number | undefined
  /** By the tab's own clock: where that is set, all are asked anew. */
  askAt: number
  /** Milliseconds by which its clock is ahead of ours. */
  offset: number | undefined
}

export interface ClockComparisonOptions {
  readonly peers: PeerSet<GetTimeMessage | TimeMessage>
  readonly clock: SteadyClock
  /** What is concluded changed. */
  readonly changed: (state: ClockState) => void
}

export class ClockComparison implements ProtocolPart {
  readonly messages = [
    on(GETTIME, (peer, message) => this.handleGetTime(peer, message), { unasked: always }),
    on(TIME, (peer, message) => this.handleTime(peer, message)),
  ]
  private readonly options: ClockComparisonOptions
  /** In order of connection. */
  private readonly states = new Map<Peer, State>()
  private concluded = NOTHING

  constructor(options: ClockComparisonOptions) {
    this.options = options
  }

  get state(): ClockState {
    return this.concluded
  }

  add(peer: Peer): void {
    const state: State = { request: undefined, givenUp: undefined, askAt: 0, offset: undefined }
    this.states.set(peer, state)
    this.ask(peer, state)
  }

  forget(peer: Peer): void {
    if (this.states.delete(peer)) this.conclude()
  }

  /** Milliseconds by which a peer's clock is ahead of ours; undefined while unknown. */
  offsetOf(peer: Peer): number | undefined {
    return this.states.get(peer)?.offset
  }

  private handleGetTime(peer: Peer, message: GetTimeMessage): void {
    const { clock, peers } = this.options
    peers.send(peer, { type: 'time', id: message.id, time: Math.max(0, Math.floor(clock.wall(clock.now()))) })
  }

  private handleTime(peer: Peer, message: TimeMessage): void {
    const { clock, peers } = this.options
    const state = this.states.get(peer)
    if (!state) return
    const { request } = state
    if (state.givenUp === message.id) {
      state.givenUp = undefined
      return
    }
    if (request?.id !== message.id) {
      peers.punish(peer, unrequested('the time'))
      return
    }
    state.request = undefined
    const now = clock.now()
    const roundTrip = now - request.askedAt
    if (roundTrip > MAX_ROUND_TRIP) return
    state.offset = message.time - (clock.wall(now) - roundTrip / 2)
    this.conclude()
  }

  tick(): void {
    const { clock } = this.options
    const steady = clock.now()
    const now = clock.wall(steady)
    for (const [peer, state] of this.states) {
      if (state.request) {
        if (steady - state.request.askedAt < GIVE_UP) continue
        state.givenUp = state.request.id
      }
      if (state.askAt <= now || state.askAt > now + ASK_INTERVAL) this.ask(peer, state)
    }
  }

  private ask(peer: Peer, state: State): void {
    const { clock, peers } = this.options
    const id = peers.nextRequestId()
    const askedAt = clock.now()
    state.request = { id, askedAt }
    state.askAt = clock.wall(askedAt) + ASK_INTERVAL
    peers.send(peer, { type: 'gettime', id })
  }

  private conclude(): void {
    const state = conclusionOf(this.voters())
    const { offsetSeconds, peers, sentence } = this.concluded
    if (state.offsetSeconds === offsetSeconds && state.peers === peers && state.sentence === sentence) return
    this.concluded = state
    this.options.changed(state)
  }

  /** The offsets that count, milliseconds. */
  private voters(): number[] {
    const outbound: number[] = []
    const inbound: number[] = []
    for (const [peer, { offset }] of this.states)
      if (offset !== undefined) (peer.info.direction === 'outbound' ? outbound : inbound).push(offset)
    return outbound.length >= OUTBOUND_VOTERS
      ? outbound
      : [...outbound, ...inbound].slice(0, MAX_MIXED_VOTERS)
  }
}

/** What voters say together, each by the milliseconds that its clock is ahead of ours. */
export function conclusionOf(offsets: readonly number[]): ClockState {
  if (offsets.length < MIN_VOTERS) return NOTHING
  const median = offsets.toSorted((a, b) => a - b)[offsets.length >> 1]
  const agreeing = offsets.filter((offset) => Math.abs(offset - median) <= SPREAD).length
  if (agreeing * 2 <= offsets.length) return NOTHING
  // Not -0.
  const offsetSeconds = Math.round(median / 1000) + 0
  return { offsetSeconds, peers: agreeing, sentence: sentenceOn(offsetSeconds, agreeing) }
}

function sentenceOn(offsetSeconds: number, peers: number): string | undefined {
  if (Math.abs(offsetSeconds) <= TOLERANCE_SECONDS) return undefined
  const [way, consequence] =
    offsetSeconds > 0
      ? ['behind', 'Blocks are judged by the other tabs’ time meanwhile.']
      : ['ahead of', 'Others may refuse blocks that this tab mines.']
  return `Your clock is ${duration(Math.abs(offsetSeconds))} ${way} what ${peers} tabs say. ${consequence} Set date, time and time zone of this computer right, best by switching on that it sets them itself.`
}

/** In the two largest units that matter: "10 minutes", "3 hours 20 minutes", "2 days". */
function duration(seconds: number): string {
  const minutes = Math.round(seconds / 60)
  const parts = [
    [Math.floor(minutes / 1440), 'day'],
    [Math.floor(minutes / 60) % 24, 'hour'],
    [minutes % 60, 'minute'],
  ] as const
  const named = parts.filter(([count]) => count > 0).slice(0, 2)
  return named.map(([count, unit]) => `${count} ${unit}${count === 1 ? '' : 's'}`).join(' ')
}
