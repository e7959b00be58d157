/** RPC: peers, bans and relays. */
import { USER_AGENT } from '../protocol/peer-manager.ts'
import type { PeerId } from '../protocol/transport.ts'
import { BAN_SECONDS } from '../protocol/verdict.ts'
import { PROTOCOL_VERSION, SERVICE_FULL_CHAIN } from '../protocol/wire.ts'
import type { NodeCore } from './node-core.ts'
import {
  RPC_CLIENT_INVALID_IP_OR_SUBNET,
  RPC_CLIENT_NODE_ALREADY_ADDED,
  RPC_CLIENT_NODE_NOT_CONNECTED,
  RPC_INVALID_PARAMETER,
  RPC_INVALID_PARAMS,
  RpcError,
} from './rpc-error.ts'
import { feeRate } from './rpc-json.ts'
import { flag, integer, method, optional, parameter, type RpcMethod, text, wrongType } from './rpc-method.ts'

/** Longest ban, seconds: ten years. */
const MAX_BAN_SECONDS = 315_360_000
/** A libp2p peer id in base58btc: an Ed25519 key has 52 characters, older kinds 46. */
const PEER_ID = /^[1-9A-HJ-NP-Za-km-z]{46,60}$/

/** What people should know of, as sentences: attacks under way, a wrong clock, a chain that nobody follows. */
export function warningsOf({ peers }: NodeCore): string[] {
  return (peers.networkStatus().alarms ?? []).map(({ sentence }) => sentence)
}

function seconds(milliseconds: number | undefined): number {
  return milliseconds === undefined ? 0 : Math.floor(milliseconds / 1000)
}

/** Services as Bitcoin Core writes them: 64 bits in hex, and the names of those that are defined here. */
function services(bits: bigint): { readonly hex: string; readonly names: readonly string[] } {
  return { hex: bits.toString(16).padStart(16, '0'), names: bits & SERVICE_FULL_CHAIN ? ['NETWORK'] : [] }
}

/** The version in the user agent `/opentab:0.3.0/` as Bitcoin Core's number: two digits each, 300. */
function versionNumber(): number {
  const [major, minor, patch] = (/(\d+)\.(\d+)\.(\d+)/.exec(USER_AGENT) ?? []).slice(1).map(Number)
  return major * 10_000 + minor * 100 + patch
}

/** A peer by its id, in place of Bitcoin Core's addresses: a tab's address says little, its key is what it can't change at once. */
function peerId(name: string, describe: string) {
  return parameter(name, describe, (value): PeerId => {
    if (typeof value !== 'string') throw wrongType(name, 'a peer id', value)
    if (!PEER_ID.test(value))
      throw new RpcError(
        RPC_CLIENT_INVALID_IP_OR_SUBNET,
        `'${value.slice(0, 80)}' is no peer id: getpeerinfo tells them as peerid. Tabs are banned by their id, not by address or subnet.`,
      )
    return value as PeerId
  })
}

export const networkMethods: readonly RpcMethod<NodeCore>[] = [
  method('getpeerinfo', 'The peers that this tab is connected to directly.', [], ({ mempool, peers }) =>
    peers.peers().map((peer) => {
      const { hex, names } = services(peer.services)
      return {
        id: peer.number,
        peerid: peer.id,
        addr: peer.address,
        network: 'webrtc',
        services: hex,
        servicesnames: names,
        relaytxes: true,
        inbound: peer.direction === 'inbound',
        connection_type: peer.direction === 'inbound' ? 'inbound' : 'outbound-full-relay',
        conntime: seconds(peer.connectedAt),
        lastsend: seconds(peer.lastSentAt),
        lastrecv: seconds(peer.lastReceivedAt),
        last_transaction: seconds(peer.lastTransactionAt),
        last_block: seconds(peer.lastBlockAt),
        bytessent: peer.bytesSent,
        bytesrecv: peer.bytesReceived,
        timeoffset: Math.round((peer.clockOffset ?? 0) / 1000),
        ...(peer.latency === undefined ? {} : { pingtime: peer.latency / 1000 }),
        version: peer.version,
        subver: peer.userAgent,
        startingheight: peer.startingHeight,
        synced_headers: peer.headerHeight ?? -1,
        synced_blocks: peer.commonHeight ?? -1,
        inflight: peer.inFlight,
        permissions: [],
        minfeefilter: feeRate(mempool.relayFeeRate),
        banscore: peer.score,
      }
    }),
  ),
  method('getconnectioncount', 'Number of peers.', [], ({ peers }) => peers.peers().length),
  method('getnetworkinfo', 'This tab’s place in the network.', [], (node) => {
    const { mempool, peers, self } = node
    const connected = peers.peers()
    const status = peers.networkStatus()
    const inbound = connected.filter((peer) => peer.direction === 'inbound').length
    const { hex, names } = services(SERVICE_FULL_CHAIN)
    return {
      version: versionNumber(),
      subversion: USER_AGENT,
      protocolversion: PROTOCOL_VERSION,
      localservices: hex,
      localservicesnames: names,
      localrelay: true,
      timeoffset: peers.clockState().offsetSeconds,
      localid: self,
      connections: connected.length,
      connections_in: inbound,
      connections_out: connected.length - inbound,
      networkactive: true,
      networks: [{ name: 'webrtc', limited: false, reachable: true, proxy: '' }],
      relayfee: feeRate(mempool.relayFeeRate),
      incrementalfee: feeRate(mempool.relayFeeRate),
      localaddresses: [],
      relays: status.relays,
      relayedonlypeers: status.relayedOnlyPeers,
      // The share of the connections that the browser grants a tab in its life.
      ...(status.connectionsUsed === undefined ? {} : { connectionsused: status.connectionsUsed }),
      warnings: warningsOf(node),
    }
  }),
  method(
    'getnettotals',
    'Bytes from and to all peers since this tab was opened. Introductions and gossip are not counted.',
    [],
    ({ clock, peers }) => {
      const { received, sent } = peers.totals()
      return { totalbytesrecv: received, totalbytessent: sent, timemillis: Math.floor(clock.now()) }
    },
  ),
  method(
    'disconnectnode',
    'Ends the connection to a peer, which may come back. Its peerid, or an empty text and its id.',
    [
      optional(text('address', 'peerid of getpeerinfo'), ''),
      optional(integer('nodeid', 'id of getpeerinfo', 0, 0xffffffff), undefined),
    ],
    ({ peers }, address, nodeId) => {
      if ((address === '') === (nodeId === undefined))
        throw new RpcError(RPC_INVALID_PARAMS, 'Name one of address and nodeid.')
      const peer = peers
        .peers()
        .find(({ id, number }) => (nodeId === undefined ? id === address : number === nodeId))
      if (!peer || !peers.disconnect(peer.id))
        throw new RpcError(
          RPC_CLIENT_NODE_NOT_CONNECTED,
          'No such peer is connected: getpeerinfo lists them.',
        )
      return null
    },
  ),
  method(
    'listbanned',
    'The peers that are kept out, and why. Peers are banned by peer id where Bitcoin Core bans by address or subnet.',
    [],
    ({ peers }) => {
      const now = peers.now()
      return peers.bans().map(({ id, created, until, reason }) => {
        // What older versions stored lasted this long.
        const since = created ?? until - BAN_SECONDS * 1000
        return {
          address: id,
          ban_created: seconds(since),
          banned_until: seconds(until),
          ban_duration: seconds(until - since),
          time_remaining: seconds(until - now),
          ban_reason: reason,
        }
      })
    },
  ),
  method(
    'setban',
    'Keeps a peer out, connected or not, or lets it in again. By peer id: another identity of the same person is not kept out.',
    [
      peerId('subnet', 'peerid of getpeerinfo, in place of an address or subnet'),
      text('command', 'add or remove'),
      optional(integer('bantime', 'seconds, 0 for an hour; or the time of its end', 0, 0xffffffffff), 0),
      optional(flag('absolute', 'bantime is a time, seconds since 1970'), false),
    ],
    async ({ peers }, id, command, time, absolute) => {
      if (command === 'remove') {
        if (await peers.allow(id)) return null
        throw new RpcError(RPC_CLIENT_INVALID_IP_OR_SUBNET, `${id} is not banned: listbanned tells who is.`)
      }
      if (command !== 'add')
        throw new RpcError(
          RPC_INVALID_PARAMETER,
          `command must be add or remove, not '${command.slice(0, 40)}'.`,
        )
      if (peers.bans().some((ban) => ban.id === id))
        throw new RpcError(
          RPC_CLIENT_NODE_ALREADY_ADDED,
          `${id} is banned already. Remove the ban to change it.`,
        )
      const now = peers.now() / 1000
      if (absolute && time <= now)
        throw new RpcError(RPC_INVALID_PARAMETER, `The time ${time} is over: it is ${Math.floor(now)}.`)
      const duration = absolute ? time - now : time || BAN_SECONDS
      await peers.ban(id, 'It was banned by setban.', Math.min(duration, MAX_BAN_SECONDS))
      return null
    },
  ),
  method('clearbanned', 'Lets all banned peers in again.', [], async ({ peers }) => {
    for (const { id } of peers.bans()) await peers.allow(id)
    return null
  }),
]
