/** Promise: an amount of coins is read and written exactly, or refused. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { formatCoins, parseCoins, sats } from '../../../src/primitives/amount.ts'

test('parsing is the inverse of formatting', () => {
  fc.assert(
    fc.property(fc.maxSafeNat(), (value) => {
      const text = formatCoins(sats(value))
      assert.match(text, /^\d+\.\d{8}$/)
      assert.equal(parseCoins(text), value)
      assert.equal(BigInt(text.replace('.', '')), BigInt(value))
      if (value > 0) assert.equal(formatCoins(sats(-value)), `-${text}`)
    }),
  )
})

test('what people write is understood', () => {
  const cases: [string, number][] = [
    ['1', 100_000_000],
    ['0', 0],
    ['.5', 50_000_000],
    ['12.', 1_200_000_000],
    ['0.00000001', 1],
    [' 2.5 ', 250_000_000],
    ['90071992.54740991', Number.MAX_SAFE_INTEGER],
  ]
  for (const [text, value] of cases) assert.equal(parseCoins(text), value, text)
})

test('what is no amount is refused', () => {
  for (const text of [
    ...[
      '',
      ' ',
      '.',
      '-1',
      '+1',
      '1e3',
      '0x10',
      '1,5',
      '1.5 tab',
      'NaN',
      'Infinity',
      '1.000000001',
      '1..2',
      '١',
    ],
    ...['90071992.54740992', '9999999999', '12345678901'],
  ])
    assert.equal(parseCoins(text), undefined, text)
})
