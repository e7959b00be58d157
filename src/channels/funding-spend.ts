/**
 * What spends a funding output: commitments and closing transactions, both signed with the aggregate of the two funding keys (MuSig2). Pure,
 * any thread.
 */
import { sats } from '../primitives/amount.ts'
import { compareBytes } from '../primitives/bytes.ts'
import { Transaction, unsignedInput } from '../primitives/transaction.ts'
import { packOutputs } from '../script/input-check.ts'
import type { AggregateKey } from '../script/musig2.ts'
import { SIGHASH_DEFAULT, SighashCache } from '../script/sighash.ts'
import { isNullData } from '../script/taproot.ts'
import { fundingOutpoint } from './commitment-transaction.ts'
import type { ChannelContract, ClosingTransaction } from './ports.ts'
import { fundingScript } from './scripts.ts'

/** Sequence of closing transactions: they may be replaced by one that pays more (BOLT 3, Closing Transaction). */
const CLOSING_SEQUENCE = 0xfffffffd

/** What the two sides sign, 32 bytes, so that `transaction` may spend the channel's money by `key` (see `fundingKey`). */
export function fundingSighash(
  { fundingAmount }: Pick<ChannelContract, 'fundingAmount'>,
  key: AggregateKey,
  transaction: Transaction,
): Uint8Array {
  const spent = packOutputs([{ value: fundingAmount, scriptPubKey: fundingScript(key) }])
  // The default hash type signs everything, whatever the transaction.
  return new SighashCache(transaction, spent).sighash(0, SIGHASH_DEFAULT)!
}

/** Weight of marker, flag and a witness of one signature. */
const FUNDING_WITNESS_WEIGHT = 2 + 1 + 1 + 64

/** Exactly what an unsigned commitment or closing transaction will weigh with its signature. */
export function fundingSpendWeight(unsigned: Transaction): number {
  return unsigned.weight + FUNDING_WITNESS_WEIGHT
}

/** `transaction` with the signature of both, 64 bytes, as its only input's witness. */
export function withFundingSignature(transaction: Transaction, signature: Uint8Array): Transaction {
  const { version, inputs, outputs, lockTime } = transaction
  return Transaction.of({ version, inputs: [{ ...inputs[0], witness: [signature] }], outputs, lockTime })
}

/**
 * The closing transaction, unsigned (BOLT 3, Closing Transaction): the outputs as given, one or two, ordered as everywhere. An OP_RETURN
 * carries nothing.
 */
export function closingTransaction(
  contract: ChannelContract,
  { holderOutput, counterpartyOutput, lockTime }: ClosingTransaction,
): Transaction {
  const outputs = [holderOutput, counterpartyOutput].flatMap((output) =>
    output
      ? [{ value: isNullData(output.script) ? sats(0) : output.amount, scriptPubKey: output.script }]
      : [],
  )
  outputs.sort((a, b) => a.value - b.value || compareBytes(a.scriptPubKey, b.scriptPubKey))
  return Transaction.of({
    version: 2,
    inputs: [unsignedInput(fundingOutpoint(contract), CLOSING_SEQUENCE)],
    outputs,
    lockTime,
  })
}
