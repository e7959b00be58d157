/**
 * Promise: a snapshot commitment says one thing about one set of coins, whatever order they are held in, each chunk can be checked
 * alone, and a block where one is due connects only with the right one.
 */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { COIN_RECORD_BYTES, CoinTable, writeCoinRecord } from '../../../src/consensus/coin-table.ts'
import { REGTEST } from '../../../src/consensus/params.ts'
import {
  checkSnapshotCommitment,
  committedSnapshotHeight,
  compareCoinRecords,
  isSnapshotHeight,
  SNAPSHOT_CHUNK_COINS,
  type SnapshotCommitment,
  SnapshotHasher,
  snapshotOutput,
} from '../../../src/consensus/snapshot.ts'
import { sats } from '../../../src/primitives/amount.ts'
import { bytesToHex, concatBytes } from '../../../src/primitives/bytes.ts'
import { taggedHash } from '../../../src/primitives/hashes.ts'
import type { TxOutput } from '../../../src/primitives/transaction.ts'
import { isNullData } from '../../../src/script/taproot.ts'
import { seededIntegers } from '../../support/block-trees.ts'
import { type MineOptions, TEST_SALT, type TestBlock, TestChain } from '../../support/chain-builder.ts'
import { chunksOf, rootOf, snapshotOf } from '../../support/snapshots.ts'

const HASH = new Uint8Array(32).fill(7)

/** `count` packed records in canonical order. */
function drawRecords(count: number, seed: number): Uint8Array[] {
  const integer = seededIntegers(seed)
  const records = Array.from({ length: count }, () => {
    const record = new Uint8Array(COIN_RECORD_BYTES)
    const txid = Uint8Array.from({ length: 32 }, () => integer(256))
    const value = sats(integer(2 ** 20) * 2 ** 20 + integer(2 ** 20))
    const coin = { value, height: integer(2 ** 30), coinbase: integer(2) === 1, outputKey: txid }
    writeCoinRecord(record, 0, { txid, index: integer(2 ** 31) }, coin)
    return record
  })
  return records.sort((a, b) => compareCoinRecords(a, 0, b, 0))
}

function hashed(records: readonly Uint8Array[]): SnapshotCommitment {
  const hasher = new SnapshotHasher()
  for (const record of records) hasher.add(record, 0)
  return hasher.finish(HASH)
}

describe('the root', () => {
  test('records come by txid, then by index as a number', () => {
    const record = (first: number, last: number, index: number): Uint8Array => {
      const bytes = new Uint8Array(COIN_RECORD_BYTES)
      bytes.set([first], 0)
      bytes.set([last], 31)
      new DataView(bytes.buffer).setUint32(32, index, true)
      return bytes
    }
    const inOrder = [
      record(0, 0, 0),
      record(0, 0, 1),
      record(0, 0, 255),
      record(0, 0, 256),
      record(0, 0, 0x10001),
      record(0, 0, 0x1000000),
      record(0, 0, 0xffffffff),
      record(0, 1, 0),
      record(0, 255, 0),
      record(1, 0, 0),
      record(255, 0, 0),
    ]
    for (const [i, a] of inOrder.entries())
      for (const [j, b] of inOrder.entries()) {
        const shifted = concatBytes(new Uint8Array(3), b)
        assert.equal(Math.sign(compareCoinRecords(a, 0, shifted, 3)), Math.sign(i - j), `${i} and ${j}`)
      }
    // What follows the outpoint has no say.
    const other = inOrder[3].slice().fill(9, 36)
    assert.equal(compareCoinRecords(inOrder[3], 0, other, 0), 0)
  })

  test('it is that of an independent computation, whatever the number of chunks', () => {
    const records = drawRecords(819 * 7 + 5, 1)
    for (const coins of [0, 1, 2, 818, 819, 820, 1637, 1638, 1639, 819 * 3, 819 * 5 - 1, 819 * 7 + 5]) {
      const some = records.slice(0, coins)
      const { root, total, ...rest } = hashed(some)
      assert.equal(bytesToHex(root), bytesToHex(rootOf(chunksOf(some))), `${coins} coins`)
      assert.deepEqual(rest, { coins, blockHash: HASH })
      const values = some.map((record) => new DataView(record.buffer).getBigUint64(36, true))
      assert.equal(
        BigInt(total),
        values.reduce((sum, value) => sum + value, 0n),
      )
    }
  })

  test('no coins are one empty chunk', () => {
    assert.deepEqual(hashed([]).root, taggedHash('opentab/snapshot-leaf'))
  })

  test('the first coin may have any outpoint', () => {
    assert.equal(hashed([new Uint8Array(COIN_RECORD_BYTES)]).coins, 1)
  })

  test('coins out of order or twice are refused, also across chunks', () => {
    const records = drawRecords(SNAPSHOT_CHUNK_COINS + 3, 2)
    for (const at of [0, 1, SNAPSHOT_CHUNK_COINS - 1, SNAPSHOT_CHUNK_COINS]) {
      const swapped = records.with(at, records[at + 1]).with(at + 1, records[at])
      assert.throws(() => hashed(swapped), /not in their order/)
      assert.throws(() => hashed(records.toSpliced(at, 0, records[at])), /not in their order/)
    }
  })

  test('another coin anywhere is another root', () => {
    const records = drawRecords(2000, 3)
    const { root } = hashed(records)
    fc.assert(
      fc.property(
        fc.nat(1999),
        fc.nat(COIN_RECORD_BYTES - 37),
        fc.integer({ min: 1, max: 255 }),
        (i, at, flip) => {
          const changed = records[i].slice()
          changed[36 + at] ^= flip
          assert.notDeepEqual(hashed(records.with(i, changed)).root, root)
          assert.notDeepEqual(hashed(records.toSpliced(i, 1)).root, root)
        },
      ),
      { numRuns: 20 },
    )
  })

  test('a chunk is checked alone, with the hashes beside its way up', () => {
    const leafOf = (chunk: Uint8Array): Uint8Array => taggedHash('opentab/snapshot-leaf', chunk)
    for (const coins of [1, 819, 820, 819 * 2 + 1, 819 * 5, 819 * 6 + 1, 819 * 7]) {
      const records = drawRecords(coins, coins)
      const chunks = chunksOf(records)
      const { root } = hashed(records)
      for (const [position, chunk] of chunks.entries()) {
        let level: Uint8Array[] = chunks.map(leafOf)
        let at = position
        let hash = leafOf(chunk)
        while (level.length > 1) {
          const sibling = level[at ^ 1]
          if (sibling)
            hash = taggedHash(
              'opentab/snapshot-branch',
              ...(at % 2 === 0 ? [hash, sibling] : [sibling, hash]),
            )
          level = Array.from({ length: Math.ceil(level.length / 2) }, (_, i) =>
            2 * i + 1 < level.length
              ? taggedHash('opentab/snapshot-branch', level[2 * i], level[2 * i + 1])
              : level[2 * i],
          )
          at >>= 1
        }
        assert.deepEqual(hash, root, `chunk ${position} of ${chunks.length}`)
      }
    }
  })
})

describe('the output', () => {
  test('it is an OP_RETURN of 83 bytes, each field in its place', () => {
    const { scriptPubKey, value } = snapshotOutput({
      root: new Uint8Array(32).fill(0x11),
      blockHash: new Uint8Array(32).fill(0x22),
      coins: 0x01020304,
      total: sats(2_100_000_000_000_000),
    })
    assert.equal(
      bytesToHex(scriptPubKey),
      `6a4c50a8361a41${'11'.repeat(32)}${'22'.repeat(32)}040302010040075af0750700`,
    )
    assert.ok(isNullData(scriptPubKey))
    assert.equal(value, 0)
  })
})

describe('the rule', () => {
  const params = { ...REGTEST, coinbaseMaturity: 1, snapshotInterval: 8, snapshotDelay: 3 }
  const net = new TestChain(params)
  /** Height 10: the next block commits to the coins after block 8. */
  const base = net.mineEmpty(net.genesis, 10)
  const right = net.snapshotFor(base) as SnapshotCommitment

  /** What becomes of the block after `parent`; its coins are those that the blocks below leave. */
  function code(parent: TestBlock, options: MineOptions = {}): string {
    const coins = new CoinTable(TEST_SALT)
    for (const each of net.branch(parent)) {
      const result = net.validate(each, coins)
      assert.ok(result.ok, 'the blocks below are good')
      result.value.coins.applyTo(coins)
    }
    const result = net.validate(net.mineBlock(parent, [], options), coins)
    return result.ok ? 'ok' : `${result.kind} ${result.code}`
  }

  /** The coinbase with these outputs where the commitment stood, in front of the witness commitment. */
  function committing(...outputs: readonly TxOutput[]): MineOptions {
    return { coinbase: (fields) => ({ ...fields, outputs: fields.outputs.toSpliced(-2, 1, ...outputs) }) }
  }

  const BAD = 'invalid bad-snapshot-commitment'

  test('the heights are the multiples of the interval but 0, and one delay above', () => {
    const heights = Array.from({ length: 40 }, (_, height) => height)
    assert.deepEqual(
      heights.filter((height) => isSnapshotHeight(height, params)),
      [8, 16, 24, 32],
    )
    assert.deepEqual(
      heights.flatMap((height) => {
        const counted = committedSnapshotHeight(height, params)
        return counted === undefined ? [] : [[height, counted]]
      }),
      [
        [11, 8],
        [19, 16],
        [27, 24],
        [35, 32],
      ],
    )
    assert.deepEqual(
      [63, 64, 1023, 1024, 1087, 1088, 1089, 2112].map((height) => committedSnapshotHeight(height, REGTEST)),
      [undefined, undefined, undefined, undefined, undefined, 1024, undefined, 2048],
    )
  })

  test('the right commitment connects', () => {
    assert.equal(code(base), 'ok')
    assert.equal(code(base, committing(snapshotOutput(right))), 'ok')
    // It counts blocks and coins of this chain: 8 coinbases.
    assert.deepEqual([right.coins, right.total], [8, 8 * params.initialSubsidy])
    assert.deepEqual(right, snapshotOf(net.branch(net.ancestor(base, 8)).map(({ block }) => block)))
  })

  test('none, or one that says anything else, is bad', () => {
    assert.equal(code(base, committing()), BAD)
    const wrong: Partial<SnapshotCommitment>[] = [
      { root: right.root.with(31, right.root[31] ^ 1) },
      { root: right.root.with(0, right.root[0] ^ 1) },
      { blockHash: base.block.header.hashBytes },
      { coins: right.coins + 1 },
      { total: sats(right.total - 1) },
    ]
    for (const change of wrong)
      assert.equal(code(base, committing(snapshotOutput({ ...right, ...change }))), BAD)
  })

  test('the coins after the block itself, or after any but the one counted, are the wrong ones', () => {
    for (const height of [7, 9, 10]) {
      const other = snapshotOf(net.branch(net.ancestor(base, height)).map(({ block }) => block))
      assert.equal(code(base, committing(snapshotOutput(other))), BAD)
    }
  })

  test('of several the last counts', () => {
    const good = snapshotOutput(right)
    const bad = snapshotOutput({ ...right, coins: 0 })
    assert.equal(code(base, committing(bad, good)), 'ok')
    assert.equal(code(base, committing(good, bad)), BAD)
    assert.equal(code(base, committing(good, bad, good)), 'ok')
  })

  test('an output of another length or mark is none', () => {
    const { scriptPubKey, value } = snapshotOutput(right)
    const others = [
      scriptPubKey.subarray(0, 82),
      scriptPubKey.with(3, 0xa9),
      scriptPubKey.with(6, 0x42),
      scriptPubKey.with(2, 79),
    ]
    for (const other of others) {
      const output = { value, scriptPubKey: other }
      assert.equal(code(base, committing(output)), BAD)
      assert.equal(code(base, committing(snapshotOutput(right), output)), 'ok')
    }
  })

  test('elsewhere nothing is asked for, and whatever stands there is no matter', () => {
    for (const height of [2, 7, 8, 9, 12]) {
      const parent = height <= 11 ? net.ancestor(base, height - 1) : net.mineBlock(base)
      assert.equal(code(parent), 'ok')
      for (const output of [snapshotOutput(right), snapshotOutput({ ...right, coins: 0 })])
        assert.equal(code(parent, { outputs: [output] }), 'ok')
    }
  })

  test('to leave the snapshot out of the context is a bug, not a bad block', () => {
    const block = net.mineBlock(base)
    const context = { ...net.contextAfter(base), snapshot: undefined }
    assert.throws(
      () => checkSnapshotCommitment(block.block.transactions[0], context),
      /after block 8 were not counted/,
    )
  })
})
