/** Offers of connections that nobody means. */

import { ENEMY } from '../arena.ts'
import type { Attack } from '../attack.ts'
import { CONNECTIONS_A_MINUTE, JOIN, PAYMENT } from '../bounds.ts'
import { again } from './common.ts'

/** Milliseconds. */
const LASTS = 40_000

export const signallingFlood: Attack = {
  name: 'signalling flood',
  deed: 'three enemies open and abort streams of signalling to every tab over relayed connections for 40 s; a newcomer comes after 12 s of it',
  async run(arena, findings) {
    const before = await arena.connectionsOpened()
    const relay = await arena.relayFrom(ENEMY)
    const flood = arena.outside('signal', relay, arena.ids, 3, LASTS)
    await new Promise((resolve) => setTimeout(resolve, 12_000))
    const spent = (await arena.connectionsOpened()).map((count, i) => count - before[i]!)
    findings.within('newcomer', await arena.newcomer(), JOIN)
    findings.within('payment', await arena.payment(), PAYMENT)
    findings.atMost('connections spent by a tab in 12 s', Math.max(...spent), CONNECTIONS_A_MINUTE / 5)
    findings.note(`${await flood} streams were opened`)
    findings.within('newcomer afterwards', await arena.newcomer(), JOIN)
  },
  strike: (arena, over) =>
    again(over, 5000, async () =>
      arena.outside('signal', await arena.relayFrom(ENEMY), arena.ids, 3, 20_000),
    ),
}
