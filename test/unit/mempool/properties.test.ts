/**
 * Promise: whatever was offered, confirmed, replaced or reorganised, what the mempool holds makes a valid block, no coin is spent
 * twice in it, and its sums are right.
 */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { createTemplate } from '../../../src/mining/template.ts'
import { typescriptKernel } from '../../../src/mining/typescript-kernel.ts'
import type { Block } from '../../../src/primitives/block.ts'
import { outpointKey } from '../../../src/primitives/transaction.ts'
import type { TestBlock, TestCoin } from '../../support/chain-builder.ts'
import { ChainNode, QUICK_PARAMS } from '../../support/chain-node.ts'
import { checkSums } from '../../support/mempool-graphs.ts'

const operation = fc.oneof(
  {
    weight: 12,
    arbitrary: fc.record({
      kind: fc.constant('offer' as const),
      coins: fc.array(fc.nat(), { minLength: 1, maxLength: 3 }),
      fee: fc.integer({ min: 0, max: 5_000 }),
      outputs: fc.integer({ min: 1, max: 4 }),
      /** Lock time relative to the tip, none at 0. */
      lock: fc.integer({ min: -2, max: 1 }),
      relativeLock: fc.boolean(),
    }),
  },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('mine' as const) }) },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constant('foreign' as const),
      coin: fc.nat(),
      known: fc.nat({ max: 4 }),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constant('reorganise' as const),
      depth: fc.integer({ min: 1, max: 3 }),
      keep: fc.nat({ max: 3 }),
    }),
  },
)

type Operation = typeof operation extends fc.Arbitrary<infer T> ? T : never

/** Solves and offers what the miner would. */
async function mineTemplate(node: ChainNode): Promise<Block> {
  const template = createTemplate(node.chain, node.mempool, {
    scriptPubKey: node.wallet.scriptPubKey,
    extraNonce: new Uint8Array(8),
    time: node.tip.block.header.time + node.chain.params.targetSpacing,
  })
  const variant = template.variant(new Uint8Array(8))
  const easy = new Uint8Array(32).fill(0xff).with(0, 0x7f)
  const block = template.assemble(variant, typescriptKernel.scan(variant.header.bytes, easy, 0, 100))
  assert.ok(block.weight <= node.chain.params.weightLimit)
  await node.offer({ block, height: template.height, parent: node.tip })
  assert.equal(node.tip.block, block, 'the template did not connect')
  return block
}

async function checkState(node: ChainNode): Promise<void> {
  const entries = [...node.mempool.entries()]
  checkSums(entries)
  const spent = new Set<string>()
  for (const { transaction } of entries)
    for (const { prevout } of transaction.inputs) {
      const key = outpointKey(prevout)
      assert.ok(!spent.has(key), `${key} is spent twice`)
      spent.add(key)
      const parent = node.mempool.get(key.slice(0, 64) as never)
      const [coin] = parent ? [true] : await node.chain.coins([prevout])
      assert.ok(coin, `${key} is no coin`)
    }
}

async function play(operations: readonly Operation[], node: ChainNode) {
  const coins: TestCoin[] = await node.fund(6, 200_000)
  const start = node.tip.height
  for (const step of operations) {
    if (step.kind === 'offer') {
      const chosen = [...new Set(step.coins.map((pick) => coins[pick % coins.length]))]
      const outputs = node.spend(chosen, step.fee, step.outputs).outputs
      const lockTime = step.lock === 0 ? 0 : node.tip.height + step.lock
      const sequence = step.relativeLock ? 1 : 0xfffffffd
      const tx = node.wallet.spend(chosen, outputs, { lockTime, sequence })
      await node.mempool.accept(tx)
      coins.push(...node.wallet.coinsOf(tx))
    } else if (step.kind === 'mine') await mineTemplate(node)
    else if (step.kind === 'foreign') {
      // Part of what waits, and a double spend of something else.
      const known = node.mempool.select(10_000_000).slice(0, step.known)
      const prevouts = known.flatMap(({ transaction }) =>
        transaction.inputs.map((i) => outpointKey(i.prevout)),
      )
      const coin = coins[step.coin % coins.length]
      const [confirmed] = await node.chain.coins([coin.prevout])
      const free = confirmed && !prevouts.includes(outpointKey(coin.prevout))
      const other = free ? [node.spend([coin], 7_000)] : []
      await node.mine([...known.map(({ transaction }) => transaction), ...other])
      for (const tx of other) coins.push(...node.wallet.coinsOf(tx))
    } else {
      const depth = Math.min(step.depth, node.tip.height - start)
      if (depth === 0) continue
      let branch: TestBlock = node.builder.ancestor(node.tip, node.tip.height - depth)
      const first = node.builder.ancestor(node.tip, branch.height + 1).block.transactions.slice(1)
      // The other branch confirms some of what the first block of this one did.
      for (let i = 0; i <= depth; i++)
        branch = await node.mine(i === 0 ? first.slice(0, step.keep) : [], branch)
      assert.equal(node.tip, branch)
    }
    await checkState(node)
  }
  // Until nothing is left: what waits can be mined to the end.
  for (let blocks = 0; node.mempool.size > 0; blocks++) {
    assert.ok(blocks < 50)
    await mineTemplate(node)
    await checkState(node)
  }
}

describe('mempool properties', () => {
  test('after any history, everything in it can be mined', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(operation, { minLength: 10, maxLength: 40 }), async (operations) =>
        play(operations, await ChainNode.open()),
      ),
      { numRuns: 15 },
    )
  })

  test('the same in small blocks, under a tight cap', async () => {
    const params = { ...QUICK_PARAMS, weightLimit: 10_000 }
    await fc.assert(
      fc.asyncProperty(fc.array(operation, { minLength: 10, maxLength: 40 }), async (operations) =>
        play(operations, await ChainNode.open({ params, maxBytes: 40_000 })),
      ),
      { numRuns: 10 },
    )
  })
})
