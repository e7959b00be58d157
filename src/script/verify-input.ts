/**
 * Verification of inputs: the witness of each input against the P2TR output it spends (BIP341). Signatures are collected
 * first and verified afterwards, so that they can be batched; the verdict is that of one input after another. Pure and
 * synchronous, any thread.
 */

import { invalid, OK, type Rejection, type Result } from '../primitives/result.ts'
import { decodeTransaction } from '../primitives/transaction.ts'
import type { CheckOutcome, CheckPool, TransactionCheck } from './input-check.ts'
import { type SignatureCheck, verifySchnorr } from './schnorr.ts'
import { hashAnnex, SIGHASH_DEFAULT, SighashCache } from './sighash.ts'
import { outputKeyOf } from './taproot.ts'

/** First byte of an annex: the last witness item of at least two, where it starts with this (BIP341). */
const ANNEX_TAG = 0x50

/**
 * Verifies one input. Codes are Bitcoin Core's script errors (SCRIPT_ERR_…) in lower case with hyphens, and
 * `bad-txns-nonstandard-inputs` where the output spent is not P2TR.
 */
export function verifyInput(sighashes: SighashCache, index: number): Result<void> {
  const signatures: SignatureCheck[] = []
  const collected = collectSignatures(sighashes, index, signatures)
  if (!collected.ok) return collected
  return signatures.every(verifySchnorr) ? OK : badSignature(index)
}

/** Verifies every input of every transaction in list order, up to the first that fails. */
export function verifyChecks(checks: readonly TransactionCheck[]): CheckOutcome {
  for (let check = 0; check < checks.length; check++) {
    const failure = verifyTransaction(checks[check])
    if (failure) return { ok: false, check, ...failure }
  }
  return { ok: true }
}

/** Which input failed first, and how. */
export interface InputFailure {
  readonly input: number
  readonly code: string
  readonly detail: string
}

/** Verifies every input of one transaction. Throws where the check is malformed: nobody but this node makes checks. */
export function verifyTransaction(check: TransactionCheck): InputFailure | undefined {
  const decoded = decodeTransaction(check.transaction)
  if (!decoded.ok) throw new Error(`A check holds no transaction. ${decoded.detail}`)
  const transaction = decoded.value
  const sighashes = new SighashCache(transaction, check.spentOutputs)
  for (let input = 0; input < transaction.inputs.length; input++) {
    const verified = verifyInput(sighashes, input)
    if (!verified.ok) return { input, code: verified.code, detail: verified.detail }
  }
  return undefined
}

/** The check pool that works on the thread that calls it. */
export class InlineCheckPool implements CheckPool {
  async verify(checks: readonly TransactionCheck[]): Promise<CheckOutcome> {
    return verifyChecks(checks)
  }
}

/**
 * Applies every rule to one input but the signatures themselves, which it adds to `signatures`: the input is valid when the
 * result is accepted and each of them is. The order of the rules is Bitcoin Core's (VerifyScript, VerifyWitnessProgram).
 */
export function collectSignatures(
  sighashes: SighashCache,
  index: number,
  signatures: SignatureCheck[],
): Result<void> {
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
  return collectKeyPath(sighashes, index, outputKey, witness[0], annex, signatures)
}

/** The key path of BIP341: the one witness item is a signature by the output key. */
function collectKeyPath(
  sighashes: SighashCache,
  index: number,
  publicKey: Uint8Array,
  item: Uint8Array,
  annex: Uint8Array | undefined,
  signatures: SignatureCheck[],
): Result<void> {
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
  signatures.push({ signature: item.subarray(0, 64), message, publicKey })
  return OK
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
