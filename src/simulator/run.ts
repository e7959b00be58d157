/**
 * One run: virtual time and all that is drawn from one seed. Equal seeds and equal calls give equal runs, event by event, of whatever kind of
 * nodes takes part. Worlds are built on it.
 */
import { bytesToHex } from '../primitives/bytes.ts'
import { startSha256 } from '../primitives/hashes.ts'
import { SeededRandom } from './seeded-random.ts'
import { VirtualTime } from './virtual-time.ts'

/** Virtual milliseconds. */
export const SECOND = 1000
export const MINUTE = 60 * SECOND

export interface RunOptions {
  /** Any text. */
  readonly seed: string
  /** Milliseconds since 1970 at which it begins. */
  readonly start: number
  /** See `VirtualTime`. */
  readonly drain: () => Promise<void>
}

export class Run {
  readonly random: SeededRandom
  readonly time: VirtualTime
  private readonly events = startSha256()
  /** Thrown by what nobody awaits. */
  private failure: Error | undefined

  constructor({ seed, start, drain }: RunOptions) {
    this.random = new SeededRandom(seed)
    this.time = new VirtualTime(start, drain)
  }

  /** Does something that may take virtual time; should it fail, the next `run` or `until` throws. */
  background(work: Promise<unknown>): void {
    work.catch((error: unknown) => this.fail(error))
  }

  /** Has the next `run` or `until` throw what went wrong where nobody waits for it. */
  fail(error: unknown): void {
    this.failure ??= error instanceof Error ? error : new Error(String(error))
  }

  /** Lets virtual milliseconds pass. */
  async run(milliseconds: number): Promise<void> {
    await this.time.run(milliseconds, () => this.failure !== undefined)
    if (this.failure) throw this.failure
  }

  /** Lets time pass until `done`; throws after so many virtual milliseconds. */
  async until(done: () => boolean, what: string, milliseconds = 10 * MINUTE): Promise<void> {
    const happened = await this.time.run(milliseconds, () => this.failure !== undefined || done())
    if (this.failure) throw this.failure
    if (!happened) throw new Error(`did not happen in ${milliseconds / MINUTE} virtual minutes: ${what}`)
  }

  /** A hash over all that was recorded and when: equal in equal runs. */
  fingerprint(): string {
    return bytesToHex(this.events.clone().digest())
  }

  /** Notes what a node told. `event` is plain data. */
  record(id: string, event: unknown): void {
    const line = `${this.time.now()} ${id} ${JSON.stringify(event)}\n`
    const bytes = new Uint8Array(line.length)
    for (let i = 0; i < line.length; i++) bytes[i] = line.charCodeAt(i)
    this.events.update(bytes)
  }
}
