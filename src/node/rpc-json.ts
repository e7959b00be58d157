/** Bitcoin Core's JSON shapes of headers, blocks and transactions. Amounts are numbers in coins, as there. */
import { type HeaderIndex, NO_HEADER } from '../chain/header-tree.ts'
import type { Coin } from '../consensus/coins.ts'
import { targetOf } from '../consensus/pow.ts'
import { SATS_PER_COIN, type Sats } from '../primitives/amount.ts'
import type { Block } from '../primitives/block.ts'
import { bytesToHex } from '../primitives/bytes.ts'
import { type Txid, toDisplay } from '../primitives/hashes.ts'
import type { Transaction } from '../primitives/transaction.ts'
import { addressOf } from '../script/address.ts'
import { OP_1, OP_1NEGATE, OP_16, OP_PUSHDATA1, OP_PUSHDATA2, OP_RETURN } from '../script/opcodes.ts'
import { outputKeyOf, p2trScript } from '../script/taproot.ts'
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

const DIFFICULTY_ONE = targetOf(0x1d00ffff)

/** Confirmations of a header: 1 at the tip, −1 off the active chain. */
export function confirmations(node: NodeCore, index: HeaderIndex): number {
  const { chain } = node
  return chain.isActive(index) ? chain.headers.height(chain.tip) - chain.headers.height(index) + 1 : -1
}

/** `getblockheader` with verbose. */
export function headerJson(node: NodeCore, index: HeaderIndex, transactionCount: number | undefined): object {
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

/** `getblock` with verbosity 1 (ids of its transactions) or 2 (the transactions; `spent` holds the block's spent coins, in input order). */
export function blockJson(
  node: NodeCore,
  index: HeaderIndex,
  block: Block,
  detail: 'ids' | { readonly spent: readonly Coin[] | undefined },
): object {
  const strippedSize =
    block.bytes.length - block.transactions.reduce((sum, tx) => sum + tx.bytes.length - tx.strippedSize, 0)
  let at = 0
  const transactionOf = (tx: Transaction): object => {
    if (detail === 'ids' || detail.spent === undefined || tx.isCoinbase) return transactionJson(node, tx)
    const spent = detail.spent.slice(at, at + tx.inputs.length)
    at += tx.inputs.length
    return transactionJson(node, tx, spent)
  }
  return {
    ...headerJson(node, index, block.transactions.length),
    strippedsize: strippedSize,
    size: block.bytes.length,
    weight: block.weight,
    tx: block.transactions.map((tx) =>
      detail === 'ids' ? tx.txid : { ...transactionOf(tx), hex: bytesToHex(tx.bytes) },
    ),
  }
}

/** A decoded transaction; with the coins it spends, in input order, also its fee and each input's `prevout`. */
export function transactionJson(
  node: NodeCore,
  tx: Transaction,
  spent?: readonly (Coin | undefined)[],
): object {
  const known = spent?.every((coin) => coin !== undefined) ? (spent as readonly Coin[]) : undefined
  return {
    txid: tx.txid,
    hash: tx.wtxid,
    version: tx.version,
    size: tx.bytes.length,
    vsize: tx.vsize,
    weight: tx.weight,
    locktime: tx.lockTime,
    vin: tx.inputs.map((input, at) => {
      const witness = input.witness.length > 0 ? { txinwitness: input.witness.map(bytesToHex) } : {}
      if (tx.isCoinbase)
        return { coinbase: bytesToHex(input.scriptSig), ...witness, sequence: input.sequence }
      const coin = spent?.[at]
      return {
        txid: toDisplay<Txid>(input.prevout.txid),
        vout: input.prevout.index,
        scriptSig: { asm: '', hex: bytesToHex(input.scriptSig) },
        ...witness,
        ...(coin === undefined ? {} : { prevout: coinJson(node, coin) }),
        sequence: input.sequence,
      }
    }),
    vout: tx.outputs.map((output, n) => ({
      value: coins(output.value),
      n,
      scriptPubKey: scriptJson(node, output.scriptPubKey),
    })),
    ...(known === undefined
      ? {}
      : { fee: coins(sum(known.map((coin) => coin.value)) - sum(tx.outputs.map((output) => output.value))) }),
  }
}

function coinJson(node: NodeCore, coin: Coin): object {
  return {
    generated: coin.coinbase,
    height: coin.height,
    value: coins(coin.value),
    scriptPubKey: scriptJson(node, p2trScript(coin.outputKey)),
  }
}

/** `scriptPubKey` of an output: P2TR or a data output, nothing else exists. */
export function scriptJson(node: NodeCore, scriptPubKey: Uint8Array): object {
  const script = { asm: asmOf(scriptPubKey), hex: bytesToHex(scriptPubKey) }
  return outputKeyOf(scriptPubKey) === undefined
    ? { ...script, type: 'nulldata' }
    : {
        ...script,
        address: addressOf(scriptPubKey, node.params.addressPrefix),
        type: 'witness_v1_taproot',
      }
}

/**
 * A script for people: data in hex, the small numbers as numbers, OP_RETURN by name and whatever else follows it by its byte; `[error]`
 * where a push runs over the end, as Bitcoin Core writes it.
 */
function asmOf(script: Uint8Array): string {
  const words: string[] = []
  for (let at = 0; at < script.length; ) {
    const opcode = script[at++]
    let length = opcode
    if (opcode === OP_PUSHDATA1) length = script[at++]
    else if (opcode === OP_PUSHDATA2) length = script[at++] | (script[at++] << 8)
    if (opcode === 0) words.push('0')
    else if (opcode <= OP_PUSHDATA2) {
      if (!(at + length <= script.length)) return [...words, '[error]'].join(' ')
      words.push(bytesToHex(script.subarray(at, at + length)))
      at += length
    } else if (opcode === OP_1NEGATE || (opcode >= OP_1 && opcode <= OP_16))
      words.push(String(opcode - OP_1 + 1))
    else words.push(opcode === OP_RETURN ? 'OP_RETURN' : `0x${bytesToHex(Uint8Array.of(opcode))}`)
  }
  return words.join(' ')
}

function sum(amounts: readonly number[]): number {
  return amounts.reduce((total, amount) => total + amount, 0)
}
