/** Figures for people: exact amounts, every number with its unit, hashes that can be told apart. */
import { assert } from 'chai'
import { sats } from '../../src/primitives/amount.ts'
import {
  ageText,
  amountText,
  amountWithUnit,
  bytesText,
  countText,
  durationText,
  easedText,
  feeRateText,
  fromCoins,
  hashesPerBlock,
  hashRateText,
  plural,
  shortened,
} from '../../web/format.ts'

describe('figures of the page', () => {
  it('show amounts to the satoshi, grouped, without needless zeros', () => {
    assert.equal(amountText(sats(0)), '0')
    assert.equal(amountText(sats(1)), '0.00000001')
    assert.equal(amountText(sats(250_000_000)), '2.5')
    assert.equal(amountText(sats(100_000_000_000)), '1,000')
    assert.equal(amountText(sats(2_099_999_999_999_999)), '20,999,999.99999999')
    assert.equal(amountText(sats(-75_000_231)), '−0.75000231')
  })

  it('name the unit, in the singular for exactly one', () => {
    assert.equal(amountWithUnit(sats(100_000_000)), '1 coin')
    assert.equal(amountWithUnit(sats(100_000_001)), '1.00000001 coins')
    assert.equal(plural(1, 'block'), '1 block')
    assert.equal(plural(1203, 'block'), '1,203 blocks')
  })

  it('read the amounts of RPC results to the exact satoshi', () => {
    for (const exact of [1, 3, 58, 2_899_999_999, 1_234_567_890_123_456, 2_099_999_999_999_999])
      assert.equal(fromCoins(exact / 1e8), exact)
    assert.equal(fromCoins(0.1 + 0.2), 30_000_000)
  })

  it('scale rates and sizes without ever showing 1000 of a unit', () => {
    assert.equal(hashRateText(0), '0 H/s')
    assert.equal(hashRateText(999), '999 H/s')
    assert.equal(hashRateText(1_240_000), '1.24 MH/s')
    assert.equal(hashRateText(999_999), '1.00 MH/s')
    assert.equal(bytesText(4_612), '4.61 kB')
    assert.equal(feeRateText(1.5), '1.5 sat/vB')
    assert.equal(feeRateText(1234.4), '1,234 sat/vB')
    assert.equal(countText(-12_345), '−12,345')
  })

  it('say lengths of time in words that fit their size', () => {
    assert.equal(durationText(8.4), '8 s')
    assert.equal(durationText(59.7), '1 min')
    assert.equal(durationText(3900), '1 h 5 min')
    assert.equal(durationText(3 * 86_400), '3 days')
    assert.equal(ageText(-40), 'now')
    assert.equal(ageText(12), '12 s ago')
  })

  it('say that a target is eased, by how much and why', () => {
    assert.equal(easedText(3, 540, 30), 'eased 8-fold, since no block came for 9 min')
    assert.equal(easedText(0.5, 60, 30), 'eased 1.4-fold, since blocks were slow to come')
    assert.isUndefined(easedText(0, 540, 30))
  })

  it('shorten hashes in the middle and leave short texts whole', () => {
    assert.equal(shortened('0123456789abcdef0123456789abcdef'), '01234567…abcdef')
    assert.equal(shortened('0123456789abcde'), '0123456789abcde')
  })

  it('state the work of a block as Core defines difficulty', () => {
    assert.closeTo(hashesPerBlock(1), 2 ** 32, 2 ** 17)
  })
})
