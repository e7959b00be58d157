/** RPC: peers and relays. */
import { USER_AGENT } from '../protocol/peer-manager.ts'
import { PROTOCOL_VERSION } from '../protocol/wire.ts'
import type { NodeCore } from './node-core.ts'
import { feeRate } from './rpc-json.ts'
import { method, type RpcMethod } from './rpc-method.ts'

function seconds(milliseconds: number | undefined): number {
  return milliseconds === undefined ? 0 : Math.floor(milliseconds / 1000)
}

export const networkMethods: readonly RpcMethod<NodeCore>[] = [
  method('getpeerinfo', 'The peers that this tab is connected to directly.', [], ({ peers }) =>
    peers.peers().map((peer) => ({
      id: peer.id,
      addr: peer.address,
      inbound: peer.direction === 'inbound',
      conntime: seconds(peer.connectedAt),
      lastsend: seconds(peer.lastSentAt),
      lastrecv: seconds(peer.lastReceivedAt),
      last_transaction: seconds(peer.lastTransactionAt),
      last_block: seconds(peer.lastBlockAt),
      bytessent: peer.bytesSent,
      bytesrecv: peer.bytesReceived,
      ...(peer.latency === undefined ? {} : { pingtime: peer.latency / 1000 }),
      version: peer.version,
      subver: peer.userAgent,
      startingheight: peer.startingHeight,
      synced_headers: peer.headerHeight ?? -1,
      inflight: peer.blocksInFlight,
      banscore: Math.round(peer.score),
    })),
  ),
  method('getconnectioncount', 'Number of peers.', [], ({ peers }) => peers.peers().length),
  method('getnetworkinfo', 'This tab’s place in the network.', [], ({ mempool, peers, self }) => {
    const connected = peers.peers()
    const status = peers.networkStatus()
    const inbound = connected.filter((peer) => peer.direction === 'inbound').length
    return {
      subversion: USER_AGENT,
      protocolversion: PROTOCOL_VERSION,
      localid: self,
      connections: connected.length,
      connections_in: inbound,
      connections_out: connected.length - inbound,
      networkactive: true,
      relayfee: feeRate(mempool.relayFeeRate),
      incrementalfee: feeRate(mempool.relayFeeRate),
      relays: status.relays,
      relayedonlypeers: status.relayedOnlyPeers,
      warnings: [],
    }
  }),
]
