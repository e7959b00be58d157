/** Promise: the stores in memory behave as their ports say. */
import { test } from 'node:test'
import { MemoryChannelStore } from '../../../src/storage/memory-channel-store.ts'
import { MemoryTowerStore } from '../../../src/storage/memory-tower-store.ts'
import { CHANNEL_STORE_CASES } from '../../support/channel-store-suite.ts'
import { TOWER_STORE_CASES } from '../../support/tower-store-suite.ts'

for (const { name, run } of CHANNEL_STORE_CASES)
  test(name, async () => {
    const store = new MemoryChannelStore()
    await run(async () => store)
  })

for (const { name, run } of TOWER_STORE_CASES)
  test(`tower: ${name}`, async () => {
    const store = new MemoryTowerStore()
    await run(async () => store)
  })
