/** A class that presses reload. */

import type { PeerResult } from '../../../web/rpc-results.ts'
import { orNever, pause } from '../arena.ts'
import type { Attack } from '../attack.ts'
import { AGREEMENT, RELOAD_STORM } from '../bounds.ts'
import { pick } from './common.ts'

export const reloadStorm: Attack = {
  name: 'reload storm',
  deed: 'twelve tabs, the most of one browser here, are reloaded at once, twice',
  setting: { tabs: 12 },
  async run(arena, findings) {
    for (const storm of ['first', 'second']) {
      const began = performance.now()
      const times = await Promise.all(
        arena.tabs.map((tab) =>
          orNever(
            (async () => {
              await tab.reload()
              const some = (peers: readonly PeerResult[]): boolean => peers.length > 0
              await tab.until('it has a peer', 'getpeerinfo', [], some, 2 * RELOAD_STORM)
              return performance.now() - began
            })(),
            2 * RELOAD_STORM,
          ),
        ),
      )
      const slowest = times.some((time) => time === undefined) ? undefined : Math.max(...times.map(Number))
      findings.within(`${storm}: all have a peer`, slowest, RELOAD_STORM)
    }
    findings.within('one tip', await arena.agreement(), AGREEMENT)
  },
  async strike(arena, over) {
    while (!over.aborted) {
      await pause(45_000)
      // Not the three by which the network is measured.
      if (!over.aborted && arena.tabs.length > 3) await orNever(pick(arena.tabs.slice(3)).reload(), 60_000)
    }
  },
}
