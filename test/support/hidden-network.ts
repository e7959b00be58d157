/**
 * A network of channels whose balances only their owners know: it opens onions, passes payments on and fails them as nodes of BOLT 4 do. For tests of
 * who pays over it.
 */
import assert from 'node:assert/strict'
import { type Msat, msat, satsToMsat } from '../../src/channels/amount.ts'
import { encodeFailure, type Failure } from '../../src/channels/failures.ts'
import type { NodeId } from '../../src/channels/gossip.ts'
import { forwardingFee } from '../../src/channels/graph.ts'
import { openOnion, readOnion } from '../../src/channels/onion.ts'
import { createError, type ErrorPacket, wrapError } from '../../src/channels/onion-errors.ts'
import {
  decodeFinalPayload,
  decodeForwardPayload,
  type FinalPayload,
} from '../../src/channels/onion-payload.ts'
import type { PaymentPart } from '../../src/channels/payment.ts'
import type { OwnChannel } from '../../src/channels/router.ts'
import type { ShortChannelId } from '../../src/channels/short-channel-id.ts'
import { sharedSecret } from '../../src/channels/sphinx.ts'
import { sats } from '../../src/primitives/amount.ts'
import { channelAt, type TestChannel, testNode, updateOf } from './channel-graphs.ts'

/** What became of a part that was sent. */
export type Outcome =
  | { readonly kind: 'failed'; readonly packet: ErrorPacket }
  /** It reached the payee, who answers by `settle` or `giveBack`. */
  | { readonly kind: 'arrived'; readonly arrival: Arrival }

export interface Arrival {
  readonly payload: FinalPayload
  /** From the payer on: which way each channel is used, and for how much. */
  readonly steps: readonly { readonly place: number; readonly from: number; readonly amount: Msat }[]
  readonly secrets: readonly Uint8Array[]
}

export class HiddenNetwork {
  private readonly channels: readonly TestChannel[]
  /** By channel: what its `a` has. */
  readonly balances: number[]
  readonly height = 500

  constructor(channels: readonly TestChannel[], balances: readonly number[]) {
    this.channels = channels
    this.balances = [...balances]
  }

  /** What node 0 can send. */
  ownChannels(): OwnChannel[] {
    return this.channels.flatMap((channel, place) => {
      if (channel.a !== 0 && channel.b !== 0) return []
      return {
        shortChannelId: channelAt(place),
        peer: testNode(channel.a === 0 ? channel.b : channel.a).id,
        sendable: msat(this.sideOf(place, 0)),
        htlcMinimum: msat(0),
        htlcMaximum: satsToMsat(sats(channel.capacity)),
      }
    })
  }

  /** What all channels of a node have on its side. */
  wealthOf(node: number): number {
    return this.channels.reduce(
      (sum, { a, b }, place) => sum + (a === node || b === node ? this.sideOf(place, node) : 0),
      0,
    )
  }

  private sideOf(place: number, node: number): number {
    const { a, capacity } = this.channels[place]
    return a === node ? this.balances[place] : satsToMsat(sats(capacity)) - this.balances[place]
  }

  private move(place: number, from: number, amount: number): void {
    this.balances[place] += this.channels[place].a === from ? -amount : amount
  }

  /** A part leaves node 0. Its HTLCs hold what they carry until it is settled or given back. */
  send(part: PaymentPart, paymentHash: Uint8Array, payee: number): Outcome {
    const steps: { place: number; from: number; amount: Msat }[] = []
    const secrets: Uint8Array[] = []
    let { shortChannelId, amount, cltvExpiry, onion } = part
    let from = 0
    for (;;) {
      const place = this.placeOf(shortChannelId)
      assert(place !== undefined && this.sideOf(place, from) >= amount, 'more was offered than there is')
      this.move(place, from, amount)
      // Held: it is the other side's only once the payment is settled.
      steps.push({ place, from, amount })
      const { a, b } = this.channels[place]
      const node = a === from ? b : a
      const read = readOnion(onion)
      assert(read.ok)
      const secret = sharedSecret(testNode(node).secretKey, read.value.ephemeralKey)
      secrets.push(secret)
      const opened = openOnion(read.value, secret, paymentHash)
      assert(opened.ok)
      if (!opened.value.next) {
        assert.equal(node, payee)
        const payload = decodeFinalPayload(opened.value.payload)
        assert(payload.ok && amount >= payload.value.amount && cltvExpiry >= payload.value.cltvExpiry)
        return { kind: 'arrived', arrival: { payload: payload.value, steps, secrets } }
      }
      const payload = decodeForwardPayload(opened.value.payload)
      assert(payload.ok)
      const failure = this.refusal(node, payload.value, amount, cltvExpiry)
      if (failure) return { kind: 'failed', packet: this.fail({ steps, secrets }, failure) }
      from = node
      ;({ shortChannelId, amount, cltvExpiry } = payload.value)
      onion = opened.value.next
    }
  }

  private refusal(
    node: number,
    out: { shortChannelId: ShortChannelId; amount: Msat; cltvExpiry: number },
    amount: Msat,
    cltvExpiry: number,
  ): Failure | undefined {
    const channelUpdate = new Uint8Array(0)
    const place = this.placeOf(out.shortChannelId)
    if (place === undefined) return { name: 'unknown_next_peer' }
    const policy = updateOf(this.channels[place], place, node)
    if (amount < out.amount + forwardingFee(policy, out.amount))
      return { name: 'fee_insufficient', htlcMsat: amount, channelUpdate }
    if (cltvExpiry < out.cltvExpiry + policy.cltvExpiryDelta)
      return { name: 'incorrect_cltv_expiry', cltvExpiry, channelUpdate }
    if (this.sideOf(place, node) < out.amount) return { name: 'temporary_channel_failure', channelUpdate }
    return undefined
  }

  private placeOf(id: ShortChannelId): number | undefined {
    const place = this.channels.findIndex((_, at) => channelAt(at) === id)
    return place < 0 ? undefined : place
  }

  /** The last node that was reached fails it; everything goes back where it was. */
  fail({ steps, secrets }: Pick<Arrival, 'steps' | 'secrets'>, failure: Failure): ErrorPacket {
    for (const { place, from, amount } of steps) this.move(place, from, -amount)
    const last = secrets.length - 1
    let packet = createError(secrets[last], encodeFailure(failure), 1)
    for (let hop = last - 1; hop >= 0; hop--) packet = wrapError(secrets[hop], packet, 1)
    return packet
  }
}

export function idOf(number: number): NodeId {
  return testNode(number).id
}
