/**
 * Verification of inputs: the witness of each input against the P2TR output it spends (BIP341). Signatures are collected
 * first and verified afterwards, so that they can be batched; the verdict is that of one input after another. Pure and
 * synchronous, any thread.
 */

import { compactSizeLength } from '../primitives/codec.ts'
import { OK, ok, type Rejection, type Result } from '../primitives/result.ts'
import { decodeTransaction } from '../primitives/transaction.ts'
import type { CheckOutcome, CheckPool, InputFailure, TransactionCheck } from './input-check.ts'
import { executeTapscript } from './interpreter.ts'
import { NOBLE_KERNEL, type SignatureCheck, type SignatureKernel } from './schnorr.ts'
import { scriptRejection } from './script-error.ts'
import { CONSENSUS_SCRIPT_FLAGS, SCRIPT_VERIFY, type ScriptFlags } from './script-flags.ts'
import { hashAnnex, SighashCache, signatureCheck } from './sighash.ts'
import {
  commitsTo,
  isControlBlockSize,
  leafVersionOf,
  outputKeyOf,
  splitWitness,
  TAPSCRIPT_LEAF_VERSION,
  tapLeafHash,
} from './taproot.ts'

/** Weight units of signatures that every input has for nothing (BIP342, Resource limits). */
const VALIDATION_WEIGHT_OFFSET = 50

/**
 * Verifies one input. Codes are Bitcoin Core's script errors (SCRIPT_ERR_…) in lower case with hyphens, and
 * `bad-txns-nonstandard-inputs` where the output spent is not P2TR.
 */
export function verifyInput(
  sighashes: SighashCache,
  index: number,
  flags: ScriptFlags = CONSENSUS_SCRIPT_FLAGS,
  kernel: SignatureKernel = NOBLE_KERNEL,
): Result<void> {
  const collected = collectSignatures(sighashes, index, flags)
  if (!collected.ok) return collected
  return kernel.findInvalid(collected.value) < 0 ? OK : scriptRejection(index, 'schnorr-sig')
}

/** Signatures that go to the kernel in one call, at least, unless fewer remain: its batches pay off from some hundred on. */
const GROUP_SIGNATURES = 512

/**
 * Verifies every input of every transaction, and tells the failure that comes first in list order. The signatures of
 * several inputs and transactions share a call of the kernel; the outcome is as if each input was verified by itself.
 * Throws where a check is malformed: nobody but this node makes checks.
 */
export function verifyChecks(
  checks: readonly TransactionCheck[],
  kernel: SignatureKernel = NOBLE_KERNEL,
): CheckOutcome {
  const group: { readonly check: number; readonly input: number; readonly signature: SignatureCheck }[] = []
  const verifyGroup = (): CheckOutcome => {
    const invalidAt = kernel.findInvalid(group.map(({ signature }) => signature))
    if (invalidAt >= 0) {
      const { check, input } = group[invalidAt]
      return failure(check, input, scriptRejection(input, 'schnorr-sig'))
    }
    group.length = 0
    return { ok: true }
  }
  for (let check = 0; check < checks.length; check++) {
    const sighashes = openCheck(checks[check])
    for (let input = 0; input < sighashes.transaction.inputs.length; input++) {
      const collected = collectSignatures(sighashes, input, checks[check].flags)
      if (!collected.ok) {
        // Whatever waits in the group comes before this input.
        const outcome = verifyGroup()
        return outcome.ok ? failure(check, input, collected) : outcome
      }
      for (const signature of collected.value) group.push({ check, input, signature })
      if (group.length < GROUP_SIGNATURES) continue
      const outcome = verifyGroup()
      if (!outcome.ok) return outcome
    }
  }
  return verifyGroup()
}

/** Verifies every input of one transaction, as `verifyChecks` does. */
export function verifyTransaction(
  check: TransactionCheck,
  kernel: SignatureKernel = NOBLE_KERNEL,
): InputFailure | undefined {
  const outcome = verifyChecks([check], kernel)
  if (outcome.ok) return undefined
  const { input, kind, code, detail } = outcome
  return { input, kind, code, detail }
}

/** The check pool that works on the thread that calls it. */
export class InlineCheckPool implements CheckPool {
  private readonly kernel: SignatureKernel

  constructor(kernel: SignatureKernel = NOBLE_KERNEL) {
    this.kernel = kernel
  }

  async verify(checks: readonly TransactionCheck[]): Promise<CheckOutcome> {
    return verifyChecks(checks, this.kernel)
  }
}

function openCheck(check: TransactionCheck): SighashCache {
  const decoded = decodeTransaction(check.transaction)
  if (!decoded.ok) throw new Error(`A check holds no transaction. ${decoded.detail}`)
  return new SighashCache(decoded.value, check.spentOutputs)
}

function failure(check: number, input: number, { kind, code, detail }: Rejection): CheckOutcome {
  return { ok: false, check, input, kind: kind === 'not-now' ? kind : 'invalid', code, detail }
}

/**
 * Applies every rule to one input but the signatures themselves, which it gives back: the input is valid when the result is
 * accepted and each of them is. The order of the rules is Bitcoin Core's (`VerifyScript`, `VerifyWitnessProgram`).
 */
export function collectSignatures(
  sighashes: SighashCache,
  index: number,
  flags: ScriptFlags = CONSENSUS_SCRIPT_FLAGS,
): Result<readonly SignatureCheck[]> {
  const { transaction } = sighashes
  const { scriptSig, witness } = transaction.inputs[index]
  const outputKey = outputKeyOf(sighashes.spentOutputs[index].scriptPubKey)
  if (!outputKey) return scriptRejection(index, 'bad-txns-nonstandard-inputs')
  if (scriptSig.length > 0) return scriptRejection(index, 'witness-malleated')
  if (witness.length === 0) return scriptRejection(index, 'witness-program-witness-empty')

  const { stack, scriptPath, annex } = splitWitness(witness)
  const shaAnnex = annex && hashAnnex(annex)
  if (!scriptPath) {
    const messageOf = (hashType: number) => sighashes.sighash(index, hashType, shaAnnex)
    const check = signatureCheck(stack[0], outputKey, messageOf)
    return typeof check === 'string' ? scriptRejection(index, check) : ok([check])
  }

  const { script, controlBlock } = scriptPath
  if (!isControlBlockSize(controlBlock.length)) return scriptRejection(index, 'taproot-wrong-control-size')
  const leafVersion = leafVersionOf(controlBlock)
  const leafHash = tapLeafHash(script, leafVersion)
  if (!commitsTo(outputKey, leafHash, controlBlock)) return scriptRejection(index, 'witness-program-mismatch')
  if (leafVersion !== TAPSCRIPT_LEAF_VERSION)
    return flags & SCRIPT_VERIFY.DISCOURAGE_UPGRADABLE_TAPROOT_VERSION
      ? scriptRejection(index, 'discourage-upgradable-taproot-version', '', 'not-now')
      : ok([])
  return executeTapscript({
    script,
    stack,
    transaction,
    input: index,
    validationWeight: witnessBytes(witness) + VALIDATION_WEIGHT_OFFSET,
    flags,
    sighash: (hashType, codeSeparatorPosition) =>
      sighashes.sighash(index, hashType, shaAnnex, { leafHash, codeSeparatorPosition }),
  })
}

/** Bytes of a serialised witness: the number of its items, and each behind its length. */
function witnessBytes(witness: readonly Uint8Array[]): number {
  let size = compactSizeLength(witness.length)
  for (const { length } of witness) size += compactSizeLength(length) + length
  return size
}
