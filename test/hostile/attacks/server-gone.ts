/** The page's server is gone, with the relay. */

import { pause } from '../arena.ts'
import type { Attack } from '../attack.ts'
import { AGREEMENT, PAYMENT } from '../bounds.ts'

/** How long the tabs have to fetch what they will need, milliseconds. */
const FETCHING = 15_000

/** Addresses of views, each reached without the server. */
const VIEWS = [
  '/wallet',
  '/wallet/send',
  '/wallet/receive',
  '/wallet/backup',
  '/explorer',
  '/explorer/search',
  '/miner',
  '/network',
  '/',
]

export const serverGone: Attack = {
  name: 'server gone',
  deed: 'the server ends; a tab that has seen one view goes to all the others',
  async run(arena, findings) {
    await pause(FETCHING)
    await arena.server.stop()
    const broken: string[] = []
    for (const tab of [arena.payer, arena.tabs[3]!])
      for (const view of VIEWS) {
        await tab.page.evaluate((path) => {
          history.pushState(null, '', path + location.search)
          dispatchEvent(new PopStateEvent('popstate'))
        }, view)
        await pause(400)
        if ((await tab.page.getByText(/could not be (loaded|fetched)|couldn’t be loaded/i).count()) > 0)
          broken.push(`${tab.name} ${view}`)
      }
    findings.holds('every view opens', broken.length === 0, broken.join(', ') || 'yes')
    findings.within('payment', await arena.payment(), PAYMENT)
    findings.within('one tip', await arena.agreement(), AGREEMENT)
  },
}
