/** Tabs whose own clock is wrong: nobody attacks them but their battery. */

import { orNever } from '../arena.ts'
import type { Attack } from '../attack.ts'
import { NEVER } from '../bounds.ts'

/** Seconds: beyond what a network for tests allows a block to be ahead. */
const WRONG = 3 * 3600

function wrongClock(name: string, shift: number, deed: string): Attack {
  return {
    name,
    deed,
    async run(arena, findings) {
      await arena.mine()
      const height = await arena.payer.rpc('getblockcount')
      const tab = await (await arena.load('wrong clock', { context: await arena.wrongClock(shift) })).ready()
      await tab.untilPeers(1)
      const sentence = tab.page.getByText(/clock|computer’s time/i).first()
      await orNever(sentence.waitFor({ timeout: NEVER }), NEVER)
      const told = await sentence.isVisible()
      findings.holds('the page speaks of its clock', told)
      const has = (at: number): boolean => at >= height
      const follows = await orNever(tab.until('it follows', 'getblockcount', [], has, NEVER), NEVER)
      findings.holds(
        'it follows the others',
        follows !== undefined,
        `block ${await tab.rpc('getblockcount')} of ${height}`,
      )
      const own = await orNever(
        tab.rpc('generatetoaddress', 1, await arena.payer.rpc('getnewaddress')),
        NEVER,
      )
      if (own === undefined) {
        findings.note('it made no block')
      } else {
        // What it made must count with everybody, or it must have been told before that it wouldn't.
        const shared = await orNever(
          arena.payer.until(
            'it has the block',
            'getbestblockhash',
            [],
            (tip: string) => tip === own[0],
            10_000,
          ),
          10_000,
        )
        findings.note(`a block of its own was ${shared === undefined ? 'not ' : ''}taken by the others`)
        findings.holds('told, or its blocks count', told || shared !== undefined)
      }
    },
  }
}

export const slowClock = wrongClock(
  'clock behind',
  -WRONG,
  'a tab whose clock is 3 h behind joins: regtest allows 2 h',
)
export const fastClock = wrongClock('clock ahead', WRONG, 'a tab whose clock is 3 h ahead joins and mines')
