/** Promise: the memory store behaves as the port says, and a block's commit takes the same few requests whatever its size. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { MemoryChainStore } from '../../../src/storage/memory-chain-store.ts'
import { TEST_SALT } from '../../support/chain-builder.ts'
import { CHAIN_STORE_CASES, requestsOfBlock } from '../../support/chain-store-suite.ts'

for (const { name, run } of CHAIN_STORE_CASES)
  test(`memory store: ${name}`, async () => {
    let disk = new MemoryChainStore(TEST_SALT)
    await run(async () => {
      disk = disk.clone()
      return disk
    })
  })

test('a block of 200 payments takes the requests of a block of one', async () => {
  const one = await requestsOfBlock(new MemoryChainStore(TEST_SALT), 1)
  const many = await requestsOfBlock(new MemoryChainStore(TEST_SALT), 200)
  assert.deepEqual(many, one)
  // Body and header page; then undo, mentions, delta, header page and state.
  assert.deepEqual(one, [2, 5])
})
