/** Headers with work, of blocks whose bodies nobody has. */

import { bytesToHex } from '../../../src/primitives/bytes.ts'
import type { Arena } from '../arena.ts'
import { pause } from '../arena.ts'
import type { Attack, Findings } from '../attack.ts'
import { AGREEMENT, PAYMENT } from '../bounds.ts'
import { announcement, bareHeaders, tipOf } from '../forge.ts'
import { again, goesOn, guest } from './common.ts'

/** Announcements beyond what one may hold are answers to the questions that they bring about. */
const ANNOUNCED = 8

async function withhold(
  arena: Arena,
  count: number,
  victims: readonly string[],
): Promise<() => Promise<void>> {
  const { header, height } = await tipOf(arena.payer)
  const branch = bareHeaders(header, count)
  const enemies = await Promise.all(
    victims.map(async (tab) => {
      const enemy = await arena.enemy()
      await enemy.behave({
        branch: branch.map(({ bytes }) => bytesToHex(bytes)),
        ...(count > ANNOUNCED && {
          claim: {
            height: height + count,
            tip: bytesToHex(branch.at(-1)!.hashBytes),
            work: String(1000n * BigInt(height + count)),
          },
        }),
      })
      await enemy.do('meet', tab)
      if (count <= ANNOUNCED) await enemy.do('say', tab, [announcement(branch)])
      return enemy
    }),
  )
  return async () => {
    await Promise.all(enemies.map((enemy) => enemy.leave()))
  }
}

function withholding(count: number, settle: number): Attack['run'] {
  return async (arena: Arena, findings: Findings) => {
    const leave = await withhold(arena, count, arena.ids.slice(0, 3))
    await pause(settle)
    const { headers, blocks } = await arena.miner.rpc('getblockchaininfo')
    findings.note(`the miner has ${headers - blocks} headers beyond its tip`)
    // On the overview, where a person is told.
    const speaks = await arena.miner.page.getByText(/catching up/i).count()
    findings.holds('not “catching up”', speaks === 0)
    await goesOn(arena, findings)
    await leave()
    findings.within('payment after it left', await arena.payment(), PAYMENT)
    await arena.miner.reload()
    await arena.miner.untilPeers(1)
    findings.within('payment after a reload', await arena.payment(), PAYMENT)
    findings.within('one tip at last', await arena.agreement(), AGREEMENT)
  }
}

export const sevenHeaders: Attack = {
  name: 'seven headers',
  deed: 'three enemies announce seven headers each on the tip and never send a body',
  run: withholding(7, 3000),
  strike: (arena, over) =>
    again(over, 30_000, async () => {
      const { header } = await tipOf(arena.payer)
      const { enemy, tab } = await guest(arena)
      await enemy.do('say', tab, [announcement(bareHeaders(header, 7))])
      await pause(20_000)
      await enemy.leave()
    }),
}

export const manyHeaders: Attack = {
  name: '7,200 headers',
  deed: 'the same with 7,200 headers, given in answer to the tabs’ questions',
  run: withholding(7200, 8000),
}
