/** Reads stretches of the active chain for lists of blocks. Blocks never change, so what was read by hash is kept. Thread: Window. */
import { putBounded } from '../src/primitives/bounded.ts'
import type { LiveNode } from './live-node.ts'

/** What a list shows of a block. */
export interface BlockSummary {
  readonly hash: string
  readonly height: number
  /** Header time, seconds since 1970. */
  readonly time: number
  readonly transactions: number
  /** Weight units. */
  readonly weight: number
  /** Bytes. */
  readonly size: number
}

/** Summaries that are kept, over all nodes of the page (there is one). */
const KEPT = 1000
const kept = new Map<string, BlockSummary>()

/** The `count` blocks from `height` down, highest first; fewer where the chain begins. */
export function readBlocks(node: LiveNode, height: number, count: number): Promise<BlockSummary[]> {
  const heights = Array.from({ length: Math.min(count, height + 1) }, (_, at) => height - at)
  return Promise.all(heights.map(async (at) => summaryOf(node, await node.rpc('getblockhash', at))))
}

async function summaryOf(node: LiveNode, hash: string): Promise<BlockSummary> {
  const known = kept.get(hash)
  if (known) return known
  const block = await node.rpc('getblock', hash, 1)
  const { height, time, nTx, weight, size } = block
  const summary = { hash, height, time, transactions: nTx ?? block.tx.length, weight, size }
  putBounded(kept, hash, summary, KEPT)
  return summary
}
