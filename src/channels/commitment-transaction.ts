/**
 * Commitment transactions (BOLT 3, Commitment Transaction; extension BOLT "simple taproot channels"): what both sides build, each for itself,
 * from a contract and a commitment, and must agree on to the byte. Amounts on the chain are satoshis, weights weight units. Pure, any thread.
 */
import { type Sats, sats } from '../primitives/amount.ts'
import { compareBytes } from '../primitives/bytes.ts'
import { sha256 } from '../primitives/hashes.ts'
import { invalid, ok, type Result } from '../primitives/result.ts'
import {
  type Outpoint,
  outpointOf,
  Transaction,
  type TransactionFields,
  unsignedInput,
} from '../primitives/transaction.ts'
import { type Msat, msatToSats } from './amount.ts'
import { type CommitmentKeys, commitmentKeys } from './keys.ts'
import type { ChannelContract, ChannelParty, Commitment, CommitmentHtlc } from './ports.ts'
import {
  acceptedHtlcOutput,
  anchorOutput,
  type HtlcLeaf,
  offeredHtlcOutput,
  type ScriptOutput,
  toLocalOutput,
  toRemoteOutput,
} from './scripts.ts'

/** Amount of each anchor. */
export const ANCHOR_AMOUNT = sats(330)

/**
 * Weight that the fee of a commitment without HTLCs is counted for, whichever of its outputs stand. It is the figure that the extension's
 * implementations agree on; a commitment with its four outputs weighs 8 less.
 */
export const COMMITMENT_FEE_WEIGHT = 968
/** Weight of an HTLC's output. */
export const HTLC_OUTPUT_WEIGHT = 172

/** One output of a commitment transaction. */
export type CommitmentOutput = { readonly amount: Sats } & (
  | { readonly kind: 'to-local'; readonly output: ScriptOutput<'settle' | 'revocation'> }
  | { readonly kind: 'to-remote'; readonly output: ScriptOutput<'settle'> }
  | { readonly kind: 'local-anchor' | 'remote-anchor'; readonly output: ScriptOutput<'sweep'> }
  | { readonly kind: 'htlc'; readonly output: ScriptOutput<HtlcLeaf>; readonly htlc: CommitmentHtlc }
)

/** An HTLC that has an output. */
export interface HtlcOutput {
  readonly index: number
  readonly htlc: CommitmentHtlc
  readonly output: ScriptOutput<HtlcLeaf>
  readonly amount: Sats
}

export interface CommitmentTransaction {
  /** Without its witness. */
  readonly transaction: Transaction
  /** As `transaction.outputs`. "Local" is the broadcaster, as in BOLT 3. */
  readonly outputs: readonly CommitmentOutput[]
  /** The HTLCs of `outputs`, in their order: that of the second-level signatures in `commitment_signed`. */
  readonly htlcs: readonly HtlcOutput[]
  readonly keys: CommitmentKeys
  /** All that goes to the miner: the funder's fee, what was trimmed, and fractions of a satoshi. */
  readonly fee: Sats
}

/** The two sides of a commitment: its owner and the other. */
export function sidesOf(
  { holder, counterparty }: ChannelContract,
  { ofHolder }: Pick<Commitment, 'ofHolder'>,
): { readonly broadcaster: ChannelParty; readonly countersignatory: ChannelParty } {
  return ofHolder
    ? { broadcaster: holder, countersignatory: counterparty }
    : { broadcaster: counterparty, countersignatory: holder }
}

/** Where a channel's money is. */
export function fundingOutpoint({ fundingTxid, fundingOutput }: ChannelContract): Outpoint {
  return outpointOf(fundingTxid, fundingOutput)
}

/** The keys of a commitment's scripts. */
export function keysOf(
  contract: ChannelContract,
  commitment: Pick<Commitment, 'ofHolder' | 'point'>,
): CommitmentKeys {
  const { broadcaster, countersignatory } = sidesOf(contract, commitment)
  return commitmentKeys(broadcaster.basepoints, countersignatory.basepoints, commitment.point)
}

/** Whether an HTLC has no output in commitments of a side with this dust limit: second-level transactions pay no fee of their own. */
export function isTrimmed(amount: Msat, dustLimit: Sats): boolean {
  return msatToSats(amount) < dustLimit
}

/** The funder's fee, satoshis, at `feerate` satoshis for 1,000 weight units, with so many HTLCs that are not trimmed. */
export function commitmentFee(feerate: number, htlcs: number): Sats {
  return sats(Math.floor((feerate * (COMMITMENT_FEE_WEIGHT + HTLC_OUTPUT_WEIGHT * htlcs)) / 1000))
}

/**
 * Whether the funder pays at least `feerate` for a commitment. A side may offer HTLCs whose fee the other can't pay: a commitment that no mempool
 * takes would leave every HTLC in it to whoever finds a miner.
 */
export function paysFee(contract: ChannelContract, commitment: Commitment, feerate: number): boolean {
  const { holderAmount, counterpartyAmount, htlcs } = commitment
  const { dustLimit } = sidesOf(contract, commitment).broadcaster
  const untrimmed = htlcs.filter(({ amount }) => !isTrimmed(amount, dustLimit)).length
  const share = msatToSats(contract.holderIsFunder ? holderAmount : counterpartyAmount)
  return share >= commitmentFee(feerate, untrimmed) + 2 * ANCHOR_AMOUNT
}

/**
 * The commitment transaction, unsigned. Rejects with `commitment-amounts` amounts that do not add up to the channel's, and with
 * `commitment-fee` a funder who can't pay the two anchors. A funder who can pay them and not the whole fee pays what it has: HTLCs that the
 * two sides add at once can bring that about, and both must then build the same.
 */
export function commitmentTransaction(
  contract: ChannelContract,
  commitment: Commitment,
): Result<CommitmentTransaction> {
  const { broadcaster } = sidesOf(contract, commitment)
  const shares = sharesOf(contract, commitment)
  if (!shares.ok) return shares
  const { local, remote } = shares.value
  const keys = keysOf(contract, commitment)
  const { dustLimit, delay } = broadcaster

  const outputs: CommitmentOutput[] = []
  for (const htlc of commitment.htlcs) {
    if (isTrimmed(htlc.amount, dustLimit)) continue
    const offered = htlc.offered === commitment.ofHolder
    const output = offered ? offeredHtlcOutput(keys, htlc) : acceptedHtlcOutput(keys, htlc)
    outputs.push({ kind: 'htlc', output, amount: msatToSats(htlc.amount), htlc })
  }
  const withHtlcs = outputs.length > 0
  if (local >= dustLimit)
    outputs.push({ kind: 'to-local', output: toLocalOutput(keys, delay), amount: local })
  if (remote >= dustLimit) outputs.push({ kind: 'to-remote', output: toRemoteOutput(keys), amount: remote })
  if (withHtlcs || local >= dustLimit)
    outputs.push({
      kind: 'local-anchor',
      output: anchorOutput(keys.broadcasterDelayed),
      amount: ANCHOR_AMOUNT,
    })
  if (withHtlcs || remote >= dustLimit)
    outputs.push({
      kind: 'remote-anchor',
      output: anchorOutput(keys.countersignatoryPayment),
      amount: ANCHOR_AMOUNT,
    })
  outputs.sort(compareOutputs)

  const { lockTime, sequence } = numberFields(obscuredNumber(contract, commitment.number))
  const transaction = Transaction.of({
    version: 2,
    inputs: [unsignedInput(fundingOutpoint(contract), sequence)],
    outputs: outputs.map(({ amount, output }) => ({ value: amount, scriptPubKey: output.scriptPubKey })),
    lockTime,
  })
  const htlcs = outputs.flatMap((each, index) =>
    each.kind === 'htlc' ? [{ index, htlc: each.htlc, output: each.output, amount: each.amount }] : [],
  )
  const paid = outputs.reduce((sum, { amount }) => sum + amount, 0)
  return ok({ transaction, outputs, htlcs, keys, fee: sats(contract.fundingAmount - paid) })
}

/** What each side has once the funder has paid fee and anchors, satoshis. */
function sharesOf(
  contract: ChannelContract,
  commitment: Commitment,
): Result<{ readonly local: Sats; readonly remote: Sats }> {
  const { ofHolder, holderAmount, counterpartyAmount, htlcs, feerate } = commitment
  const total = htlcs.reduce((sum, { amount }) => sum + amount, holderAmount + counterpartyAmount)
  if (holderAmount < 0 || counterpartyAmount < 0 || total !== contract.fundingAmount * 1000)
    return invalid(
      'commitment-amounts',
      `The commitment shares out ${total} millisatoshis of a channel of ${contract.fundingAmount} satoshis.`,
    )
  const { dustLimit } = sidesOf(contract, commitment).broadcaster
  const untrimmed = htlcs.filter(({ amount }) => !isTrimmed(amount, dustLimit)).length
  const cost = commitmentFee(feerate, untrimmed) + 2 * ANCHOR_AMOUNT
  const holderShare = msatToSats(holderAmount)
  const counterpartyShare = msatToSats(counterpartyAmount)
  const funderShare = contract.holderIsFunder ? holderShare : counterpartyShare
  if (funderShare < 2 * ANCHOR_AMOUNT)
    return invalid(
      'commitment-fee',
      `Who funded the channel has ${funderShare} satoshis left, too few for the anchors of ${2 * ANCHOR_AMOUNT}.`,
    )
  const left = sats(Math.max(funderShare - cost, 0))
  const holder = contract.holderIsFunder ? left : holderShare
  const counterparty = contract.holderIsFunder ? counterpartyShare : left
  return ok(ofHolder ? { local: holder, remote: counterparty } : { local: counterparty, remote: holder })
}

/** BOLT 3, Transaction Output Ordering: amount, script, and for HTLCs that share both the expiry. */
function compareOutputs(a: CommitmentOutput, b: CommitmentOutput): number {
  return (
    a.amount - b.amount ||
    compareBytes(a.output.scriptPubKey, b.output.scriptPubKey) ||
    (a.kind === 'htlc' && b.kind === 'htlc' ? a.htlc.expiry - b.htlc.expiry : 0)
  )
}

const HALF = 2 ** 24

/** The number of a commitment under the mask that hides from strangers how many there were; the same the other way round. */
function obscuredNumber({ holderIsFunder, holder, counterparty }: ChannelContract, number: number): number {
  const [opener, accepter] = holderIsFunder ? [holder, counterparty] : [counterparty, holder]
  const hash = sha256(opener.basepoints.payment, accepter.basepoints.payment)
  const view = new DataView(hash.buffer, hash.byteOffset)
  // The last 48 bits, in halves: operators of bits know 32.
  const [high, low] = [view.getUint32(25) & (HALF - 1), view.getUint32(28) & (HALF - 1)]
  return (Math.floor(number / HALF) ^ high) * HALF + ((number % HALF) ^ low)
}

function numberFields(obscured: number): { readonly lockTime: number; readonly sequence: number } {
  return { lockTime: 0x20 * HALF + (obscured % HALF), sequence: 0x80 * HALF + Math.floor(obscured / HALF) }
}

/**
 * The number of the commitment that `transaction`, which spends the funding output, is; undefined where its lock time and sequence are not
 * those of a commitment.
 */
export function commitmentNumber(
  contract: ChannelContract,
  { inputs, lockTime }: TransactionFields,
): number | undefined {
  const [{ sequence }] = inputs
  if (inputs.length !== 1 || lockTime >>> 24 !== 0x20 || sequence >>> 24 !== 0x80) return undefined
  return obscuredNumber(contract, (sequence % HALF) * HALF + (lockTime % HALF))
}
