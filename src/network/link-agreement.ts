/**
 * The conditions on the links of a network, as its tabs agree on them. Each tab tells all others, signed and again and again, whether it takes part and what it
 * asks for; a link is shaped by all that is asked for while both of its ends take part. What a tab asked for ends when it says so, or when nothing is heard of it
 * any more. Tabs of a partition hear each other on this alone. Sans I/O, runs where the transport does.
 */
import type { Clock } from '../primitives/ports.ts'
import { err, OK, type Result } from '../primitives/result.ts'
import { TokenBucket } from '../primitives/token-bucket.ts'
import {
  type ConditionRequest,
  checkRequest,
  combined,
  conditionsBetween,
  decodeStatement,
  encodeStatement,
  MAX_STATEMENT_BYTES,
  type Statement,
  signedStatement,
  stepAt,
  untilNextStep,
} from './condition-requests.ts'
import { type Aside, type ConditionedTransport, type LinkConditions, UNSHAPED } from './link-conditions.ts'
import type { GossipVerdict, PeerId, Subscription } from './transport.ts'

/** Tabs of networks without controls don't hear it. */
export const CONDITIONS_TOPIC: Subscription = { topic: 'conditions', isCommon: false }
/** Milliseconds between two statements of a tab that has nothing new to say. */
export const HEARTBEAT = 10_000
/** Milliseconds after its last statement at which a tab counts as gone. */
export const LEASE = 35_000
/** Most other tabs that are known at a time. Those we are connected with always have room. */
export const MAX_TABS = 128
/** Tabs whose sequence is remembered after they left, so that what they said can't be said again by others. */
const MAX_DEPARTED = 512
/** Statements of one author, at once and a second; and of one tab that hands them on. */
const AUTHOR_RATE = [10, 0.5] as const
const FORWARDER_RATE = [256, 16] as const

/** Port: the key that a tab's peer id names. */
export interface TabIdentity {
  readonly id: PeerId
  /** 64 bytes. */
  sign(bytes: Uint8Array): Uint8Array
  /** Whether the tab of this id signed these bytes; false for what is no id or no signature, too. */
  verify(id: PeerId, bytes: Uint8Array, signature: Uint8Array): boolean
}

export interface LinkAgreementOptions {
  readonly transport: ConditionedTransport
  readonly clock: Clock
  readonly identity: TabIdentity
  /** Genesis hash, 32 bytes: what is said on one network says nothing on another. */
  readonly networkId: Uint8Array
  /** Whether the person let links be shaped before. */
  readonly takesPart: boolean
  /** Keeps what the person decides on that. */
  readonly keep: (takesPart: boolean) => void
  /** A sentence for people. */
  readonly log: (line: string) => void
}

/** A tab that is heard. */
export interface KnownTab {
  readonly id: PeerId
  readonly takesPart: boolean
}

/** What is asked for, and by whom. */
export interface RequestInForce {
  readonly author: PeerId
  readonly request: ConditionRequest
  /** Milliseconds since it was asked for. */
  readonly elapsed: number
}

interface Known {
  statement: Statement
  /** By this tab's clock. */
  heardAt: number
  readonly rate: TokenBucket
}

export class LinkAgreement implements Aside {
  readonly subscription = CONDITIONS_TOPIC
  private readonly options: LinkAgreementOptions
  private readonly tabs = new Map<PeerId, Known>()
  private readonly departed = new Map<PeerId, number>()
  private readonly forwarders = new Map<PeerId, TokenBucket>()
  private sequence: number
  private isTakingPart: boolean
  private own: { readonly request: ConditionRequest; readonly since: number } | undefined
  private spokeAt: number
  private cancelBeat = (): void => {}
  private cancelStep = (): void => {}
  private isStopped = false

  constructor(options: LinkAgreementOptions) {
    this.options = options
    const now = options.clock.now()
    // Above those of earlier lives of this tab.
    this.sequence = Math.max(0, Math.floor(now))
    this.isTakingPart = options.takesPart
    this.spokeAt = now
    options.transport.speak(this)
    this.beat()
  }

  get takesPart(): boolean {
    return this.isTakingPart
  }

  /** All tabs that are heard, this one first. */
  get known(): readonly KnownTab[] {
    const others = [...this.tabs].map(([id, { statement }]) => ({ id, takesPart: statement.takesPart }))
    return [{ id: this.options.identity.id, takesPart: this.isTakingPart }, ...others]
  }

  /** What is asked for, this tab's own first. */
  get inForce(): readonly RequestInForce[] {
    const now = this.options.clock.now()
    const { id } = this.options.identity
    const own = this.own ? [{ author: id, request: this.own.request, elapsed: now - this.own.since }] : []
    const others = [...this.tabs.values()].flatMap(({ statement, heardAt }) =>
      statement.request
        ? [
            {
              author: statement.author,
              request: statement.request,
              elapsed: statement.elapsed + Math.max(0, now - heardAt),
            },
          ]
        : [],
    )
    return [...own, ...others]
  }

  /** What a link is like there and back, and the milliseconds that a ping took through it, where one has come back. */
  link(id: PeerId): {
    readonly there: LinkConditions
    readonly back: LinkConditions
    readonly ping: number | undefined
  } {
    const [there, back] = this.options.transport.conditionsWith(id)
    return { there, back, ping: this.options.transport.measured(id) }
  }

  /** The tabs that this one has a connection to, cut off or not. */
  get connectedTabs(): readonly PeerId[] {
    return this.options.transport.connected
  }

  /** Asks all tabs for these conditions, from now on, in place of what this tab asked for before. */
  ask(request: ConditionRequest): Result<void> {
    if (!this.isTakingPart)
      return err(
        'not-now',
        'takes-no-part',
        'This tab takes no part in conditions on links, so it can’t ask others for any. Nothing was changed: allow them first.',
      )
    const checked = checkRequest(request)
    if (!checked.ok) return checked
    if (encodeStatement(this.statement(request)).length + 64 > MAX_STATEMENT_BYTES)
      return err('invalid', 'bad-conditions', 'This is more than tabs tell each other. Nothing was changed.')
    this.own = { request, since: this.options.clock.now() }
    this.options.log('This tab asks for conditions on the links of this network.')
    this.speak()
    this.shape()
    return OK
  }

  /** Ends what this tab asked for; false where that was nothing. */
  heal(): boolean {
    if (!this.own) return false
    this.own = undefined
    this.options.log('The conditions on links that this tab asked for have ended.')
    this.speak()
    this.shape()
    return true
  }

  /** The person lets this tab's links be shaped, or not any more. The others are told. */
  setTakesPart(takesPart: boolean): void {
    if (takesPart === this.isTakingPart) return
    this.isTakingPart = takesPart
    if (!takesPart) this.own = undefined
    this.options.keep(takesPart)
    this.options.log(
      takesPart
        ? 'This tab takes part in conditions on links again.'
        : 'This tab takes no part in conditions on links: its links are left as they are.',
    )
    this.speak()
    this.shape()
  }

  /** The tab leaves: the others need not wait for its silence. */
  stop(): void {
    if (this.own) this.heal()
    this.isStopped = true
    this.cancelBeat()
    this.cancelStep()
  }

  connected(): void {
    this.speak()
  }

  gossip(payload: Uint8Array, from: PeerId): GossipVerdict {
    const { clock, identity, networkId } = this.options
    if (this.isStopped || !this.forwarderOf(from).take(1)) return 'ignore'
    const decoded = decodeStatement(payload)
    if (!decoded.ok) return 'reject'
    const { statement, signed, signature } = decoded.value
    const { author, sequence } = statement
    if (author === identity.id) return 'ignore'
    const known = this.tabs.get(author)
    if (sequence <= (known?.statement.sequence ?? this.departed.get(author) ?? -1)) return 'ignore'
    if (known && !known.rate.take(1)) return 'ignore'
    if (!identity.verify(author, joined(networkId, signed), signature)) return 'reject'
    if (!known && !this.makeRoom(author)) return 'ignore'
    this.tabs.set(author, {
      statement,
      heardAt: clock.now(),
      rate: known?.rate ?? new TokenBucket(clock, ...AUTHOR_RATE),
    })
    this.departed.delete(author)
    if (!known || hasChanged(known.statement, statement)) {
      this.tell(known?.statement, statement)
      this.shape()
    }
    return 'accept'
  }

  // Inside

  private statement(request = this.own?.request): Statement {
    const { clock, identity } = this.options
    return {
      author: identity.id,
      sequence: this.sequence,
      takesPart: this.isTakingPart,
      request,
      elapsed: this.own ? Math.max(0, clock.now() - this.own.since) : 0,
    }
  }

  private speak(): void {
    if (this.isStopped) return
    const { clock, identity, networkId, transport } = this.options
    this.sequence++
    const bytes = encodeStatement(this.statement())
    const signature = identity.sign(joined(networkId, bytes))
    transport.publish(CONDITIONS_TOPIC.topic, signedStatement(bytes, signature))
    this.spokeAt = clock.now()
  }

  /** Says what holds, and forgets who is gone. */
  private beat(): void {
    const { clock } = this.options
    this.cancelBeat = clock.after(HEARTBEAT, () => {
      const now = clock.now()
      let hasEnded = false
      // It slept, so that the others count it as gone.
      if (this.own && now - this.spokeAt > LEASE) {
        this.own = undefined
        hasEnded = true
        this.options.log(
          'This tab was away, so the conditions on links that it asked for have ended. Ask for them again.',
        )
      }
      for (const [id, { statement, heardAt }] of this.tabs)
        if (now - heardAt > LEASE || heardAt > now) {
          this.depart(id)
          hasEnded = true
          if (statement.request)
            this.options.log(`The tab ${id} is gone, and with it the conditions on links that it asked for.`)
        }
      for (const id of this.forwarders.keys())
        if (!this.options.transport.connected.includes(id)) this.forwarders.delete(id)
      this.speak()
      if (hasEnded) this.shape()
      this.beat()
    })
  }

  /** Room for one more tab: strangers give way to those we are connected with. */
  private makeRoom(author: PeerId): boolean {
    if (this.tabs.size < MAX_TABS) return true
    const { connected } = this.options.transport
    const stranger = [...this.tabs.keys()].find((id) => !connected.includes(id))
    if (stranger === undefined || !connected.includes(author)) return false
    this.depart(stranger)
    return true
  }

  private depart(id: PeerId): void {
    const known = this.tabs.get(id)
    if (!known) return
    this.tabs.delete(id)
    this.departed.delete(id)
    this.departed.set(id, known.statement.sequence)
    for (const oldest of this.departed.keys()) {
      if (this.departed.size <= MAX_DEPARTED) break
      this.departed.delete(oldest)
    }
  }

  private forwarderOf(id: PeerId): TokenBucket {
    let bucket = this.forwarders.get(id)
    if (!bucket) {
      bucket = new TokenBucket(this.options.clock, ...FORWARDER_RATE)
      this.forwarders.set(id, bucket)
    }
    return bucket
  }

  private tell(before: Statement | undefined, after: Statement): void {
    const { log } = this.options
    const { author, takesPart, request } = after
    if ((before?.takesPart ?? true) !== takesPart)
      log(`The tab ${author} takes ${takesPart ? '' : 'no '}part in conditions on links.`)
    if (request && !isSame(before?.request, request))
      log(
        `The tab ${author} asks for conditions on the links of this network${this.isTakingPart ? ', and this tab takes part' : '; this tab takes no part'}.`,
      )
    if (!request && before?.request)
      log(`The tab ${author} ended the conditions on links that it had asked for.`)
  }

  /** Shapes the links by all that is asked for now, and again at the next step of a timetable. */
  private shape(): void {
    if (this.isStopped) return
    const { clock, transport, identity } = this.options
    this.cancelStep()
    const requests = this.inForce
    const steps = requests.flatMap(({ request, elapsed }) => {
      const step = stepAt(request, elapsed)
      return step ? [{ request, step }] : []
    })
    const takesPart = (id: PeerId): boolean =>
      id === identity.id ? this.isTakingPart : (this.tabs.get(id)?.statement.takesPart ?? false)
    transport.shape((from, to) =>
      takesPart(from) && takesPart(to)
        ? steps.reduce(
            (all, { request, step }) => combined(all, conditionsBetween(request, step, from, to)),
            UNSHAPED,
          )
        : UNSHAPED,
    )
    const waits = requests.flatMap(({ request, elapsed }) => untilNextStep(request, elapsed) ?? [])
    if (waits.length > 0) this.cancelStep = clock.after(Math.max(1, Math.min(...waits)), () => this.shape())
  }
}

/** Whether it says anything else than before. */
function hasChanged(before: Statement, after: Statement): boolean {
  return before.takesPart !== after.takesPart || !isSame(before.request, after.request)
}

/** Both were decoded, so that their fields have one order. */
function isSame(a: ConditionRequest | undefined, b: ConditionRequest | undefined): boolean {
  return JSON.stringify(a) === JSON.stringify(b)
}

/** What is signed: no other of this tab's signatures begins like this. */
function joined(networkId: Uint8Array, bytes: Uint8Array): Uint8Array {
  const tag = Uint8Array.from('opentab/conditions', (char) => char.charCodeAt(0))
  const all = new Uint8Array(tag.length + networkId.length + bytes.length)
  all.set(tag)
  all.set(networkId, tag.length)
  all.set(bytes, tag.length + networkId.length)
  return all
}
