/** Promise: the store of a watchtower in IndexedDB behaves as the port says. */
import { IdbTowerStore } from '../../src/storage/idb-tower-store.ts'
import { ProfileDatabase } from '../../src/storage/profile-database.ts'
import { TOWER_STORE_CASES } from '../support/tower-store-suite.ts'

describe('the store of a watchtower in IndexedDB', () => {
  const open: ProfileDatabase[] = []
  let name = ''
  let number = 0

  beforeEach(() => {
    name = `test-tower-store-${number++}`
  })

  afterEach(async () => {
    for (const database of open.splice(0)) database.close()
    await ProfileDatabase.delete(name)
  })

  for (const { name: promise, run } of TOWER_STORE_CASES)
    it(promise, () =>
      run(async () => {
        open.push(await ProfileDatabase.open(name))
        return new IdbTowerStore(open.at(-1) as ProfileDatabase)
      }),
    )
})
