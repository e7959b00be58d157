/** Bitcoin Core's JSON shapes of transactions and scripts. Amounts are numbers in coins, as there. */
import type { Coin } from '../consensus/coins.ts'
import type { Block } from '../primitives/block.ts'
import { bytesToHex } from '../primitives/bytes.ts'
import { type Txid, toDisplay } from '../primitives/hashes.ts'
import type { Transaction } from '../primitives/transaction.ts'
import { addressOf } from '../script/address.ts'
import { OP_1, OP_1NEGATE, OP_16, OP_PUSHDATA1, OP_PUSHDATA2, OP_RETURN } from '../script/opcodes.ts'
import { outputKeyOf, p2trScript } from '../script/taproot.ts'
import { descriptorChecksum } from '../wallet/descriptor.ts'
import type { NodeCore } from './node-core.ts'
import { coins } from './rpc-json.ts'

/**
 * The transactions of `getblock` with verbosity 2, or 3, which adds what each input spends. `spent` holds the block's spent coins, in input
 * order, where they are known.
 */
export function blockTransactionsJson(
  node: NodeCore,
  block: Block,
  spent: readonly Coin[] | undefined,
  level: number,
) {
  let at = 0
  const transactionOf = (tx: Transaction) => {
    if (spent === undefined || tx.isCoinbase) return transactionJson(node, tx)
    const taken = spent.slice(at, at + tx.inputs.length)
    at += tx.inputs.length
    return transactionJson(node, tx, taken, level > 2)
  }
  return block.transactions.map((tx) => ({ ...transactionOf(tx), hex: bytesToHex(tx.bytes) }))
}

/** A decoded transaction; with the coins it spends, in input order, also its fee, and each input's `prevout` unless it is to be left out. */
export function transactionJson(
  node: NodeCore,
  tx: Transaction,
  spent?: readonly (Coin | undefined)[],
  hasPrevouts = true,
) {
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
        ...(coin === undefined || !hasPrevouts ? {} : { prevout: coinJson(node, coin) }),
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

function coinJson(node: NodeCore, coin: Coin) {
  return {
    generated: coin.coinbase,
    height: coin.height,
    value: coins(coin.value),
    scriptPubKey: scriptJson(node, p2trScript(coin.outputKey)),
  }
}

/** `scriptPubKey` of an output: P2TR or a data output; what only PSBTs of other networks have is `nonstandard`. */
export function scriptJson(node: NodeCore, scriptPubKey: Uint8Array) {
  const script = { asm: asmOf(scriptPubKey), desc: descriptorOf(scriptPubKey), hex: bytesToHex(scriptPubKey) }
  return outputKeyOf(scriptPubKey) === undefined
    ? { ...script, type: scriptPubKey[0] === OP_RETURN ? ('nulldata' as const) : ('nonstandard' as const) }
    : {
        ...script,
        address: addressOf(scriptPubKey, node.params.addressPrefix),
        type: 'witness_v1_taproot' as const,
      }
}

/** The descriptor of one script (BIP385, BIP386), with its checksum. */
export function descriptorOf(script: Uint8Array): string {
  const key = outputKeyOf(script)
  const body = key ? `rawtr(${bytesToHex(key)})` : `raw(${bytesToHex(script)})`
  return `${body}#${descriptorChecksum(body)}`
}

/**
 * A script for people: data in hex, the small numbers as numbers, OP_RETURN by name and whatever else follows it by its byte; `[error]`
 * where a push runs over the end, as Bitcoin Core writes it.
 */
export function asmOf(script: Uint8Array): string {
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
