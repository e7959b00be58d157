/**
 * Promise: a script that uses what is kept for later rules is neither relayed nor punished, and blocks may hold it; what breaks
 * consensus is invalid in both.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { sats } from '../../../src/primitives/amount.ts'
import { EMPTY } from '../../../src/primitives/bytes.ts'
import { Transaction } from '../../../src/primitives/transaction.ts'
import type { CheckOutcome, CheckPool, TransactionCheck } from '../../../src/script/input-check.ts'
import { CONSENSUS_SCRIPT_FLAGS, STANDARD_SCRIPT_FLAGS } from '../../../src/script/script-flags.ts'
import { InlineCheckPool } from '../../../src/script/verify-input.ts'
import { ChainNode } from '../../support/chain-node.ts'
import { parseAsm } from '../../support/script-asm.ts'
import { leafSpend } from '../../support/tapscript-spends.ts'

/** Remembers the flags of what it verifies. */
class FlagsPool implements CheckPool {
  readonly flags: (number | undefined)[] = []
  private readonly inner = new InlineCheckPool()

  async verify(checks: readonly TransactionCheck[]): Promise<CheckOutcome> {
    this.flags.push(...checks.map((check) => check.flags))
    return this.inner.verify(checks)
  }
}

const AMOUNT = 10_000

/** A node whose chain holds a coin for each script, and the transactions that spend them. */
async function nodeWith(scripts: readonly (readonly [asm: string, stack: readonly Uint8Array[]])[]) {
  const checks = new FlagsPool()
  const node = await ChainNode.open({ checks })
  const [coin] = await node.fund(1, scripts.length * AMOUNT + 10_000)
  const leaves = scripts.map(([asm, stack]) => leafSpend(parseAsm(asm), stack))
  const funding = node.wallet.spend(
    [coin],
    leaves.map(({ scriptPubKey }) => ({ value: sats(AMOUNT), scriptPubKey })),
  )
  await node.mine([funding])
  const spends = leaves.map(({ witness }, index) =>
    Transaction.of({
      version: 2,
      lockTime: 0,
      inputs: [
        { prevout: { txid: funding.txidBytes, index }, scriptSig: EMPTY, sequence: 0xfffffffd, witness },
      ],
      outputs: [{ value: sats(AMOUNT - 1_000), scriptPubKey: node.wallet.scriptPubKey }],
    }),
  )
  checks.flags.length = 0
  return { node, checks, spends }
}

test('what policy alone refuses is not now, and a block may hold it', async () => {
  const { node, checks, spends } = await nodeWith([
    ['0x50', []],
    ['1 NOP1', []],
    ['0x0101', []],
    ['CHECKSIG', [Uint8Array.of(1), Uint8Array.of(1)]],
  ])
  for (const tx of spends) {
    const accepted = await node.mempool.accept(tx)
    assert(!accepted.ok)
    assert.deepEqual(
      [accepted.kind, accepted.code],
      ['not-now', 'mempool-script-verify-flag-failed'],
      accepted.detail,
    )
    assert(!node.mempool.wasVerified(tx))
  }
  assert.deepEqual(
    checks.flags,
    spends.map(() => STANDARD_SCRIPT_FLAGS),
  )
  const before = node.tip
  await node.mine(spends)
  assert.notEqual(node.tip, before)
  assert.deepEqual(
    checks.flags.slice(spends.length),
    spends.map(() => CONSENSUS_SCRIPT_FLAGS),
  )
})

test('a script that fails is invalid', async () => {
  const { node, spends } = await nodeWith([
    ['0', []],
    ['RETURN', []],
  ])
  for (const tx of spends) {
    const accepted = await node.mempool.accept(tx)
    assert(!accepted.ok)
    assert.deepEqual([accepted.kind, accepted.code], ['invalid', 'mempool-script-verify-flag-failed'])
  }
})

test('what passed with policy is not verified again in a block', async () => {
  const { node, checks, spends } = await nodeWith([['DROP 1', [new Uint8Array(80)]]])
  assert.equal(await node.code(spends[0]), 'ok')
  await node.mine(spends)
  assert.equal(node.mempool.size, 0)
  assert.deepEqual(checks.flags, [STANDARD_SCRIPT_FLAGS])
})

test('witness items of a tapscript: at most 80 bytes each, the script itself aside', async () => {
  const { node, spends } = await nodeWith([
    ['2DROP 1', [new Uint8Array(80), new Uint8Array(80)]],
    ['2DROP 1', [new Uint8Array(80), new Uint8Array(81)]],
    ['2DROP 1', [new Uint8Array(81), new Uint8Array(80)]],
    [`'${'x'.repeat(200)}' DROP 1`, []],
  ])
  const codes = []
  for (const tx of spends) codes.push(await node.code(tx))
  assert.deepEqual(codes, ['ok', 'bad-witness-nonstandard', 'bad-witness-nonstandard', 'ok'])
  // Blocks may hold larger ones.
  const before = node.tip
  await node.mine(spends.slice(1, 3))
  assert.notEqual(node.tip, before)
})

test('items of the length of signatures: one for 96 weight units of the transaction, so that no block has too many', async () => {
  const items = (count: number, bytes: number) =>
    [`${'2DROP '.repeat(count / 2)} 1`, new Array(count).fill(new Uint8Array(bytes))] as const
  const counts = [10, 16, 18, 20, 22, 24, 26, 30, 50]
  const { node, spends } = await nodeWith([...counts.map((count) => items(count, 64)), items(50, 63)])
  const codes = []
  for (const tx of spends) codes.push(await node.code(tx))
  const expected = counts.map((count, i) => (count * 96 > spends[i].weight ? 'tx-signatures' : 'ok'))
  assert.deepEqual(codes, [...expected, 'ok'])
  assert.deepEqual([...new Set(expected)], ['ok', 'tx-signatures'])
})
