/**
 * The payments that a node makes: each part is durable before its HTLC is offered, so that a node killed at any instant knows again which HTLC is whose,
 * and pays nothing twice. Sans I/O but for the store. Thread: the brain.
 */
import { putBounded } from '../primitives/bounded.ts'
import { bytesToHex, EMPTY } from '../primitives/bytes.ts'
import type { Clock, Random } from '../primitives/ports.ts'
import { notNow, OK, ok, type Result } from '../primitives/result.ts'
import { type Msat, msat } from './amount.ts'
import type { Channel } from './channel.ts'
import type { ChannelGraph } from './graph.ts'
import type { LiquidityMemory } from './liquidity.ts'
import { OutgoingPayment, type PaymentPart, type PaymentTerms } from './payment.ts'
import type { ChannelSigner } from './ports.ts'
import type { RecordBook } from './record-book.ts'
import { fromText, toText } from './records.ts'
import { directionKey, type OwnChannel, type RouteHop, type RoutingCosts } from './router.ts'
import type { ShortChannelId } from './short-channel-id.ts'
import type { Removal } from './updates.ts'

/** What is kept of a payment. */
export interface KnownPayment {
  readonly terms: PaymentTerms
  /** The invoice; undefined for a keysend. */
  readonly text?: string
  readonly description?: string
  /** Seconds since 1970. */
  readonly createdAt: number
  readonly status: 'pending' | 'complete' | 'failed'
  readonly preimage?: Uint8Array
  readonly fee?: Msat
  /** Why it failed, for people. */
  readonly detail?: string
  readonly code?: string
  /** Parts that were offered, all tries together. */
  readonly parts: number
}

/** A way that a part went, as its payer chose it. */
export interface PaymentWay {
  readonly status: 'pending' | 'complete' | 'failed'
  /** That reaches the payee. */
  readonly amount: Msat
  /** In order, the payee's last. */
  readonly hops: readonly Pick<RouteHop, 'nodeId' | 'shortChannelId'>[]
}

export interface PaymentBookPorts {
  readonly signer: Pick<ChannelSigner, 'beginPayment' | 'endPayment'>
  readonly book: RecordBook
  readonly clock: Pick<Clock, 'now'>
  readonly random: Random
  readonly graph: ChannelGraph
  readonly memory: LiquidityMemory
  readonly costs: RoutingCosts
  height(): number
  /** Those that can be paid over, for an amount. */
  ownChannels(amount: Msat): readonly OwnChannel[]
  channelAt(id: ShortChannelId): Channel | undefined
  channels(): Iterable<Channel>
  /** A payment is made or has failed, durably. */
  ended?(payment: KnownPayment): void
}

interface Underway {
  known: KnownPayment
  readonly payment: OutgoingPayment
  readonly waiting: ((payment: KnownPayment) => void)[]
  /** Ids of parts that were fulfilled, to be forgotten with the next record. */
  readonly ended: string[]
  /** Steps are taken one after another. */
  last: Promise<void>
}

/** Most payments that are kept. */
const MAX_PAYMENTS = 20_000

/**
 * Payments whose first parts are being made and offered at a time: of a thousand asked for at once the first are on their way while onions of others are
 * made, and those that find no room in a channel hold up no memory.
 */
const MAX_STARTING = 50

/** Payments whose ways are remembered, and ways of one, in memory alone: for people who look where their money goes. */
const MAX_FOLLOWED = 50
const MAX_WAYS = 20

const PREFIX = 'payment/'
const PART_PREFIX = 'part/'

export class PaymentBook {
  private readonly ports: PaymentBookPorts
  /** By payment hash in hex. */
  private readonly known = new Map<string, KnownPayment>()
  private readonly underway = new Map<string, Underway>()
  private starting = 0
  /** Those whose turn it is not yet. */
  private readonly line: (() => void)[] = []
  /** By payment hash in hex, then by part. */
  private readonly ways = new Map<string, Map<number, PaymentWay>>()

  constructor(ports: PaymentBookPorts) {
    this.ports = ports
    const parts = new Map<string, PaymentPart[]>()
    for (const [name, text] of ports.book.entries(PART_PREFIX)) {
      const [hash] = name.split('/')
      parts.set(hash, [...(parts.get(hash) ?? []), fromText(text) as PaymentPart])
    }
    for (const [hash, text] of ports.book.entries(PREFIX)) {
      const known = fromText(text) as KnownPayment
      this.known.set(hash, known)
      if (known.status === 'pending' || parts.has(hash)) this.begin(hash, known, parts.get(hash))
    }
  }

  private begin(hash: string, known: KnownPayment, parts: readonly PaymentPart[] = []): Underway {
    const { graph, memory, costs, random } = this.ports
    const payment = new OutgoingPayment(known.terms, graph, memory, costs, random, parts)
    const underway: Underway = { known, payment, waiting: [], ended: [], last: Promise.resolve() }
    this.underway.set(hash, underway)
    return underway
  }

  all(): KnownPayment[] {
    return [...this.known.values()]
  }

  get(paymentHash: Uint8Array): KnownPayment | undefined {
    return this.known.get(bytesToHex(paymentHash))
  }

  /** The ways that the newest parts of a payment went; none of one that was made long ago, or before the last start. */
  waysOf(paymentHash: Uint8Array): PaymentWay[] {
    return [...(this.ways.get(bytesToHex(paymentHash))?.values() ?? [])]
  }

  /** Forgets one that is over. Rejects with `payment-status` where it has another status, or parts of it are still under way. */
  async delete({ terms, status: now }: KnownPayment, status: KnownPayment['status']): Promise<Result<void>> {
    const hash = bytesToHex(terms.paymentHash)
    if (now !== status || status === 'pending' || this.underway.has(hash))
      return notNow(
        'payment-status',
        this.underway.has(hash)
          ? 'The payment is still under way. It was kept.'
          : `The payment is ${now}, not ${status}. It was kept.`,
      )
    this.known.delete(hash)
    this.ways.delete(hash)
    await this.ports.book.set(PREFIX + hash, undefined)
    return OK
  }

  /** Forgets those of a status that were made `age` seconds ago or longer and are over. Answers how many. */
  async clean(status: 'complete' | 'failed', age: number): Promise<number> {
    const latest = this.ports.clock.now() / 1000 - age
    const old = this.all().filter(({ createdAt }) => createdAt <= latest)
    const deleted = await Promise.all(old.map((payment) => this.delete(payment, status)))
    return deleted.filter(({ ok }) => ok).length
  }

  /** After the channels were read: parts that never became an HTLC are none, and payments go on. That they were agreed to the signer remembers. */
  resume(): void {
    const offered = new Set<string>()
    for (const { state } of this.ports.channels())
      for (const { terms } of [...state.htlcs, ...state.outcomes])
        if (terms.origin?.kind === 'payment') offered.add(terms.origin.id)
    for (const [hash, { payment }] of this.underway) {
      for (const { id } of [...payment.underWay])
        if (!offered.has(`${hash}/${id}`)) {
          payment.notSent(id)
          void this.ports.book.set(`${PART_PREFIX}${hash}/${id}`, undefined)
        }
      void this.advance(hash)
    }
  }

  /**
   * Pays; resolves when it is over, one way or the other. A payment of this hash that was made, or is under way, is not made again. Rejects with
   * `payment-complete` where it was made for other terms, `payments-full`, and `payment-not-approved` where nobody agreed to it.
   */
  async pay(
    terms: PaymentTerms,
    more: Pick<KnownPayment, 'text' | 'description'> = {},
  ): Promise<Result<KnownPayment>> {
    const hash = bytesToHex(terms.paymentHash)
    const former = this.known.get(hash)
    if (former?.status === 'complete')
      return former.text === more.text
        ? ok(former)
        : notNow(
            'payment-complete',
            'A payment for the same secret was made before. Ask for another invoice.',
          )
    const running = this.underway.get(hash)
    if (running) return ok(await this.ended(running))
    if (this.known.size >= MAX_PAYMENTS && (await this.clean('failed', 0)) === 0)
      return notNow(
        'payments-full',
        `There are ${MAX_PAYMENTS} payments. Delete old ones with autoclean-once.`,
      )
    const begun = await this.ports.signer.beginPayment(terms.paymentHash, msat(terms.amount + terms.maxFee))
    if (!begun.ok) return begun
    // Another call may have been faster.
    const faster = this.underway.get(hash)
    if (faster) return ok(await this.ended(faster))
    const known: KnownPayment = {
      terms,
      ...more,
      createdAt: Math.floor(this.ports.clock.now() / 1000),
      status: 'pending',
      parts: 0,
    }
    const underway = this.begin(hash, known)
    this.known.set(hash, known)
    const ended = this.ended(underway)
    // It is durable with its first parts, or as failed.
    void this.start(hash)
    return ok(await ended)
  }

  /** Makes its first parts and offers them, in its turn. */
  private async start(hash: string): Promise<void> {
    if (this.starting < MAX_STARTING) this.starting++
    else await new Promise<void>((resolve) => this.line.push(resolve))
    await this.advance(hash)
    // Its place goes to the next in line.
    const next = this.line.shift()
    if (next) next()
    else this.starting--
  }

  private ended({ known, waiting }: Underway): Promise<KnownPayment> {
    return known.status === 'pending'
      ? new Promise((resolve) => waiting.push(resolve))
      : Promise.resolve(known)
  }

  /** A part was fulfilled; durable when it resolves. `id`: of the HTLC's origin. */
  async fulfilled(id: string, preimage: Uint8Array): Promise<void> {
    const { hash, part, underway } = this.partOf(id)
    if (!underway) return
    underway.payment.fulfilled(part, preimage)
    this.wayEnded(hash, part, 'complete')
    underway.ended.push(id)
    await this.advance(hash)
  }

  /** A part came back. `removal`: as its channel told; undefined where the chain gave it back. Durable when it resolves. */
  async failed(id: string, removal: Removal | undefined): Promise<void> {
    const { hash, part, underway } = this.partOf(id)
    if (!underway) return
    this.wayEnded(hash, part, 'failed')
    if (removal?.kind === 'fail') underway.payment.failed(part, removal)
    else underway.payment.notSent(part)
    await this.ports.book.set(`${PART_PREFIX}${id}`, undefined)
    // What comes next is not waited for: it may take many tries.
    void this.advance(hash)
  }

  private wayEnded(hash: string, part: number, status: PaymentWay['status']): void {
    const ways = this.ways.get(hash)
    const way = ways?.get(part)
    if (ways && way) ways.set(part, { ...way, status })
  }

  private partOf(id: string) {
    const [hash, part] = id.split('/')
    return { hash, part: Number(part), underway: this.underway.get(hash) }
  }

  private async put(hash: string, underway: Underway, change: Partial<KnownPayment>): Promise<void> {
    underway.known = { ...underway.known, ...change }
    this.known.set(hash, underway.known)
    // In one piece: were only the part gone, the payment would be made again.
    await Promise.all([
      this.forgetEnded(underway),
      this.ports.book.set(PREFIX + hash, toText(underway.known)),
    ])
    if (change.status !== undefined) this.ports.ended?.(underway.known)
  }

  private async forgetEnded({ ended }: Underway): Promise<void> {
    await Promise.all(ended.splice(0).map((id) => this.ports.book.set(`${PART_PREFIX}${id}`, undefined)))
  }

  private advance(hash: string): Promise<void> {
    const underway = this.underway.get(hash)
    if (!underway) return Promise.resolve()
    underway.last = underway.last.then(() => this.step(hash, underway))
    return underway.last
  }

  private async step(hash: string, underway: Underway): Promise<void> {
    const { payment } = underway
    for (;;) {
      if (underway.known.status !== 'pending') {
        await this.forgetEnded(underway)
        return this.finish(hash, underway)
      }
      const step = payment.next(this.view(underway.known.terms))
      switch (step.kind) {
        case 'wait':
          return
        case 'paid':
          await this.put(hash, underway, { status: 'complete', preimage: step.preimage, fee: step.fee })
          return this.finish(hash, underway)
        case 'failed':
          await this.put(hash, underway, { status: 'failed', ...step.failure })
          return this.finish(hash, underway)
        case 'send':
          await this.send(hash, underway, step.parts)
      }
    }
  }

  private finish(hash: string, { known, payment, waiting }: Underway): void {
    if ([...payment.underWay].length === 0) this.underway.delete(hash)
    void this.ports.signer.endPayment(known.terms.paymentHash)
    for (const tell of waiting.splice(0)) tell(known)
  }

  private view(terms: PaymentTerms) {
    const inFlight = new Map<string, Msat>()
    for (const { payment } of this.underway.values())
      for (const { route } of payment.underWay)
        for (const { direction, amount } of route.hops) {
          if (!direction) continue
          const key = directionKey(direction)
          inFlight.set(key, msat((inFlight.get(key) ?? 0) + amount))
        }
    const { height, ownChannels } = this.ports
    return { height: height(), ownChannels: ownChannels(msat(terms.amount + terms.maxFee)), inFlight }
  }

  private async send(hash: string, underway: Underway, parts: readonly PaymentPart[]): Promise<void> {
    const { book } = this.ports
    const ways = this.ways.get(hash) ?? new Map<number, PaymentWay>()
    putBounded(this.ways, hash, ways, MAX_FOLLOWED)
    for (const { id, route } of parts)
      putBounded(ways, id, { status: 'pending', amount: route.amount, hops: route.hops }, MAX_WAYS)
    // An onion that was offered is in its channel.
    await Promise.all([
      ...parts.map((part) => book.set(`${PART_PREFIX}${hash}/${part.id}`, toText({ ...part, onion: EMPTY }))),
      this.put(hash, underway, { parts: underway.known.parts + parts.length }),
    ])
    await Promise.all(
      parts.map(async ({ id, shortChannelId, amount, cltvExpiry, onion }) => {
        const channel = this.ports.channelAt(shortChannelId)
        const offered = await channel?.offerInTurn({
          amount,
          paymentHash: underway.known.terms.paymentHash,
          expiry: cltvExpiry,
          onion,
          origin: { kind: 'payment', id: `${hash}/${id}` },
        })
        // A channel that halted may have stored it: the next start will tell.
        if (offered?.ok || offered?.code === 'channel-halted') return
        underway.payment.notSent(id)
        this.wayEnded(hash, id, 'failed')
        await book.set(`${PART_PREFIX}${hash}/${id}`, undefined)
      }),
    )
  }
}
