/** Block templates: what a miner works on. */
import type { Chain } from '../chain/chain.ts'
import type { HeaderIndex } from '../chain/header-tree.ts'
import type { Mempool } from '../mempool/mempool.ts'
import type { Sats } from '../primitives/amount.ts'
import type { Block } from '../primitives/block.ts'

export interface BlockTemplate {
  /** The block with nonce 0; it connects to `parent` once its nonce meets the target. */
  readonly block: Block
  readonly parent: HeaderIndex
  readonly height: number
  readonly fees: Sats
  readonly subsidy: Sats
}

/**
 * Builds a template on the active tip that pays subsidy and fees to `scriptPubKey` (P2TR). `time` is seconds since 1970, raised to
 * what the parent's median time past asks. `extraNonce` (at most 8 bytes) makes the coinbase unique to a miner.
 */
export declare function createTemplate(
  chain: Chain,
  mempool: Mempool,
  options: { readonly scriptPubKey: Uint8Array; readonly extraNonce: Uint8Array; readonly time: number },
): BlockTemplate
