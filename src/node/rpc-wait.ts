/** RPC: waiting for blocks, for scripts that would else ask again and again. */
import type { NodeCore } from './node-core.ts'
import { blockHash, integer, method, optional, type RpcMethod } from './rpc-method.ts'

const TIMEOUT = optional(
  integer('timeout', 'milliseconds after which it answers anyway, 0 (default) for never', 0, 0x7fffffff),
  0,
)

/** The tip, once it is as wanted or the time is over. */
async function tipWhen(node: NodeCore, timeout: number, isWanted: () => boolean) {
  const { chain, clock } = node
  if (!isWanted())
    await new Promise<void>((resolve) => {
      const stop = node.subscribe(({ name }) => {
        if (name !== 'tip' || !isWanted()) return
        end()
      })
      const cancel = timeout === 0 ? () => {} : clock.after(timeout, () => end())
      const end = (): void => {
        stop()
        cancel()
        resolve()
      }
    })
  return { hash: chain.headers.hash(chain.tip), height: chain.headers.height(chain.tip) }
}

export const waitMethods = [
  method(
    'waitfornewblock',
    'Answers the tip once it is another than now, or than the one given.',
    [TIMEOUT, optional(blockHash('current_tip', 'the tip that the caller knows'), undefined)],
    (node, timeout, known) => {
      const { chain } = node
      const former = known ?? chain.headers.hash(chain.tip)
      return tipWhen(node, timeout, () => chain.headers.hash(chain.tip) !== former)
    },
  ),
  method(
    'waitforblock',
    'Answers the tip once it is this block.',
    [blockHash(), TIMEOUT],
    (node, hash, timeout) => tipWhen(node, timeout, () => node.chain.headers.hash(node.chain.tip) === hash),
  ),
  method(
    'waitforblockheight',
    'Answers the tip once it has this height or more.',
    [integer('height', 'height of a block', 0, 0xffffffff), TIMEOUT],
    (node, height, timeout) =>
      tipWhen(node, timeout, () => node.chain.headers.height(node.chain.tip) >= height),
  ),
] satisfies readonly RpcMethod<NodeCore>[]
