/**
 * The RPC methods that nobody needs for joining: a part of the program of its own, fetched for the first call of one of them. Thread: the brain.
 */
import type { RpcPart } from './node-core.ts'
import { blockchainMethods } from './rpc-blockchain.ts'
import { mempoolMethods } from './rpc-mempool.ts'
import { miningMethods } from './rpc-mining.ts'
import { networkMethods } from './rpc-network.ts'
import { searchMethods } from './rpc-search.ts'
import { blockTransactionsJson } from './rpc-transaction-json.ts'

export const rpcPart: RpcPart = {
  methods: [...blockchainMethods, ...mempoolMethods, ...miningMethods, ...networkMethods, ...searchMethods],
  blockTransactionsJson,
}
