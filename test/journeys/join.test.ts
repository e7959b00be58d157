/** Promise: tabs that open the page are one network, in which one mines and pays another, who sees it settle block by block. */

import assert from 'node:assert/strict'
import test from 'node:test'
import type { Balances, WalletTransaction } from '../../web/rpc-results.ts'
import { journey, untilAgreed } from '../support/tabs.ts'

/** Coinbase maturity of regtest. */
const MATURITY = 100

test(
  'five tabs join, one mines past maturity and pays another, who sees 0 to 6 confirmations',
  journey(async (world) => {
    await world.serve()
    const shared = await world.newContext()
    const tabs = await Promise.all([
      world.open('Ada'),
      world.open('Ben'),
      world.open('Cleo'),
      world.open('Dan', { context: shared }),
      world.open('Dan again', { context: shared }),
    ])
    const identities = await Promise.all(tabs.map((tab) => tab.identity()))
    assert.equal(new Set(identities.map(({ peerId }) => peerId)).size, tabs.length, 'each tab is a node')
    assert.deepEqual(
      identities.map(({ profile }) => profile).sort(),
      ['1', '1', '1', '1', '2'],
      'two tabs of one context share no profile',
    )

    await Promise.all(tabs.map((tab) => tab.untilPeers(2)))
    for (const tab of tabs) {
      const connections = await tab.directConnections()
      assert.ok(connections >= 2, `${tab.name} has ${connections} WebRTC connections`)
    }

    const [ada, ben] = tabs
    await Promise.all([ada.createWallet(), ben.createWallet()])
    await ada.generate(MATURITY)
    await untilAgreed(tabs)
    assert.equal((await ada.rpc('getbalances')).mine.trusted, 50)

    const txid = await ada.pay(await ben.rpc('getnewaddress', 'Coffee'), 1.5)
    await ben.until(
      'it sees the payment unconfirmed',
      'getbalances',
      [],
      ({ mine }: Balances) => mine.untrusted_pending === 1.5,
    )
    for (let confirmations = 1; confirmations <= 6; confirmations++) {
      await ada.generate(1)
      const [payment] = await ben.until(
        `the payment has ${confirmations} confirmations`,
        'listtransactions',
        [],
        ([entry]: readonly WalletTransaction[]) => entry?.confirmations === confirmations,
      )
      assert.equal(payment?.txid, txid)
    }
    assert.equal((await ben.rpc('getbalances')).mine.trusted, 1.5)
    await untilAgreed(tabs)
  }),
)
