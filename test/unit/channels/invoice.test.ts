/**
 * Promise: an invoice says what its maker put into it, on its own network only, and a changed one is refused with a sentence that helps. The
 * published vectors are in test/vectors, another implementation's answers in test/differential.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { secp256k1 } from '@noble/curves/secp256k1.js'
import { numberToBytesBE } from '@noble/curves/utils.js'
import { bech32 } from '@scure/base'
import fc from 'fast-check'
import { MAX_MSAT, msat } from '../../../src/channels/amount.ts'
import { features } from '../../../src/channels/features.ts'
import {
  decodeInvoice,
  type InvoiceTerms,
  invoiceMessage,
  type RouteHint,
  signedInvoice,
  unsignedInvoice,
} from '../../../src/channels/invoice.ts'
import { shortChannelId } from '../../../src/channels/short-channel-id.ts'
import { publicKeyOf } from '../../../src/channels/sphinx.ts'
import { PUBLIC, REGTEST } from '../../../src/consensus/params.ts'
import { bytesToHex, concatBytes } from '../../../src/primitives/bytes.ts'
import { sha256 } from '../../../src/primitives/hashes.ts'
import { p2trScript } from '../../../src/script/taproot.ts'
import { encodeInvoice, signInvoice } from '../../support/invoices.ts'

const KEY = new Uint8Array(32).fill(7)
const PREFIX = PUBLIC.addressPrefix
const ORDER = secp256k1.Point.Fn.ORDER
const bytes32 = fc.uint8Array({ minLength: 32, maxLength: 32 })
const u32 = fc.integer({ min: 0, max: 0xffffffff })

const hint: fc.Arbitrary<RouteHint> = fc.record(
  {
    nodeId: fc.integer({ min: 1, max: 50 }).map((byte) => publicKeyOf(new Uint8Array(32).fill(byte))),
    shortChannelId: fc
      .record({ height: fc.nat(0xffffff), position: fc.nat(0xffffff), output: fc.nat(0xffff) })
      .map(shortChannelId),
    feeBase: u32.map(msat),
    feeProportionalMillionths: u32,
    cltvExpiryDelta: fc.nat(0xffff),
  },
  { noNullPrototype: true },
)

const terms: fc.Arbitrary<InvoiceTerms> = fc.record(
  {
    amount: fc.option(
      fc.oneof(
        fc.integer({ min: 1, max: MAX_MSAT }).map(msat),
        fc
          .tuple(fc.integer({ min: 1, max: 90_000 }), fc.constantFrom(1, 100, 1e5, 1e8, 1e11))
          .map(([count, unit]) => msat(count * unit)),
      ),
      { nil: undefined },
    ),
    timestamp: fc.nat(2 ** 35 - 1),
    paymentHash: bytes32,
    paymentSecret: bytes32,
    description: fc.oneof(fc.string({ unit: 'grapheme', maxLength: 60 }), bytes32),
    metadata: fc.option(fc.uint8Array({ maxLength: 639 }), { nil: undefined }),
    expiry: fc.nat(Number.MAX_SAFE_INTEGER),
    minFinalCltvExpiryDelta: fc.nat(Number.MAX_SAFE_INTEGER),
    fallbacks: fc.array(bytes32.map(p2trScript), { maxLength: 2 }),
    routeHints: fc.array(fc.array(hint, { minLength: 1, maxLength: 3 }), { maxLength: 3 }),
    features: fc.constantFrom(
      0n,
      features(['payment_secret', 'var_onion_optin'], ['basic_mpp']),
      // An odd bit of nothing known.
      1n << 99n,
    ),
  },
  { noNullPrototype: true },
)

test('invoices: decoding is the inverse of encoding', () => {
  fc.assert(
    fc.property(terms, fc.constantFrom(PUBLIC, REGTEST), (terms, { addressPrefix }) => {
      const text = encodeInvoice(terms, addressPrefix, KEY)
      const invoice = { ...terms, payee: publicKeyOf(KEY) }
      for (const written of [text, text.toUpperCase(), ` lightning:${text}\n`])
        assert.deepEqual(decodeInvoice(written, addressPrefix), { ok: true, value: invoice })
    }),
    { numRuns: 150 },
  )
})

const TERMS: InvoiceTerms = {
  amount: msat(250_000_000),
  timestamp: 1_800_000_000,
  paymentHash: new Uint8Array(32).fill(1),
  paymentSecret: new Uint8Array(32).fill(2),
  description: 'one cup of coffee',
  expiry: 60,
  minFinalCltvExpiryDelta: 40,
  fallbacks: [],
  routeHints: [],
  features: features(['payment_secret', 'var_onion_optin']),
}

function codeOf(text: string, prefix = PREFIX): string {
  const decoded = decodeInvoice(text, prefix)
  if (decoded.ok) return 'ok'
  assert.match(decoded.detail, /[.?]$/)
  return decoded.code
}

test('invoices: amounts are written with the greatest multiplier, and read with any', () => {
  const texts: readonly (readonly [number, string])[] = [
    [100_000_000_000, 'lntab1'],
    [250_000_000, 'lntab2500u1'],
    [100_000_000, 'lntab1m1'],
    [100, 'lntab1n1'],
    [1, 'lntab10p1'],
    [123, 'lntab1230p1'],
  ]
  for (const [amount, start] of texts) {
    const text = encodeInvoice({ ...TERMS, amount: msat(amount) }, PREFIX, KEY)
    assert(text.startsWith(amount === 100_000_000_000 ? 'lntab11' : start), text)
  }
  const { words } = unsignedInvoice(TERMS, PREFIX)
  const withAmount = (amount: string): string => signInvoice({ prefix: `ln${PREFIX}${amount}`, words }, KEY)
  for (const same of ['2500u', '2500000n', '2500000000p']) assert.equal(codeOf(withAmount(same)), 'ok')
  for (const wrong of ['0', '0m', '01m', '1x', '11p', '90072', '99999999999999999999999999999999999', '1mm'])
    assert.equal(codeOf(withAmount(wrong)), 'invoice-amount', wrong)
})

test('invoices: another network’s is told apart, also where one prefix begins as the other', () => {
  const regtest = encodeInvoice(TERMS, REGTEST.addressPrefix, KEY)
  assert.equal(codeOf(regtest), 'invoice-prefix')
  assert.equal(codeOf(encodeInvoice(TERMS, PREFIX, KEY), REGTEST.addressPrefix), 'invoice-prefix')
  assert.equal(codeOf(encodeInvoice(TERMS, 'bc', KEY)), 'invoice-prefix')
})

test('invoices: every wrong character is refused, and with a right checksum every changed word', () => {
  const text = encodeInvoice(TERMS, PREFIX, KEY)
  for (let at = 0; at < text.length; at++) {
    const other = text[at] === 'q' ? 'p' : 'q'
    assert.notEqual(codeOf(text.slice(0, at) + other + text.slice(at + 1)), 'ok', `character ${at}`)
  }
  const { prefix, words } = bech32.decode(text as `${string}1${string}`, false)
  const payee = publicKeyOf(KEY)
  for (let at = 0; at < words.length; at++) {
    const changed = words.slice()
    changed[at] ^= 1 + (at % 31)
    const decoded = decodeInvoice(bech32.encode(prefix, changed, false), PREFIX)
    // Without a named payee a signature of other data is that of somebody else, who can't be paid with this hash.
    if (decoded.ok) assert.notDeepEqual(decoded.value.payee, payee, `word ${at}`)
  }
})

test('invoices: what is said twice, badly or not at all', () => {
  const { prefix, words } = unsignedInvoice(TERMS, PREFIX)
  const signed = (words: readonly number[]): string => signInvoice({ prefix, words }, KEY)
  const timestamp = words.slice(0, 7)
  const rest = words.slice(7)
  const field = (type: number, data: readonly number[]): number[] => [
    type,
    data.length >> 5,
    data.length & 31,
    ...data,
  ]
  const hash = field(1, bech32.toWords(TERMS.paymentHash))
  const secret = field(16, bech32.toWords(TERMS.paymentSecret))
  const text = field(13, bech32.toWords(new Uint8Array([0x61])))
  assert.equal(codeOf(signed([...timestamp, ...hash, ...secret, ...text])), 'ok')
  for (const missing of [
    [...secret, ...text],
    [...hash, ...text],
    [...hash, ...secret],
  ])
    assert.equal(codeOf(signed([...timestamp, ...missing])), 'invoice-missing')
  for (const wrong of [
    hash,
    secret,
    text,
    // A hash beside the text; text that is no UTF-8; bits behind the last byte; a field that is longer than the rest.
    field(23, bech32.toWords(TERMS.paymentHash)),
    [...field(13, bech32.toWords(new Uint8Array([0xff])))],
    field(27, [1]),
    [13, 0, 31, 1],
    // Numbers that begin with 0, or are beyond 2^53; a way that is no list of channels; a payee that is no point.
    field(6, [0, 1]),
    field(24, Array(12).fill(31)),
    field(3, []),
    field(3, bech32.toWords(new Uint8Array(50))),
    field(19, bech32.toWords(new Uint8Array(33))),
  ])
    assert.equal(codeOf(signed([...words, ...wrong])), 'invoice-field', String(wrong))
  // Of other lengths than theirs, of other networks, of unknown types: skipped.
  for (const skipped of [field(1, [1]), field(9, [17, 1, 1]), field(9, []), field(2, [1, 2, 3])])
    assert.equal(codeOf(signed([...words, ...skipped])), 'ok', String(skipped))
  // Features that are required and unknown, and parts without a secret to join them.
  for (const bits of [1n << 100n, features(['basic_mpp'])]) {
    const other = unsignedInvoice({ ...TERMS, features: bits }, PREFIX)
    assert.equal(codeOf(signInvoice(other, KEY)), 'invoice-feature')
  }
  // Somebody else's signature, where the payee is named.
  const named = [...timestamp, ...field(19, bech32.toWords(publicKeyOf(KEY))), ...rest]
  assert.equal(codeOf(signed(named)), 'ok')
  assert.equal(codeOf(signInvoice({ prefix, words: named }, new Uint8Array(32).fill(8))), 'invoice-signature')
})

test('invoices: garbage is refused, never thrown at', () => {
  fc.assert(
    fc.property(fc.string({ maxLength: 400 }), (text) => {
      codeOf(text)
      codeOf(`lntab1${text}`)
    }),
  )
  // With a right checksum and whatever inside.
  fc.assert(
    fc.property(fc.string({ maxLength: 12 }), fc.array(fc.nat(31), { maxLength: 400 }), (end, words) => {
      const prefix = `lntab${end.replace(/[^!-~]/g, '').toLowerCase()}`
      codeOf(bech32.encode(prefix, words, false))
    }),
  )
  assert.equal(codeOf(`lntab1${'q'.repeat(5000)}`), 'invoice-length')
})

test('invoices: whom a signature recovers to is what noble-curves says, whatever the signature', () => {
  const half = fc.oneof(
    bytes32,
    fc.constantFrom(0n, 1n, ORDER - 1n, ORDER, 2n ** 256n - 1n).map((number) => numberToBytesBE(number, 32)),
    // Below p − n: the only ones whose point may have the x r + n.
    fc.bigInt({ min: 1n, max: 2n ** 128n }).map((number) => numberToBytesBE(number, 32)),
  )
  fc.assert(
    fc.property(terms, half, half, fc.nat(3), (terms, r, s, recovery) => {
      const unsigned = unsignedInvoice(terms, PREFIX)
      const decoded = decodeInvoice(
        signedInvoice(unsigned, concatBytes(r, s, Uint8Array.of(recovery))),
        PREFIX,
      )
      let expected: string
      try {
        expected = secp256k1.Signature.fromBytes(concatBytes(r, s), 'compact')
          .addRecoveryBit(recovery)
          .recoverPublicKey(sha256(invoiceMessage(unsigned)))
          .toHex(true)
      } catch {
        expected = 'invoice-signature'
      }
      assert.equal(decoded.ok ? bytesToHex(decoded.value.payee) : decoded.code, expected)
    }),
    { numRuns: 300 },
  )
})
