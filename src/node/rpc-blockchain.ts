/** RPC: filters, coins and branches. Blocks and headers are in `rpc-overview.ts`. */
import type { Chain } from '../chain/chain.ts'
import type { HeaderIndex } from '../chain/header-tree.ts'
import { bytesToHex, reversed } from '../primitives/bytes.ts'
import { outpointOf } from '../primitives/transaction.ts'
import { outputKeyOf, p2trScript } from '../script/taproot.ts'
import { coinSetHash } from './coin-set-hash.ts'
import type { NodeCore } from './node-core.ts'
import { RPC_INVALID_ADDRESS_OR_KEY, RPC_INVALID_PARAMETER, RpcError } from './rpc-error.ts'
import { coins } from './rpc-json.ts'
import {
  blockHash,
  flag,
  integer,
  method,
  optional,
  parameter,
  type RpcMethod,
  text,
  txid,
} from './rpc-method.ts'
import { headerOf } from './rpc-overview.ts'
import { unused } from './rpc-parameters.ts'
import { scriptJson } from './rpc-transaction-json.ts'

/** What Bitcoin Core counts for a coin whose script has 34 bytes, whatever a store takes (its `GetBogoSize`). */
const BOGO_SIZE = 32 + 4 + 4 + 8 + 2 + 34

/** Earlier states of the coins would take an index of them. */
const NO_COIN_INDEX = parameter('hash_or_height', 'only the tip, by leaving it out', () => {
  throw new RpcError(
    RPC_INVALID_PARAMETER,
    'hash_or_height must be left out: a tab keeps the coins of the tip alone.',
  )
})

/** The last snapshot of the active chain; null below the first. The root is hex of its bytes as they are. */
function snapshotJson(chain: Chain) {
  const tipHeight = chain.headers.height(chain.tip)
  const height = tipHeight - (tipHeight % chain.params.snapshotInterval)
  const index = chain.activeAt(height)
  const snapshot = chain.snapshotAfter(index)
  if (!snapshot) return null
  return {
    height,
    blockhash: chain.headers.hash(index),
    merkleroot: bytesToHex(snapshot.root),
    txouts: snapshot.coins,
    total_amount: coins(snapshot.total),
  }
}

/** `getchaintips`: Bitcoin Core's words for what is known of the branch that ends in a header. */
function tipStatus(
  { chain }: NodeCore,
  tip: HeaderIndex,
): 'active' | 'invalid' | 'headers-only' | 'valid-headers' | 'valid-fork' {
  const { headers } = chain
  if (chain.isActive(tip)) return 'active'
  if (headers.isInvalid(tip)) return 'invalid'
  for (let index = tip; !chain.isActive(index); index = headers.parent(index))
    if (!headers.hasBody(index)) return 'headers-only'
  return chain.wasConnected(tip) ? 'valid-fork' : 'valid-headers'
}

export const blockchainMethods = [
  method(
    'getblockfilter',
    'The filter of a block by BIP158: which scripts it pays or spends from; and its filter header.',
    [blockHash(), optional(text('filtertype', 'basic, the only type'), 'basic')],
    async (node, hash, type) => {
      const { chain } = node
      if (type !== 'basic')
        throw new RpcError(
          RPC_INVALID_ADDRESS_OR_KEY,
          `'${type.slice(0, 40)}' is not a filtertype: the only one is basic.`,
        )
      const index = headerOf(node, hash)
      const mentions = (await chain.readMentions(index, index)).get(index)
      if (mentions === undefined)
        throw new RpcError(
          RPC_INVALID_ADDRESS_OR_KEY,
          'This block has no filter here: it was never part of the active chain.',
        )
      return {
        filter: bytesToHex(mentions.filter().bytes),
        header: bytesToHex(reversed(mentions.filterHeader)),
      }
    },
  ),
  method('getchaintips', 'Tips of all branches known.', [], (node) => {
    const { chain } = node
    const { headers } = chain
    const tips = new Set([...headers.leaves(), chain.tip])
    return [...tips]
      .sort((a, b) => headers.height(b) - headers.height(a) || a - b)
      .map((index) => ({
        height: headers.height(index),
        hash: headers.hash(index),
        branchlen: headers.height(index) - headers.height(headers.forkPoint(index, chain.tip)),
        status: tipStatus(node, index),
      }))
  }),
  method(
    'gettxout',
    'An unspent output; null when it is spent or unknown.',
    [
      txid(),
      integer('n', 'position among the outputs', 0, 0xffffffff),
      optional(flag('include_mempool', 'look at the mempool too (default)'), true),
    ],
    async (node, id, n, includeMempool) => {
      const { chain, mempool } = node
      const prevout = outpointOf(id, n)
      if (includeMempool && mempool.spender(prevout)) return null
      const waiting = includeMempool ? mempool.get(id)?.transaction.outputs[n] : undefined
      const [coin] = waiting ? [undefined] : await chain.coins([prevout])
      const scriptPubKey = waiting?.scriptPubKey ?? (coin && p2trScript(coin.outputKey))
      if (scriptPubKey === undefined || outputKeyOf(scriptPubKey) === undefined) return null
      return {
        bestblock: chain.headers.hash(chain.tip),
        confirmations: coin ? chain.headers.height(chain.tip) - coin.height + 1 : 0,
        value: coins(waiting?.value ?? coin?.value ?? 0),
        scriptPubKey: scriptJson(node, scriptPubKey),
        coinbase: coin?.coinbase ?? false,
      }
    },
  ),
  method(
    'gettxoutsetinfo',
    'Number, sum and hash of all unspent outputs, and the last snapshot of them that coinbases commit to.',
    [
      optional(
        text('hash_type', 'hash_serialized_3 (default), or none, which is quicker'),
        'hash_serialized_3',
      ),
      optional(NO_COIN_INDEX, undefined),
      unused('use_index'),
    ],
    async ({ chain }, hashType) => {
      if (hashType !== 'hash_serialized_3' && hashType !== 'none')
        throw new RpcError(
          RPC_INVALID_PARAMETER,
          `'${hashType.slice(0, 40)}' is not a hash_type: use hash_serialized_3 or none.`,
        )
      const hash = hashType === 'none' ? {} : { hash_serialized_3: await coinSetHash(chain) }
      const statistics = chain.coinStatistics()
      return {
        height: chain.headers.height(chain.tip),
        bestblock: chain.headers.hash(chain.tip),
        txouts: statistics.coins,
        bogosize: statistics.coins * BOGO_SIZE,
        ...hash,
        total_amount: coins(Number(statistics.total)),
        memory_bytes: statistics.memoryBytes,
        snapshot: snapshotJson(chain),
      }
    },
  ),
  method(
    'invalidateblock',
    'Marks a block and all after it invalid, and moves to the best other chain.',
    [blockHash()],
    async (node, hash) => {
      const index = headerOf(node, hash)
      if (index === 0)
        throw new RpcError(
          RPC_INVALID_PARAMETER,
          'The genesis block is where every chain begins: it stays valid.',
        )
      await node.chain.invalidate(index)
      await node.settled()
      return null
    },
  ),
  method('reconsiderblock', 'Takes back invalidateblock.', [blockHash()], async (node, hash) => {
    await node.chain.reconsider(headerOf(node, hash))
    await node.settled()
    return null
  }),
] satisfies readonly RpcMethod<NodeCore>[]
