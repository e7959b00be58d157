/** RPC: the mempool and raw transactions. */
import { findTransaction } from '../chain/chain-search.ts'
import type { Coin } from '../consensus/coins.ts'
import type { MempoolEntry } from '../mempool/mempool.ts'
import { bytesToHex } from '../primitives/bytes.ts'
import { type Txid, toDisplay } from '../primitives/hashes.ts'
import { decodeTransaction, type Transaction } from '../primitives/transaction.ts'
import { outputKeyOf } from '../script/taproot.ts'
import type { NodeCore } from './node-core.ts'
import { headerOf } from './rpc-blockchain.ts'
import {
  RPC_DESERIALIZATION_ERROR,
  RPC_INVALID_ADDRESS_OR_KEY,
  RPC_VERIFY_ALREADY_IN_CHAIN,
  RPC_VERIFY_ERROR,
  RPC_VERIFY_REJECTED,
  RpcError,
} from './rpc-error.ts'
import { coins, confirmations, feeRate, transactionJson } from './rpc-json.ts'
import {
  blockHash,
  flag,
  hexBytes,
  integer,
  list,
  method,
  optional,
  type RpcMethod,
  txid,
  verbosity,
} from './rpc-method.ts'

function decode(bytes: Uint8Array): Transaction {
  const decoded = decodeTransaction(bytes)
  if (!decoded.ok)
    throw new RpcError(RPC_DESERIALIZATION_ERROR, `This is not a transaction. ${decoded.detail}`)
  return decoded.value
}

function entryOf(node: NodeCore, id: Txid): MempoolEntry {
  const entry = node.mempool.get(id)
  if (entry === undefined)
    throw new RpcError(RPC_INVALID_ADDRESS_OR_KEY, `The transaction ${id} is not in the mempool.`)
  return entry
}

/** `getmempoolentry`. Sizes in virtual bytes, fees in coins. */
function entryJson(node: NodeCore, entry: MempoolEntry): object {
  const { transaction } = entry
  const parents = transaction.inputs
    .map((input) => node.mempool.get(toDisplay<Txid>(input.prevout.txid))?.transaction.txid)
    .filter((id) => id !== undefined)
  return {
    vsize: transaction.vsize,
    weight: transaction.weight,
    time: entry.time,
    height: entry.height,
    descendantcount: entry.descendantCount,
    ancestorcount: entry.ancestorCount,
    ancestorsize: Math.ceil(entry.ancestorWeight / 4),
    wtxid: transaction.wtxid,
    fees: { base: coins(entry.fee), ancestor: coins(entry.ancestorFees) },
    depends: [...new Set(parents)],
    'bip125-replaceable': true,
  }
}

/** The coins that a transaction of the mempool spends: of the chain, or outputs of its unconfirmed parents. */
async function coinsSpentBy(node: NodeCore, transaction: Transaction): Promise<(Coin | undefined)[]> {
  const prevouts = transaction.inputs.map((input) => input.prevout)
  const confirmed = await node.chain.coins(prevouts)
  return confirmed.map((coin, at) => {
    if (coin) return coin
    const { txid: parent, index } = prevouts[at]
    const output = node.mempool.get(toDisplay<Txid>(parent))?.transaction.outputs[index]
    const outputKey = output && outputKeyOf(output.scriptPubKey)
    return output && outputKey ? { value: output.value, height: 0, coinbase: false, outputKey } : undefined
  })
}

export const mempoolMethods: readonly RpcMethod<NodeCore>[] = [
  method('getmempoolinfo', 'State of the mempool.', [], ({ mempool }) => {
    let vbytes = 0
    let fees = 0
    for (const entry of mempool.entries()) {
      vbytes += entry.transaction.vsize
      fees += entry.fee
    }
    return {
      loaded: true,
      size: mempool.size,
      bytes: vbytes,
      usage: mempool.bytes,
      total_fee: coins(fees),
      maxmempool: mempool.maxBytes,
      mempoolminfee: feeRate(mempool.minFeeRate),
      fullrbf: true,
    }
  }),
  method(
    'getrawmempool',
    'The transactions that wait for a block: their ids, or an object with an entry for each.',
    [optional(flag('verbose', 'an object of entries'), false)],
    (node, verbose) => {
      const entries = [...node.mempool.entries()]
      return verbose
        ? Object.fromEntries(entries.map((entry) => [entry.transaction.txid, entryJson(node, entry)]))
        : entries.map((entry) => entry.transaction.txid)
    },
  ),
  method('getmempoolentry', 'A transaction of the mempool.', [txid()], (node, id) =>
    entryJson(node, entryOf(node, id)),
  ),
  method(
    'getrawtransaction',
    'A transaction of the mempool or of the active chain: hex (0), or decoded with its inputs and fee (1).',
    [
      txid(),
      optional(verbosity('verbosity', '0 (default) or 1', 2), 0),
      optional(blockHash('blockhash', 'look in this block alone'), undefined),
    ],
    async (node, id, level, hash) => {
      const waiting = hash === undefined ? node.mempool.get(id)?.transaction : undefined
      if (waiting) {
        if (level === 0) return bytesToHex(waiting.bytes)
        return {
          in_active_chain: false,
          ...transactionJson(node, waiting, await coinsSpentBy(node, waiting)),
        }
      }
      const found = await findTransaction(
        node.chain,
        id,
        hash === undefined ? undefined : headerOf(node, hash),
      )
      if (found === undefined)
        throw new RpcError(
          RPC_INVALID_ADDRESS_OR_KEY,
          hash === undefined
            ? `The transaction ${id} is neither in the mempool nor in the active chain.`
            : `The block ${hash} does not hold the transaction ${id}.`,
        )
      const { block, index, transaction, spent } = found
      if (level === 0) return bytesToHex(transaction.bytes)
      return {
        in_active_chain: node.chain.isActive(index),
        ...transactionJson(node, transaction, spent),
        blockhash: block.hash,
        blockheight: node.chain.headers.height(index),
        confirmations: Math.max(0, confirmations(node, index)),
        time: block.header.time,
        blocktime: block.header.time,
      }
    },
  ),
  method(
    'decoderawtransaction',
    'Decodes a transaction.',
    [hexBytes('hexstring', 'the transaction')],
    (node, bytes) => transactionJson(node, decode(bytes)),
  ),
  method(
    'sendrawtransaction',
    'Takes a transaction into the mempool and tells the network. Answers its id.',
    [hexBytes('hexstring', 'the signed transaction')],
    async (node, bytes) => {
      const transaction = decode(bytes)
      const accepted = await node.submitTransaction(transaction)
      if (accepted.ok || accepted.code === 'txn-already-in-mempool') return transaction.txid
      if (accepted.code === 'txn-already-known')
        throw new RpcError(RPC_VERIFY_ALREADY_IN_CHAIN, accepted.detail)
      const code = accepted.kind === 'retry' ? RPC_VERIFY_ERROR : RPC_VERIFY_REJECTED
      throw new RpcError(code, `${accepted.code}: ${accepted.detail}`)
    },
  ),
  method(
    'testmempoolaccept',
    'What sendrawtransaction would say of each, without sending.',
    [list('rawtxs', 'transactions in hex', hexBytes('rawtx', 'a transaction'))],
    async (node, raw) => {
      const results: object[] = []
      for (const bytes of raw) {
        const transaction = decode(bytes)
        const tested = await node.mempool.test(transaction)
        const { txid: id, wtxid, vsize } = transaction
        results.push(
          tested.ok
            ? { txid: id, wtxid, allowed: true, vsize, fees: { base: coins(tested.value.fee) } }
            : {
                txid: id,
                wtxid,
                allowed: false,
                'reject-reason': tested.code,
                'reject-details': tested.detail,
              },
        )
      }
      return results
    },
  ),
  method(
    'estimatesmartfee',
    'Fee rate, in coins per 1,000 virtual bytes, that should confirm within so many blocks.',
    [integer('conf_target', 'blocks', 1, 1008)],
    ({ mempool }, blocks) => ({ feerate: feeRate(mempool.estimateFeeRate(blocks)), blocks }),
  ),
]
