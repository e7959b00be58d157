/** What the chain before a block says about its place, the next block included: all that rules about locks and heights need. */
import type { NetworkParams } from './params.ts'
import type { SnapshotCommitment } from './snapshot.ts'

export interface BlockContext {
  readonly params: NetworkParams
  /** Hash of the genesis block, 32 bytes, internal order. */
  readonly genesisHash: Uint8Array
  readonly height: number
  /** Median time past of the parent, seconds. */
  readonly medianTimePast: number
  /** Median time past of the ancestor at a height below this block's (BIP68), seconds. */
  medianTimePastAt(height: number): number
  /**
   * What the block's coinbase must commit to, where its height asks for it (`committedSnapshotHeight`). The headers don't tell: it is
   * known once the block counted after was connected, and needed to connect or build this one.
   */
  readonly snapshot?: SnapshotCommitment
}
