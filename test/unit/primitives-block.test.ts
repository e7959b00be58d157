/** Promises: headers and blocks are Bitcoin's; merkle roots are, and lists that forge one are seen. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { sats } from '../../src/primitives/amount.ts'
import { Block, BlockHeader, decodeBlock, decodeHeader, merkleRoot } from '../../src/primitives/block.ts'
import { concatBytes, hexToBytes } from '../../src/primitives/bytes.ts'
import { type BlockHash, fromDisplay, sha256d } from '../../src/primitives/hashes.ts'
import { NULL_OUTPOINT, Transaction } from '../../src/primitives/transaction.ts'
import { pushData } from '../../src/script/opcodes.ts'
import { encodeScriptNumber } from '../../src/script/script-number.ts'
import { anyTransactionFields } from '../support/transactions.ts'
import { vectorBytes, vectorFiles, vectors, vectorTest, vectorText } from '../support/vectors.ts'

const MAINNET_GENESIS = '000000000019d6689c085ae165831e934ff763ae46a2a6c172b3f1b60a8ce26f' as BlockHash

vectorTest('real blocks', vectorFiles('blocks', /^block.*\.raw$/), (files, context) => {
  for (const file of files) {
    const bytes = vectorBytes(file)!
    const decoded = decodeBlock(bytes)
    assert(decoded.ok, file)
    const { header, transactions, weight } = decoded.value
    const { root, repeated } = merkleRoot(transactions.map((tx) => tx.txidBytes))
    assert.deepEqual(root, header.merkleRoot)
    assert.equal(repeated, false)
    const witnesses = transactions.reduce((sum, tx) => sum + tx.bytes.length - tx.strippedSize, 0)
    assert.equal(weight, (bytes.length - witnesses) * 4 + witnesses)
    assert(transactions[0].isCoinbase && !transactions.slice(1).some((tx) => tx.isCoinbase))
    const rebuilt = transactions.map((tx) => Transaction.of(tx))
    assert.deepEqual(Block.of(BlockHeader.of(header), rebuilt).bytes, bytes)
    for (const wrong of [bytes.subarray(0, -1), concatBytes(bytes, Uint8Array.of(0))])
      assert.equal(decodeBlock(wrong).ok, false)
    context.diagnostic(`${file}: ${header.hash}, ${transactions.length} transactions`)
  }
})

vectorTest('mainnet block 413567 has its hash', vectorBytes('blocks/block413567.raw'), (bytes) => {
  const decoded = decodeHeader(bytes.subarray(0, 80))
  assert(decoded.ok)
  assert.equal(decoded.value.hash, '0000000000000000025aff8be8a55df8f89c77296db6198f272d6577325d4069')
})

vectorTest('mainnet headers', vectorText('blocks/blockheaders-mainnet-1-11.txt'), (text, context) => {
  let previous = MAINNET_GENESIS
  const lines = text.trim().split('\n')
  for (const line of lines) {
    const decoded = decodeHeader(hexToBytes(line.trim()))
    assert(decoded.ok)
    assert.equal(decoded.value.previous, previous)
    assert.deepEqual(BlockHeader.of(decoded.value).bytes, decoded.value.bytes)
    previous = decoded.value.hash
  }
  context.diagnostic(`${lines.length} headers`)
})

vectorTest(
  'blocks mined upon mainnet genesis, rebuilt from times and nonces: each has its proof of work',
  vectors<{ timestamps: number[]; nonces: number[] }>('blocks/mainnet_alt.json'),
  ({ timestamps, nonces }, context) => {
    const scriptPubKey = hexToBytes('76a914eadbac7f36c37e39361168b7aaee3cb24a25312d88ac')
    let previousHash = fromDisplay(MAINNET_GENESIS)
    timestamps.forEach((time, index) => {
      const height = index + 1
      const scriptSig = height <= 16 ? Uint8Array.of(0x50 + height, 0) : pushData(encodeScriptNumber(height))
      const coinbase = Transaction.of({
        version: 2,
        inputs: [{ prevout: NULL_OUTPOINT, scriptSig, sequence: 0xffffffff, witness: [] }],
        outputs: [{ value: sats(50e8), scriptPubKey }],
        lockTime: 0,
      })
      const bits = height < 2016 ? 0x1d00ffff : 0x1c3fffc0
      const nonce = nonces[index]
      const header = BlockHeader.of({
        version: 0x20000000,
        previousHash,
        merkleRoot: coinbase.txidBytes,
        time,
        bits,
        nonce,
      })
      assert(header.hash.startsWith('00000000'), `height ${height}`)
      previousHash = header.hashBytes
    })
    context.diagnostic(`${timestamps.length} blocks`)
  },
)

const anyBlock = fc
  .tuple(
    fc.uint8Array({ minLength: 80, maxLength: 80 }),
    fc.array(anyTransactionFields, { minLength: 1, maxLength: 5 }),
  )
  .map(([header, transactions]) => {
    const decoded = decodeHeader(header)
    assert(decoded.ok)
    return Block.of(decoded.value, transactions.map(Transaction.of))
  })

test('decoding is the inverse of encoding', () => {
  fc.assert(
    fc.property(anyBlock, (block) => {
      const decoded = decodeBlock(block.bytes)
      assert(decoded.ok)
      assert.deepEqual(decoded.value.bytes, block.bytes)
      assert.deepEqual(BlockHeader.of(decoded.value.header).bytes, block.header.bytes)
      assert.equal(decoded.value.hash, block.hash)
      assert.deepEqual(
        decoded.value.transactions.map((tx) => tx.wtxid),
        block.transactions.map((tx) => tx.wtxid),
      )
      const stripped = block.transactions.reduce((sum, tx) => sum + tx.strippedSize, 81)
      assert.equal(decoded.value.weight, stripped * 3 + block.bytes.length)
    }),
  )
})

test('only canonical bytes decode, and nothing throws', () => {
  fc.assert(
    fc.property(anyBlock, fc.array(fc.nat()), fc.uint8Array(), (block, edits, noise) => {
      const bytes = block.bytes.slice()
      for (const edit of edits) bytes[edit % bytes.length] ^= edit >> 8
      for (const input of [bytes, bytes.subarray(0, (edits[0] ?? 0) % bytes.length), noise]) {
        const decoded = decodeBlock(input)
        if (decoded.ok) assert.deepEqual(decoded.value.bytes, input)
        else assert.equal(decoded.code, 'block-decode-failed')
        if (input.length !== 80) assert.equal(decodeHeader(input).ok, false)
      }
    }),
  )
})

const leaves = fc.array(fc.uint8Array({ minLength: 32, maxLength: 32 }), { minLength: 1, maxLength: 20 })

test('a merkle root is that of its definition', () => {
  fc.assert(
    fc.property(leaves, (nodes) => {
      const widthAt = (level: number) => Math.ceil(nodes.length / 2 ** level)
      const node = (level: number, at: number): Uint8Array => {
        if (level === 0) return nodes[at]
        const right = 2 * at + 1 < widthAt(level - 1) ? 2 * at + 1 : 2 * at
        return sha256d(concatBytes(node(level - 1, 2 * at), node(level - 1, right)))
      }
      assert.deepEqual(merkleRoot(nodes).root, node(Math.ceil(Math.log2(nodes.length)), 0))
    }),
  )
  assert.deepEqual(merkleRoot([]), { root: new Uint8Array(32), repeated: false })
})

test('a list that repeats itself to keep its root is seen (CVE-2012-2459)', () => {
  let forgeries = 0
  fc.assert(
    fc.property(leaves, (nodes) => {
      const distinct = nodes.map((node, index) => Uint8Array.of(...node.subarray(1), index))
      const { root, repeated } = merkleRoot(distinct)
      assert.equal(repeated, false)
      // Where a level ends on an unpaired node, writing its leaves twice does what padding does.
      for (let span = 1; span < distinct.length; span *= 2) {
        if ((distinct.length / span) % 2 !== 1) continue
        const forged = merkleRoot([...distinct, ...distinct.slice(-span)])
        assert.deepEqual(forged.root, root)
        assert.equal(forged.repeated, true)
        forgeries++
      }
    }),
  )
  assert(forgeries > 10)
})
