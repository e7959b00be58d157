/**
 * Proof of work: compact targets, work, and the arithmetic of ASERT. Pure, on bigints; targets and work fit 256 bits. Which
 * target a block must have: `difficulty.ts`.
 */
import type { BlockHeader } from '../primitives/block.ts'

export interface CompactTarget {
  /** Magnitude; where `overflow`, more than 256 bits. */
  readonly target: bigint
  /** The sign bit is set on a magnitude other than zero. */
  readonly negative: boolean
  /** Doesn't fit 256 bits. */
  readonly overflow: boolean
}

/**
 * Decodes nBits as Bitcoin Core's `arith_uint256::SetCompact`: a size in bytes, a sign bit, 23 bits of mantissa. (A negative
 * count of bits shifts a bigint the other way, rounding down.)
 */
export function decodeCompact(bits: number): CompactTarget {
  const size = bits >>> 24
  const target = BigInt(bits & 0x7fffff) << BigInt(8 * (size - 3))
  return {
    target,
    negative: target !== 0n && (bits & 0x800000) !== 0,
    overflow: target >> 256n !== 0n,
  }
}

/** Encodes as `arith_uint256::GetCompact`: what 23 bits can't hold is cut off. `target` below 2^256, not negative. */
export function encodeCompact(target: bigint, negative = false): number {
  if (target === 0n) return 0
  let size = Math.ceil(target.toString(16).length / 2)
  let mantissa = Number(target >> BigInt(8 * (size - 3)))
  // The top bit of the mantissa is the sign: a number that needs it moves one byte up.
  if (mantissa & 0x800000) {
    mantissa >>= 8
    size++
  }
  return (size << 24) | mantissa | (negative ? 0x800000 : 0)
}

/** The target of bits that are known to be good, as those of a checked header. Throws on those that name none. */
export function targetOf(bits: number): bigint {
  const { target, negative, overflow } = decodeCompact(bits)
  if (negative || overflow || target === 0n) throw new Error(`Bits ${bits.toString(16)} name no target`)
  return target
}

/** Expected number of hashes to meet `target`: 2^256 / (target + 1), rounded down (Core's `GetBlockProof`). */
export function blockWork(target: bigint): bigint {
  return (1n << 256n) / (target + 1n)
}

/** 32 bytes in internal order as a little-endian number: how a hash is compared with a target. */
export function hashToNumber(hash: Uint8Array): bigint {
  const view = new DataView(hash.buffer, hash.byteOffset, 32)
  let value = 0n
  for (let offset = 24; offset >= 0; offset -= 8) value = (value << 64n) | view.getBigUint64(offset, true)
  return value
}

/** Whether `hash` (32 bytes, internal order) meets `bits`, and these name a target from 1 to `limit` (Core's `CheckProofOfWork`). */
export function meetsTarget(hash: Uint8Array, bits: number, limit: bigint): boolean {
  const { target, negative, overflow } = decodeCompact(bits)
  if (negative || overflow || target === 0n || target > limit) return false
  return hashToNumber(hash) <= target
}

/** Whether the header has the work that its own bits ask for, and these are within the network's limit. */
export function checkProofOfWork(
  header: BlockHeader,
  { powLimitBits }: { readonly powLimitBits: number },
): boolean {
  return meetsTarget(header.hashBytes, header.bits, targetOf(powLimitBits))
}

export interface AsertInput {
  readonly anchorTarget: bigint
  /** Time of the last block minus time of the anchor's parent, seconds. */
  readonly timeDiff: bigint
  /** Height of the last block minus height of the anchor. */
  readonly heightDiff: bigint
  /** Seconds between blocks aimed at. */
  readonly spacing: bigint
  /** Seconds of delay that double the target. */
  readonly halfLife: bigint
  /** Easiest target. */
  readonly limit: bigint
}

/**
 * aserti3-2d: target of the block after the last one, anchorTarget × 2^((timeDiff − spacing × (heightDiff + 1)) / halfLife) in
 * 16-bit fixed point, with the published cubic for the fraction (Bitcoin Cash upgrade of November 2020). The
 * division truncates towards zero, the shift floors. From 1 to `limit`.
 */
export function asertTarget(input: AsertInput): bigint {
  const { anchorTarget, timeDiff, heightDiff, spacing, halfLife, limit } = input
  return scaleTarget(
    anchorTarget,
    ((timeDiff - spacing * (heightDiff + 1n)) * EXPONENT_ONE) / halfLife,
    limit,
  )
}

/** One doubling, in the fixed point of exponents. */
export const EXPONENT_ONE = 65_536n

/** `target` × 2^(exponent / 65,536) by the cubic of aserti3-2d, rounded down. From 1 to `limit`. */
export function scaleTarget(target: bigint, exponent: bigint, limit: bigint): bigint {
  const shifts = exponent >> 16n
  const fraction = exponent & 0xffffn
  // Beyond 256 bits the answer is known; it spares growing a number by as many bits as a peer's clock chose.
  if (shifts >= 256n) return limit
  const factor =
    65_536n +
    ((195_766_423_245_049n * fraction +
      971_821_376n * fraction * fraction +
      5_127n * fraction * fraction * fraction +
      (1n << 47n)) >>
      48n)
  // A negative count shifts to the right, rounding down.
  const scaled = (target * factor) << (shifts - 16n)
  if (scaled > limit) return limit
  return scaled === 0n ? 1n : scaled
}
