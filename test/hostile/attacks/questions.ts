/** Messages of the peer stream that are right one by one and too many together. */

import type { Arena } from '../arena.ts'
import { pause } from '../arena.ts'
import type { Attack, Findings } from '../attack.ts'
import { ANSWER } from '../bounds.ts'
import { frame, noise, tipOf } from '../forge.ts'
import { again, goesOn, guest, memoryHeld, pick } from './common.ts'

/** Milliseconds that an enemy goes on where the tab lets it. */
const LASTS = 20_000

type Question = (arena: Arena) => Promise<string[]>

const QUESTIONS: Readonly<Record<string, Question>> = {
  inv: async () =>
    Array.from({ length: 20 }, () =>
      frame({ type: 'inv', wtxids: Array.from({ length: 4096 }, () => noise(32)) }),
    ),
  getheaders: async () => [
    frame({
      type: 'getheaders',
      id: 7,
      locator: Array.from({ length: 64 }, () => noise(32)),
      stop: new Uint8Array(32),
    }),
  ],
  mempool: async () => [frame({ type: 'mempool' })],
  gettx: async () => [frame({ type: 'gettx', id: 7, wtxids: Array.from({ length: 128 }, () => noise(32)) })],
  getdata: async (arena) => {
    const { header } = await tipOf(arena.payer)
    return [frame({ type: 'getdata', id: 7, hashes: Array.from({ length: 16 }, () => header.hashBytes) })]
  },
  getblocktxn: async (arena) => {
    const { header } = await tipOf(arena.payer)
    return [frame({ type: 'getblocktxn', id: 7, blockHash: header.hashBytes, indexes: [0] })]
  },
  'tx that nobody asked for': async () => [frame({ type: 'tx', id: 7, transactions: [] })],
}

export const questionFloods: Attack = {
  name: 'question floods',
  deed: `enemies repeat one message each as fast as it goes, up to 20 s: ${Object.keys(QUESTIONS).join(', ')}`,
  async run(arena: Arena, findings: Findings) {
    const watch = await arena.watchMemory()
    for (const [what, question] of Object.entries(QUESTIONS)) {
      const { enemy, tab } = await guest(arena, arena.ids[3])
      const asking = enemy.do('repeat', tab, await question(arena), LASTS)
      await pause(1000)
      findings.within(`answer under ${what}`, await arena.answers(), ANSWER)
      const sent = await asking
      const stayed = await enemy.stayed(tab)
      findings.holds(
        `${what}: sent away, or answered no faster than a thousand a second`,
        stayed !== undefined || sent <= LASTS,
        `${sent} sent, ${stayed === undefined ? 'not sent away' : `out after ${(stayed / 1000).toFixed(1)} s`}`,
      )
      await enemy.leave()
    }
    await goesOn(arena, findings)
    await memoryHeld(watch, findings)
  },
  strike: (arena, over) =>
    again(over, 1000, async () => {
      const { enemy, tab } = await guest(arena)
      await enemy.do('repeat', tab, await pick(Object.values(QUESTIONS))(arena), 5000)
      await enemy.leave()
    }),
}
