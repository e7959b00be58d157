/**
 * A key that signs many times (BIP340, Default Signing): its public half is computed once, and each signature takes one multiplication by a secret,
 * noble's in constant time. That the signature is valid is verified by the thread's kernel, which sees nothing but what is public. Thread: the signer.
 */
import { secp256k1 } from '@noble/curves/secp256k1.js'
import { bytesToNumberBE } from '@noble/curves/utils.js'
import { concatBytes } from '../primitives/bytes.ts'
import { taggedHash } from '../primitives/hashes.ts'
import { verifyByCurve } from '../script/curve.ts'

const { Point } = secp256k1
const { Fn } = Point

export class SchnorrKey {
  /** X-only, 32 bytes. */
  readonly publicKey: Uint8Array
  /** Of the point with even y. */
  readonly #secret: bigint

  /** `secretKey`: 32 bytes. Throws where it is none. */
  constructor(secretKey: Uint8Array) {
    const { scalar, x } = evenPoint(Fn.fromBytes(secretKey))
    this.#secret = scalar
    this.publicKey = x
  }

  /** A signature, 64 bytes. `random`: 32 bytes, fresh. Throws where the signature came out wrong: by a fault of the machine, whose result would give the key away. */
  sign(message: Uint8Array, random: Uint8Array): Uint8Array {
    const { publicKey } = this
    const mask = taggedHash('BIP0340/aux', random)
    const masked = Fn.toBytes(this.#secret).map((byte, at) => byte ^ mask[at])
    const nonce = evenPoint(
      Fn.create(bytesToNumberBE(taggedHash('BIP0340/nonce', masked, publicKey, message))),
    )
    const challenge = Fn.create(bytesToNumberBE(taggedHash('BIP0340/challenge', nonce.x, publicKey, message)))
    const signature = concatBytes(nonce.x, Fn.toBytes(Fn.add(nonce.scalar, Fn.mul(challenge, this.#secret))))
    if (!verifyByCurve({ signature, message, publicKey })) throw new Error('A signature came out wrong')
    return signature
  }
}

/** The x of a secret's point, 32 bytes, and the secret of the point with this x and an even y. Throws for 0. */
function evenPoint(secret: bigint): { readonly scalar: bigint; readonly x: Uint8Array } {
  const compressed = Point.BASE.multiply(secret).toBytes(true)
  return { scalar: compressed[0] === 3 ? Fn.neg(secret) : secret, x: compressed.subarray(1) }
}
