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
  const { headers } = chain
  for (let height = headers.height(chain.tip); height > 0; height -= MENTIONS_AT_ONCE) {
    const count = Math.min(height, MENTIONS_AT_ONCE)
    const indexes = Array.from({ length: count }, (_, i) => chain.activeAt(height - i))
    const found = await mentionsAt(chain, indexes)
    for (const index of indexes) {
      const mentions = found.get(index)
      if (mentions && chain.isActive(index) && holds(mentions)) yield index
    }
  }
}

/** What blocks mention, as far as that is stored. */
export async function mentionsAt(
  chain: Chain,
  indexes: readonly HeaderIndex[],
): Promise<ReadonlyMap<HeaderIndex, Mentions>> {
  const found = new Map<HeaderIndex, Mentions>()
  // Blocks that follow each other stand side by side, mostly.
  for (const [first, last] of passages(indexes))
    for (const [index, mentions] of await chain.readMentions(first, last)) found.set(index, mentions)
  return found
}

/** The stretches of places that hold `indexes`, ascending, each of at most twice `MENTIONS_AT_ONCE` places. */
function passages(indexes: readonly HeaderIndex[]): [first: HeaderIndex, last: HeaderIndex][] {
  const stretches: [HeaderIndex, HeaderIndex][] = []
  for (const index of indexes.toSorted((a, b) => a - b)) {
    const current = stretches.at(-1)
    if (current && index - current[0] < 2 * MENTIONS_AT_ONCE) current[1] = index
    else stretches.push([index, index])
  }
  return stretches
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
