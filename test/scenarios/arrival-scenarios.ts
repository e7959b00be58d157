/** What the order of arrival and the local time decide: which blocks wait, and for what. */
import { QUICK } from '../support/chain-nodes.ts'
import { withoutWork } from './edits.ts'
import { RETARGET } from './header-scenarios.ts'
import type { Scenario, ScenarioWriter } from './scenario.ts'

export const arrivalScenarios: readonly Scenario[] = [
  {
    name: 'times at most two minutes ahead',
    params: RETARGET,
    write: (s) => aheadOfTime(s, 120, 'time-too-new'),
  },
  {
    name: 'times at most two hours ahead where blocks are made on demand',
    params: QUICK,
    write: (s) => aheadOfTime(s, 7200, 'time-too-new: on demand'),
  },
  {
    name: 'a block before its parent',
    write: (s) => {
      const parent = s.mine()
      const child = s.mine([], {}, parent)
      const grandchild = s.mine([], {}, child)
      s.defer(grandchild, 'prev-blk-not-found')
      s.defer(child, 'prev-blk-not-found')
      s.accept(parent)
      s.defer(grandchild, 'prev-blk-not-found')
      s.accept(child, 'prev-blk-not-found')
      s.accept(grandchild, 'prev-blk-not-found')
    },
  },
  {
    name: 'headers first, bodies in any order',
    write: (s) => {
      s.grow(2)
      const branch = [s.mine()]
      for (let i = 0; i < 4; i++) branch.push(s.mine([], {}, branch[i]))
      s.headers(branch)
      for (const i of [4, 2, 1, 3]) s.side(branch[i])
      s.tip = branch[4]
      s.side(branch[0], 'prev-blk-not-found')
      s.reject(branch[2], 'duplicate')
      s.reject(branch[4], 'duplicate')
    },
  },
  {
    name: 'headers that are refused by themselves',
    write: (s) => {
      s.grow(1)
      const good = s.mine()
      const old = s.mine([], { time: s.net.genesis.block.header.time }, good)
      s.headers([good, old], 'time-too-old')
      s.headers([withoutWork(s.mine(), s.net.params)], 'high-hash: work')
      s.headers([s.mine([], {}, s.mine([], {}))], 'prev-blk-not-found')
      s.headers([s.mine([], { header: (fields) => ({ ...fields, bits: 0x207ffffe }) })], 'bad-diffbits')
      // The one before the refused one was taken.
      const next = s.mine([], {}, good)
      s.headers([next])
      s.side(next)
      s.tip = next
      s.side(good)
    },
  },
  {
    name: 'a branch on an invalid block',
    write: (s) => {
      s.grow(1)
      const bad = s.reject(s.mine([], { claim: QUICK.initialSubsidy + 1 }), 'bad-cb-amount')
      const child = s.mine([], {}, bad)
      s.headers([child], 'bad-prevblk')
      s.headers([bad], 'duplicate-invalid')
      s.headers([s.mine([], {}, child)], 'prev-blk-not-found')
      s.accept(s.mine(), 'bad-prevblk', 'duplicate-invalid')
      s.reject(s.tip, 'duplicate')
      s.accept(s.mine(), 'duplicate')
    },
  },
]

/** Blocks at the edge of what is ahead of local time; the one beyond is taken a second later. */
function aheadOfTime(
  s: ScenarioWriter,
  allowed: number,
  rule: 'time-too-new' | 'time-too-new: on demand',
): void {
  const now = s.net.genesis.block.header.time + 1000
  s.time(now)
  const late = s.mine([], { time: now + allowed + 1 })
  s.defer(late, rule)
  s.headers([late], rule)
  s.accept(s.mine([], { time: now + allowed }), rule)
  s.time(now + 1)
  s.side(late, rule)
  s.time(now)
  // On a parent that is as far ahead itself.
  const next = s.mine([], { time: now + allowed + 1 })
  s.defer(next, rule)
  s.time(now + 1)
  s.accept(next, rule)
}
