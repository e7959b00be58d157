/**
 * What is left to do once a channel's money has moved on the chain (BOLT 5): which transaction it was that spent it, and for each output whose
 * it is, from when, until when, and how it is taken. A function of the chain, of what the channel remembers, and of the preimages that are
 * known: asked anew at every block, so that neither a restart nor a reorganisation needs a memory here. Pure, any thread.
 */
import type { Sats } from '../primitives/amount.ts'
import { equalBytes } from '../primitives/bytes.ts'
import { sha256 } from '../primitives/hashes.ts'
import { SEQUENCE_LOCK_DISABLE } from '../primitives/lock-times.ts'
import { type Outpoint, outpointKey, type Transaction } from '../primitives/transaction.ts'
import type { ChainWatch, Sighting } from './chain-watch.ts'
import {
  type CommitmentTransaction,
  commitmentNumber,
  commitmentTransaction,
} from './commitment-transaction.ts'
import { type HtlcTransaction, htlcTransactions } from './htlc-transactions.ts'
import type { ChannelContract, Commitment, CommitmentHtlc, HolderCommitmentSignatures } from './ports.ts'
import { PREIMAGE_BYTES } from './scripts.ts'
import { type SecretStore, secretIndex } from './secrets.ts'
import {
  type ChannelSpend,
  counterpartySpends,
  holderSpends,
  type PreimageOf,
  penaltySpends,
  secondLevelSpends,
  toRemoteSpends,
} from './spends.ts'

/** What a channel remembers that matters on the chain. A `ChannelState` has it. */
export interface ClosableChannel {
  readonly contract: ChannelContract
  readonly holder: { readonly commitment: Commitment; readonly signatures: HolderCommitmentSignatures }
  readonly counterparty: readonly Commitment[]
  readonly secrets: SecretStore
}

/** What spent the funding output. */
export type Close =
  | {
      readonly kind: 'holder'
      readonly commitment: Commitment
      readonly built: CommitmentTransaction
      readonly secondLevel: readonly HtlcTransaction[]
      readonly htlcSignatures: readonly Uint8Array[]
    }
  | { readonly kind: 'counterparty'; readonly commitment: Commitment; readonly built: CommitmentTransaction }
  | {
      readonly kind: 'revoked'
      readonly commitment: Commitment
      readonly built: CommitmentTransaction
      readonly secret: Uint8Array
    }
  /** A commitment of the counterparty that this copy of the channel knows nothing of: its own share is all that it finds. */
  | { readonly kind: 'future' }
  /** Both signed it. */
  | { readonly kind: 'mutual' }
  /** Neither a commitment nor one that pays us: the key is somebody else's, or the store was damaged. */
  | { readonly kind: 'unknown' }

/** Which transaction spent the funding output. `revoked`: a commitment that the counterparty has revoked, as the store has it. */
export async function identifyClose(
  channel: ClosableChannel,
  transaction: Transaction,
  revoked: (number: number) => Promise<Commitment | undefined>,
): Promise<Close> {
  const { contract, holder, counterparty, secrets } = channel
  const isIt = (commitment: Commitment): CommitmentTransaction | undefined => {
    const built = commitmentTransaction(contract, commitment)
    return built.ok && built.value.transaction.txid === transaction.txid ? built.value : undefined
  }
  const own = isIt(holder.commitment)
  if (own) {
    const { commitment, signatures } = holder
    const secondLevel = htlcTransactions(contract, commitment, own)
    return { kind: 'holder', commitment, built: own, secondLevel, htlcSignatures: signatures.htlcSignatures }
  }
  for (const commitment of counterparty) {
    const built = isIt(commitment)
    if (built) return { kind: 'counterparty', commitment, built }
  }
  const number = commitmentNumber(contract, transaction)
  if (number === undefined) {
    const pays = transaction.outputs.some(({ scriptPubKey }) =>
      equalBytes(scriptPubKey, contract.payout.script),
    )
    const hadShare = holder.commitment.holderAmount >= contract.holder.dustLimit * 1000
    return { kind: pays || !hadShare ? 'mutual' : 'unknown' }
  }
  const secret = secrets.find(secretIndex(number))
  const commitment = secret && (await revoked(number))
  const built = commitment && isIt(commitment)
  return built ? { kind: 'revoked', commitment, built, secret } : { kind: 'future' }
}

/** What has become of an output, or is to. */
export interface Resolution {
  readonly outpoint: Outpoint
  readonly amount: Sats
  readonly kind: ChannelSpend['kind'] | 'htlc-unclaimable'
  readonly htlc?: CommitmentHtlc
  /** `theirs`: the other side took it, by right or by a race. */
  readonly state: 'waiting' | 'claimable' | 'ours' | 'theirs'
  /** Height of the first block that may hold what takes it; of the one that does, once it is taken. */
  readonly height: number
  /** Height of the first block in which the other side may take it instead. */
  readonly deadline?: number
  /** How it is taken, where nobody has. */
  readonly spend?: ChannelSpend
  /** What took it. */
  readonly taken?: Sighting
}

/** What a close has for the holder, second level included. `watch`: of the chain whose tip has height `tip`. */
export function resolutionsOf(
  contract: ChannelContract,
  close: Close,
  closed: Sighting,
  watch: ChainWatch,
  tip: number,
  preimageOf: PreimageOf,
): Resolution[] {
  const first = firstSpends(contract, close, closed.transaction, preimageOf)
  const resolutions = first.map((spend) => resolution(contract, close, spend, closed.height, watch, tip))
  const unclaimable =
    close.kind === 'holder' || close.kind === 'counterparty' ? unclaimableHtlcs(close, first) : []
  for (const { outpoint, amount, htlc } of unclaimable) {
    const taken = watch.spendOf(outpoint)
    const state = taken ? 'theirs' : 'waiting'
    const height = taken?.height ?? htlc.expiry
    resolutions.push({
      outpoint,
      amount,
      kind: 'htlc-unclaimable',
      htlc,
      state,
      height,
      ...(taken && { taken }),
    })
  }
  if (close.kind !== 'holder' && close.kind !== 'revoked') return resolutions
  // What took an HTLC may be a second-level transaction, and one may take several.
  const below = new Map<string, Sighting>()
  for (const { taken, kind } of resolutions)
    if (taken && isHtlc(kind)) below.set(taken.transaction.txid, taken)
  const secret = close.kind === 'revoked' ? close.secret : undefined
  for (const { transaction, height } of below.values())
    for (const spend of secondLevelSpends(contract, close.commitment, transaction, secret))
      resolutions.push(resolution(contract, close, spend, height, watch, tip))
  return resolutions
}

function firstSpends(
  contract: ChannelContract,
  close: Close,
  transaction: Transaction,
  preimageOf: PreimageOf,
): ChannelSpend[] {
  switch (close.kind) {
    case 'holder': {
      const { commitment, built, secondLevel, htlcSignatures } = close
      return holderSpends(contract, commitment, built, secondLevel, htlcSignatures, preimageOf)
    }
    case 'counterparty':
      return counterpartySpends(close.commitment, close.built, preimageOf)
    case 'revoked':
      return penaltySpends(close.built, close.secret)
    case 'future':
      return toRemoteSpends(contract, transaction)
    case 'mutual':
    case 'unknown':
      return []
  }
}

/** HTLCs that the holder was offered, and whose preimage is not known. */
function unclaimableHtlcs(
  { built }: Extract<Close, { readonly built: CommitmentTransaction }>,
  spends: readonly ChannelSpend[],
): { readonly outpoint: Outpoint; readonly amount: Sats; readonly htlc: CommitmentHtlc }[] {
  const claimed = new Set(spends.map(({ outpoint }) => outpointKey(outpoint)))
  return built.htlcs.flatMap(({ index, htlc, amount }) => {
    const outpoint = { txid: built.transaction.txidBytes, index }
    return claimed.has(outpointKey(outpoint)) ? [] : [{ outpoint, amount, htlc }]
  })
}

function isHtlc(kind: Resolution['kind']): boolean {
  return kind.includes('htlc')
}

function resolution(
  contract: ChannelContract,
  close: Close,
  spend: ChannelSpend,
  confirmed: number,
  watch: ChainWatch,
  tip: number,
): Resolution {
  const { kind, outpoint, output, htlc, sequence, lockTime } = spend
  const base = { outpoint, amount: output.value, kind, ...(htlc && { htlc }) }
  const taken = watch.spendOf(outpoint)
  if (taken) {
    const state = isOwn(contract, close, taken.transaction) ? 'ours' : 'theirs'
    return { ...base, state, height: taken.height, taken }
  }
  const delayed = sequence & SEQUENCE_LOCK_DISABLE ? confirmed : confirmed + sequence
  const height = Math.max(delayed, lockTime + 1, confirmed)
  const deadline = deadlineOf(contract, spend, confirmed)
  const state = tip + 1 >= height ? 'claimable' : 'waiting'
  return { ...base, state, height, spend, ...(deadline !== undefined && { deadline }) }
}

/** From which block on the other side may take an output that is the holder's. */
function deadlineOf(
  { counterparty }: ChannelContract,
  { kind, htlc }: ChannelSpend,
  confirmed: number,
): number | undefined {
  switch (kind) {
    case 'revoked-to-local':
    case 'revoked-second-level':
      return confirmed + counterparty.delay
    // By its second-level transaction, a block after the commitment; what it gets by that is delayed once more.
    case 'revoked-htlc':
      return confirmed + 1
    case 'htlc-success':
    case 'htlc-success-transaction':
      return htlc!.expiry + 1
    // With the preimage it may at any time.
    case 'htlc-timeout':
    case 'htlc-timeout-transaction':
      return htlc!.expiry + 1
    default:
      return undefined
  }
}

/** Whether a transaction is one of the holder's own: it pays its script, or its own second level. */
function isOwn({ payout, ...contract }: ChannelContract, close: Close, transaction: Transaction): boolean {
  const second =
    close.kind === 'holder' ? secondLevelSpends({ payout, ...contract }, close.commitment, transaction) : []
  return (
    second.length > 0 ||
    transaction.outputs.some(({ scriptPubKey }) => equalBytes(scriptPubKey, payout.script))
  )
}

/** The preimage of a payment hash in the witnesses of a transaction: whoever takes an HTLC with it shows it. */
export function preimageIn({ inputs }: Transaction, paymentHash: Uint8Array): Uint8Array | undefined {
  for (const { witness } of inputs)
    for (const item of witness)
      if (item.length === PREIMAGE_BYTES && equalBytes(sha256(item), paymentHash)) return item
  return undefined
}
