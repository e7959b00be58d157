/** What a person types to pay is understood or refused with a sentence that helps; the history adds up. */
import { assert } from 'chai'
import { sats } from '../../src/primitives/amount.ts'
import { amountText, type NumberStyle, numberStyle } from '../../web/format.ts'
import { isVoid, paymentsOf, paymentTitle } from '../../web/history.ts'
import { type HistoryFilter, rowsOf } from '../../web/history-rows.ts'
import {
  decimalText,
  feeChoices,
  readAmount,
  readFeeRate,
  readNumber,
  readRecipient,
  satsPerVbyte,
} from '../../web/payment.ts'
import { type Asked, foreignReview, reviewOf } from '../../web/review.ts'
import type { PsbtReview, WalletTransaction } from '../../web/rpc-results.ts'

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
  const entry = (part: Partial<WalletTransaction>) =>
    ({
      txid: 'a',
      category: 'receive',
      kind: 'received',
      state: 'confirmed',
      inmempool: false,
      amount: 1,
      confirmations: 1,
      time: 0,
      ...part,
    }) as WalletTransaction

  it('has one line a transaction, newest first, the fee counted once', () => {
    const part = { txid: 'new', kind: 'sent', category: 'send', fee: -0.000001 } as const
    const [newest, oldest] = paymentsOf([
      entry({ txid: 'old' }),
      entry({ ...part, amount: -1, address: 'x', vout: 0 }),
      entry({ ...part, amount: -0.5, address: 'y', vout: 1 }),
    ])
    assert.equal(oldest!.txid, 'old')
    assert.equal(newest!.kind, 'sent')
    assert.equal(newest!.net, -150_000_100)
    assert.equal(newest!.fee, 100)
  })

  it('names the stranger of a payment that pays this wallet, too', () => {
    const part = { kind: 'sent', category: 'send', fee: -0.000001 } as const
    const [payment] = paymentsOf([
      entry({ ...part, amount: -2, address: 'mine', vout: 0 }),
      entry({ ...part, amount: -1, address: 'theirs', vout: 1 }),
      entry({ ...part, category: 'receive', amount: 2, address: 'mine', vout: 0 }),
    ])
    assert.equal(payment!.kind, 'sent')
    assert.equal(payment!.address, 'theirs')
    assert.equal(payment!.net, sats(-1e8 - 100))
    assert.equal(paymentTitle(payment!), 'Sent')
  })

  it('shows a replacement once, with those whose place it took under it', () => {
    const part = { kind: 'sent', category: 'send', amount: -1, confirmations: 0 } as const
    const rows = rowsOf(
      paymentsOf([
        entry({ ...part, txid: 'first', state: 'replaced', replaced_by_txid: 'second' }),
        entry({
          ...part,
          txid: 'second',
          state: 'replaced',
          replaces_txid: 'first',
          replaced_by_txid: 'third',
        }),
        entry({ ...part, txid: 'third', state: 'pending', replaces_txid: 'second' }),
      ]),
    )
    const told = rows.map((row) =>
      'payment' in row ? [row.payment, ...row.former].map(({ txid }) => txid) : [],
    )
    assert.deepEqual(told, [['third', 'second', 'first']])
  })

  it('makes one line of rewards in a row, and leaves out what the filter does', () => {
    const mined = { kind: 'mined', category: 'generate' } as const
    const payments = paymentsOf([
      entry({ ...mined, txid: '1' }),
      entry({ ...mined, txid: '2', state: 'orphaned', category: 'orphan', confirmations: 0 }),
      entry({ txid: '3' }),
      entry({ ...mined, txid: '4', category: 'immature' }),
    ])
    const told = (filter: HistoryFilter) =>
      rowsOf(payments, filter).map((row) =>
        'rewards' in row ? row.rewards.map(({ txid }) => txid).join('+') : row.payment.txid,
      )
    assert.deepEqual(told('all'), ['4', '3', '2+1'])
    assert.deepEqual(told('mining'), ['4+2+1'])
    assert.deepEqual(told('payments'), ['3'])
    assert.isTrue(isVoid(payments[2]!), 'an orphaned reward counts')
    assert.isFalse(isVoid(payments[0]!))
  })
})

describe('a review', () => {
  const answer: PsbtReview = {
    digest: 'd',
    txid: 't',
    foreigninputs: 0,
    payees: [{ address: 'tabrt1pbob', amount: 2 }],
    change: [],
    fee: 0.000002,
    feeishigh: false,
    vsize: 150,
  }
  const asked: Asked = { address: 'TABRT1PBOB', amount: sats(2e8), all: false }
  const foreign = (part: Partial<PsbtReview>, other: Partial<Asked> = {}): boolean =>
    foreignReview(reviewOf('psbt', { ...answer, ...part }, ''), { ...asked, ...other }) !== undefined

  it('of another payment than was asked for is refused', () => {
    assert.isFalse(foreign({}))
    assert.isTrue(foreign({ payees: [{ address: 'tabrt1peve', amount: 2 }] }), 'another payee')
    assert.isTrue(foreign({ payees: [{ address: 'tabrt1pbob', amount: 2.1 }] }), 'another amount')
    assert.isTrue(foreign({ payees: [...answer.payees, { address: 'tabrt1peve', amount: 1 }] }), 'one more')
    assert.isTrue(foreign({ payees: [] }), 'nobody')
    const all = { amount: sats(2e8 + 200), all: true }
    assert.isFalse(foreign({}, all), 'all, less the fee')
    assert.isTrue(foreign({}, { ...all, amount: sats(3e8) }), 'all, less more than the fee')
  })
})
