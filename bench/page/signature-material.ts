/** Signatures to verify, made once: as many keys, and messages of 32 bytes. */
import { schnorr } from '@noble/curves/secp256k1.js'
import type { SignatureCheck } from '../../src/script/schnorr.ts'

export function signatureChecks(count: number): SignatureCheck[] {
  return Array.from({ length: count }, (_, i) => {
    const secret = new Uint8Array(32).fill(1)
    new DataView(secret.buffer).setUint32(28, i)
    const message = new Uint8Array(32).fill(i)
    return { message, publicKey: schnorr.getPublicKey(secret), signature: schnorr.sign(message, secret) }
  })
}
