/**
 * HTLC-timeout and HTLC-success transactions: the second level, by which the owner of a commitment takes its HTLCs and may still be punished
 * (BOLT 3, HTLC-Timeout and HTLC-Success Transactions; extension BOLT "simple taproot channels"). They pay no fee: the counterparty signs one
 * input and its output, and the owner adds others. Pure, any thread.
 */
import type { Sats } from '../primitives/amount.ts'
import { Transaction, type TxOutput, unsignedInput } from '../primitives/transaction.ts'
import { packOutputs } from '../script/input-check.ts'
import type { SignatureCheck } from '../script/schnorr.ts'
import { SIGHASH_ANYONECANPAY, SIGHASH_SINGLE, SighashCache } from '../script/sighash.ts'
import { tapLeafHash } from '../script/taproot.ts'
import { type CommitmentTransaction, type HtlcOutput, sidesOf } from './commitment-transaction.ts'
import type { ChannelContract, Commitment } from './ports.ts'
import { type HtlcLeaf, type ScriptOutput, secondLevelOutput } from './scripts.ts'

/** What the counterparty signs of a second-level transaction: its first input and output. */
export const HTLC_HASH_TYPE = SIGHASH_SINGLE | SIGHASH_ANYONECANPAY

/** Sequence of inputs that spend an output of a commitment with a delay of one block. */
export const ONE_BLOCK = 1

/** The second-level transaction of one HTLC. */
export interface HtlcTransaction {
  readonly source: HtlcOutput
  /** `timeout` where the commitment's owner offered the HTLC. */
  readonly leaf: HtlcLeaf
  /** Without witness: one input, one output, no fee. Its lock time is the expiry, or 0 with the preimage. */
  readonly transaction: Transaction
  /** Its output. */
  readonly output: ScriptOutput<'settle'>
  readonly amount: Sats
}

/** The second-level transactions of a commitment, in the order of its outputs: that of `htlcSignatures` (BOLT 2, `commitment_signed`). */
export function htlcTransactions(
  contract: ChannelContract,
  commitment: Commitment,
  { transaction, htlcs, keys }: CommitmentTransaction,
): HtlcTransaction[] {
  if (htlcs.length === 0) return []
  const output = secondLevelOutput(keys, sidesOf(contract, commitment).broadcaster.delay)
  const txid = transaction.txidBytes
  return htlcs.map((source) => {
    const { index, htlc, amount } = source
    const timeout = htlc.offered === commitment.ofHolder
    return {
      source,
      leaf: timeout ? 'timeout' : 'success',
      transaction: Transaction.of({
        version: 2,
        inputs: [unsignedInput({ txid, index }, ONE_BLOCK)],
        outputs: [{ value: amount, scriptPubKey: output.scriptPubKey }],
        lockTime: timeout ? htlc.expiry : 0,
      }),
      output,
      amount,
    }
  })
}

/** The output that a second-level transaction spends. */
export function spentHtlcOutput({ source }: HtlcTransaction): TxOutput {
  return { value: source.amount, scriptPubKey: source.output.scriptPubKey }
}

/** What the countersignatory signs of it, 32 bytes. */
export function htlcSighash(htlcTransaction: HtlcTransaction): Uint8Array {
  const { source, leaf, transaction } = htlcTransaction
  const sighashes = new SighashCache(transaction, packOutputs([spentHtlcOutput(htlcTransaction)]))
  const leafHash = tapLeafHash(source.output.leaves[leaf])
  // There is an output at the input's place.
  return sighashes.sighash(0, HTLC_HASH_TYPE, undefined, { leafHash, codeSeparatorPosition: 0xffffffff })!
}

/** What has to hold of the countersignatory's signature (BIP340, 64 bytes), to be verified alone or with others. */
export function htlcSignatureCheck(
  htlcTransaction: HtlcTransaction,
  signature: Uint8Array,
  { keys }: Pick<CommitmentTransaction, 'keys'>,
): SignatureCheck {
  return { signature, message: htlcSighash(htlcTransaction), publicKey: keys.countersignatoryHtlc }
}
