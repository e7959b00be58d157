/**
 * Promise: each hop of a route reads its own instructions from an onion and passes on one of the same length; whatever is changed is refused; what
 * was opened is not opened again. The published vector is in test/vectors.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { MAX_MSAT, type Msat, msat } from '../../../src/channels/amount.ts'
import { ONION_BYTES } from '../../../src/channels/messages.ts'
import {
  createOnion,
  type OpenedOnion,
  onionSpace,
  openOnion,
  readOnion,
} from '../../../src/channels/onion.ts'
import {
  decodeFinalPayload,
  decodeForwardPayload,
  encodePayload,
  type FinalPayload,
  type ForwardPayload,
} from '../../../src/channels/onion-payload.ts'
import { ReplayGuard } from '../../../src/channels/replays.ts'
import { type ShortChannelId, shortChannelId } from '../../../src/channels/short-channel-id.ts'
import { publicKeyOf, sharedSecret } from '../../../src/channels/sphinx.ts'
import { bytesToHex, hexToBytes } from '../../../src/primitives/bytes.ts'
import type { Result } from '../../../src/primitives/result.ts'

const bytes32 = fc.uint8Array({ minLength: 32, maxLength: 32 })
const secretKey = bytes32.filter((bytes) => bytes[0] !== 0 && bytes[0] !== 0xff)
const amount = fc.integer({ min: 0, max: MAX_MSAT }).map(msat)
const cltvExpiry = fc.integer({ min: 0, max: 0xffffffff })
const channel: fc.Arbitrary<ShortChannelId> = fc
  .record({ height: fc.nat(0xffffff), position: fc.nat(0xffffff), output: fc.nat(0xffff) })
  .map(shortChannelId)

const forward: fc.Arbitrary<ForwardPayload> = fc.record(
  { amount, cltvExpiry, shortChannelId: channel },
  { noNullPrototype: true },
)
const final: fc.Arbitrary<FinalPayload> = fc.record(
  {
    amount,
    cltvExpiry,
    paymentData: fc.record({ secret: bytes32, total: amount }, { noNullPrototype: true }),
    metadata: fc.uint8Array({ maxLength: 100 }),
    preimage: bytes32,
  },
  { requiredKeys: ['amount', 'cltvExpiry'], noNullPrototype: true },
)

/** What the holder of a key does with an onion. */
function open(packet: Uint8Array, key: Uint8Array, associatedData: Uint8Array): Result<OpenedOnion> {
  const read = readOnion(packet)
  if (!read.ok) return read
  return openOnion(read.value, sharedSecret(key, read.value.ephemeralKey), associatedData)
}

test('onions: every hop of a route of 1 to 20 reads its own, and only its own', () => {
  fc.assert(
    fc.property(
      fc.array(fc.tuple(secretKey, forward), { maxLength: 19 }),
      fc.tuple(secretKey, final),
      secretKey,
      bytes32,
      (middle, last, sessionKey, paymentHash) => {
        const route = [...middle, last]
        const hops = route.map(([key, payload]) => ({
          nodeId: publicKeyOf(key),
          payload: encodePayload(payload),
        }))
        const created = createOnion(hops, sessionKey, paymentHash)
        assert(created.ok)
        let packet: Uint8Array | undefined = created.value.packet
        for (const [hop, [key, payload]] of route.entries()) {
          assert.equal(packet?.length, ONION_BYTES)
          const read = readOnion(packet)
          assert(read.ok)
          const secret = sharedSecret(key, read.value.ephemeralKey)
          assert.deepEqual(secret, created.value.sharedSecrets[hop])
          const opened = openOnion(read.value, secret, paymentHash)
          assert(opened.ok)
          const isLast = opened.value.next === undefined
          assert.equal(isLast, hop === route.length - 1)
          const decode = isLast ? decodeFinalPayload : decodeForwardPayload
          assert.deepEqual(decode(opened.value.payload), { ok: true, value: payload })
          packet = opened.value.next
        }
      },
    ),
    { numRuns: 25 },
  )
})

const KEYS = Array.from({ length: 20 }, (_, at) => new Uint8Array(32).fill(at + 1))
const HASH = new Uint8Array(32).fill(0x42)

function routeOver(keys: readonly Uint8Array[], payload: Uint8Array): Uint8Array {
  const hops = keys.map((key) => ({ nodeId: publicKeyOf(key), payload }))
  const created = createOnion(hops, new Uint8Array(32).fill(0x41), HASH)
  assert(created.ok, created.ok ? '' : created.detail)
  return created.value.packet
}

function codeOf(result: Result<unknown>): string {
  return result.ok ? 'ok' : result.code
}

test('onions: every flipped bit is refused, with the right code', () => {
  const packet = routeOver(KEYS.slice(0, 3), new Uint8Array(20))
  assert(open(packet, KEYS[0], HASH).ok)
  const read = readOnion(packet)
  assert(read.ok)
  const secret = sharedSecret(KEYS[0], read.value.ephemeralKey)
  for (let bit = 0; bit < ONION_BYTES * 8; bit++) {
    const other = packet.slice()
    other[bit >> 3] ^= 1 << (bit & 7)
    const place = bit >> 3
    if (place === 0) assert.equal(codeOf(readOnion(other)), 'invalid_onion_version')
    else if (place <= 33) {
      const refused = readOnion(other)
      // Half of all numbers are the x of a point: then the secret is another.
      if (refused.ok) assert.equal(codeOf(open(other, KEYS[0], HASH)), 'invalid_onion_hmac')
      else assert.equal(refused.code, 'invalid_onion_key')
    } else {
      const changed = readOnion(other)
      assert(changed.ok)
      assert.equal(codeOf(openOnion(changed.value, secret, HASH)), 'invalid_onion_hmac')
    }
  }
})

test('onions: another payment, another node and the order of hops are refused', () => {
  const packet = routeOver(KEYS.slice(0, 3), new Uint8Array(20))
  assert.equal(codeOf(open(packet, KEYS[0], new Uint8Array(32))), 'invalid_onion_hmac')
  assert.equal(codeOf(open(packet, KEYS[1], HASH)), 'invalid_onion_hmac')
})

test('onions: the room is filled to the last byte, and not beyond', () => {
  assert.equal(onionSpace(new Uint8Array(252)), 252 + 1 + 32)
  assert.equal(onionSpace(new Uint8Array(253)), 253 + 3 + 32)
  // Twenty hops of 65 bytes are 1,300.
  routeOver(KEYS, new Uint8Array(65 - 33))
  const full = routeOver(KEYS.slice(0, 1), new Uint8Array(1300 - 35))
  assert(open(full, KEYS[0], HASH).ok)
  const hops = [{ nodeId: publicKeyOf(KEYS[0]), payload: new Uint8Array(1300 - 34) }]
  assert.equal(codeOf(createOnion(hops, KEYS[1], HASH)), 'onion-too-long')
})

test('onions: a sender who writes lengths that are none gets invalid_onion_payload', () => {
  for (const length of [0, 1]) {
    const packet = routeOver(KEYS.slice(0, 2), new Uint8Array(length))
    assert.equal(codeOf(open(packet, KEYS[0], HASH)), 'invalid_onion_payload')
  }
})

test('payloads: what is missing is named by its type, and an unknown even record is refused', () => {
  const all = {
    amount: msat(1000),
    cltvExpiry: 100,
    shortChannelId: shortChannelId({ height: 1, position: 2, output: 3 }),
  }
  assert(decodeForwardPayload(encodePayload(all)).ok)
  for (const [name, type] of [
    ['amount', 2n],
    ['cltvExpiry', 4n],
    ['shortChannelId', 6n],
  ] as const) {
    const refused = decodeForwardPayload(encodePayload({ ...all, [name]: undefined as unknown as Msat }))
    assert(!refused.ok && 'failure' in refused)
    assert.deepEqual(refused.failure, { name: 'invalid_onion_payload', type, offset: 0 })
  }
  // Of blinded paths, and of nothing at all.
  for (const record of ['0a00', `0c21${bytesToHex(publicKeyOf(KEYS[0]))}`, '1000 1400'.replace(' ', '')]) {
    const bytes = hexToBytes(`020103040104${record}`)
    assert.equal(codeOf(decodeFinalPayload(bytes)), 'invalid_onion_payload')
  }
})

test('payloads: garbage is refused or read, never thrown at', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
      for (const decode of [decodeFinalPayload, decodeForwardPayload])
        assert.match(codeOf(decode(bytes)), /^(ok|invalid_onion_payload)$/)
    }),
    { numRuns: 500 },
  )
})

test('replays: an onion is opened once, till it is too old; nothing remembered gives way to a flood', () => {
  const guard = new ReplayGuard([{ hmac: KEYS[0], expiry: 10, htlc: 'a' }], 3)
  const remember = (key: number, expiry: number, htlc: string): string =>
    codeOf(guard.remember({ hmac: KEYS[key], expiry, htlc }))
  assert.equal(remember(0, 99, 'b'), 'onion-replayed')
  assert.equal(remember(0, 10, 'a'), 'ok')
  assert.equal(remember(1, 20, 'c'), 'ok')
  assert.equal(remember(2, 20, 'd'), 'ok')
  assert.equal(remember(3, 20, 'e'), 'onions-full')
  assert.equal(remember(1, 20, 'e'), 'onion-replayed')
  guard.forgetExpired(9)
  assert.equal(guard.size, 3)
  guard.forgetExpired(10)
  assert.equal(guard.size, 2)
  assert.equal(remember(3, 30, 'e'), 'ok')
  guard.forgetExpired(30)
  assert.equal(guard.size, 0)
})
