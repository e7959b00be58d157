/** RPC: finding things in this tab's own chain (ours, for the explorer). */
import { findTransaction } from '../chain/chain-search.ts'
import { NO_HEADER } from '../chain/header-tree.ts'
import { isHex } from '../primitives/bytes.ts'
import type { BlockHash, Txid } from '../primitives/hashes.ts'
import { decodeAddress } from '../script/address.ts'
import { outputKeyOf } from '../script/taproot.ts'
import type { NodeCore } from './node-core.ts'
import { addressJson } from './rpc-address.ts'
import { RPC_INVALID_ADDRESS_OR_KEY, RPC_INVALID_PARAMETER, RpcError } from './rpc-error.ts'
import { method, type RpcMethod, text } from './rpc-method.ts'
import { scriptOf } from './rpc-mining.ts'

export const searchMethods = [
  method(
    'search',
    'What a text names: a height, a block hash, a transaction id or an address.',
    [text('text', 'what to look for')],
    async (node, typed) => {
      const { chain, mempool, params } = node
      const query = typed.trim()
      if (/^\d{1,9}$/.test(query)) {
        const index = chain.activeAt(Number(query))
        if (index !== NO_HEADER) return { type: 'block' as const, id: chain.headers.hash(index) }
        const height = chain.headers.height(chain.tip)
        throw new RpcError(
          RPC_INVALID_PARAMETER,
          `The chain has no block ${query} yet: its tip is block ${height}.`,
        )
      }
      if (isHex(query, 32)) {
        const hash = query.toLowerCase()
        if (chain.headers.find(hash as BlockHash) !== NO_HEADER) return { type: 'block' as const, id: hash }
        if (mempool.has(hash as Txid) || (await findTransaction(chain, hash as Txid)))
          return { type: 'transaction' as const, id: hash }
        throw new RpcError(
          RPC_INVALID_ADDRESS_OR_KEY,
          'No block and no transaction of this chain has that hash.',
        )
      }
      const address = decodeAddress(query, params.addressPrefix)
      if (address.ok) return { type: 'address' as const, id: query.toLowerCase() }
      if (query.toLowerCase().startsWith(params.addressPrefix))
        throw new RpcError(RPC_INVALID_ADDRESS_OR_KEY, address.detail)
      throw new RpcError(
        RPC_INVALID_PARAMETER,
        'Type a height, a block hash, a transaction id (64 hex digits each) or an address.',
      )
    },
  ),
  method(
    'searchaddress',
    'What an address received and sent, in the active chain and the mempool.',
    [text('address', 'an address of this network')],
    async (node, address) => {
      const outputKey = outputKeyOf(scriptOf(node, address)) as Uint8Array
      return addressJson(node, address.toLowerCase(), outputKey)
    },
  ),
] satisfies readonly RpcMethod<NodeCore>[]
