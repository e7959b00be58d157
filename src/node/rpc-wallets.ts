/** RPC: the wallets of a profile. Their keys are made by the page with the signer, see `rpc-page-methods.ts`. */

import { branchesOf, parseDescriptor } from '../wallet/descriptor.ts'
import type { NodeCore } from './node-core.ts'
import { RPC_INVALID_PARAMETER, RPC_WALLET_ERROR, RpcError } from './rpc-error.ts'
import { importDescriptors, REQUESTS } from './rpc-import.ts'
import { flag, implement, method, optional, type RpcMethod, text } from './rpc-method.ts'
import { createWallet, LOAD_ON_STARTUP, wantedWallet } from './rpc-page-methods.ts'
import { requireWallet, unwrap } from './rpc-wallet-error.ts'

export const walletsMethods = [
  method('listwallets', 'The names of the wallets that are loaded.', [], async (node: NodeCore) =>
    node.hasWallets ? (await node.openWallets()).loadedNames : [],
  ),
  method('listwalletdir', 'The wallets of this profile, loaded or not.', [], async (node: NodeCore) => ({
    wallets: (await node.openWallets()).names.map((name) => ({ name })),
  })),
  implement(createWallet, async (node: NodeCore, ...given) => {
    const { name, watchOnly, loadOnStartup } = wantedWallet(...given)
    const wallets = await node.openWallets()
    node.requireStorage()
    unwrap(
      watchOnly ? await wallets.createWatching(name, loadOnStartup) : wallets.expect(name, loadOnStartup),
    )
    return { name }
  }),
  method(
    'loadwallet',
    'Loads a wallet of this profile: from then on it follows the chain.',
    [text('filename', 'the name of the wallet'), LOAD_ON_STARTUP],
    async (node: NodeCore, name, loadOnStartup) => {
      node.requireStorage()
      unwrap(await (await node.openWallets()).load(name, loadOnStartup))
      return { name }
    },
  ),
  method(
    'unloadwallet',
    'Locks a wallet and follows it no more, until it is loaded again. Nothing of it is lost.',
    [
      optional(
        text('wallet_name', 'the one that the call names, or the only one loaded, by default'),
        undefined,
      ),
      LOAD_ON_STARTUP,
    ],
    async (node: NodeCore, name, loadOnStartup) => {
      if (name !== undefined && node.namedWallet !== undefined && name !== node.namedWallet)
        throw new RpcError(
          RPC_INVALID_PARAMETER,
          'The call names one wallet, and wallet_name another: give one of the two.',
        )
      const unloaded = name ?? (await requireWallet(node)).name
      unwrap(await (await node.openWallets()).unload(unloaded, loadOnStartup))
      return {}
    },
  ),
  method(
    'importdescriptors',
    'Tells a wallet whose keys are elsewhere what it watches, and searches the chain for it: one account, by one descriptor of two branches, tr(xpub…/<0;1>/*), or by a descriptor of each.',
    [REQUESTS],
    async (node: NodeCore, requests) => {
      const wallet = await requireWallet(node)
      node.requireStorage()
      return importDescriptors(node, wallet, requests)
    },
  ),
  method(
    'listdescriptors',
    'The descriptors of a wallet: what another wallet needs to watch the same addresses.',
    [optional(flag('private', 'false: no secret leaves the keeper of keys'), false)],
    async (node: NodeCore, secret) => {
      const wallet = await requireWallet(node)
      if (secret)
        throw new RpcError(
          RPC_WALLET_ERROR,
          'private can only be false: no secret leaves the keeper of keys but by revealmnemonic and exportbackup.',
        )
      const { account } = wallet
      const descriptor = account && unwrap(parseDescriptor(account.descriptor))
      const texts = descriptor ? branchesOf(descriptor) : []
      return {
        wallet_name: wallet.name,
        descriptors: wallet.branches().map(({ next, lookedFor }, branch) => ({
          desc: texts[branch]!,
          timestamp: account!.birthday,
          active: true,
          ...(texts.length > 1 && { internal: branch === 1 }),
          range: [0, lookedFor - 1],
          next,
          next_index: next,
        })),
      }
    },
  ),
] satisfies readonly RpcMethod<NodeCore>[]
