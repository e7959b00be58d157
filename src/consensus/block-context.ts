/** What the headers say about the place of a block, the next one included: all that rules about locks and heights need. */
import type { NetworkParams } from './params.ts'

export interface BlockContext {
  readonly params: NetworkParams
  /** Hash of the genesis block, 32 bytes, internal order. */
  readonly genesisHash: Uint8Array
  readonly height: number
  /** Median time past of the parent, seconds. */
  readonly medianTimePast: number
  /** Median time past of the ancestor at a height below this block's (BIP68), seconds. */
  medianTimePastAt(height: number): number
}
