/**
 * A watchtower's book: what it keeps for others, within its bounds, and what of it a transaction calls for. In memory are names alone; the blobs stay in
 * the store until they are needed. See `appointments.ts` for what is in them. Sans I/O, any thread.
 */
import { invalid, notNow, OK, type Result } from '../primitives/result.ts'
import type { Transaction } from '../primitives/transaction.ts'
import { type Appointment, BLOB_BYTES, locatorOfTxid, MAX_PARTS, openBlob } from './appointments.ts'

/** Names what is kept: no client has two of one name. */
export interface Slot {
  readonly client: string
  /** What the client ends all of together, 32 hex digits: the tower sees how many belong together, not to which channel. */
  readonly series: string
  readonly locator: string
  readonly part: number
}

/** An appointment that is kept for a client. */
export interface KeptAppointment extends Slot, Appointment {}

/** Port: what a tower keeps over restarts. Durable in the strict sense when a promise resolves; throws when storage fails. */
export interface TowerStore {
  /** What there is, without the blobs. */
  load(): Promise<readonly Slot[]>
  /** Undefined where there is none. */
  read(slot: Slot): Promise<Uint8Array | undefined>
  /** All of them or none. One of the same name is replaced. */
  put(appointments: readonly KeptAppointment[]): Promise<void>
  /** Removes a client's series. */
  remove(client: string, series: string): Promise<void>
}

/** What a tower does at most: numbers of clients, and of appointments. */
export interface TowerLimits {
  readonly clients: number
  readonly perClient: number
  readonly inAll: number
}

/** About what a tab can spare, 150 MB: some 20,000 states for each of five busy clients. */
export const TOWER_LIMITS: TowerLimits = { clients: 64, perClient: 20_000, inAll: 100_000 }

export class Tower {
  readonly limits: TowerLimits
  private readonly store: TowerStore
  /** By locator: two clients may, and one liar may, wait for the same. */
  private readonly byLocator = new Map<string, Slot[]>()
  private readonly clients = new Map<string, Map<string, Set<Slot>>>()
  private count = 0
  private waiting: KeptAppointment[] = []
  private writing: Promise<void> = Promise.resolve()

  private constructor(store: TowerStore, limits: TowerLimits) {
    this.store = store
    this.limits = limits
  }

  static async open(store: TowerStore, limits: TowerLimits = TOWER_LIMITS): Promise<Tower> {
    const tower = new Tower(store, limits)
    for (const slot of await store.load()) tower.add(slot)
    return tower
  }

  get isEmpty(): boolean {
    return this.count === 0
  }

  /** For whom something is kept. */
  get users(): string[] {
    return [...this.clients.keys()]
  }

  /** Appointments of a client. */
  countOf(client: string): number {
    return [...(this.clients.get(client)?.values() ?? [])].reduce((sum, { size }) => sum + size, 0)
  }

  /** How many more a client may bring, as far as nobody else comes first. */
  roomFor(client: string): number {
    const { clients, perClient, inAll } = this.limits
    if (!this.clients.has(client) && this.clients.size >= clients) return 0
    return Math.max(0, Math.min(perClient - this.countOf(client), inAll - this.count))
  }

  /**
   * Keeps an appointment; durable when it resolves. One of the same name takes the place of the first. Nothing else that is kept ever gives way: a thief
   * would fill the tower until what waits for it is gone. Rejects with `tower-full`, `appointment-invalid`. Throws where storage fails.
   */
  async accept(client: string, series: string, appointment: Appointment): Promise<Result<void>> {
    const { locator, part, blob } = appointment
    const isName = (text: string) => /^[0-9a-f]{32}$/.test(text)
    if (!isName(locator) || !isName(series) || part < 0 || part >= MAX_PARTS || blob.length !== BLOB_BYTES)
      return invalid('appointment-invalid', 'What should be kept is no appointment.')
    const slot: Slot = { client, series, locator, part }
    if (!this.find(slot)) {
      if (this.roomFor(client) === 0)
        return notNow(
          'tower-full',
          this.clients.has(client)
            ? 'This tower keeps as much for you as it can. Close old channels, or choose another one.'
            : 'This tower watches for as many as it can. Choose another one.',
        )
      // Before it is stored: two at once must not both fit.
      this.add(slot)
    }
    this.waiting.push({ ...slot, blob: blob.slice() })
    await this.written()
    return OK
  }

  /** Resolves when what was accepted is durable: what comes while others are written is written together. */
  private written(): Promise<void> {
    const { waiting } = this
    this.writing = this.writing.then(async () => {
      const batch = waiting.splice(0)
      if (batch.length > 0) await this.store.put(batch)
    })
    return this.writing
  }

  /** What is kept under a name; undefined where nothing is. */
  async show(slot: Slot): Promise<Uint8Array | undefined> {
    await this.written()
    return this.store.read(slot)
  }

  /** Lets go of a client's series: its channel is closed for good. */
  async forget(client: string, series: string): Promise<void> {
    const all = this.clients.get(client)
    const slots = all?.get(series)
    if (!slots) return
    all?.delete(series)
    if (all?.size === 0) this.clients.delete(client)
    this.count -= slots.size
    for (const slot of slots) {
      const left = this.byLocator.get(slot.locator)!.filter((other) => other !== slot)
      if (left.length > 0) this.byLocator.set(slot.locator, left)
      else this.byLocator.delete(slot.locator)
    }
    // What comes from now on is written after it.
    const { waiting } = this
    this.waiting = []
    this.writing = this.writing.then(async () => {
      const others = waiting.splice(0).filter((kept) => kept.client !== client || kept.series !== series)
      if (others.length > 0) await this.store.put(others)
      await this.store.remove(client, series)
    })
    await this.writing
  }

  /** Lets go of all that is kept for a client. */
  async forgetAll(client: string): Promise<void> {
    for (const series of [...(this.clients.get(client)?.keys() ?? [])]) await this.forget(client, series)
  }

  waitsFor(locator: string): boolean {
    return this.byLocator.has(locator)
  }

  /** What clients want to be published once a transaction (txid of 32 bytes, internal order) is seen, in the order of each. Nothing of it was checked. */
  async penaltiesFor(txid: Uint8Array): Promise<Transaction[]> {
    const penalties: Transaction[] = []
    for (const slot of [...(this.byLocator.get(locatorOfTxid(txid)) ?? [])]) {
      const blob = await this.show(slot)
      if (blob) penalties.push(...(openBlob(txid, blob)?.penalties ?? []))
    }
    return penalties
  }

  private find({ client, series, locator, part }: Slot): Slot | undefined {
    return this.byLocator
      .get(locator)
      ?.find((kept) => kept.client === client && kept.series === series && kept.part === part)
  }

  private add(slot: Slot): void {
    const { client, series, locator } = slot
    this.byLocator.set(locator, [...(this.byLocator.get(locator) ?? []), slot])
    const all = this.clients.get(client) ?? new Map<string, Set<Slot>>()
    this.clients.set(client, all)
    const slots = all.get(series) ?? new Set()
    all.set(series, slots)
    slots.add(slot)
    this.count++
  }
}
