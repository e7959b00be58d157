/**
 * The RPC methods that nobody needs for joining: a part of the program of its own, fetched for the first call of one of them. Thread: the brain.
 */
import type { RpcPart } from './node-core.ts'
import { absence } from './rpc-absence.ts'
import { blockchainMethods } from './rpc-blockchain.ts'
import { descriptorMethods } from './rpc-descriptor.ts'
import { helpList, helpOn } from './rpc-help.ts'
import { linkMethods } from './rpc-links.ts'
import { mempoolMethods } from './rpc-mempool.ts'
import { miningMethods } from './rpc-mining.ts'
import { byPosition } from './rpc-names.ts'
import { networkMethods } from './rpc-network.ts'
import { pageMethods } from './rpc-page-methods.ts'
import { proofMethods } from './rpc-proof.ts'
import { channelResults } from './rpc-results-channels.ts'
import { searchMethods } from './rpc-search.ts'
import { statisticsMethods } from './rpc-statistics.ts'
import { blockTransactionsJson } from './rpc-transaction-json.ts'
import { waitMethods } from './rpc-wait.ts'

export const rpcPart: RpcPart = {
  methods: [
    ...blockchainMethods,
    ...descriptorMethods,
    ...linkMethods,
    ...mempoolMethods,
    ...miningMethods,
    ...networkMethods,
    ...proofMethods,
    ...searchMethods,
    ...statisticsMethods,
    ...waitMethods,
  ],
  absence,
  isOfChannels: (name) => Object.hasOwn(channelResults, name),
  channelDeclarations: async () => (await import('./rpc-channel-methods.ts')).channelDeclarations,
  blockTransactionsJson,
  byPosition,
  helpList,
  helpOn,
  pageMethods,
}
