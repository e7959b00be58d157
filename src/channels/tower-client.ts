/**
 * One watchtower that a person chose: hands over the penalties for each state that a counterparty has revoked, oldest first, since an old state may be the
 * one that pays a thief most; goes on where it stopped after a cut or a restart; and asks for one of them now and then, so that a tower that keeps nothing is
 * found out. Channels never wait for it. Thread: the brain.
 */
import { bytesToHex } from '../primitives/bytes.ts'
import type { Clock, Random } from '../primitives/ports.ts'
import { OK, ok, type Rejection, type Result } from '../primitives/result.ts'
import {
  type Appointment,
  locatorOfTxid,
  makeAppointments,
  openBlob,
  type PenaltyFeerates,
} from './appointments.ts'
import { commitmentTransaction } from './commitment-transaction.ts'
import type { NodeId } from './gossip.ts'
import type { ChannelContract, ChannelSigner, Commitment } from './ports.ts'
import type { RecordBook } from './record-book.ts'
import { fromText, toText } from './records.ts'

const TOWER = 'tower/'
const SERIES = 'tower-series/'
const SERIES_BYTES = 16

/** Appointments on their way at a time: a tower answers for 64. While payments are under way there are fewer: the signer is theirs. */
const AT_ONCE = 32
const AT_ONCE_BESIDE_PAYMENTS = 4
/** Milliseconds that the next ones wait for each that was sent: the signer works some 15 for it, and a tower takes more. */
const PACE = 25
const PACE_BESIDE_PAYMENTS = 150
/** Milliseconds until a tower that refused is asked again, and between two looks at what it keeps. */
const REST = 600_000
const LOOK = 3_600_000

/** What a client remembers of a tower. */
interface TowerRecord {
  /** Milliseconds since 1970. */
  readonly since: number
  /** Its peer id, so that it is found again. */
  readonly peer: string
  /** How often it did not have what it had promised to keep. */
  readonly lost: number
}

/** What a client remembers of one channel at one tower. */
interface SeriesRecord {
  /** See `Slot`. Another one at each tower, so that two of them don't see that they watch the same channel. */
  readonly series: string
  /** Number of the first revoked commitment that the tower has not acknowledged. */
  readonly next: number
  /** The channel is closed for good: what is kept can go. */
  readonly ended?: boolean
}

/** Port: the tower. Rejects as `TowerRefusal` says, and with `tower-away`, `tower-silent`. */
export interface RemoteTower {
  keep(series: string, appointment: Appointment): Promise<Result<void>>
  show(series: string, place: Omit<Appointment, 'blob'>): Promise<Result<Uint8Array>>
  forget(series: string): Promise<Result<void>>
}

/** A channel that a tower is to watch. */
export interface TowerChannel {
  /** The node on the other side. */
  readonly peer: string
  readonly contract: ChannelContract
  /** How many of the counterparty's commitments are revoked, and durable: all numbers below. */
  readonly revokedCount: number
  /** One of them, as the store has it, and the secret that it was revoked with. Undefined where the channel is gone meanwhile. */
  revoked(
    number: number,
  ): Promise<{ readonly commitment: Commitment; readonly secret: Uint8Array } | undefined>
}

export interface TowerClientPorts {
  readonly book: RecordBook
  readonly signer: Pick<ChannelSigner, 'signSpend'>
  readonly clock: Clock
  readonly random: Random
  readonly remote: RemoteTower
  channels(): readonly TowerChannel[]
  /** Whether payments are under way. */
  isBusy(): boolean
  feerates(): PenaltyFeerates
  /** The store failed, or there is a bug. */
  failed(error: unknown): void
}

/** How a channel stands at a tower. */
export interface TowerProgress {
  readonly keyId: string
  /** Revoked states that the tower has acknowledged, and those that it has not. */
  readonly acknowledged: number
  readonly pending: number
}

export class TowerClient {
  readonly id: NodeId
  private readonly ports: TowerClientPorts
  private isThere = false
  private isClosed = false
  private running: Promise<void> | undefined
  /** Something came while it ran. */
  private again = false
  /** Why it rests. */
  private stopped: { readonly why: Rejection; readonly until: number } | undefined
  /** Whether a series may be to be let go of. */
  private mayHaveEnded = true
  /** When it last had what it was asked for. */
  private lookedAt: number | undefined
  private wakeUp: (() => void) | undefined

  /** The towers that a book remembers. */
  static known(book: RecordBook): NodeId[] {
    return [...book.entries(TOWER)].map(([id]) => id as NodeId)
  }

  constructor(id: NodeId, ports: TowerClientPorts) {
    this.id = id
    this.ports = ports
  }

  /** Remembers it; durable when it resolves. */
  async register(peer: string): Promise<void> {
    const { book, clock } = this.ports
    await book.set(TOWER + this.id, toText({ since: clock.now(), peer, lost: 0 } satisfies TowerRecord))
  }

  get record(): TowerRecord {
    return fromText(this.ports.book.get(TOWER + this.id)!) as TowerRecord
  }

  /** Why it was last given up for a while. */
  get trouble(): Rejection | undefined {
    return this.stopped?.why
  }

  /** Of the channels that it watches: not those with itself, which it would have to punish itself for. */
  get progress(): TowerProgress[] {
    return this.watched().map(({ contract: { keyId }, revokedCount }) => {
      const next = this.stored(keyId)?.next ?? 0
      return { keyId, acknowledged: next, pending: Math.max(0, revokedCount - next) }
    })
  }

  connected(): void {
    this.isThere = true
    this.retry()
  }

  disconnected(): void {
    this.isThere = false
    this.wakeUp?.()
  }

  /** Goes on at once, also where it refused a moment ago, and looks at what it keeps. */
  retry(): void {
    this.stopped = undefined
    this.lookedAt = undefined
    this.wake()
  }

  /** There may be something to do: a state was revoked, a block came, the signer is back. */
  wake(): void {
    const now = this.ports.clock.now()
    if (!this.isThere || this.isClosed || (this.stopped && now < this.stopped.until)) return
    this.again = true
    this.running ??= this.run().finally(() => {
      this.running = undefined
    })
  }

  /** A channel is closed for good; durable when it resolves. */
  async channelEnded(keyId: string): Promise<void> {
    const known = this.stored(keyId)
    if (known) await this.put(keyId, { ...known, ended: true })
    this.mayHaveEnded = true
    this.wake()
  }

  /** Lets go of all that it keeps, as far as it can be told, and forgets it. */
  async abandon(): Promise<void> {
    const { book, remote } = this.ports
    await this.close()
    for (const [name, text] of [...book.entries(`${SERIES}${this.id}/`)]) {
      if (this.isThere) await remote.forget((fromText(text) as SeriesRecord).series)
      await book.set(`${SERIES}${this.id}/${name}`, undefined)
    }
    await book.set(TOWER + this.id, undefined)
  }

  /** Resolves when nothing of it is under way. */
  async close(): Promise<void> {
    this.isClosed = true
    this.wakeUp?.()
    await this.running
  }

  private watched(): TowerChannel[] {
    return this.ports.channels().filter(({ peer }) => peer !== this.id)
  }

  private stored(keyId: string): SeriesRecord | undefined {
    const text = this.ports.book.get(`${SERIES}${this.id}/${keyId}`)
    return text === undefined ? undefined : (fromText(text) as SeriesRecord)
  }

  private seriesOf(keyId: string): SeriesRecord {
    return this.stored(keyId) ?? { series: bytesToHex(this.ports.random.bytes(SERIES_BYTES)), next: 0 }
  }

  private async put(keyId: string, record: SeriesRecord | undefined): Promise<void> {
    await this.ports.book.set(`${SERIES}${this.id}/${keyId}`, record && toText(record))
  }

  private async run(): Promise<void> {
    try {
      while (this.again && !this.isClosed && this.isThere) {
        this.again = false
        const done = await this.catchUp()
        this.stopped = done.ok ? undefined : { why: done, until: this.ports.clock.now() + REST }
        if (!done.ok) return
      }
    } catch (error) {
      this.ports.failed(error)
    }
  }

  /** Brings the tower up to date. Rejects where it, or the signer, refuses: what was acknowledged until then is noted. */
  private async catchUp(): Promise<Result<void>> {
    const looked = await this.look()
    if (!looked.ok) return looked
    const forgotten = await this.forgetEnded()
    if (!forgotten.ok) return forgotten
    // A part of each in turn: a busy channel holds up no other.
    for (let rest = this.watched(); rest.length > 0 && !this.isClosed; ) {
      const left: TowerChannel[] = []
      for (const channel of rest) {
        const handed = await this.handOver(channel)
        if (!handed.ok) return handed
        if (handed.value) left.push(channel)
      }
      rest = left
    }
    return OK
  }

  /** Has it let go of channels that are closed for good. */
  private async forgetEnded(): Promise<Result<void>> {
    if (!this.mayHaveEnded) return OK
    this.mayHaveEnded = false
    for (const [keyId, text] of [...this.ports.book.entries(`${SERIES}${this.id}/`)]) {
      const { series, ended } = fromText(text) as SeriesRecord
      if (!ended) continue
      const forgotten = await this.ports.remote.forget(series)
      if (!forgotten.ok) {
        this.mayHaveEnded = true
        return forgotten
      }
      await this.put(keyId, undefined)
    }
    return OK
  }

  /** Hands over the next states of a channel. Answers whether there are more. */
  private async handOver(channel: TowerChannel): Promise<Result<boolean>> {
    const { signer, remote, random, feerates } = this.ports
    const { contract, revokedCount } = channel
    const known = this.seriesOf(contract.keyId)
    let { next } = known
    if (next >= revokedCount) return ok(false)
    // So that it is known what to let go of, whatever comes.
    if (next === 0) await this.put(contract.keyId, known)
    const handed: { readonly number: number; readonly answers: Promise<Result<void>>[] }[] = []
    const underway: Promise<unknown>[] = []
    let refused: Rejection | undefined
    const most = this.ports.isBusy() ? AT_ONCE_BESIDE_PAYMENTS : AT_ONCE
    for (let number = next; number < revokedCount && underway.length < most; number++) {
      const revoked = await channel.revoked(number)
      if (!revoked) return ok(false)
      const { commitment, secret } = revoked
      const made = await makeAppointments(signer, contract, commitment, secret, feerates(), random)
      if (!made.ok) {
        refused = made
        break
      }
      const answers: Promise<Result<void>>[] = []
      for (const appointment of made.value) {
        // One state alone may have more.
        if (underway.length >= most) await this.answered(underway.splice(0))
        const answer = remote.keep(known.series, appointment)
        answers.push(answer)
        underway.push(answer)
      }
      handed.push({ number, answers })
    }
    await this.answered(underway)
    for (const { number, answers } of handed) {
      const failed = (await Promise.all(answers)).find((answer) => !answer.ok)
      if (failed && !failed.ok) {
        refused = failed
        break
      }
      next = number + 1
    }
    if (next > known.next) await this.put(contract.keyId, { ...(this.stored(contract.keyId) ?? known), next })
    return refused ?? ok(next < revokedCount)
  }

  /** Asks for what it has promised to keep, of a state of each channel that nobody can foresee. What is not there is handed over again, all of it. */
  private async look(): Promise<Result<void>> {
    const { book, clock } = this.ports
    const now = clock.now()
    if (this.lookedAt !== undefined && now - this.lookedAt < LOOK) return OK
    for (const channel of this.watched()) {
      const { keyId } = channel.contract
      const known = this.stored(keyId)
      if (!known || known.next === 0 || known.ended) continue
      const kept = await this.isKept(channel, known.series, this.draw(known.next))
      if (!kept.ok) return kept
      if (kept.value) continue
      const { record } = this
      await book.set(TOWER + this.id, toText({ ...record, lost: record.lost + 1 } satisfies TowerRecord))
      await this.put(keyId, { ...known, next: 0 })
    }
    this.lookedAt = now
    return OK
  }

  private async isKept(channel: TowerChannel, series: string, number: number): Promise<Result<boolean>> {
    const { signer, remote, random, feerates } = this.ports
    const { contract } = channel
    const revoked = await channel.revoked(number)
    if (!revoked) return ok(true)
    const { commitment, secret } = revoked
    const built = commitmentTransaction(contract, commitment)
    if (!built.ok) return built
    const { txidBytes } = built.value.transaction
    const open = async (part: number): Promise<Result<number>> => {
      const shown = await remote.show(series, { locator: locatorOfTxid(txidBytes), part })
      if (!shown.ok) return shown
      return ok(openBlob(txidBytes, shown.value)?.parts ?? 0)
    }
    const first = await open(0)
    const last = first.ok && first.value > 1 ? await open(1 + this.draw(first.value - 1)) : first
    if (last.ok) return ok(last.value > 0)
    if (last.code !== 'tower-absent') return last
    // There may have been nothing to keep.
    const made = await makeAppointments(signer, contract, commitment, secret, feerates(), random)
    return made.ok ? ok(made.value.length === 0) : made
  }

  /** A number below `count`. */
  private draw(count: number): number {
    const [a, b, c, d] = this.ports.random.bytes(4)
    return (a * 0x100_0000 + b * 0x1_0000 + c * 0x100 + d) % count
  }

  /** Resolves when all of them are answered, and as many more may be sent. */
  private async answered(requests: readonly Promise<unknown>[]): Promise<void> {
    const rested = new Promise<void>((resolve) => {
      const pace = this.ports.isBusy() ? PACE_BESIDE_PAYMENTS : PACE
      const cancel = this.ports.clock.after(requests.length * pace, resolve)
      this.wakeUp = () => {
        cancel()
        resolve()
      }
    })
    await Promise.all([rested, ...requests])
    this.wakeUp = undefined
  }
}
