/** Promise: nothing is paid, opened or closed over channels before it was shown and asked for; what stands in the way is said in a sentence that helps; no risk is hidden. */
import { assert } from 'chai'
import type { ChannelEvent } from '../../src/node/events.ts'
import { invoiceIn } from '../../web/channels.ts'
import { LiveNode } from '../../web/live-node.ts'
import type { UnlockRequest } from '../../web/requests.ts'
import type { Destination } from '../../web/router.ts'
import type { ChannelResult } from '../../web/rpc-results.ts'
import { ChannelDetails } from '../../web/views/channel-details.ts'
import { ChannelList } from '../../web/views/channel-list.ts'
import { ChannelOpen } from '../../web/views/channel-open.ts'
import { ChannelPay } from '../../web/views/channel-pay.ts'
import { ChannelReceive } from '../../web/views/channel-receive.ts'
import { ChannelTowers } from '../../web/views/channel-towers.ts'
import { ChannelsView } from '../../web/views/channels-view.ts'
import { WalletHome } from '../../web/views/wallet-home.ts'
import { WalletSend } from '../../web/views/wallet-send.ts'
import { rememberChannels } from '../../web/wallet-memory.ts'
import { deepAll, deepOne, ScriptedOpentab, type, until } from './support/scripted-opentab.ts'

const SELF = `02${'11'.repeat(32)}`
const PEER = `03${'22'.repeat(32)}`
const ID = 'ab'.repeat(32)
const INVOICE = `lntabrt15m1${'q'.repeat(150)}`
const COIN_MSAT = 100_000_000_000
const ACCOUNT = { descriptor: 'tr(xpub)#abcdefgh', birthday: 0 }

function channel(part: Partial<ChannelResult> = {}): ChannelResult {
  return {
    peer_id: PEER,
    peer_connected: true,
    state: 'CHANNELD_NORMAL',
    status: ['open'],
    opener: 'local',
    private: true,
    short_channel_id: '105x1x1',
    channel_id: ID,
    funding_txid: 'cd'.repeat(32),
    funding_outnum: 1,
    total_msat: COIN_MSAT,
    to_us_msat: 0.75 * COIN_MSAT,
    spendable_msat: 0.7 * COIN_MSAT,
    receivable_msat: 0.2 * COIN_MSAT,
    our_reserve_msat: 0.01 * COIN_MSAT,
    their_reserve_msat: 0.01 * COIN_MSAT,
    our_to_self_delay: 12,
    their_to_self_delay: 12,
    lost_state: false,
    online_before: 112,
    feerate: { perkw: 1000 },
    htlcs: [],
    ...part,
  }
}

function decoded(part: object = {}) {
  return {
    payee: PEER,
    amount_msat: 0.5 * COIN_MSAT,
    description: 'Coffee',
    created_at: Math.floor(Date.now() / 1000) - 60,
    expiry: 3600,
    payment_hash: 'ef'.repeat(32),
    ...part,
  }
}

const PAID = {
  payment_preimage: '99'.repeat(32),
  amount_msat: 0.5 * COIN_MSAT,
  amount_sent_msat: 0.5 * COIN_MSAT + 1050,
  status: 'complete',
}

let channels: readonly ChannelResult[]
let pays: readonly object[]
let invoices: readonly object[]
let towers: readonly {
  tower_id: string
  status: string
  acknowledged_states: number
  pending_states: number
}[]
let service: object
let opentab: ScriptedOpentab
let view: HTMLElement

function answers() {
  return {
    getinfo: () => ({ id: SELF, to_self_delay: 12 }),
    listpeers: () => ({ peers: [{ id: PEER, connected: true, num_channels: 0, netaddr: ['12D3KooWben'] }] }),
    listpeerchannels: () => ({ channels }),
    listpays: () => ({ pays }),
    listinvoices: (label?: string) => ({
      invoices: label === undefined ? invoices : invoices.map((invoice) => ({ ...invoice, label })),
    }),
    listnodes: () => ({ nodes: [{ nodeid: PEER, alias: '\u202eBen' }] }),
    listtowers: () => ({ towers }),
    gettowerinfo: (id: string) => ({
      channels: towers
        .filter(({ tower_id }) => tower_id === id)
        .map(({ pending_states }) => ({ channel_id: ID, acknowledged_states: 7, pending_states })),
    }),
    towerservice: () => service,
    getbalances: () => ({ mine: { trusted: 5, untrusted_pending: 0, immature: 0 } }),
    getmempoolinfo: () => ({ size: 0, bytes: 0, mempoolminfee: 0.00001 }),
    estimatesmartfee: (blocks: number) => ({ feerate: 0.00001, blocks }),
  }
}

beforeEach(() => {
  channels = [channel()]
  pays = []
  invoices = []
  towers = []
  service = { enabled: false, n_appointments: 0, users: [], breaches: [] }
})

afterEach(() => view.remove())

function show<View extends HTMLElement & { node: LiveNode }>(
  made: View,
  more: ConstructorParameters<typeof ScriptedOpentab>[0] = {},
): View {
  opentab = new ScriptedOpentab({ ...answers(), ...more })
  made.node = new LiveNode(opentab)
  made.node.tip = { hash: '0'.repeat(64), height: 100, time: 0 }
  view = made
  document.body.append(made)
  return made
}

const text = (): string =>
  deepAll(view, 'p, dt, dd, h1, h2, span, div, button, li')
    .map(({ textContent }) => textContent)
    .join('\n')
    .replace(/\s+/g, ' ')
const says = (words: string | RegExp): Promise<void> =>
  until(`it says ${words}`, () => (typeof words === 'string' ? text().includes(words) : words.test(text())))
const press = (name: string): void => deepOne(view, 'button', name).click()
const emit = (event: ChannelEvent): void => opentab.emit('channel', event)

/** Where the view asked to go. */
function destinations(): string[] {
  const paths: string[] = []
  view.addEventListener('ot-navigate', (event) => {
    paths.push((event as CustomEvent<Destination>).detail.path)
  })
  return paths
}

describe('the list of channels', () => {
  it('draws both sides as one bar and says the state, the risk, and what can be paid and received', async () => {
    const htlc = {
      direction: 'out' as const,
      id: 0,
      amount_msat: 0.05 * COIN_MSAT,
      expiry: 130,
      payment_hash: '',
    }
    channels = [channel({ htlcs: [htlc] })]
    show(new ChannelList())
    await until('the bar', () => deepAll(view, '.bar span').length === 3)
    const widths = deepAll(view, '.bar span').map(({ style }) => Number(style.flexGrow) / COIN_MSAT)
    assert.deepEqual(
      widths.map((width) => Math.round(width * 100)),
      [75, 5, 20],
    )
    await says('You must be online before block 112 (12 blocks from now)')
    assert.include(deepOne(view, '[data-testid=sendable]').textContent!, '0.7')
    assert.include(deepOne(view, '[data-testid=receivable]').textContent!, '0.2')
    assert.equal(deepOne(view, '[data-testid=state]').textContent, 'Open')
  })

  it('is read anew at events, and counts what comes back from a close', async () => {
    show(new ChannelList())
    await says('Open')
    channels = [
      channel({
        state: 'ONCHAIN',
        status: ['closing: yours again in 11 blocks'],
        spendable_msat: 0,
        receivable_msat: 0,
        online_before: undefined,
      }),
    ]
    emit({
      notification: 'channel_state_changed',
      peer_id: PEER,
      channel_id: ID,
      old_state: 'AWAITING_UNILATERAL',
      new_state: 'ONCHAIN',
    })
    await says('Closing: yours again in 11 blocks')
    assert.include(deepOne(view, '[data-testid=returning]').textContent!, '0.75')
    assert.lengthOf(deepAll(view, '[data-testid=deadline]'), 0)
  })
})

describe('the view of channels', () => {
  async function open(change: (opentab: ScriptedOpentab) => void, more = {}): Promise<void> {
    const made = new ChannelsView()
    made.page = ''
    opentab = new ScriptedOpentab({ ...answers(), ...more })
    change(opentab)
    made.node = new LiveNode(opentab)
    view = made
    document.body.append(made)
    await made.updateComplete
  }

  it('says that a network has none, and asks its node for nothing', async () => {
    await open(({ identity }) => Object.assign(identity, { testControls: false }))
    await says('On this network there are no payment channels yet')
    assert.equal(opentab.calls.length, 0)
  })

  it('asks for a wallet, and for its keys', async () => {
    await open((made) => {
      made.signer = { state: 'none' }
    })
    await says('Create the wallet first')
    view.remove()
    let isUnlocked = false
    await open(
      (made) => {
        made.signer = { state: 'locked', account: ACCOUNT }
      },
      {
        getinfo: () => {
          if (!isUnlocked) throw new Error('The wallet is locked.')
          return { id: SELF, to_self_delay: 12 }
        },
      },
    )
    await says('Channels need the keys of your wallet once')
    view.addEventListener('ot-unlock', (event) => {
      isUnlocked = true
      ;(event as CustomEvent<UnlockRequest>).detail.resolve(true)
    })
    press('Unlock')
    await says('You can pay at once')
  })

  it('warns where the keys were not unlocked since the start, and still shows what there is', async () => {
    await open(() => {}, { getinfo: () => ({ id: SELF, to_self_delay: 12, warning_signer: 'locked' }) })
    await says('what another side takes wrongly is not taken back')
    await says('You can pay at once')
  })
})

describe('paying over channels', () => {
  let answer: () => object
  let refusal: string | undefined

  beforeEach(() => {
    answer = decoded
    refusal = undefined
  })

  async function paste(pasted: string): Promise<void> {
    if (!view?.isConnected)
      show(new ChannelPay(), {
        decode: () => answer(),
        pay: () => {
          if (refusal) throw new Error(refusal)
          return PAID
        },
        keysend: () => PAID,
      })
    await until('it was loaded', () => opentab.count('listpays') > 0)
    type(deepOne(view, '#recipient'), pasted)
  }

  it('shows amount, payee, purpose and the most that it may cost, and pays what was shown', async () => {
    await paste(` lightning:${INVOICE.toUpperCase()} `)
    await says('Pay 0.5 coins')
    const shown = (id: string) =>
      deepOne(view, `[data-testid=${id}]`).textContent!.replace(/\s+/g, ' ').trim()
    assert.include(shown('amount'), '0.5 coins')
    assert.include(shown('description'), 'Coffee')
    assert.include(shown('fee'), 'at most 0.0025 coins')
    assert.equal(opentab.count('pay'), 0)
    press('Pay 0.5 coins')
    await says('0.5 coins paid')
    await says('It cost a fee of 1.05 sat')
    assert.deepInclude(opentab.calls, { method: 'pay', params: [INVOICE, undefined, 0.5] })
  })

  it('says why an invoice can’t be paid, and asks for no payment', async () => {
    const cases: readonly (readonly [() => object, string | RegExp])[] = [
      [() => decoded({ expiry: 30 }), /This invoice ran out 3\d s ago\. Ask for a new one\./],
      [() => decoded({ payee: SELF }), 'This invoice is your own'],
      [
        () => decoded({ amount_msat: 0.8 * COIN_MSAT }),
        'more than your channels can send: 0.7 coins at most',
      ],
      [
        () => {
          throw new Error('This invoice is for another network.')
        },
        'This invoice is for another network.',
      ],
    ]
    for (const [next, words] of cases) {
      answer = next
      await paste('')
      await paste(INVOICE)
      await says(words)
      deepOne(view, 'form').dispatchEvent(new SubmitEvent('submit', { cancelable: true }))
      assert.equal(opentab.count('pay'), 0, String(words))
    }
    pays = [{ payment_hash: 'ef'.repeat(32), status: 'complete', created_at: Date.now() / 1000 - 90 }]
    answer = decoded
    emit({ notification: 'sendpay_success', payment_hash: '', amount_msat: 0 })
    await paste('')
    await paste(INVOICE)
    await says(/You have paid this invoice already, 2 min ago\. It is not paid twice/)
    channels = []
    pays = []
    emit({ notification: 'disconnect', id: PEER })
    await says('You have no channel to pay over')
    assert.equal(opentab.count('pay'), 0)
  })

  it('asks for an amount where the invoice leaves it open, and pays a node unasked', async () => {
    answer = () => decoded({ amount_msat: undefined })
    await paste(INVOICE)
    await says('The invoice leaves the amount to you')
    deepOne(view, 'button', 'Pay').click()
    await says('Enter the amount.')
    assert.equal(opentab.count('pay'), 0)
    type(deepOne(view, '#amount'), '0.25')
    await says('Pay 0.25 coins')
    press('Pay 0.25 coins')
    await says('paid')
    assert.deepInclude(opentab.calls, { method: 'pay', params: [INVOICE, 0.25 * COIN_MSAT, 0.5] })
    press('Pay another')
    await until('the form', () => deepAll(view, '#recipient').length === 1)
    await paste(PEER.toUpperCase())
    await says('The node asked for nothing')
    type(deepOne(view, '#amount'), '0.1')
    await says('Pay 0.1 coins')
    press('Pay 0.1 coins')
    await until('it is paid', () => opentab.count('keysend') === 1)
    assert.deepInclude(opentab.calls, { method: 'keysend', params: [PEER, 0.1 * COIN_MSAT, 0.5] })
  })

  it('says that nothing was paid where it failed', async () => {
    refusal = 'No way to the payee was found.'
    await paste(INVOICE)
    await says('Pay 0.5 coins')
    press('Pay 0.5 coins')
    await says('No way to the payee was found. Nothing was paid.')
  })

  it('hands an address to the wallet, and the wallet an invoice to it', async () => {
    await paste('')
    const asked = destinations()
    type(deepOne(view, '#recipient'), 'opentab:tabrt1pbob?amount=2')
    await until('it goes to the wallet', () => asked.join() === '/wallet/send')
    view.remove()

    show(new WalletSend(), { validateaddress: () => ({ isvalid: true }) })
    await (view as WalletSend).updateComplete
    await until('the link came along', () => (deepOne(view, '#amount') as HTMLInputElement).value === '2')
    const back = destinations()
    type(deepOne(view, '#recipient'), `lightning:${INVOICE}`)
    assert.deepEqual(back, ['/channels/pay'])
    view.remove()

    show(new ChannelPay(), { decode: () => decoded() })
    await says('Pay 0.5 coins')
  })

  it('knows an invoice from other texts', () => {
    assert.equal(invoiceIn(` LIGHTNING:${INVOICE.toUpperCase()}\n`), INVOICE)
    assert.equal(invoiceIn(`lightning://${INVOICE}`), INVOICE)
    for (const other of ['', 'tabrt1pbob', 'lntab', `opentab:${INVOICE}`, `${INVOICE} and more`])
      assert.isUndefined(invoiceIn(other), other)
  })
})

describe('receiving over channels', () => {
  const invoice = {
    bolt11: INVOICE,
    amount_msat: 0.1 * COIN_MSAT,
    description: 'Cake',
    status: 'unpaid',
    expires_at: Date.now() / 1000 + 600,
    payment_hash: '',
  }

  it('makes an invoice, shows it as code and link, and says when it is paid', async () => {
    show(new ChannelReceive(), {
      invoice: () => {
        invoices = [invoice]
        return { bolt11: INVOICE }
      },
    })
    await says('Your channels can receive 0.2 coins now')
    type(deepOne(view, '#amount'), '0.1')
    type(deepOne(view, '#description'), ' Cake ')
    press('Make an invoice')
    await until('the code', () => deepAll(view, 'ot-qr').length === 1)
    const code = deepOne(view, 'ot-qr') as HTMLElement & { text: string }
    assert.equal(code.text, `LIGHTNING:${INVOICE.toUpperCase()}`)
    const made = opentab.calls.find(({ method }) => method === 'invoice')!
    assert.deepEqual([made.params[0], made.params[2]], [0.1 * COIN_MSAT, 'Cake'])
    await says('Waiting for the payment')
    invoices = [{ ...invoice, status: 'paid', amount_received_msat: 0.1 * COIN_MSAT }]
    emit({ notification: 'invoice_payment', label: '', msat: 0.1 * COIN_MSAT })
    await says('0.1 coins received')
  })

  it('says how much could come, and that nothing can without a channel', async () => {
    await show(new ChannelReceive()).updateComplete
    type(deepOne(view, '#amount'), '0.3')
    await says('they can give you 0.2 coins at most')
    channels = []
    emit({ notification: 'disconnect', id: PEER })
    await says('Nobody can pay it yet: you have no channel')
  })
})

describe('opening a channel', () => {
  it('shows what it asks for before, and opens with the wallet’s approval alone', async () => {
    show(new ChannelOpen(), {
      fundchannel: () => ({ txid: 'cd'.repeat(32), outnum: 1, channel_id: ID }),
      gettransaction: () => ({ details: [{ vout: 1, address: 'tabrt1pfunding' }] }),
      setlabel: () => null,
    })
    opentab.signer = { state: 'locked', account: ACCOUNT }
    await says('This tab has to look at the chain once in 12 blocks')
    press('Review')
    await says('Enter the amount.')
    type(deepOne(view, '#amount'), '0.0001')
    press('Review')
    await says('A channel holds at least 0.0002 coins')
    type(deepOne(view, '#amount'), '6')
    press('Review')
    await says('you have 5 coins')
    type(deepOne(view, '#amount'), '0.5')
    press('Review')
    await says('Review the channel')
    await says('stays in the channel until it is closed')
    await says('yours again after 12 blocks')
    assert.equal(opentab.count('fundchannel'), 0)

    let isGiven = false
    view.addEventListener('ot-unlock', (event) => {
      if (isGiven) opentab.signer = { state: 'unlocked', account: ACCOUNT, until: undefined }
      ;(event as CustomEvent<UnlockRequest>).detail.resolve(isGiven)
    })
    press('Open with 0.5 coins')
    await (view as ChannelOpen).updateComplete
    assert.equal(opentab.count('fundchannel'), 0)
    isGiven = true
    const asked = destinations()
    press('Open with 0.5 coins')
    await until('it is opened', () => asked.length === 1)
    assert.deepEqual(asked, [`/channels/${ID}`])
    assert.deepInclude(opentab.calls, { method: 'fundchannel', params: [PEER, 50_000_000, 1] })
    assert.deepInclude(opentab.calls, {
      method: 'setlabel',
      params: ['tabrt1pfunding', 'Channel with “Ben”, 03222222…222222'],
    })
  })
})

describe('one channel', () => {
  async function open(part: Partial<ChannelResult> = {}): Promise<void> {
    channels = [channel(part)]
    const made = new ChannelDetails()
    made.channelId = ID
    show(made, { close: () => ({ type: 'mutual' }) })
    await says('Details')
  }

  it('shows its risk, and closes only after a second word', async () => {
    await open()
    await says('This tab has to look at the chain once in 12 blocks')
    await says('You must be online before block 112, 12 blocks from now')
    press('Close together')
    await says('Yes, close together')
    press('Keep it')
    await until('it is kept', () => !text().includes('Yes, close together'))
    assert.equal(opentab.count('close'), 0)
    press('Close alone')
    await says('Yes, close alone')
    press('Yes, close alone')
    await until('it closes', () => opentab.count('close') === 1)
    assert.deepInclude(opentab.calls, { method: 'close', params: [ID, true] })
  })

  it('closes together only with the other side there', async () => {
    await open({
      peer_connected: false,
      status: ['open, but the other side is away: payments wait until it is back'],
    })
    await says('Open, but the other side is away')
    assert.isTrue((deepOne(view, 'button', 'Close together') as HTMLButtonElement).disabled)
    assert.isFalse((deepOne(view, 'button', 'Close alone') as HTMLButtonElement).disabled)
  })

  it('offers no close of an old copy, which would cost all', async () => {
    await open({
      lost_state: true,
      state: 'AWAITING_UNILATERAL',
      status: ['this copy of the channel is old', 'Nothing is published from here.'],
    })
    await says('Nothing is published from here.')
    assert.notInclude(text(), 'Close alone')
  })
})

describe('watchtowers', () => {
  const tower = { tower_id: PEER, status: 'reachable', acknowledged_states: 7, pending_states: 2 }

  it('are missed where there are none, and chosen among connected tabs', async () => {
    show(new ChannelTowers(), {
      registertower: () => {
        towers = [tower]
        return { tower_id: PEER, available_slots: 100 }
      },
    })
    await says('Nobody watches while this tab sleeps')
    press('Ask it to watch')
    await says('Watches')
    await says('It keeps what punishes 7 old states; 2 further ones it has not taken yet.')
    assert.deepInclude(opentab.calls, { method: 'registertower', params: [PEER] })
  })

  it('say why one refuses, are asked again, and are given up', async () => {
    towers = [{ ...tower, status: 'subscription_error', ...{ status_detail: 'It is full.' } }]
    show(new ChannelTowers(), { retrytower: () => ({}), abandontower: () => ({}) })
    await says('It is full.')
    press('Ask again')
    await until('it was asked', () => opentab.count('retrytower') === 1)
    await until('it rests', () => !(deepOne(view, 'button', 'Give up') as HTMLButtonElement).disabled)
    press('Give up')
    await until('it is given up', () => opentab.count('abandontower') === 1)
  })

  it('are others’ at this tab where its person wants it', async () => {
    show(new ChannelTowers(), {
      towerservice: (enabled?: boolean) =>
        (service = { enabled: enabled ?? false, n_appointments: 3, users: [{}], breaches: [] }),
    })
    await says('3 penalties kept for 1 tab')
    deepOne(view, '.switch input').click()
    await until('it is on', () =>
      opentab.calls.some(({ method, params }) => method === 'towerservice' && params[0] === true),
    )
  })

  it('are told of at each channel', async () => {
    const made = new ChannelDetails()
    made.channelId = ID
    show(made)
    await says('No tower watches while this tab sleeps.')
    towers = [tower]
    emit({ notification: 'connect', id: PEER })
    await says('1 tower watches while this tab sleeps, but not over the latest states yet.')
    towers = [{ ...tower, pending_states: 0 }]
    emit({ notification: 'connect', id: PEER })
    await says('1 tower watches while this tab sleeps.')
  })
})

describe('the wallet’s history', () => {
  it('has the payments over channels among those of the chain', async () => {
    const chain = {
      kind: 'received',
      state: 'confirmed',
      category: 'receive',
      amount: 2,
      inmempool: false,
      vout: 0,
    }
    const made = new WalletHome()
    pays = [
      {
        payment_hash: 'aa',
        status: 'complete',
        created_at: 200,
        amount_msat: 1000,
        amount_sent_msat: 1050,
        description: 'Tea',
      },
      { payment_hash: 'bb', status: 'failed', created_at: 210, amount_msat: 1000 },
    ]
    invoices = [
      { payment_hash: 'cc', status: 'paid', paid_at: 50, amount_received_msat: 7000, description: 'Cake' },
    ]
    opentab = new ScriptedOpentab({
      ...answers(),
      listtransactions: () => [
        { ...chain, txid: 'old', time: 100, confirmations: 9 },
        { ...chain, txid: 'new', time: 300, confirmations: 2 },
      ],
    })
    made.node = new LiveNode(opentab)
    rememberChannels(made.node)
    view = made
    document.body.append(made)
    await until('all four', () => deepAll(view, '.title').length === 4)
    assert.deepEqual(
      deepAll(view, '.title').map(({ textContent }) => textContent),
      ['Received', 'Sent · Tea', 'Received', 'Received · Cake'],
    )
    // Fractions of a satoshi that it cost count as one.
    assert.include(deepOne(view, '.line', 'Sent · Tea').textContent!, '0.00000002')
    assert.equal(deepOne(view, 'a', 'Sent · Tea').getAttribute('href'), '/channels/payments')
    localStorage.removeItem('opentab.channels.abcdefgh')
  })
})
