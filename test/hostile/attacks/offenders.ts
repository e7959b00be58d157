/** Peers whose offences add up to the score at which one is banned. */

import { orNever, pause } from '../arena.ts'
import type { Attack } from '../attack.ts'
import { frame } from '../forge.ts'
import { goesOn } from './common.ts'

const OFFENDERS = 20
/** Five at 20 points. */
const OFFENCE = frame({ type: 'headers', id: 0x7fff_fff0, headers: [] })

export const exactOffenders: Attack = {
  name: 'exact offenders',
  deed: `${OFFENDERS} peers give five answers each that nobody asked for, a moment apart: a hundred points`,
  async run(arena, findings) {
    const tab = arena.ids[3]!
    const enemies = await arena.enemies(OFFENDERS)
    let met = 0
    let stayed = 0
    for (const enemy of enemies) {
      if (
        !(await orNever(
          enemy.do('meet', tab).then(() => true),
          20_000,
        ))
      )
        continue
      met++
      await pause(200)
      for (let i = 0; i < 5; i++) {
        await enemy.do('say', tab, [OFFENCE])
        await pause(3)
      }
      const out = await enemy.do('untilOut', tab, 3000)
      if (out === undefined) stayed++
      await enemy.leave()
    }
    findings.note(`${met} of ${OFFENDERS} were let in`)
    findings.atLeast('offenders that were let in', met, 1)
    findings.atMost('offenders that stayed', stayed, 0)
    await goesOn(arena, findings)
  },
}
