/** RPC: the node itself. */
import type { NodeCore } from './node-core.ts'
import { method, type RpcMethod } from './rpc-method.ts'

export const controlMethods = [
  method('uptime', 'Seconds since the node started.', [], (node) => node.uptime()),
  method('stop', 'Stops the node; reload the page to start it again.', [], async (node) => {
    await node.close()
    return 'The node has stopped. Reload the page to start it again.'
  }),
] satisfies readonly RpcMethod<NodeCore>[]
