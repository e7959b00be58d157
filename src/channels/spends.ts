/**
 * Every way in which the holder of a channel spends an output of its commitments, of a second-level transaction, or of a revoked commitment
 * (BOLT 5; extension BOLT "simple taproot channels"), as plain data: what is signed with which key, and the witness around the signature.
 * Weights are exact: every signature here has 64 bytes. Pure, any thread.
 */

import { DUST } from '../policy/fees.ts'
import { type Sats, sats } from '../primitives/amount.ts'
import { equalBytes } from '../primitives/bytes.ts'
import { compactSizeLength } from '../primitives/codec.ts'
import { invalid, ok, type Result } from '../primitives/result.ts'
import {
  type Outpoint,
  Transaction,
  type TransactionFields,
  type TxOutput,
  unsignedInput,
} from '../primitives/transaction.ts'
import { packOutputs } from '../script/input-check.ts'
import { SIGHASH_DEFAULT, SighashCache } from '../script/sighash.ts'
import { tapLeafHash } from '../script/taproot.ts'
import { type CommitmentOutput, type CommitmentTransaction, sidesOf } from './commitment-transaction.ts'
import { HTLC_HASH_TYPE, type HtlcTransaction, ONE_BLOCK, spentHtlcOutput } from './htlc-transactions.ts'
import { commitmentKeys } from './keys.ts'
import type { ChannelContract, Commitment, CommitmentHtlc, SpendKey, SpendRequest } from './ports.ts'
import {
  ANCHOR_DELAY,
  controlBlock,
  type ScriptOutput,
  secondLevelOutput,
  toRemoteOutput,
} from './scripts.ts'

/** Sequence of an input that waits for nothing: it may be replaced, and leaves nLockTime in force. */
const AT_ONCE = 0xfffffffd

const SIGNATURE_BYTES = 64

/** How one output is spent. */
export interface ChannelSpend {
  readonly kind:
    | 'to-local'
    | 'to-remote'
    | 'anchor'
    | 'anchor-of-anyone'
    | 'htlc-timeout-transaction'
    | 'htlc-success-transaction'
    | 'htlc-timeout'
    | 'htlc-success'
    | 'second-level'
    | 'revoked-to-local'
    | 'revoked-htlc'
    | 'revoked-second-level'
  readonly outpoint: Outpoint
  /** What is spent. */
  readonly output: TxOutput
  /** BIP68: a number of blocks since the output was confirmed, or none. */
  readonly sequence: number
  /** Height that has to be reached, 0 for none: the transaction's lock time is at least that. */
  readonly lockTime: number
  /** Who signs; undefined where no signature is asked for. */
  readonly key: SpendKey | undefined
  /** A leaf of the output's tree, or the root of the tree for the key path. */
  readonly path:
    | { readonly leafScript: Uint8Array; readonly controlBlock: Uint8Array }
    | { readonly merkleRoot: Uint8Array }
  /** Witness items below and above the holder's signature. */
  readonly below: readonly Uint8Array[]
  readonly above: readonly Uint8Array[]
  /** Of a second-level transaction: the output that has to stand at the input's place. */
  readonly paired?: TxOutput
  /** The HTLC that it settles. */
  readonly htlc?: CommitmentHtlc
}

/** The preimage, 32 bytes, of a payment hash, where it is known. */
export type PreimageOf = (paymentHash: Uint8Array) => Uint8Array | undefined

type Source = Pick<ChannelSpend, 'outpoint' | 'output'>

function sourceOf({ transaction }: Pick<CommitmentTransaction, 'transaction'>, index: number): Source {
  return { outpoint: { txid: transaction.txidBytes, index }, output: transaction.outputs[index] }
}

/** Neither a lock, nor a companion of the signature. */
const PLAIN = { sequence: AT_ONCE, lockTime: 0, below: [], above: [] } as const

function leafPath<Leaf extends string>(output: ScriptOutput<Leaf>, leaf: Leaf) {
  return { leafScript: output.leaves[leaf], controlBlock: controlBlock(output, leaf) }
}

function keyPath({ merkleRoot }: ScriptOutput) {
  return { merkleRoot }
}

/**
 * What the holder can take from its own commitment once that is published: its share when the delay has passed, its anchor at once, and its
 * HTLCs by second-level transactions, those that it was offered only where the preimage is known. `htlcSignatures`: the counterparty's, 64
 * bytes each, in the order of `htlcTransactions`.
 */
export function holderSpends(
  contract: ChannelContract,
  commitment: Commitment,
  built: CommitmentTransaction,
  secondLevel: readonly HtlcTransaction[],
  htlcSignatures: readonly Uint8Array[],
  preimageOf: PreimageOf,
): ChannelSpend[] {
  const key: SpendKey = { kind: 'delayed-payment', point: commitment.point }
  const direct = built.outputs.flatMap((each, index): ChannelSpend[] => {
    const source = sourceOf(built, index)
    if (each.kind === 'to-local')
      return [
        {
          ...PLAIN,
          ...source,
          kind: 'to-local',
          key,
          sequence: contract.holder.delay,
          path: leafPath(each.output, 'settle'),
        },
      ]
    if (each.kind === 'local-anchor')
      return [{ ...PLAIN, ...source, kind: 'anchor', key, path: keyPath(each.output) }]
    return []
  })
  const htlcs = secondLevel.flatMap((each, position): ChannelSpend[] => {
    const preimage = preimageOf(each.source.htlc.paymentHash)
    const spend = htlcTransactionSpend(commitment, each, htlcSignatures[position], preimage)
    return spend ? [spend] : []
  })
  return [...direct, ...htlcs]
}

/**
 * The input of a second-level transaction of the holder. `signature`: the counterparty's, 64 bytes. Undefined where it needs a preimage and
 * none is given.
 */
export function htlcTransactionSpend(
  { point }: Pick<Commitment, 'point'>,
  htlcTransaction: HtlcTransaction,
  signature: Uint8Array,
  preimage: Uint8Array | undefined,
): ChannelSpend | undefined {
  const { source, leaf, transaction } = htlcTransaction
  if (leaf === 'success' && !preimage) return undefined
  return {
    kind: leaf === 'success' ? 'htlc-success-transaction' : 'htlc-timeout-transaction',
    outpoint: transaction.inputs[0].prevout,
    output: spentHtlcOutput(htlcTransaction),
    sequence: ONE_BLOCK,
    lockTime: transaction.lockTime,
    key: { kind: 'htlc', point },
    path: leafPath(source.output, leaf),
    below: [Uint8Array.of(...signature, HTLC_HASH_TYPE)],
    above: leaf === 'success' && preimage ? [preimage] : [],
    paired: transaction.outputs[0],
    htlc: source.htlc,
  }
}

/**
 * What the holder can take from a commitment of the counterparty that was not revoked: its share a block later, its anchor at once, the HTLCs
 * that it was offered and knows the preimage of, and those that it offered, from their expiry on.
 */
export function counterpartySpends(
  commitment: Commitment,
  built: CommitmentTransaction,
  preimageOf: PreimageOf,
): ChannelSpend[] {
  return built.outputs.flatMap((each, index): ChannelSpend[] => {
    const source = sourceOf(built, index)
    const shared = sharedSpend(each, source)
    if (shared) return [shared]
    if (each.kind !== 'htlc') return []
    const { htlc, output } = each
    const base = { ...PLAIN, ...source, key: { kind: 'htlc', point: commitment.point }, htlc } as const
    if (htlc.offered)
      return [
        {
          ...base,
          kind: 'htlc-timeout',
          sequence: ONE_BLOCK,
          lockTime: htlc.expiry,
          path: leafPath(output, 'timeout'),
        },
      ]
    const preimage = preimageOf(htlc.paymentHash)
    if (!preimage) return []
    return [
      {
        ...base,
        kind: 'htlc-success',
        sequence: ONE_BLOCK,
        path: leafPath(output, 'success'),
        above: [preimage],
      },
    ]
  })
}

/** What is the holder's in every commitment of the counterparty. */
function sharedSpend(each: CommitmentOutput, source: Source): ChannelSpend | undefined {
  const base = { ...PLAIN, ...source, key: { kind: 'payment' } } as const
  if (each.kind === 'to-remote')
    return { ...base, kind: 'to-remote', sequence: ONE_BLOCK, path: leafPath(each.output, 'settle') }
  if (each.kind === 'remote-anchor') return { ...base, kind: 'anchor', path: keyPath(each.output) }
  return undefined
}

/** All of a revoked commitment of the counterparty, but its anchor: `secret` is the one that it was revoked with, 32 bytes. */
export function penaltySpends(built: CommitmentTransaction, secret: Uint8Array): ChannelSpend[] {
  const key: SpendKey = { kind: 'revocation', secret }
  return built.outputs.flatMap((each, index): ChannelSpend[] => {
    const source = sourceOf(built, index)
    const shared = sharedSpend(each, source)
    if (shared) return [shared]
    if (each.kind === 'to-local')
      return [
        { ...PLAIN, ...source, kind: 'revoked-to-local', key, path: leafPath(each.output, 'revocation') },
      ]
    if (each.kind === 'htlc')
      return [{ ...PLAIN, ...source, kind: 'revoked-htlc', key, path: keyPath(each.output), htlc: each.htlc }]
    return []
  })
}

/**
 * The outputs of second-level transactions of one commitment in any transaction: a cheat may join several of them, and add inputs and outputs of
 * its own. With `secret` they are taken from a counterparty whose commitment was revoked, without they are the holder's, after the delay.
 */
export function secondLevelSpends(
  contract: ChannelContract,
  commitment: Pick<Commitment, 'ofHolder' | 'point'>,
  transaction: Transaction,
  secret?: Uint8Array,
): ChannelSpend[] {
  const { broadcaster, countersignatory } = sidesOf(contract, commitment)
  const keys = commitmentKeys(broadcaster.basepoints, countersignatory.basepoints, commitment.point)
  const output = secondLevelOutput(keys, broadcaster.delay)
  return transaction.outputs.flatMap(({ scriptPubKey }, index): ChannelSpend[] => {
    if (!equalBytes(scriptPubKey, output.scriptPubKey)) return []
    const source = sourceOf({ transaction }, index)
    if (secret)
      return [
        {
          ...PLAIN,
          ...source,
          kind: 'revoked-second-level',
          key: { kind: 'revocation', secret },
          path: keyPath(output),
        },
      ]
    return [
      {
        ...PLAIN,
        ...source,
        kind: 'second-level',
        key: { kind: 'delayed-payment', point: commitment.point },
        sequence: broadcaster.delay,
        path: leafPath(output, 'settle'),
      },
    ]
  })
}

/**
 * The holder's share in any commitment of the counterparty, one that the holder knows nothing of included: `to_remote` needs the holder's
 * payment basepoint alone. What is left to who lost its state (BOLT 5, and `option_data_loss_protect` of BOLT 2).
 */
export function toRemoteSpends({ holder }: ChannelContract, transaction: Transaction): ChannelSpend[] {
  return sharesOf(holder.basepoints.payment, transaction)
}

/** What a transaction pays to a payment basepoint (33 bytes), whoever's channel it ends. */
export function sharesOf(payment: Uint8Array, transaction: Transaction): ChannelSpend[] {
  const output = shareOutput(payment)
  return transaction.outputs.flatMap(({ scriptPubKey }, index): ChannelSpend[] => {
    if (!equalBytes(scriptPubKey, output.scriptPubKey)) return []
    const spend = sharedSpend(
      { kind: 'to-remote', output, amount: transaction.outputs[index].value },
      sourceOf({ transaction }, index),
    )
    return spend ? [spend] : []
  })
}

/** `to_remote` of a payment basepoint. */
export function shareOutput(payment: Uint8Array): ReturnType<typeof toRemoteOutput> {
  return toRemoteOutput({ countersignatoryPayment: payment.subarray(1) })
}

/** The anchors of a commitment, anyone's once it is 16 blocks old. */
export function anchorsOfAnyone(built: CommitmentTransaction): ChannelSpend[] {
  return built.outputs.flatMap((each, index): ChannelSpend[] =>
    each.kind === 'local-anchor' || each.kind === 'remote-anchor'
      ? [
          {
            ...PLAIN,
            ...sourceOf(built, index),
            kind: 'anchor-of-anyone',
            key: undefined,
            sequence: ANCHOR_DELAY,
            path: leafPath(each.output, 'sweep'),
          },
        ]
      : [],
  )
}

/** The witness of an input: `signature` has 64 bytes, and is left out where nobody signs. */
export function spendWitness(
  { path, below, above }: ChannelSpend,
  signature: Uint8Array | undefined,
): Uint8Array[] {
  const stack = [...below, ...(signature ? [signature] : []), ...above]
  return 'merkleRoot' in path ? stack : [...stack, path.leafScript, path.controlBlock]
}

/** What the holder signs for input `index`, 32 bytes, always the whole transaction. `spends` come first among the inputs; `others`: what the rest spends. */
export function spendSighash(
  transaction: Transaction,
  spends: readonly ChannelSpend[],
  index: number,
  others: readonly TxOutput[] = [],
): Uint8Array {
  const sighashes = new SighashCache(
    transaction,
    packOutputs([...spends.map(({ output }) => output), ...others]),
  )
  const { path } = spends[index]
  const leaf =
    'merkleRoot' in path
      ? undefined
      : { leafHash: tapLeafHash(path.leafScript), codeSeparatorPosition: 0xffffffff }
  return sighashes.sighash(index, SIGHASH_DEFAULT, undefined, leaf)!
}

/** What the signer is asked for input `index`; undefined where nobody signs. As `spendSighash`. */
export function spendRequest(
  contract: ChannelContract,
  transaction: Transaction,
  spends: readonly ChannelSpend[],
  index: number,
  others: readonly TxOutput[] = [],
): SpendRequest | undefined {
  const { key, path } = spends[index]
  if (!key) return undefined
  return {
    contract,
    transaction: transaction.bytes,
    input: index,
    spent: [...spends.map(({ output }) => output), ...others].map(({ value, scriptPubKey }) => ({
      script: scriptPubKey,
      amount: value,
    })),
    key,
    ...('merkleRoot' in path ? { merkleRoot: path.merkleRoot } : { leafScript: path.leafScript }),
    hashType: SIGHASH_DEFAULT,
  }
}

/** `transaction` with a witness for each input. */
export function withWitnesses(
  { version, inputs, outputs, lockTime }: TransactionFields,
  witnesses: readonly (readonly Uint8Array[])[],
): Transaction {
  return Transaction.of({
    version,
    inputs: inputs.map((input, index) => ({ ...input, witness: witnesses[index] })),
    outputs,
    lockTime,
  })
}

/** A coin of the wallet that pays the fee of a transaction, spent by its key path. */
export interface FeeCoin {
  readonly outpoint: Outpoint
  readonly output: TxOutput
}

/** A transaction that spends outputs of a channel, unsigned. */
export interface SpendTransaction {
  /** Inputs: the spends in their order, then the fee coins. */
  readonly transaction: Transaction
  /** Exactly what it weighs once it is signed. */
  readonly weight: number
  readonly fee: Sats
}

export interface SpendPlan {
  /** Those with a paired output first: it stands at the same place. */
  readonly spends: readonly ChannelSpend[]
  /** Coins that pay for what the spends can't. */
  readonly coins?: readonly FeeCoin[]
  /** Where all that is left goes. */
  readonly destination: Uint8Array
  /** Satoshis for 1,000 weight units. */
  readonly feerate: number
  /** A parent without fee enough, which this transaction pays for. */
  readonly parent?: { readonly weight: number; readonly fee: Sats }
}

/**
 * One transaction for several spends, which waits for the latest of their locks: a sweep, a penalty, second-level transactions with the coins that pay for them, or the child that pays for
 * a commitment. Rejects with `spend-fee` where what is left for the destination would be dust, and with `spend-lock-times` second-level
 * transactions of other lock times: the counterparty's signature names theirs.
 */
export function spendTransaction({
  spends,
  coins = [],
  destination,
  feerate,
  parent,
}: SpendPlan): Result<SpendTransaction> {
  const lockTime = spends.reduce((latest, spend) => Math.max(latest, spend.lockTime), 0)
  const firstFree = spends.findIndex(({ paired }) => !paired)
  const misplaced = firstFree >= 0 && spends.slice(firstFree).some(({ paired }) => paired)
  if (misplaced) throw new Error('Spends with a paired output come first')
  if (spends.some((spend) => spend.paired && spend.lockTime !== lockTime))
    return invalid(
      'spend-lock-times',
      `The second-level transactions can't share one: some are locked until ${lockTime}, others are signed for another time.`,
    )
  const paired = spends.flatMap((spend) => (spend.paired ? [spend.paired] : []))
  const inputs = [
    ...spends.map(({ outpoint, sequence }) => unsignedInput(outpoint, sequence)),
    ...coins.map(({ outpoint }) => unsignedInput(outpoint, AT_ONCE)),
  ]
  const build = (left: number) =>
    Transaction.of({
      version: 2,
      inputs,
      outputs: [...paired, { value: sats(left), scriptPubKey: destination }],
      lockTime,
    })
  // Marker and flag, and what the inputs get beyond what they weigh unsigned.
  const weight =
    build(0).weight +
    2 +
    spends.reduce((sum, spend) => sum + inputWeight(spend) - UNSIGNED_INPUT_WEIGHT, 0) +
    coins.length * witnessBytes([new Uint8Array(SIGNATURE_BYTES)])
  const fee = parent
    ? Math.max(feeFor(feerate, weight + parent.weight) - parent.fee, feeFor(feerate, weight))
    : feeFor(feerate, weight)
  const brought = [...spends, ...coins].reduce((sum, { output }) => sum + output.value, 0)
  const left = paired.reduce((sum, { value }) => sum - value, brought) - fee
  if (left < DUST)
    return invalid(
      'spend-fee',
      `The outputs hold ${brought} satoshis; with a fee of ${fee} too little is left to be worth a coin.`,
    )
  return ok({ transaction: build(left), weight, fee: sats(fee) })
}

/** Satoshis that `weight` units cost at `feerate` satoshis for 1,000, rounded up. */
export function feeFor(feerate: number, weight: number): Sats {
  return sats(Math.ceil((feerate * weight) / 1000))
}

/** Weight of an input without its witness: outpoint 36, empty scriptSig 1, sequence 4, in bytes that count four times. */
const UNSIGNED_INPUT_WEIGHT = 4 * 41

/** What a spend weighs as an input, signed, of whatever transaction: below `feeFor` that, its output is not worth taking. */
export function inputWeight(spend: ChannelSpend): number {
  const witness = spendWitness(spend, spend.key && new Uint8Array(SIGNATURE_BYTES))
  return UNSIGNED_INPUT_WEIGHT + witnessBytes(witness)
}

/** Bytes of a serialised witness, each a weight unit. */
function witnessBytes(witness: readonly Uint8Array[]): number {
  return witness.reduce(
    (sum, { length }) => sum + compactSizeLength(length) + length,
    compactSizeLength(witness.length),
  )
}
