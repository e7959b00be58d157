/** Connections to the server that take a place and do nothing with it. */

import { ENEMY, pause } from '../arena.ts'
import type { Attack } from '../attack.ts'
import { JOIN } from '../bounds.ts'
import { again } from './common.ts'

const UPGRADE =
  'GET / HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n' +
  'Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n'

interface Kind {
  readonly count: number
  readonly greeting: string
  readonly drip: string
}

const IDLE: Kind = { count: 100, greeting: UPGRADE, drip: '' }
const CROWD: Kind = { count: 1000, greeting: UPGRADE, drip: '' }
const MUTE: Kind = { count: 1000, greeting: '', drip: '' }
const SLOW: Kind = { count: 500, greeting: 'GET / HTTP/1.1\r\nHost: localhost\r\n', drip: 'X-a: b\r\n' }

function idle(name: string, deed: string, { count, greeting, drip }: Kind, renewals = 3): Attack {
  return {
    name,
    deed,
    async run(arena, findings) {
      const stand: number[] = []
      for (let i = 0; i < renewals; i++) {
        // Again and again, since the server ends some: a newcomer must get in at any time.
        stand.push(await arena.outside('sockets', arena.server.port, ENEMY, count, greeting, drip))
        findings.within(`newcomer ${i + 1}`, await arena.newcomer(20_000), JOIN)
      }
      findings.note(`sockets that stood after a moment: ${stand.join(', ')} of ${count}`)
    },
    strike: (arena, over) =>
      again(over, 10_000, async () => {
        await arena.outside('sockets', arena.server.port, ENEMY, count, greeting, drip)
        await pause(10_000)
        await arena.outside('hangUp')
      }),
  }
}

export const idleSockets = idle(
  'idle sockets',
  'a hundred WebSockets of one address that say nothing, renewed twice',
  IDLE,
)
export const manySockets = idle('1,000 idle sockets', 'the same with a thousand', CROWD)
export const muteSockets = idle('mute connections', 'a thousand TCP connections that say nothing', MUTE)
export const slowRequests = idle('slow requests', '500 requests for the page that never end', SLOW)

export const questionFlood: Attack = {
  name: 'questions to the relay',
  deed: 'ten identities ask the relay who is there as fast as it answers, 30 s',
  async run(arena, findings) {
    const flood = arena.outside('ask', await arena.relayFrom(ENEMY), arena.networkId, 10, 30_000)
    await pause(5000)
    findings.within('newcomer', await arena.newcomer(), JOIN)
    findings.within('another newcomer', await arena.newcomer(), JOIN)
    findings.note(`${await flood} questions were asked`)
  },
  strike: (arena, over) =>
    again(over, 10_000, async () =>
      arena.outside('ask', await arena.relayFrom(ENEMY), arena.networkId, 5, 15_000),
    ),
}
