/** `TowerStore` in IndexedDB, with strict durability: what a tower has acknowledged it has. Names are the keys, so that they are read without the blobs. Thread: the brain. */
import type { KeptAppointment, Slot, TowerStore } from '../channels/tower.ts'
import type { ProfileDatabase } from './profile-database.ts'

const STORES = ['tower-appointments'] as const

export class IdbTowerStore implements TowerStore {
  private readonly database: ProfileDatabase

  constructor(database: ProfileDatabase) {
    this.database = database
  }

  async load(): Promise<readonly Slot[]> {
    const keys = await this.database.transact(STORES, 'readonly', 'relaxed', (transaction) =>
      transaction.objectStore('tower-appointments').getAllKeys(),
    )
    return keys.map(([client, series, locator, part]) => ({ client, series, locator, part }))
  }

  read({ client, series, locator, part }: Slot): Promise<Uint8Array | undefined> {
    return this.database.transact(STORES, 'readonly', 'relaxed', (transaction) =>
      transaction.objectStore('tower-appointments').get([client, series, locator, part]),
    )
  }

  async put(appointments: readonly KeptAppointment[]): Promise<void> {
    await this.database.transact(STORES, 'readwrite', 'strict', async (transaction) => {
      const store = transaction.objectStore('tower-appointments')
      // One after another would wait for each; what fails ends them all.
      await Promise.all(
        appointments.map(({ client, series, locator, part, blob }) =>
          store.put(blob, [client, series, locator, part]),
        ),
      )
    })
  }

  async remove(client: string, series: string): Promise<void> {
    await this.database.transact(STORES, 'readwrite', 'strict', (transaction) =>
      // An array is above every text.
      transaction
        .objectStore('tower-appointments')
        .delete(IDBKeyRange.bound([client, series], [client, series, []])),
    )
  }
}
