/**
 * Input verification as plain data, so that it can run on any thread: what `connectBlock` and the mempool ask of the
 * check pool. One check covers all inputs of one transaction, which share the hashes of BIP341.
 */
import { Writer } from '../primitives/codec.ts'
import { type TxOutput, writeOutput } from '../primitives/transaction.ts'
import type { ScriptFlags } from './script-flags.ts'

export interface TransactionCheck {
  /** BIP144 serialisation. */
  readonly transaction: Uint8Array
  /** The outputs spent, one an input and in their order, each as CTxOut: 8-byte value, script after its CompactSize. */
  readonly spentOutputs: Uint8Array
  /** Rules of policy to apply as well; those of consensus alone where absent. */
  readonly flags?: ScriptFlags
}

/** The packed form of `TransactionCheck.spentOutputs`. */
export function packOutputs(outputs: readonly TxOutput[]): Uint8Array {
  const writer = new Writer()
  for (const output of outputs) writeOutput(writer, output)
  return writer.finish()
}

/** Which input of a transaction failed first, and how. */
export interface InputFailure {
  /** Position among the transaction's inputs. */
  readonly input: number
  /** `not-now` where policy alone refuses the input, which only happens to checks with flags. */
  readonly kind: 'invalid' | 'not-now'
  /** A `ScriptError`. */
  readonly code: string
  readonly detail: string
}

export type CheckOutcome = { readonly ok: true } | CheckFailure

export interface CheckFailure extends InputFailure {
  readonly ok: false
  /** Position in the list of checks. */
  readonly check: number
}

/** Port: verifies signatures and scripts, on workers in a tab. */
export interface CheckPool {
  /**
   * Verifies every input of every transaction. The outcome is that of verifying in list order: on failure the first failing
   * check and its first failing input, however the work was spread. Rejects (throws) only when the pool was stopped.
   */
  verify(checks: readonly TransactionCheck[]): Promise<CheckOutcome>
}
