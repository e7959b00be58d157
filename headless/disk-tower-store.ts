/** `TowerStore` on disk, strictly durable: what a tower has acknowledged it has. Names are the keys, so that they are read without the blobs. Thread: Node's main. */
import type { KeptAppointment, Slot, TowerStore } from '../src/channels/tower.ts'
import type { DiskDatabase } from './disk-database.ts'

const TABLE = 'tower-appointments'

export class DiskTowerStore implements TowerStore {
  private readonly database: DiskDatabase

  constructor(database: DiskDatabase) {
    this.database = database
  }

  async load(): Promise<readonly Slot[]> {
    return (await this.database.keys(TABLE)).map((key) => {
      const [client, series, locator, part] = key as [string, string, string, number]
      return { client, series, locator, part }
    })
  }

  read({ client, series, locator, part }: Slot): Promise<Uint8Array | undefined> {
    return this.database.get(TABLE, [client, series, locator, part])
  }

  put(appointments: readonly KeptAppointment[]): Promise<void> {
    return this.database.write('strict', () =>
      appointments.map(({ client, series, locator, part, blob }) => ({
        table: TABLE,
        key: [client, series, locator, part],
        value: blob,
      })),
    )
  }

  remove(client: string, series: string): Promise<void> {
    return this.database.write('strict', async () =>
      (await this.database.rows(TABLE, [client, series])).map(({ key }) => ({ table: TABLE, key })),
    )
  }
}
