/** What breaks the peer stream: each by an identity of its own, against one tab. */

import type { Arena, Enemy } from '../arena.ts'
import type { Attack } from '../attack.ts'
import { noiseHex } from '../forge.ts'
import { again, goesOn, guest, judgeExpulsion, memoryHeld, pick, sentAway } from './common.ts'

type Offence = (enemy: Enemy, tab: string) => Promise<unknown>

const OFFENCES: Readonly<Record<string, Offence>> = {
  'dripped frame': (enemy, tab) => enemy.do('drip', tab, 4_000_000, 10, 60_000),
  'garbage frames': (enemy, tab) =>
    enemy.do(
      'say',
      tab,
      Array.from({ length: 50 }, (_, i) => (i % 13).toString(16).padStart(2, '0') + noiseHex(200)),
    ),
  // A length of 2^35.
  'over-long prefix': (enemy, tab) => enemy.do('write', tab, 'ffffffffff7f'),
  'unending prefix': (enemy, tab) => enemy.do('write', tab, 'ff'.repeat(400)),
  'empty message': (enemy, tab) => enemy.do('write', tab, '00'),
  'unknown kind': (enemy, tab) => enemy.do('write', tab, '0109'),
  'credit for nothing': (enemy, tab) => enemy.do('write', tab, '0501ffffffff'),
}

export const badFrames: Attack = {
  name: 'bad frames',
  deed: `seven identities break the peer stream in one way each: ${Object.keys(OFFENCES).join(', ')}`,
  async run(arena: Arena, findings) {
    const watch = await arena.watchMemory()
    for (const [what, offend] of Object.entries(OFFENCES)) {
      const { enemy, tab } = await guest(arena, arena.ids[3])
      judgeExpulsion(findings, what, await sentAway(enemy, tab, () => offend(enemy, tab)))
      await enemy.leave()
    }
    await goesOn(arena, findings)
    await memoryHeld(watch, findings)
  },
  strike: (arena, over) =>
    again(over, 500, async () => {
      const { enemy, tab } = await guest(arena)
      await sentAway(enemy, tab, () => pick(Object.values(OFFENCES))(enemy, tab))
      await enemy.leave()
    }),
}
