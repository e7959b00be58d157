/** Bitcoin Core's JSON shapes of headers and blocks. Amounts are numbers in coins, as there. */
import { type HeaderIndex, NO_HEADER } from '../chain/header-tree.ts'
import { targetOf } from '../consensus/pow.ts'
import { SATS_PER_COIN, type Sats } from '../primitives/amount.ts'
import type { Block } from '../primitives/block.ts'
import { type Txid, toDisplay } from '../primitives/hashes.ts'
import type { NodeCore } from './node-core.ts'

/** An amount in coins: exact to the satoshi, since below 2^53 satoshis a double has decimals to spare. */
export function coins(amount: Sats | number): number {
  return amount / SATS_PER_COIN
}

/** A fee rate in coins per 1,000 virtual bytes, from satoshis per 1,000 virtual bytes. */
export function feeRate(satsPerKvB: number): number {
  return Math.ceil(satsPerKvB) / SATS_PER_COIN
}

/** 64 hex digits, most significant first. */
export function hex256(value: bigint): string {
  return value.toString(16).padStart(64, '0')
}

export function hex32(value: number): string {
  return value.toString(16).padStart(8, '0')
}

/** Target of compact bits 0x1d00ffff over this one: Bitcoin Core's difficulty, whatever the network's own limit. */
export function difficulty(bits: number): number {
  return Number(DIFFICULTY_ONE) / Number(targetOf(bits))
}

/** What the next block must meet if it is made now: it eases while no block comes. The fields of Core's `next`. */
export function nextDifficultyJson(node: NodeCore): {
  readonly bits: string
  readonly difficulty: number
  readonly target: string
} {
  const bits = node.chain.nextBits(Math.floor(node.clock.forBlocks.now() / 1000))
  return { bits: hex32(bits), difficulty: difficulty(bits), target: hex256(targetOf(bits)) }
}

/** By how many doublings the target of the next block is eased if it is made now: 0 where it isn't. No more than the limit leaves. */
export function easeOfNext({ chain, clock }: NodeCore): number {
  const { base } = chain.headers.difficulty(chain.tip)
  const bits = chain.nextBits(Math.floor(clock.forBlocks.now() / 1000))
  return Math.log2(Number(targetOf(bits)) / Number(targetOf(base)))
}

const DIFFICULTY_ONE = targetOf(0x1d00ffff)

/** Confirmations of a header: 1 at the tip, −1 off the active chain. */
export function confirmations(node: NodeCore, index: HeaderIndex): number {
  const { chain } = node
  return chain.isActive(index) ? chain.headers.height(chain.tip) - chain.headers.height(index) + 1 : -1
}

/** `getblockheader` with verbose. */
export function headerJson(node: NodeCore, index: HeaderIndex, transactionCount: number | undefined) {
  const { headers } = node.chain
  const header = headers.header(index)
  const height = headers.height(index)
  const parent = headers.parent(index)
  const next = node.chain.isActive(index) ? node.chain.activeAt(height + 1) : NO_HEADER
  return {
    hash: header.hash,
    confirmations: confirmations(node, index),
    height,
    version: header.version,
    versionHex: hex32(header.version),
    merkleroot: toDisplay<Txid>(header.merkleRoot),
    time: header.time,
    mediantime: headers.medianTimePast(index),
    nonce: header.nonce,
    bits: hex32(header.bits),
    target: hex256(targetOf(header.bits)),
    difficulty: difficulty(header.bits),
    chainwork: hex256(headers.chainWork(index)),
    ...(transactionCount === undefined ? {} : { nTx: transactionCount }),
    ...(parent === NO_HEADER ? {} : { previousblockhash: headers.hash(parent) }),
    ...(next === NO_HEADER ? {} : { nextblockhash: headers.hash(next) }),
  }
}

/** `getblock` with verbosity 1 or more: the ids of its transactions, or the transactions themselves. */
export function blockJson<T>(node: NodeCore, index: HeaderIndex, block: Block, transactions: readonly T[]) {
  const strippedSize =
    block.bytes.length - block.transactions.reduce((sum, tx) => sum + tx.bytes.length - tx.strippedSize, 0)
  return {
    ...headerJson(node, index, undefined),
    nTx: block.transactions.length,
    strippedsize: strippedSize,
    size: block.bytes.length,
    weight: block.weight,
    tx: transactions,
  }
}
