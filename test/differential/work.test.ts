/**
 * Proof of work. Of the packages only bitcoinjs-lib knows compact targets, and no more of them than valid ones and the verdict on a
 * header; none has work or ASERT. For those the reference is the specification itself, in test/support/work-reference.ts.
 */
import assert from 'node:assert/strict'
import * as bitcoin from 'bitcoinjs-lib'

import {
  asertTarget,
  blockWork,
  decodeCompact,
  encodeCompact,
  hashToNumber,
  meetsTarget,
} from '../../src/consensus/pow.ts'
import { bytesToHex, hexToBytes, reversed } from '../../src/primitives/bytes.ts'
import { differential } from '../support/differential.ts'
import type { Draw } from '../support/draw.ts'
import {
  type AsertCase,
  asertReference,
  compactReference,
  getCompactReference,
  workReference,
} from '../support/work-reference.ts'

/** Any 32 bits; the sizes that name targets of at most 256 bits, and edges of the mantissa, are likely. */
function drawBits(draw: Draw): number {
  if (draw.oneIn(10)) return draw.u32()
  const mantissa = draw.oneIn(3)
    ? draw.pick([
        0, 1, 0x7f, 0x80, 0xff, 0x100, 0x7fff, 0x8000, 0xffff, 0x10000, 0x7fffff, 0x800000, 0x800001,
      ])
    : draw.below(0x1000000)
  return ((draw.integer(0, 36) << 24) | mantissa) >>> 0
}

differential(
  'compact targets',
  'reading, writing and verdicts are those of bitcoinjs and of the definition',
  (draw) => {
    const bits = drawBits(draw)
    const ours = decodeCompact(bits)
    const reference = compactReference(bits)
    assert.deepEqual(ours, reference, bits.toString(16))

    const target = draw.bits(256)
    assert.equal(encodeCompact(target), getCompactReference(target), target.toString(16))
    const negative = draw.oneIn(2)
    if (!ours.overflow)
      assert.equal(encodeCompact(ours.target, negative), getCompactReference(ours.target, negative))

    // The verdict on a hash of about the target's size. Bitcoinjs has no limit of the network: ours is out of the way.
    const header = bitcoin.Block.fromBuffer(draw.bytes(80))
    header.bits = bits
    const hash = ours.overflow ? draw.bytes(32) : near(draw, ours.target)
    header.getHash = () => hash.slice()
    const meets = meetsTarget(hash, bits, 2n ** 256n)
    assert.equal(hashToNumber(hash), BigInt(`0x${bytesToHex(reversed(hash))}`))
    assert.equal(meets, header.checkProofOfWork(), bits.toString(16))
    const size = bits >>> 24
    if (size >= 3 && size <= 32 && !ours.negative)
      assert.equal(ours.target, BigInt(`0x${bytesToHex(bitcoin.Block.calculateTarget(bits))}`))
    if (ours.target > 0n) {
      const limit = ours.target - 1n + BigInt(draw.below(3))
      assert.equal(meetsTarget(hash, bits, limit), meets && ours.target <= limit)
    }
    return meets ? 'met' : 'not met'
  },
)

/** A hash, internal order, that is the target, one beside it, or anything. */
function near(draw: Draw, target: bigint): Uint8Array {
  const value = draw.oneIn(3) ? draw.bits(256) : target + BigInt(draw.integer(-1, 1))
  return reversed(hexToBytes(BigInt.asUintN(256, value).toString(16).padStart(64, '0')))
}

differential('work', 'is that of the definition in Bitcoin Core', (draw) => {
  const target = draw.oneIn(4)
    ? draw.pick([0n, 1n, 2n ** 256n - 1n, 2n ** 255n, 2n ** 32n - 1n])
    : draw.bits(256)
  assert.equal(blockWork(target), workReference(target), target.toString(16))
})

const LIMITS = [0x1d00ffff, 0x207fffff, 0x1d400000, 0x1e00ffff].map((bits) => compactReference(bits).target)

function drawAsert(draw: Draw): AsertCase {
  const limit = draw.pick(LIMITS)
  const anchorTarget = 1n + (draw.oneIn(2) ? limit - draw.bits(32) - 1n : draw.bits(240) % limit)
  const heightDiff = draw.oneIn(6) ? draw.bits(63) : draw.bits(20)
  const spacing = draw.pick([1n, 30n, 60n, 600n])
  const halfLife = draw.pick([1n, 600n, 3_600n, 172_800n])
  // Near schedule, since far from it every target is an edge.
  const drift = (draw.oneIn(2) ? 1n : -1n) * draw.bits(draw.pick([4, 12, 20, 40]))
  const timeDiff = draw.oneIn(10) ? draw.bits(63) : spacing * (heightDiff + 1n) + (drift * halfLife) / 3_600n
  return { anchorTarget, timeDiff, heightDiff, spacing, halfLife, limit }
}

differential(
  'asert',
  'is the published algorithm, and 2^(lateness / half-life) within its stated error',
  (draw) => {
    const input = drawAsert(draw)
    const target = asertTarget(input)
    assert.equal(target, asertReference(input))

    // The formula that the algorithm approximates, in floating point, where no edge interferes.
    const lateness = input.timeDiff - input.spacing * (input.heightDiff + 1n)
    const doublings = Number(lateness) / Number(input.halfLife)
    if (target > 2n ** 64n && target < input.limit) {
      // 0.013 %, and one part in 65,536 of a half-life.
      const error = log2(target) - log2(input.anchorTarget) - doublings
      assert.ok(Math.abs(error) < 0.0002 + Math.abs(doublings) * 1e-12, `${error} of ${doublings}`)
    }
    return target === input.limit ? 'at the limit' : target === 1n ? 'at 1' : 'between'
  },
)

function log2(value: bigint): number {
  const shift = BigInt(Math.max(0, value.toString(2).length - 60))
  return Math.log2(Number(value >> shift)) + Number(shift)
}
