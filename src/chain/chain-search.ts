/**
 * Finding transactions in the active chain, newest block first. Blocks are found by what they mention, and only those are read. Thread: the
 * brain.
 */
import type { Coin } from '../consensus/coins.ts'
import type { Block } from '../primitives/block.ts'
import { equalBytes } from '../primitives/bytes.ts'
import { fromDisplay, type Txid } from '../primitives/hashes.ts'
import type { Transaction } from '../primitives/transaction.ts'
import { outputKeyOf, p2trScript } from '../script/taproot.ts'
import type { Mentions } from './block-mentions.ts'
import type { Chain } from './chain.ts'
import type { HeaderIndex } from './header-tree.ts'

/** Places of the header tree whose mentions are read at a time: a few megabytes of them on a busy network. */
export const MENTIONS_AT_ONCE = 256

/** A transaction in its block. */
export interface FoundTransaction {
  readonly index: HeaderIndex
  readonly block: Block
  readonly transaction: Transaction
  /** The coins it spends, in input order; undefined for a coinbase, and where undo data is gone. */
  readonly spent: readonly Coin[] | undefined
}

/** The transaction with this id in `within`, or anywhere in the active chain. */
export async function findTransaction(
  chain: Chain,
  txid: Txid,
  within?: HeaderIndex,
): Promise<FoundTransaction | undefined> {
  const id = fromDisplay(txid)
  const places =
    within === undefined ? blocksWhere(chain, (mentions) => mentions.hasTransaction(id)) : [within]
  for await (const index of places) {
    const block = await chain.readBlock(index)
    const at = block?.transactions.findIndex((tx) => tx.txid === txid) ?? -1
    if (block && at >= 0) return found(index, block, at, await chain.readSpentCoins(index))
  }
  return undefined
}

/** The transactions that pay to an output key (32 bytes) or spend from it, newest first. */
export async function* findByOutputKey(
  chain: Chain,
  outputKey: Uint8Array,
): AsyncGenerator<FoundTransaction> {
  const scripts = [p2trScript(outputKey)]
  for await (const index of blocksWhere(chain, (mentions) => mentions.filter().matchesAny(scripts))) {
    const block = await chain.readBlock(index)
    if (!block) continue
    const coins = await chain.readSpentCoins(index)
    for (let at = block.transactions.length - 1; at >= 0; at--) {
      const candidate = found(index, block, at, coins)
      const pays = candidate.transaction.outputs.some(({ scriptPubKey }) => {
        const key = outputKeyOf(scriptPubKey)
        return key !== undefined && equalBytes(key, outputKey)
      })
      if (pays || candidate.spent?.some((coin) => equalBytes(coin.outputKey, outputKey))) yield candidate
    }
  }
}

/** The blocks of the active chain, newest first, whose mentions seem to hold what is looked for. */
async function* blocksWhere(
  chain: Chain,
  holds: (mentions: Mentions) => boolean,
): AsyncGenerator<HeaderIndex> {
  // A block comes after its parent, in the tree and in the store.
  for (let last = chain.tip; last > 0; last -= MENTIONS_AT_ONCE) {
    const found = await chain.readMentions(Math.max(1, last - MENTIONS_AT_ONCE + 1), last)
    for (const [index, mentions] of [...found].reverse())
      if (chain.isActive(index) && holds(mentions)) yield index
  }
}

/** `coins` are those that the whole block spent. */
function found(
  index: HeaderIndex,
  block: Block,
  at: number,
  coins: readonly Coin[] | undefined,
): FoundTransaction {
  const transaction = block.transactions[at]
  const before = block.transactions.slice(1, at).reduce((sum, tx) => sum + tx.inputs.length, 0)
  const spent = at === 0 ? undefined : coins?.slice(before, before + transaction.inputs.length)
  return { index, block, transaction, spent }
}
