/**
 * A payment on its way: which parts go out now, what each failure teaches, and when it is over. Sans I/O: the channels send and hear, the store keeps
 * parts durable before they leave. Deterministic given its ports, any thread.
 */
import { secp256k1 } from '@noble/curves/secp256k1.js'
import { hexToBytes } from '../primitives/bytes.ts'
import type { Random } from '../primitives/ports.ts'
import { ok, type Result } from '../primitives/result.ts'
import { type Msat, msat } from './amount.ts'
import { BADONION, decodeFailure, NODE, PERM, type ReceivedFailure } from './failures.ts'
import type { NodeId } from './gossip.ts'
import type { ChannelGraph } from './graph.ts'
import type { RouteHint } from './invoice.ts'
import type { LiquidityMemory } from './liquidity.ts'
import { createOnion } from './onion.ts'
import { type ErrorPacket, type OpenedError, openError } from './onion-errors.ts'
import { encodePayload, type FinalPayload } from './onion-payload.ts'
import {
  directionBetween,
  findRoutes,
  type OwnChannel,
  type Route,
  type RouteCode,
  type RoutingCosts,
} from './router.ts'
import type { ShortChannelId } from './short-channel-id.ts'

/** What is to be paid, and within which limits. */
export interface PaymentTerms {
  readonly payer: NodeId
  readonly payee: NodeId
  readonly amount: Msat
  /** 32 bytes. */
  readonly paymentHash: Uint8Array
  /** Of the invoice, 32 bytes; needed for more than one part. */
  readonly paymentSecret?: Uint8Array
  readonly metadata?: Uint8Array
  /** Keysend: the preimage, 32 bytes, that travels in the onion. */
  readonly preimage?: Uint8Array
  /** Blocks, as the payee asks. */
  readonly minFinalCltvExpiryDelta: number
  readonly hints: readonly (readonly RouteHint[])[]
  readonly maxFee: Msat
  /** Most blocks for which money may be stuck. */
  readonly maxCltvExpiryDelta: number
  /** 1 where the payee takes no parts. */
  readonly maxParts: number
  /** Most parts that may fail before it is given up. */
  readonly maxFailures: number
  /**
   * Most blocks by which the last expiry is put off at random, so that no hop can tell from its own how near the payee is (BOLT 7,
   * Recommendations for Routing).
   */
  readonly maxShadow: number
}

/** A part of a payment, all that a store needs to keep of it: plain data. */
export interface PaymentPart {
  /** From 0, in the order in which they were made. */
  readonly id: number
  readonly route: Route
  /** By hop, 32 bytes each: to open what comes back. */
  readonly sharedSecrets: readonly Uint8Array[]
  /** The HTLC to be offered. */
  readonly shortChannelId: ShortChannelId
  readonly amount: Msat
  /** Block height. */
  readonly cltvExpiry: number
  /** 1,366 bytes. */
  readonly onion: Uint8Array
}

/** What a payment looks at when it makes parts. */
export interface PaymentView {
  readonly height: number
  readonly ownChannels: readonly OwnChannel[]
  /** Of all payments of this node, by `directionKey`. */
  readonly inFlight: ReadonlyMap<string, Msat>
}

/** Why a payment ended without its preimage. */
export interface PaymentFailure {
  readonly code: RouteCode | 'onion-too-long' | 'payment-refused' | 'payment-failures'
  readonly detail: string
}

/** What is to be done for a payment. */
export type PaymentStep =
  /** Offer these; until then it asks for nothing else. */
  | { readonly kind: 'send'; readonly parts: readonly PaymentPart[] }
  /** Parts are under way. */
  | { readonly kind: 'wait' }
  | { readonly kind: 'paid'; readonly preimage: Uint8Array; readonly fee: Msat }
  | { readonly kind: 'failed'; readonly failure: PaymentFailure }

/** Blocks that may come while a payment travels, on top of what the payee asks for. */
const BLOCKS_UNDER_WAY = 10

export class OutgoingPayment {
  private readonly terms: PaymentTerms
  private readonly graph: ChannelGraph
  private readonly memory: LiquidityMemory
  private readonly costs: RoutingCosts
  private readonly random: Random
  private readonly parts = new Map<number, PaymentPart>()
  private readonly finalCltvExpiryDelta: number
  /** Channels of the hints that could not carry a part. */
  private readonly closedHints = new Set<ShortChannelId>()
  private nextId = 0
  private failures = 0
  private preimage: Uint8Array | undefined
  /** Fees of the parts that were fulfilled or are still under way when the preimage is there. */
  private fee = 0
  private failure: PaymentFailure | undefined

  /** `parts`: those under way, of a payment that a store kept. */
  constructor(
    terms: PaymentTerms,
    graph: ChannelGraph,
    memory: LiquidityMemory,
    costs: RoutingCosts,
    random: Random,
    parts: readonly PaymentPart[] = [],
  ) {
    this.terms = terms
    this.graph = graph
    this.memory = memory
    this.costs = costs
    this.random = random
    for (const part of parts) {
      this.parts.set(part.id, part)
      this.nextId = Math.max(this.nextId, part.id + 1)
    }
    const [high, low] = random.bytes(2)
    const shadow = ((high << 8) | low) % (terms.maxShadow + 1)
    this.finalCltvExpiryDelta = terms.minFinalCltvExpiryDelta + BLOCKS_UNDER_WAY + shadow
  }

  /** The parts under way. */
  get underWay(): Iterable<PaymentPart> {
    return this.parts.values()
  }

  /** What to do now. Called at first, and after each part that came back. */
  next(view: PaymentView): PaymentStep {
    if (this.preimage) return { kind: 'paid', preimage: this.preimage, fee: msat(this.fee) }
    if (this.failure)
      return this.parts.size > 0 ? { kind: 'wait' } : { kind: 'failed', failure: this.failure }
    const remaining = this.terms.amount - this.sum((route) => route.amount)
    if (remaining <= 0) return { kind: 'wait' }
    const made = this.makeParts(msat(remaining), view)
    if (!made.ok) {
      this.failure = { code: made.code, detail: made.detail }
      return this.next(view)
    }
    for (const part of made.value) this.parts.set(part.id, part)
    return { kind: 'send', parts: made.value }
  }

  private makeParts(remaining: Msat, view: PaymentView): Result<PaymentPart[], PaymentFailure['code']> {
    const routes = findRoutes(
      {
        ...this.terms,
        ...view,
        hints: this.terms.hints.filter((hint) =>
          hint.every(({ shortChannelId }) => !this.closedHints.has(shortChannelId)),
        ),
        amount: remaining,
        finalCltvExpiryDelta: this.finalCltvExpiryDelta,
        maxFee: msat(this.terms.maxFee - this.sum((route) => route.fee)),
        maxParts: Math.max(1, this.terms.maxParts - this.parts.size),
      },
      this.graph,
      this.memory,
      this.costs,
    )
    if (!routes.ok) return routes
    const parts: PaymentPart[] = []
    for (const route of routes.value) {
      const part = this.makePart(route, view.height)
      if (!part.ok) return part
      parts.push(part.value)
    }
    return ok(parts)
  }

  private makePart(route: Route, height: number): Result<PaymentPart, 'onion-too-long'> {
    const { paymentHash } = this.terms
    const { hops } = route
    const onion = createOnion(
      hops.map(({ nodeId }, at) => ({
        nodeId: hexToBytes(nodeId),
        payload: this.payload(route, at, height),
      })),
      sessionKey(this.random),
      paymentHash,
    )
    if (!onion.ok) return onion
    const [{ shortChannelId, amount, cltvExpiryDelta }] = hops
    return ok({
      id: this.nextId++,
      route,
      sharedSecrets: onion.value.sharedSecrets,
      shortChannelId,
      amount,
      cltvExpiry: height + cltvExpiryDelta,
      onion: onion.value.packet,
    })
  }

  /** What the onion tells the node that is reached by step `at`: the next step, or that the payment is its own. */
  private payload({ hops }: Route, at: number, height: number): Uint8Array {
    const next = hops[at + 1]
    const { amount, cltvExpiryDelta, shortChannelId } = next ?? hops[at]
    const cltvExpiry = height + cltvExpiryDelta
    if (next) return encodePayload({ amount, cltvExpiry, shortChannelId })
    const { paymentSecret, amount: total, metadata, preimage } = this.terms
    const final: FinalPayload = {
      amount,
      cltvExpiry,
      paymentData: paymentSecret && { secret: paymentSecret, total },
      metadata,
      preimage,
    }
    return encodePayload(final)
  }

  /** A part was fulfilled. That its preimage is the hash's is the channel's to check. */
  fulfilled(id: number, preimage: Uint8Array): void {
    const part = this.take(id)
    if (!part) return
    // The parts still under way are the payee's as well, once it has shown the preimage.
    if (!this.preimage) this.fee = part.route.fee + this.sum((route) => route.fee)
    this.preimage ??= preimage
    for (const { direction, amount } of part.route.hops) if (direction) this.memory.settled(direction, amount)
  }

  /** A part came back with an error's packet (`update_fail_htlc`). Answers what it said, for whoever asks why. */
  failed(id: number, packet: ErrorPacket): OpenedError | undefined {
    const part = this.take(id)
    if (!part) return undefined
    const opened = openError(part.sharedSecrets, packet)
    this.learn(part.route, opened)
    this.countFailure()
    return opened
  }

  /** A part never left, or its first channel failed it itself: nothing is learnt of others. */
  notSent(id: number): void {
    if (this.take(id)) this.countFailure()
  }

  private take(id: number): PaymentPart | undefined {
    const part = this.parts.get(id)
    this.parts.delete(id)
    return part
  }

  private countFailure(): void {
    this.failures++
    if (this.failures >= this.terms.maxFailures)
      this.failure ??= {
        code: 'payment-failures',
        detail: `The payment failed on its way ${this.failures} times. Nothing was paid. It may work later.`,
      }
  }

  private sum(of: (route: Route) => number): number {
    let sum = 0
    for (const { route } of this.parts.values()) sum += of(route)
    return sum
  }

  /** What a failure teaches about the channels of its route (BOLT 4, Receiving Failure Codes). */
  private learn(route: Route, { source, suspect, holdTimes }: OpenedError): void {
    if (!source) {
      // It was changed between a hop that proves what it received and the next one. Without any proof the first hop is the one to leave.
      this.passed(route, (suspect ?? holdTimes.length) - 1)
      const liar = route.hops[Math.min(suspect ?? 0, route.hops.length - 1)]
      if (liar.nodeId === this.terms.payee) this.refuseIfAlone(route)
      else this.memory.avoidNode(liar.nodeId)
      return
    }
    this.passed(route, source.hop)
    const decoded = decodeFailure(source.message)
    const failure: ReceivedFailure = decoded.ok ? decoded.value : { code: PERM | NODE }
    if (source.hop === route.hops.length - 1) this.learnFromPayee(route, failure)
    else this.learnFromHop(route, source.hop, failure)
  }

  /** The first channels of the route carried what was asked of them, up to the one that reaches hop `last`. */
  private passed(route: Route, last: number): void {
    for (const { direction, amount } of route.hops.slice(0, last + 1))
      if (direction) this.memory.passed(direction, amount)
  }

  private learnFromPayee(route: Route, { code, failure }: ReceivedFailure): void {
    if ((code & PERM) !== 0)
      this.failure ??= {
        code: 'payment-refused',
        detail:
          failure?.name === 'incorrect_or_unknown_payment_details'
            ? 'The payee refuses the payment: it was paid before, has expired, or its amount is wrong. Nothing was paid.'
            : `The payee refuses the payment (${nameOf({ code, failure })}). Nothing was paid.`,
      }
    // What arrived was less, or later, than the onion says: the last hop but one did that.
    else if (failure?.name.startsWith('final_incorrect')) this.avoidStep(route, route.hops.length - 1)
  }

  /** A payee whose answer nobody can read, and no hop between that could be left out. */
  private refuseIfAlone(route: Route): void {
    if (route.hops.length === 1)
      this.failure ??= {
        code: 'payment-refused',
        detail: 'The payee answers what nobody can read. Nothing was paid.',
      }
    else this.avoidStep(route, route.hops.length - 1)
  }

  private learnFromHop(route: Route, hop: number, { code, failure }: ReceivedFailure): void {
    const next = route.hops[hop + 1]
    // It could not make the next hop read its onion: one of the two is to blame.
    if ((code & BADONION) !== 0) this.avoidStep(route, hop + 1)
    else if ((code & NODE) !== 0) this.memory.avoidNode(route.hops[hop].nodeId)
    else if (failure?.name !== 'temporary_channel_failure') this.avoidStep(route, hop + 1)
    else if (next.direction) this.memory.failed(next.direction, next.amount)
    // Known by this invoice alone, which has few ways or one: the next payment may find the tab behind it back.
    else this.closedHints.add(next.shortChannelId)
  }

  private avoidStep(route: Route, at: number): void {
    const from = at === 0 ? this.terms.payer : route.hops[at - 1].nodeId
    const { nodeId, shortChannelId } = route.hops[at]
    this.memory.avoidChannel({ shortChannelId, direction: directionBetween(from, nodeId) })
  }
}

function nameOf({ code, failure }: ReceivedFailure): string {
  return failure?.name ?? `failure ${code}`
}

/** Bytes that are a secret key, as all but one in 2^128 are. */
function sessionKey(random: Random): Uint8Array {
  for (;;) {
    const key = random.bytes(32)
    if (secp256k1.utils.isValidSecretKey(key)) return key
  }
}
