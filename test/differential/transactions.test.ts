/**
 * Transactions against bitcoinjs-lib (which covers BIP144, so witnesses too), libauth (which has no witness: it reads the stripped form)
 * and OpenSSL's SHA-256. Blocks and headers against bitcoinjs-lib.
 */
import assert from 'node:assert/strict'
import { decodeTransactionCommon, encodeTransactionCommon, hashTransactionUiOrder } from '@bitauth/libauth'
import * as bitcoin from 'bitcoinjs-lib'
import { fastMerkleRoot } from 'bitcoinjs-lib/src/merkle'
import { findWitnessCommitment, witnessCommitment, witnessMerkleRoot } from '../../src/consensus/coinbase.ts'
import { sats } from '../../src/primitives/amount.ts'
import { Block, BlockHeader, decodeBlock, decodeHeader, merkleRoot } from '../../src/primitives/block.ts'
import { bytesToHex, equalBytes, reversed } from '../../src/primitives/bytes.ts'
import { decodeTransaction, Transaction, type TransactionFields } from '../../src/primitives/transaction.ts'
import { attempt, differential, opensslSha256d } from '../support/differential.ts'
import type { Draw } from '../support/draw.ts'
import {
  corrupt,
  type DrawnTransaction,
  drawTransaction,
  toBitcoinjs,
} from '../support/drawn-transactions.ts'

differential(
  'transactions',
  'bytes, identifiers, sizes and fields are those of bitcoinjs and libauth',
  (draw) => {
    const drawn = drawTransaction(draw)
    const theirs = toBitcoinjs(drawn)
    const bytes = theirs.toBuffer()
    const decoded = decodeTransaction(bytes)
    assert.ok(decoded.ok, decoded.ok ? '' : decoded.detail)
    assertSame(decoded.value, theirs)
    const fields = fieldsOf(drawn)
    if (fields) assert.ok(equalBytes(Transaction.of(fields).bytes, bytes))
    // In Bitcoin Cash, libauth's network, an output script that begins with 0xef holds tokens.
    const tokens = drawn.outputs.some(({ script }) => script[0] === 0xef)
    if (draw.oneIn(4) && !tokens) assertSameInLibauth(decoded.value)
  },
)

/**
 * Where we are stricter than bitcoinjs-lib, as Bitcoin Core is: a CompactSize must be the shortest (bitcoinjs reads any, and writes
 * the shortest), and a transaction without inputs has no outputs (bitcoinjs reads a flag that is not 1 as their number).
 */
function isRefusedByCore(theirs: bitcoin.Transaction): boolean {
  return theirs.ins.length === 0 && theirs.outs.length > 0
}

differential('corrupted transactions', 'are accepted and refused as by bitcoinjs', (draw) => {
  const bytes = corrupt(draw, toBitcoinjs(drawTransaction(draw)).toBuffer())
  const theirs = attempt(() => bitcoin.Transaction.fromBuffer(bytes))
  const ours = decodeTransaction(bytes)
  const canonical = theirs !== undefined && equalBytes(theirs.toBuffer(), bytes)
  assert.equal(ours.ok, canonical && !isRefusedByCore(theirs), bytesToHex(bytes))
  if (!ours.ok) return theirs ? 'refused by us alone, as by Bitcoin Core' : 'refused'
  assertSame(ours.value, theirs as bitcoin.Transaction)
  return 'accepted'
})

differential('headers', 'bytes and hashes are those of bitcoinjs', (draw) => {
  const bytes = draw.bytes(80)
  const theirs = bitcoin.Block.fromBuffer(bytes)
  const ours = decodeHeader(bytes)
  assert.ok(ours.ok)
  const { version, time, bits, nonce, hash, previous } = ours.value
  const previousHash = bytesToHex(reversed(theirs.prevHash as Uint8Array))
  assert.deepEqual(
    [version | 0, time, bits, nonce, hash, previous],
    [theirs.version, theirs.timestamp, theirs.bits, theirs.nonce, theirs.getId(), previousHash],
  )
  assert.ok(equalBytes(ours.value.merkleRoot, theirs.merkleRoot as Uint8Array))
  assert.ok(equalBytes(BlockHeader.of(ours.value).bytes, theirs.toBuffer(true)))
  const length = draw.below(160)
  assert.equal(decodeHeader(draw.bytes(length)).ok, length === 80)
})

/** A block in bitcoinjs-lib; its commitments are right half of the time. */
function drawBlock(draw: Draw): bitcoin.Block {
  const block = new bitcoin.Block()
  Object.assign(block, { version: draw.u32() | 0, prevHash: draw.bytes(32), merkleRoot: draw.bytes(32) })
  Object.assign(block, { timestamp: draw.u32(), bits: draw.u32(), nonce: draw.u32() })
  const drawn = draw.list(draw.oneIn(20) ? draw.integer(251, 254) : draw.integer(1, 8), () =>
    toBitcoinjs(draw.oneIn(3) ? drawTransaction(draw) : smallTransaction(draw)),
  )
  // Of a second coinbase bitcoinjs counts the wtxid as zeros too, where BIP141 means the first transaction.
  const transactions = drawn.filter((transaction) => !transaction.isCoinbase())
  const coinbase = toBitcoinjs(smallTransaction(draw))
  coinbase.ins = [
    { ...coinbase.ins[0], hash: new Uint8Array(32), index: 0xffffffff, witness: [draw.bytes(32)] },
  ]
  block.transactions = [coinbase, ...transactions]
  const commitments = draw.below(3)
  for (let i = 0; i < commitments; i++) {
    const commitment =
      i === commitments - 1 && draw.oneIn(2)
        ? bitcoin.Block.calculateMerkleRoot(block.transactions, true)
        : draw.bytes(32)
    const script = Uint8Array.of(0x6a, 0x24, 0xaa, 0x21, 0xa9, 0xed, ...commitment)
    coinbase.outs.push({ value: 0n, script })
  }
  if (draw.oneIn(2)) block.merkleRoot = bitcoin.Block.calculateMerkleRoot(block.transactions)
  return block
}

function smallTransaction(draw: Draw): DrawnTransaction {
  const { inputs, ...rest } = drawTransaction(draw)
  return { ...rest, inputs: inputs.slice(0, 1), outputs: rest.outputs.slice(0, 2) }
}

differential(
  'blocks',
  'bytes, hash, weight, merkle root and witness commitment are those of bitcoinjs',
  (draw) => {
    const bytes = drawBlock(draw).toBuffer()
    const theirs = bitcoin.Block.fromBuffer(bytes)
    const decoded = decodeBlock(bytes)
    assert.ok(decoded.ok)
    const { header, transactions, weight, hash } = decoded.value
    assert.deepEqual([hash, weight], [theirs.getId(), theirs.weight()])
    const list = theirs.transactions as bitcoin.Transaction[]
    assert.equal(transactions.length, list.length)
    for (const at of draw.list(3, () => draw.below(list.length))) assertSame(transactions[at], list[at])
    const { root, repeated } = merkleRoot(transactions.map((tx) => tx.txidBytes))
    assert.ok(equalBytes(root, bitcoin.Block.calculateMerkleRoot(list)))
    assert.ok(equalBytes(Block.of(header, transactions).bytes, bytes))

    const [coinbase] = transactions
    const ours = findWitnessCommitment(coinbase)
    const committed = theirs.getWitnessCommit()
    assert.deepEqual(ours && bytesToHex(ours), committed ? bytesToHex(committed) : undefined)
    // Both roots together, as a node asks for them.
    const computed = witnessCommitment(witnessMerkleRoot(transactions), coinbase.inputs[0].witness[0])
    const commitmentHolds = ours ? equalBytes(ours, computed) : !transactions.some((tx) => tx.hasWitness)
    const holds = !repeated && equalBytes(root, header.merkleRoot) && commitmentHolds
    assert.equal(holds, theirs.checkTxRoots())
    return holds ? 'with right commitments' : 'with wrong ones'
  },
)

differential('corrupted blocks', 'are accepted and refused as by bitcoinjs', (draw) => {
  const bytes = corrupt(draw, drawBlock(draw).toBuffer())
  const theirs = attempt(() => bitcoin.Block.fromBuffer(bytes))
  // Beside what holds for transactions: bitcoinjs reads a header alone as a block, and ignores what follows a block.
  const canonical = theirs?.transactions !== undefined && equalBytes(theirs.toBuffer(), bytes)
  const ours = decodeBlock(bytes)
  assert.equal(ours.ok, canonical && !theirs.transactions?.some(isRefusedByCore), bytesToHex(bytes))
  if (!ours.ok) return theirs ? 'refused by us alone, as by Bitcoin Core' : 'refused'
  assert.deepEqual([ours.value.hash, ours.value.weight], [theirs?.getId(), theirs?.weight()])
  return 'accepted'
})

differential(
  'merkle roots',
  'root and repetition are those of bitcoinjs, its hashes those of OpenSSL',
  (draw) => {
    const leaves = draw.list(draw.oneIn(10) ? draw.integer(100, 300) : draw.integer(1, 20), () =>
      draw.bytes(32),
    )
    // Lists that repeat their end, which the padding of odd levels can hide (CVE-2012-2459), and other repetitions.
    if (draw.oneIn(3)) leaves.push(...leaves.slice(-draw.integer(1, leaves.length)))
    if (draw.oneIn(5)) leaves[draw.below(leaves.length)] = draw.pick(leaves)
    const repeated = { value: false }
    const root = fastMerkleRoot(leaves, opensslSha256d, repeated)
    const ours = merkleRoot(leaves)
    assert.ok(equalBytes(ours.root, root))
    assert.equal(ours.repeated, repeated.value)
    return repeated.value ? 'with a repetition' : 'without'
  },
)

/** The drawn fields in our types; undefined where a value is no safe integer, which our fields cannot hold. */
function fieldsOf({ version, inputs, outputs, lockTime }: DrawnTransaction): TransactionFields | undefined {
  if (outputs.some(({ value }) => !Number.isSafeInteger(Number(value)))) return undefined
  return {
    version,
    inputs: inputs.map(({ txid, index, ...rest }) => ({ ...rest, prevout: { txid, index } })),
    outputs: outputs.map(({ value, script }) => ({ value: sats(Number(value)), scriptPubKey: script })),
    lockTime,
  }
}

function assertSame(ours: Transaction, theirs: bitcoin.Transaction): void {
  const bytes = theirs.toBuffer()
  const bare = theirs.clone()
  bare.stripWitnesses()
  const stripped = bare.toBuffer()
  const wtxid = bytesToHex(reversed(opensslSha256d(bytes)))
  assert.ok(equalBytes(ours.bytes, bytes))
  assert.ok(equalBytes(ours.strippedBytes, stripped))
  assert.deepEqual(
    [ours.txid, ours.wtxid, ours.weight, ours.vsize, ours.strippedSize, ours.hasWitness],
    [theirs.getId(), wtxid, theirs.weight(), theirs.virtualSize(), stripped.length, theirs.hasWitnesses()],
  )
  assert.equal(bytesToHex(reversed(opensslSha256d(stripped))), ours.txid)
  assert.deepEqual([ours.version, ours.lockTime], [theirs.version, theirs.locktime])
  assert.deepEqual([ours.inputs.length, ours.outputs.length], [theirs.ins.length, theirs.outs.length])
  ours.inputs.forEach(({ prevout, scriptSig, sequence, witness }, at) => {
    const input = theirs.ins[at]
    assert.ok(prevout.index === input.index && sequence === input.sequence)
    assert.ok(equalBytes(prevout.txid, input.hash) && equalBytes(scriptSig, input.script))
    assert.equal(witness.length, input.witness.length)
    assert.ok(witness.every((item, i) => equalBytes(item, input.witness[i])))
  })
  ours.outputs.forEach(({ value, scriptPubKey }, at) => {
    const output = theirs.outs[at]
    assert.ok(value === Number(output.value) && equalBytes(scriptPubKey, output.script))
  })
}

function assertSameInLibauth(ours: Transaction): void {
  const theirs = decodeTransactionCommon(ours.strippedBytes)
  assert.ok(typeof theirs !== 'string', String(theirs))
  assert.deepEqual(
    [theirs.version, theirs.locktime, theirs.inputs.length, theirs.outputs.length],
    [ours.version, ours.lockTime, ours.inputs.length, ours.outputs.length],
  )
  assert.ok(equalBytes(encodeTransactionCommon(theirs), ours.strippedBytes))
  assert.equal(bytesToHex(hashTransactionUiOrder(ours.strippedBytes)), ours.txid)
}
