/** The RPC interface: finds the method, and turns whatever happens into a response. Thread: the brain. */
import { StorageError } from '../chain/store.ts'
import type { NodeCore } from './node-core.ts'
import { controlMethods } from './rpc-control.ts'
import {
  RPC_DATABASE_ERROR,
  RPC_INTERNAL_ERROR,
  RPC_METHOD_NOT_FOUND,
  RPC_MISC_ERROR,
  RpcError,
  type RpcResponse,
} from './rpc-error.ts'
import { isObject, method, optional, type RpcMethod, text } from './rpc-method.ts'
import { overviewMethods } from './rpc-overview.ts'

export const help = method(
  'help',
  'The methods, by groups; or how one is called and what it answers.',
  [optional(text('command', 'a method'), undefined)],
  async (node: NodeCore, name) => {
    const { helpOn, helpList, pageMethods, channelDeclarations, methods: later } = await node.loadRpc()
    // Told of where they can't be opened now, too: a call says why.
    const apart = [...pageMethods, ...(node.openChannels ? await channelDeclarations() : [])]
    if (name === undefined)
      return helpList([...methods.values(), ...apart, ...later, ...(await node.loadWallet()).methods])
    return helpOn(apart.find((declared) => declared.name === name) ?? (await find(node, name)))
  },
)

/** Those that are there at once. */
const methods: ReadonlyMap<string, RpcMethod<NodeCore>> = new Map(
  [help, ...controlMethods, ...overviewMethods].map((declared): [string, RpcMethod<NodeCore>] => [
    declared.name,
    declared,
  ]),
)

/** Methods that answer when the node has stopped. */
const AFTER_STOP: ReadonlySet<string> = new Set(['help', 'stop'])

/**
 * Calls a method by name. Never rejects: errors are part of the response, with Bitcoin Core's codes. `wallet`: the one that a method of wallets
 * means, as in Core's path `/wallet/NAME`; where none is named, see `chooseWallet`.
 */
export async function callRpc(
  node: NodeCore,
  name: string,
  args: readonly unknown[],
  wallet?: string,
): Promise<RpcResponse> {
  const call = { method: name, since: node.peers.now() }
  node.calls.add(call)
  try {
    const found = await find(node, name)
    if (node.isClosed && !AFTER_STOP.has(name))
      throw new RpcError(RPC_MISC_ERROR, 'The node has stopped. Reload the page to start it again.')
    const values =
      args.length === 1 && isObject(args[0]) ? (await node.loadRpc()).byPosition(found, args) : args
    return { result: await found.call(wallet === undefined ? node : node.forWallet(wallet), values) }
  } catch (error) {
    return { error: errorOf(name, error) }
  } finally {
    node.calls.delete(call)
  }
}

function errorOf(name: string, error: unknown): { readonly code: number; readonly message: string } {
  if (error instanceof RpcError) return { code: error.code, message: error.message }
  if (error instanceof StorageError) return { code: RPC_DATABASE_ERROR, message: error.message }
  const reason = error instanceof Error ? error.message : String(error)
  return { code: RPC_INTERNAL_ERROR, message: `${name} failed: ${reason}` }
}

/** The method of this name, fetched if need be. Rejects when there is none. */
async function find(node: NodeCore, name: string): Promise<RpcMethod<NodeCore>> {
  const isIt = (declared: RpcMethod<NodeCore>): boolean => declared.name === name
  const found =
    methods.get(name) ??
    (await node.loadRpc()).methods.find(isIt) ??
    (await node.loadWallet()).methods.find(isIt) ??
    ((await node.loadRpc()).isOfChannels(name)
      ? (await node.openChannels?.())?.methods.find(isIt)
      : undefined)
  if (found) return found
  const why = (await node.loadRpc()).absence(name) ?? ''
  throw new RpcError(RPC_METHOD_NOT_FOUND, `There is no method ${name}. ${why}'help' lists them.`)
}
