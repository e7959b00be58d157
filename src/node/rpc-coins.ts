/** RPC: coins that are kept from payments, and addresses for change. */
import { outpointKey, outpointOf } from '../primitives/transaction.ts'
import type { LockChange } from '../wallet/coin-locks.ts'
import type { NodeCore } from './node-core.ts'
import { RPC_INVALID_PARAMETER, RpcError } from './rpc-error.ts'
import { flag, integer, method, optional, type RpcMethod, txid } from './rpc-method.ts'
import { list, object, only } from './rpc-parameters.ts'
import { requireWallet, unwrap } from './rpc-wallet-error.ts'

const OUTPUT = object('output', '{"txid", "vout"}', {
  txid: txid(),
  vout: integer('vout', 'position among the outputs', 0, 0xffffffff),
})

export const coinMethods = [
  method(
    'lockunspent',
    'Keeps coins from payments that do not name them, or takes that back. A coin that is named and spent is locked no more.',
    [
      flag('unlock', 'whether locks are taken away'),
      optional(
        list('transactions', 'which coins; all that are locked where left out with unlock', OUTPUT),
        undefined,
      ),
      optional(flag('persistent', 'the locks outlast the page'), false),
    ],
    async (node: NodeCore, unlock, outputs, persistent) => {
      const wallet = await requireWallet(node)
      if (persistent) node.requireStorage()
      if (outputs === undefined) {
        if (unlock) await wallet.lockCoins(wallet.lockedCoins().map((key) => ({ key, lock: undefined })))
        return true
      }
      const locked = new Set(wallet.lockedCoins())
      const changes = outputs.map(({ txid: id, vout }): LockChange => {
        const key = outpointKey(outpointOf(id, vout))
        const refused = (sentence: string): RpcError =>
          new RpcError(RPC_INVALID_PARAMETER, `${sentence} Nothing was changed.`)
        const entry = wallet.transaction(id)
        if (!entry) throw refused(`The transaction ${id} is not the wallet’s.`)
        if (entry.outputs[vout]?.mine !== true)
          throw refused(`The output ${vout} of ${id} does not belong to the wallet.`)
        if (unlock && !locked.has(key)) throw refused(`The coin ${key} is not locked.`)
        if (!unlock && !wallet.coin(key)) throw refused(`The coin ${key} is spent.`)
        // Another lock makes one last, and else is a slip.
        if (!unlock && locked.has(key) && !persistent) throw refused(`The coin ${key} is locked already.`)
        return { key, lock: unlock ? undefined : persistent ? 'persistent' : 'memory' }
      })
      await wallet.lockCoins(changes)
      return true
    },
  ),
  method('listlockunspent', 'The coins that are kept from payments.', [], async (node) =>
    (await requireWallet(node)).lockedCoins().map((key) => {
      const [id, vout] = key.split(':')
      return { txid: id!, vout: Number(vout) }
    }),
  ),
  method(
    'getrawchangeaddress',
    'A fresh own address for change, for transactions that others put together.',
    [only('address_type', 'bech32m', 'this network has no other type')],
    async (node) => {
      const wallet = await requireWallet(node)
      node.requireStorage()
      return unwrap(await wallet.newChangeAddress())
    },
  ),
] satisfies readonly RpcMethod<NodeCore>[]
