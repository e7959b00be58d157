/** What a person types to pay is understood or refused with a sentence that helps; the history adds up. */
import { assert } from 'chai'
import { sats } from '../../src/primitives/amount.ts'
import { paymentsOf } from '../../web/history.ts'
import {
  feeChoices,
  paymentLink,
  readAmount,
  readFeeRate,
  readRecipient,
  satsPerVbyte,
} from '../../web/payment.ts'
import type { WalletTransaction } from '../../web/rpc-results.ts'

const ADDRESS = 'tab1pexample'

describe('payment links', () => {
  it('come back as they were written', () => {
    for (const link of [
      { address: ADDRESS },
      { address: ADDRESS, amount: sats(150_000_000) },
      { address: ADDRESS, amount: sats(1), label: 'Röschti & coffee?' },
    ])
      assert.deepEqual(readRecipient(paymentLink(link)).value, link)
    assert.equal(
      paymentLink({ address: ADDRESS, amount: sats(1_000_000_000) }),
      `opentab:${ADDRESS}?amount=10`,
    )
  })

  it('are told from bare addresses, whatever their case and spaces', () => {
    assert.deepEqual(readRecipient(`  ${ADDRESS}\n`).value, { address: ADDRESS })
    assert.equal(readRecipient(`OPENTAB:${ADDRESS.toUpperCase()}`).value?.address, ADDRESS.toUpperCase())
  })

  it('are refused when they are for another network, ask for what is unknown, or for no amount', () => {
    assert.include(readRecipient(`bitcoin:${ADDRESS}`).problem, 'another network')
    assert.include(readRecipient(`opentab:${ADDRESS}?req-pledge=1`).problem, 'req-pledge')
    assert.include(readRecipient(`opentab:${ADDRESS}?amount=1e3`).problem, '1e3')
    assert.include(readRecipient('').problem, 'Enter')
  })
})

describe('amounts and fee rates', () => {
  it('are exact', () => {
    assert.equal(readAmount('0.1', sats(1e8)).value, 10_000_000)
    assert.equal(readAmount(' 12.00000001 ', sats(2e9)).value, 1_200_000_001)
    assert.equal(readFeeRate('2.5', 1).value, 2.5)
  })

  it('are refused with what to do', () => {
    for (const text of ['', 'abc', '-1', '1e8', '1,5', '0.000000001', '0'])
      assert.isString(readAmount(text, sats(1e8)).problem, text)
    for (const text of ['1.00000001', '90071993', '123456789012345678.5'])
      assert.include(readAmount(text, sats(1e8)).problem, 'you have 1 coin', text)
    for (const text of ['', 'x', '-1', '1e1', '0.5', '99999'])
      assert.isString(readFeeRate(text, 1).problem, text)
  })

  it('offer three rates that never fall, never below what is forwarded', () => {
    const idle = feeChoices(
      [
        { feerate: 1e-5, blocks: 24 },
        { feerate: 1e-5, blocks: 6 },
        { feerate: 1e-5, blocks: 2 },
      ],
      1,
    )
    assert.deepEqual(
      idle.map(({ speed, rate }) => [speed, rate]),
      [
        ['slow', 1],
        ['normal', 1.5],
        ['fast', 3],
      ],
    )
    const busy = feeChoices([{ feerate: 20e-5, blocks: 24 }, { feerate: 5e-5, blocks: 6 }, { blocks: 2 }], 2)
    assert.deepEqual(
      busy.map(({ rate }) => rate),
      [20, 20, 20],
    )
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
      amount: 1,
      confirmations: 1,
      time: 0,
      ...part,
    }) as WalletTransaction

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
