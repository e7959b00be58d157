/** Promise: every tab is a node of its own, and the same node after a reload. */

import assert from 'node:assert/strict'
import test from 'node:test'
import { journey, type Tab, textOf, untilAgreed } from '../support/tabs.ts'

test(
  'a reload keeps peer id, wallet and chain; a duplicated tab becomes another node',
  journey(async (world) => {
    await world.serve()
    let ada = await world.open('Ada')
    await ada.createWallet()
    await ada.generate(3)
    const state = async (tab: Tab): Promise<unknown> => ({
      identity: await tab.identity(),
      wallet: (await tab.rpc('getwalletinfo')).descriptor,
      labels: await tab.rpc('exportlabels'),
      tip: await tab.rpc('getbestblockhash'),
    })
    const before = await state(ada)
    ada = await ada.reload()
    assert.deepEqual(await state(ada), before)

    // As the browser's "Duplicate" does, `window.open` gives the new tab a copy of the session storage.
    const [page] = await Promise.all([
      ada.context.waitForEvent('page'),
      ada.page.evaluate(() => void open(location.href)),
    ])
    const twin = await world.adopt('Twin', page).ready()
    const [hers, its] = [await ada.identity(), await twin.identity()]
    assert.notEqual(its.profile, hers.profile)
    assert.notEqual(its.peerId, hers.peerId)
    assert.deepEqual(await twin.rpc('listwallets'), [])
    await twin.untilPeers(1)
    await untilAgreed([ada, twin])
    assert.deepEqual(await state(ada), before)

    // Both were reloaded: each is who it was.
    await Promise.all([ada.reload(), twin.reload()])
    assert.deepEqual(await state(ada), before)
    assert.deepEqual(await twin.identity(), its)
  }),
)

test(
  '?profile=NAME is one node; while a tab has it open another is told so, and gets it afterwards',
  journey(async (world) => {
    await world.serve()
    const context = await world.newContext()
    const query = '?network=regtest&profile=Class_7-b'
    const first = await world.open('First', { context, query })
    const { profile, peerId } = await first.identity()
    assert.equal(profile, 'Class_7-b')

    const second = await world.load('Second', { context, query })
    const alert = second.page.getByRole('alert')
    await alert.waitFor()
    assert.match(
      await textOf(alert),
      /^Another tab has the profile "Class_7-b" open\. Close that tab and reload/,
    )
    await first.page.close()
    await second.page.getByRole('button', { name: 'Try again' }).click()
    await second.ready()
    assert.equal((await second.identity()).peerId, peerId)
  }),
)

test(
  'a page that the browser keeps for its back button leaves its profile to the next one, and starts anew when it is shown again',
  journey(async (world) => {
    await world.serve()
    const context = await world.newContext()
    const query = '?network=regtest&profile=Ada'
    const first = await world.open('First', { context, query })
    const identity = await first.identity()
    // As WebKit does; Chromium keeps no page that has connections.
    await first.page.evaluate(() => {
      dispatchEvent(new PageTransitionEvent('pagehide', { persisted: true }))
    })
    const second = await world.open('Second', { context, query })
    assert.deepEqual(await second.identity(), identity)

    await second.page.close()
    const again = first.page.waitForEvent('load')
    await first.page.evaluate(() => {
      dispatchEvent(new PageTransitionEvent('pageshow', { persisted: true }))
    })
    await again
    await first.ready()
    assert.deepEqual(await first.identity(), identity)
  }),
)
