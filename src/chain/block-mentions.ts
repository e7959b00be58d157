/**
 * What a block mentions, packed for search: the beginnings of the ids of its transactions, of the output keys that it pays and of those that it
 * spends. A record is a tenth of its block, about; what it leaves uncertain, the block itself decides. Pure, any thread.
 */
import { spentCoinsIn } from '../consensus/connect-block.ts'
import type { Block } from '../primitives/block.ts'
import { outputKeyOf } from '../script/taproot.ts'

/** Bytes kept of each id: two strangers meet once in 2^64, and to make them meet on purpose gains nothing. */
const MENTION_BYTES = 8

/** The record of a block: `MENTION_BYTES` bytes an id, in no set order. `undo`: what connecting the block gave. */
export function mentionsOf(block: Block, undo: Uint8Array): Uint8Array {
  const ids = [
    ...block.transactions.map(({ txidBytes }) => txidBytes),
    ...block.transactions.flatMap(({ outputs }) =>
      outputs.flatMap(({ scriptPubKey }) => outputKeyOf(scriptPubKey) ?? []),
    ),
    ...spentCoinsIn(undo).map(({ outputKey }) => outputKey),
  ]
  const record = new Uint8Array(ids.length * MENTION_BYTES)
  ids.forEach((id, i) => {
    record.set(id.subarray(0, MENTION_BYTES), i * MENTION_BYTES)
  })
  return record
}

/** Whether a record tells of `id`: a txid in internal order or an output key, 32 bytes. */
export function isMentioned(record: Uint8Array, id: Uint8Array): boolean {
  for (let at = 0; at < record.length; at += MENTION_BYTES) {
    let equal = 0
    while (equal < MENTION_BYTES && record[at + equal] === id[equal]) equal++
    if (equal === MENTION_BYTES) return true
  }
  return false
}
