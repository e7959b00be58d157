/**
 * What came out of counting the coins after blocks at snapshot heights, kept for every such block that was ever connected: a branch
 * that comes back finds it. Thread: the brain.
 */
import { COIN_RECORD_BYTES } from '../consensus/coin-table.ts'
import type { NetworkParams } from '../consensus/params.ts'
import {
  committedSnapshotHeight,
  isSnapshotHeight,
  type SnapshotCommitment,
  SnapshotHasher,
} from '../consensus/snapshot.ts'
import { sats } from '../primitives/amount.ts'
import { decodeWith, Writer } from '../primitives/codec.ts'
import type { Clock } from '../primitives/ports.ts'
import { type CoinScan, coinsInOrder } from './coins-in-order.ts'
import type { HeaderIndex, HeaderTree } from './header-tree.ts'
import { type BlockRecord, StorageError } from './store.ts'

/** Root 32 bytes, number of coins u32, their sum in satoshis u64, little-endian. */
const RECORD_BYTES = 44

export class Snapshots {
  private readonly params: NetworkParams
  private readonly headers: HeaderTree
  private readonly commitments = new Map<HeaderIndex, SnapshotCommitment>()

  constructor(params: NetworkParams, headers: HeaderTree, stored: readonly BlockRecord[]) {
    this.params = params
    this.headers = headers
    for (const { index, bytes } of stored) {
      if (!headers.has(index)) throw new StorageError('corrupt', `Stored snapshot ${index} has no header.`)
      this.commitments.set(index, unpackSnapshot(bytes, headers.header(index).hashBytes))
    }
  }

  /** The coins after this block; undefined where they weren't counted. */
  after(index: HeaderIndex): SnapshotCommitment | undefined {
    return this.commitments.get(index)
  }

  /** What a block on `parent` must commit to; undefined where it needn't, or where that isn't known yet. */
  committedOn(parent: HeaderIndex): SnapshotCommitment | undefined {
    const height = committedSnapshotHeight(this.headers.height(parent) + 1, this.params)
    return height === undefined ? undefined : this.commitments.get(this.headers.ancestor(parent, height))
  }

  /** Whether the coins after this block must be counted and weren't. */
  isDue(index: HeaderIndex): boolean {
    return isSnapshotHeight(this.headers.height(index), this.params) && !this.commitments.has(index)
  }

  /** Counts the coins after a block. `scan` and `coins` as for `coinsInOrder`: the set must not change meanwhile. */
  async take(index: HeaderIndex, scan: CoinScan, coins: number, clock: Clock): Promise<void> {
    const pause = (): Promise<void> => new Promise((resolve) => clock.after(0, resolve))
    const hasher = new SnapshotHasher()
    for await (const records of coinsInOrder(scan, coins, pause))
      for (let at = 0; at < records.length; at += COIN_RECORD_BYTES) hasher.add(records, at)
    this.commitments.set(index, hasher.finish(this.headers.header(index).hashBytes))
  }

  /** The records of those of `indexes` that have a snapshot: stored along with what makes these blocks part of the chain. */
  records(indexes: readonly HeaderIndex[]): BlockRecord[] {
    return indexes.flatMap((index) => {
      const snapshot = this.commitments.get(index)
      return snapshot ? { index, bytes: packSnapshot(snapshot) } : []
    })
  }
}

function packSnapshot({ root, coins, total }: SnapshotCommitment): Uint8Array {
  return new Writer(RECORD_BYTES).put(root).u32(coins).i64FromNumber(total).finish()
}

function unpackSnapshot(bytes: Uint8Array, blockHash: Uint8Array): SnapshotCommitment {
  const decoded = decodeWith(bytes, 'snapshot-decode-failed', (reader) => ({
    root: reader.take(32),
    blockHash,
    coins: reader.u32(),
    total: sats(reader.i64AsNumber()),
  }))
  if (!decoded.ok) throw new StorageError('corrupt', `A stored snapshot is damaged. ${decoded.detail}`)
  return decoded.value
}
