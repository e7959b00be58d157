/** The channels of a tab's default wallet over the tab's store and signer. Fetched with channels, not before. Thread: the brain. */
import { Channels } from '../node/channels-part.ts'
import type { ChannelsPart, NodeCore } from '../node/node-core.ts'
import { channelMethods } from '../node/rpc-channels.ts'
import { RPC_MISC_ERROR, RpcError } from '../node/rpc-error.ts'
import { towerMethods } from '../node/rpc-towers.ts'
import { IdbChannelStore } from '../storage/idb-channel-store.ts'
import { IdbTowerStore } from '../storage/idb-tower-store.ts'
import type { ProfileDatabase } from '../storage/profile-database.ts'
import { remoteChannelSigner } from './channel-signer-link.ts'
import { installCurveKernel } from './curve-kernel.ts'
import type { RemoteSigners } from './signer-link.ts'

/** Name of the wallet that channels belong to: the default one. */
const WALLET = ''

/** Rejects with an `RpcError` that says why they can't be opened now. */
export async function openChannels(
  node: NodeCore,
  database: ProfileDatabase,
  signers: RemoteSigners,
): Promise<ChannelsPart> {
  // Without it points are read and invoices checked slowly, and all the same.
  await installCurveKernel().catch(() => {})
  const opened = await Channels.open(node, {
    store: new IdbChannelStore(database),
    signer: remoteChannelSigner(signers, WALLET),
    wallet: WALLET,
    towerStore: new IdbTowerStore(database),
  })
  if (!opened.ok) throw new RpcError(RPC_MISC_ERROR, opened.detail)
  const channels = opened.value
  return { methods: [...channelMethods(channels), ...towerMethods(channels)], close: () => channels.close() }
}
