import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { MAX_FRAME_BYTES } from '../../../src/network/transport.ts'
import { sats } from '../../../src/primitives/amount.ts'
import { Block, BlockHeader, merkleRoot } from '../../../src/primitives/block.ts'
import { hexToBytes } from '../../../src/primitives/bytes.ts'
import { Transaction } from '../../../src/primitives/transaction.ts'
import {
  compactBlockOf,
  decodeCompactBlock,
  encodeCompactBlock,
  PartialBlock,
} from '../../../src/protocol/compact-block.ts'
import { decodeMessage, encodeMessage, type Message } from '../../../src/protocol/wire.ts'

const hash = fc.uint8Array({ minLength: 32, maxLength: 32 })
const u32 = fc.integer({ min: 0, max: 0xffffffff })

const transaction = fc
  .record({
    txid: hash,
    index: u32,
    lockTime: u32,
    witness: fc.array(fc.uint8Array({ maxLength: 80 }), { maxLength: 2 }),
  })
  .map(({ txid, index, lockTime, witness }) =>
    Transaction.of({
      version: 2,
      inputs: [{ prevout: { txid, index }, scriptSig: new Uint8Array(0), sequence: 0, witness }],
      outputs: [{ value: sats(1000), scriptPubKey: Uint8Array.of(0x6a) }],
      lockTime,
    }),
  )

const header = fc
  .record({ previousHash: hash, root: hash, time: u32, bits: u32, nonce: u32 })
  .map(({ root, ...fields }) => BlockHeader.of({ version: 0x20000000, merkleRoot: root, ...fields }))

/** A block whose merkle root is its own; nothing else about it need be valid. */
const block = fc
  .record({ header, transactions: fc.array(transaction, { minLength: 1, maxLength: 12 }) })
  .map(({ header, transactions }) => {
    const { root } = merkleRoot(transactions.map((tx) => tx.txidBytes))
    return Block.of(BlockHeader.of({ ...header, merkleRoot: root }), transactions)
  })

const indexes = fc
  .uniqueArray(fc.integer({ min: 0, max: 16_383 }), { minLength: 1, maxLength: 300 })
  .map((list) => list.sort((a, b) => a - b))

const message: fc.Arbitrary<Message> = fc.oneof(
  fc.record({
    type: fc.constant('hello' as const),
    version: u32,
    networkId: hash,
    services: fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }),
    height: u32,
    tipHash: hash,
    chainWork: fc.bigInt({ min: 0n, max: 2n ** 256n - 1n }),
    userAgent: fc.string({ maxLength: 64, unit: fc.constantFrom('/', ':', '.', 'o', ' ', '~', '9') }),
  }),
  fc.record({
    type: fc.constant('getheaders' as const),
    id: u32,
    locator: fc.array(hash, { minLength: 1, maxLength: 64 }),
    stop: hash,
  }),
  fc.record({ type: fc.constant('headers' as const), id: u32, headers: fc.array(header, { maxLength: 20 }) }),
  fc.record({
    type: fc.constantFrom('getdata' as const, 'notfound' as const),
    id: u32,
    hashes: fc.array(hash, { minLength: 1, maxLength: 16 }),
  }),
  fc.record({ type: fc.constant('block' as const), id: u32, block }),
  fc.record({ type: fc.constant('getblocktxn' as const), id: u32, blockHash: hash, indexes }),
  fc.record({
    type: fc.constant('blocktxn' as const),
    id: u32,
    blockHash: hash,
    transactions: fc.array(transaction, { maxLength: 5 }),
  }),
  fc.constant({ type: 'mempool' as const }),
  fc.record({ type: fc.constant('inv' as const), wtxids: fc.array(hash, { maxLength: 20 }) }),
  fc.record({
    type: fc.constant('gettx' as const),
    id: u32,
    wtxids: fc.array(hash, { minLength: 1, maxLength: 20 }),
  }),
  fc.record({
    type: fc.constant('tx' as const),
    id: u32,
    transactions: fc.array(transaction, { maxLength: 5 }),
  }),
  fc.record({ type: fc.constant('gettime' as const), id: u32 }),
  fc.record({ type: fc.constant('time' as const), id: u32, time: fc.maxSafeNat() }),
)

test('every message decodes to what was encoded, and has one encoding', () => {
  fc.assert(
    fc.property(message, (original) => {
      const frame = encodeMessage(original)
      const decoded = decodeMessage(frame)
      assert.ok(decoded.ok)
      assert.equal(decoded.value?.type, original.type)
      assert.deepEqual(encodeMessage(decoded.value as Message), frame)
      for (const [name, value] of Object.entries(original))
        if (typeof value !== 'object') assert.equal((decoded.value as never)[name], value, name)
    }),
    { numRuns: 500 },
  )
})

test('damaged frames are refused with a code or are another canonical message; nothing throws', () => {
  const damage = fc.array(
    fc.record({
      at: fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }),
      byte: fc.constantFrom(0, 1, 0x7f, 0xfc, 0xfd, 0xfe, 0xff),
    }),
    { minLength: 1, maxLength: 4 },
  )
  fc.assert(
    fc.property(message, damage, fc.integer({ min: -3, max: 3 }), (original, changes, grow) => {
      const encoded = encodeMessage(original)
      const frame = new Uint8Array(Math.max(0, encoded.length + grow))
      frame.set(encoded.subarray(0, frame.length))
      for (const { at, byte } of changes) frame[Math.floor(at * frame.length)] = byte
      const decoded = decodeMessage(frame)
      if (!decoded.ok) assert.match(decoded.code, /^message-(too-large|decode-failed)$/)
      else if (decoded.value) assert.deepEqual(encodeMessage(decoded.value), frame)
    }),
    { numRuns: 3000 },
  )
})

test('random bytes behind every message byte are refused or canonical', () => {
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 20 }), fc.uint8Array({ maxLength: 300 }), (type, payload) => {
      const frame = Uint8Array.of(type, ...payload)
      const decoded = decodeMessage(frame)
      if (decoded.ok && decoded.value) assert.deepEqual(encodeMessage(decoded.value), frame)
      assert.equal(decodeCompactBlock(frame).ok, false)
    }),
    { numRuns: 3000 },
  )
})

test('a frame over the size of its kind is refused before it is parsed', () => {
  for (const type of [1, 2, 3, 4, 6, 7, 9, 10, 11, 12]) {
    const frame = new Uint8Array(1_100_000)
    frame[0] = type
    const decoded = decodeMessage(frame)
    assert.equal(decoded.ok || decoded.code, 'message-too-large', `message ${type}`)
  }
  const frame = new Uint8Array(MAX_FRAME_BYTES + 1)
  for (const type of [5, 8, 99]) {
    frame[0] = type
    const decoded = decodeMessage(frame)
    assert.equal(decoded.ok || decoded.code, 'message-too-large', `message ${type}`)
  }
})

test('a kind of message that this version does not know is ignored', () => {
  assert.deepEqual(decodeMessage(Uint8Array.of(200, 1, 2, 3)), { ok: true, value: undefined })
  assert.equal(decodeMessage(new Uint8Array(0)).ok, false, 'an empty frame names no kind')
})

test('counts over their limits are refused', () => {
  const over = (type: number, count: string, item: number, items: number) =>
    decodeMessage(Uint8Array.of(type, 0, 0, 0, 0, ...hexToBytes(count), ...new Uint8Array(item * items)))
  for (const [type, count, items] of [
    [2, '41', 65],
    [2, '00', 1],
    [4, '11', 17],
    [4, '00', 0],
    [11, '00', 0],
    [11, '81', 129],
  ] as const)
    assert.equal(over(type, count, 32, items).ok, false, `message ${type}, ${items} hashes`)
})

test('getblocktxn positions travel as differences (BIP152)', () => {
  const frame = encodeMessage({
    type: 'getblocktxn',
    id: 7,
    blockHash: new Uint8Array(32),
    indexes: [0, 1, 5, 300],
  })
  // Distances 0, 0, 3 and 294 = 0xfd 0x0126 in CompactSize.
  assert.deepEqual(frame.slice(37), Uint8Array.of(4, 0, 0, 3, 0xfd, 0x26, 0x01))
  // 16,383 is the last position; one more is refused.
  const at = (difference: number) =>
    decodeMessage(
      Uint8Array.of(7, 7, 0, 0, 0, ...new Uint8Array(32), 1, 0xfd, difference & 255, difference >> 8),
    )
  assert.equal(at(16_383).ok, true)
  assert.equal(at(16_384).ok, false)
})

test('a compact block decodes to what was encoded, and rebuilds the block from its transactions', () => {
  fc.assert(
    fc.property(block, fc.uint8Array({ minLength: 8, maxLength: 8 }), fc.nat(), (original, nonce, drop) => {
      const payload = encodeCompactBlock(compactBlockOf(original, nonce))
      const compact = decodeCompactBlock(payload)
      assert.ok(compact.ok)
      assert.deepEqual(encodeCompactBlock(compact.value), payload)
      const others = original.transactions.slice(1)
      const absent = others.length > 0 ? 1 + (drop % others.length) : 0
      const pool = others.filter((_, i) => i + 1 !== absent).reverse()
      const partial = PartialBlock.begin(compact.value, pool)
      assert.ok(partial)
      assert.deepEqual(partial.missing, absent === 0 ? [] : [absent])
      const rebuilt = partial.fill(absent === 0 ? [] : [original.transactions[absent]])
      assert.deepEqual(rebuilt?.bytes, original.bytes)
    }),
    { numRuns: 200 },
  )
})

test('damaged compact blocks are refused with a code or canonical', () => {
  fc.assert(
    fc.property(block, fc.nat(), fc.integer({ min: 0, max: 255 }), (original, at, byte) => {
      const payload = encodeCompactBlock(compactBlockOf(original, new Uint8Array(8)))
      payload[88 + (at % (payload.length - 88))] = byte
      const decoded = decodeCompactBlock(payload)
      if (!decoded.ok) assert.equal(decoded.code, 'cmpctblock-decode-failed')
      else assert.deepEqual(encodeCompactBlock(decoded.value), payload)
    }),
    { numRuns: 1000 },
  )
})

test('short ids: a wrong transaction yields no block, two candidates for one place are not taken, equal ids fetch it whole', () => {
  const [sample] = fc.sample(
    block.filter(({ transactions }) => new Set(transactions.map((tx) => tx.wtxid)).size >= 4),
    { numRuns: 1, seed: 1 },
  )
  const compact = compactBlockOf(sample, new Uint8Array(8))
  const partial = PartialBlock.begin(compact, sample.transactions)
  assert.ok(partial)
  assert.deepEqual(partial.missing, [])
  const gap = PartialBlock.begin(compact, sample.transactions.slice(2))
  assert.deepEqual(gap?.missing, [1])
  assert.equal(gap?.fill([sample.transactions[2]]), undefined, 'merkle root differs')
  assert.equal(gap?.fill([]), undefined, 'still missing one')
  const twice = PartialBlock.begin(compact, [...sample.transactions, sample.transactions[3]])
  assert.deepEqual(twice?.missing, [3], 'ambiguous')
  const equal = { ...compact, shortIds: compact.shortIds.map(() => 5) }
  assert.equal(PartialBlock.begin(equal, []), undefined)
})

test('short ids are keyed by header and nonce', () => {
  const [sample] = fc.sample(block, { numRuns: 1, seed: 5 })
  const a = compactBlockOf(sample, new Uint8Array(8))
  const b = compactBlockOf(sample, Uint8Array.of(1, 0, 0, 0, 0, 0, 0, 0))
  assert.ok(sample.transactions.length > 1)
  assert.notDeepEqual(a.shortIds, b.shortIds)
})
