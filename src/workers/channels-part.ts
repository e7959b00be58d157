/** The channels of a tab's default wallet over the tab's store and signer. Fetched with channels, not before. Thread: the brain. */
import { Channels, type ChannelsPorts } from '../node/channels-part.ts'
import type { ChannelsPart, NodeCore } from '../node/node-core.ts'
import { methodsOf } from '../node/rpc-channel-methods.ts'
import { RPC_MISC_ERROR, RpcError } from '../node/rpc-error.ts'
import { IdbChannelStore } from '../storage/idb-channel-store.ts'
import { IdbTowerStore } from '../storage/idb-tower-store.ts'
import type { ProfileDatabase } from '../storage/profile-database.ts'
import { remoteChannelSigner } from './channel-signer-link.ts'
import { installCurveKernel } from './curve-kernel.ts'
import type { RemoteSigners } from './signer-link.ts'

/** Name of the wallet that channels belong to: the default one. */
const WALLET = ''

/** Rejects with an `RpcError` that says why they can't be opened now. */
export function openChannels(
  node: NodeCore,
  database: ProfileDatabase,
  signers: RemoteSigners,
): Promise<ChannelsPart> {
  const stores = { store: new IdbChannelStore(database), towerStore: new IdbTowerStore(database) }
  return openChannelsOver(stores, node, signers)
}

/** The same over whatever stores. */
export async function openChannelsOver(
  stores: Pick<ChannelsPorts, 'store' | 'towerStore'>,
  node: NodeCore,
  signers: RemoteSigners,
): Promise<ChannelsPart> {
  // Without it points are read and invoices checked slowly, and all the same.
  await installCurveKernel().catch(() => {})
  const signer = remoteChannelSigner(signers, WALLET)
  const opened = await Channels.open(node, { ...stores, signer, wallet: WALLET })
  if (!opened.ok) throw new RpcError(RPC_MISC_ERROR, opened.detail)
  const channels = opened.value
  return { methods: methodsOf(channels), close: () => channels.close() }
}
