/** Promise: a payer that is killed at any write knows, once it starts again, what was paid: it pays nothing twice and calls nothing unpaid that was paid. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { msat } from '../../../src/channels/amount.ts'
import type { Channel } from '../../../src/channels/channel.ts'
import { LiquidityMemory } from '../../../src/channels/liquidity.ts'
import type { HtlcOffer } from '../../../src/channels/operation.ts'
import { PaymentBook } from '../../../src/channels/payment-book.ts'
import type { ChannelWrite } from '../../../src/channels/ports.ts'
import { RecordBook } from '../../../src/channels/record-book.ts'
import { routingCosts } from '../../../src/channels/router.ts'
import type { Removal } from '../../../src/channels/updates.ts'
import { sha256 } from '../../../src/primitives/hashes.ts'
import { OK, ok } from '../../../src/primitives/result.ts'
import { MemoryChannelStore } from '../../../src/storage/memory-channel-store.ts'
import { channelAt, graphOf, testNode } from '../../support/channel-graphs.ts'
import { seededRandom } from '../../support/wallets.ts'

const PREIMAGE = new Uint8Array(32).fill(7)
const TERMS = {
  payer: testNode(0).id,
  payee: testNode(1).id,
  amount: msat(10_000),
  paymentHash: sha256(PREIMAGE),
  paymentSecret: new Uint8Array(32).fill(8),
  minFinalCltvExpiryDelta: 18,
  hints: [],
  maxFee: msat(1_000),
  maxCltvExpiryDelta: 1_000,
  maxParts: 1,
  maxFailures: 3,
  maxShadow: 0,
}

/** Of a part that the next hop could not read: another is tried. */
const MALFORMED: Removal = { kind: 'malformed', onionHash: new Uint8Array(32), failureCode: 0xc005 }

/** Keeps what it held after each write. */
class RecordedStore extends MemoryChannelStore {
  readonly copies: MemoryChannelStore[] = []

  override async commit(writes: readonly ChannelWrite[]): Promise<void> {
    await super.commit(writes)
    this.copies.push(this.copy())
  }
}

/** The book over a store; `offers` takes what it offers. `known`: the HTLCs that its channel holds, by origin. */
async function bookOver(store: MemoryChannelStore, offers: HtlcOffer[], known: readonly string[] = []) {
  const clock = { now: () => 1_700_000_000_000 }
  const channel = {
    state: { htlcs: known.map((id) => ({ terms: { origin: { kind: 'payment', id } } })), outcomes: [] },
    offerInTurn: async (offer: HtlcOffer) => {
      offers.push(offer)
      return ok(0)
    },
  } as unknown as Channel
  return new PaymentBook({
    signer: { beginPayment: async () => OK, endPayment: async () => OK },
    book: await RecordBook.open(store),
    clock,
    random: seededRandom('payments'),
    graph: graphOf([]),
    memory: new LiquidityMemory(clock),
    costs: routingCosts(30),
    height: () => 100,
    ownChannels: (amount) => [
      {
        shortChannelId: channelAt(0),
        peer: testNode(1).id,
        sendable: amount,
        htlcMinimum: msat(1),
        htlcMaximum: amount,
      },
    ],
    channelAt: () => channel,
    channels: () => [channel],
  })
}

test('a part that the chain gave back ends its payment: the signer counts it as paid, and signs for no other', async () => {
  const offers: HtlcOffer[] = []
  const book = await bookOver(new MemoryChannelStore(), offers)
  const paid = book.pay(TERMS)
  while (offers.length === 0) await new Promise((resolve) => setImmediate(resolve))
  const [{ origin }] = offers
  await book.failed(origin?.kind === 'payment' ? origin.id : '', undefined)
  const ended = await paid
  assert.ok(ended.ok)
  assert.deepEqual([ended.value.status, ended.value.code], ['failed', 'payment-returned'])
  assert.equal(offers.length, 1)
})

test('a payer killed at any write while a payment ends is told of it again, and has paid once', async () => {
  const store = new RecordedStore()
  const offers: HtlcOffer[] = []
  const book = await bookOver(store, offers)
  const paid = book.pay(TERMS)
  while (offers.length === 0) await new Promise((resolve) => setImmediate(resolve))
  const [{ origin }] = offers
  assert.equal(origin?.kind, 'payment')
  const id = origin.kind === 'payment' ? origin.id : ''
  const offered = store.copies.length
  await book.fulfilled(id, PREIMAGE)
  const made = await paid
  assert.ok(made.ok)
  assert.equal(made.value.status, 'complete')
  const ending = store.copies.slice(offered - 1)
  assert.ok(ending.length >= 2)
  for (const [at, copy] of ending.entries()) {
    const again: HtlcOffer[] = []
    const restarted = await bookOver(copy, again, [id])
    restarted.resume()
    // Its channel tells again what nobody has acknowledged.
    await restarted.fulfilled(id, PREIMAGE)
    assert.equal(restarted.get(TERMS.paymentHash)?.status, 'complete', `killed after write ${at}`)
    assert.deepEqual(again, [], `killed after write ${at}`)
  }
})

test('no part of a payment has the name of an earlier one, which a channel may tell the end of once more', async () => {
  const store = new RecordedStore()
  const offers: HtlcOffer[] = []
  const book = await bookOver(store, offers)
  const idOf = ({ origin }: HtlcOffer) => (origin.kind === 'payment' ? origin.id : '')
  const offered = async (count: number) => {
    while (offers.length < count) await new Promise((resolve) => setImmediate(resolve))
  }
  const paying = book.pay({ ...TERMS, maxFailures: 2 })
  await offered(1)
  const first = idOf(offers[0])
  const written = store.copies.length
  await book.failed(first, MALFORMED)
  await offered(2)
  for (const copy of store.copies.slice(written - 1)) {
    const again: HtlcOffer[] = []
    const restarted = await bookOver(copy, again, [first])
    restarted.resume()
    await restarted.failed(first, MALFORMED)
    while (again.length === 0) await new Promise((resolve) => setImmediate(resolve))
    assert.ok(again.every((offer) => idOf(offer) !== first))
  }
  // Nor after it failed, where it is made anew.
  await book.failed(idOf(offers[1]), MALFORMED)
  const failed = await paying
  assert.ok(failed.ok && failed.value.status === 'failed')
  void book.pay(TERMS)
  await offered(3)
  assert.equal(new Set(offers.map(idOf)).size, 3)
})
