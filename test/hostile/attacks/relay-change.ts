/** The relay comes back as another. */

import { randomBytes } from 'node:crypto'
import type { NetworkInfo } from '../../../web/rpc-results.ts'
import { orNever } from '../arena.ts'
import type { Attack } from '../attack.ts'
import { JOIN, RELAY_CHANGE } from '../bounds.ts'

export const relayChange: Attack = {
  name: 'relay with another key',
  deed: 'the server is stopped and started again on its port with another key, as after its disk was lost',
  async run(arena, findings) {
    const { port } = arena.server
    await arena.server.stop()
    await Promise.all(arena.tabs.map((tab) => tab.untilReserved(0)))
    arena.server = await arena.world.serve({ port, keySeed: randomBytes(32), page: () => arena.page })
    const { relayPeerId } = arena.server
    const began = performance.now()
    const used = await Promise.all(
      arena.tabs.map((tab) =>
        orNever(
          tab
            .until(
              'it uses the new relay',
              'getnetworkinfo',
              [],
              ({ relays = [] }: NetworkInfo) =>
                relays.some(({ address, state }) => address.endsWith(relayPeerId) && state === 'reserved'),
              2 * RELAY_CHANGE,
            )
            .then(() => performance.now() - began),
          2 * RELAY_CHANGE,
        ),
      ),
    )
    const slowest = used.some((time) => time === undefined) ? undefined : Math.max(...used.map(Number))
    findings.within('all tabs use it', slowest, RELAY_CHANGE)
    findings.within('newcomer', await arena.newcomer(), JOIN)
  },
}
