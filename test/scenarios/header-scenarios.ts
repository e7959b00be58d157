/** Headers, and the bytes that a block comes in. */

import { nextBits } from '../../src/consensus/difficulty.ts'
import { type NetworkParams, REGTEST } from '../../src/consensus/params.ts'
import { HEADER_BYTES } from '../../src/primitives/block.ts'
import { concatBytes } from '../../src/primitives/bytes.ts'
import type { TestBlock } from '../support/chain-builder.ts'
import { splice, withHeader, withoutWork } from './edits.ts'
import type { RuleId } from './rules.ts'
import type { Scenario } from './scenario.ts'

/** Difficulty moves, and mining stays trivial. No blocks on demand: they may be two minutes ahead. */
export const RETARGET: NetworkParams = {
  ...REGTEST,
  retarget: true,
  testControls: false,
  coinbaseMaturity: 1,
}

export const headerScenarios: readonly Scenario[] = [
  {
    name: 'proof of work',
    write: (s) => {
      s.accept(s.mine(), 'high-hash: work', 'high-hash: limit', 'high-hash: compact form')
      const good = s.mine()
      s.reject(withoutWork(good, s.net.params), 'high-hash: work')
      // The next greater target that bits can name, and the greatest; every hash meets that one.
      s.reject(withHeader(good, { bits: 0x21008000 }), 'high-hash: limit')
      s.reject(withHeader(good, { bits: 0x2100ffff }), 'high-hash: limit')
      // Zero; negative; zero once the mantissa is shifted out; over 256 bits by one byte, and by the whole of it.
      for (const bits of [
        0, 0x1d000000, 0x1d800001, 0x20ffffff, 0x02000000, 0x01003456, 0x22000100, 0xff123456,
      ])
        s.reject(withHeader(good, { bits: bits }), 'high-hash: compact form')
      s.accept(good, 'high-hash: work')
    },
  },
  {
    name: 'difficulty that follows the times of the blocks',
    params: RETARGET,
    write: (s) => {
      const step = (seconds: number): TestBlock =>
        s.accept(s.mine([], { time: s.tip.block.header.time + seconds }), 'bad-diffbits')
      const wrong = (bits: number): void => {
        s.reject(s.mine([], { header: (fields) => ({ ...fields, bits }) }), 'bad-diffbits')
      }
      // As fast as times can go, then as slow: away from the limit, back to it, and never beyond.
      for (const seconds of [1, 1, 1, 30, 29, 31, 200, 5000, 1, 1]) {
        step(seconds)
        const { header } = s.tip.block
        const bits = nextBits(s.net.difficultyAfter(s.tip), header.time + RETARGET.targetSpacing, RETARGET)
        wrong(bits - 1)
        if (bits === RETARGET.powLimitBits) continue
        wrong(bits + 1)
        wrong(RETARGET.powLimitBits)
        // What the parent had, as if difficulty stood still.
        if (header.bits !== bits) wrong(header.bits)
      }
    },
  },
  {
    name: 'difficulty that stands still',
    write: (s) => {
      s.accept(s.mine(), 'bad-diffbits')
      const { powLimitBits } = s.net.params
      s.reject(s.mine([], { header: (fields) => ({ ...fields, bits: powLimitBits - 1 }) }), 'bad-diffbits')
      s.accept(s.mine([], { time: s.tip.block.header.time + 100_000 }), 'bad-diffbits')
    },
  },
  {
    name: 'difficulty that eases while no block comes',
    params: RETARGET,
    write: (s) => {
      const { targetSpacing, powLimitBits } = RETARGET
      // Away from the limit, as by fast strangers.
      for (let i = 0; i < 60; i++) s.accept(s.mine([], { time: s.tip.block.header.time + 1 }))
      const before = s.net.difficultyAfter(s.tip)
      const bitsAt = (spacings: number): number =>
        nextBits(before, before.time + spacings * targetSpacing, RETARGET)
      const stamped = (spacings: number, bits: number): TestBlock =>
        s.mine([], {
          time: before.time + spacings * targetSpacing,
          header: (fields) => ({ ...fields, bits }),
        })
      s.reject(stamped(10, bitsAt(13)), 'bad-diffbits')
      s.reject(stamped(13, bitsAt(10)), 'bad-diffbits')
      s.reject(stamped(13, powLimitBits), 'bad-diffbits')
      s.accept(stamped(13, bitsAt(13)), 'bad-diffbits')
      // What comes fast after an eased block finds less and less of it.
      for (let i = 0; i < 5; i++) s.accept(s.mine([], { time: s.tip.block.header.time + 1 }), 'bad-diffbits')
    },
  },
  {
    name: 'times that never step back where difficulty follows them',
    params: RETARGET,
    write: (s) => {
      for (let i = 0; i < 12; i++) {
        const { time } = s.tip.block.header
        const median = s.net.contextAfter(s.tip).medianTimePast
        s.reject(s.mine([], { time: median }), 'time-too-old')
        s.reject(s.mine([], { time }), 'time-too-old')
        s.accept(s.mine([], { time: time + (i % 3 === 0 ? 1 : 40) }), 'time-too-old')
      }
    },
  },
  {
    name: 'times after the median of the last eleven',
    write: (s) => {
      const { time } = s.net.genesis.block.header
      s.reject(s.mine([], { time }), 'time-too-old')
      s.reject(s.mine([], { time: time - 1 }), 'time-too-old')
      // Out of order on purpose: the median is not the parent's time.
      for (const at of [1, 500, 2, 400, 3, 300, 4, 200, 5, 100, 6, 450, 250]) {
        const median = s.net.contextAfter(s.tip).medianTimePast
        s.reject(s.mine([], { time: median }), 'time-too-old')
        s.accept(s.mine([], { time: median + 1 }), 'time-too-old')
        s.accept(s.mine([], { time: Math.max(time + at, s.net.contextAfter(s.tip).medianTimePast + 1) }))
      }
    },
  },
  {
    name: 'the bytes of a block',
    write: (s) => {
      s.fund(16)
      const mutate = (change: (bytes: Uint8Array) => Uint8Array, rule: RuleId): void => {
        const good = s.mine([s.spend()])
        s.mutate(good, change(good.block.bytes), rule)
      }
      mutate((bytes) => concatBytes(bytes, Uint8Array.of(0)), 'block-decode-failed: length')
      mutate((bytes) => bytes.slice(0, -1), 'block-decode-failed: length')
      mutate((bytes) => bytes.slice(0, HEADER_BYTES), 'block-decode-failed: length')
      // The number of transactions, 2, in three bytes, five, and nine.
      for (const long of [
        [0xfd, 2, 0],
        [0xfe, 2, 0, 0, 0],
        [0xff, 2, 0, 0, 0, 0, 0, 0, 0],
      ])
        mutate((bytes) => splice(bytes, HEADER_BYTES, 1, ...long), 'block-decode-failed: CompactSize')
      mutate(
        (bytes) => splice(bytes, HEADER_BYTES, 1, 0xff, ...new Array(8).fill(0xff)),
        'block-decode-failed: CompactSize',
      )
      mutate((bytes) => splice(bytes, HEADER_BYTES, 1, 3), 'block-decode-failed: count')
      mutate((bytes) => splice(bytes, HEADER_BYTES, 1, 1), 'block-decode-failed: length')
      mutate(
        (bytes) => splice(bytes, HEADER_BYTES, 1, 0xfe, 0xff, 0xff, 0xff, 0xff),
        'block-decode-failed: count',
      )
      // Version, marker, flag: of the coinbase.
      const flag = HEADER_BYTES + 1 + 5
      for (const value of [0, 2, 3])
        mutate((bytes) => splice(bytes, flag, 1, value), 'block-decode-failed: flag')
      // The coinbase's witness, one item of 32 bytes, gone from behind marker and flag.
      const good = s.mine()
      const end = HEADER_BYTES + 1 + good.block.transactions[0].bytes.length - 4
      s.mutate(good, splice(good.block.bytes, end - 34, 34, 0), 'block-decode-failed: witness')
    },
  },
]
