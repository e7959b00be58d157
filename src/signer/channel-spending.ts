/**
 * What payments may take of the money in channels: each was approved by name, or falls into an allowance that was given once. Sums are of HTLCs that
 * stand or were taken, so that what comes back may be sent again, and no more. Kept as one record beside those of the channels, under a MAC
 * of a key of its own. Thread: the signer worker only.
 */
import { hmac } from '@noble/hashes/hmac.js'
import { sha256 } from '@noble/hashes/sha2.js'
import { utf8 } from '@scure/base'
import { type Msat, msat } from '../channels/amount.ts'
import { bytesToHex, isHex } from '../primitives/bytes.ts'
import { notNow, OK, type Rejection, type Result } from '../primitives/result.ts'

/** What a person agreed to. */
export interface PaymentApproval {
  /** Payment hash, 64 hex digits; undefined for a payment whose hash nobody knows yet (keysend): the first one that asks. */
  readonly hash: string | undefined
  /** Amount and fee together. */
  readonly most: Msat
}

/** A payment under way. */
interface Payment {
  readonly hash: string
  /** That its HTLCs may take, all together. */
  readonly most: number
  /** What of it the allowance gave. */
  readonly borrowed: number
  /** What stands in HTLCs, or was taken. */
  readonly used: number
  /** HTLCs that stand. */
  readonly standing: number
  /** Nothing more is offered for it. */
  readonly ended: boolean
}

/** In place of a channel's name among the records. */
export const SPENDING = 'spending'

/** The one record of it: plain data. */
export interface SpendingRecord {
  readonly version: 1
  readonly keyId: typeof SPENDING
  /** Left of the allowance, millisatoshis. */
  readonly allowance: number
  readonly payments: readonly Payment[]
  /** HMAC-SHA256 of the rest, 64 hex digits. */
  readonly mac: string
}

/** Payments under way at most; beyond, those that have ended and whose HTLCs never came back are forgotten first. */
const MAX_PAYMENTS = 2_000

const MAC_CONTEXT = 'opentab/channel-spending'

export class ChannelSpending {
  private allowance = 0
  private readonly payments = new Map<string, Payment>()
  private readonly key: Uint8Array

  /** `stored`: what the store holds; where it is damaged, or another hand's, nothing was allowed. `key`: 32 bytes. */
  constructor(stored: unknown, key: Uint8Array) {
    this.key = key
    if (!isRecord(stored) || macOf(stored, key) !== stored.mac) return
    this.allowance = stored.allowance
    for (const payment of stored.payments) this.payments.set(payment.hash, payment)
  }

  record(): SpendingRecord {
    const { allowance } = this
    const open = { version: 1, keyId: SPENDING, allowance, payments: [...this.payments.values()] } as const
    return { ...open, mac: macOf(open, this.key) }
  }

  /** Left of the allowance. */
  get left(): Msat {
    return msat(this.allowance)
  }

  allow(amount: Msat): void {
    this.allowance = amount
  }

  /**
   * A payment is to take `most` in all. `approvals`: that nobody has used, by their numbers; one that covers it is used up, else the allowance gives it. Rejects
   * with `payment-not-approved`.
   */
  begin(hash: string, most: Msat, approvals: Map<number, PaymentApproval>): Result<void> {
    const known = this.payments.get(hash)
    const former = known?.ended ? known.used : (known?.most ?? 0)
    const asked = known?.ended ? most : most - former
    if (asked <= 0) return OK
    const approval = [...approvals].find(([, each]) => each.most >= asked && (each.hash ?? hash) === hash)
    if (!approval && this.allowance < asked) return notApproved(asked, this.allowance)
    const room = this.makeRoom(hash)
    if (!room.ok) return room
    if (approval) approvals.delete(approval[0])
    else this.allowance -= asked
    this.payments.set(hash, {
      hash,
      most: former + asked,
      borrowed: (known?.borrowed ?? 0) + (approval ? 0 : asked),
      used: known?.used ?? 0,
      standing: known?.standing ?? 0,
      ended: false,
    })
    return OK
  }

  /** Nothing more is offered for a payment: what it did not use goes back. */
  end(hash: string): void {
    const payment = this.payments.get(hash)
    if (payment) this.put({ ...payment, ended: true })
  }

  /** Why an HTLC of this amount may not be offered for a payment which already has others of `before` in the same commitment. */
  refusal(hash: string, amount: Msat, before: number): Rejection | undefined {
    const payment = this.payments.get(hash)
    if (!payment) return notApproved(amount, 0)
    const left = payment.most - payment.used - before
    return amount <= left ? undefined : notApproved(amount, left)
  }

  /** An HTLC is offered. */
  use(hash: string, amount: Msat): void {
    const payment = this.payments.get(hash)
    if (payment) this.put({ ...payment, used: payment.used + amount, standing: payment.standing + 1 })
  }

  /** An HTLC is gone, for its preimage or without. */
  settle(hash: string, amount: Msat, taken: boolean): void {
    const payment = this.payments.get(hash)
    if (!payment) return
    const used = taken ? payment.used : Math.max(0, payment.used - amount)
    this.put({ ...payment, used, standing: Math.max(0, payment.standing - 1) })
  }

  /** Takes from the allowance what nothing else explains. Rejects with `payment-not-approved`. */
  charge(amount: Msat): Result<void> {
    if (this.allowance < amount) return notApproved(amount, this.allowance)
    this.allowance -= amount
    return OK
  }

  private put(payment: Payment): void {
    if (!payment.ended) {
      this.payments.set(payment.hash, payment)
      return
    }
    const unused = payment.most - payment.used
    const back = Math.min(payment.borrowed, unused)
    this.allowance += back
    if (payment.standing === 0) this.payments.delete(payment.hash)
    else
      this.payments.set(payment.hash, { ...payment, most: payment.used, borrowed: payment.borrowed - back })
  }

  private makeRoom(hash: string): Result<void> {
    if (this.payments.has(hash) || this.payments.size < MAX_PAYMENTS) return OK
    const oldest = [...this.payments.values()].find(({ ended }) => ended)
    if (!oldest)
      return notNow('payments-many', `${MAX_PAYMENTS} payments are under way. Wait until some are over.`)
    this.payments.delete(oldest.hash)
    return OK
  }
}

function notApproved(amount: number, left: number): Rejection {
  return notNow(
    'payment-not-approved',
    `This payment was not agreed to, and nothing was sent: ${amount} millisatoshis are asked for, and ${left} may be spent without asking. Pay it from the page, or set a greater allowance.`,
  )
}

function macOf({ version, allowance, payments }: Omit<SpendingRecord, 'mac'>, key: Uint8Array): string {
  const rows = payments.map(({ hash, most, borrowed, used, standing, ended }) => [
    hash,
    most,
    borrowed,
    used,
    standing,
    ended,
  ])
  return bytesToHex(hmac(sha256, key, utf8.decode(JSON.stringify([MAC_CONTEXT, version, allowance, rows]))))
}

function isRecord(value: unknown): value is SpendingRecord {
  const { version, keyId, allowance, payments, mac } = (value ?? {}) as Partial<Record<string, unknown>>
  return (
    version === 1 &&
    keyId === SPENDING &&
    isCount(allowance) &&
    Array.isArray(payments) &&
    payments.every(isPayment) &&
    typeof mac === 'string'
  )
}

function isPayment(value: unknown): boolean {
  const { hash, most, borrowed, used, standing, ended } = (value ?? {}) as Partial<Record<string, unknown>>
  return (
    typeof hash === 'string' &&
    isHex(hash, 32) &&
    [most, borrowed, used, standing].every(isCount) &&
    typeof ended === 'boolean'
  )
}

function isCount(value: unknown): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0
}
