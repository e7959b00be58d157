/** What every `TowerStore` must do, for whatever runner. */
import type { KeptAppointment, TowerStore } from '../../src/channels/tower.ts'

export interface TowerStoreCase {
  /** The promise. */
  readonly name: string
  /** Throws when it is broken. `reopen` starts with nothing kept, and then opens what earlier calls left, as a tab does that comes back. */
  run(reopen: () => Promise<TowerStore>): Promise<void>
}

function kept(client: string, series: string, at: number, part = 0, fill = at): KeptAppointment {
  return {
    client,
    series: series.repeat(32),
    locator: `${at}`.padStart(32, '0'),
    part,
    blob: new Uint8Array(5).fill(fill),
  }
}

/** What is kept, as text. */
async function stored(store: TowerStore): Promise<string> {
  const slots = await store.load()
  const texts = await Promise.all(
    slots.map(async (slot) => {
      const { client, series, locator, part } = slot
      return `${client} ${series[0]} ${Number(locator)} ${part}: ${await store.read(slot)}`
    }),
  )
  return texts.sort().join('; ')
}

function same(actual: string, expected: string): void {
  if (actual !== expected) throw new Error(`expected ${expected}, got ${actual}`)
}

export const TOWER_STORE_CASES: readonly TowerStoreCase[] = [
  {
    name: 'keeps appointments by their names, the last of each',
    async run(reopen) {
      const store = await reopen()
      same(await stored(store), '')
      await store.put([kept('a', '1', 1), kept('a', '1', 2), kept('b', '1', 1)])
      await store.put([kept('a', '1', 1, 1), kept('a', '1', 2, 0, 7)])
      const again = await reopen()
      same(
        await stored(again),
        'a 1 1 0: 1,1,1,1,1; a 1 1 1: 1,1,1,1,1; a 1 2 0: 7,7,7,7,7; b 1 1 0: 1,1,1,1,1',
      )
      same(`${await again.read(kept('a', '2', 1))}`, 'undefined')
    },
  },
  {
    name: 'removes a series of a client, and nothing of another',
    async run(reopen) {
      const store = await reopen()
      await store.put([kept('a', '1', 1), kept('a', '2', 1), kept('ab', '1', 1), kept('b', '1', 1)])
      await store.remove('a', '1'.repeat(32))
      await store.remove('c', '1'.repeat(32))
      same(await stored(await reopen()), 'a 2 1 0: 1,1,1,1,1; ab 1 1 0: 1,1,1,1,1; b 1 1 0: 1,1,1,1,1')
    },
  },
]
