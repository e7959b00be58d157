/** Promise: a payment link says what it said, and one that can't be honoured is refused with a reason. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { REGTEST } from '../../../src/consensus/params.ts'
import { sats } from '../../../src/primitives/amount.ts'
import { decodeAddress, encodeAddress } from '../../../src/script/address.ts'
import { formatPaymentLink, parsePaymentLink } from '../../../src/wallet/uri.ts'

const ADDRESS = encodeAddress(new Uint8Array(32).fill(7), REGTEST.addressPrefix)
const check = (address: string) => decodeAddress(address, REGTEST.addressPrefix)

test('a formatted link is read back whole', () => {
  const text = fc.option(fc.string({ minLength: 1, maxLength: 60, unit: 'grapheme' }), { nil: undefined })
  const amount = fc.option(fc.integer({ min: 1, max: 2 ** 50 }).map(sats), { nil: undefined })
  const link = fc
    .record({ amount, label: text, message: text })
    .map((rest) => ({ address: ADDRESS, ...rest }))
  fc.assert(
    fc.property(link, (value) => {
      const parsed = parsePaymentLink(formatPaymentLink(value), check)
      assert.deepEqual(parsed, { ok: true, value })
    }),
  )
})

test('a plain address, an upper-case link and unknown parameters are read', () => {
  const upper = `OPENTAB:${ADDRESS.toUpperCase()}?amount=1`
  for (const text of [ADDRESS, `  opentab:${ADDRESS}\n`, upper, `opentab:${ADDRESS}?colour=red`])
    assert.equal(parsePaymentLink(text, check).ok, true, text)
})

test('all of a link counts: a question mark in its text, a plus sign as it is, a message', () => {
  const parsed = parsePaymentLink(`opentab:${ADDRESS}?label=Lunch?&amount=0.5&message=1+1`, check)
  const value = { address: ADDRESS, amount: sats(50_000_000), label: 'Lunch?', message: '1+1' }
  assert.deepEqual(parsed, { ok: true, value })
})

test('the words of a link turn the direction of nothing that stands behind them', () => {
  const turned = encodeURIComponent('\u202eanA\u2066 \u2069\u05d0\u200f')
  const parsed = parsePaymentLink(`opentab:${ADDRESS}?label=${turned}&message=%E2%80%AE`, check)
  const value = { address: ADDRESS, amount: undefined, label: 'anA \u05d0\u200f', message: undefined }
  assert.deepEqual(parsed, { ok: true, value })
})

test('a link that can not be honoured is refused', () => {
  const refusals = {
    [`bitcoin:${ADDRESS}`]: 'link-invalid',
    [`opentab:${ADDRESS}?amount=1,5`]: 'link-invalid',
    [`opentab:${ADDRESS}?amount=1e3`]: 'link-invalid',
    [`opentab:${ADDRESS}?amount=1&amount=2`]: 'link-invalid',
    [`opentab:${ADDRESS}?label=%E0%A4%A`]: 'link-invalid',
    [`opentab:${ADDRESS}?req-escrow=1`]: 'link-requires',
    [`opentab:${ADDRESS}?a?b&req-escrow=1`]: 'link-requires',
    [`opentab:${ADDRESS}?label=${'x'.repeat(3000)}`]: 'link-invalid',
    [`opentab:${ADDRESS.slice(0, -1)}q`]: 'address-checksum',
  }
  for (const [text, code] of Object.entries(refusals)) {
    const parsed = parsePaymentLink(text, check)
    assert.equal(parsed.ok ? 'accepted' : parsed.code, code, text)
  }
})

test('nothing that is typed makes it throw', () => {
  fc.assert(
    fc.property(
      fc.oneof(
        fc.string(),
        fc.webUrl(),
        fc.string().map((tail) => `opentab:${ADDRESS}${tail}`),
      ),
      (text) => {
        parsePaymentLink(text, check)
      },
    ),
  )
})
