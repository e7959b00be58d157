/** Promise: every template connects, takes all that there is to earn, and costs little to vary. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { PUBLIC } from '../../../src/consensus/params.ts'
import { createTemplate, firstLeafBranch } from '../../../src/mining/template.ts'
import { typescriptKernel } from '../../../src/mining/typescript-kernel.ts'
import { merkleRoot } from '../../../src/primitives/block.ts'
import { concatBytes } from '../../../src/primitives/bytes.ts'
import { sha256d } from '../../../src/primitives/hashes.ts'
import { ChainNode, QUICK_PARAMS } from '../../support/chain-node.ts'

/** Every eighth block's coins are counted; the eleventh is the first to commit to what came out. */
const OFTEN_COUNTED = { ...QUICK_PARAMS, snapshotInterval: 8, snapshotDelay: 3 }

const EXTRA = Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8)

function templateOf(node: ChainNode, time = 0) {
  return createTemplate(node.chain, node.mempool, {
    scriptPubKey: node.wallet.scriptPubKey,
    extraNonce: EXTRA,
    time,
  })
}

describe('block template', () => {
  test('the branch of the first leaf leads to the merkle root', () => {
    const leaf = fc.uint8Array({ minLength: 32, maxLength: 32 })
    fc.assert(
      fc.property(leaf, fc.array(leaf, { maxLength: 40 }), (first, others) => {
        const root = firstLeafBranch(others).reduce(
          (hash, sibling) => sha256d(concatBytes(hash, sibling)),
          first,
        )
        assert.deepEqual(root, merkleRoot([first, ...others]).root)
      }),
    )
  })

  test('an empty one connects to genesis, and each to the one before, also where a snapshot is committed to', async () => {
    const node = await ChainNode.open({ params: OFTEN_COUNTED })
    for (let height = 1; height <= 20; height++) {
      const template = templateOf(node)
      assert.equal(template.height, height)
      assert.equal(template.parent, node.chain.tip)
      const variant = template.variant(EXTRA)
      const easy = new Uint8Array(32).fill(0xff).with(0, 0x7f)
      const nonce = typescriptKernel.scan(variant.header.bytes, easy, 0, 1_000)
      await node.offer({ block: template.assemble(variant, nonce), height, parent: node.tip })
      assert.equal(node.tip.height, height)
    }
  })

  test('it pays subsidy and fees, and holds the payments parents first', async () => {
    const node = await ChainNode.open()
    const coins = await node.fund(3)
    const parent = node.spend([coins[0]], 200)
    const child = node.spend(node.wallet.coinsOf(parent), 9_000)
    const other = node.spend([coins[1]], 2_000)
    for (const tx of [parent, child, other]) assert.equal(await node.code(tx), 'ok')
    const template = templateOf(node)
    const [coinbase, ...payments] = template.block.transactions
    assert.deepEqual(payments, [parent, child, other])
    assert.equal(template.fees, 11_200)
    assert.equal(coinbase.outputs[0].value, template.subsidy + 11_200)
    assert.deepEqual(coinbase.outputs[0].scriptPubKey, node.wallet.scriptPubKey)
  })

  test('its time is after the median time past', async () => {
    const node = await ChainNode.open()
    for (let i = 0; i < 12; i++) await node.mine()
    const medianTime = node.chain.headers.medianTimePast(node.chain.tip)
    assert.equal(templateOf(node, medianTime - 500).block.header.time, medianTime + 1)
    assert.equal(templateOf(node, medianTime + 500).block.header.time, medianTime + 500)
  })

  test('it is as full as the network allows, never fuller', async () => {
    const node = await ChainNode.open({ params: { ...OFTEN_COUNTED, weightLimit: 10_000 } })
    const coins = await node.fund(30)
    // The next block commits to a snapshot.
    while (node.tip.height < 10) await node.mine()
    for (const coin of coins) assert.equal(await node.code(node.spend([coin], 500)), 'ok')
    const { block } = templateOf(node)
    // Payout, snapshot and witnesses.
    assert.equal(block.transactions[0].outputs.length, 3)
    assert.ok(block.weight <= 10_000)
    assert.ok(block.weight > 10_000 - 4_000)
    const waiting = node.mempool.size
    const template = templateOf(node)
    const variant = template.variant(EXTRA)
    const easy = new Uint8Array(32).fill(0xff).with(0, 0x7f)
    const nonce = typescriptKernel.scan(variant.header.bytes, easy, 0, 1_000)
    await node.offer({ block: template.assemble(variant, nonce), height: template.height, parent: node.tip })
    assert.equal(node.mempool.size, waiting - (block.transactions.length - 1))
  })

  test('a variant differs in coinbase and merkle root alone', async () => {
    const node = await ChainNode.open()
    for (const coin of await node.fund(4)) assert.equal(await node.code(node.spend([coin], 500)), 'ok')
    const template = templateOf(node)
    const same = template.variant(EXTRA)
    assert.deepEqual(same.header.bytes, template.block.header.bytes)
    const other = template.variant(EXTRA.toReversed())
    assert.notDeepEqual(other.header.merkleRoot, same.header.merkleRoot)
    const block = template.assemble(other, 77)
    assert.deepEqual(block.header.merkleRoot, merkleRoot(block.transactions.map((tx) => tx.txidBytes)).root)
    assert.equal(block.header.nonce, 77)
    assert.deepEqual(block.transactions.slice(1), template.block.transactions.slice(1))
  })

  test('its bits follow the difficulty', async () => {
    const node = await ChainNode.open({
      params: { ...QUICK_PARAMS, retarget: true, powLimitBits: 0x207fffff },
    })
    let { time } = node.tip.block.header
    for (let i = 0; i < 6; i++) {
      const template = templateOf(node, ++time)
      const block = await node.mine([], node.tip, time)
      assert.equal(template.block.header.bits, block.block.header.bits)
    }
    assert.ok(node.chain.headers.bits(node.chain.tip) !== QUICK_PARAMS.powLimitBits)
    const easy = await ChainNode.open({ params: { ...PUBLIC, powLimitBits: 0x207fffff } })
    assert.equal(templateOf(easy).block.header.bits, 0x207fffff)
  })
})
