/**
 * Watchtowers: another tab that punishes for one that sleeps (after BOLT 13's proposal and The Eye of Satoshi). For each commitment that the
 * counterparty revokes, the client makes penalty transactions, whole and signed, and encrypts them by the second half of that commitment's txid; the
 * tower keeps them under its first half. Txids can't be guessed, so that the tower learns nothing before it sees the theft in a block, and then no
 * more than what it publishes. It can't take anything: every output is the client's. Sans I/O, any thread.
 */
import { chacha20poly1305 } from '@noble/ciphers/chacha.js'
import type { Block } from '../primitives/block.ts'
import { bytesToHex, concatBytes } from '../primitives/bytes.ts'
import { DecodeError, decodeWith, Writer } from '../primitives/codec.ts'
import { taggedHash } from '../primitives/hashes.ts'
import { invalid, notNow, OK, ok, type Result } from '../primitives/result.ts'
import { Transaction } from '../primitives/transaction.ts'
import { commitmentTransaction } from './commitment-transaction.ts'
import type { ChannelContract, ChannelSigner, Commitment } from './ports.ts'
import {
  type ChannelSpend,
  penaltySpends,
  spendRequest,
  spendTransaction,
  spendWitness,
  withWitnesses,
} from './spends.ts'

/** Bytes of a locator and of what the key is made of: the halves of a txid in internal order. */
const HALF_BYTES = 16
const NONCE_BYTES = 12
/** Greatest length of a blob, bytes: penalties for 240 HTLCs of each side have about 80,000. */
export const MAX_BLOB_BYTES = 100_000

/** What a tower is asked to keep. */
export interface Appointment {
  /** First half of the txid that is waited for, 16 bytes. */
  readonly locator: Uint8Array
  /** Nonce and ciphertext. */
  readonly blob: Uint8Array
}

/** An appointment that is kept for a client. */
export interface KeptAppointment extends Appointment {
  readonly client: string
  /** What the client ends all of together, 32 hex digits: the tower sees how many belong together, not to which channel. */
  readonly series: string
}

/** Port: what a tower keeps over restarts. Durable in the strict sense when a promise resolves; throws when storage fails. */
export interface TowerStore {
  load(): Promise<readonly KeptAppointment[]>
  put(appointment: KeptAppointment): Promise<void>
  /** Removes a client's series. */
  remove(client: string, series: string): Promise<void>
}

/** What a tower does for each client at most, and in all. */
export interface TowerLimits {
  readonly clients: number
  readonly bytesPerClient: number
  readonly bytes: number
}

/** About what a tab can spare: some 20,000 states of a client. */
export const TOWER_LIMITS: TowerLimits = { clients: 64, bytesPerClient: 8_000_000, bytes: 64_000_000 }

/** Bytes that an appointment takes beside its blob, about. */
const OVERHEAD = 128

export class Tower {
  private readonly store: TowerStore
  private readonly limits: TowerLimits
  /** By locator in hex: two clients may, and one liar may, wait for the same. */
  private readonly appointments = new Map<string, KeptAppointment[]>()
  private readonly bytesOf = new Map<string, number>()
  private bytes = 0

  private constructor(store: TowerStore, limits: TowerLimits) {
    this.store = store
    this.limits = limits
  }

  static async open(store: TowerStore, limits: TowerLimits = TOWER_LIMITS): Promise<Tower> {
    const tower = new Tower(store, limits)
    for (const appointment of await store.load()) tower.add(appointment)
    return tower
  }

  /** Appointments of a client. */
  countOf(client: string): number {
    return [...this.appointments.values()].flat().filter((kept) => kept.client === client).length
  }

  /**
   * Keeps an appointment; durable when it resolves. The same again is answered as the first. Nothing that is kept ever gives way: a thief would
   * fill the tower until what waits for it is gone. Rejects with `tower-full`, `appointment-invalid`.
   */
  async accept(client: string, series: string, { locator, blob }: Appointment): Promise<Result<void>> {
    if (locator.length !== HALF_BYTES || blob.length < NONCE_BYTES + 16 || blob.length > MAX_BLOB_BYTES)
      return invalid('appointment-invalid', 'What should be kept is no appointment.')
    if (!/^[0-9a-f]{32}$/.test(series))
      return invalid('appointment-invalid', 'The appointment belongs to no series.')
    const kept = { client, series, locator: locator.slice(), blob: blob.slice() }
    const same = this.appointments
      .get(bytesToHex(locator))
      ?.some((other) => other.client === client && bytesToHex(other.blob) === bytesToHex(blob))
    if (same) return OK
    const size = blob.length + OVERHEAD
    const { clients, bytesPerClient, bytes } = this.limits
    const used = this.bytesOf.get(client)
    if (used === undefined && this.bytesOf.size >= clients)
      return notNow('tower-full', 'This tower watches for as many as it can. Choose another one.')
    if ((used ?? 0) + size > bytesPerClient || this.bytes + size > bytes)
      return notNow(
        'tower-full',
        'This tower keeps as much for you as it can. Close old channels, or choose another one.',
      )
    // Before it is stored: two at once must not both fit.
    this.add(kept)
    await this.store.put(kept)
    return OK
  }

  /** Forgets a client's series: its channel is closed for good. */
  async forget(client: string, series: string): Promise<void> {
    for (const [locator, kept] of this.appointments) {
      const left = kept.filter((each) => each.client !== client || each.series !== series)
      if (left.length === kept.length) continue
      for (const each of kept) if (!left.includes(each)) this.count(each, -1)
      if (left.length > 0) this.appointments.set(locator, left)
      else this.appointments.delete(locator)
    }
    await this.store.remove(client, series)
  }

  /**
   * The penalties that a block calls for, to be offered to the mempool one by one: each by itself, since the thief may have taken what one of
   * them spends. To be asked again for the last blocks after a restart and after a reorganisation.
   */
  penaltiesFor(block: Block): Transaction[] {
    return block.transactions.flatMap(({ txidBytes }) => {
      const kept = this.appointments.get(bytesToHex(txidBytes.subarray(0, HALF_BYTES))) ?? []
      return kept.flatMap(({ blob }) => openBlob(txidBytes, blob) ?? [])
    })
  }

  private add(appointment: KeptAppointment): void {
    const locator = bytesToHex(appointment.locator)
    this.appointments.set(locator, [...(this.appointments.get(locator) ?? []), appointment])
    this.count(appointment, 1)
  }

  private count({ client, blob }: KeptAppointment, sign: 1 | -1): void {
    const size = sign * (blob.length + OVERHEAD)
    this.bytes += size
    const used = (this.bytesOf.get(client) ?? 0) + size
    if (used > 0) this.bytesOf.set(client, used)
    else this.bytesOf.delete(client)
  }
}

/**
 * The appointment for a commitment that the counterparty has revoked by `secret`: one penalty for `to_local` and `to_remote`, which nobody else
 * can touch before the delay, and one for each HTLC, which the thief may take to its second level first. What it gets there is beyond a tower: no
 * signature of today can cover it. `feerate`: satoshis for 1,000 weight units on the day of the theft, which is not known: give plenty, it is the
 * thief's money. `nonce`: 12 fresh random bytes. Undefined where nothing is worth its fee. Rejects as `signSpend` does.
 */
export async function makeAppointment(
  signer: Pick<ChannelSigner, 'signSpend'>,
  contract: ChannelContract,
  commitment: Commitment,
  secret: Uint8Array,
  feerate: number,
  nonce: Uint8Array,
): Promise<Result<Appointment | undefined>> {
  const built = commitmentTransaction(contract, commitment)
  if (!built.ok) return built
  const spends = penaltySpends(built.value, secret)
  const shares = spends.filter(({ kind }) => kind === 'revoked-to-local' || kind === 'to-remote')
  const htlcs = spends.filter(({ kind }) => kind === 'revoked-htlc')
  const penalties: Transaction[] = []
  for (const group of [shares, ...htlcs.map((spend) => [spend])]) {
    // Its own share is no reason to act, where there is nothing to punish.
    if (!group.some(({ kind }) => kind.startsWith('revoked'))) continue
    const penalty = await signPenalty(signer, contract, group, feerate)
    if (!penalty.ok) return penalty
    if (penalty.value) penalties.push(penalty.value)
  }
  if (penalties.length === 0) return ok(undefined)
  return ok(sealBlob(built.value.transaction.txidBytes, penalties, nonce))
}

async function signPenalty(
  signer: Pick<ChannelSigner, 'signSpend'>,
  contract: ChannelContract,
  spends: readonly ChannelSpend[],
  feerate: number,
): Promise<Result<Transaction | undefined>> {
  const planned = spendTransaction({ spends, destination: contract.payout.script, feerate })
  if (!planned.ok) return ok(undefined)
  const { transaction } = planned.value
  const witnesses: Uint8Array[][] = []
  for (const [index, spend] of spends.entries()) {
    const signature = await signer.signSpend(spendRequest(contract, transaction, spends, index)!)
    if (!signature.ok) return signature
    witnesses.push(spendWitness(spend, signature.value))
  }
  return ok(withWitnesses(transaction, witnesses))
}

/** Encrypts transactions by the txid (32 bytes, internal order) of the one that calls for them. */
export function sealBlob(
  txid: Uint8Array,
  transactions: readonly Transaction[],
  nonce: Uint8Array,
): Appointment {
  const writer = new Writer(1024)
  for (const { bytes } of transactions) writer.varBytes(bytes)
  const sealed = chacha20poly1305(keyOf(txid), nonce).encrypt(writer.finish())
  return { locator: txid.slice(0, HALF_BYTES), blob: concatBytes(nonce, sealed) }
}

/** What `sealBlob` hid; undefined where it is not for this txid, or a client sent nonsense. */
export function openBlob(txid: Uint8Array, blob: Uint8Array): Transaction[] | undefined {
  let plain: Uint8Array
  try {
    plain = chacha20poly1305(keyOf(txid), blob.subarray(0, NONCE_BYTES)).decrypt(blob.subarray(NONCE_BYTES))
  } catch {
    return undefined
  }
  const decoded = decodeWith(plain, 'appointment-invalid', (reader) => {
    const transactions: Transaction[] = []
    while (reader.remaining > 0) {
      const end = reader.compactSize() + reader.offset
      transactions.push(Transaction.read(reader))
      if (reader.offset !== end) throw new DecodeError('holds a transaction of another length')
    }
    return transactions
  })
  return decoded.ok ? decoded.value : undefined
}

function keyOf(txid: Uint8Array): Uint8Array {
  return taggedHash('opentab/tower', txid.subarray(HALF_BYTES))
}

/** What a client remembers of one channel at one tower. */
export interface TowerProgress {
  /** See `KeptAppointment`. */
  readonly series: string
  /** Number of the first revoked commitment that the tower has not confirmed. */
  readonly next: number
}

/** Port: a tower somewhere else. Rejects as `Tower.accept` does, and with `tower-away`. */
export interface RemoteTower {
  accept(series: string, appointment: Appointment): Promise<Result<void>>
  forget(series: string): Promise<Result<void>>
}

/** What a client's series is made from. */
export interface TowerChannel {
  readonly contract: ChannelContract
  /** How many of the counterparty's commitments are revoked: all numbers below. */
  readonly revokedCount: number
  /** One of them, as the store has it, and the secret that it was revoked with. */
  revoked(
    number: number,
  ): Promise<{ readonly commitment: Commitment; readonly secret: Uint8Array } | undefined>
}

/**
 * Brings a tower up to date, oldest first, since an old state may be the one that pays a thief most. Returns how far it came: to be stored, so
 * that a later call goes on there. Stops, with what it reached, where the tower or the signer refuses.
 */
export async function updateTower(
  tower: RemoteTower,
  signer: Pick<ChannelSigner, 'signSpend'>,
  channel: TowerChannel,
  progress: TowerProgress,
  feerate: number,
  random: { bytes(length: number): Uint8Array },
): Promise<{ readonly progress: TowerProgress; readonly stopped?: string }> {
  let { next } = progress
  while (next < channel.revokedCount) {
    const revoked = await channel.revoked(next)
    if (revoked) {
      const { commitment, secret } = revoked
      const nonce = random.bytes(NONCE_BYTES)
      const made = await makeAppointment(signer, channel.contract, commitment, secret, feerate, nonce)
      const kept = made.ok && made.value ? await tower.accept(progress.series, made.value) : made
      if (!kept.ok) return { progress: { ...progress, next }, stopped: kept.detail }
    }
    next++
  }
  return { progress: { ...progress, next } }
}
