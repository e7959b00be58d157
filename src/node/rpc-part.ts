/**
 * The RPC methods that nobody needs for joining: a part of the program of its own, fetched for the first call of one of them. Thread: the brain.
 */
import type { NodeCore } from './node-core.ts'
import { blockchainMethods } from './rpc-blockchain.ts'
import { mempoolMethods } from './rpc-mempool.ts'
import type { RpcMethod } from './rpc-method.ts'
import { miningMethods } from './rpc-mining.ts'
import { networkMethods } from './rpc-network.ts'
import { searchMethods } from './rpc-search.ts'
import { blockTransactionsJson } from './rpc-transaction-json.ts'

export interface RpcPart {
  readonly methods: readonly RpcMethod<NodeCore>[]
  readonly blockTransactionsJson: typeof blockTransactionsJson
}

/** Port: resolves with the part, at once after the first time. Rejects with a sentence where it can't be fetched; a later call tries again. */
export type LoadRpc = () => Promise<RpcPart>

export const rpcPart: RpcPart = {
  methods: [...blockchainMethods, ...mempoolMethods, ...miningMethods, ...networkMethods, ...searchMethods],
  blockTransactionsJson,
}
