/**
 * Promise: every view works in light and dark, on a desktop and on a phone: without errors, without scrolling sideways, and with text that can be read. With
 * OPENTAB_SCREENSHOTS=folder it saves a picture of each.
 */

import assert from 'node:assert/strict'
import { join } from 'node:path'
import test from 'node:test'
import { hardToRead } from '../support/contrast.ts'
import { PATIENCE } from '../support/node-tab.ts'
import { journey, PASSPHRASE, type Tab, untilAgreed } from '../support/tabs.ts'

const FOLDER = process.env.OPENTAB_SCREENSHOTS

const SCREENS = [
  { name: 'desktop', width: 1280, height: 900 },
  { name: 'phone', width: 390, height: 844 },
] as const

const COLOURS = ['light', 'dark'] as const

test(
  'every view, light and dark, on a desktop and on a phone',
  journey(async (world) => {
    await world.serve()
    const [ada, ben] = (await world.openAll(['Ada', 'Ben'])) as [Tab, Tab]
    await ada.untilPeers(1)
    // What the tests' compiler calls in a function that is run in the page.
    await ada.page.evaluate('globalThis.__name = (named) => named')
    await show(ada, {
      first: '/',
      'no-wallet': '/wallet',
      create: '/wallet/create',
      restore: '/wallet/restore',
      watch: '/wallet/watch',
      'no-miner': '/miner',
      empty: '/explorer/mempool',
    })

    await Promise.all([ada.createWallet(), ben.createWallet()])
    await ada.generate(104)
    const to = await ben.rpc('getnewaddress', 'Coffee')
    const txid = await ada.pay(to, 1.5)
    await ada.generate(3)
    await untilAgreed([ada, ben])
    const first = await ada.pay(to, 0.25)
    await ada.rpc('bumpfee', first, { fee_rate: 10 })
    await ben.pay(
      await ada.rpc('getnewaddress', 'A label that is rather long, as people write them'),
      0.123_456_78,
    )
    await ada.until('both payments wait', 'getrawmempool', [], (txids) => txids.length === 2)
    const lost = await conflicted(ada, to)
    await show(ada, { overview: '/' })
    // Cards of blocks are links that say what they show.
    await ada.page
      .getByRole('link', { name: /^Block 107 1 transaction .*(ago|now)$/ })
      .first()
      .waitFor({ state: 'attached' })
    await show(ada, {
      wallet: '/wallet',
      receive: '/wallet/receive',
      send: '/wallet/send',
      backup: '/wallet/backup',
      payment: `/wallet/tx/${txid}`,
      replaced: `/wallet/tx/${first}`,
      conflicted: `/wallet/tx/${lost}`,
      sign: '/wallet/sign',
      explorer: '/explorer',
      mempool: '/explorer/mempool',
      block: '/block/105',
      transaction: `/tx/${txid}`,
      address: `/address/${to}`,
      miner: '/miner',
      network: '/network',
      networks: '/networks',
      'not-found': '/no/such/view',
      'no-block': '/block/999999',
    })
    await review(ada, to)
    await channels(ada, ben, () => world.open('Cleo'))
    await learn(ada)
    await severalWallets(ada, to, (await ben.rpc('getwalletinfo')).descriptor!)
    await network(ada)
    assert.deepEqual(ada.consoleErrors, [])
  }),
)

/** Shows a payment with a fee that is unusual before it is sent. */
async function review(tab: Tab, to: string): Promise<void> {
  const { page } = tab
  await show(tab, { form: '/wallet/send' })
  await page.getByLabel('Pay to').fill(to)
  await page.getByLabel('Amount').fill('1.25')
  await page.getByLabel('Note').fill('Coffee, and the cake of last week')
  await page.getByText('Custom').click()
  await page.getByLabel('Fee rate, sat/vB').fill('5000')
  await page.getByRole('button', { name: 'Review payment' }).click()
  await page.getByRole('heading', { name: 'Review the payment' }).waitFor()
  assert.deepEqual(await look(tab, 'review'), [])
}

/** Shows channels from the first one to its end: opened, paid over, asked to be paid, watched by a third tab, and closed alone. */
async function channels(ada: Tab, ben: Tab, open: () => Promise<Tab>): Promise<void> {
  const { page } = ada
  await show(ada, { 'channels-locked': '/channels' })
  const unlocked = (tab: Tab) => tab.rpc('walletpassphrase', PASSPHRASE, 10_000)
  await Promise.all([ada, ben].map(unlocked))
  await ben.until('the other node is known', 'listpeers', [], ({ peers }) => peers.length === 1)
  await show(ada, { 'channels-none': '/channels', 'channel-form': '/channels/open' })
  await page.getByLabel('Amount, coins').fill('0.05')
  await page.getByRole('button', { name: 'Review' }).click()
  await page.getByRole('heading', { name: 'Review the channel' }).waitFor()
  assert.deepEqual(await look(ada, 'channel-review'), [])
  await page.getByRole('button', { name: 'Open with 0.05 coins' }).click()
  await page.getByRole('heading', { name: 'Channel', exact: true }).waitFor()
  await page.getByText('Opening: 0 of 1 confirmation').waitFor()
  assert.deepEqual(await look(ada, 'channel-opening'), [])
  const id = (await ada.rpc('listpeerchannels')).channels[0]!.channel_id
  await ben.until('it can be mined', 'getrawmempool', [], (txids) => txids.length > 0)
  await ada.generate(1)
  await untilAgreed([ada, ben])
  await page.getByTestId('state').getByText('Open').waitFor()

  const { bolt11 } = await ben.rpc(
    'invoice',
    1_500_000_000,
    'coffee',
    'Coffee for two, and the cake of last week',
  )
  await show(ada, { 'channel-pay': '/channels/pay' })
  await page.getByLabel('Invoice').fill(`lightning:${bolt11.toUpperCase()}`)
  await page.getByRole('button', { name: 'Pay 0.015 coins' }).waitFor()
  assert.deepEqual(await look(ada, 'channel-pay-review'), [])
  await page.getByRole('button', { name: 'Pay 0.015 coins' }).click()
  await page.getByRole('heading', { name: '0.015 coins paid' }).waitFor()
  assert.deepEqual(await look(ada, 'channel-paid'), [])
  await page.getByRole('button', { name: 'Pay another' }).click()
  await page.getByLabel('Invoice').fill(bolt11)
  await page.getByText('You have paid this invoice').waitFor()
  assert.deepEqual(await look(ada, 'channel-pay-again'), [])

  await show(ada, { 'channel-receive': '/channels/receive' })
  await page.getByLabel('Amount, coins').fill('0.002')
  await page.getByLabel('What for').fill('The cake')
  await page.getByRole('button', { name: 'Make an invoice' }).click()
  const asked = await page.getByTestId('invoice').innerText()
  assert.deepEqual(await look(ada, 'channel-invoice'), [])
  await ben.rpc('pay', asked)
  await page.getByTestId('paid').waitFor()
  assert.deepEqual(await look(ada, 'channel-received'), [])
  await show(ada, { 'channel-no-tower': '/channels/towers' })
  const cleo = await open()
  await cleo.createWallet()
  await unlocked(cleo)
  await cleo.rpc('towerservice', true)
  await ada.until('the third node is known', 'listpeers', [], ({ peers }) => peers.length === 2)
  await page.getByText('a connected tab').waitFor()
  await page.getByRole('button', { name: 'Ask it to watch' }).click()
  await page.getByText('Watches', { exact: true }).waitFor()
  await show(ada, {
    'channel-towers': '/channels/towers',
    channels: '/channels',
    channel: `/channels/${id}`,
    'channel-payments': '/channels/payments',
    'channel-graph': '/channels/graph',
    'channel-gone': `/channels/${'0'.repeat(64)}`,
    'wallet-with-channels': '/wallet',
  })

  await show(ada, { 'channel-to-close': `/channels/${id}` })
  await page.getByRole('button', { name: 'Close alone' }).click()
  await page.getByRole('button', { name: 'Yes, close alone' }).click()
  await page.getByText('Closing alone').waitFor()
  await ada.until('it waits', 'getrawmempool', [], (txids) => txids.length > 0)
  await ada.generate(1)
  await untilAgreed([ada, ben])
  await page.getByText('Closing: yours again in 12 blocks').waitFor()
  assert.deepEqual(await look(ada, 'channel-closing'), [])
  await show(ada, { 'channels-closing': '/channels' })
}

/** Shows lessons on channels: their beginning, a payment, a thief who was seen, and a payment that hangs over two channels. */
async function learn(tab: Tab): Promise<void> {
  const { page } = tab
  const forward = async (steps: number): Promise<void> => {
    for (let step = 0; step < steps; step++) {
      await page.getByRole('button', { name: 'Next', exact: true }).click()
      await page.getByText('Signing and checking').waitFor({ state: 'detached' })
    }
  }
  await show(tab, { learn: '/channels/learn' })
  await forward(3)
  await page.getByText('Alice pays Bob 400,000 sat.').waitFor()
  assert.deepEqual(await look(tab, 'learn-payment'), [])
  for (const [story, name] of [
    ['A thief is punished', 'learn-theft'],
    ['It times out', 'learn-hops'],
  ] as const) {
    await page.getByText(story).click()
    await page.getByText(`${story}: step 0`).waitFor()
    await forward(5)
    await page.getByText(`${story}: step 5`).waitFor()
    assert.deepEqual(await look(tab, name), [])
  }
}

/** Shows a network that was made by the form, and the page that asks before it is joined. */
async function network(tab: Tab): Promise<void> {
  const { page } = tab
  await show(tab, { 'networks-again': '/networks?network=regtest' })
  const maker = page.locator('ot-network-maker')
  await maker.getByText('Classroom').click()
  await maker.getByText('All rules').click()
  await maker.getByLabel('Name').fill('class-7b')
  await maker.getByRole('button', { name: 'Make the link' }).click()
  await maker.getByRole('link', { name: 'Open it' }).waitFor()
  assert.deepEqual(await look(tab, 'network-made'), [])
  const relay = '/dns4/relay.example/tcp/443/wss/p2p/12D3KooWGYkDqWcVfaUMLd5HRfKFVjFq1yqr8mMhy4GCcMVrUXQW'
  const link = await maker.getByLabel('Link', { exact: true }).inputValue()
  await page.goto(`${link}&relay=${relay}`)
  await page.evaluate('globalThis.__name = (named) => named')
  await page.getByRole('heading', { name: 'Join the network “class-7b”?' }).waitFor()
  assert.deepEqual(await look(tab, 'network-join'), [])
}

/** A payment that lost its coin to another one which was confirmed meanwhile; answers its txid. */
async function conflicted(tab: Tab, to: string): Promise<string> {
  const confirmed = await tab.pay(to, 0.75)
  const [block] = await tab.generate(1)
  await tab.rpc('invalidateblock', block!)
  await tab.until('it waits again', 'getrawmempool', [], (txids) => txids.includes(confirmed))
  const { txid } = await tab.rpc('bumpfee', confirmed, { fee_rate: 20 })
  await tab.rpc('reconsiderblock', block!)
  await tab.until('it has lost', 'gettransaction', [txid], ({ state }) => state === 'conflicted')
  return txid
}

/** Shows a profile with a second wallet and one that watches another's coins, whose payment is prepared for signing elsewhere. */
async function severalWallets(tab: Tab, to: string, descriptor: string): Promise<void> {
  const { page } = tab
  await tab.rpc('createwallet', 'Savings for the trip', { passphrase: PASSPHRASE })
  await show(tab, { 'create-another': '/wallet/create', 'watch-another': '/wallet/watch' })
  await page.getByLabel('Name').fill('Ben’s, to look at')
  await page.getByLabel('Descriptor or extended public key').fill(descriptor)
  await page.getByRole('button', { name: 'Watch it' }).click()
  await page.getByTestId('spendable').getByText('coins').waitFor()
  await show(tab, {
    wallets: '/wallet/all',
    'wallet-watching': '/wallet',
    'keys-watching': '/wallet/backup',
    'wallet-of-several': '/wallet?network=regtest&wallet=',
    'wallet-empty': '/wallet?network=regtest&wallet=Savings+for+the+trip',
    'receive-named': '/wallet/receive',
    'wallet-unknown': '/wallet?network=regtest&wallet=nobody',
    'send-watching': '/wallet/send?network=regtest&wallet=Ben’s,+to+look+at',
  })
  await page.getByLabel('Pay to').fill(to)
  await page.getByLabel('Amount').fill('0.25')
  await page.getByRole('button', { name: 'Prepare it for signing' }).click()
  await page.getByText('They get').waitFor()
  assert.deepEqual(await look(tab, 'send-elsewhere'), [])
}

/** Shows each view on every screen in every colour scheme, and looks at it. */
async function show(tab: Tab, views: Readonly<Record<string, string>>): Promise<void> {
  const { page } = tab
  /** What can't be read, of all views: whoever changes a colour wants to see all that it does. */
  const hard: string[] = []
  for (const [name, path] of Object.entries(views)) {
    await page.evaluate((to) => {
      history.pushState(null, '', to.includes('?') ? to : to + location.search)
      dispatchEvent(new PopStateEvent('popstate'))
    }, path)
    hard.push(...(await look(tab, name)))
  }
  assert.deepEqual(hard, [])
}

/** Looks at what is shown, on every screen in every colour scheme. Answers what can't be read. */
async function look(tab: Tab, name: string): Promise<string[]> {
  const { page } = tab
  const hard: string[] = []
  for (const { name: screen, width, height } of SCREENS) {
    await page.setViewportSize({ width, height })
    for (const colorScheme of COLOURS) {
      // Colours change at once, not by transitions.
      await page.emulateMedia({ colorScheme, reducedMotion: 'reduce' })
      const headings = page.getByRole('heading', { level: 1 })
      await headings.first().waitFor()
      await rendered(tab)
      const what = `${name} on a ${screen}, ${colorScheme}`
      assert.equal(await headings.count(), 1, `${what} has one main heading`)
      const sideways = await page.evaluate(() => {
        const { scrollWidth, clientWidth } = document.documentElement
        return scrollWidth - clientWidth
      })
      assert.equal(sideways, 0, `${what} scrolls sideways by ${sideways} pixels`)
      hard.push(...(await unreadable(tab)).map((line) => `${what}: ${line}`))
      if (FOLDER !== undefined)
        await page.screenshot({
          path: join(FOLDER, `${name}-${screen}-${colorScheme}.png`),
          fullPage: true,
        })
    }
  }
  return hard
}

/** What stays hard to read: another colour scheme reaches a busy page in steps, texts after what is behind them. */
async function unreadable(tab: Tab): Promise<readonly string[]> {
  const over = AbortSignal.timeout(PATIENCE)
  for (;;) {
    const lines = await tab.page.evaluate(hardToRead)
    if (lines.length === 0 || over.aborted) return lines
    await rendered(tab)
  }
}

/** Resolves when what the view has asked of the node is answered and drawn. */
async function rendered(tab: Tab): Promise<void> {
  for (let step = 0; step < 3; step++) {
    // A page that asks before it starts has no node yet.
    if (await tab.page.evaluate(() => 'opentab' in globalThis)) await tab.rpc('uptime')
    await tab.page.evaluate(() => new Promise((drawn) => requestAnimationFrame(() => setTimeout(drawn))))
  }
}
