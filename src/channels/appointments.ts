/**
 * What a client of a watchtower hands over (after BOLT 13's proposal and The Eye of Satoshi). For each commitment that the counterparty revokes it makes
 * penalty transactions, whole and signed, and encrypts them by the second half of that commitment's txid; the tower keeps them under its first half.
 * Txids can't be guessed, so that the tower learns nothing before it sees the theft, and then no more than what it publishes. It can't take
 * anything: every output is the client's. All blobs are of one length, whatever is in them. Sans I/O, any thread.
 */
import { chacha20poly1305 } from '@noble/ciphers/chacha.js'
import { bytesToHex } from '../primitives/bytes.ts'
import { compactSizeLength, DecodeError, decodeWith, Writer } from '../primitives/codec.ts'
import { taggedHash } from '../primitives/hashes.ts'
import type { Random } from '../primitives/ports.ts'
import { ok, type Result } from '../primitives/result.ts'
import { Transaction } from '../primitives/transaction.ts'
import { commitmentTransaction } from './commitment-transaction.ts'
import { FEERATE_FLOOR } from './policy.ts'
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
const TAG_BYTES = 16
/** Length of every blob, bytes: the penalties of a commitment with up to three HTLCs fit into one. */
export const BLOB_BYTES = 1_536
const PLAIN_BYTES = BLOB_BYTES - NONCE_BYTES - TAG_BYTES
/** Blobs of one commitment, at most: 480 HTLCs need 54. */
export const MAX_PARTS = 255

/** What a tower is asked to keep. */
export interface Appointment {
  /** First half of the txid that is waited for, in internal order, 32 hex digits. */
  readonly locator: string
  /** Which of the commitment's blobs it is, from 0. */
  readonly part: number
  /** Nonce and ciphertext, `BLOB_BYTES` long. */
  readonly blob: Uint8Array
}

/** What opens out of a blob. */
export interface OpenedBlob {
  /** Blobs of the same commitment. */
  readonly parts: number
  /** Those that spend the same outputs follow each other, the one of the least fee first. */
  readonly penalties: readonly Transaction[]
}

/**
 * Satoshis for 1,000 weight units that penalties pay on the day of the theft, which is not known: `shares` of several penalties of the same outputs,
 * rising, so that a tower begins with the cheapest; `htlc` of those that race with the thief.
 */
export interface PenaltyFeerates {
  readonly shares: readonly number[]
  readonly htlc: number
}

/** First half of a txid (32 bytes, internal order), as a locator. */
export function locatorOfTxid(txid: Uint8Array): string {
  return bytesToHex(txid.subarray(0, HALF_BYTES))
}

/**
 * The appointments for a commitment that the counterparty has revoked by `secret`: penalties for `to_local` and `to_remote` together, which nobody
 * else can touch before the delay, and one for each HTLC, which the thief may take to its second level first. What it gets there is beyond a tower:
 * no signature of today can cover it. No penalty pays more than half of what it takes from the thief, as long as that is relayed. Empty where
 * nothing is worth its fee. Rejects as `signSpend` does.
 */
export async function makeAppointments(
  signer: Pick<ChannelSigner, 'signSpend'>,
  contract: ChannelContract,
  commitment: Commitment,
  secret: Uint8Array,
  feerates: PenaltyFeerates,
  random: Random,
): Promise<Result<Appointment[]>> {
  const built = commitmentTransaction(contract, commitment)
  if (!built.ok) return built
  const spends = penaltySpends(built.value, secret)
  const shares = spends.filter(({ kind }) => kind === 'revoked-to-local' || kind === 'to-remote')
  const plans = spends
    .filter(({ kind }) => kind === 'revoked-htlc')
    .flatMap((spend) => penaltiesOf(contract, [spend], [feerates.htlc]))
  // Its own share is no reason to act, where there is nothing to punish.
  if (shares.some(({ kind }) => kind === 'revoked-to-local'))
    plans.unshift(...penaltiesOf(contract, shares, feerates.shares))
  const penalties: Transaction[] = []
  for (const { spends, transaction } of plans) {
    const witnesses: Uint8Array[][] = []
    for (const [index, spend] of spends.entries()) {
      const signature = await signer.signSpend(spendRequest(contract, transaction, spends, index)!)
      if (!signature.ok) return signature
      witnesses.push(spendWitness(spend, signature.value))
    }
    penalties.push(withWitnesses(transaction, witnesses))
  }
  return ok(sealBlobs(built.value.transaction.txidBytes, penalties, random))
}

interface PenaltyPlan {
  readonly spends: readonly ChannelSpend[]
  /** Unsigned. */
  readonly transaction: Transaction
}

/** Penalties of the same outputs at different rates, none twice. */
function penaltiesOf(
  { payout }: ChannelContract,
  spends: readonly ChannelSpend[],
  feerates: readonly number[],
): PenaltyPlan[] {
  const destination = payout.script
  const least = spendTransaction({ spends, destination, feerate: FEERATE_FLOOR })
  if (!least.ok) return []
  const taken = spends.reduce((sum, { kind, output }) => sum + (kind === 'to-remote' ? 0 : output.value), 0)
  const most = Math.floor((taken * 1000) / 2 / least.value.weight)
  const rates = new Set(feerates.map((wanted) => Math.max(FEERATE_FLOOR, Math.min(wanted, most))))
  return [...rates].flatMap((feerate) => {
    const planned = spendTransaction({ spends, destination, feerate })
    return planned.ok ? [{ spends, transaction: planned.value.transaction }] : []
  })
}

/** Encrypts transactions by the txid (32 bytes, internal order) of the one that calls for them, into as many blobs as they need. */
export function sealBlobs(
  txid: Uint8Array,
  transactions: readonly Transaction[],
  random: Random,
): Appointment[] {
  const parts: Transaction[][] = []
  let left = 0
  for (const transaction of transactions) {
    const { length } = transaction.bytes
    const size = compactSizeLength(length) + length
    if (size > left) {
      parts.push([])
      left = PLAIN_BYTES - 1
    }
    if (size > left) throw new Error(`A penalty of ${length} bytes fits into no blob`)
    parts[parts.length - 1].push(transaction)
    left -= size
  }
  return parts.map((held, part) => {
    const writer = new Writer(PLAIN_BYTES).u8(parts.length)
    for (const { bytes } of held) writer.varBytes(bytes)
    const plain = new Uint8Array(PLAIN_BYTES)
    plain.set(writer.finish())
    const nonce = random.bytes(NONCE_BYTES)
    const blob = new Uint8Array(BLOB_BYTES)
    blob.set(nonce)
    blob.set(chacha20poly1305(keyOf(txid), nonce).encrypt(plain), NONCE_BYTES)
    return { locator: locatorOfTxid(txid), part, blob }
  })
}

/** What `sealBlobs` hid; undefined where it is not for this txid, or a client sent nonsense. */
export function openBlob(txid: Uint8Array, blob: Uint8Array): OpenedBlob | undefined {
  let plain: Uint8Array
  try {
    plain = chacha20poly1305(keyOf(txid), blob.subarray(0, NONCE_BYTES)).decrypt(blob.subarray(NONCE_BYTES))
  } catch {
    return undefined
  }
  const decoded = decodeWith(plain, 'appointment-invalid', (reader) => {
    const parts = reader.u8()
    const penalties: Transaction[] = []
    while (reader.remaining > 0) {
      const length = reader.compactSize()
      if (length === 0) break
      const end = length + reader.offset
      penalties.push(Transaction.read(reader))
      if (reader.offset !== end) throw new DecodeError('holds a transaction of another length')
    }
    reader.take(reader.remaining)
    return { parts, penalties }
  })
  return decoded.ok ? decoded.value : undefined
}

function keyOf(txid: Uint8Array): Uint8Array {
  return taggedHash('opentab/tower', txid.subarray(HALF_BYTES))
}
