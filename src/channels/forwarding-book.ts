/** What this node asks for passing payments on, by channel: the same for all until a person sets one. Thread: the brain. */
import type { Clock } from '../primitives/ports.ts'
import { type Msat, msat } from './amount.ts'
import type { ForwardingPolicy } from './graph.ts'
import type { RecordBook } from './record-book.ts'

/** What a person can set of a channel. */
export interface ForwardingFees {
  readonly feeBase: Msat
  readonly feeProportionalMillionths: number
}

const PREFIX = 'fees/'
/** Milliseconds that the policy before is still accepted: until most payers know the new one (BOLT 7, `channel_update`, Rationale). */
const GRACE = 600_000

export class ForwardingBook {
  private readonly book: RecordBook
  private readonly clock: Pick<Clock, 'now'>
  private readonly standard: ForwardingPolicy
  /** By `keyId`. In memory alone: a node that starts again accepts the newest policy only. */
  private readonly former = new Map<string, { readonly policy: ForwardingPolicy; readonly until: number }>()

  /** `standard`: what is asked where nothing was set. */
  constructor(book: RecordBook, clock: Pick<Clock, 'now'>, standard: ForwardingPolicy) {
    this.book = book
    this.clock = clock
    this.standard = standard
  }

  /** What is asked for passing on by the channel of these keys. */
  policy(keyId: string): ForwardingPolicy {
    const text = this.book.get(PREFIX + keyId)
    if (text === undefined) return this.standard
    const [feeBase, feeProportionalMillionths] = JSON.parse(text)
    return { ...this.standard, feeBase: msat(feeBase), feeProportionalMillionths }
  }

  /** What is accepted, the newest first. */
  accepted(keyId: string): readonly ForwardingPolicy[] {
    const former = this.former.get(keyId)
    const isOld = former === undefined || former.until <= this.clock.now()
    return isOld ? [this.policy(keyId)] : [this.policy(keyId), former.policy]
  }

  /** Sets what is asked from now on. Resolves when that is durable. */
  async set(keyId: string, { feeBase, feeProportionalMillionths }: ForwardingFees): Promise<void> {
    this.former.set(keyId, { policy: this.policy(keyId), until: this.clock.now() + GRACE })
    await this.book.set(PREFIX + keyId, JSON.stringify([feeBase, feeProportionalMillionths]))
  }

  /** The channel has ended. */
  async forget(keyId: string): Promise<void> {
    this.former.delete(keyId)
    if (this.book.get(PREFIX + keyId) !== undefined) await this.book.set(PREFIX + keyId, undefined)
  }
}
