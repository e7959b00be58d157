/** Connecting and disconnecting blocks: pure, synchronous, on an overlay. */
import type { Sats } from '../primitives/amount.ts'
import type { Block } from '../primitives/block.ts'
import type { Result } from '../primitives/result.ts'
import type { TransactionCheck } from '../script/input-check.ts'
import type { CoinsOverlay } from './coin-table.ts'
import type { NetworkParams } from './params.ts'

/** What the headers say about a block's place. */
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

export interface ConnectedBlock {
  /** The coins that the block spent, in input order, packed; the argument of `disconnectBlock`. */
  readonly undo: Uint8Array
  /** Input checks per transaction after the coinbase, in order. Nothing may be committed before they pass. */
  readonly checks: readonly TransactionCheck[]
  readonly fees: Sats
}

export declare function connectBlock(
  block: Block,
  coins: CoinsOverlay,
  context: BlockContext,
): Result<ConnectedBlock>

/** Inverse of `connectBlock` on the overlay. Throws when block, undo and coins do not belong together: storage corruption. */
export declare function disconnectBlock(
  block: Block,
  undo: Uint8Array,
  coins: CoinsOverlay,
  height: number,
): void
