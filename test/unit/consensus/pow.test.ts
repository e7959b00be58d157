import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { PUBLIC } from '../../../src/consensus/params.ts'
import {
  asertTarget,
  blockWork,
  decodeCompact,
  encodeCompact,
  hashToNumber,
  meetsTarget,
  targetOf,
} from '../../../src/consensus/pow.ts'

const MAINNET_LIMIT = 0xffffn << 208n

test('ASERT stays between 1 and the limit however far the clocks are off', () => {
  const bounded = fc.bigInt({ min: -(2n ** 70n), max: 2n ** 70n })
  fc.assert(
    fc.property(
      fc.bigInt({ min: 1n, max: MAINNET_LIMIT }),
      bounded,
      bounded,
      (anchorTarget, timeDiff, heightDiff) => {
        const setting = { spacing: 30n, halfLife: 600n, limit: MAINNET_LIMIT }
        const target = asertTarget({ anchorTarget, timeDiff, heightDiff, ...setting })
        assert.ok(target >= 1n && target <= MAINNET_LIMIT)
      },
    ),
  )
})

test('ASERT halves and doubles exactly, and rounds its factor to the nearest 65,536th', () => {
  const after = (anchorTarget: bigint, late: bigint): bigint =>
    asertTarget({
      anchorTarget,
      timeDiff: 30n + late,
      heightDiff: 0n,
      spacing: 30n,
      halfLife: 65_536n,
      limit: MAINNET_LIMIT,
    })
  assert.equal(after(1n << 200n, -100n * 65_536n), 1n << 100n)
  assert.equal(after(1n << 200n, 20n * 65_536n), 1n << 220n)
  assert.equal(after(1n << 200n, 30n * 65_536n), MAINNET_LIMIT)
  assert.equal(after(1n << 200n, -201n * 65_536n), 1n)
  // 2^(1/65,536) is 1 + 0.693 / 65,536.
  assert.equal(after(1n << 200n, 1n), (1n << 200n) + (1n << 184n))
  // Where the cubic comes close to a half: one less in its second coefficient would round down, then one less in its third.
  assert.equal(after(1n << 200n, 42_375n), 102_594n << 184n)
  assert.equal(after(1n << 200n, 5_144n), 69_208n << 184n)
  // One more in its third would round up.
  assert.equal(after(1n << 200n, 8_310n), 71_564n << 184n)
})

test('ASERT reaches any target below 2^256', () => {
  const late = {
    timeDiff: 600n * 256n,
    heightDiff: -1n,
    spacing: 30n,
    halfLife: 600n,
    limit: 2n ** 256n - 1n,
  }
  assert.equal(asertTarget({ ...late, anchorTarget: 1n, timeDiff: 600n * 255n }), 2n ** 255n)
  assert.equal(asertTarget({ ...late, anchorTarget: 1n }), late.limit)
  assert.equal(asertTarget({ ...late, anchorTarget: 1n, timeDiff: 10n ** 30n }), late.limit)
  assert.equal(asertTarget({ ...late, anchorTarget: late.limit, timeDiff: -(10n ** 30n) }), 1n)
})

test('the compact form of a small number has its sign, zero has none', () => {
  assert.equal(encodeCompact(1n), 0x01010000)
  assert.equal(encodeCompact(1n, true), 0x01810000)
  assert.equal(encodeCompact(0x80n), 0x02008000)
  assert.equal(encodeCompact(0n, true), 0)
  // What the size byte cuts away has no sign left.
  assert.deepEqual(decodeCompact(0x01800001), { target: 0n, negative: false, overflow: false })
  assert.deepEqual(decodeCompact(0x01810000), { target: 1n, negative: true, overflow: false })
  for (const bits of [0x01010000, 0x02123400, 0x03123456, 0x04123456])
    assert.equal(encodeCompact(decodeCompact(bits).target), bits)
})

test('a compact target overflows from 2^256 on, whatever its size byte', () => {
  const fitting = [0x2000ffff, 0x207fffff, 0x2100ffff, 0x220000ff, 0xff000000]
  const overflowing = [0x21010000, 0x22000100, 0x23000001, 0xff000001]
  for (const bits of fitting) assert.ok(!decodeCompact(bits).overflow, bits.toString(16))
  for (const bits of overflowing) assert.ok(decodeCompact(bits).overflow, bits.toString(16))
})

test('a compact target survives decoding and encoding, and rounds any number down by less than 2^-15', () => {
  fc.assert(
    fc.property(fc.bigInt({ min: 0n, max: 2n ** 256n - 1n }), (number) => {
      const bits = encodeCompact(number)
      const { target, negative, overflow } = decodeCompact(bits)
      assert.ok(!negative && !overflow)
      assert.ok(target <= number && number - target <= number >> 15n)
      assert.equal(encodeCompact(target), bits)
    }),
  )
})

test('work is the expected number of hashes', () => {
  assert.equal(blockWork(2n ** 255n - 1n), 2n)
  assert.equal(blockWork(0n), 2n ** 256n)
  assert.equal(blockWork(targetOf(0x1d00ffff)), 0x100010001n)
  assert.equal(Math.round(Math.log2(Number(blockWork(targetOf(PUBLIC.powLimitBits))))), 26)
})

test('a hash meets a target when it is at or below it, as a little-endian number', () => {
  const target = targetOf(0x1d400000)
  const limit = target
  const atTarget = new Uint8Array(32)
  atTarget[28] = 0x40
  assert.equal(hashToNumber(atTarget), target)
  assert.ok(meetsTarget(atTarget, 0x1d400000, limit))
  assert.ok(!meetsTarget(atTarget, 0x1d400000, limit - 1n))
  const above = atTarget.slice()
  above[0] = 1
  assert.ok(!meetsTarget(above, 0x1d400000, limit))
})

test('bits that name no target are met by no hash, not even by zero', () => {
  const zero = new Uint8Array(32)
  assert.ok(meetsTarget(zero, 0x01010000, MAINNET_LIMIT))
  // None, negative, too great.
  for (const bits of [0, 0x01810000, 0x21010000]) assert.ok(!meetsTarget(zero, bits, MAINNET_LIMIT))
})

test('bits that name no target throw where they should have been checked', () => {
  for (const bits of [0, 0x01fedcba, 0xff123456]) assert.throws(() => targetOf(bits))
})
