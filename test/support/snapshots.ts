/**
 * The snapshot commitment computed a second time, from the description in `docs/protocol.md` and without the project's
 * codecs and hashes. Runs in Node and in browsers.
 */
import { sha256 } from '@noble/hashes/sha2.js'
import { bytesToHex, concatBytes, utf8ToBytes } from '@noble/hashes/utils.js'
import type { SnapshotCommitment } from '../../src/consensus/snapshot.ts'
import { type Sats, sats } from '../../src/primitives/amount.ts'
import type { Block } from '../../src/primitives/block.ts'

function tagged(tag: string, ...parts: readonly Uint8Array[]): Uint8Array {
  const tagHash = sha256(utf8ToBytes(tag))
  return sha256(concatBytes(tagHash, tagHash, ...parts))
}

/** An outpoint as text that sorts as the protocol orders coins. */
function sortKey(txid: Uint8Array, index: number): string {
  return bytesToHex(txid) + index.toString(16).padStart(8, '0')
}

/** The snapshot after the last of `blocks`: all from the one after genesis on, taken as they are. */
export function snapshotOf(blocks: readonly Block[]): SnapshotCommitment {
  const coins = new Map<string, { readonly record: Uint8Array; readonly value: Sats }>()
  blocks.forEach(({ transactions }, i) => {
    transactions.forEach((tx, position) => {
      for (const { prevout } of tx.inputs) coins.delete(sortKey(prevout.txid, prevout.index))
      tx.outputs.forEach(({ value, scriptPubKey }, index) => {
        if (scriptPubKey.length !== 34 || scriptPubKey[0] !== 0x51) return
        const record = new Uint8Array(80)
        const fields = new DataView(record.buffer)
        record.set(tx.txidBytes)
        fields.setUint32(32, index, true)
        fields.setBigInt64(36, BigInt(value), true)
        fields.setUint32(44, (i + 1) * 2 + (position === 0 ? 1 : 0), true)
        record.set(scriptPubKey.subarray(2), 48)
        coins.set(sortKey(tx.txidBytes, index), { record, value })
      })
    })
  })
  const sorted = [...coins].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, coin]) => coin)
  return {
    root: rootOf(chunksOf(sorted.map(({ record }) => record))),
    blockHash: blocks[blocks.length - 1].header.hashBytes,
    coins: sorted.length,
    total: sats(sorted.reduce((sum, { value }) => sum + value, 0)),
  }
}

/** Chunks of 819 records; one, and empty, where there are no records. */
export function chunksOf(records: readonly Uint8Array[]): Uint8Array[] {
  const chunks: Uint8Array[] = []
  for (let at = 0; at === 0 || at < records.length; at += 819)
    chunks.push(concatBytes(...records.slice(at, at + 819)))
  return chunks
}

/** The root over chunks. */
export function rootOf(chunks: readonly Uint8Array[]): Uint8Array {
  const above = (level: readonly Uint8Array[]): Uint8Array => {
    if (level.length === 1) return Uint8Array.from(level[0])
    const pairs = Array.from({ length: Math.ceil(level.length / 2) }, (_, i) => level.slice(2 * i, 2 * i + 2))
    return above(
      pairs.map((pair) => (pair.length === 1 ? pair[0] : tagged('opentab/snapshot-branch', ...pair))),
    )
  }
  return above(chunks.map((chunk) => tagged('opentab/snapshot-leaf', chunk)))
}
