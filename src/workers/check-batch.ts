/** Batches of input checks as one buffer that is transferred to a check worker. Both threads. */
import { Reader, Writer } from '../primitives/codec.ts'
import type { InputFailure, TransactionCheck } from '../script/input-check.ts'
import { CONSENSUS_SCRIPT_FLAGS } from '../script/script-flags.ts'

/** Brain to check worker. */
export interface CheckRequest {
  readonly id: number
  /** `encodeChecks` of the batch. */
  readonly checks: Uint8Array
}

/** Check worker to brain: the first failure of the batch, `check` counted within it. */
export interface CheckAnswer {
  readonly id: number
  readonly failure?: InputFailure & { readonly check: number }
}

/** What a check worker says: answers, and why it verifies without its kernel, more slowly. */
export type CheckMessage = CheckAnswer | { readonly kernelFault: string }

/** CompactSize count, then for each check a byte of flags, its transaction and its spent outputs, each after its CompactSize. */
export function encodeChecks(checks: readonly TransactionCheck[]): Uint8Array {
  const size = checks.reduce(
    (sum, check) => sum + check.transaction.length + check.spentOutputs.length + 19,
    9,
  )
  const writer = new Writer(size).compactSize(checks.length)
  for (const { transaction, spentOutputs, flags = CONSENSUS_SCRIPT_FLAGS } of checks)
    writer.u8(flags).varBytes(transaction).varBytes(spentOutputs)
  return writer.finish()
}

/** Inverse of `encodeChecks`: views over `bytes`. Throws `DecodeError` where another thread sent anything else. */
export function decodeChecks(bytes: Uint8Array): TransactionCheck[] {
  const reader = new Reader(bytes)
  const checks = new Array<TransactionCheck>(reader.count(3))
  for (let i = 0; i < checks.length; i++)
    checks[i] = { flags: reader.u8(), transaction: reader.varBytes(), spentOutputs: reader.varBytes() }
  reader.end()
  return checks
}
