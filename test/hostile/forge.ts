/** What enemies make: headers and blocks on a tab's tip, transactions, and the frames to bring them in. All in hex. Thread: Node's main. */

import { buildCoinbase, witnessMerkleRoot } from '../../src/consensus/coinbase.ts'
import { BLOCK_VERSION, genesisOf } from '../../src/consensus/genesis.ts'
import { REGTEST } from '../../src/consensus/params.ts'
import { targetOf } from '../../src/consensus/pow.ts'
import { subsidy } from '../../src/consensus/subsidy.ts'
import { NONCES, withNonce } from '../../src/mining/kernel.ts'
import { typescriptKernel } from '../../src/mining/typescript-kernel.ts'
import { sats } from '../../src/primitives/amount.ts'
import { Block, BlockHeader, type HeaderFields, merkleRoot } from '../../src/primitives/block.ts'
import { bytesToHex, hexToBytes } from '../../src/primitives/bytes.ts'
import { Reader } from '../../src/primitives/codec.ts'
import { fromDisplay } from '../../src/primitives/hashes.ts'
import type { Transaction } from '../../src/primitives/transaction.ts'
import { encodeMessage, type Message } from '../../src/protocol/wire.ts'
import { encodeAddress } from '../../src/script/address.ts'
import { FORGER_SCRIPT, forgeSpend } from '../../src/simulation/forged-blocks.ts'
import type { Tab } from '../support/tabs.ts'

/** Where forged blocks pay to, as an address of regtest: what is mined to it, enemies can spend. */
export const FORGER_ADDRESS = encodeAddress(FORGER_SCRIPT.subarray(2), REGTEST.addressPrefix)

/** The header of a tab's tip, and its height. */
export async function tipOf(tab: Tab): Promise<{ readonly header: BlockHeader; readonly height: number }> {
  const height = await tab.rpc('getblockcount')
  const hex = await tab.rpc('getblockheader', await tab.rpc('getblockhash', height), false)
  return { header: BlockHeader.read(new Reader(hexToBytes(hex))), height }
}

/** Headers with work on `parent`, for whose blocks there are no bodies. */
export function bareHeaders(parent: BlockHeader, count: number): BlockHeader[] {
  const headers: BlockHeader[] = []
  let last = parent
  for (let i = 0; i < count; i++) {
    last = solve({
      version: BLOCK_VERSION,
      previousHash: last.hashBytes,
      merkleRoot: noise(32),
      time: last.time + 1,
      bits: last.bits,
      nonce: 0,
    })
    headers.push(last)
  }
  return headers
}

/** A whole block on regtest's tip at `height`, less what a snapshot's commitment would need. */
export function blockOn(
  parent: BlockHeader,
  height: number,
  transactions: readonly Transaction[] = [],
  excess = 0,
): Block {
  const genesis = genesisOf(REGTEST)
  const coinbase = buildCoinbase({
    height,
    genesisHash: genesis.header.hashBytes,
    extraNonce: noise(4),
    outputs: [{ value: sats(subsidy(height, REGTEST) + excess), scriptPubKey: FORGER_SCRIPT }],
    witnessRoot: witnessMerkleRoot([genesis.transactions[0]!, ...transactions]),
  })
  const all = [coinbase, ...transactions]
  const header = solve({
    version: BLOCK_VERSION,
    previousHash: parent.hashBytes,
    merkleRoot: merkleRoot(all.map(({ txidBytes }) => txidBytes)).root,
    time: Math.max(parent.time + 1, Math.floor(Date.now() / 1000)),
    bits: parent.bits,
    nonce: 0,
  })
  return Block.of(header, all)
}

/** Spends of coins that don't exist, each another. */
export function orphans(count: number): Transaction[] {
  return Array.from({ length: count }, () => forgeSpend({ txid: noise(32), index: 0 }, 1000, noise(64)))
}

/** Finds a nonce; for targets that plain code meets. */
export function solve(fields: HeaderFields): BlockHeader {
  const { bytes } = BlockHeader.of(fields)
  const target = hexToBytes(targetOf(fields.bits).toString(16).padStart(64, '0'))
  const nonce = typescriptKernel.scan(bytes, target, 0, NONCES)
  if (nonce < 0) throw new Error('No nonce meets this target')
  return BlockHeader.read(new Reader(withNonce(bytes, nonce)))
}

/** A message of the peer stream. */
export function frame(message: Message): string {
  return bytesToHex(encodeMessage(message))
}

/** An announcement of headers. */
export function announcement(headers: readonly BlockHeader[]): string {
  return frame({ type: 'headers', id: 0, headers })
}

/** Random bytes. */
export function noise(length: number): Uint8Array {
  return crypto.getRandomValues(new Uint8Array(length))
}

export function noiseHex(length: number): string {
  return bytesToHex(noise(length))
}

/** A hash in display order as it is on the wire. */
export function hashBytes(display: string): Uint8Array {
  return fromDisplay(display as never)
}
