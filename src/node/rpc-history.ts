/** RPC: the wallet's history, as Bitcoin Core lists it. */
import { bytesToHex } from '../primitives/bytes.ts'
import type { Txid } from '../primitives/hashes.ts'
import type { HistoryEntry, HistoryOutput } from '../wallet/views.ts'
import type { Wallet } from '../wallet/wallet.ts'
import type { NodeCore } from './node-core.ts'
import { RPC_INVALID_ADDRESS_OR_KEY, RpcError } from './rpc-error.ts'
import { coins } from './rpc-json.ts'
import { blockHash, flag, integer, method, optional, type RpcMethod, text, txid } from './rpc-method.ts'
import { bodyOf, headerOf } from './rpc-overview.ts'
import { unused } from './rpc-parameters.ts'
import { transactionJson } from './rpc-transaction-json.ts'
import { requireWallet } from './rpc-wallet-error.ts'

/** An output of a transaction, seen from one side of it. */
interface Side {
  readonly category: 'send' | 'receive' | 'generate' | 'immature' | 'orphan'
  readonly output: HistoryOutput
  readonly vout: number
}

/**
 * The sides of a transaction that history shows: of a payment each output but the change as sent, and of any transaction each own output but
 * the change of a payment as received. A payment to oneself has both (Core's `CachedTxGetAmounts`).
 */
function sidesOf(entry: HistoryEntry, includeChange = false): Side[] {
  const paid = entry.kind === 'sent' || entry.kind === 'moved'
  const shown = entry.outputs
    .map((output, vout) => ({ output, vout }))
    .filter(({ output }) => includeChange || !(paid && output.mine && output.change))
  const sent = paid ? shown.map((side) => ({ ...side, category: 'send' as const })) : []
  const received = shown
    .filter(({ output }) => output.mine)
    .map((side) => ({ ...side, category: receivedAs(entry) }))
  return [...sent, ...received]
}

function receivedAs(entry: HistoryEntry): Side['category'] {
  if (entry.kind !== 'mined') return 'receive'
  if (entry.state === 'orphaned') return 'orphan'
  return entry.mature ? 'generate' : 'immature'
}

function sideJson(wallet: Wallet, entry: HistoryEntry, { category, output, vout }: Side) {
  const sent = category === 'send'
  const { descriptor } = wallet.account ?? {}
  // Core names every address that it gave, if only by an empty text.
  const label = output.label ?? (output.mine && !output.change ? '' : undefined)
  return {
    ...(output.address === undefined ? {} : { address: output.address }),
    ...(output.mine && descriptor !== undefined ? { parent_descs: [descriptor] } : {}),
    category,
    amount: coins(sent ? -output.value : output.value),
    ...(label === undefined ? {} : { label }),
    vout,
    ...(sent && entry.fee !== undefined ? { fee: coins(-entry.fee) } : {}),
    abandoned: entry.state === 'abandoned',
  }
}

/**
 * What every line about a transaction tells of it. `confirmations` is negative where a confirmed transaction took its coins. `kind`, `state`
 * and `inmempool` are ours; the ids of replacements are Core's.
 */
function entryJson({ mempool }: NodeCore, entry: HistoryEntry) {
  return {
    confirmations: entry.confirmations,
    ...(entry.kind === 'mined' ? { generated: true } : {}),
    ...(entry.blockHash === undefined
      ? { trusted: entry.inMempool && entry.kind !== 'received' }
      : {
          blockhash: entry.blockHash,
          blockheight: entry.height,
          ...(entry.blockPosition === undefined ? {} : { blockindex: entry.blockPosition }),
          blocktime: entry.time,
        }),
    txid: entry.txid,
    wtxid: entry.transaction.wtxid,
    walletconflicts: entry.conflicts,
    mempoolconflicts: mempoolConflicts(mempool, entry),
    ...(entry.replacedBy === undefined ? {} : { replaced_by_txid: entry.replacedBy }),
    ...(entry.replaces === undefined ? {} : { replaces_txid: entry.replaces }),
    time: entry.time,
    timereceived: entry.seen,
    'bip125-replaceable': entry.state === 'pending' ? ('yes' as const) : ('no' as const),
    kind: entry.kind,
    state: entry.state,
    inmempool: entry.inMempool,
  }
}

/** The transactions of the mempool that spend a coin of this one, which is neither there nor in a block. */
function mempoolConflicts(mempool: NodeCore['mempool'], entry: HistoryEntry): Txid[] {
  const { txid, transaction } = entry
  if (transaction.isCoinbase || entry.blockHash !== undefined) return []
  const spenders = transaction.inputs.flatMap(
    ({ prevout }) => mempool.spender(prevout)?.transaction.txid ?? [],
  )
  return [...new Set(spenders)].filter((spender) => spender !== txid)
}

const LABEL = 'only what has this label; "*" for all (default)'

function hasLabel({ output }: Side, label: string): boolean {
  return label === '*' || (output.label ?? '') === label
}

/** A line for each side of a transaction, in the order of its outputs. */
function linesOf(node: NodeCore, wallet: Wallet, entry: HistoryEntry, label: string, includeChange = false) {
  return sidesOf(entry, includeChange)
    .filter((side) => hasLabel(side, label))
    .map((side) => ({ ...sideJson(wallet, entry, side), ...entryJson(node, entry) }))
}

export const historyMethods = [
  method(
    'listtransactions',
    'The latest entries of the wallet’s history, newest last: one for each output that was paid or received.',
    [
      optional(text('label', LABEL), '*'),
      optional(integer('count', 'entries', 0, 100_000), 10),
      optional(integer('skip', 'entries left out, counted from the newest', 0, 1_000_000), 0),
      unused('include_watchonly'),
    ],
    async (node: NodeCore, label, count, skip) => {
      const wallet = await requireWallet(node)
      // Newest first, and only as far as asked.
      const lines: ReturnType<typeof linesOf> = []
      for (const entry of wallet.history()) {
        if (lines.length >= skip + count) break
        lines.push(...linesOf(node, wallet, entry, label).reverse())
      }
      return lines.slice(skip, skip + count).reverse()
    },
  ),
  method(
    'listsinceblock',
    'What happened to the wallet after a block, oldest first; and what was in blocks that the chain left since then.',
    [
      optional(blockHash('blockhash', 'a block; all of the history where left out'), undefined),
      optional(
        integer(
          'target_confirmations',
          'confirmations of the block that lastblock names, 1 by default',
          1,
          0xffffffff,
        ),
        1,
      ),
      unused('include_watchonly'),
      optional(flag('include_removed', 'tell what blocks held that the chain left (default)'), true),
      optional(flag('include_change', 'tell change, too'), false),
      optional(text('label', LABEL), '*'),
    ],
    async (node, hash, target, _watchOnly, includeRemoved, includeChange, label) => {
      const wallet = await requireWallet(node)
      await wallet.settled()
      const { chain } = node
      const { headers, tip } = chain
      const known = hash === undefined ? undefined : headerOf(node, hash)
      const fork = known === undefined ? undefined : headers.forkPoint(known, tip)
      const below = fork === undefined ? 0 : headers.height(tip) - headers.height(fork) + 1
      const isSince = ({ confirmations }: HistoryEntry): boolean =>
        fork === undefined || Math.abs(confirmations) < below
      const removed: ReturnType<typeof linesOf> = []
      for (let at = known; includeRemoved && at !== undefined && at !== fork; at = headers.parent(at))
        for (const { txid } of (await bodyOf(node, at)).transactions) {
          const entry = wallet.transaction(txid)
          if (entry) removed.push(...linesOf(node, wallet, entry, label, includeChange))
        }
      const last = Math.max(0, headers.height(tip) + 1 - target)
      return {
        transactions: wallet
          .history()
          .filter(isSince)
          .reverse()
          .flatMap((entry) => linesOf(node, wallet, entry, label, includeChange)),
        ...(includeRemoved && { removed }),
        lastblock: headers.hash(chain.activeAt(last)),
      }
    },
  ),
  method(
    'gettransaction',
    'A transaction of the wallet.',
    [txid(), unused('include_watchonly'), optional(flag('verbose', 'decode it, too'), false)],
    async (node, id, _watchOnly, verbose) => {
      const wallet = await requireWallet(node)
      const entry = wallet.transaction(id)
      if (entry === undefined)
        throw new RpcError(
          RPC_INVALID_ADDRESS_OR_KEY,
          `The transaction ${id} does not concern this wallet. Any transaction of the chain is found by getrawtransaction.`,
        )
      const { fee, net, transaction } = entry
      return {
        amount: coins(net + (fee ?? 0)),
        ...(fee === undefined ? {} : { fee: coins(-fee) }),
        ...entryJson(node, entry),
        details: sidesOf(entry).map((side) => sideJson(wallet, entry, side)),
        hex: bytesToHex(transaction.bytes),
        ...(verbose ? { decoded: transactionJson(node, transaction) } : {}),
        lastprocessedblock: wallet.tip,
      }
    },
  ),
] satisfies readonly RpcMethod<NodeCore>[]
