/**
 * Output scripts and keys of BIP341. The only spendable output is P2TR; beside it stands OP_RETURN. Pure, any thread.
 * Only `tweakSecretKey` touches a secret: it is for the signer.
 */
import { schnorr, secp256k1 } from '@noble/curves/secp256k1.js'
import { bytesToNumberBE, numberToBytesBE } from '@noble/curves/utils.js'
import type { Sats } from '../primitives/amount.ts'
import { compareBytes, concatBytes, EMPTY, equalBytes } from '../primitives/bytes.ts'
import { Writer } from '../primitives/codec.ts'
import { taggedHash } from '../primitives/hashes.ts'
import { OP_1, OP_RETURN, pushData } from './opcodes.ts'

const { Point } = secp256k1
const { Fn } = Point

/** Bytes of a P2TR scriptPubKey: OP_1, push of 32, the output key. */
export const P2TR_SCRIPT_BYTES = 34

/** Greatest length of an OP_RETURN script, opcode included. */
export const MAX_NULL_DATA_BYTES = 83

/** The scriptPubKey that pays to `outputKey`, 32 bytes x-only (BIP341, Script validation rules). */
export function p2trScript(outputKey: Uint8Array): Uint8Array {
  const script = new Uint8Array(P2TR_SCRIPT_BYTES)
  script[0] = OP_1
  script[1] = 32
  script.set(outputKey, 2)
  return script
}

/** Bytes of an output (CTxOut) that pays to an output key: value, CompactSize, script. */
export const P2TR_OUTPUT_BYTES = 8 + 1 + P2TR_SCRIPT_BYTES

/** Writes the output (CTxOut) that pays `value` to `outputKey`, 32 bytes x-only. */
export function writeP2trOutput(writer: Writer, value: Sats, outputKey: Uint8Array): void {
  writer.i64FromNumber(value).u8(P2TR_SCRIPT_BYTES).u8(OP_1).u8(32).put(outputKey)
}

/** Whether the script is P2TR: witness version 1 and a program of 32 bytes. */
export function isP2tr(scriptPubKey: Uint8Array): boolean {
  return scriptPubKey.length === P2TR_SCRIPT_BYTES && scriptPubKey[0] === OP_1 && scriptPubKey[1] === 32
}

/** The 32-byte output key, a view over the script; undefined where the script is not P2TR. */
export function outputKeyOf(scriptPubKey: Uint8Array): Uint8Array | undefined {
  return isP2tr(scriptPubKey) ? scriptPubKey.subarray(2) : undefined
}

/** The script of an output that carries data and pays nobody. */
export function nullDataScript(data: Uint8Array): Uint8Array {
  return concatBytes(Uint8Array.of(OP_RETURN), pushData(data))
}

/** Whether this is a data output: OP_RETURN and at most 82 bytes of anything. It never becomes a coin. */
export function isNullData(scriptPubKey: Uint8Array): boolean {
  return scriptPubKey[0] === OP_RETURN && scriptPubKey.length <= MAX_NULL_DATA_BYTES
}

/** TapTweak hash of the internal key, and of the script tree's root where there is one (BIP341, 32 bytes each). */
export function tapTweak(internalKey: Uint8Array, merkleRoot: Uint8Array = EMPTY): Uint8Array {
  return taggedHash('TapTweak', internalKey, merkleRoot)
}

/** An output key, and whether its point has an odd y: the bit that a control block repeats. */
export interface TweakedKey {
  /** X-only, 32 bytes. */
  readonly outputKey: Uint8Array
  readonly oddY: boolean
}

/**
 * The output key of an internal key (x-only, 32 bytes) and the root of its script tree, none for key path only (BIP341,
 * `taproot_tweak_pubkey`). Undefined where the internal key is not the x of a point, or the tweak is not below the
 * group order.
 */
export function taprootOutputKey(internalKey: Uint8Array, merkleRoot?: Uint8Array): TweakedKey | undefined {
  const tweak = bytesToNumberBE(tapTweak(internalKey, merkleRoot))
  if (tweak >= Fn.ORDER) return undefined
  const internal = liftX(internalKey)
  if (!internal) return undefined
  const output = internal.add(Point.BASE.multiplyUnsafe(tweak))
  if (output.is0()) return undefined
  return { outputKey: schnorr.utils.pointToBytes(output), oddY: (output.y & 1n) === 1n }
}

/** First byte of an annex. */
const ANNEX_TAG = 0x50
/** Leaf version of BIP342. */
export const TAPSCRIPT_LEAF_VERSION = 0xc0
/** Bytes of a control block without hashes, and of each hash of its merkle path. */
const CONTROL_BASE_BYTES = 33
const CONTROL_NODE_BYTES = 32
const CONTROL_MAX_NODES = 128

/** The parts of a witness that spends a P2TR output. */
export interface TaprootWitness {
  /** What the script finds on its stack, bottom first; in a key-path spend the signature alone. */
  readonly stack: readonly Uint8Array[]
  /** Present in a script-path spend. */
  readonly scriptPath?: { readonly script: Uint8Array; readonly controlBlock: Uint8Array }
  readonly annex?: Uint8Array
}

/** Splits a witness of at least one item (BIP341, Script validation rules). Nothing is checked. */
export function splitWitness(witness: readonly Uint8Array[]): TaprootWitness {
  const last = witness[witness.length - 1]
  const annex = witness.length >= 2 && last[0] === ANNEX_TAG ? last : undefined
  const size = witness.length - (annex ? 1 : 0)
  if (size === 1) return { stack: witness.slice(0, 1), annex }
  const scriptPath = { script: witness[size - 2], controlBlock: witness[size - 1] }
  return { stack: witness.slice(0, size - 2), scriptPath, annex }
}

/** The leaf version that a control block names; 0 for an empty one, which nothing is spent with. */
export function leafVersionOf(controlBlock: Uint8Array): number {
  return controlBlock[0] & 0xfe
}

/** Whether a control block has 33 bytes and 32 more for each of at most 128 hashes. */
export function isControlBlockSize(length: number): boolean {
  const pathBytes = length - CONTROL_BASE_BYTES
  return (
    pathBytes >= 0 &&
    pathBytes <= CONTROL_MAX_NODES * CONTROL_NODE_BYTES &&
    pathBytes % CONTROL_NODE_BYTES === 0
  )
}

/** TapLeaf hash of a script, 32 bytes (BIP341). */
export function tapLeafHash(script: Uint8Array, leafVersion = TAPSCRIPT_LEAF_VERSION): Uint8Array {
  const prefix = new Writer(10).u8(leafVersion).compactSize(script.length).finish()
  return taggedHash('TapLeaf', prefix, script)
}

/** TapBranch hash of two nodes in either order, 32 bytes (BIP341). */
export function tapBranchHash(a: Uint8Array, b: Uint8Array): Uint8Array {
  return compareBytes(a, b) < 0 ? taggedHash('TapBranch', a, b) : taggedHash('TapBranch', b, a)
}

/**
 * Whether `outputKey` commits to the leaf: the internal key of the control block, tweaked by the root that its path leads to,
 * must be that key, with the parity that the block's first bit tells (BIP341, Script validation rules; Core's
 * `VerifyTaprootCommitment`). The control block has a size that `isControlBlockSize` allows.
 */
export function commitsTo(outputKey: Uint8Array, leafHash: Uint8Array, controlBlock: Uint8Array): boolean {
  let root = leafHash
  for (let at = CONTROL_BASE_BYTES; at < controlBlock.length; at += CONTROL_NODE_BYTES)
    root = tapBranchHash(root, controlBlock.subarray(at, at + CONTROL_NODE_BYTES))
  const tweaked = taprootOutputKey(controlBlock.subarray(1, CONTROL_BASE_BYTES), root)
  return (
    tweaked !== undefined &&
    tweaked.oddY === ((controlBlock[0] & 1) === 1) &&
    equalBytes(tweaked.outputKey, outputKey)
  )
}

/**
 * The secret key that signs key-path spends of `taprootOutputKey(internal key, merkleRoot)` (BIP341,
 * `taproot_tweak_seckey`): 32 bytes, fresh. Throws where `secretKey` is not a secret key.
 */
export function tweakSecretKey(secretKey: Uint8Array, merkleRoot?: Uint8Array): Uint8Array {
  const scalar = Fn.fromBytes(secretKey)
  const point = Point.BASE.multiply(scalar)
  const even = (point.y & 1n) === 0n ? scalar : Fn.neg(scalar)
  const tweak = bytesToNumberBE(tapTweak(schnorr.utils.pointToBytes(point), merkleRoot))
  const tweaked = Fn.add(even, Fn.create(tweak))
  if (tweak >= Fn.ORDER || Fn.is0(tweaked)) throw new Error('This key has no taproot tweak')
  return numberToBytesBE(tweaked, 32)
}

/** The point of even y whose x these 32 bytes are (BIP340, `lift_x`); undefined where there is none. */
function liftX(x: Uint8Array): InstanceType<typeof Point> | undefined {
  try {
    return schnorr.utils.lift_x(bytesToNumberBE(x))
  } catch {
    return undefined
  }
}
