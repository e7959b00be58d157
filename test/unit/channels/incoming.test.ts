/**
 * Promise: an HTLC is passed on, taken or failed as BOLT 4 has it, with the failure that it names; an onion that comes again is not opened; parts are
 * taken together or not at all.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type Msat, msat } from '../../../src/channels/amount.ts'
import { FAILURES, type FailureName } from '../../../src/channels/failures.ts'
import { HtlcSets, MPP_TIMEOUT } from '../../../src/channels/htlc-sets.ts'
import {
  checkForward,
  checkReceive,
  type ExpectedPayment,
  type IncomingHtlc,
  type OpenedHtlc,
  type OutgoingPolicy,
  openIncoming,
  readIncoming,
} from '../../../src/channels/incoming.ts'
import { createOnion } from '../../../src/channels/onion.ts'
import { encodePayload, type FinalPayload } from '../../../src/channels/onion-payload.ts'
import { ReplayGuard } from '../../../src/channels/replays.ts'
import { sharedSecret } from '../../../src/channels/sphinx.ts'
import { sha256 } from '../../../src/primitives/hashes.ts'
import { channelAt, testNode } from '../../support/channel-graphs.ts'

const HASH = new Uint8Array(32).fill(1)
const SECRET = new Uint8Array(32).fill(2)
const FORWARD = { amount: msat(1000), cltvExpiry: 600, shortChannelId: channelAt(1) }
const FINAL: FinalPayload = {
  amount: msat(1000),
  cltvExpiry: 600,
  paymentData: { secret: SECRET, total: msat(3000) },
}

function htlcWith(payloads: readonly Uint8Array[], session = 9): IncomingHtlc {
  const hops = payloads.map((payload, at) => ({ nodeId: testNode(at).publicKey, payload }))
  const onion = createOnion(hops, testNode(session).secretKey, HASH)
  assert(onion.ok)
  return { name: 'a/1', amount: msat(1010), paymentHash: HASH, cltvExpiry: 650, onion: onion.value.packet }
}

/** As node `at` does with its signer. */
function open(htlc: IncomingHtlc, at = 0, guard = new ReplayGuard(), furthest = 2_000): OpenedHtlc {
  const read = readIncoming(htlc)
  if (read.kind === 'malformed') return read
  return openIncoming(
    htlc,
    read.packet,
    sharedSecret(testNode(at).secretKey, read.packet.ephemeralKey),
    guard,
    furthest,
  )
}

function failureOf(opened: OpenedHtlc): string {
  return opened.kind === 'fail' ? opened.failure.name : opened.kind
}

test('incoming: an onion is passed on to the next hop and taken by the last', () => {
  const htlc = htlcWith([encodePayload(FORWARD), encodePayload(FINAL)])
  const first = open(htlc)
  assert(first.kind === 'forward')
  assert.deepEqual(first.payload, FORWARD)
  const second = open({ ...htlc, onion: first.onion }, 1)
  assert(second.kind === 'receive')
  assert.deepEqual(second.payload, FINAL)
})

test('incoming: what can’t be read is malformed, what can is failed by its sender’s mistakes, and nothing is opened twice', () => {
  const htlc = htlcWith([encodePayload(FORWARD), encodePayload(FINAL)])
  const malformed = (opened: OpenedHtlc, name: FailureName, onion = htlc.onion): void =>
    assert.deepEqual(opened, {
      kind: 'malformed',
      failureCode: FAILURES[name].code,
      onionHash: sha256(onion),
    })
  const version = htlc.onion.with(0, 1)
  malformed(open({ ...htlc, onion: version }), 'invalid_onion_version', version)
  const key = htlc.onion.with(1, 5)
  malformed(open({ ...htlc, onion: key }), 'invalid_onion_key', key)
  malformed(open(htlc, 1), 'invalid_onion_hmac')
  malformed(open({ ...htlc, paymentHash: SECRET }), 'invalid_onion_hmac')

  const guard = new ReplayGuard([], 1)
  assert.equal(open(htlc, 0, guard).kind, 'forward')
  // After a restart the same HTLC is looked at again; another one with its onion is a replay.
  assert.equal(open(htlc, 0, guard).kind, 'forward')
  const replay = { ...htlc, name: 'a/2' }
  malformed(open(replay, 0, guard), 'invalid_onion_hmac')
  assert.equal(failureOf(open(htlcWith([encodePayload(FINAL)], 8), 0, guard)), 'temporary_node_failure')
  // It is remembered as long as the later expiry, that of the payload or that of the HTLC.
  guard.forgetExpired(649)
  assert.equal(open(replay, 0, guard).kind, 'malformed')
  guard.forgetExpired(650)
  assert.equal(open(replay, 0, guard).kind, 'forward')

  assert.equal(
    failureOf(open(htlcWith([encodePayload(FINAL), encodePayload(FINAL)]))),
    'invalid_onion_payload',
  )
  assert.equal(failureOf(open(htlcWith([Uint8Array.of(0x14, 0)]))), 'invalid_onion_payload')
  assert.equal(failureOf(open(htlcWith([Uint8Array.of(1)]))), 'invalid_onion_payload')
})

const POLICY: OutgoingPolicy = {
  feeBase: msat(10),
  feeProportionalMillionths: 0,
  cltvExpiryDelta: 50,
  htlcMinimum: msat(1000),
  htlcMaximum: msat(1000),
  disabled: false,
}

test('incoming: an onion that expires too far off, by its HTLC or by what it asks for, takes no room among those that are remembered', () => {
  const guard = new ReplayGuard([], 1)
  const htlc = htlcWith([encodePayload(FORWARD), encodePayload(FINAL)])
  assert.equal(failureOf(open({ ...htlc, cltvExpiry: 2_001 }, 0, guard)), 'expiry_too_far')
  for (const payload of [
    { ...FORWARD, cltvExpiry: 499_999_999 },
    { ...FINAL, cltvExpiry: 2_001 },
  ]) {
    const last = 'shortChannelId' in payload ? [encodePayload(FINAL)] : []
    assert.equal(failureOf(open(htlcWith([encodePayload(payload), ...last]), 0, guard)), 'expiry_too_far')
  }
  assert.equal(guard.size, 0)
  assert.equal(open({ ...htlc, cltvExpiry: 2_000 }, 0, guard).kind, 'forward')
})

test('forwarding: fees, expiries and amounts are those of one of the policies, else the first failure is told', () => {
  const check = (
    policies: readonly Partial<OutgoingPolicy>[],
    change: { amount?: number; cltvExpiry?: number; height?: number } = {},
  ): string | undefined => {
    const htlc = { amount: msat(change.amount ?? 1010), cltvExpiry: change.cltvExpiry ?? 650 }
    const all = policies.map((policy) => ({ ...POLICY, ...policy }))
    return checkForward(htlc, FORWARD, all, (change.height ?? 500) + 20)?.name
  }
  assert.equal(check([{}]), undefined)
  assert.equal(check([]), 'unknown_next_peer')
  assert.equal(check([{}], { amount: 1009 }), 'fee_insufficient')
  assert.equal(check([{}], { cltvExpiry: 649 }), 'incorrect_cltv_expiry')
  assert.equal(check([{ htlcMinimum: msat(1001) }]), 'amount_below_minimum')
  assert.equal(check([{ htlcMaximum: msat(999) }]), 'temporary_channel_failure')
  assert.equal(check([{ disabled: true }]), 'channel_disabled')
  assert.equal(check([{}], { height: 580 }), undefined)
  assert.equal(check([{}], { height: 581 }), 'expiry_too_soon')
  // The policy before this one still counts for a while.
  assert.equal(check([{ feeBase: msat(11) }, {}]), undefined)
  assert.equal(check([{ feeBase: msat(11) }, { disabled: true }]), 'fee_insufficient')
})

test('receiving: what tells a prober anything is told in one way', () => {
  const expected: ExpectedPayment = {
    preimage: SECRET,
    paymentSecret: SECRET,
    amount: msat(3000),
    minFinalCltvExpiryDelta: 50,
    closed: false,
  }
  const check = (
    change: {
      htlc?: { amount?: number; cltvExpiry?: number }
      payload?: Partial<FinalPayload>
      height?: number
    } = {},
    payment: Partial<ExpectedPayment> | undefined = {},
  ): string | undefined =>
    checkReceive(
      { amount: msat(change.htlc?.amount ?? 1000), cltvExpiry: change.htlc?.cltvExpiry ?? 600 },
      { ...FINAL, ...change.payload },
      payment && { ...expected, ...payment },
      change.height ?? 500,
    )?.name
  const UNKNOWN = 'incorrect_or_unknown_payment_details'
  const withTotal = (total: number) => ({
    payload: { paymentData: { secret: SECRET, total: total as Msat } },
  })
  assert.equal(check(), undefined)
  assert.equal(check({ htlc: { amount: 999 } }), 'final_incorrect_htlc_amount')
  assert.equal(check({ htlc: { cltvExpiry: 599 } }), 'final_incorrect_cltv_expiry')
  assert.equal(check({ height: 550 }), undefined)
  assert.equal(check({ height: 551 }), UNKNOWN)
  assert.equal(checkReceive({ amount: msat(1000), cltvExpiry: 600 }, FINAL, undefined, 500)?.name, UNKNOWN)
  assert.equal(check({}, { closed: true }), UNKNOWN)
  assert.equal(check({}, { paymentSecret: HASH }), UNKNOWN)
  assert.equal(check({ payload: { paymentData: undefined } }), UNKNOWN)
  assert.equal(check(withTotal(2999)), UNKNOWN)
  assert.equal(check(withTotal(6000)), undefined)
  assert.equal(check(withTotal(6001)), UNKNOWN)
  assert.equal(check(withTotal(1), { amount: undefined }), undefined)
  // A keysend has no secret, and its amount is what comes.
  assert.equal(
    check({ payload: { paymentData: undefined } }, { paymentSecret: undefined, amount: undefined }),
    undefined,
  )
})

test('parts: a set is fulfilled whole, or failed whole when a part is missing, or disagrees', () => {
  const clock = { time: 0, now: () => clock.time }
  const sets = new HtlcSets<string>(clock)
  const part = (id: string, amount: number, total = 3000, paymentHash = HASH) =>
    sets.add({ id, paymentHash, amount: msat(amount), total: msat(total) })
  assert.deepEqual(part('a', 1000), { kind: 'wait' })
  clock.time = 10
  assert.deepEqual(part('other', 1, 2, SECRET), { kind: 'wait' })
  assert.deepEqual(part('b', 1500), { kind: 'wait' })
  assert.deepEqual(part('c', 501), { kind: 'fulfil', ids: ['a', 'b', 'c'] })
  assert.equal(sets.nextExpiry, 10 + MPP_TIMEOUT)
  clock.time = 9 + MPP_TIMEOUT
  assert.deepEqual(sets.expire(), [])
  clock.time = 10 + MPP_TIMEOUT
  assert.deepEqual(sets.expire(), [{ kind: 'fail', ids: ['other'], failure: { name: 'mpp_timeout' } }])
  assert.equal(sets.nextExpiry, undefined)
  part('d', 1000)
  assert.deepEqual(part('e', 1000, 2000), {
    kind: 'fail',
    ids: ['d', 'e'],
    failure: { name: 'mpp_timeout' },
  })
  assert.deepEqual(part('f', 3000), { kind: 'fulfil', ids: ['f'] })
  // The rest comes before the timer fires, and too late.
  part('g', 1000)
  clock.time += MPP_TIMEOUT
  assert.deepEqual(part('h', 2000), { kind: 'fail', ids: ['g', 'h'], failure: { name: 'mpp_timeout' } })
})
