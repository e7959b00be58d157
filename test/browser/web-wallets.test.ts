/**
 * Promise: with several wallets in a profile every page says whose it is, an address names the wallet that it shows, nothing of one wallet is shown
 * with another, and one whose keys are elsewhere has its payments signed there.
 */
import { assert } from 'chai'
import type { SignerStatus } from '../../src/wallet/signer.ts'
import { UnlockDialog } from '../../web/components/unlock-dialog.ts'
import { LiveNode } from '../../web/live-node.ts'
import { minesFor, startMining } from '../../web/mining.ts'
import type { UnlockRequest } from '../../web/requests.ts'
import { namedWallet, newTabUrl, type WalletPage } from '../../web/router.ts'
import { MinerView } from '../../web/views/miner-view.ts'
import { SendElsewhere } from '../../web/views/send-elsewhere.ts'
import { WalletCreate } from '../../web/views/wallet-create.ts'
import { WalletList } from '../../web/views/wallet-list.ts'
import { WalletPayment } from '../../web/views/wallet-payment.ts'
import { WalletSign } from '../../web/views/wallet-sign.ts'
import { WalletView } from '../../web/views/wallet-view.ts'
import { WalletWatch } from '../../web/views/wallet-watch.ts'
import { walletPath } from '../../web/wallet-name.ts'
import { deepAll, deepOne, ScriptedOpentab, type, until } from './support/scripted-opentab.ts'

const TXID = 'ab'.repeat(32)
const account = (checksum: string) => ({ descriptor: `tr(xpub)#${checksum}`, birthday: 0 })
const LOCKED: SignerStatus = { state: 'locked', account: account('locklock') }
const UNLOCKED: SignerStatus = { state: 'unlocked', account: account('openopen'), until: undefined }
const WATCHES: SignerStatus = { state: 'none' }

const balances = (trusted: number) => ({ mine: { trusted, untrusted_pending: 0, immature: 0.5 } })
const detail = {
  txid: TXID,
  kind: 'sent',
  state: 'pending',
  inmempool: false,
  amount: -1.5,
  fee: -0.000002,
  confirmations: 0,
  time: 0,
  walletconflicts: [],
  details: [{ category: 'send', amount: -1.5, address: 'tabrt1pbob', label: 'Bob' }],
}

/** A profile with a wallet of each kind. */
function profile(): ScriptedOpentab {
  const opentab = new ScriptedOpentab({
    listwalletdir: () => ({ wallets: ['', 'savings', 'cold', 'old'].map((name) => ({ name })) }),
    listtransactions: () => [],
    getmempoolinfo: () => ({ size: 0, bytes: 0, mempoolminfee: 0.00001 }),
    estimatesmartfee: (blocks: number) => ({ feerate: 0.00001, blocks }),
    validateaddress: () => ({ isvalid: true }),
    getnewaddress: () => 'tabrt1pfresh',
    getaddressinfo: () => ({}),
    gettransaction: () => detail,
    getwalletinfo: () => ({ descriptor: 'tr(xpub/<0;1>/*)#abcdefgh', blank: false }),
    unloadwallet: () => ({}),
    loadwallet: (name: string) => ({ name }),
  })
  opentab.loaded = ['', 'savings', 'cold']
  opentab.of[''] = { signer: UNLOCKED, answers: { getbalances: () => balances(1) } }
  opentab.of.savings = { signer: LOCKED, answers: { getbalances: () => balances(200) } }
  opentab.of.cold = { signer: WATCHES, answers: { getbalances: () => balances(3) } }
  return opentab
}

const EVENT = { wallet: 'savings', loaded: true, state: 'locked', txids: [] } as never

describe('several wallets', () => {
  const before = location.pathname + location.search
  let opentab: ScriptedOpentab
  let node: LiveNode
  let view: HTMLElement & { updateComplete: Promise<unknown> }

  beforeEach(() => {
    opentab = profile()
    node = new LiveNode(opentab)
    history.replaceState(null, '', '/wallet?network=regtest')
  })

  afterEach(() => {
    view.remove()
    history.replaceState(null, '', before)
    for (const name of ['receive.openopen', 'receive.locklock', 'backup.openopen', 'backup.locklock'])
      localStorage.removeItem(`opentab.${name}`)
  })

  async function show(element: HTMLElement & { updateComplete: Promise<unknown> }): Promise<void> {
    view = element
    document.body.append(view)
    await view.updateComplete
  }

  async function open(page: WalletPage, wallet?: string): Promise<WalletView> {
    if (wallet !== undefined) {
      history.replaceState(null, '', walletPath('/wallet', wallet))
      node.chooseWallet(wallet)
    }
    const wallets = new WalletView()
    wallets.node = node
    wallets.page = page
    wallets.paymentId = TXID
    await show(wallets)
    return wallets
  }

  /** As the app does when another address is shown. */
  async function go(wallets: WalletView, wallet: string): Promise<void> {
    history.replaceState(null, '', walletPath('/wallet', wallet))
    node.chooseWallet(wallet)
    wallets.requestUpdate()
    await wallets.updateComplete
  }

  const press = (text: string): void => deepOne(view, 'button', text).click()
  const text = (): string =>
    deepAll(view, '*')
      .flatMap((element) => [...element.childNodes].filter((child) => child.nodeType === Node.TEXT_NODE))
      .map(({ textContent }) => textContent)
      .join('')
      .replace(/\s+/g, ' ')
  const whose = (): string[] =>
    deepAll(view, '[data-testid=whose]')
      .filter((element) => element.checkVisibility())
      .map(({ textContent }) => textContent!.replace(/\s+/g, ' ').trim())

  it('are listed with what they have, where their keys are, and whether they are locked', async () => {
    // What is locked is part of what is trusted.
    const { mine } = balances(3)
    opentab.of.cold = { signer: WATCHES, answers: { getbalances: () => ({ mine: { ...mine, locked: 1 } }) } }
    const list = new WalletList()
    list.node = node
    await show(list)
    await until('they are there', () => deepAll(view, 'li').length === 4)
    const rows = deepAll(view, 'li').map((row) => row.textContent!.replace(/\s+/g, ' ').trim())
    assert.deepEqual(rows, [
      'Default wallet Current keys here, unlocked 1 coin + 0.5 coins not spendable yet Close',
      'savings keys here, locked 200 coins + 0.5 coins not spendable yet Close',
      'cold watch-only 2 coins + 1.5 coins not spendable yet Close',
      'old closed Open',
    ])
    assert.deepEqual(
      deepAll(view, 'li > a').map((link) => link.getAttribute('href')),
      ['', 'savings', 'cold', 'old'].map((name) => `/wallet?network=regtest&wallet=${name}`),
    )
    assert.equal(deepOne(view, 'li > a').ariaCurrent, 'true')
    deepOne(view, 'button[aria-label="Close savings"]').click()
    await until('it is closed', () => opentab.count('unloadwallet') === 1)
    await until('it is over', () => deepAll(view, 'button:disabled').length === 0)
    deepOne(view, 'button[aria-label="Open old"]').click()
    await until('it is open', () => opentab.count('loadwallet') === 1)
    assert.deepInclude(opentab.calls, { method: 'unloadwallet', params: ['savings', false] })
    assert.deepInclude(opentab.calls, { method: 'loadwallet', params: ['old', true] })
  })

  it('one wallet without a name goes without one', async () => {
    opentab.loaded = ['']
    await open('home')
    assert.deepEqual(whose(), ['Wallet'])
    assert.isUndefined(namedWallet())
  })

  for (const page of ['home', 'send', 'receive', 'backup', 'sign', 'payment', 'words'] as const)
    it(`its page ${page} says whose it is, and its address names it`, async () => {
      await open(page, 'savings')
      await until('it says so', () => whose().length > 0)
      assert.deepEqual(whose(), ['savings'])
      view.remove()
      // Where the address names none, it is the one that the page shows.
      history.replaceState(null, '', '/wallet?network=regtest')
      await open(page)
      assert.equal(namedWallet(), 'savings')
      assert.equal(new URL(newTabUrl(), location.href).searchParams.get('wallet'), null)
    })

  it('a wallet’s late answers, and what was typed for it, never show with another', async () => {
    const answers: ((found: unknown) => void)[] = []
    const slow = () => new Promise((resolve) => answers.push(resolve))
    opentab.of[''] = { signer: UNLOCKED, answers: { getbalances: slow } }
    const wallets = await open('home', '')
    await until('it was asked', () => answers.length > 0)
    await go(wallets, 'savings')
    await until('the other’s', () => text().includes('200'))
    for (const answer of answers.splice(0)) answer(balances(77))
    await new Promise((resolve) => requestAnimationFrame(resolve))
    await wallets.updateComplete
    assert.notInclude(text(), '77')
    assert.deepEqual(whose(), ['savings'])
    // An event of the former one brings nothing back either.
    opentab.emit('wallet', { ...(EVENT as object), wallet: '' } as never)
    await new Promise((resolve) => requestAnimationFrame(resolve))
    assert.notInclude(text(), '77')

    opentab.of[''] = { signer: UNLOCKED, answers: { getbalances: () => balances(1) } }
    wallets.page = 'send'
    await wallets.updateComplete
    type(deepOne(view, '#recipient'), 'opentab:tabrt1pbob?amount=2&label=Bob')
    await go(wallets, '')
    await until('the form', () => deepAll(view, '#recipient').length === 1)
    assert.equal((deepOne(view, '#recipient') as HTMLInputElement).value, '')
    assert.equal((deepOne(view, '#note') as HTMLInputElement).value, '')
  })

  it('the miner pays to the one that was shown when it was started, and the page says so', async () => {
    const paid: string[] = []
    for (const name of ['', 'savings'])
      opentab.of[name]!.answers!.setgenerate = () => {
        paid.push(name)
        return null
      }
    node.chooseWallet('savings')
    await startMining(node)
    node.mining = { ...node.mining, active: true }
    node.chooseWallet('')
    assert.equal(minesFor(node), 'savings')
    // Other settings are no other payee.
    await startMining(node)
    node.mining = { ...node.mining, active: false }
    assert.equal(minesFor(node), '')
    await startMining(node)
    assert.deepEqual(paid, ['savings', 'savings', ''])
    const miner = new MinerView()
    miner.node = node
    await show(miner)
    await until('whose it is', () => whose().join() === 'Default wallet')
  })

  it('a call that takes long stays with the wallet that it began with', async () => {
    const calls: string[] = []
    let plan = (_answer: unknown): void => {}
    const note = (wallet: string) => ({
      getbalances: () => balances(100),
      walletcreatefundedpsbt: () => {
        calls.push(`${wallet} plans`)
        return new Promise((resolve) => {
          plan = resolve
        })
      },
      reviewpsbt: () => {
        calls.push(`${wallet} reviews`)
        throw new Error('Enough.')
      },
    })
    opentab.of[''] = { signer: UNLOCKED, answers: note('default') }
    opentab.of.savings = { signer: LOCKED, answers: note('savings') }
    const wallets = await open('send', '')
    await until('the balance', () => text().includes('You can spend 100'))
    type(deepOne(view, '#recipient'), 'tabrt1pbob')
    type(deepOne(view, '#amount'), '2')
    await wallets.updateComplete
    press('Review payment')
    await until('it plans', () => calls.length === 1)
    await go(wallets, 'savings')
    plan({ psbt: 'plan', fee: 0 })
    await until('it reviews', () => calls.length === 2)
    assert.deepEqual(calls, ['default plans', 'default reviews'])
    assert.lengthOf(deepAll(view, 'ot-send-review'), 0)
  })

  it('one that is closed says so and opens; one that isn’t there is not found; neither shows another’s', async () => {
    const wallets = await open('home', 'old')
    await until('it is closed', () => text().includes('“old” is closed'))
    assert.isFalse(text().includes('can spend'))
    press('Open this wallet')
    await until('it is asked for', () => opentab.count('loadwallet') === 1)
    opentab.loaded = ['', 'savings', 'cold', 'old']
    opentab.of.old = { signer: LOCKED, answers: { getbalances: () => balances(9) } }
    opentab.emit('wallet', EVENT)
    await until('it is shown', () => whose().join() === 'old')
    await go(wallets, 'nobody’s')
    await until('there is none', () => text().includes('no wallet of the name “nobody’s”'))
  })

  it('the passphrase is asked for of the wallet that needs it', async () => {
    opentab.of.savings = {
      signer: LOCKED,
      answers: { getbalances: () => balances(200), walletpassphrase: () => null },
    }
    await open('home', 'savings')
    const dialog = new UnlockDialog()
    document.body.append(dialog)
    const unlock = (event: Event): void => void dialog.open((event as CustomEvent).detail)
    document.body.addEventListener('ot-unlock', unlock)
    await until('the button', () =>
      deepAll(view, 'button').some((one) => one.textContent!.includes('Unlock')),
    )
    press('Unlock')
    await until('the dialog', () => deepAll(dialog, 'h2').length === 1)
    assert.equal(deepOne(dialog, 'h2').textContent, 'Unlock “savings”')
    // Whatever is shown meanwhile.
    node.chooseWallet('')
    type(deepOne(dialog, 'input'), 'a long walk')
    deepOne(dialog, 'form').dispatchEvent(new SubmitEvent('submit', { cancelable: true }))
    await until('it is unlocked', () => opentab.count('walletpassphrase') === 1)
    document.body.removeEventListener('ot-unlock', unlock)
    dialog.remove()
  })

  it('another one gets a name, and the address of its words in place of the form', async () => {
    let to: unknown
    const create = new WalletCreate()
    create.node = node
    create.addEventListener('ot-navigate', (event) => {
      to = (event as CustomEvent).detail
    })
    opentab.of[''] = {
      signer: UNLOCKED,
      answers: { createwallet: (name: string) => ({ name, mnemonic: 'zoo' }) },
    }
    await show(create)
    await until('a name', () => deepAll(view, '#name').length === 1)
    const name = deepOne(view, '#name') as HTMLInputElement
    assert.equal(name.value, 'Wallet 5')
    for (const field of deepAll(view, 'input[type=password]')) type(field, 'correct horse battery')
    type(name, ' ')
    await create.updateComplete
    press('Create the wallet')
    await until('it wants one', () => text().includes('Give the wallet a name'))
    type(name, 'trip / 2027')
    await create.updateComplete
    press('Create the wallet')
    await until('it leaves', () => to !== undefined)
    assert.deepEqual(to, { path: '/wallet/words?network=regtest&wallet=trip+%2F+2027', replace: true })
    assert.deepInclude(opentab.calls, {
      method: 'createwallet',
      params: ['trip / 2027', { passphrase: 'correct horse battery' }],
    })
  })
})

describe('a wallet that only watches', () => {
  let opentab: ScriptedOpentab
  let view: HTMLElement & { updateComplete: Promise<unknown> }
  const before = location.pathname + location.search

  beforeEach(() => {
    opentab = profile()
    history.replaceState(null, '', '/wallet?network=regtest&wallet=cold')
  })
  afterEach(() => {
    view.remove()
    history.replaceState(null, '', before)
  })

  async function show<View extends HTMLElement & { updateComplete: Promise<unknown> }>(
    element: View,
  ): Promise<View> {
    view = element
    document.body.append(view)
    await view.updateComplete
    return element
  }

  const press = (label: string): void => deepOne(view, 'button', label).click()
  const shows = (words: string): boolean =>
    deepAll(view, 'p, h1, h2, dd, button, a, span').some((element) => element.textContent!.includes(words))

  it('offers no key, no lock and no backup of its own, and has payments prepared', async () => {
    const wallets = new WalletView()
    wallets.node = new LiveNode(opentab)
    wallets.page = 'home'
    await show(wallets)
    await until('it is there', () => shows('Prepare a payment'))
    assert.isTrue(shows('Watch-only'))
    for (const word of ['Unlock', 'Lock now', 'no backup']) assert.isFalse(shows(word), word)
    wallets.page = 'backup'
    await until('its key', () => shows('tr(xpub/<0;1>/*)#abcdefgh'))
    for (const word of ['Seed words', 'Change the passphrase', 'Backup file'])
      assert.isFalse(shows(word), word)
  })

  it('is made of a bare key or a descriptor, and not at all of what is none', async () => {
    const made: unknown[] = []
    opentab.of[''] = {
      signer: UNLOCKED,
      answers: {
        getdescriptorinfo: (typed: string) => {
          if (typed.includes('zpub')) throw new Error('This is no key.')
          return { descriptor: `${typed}#abcdefgh` }
        },
        createwallet: (...params: unknown[]) => {
          made.push(params)
          return { name: params[0] }
        },
      },
    }
    let result: object = { success: false, error: { code: -1, message: 'It is watched already.' } }
    opentab.of['cold storage'] = {
      signer: WATCHES,
      answers: {
        importdescriptors: (requests: unknown) => {
          made.push(requests)
          return [result]
        },
      },
    }
    let to = ''
    const watch = new WalletWatch()
    watch.node = new LiveNode(opentab)
    watch.addEventListener('ot-navigate', (event) => {
      to = (event as CustomEvent<{ path: string }>).detail.path
    })
    await show(watch)
    await until('a name', () => deepAll(view, '#name').length === 1)
    type(deepOne(view, '#name'), 'cold storage')
    type(deepOne(view, '#keys'), 'zpub6abc')
    press('Watch it')
    await until('it says so', () => shows('This is no key.'))
    assert.deepEqual(made, [])
    const words = 'legal winner thank year wave sausage worth useful legal winner thank yellow'
    const numbered = words.replace(/\w+/g, (word) => `1. ${word}`)
    for (const keys of [
      words,
      numbered,
      'tprv8ZgxMBicQKsPd7Uf69XL1XwhmjHopUGep8GuEiJDZmbQz6o58LninorQAfcKZWARbtRtfnLcJ5MQ2AtHcQJCCRUcMRvmDUjyEmNUWwx8UbK',
    ]) {
      type(deepOne(view, '#keys'), keys)
      press('Watch it')
      await until('it says what they are', () => shows('These are the keys themselves'))
      type(deepOne(view, '#keys'), '')
      press('Watch it')
      await until('it waits', () => shows('Paste the descriptor'))
    }
    type(deepOne(view, '#keys'), ' [f00dbabe/86h/1h/0h]xpub6abc\n')
    press('Watch it')
    await until('it failed', () => shows('It is watched already.'))
    result = { success: true }
    press('Watch it')
    await until('it leaves', () => to !== '')
    const imported = [
      { desc: 'tr([f00dbabe/86h/1h/0h]xpub6abc/<0;1>/*)#abcdefgh', timestamp: 0, active: true },
    ]
    // What was made for the first try serves the second.
    assert.deepEqual(made, [['cold storage', true], imported, imported])
    assert.equal(to, '/wallet?network=regtest&wallet=cold+storage')
  })

  const PSBT = btoa('psbt unsigned')
  const decoded = (txid: string, isSigned = true) => ({
    inputs: [isSigned ? { taproot_key_path_sig: '00' } : {}],
    tx: {
      txid,
      vout: [
        { value: 2, scriptPubKey: { address: 'tabrt1pbob' } },
        { value: 0.75, scriptPubKey: { address: 'tabrt1pme' } },
      ],
    },
    fee: 0.25,
  })

  async function elsewhere(): Promise<SendElsewhere> {
    opentab.of.cold = {
      signer: WATCHES,
      answers: {
        decodepsbt: (psbt: string) => decoded(psbt === 'other' ? 'other' : 'planned', psbt !== PSBT),
        analyzepsbt: () => ({ estimated_vsize: 1000 }),
        getaddressinfo: (address: string) => ({ ischange: address === 'tabrt1pme' }),
        sendpsbt: (psbt: string) => {
          if (psbt === 'half') throw new Error('A signature is missing.')
          return TXID
        },
        setlabel: () => null,
      },
    }
    const element = new SendElsewhere()
    element.node = new LiveNode(opentab).of('cold')
    element.psbt = PSBT
    element.note = 'Bob'
    await show(element)
    await until('it is read', () => shows('tabrt1pbob'))
    return element
  }

  it('shows what is to be signed: payees, fee, change, and whose it is', async () => {
    await elsewhere()
    const facts = deepOne(view, '.facts').textContent!.replace(/\s+/g, ' ').trim()
    assert.equal(
      facts,
      'From cold To tabrt1pbob They get 2 coins Fee 0.25 coins (25,000 sat/vB × 1,000 vB) You pay 2.25 coins Change 0.75 coins comes back Note Bob only you see it',
    )
    assert.equal((deepOne(view, '[data-testid=psbt]') as HTMLTextAreaElement).value, PSBT)
  })

  it('sends what comes back signed, and no other payment', async () => {
    await elsewhere()
    let sent = ''
    view.addEventListener('sent', (event) => {
      sent = (event as CustomEvent<string>).detail
    })
    press('Send 2 coins')
    await until('it wants one', () => shows('Paste the signed payment'))
    type(deepOne(view, '#psbt'), 'other')
    press('Send 2 coins')
    await until('it refuses', () => shows('another payment than the one above. Nothing was sent.'))
    assert.equal(opentab.count('sendpsbt'), 0)
    type(deepOne(view, '#psbt'), PSBT)
    press('Send 2 coins')
    await until('it says so', () => shows('This payment is not signed yet. Nothing was sent.'))
    assert.equal(opentab.count('sendpsbt'), 0)
    type(deepOne(view, '#psbt'), 'half')
    press('Send 2 coins')
    await until('it says why', () => shows('A signature is missing.'))
    assert.equal(sent, '')
    type(deepOne(view, '#psbt'), ' signed ')
    press('Send 2 coins')
    await until('it is sent', () => sent === TXID)
    assert.deepInclude(opentab.calls, { method: 'sendpsbt', params: ['signed'] })
    assert.deepInclude(opentab.calls, { method: 'setlabel', params: ['tabrt1pbob', 'Bob'] })
  })

  it('has a higher fee signed elsewhere, too, and sends that in place of the former payment', async () => {
    opentab.of.cold = {
      signer: WATCHES,
      answers: {
        gettransaction: () => ({ ...detail, inmempool: true }),
        getmempoolentry: () => ({ vsize: 154, fees: { base: 0.000002 } }),
        psbtbumpfee: () => ({ psbt: PSBT, reduced: 0 }),
        getaddressinfo: (address: string) => ({ ischange: address === 'tabrt1pme' }),
        analyzepsbt: () => ({}),
        decodepsbt: (psbt: string) => decoded('planned', psbt !== PSBT),
        sendpsbt: () => TXID,
      },
    }
    const payment = new WalletPayment()
    payment.node = new LiveNode(opentab).of('cold')
    payment.txid = TXID
    await show(payment)
    await until('it waits', () => shows('Raise the fee'))
    press('Raise the fee')
    await until('a rate can be typed', () => shows('Review with this fee'))
    press('Review with this fee')
    await until('it is read', () => shows('Send 2 coins'))
    type(deepOne(view, '#psbt'), 'signed')
    press('Send 2 coins')
    await until('it is sent', () => opentab.count('sendpsbt') === 1)
    assert.deepInclude(opentab.calls, { method: 'sendpsbt', params: ['signed', { replaces: TXID }] })
  })

  it('takes the signed payment from a file of bytes or of text', async () => {
    await elsewhere()
    const field = deepOne(view, '#file') as HTMLInputElement
    const bytes = new Uint8Array([...new TextEncoder().encode('psbt'), 0xff, 1, 2])
    for (const [content, base64] of [
      [bytes, 'cHNidP8BAg=='],
      ['cHNidP8BAg==\n', 'cHNidP8BAg=='],
    ] as const) {
      type(deepOne(view, '#psbt'), '')
      const chosen = new DataTransfer()
      chosen.items.add(new File([content], 'signed.psbt'))
      field.files = chosen.files
      field.dispatchEvent(new Event('change'))
      await until('it is there', () => (deepOne(view, '#psbt') as HTMLTextAreaElement).value === base64)
    }
  })
})

describe('signing for another wallet', () => {
  const before = location.pathname + location.search
  let opentab: ScriptedOpentab
  let view: WalletSign
  let complete: boolean

  beforeEach(async () => {
    history.replaceState(null, '', '/wallet/sign?network=regtest&wallet=savings')
    complete = true
    opentab = profile()
    opentab.of.savings = {
      signer: LOCKED,
      answers: {
        walletprocesspsbt: (given: string | { readonly psbt: string }) =>
          typeof given === 'string'
            ? { psbt: `${given} filled`, complete: false }
            : { psbt: `${given.psbt} signed`, complete, ...(complete && { hex: '0200' }) },
        reviewpsbt: (psbt: string) => {
          if (!psbt.startsWith('plan')) throw new Error('This is no payment.')
          return {
            digest: 'read',
            payees: [{ address: 'tabrt1pbob', amount: 2 }],
            change: [{ address: 'tabrt1pme', amount: 0.75 }],
            fee: 0.25,
            feeishigh: true,
            vsize: 154,
            foreigninputs: 1,
          }
        },
      },
    }
    view = new WalletSign()
    view.node = new LiveNode(opentab).of('savings')
    document.body.append(view)
    await view.updateComplete
  })

  afterEach(() => {
    view.remove()
    history.replaceState(null, '', before)
  })

  const press = (label: string): void => deepOne(view, 'button', label).click()
  const text = (): string => view.shadowRoot!.textContent!.replace(/\s+/g, ' ')

  it('shows what the keeper of keys reads, and signs that, once it is unlocked', async () => {
    press('Show what it does')
    await until('it wants one', () => text().includes('Paste the payment'))
    type(deepOne(view, '#psbt'), 'other')
    press('Show what it does')
    await until('it says so', () => text().includes('This is no payment.'))
    type(deepOne(view, '#psbt'), ' plan ')
    press('Show what it does')
    await until('what it does', () => text().includes('They get'))
    assert.include(text(), 'To tabrt1pbob')
    assert.include(text(), 'In all 2.25 coins')
    assert.include(text(), 'Change 0.75 coins comes back to you')
    assert.include(text(), 'This fee is unusually high.')
    assert.include(text(), 'It spends coins of others, too')
    const signings = (): unknown[] =>
      opentab.calls.filter(({ method, params }) => method === 'walletprocesspsbt' && params[1] !== false)
    assert.deepEqual(signings(), [])

    let asked: LiveNode | undefined
    let unlocks = false
    const answer = (event: Event): void => {
      const { node, resolve } = (event as CustomEvent<UnlockRequest>).detail
      asked = node
      resolve(unlocks)
    }
    document.body.addEventListener('ot-unlock', answer)
    // Such a fee has to be meant.
    assert.isTrue((deepOne(view, 'button', 'Sign it') as HTMLButtonElement).disabled)
    deepOne(view, '[type=checkbox]').click()
    await view.updateComplete
    press('Sign it')
    await until('it asked', () => asked !== undefined)
    assert.equal(asked!.wallet, 'savings')
    await view.updateComplete
    assert.deepEqual(signings(), [])
    unlocks = true
    press('Sign it')
    await until('it is signed', () => text().includes('It has all signatures.'))
    document.body.removeEventListener('ot-unlock', answer)
    assert.deepEqual(signings(), [
      { method: 'walletprocesspsbt', params: [{ psbt: 'plan filled', digest: 'read' }] },
    ])
    // It can be sent from here, too.
    let refusal: string | undefined = 'Its coins are spent.'
    opentab.of.savings!.answers!.sendrawtransaction = () => {
      if (refusal) throw new Error(refusal)
      return 'ab'.repeat(32)
    }
    let to: unknown
    document.body.addEventListener('ot-navigate', (event) => ({ detail: to } = event as CustomEvent), {
      once: true,
    })
    press('Send it')
    await until('it says why not', () => text().includes('Its coins are spent.'))
    refusal = undefined
    press('Send it')
    await until('it is sent', () => to !== undefined)
    assert.deepEqual(to, { path: `/wallet/tx/${'ab'.repeat(32)}`, replace: true })
    assert.deepInclude(opentab.calls, { method: 'sendrawtransaction', params: ['0200'] })
    assert.equal((deepOne(view, '[data-testid=psbt]') as HTMLTextAreaElement).value, 'plan filled signed')
  })

  it('says where others have to sign, too', async () => {
    complete = false
    opentab.of.savings = { ...opentab.of.savings, signer: UNLOCKED }
    type(deepOne(view, '#psbt'), 'plan')
    press('Show what it does')
    await until('what it does', () => text().includes('They get'))
    deepOne(view, '[type=checkbox]').click()
    await view.updateComplete
    press('Sign it')
    await until('it is signed', () => text().includes('others have to sign it, too'))
  })
})
