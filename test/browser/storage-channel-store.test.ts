/** Promise: the store of channels in IndexedDB behaves as the port says. */
import { IdbChannelStore } from '../../src/storage/idb-channel-store.ts'
import { ProfileDatabase } from '../../src/storage/profile-database.ts'
import { CHANNEL_STORE_CASES } from '../support/channel-store-suite.ts'

describe('the store of channels in IndexedDB', () => {
  const open: ProfileDatabase[] = []
  let name = ''
  let number = 0

  beforeEach(() => {
    name = `test-channel-store-${number++}`
  })

  afterEach(async () => {
    for (const database of open.splice(0)) database.close()
    await ProfileDatabase.delete(name)
  })

  for (const { name: promise, run } of CHANNEL_STORE_CASES)
    it(promise, () =>
      run(async () => {
        open.push(await ProfileDatabase.open(name))
        return new IdbChannelStore(open.at(-1) as ProfileDatabase)
      }),
    )
})
