/** RPC: the wallet's history, as Bitcoin Core lists it. */
import { bytesToHex } from '../primitives/bytes.ts'
import type { HistoryEntry, HistoryOutput } from '../wallet/views.ts'
import type { NodeCore } from './node-core.ts'
import { RPC_INVALID_ADDRESS_OR_KEY, RpcError } from './rpc-error.ts'
import { coins } from './rpc-json.ts'
import { flag, integer, method, optional, type RpcMethod, text, txid } from './rpc-method.ts'
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
function sidesOf(entry: HistoryEntry): Side[] {
  const paid = entry.kind === 'sent' || entry.kind === 'moved'
  const shown = entry.outputs
    .map((output, vout) => ({ output, vout }))
    .filter(({ output }) => !(paid && output.mine && output.change))
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

function sideJson(entry: HistoryEntry, { category, output, vout }: Side) {
  const sent = category === 'send'
  return {
    ...(output.address === undefined ? {} : { address: output.address }),
    category,
    amount: coins(sent ? -output.value : output.value),
    ...(output.label === undefined ? {} : { label: output.label }),
    vout,
    ...(sent && entry.fee !== undefined ? { fee: coins(-entry.fee) } : {}),
    ...(sent ? { abandoned: entry.state === 'abandoned' } : {}),
  }
}

/**
 * What every line about a transaction tells of it. `confirmations` is negative where a confirmed transaction took its coins. `kind`, `state`
 * and `inmempool` are ours; the ids of replacements are Core's.
 */
function entryJson(entry: HistoryEntry) {
  return {
    confirmations: entry.confirmations,
    ...(entry.kind === 'mined' ? { generated: true } : {}),
    ...(entry.blockHash === undefined
      ? { trusted: entry.inMempool && entry.kind !== 'received' }
      : { blockhash: entry.blockHash, blockheight: entry.height, blocktime: entry.time }),
    txid: entry.txid,
    wtxid: entry.transaction.wtxid,
    walletconflicts: entry.conflicts,
    ...(entry.replacedBy === undefined ? {} : { replaced_by_txid: entry.replacedBy }),
    ...(entry.replaces === undefined ? {} : { replaces_txid: entry.replaces }),
    time: entry.time,
    'bip125-replaceable': entry.state === 'pending' ? ('yes' as const) : ('no' as const),
    kind: entry.kind,
    state: entry.state,
    inmempool: entry.inMempool,
  }
}

export const historyMethods = [
  method(
    'listtransactions',
    'The latest entries of the wallet’s history, newest last: one for each output that was paid or received.',
    [
      optional(text('label', 'only what has this label; "*" for all (default)'), '*'),
      optional(integer('count', 'entries', 0, 100_000), 10),
      optional(integer('skip', 'entries left out, counted from the newest', 0, 1_000_000), 0),
      unused('include_watchonly'),
    ],
    async (node, label, count, skip) => {
      const history = (await requireWallet(node)).history()
      return history
        .flatMap((entry) =>
          sidesOf(entry)
            .reverse()
            .map((side) => ({ entry, side })),
        )
        .filter(({ side }) => label === '*' || (side.output.label ?? '') === label)
        .slice(skip, skip + count)
        .map(({ entry, side }) => ({ ...sideJson(entry, side), ...entryJson(entry) }))
        .reverse()
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
        ...entryJson(entry),
        details: sidesOf(entry).map((side) => sideJson(entry, side)),
        hex: bytesToHex(transaction.bytes),
        ...(verbose ? { decoded: transactionJson(node, transaction) } : {}),
        lastprocessedblock: wallet.tip,
      }
    },
  ),
] satisfies readonly RpcMethod<NodeCore>[]
