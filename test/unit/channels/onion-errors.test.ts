/**
 * Promise: a failure reaches the sender from whichever hop it came, with the hop's place and every hold time before it; whoever changes it on its
 * way is found, to one of two neighbours. Failures decode to what was encoded. The simplest published vector is in test/vectors.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { MAX_MSAT, msat } from '../../../src/channels/amount.ts'
import {
  decodeFailure,
  encodeFailure,
  FAILURES,
  type Failure,
  type FailureName,
  malformedFailure,
} from '../../../src/channels/failures.ts'
import {
  ATTRIBUTION_BYTES,
  attributeFulfilment,
  createError,
  type ErrorPacket,
  openError,
  openFulfilment,
  wrapError,
} from '../../../src/channels/onion-errors.ts'
import { deriveKey, hmacSha256 } from '../../../src/channels/sphinx.ts'
import { WireWriter } from '../../../src/channels/wire.ts'
import { bytesToHex, concatBytes, hexToBytes } from '../../../src/primitives/bytes.ts'
import { sha256 } from '../../../src/primitives/hashes.ts'

const secret = fc.uint8Array({ minLength: 32, maxLength: 32 })
const routes = fc
  .uniqueArray(secret, { minLength: 1, maxLength: 20, selector: bytesToHex })
  .chain((secrets) => fc.tuple(fc.constant(secrets), fc.nat(secrets.length - 1)))

/** What the sender gets when hop `source` fails, each hop having held the payment for its own number, and a hop changing it. */
function send(
  secrets: readonly Uint8Array[],
  source: number,
  message: Uint8Array,
  change: (hop: number, packet: ErrorPacket) => ErrorPacket = (_, packet) => packet,
): ErrorPacket {
  let packet = change(source, createError(secrets[source], message, source + 1))
  for (let hop = source - 1; hop >= 0; hop--) packet = change(hop, wrapError(secrets[hop], packet, hop + 1))
  return packet
}

test('errors: the failure of each hop is attributed to it, with the times of all before it', () => {
  fc.assert(
    fc.property(routes, fc.uint8Array({ minLength: 2, maxLength: 400 }), ([secrets, source], message) => {
      const packet = send(secrets, source, message)
      assert.equal(packet.attribution?.length, ATTRIBUTION_BYTES)
      assert.deepEqual(openError(secrets, packet), {
        source: { hop: source, message },
        holdTimes: Array.from({ length: source + 1 }, (_, hop) => hop + 1),
      })
      // Without attribution the failure is read all the same.
      assert.deepEqual(openError(secrets, { reason: packet.reason }).source, { hop: source, message })
    }),
    { numRuns: 60 },
  )
})

test('errors: short failures have one length', () => {
  const lengths = Object.values(FAILURES).map(
    ({ code }) => createError(new Uint8Array(32), new WireWriter().u16(code).finish(), 0).reason.length,
  )
  assert.deepEqual(new Set(lengths), new Set([292]))
})

test('errors: who changes one on its way is found, to one of two neighbours', () => {
  fc.assert(
    fc.property(
      routes.filter(([secrets]) => secrets.length > 1),
      fc.nat(),
      fc.boolean(),
      ([secrets, source], at, inReason) => {
        const culprit = at % (source + 1)
        const packet = send(secrets, source, Uint8Array.of(0x20, 2), (hop, packet) => {
          if (hop !== culprit) return packet
          const field = (inReason ? packet.reason : packet.attribution)?.slice()
          assert(field)
          field[at % field.length] ^= 1 + (at % 255)
          return inReason ? { ...packet, reason: field } : { ...packet, attribution: field }
        })
        const opened = openError(secrets, packet)
        if (inReason) {
          // The hop before it signed what it received from it: the proof ends between the two.
          assert.equal(opened.source, undefined)
          assert(opened.suspect === culprit)
          assert.deepEqual(
            opened.holdTimes,
            secrets.slice(0, culprit).map((_, hop) => hop + 1),
          )
        } else {
          // The failure itself is untouched, and only the times behind the culprit may be lost.
          assert.equal(opened.source?.hop, source)
          assert(opened.holdTimes.length >= culprit)
          assert.deepEqual(
            opened.holdTimes,
            opened.holdTimes.map((_, hop) => hop + 1),
          )
        }
      },
    ),
    { numRuns: 60 },
  )
})

test('errors: garbage from the first hop is nobody’s failure and the first hop’s fault', () => {
  fc.assert(
    fc.property(
      fc.array(secret, { minLength: 1, maxLength: 20 }),
      fc.uint8Array({ maxLength: 400 }),
      fc.option(fc.uint8Array({ minLength: ATTRIBUTION_BYTES, maxLength: ATTRIBUTION_BYTES }), {
        nil: undefined,
      }),
      (secrets, reason, attribution) =>
        assert.deepEqual(openError(secrets, { reason, attribution }), { holdTimes: [], suspect: 0 }),
    ),
    { numRuns: 50 },
  )
})

test('fulfilments: each hop’s time is told, as far as all before it pass it on', () => {
  fc.assert(
    fc.property(fc.array(secret, { minLength: 1, maxLength: 20 }), fc.nat(), (secrets, drop) => {
      let attribution: Uint8Array | undefined
      const silent = drop % (secrets.length + 1)
      for (let hop = secrets.length - 1; hop >= 0; hop--)
        // One hop does not know attribution, and passes nothing on.
        attribution = hop === silent ? undefined : attributeFulfilment(secrets[hop], hop + 1, attribution)
      assert.deepEqual(
        openFulfilment(secrets, attribution),
        secrets.slice(0, silent).map((_, hop) => hop + 1),
      )
    }),
    { numRuns: 40 },
  )
})

/** The secrets of BOLT 4's test vector, by hop. */
const SECRETS = [
  '53eb63ea8a3fec3b3cd433b85cd62a4b145e1dda09391b348c4e1cd36a03ea66',
  'a6519e98832a0b179f62123b3567c106db99ee37bef036e783263602f3488fae',
  '3a6b412548762f0dbccce5c7ae7bb8147d1caf9b5471c34120b30bc9c04891cc',
  '21e13c2d7cfe7e18836df50872466117a295783ab8aab0e7ecc8c725503ad02d',
  'b5756b9b542727dbafc6765a49488b023a725d631af688fc031217e90770c328',
].map(hexToBytes)

/** The first 16 bytes of the SHA-256 of what each node returns, the last node first. */
const ERROR_DIGESTS = [
  ['af9de55ab5c9355f9a438f96035a3d45', '25ff586eab24fa8d3ea4170629269da6'],
  ['929b5202b7cddf44137ab09c9c9cce0b', 'c4aad28856fa0e3a7b4a016ca993628f'],
  ['d7023647b46913b9c2ddc4f60178b1ce', '5706b3765997d4716e76daf8853e5527'],
  ['325918ac1a2c14568c50ad5493b60cec', '013c69b6b2abc0453348483f8cb81aaf'],
  ['0709ced8da7a15dae982a2c0edfe44fe', '7fe8cee92a9d62492c9ef65d54f363f4'],
]
const FULFILMENT_DIGESTS = [
  '03fafa645fbc1fd1d623b7900b21e496',
  '559e20750750c4cf807f0d5fdd950774',
  'b4dc73f0964f4b693c50c171e184ad65',
  '407543c483b29ec88a2cbc9039ef73cd',
  '7c8edc31d5900c0c8df5393c534cf54f',
]

function digest(bytes: Uint8Array | undefined): string {
  assert(bytes)
  return bytesToHex(sha256(bytes)).slice(0, 32)
}

test('errors and fulfilments: the test vector of BOLT 4, with attribution', () => {
  const failure = encodeFailure({
    name: 'incorrect_or_unknown_payment_details',
    htlcMsat: msat(100),
    height: 800_000,
  })
  const record = new WireWriter().bigSize(34001n).varBytes(new Uint8Array(300).fill(128)).finish()
  const message = concatBytes(failure, record)
  // The vector fills up to 1,024 bytes, we to 256: its packet is made here, and wrapped by its maker as by all others.
  const body = new WireWriter()
    .u16Bytes(message)
    .u16Bytes(new Uint8Array(1024 - message.length))
    .finish()
  let packet: ErrorPacket = { reason: concatBytes(hmacSha256(deriveKey('um', SECRETS[4]), body), body) }
  let fulfilment: Uint8Array | undefined
  for (let hop = 4; hop >= 0; hop--) {
    // Its hold times are numbered from the node that fails.
    packet = wrapError(SECRETS[hop], packet, 5 - hop)
    assert.deepEqual([digest(packet.reason), digest(packet.attribution)], ERROR_DIGESTS[4 - hop])
    fulfilment = attributeFulfilment(SECRETS[hop], 5 - hop, fulfilment)
    assert.equal(digest(fulfilment), FULFILMENT_DIGESTS[4 - hop])
  }
  const opened = openError(SECRETS, packet)
  assert.deepEqual(opened, { source: { hop: 4, message }, holdTimes: [5, 4, 3, 2, 1] })
  assert.deepEqual(openFulfilment(SECRETS, fulfilment), [5, 4, 3, 2, 1])
  // Its record beyond the known details is ignored.
  const decoded = decodeFailure(message)
  assert(decoded.ok)
  assert.deepEqual(decoded.value.failure, {
    name: 'incorrect_or_unknown_payment_details',
    htlcMsat: 100,
    height: 800_000,
  })
})

const details = fc.record(
  {
    sha256OfOnion: secret,
    htlcMsat: fc.integer({ min: 0, max: MAX_MSAT }).map(msat),
    cltvExpiry: fc.integer({ min: 0, max: 0xffffffff }),
    disabledFlags: fc.nat(0xffff),
    height: fc.integer({ min: 0, max: 0xffffffff }),
    type: fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }),
    offset: fc.nat(0xffff),
    channelUpdate: fc.uint8Array({ maxLength: 200 }),
  },
  { noNullPrototype: true },
)

test('failures: decoding is the inverse of encoding, with whatever comes behind', () => {
  const names = Object.keys(FAILURES) as FailureName[]
  fc.assert(
    fc.property(fc.constantFrom(...names), details, fc.uint8Array({ maxLength: 50 }), (name, all, more) => {
      const own = Object.fromEntries(FAILURES[name].details.map((detail) => [detail, all[detail]]))
      const failure = { name, ...own } as unknown as Failure
      const decoded = decodeFailure(concatBytes(encodeFailure(failure), more))
      assert.deepEqual(decoded, { ok: true, value: { code: FAILURES[name].code, failure } })
    }),
  )
})

test('failures: a code that is unknown or says too little is kept, garbage never throws', () => {
  assert.deepEqual(decodeFailure(hexToBytes('7001')), { ok: true, value: { code: 0x7001 } })
  assert.deepEqual(decodeFailure(hexToBytes('100b00')), { ok: true, value: { code: 0x100b } })
  assert(!decodeFailure(hexToBytes('10')).ok)
  fc.assert(fc.property(fc.uint8Array({ maxLength: 60 }), (bytes) => void decodeFailure(bytes)))
})

test('failures: an onion that the next hop could not read is told as its own failure', () => {
  const hash = new Uint8Array(32).fill(7)
  const told = malformedFailure(FAILURES.invalid_onion_hmac.code, hash)
  assert(told)
  assert.deepEqual(decodeFailure(told), {
    ok: true,
    value: { code: 0xc005, failure: { name: 'invalid_onion_hmac', sha256OfOnion: hash } },
  })
  assert.equal(malformedFailure(FAILURES.temporary_node_failure.code, hash), undefined)
})
