/**
 * BIP340 verification behind one interface, so that a faster kernel can take the place of the plain one.
 * Synchronous, any thread; no secret is ever passed here.
 */
import { schnorr } from '@noble/curves/secp256k1.js'

/** One signature to be verified: plain data, so that checks can be collected, batched and sent to other threads. */
export interface SignatureCheck {
  /** 64 bytes. */
  readonly signature: Uint8Array
  /** What was signed; 32 bytes for a transaction, any length in BIP340. */
  readonly message: Uint8Array
  /** X-only public key, 32 bytes. */
  readonly publicKey: Uint8Array
}

/**
 * Whether the signature is valid (BIP340, Verification). False for a key that is not on the curve and for r or s out of
 * range; throws on wrong lengths of signature or key, which the callers have checked. Noble also refuses s = 0, which
 * BIP340 allows: a valid signature with it would need a fixed point of the challenge hash, so no verdict differs.
 */
export function verifySchnorr({ signature, message, publicKey }: SignatureCheck): boolean {
  return schnorr.verify(signature, message, publicKey)
}

/** Verifies signatures, many at a time. Its answer is that of `verifySchnorr` on one after another, for every list. */
export interface SignatureKernel {
  /** Position of the first signature that is not valid; -1 where all are. */
  findInvalid(signatures: readonly SignatureCheck[]): number
}

/** The kernel that every platform has. */
export const NOBLE_KERNEL: SignatureKernel = {
  findInvalid: (signatures) => signatures.findIndex((signature) => !verifySchnorr(signature)),
}
