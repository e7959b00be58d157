/** The RPC interface: finds the method, and turns whatever happens into a response. Thread: the brain. */
import { StorageError } from '../chain/store.ts'
import type { NodeCore } from './node-core.ts'
import { blockchainMethods } from './rpc-blockchain.ts'
import { controlMethods } from './rpc-control.ts'
import {
  RPC_DATABASE_ERROR,
  RPC_INTERNAL_ERROR,
  RPC_METHOD_NOT_FOUND,
  RPC_MISC_ERROR,
  RpcError,
  type RpcResponse,
} from './rpc-error.ts'
import { mempoolMethods } from './rpc-mempool.ts'
import { method, optional, type RpcMethod, text } from './rpc-method.ts'
import { miningMethods } from './rpc-mining.ts'
import { networkMethods } from './rpc-network.ts'
import { searchMethods } from './rpc-search.ts'

const help: RpcMethod<NodeCore> = method(
  'help',
  'The methods, or how one is called.',
  [optional(text('command', 'a method'), undefined)],
  async (node: NodeCore, name) => {
    if (name === undefined)
      return [...methods.values(), ...(await node.loadWallet()).methods]
        .map(({ usage }) => usage)
        .sort()
        .join('\n')
    const found = await find(node, name)
    const lines = found.parameters.map(
      (p) => `  ${p.name}: ${p.describe}${p.optional ? ' (may be left out)' : ''}`,
    )
    return [found.usage, '', found.summary, ...lines].join('\n')
  },
)

/** All but those of the wallet, which are fetched with it. */
const methods: ReadonlyMap<string, RpcMethod<NodeCore>> = new Map<string, RpcMethod<NodeCore>>(
  [
    help,
    ...blockchainMethods,
    ...controlMethods,
    ...mempoolMethods,
    ...miningMethods,
    ...networkMethods,
    ...searchMethods,
  ].map((declared) => [declared.name, declared]),
)

/** Methods that answer when the node has stopped. */
const AFTER_STOP: ReadonlySet<string> = new Set(['help', 'stop'])

/** Calls a method by name. Never rejects: errors are part of the response, with Bitcoin Core's codes. */
export async function callRpc(node: NodeCore, name: string, args: readonly unknown[]): Promise<RpcResponse> {
  try {
    const found = await find(node, name)
    if (node.isClosed && !AFTER_STOP.has(name))
      throw new RpcError(RPC_MISC_ERROR, 'The node has stopped. Reload the page to start it again.')
    return { result: await found.call(node, args) }
  } catch (error) {
    return { error: errorOf(name, error) }
  }
}

function errorOf(name: string, error: unknown): { readonly code: number; readonly message: string } {
  if (error instanceof RpcError) return { code: error.code, message: error.message }
  if (error instanceof StorageError) return { code: RPC_DATABASE_ERROR, message: error.message }
  const reason = error instanceof Error ? error.message : String(error)
  return { code: RPC_INTERNAL_ERROR, message: `${name} failed: ${reason}` }
}

/** The method of this name. Rejects when there is none. */
async function find(node: NodeCore, name: string): Promise<RpcMethod<NodeCore>> {
  const found =
    methods.get(name) ?? (await node.loadWallet()).methods.find((declared) => declared.name === name)
  if (found) return found
  throw new RpcError(RPC_METHOD_NOT_FOUND, `There is no method ${name}. 'help' lists them.`)
}
