/** Promise: once tabs have met they need no relay, and when it comes back they are found through it again by themselves. */

import assert from 'node:assert/strict'
import test from 'node:test'
import type { Balances } from '../../web/rpc-results.ts'
import { journey, untilAgreed } from '../support/tabs.ts'

test(
  'without the relay the tabs mine, pay and forward; when it is back they register again and a new tab joins',
  journey(async (world) => {
    const server = await world.serve()
    const tabs = await world.openAll(['Ada', 'Ben', 'Cleo'])
    const [ada, ben, cleo] = tabs as [(typeof tabs)[0], (typeof tabs)[0], (typeof tabs)[0]]
    await Promise.all(tabs.map((tab) => tab.untilPeers(2)))
    await Promise.all([ada.createWallet(), ben.createWallet()])

    await server.stopRelay()
    await Promise.all(tabs.map((tab) => tab.untilReserved(0)))
    await ada.generate(101)
    await untilAgreed(tabs)
    const txid = await ada.pay(await ben.rpc('getnewaddress'), 2)
    await ben.until(
      'it sees the payment',
      'getbalances',
      [],
      ({ mine }: Balances) => mine.untrusted_pending === 2,
    )
    await cleo.until('it has the payment', 'getrawmempool', [], (txids) => txids.includes(txid))
    await cleo.generate(1, await ada.rpc('getnewaddress'))
    await untilAgreed([cleo, ada, ben])
    assert.equal((await ben.rpc('getbalances')).mine.trusted, 2)
    for (const tab of tabs) assert.equal((await tab.untilPeers(2)).length, 2, 'nobody lost a peer')

    await server.startRelay()
    await Promise.all(tabs.map((tab) => tab.untilReserved()))
    const dan = await world.open('Dan')
    await dan.untilPeers(2)
    await untilAgreed([ada, dan])
  }),
)
