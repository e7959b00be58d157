/**
 * Promise: a tab that was away notices at once, replaces the peers that gave it up, and catches up; a relay that comes back under another
 * key is used without a reload.
 */

import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import test from 'node:test'
import type { Browser } from 'playwright-core'
import type { LogEvent } from '../../src/node/events.ts'
import type { NetworkInfo } from '../../web/rpc-results.ts'
import { journey, launchChromium, type Tab } from '../support/tabs.ts'

/** Between two ordinary pings lies a pause of so many milliseconds, or longer. */
const ORDINARY_PAUSE = 9000

test(
  'a tab whose process stood still finds its peers gone, meets them again and has their block, without its ordinary pings',
  journey(async (world) => {
    await world.serve()
    const tabs = await world.openAll(['Ben', 'Cleo'])
    const [ben] = tabs as [Tab, Tab]
    await ben.createWallet()
    // A browser of its own: all of its renderers are Ada's.
    const browser = await launchChromium()
    try {
      const ada = await world.open('Ada', { context: await world.newContext({}, browser) })
      await Promise.all([ada, ...tabs].map((tab) => tab.untilPeers(2)))
      // The pause that follows her next ordinary pings never ends: by two in a row she could learn that a peer is gone.
      await ada.page.evaluate(`{
        const after = setTimeout
        setTimeout = (run, milliseconds = 0, ...args) =>
          milliseconds < ${ORDINARY_PAUSE} ? after(run, milliseconds, ...args) : 0
      }`)

      const renderers = await renderersOf(browser)
      for (const id of renderers) process.kill(id, 'SIGSTOP')
      await Promise.all(
        tabs.map((tab) => tab.until('it gave Ada up', 'getpeerinfo', [], (peers) => peers.length === 1)),
      )
      const [tip] = (await ben.generate(1)) as [string]
      for (const id of renderers) process.kill(id, 'SIGCONT')

      await ada.untilTip(tip)
      await Promise.all([ada, ...tabs].map((tab) => tab.untilPeers(2)))
      const blamed = (await logOf(ada)).filter(({ message }) => message.includes('did not answer'))
      assert.deepEqual(blamed, [], 'peers are blamed for what the tab slept through')
    } finally {
      await browser.close()
    }
  }),
)

test(
  'a relay that comes back under another key introduces the tabs that waited for it, and a new one, without a reload',
  journey(async (world) => {
    const server = await world.serve()
    const { port } = server
    const ada = await world.open('Ada')
    await ada.untilReserved()
    await server.stop()
    await ada.until(
      'the relay is missed',
      'getnetworkinfo',
      [],
      ({ relays = [] }: NetworkInfo) => relays[0]?.state === 'unreachable',
    )
    const alone = ada.page.getByText('This tab is alone')
    await alone.waitFor()
    const changed = await world.serve({ port, keySeed: randomBytes(32) })
    assert.notEqual(changed.relayPeerId, server.relayPeerId)

    const { relays } = await ada.untilReserved()
    assert.deepEqual(
      relays?.map(({ address }) => address.split('/').at(-1)),
      [changed.relayPeerId],
    )
    const ben = await world.open('Ben', { server: changed })
    await Promise.all([ada.untilPeers(1), ben.untilPeers(1)])
    await alone.waitFor({ state: 'hidden' })
  }),
)

/** Process ids of a browser's renderers: those of its pages and their workers. */
async function renderersOf(browser: Browser): Promise<readonly number[]> {
  const session = await browser.newBrowserCDPSession()
  const { processInfo } = await session.send('SystemInfo.getProcessInfo')
  return processInfo.filter(({ type }) => type === 'renderer').map(({ id }) => id)
}

/** What the node of a tab has logged since it was ready. */
function logOf(tab: Tab): Promise<readonly LogEvent[]> {
  return tab.page.evaluate(() => (globalThis as unknown as { watch: { log: readonly LogEvent[] } }).watch.log)
}
