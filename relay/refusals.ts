/**
 * What the relay refuses, told to its operator: at once when it begins, then one line a minute for each kind while it
 * goes on, so that an attack can be seen and can't fill a disk. Thread: Node's main.
 */

/** Longest silence about a kind of refusal that goes on, milliseconds. */
const INTERVAL = 60_000

/** What is refused, as the operator reads it after a number. */
const KINDS = {
  visits: 'connections for the page',
  handshakes: 'handshakes with the relay that were slow or silent',
  slots: 'tabs beyond the share of their address',
  introductions: 'introductions asked for too often',
  lists: 'questions for peers asked too often',
} as const

/** A kind of refusal. */
export type RefusalKind = keyof typeof KINDS

interface Tally {
  count: number
  readonly perAddress: Map<string, number>
}

/** Counts refusals, and says so in sentences. */
export class Refusals {
  readonly #say: (line: string) => void
  readonly #tallies = new Map<RefusalKind, Tally>()
  readonly #timers = new Map<RefusalKind, NodeJS.Timeout>()

  /** `say` is given one line at a time, without its end. */
  constructor(say: (line: string) => void) {
    this.#say = say
  }

  /** One more refusal of a kind, to someone at this address. */
  count(kind: RefusalKind, address: string): void {
    const tally = this.#tallies.get(kind) ?? { count: 0, perAddress: new Map() }
    this.#tallies.set(kind, tally)
    tally.count++
    // A crowd of addresses is told by its first thousand.
    if (tally.perAddress.size < 1000 || tally.perAddress.has(address)) {
      tally.perAddress.set(address, (tally.perAddress.get(address) ?? 0) + 1)
    }
    if (!this.#timers.has(kind)) this.#tell(kind)
  }

  /** Says nothing more. */
  stop(): void {
    for (const timer of this.#timers.values()) clearTimeout(timer)
  }

  #tell(kind: RefusalKind): void {
    const tally = this.#tallies.get(kind)
    this.#tallies.delete(kind)
    if (tally === undefined) {
      this.#timers.delete(kind)
      return
    }
    const [[worst, most] = ['', 0]] = [...tally.perAddress].sort(([, a], [, b]) => b - a)
    const where =
      tally.perAddress.size === 1 ? worst : `${tally.perAddress.size} addresses, ${most} from ${worst}`
    this.#say(`Refused ${tally.count} ${KINDS[kind]} (from ${where}).`)
    const timer = setTimeout(() => this.#tell(kind), INTERVAL)
    this.#timers.set(kind, timer.unref())
  }
}
