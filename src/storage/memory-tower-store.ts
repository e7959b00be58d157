/** `TowerStore` in memory: for tests and the simulator. Any thread. */
import type { KeptAppointment, TowerStore } from '../channels/tower.ts'

export class MemoryTowerStore implements TowerStore {
  private appointments: KeptAppointment[] = []

  async load(): Promise<readonly KeptAppointment[]> {
    return this.appointments
  }

  async put(appointment: KeptAppointment): Promise<void> {
    this.appointments.push(appointment)
  }

  async remove(client: string, series: string): Promise<void> {
    this.appointments = this.appointments.filter((kept) => kept.client !== client || kept.series !== series)
  }
}
