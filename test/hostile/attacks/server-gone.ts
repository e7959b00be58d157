/** The page's server is gone, with the relay. */

import { pause } from '../arena.ts'
import type { Attack } from '../attack.ts'
import { AGREEMENT, PAYMENT } from '../bounds.ts'

/** How long a tab that has just started has to fetch what it will need, milliseconds. */
const FETCHING = 5000

/** Addresses of views, and what each is called in the browser's tab. */
const VIEWS: Readonly<Record<string, RegExp>> = {
  '/wallet': /^Wallet/,
  '/wallet/create': /^Create a wallet/,
  '/wallet/restore': /^Restore a wallet/,
  '/wallet/send': /^Send/,
  '/wallet/receive': /^Receive/,
  '/wallet/backup': /^Backup/,
  '/explorer': /^Explorer/,
  '/explorer/mempool': /^/,
  '/miner': /^Miner/,
  '/network': /^Network/,
  '/no/such/view': /^/,
  '/': /^/,
}

export const serverGone: Attack = {
  name: 'server gone',
  deed: 'the server ends 5 s after a tab has opened, which then goes to all views, as do one that was there before and one that is alone on its network',
  async run(arena, findings) {
    const fresh = await (await arena.load('fresh')).ready()
    const alone = await (await arena.load('alone', { query: '?network=opentab' })).ready()
    await pause(FETCHING)
    await arena.server.stop()
    const broken: string[] = []
    for (const tab of [fresh, arena.tabs[3]!, alone])
      for (const [view, title] of Object.entries(VIEWS)) {
        await tab.page.evaluate((path) => {
          history.pushState(null, '', path + location.search)
          dispatchEvent(new PopStateEvent('popstate'))
        }, view)
        await pause(400)
        const refused = await tab.page.getByText(/could not be (loaded|fetched)|couldn’t be loaded/i).count()
        if (refused > 0 || !title.test(await tab.page.title())) broken.push(`${tab.name} ${view}`)
      }
    findings.holds('every view opens', broken.length === 0, broken.join(', ') || 'yes')
    findings.within('payment', await arena.payment(), PAYMENT)
    findings.within('one tip', await arena.agreement(), AGREEMENT)
  },
}
