/**
 * Promise: the table finds every record by its key and by no other, through growth, removals and many segments; its memory is what
 * it says; its hash function is the published one, under the salt.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { OUTPOINT_BYTES, OutpointTable } from '../../../src/consensus/outpoint-table.ts'
import type { Outpoint } from '../../../src/primitives/transaction.ts'
import { seededIntegers } from '../../support/block-trees.ts'

const SALT = Uint8Array.of(0, 1, 2, 3, 4, 5, 6, 7)
/** A key, and a number of 4 bytes that tells the records apart. */
const RECORD_BYTES = OUTPOINT_BYTES + 4
const SEGMENT_RECORDS = 16_384

/** Keys that differ in any of their words. */
function outpoint(n: number): Outpoint {
  const txid = new Uint8Array(32)
  const view = new DataView(txid.buffer)
  view.setUint32((n % 8) * 4, n)
  return { txid, index: n % 3 }
}

function packed({ txid, index }: Outpoint, value = 0): Uint8Array {
  const record = new Uint8Array(RECORD_BYTES)
  const view = new DataView(record.buffer)
  record.set(txid)
  view.setUint32(32, index, true)
  view.setUint32(OUTPOINT_BYTES, value, true)
  return record
}

/** What stands behind the key of a record. */
function valueAt(table: OutpointTable, record: number): number {
  return table.segmentAt(record).view.getUint32(table.offsetOf(record) + OUTPOINT_BYTES, true)
}

test('its hash function is HalfSipHash-1-3', () => {
  // Linux, lib/test_siphash.c, test_vectors_hsiphash for 32 bits: the bytes from 0 to 35 under a key of the bytes from 0 to 7.
  const words = new Uint32Array(Uint8Array.from({ length: OUTPOINT_BYTES + 4 }, (_, i) => i - 4).buffer)
  const table = new OutpointTable(RECORD_BYTES, SALT) as unknown as {
    hash(words: Uint32Array, start: number): number
  }
  assert.equal(table.hash(words, 1) >>> 0, 0x7c46fb7f)
})

test('keys that differ in one word are different', () => {
  const words = (OUTPOINT_BYTES - 4) / 4
  for (let word = 0; word <= words; word++) {
    const table = new OutpointTable(RECORD_BYTES, SALT)
    // As full as an index of 64 slots gets, so that each meets others.
    const keys = Array.from({ length: 48 }, (_, n): Outpoint => {
      const txid = new Uint8Array(32)
      if (word < words) txid[word * 4 + (n % 4)] = n + 1
      return { txid, index: word < words ? 0 : n }
    })
    keys.forEach((key, n) => {
      assert.equal(table.find(key), -1)
      assert.equal(table.insert(key), n)
    })
    keys.forEach((key, n) => {
      assert.equal(table.find(key), n)
    })
  }
})

test('records are found through insertions and removals in any order', () => {
  const integer = seededIntegers(1)
  const table = new OutpointTable(RECORD_BYTES, SALT)
  const model = new Map<number, number>()
  for (let step = 0; step < 400; step++) {
    const n = integer(100)
    const key = outpoint(n)
    // As full as an index of 64 slots gets, so that keys displace each other.
    const adds = integer(48) >= model.size
    if (adds && model.has(n)) {
      assert.throws(() => table.insert(key), /already/)
      assert.throws(() => table.insertRecord(packed(key), 0), /already/)
      assert.equal(table.putRecord(packed(key, 1), 0), false)
    } else if (adds) {
      table.insertRecord(Uint8Array.of(1, 2, 3, ...packed(key, step)), 3)
      model.set(n, step)
    } else {
      const removed = step % 2 === 0 ? table.remove(key) : table.removeKey(packed(key), 0)
      assert.equal(removed, model.delete(n))
    }
    assert.equal(table.size, model.size)
    for (let other = step % 3; other < 100; other += 3) {
      const record = table.find(outpoint(other))
      assert.equal(table.findKey(Uint8Array.of(9, ...packed(outpoint(other))), 1), record)
      assert.equal(record < 0 ? undefined : valueAt(table, record), model.get(other))
    }
  }
})

test('memory doubles up to a segment, then grows by segments, and one of them stays in reserve', () => {
  const table = new OutpointTable(RECORD_BYTES, SALT)
  let slots = 32
  let segments = 1
  let first = 16
  const check = (): void => {
    const records = segments === 1 ? first : segments * SEGMENT_RECORDS
    assert.equal(table.bytes, slots * 4 + records * RECORD_BYTES, `with ${table.size} records`)
  }
  const many = 2 * SEGMENT_RECORDS + 1
  for (let n = 0; n < many; n++) {
    if (n === first && first < SEGMENT_RECORDS) first *= 2
    else if (n === segments * SEGMENT_RECORDS) segments++
    // Three quarters full at most.
    if ((n + 1) * 4 > slots * 3) slots *= 2
    assert.equal(table.insert(outpoint(n)), n)
    check()
  }
  for (let n = 0; n < many; n += 97) assert.equal(table.find(outpoint(n)), n)
  for (let left = many - 1; left >= 0; left--) {
    assert(table.remove(outpoint(left)))
    if (left <= (segments - 2) * SEGMENT_RECORDS) segments--
    check()
  }
  assert.equal(table.size, 0)
})

test('room is made for as many records as are expected', () => {
  for (const [expected, room] of [
    [0, 16],
    [16, 16],
    [17, 32],
    [1_000, 1_024],
    [SEGMENT_RECORDS, SEGMENT_RECORDS],
  ]) {
    const table = new OutpointTable(RECORD_BYTES, SALT, expected)
    assert.equal(table.bytes, room * 2 * 4 + room * RECORD_BYTES)
  }
  // Of more than one segment, the index alone.
  const large = new OutpointTable(RECORD_BYTES, SALT, SEGMENT_RECORDS + 1)
  assert.equal(large.bytes, SEGMENT_RECORDS * 4 * 4 + SEGMENT_RECORDS * RECORD_BYTES)
})

test('a slice holds the records that it names, across segments', () => {
  const table = new OutpointTable(RECORD_BYTES, SALT)
  const count = 2 * SEGMENT_RECORDS + 5
  for (let n = 0; n < count; n++) table.insertRecord(packed(outpoint(n), n), 0)
  const bounds = [0, 1, SEGMENT_RECORDS - 1, SEGMENT_RECORDS, SEGMENT_RECORDS + 1, count - 1, count]
  for (const start of bounds)
    for (const end of bounds.filter((bound) => bound >= start)) {
      const slice = table.slice(start, end)
      assert.equal(slice.length, (end - start) * RECORD_BYTES)
      for (let n = start; n < end; n++) {
        const at = (n - start) * RECORD_BYTES
        if (slice[at + OUTPOINT_BYTES] !== (n & 0xff)) assert.fail(`record ${n} of ${start} to ${end}`)
      }
      for (const n of [start, end - 1].filter((n) => n >= start && n < end)) {
        const at = (n - start) * RECORD_BYTES
        assert.deepEqual(slice.slice(at, at + RECORD_BYTES), packed(outpoint(n), n))
      }
    }
  assert.deepEqual(table.slice(), table.slice(0, count))
})

test('tables with different salts are asked for one outpoint in turn', () => {
  // The first words of some are 0 and 1.
  const salts = [SALT, SALT.with(0, 9), SALT.with(7, 9), new Uint8Array(8), new Uint8Array(8).with(0, 1)]
  const tables = salts.map((salt) => new OutpointTable(RECORD_BYTES, salt))
  const keys = Array.from({ length: 40 }, (_, n) => outpoint(n))
  for (const key of keys) for (const table of tables) table.insert(key)
  keys.forEach((key, n) => {
    for (const table of [...tables, ...tables]) assert.equal(table.find(key), n)
    // A key taken from bytes takes the place of the outpoint.
    for (const table of tables) {
      const other = (n + 1) % keys.length
      assert.equal(table.find(key), n)
      assert.equal(table.findKey(packed(keys[other]), 0), other)
      assert.equal(table.find(key), n)
      assert.equal(table.find({ ...key, index: 7 }), -1)
    }
  })
})
