/** Promises: headers and blocks are Bitcoin's; merkle roots are, and lists that forge one are seen. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { Block, BlockHeader, decodeBlock, decodeHeader, merkleRoot } from '../../../src/primitives/block.ts'
import { concatBytes } from '../../../src/primitives/bytes.ts'
import { sha256d } from '../../../src/primitives/hashes.ts'
import { Transaction } from '../../../src/primitives/transaction.ts'
import { anyTransactionFields } from '../../support/transactions.ts'

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

test('a header has numbers of 32 bits, or is none', () => {
  const fields = { version: 1, previousHash: new Uint8Array(32), merkleRoot: new Uint8Array(32) }
  for (const time of [2 ** 32, -1, 0.5, Number.NaN])
    assert.throws(() => BlockHeader.of({ ...fields, time, bits: 0x207fffff, nonce: 0 }), RangeError)
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
