/** No attack: what the others are compared with. */

import { pause } from '../arena.ts'
import type { Attack } from '../attack.ts'
import { goesOn, memoryHeld } from './common.ts'

export const peace: Attack = {
  name: 'peace',
  deed: 'nobody does anything: the control',
  async run(arena, findings) {
    const watch = await arena.watchMemory()
    await pause(5000)
    await goesOn(arena, findings)
    await memoryHeld(watch, findings)
  },
}
