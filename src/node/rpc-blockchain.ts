/** RPC: blocks, headers and coins. */
import { type HeaderIndex, NO_HEADER } from '../chain/header-tree.ts'
import { targetOf } from '../consensus/pow.ts'
import { bytesToHex } from '../primitives/bytes.ts'
import type { BlockHash } from '../primitives/hashes.ts'
import { outpointOf } from '../primitives/transaction.ts'
import { encodeAddress } from '../script/address.ts'
import type { NodeCore } from './node-core.ts'
import { RPC_INVALID_ADDRESS_OR_KEY, RPC_INVALID_PARAMETER, RPC_MISC_ERROR, RpcError } from './rpc-error.ts'
import { blockJson, coins, difficulty, headerJson, hex32, hex256 } from './rpc-json.ts'
import { blockHash, flag, integer, method, optional, type RpcMethod, txid, verbosity } from './rpc-method.ts'

/** The header of this hash; an `RpcError` when there is none. */
export function headerOf(node: NodeCore, hash: BlockHash): HeaderIndex {
  const index = node.chain.headers.find(hash)
  if (index === NO_HEADER)
    throw new RpcError(RPC_INVALID_ADDRESS_OR_KEY, `No block with the hash ${hash} is known here.`)
  return index
}

async function bodyOf(node: NodeCore, index: HeaderIndex) {
  const block = await node.chain.readBlock(index)
  if (block === undefined)
    throw new RpcError(
      RPC_MISC_ERROR,
      'Only the header of this block is known: its body has not been downloaded yet.',
    )
  return block
}

export const blockchainMethods: readonly RpcMethod<NodeCore>[] = [
  method('getblockchaininfo', 'State of the chain.', [], (node) => {
    const { chain, params } = node
    const { headers, tip } = chain
    const bestHeight = headers.height(chain.bestHeader)
    const { synced } = node.peers.syncState()
    return {
      chain: params.name,
      blocks: headers.height(tip),
      headers: bestHeight,
      bestblockhash: headers.hash(tip),
      bits: hex32(headers.bits(tip)),
      target: hex256(targetOf(headers.bits(tip))),
      difficulty: difficulty(headers.bits(tip)),
      time: headers.time(tip),
      mediantime: headers.medianTimePast(tip),
      verificationprogress: bestHeight === 0 ? 1 : headers.height(tip) / bestHeight,
      initialblockdownload: !synced,
      chainwork: hex256(headers.chainWork(tip)),
      pruned: false,
      warnings: [],
    }
  }),
  method('getbestblockhash', 'Hash of the tip.', [], ({ chain }) => chain.headers.hash(chain.tip)),
  method('getblockcount', 'Height of the tip.', [], ({ chain }) => chain.headers.height(chain.tip)),
  method(
    'getblockhash',
    'Hash of the block at a height of the active chain.',
    [integer('height', 'height, genesis is 0', 0, 0xffffffff)],
    ({ chain }, height) => {
      const index = chain.activeAt(height)
      if (index === NO_HEADER)
        throw new RpcError(
          RPC_INVALID_PARAMETER,
          `The chain has ${chain.headers.height(chain.tip)} blocks, none at height ${height}.`,
        )
      return chain.headers.hash(index)
    },
  ),
  method(
    'getblockheader',
    'A header, as an object or as its 80 bytes in hex.',
    [blockHash(), optional(flag('verbose', 'an object (default) or hex'), true)],
    async (node, hash, verbose) => {
      const index = headerOf(node, hash)
      if (!verbose) return bytesToHex(node.chain.headers.header(index).bytes)
      const block = await node.chain.readBlock(index)
      return headerJson(node, index, block?.transactions.length)
    },
  ),
  method(
    'getblock',
    'A block: hex (0), with the ids of its transactions (1), or with its transactions, their inputs and fees (2).',
    [blockHash(), optional(verbosity('verbosity', '0, 1 (default) or 2', 2), 1)],
    async (node, hash, level) => {
      const index = headerOf(node, hash)
      const block = await bodyOf(node, index)
      if (level === 0) return bytesToHex(block.bytes)
      if (level === 1) return blockJson(node, index, block, 'ids')
      return blockJson(node, index, block, { spent: await node.chain.readSpentCoins(index) })
    },
  ),
  method('getchaintips', 'Tips of all branches known.', [], ({ chain }) => {
    const { headers } = chain
    const tips = new Set([...headers.leaves(), chain.tip])
    return [...tips]
      .sort((a, b) => headers.height(b) - headers.height(a) || a - b)
      .map((index) => ({
        height: headers.height(index),
        hash: headers.hash(index),
        branchlen: headers.height(index) - headers.height(headers.forkPoint(index, chain.tip)),
        status:
          index === chain.tip
            ? 'active'
            : headers.isInvalid(index)
              ? 'invalid'
              : headers.hasBody(index)
                ? 'valid-fork'
                : 'headers-only',
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
      const tipHeight = chain.headers.height(chain.tip)
      const key = waiting ? waiting.scriptPubKey.subarray(2) : coin?.outputKey
      if (key === undefined || key.length !== 32) return null
      return {
        bestblock: chain.headers.hash(chain.tip),
        confirmations: coin ? tipHeight - coin.height + 1 : 0,
        value: coins(waiting?.value ?? coin?.value ?? 0),
        scriptPubKey: {
          asm: `1 ${bytesToHex(key)}`,
          hex: `5120${bytesToHex(key)}`,
          address: encodeAddress(key, node.params.addressPrefix),
          type: 'witness_v1_taproot',
        },
        coinbase: coin?.coinbase ?? false,
      }
    },
  ),
  method('gettxoutsetinfo', 'Number and sum of all unspent outputs.', [], ({ chain }) => {
    const statistics = chain.coinStatistics()
    return {
      height: chain.headers.height(chain.tip),
      bestblock: chain.headers.hash(chain.tip),
      txouts: statistics.coins,
      total_amount: coins(Number(statistics.total)),
      memory_bytes: statistics.memoryBytes,
    }
  }),
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
      return null
    },
  ),
  method('reconsiderblock', 'Takes back invalidateblock.', [blockHash()], async (node, hash) => {
    await node.chain.reconsider(headerOf(node, hash))
    return null
  }),
]
