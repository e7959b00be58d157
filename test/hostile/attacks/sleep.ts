/** A laptop's lid is closed and opened. */

import { CHROMIUM_PERMISSIONS } from '../../support/chromium.ts'
import { orNever, pause } from '../arena.ts'
import type { Attack } from '../attack.ts'
import { NEVER, WAKING } from '../bounds.ts'
import { signalFamily } from '../processes.ts'

function sleep(seconds: number): Attack {
  return {
    name: `sleep of ${seconds} s`,
    deed: `all processes of one tab’s browser are stopped for ${seconds} s and go on; a block was mined meanwhile`,
    async run(arena, findings) {
      const { browser, pid } = await arena.anotherBrowser()
      const context = await browser.newContext({ permissions: [...CHROMIUM_PERMISSIONS] })
      const sleeper = await (await arena.load('sleeper', { context })).ready()
      await sleeper.untilPeers(2)
      await sleeper.untilHeight(await arena.payer.rpc('getblockcount'))
      const { peerId } = await sleeper.identity()
      await signalFamily(pid, 'SIGSTOP')
      await pause(seconds * 1000)
      const hash = await arena.mine()
      const began = performance.now()
      await signalFamily(pid, 'SIGCONT')
      const isTip = (tip: string): boolean => tip === hash
      const fresh = orNever(
        sleeper
          .until('it has the tip', 'getbestblockhash', [], isTip, NEVER)
          .then(() => performance.now() - began),
        NEVER,
      )
      // Alive are those peers that have it among theirs.
      const alive = orNever(
        (async () => {
          for (;;) {
            const peers = await sleeper.rpc('getpeerinfo')
            const theirs = await Promise.all(arena.tabs.map((tab) => tab.rpc('getpeerinfo')))
            const knowing = arena.ids.filter((_, i) => theirs[i]!.some(({ peerid }) => peerid === peerId))
            if (peers.length > 0 && peers.every(({ peerid }) => knowing.includes(peerid)))
              return performance.now() - began
            await pause(100)
          }
        })(),
        NEVER,
      )
      findings.within('tip', await fresh, WAKING)
      findings.within('no dead peer is left', await alive, WAKING)
    },
  }
}

export const shortSleep = sleep(20)
export const longSleep = sleep(60)
