/** Promise: the store in memory behaves as the port says. */
import { test } from 'node:test'
import { MemoryChannelStore } from '../../../src/storage/memory-channel-store.ts'
import { CHANNEL_STORE_CASES } from '../../support/channel-store-suite.ts'

for (const { name, run } of CHANNEL_STORE_CASES)
  test(name, async () => {
    const store = new MemoryChannelStore()
    await run(async () => store)
  })
