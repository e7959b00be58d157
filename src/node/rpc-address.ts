/** What an address received and sent: `searchaddress`. */
import { findByOutputKey } from '../chain/chain-search.ts'
import { bytesToHex, equalBytes } from '../primitives/bytes.ts'
import { type Txid, toDisplay } from '../primitives/hashes.ts'
import type { Transaction } from '../primitives/transaction.ts'
import { outputKeyOf } from '../script/taproot.ts'
import type { NodeCore } from './node-core.ts'
import { coins, confirmations } from './rpc-json.ts'

/** Newest transactions listed; balance and sums count all. */
const MAX_LISTED = 500

interface AddressLine {
  readonly txid: Txid
  readonly blockhash: string | null
  readonly height: number | null
  readonly time: number
  /** Coins gained; negative when it paid. */
  readonly amount: number
  readonly confirmations: number
}

/** Received and sent count confirmed and waiting transactions alike. */
export async function addressJson(node: NodeCore, address: string, outputKey: Uint8Array) {
  const lines: AddressLine[] = []
  let received = 0
  let sent = 0
  const add = (line: Omit<AddressLine, 'amount'>, paid: number, spent: number): void => {
    received += paid
    sent += spent
    if (lines.length < MAX_LISTED) lines.push({ ...line, amount: coins(paid - spent) })
  }
  for (const { transaction, time } of [...node.mempool.entries()].reverse()) {
    const paid = paidTo(transaction, outputKey)
    const spent = await spentInMempool(node, transaction, outputKey)
    if (paid > 0 || spent > 0)
      add({ txid: transaction.txid, blockhash: null, height: null, time, confirmations: 0 }, paid, spent)
  }
  for await (const { index, block, transaction, spent } of findByOutputKey(node.chain, outputKey)) {
    const taken = (spent ?? [])
      .filter((coin) => equalBytes(coin.outputKey, outputKey))
      .reduce((sum, { value }) => sum + value, 0)
    add(
      {
        txid: transaction.txid,
        blockhash: block.hash,
        height: node.chain.headers.height(index),
        time: block.header.time,
        confirmations: confirmations(node, index),
      },
      paidTo(transaction, outputKey),
      taken,
    )
  }
  return {
    address,
    outputkey: bytesToHex(outputKey),
    balance: coins(received - sent),
    received: coins(received),
    sent: coins(sent),
    transactions: lines,
  }
}

/** Satoshis that a transaction's outputs pay to the key. */
function paidTo(transaction: Transaction, outputKey: Uint8Array): number {
  return transaction.outputs
    .filter(({ scriptPubKey }) => {
      const key = outputKeyOf(scriptPubKey)
      return key !== undefined && equalBytes(key, outputKey)
    })
    .reduce((sum, { value }) => sum + value, 0)
}

/** Satoshis of the key that a transaction of the mempool spends. */
async function spentInMempool(
  node: NodeCore,
  transaction: Transaction,
  outputKey: Uint8Array,
): Promise<number> {
  const confirmed = await node.chain.coins(transaction.inputs.map(({ prevout }) => prevout))
  return confirmed.reduce((sum, coin, at) => {
    const { txid, index } = transaction.inputs[at].prevout
    const output = coin ?? node.mempool.get(toDisplay<Txid>(txid))?.transaction.outputs[index]
    if (output === undefined) return sum
    const key = 'outputKey' in output ? output.outputKey : outputKeyOf(output.scriptPubKey)
    return key && equalBytes(key, outputKey) ? sum + output.value : sum
  }, 0)
}
