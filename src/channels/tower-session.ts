/**
 * The requests of one connection, as a client of a watchtower sends them: each has a number, and waits for the answer that repeats it. Nothing of it
 * outlives the connection. Thread: the brain.
 */
import type { Clock } from '../primitives/ports.ts'
import { invalid, notNow, OK, ok, type Rejection, type Result } from '../primitives/result.ts'
import type { Appointment } from './appointments.ts'
import type { RemoteTower } from './tower-client.ts'
import { encodeTowerMessage, refusalOf, type TowerMessage, type TowerRequest } from './tower-messages.ts'

/** Milliseconds that an answer may take: disks of tabs in the background are slow. */
const PATIENCE = 60_000

type Answer = Extract<TowerMessage, { type: 'tower_done' | 'tower_refused' }>
/** Of each kind of request. */
type Unnumbered<T> = T extends unknown ? Omit<T, 'number'> : never

const AWAY = notNow(
  'tower-away',
  'The tower is away. What it lacks is kept here and handed over when it is back.',
)
const SILENT = notNow(
  'tower-silent',
  'It does not answer as a tower: it may run another version, or have gone to sleep.',
)

export class TowerSession implements RemoteTower {
  private readonly clock: Clock
  /** Hands over a message. It may be lost with the connection. */
  private readonly send: (bytes: Uint8Array) => void
  private readonly waiting = new Map<number, (answer: Result<Answer>) => void>()
  private last = 0
  private isOver = false

  constructor(clock: Clock, send: (bytes: Uint8Array) => void) {
    this.clock = clock
    this.send = send
  }

  /** How many more appointments it would keep. */
  async register(): Promise<Result<number>> {
    const answer = await this.ask({ type: 'tower_register' })
    return answer.ok ? ok(answer.value.room) : answer
  }

  async keep(series: string, appointment: Appointment): Promise<Result<void>> {
    const answer = await this.ask({ type: 'tower_keep', series, ...appointment })
    return answer.ok ? OK : answer
  }

  async show(series: string, { locator, part }: Omit<Appointment, 'blob'>): Promise<Result<Uint8Array>> {
    const answer = await this.ask({ type: 'tower_show', series, locator, part })
    return answer.ok ? ok(answer.value.blob ?? new Uint8Array(0)) : answer
  }

  async forget(series: string): Promise<Result<void>> {
    const answer = await this.ask({ type: 'tower_forget', series })
    return answer.ok ? OK : answer
  }

  /** Takes an answer. Rejects with `unrequested` one to what was never asked. */
  take(answer: Answer): Result<void> {
    if (answer.number === 0 || answer.number > this.last)
      return invalid('unrequested', 'Sent an answer of a tower that was not asked for.')
    this.waiting.get(answer.number)?.(ok(answer))
    return OK
  }

  /** The connection is over. */
  end(): void {
    this.isOver = true
    for (const tell of [...this.waiting.values()]) tell(AWAY)
  }

  private async ask(
    request: Unnumbered<TowerRequest>,
  ): Promise<Result<Extract<Answer, { type: 'tower_done' }>>> {
    if (this.isOver) return AWAY
    const number = ++this.last
    const answer = await new Promise<Result<Answer>>((resolve) => {
      const cancel = this.clock.after(PATIENCE, () => tell(SILENT))
      const tell = (result: Result<Answer, string> | Rejection) => {
        cancel()
        this.waiting.delete(number)
        resolve(result)
      }
      this.waiting.set(number, tell)
      this.send(encodeTowerMessage({ ...request, number } as TowerRequest))
    })
    if (!answer.ok) return answer
    return answer.value.type === 'tower_done' ? ok(answer.value) : refusalOf(answer.value.code)
  }
}
