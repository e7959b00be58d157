/** Many identities that are one. */

import type { Tab } from '../../support/tabs.ts'
import type { Arena, Enemy } from '../arena.ts'
import { ENEMY, orNever, pause } from '../arena.ts'
import type { Attack } from '../attack.ts'
import { JOIN } from '../bounds.ts'
import { goesOn } from './common.ts'

const SYBILS = 40
const RELOADS = 10
/** The one that may go wrong. */
const UNLUCKY = 1

/** How long a tab has to find peers after a reload, milliseconds. */
const SETTLE = 20_000

async function lurking(arena: Arena, count: number): Promise<Enemy[]> {
  const sybils = await arena.enemies(count)
  await Promise.all(sybils.map((sybil) => orNever(sybil.do('lurk'), 20_000)))
  return sybils
}

async function outbound(arena: Arena, tab: Tab): Promise<{ honest: number; all: number; peers: number }> {
  const peers = await tab.rpc('getpeerinfo')
  const chosen = peers.filter(({ inbound }) => !inbound)
  const honest = chosen.filter(({ peerid }) => arena.ids.includes(peerid))
  return { honest: honest.length, all: chosen.length, peers: peers.length }
}

export const fortySybils: Attack = {
  name: 'forty sybils',
  deed: `${SYBILS} identities of one machine wait at the relay; a tab that knows three honest ones is reloaded ${RELOADS} times`,
  async run(arena, findings) {
    const victim = arena.tabs[3]!
    // Long enough for it to have learnt whom it can trust.
    await arena.mine()
    await pause(15_000)
    await lurking(arena, SYBILS)
    let good = 0
    const seen: string[] = []
    for (let i = 0; i < RELOADS; i++) {
      await victim.reload()
      await pause(SETTLE)
      const { honest, all, peers } = await outbound(arena, victim)
      if (honest > 0 && 2 * honest >= all) good++
      seen.push(`${honest}/${all} of ${peers}`)
    }
    findings.note(`honest of the outbound ones, of all peers: ${seen.join(', ')}`)
    findings.atLeast('reloads after which half of the outbound peers are honest', good, RELOADS - UNLUCKY)
    await goesOn(arena, findings)
  },
}

export const fullRelay: Attack = {
  name: 'full relay',
  deed: '998 identities of one address ask the relay for slots; a newcomer comes from another address',
  async run(arena, findings) {
    const began = performance.now()
    const admitted = await arena.outside('identities', await arena.relayFrom(ENEMY), arena.networkId, 998)
    findings.note(`${admitted} of 998 got in, in ${Math.round((performance.now() - began) / 1000)} s`)
    findings.atMost('slots of one address', admitted, 500)
    findings.within('newcomer', await arena.newcomer(), JOIN)
    findings.within('another newcomer', await arena.newcomer(), JOIN)
  },
}

export const blackHoles: Attack = {
  name: 'black holes',
  deed: '200 identities from 20 addresses have themselves listed at the relay and answer no dial',
  async run(arena, findings) {
    let admitted = 0
    for (let i = 0; i < 20; i++)
      admitted += await arena.outside(
        'identities',
        await arena.relayFrom(`127.66.${i + 1}.1`),
        arena.networkId,
        10,
      )
    findings.note(`${admitted} of 200 got in`)
    findings.within('newcomer', await arena.newcomer(), JOIN)
    findings.within('another newcomer', await arena.newcomer(), JOIN)
    const spent = await arena.connectionsOpened()
    await pause(30_000)
    const more = (await arena.connectionsOpened()).map((count, i) => count - spent[i]!)
    findings.atMost('connections spent by a tab in 30 s', Math.max(...more), 15)
  },
}

export const fullSlots: Attack = {
  name: 'full slots',
  deed: '40 identities of one machine connect to one tab, just after it was reloaded',
  async run(arena, findings) {
    const victim = arena.tabs[3]!
    await victim.reload()
    const enemies = await arena.enemies(SYBILS)
    await Promise.all(enemies.map((enemy) => orNever(enemy.do('meet', arena.ids[3]!), 40_000)))
    await pause(5000)
    const peers = await victim.rpc('getpeerinfo')
    findings.note(`it has ${peers.length} peers`)
    findings.atLeast('honest peers of the tab', (await arena.honestPeers(victim)).length, 2)
    await goesOn(arena, findings)
  },
  async strike(arena, over) {
    while (!over.aborted) {
      const enemies = await orNever(arena.enemies(12), 30_000)
      if (!enemies) continue
      const victim = arena.ids[Math.floor(Math.random() * arena.ids.length)]!
      await Promise.all(enemies.map((enemy) => orNever(enemy.do('meet', victim), 20_000)))
      await pause(15_000)
      await Promise.all(enemies.map((enemy) => enemy.leave()))
    }
  },
}
