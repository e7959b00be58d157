/** Streams and data channels that fail, are never finished, or come without end. */

import { type Arena, pause } from '../arena.ts'
import type { Attack, Findings } from '../attack.ts'
import { ANSWER, EXILE } from '../bounds.ts'
import { again, goesOn, guest, judgeExpulsion, memoryHeld } from './common.ts'

/** Milliseconds that an enemy goes on where the tab lets it. */
const LASTS = 60_000

const CHANNELS = 110_000

/** Does a thing to a tab, watches what it costs, and tries to come back. */
function torment(
  what: string,
  act: (enemy: Awaited<ReturnType<typeof guest>>['enemy'], tab: string, arena: Arena) => Promise<number>,
): Attack['run'] {
  return async (arena: Arena, findings: Findings) => {
    const watch = await arena.watchMemory()
    const { enemy, tab } = await guest(arena, arena.ids[3])
    let slowest = 0
    let going = true
    const asking = (async () => {
      while (going) {
        slowest = Math.max(slowest, await arena.answers())
        await pause(500)
      }
    })()
    const did = await act(enemy, tab, arena)
    going = false
    await asking
    const out = await enemy.stayed(tab)
    // An enemy that is sent away before one stands has done what it could.
    findings.note(`${what}: ${did}`)
    if (out === undefined) findings.atLeast(what, did, 1)
    findings.within('slowest answer', slowest, ANSWER)
    judgeExpulsion(findings, 'the enemy', {
      out,
      back: out === undefined ? 0 : await enemy.do('comeBack', tab, EXILE),
    })
    await goesOn(arena, findings)
    await memoryHeld(watch, findings)
  }
}

export const rawChannels: Attack = {
  name: 'raw channels',
  deed: `an enemy opens up to ${CHANNELS.toLocaleString('en')} data channels below libp2p, which say nothing`,
  run: torment('channels', (enemy, tab) => enemy.do('openChannels', tab, CHANNELS, LASTS)),
  strike: (arena, over) =>
    again(over, 1000, async () => {
      const { enemy, tab } = await guest(arena)
      await enemy.do('openChannels', tab, CHANNELS, 20_000)
      await enemy.leave()
    }),
}

export const silentStreams: Attack = {
  name: 'silent streams',
  deed: 'an enemy opens 5,000 data channels and keeps them, each a stream that never says its protocol',
  run: torment('stand', async (enemy, tab) => {
    const held = await enemy.do('holdStreams', tab, 5000)
    await pause(15_000)
    return held
  }),
}

export const abortedStreams: Attack = {
  name: 'aborted streams',
  deed: 'an enemy opens and aborts streams of a protocol that there isn’t, of pings, of identify/push and of frames, 15 s each',
  run: torment('streams', async (enemy, tab, arena) => {
    let opened = 0
    for (const protocol of [
      '/nothing/1.0.0',
      '/ipfs/ping/1.0.0',
      '/ipfs/id/push/1.0.0',
      `/opentab/${arena.networkId}/1.0.0`,
    ])
      opened += await enemy.do('openStreams', tab, protocol, 15_000)
    return opened
  }),
  strike: (arena, over) =>
    again(over, 1000, async () => {
      const { enemy, tab } = await guest(arena)
      await enemy.do('openStreams', tab, '/nothing/1.0.0', 10_000)
      await enemy.do('openStreams', tab, '/ipfs/id/push/1.0.0', 10_000)
      await enemy.leave()
    }),
}
