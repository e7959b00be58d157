/**
 * The snapshot commitment: at heights that are multiples of an interval the set of unspent coins is hashed, and a block some way
 * above must say what came out, so that a newcomer can fetch the set from strangers and check it piece by piece. Pure, any thread.
 */
import { type Sats, sats } from '../primitives/amount.ts'
import { equalBytes } from '../primitives/bytes.ts'
import { Writer } from '../primitives/codec.ts'
import { taggedHash } from '../primitives/hashes.ts'
import { invalid, OK, type Result } from '../primitives/result.ts'
import type { Transaction, TxOutput } from '../primitives/transaction.ts'
import { OP_PUSHDATA1, OP_RETURN } from '../script/opcodes.ts'
import { COIN_RECORD_BYTES, readCoinValue } from './coin-table.ts'
import { OUTPOINT_BYTES } from './outpoint-table.ts'
import type { NetworkParams } from './params.ts'

/** What a coinbase says of the unspent coins after an earlier block. */
export interface SnapshotCommitment {
  /** Merkle root over the chunks of the set, 32 bytes. */
  readonly root: Uint8Array
  /** The block after which the coins are counted: its hash, 32 bytes, internal order. */
  readonly blockHash: Uint8Array
  readonly coins: number
  /** The sum of the coins. */
  readonly total: Sats
}

/** Coins in every chunk but the last, which holds the rest: 65,520 bytes. */
export const SNAPSHOT_CHUNK_COINS = 819

/** Bytes of a commitment's script: all that an OP_RETURN may have. */
const COMMITMENT_SCRIPT_BYTES = 83
/** OP_RETURN, push of 80, and the mark of the commitment: the first 4 bytes of SHA-256("opentab/snapshot"). */
const COMMITMENT_PREFIX = Uint8Array.of(OP_RETURN, OP_PUSHDATA1, 80, 0xa8, 0x36, 0x1a, 0x41)

/** Whether the coins after the block at `height` are hashed. */
export function isSnapshotHeight(height: number, params: NetworkParams): boolean {
  return height > 0 && height % params.snapshotInterval === 0
}

/** Height of the block after which the coins are counted that the block at `height` commits to; undefined where it needn't. */
export function committedSnapshotHeight(height: number, params: NetworkParams): number | undefined {
  const counted = height - params.snapshotDelay
  return isSnapshotHeight(counted, params) ? counted : undefined
}

/**
 * The canonical order of packed coin records: by txid, its bytes in internal order, then by output index as a number. Negative,
 * zero or positive; the records stand at these offsets.
 */
export function compareCoinRecords(a: Uint8Array, atA: number, b: Uint8Array, atB: number): number {
  for (let i = 0; i < 32; i++) {
    const difference = a[atA + i] - b[atB + i]
    if (difference !== 0) return difference
  }
  // The index is little-endian.
  for (let i = 35; i >= 32; i--) {
    const difference = a[atA + i] - b[atB + i]
    if (difference !== 0) return difference
  }
  return 0
}

/** Takes in a set of coins in canonical order, one by one, and holds no more of it than a chunk. */
export class SnapshotHasher {
  private readonly leaves: Uint8Array[] = []
  private readonly chunk = new Uint8Array(SNAPSHOT_CHUNK_COINS * COIN_RECORD_BYTES)
  private readonly view = new DataView(this.chunk.buffer)
  /** Bytes of the chunk that are filled. */
  private filled = 0
  private coins = 0
  private total = 0

  /** Takes in the packed record at `offset`. Throws when it does not come after the one before: a bug of the caller. */
  add(records: Uint8Array, offset: number): void {
    const { chunk } = this
    if (this.filled === chunk.length) this.closeChunk()
    // The record before is the last of what is filled, or of the chunk just closed.
    const before = (this.filled || chunk.length) - COIN_RECORD_BYTES
    if (this.coins > 0 && compareCoinRecords(chunk, before, records, offset) >= 0)
      throw new Error('The coins of a snapshot are not in their order')
    for (let i = 0; i < COIN_RECORD_BYTES; i++) chunk[this.filled + i] = records[offset + i]
    this.total += readCoinValue(this.view, this.filled + OUTPOINT_BYTES)
    this.filled += COIN_RECORD_BYTES
    this.coins++
  }

  /** The commitment to the coins taken in, after the block with this hash (32 bytes, internal order). Call it once. */
  finish(blockHash: Uint8Array): SnapshotCommitment {
    // No coins are one empty chunk.
    this.closeChunk()
    return { root: snapshotRoot(this.leaves), blockHash, coins: this.coins, total: sats(this.total) }
  }

  private closeChunk(): void {
    this.leaves.push(taggedHash('opentab/snapshot-leaf', this.chunk.subarray(0, this.filled)))
    this.filled = 0
  }
}

/**
 * Merkle root over the hashes of the chunks (32 bytes each, at least one). Leaves and branches have tags of their own, so that
 * neither passes for the other, and a node without a sibling rises as it is: repeated, as in Bitcoin's tree, it would
 * give two lists one root (CVE-2012-2459).
 */
function snapshotRoot(leaves: readonly Uint8Array[]): Uint8Array {
  let level = leaves
  while (level.length > 1) {
    const above: Uint8Array[] = []
    for (let i = 0; i + 1 < level.length; i += 2)
      above.push(taggedHash('opentab/snapshot-branch', level[i], level[i + 1]))
    if (level.length % 2 === 1) above.push(level[level.length - 1])
    level = above
  }
  return level[0]
}

/**
 * The coinbase output that commits to a snapshot, an OP_RETURN of one push: mark 4 bytes, root 32, block hash 32, coins u32, total
 * u64, little-endian.
 */
export function snapshotOutput({ root, blockHash, coins, total }: SnapshotCommitment): TxOutput {
  const writer = new Writer(COMMITMENT_SCRIPT_BYTES)
  writer.put(COMMITMENT_PREFIX).put(root).put(blockHash).u32(coins).i64FromNumber(total)
  return { value: sats(0), scriptPubKey: writer.finish() }
}

/**
 * Checks that the coinbase commits to the snapshot that its height asks for: `bad-snapshot-commitment`. Of several outputs that
 * have the form the last counts, as for the witness commitment. Takes a `BlockContext`, and throws when it lacks the snapshot: a bug
 * of the caller.
 */
export function checkSnapshotCommitment(
  coinbase: Transaction,
  { height, params, snapshot }: { height: number; params: NetworkParams; snapshot?: SnapshotCommitment },
): Result<void> {
  const counted = committedSnapshotHeight(height, params)
  if (counted === undefined) return OK
  if (!snapshot) throw new Error(`The coins after block ${counted} were not counted`)
  const script = coinbase.outputs.findLast(
    ({ scriptPubKey }) =>
      scriptPubKey.length === COMMITMENT_SCRIPT_BYTES &&
      equalBytes(scriptPubKey.subarray(0, COMMITMENT_PREFIX.length), COMMITMENT_PREFIX),
  )?.scriptPubKey
  if (!script)
    return invalid(
      'bad-snapshot-commitment',
      `The coinbase does not commit to the coins after block ${counted}.`,
    )
  return equalBytes(script, snapshotOutput(snapshot).scriptPubKey)
    ? OK
    : invalid(
        'bad-snapshot-commitment',
        `The coinbase commits to other coins than those after block ${counted}.`,
      )
}
