/** `TowerStore` in memory: for tests and the simulator, where it outlives the crash of the node that used it. Any thread. */
import type { KeptAppointment, Slot, TowerStore } from '../channels/tower.ts'

export class MemoryTowerStore implements TowerStore {
  private readonly appointments = new Map<string, KeptAppointment>()

  async load(): Promise<readonly Slot[]> {
    return [...this.appointments.values()].map(({ client, series, locator, part }) => ({
      client,
      series,
      locator,
      part,
    }))
  }

  async read(slot: Slot): Promise<Uint8Array | undefined> {
    return this.appointments.get(nameOf(slot))?.blob
  }

  async put(appointments: readonly KeptAppointment[]): Promise<void> {
    for (const kept of appointments) this.appointments.set(nameOf(kept), kept)
  }

  async remove(client: string, series: string): Promise<void> {
    for (const [name, kept] of this.appointments)
      if (kept.client === client && kept.series === series) this.appointments.delete(name)
  }

  /** A copy, as one of a profile would be. */
  copy(): MemoryTowerStore {
    const copy = new MemoryTowerStore()
    for (const [name, kept] of this.appointments) copy.appointments.set(name, kept)
    return copy
  }
}

function nameOf({ client, series, locator, part }: Slot): string {
  return [client, series, locator, part].join('/')
}
