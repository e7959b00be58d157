/** RPC: transactions of the mempool and raw ones. The mempool as a whole is in `rpc-overview.ts`. */
import { findTransaction } from '../chain/chain-search.ts'
import type { Coin } from '../consensus/coins.ts'
import type { MempoolEntry } from '../mempool/mempool.ts'
import { MAX_FEE_RATE } from '../policy/fees.ts'
import { formatCoins, type Sats, sats } from '../primitives/amount.ts'
import { bytesToHex } from '../primitives/bytes.ts'
import { type Txid, toDisplay } from '../primitives/hashes.ts'
import { decodeTransaction, outpointOf, type Transaction, type TxOutput } from '../primitives/transaction.ts'
import { isNullData, outputKeyOf } from '../script/taproot.ts'
import type { NodeCore } from './node-core.ts'
import {
  RPC_DESERIALIZATION_ERROR,
  RPC_INVALID_ADDRESS_OR_KEY,
  RPC_INVALID_PARAMETER,
  RPC_VERIFY_ALREADY_IN_CHAIN,
  RPC_VERIFY_ERROR,
  RPC_VERIFY_REJECTED,
  RpcError,
} from './rpc-error.ts'
import { coins, confirmations, feeRate } from './rpc-json.ts'
import { blockHash, flag, integer, method, optional, type RpcMethod, txid, verbosity } from './rpc-method.ts'
import { bodyOf, entryJson, headerOf } from './rpc-overview.ts'
import { amountOrZero, hexBytes, list, object, unused } from './rpc-parameters.ts'
import { transactionJson } from './rpc-transaction-json.ts'

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

/** Transactions that `testmempoolaccept` looks at in one call. */
const MAX_TESTED = 25

/** Core's guard against a slip in a fee: coins per 1,000 virtual bytes, 0 for no limit. */
const MAX_FEE = optional(
  amountOrZero('maxfeerate', 'greatest fee rate, coins per 1,000 virtual bytes; 0.10 by default, 0 for any'),
  sats(MAX_FEE_RATE),
)

/** Why a fee is taken for a slip; undefined where it is within the limit, or unknown because the mempool refuses anyway. */
async function feeRefusal(
  node: NodeCore,
  transaction: Transaction,
  maxFeeRate: Sats,
): Promise<string | undefined> {
  if (maxFeeRate === 0) return undefined
  const tested = await node.mempool.test(transaction)
  return tested.ok ? feeExcess(tested.value.fee, transaction, maxFeeRate) : undefined
}

function feeExcess(fee: Sats, { vsize }: Transaction, maxFeeRate: Sats): string | undefined {
  if (maxFeeRate === 0 || fee * 1000 <= maxFeeRate * vsize) return undefined
  return `The fee of ${formatCoins(fee)} coins for ${vsize} virtual bytes exceeds maxfeerate. Lower the fee, or set maxfeerate to 0 if it is meant.`
}

/** One result of `testmempoolaccept`. Transactions of one list are not looked at as a package: a child's parent has to be sent first. */
async function testOne(node: NodeCore, transaction: Transaction, maxFeeRate: Sats) {
  const { txid: id, wtxid, vsize } = transaction
  const tested = await node.mempool.test(transaction)
  const refused = (reason: string, details: string) => ({
    txid: id,
    wtxid,
    allowed: false,
    'reject-reason': reason,
    'reject-details': details,
  })
  if (!tested.ok)
    return tested.missingParents
      ? refused('missing-inputs', `${tested.detail} Send those first: each transaction is tested by itself.`)
      : refused(tested.code, tested.detail)
  const { fee } = tested.value
  const excess = feeExcess(fee, transaction, maxFeeRate)
  if (excess) return refused('max-fee-exceeded', excess)
  return { txid: id, wtxid, allowed: true, vsize, fees: feesJson(fee, transaction) }
}

/** Core's guard against burning money. */
const MAX_BURN = optional(
  amountOrZero('maxburnamount', 'coins that outputs may hold which nobody can spend; 0 by default'),
  sats(0),
)

function refuseBurning({ outputs }: Transaction, maxBurn: Sats): void {
  const isBurning = ({ value, scriptPubKey }: TxOutput): boolean =>
    value > maxBurn && isNullData(scriptPubKey)
  if (outputs.some(isBurning))
    throw new RpcError(
      RPC_VERIFY_ERROR,
      'An output that nobody can spend holds more than maxburnamount. This network has such outputs with 0 coins alone.',
    )
}

/** Throws unless the last transaction spends from each of the others, and these not from each other (Bitcoin Core's child with parents). */
function refuseOtherThanFamily(transactions: readonly Transaction[]): void {
  const parents = transactions.slice(0, -1)
  const parentsOf = (transaction: Transaction | undefined): readonly Txid[] =>
    transaction?.inputs.map(({ prevout }) => toDisplay<Txid>(prevout.txid)) ?? []
  const spent = new Set(parentsOf(transactions.at(-1)))
  const ids = new Set(parents.map(({ txid: id }) => id))
  const areParents = ids.size === parents.length && [...ids].every((id) => spent.has(id))
  if (areParents && !parents.some((parent) => parentsOf(parent).some((id) => ids.has(id)))) return
  throw new RpcError(
    RPC_VERIFY_ERROR,
    'package must be a transaction with parents of it before it, which do not spend from each other.',
  )
}

interface Submitted {
  readonly txid: Txid
  readonly vsize?: number
  readonly fees?: ReturnType<typeof feesJson>
  readonly error?: string
}

function feesJson(fee: Sats, { vsize, wtxid }: Transaction) {
  return {
    base: coins(fee),
    'effective-feerate': feeRate((fee * 1000) / vsize),
    'effective-includes': [wtxid],
  }
}

/** One result of `submitpackage`. */
async function submitOne(node: NodeCore, transaction: Transaction, maxFeeRate: Sats): Promise<Submitted> {
  const { txid: id, vsize } = transaction
  if (!node.mempool.has(id)) {
    const tested = await testOne(node, transaction, maxFeeRate)
    if ('reject-reason' in tested) return { txid: id, error: tested['reject-reason'] }
  }
  const accepted = await node.submitTransaction(transaction)
  if (!accepted.ok) return { txid: id, error: accepted.code }
  return { txid: id, vsize, fees: feesJson(accepted.value.fee, transaction) }
}

/** All that a transaction of the mempool spends from, or all that spends from it, in the order in which it is come by. */
function relativesOf(entry: MempoolEntry, side: 'parents' | 'children'): MempoolEntry[] {
  const found = new Set<MempoolEntry>(entry[side])
  // A set takes in what is added while it is walked.
  for (const relative of found) for (const next of relative[side]) found.add(next)
  return [...found]
}

function relativesJson(entries: readonly MempoolEntry[], verbose: boolean) {
  return verbose
    ? Object.fromEntries(entries.map((entry) => [entry.transaction.txid, entryJson(entry)]))
    : entries.map(({ transaction }) => transaction.txid)
}

const VERBOSE = optional(flag('verbose', 'an object of entries, rather than ids'), false)

const OUTPUT = object('output', '{"txid", "vout"}', {
  txid: txid(),
  vout: integer('vout', 'position among the outputs', 0, 0xffffffff),
})

export const mempoolMethods = [
  method(
    'getmempoolancestors',
    'What a transaction of the mempool spends from, in the mempool, and what that spends from.',
    [txid(), VERBOSE],
    (node, id, verbose) => relativesJson(relativesOf(entryOf(node, id), 'parents'), verbose),
  ),
  method(
    'getmempooldescendants',
    'What spends from a transaction of the mempool, and what spends from that.',
    [txid(), VERBOSE],
    (node, id, verbose) => relativesJson(relativesOf(entryOf(node, id), 'children'), verbose),
  ),
  method(
    'gettxspendingprevout',
    'Which transactions of the mempool spend these outputs.',
    [list('outputs', 'outputs', OUTPUT)],
    ({ mempool }, outputs) =>
      outputs.map(({ txid: id, vout }) => {
        const spender = mempool.spender(outpointOf(id, vout))
        return { txid: id, vout, ...(spender ? { spendingtxid: spender.transaction.txid } : {}) }
      }),
  ),
  method('getmempoolentry', 'A transaction of the mempool.', [txid()], (node, id) =>
    entryJson(entryOf(node, id)),
  ),
  method(
    'getrawtransaction',
    'A transaction of the mempool or of the active chain: hex (0), or decoded with the coins it spends and its fee (1, 2).',
    [
      txid(),
      optional(verbosity('verbosity', '0 (default), 1 or 2', 2), 0),
      optional(blockHash('blockhash', 'look in this block alone'), undefined),
    ],
    async (node, id, level, hash) => {
      const { chain } = node
      const waiting = hash === undefined ? node.mempool.get(id)?.transaction : undefined
      if (waiting) {
        const hex = bytesToHex(waiting.bytes)
        return level === 0
          ? hex
          : { ...transactionJson(node, waiting, await coinsSpentBy(node, waiting)), hex }
      }
      const within = hash === undefined ? undefined : headerOf(node, hash)
      if (within !== undefined) await bodyOf(node, within)
      const found = await findTransaction(chain, id, within)
      if (found === undefined)
        throw new RpcError(
          RPC_INVALID_ADDRESS_OR_KEY,
          hash === undefined
            ? `The transaction ${id} is neither in the mempool nor in the active chain.`
            : `The block ${hash} does not hold the transaction ${id}.`,
        )
      const { block, index, transaction, spent } = found
      const hex = bytesToHex(transaction.bytes)
      if (level === 0) return hex
      return {
        in_active_chain: chain.isActive(index),
        ...transactionJson(node, transaction, spent),
        hex,
        blockhash: block.hash,
        blockheight: chain.headers.height(index),
        confirmations: Math.max(0, confirmations(node, index)),
        time: block.header.time,
        blocktime: block.header.time,
      }
    },
  ),
  method(
    'decoderawtransaction',
    'Decodes a transaction.',
    [hexBytes('hexstring', 'the transaction'), unused('iswitness')],
    (node, bytes) => transactionJson(node, decode(bytes)),
  ),
  method(
    'sendrawtransaction',
    'Takes a transaction into the mempool and tells the network. Answers its id.',
    [hexBytes('hexstring', 'the signed transaction'), MAX_FEE, MAX_BURN],
    async (node, bytes, maxFeeRate, maxBurn) => {
      node.requireStorage()
      const transaction = decode(bytes)
      refuseBurning(transaction, maxBurn)
      const refusal = await feeRefusal(node, transaction, maxFeeRate)
      if (refusal) throw new RpcError(RPC_VERIFY_ERROR, refusal)
      const accepted = await node.submitTransaction(transaction)
      if (accepted.ok) return transaction.txid
      if (accepted.code === 'txn-already-known')
        throw new RpcError(RPC_VERIFY_ALREADY_IN_CHAIN, accepted.detail)
      const code = accepted.kind === 'retry' ? RPC_VERIFY_ERROR : RPC_VERIFY_REJECTED
      throw new RpcError(code, `${accepted.code}: ${accepted.detail}`)
    },
  ),
  method(
    'submitpackage',
    'Takes a transaction and its parents into the mempool, in the order given. Each must be good by itself: a child does not pay for its parents here.',
    [
      list('package', 'transactions in hex, parents before their child', hexBytes('rawtx', 'a transaction')),
      MAX_FEE,
      MAX_BURN,
    ],
    async (node, raw, maxFeeRate, maxBurn) => {
      node.requireStorage()
      if (raw.length < 1 || raw.length > MAX_TESTED)
        throw new RpcError(
          RPC_INVALID_PARAMETER,
          `package must hold 1 to ${MAX_TESTED} transactions, not ${raw.length}.`,
        )
      const transactions = raw.map(decode)
      refuseOtherThanFamily(transactions)
      for (const transaction of transactions) refuseBurning(transaction, maxBurn)
      const replaced: Txid[] = []
      const stop = node.mempool.subscribe({
        removed: ({ txid: id }, reason) => {
          if (reason === 'replaced') replaced.push(id)
        },
      })
      try {
        const results = []
        for (const transaction of transactions)
          results.push([transaction.wtxid, await submitOne(node, transaction, maxFeeRate)] as const)
        const isTaken = results.every(([, { error }]) => error === undefined)
        return {
          package_msg: isTaken ? 'success' : 'transaction failed',
          'tx-results': Object.fromEntries(results),
          'replaced-transactions': replaced,
        }
      } finally {
        stop()
      }
    },
  ),
  method(
    'testmempoolaccept',
    'What sendrawtransaction would say of each by itself, without sending.',
    [list('rawtxs', 'transactions in hex', hexBytes('rawtx', 'a transaction')), MAX_FEE],
    async (node, raw, maxFeeRate) => {
      if (raw.length < 1 || raw.length > MAX_TESTED)
        throw new RpcError(
          RPC_INVALID_PARAMETER,
          `rawtxs must hold 1 to ${MAX_TESTED} transactions, not ${raw.length}.`,
        )
      const transactions = raw.map(decode)
      const results = []
      for (const transaction of transactions) results.push(await testOne(node, transaction, maxFeeRate))
      return results
    },
  ),
  method(
    'estimatesmartfee',
    'Fee rate, in coins per 1,000 virtual bytes, that should confirm within so many blocks.',
    [integer('conf_target', 'blocks', 1, 1008), unused('estimate_mode')],
    ({ mempool }, blocks) => ({ feerate: feeRate(mempool.estimateFeeRate(blocks)), blocks }),
  ),
] satisfies readonly RpcMethod<NodeCore>[]
