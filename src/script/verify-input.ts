/**
 * Verification of inputs: the witness of each input against the P2TR output it spends (BIP341). Signatures are collected
 * first and verified afterwards, so that they can be batched; the verdict is that of one input after another. Pure and
 * synchronous, any thread.
 */

import { accept, invalid, OK, type Rejection, type Result } from '../primitives/result.ts'
import { decodeTransaction } from '../primitives/transaction.ts'
import type { CheckOutcome, CheckPool, TransactionCheck } from './input-check.ts'
import { NOBLE_KERNEL, type SignatureCheck, type SignatureKernel } from './schnorr.ts'
import { hashAnnex, SIGHASH_DEFAULT, SighashCache } from './sighash.ts'
import { outputKeyOf } from './taproot.ts'

/** First byte of an annex: the last witness item of at least two, where it starts with this (BIP341). */
const ANNEX_TAG = 0x50

/**
 * Verifies one input. Codes are Bitcoin Core's script errors (SCRIPT_ERR_…) in lower case with hyphens, and
 * `bad-txns-nonstandard-inputs` where the output spent is not P2TR.
 */
export function verifyInput(
  sighashes: SighashCache,
  index: number,
  kernel: SignatureKernel = NOBLE_KERNEL,
): Result<void> {
  const collected = collectSignatures(sighashes, index)
  if (!collected.ok) return collected
  return kernel.findInvalid(collected.value) < 0 ? OK : badSignature(index)
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
      return failure(check, input, badSignature(input))
    }
    group.length = 0
    return { ok: true }
  }
  for (let check = 0; check < checks.length; check++) {
    const sighashes = openCheck(checks[check])
    for (let input = 0; input < sighashes.transaction.inputs.length; input++) {
      const collected = collectSignatures(sighashes, input)
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

/** Which input failed first, and how. */
export interface InputFailure {
  readonly input: number
  readonly code: string
  readonly detail: string
}

/** Verifies every input of one transaction, as `verifyChecks` does. */
export function verifyTransaction(
  check: TransactionCheck,
  kernel: SignatureKernel = NOBLE_KERNEL,
): InputFailure | undefined {
  const outcome = verifyChecks([check], kernel)
  return outcome.ok ? undefined : { input: outcome.input, code: outcome.code, detail: outcome.detail }
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

function failure(check: number, input: number, { code, detail }: Rejection): CheckOutcome {
  return { ok: false, check, input, code, detail }
}

/**
 * Applies every rule to one input but the signatures themselves, which it gives back: the input is valid when the result is
 * accepted and each of them is. The order of the rules is Bitcoin Core's (VerifyScript, VerifyWitnessProgram).
 */
export function collectSignatures(sighashes: SighashCache, index: number): Result<readonly SignatureCheck[]> {
  const { scriptSig, witness } = sighashes.transaction.inputs[index]
  const outputKey = outputKeyOf(sighashes.spentOutputs[index].scriptPubKey)
  if (!outputKey)
    return invalid('bad-txns-nonstandard-inputs', `Input ${index} spends an output that is not P2TR.`)
  if (scriptSig.length > 0)
    return invalid('witness-malleated', `Input ${index} has a scriptSig: a P2TR spend must leave it empty.`)
  if (witness.length === 0)
    return invalid('witness-program-witness-empty', `Input ${index} has no witness: it is not signed.`)
  const annex = annexOf(witness)
  const stackSize = witness.length - (annex ? 1 : 0)
  if (stackSize > 1) return verifyScriptPath(index)
  return collectKeyPath(sighashes, index, outputKey, witness[0], annex)
}

/** The key path of BIP341: the one witness item is a signature by the output key. */
function collectKeyPath(
  sighashes: SighashCache,
  index: number,
  publicKey: Uint8Array,
  item: Uint8Array,
  annex: Uint8Array | undefined,
): Result<readonly SignatureCheck[]> {
  if (item.length !== 64 && item.length !== 65)
    return invalid(
      'schnorr-sig-size',
      `The signature of input ${index} has ${item.length} bytes: it takes 64, or 65 with a hash type.`,
    )
  const hashType = item.length === 65 ? item[64] : SIGHASH_DEFAULT
  // A default that is spelled out would let anyone lengthen the witness of a 64-byte signature (BIP341).
  const message =
    item.length === 65 && hashType === SIGHASH_DEFAULT
      ? undefined
      : sighashes.sighash(index, hashType, annex && hashAnnex(annex))
  if (!message)
    return invalid(
      'schnorr-sig-hashtype',
      `The signature of input ${index} has hash type 0x${hashType.toString(16).padStart(2, '0')}, which is unknown, ` +
        'not allowed in 65 bytes, or asks for an output that the transaction does not have.',
    )
  return accept([{ signature: item.subarray(0, 64), message, publicKey }])
}

/** The script path of BIP341. Until the interpreter of BIP342 stands here, it is refused. */
function verifyScriptPath(index: number): Rejection {
  return invalid(
    'script-path-unsupported',
    `Input ${index} is a script-path spend, which this version refuses.`,
  )
}

function badSignature(index: number): Rejection {
  return invalid(
    'schnorr-sig',
    `The signature of input ${index} is not valid for the key that holds the coin.`,
  )
}

function annexOf(witness: readonly Uint8Array[]): Uint8Array | undefined {
  const last = witness[witness.length - 1]
  return witness.length >= 2 && last[0] === ANNEX_TAG ? last : undefined
}
