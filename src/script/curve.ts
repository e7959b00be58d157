/**
 * Sums of public points of secp256k1, from bytes to bytes, behind one interface, so that a faster kernel can take the place of the plain one: what
 * keys are derived and tweaked with. No secret is ever passed here: a kernel's time may tell its scalars. Pure, any thread.
 */
import { secp256k1 } from '@noble/curves/secp256k1.js'
import { bytesToNumberBE } from '@noble/curves/utils.js'
import { concatBytes, equalBytes } from '../primitives/bytes.ts'
import { taggedHash } from '../primitives/hashes.ts'
import type { SignatureCheck } from './schnorr.ts'

const { Point } = secp256k1
const { Fn } = Point
type CurvePoint = InstanceType<typeof Point>

/** Bytes of a compressed point. */
export const POINT_BYTES = 33

/** Terms of a sum, at most. */
export const MAX_TERMS = 8

/** A point, 33 bytes compressed, and what it is multiplied by: 32 bytes, big-endian; 1 where absent. */
export interface PointTerm {
  readonly point: Uint8Array
  readonly scalar?: Uint8Array
}

export interface CurveKernel {
  /**
   * generator·G + Σ scalar·point, 33 bytes compressed; at most `MAX_TERMS`. Undefined where a point is not on the curve or malformed, a scalar not below the group order, and where
   * the sum is infinity.
   */
  sum(terms: readonly PointTerm[], generator?: Uint8Array): Uint8Array | undefined
}

/** The kernel that every platform has. */
export const NOBLE_CURVE: CurveKernel = {
  sum(terms, generator) {
    let total = Point.ZERO
    if (generator) {
      const scalar = scalarOf(generator)
      if (scalar === undefined) return undefined
      total = Point.BASE.multiplyUnsafe(scalar)
    }
    for (const { point: bytes, scalar: factor } of terms) {
      const point = pointOf(bytes)
      const scalar = factor ? scalarOf(factor) : 1n
      if (!point || scalar === undefined) return undefined
      total = total.add(factor ? point.multiplyUnsafe(scalar) : point)
    }
    return total.is0() ? undefined : total.toBytes(true)
  },
}

let installed = NOBLE_CURVE

/** The kernel of this thread. */
export function curve(): CurveKernel {
  return installed
}

/** Replaces the kernel of this thread, by one that was tested. */
export function installCurve(faster: CurveKernel): void {
  installed = faster
}

/**
 * Whether a signature is valid (BIP340, Verification), by this thread's kernel. For what is between two sides of a channel; on blocks and what is relayed,
 * `verifySchnorr` decides. False for lengths that are none.
 */
export function verifyByCurve({ signature, message, publicKey }: SignatureCheck): boolean {
  const r = signature.subarray(0, 32)
  const challenge = Fn.create(bytesToNumberBE(taggedHash('BIP0340/challenge', r, publicKey, message)))
  const key = { point: concatBytes(Uint8Array.of(2), publicKey), scalar: Fn.toBytes(Fn.neg(challenge)) }
  const nonce = curve().sum([key], signature.subarray(32))
  return nonce !== undefined && nonce[0] === 2 && equalBytes(nonce.subarray(1), r)
}

/** A point in compressed form; undefined where the bytes are none. */
export function pointOf(bytes: Uint8Array): CurvePoint | undefined {
  if (bytes.length !== POINT_BYTES) return undefined
  try {
    return Point.fromBytes(bytes)
  } catch {
    return undefined
  }
}

/** 32 bytes as a scalar; undefined where they are not, or not below the group order. */
export function scalarOf(bytes: Uint8Array): bigint | undefined {
  if (bytes.length !== 32) return undefined
  const value = bytesToNumberBE(bytes)
  return value < Fn.ORDER ? value : undefined
}
