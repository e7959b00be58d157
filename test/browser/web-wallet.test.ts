/** Money leaves only after a review and with the passphrase; seed words are checked, and gone when the view is left. */
import { assert } from 'chai'
import type { TipEvent } from '../../src/node/events.ts'
import { LiveNode } from '../../web/live-node.ts'
import type { UnlockRequest } from '../../web/requests.ts'
import { WalletCreate } from '../../web/views/wallet-create.ts'
import { WalletHome } from '../../web/views/wallet-home.ts'
import { WalletPayment } from '../../web/views/wallet-payment.ts'
import { WalletSend } from '../../web/views/wallet-send.ts'
import { isBackedUp } from '../../web/wallet-memory.ts'
import { deepAll, deepOne, ScriptedOpentab, type, until } from './support/scripted-opentab.ts'

const ACCOUNT = { descriptor: 'tr(xpub)#abcdefgh', birthday: 0 }
const TIP = { height: 1, time: 0, connected: 1, disconnected: 0 } as TipEvent

describe('sending', () => {
  let opentab: ScriptedOpentab
  let view: WalletSend
  let confirmations: number
  let payee: string
  let feeIsHigh: boolean
  let refusal: string | undefined

  beforeEach(async () => {
    confirmations = 0
    payee = 'tabrt1pbob'
    feeIsHigh = false
    refusal = undefined
    opentab = new ScriptedOpentab({
      getbalances: () => ({ mine: { trusted: 5, untrusted_pending: 0, immature: 0 } }),
      getmempoolinfo: () => ({ size: 0, bytes: 0, mempoolminfee: 0.00001 }),
      estimatesmartfee: (blocks: number) => ({ feerate: 0.00001, blocks }),
      validateaddress: (address: string) =>
        address.startsWith('tabrt1p') ? { isvalid: true } : { isvalid: false, error: 'Not of this network.' },
      walletcreatefundedpsbt: () => ({ psbt: 'plan', fee: 0 }),
      // What is shown is what the keeper of keys read.
      reviewpsbt: () => ({
        digest: 'read',
        payees: [{ address: payee, amount: 2 }],
        change: [{ address: 'tabrt1pme', amount: 2.999998 }],
        fee: 0.000002,
        feeishigh: feeIsHigh,
        vsize: 150,
      }),
      sendpsbt: () => {
        if (refusal) throw new Error(refusal)
        return 'cd'.repeat(32)
      },
      setlabel: () => null,
      gettransaction: () => ({ txid: 'cd'.repeat(32), amount: -2, confirmations, time: 0, details: [] }),
    })
    view = new WalletSend()
    view.node = new LiveNode(opentab)
    document.body.append(view)
    await until(
      'balance and fees are there',
      () =>
        view.shadowRoot!.textContent!.includes('5 coins') && deepAll(view, 'input[name=speed]').length === 2,
    )
  })

  afterEach(() => view.remove())

  const press = (text: string): void => deepOne(view, 'button', text).click()
  const shows = (text: string): boolean =>
    deepAll(view, 'p, dt, dd, h1, span').some((element) => element.textContent!.includes(text))

  async function review(): Promise<void> {
    type(deepOne(view, '#recipient'), 'opentab:tabrt1pbob?amount=2&label=Bob')
    await view.updateComplete
    press('Review payment')
    await until('the review', () => deepAll(view, 'ot-send-review').length === 1)
    await until('its text', () => shows('They get'))
  }

  it('says what is wrong with each field and asks the node for no plan', async () => {
    type(deepOne(view, '#recipient'), 'bc1qelse')
    type(deepOne(view, '#amount'), '6')
    await view.updateComplete
    press('Review payment')
    await until('both problems', () => shows('Not of this network.') && shows('you have 5 coins'))
    assert.equal(deepOne(view, '#recipient').getAttribute('aria-invalid'), 'true')
    assert.equal(opentab.count('walletcreatefundedpsbt'), 0)
  })

  it('shows what the keeper of keys read, and signs nothing before it is confirmed', async () => {
    await review()
    const text = (id: string): string =>
      deepOne(view, `[data-testid=review-${id}]`).textContent!.replace(/\s+/g, ' ').trim()
    assert.include(text('recipient'), 'tabrt1pbob')
    assert.equal(text('amount'), '2 coins')
    assert.include(text('note'), 'Bob')
    assert.include(text('fee'), '0.000002 coins')
    assert.equal(text('total'), '2.000002 coins')
    assert.include(text('change'), '2.999998 coins')
    assert.deepEqual(
      opentab.calls.filter(({ method }) => method === 'reviewpsbt').map(({ params }) => params),
      [['plan']],
    )
    press('Back')
    await view.updateComplete
    assert.equal((deepOne(view, '#amount') as HTMLInputElement).value, '2')
    assert.equal((deepOne(view, '#note') as HTMLInputElement).value, 'Bob')
    assert.equal(opentab.count('sendpsbt'), 0)
  })

  it('shows no payment but the one that was asked for', async () => {
    payee = 'tabrt1peve'
    type(deepOne(view, '#recipient'), 'tabrt1pbob')
    type(deepOne(view, '#amount'), '2')
    await view.updateComplete
    press('Review payment')
    await until('it says so', () => shows('another payment than you asked for: 2 coins to tabrt1peve'))
    assert.lengthOf(deepAll(view, 'ot-send-review'), 0)
  })

  it('asks again before it gives an unusual fee', async () => {
    feeIsHigh = true
    await review()
    const send = deepOne(view, 'button', 'Send 2 coins') as HTMLButtonElement
    assert.isTrue(send.disabled, 'it can be sent')
    deepOne(view, 'input[type=checkbox]').click()
    await until('it can be sent', () => !send.disabled)
  })

  it('tells why a stale review is not sent', async () => {
    refusal = 'What this payment would spend was spent meanwhile.'
    await review()
    press('Send 2 coins')
    await until('it says so', () => shows('was spent meanwhile'))
    assert.lengthOf(deepAll(view, 'ot-send-done'), 0)
    assert.equal(opentab.count('walletcreatefundedpsbt'), 1, 'it was planned anew')
  })

  it('gives the amount and note of a link to its own recipient alone', async () => {
    await review()
    press('Back')
    await view.updateComplete
    type(deepOne(view, '#recipient'), '')
    type(deepOne(view, '#recipient'), 'tabrt1peve')
    await view.updateComplete
    assert.equal((deepOne(view, '#amount') as HTMLInputElement).value, '')
    assert.equal((deepOne(view, '#note') as HTMLInputElement).value, '')
  })

  it('sends, keeps the label, and counts confirmations at every block', async () => {
    await review()
    press('Send 2 coins')
    await until('it is sent', () => shows('2 coins sent'))
    assert.deepInclude(opentab.calls, { method: 'sendpsbt', params: ['plan', { digest: 'read' }] })
    assert.deepInclude(opentab.calls, { method: 'setlabel', params: ['tabrt1pbob', 'Bob'] })
    await until('it waits', () => shows('Unconfirmed'))
    confirmations = 2
    opentab.emit('tip', TIP)
    await until('two confirmations', () => shows('2 of 6 confirmations'))
    confirmations = -1
    opentab.emit('tip', TIP)
    await until('the conflict', () => shows('Conflicted'))
  })

  it('shows what a payment link says, and lets it go with the link', async () => {
    const recipient = deepOne(view, '#recipient') as HTMLInputElement
    const amount = deepOne(view, '#amount') as HTMLInputElement
    type(recipient, 'opentab:tabrt1pana?label=Ana&amount=0.5&message=Lunch+for%20two')
    await until('what it says', () => shows('for “Ana”, with the message “Lunch+for two”'))
    assert.equal(amount.value, '0.5')
    recipient.dispatchEvent(new Event('change'))
    await view.updateComplete
    assert.equal(recipient.value, 'tabrt1pana')
    assert.isTrue(shows('for “Ana”'))
    type(recipient, '')
    type(recipient, 'tabrt1pbob')
    await view.updateComplete
    assert.equal(amount.value, '')
    assert.isFalse(shows('Ana'))
    type(amount, '2')
    await view.updateComplete
    press('Review payment')
    await until('the review', () => deepAll(view, 'ot-send-review').length === 1)
    await until('its text', () => shows('They get'))
    press('Send 2 coins')
    await until('it is sent', () => shows('2 coins sent'))
    assert.equal(opentab.count('setlabel'), 0)
  })

  it('shows the message of a payment link in the review, and keeps none of it', async () => {
    type(deepOne(view, '#recipient'), 'opentab:tabrt1pbob?amount=2&message=Invoice%20<b>7</b>')
    await view.updateComplete
    press('Review payment')
    await until('the review', () => deepAll(view, '[data-testid=review-message]').length === 1)
    assert.include(deepOne(view, '[data-testid=review-message]').textContent!, 'Invoice <b>7</b>')
    press('Back')
    type(deepOne(view, '#recipient'), '')
    type(deepOne(view, '#recipient'), 'tabrt1pbob')
    type(deepOne(view, '#amount'), '2')
    await view.updateComplete
    press('Review payment')
    await until('the next review', () => deepAll(view, '[data-testid=review-amount]').length === 1)
    assert.lengthOf(deepAll(view, '[data-testid=review-message]'), 0)
  })

  it('keeps an amount of one’s own when the link goes', async () => {
    const recipient = deepOne(view, '#recipient') as HTMLInputElement
    const amount = deepOne(view, '#amount') as HTMLInputElement
    type(recipient, 'opentab:tabrt1pana?amount=0.5')
    await view.updateComplete
    type(amount, '0.75')
    type(recipient, 'tabrt1pbob')
    await view.updateComplete
    assert.equal(amount.value, '0.75')
  })

  it('says what a payment costs, and how far above what is needed a rate is', async () => {
    assert.isTrue(shows('≈\u00a00.00000154 coins'))
    assert.isTrue(shows('paying more gains nothing'))
    deepAll(view, 'input[name=speed]').at(-1)!.click()
    await until('the field', () => deepAll(view, '#rate').length === 1)
    type(deepOne(view, '#rate'), '2.5')
    await until('its cost', () => shows('≈\u00a00.00000385 coins'))
    type(deepOne(view, '#rate'), '9,999.0')
    await until('the warning', () =>
      shows('9,999 sat/vB is 9,999 times what is needed now: ≈\u00a00.01539846 coins for a usual payment'),
    )
  })

  it('asks for the passphrase of a locked wallet, and sends nothing without it', async () => {
    opentab.signer = { state: 'locked', account: ACCOUNT }
    let asked = 0
    const refuse = (event: Event): void => {
      asked++
      ;(event as CustomEvent<UnlockRequest>).detail.resolve(false)
    }
    document.body.addEventListener('ot-unlock', refuse)
    await review()
    press('Send 2 coins')
    await until('it asked', () => asked === 1)
    document.body.removeEventListener('ot-unlock', refuse)
    await view.updateComplete
    assert.equal(opentab.count('sendpsbt'), 0)
  })
})

describe('a payment that waits', () => {
  const TXID = 'ab'.repeat(32)
  const detail = {
    txid: TXID,
    kind: 'sent',
    state: 'pending',
    inmempool: true,
    amount: -1.5,
    fee: -0.000002,
    confirmations: 0,
    time: 0,
    walletconflicts: [] as string[],
    details: [{ category: 'send', amount: -1.5, address: 'tabrt1pbob', label: 'Bob' }],
  }
  let opentab: ScriptedOpentab
  let view: WalletPayment

  async function open(part: object): Promise<void> {
    opentab = new ScriptedOpentab({
      gettransaction: () => ({ ...detail, ...part }),
      getmempoolentry: () => {
        if ('state' in part) throw new Error('It is not in the mempool.')
        return { vsize: 150, fees: { base: 0.000003 }, time: 0 }
      },
      getmempoolinfo: () => ({ size: 0, bytes: 0, mempoolminfee: 0.00001 }),
      estimatesmartfee: (blocks: number) => ({ feerate: 0.00001, blocks }),
      psbtbumpfee: () => ({ psbt: 'bump', reduced: 0.001 }),
      reviewpsbt: () => ({
        digest: 'read',
        payees: [{ address: 'tabrt1pbob', amount: 1.499 }],
        change: [],
        fee: 0.001002,
        feeishigh: false,
        vsize: 150,
      }),
      sendpsbt: () => 'cd'.repeat(32),
      setlabel: () => null,
    })
    view = new WalletPayment()
    view.node = new LiveNode(opentab)
    view.txid = TXID
    document.body.append(view)
    await until('it is there', () =>
      deepAll(view, 'h1').some(({ textContent }) => textContent!.includes('Sent')),
    )
  }

  afterEach(() => view.remove())

  const press = (text: string): void => deepOne(view, 'button', text).click()

  it('gets a higher fee after a review, which tells what the payee gets less', async () => {
    await open({})
    press('Raise the fee')
    await view.updateComplete
    press('Review with this fee')
    await until('the review', () => deepAll(view, '[data-testid=review-amount]').length === 1)
    assert.include(deepOne(view, '[data-testid=review-amount]').textContent!, '1.499')
    assert.include(deepOne(view, '.notice').textContent!.replace(/\s+/g, ' '), '0.001 coins less than before')
    assert.equal(opentab.count('sendpsbt'), 0)
    press('Send 1.499 coins')
    await until('it is sent', () => opentab.count('sendpsbt') === 1)
    assert.deepInclude(opentab.calls, {
      method: 'sendpsbt',
      params: ['bump', { digest: 'read', replaces: TXID }],
    })
  })

  it('has a fee far above what is needed warned of where it is typed', async () => {
    await open({})
    press('Raise the fee')
    await view.updateComplete
    const about = () => deepOne(view, '#rate-about').textContent!.replace(/\s+/g, ' ')
    assert.equal(
      about().trim(),
      'Satoshis (0.00000001 coins) for each virtual byte of the transaction: ≈ 0.000006 coins.',
    )
    type(deepOne(view, '#rate'), '9,999.0')
    await until('the warning', () =>
      about().includes('9,999 sat/vB is 9,999 times what is needed now: ≈ 0.0149985 coins for this payment'),
    )
    type(deepOne(view, '#rate'), '2')
    press('Review with this fee')
    await until('what is wrong', () => about().includes('Enter at least that'))
    assert.equal(deepOne(view, '#rate').ariaInvalid, 'true')
    assert.equal(opentab.count('psbtbumpfee'), 0)
  })

  it('that lost its coins says so, and offers nothing', async () => {
    const other = 'ef'.repeat(32)
    await open({ state: 'conflicted', inmempool: false, confirmations: -4, walletconflicts: [other] })
    assert.include(deepOne(view, '.notice').textContent!, 'this one will not be')
    assert.isNotNull(view.shadowRoot!.querySelector(`a[href="/wallet/tx/${other}"]`))
    assert.include(deepOne(view, 'ot-confirmations').shadowRoot!.textContent!, 'Conflicted')
    assert.lengthOf(deepAll(view, 'section button'), 0)
  })

  it('that was replaced says by what, and offers nothing', async () => {
    const by = 'ef'.repeat(32)
    await open({ state: 'replaced', inmempool: false, replaced_by_txid: by, walletconflicts: [by] })
    assert.isNotNull(view.shadowRoot!.querySelector(`a[href="/wallet/tx/${by}"]`))
    assert.lengthOf(
      deepAll(view, 'button').filter(({ textContent }) => textContent!.includes('up')),
      0,
    )
    assert.include(deepOne(view, 'ot-confirmations').shadowRoot!.textContent!, 'Replaced')
  })
})

describe('the history', () => {
  const mined = { kind: 'mined', state: 'confirmed', category: 'generate', amount: 50, inmempool: false }
  /** Oldest first: a payment below more rewards than a page of lines holds entries. */
  const entries = [
    { ...mined, kind: 'sent', category: 'send', amount: -1, txid: 'sent', address: 'tabrt1pbob' },
    ...Array.from({ length: 300 }, (_, i) => ({ ...mined, txid: `mined ${i}` })),
    { ...mined, kind: 'received', category: 'receive', amount: 2, txid: 'received' },
  ].map((entry, i) => ({ ...entry, vout: 0, time: i, confirmations: 400 - i }))
  let view: WalletHome

  beforeEach(async () => {
    view = new WalletHome()
    view.node = new LiveNode(
      new ScriptedOpentab({
        getbalances: () => ({ mine: { trusted: 5, untrusted_pending: 0, immature: 0 } }),
        listtransactions: (_label: string, count: number) => entries.slice(-count),
      }),
    )
    document.body.append(view)
    await until('it is there', () => titles().length > 0)
  })

  afterEach(() => view.remove())

  const titles = (): string[] => deepAll(view, '.title').map(({ textContent }) => textContent!)
  const show = (filter: string): void => {
    deepOne(view, 'label', filter).querySelector('input')!.click()
  }

  it('has one line for rewards in a row, which opens, and finds what lies below them', async () => {
    assert.deepEqual(titles(), ['Received', 'Mined', 'Sent'])
    const group = deepOne(view, 'button.group', '300 blocks')
    assert.equal(group.getAttribute('aria-expanded'), 'false')
    assert.include(group.textContent!, '15,000')
    group.click()
    await until('it is open', () => titles().length === 303)
    deepOne(view, 'button.group').click()
    await until('it is closed', () => titles().length === 3)
  })

  it('is narrowed to payments, or to mining', async () => {
    show('Payments')
    await until('only payments', () => titles().join() === 'Received,Sent')
    show('Mining')
    await until('only rewards', () => titles().join() === 'Mined')
  })
})

describe('creating a wallet', () => {
  const words = 'abandon ability able about above absent absorb abstract absurd abuse access accident'.split(
    ' ',
  )
  let opentab: ScriptedOpentab
  let view: WalletCreate

  beforeEach(async () => {
    localStorage.removeItem('opentab.backup.abcdefgh')
    opentab = new ScriptedOpentab({
      listwalletdir: () => ({ wallets: [] }),
      createwallet: () => {
        opentab.signer = { state: 'locked', account: ACCOUNT }
        return { name: '', mnemonic: words.join(' ') }
      },
    })
    opentab.signer = { state: 'none' }
    view = new WalletCreate()
    view.node = new LiveNode(opentab)
    document.body.append(view)
    await view.updateComplete
  })

  afterEach(() => view.remove())

  const press = (text: string): void => deepOne(view, 'button', text).click()

  async function createWith(passphrase: string, repeated: string): Promise<void> {
    const [first, second] = deepAll(view, 'input[type=password]')
    type(first!, passphrase)
    type(second!, repeated)
    await view.updateComplete
    press('Create the wallet')
  }

  it('takes no passphrase that was not typed twice the same', async () => {
    await createWith('one', 'other')
    await until('the problem', () =>
      deepAll(view, '.error').some(({ textContent }) => textContent!.includes('differ')),
    )
    assert.equal(opentab.count('createwallet'), 0)
  })

  it('accepts the backup only with the right words, then remembers it', async () => {
    await createWith('correct horse', 'correct horse')
    await until('the words', () => deepAll(view, '.word').length === 12)
    press('I wrote them down')
    await view.updateComplete
    const fields = deepAll(view, 'input[id^=word-]')
    assert.lengthOf(fields, 3)
    type(fields[0]!, 'zoo')
    press('Finish')
    await view.updateComplete
    assert.isFalse(isBackedUp(view.node))
    assert.include(deepOne(view, '.error:not([hidden])').textContent!, 'another word')
    for (const field of fields) type(field, ` ${words[Number(field.id.slice(5))]!.toUpperCase()} `)
    press('Finish')
    assert.isTrue(isBackedUp(view.node))
  })

  it('leads back to where it began when the backup is put off', async () => {
    const later = () => deepOne(view, 'a', 'Back up later').getAttribute('href')
    try {
      history.replaceState({ from: '/miner' }, '')
      await createWith('correct horse', 'correct horse')
      await until('the words', () => deepAll(view, '.word').length === 12)
      assert.equal(later(), '/miner')
      // After a reload, too.
      view.page = 'words'
      view.remove()
      document.body.append(view)
      await until('the words are gone', () => deepAll(view, '.word').length === 0)
      assert.equal(later(), '/miner')
      for (const state of [null, { from: '/wallet/restore' }]) {
        history.replaceState(state, '')
        view.requestUpdate()
        await view.updateComplete
        assert.equal(later(), '/wallet')
      }
    } finally {
      history.replaceState(null, '')
    }
  })

  it('shows no word again once it was left', async () => {
    await createWith('correct horse', 'correct horse')
    await until('the words', () => deepAll(view, '.word').length === 12)
    view.remove()
    document.body.append(view)
    await until('the words are gone', () => deepAll(view, '.word').length === 0)
  })
})
