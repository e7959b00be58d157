/**
 * Promise: a tab that was away notices at once, replaces the peers that gave it up, and catches up; a relay that comes back under another
 * key is used without a reload.
 */

import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import test from 'node:test'
import { type Browser, chromium } from 'playwright-core'
import type { LogEvent } from '../../src/node/events.ts'
import type { NetworkInfo } from '../../web/rpc-results.ts'
import { CHROMIUM_FLAGS, findChromium } from '../support/chromium.ts'
import { journey, type Tab } from '../support/tabs.ts'

/** An ordinary ping waits so long for its answer, or longer, milliseconds. */
const ORDINARY_PATIENCE = 9000

/** What a script of the journey keeps in Ada's page. */
interface AwayGlobals {
  /** Ordinary waits that began since the tab woke and ended in vain. */
  inVain: number
  isAwake: boolean
}

test(
  'a tab whose process stood still finds its peers gone, meets them again and has their block, without waiting for a ping in vain',
  journey(async (world) => {
    await world.serve()
    const tabs = await world.openAll(['Ben', 'Cleo'])
    const [ben] = tabs as [Tab, Tab]
    await ben.createWallet()
    // A browser of its own: all of its renderers are Ada's.
    const browser = await chromium.launch({ executablePath: await findChromium(), args: [...CHROMIUM_FLAGS] })
    try {
      const context = await world.newContext({}, browser)
      await context.addInitScript((patience) => {
        const page = globalThis as unknown as AwayGlobals
        Object.assign(page, { inVain: 0, isAwake: false })
        const timeout = AbortSignal.timeout.bind(AbortSignal)
        AbortSignal.timeout = (milliseconds) => {
          const signal = timeout(milliseconds)
          if (page.isAwake && milliseconds >= patience) signal.addEventListener('abort', () => page.inVain++)
          return signal
        }
      }, ORDINARY_PATIENCE)
      const ada = await world.open('Ada', { context })
      await Promise.all([ada, ...tabs].map((tab) => tab.untilPeers(2)))

      const renderers = await renderersOf(browser)
      for (const id of renderers) process.kill(id, 'SIGSTOP')
      await Promise.all(
        tabs.map((tab) => tab.until('it gave Ada up', 'getpeerinfo', [], (peers) => peers.length === 1)),
      )
      const [tip] = (await ben.generate(1)) as [string]
      for (const id of renderers) process.kill(id, 'SIGCONT')
      await ada.page.evaluate(() => {
        ;(globalThis as unknown as AwayGlobals).isAwake = true
      })

      await ada.untilTip(tip)
      assert.equal(
        await ada.page.evaluate(() => (globalThis as unknown as AwayGlobals).inVain),
        0,
        'the tab learnt by ordinary pings that its peers are gone',
      )
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
