/** The RPC interface: finds the method, and turns whatever happens into a response. */
import type { NodeCore } from './node-core.ts'
import { blockchainMethods } from './rpc-blockchain.ts'
import { controlMethods } from './rpc-control.ts'
import {
  RPC_INTERNAL_ERROR,
  RPC_INVALID_PARAMETER,
  RPC_METHOD_NOT_FOUND,
  RpcError,
  type RpcResponse,
} from './rpc-error.ts'
import { mempoolMethods } from './rpc-mempool.ts'
import { method, optional, type RpcMethod, text } from './rpc-method.ts'
import { miningMethods } from './rpc-mining.ts'
import { networkMethods } from './rpc-network.ts'
import { searchMethods } from './rpc-search.ts'
import { walletMethods } from './rpc-wallet.ts'

const help: RpcMethod<NodeCore> = method(
  'help',
  'The methods, or how one is called.',
  [optional(text('command', 'a method'), undefined)],
  (_node: NodeCore, name) => {
    if (name === undefined)
      return [...methods.values()]
        .map(({ usage }) => usage)
        .sort()
        .join('\n')
    const found = methods.get(name)
    if (found === undefined)
      throw new RpcError(RPC_INVALID_PARAMETER, `There is no method ${name}. 'help' lists them.`)
    const lines = found.parameters.map(
      (p) => `  ${p.name}: ${p.describe}${p.optional ? ' (may be left out)' : ''}`,
    )
    return [found.usage, '', found.summary, ...lines].join('\n')
  },
)

const methods: ReadonlyMap<string, RpcMethod<NodeCore>> = new Map<string, RpcMethod<NodeCore>>(
  [
    help,
    ...blockchainMethods,
    ...controlMethods,
    ...mempoolMethods,
    ...miningMethods,
    ...networkMethods,
    ...searchMethods,
    ...walletMethods,
  ].map((declared) => [declared.name, declared]),
)

/** Calls a method by name. Never rejects: errors are part of the response, with Bitcoin Core's codes. */
export async function callRpc(node: NodeCore, name: string, args: readonly unknown[]): Promise<RpcResponse> {
  const found = methods.get(name)
  if (found === undefined)
    return {
      error: { code: RPC_METHOD_NOT_FOUND, message: `There is no method ${name}. 'help' lists them.` },
    }
  try {
    return { result: await found.call(node, args) }
  } catch (error) {
    if (error instanceof RpcError) return { error: { code: error.code, message: error.message } }
    const reason = error instanceof Error ? error.message : String(error)
    return { error: { code: RPC_INTERNAL_ERROR, message: `${name} failed: ${reason}` } }
  }
}
