/**
 * A hash of all unspent coins, by which two nodes, or a node and a tool of Bitcoin's world, can tell whether they hold the same
 * ones. Thread: the brain.
 */
import type { Chain } from '../chain/chain.ts'
import { compareBytes } from '../primitives/bytes.ts'
import { Writer } from '../primitives/codec.ts'
import { type BlockHash, sha256, startSha256, toDisplay } from '../primitives/hashes.ts'
import { P2TR_SCRIPT_BYTES, p2trScript } from '../script/taproot.ts'

/** Bytes of a coin's record: outpoint, height and coinbase flag, amount, length of the script, script. */
const RECORD_BYTES = 36 + 4 + 8 + 1 + P2TR_SCRIPT_BYTES

/**
 * Bitcoin Core's `hash_serialized_3` (its `kernel/coinstats.cpp`): SHA-256d over the records of all coins, ordered by txid (internal
 * order) and position. 64 hex digits, display order. Blocks wait to be connected meanwhile.
 */
export async function coinSetHash(chain: Chain): Promise<string> {
  const coins: { readonly txid: Uint8Array; readonly index: number; readonly record: Uint8Array }[] = []
  await chain.forEachCoin(({ txid, index }, { height, coinbase, value, outputKey }) => {
    const record = new Writer(RECORD_BYTES)
      .put(txid)
      .u32(index)
      .u32(height * 2 + (coinbase ? 1 : 0))
      .i64FromNumber(value)
      .varBytes(p2trScript(outputKey))
      .finish()
    coins.push({ txid: record.subarray(0, 32), index, record })
  })
  coins.sort((a, b) => compareBytes(a.txid, b.txid) || a.index - b.index)
  const hash = startSha256()
  for (const { record } of coins) hash.update(record)
  return toDisplay<BlockHash>(sha256(hash.digest()))
}
