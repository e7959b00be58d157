/** What is fuzzed of the decoders of bytes: what peers send, and what storage and other threads hand back. */
import assert from 'node:assert/strict'
import { Mentions } from '../../src/chain/block-mentions.ts'
import { packChanges, unpackChanges } from '../../src/chain/coin-layer.ts'
import { HeaderTree, NO_HEADER } from '../../src/chain/header-tree.ts'
import { StorageError } from '../../src/chain/store.ts'
import { perCommitmentSecret, SecretStore, secretIndex } from '../../src/channels/secrets.ts'
import { checkBlock, checkTransaction, contextualCheckBlock } from '../../src/consensus/checks.ts'
import { COIN_BYTES, readCoin, writeCoin } from '../../src/consensus/coin-table.ts'
import { genesisOf } from '../../src/consensus/genesis.ts'
import { decodeParams, encodeParams, PUBLIC, REGTEST } from '../../src/consensus/params.ts'
import { requestIdOf } from '../../src/network/frames.ts'
import { sats } from '../../src/primitives/amount.ts'
import { Block, BlockHeader, decodeBlock, decodeHeader } from '../../src/primitives/block.ts'
import { EMPTY } from '../../src/primitives/bytes.ts'
import { DecodeError, Writer } from '../../src/primitives/codec.ts'
import { decodeGolombSet, encodeGolombSet, matchesAny } from '../../src/primitives/golomb.ts'
import { decodeTransaction, Transaction } from '../../src/primitives/transaction.ts'
import {
  compactBlockOf,
  decodeCompactBlock,
  encodeCompactBlock,
  PartialBlock,
} from '../../src/protocol/compact-block.ts'
import { decodeMessage, encodeMessage, type Message } from '../../src/protocol/wire.ts'
import { OP_RETURN } from '../../src/script/opcodes.ts'
import { p2trScript } from '../../src/script/taproot.ts'
import { decodeChecks, encodeChecks } from '../../src/workers/check-batch.ts'
import type { Target } from './fuzzer.ts'

const bytes32 = (fill: number): Uint8Array => new Uint8Array(32).fill(fill)

const payment = Transaction.of({
  version: 2,
  lockTime: 500_000_001,
  inputs: [1, 2].map((fill) => ({
    prevout: { txid: bytes32(fill), index: fill },
    scriptSig: EMPTY,
    sequence: 0xfffffffd,
    witness: [new Uint8Array(64).fill(fill), Uint8Array.of(0x50, 1)],
  })),
  outputs: [
    { value: sats(5_000_000_000), scriptPubKey: p2trScript(bytes32(7)) },
    { value: sats(0), scriptPubKey: Uint8Array.of(OP_RETURN, 2, 1, 2) },
  ],
})
const stripped = Transaction.of({
  ...payment,
  inputs: payment.inputs.map((input) => ({ ...input, witness: [] })),
})
const genesis = genesisOf(REGTEST)
const block = Block.of(genesis.header, [...genesis.transactions, payment, stripped])

/** Whether an amount is one that the encoder can write. */
const areExact = (transactions: readonly Transaction[]): boolean =>
  transactions.every(({ outputs }) => outputs.every(({ value }) => Number.isSafeInteger(value)))

/** For decoders that copy or look at each byte a few times. */
const linear =
  (fixed: number, perByte: number) =>
  (input: Uint8Array): number =>
    fixed + perByte * input.length

/** Runs what may throw one type of error alone. */
function refuses(error: typeof StorageError | typeof DecodeError, run: () => void): boolean {
  try {
    run()
    return true
  } catch (thrown) {
    if (thrown instanceof error) return false
    throw thrown
  }
}

/** Lengths and marks of Bitcoin's encodings. */
const DICTIONARY = [
  [0, 1],
  [0xfd, 0xfd, 0],
  [0xfe, 0, 0, 1, 0],
  [0xff, 0, 0, 0, 0, 1, 0, 0, 0],
  [0xff, 0xff, 0xff, 0xff],
  [0x51, 0x20],
  [OP_RETURN],
  [0x50],
].map((bytes) => Uint8Array.from(bytes))

const messages: readonly Message[] = [
  {
    type: 'hello',
    version: 1,
    networkId: bytes32(1),
    services: 1n,
    height: 5,
    tipHash: bytes32(2),
    chainWork: 1n << 200n,
    userAgent: 'opentab',
  },
  { type: 'getheaders', id: 1, locator: [bytes32(3), bytes32(4)], stop: bytes32(0) },
  { type: 'headers', id: 2, headers: [genesis.header, block.header] },
  { type: 'getdata', id: 3, hashes: [bytes32(5)] },
  { type: 'block', id: 4, block },
  { type: 'notfound', id: 5, hashes: [bytes32(6), bytes32(7)] },
  { type: 'getblocktxn', id: 6, blockHash: bytes32(8), indexes: [0, 3, 300] },
  { type: 'blocktxn', id: 7, blockHash: bytes32(9), transactions: [payment] },
  { type: 'mempool' },
  { type: 'inv', wtxids: [bytes32(10)] },
  { type: 'gettx', id: 8, wtxids: [bytes32(11)] },
  { type: 'tx', id: 9, transactions: [payment, stripped] },
  { type: 'gettime', id: 10 },
  { type: 'time', id: 11, time: 1_800_000_000_000 },
]

/** A store of the first `count` secrets of a seed. */
function secrets(count: number): Uint8Array {
  const store = new SecretStore()
  for (let number = 0; number < count; number++) {
    const index = secretIndex(number)
    store.insert(index, perCommitmentSecret(bytes32(1), index))
  }
  return store.encode()
}

const golombKey = new Uint8Array(16).fill(3)
const filter = encodeGolombSet(golombKey, [bytes32(1), bytes32(2), bytes32(3), Uint8Array.of(1)])

const decoders: readonly Pick<Target, 'name' | 'examples' | 'run' | 'bound'>[] = [
  {
    name: 'transaction',
    examples: [payment.bytes, stripped.bytes, genesis.transactions[0].bytes],
    bound: linear(600, 12),
    run(input) {
      const decoded = decodeTransaction(input)
      if (!decoded.ok) return false
      const tx = decoded.value
      if (areExact([tx])) assert.deepEqual(Transaction.of(tx).bytes, input)
      assert.ok(tx.weight <= 4 * input.length)
      checkTransaction(tx, REGTEST)
      return true
    },
  },
  {
    name: 'block',
    examples: [block.bytes, genesis.bytes],
    bound: linear(2_000, 16),
    run(input) {
      const decoded = decodeBlock(input)
      if (!decoded.ok) {
        assert.equal(decoded.kind, 'mutated')
        return false
      }
      assert.deepEqual(Block.of(decoded.value.header, decoded.value.transactions).bytes, input)
      const checked = checkBlock(decoded.value, REGTEST)
      if (checked.ok)
        contextualCheckBlock(decoded.value, {
          params: REGTEST,
          genesisHash: genesis.header.hashBytes,
          height: 1,
          medianTimePast: 0,
          medianTimePastAt: () => 0,
          snapshot: undefined,
        })
      return checked.ok
    },
  },
  {
    name: 'header',
    examples: [genesis.header.bytes],
    bound: linear(200, 4),
    run(input) {
      const decoded = decodeHeader(input)
      if (decoded.ok) assert.deepEqual(BlockHeader.of(decoded.value).bytes, input)
      return decoded.ok
    },
  },
  {
    name: 'compact-block',
    examples: [encodeCompactBlock(compactBlockOf(block, new Uint8Array(8)))],
    bound: linear(3_000, 30),
    run(input) {
      const decoded = decodeCompactBlock(input)
      if (!decoded.ok) return false
      const { prefilled } = decoded.value
      assert.deepEqual(encodeCompactBlock(decoded.value), input)
      const partial = PartialBlock.begin(decoded.value, [payment, stripped])
      const filled = partial?.fill(partial.missing.map(() => payment))
      return filled !== undefined || prefilled.length > 0
    },
  },
  {
    name: 'message',
    examples: messages.map(encodeMessage),
    bound: linear(1_500, 24),
    run(input) {
      requestIdOf(input)
      const decoded = decodeMessage(input)
      if (!decoded.ok || !decoded.value) return false
      assert.deepEqual(encodeMessage(decoded.value), input)
      return true
    },
  },
  {
    name: 'params',
    examples: [encodeParams(PUBLIC), encodeParams(REGTEST)],
    bound: linear(1_500, 8),
    run(input) {
      const decoded = decodeParams(input)
      if (decoded.ok) assert.deepEqual(encodeParams(decoded.value), input)
      return decoded.ok
    },
  },
  {
    name: 'filter',
    examples: [filter, encodeGolombSet(golombKey, [])],
    bound: linear(1_000, 60),
    run(input) {
      const decoded = decodeGolombSet(input)
      if (!decoded.ok) return false
      matchesAny(decoded.value, golombKey, [bytes32(1), EMPTY])
      return true
    },
  },
  {
    name: 'mentions',
    examples: [new Writer().put(bytes32(4)).varBytes(filter).put(new Uint8Array(16)).finish()],
    bound: linear(1_000, 60),
    run: (input) =>
      refuses(StorageError, () => {
        const mentions = Mentions.decode(bytes32(5), input)
        assert.deepEqual(mentions.encode(), input)
      }),
  },
  {
    name: 'coin',
    examples: [new Uint8Array(COIN_BYTES).fill(1, 8), new Uint8Array(COIN_BYTES)],
    bound: linear(200, 4),
    run(input) {
      if (input.length !== COIN_BYTES) return false
      const view = (bytes: Uint8Array): DataView =>
        new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
      const coin = readCoin(input, view(input), 0)
      if (!Number.isSafeInteger(coin.value)) return false
      const written = new Uint8Array(COIN_BYTES)
      writeCoin(written, view(written), 0, coin)
      assert.deepEqual(written, input)
      return true
    },
  },
  {
    name: 'coin-changes',
    examples: [packChanges({ spent: new Uint8Array(36).fill(2), added: new Uint8Array(80).fill(3) })],
    bound: linear(200, 4),
    run: (input) => refuses(StorageError, () => assert.deepEqual(packChanges(unpackChanges(input)), input)),
  },
  {
    name: 'header-pages',
    examples: [pageOf(1), pageOf(3)],
    // A tree reserves its segments whole.
    bound: linear(300_000, 8),
    run: (input) =>
      refuses(StorageError, () => {
        const tree = HeaderTree.restore([input])
        for (let index = 0; index < tree.size; index++) tree.header(index)
      }),
  },
  {
    name: 'per-commitment-secrets',
    examples: [secrets(0), secrets(1), secrets(9)],
    bound: linear(2_000, 60),
    run(input) {
      const decoded = SecretStore.decode(input)
      if (!decoded.ok) return false
      assert.deepEqual(decoded.value.encode(), input)
      assert.ok(decoded.value.nextIndex < 2 ** 48 && input.length <= 1 + 49 * 38)
      decoded.value.find(decoded.value.nextIndex + 1)
      return true
    },
  },
  {
    name: 'checks',
    examples: [
      encodeChecks([{ flags: 0, transaction: payment.bytes, spentOutputs: bytes32(1) }]),
      encodeChecks([]),
    ],
    bound: linear(500, 24),
    run: (input) => refuses(DecodeError, () => assert.deepEqual(encodeChecks(decodeChecks(input)), input)),
  },
]

/** The stored page of a tree that is a chain of so many headers. */
function pageOf(headers: number): Uint8Array {
  const tree = new HeaderTree()
  let parent = NO_HEADER
  for (let i = 0; i < headers; i++) {
    const previousHash = parent === NO_HEADER ? bytes32(0) : tree.hashBytes(parent)
    const header = BlockHeader.of({ ...genesis.header, previousHash, nonce: i })
    parent = tree.add(header, parent, { base: header.bits, ease: i })
  }
  return tree.takeChangedPages([])[0].bytes
}

const SLOW: Readonly<Record<string, number>> = { block: 0.5, 'compact-block': 0.5, 'header-pages': 0.1 }

export const BINARY_TARGETS: readonly Target[] = decoders.map((decoder) => ({
  dictionary: DICTIONARY,
  maxLength: 1_024,
  share: SLOW[decoder.name] ?? 1,
  ...decoder,
}))
