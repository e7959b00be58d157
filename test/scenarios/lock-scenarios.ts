/** Time locks: nLockTime (BIP113) and relative locks (BIP68), at both sides of each edge. */

import type { TestBlock, TestCoin } from '../support/chain-builder.ts'
import type { RuleId } from './rules.ts'
import type { Scenario, ScenarioWriter } from './scenario.ts'

/** Lock times below are heights. */
const LOCK_TIME_THRESHOLD = 500_000_000
/** Flags of BIP68. */
const DISABLED = 0x80000000
const SECONDS = 0x00400000

export const lockScenarios: readonly Scenario[] = [
  {
    name: 'nLockTime as a height',
    write: (s) => {
      s.fund(16)
      const rule: RuleId = 'bad-txns-nonfinal: height'
      const locked = (lockTime: number, sequence?: number): TestBlock =>
        s.mine([s.spend({ lockTime, sequence })])
      const next = (): number => s.tip.height + 1
      // A lock time names the last height at which the transaction is not final.
      s.reject(locked(next()), rule)
      s.accept(locked(next() - 1), rule)
      s.reject(locked(next(), 0), rule)
      s.reject(locked(next(), 0xfffffffe), rule)
      s.reject(locked(LOCK_TIME_THRESHOLD - 1), rule)
      s.accept(locked(next(), 0xffffffff), rule)
      s.accept(locked(LOCK_TIME_THRESHOLD - 1, 0xffffffff), rule)
      // One input that isn't final is enough, whichever it is.
      const coins = [s.coin(), s.coin()]
      const mixed = s.net.miner.spend(coins, [s.own(1)], { lockTime: next(), sequence: 0xffffffff })
      s.accept(s.mine([mixed]), rule)
      // A version says nothing about nLockTime.
      s.reject(s.mine([s.spend({ version: 1, lockTime: next() })]), rule)
      // A transaction behind one that is locked, and the other way round.
      s.reject(s.mine([s.spend(), s.spend({ lockTime: next() })]), rule)
      s.accept(s.mine([s.spend(), s.spend({ lockTime: next() - 1 })]), rule)
    },
  },
  {
    name: 'nLockTime as a time, against the median and not the block',
    write: (s) => {
      s.fund(8)
      const rule: RuleId = 'bad-txns-nonfinal: time'
      for (const ahead of [30, 3000, 1]) {
        const median = s.net.contextAfter(s.tip).medianTimePast
        const time = s.tip.block.header.time + ahead
        const locked = (lockTime: number, sequence?: number): TestBlock =>
          s.mine([s.spend({ lockTime, sequence })], { time })
        s.reject(locked(median), rule)
        s.accept(locked(median - 1), rule)
      }
      const median = s.net.contextAfter(s.tip).medianTimePast
      s.accept(s.mine([s.spend({ lockTime: median, sequence: 0xffffffff })]), rule)
    },
  },
  {
    name: 'the least lock time that is a time',
    write: (s) => {
      s.fund(2)
      // As a height it would be far away; as a time it is long past.
      s.reject(s.mine([s.spend({ lockTime: LOCK_TIME_THRESHOLD - 1 })]), 'bad-txns-nonfinal: height')
      s.accept(s.mine([s.spend({ lockTime: LOCK_TIME_THRESHOLD })]), 'bad-txns-nonfinal: time')
    },
  },
  {
    name: 'relative locks in blocks',
    write: (s) => {
      s.fund(30)
      const rule: RuleId = 'bad-txns-nonfinal: BIP68 blocks'
      const age = (coin: Made): number => s.tip.height + 1 - coin.height
      const coin = make(s)
      for (let blocks = 2; blocks <= 4; blocks++) {
        // Bits 16 to 21 and 23 to 30 mean nothing.
        for (const noise of [0, 0x00010000, 0x003f0000, 0x7f800000])
          s.reject(s.mine([s.spend({ coin, sequence: (age(coin) + 1) | noise })]), rule)
        const other = make(s)
        s.accept(s.mine([s.spend({ coin: other, sequence: age(other) })]), rule)
      }
      s.accept(s.mine([s.spend({ coin, sequence: age(coin) })]), rule)
      // None in the same block but a lock of 0.
      const parent = s.spend()
      const [made] = s.net.miner.coinsOf(parent)
      s.reject(s.mine([parent, s.spend({ coin: made, sequence: 1 })]), rule)
      s.accept(s.mine([parent, s.spend({ coin: made, sequence: 0 })]), rule)
      // The greatest lock of all.
      s.reject(s.mine([s.spend({ sequence: 0xffff })]), rule)
      // From version 2 on, as an unsigned number; not where the flag disables it.
      s.accept(s.mine([s.spend({ sequence: 0xffff, version: 1 })]), rule)
      s.accept(s.mine([s.spend({ sequence: 0xffff, version: 0 })]), rule)
      s.reject(s.mine([s.spend({ sequence: 0xffff, version: 3 })]), rule)
      s.reject(s.mine([s.spend({ sequence: 0xffff, version: 0xffffffff })]), rule)
      s.accept(s.mine([s.spend({ sequence: (DISABLED | 0xffff) >>> 0 })]), rule)
      s.accept(s.mine([s.spend({ sequence: (DISABLED | SECONDS | 0xffff) >>> 0 })]), rule)
      // Each input by its own coin.
      const young = make(s)
      s.grow(1)
      const old = s.coin()
      const both = s.net.miner.spend([old, young], [s.own(1)], { sequence: 3 })
      s.reject(s.mine([both]), rule)
      s.grow(1)
      s.accept(s.mine([both]), rule)
    },
  },
  {
    name: 'relative locks in units of 512 seconds of median time past',
    write: (s) => {
      s.fund(12)
      const rule: RuleId = 'bad-txns-nonfinal: BIP68 time'
      // The median before the coin's block is where its age begins.
      for (const units of [1, 3]) {
        const begin = s.net.contextAfter(s.tip).medianTimePast
        const coin = make(s)
        const due = begin + units * 512
        advanceMedian(s, due - 1)
        const spend = s.spend({ coin, sequence: SECONDS | units })
        s.reject(s.mine([spend], { time: due + 100_000 }), rule)
        s.reject(s.mine([s.spend({ coin, sequence: SECONDS | 0x30000 | units })]), rule)
        advanceMedian(s, due)
        s.accept(s.mine([spend]), rule)
      }
      // In its own block a coin has no age, and none is asked for; one unit is, of the median before it.
      const parent = s.spend()
      const [made] = s.net.miner.coinsOf(parent)
      s.reject(s.mine([parent, s.spend({ coin: made, sequence: SECONDS | 1 })]), rule)
      s.accept(s.mine([parent, s.spend({ coin: made, sequence: SECONDS })]), rule)
      s.reject(s.mine([s.spend({ sequence: SECONDS | 0xffff })]), rule)
      s.accept(s.mine([s.spend({ sequence: SECONDS | 0xffff, version: 1 })]), rule)
    },
  },
]

/** A coin and the height of its block. */
interface Made extends TestCoin {
  readonly height: number
}

/** Makes a coin in a block of its own. */
function make(s: ScenarioWriter): Made {
  const tx = s.spend()
  const { height } = s.accept(s.mine([tx]))
  return { ...s.net.miner.coinsOf(tx)[0], height }
}

/** Mines blocks until the median time past is `median`. */
function advanceMedian(s: ScenarioWriter, median: number): void {
  while (s.net.contextAfter(s.tip).medianTimePast < median) s.accept(s.mine([], { time: median }))
}
