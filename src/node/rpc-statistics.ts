/** RPC: figures about a block and about stretches of the chain. */
import { type HeaderIndex, NO_HEADER } from '../chain/header-tree.ts'
import { subsidy } from '../consensus/subsidy.ts'
import { isHex } from '../primitives/bytes.ts'
import { compactSizeLength } from '../primitives/codec.ts'
import type { BlockHash } from '../primitives/hashes.ts'
import type { Transaction } from '../primitives/transaction.ts'
import { outputKeyOf, P2TR_SCRIPT_BYTES } from '../script/taproot.ts'
import type { NodeCore } from './node-core.ts'
import { RPC_INVALID_PARAMETER, RPC_MISC_ERROR, RpcError } from './rpc-error.ts'
import {
  blockHash,
  integer,
  method,
  optional,
  type Parameter,
  parameter,
  type RpcMethod,
  text,
  wrongType,
} from './rpc-method.ts'
import { bodyOf, headerOf } from './rpc-overview.ts'
import { list } from './rpc-parameters.ts'

/** What Bitcoin Core counts for a coin beside its output (`PER_UTXO_OVERHEAD`): outpoint, height and coinbase flag. */
const COIN_OVERHEAD = 41

const BLOCK: Parameter<number | BlockHash, number | string, 'hash_or_height'> = parameter(
  'hash_or_height',
  'hash of a block, or a height of the active chain',
  (value) => {
    if (typeof value === 'string' && isHex(value, 32)) return value.toLowerCase() as BlockHash
    if (typeof value === 'number' && Number.isInteger(value) && value >= 0) return value
    throw wrongType('hash_or_height', 'a hash of 64 hex digits or a height', value)
  },
  'a hash of 64 hex digits or a height',
)

function blockAt(node: NodeCore, named: number | BlockHash): HeaderIndex {
  if (typeof named === 'string') return headerOf(node, named)
  const { chain } = node
  const index = chain.activeAt(named)
  if (index !== NO_HEADER) return index
  const height = chain.headers.height(chain.tip)
  throw new RpcError(
    RPC_INVALID_PARAMETER,
    `The tip is block ${height}: there is none at height ${named} yet.`,
  )
}

/** Bytes of an output. */
function outputSize({ length }: Uint8Array): number {
  return 8 + compactSizeLength(length) + length
}

/** The middle one, or what lies between the two middle ones, rounded down. */
function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b)
  const half = sorted.length / 2
  if (sorted.length === 0) return 0
  return Number.isInteger(half)
    ? Math.floor((sorted[half - 1]! + sorted[half]!) / 2)
    : sorted[Math.floor(half)]!
}

/** The rates that so many hundredths of the weight don't pay more than. */
function percentiles(paid: readonly { readonly rate: number; readonly weight: number }[]): number[] {
  const sorted = paid.toSorted((a, b) => a.rate - b.rate)
  const total = sum(paid.map(({ weight }) => weight))
  return [10, 25, 50, 75, 90].map((hundredths) => {
    let passed = 0
    const reaches = ({ weight }: { readonly weight: number }): boolean => {
      passed += weight
      return passed >= (total * hundredths) / 100
    }
    return sorted.find(reaches)?.rate ?? 0
  })
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0)
}

const least = (values: readonly number[]): number => (values.length > 0 ? Math.min(...values) : 0)
const most = (values: readonly number[]): number => Math.max(0, ...values)

/** Bitcoin Core's figures of one block; fees in satoshis, rates in satoshis per virtual byte. */
async function blockStatistics(node: NodeCore, index: HeaderIndex) {
  const { chain, params } = node
  const block = await bodyOf(node, index)
  const spent = (await chain.readSpentCoins(index)) ?? []
  const [coinbase, ...payments] = block.transactions
  const height = chain.headers.height(index)
  if (spent.length < sum(payments.map(({ inputs }) => inputs.length)))
    throw new RpcError(RPC_MISC_ERROR, 'What this block spent is not known here: it was never connected.')
  let at = 0
  const paid = payments.map((transaction: Transaction) => {
    const taken = spent.slice(at, at + transaction.inputs.length)
    at += transaction.inputs.length
    const fee = sum(taken.map(({ value }) => value)) - sum(transaction.outputs.map(({ value }) => value))
    const { weight } = transaction
    return { fee, weight, size: transaction.bytes.length, rate: Math.floor((fee * 4) / weight) }
  })
  const fees = paid.map(({ fee }) => fee)
  const rates = paid.map(({ rate }) => rate)
  const sizes = paid.map(({ size }) => size)
  const totalFee = sum(fees)
  const totalSize = sum(sizes)
  const totalWeight = sum(paid.map(({ weight }) => weight))
  const average = (total: number): number => (paid.length > 0 ? Math.floor(total / paid.length) : 0)
  const outputs = block.transactions.flatMap((transaction) => transaction.outputs)
  // The genesis block's output was never a coin.
  const coins = height === 0 ? [] : outputs.filter(({ scriptPubKey }) => outputKeyOf(scriptPubKey))
  const bytesIn = spent.length * (outputSize(new Uint8Array(P2TR_SCRIPT_BYTES)) + COIN_OVERHEAD)
  const bytesOf = (made: typeof outputs): number =>
    sum(made.map(({ scriptPubKey }) => outputSize(scriptPubKey) + COIN_OVERHEAD))
  return {
    avgfee: average(totalFee),
    avgfeerate: totalWeight > 0 ? Math.floor((totalFee * 4) / totalWeight) : 0,
    avgtxsize: average(totalSize),
    blockhash: block.hash,
    feerate_percentiles: percentiles(paid),
    height,
    ins: spent.length,
    maxfee: most(fees),
    maxfeerate: most(rates),
    maxtxsize: most(sizes),
    medianfee: median(fees),
    mediantime: chain.headers.medianTimePast(index),
    mediantxsize: median(sizes),
    minfee: least(fees),
    minfeerate: least(rates),
    mintxsize: least(sizes),
    outs: outputs.length,
    subsidy: subsidy(height, params),
    swtotal_size: totalSize,
    swtotal_weight: totalWeight,
    swtxs: paid.length,
    time: block.header.time,
    total_out: sum(outputs.slice(coinbase!.outputs.length).map(({ value }) => value)),
    total_size: totalSize,
    total_weight: totalWeight,
    totalfee: totalFee,
    txs: block.transactions.length,
    utxo_increase: outputs.length - spent.length,
    utxo_size_inc: bytesOf(outputs) - bytesIn,
    utxo_increase_actual: coins.length - spent.length,
    utxo_size_inc_actual: bytesOf(coins) - bytesIn,
  }
}

/** Blocks that `getchaintxstats` reads at most: their transactions are counted one by one. */
const MAX_COUNTED = 5000

export const statisticsMethods = [
  method(
    'getblockstats',
    'Figures about a block: fees, sizes, coins.',
    [BLOCK, optional(list('stats', 'these alone, by name', text('stat', 'a name')), undefined)],
    async (node, named, wanted) => {
      const all = await blockStatistics(node, blockAt(node, named))
      if (wanted === undefined) return all
      const stranger = wanted.find((name) => !Object.hasOwn(all, name))
      if (stranger !== undefined)
        throw new RpcError(
          RPC_INVALID_PARAMETER,
          `There is no figure '${stranger.slice(0, 40)}', only ${Object.keys(all).join(', ')}.`,
        )
      return Object.fromEntries(Object.entries(all).filter(([name]) => wanted.includes(name)))
    },
  ),
  method(
    'getchaintxstats',
    'How many transactions the latest blocks have, and how fast they come.',
    [
      optional(integer('nblocks', 'blocks that are counted, 120 by default', 1, MAX_COUNTED), undefined),
      optional(blockHash('blockhash', 'the last of them, the tip by default'), undefined),
    ],
    async (node, asked, hash) => {
      const { chain } = node
      const { headers } = chain
      const last = hash === undefined ? chain.tip : headerOf(node, hash)
      const height = headers.height(last)
      const count = asked ?? Math.min(120, height)
      if (!chain.isActive(last))
        throw new RpcError(RPC_INVALID_PARAMETER, 'This block is not part of the active chain.')
      if (count > height)
        throw new RpcError(
          RPC_INVALID_PARAMETER,
          `nblocks must be at most ${height}, the blocks up to there.`,
        )
      let transactions = 0
      for (let at = height; at > height - count; at--)
        transactions += (await bodyOf(node, chain.activeAt(at))).transactions.length
      const before = chain.activeAt(height - count)
      const interval = headers.medianTimePast(last) - headers.medianTimePast(before)
      return {
        time: headers.time(last),
        window_final_block_hash: headers.hash(last),
        window_final_block_height: height,
        window_block_count: count,
        window_tx_count: transactions,
        window_interval: interval,
        ...(interval > 0 ? { txrate: transactions / interval } : {}),
      }
    },
  ),
] satisfies readonly RpcMethod<NodeCore>[]
