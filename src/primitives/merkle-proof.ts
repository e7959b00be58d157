/**
 * Proofs that a block holds transactions (BIP37, Partial Merkle branch format): its header, and as much of its merkle tree as leads from them to the
 * root. Pure, any thread.
 */
import { BlockHeader } from './block.ts'
import { concatBytes, equalBytes } from './bytes.ts'
import { DecodeError, decodeWith, type Reader, Writer } from './codec.ts'
import { sha256d } from './hashes.ts'
import type { Result } from './result.ts'

/** Bytes of the smallest transaction of a block: what a count is bounded by before the block is known (Bitcoin Core's check, at weight 4,000,000). */
const MAX_TRANSACTIONS = 4_000_000 / (4 * 60)

/** A proof that was read: its hashes make the root in its header. */
export interface MerkleProof {
  readonly header: BlockHeader
  /** How many transactions the block is said to have: to be held against the block. */
  readonly transactions: number
  /** Ids of those that are proved (32 bytes, internal order), in the order of the block. */
  readonly matched: readonly Uint8Array[]
}

/** Nodes at a height above the leaves of a tree. */
function widthAt(transactions: number, height: number): number {
  return Math.ceil(transactions / 2 ** height)
}

function heightOf(transactions: number): number {
  let height = 0
  while (widthAt(transactions, height) > 1) height++
  return height
}

/** The hash over two nodes; a node without a neighbour is its own. */
function parentOf(left: Uint8Array, right: Uint8Array = left): Uint8Array {
  return sha256d(concatBytes(left, right))
}

/**
 * The proof that a block with these transaction ids (32 bytes each, internal order) holds those at `places`: header, count, hashes, and a bit for
 * each node on the way, packed from the lowest bit on.
 */
export function encodeMerkleProof(
  header: BlockHeader,
  txids: readonly Uint8Array[],
  places: ReadonlySet<number>,
): Uint8Array {
  const levels = [txids]
  for (let level = txids; level.length > 1; levels.push(level))
    level = Array.from({ length: widthAt(level.length, 1) }, (_, i) =>
      parentOf(level[2 * i], level[2 * i + 1]),
    )
  const bits: boolean[] = []
  const hashes: Uint8Array[] = []
  const walk = (height: number, at: number): void => {
    const leads = [...places].some((place) => Math.floor(place / 2 ** height) === at)
    bits.push(leads)
    if (height === 0 || !leads) hashes.push(levels[height][at])
    else
      for (const child of [2 * at, 2 * at + 1]) if (child < levels[height - 1].length) walk(height - 1, child)
  }
  walk(levels.length - 1, 0)
  const writer = new Writer()
  writer.put(header.bytes).u32(txids.length).compactSize(hashes.length)
  for (const hash of hashes) writer.put(hash)
  const flags = new Uint8Array(Math.ceil(bits.length / 8))
  for (const [i, bit] of bits.entries()) if (bit) flags[i >> 3] |= 1 << (i & 7)
  return writer.varBytes(flags).finish()
}

/**
 * Reads a proof. Rejects with `merkle-proof-invalid` what doesn't make the root of its header, or says more than it needs: two equal neighbours
 * would stand for another list of transactions (CVE-2012-2459).
 */
export function decodeMerkleProof(bytes: Uint8Array): Result<MerkleProof> {
  return decodeWith(bytes, 'merkle-proof-invalid', readProof)
}

function readProof(reader: Reader): MerkleProof {
  const header = BlockHeader.read(reader)
  const transactions = reader.u32()
  if (transactions === 0 || transactions > MAX_TRANSACTIONS)
    throw new DecodeError(`no block has ${transactions} transactions`)
  const hashes = Array.from({ length: reader.count(32) }, () => reader.take(32))
  const flags = reader.varBytes()
  if (hashes.length > transactions) throw new DecodeError('more hashes than transactions')
  let usedBits = 0
  let usedHashes = 0
  const matched: Uint8Array[] = []
  const walk = (height: number, at: number): Uint8Array => {
    if (usedBits >= flags.length * 8) throw new DecodeError('too few bits')
    const leads = (flags[usedBits >> 3] & (1 << (usedBits & 7))) !== 0
    usedBits++
    if (height === 0 || !leads) {
      const hash = hashes[usedHashes++]
      if (!hash) throw new DecodeError('too few hashes')
      if (height === 0 && leads) matched.push(hash)
      return hash
    }
    const left = walk(height - 1, 2 * at)
    if (2 * at + 1 >= widthAt(transactions, height - 1)) return parentOf(left)
    const right = walk(height - 1, 2 * at + 1)
    if (equalBytes(left, right)) throw new DecodeError('two neighbours are equal')
    return parentOf(left, right)
  }
  const root = walk(heightOf(transactions), 0)
  if (Math.ceil(usedBits / 8) !== flags.length || usedHashes !== hashes.length)
    throw new DecodeError('more bits or hashes than the tree has')
  if (!equalBytes(root, header.merkleRoot))
    throw new DecodeError('it does not make the merkle root of its header')
  return { header, transactions, matched }
}
