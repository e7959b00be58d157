/**
 * Keys of commitments (BOLT 3, Key Derivation). Points are compressed, 33 bytes, secrets 32. Whoever knows the basepoints and a
 * per-commitment point knows the public keys; the `…SecretKey` functions and `perCommitmentPoint` touch secrets: they are for the signer, but
 * for secrets that were released. Points are checked where they are read from a message: what is none throws here. Pure, any thread.
 */
import { secp256k1 } from '@noble/curves/secp256k1.js'
import { bytesToNumberBE } from '@noble/curves/utils.js'
import { sha256 } from '../primitives/hashes.ts'
import { curve, type PointTerm } from '../script/curve.ts'
import type { ChannelBasepoints } from './ports.ts'

const { Point } = secp256k1
const { Fn } = Point

/** SHA-256 of both, as a scalar. */
function hashScalar(a: Uint8Array, b: Uint8Array): bigint {
  return Fn.create(bytesToNumberBE(sha256(a, b)))
}

function sum(terms: readonly PointTerm[], generator?: Uint8Array): Uint8Array {
  const point = curve().sum(terms, generator)
  if (!point) throw new Error('A key of a channel is no point')
  return point
}

/** The point of a secret: `per_commitment_secret` * G, and of a basepoint's. Throws where the secret is no scalar. */
export function perCommitmentPoint(secret: Uint8Array): Uint8Array {
  return Point.BASE.multiply(Fn.fromBytes(secret)).toBytes(true)
}

/** `local_htlcpubkey`, `remote_htlcpubkey` or `local_delayedpubkey` of a basepoint: basepoint + SHA256(point ‖ basepoint) * G. */
export function derivePublicKey(basepoint: Uint8Array, point: Uint8Array): Uint8Array {
  return sum([{ point: basepoint }], Fn.toBytes(hashScalar(point, basepoint)))
}

/** The secret key of `derivePublicKey`. `basepoint`: of the secret, where the caller has it. */
export function deriveSecretKey(
  basepointSecret: Uint8Array,
  point: Uint8Array,
  basepoint: Uint8Array = perCommitmentPoint(basepointSecret),
): Uint8Array {
  const secret = Fn.fromBytes(basepointSecret)
  return Fn.toBytes(Fn.add(secret, hashScalar(point, basepoint)))
}

/** `revocationpubkey`: of the basepoint of the one who may punish, and the point of the one who may cheat. */
export function deriveRevocationPublicKey(revocationBasepoint: Uint8Array, point: Uint8Array): Uint8Array {
  return sum([
    { point: revocationBasepoint, scalar: Fn.toBytes(hashScalar(revocationBasepoint, point)) },
    { point, scalar: Fn.toBytes(hashScalar(point, revocationBasepoint)) },
  ])
}

/** The secret key of `deriveRevocationPublicKey`, which nobody knows before `perCommitmentSecret` is told. */
export function deriveRevocationSecretKey(
  revocationBasepointSecret: Uint8Array,
  perCommitmentSecret: Uint8Array,
): Uint8Array {
  const own = Fn.fromBytes(revocationBasepointSecret)
  const told = Fn.fromBytes(perCommitmentSecret)
  const basepoint = Point.BASE.multiply(own).toBytes(true)
  const point = Point.BASE.multiply(told).toBytes(true)
  return Fn.toBytes(
    Fn.add(Fn.mul(own, hashScalar(basepoint, point)), Fn.mul(told, hashScalar(point, basepoint))),
  )
}

/**
 * The keys in the scripts of one commitment, x-only, 32 bytes each. The broadcaster is its owner, whom BOLT 3 calls local; the
 * countersignatory the other side, there remote.
 */
export interface CommitmentKeys {
  /** `local_delayedpubkey` */
  readonly broadcasterDelayed: Uint8Array
  /** `local_htlcpubkey` */
  readonly broadcasterHtlc: Uint8Array
  /** `remote_htlcpubkey` */
  readonly countersignatoryHtlc: Uint8Array
  /** `remotepubkey`: the basepoint as it is, so that it can be found without any other state. */
  readonly countersignatoryPayment: Uint8Array
  /** `revocationpubkey` */
  readonly revocation: Uint8Array
}

/** The keys of the commitment whose per-commitment point is `point`. */
export function commitmentKeys(
  broadcaster: ChannelBasepoints,
  countersignatory: ChannelBasepoints,
  point: Uint8Array,
): CommitmentKeys {
  return {
    broadcasterDelayed: xOnly(derivePublicKey(broadcaster.delayedPayment, point)),
    broadcasterHtlc: xOnly(derivePublicKey(broadcaster.htlc, point)),
    countersignatoryHtlc: xOnly(derivePublicKey(countersignatory.htlc, point)),
    countersignatoryPayment: xOnly(countersignatory.payment),
    revocation: xOnly(deriveRevocationPublicKey(countersignatory.revocation, point)),
  }
}

/** What BIP340 knows of a key: its last 32 bytes. */
function xOnly(publicKey: Uint8Array): Uint8Array {
  return publicKey.subarray(1)
}
