/**
 * Promise: every codec decodes what it encoded, and accepts no bytes but those that it writes. Transactions, blocks, messages, compact blocks
 * and params have theirs beside their other tests, the wallet's texts are in wallet-properties.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { Mentions } from '../../../src/chain/block-mentions.ts'
import { packChanges, unpackChanges } from '../../../src/chain/coin-layer.ts'
import { HeaderTree } from '../../../src/chain/header-tree.ts'
import { StorageError } from '../../../src/chain/store.ts'
import {
  COIN_RECORD_BYTES,
  readCoinRecord,
  readOutpoint,
  writeCoinRecord,
} from '../../../src/consensus/coin-table.ts'
import type { Coin } from '../../../src/consensus/coins.ts'
import { genesisDifficulty } from '../../../src/consensus/difficulty.ts'
import { OUTPOINT_BYTES } from '../../../src/consensus/outpoint-table.ts'
import { MAX_MONEY, REGTEST } from '../../../src/consensus/params.ts'
import { formatCoins, parseCoins, sats } from '../../../src/primitives/amount.ts'
import { BlockHeader, decodeHeader, HEADER_BYTES, type HeaderFields } from '../../../src/primitives/block.ts'
import { bytesToHex, equalBytes } from '../../../src/primitives/bytes.ts'
import { DecodeError, Writer } from '../../../src/primitives/codec.ts'
import { decodeGolombSet, encodeGolombSet, GOLOMB_M } from '../../../src/primitives/golomb.ts'
import { type Outpoint, Transaction, unsignedInput } from '../../../src/primitives/transaction.ts'
import { decodeSegwitAddress, encodeSegwitAddress } from '../../../src/script/address.ts'
import { packOutputs } from '../../../src/script/input-check.ts'
import { pushData, ScriptReader } from '../../../src/script/opcodes.ts'
import { decodeScriptNumber, encodeScriptNumber, isMinimalNumber } from '../../../src/script/script-number.ts'
import { SighashCache } from '../../../src/script/sighash.ts'
import { decodeChecks, encodeChecks } from '../../../src/workers/check-batch.ts'
import { TestChain } from '../../support/chain-builder.ts'
import { damage, damaged } from '../../support/damage.ts'

const u32 = fc.integer({ min: 0, max: 0xffffffff })
const bytes32 = fc.uint8Array({ minLength: 32, maxLength: 32 })
const amount = fc.integer({ min: 0, max: MAX_MONEY }).map(sats)
const prevout = fc.record({ txid: bytes32, index: u32 }, { noNullPrototype: true })

interface BinaryCodec<T> {
  readonly values: fc.Arbitrary<T>
  encode(value: T): Uint8Array
  /** Undefined where the bytes are refused. */
  decode(bytes: Uint8Array): T | undefined
}

function testCodec<T>(name: string, { values, encode, decode }: BinaryCodec<T>): void {
  test(`${name}: decoding is the inverse of encoding, and only canonical bytes decode`, () => {
    fc.assert(
      fc.property(values, damage, (value, harm) => {
        const bytes = encode(value)
        const decoded = decode(bytes)
        assert.deepEqual(decoded, value)
        const other = damaged(bytes, harm)
        const accepted = decode(other)
        if (accepted !== undefined) assert.equal(bytesToHex(encode(accepted)), bytesToHex(other))
      }),
      { numRuns: 300 },
    )
  })
}

/** A decoder of our own storage says no by a `StorageError`; one of a message between our threads by a `DecodeError`. */
function orUndefined<T>(decode: () => T): T | undefined {
  try {
    return decode()
  } catch (error) {
    if (error instanceof StorageError || error instanceof DecodeError) return undefined
    throw error
  }
}

testCodec<HeaderFields>('header', {
  values: fc
    .record({ version: u32, previousHash: bytes32, merkleRoot: bytes32, time: u32, bits: u32, nonce: u32 })
    .map(({ ...fields }) => fields),
  encode: (fields) => BlockHeader.of(fields).bytes,
  decode: (bytes) => {
    const decoded = decodeHeader(bytes)
    assert.equal(decoded.ok, bytes.length === HEADER_BYTES)
    if (!decoded.ok) return undefined
    const { version, previousHash, merkleRoot, time, bits, nonce } = decoded.value
    return { version, previousHash, merkleRoot, time, bits, nonce }
  },
})

const coinRecord = fc.record(
  {
    prevout,
    coin: fc.record(
      {
        value: amount,
        height: fc.integer({ min: 0, max: 0x7fffffff }),
        coinbase: fc.boolean(),
        outputKey: bytes32,
      },
      { noNullPrototype: true },
    ),
  },
  { noNullPrototype: true },
)

testCodec<{ prevout: Outpoint; coin: Coin }>('coin record', {
  values: coinRecord,
  encode: ({ prevout, coin }) => {
    const bytes = new Uint8Array(COIN_RECORD_BYTES)
    writeCoinRecord(bytes, 0, prevout, coin)
    return bytes
  },
  decode: (bytes) => {
    if (bytes.length !== COIN_RECORD_BYTES) return undefined
    const coin = readCoinRecord(bytes, 0)
    // The records are this node's own and hold amounts alone.
    return coin.value > MAX_MONEY ? undefined : { prevout: readOutpoint(bytes, 0), coin }
  },
})

/** Byte strings of whole items. */
const packed = (itemBytes: number) =>
  fc.nat({ max: 3 }).chain((count) => {
    const length = count * itemBytes
    return fc.uint8Array({ minLength: length, maxLength: length })
  })

testCodec('coin changes', {
  values: fc.record(
    { spent: packed(OUTPOINT_BYTES), added: packed(COIN_RECORD_BYTES) },
    { noNullPrototype: true },
  ),
  encode: packChanges,
  decode: (bytes) => orUndefined(() => unpackChanges(bytes)),
})

testCodec('checks for a worker', {
  values: fc.array(
    fc.record(
      { flags: fc.nat({ max: 255 }), transaction: fc.uint8Array(), spentOutputs: fc.uint8Array() },
      { noNullPrototype: true },
    ),
    { maxLength: 4 },
  ),
  encode: encodeChecks,
  decode: (bytes) => orUndefined(() => decodeChecks(bytes)),
})

testCodec('script number', {
  values: fc.integer({ min: -(2 ** 47 - 1), max: 2 ** 47 - 1 }),
  encode: encodeScriptNumber,
  decode: (bytes) => (bytes.length <= 6 && isMinimalNumber(bytes) ? decodeScriptNumber(bytes) : undefined),
})

testCodec('Golomb-coded set', {
  values: fc
    .uniqueArray(fc.uint8Array({ minLength: 34, maxLength: 34 }), { maxLength: 40, comparator: equalBytes })
    .map((elements) => {
      const decoded = decodeGolombSet(encodeGolombSet(new Uint8Array(16), elements))
      assert.ok(decoded.ok)
      return decoded.value
    }),
  encode: encodeValues,
  decode: (bytes) => {
    const decoded = decodeGolombSet(bytes)
    return decoded.ok ? decoded.value : undefined
  },
})

/** The bytes of a set whose hashes are known: BIP158's bits, one by one. */
function encodeValues(values: Float64Array): Uint8Array {
  assert.ok(values.every((value) => value < values.length * GOLOMB_M))
  const bits = Array.from(values, (value, i) => {
    const delta = value - (i === 0 ? 0 : values[i - 1])
    return `${'1'.repeat(Math.floor(delta / 2 ** 19))}0${(delta % 2 ** 19).toString(2).padStart(19, '0')}`
  }).join('')
  const bytes = bits.match(/.{1,8}/g) ?? []
  const writer = new Writer().compactSize(values.length)
  for (const byte of bytes) writer.u8(Number.parseInt(byte.padEnd(8, '0'), 2))
  return writer.finish()
}

test('pushes of data: a script of them is read back push by push', () => {
  fc.assert(
    fc.property(fc.array(fc.uint8Array({ maxLength: 300 }), { maxLength: 5 }), (pushes) => {
      const writer = new Writer()
      for (const data of pushes) writer.put(pushData(data))
      const reader = new ScriptReader(writer.finish())
      const read: Uint8Array[] = []
      while (reader.next()) read.push(reader.data.slice())
      assert.ok(reader.atEnd)
      assert.deepEqual(read, pushes)
    }),
  )
})

test('spent outputs: what is packed for a check is what its sighashes see', () => {
  const output = fc.record({ value: amount, scriptPubKey: fc.uint8Array({ maxLength: 300 }) })
  fc.assert(
    fc.property(fc.array(output, { minLength: 1, maxLength: 5 }), (outputs) => {
      const inputs = outputs.map((_, index) => unsignedInput({ txid: new Uint8Array(32), index }, 0))
      const transaction = Transaction.of({ version: 2, inputs, outputs: [], lockTime: 0 })
      const { spentOutputs } = new SighashCache(transaction, packOutputs(outputs))
      assert.deepEqual(
        spentOutputs.map(({ scriptPubKey }) => scriptPubKey),
        outputs.map(({ scriptPubKey }) => scriptPubKey),
      )
      const cut = packOutputs(outputs).subarray(0, -1)
      assert.throws(() => new SighashCache(transaction, cut))
    }),
  )
})

test('header pages: a tree restored from them holds the same, and damaged ones are refused', () => {
  const shape = fc.array(fc.nat({ max: 5 }), { minLength: 1, maxLength: 40 })
  const net = new TestChain()
  fc.assert(
    fc.property(shape, damage, (steps, harm) => {
      const tree = new HeaderTree()
      tree.add(net.genesis.block.header, -1, genesisDifficulty(REGTEST))
      for (const [nonce, back] of steps.entries()) {
        const parent = Math.max(0, tree.size - 1 - back)
        const previousHash = tree.hashBytes(parent)
        const time = REGTEST.genesisTime + nonce
        const fields = {
          version: nonce,
          previousHash,
          merkleRoot: new Uint8Array(32).fill(back),
          time,
          nonce,
        }
        const header = BlockHeader.of({ ...fields, bits: REGTEST.powLimitBits })
        tree.add(header, parent, { base: header.bits - back, ease: nonce })
        if (nonce % 7 === 3) tree.markInvalid(parent === 0 ? tree.size - 1 : parent)
      }
      const pages = tree.takeChangedPages([{ index: tree.size - 1, bodyOrder: 1, connectedBy: 1 }])
      const bytes = pages.map((page) => page.bytes)
      const restored = HeaderTree.restore(bytes)
      tree.apply([{ index: tree.size - 1, bodyOrder: 1, connectedBy: 1 }])
      assert.equal(restored.size, tree.size)
      for (let index = 0; index < tree.size; index++)
        assert.deepEqual(viewOf(restored, index), viewOf(tree, index))
      assert.deepEqual(restored.leaves(), tree.leaves())

      const page = damaged(bytes[0], { edits: [], growth: harm.growth })
      if (harm.growth % 89 !== 0) assert.throws(() => HeaderTree.restore([page]), StorageError)
    }),
    { numRuns: 60 },
  )
})

function viewOf(tree: HeaderTree, index: number): unknown[] {
  const place = [tree.parent(index), tree.height(index), tree.chainWork(index), tree.find(tree.hash(index))]
  const marks = [
    tree.hasBody(index),
    tree.bodyOrder(index),
    tree.wasConnected(index, 0),
    tree.wasConnected(index, 1),
    tree.isInvalid(index),
  ]
  return [bytesToHex(tree.header(index).bytes), ...place, ...marks]
}

test('what a block mentions: the record is read back whole, and damaged ones are refused', () => {
  const net = new TestChain()
  const first = net.mineBlock(net.genesis)
  fc.assert(
    fc.property(bytes32, fc.array(bytes32, { maxLength: 4 }), damage, (previous, keys, harm) => {
      const outputs = keys.map((key) => ({ value: sats(0), scriptPubKey: Uint8Array.of(0x51, 32, ...key) }))
      const { block } = net.mineBlock(first, [], { outputs })
      const record = Mentions.of(block, new Uint8Array(0), previous).encode()
      const decoded = Mentions.decode(block.header.hashBytes, record)
      assert.deepEqual(decoded.encode(), record)
      assert.ok(decoded.hasTransaction(block.transactions[0].txidBytes))
      const other = damaged(record, harm)
      const accepted = orUndefined(() => Mentions.decode(block.header.hashBytes, other))
      if (accepted) assert.deepEqual(accepted.encode(), other)
    }),
    { numRuns: 100 },
  )
})

test('addresses: read back whole; a damaged one that is accepted is the same address', () => {
  const program = fc.oneof(
    fc.record({ version: fc.constant(0), program: fc.uint8Array({ minLength: 20, maxLength: 20 }) }),
    fc.record({
      version: fc.integer({ min: 1, max: 16 }),
      program: fc.uint8Array({ minLength: 2, maxLength: 40 }),
    }),
  )
  fc.assert(
    fc.property(program, fc.nat(), fc.constantFrom(...'qpzl1bQ '), ({ version, program }, at, character) => {
      const address = { prefix: 'tab', version, program }
      const text = encodeSegwitAddress(address)
      assert.deepEqual(decodeSegwitAddress(text), { ok: true, value: address })
      const position = at % text.length
      const other = text.slice(0, position) + character + text.slice(position + 1)
      const decoded = decodeSegwitAddress(other)
      if (decoded.ok) assert.equal(encodeSegwitAddress(decoded.value), other.toLowerCase())
    }),
  )
})

test('amounts: what is written is read back, and every text that is read has one writing', () => {
  fc.assert(
    fc.property(fc.maxSafeNat(), fc.stringMatching(/^[0-9]{0,8}\.?[0-9]{0,9}$/), (value, text) => {
      assert.equal(parseCoins(formatCoins(sats(value))), value)
      const parsed = parseCoins(text)
      if (parsed !== undefined) assert.equal(parseCoins(formatCoins(parsed)), parsed)
    }),
  )
})
