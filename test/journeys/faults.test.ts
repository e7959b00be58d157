/** Promise: what goes wrong is told in a sentence, nothing is asked of third parties, and a full disk costs nothing that is stored. */

import assert from 'node:assert/strict'
import test from 'node:test'
import { journey, textOf, untilAgreed } from '../support/tabs.ts'

test(
  'an address with a mistake says which',
  journey(async (world) => {
    await world.serve()
    for (const [query, sentence] of [
      [
        '?network=nope',
        'There is no network “nope” here. This page knows ?network=opentab and ?network=regtest, and links of other networks, which begin with ?network=net1.',
      ],
      [
        '?profile=bad%20name!',
        'A profile’s name has 1 to 32 letters, digits, “-” or “_”. Change ?profile= in the address.',
      ],
    ] as const) {
      const { page } = await world.load(query, { query })
      await page.getByRole('heading', { name: 'The address is not right' }).waitFor()
      assert.equal(await textOf(page.getByRole('alert')), sentence)
    }
    const lost = await world.open('Lost', { path: '/no/such/view' })
    await lost.page.getByText('This page has no view at /no/such/view.').waitFor()
  }),
)

test(
  'in a whole session nobody but the server and the other tabs is asked for anything',
  journey(async (world) => {
    const server = await world.serve()
    const tabs = await world.openAll(['Ada', 'Ben'])
    const [ada] = tabs
    await Promise.all(tabs.map((tab) => tab.untilPeers(1)))
    await ada!.createWallet()
    await ada!.generate(1)
    await untilAgreed(tabs)
    for (const view of ['Wallet', 'Explorer', 'Miner', 'Network', 'Overview'])
      await ada!.page.getByRole('navigation').getByRole('link', { name: view, exact: true }).first().click()
    for (const { name, requests } of tabs) {
      const foreign = requests.filter((url) => new URL(url).host !== `localhost:${server.port}`)
      assert.deepEqual(foreign, [], name)
      assert.ok(
        requests.some((url) => url.startsWith('ws:')),
        'WebSockets are among what was recorded',
      )
    }
    const origin = `http://localhost:${server.port}/`
    for (const cookies of await Promise.all(tabs.map(({ context }) => context.cookies(origin))))
      assert.deepEqual(cookies, [])
  }),
)

test(
  'when the disk is full the tab says so and stops mining; what it had is there after a reload',
  journey(async (world) => {
    const server = await world.serve()
    const ada = await world.open('Ada')
    await ada.createWallet()
    const address = await ada.rpc('getnewaddress', 'Kept')
    await ada.generate(5, address)
    await ada.rpc('setgenerate', true, 1)
    await ada.until(
      'it mines',
      'getmininginfo',
      [],
      ({ blocksfound }: { blocksfound: number }) => blocksfound > 5,
    )

    const session = await ada.context.newCDPSession(ada.page)
    const origin = `http://localhost:${server.port}`
    await session.send('Storage.overrideQuotaForOrigin', { origin, quotaSize: 1 })
    await ada.until(
      'mining has stopped',
      'getmininginfo',
      [],
      ({ generate }: { generate: boolean }) => !generate,
    )
    await ada.page
      .getByRole('alert')
      .getByText(/full.*What was stored.*is kept/s)
      .first()
      .waitFor()
    const tip = await ada.rpc('getbestblockhash')
    await assert.rejects(ada.generate(1, address))
    await assert.rejects(ada.rpc('getnewaddress'))
    assert.equal(await ada.rpc('getbestblockhash'), tip)

    await ada.reload()
    assert.equal(await ada.rpc('getbestblockhash'), tip)
    assert.ok((await ada.rpc('exportlabels')).includes(address))

    // With room again it goes on.
    await session.send('Storage.overrideQuotaForOrigin', { origin })
    await ada.reload()
    await ada.generate(1, address)
  }),
)
