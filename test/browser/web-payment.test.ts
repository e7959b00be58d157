/** What a person types to pay is understood or refused with a sentence that helps; the history adds up. */
import { assert } from 'chai'
import { sats } from '../../src/primitives/amount.ts'
import { amountText, type NumberStyle, numberStyle } from '../../web/format.ts'
import { paymentsOf } from '../../web/history.ts'
import {
  decimalText,
  feeChoices,
  readAmount,
  readFeeRate,
  readNumber,
  readRecipient,
  satsPerVbyte,
} from '../../web/payment.ts'
import type { WalletTransaction } from '../../web/rpc-results.ts'

const ADDRESS = 'tab1pexample'

describe('payment links', () => {
  const rest = { amount: undefined, label: undefined, message: undefined }

  it('are told from bare addresses, whatever their case and spaces', () => {
    assert.deepEqual(readRecipient(`  ${ADDRESS}\n`).value, { address: ADDRESS, ...rest })
    assert.equal(readRecipient(`OPENTAB:${ADDRESS.toUpperCase()}`).value?.address, ADDRESS.toUpperCase())
  })

  it('say all that they say: questions, plus signs, a message', () => {
    assert.deepEqual(readRecipient(`opentab:${ADDRESS}?label=Lunch?&amount=0.5&message=1+1`).value, {
      address: ADDRESS,
      amount: sats(50_000_000),
      label: 'Lunch?',
      message: '1+1',
    })
  })

  it('are refused when they are for another network, ask for what is unknown, for no amount, or for two', () => {
    assert.include(readRecipient(`bitcoin:${ADDRESS}`).problem, 'links of this network with "opentab:"')
    assert.include(readRecipient(`opentab:${ADDRESS}?req-pledge=1`).problem, 'pledge')
    assert.include(readRecipient(`opentab:${ADDRESS}?a?b&req-pledge=1`).problem, 'pledge')
    assert.include(readRecipient(`opentab:${ADDRESS}?amount=1e3`).problem, '1e3')
    assert.include(readRecipient(`opentab:${ADDRESS}?amount=1&amount=2`).problem, 'twice')
    assert.include(readRecipient('').problem, 'Enter')
  })
})

describe('numbers', () => {
  const [english, german, french] = ['en-US', 'de-DE', 'fr-FR'].map(numberStyle) as [
    NumberStyle,
    NumberStyle,
    NumberStyle,
  ]

  it('are read as they are shown, wherever their decimal sign is a comma', () => {
    for (const style of [
      english,
      german,
      french,
      numberStyle('de-CH'),
      numberStyle('en-IN'),
      numberStyle('ar-EG'),
    ])
      for (const amount of [sats(1), sats(150_000_000), sats(123_450_000_000), sats(2_099_999_999_999_999)]) {
        const digits = (text: string) => readAmount(readNumber(text, style).value ?? text).value
        assert.equal(digits(amountText(amount, style)), amount, amountText(amount, style))
        assert.equal(digits(decimalText(amount, style)), amount, decimalText(amount, style))
      }
    assert.equal(amountText(sats(123_450_000_000), german), '1.234,5')
    assert.equal(decimalText(sats(123_450_000_000), german), '1234,5')
  })

  it('take the other sign for decimals where it can mean nothing else', () => {
    assert.equal(readNumber('1,5', english).value, '1.5')
    assert.equal(readNumber('0.5', german).value, '0.5')
    assert.equal(readNumber('0,125', english).value, '0.125')
    assert.equal(readNumber('1234,567', english).value, '1234.567')
    assert.equal(readNumber('1’234.5', german).value, '1234.5')
    assert.equal(readNumber('1,234,567', english).value, '1234567')
  })

  it('are refused where they can mean two things, with how to write them', () => {
    for (const [text, style] of [
      ['1,234', english],
      ['1.234', german],
      ['1,234.5', german],
      ['1.234,5', english],
      ['1.5.5', english],
    ] as const)
      assert.include(readNumber(text, style).problem, `such as 1234${style.decimal}5`, text)
  })
})

describe('amounts and fee rates', () => {
  it('are exact', () => {
    assert.equal(readAmount('0.1', sats(1e8)).value, 10_000_000)
    assert.equal(readAmount(' 12.00000001 ', sats(2e9)).value, 1_200_000_001)
    assert.equal(readAmount('21000000').value, 2.1e15)
    assert.equal(readFeeRate('2.5', 1).value, 2.5)
    assert.equal(readFeeRate('2,5', 1).value, 2.5)
  })

  it('are refused with what to do', () => {
    for (const text of ['', '.', 'abc', '-1', '1e8', '0.000000001', '0'])
      assert.isString(readAmount(text, sats(1e8)).problem, text)
    for (const text of ['1.00000001', '90071993', '123456789012345678.5'])
      assert.include(readAmount(text, sats(1e8)).problem, 'you have 1 coin', text)
    assert.include(readAmount('21000001').problem, 'no more than 21,000,000 coins')
    for (const text of ['', 'x', '-1', '1e1', '0.5', '99999'])
      assert.isString(readFeeRate(text, 1).problem, text)
  })

  it('offer no rate that gains nothing, none that falls, and none below what is forwarded', () => {
    const offered = (rates: readonly (number | undefined)[], minimum: number) =>
      feeChoices(
        rates.map((rate, at) => ({ blocks: [24, 6, 2][at]!, ...(rate && { feerate: rate / 1e5 }) })),
        minimum,
      ).map(({ speed, rate, blocks }) => `${speed} ${rate} ${blocks}`)
    // Blocks have room: a higher rate is mined no sooner.
    assert.deepEqual(offered([1, 1, 1], 1), ['normal 1 2'])
    assert.deepEqual(offered([1, 4, 9], 1), ['slow 1 24', 'normal 4 6', 'fast 9 2'])
    assert.deepEqual(offered([1, 1, 9], 1), ['normal 1 6', 'fast 9 2'])
    assert.deepEqual(offered([20, 5, undefined], 2), ['normal 20 2'])
    assert.deepEqual(offered([1, 2, 3], 2), ['normal 2 6', 'fast 3 2'])
  })

  it('round rates up, so that a payment is never refused for its last decimal', () => {
    assert.equal(satsPerVbyte(0.00001), 1)
    assert.equal(satsPerVbyte(0.00001001), 1.01)
    assert.equal(satsPerVbyte(0.000012345), 1.24)
  })
})

describe('the history', () => {
  const entry = (part: Partial<WalletTransaction>): WalletTransaction => ({
    txid: 'a',
    category: 'receive',
    amount: 1,
    confirmations: 1,
    time: 0,
    ...part,
  })

  it('has one line a transaction, newest first, the fee counted once', () => {
    const [newest, oldest] = paymentsOf([
      entry({ txid: 'old' }),
      entry({ txid: 'new', category: 'send', amount: -1, fee: -0.000001, address: 'x' }),
      entry({ txid: 'new', category: 'send', amount: -0.5, fee: -0.000001, address: 'y' }),
    ])
    assert.equal(oldest!.txid, 'old')
    assert.equal(newest!.kind, 'sent')
    assert.equal(newest!.net, -150_000_100)
    assert.equal(newest!.fee, 100)
  })

  it('knows payments to oneself, mined coins, and what was undone', () => {
    const kinds = paymentsOf([
      entry({ txid: '1', category: 'send', amount: -2, fee: -0.000001 }),
      entry({ txid: '1', category: 'receive', amount: 2 }),
      entry({ txid: '2', category: 'immature' }),
      entry({ txid: '3', category: 'orphan', confirmations: 0 }),
      entry({ txid: '4', category: 'send', amount: -1, abandoned: true }),
    ]).map(({ kind, immature, abandoned, net }) => ({ kind, immature, abandoned, net }))
    assert.deepEqual(kinds, [
      { kind: 'sent', immature: false, abandoned: true, net: sats(-1e8) },
      { kind: 'mined', immature: false, abandoned: true, net: sats(1e8) },
      { kind: 'mined', immature: true, abandoned: false, net: sats(1e8) },
      { kind: 'moved', immature: false, abandoned: false, net: sats(-100) },
    ])
  })
})
