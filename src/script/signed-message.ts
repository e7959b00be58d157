/**
 * Messages signed by whoever can spend from an address (BIP322, the variant "simple"): a witness for a transaction that no chain could hold,
 * which spends an output of another such one that commits to the message. Pure, any thread.
 */
import { utf8ToBytes } from '@noble/hashes/utils.js'
import { sats } from '../primitives/amount.ts'
import { concatBytes, EMPTY } from '../primitives/bytes.ts'
import { decodeWith, Writer } from '../primitives/codec.ts'
import { taggedHash } from '../primitives/hashes.ts'
import type { Result } from '../primitives/result.ts'
import { NULL_OUTPOINT, Transaction, type TxOutput } from '../primitives/transaction.ts'
import { packOutputs } from './input-check.ts'
import { OP_0, OP_RETURN } from './opcodes.ts'
import { STANDARD_SCRIPT_FLAGS } from './script-flags.ts'
import { SighashCache } from './sighash.ts'
import { verifyInput } from './verify-input.ts'

/** What a text signature of this variant begins with. */
export const SIMPLE_PREFIX = 'smp'

/** The output that a signature of the message spends: of 0 satoshis to the signer's script. */
export function messageOutput(scriptPubKey: Uint8Array): TxOutput {
  return { value: sats(0), scriptPubKey }
}

/** The hash of a message that is signed, 32 bytes. */
export function messageHash(message: string): Uint8Array {
  return taggedHash('BIP0322-signed-message', utf8ToBytes(message))
}

/** The transaction whose first output commits to the message (BIP322: `to_spend`). */
export function transactionToSpend(scriptPubKey: Uint8Array, message: string): Transaction {
  const scriptSig = concatBytes(Uint8Array.of(OP_0, 32), messageHash(message))
  return Transaction.of({
    version: 0,
    inputs: [{ prevout: NULL_OUTPOINT, scriptSig, sequence: 0, witness: [] }],
    outputs: [messageOutput(scriptPubKey)],
    lockTime: 0,
  })
}

/** The transaction that is signed (BIP322: `to_sign`). `witness`: the signature, bottom of the stack first. */
export function transactionToSign(
  scriptPubKey: Uint8Array,
  message: string,
  witness: readonly Uint8Array[] = [],
): Transaction {
  const prevout = { txid: transactionToSpend(scriptPubKey, message).txidBytes, index: 0 }
  return Transaction.of({
    version: 0,
    inputs: [{ prevout, scriptSig: EMPTY, sequence: 0, witness }],
    outputs: [{ value: sats(0), scriptPubKey: Uint8Array.of(OP_RETURN) }],
    lockTime: 0,
  })
}

/**
 * Whether what is signed with a transaction is a message rather than a payment: it has the one output of `to_sign` (BIP322, with proof of funds, too),
 * which pays nobody and carries nothing.
 */
export function isToSign({ outputs }: Pick<Transaction, 'outputs'>): boolean {
  const [output, ...others] = outputs
  return others.length === 0 && output?.scriptPubKey.length === 1 && output.scriptPubKey[0] === OP_RETURN
}

/** Whether a witness signs the message for whoever can spend from the script. */
export function verifiesMessage(
  scriptPubKey: Uint8Array,
  message: string,
  witness: readonly Uint8Array[],
): boolean {
  const transaction = transactionToSign(scriptPubKey, message, witness)
  const sighashes = new SighashCache(transaction, packOutputs([messageOutput(scriptPubKey)]))
  return verifyInput(sighashes, 0, STANDARD_SCRIPT_FLAGS).ok
}

/** A witness as a signature carries it: the count of its items, then each with its length before it. */
export function encodeWitness(witness: readonly Uint8Array[]): Uint8Array {
  const writer = new Writer()
  writer.compactSize(witness.length)
  for (const item of witness) writer.varBytes(item)
  return writer.finish()
}

/** Undoes `encodeWitness`. Rejects with `witness-decode-failed`. */
export function decodeWitness(bytes: Uint8Array): Result<readonly Uint8Array[]> {
  return decodeWith(bytes, 'witness-decode-failed', (reader) =>
    Array.from({ length: reader.count(1) }, () => reader.varBytes()),
  )
}
