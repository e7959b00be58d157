/** RPC: traffic, bans, and what the node tells of itself. The peers themselves are in `rpc-overview.ts`. */

import type { PeerId } from '../network/transport.ts'
import { MAX_MANUAL_BANS } from '../protocol/peer-store.ts'
import { BAN_SECONDS } from '../protocol/verdict.ts'
import type { LogEvent } from './events.ts'
import type { NodeCore } from './node-core.ts'
import {
  RPC_CLIENT_INVALID_IP_OR_SUBNET,
  RPC_CLIENT_NODE_ALREADY_ADDED,
  RPC_CLIENT_NODE_NOT_CONNECTED,
  RPC_INVALID_PARAMETER,
  RPC_INVALID_PARAMS,
  RpcError,
} from './rpc-error.ts'
import { flag, integer, method, optional, parameter, type RpcMethod, text, wrongType } from './rpc-method.ts'
import { seconds } from './rpc-overview.ts'
import { list } from './rpc-parameters.ts'

/** A ban whose length isn't given, seconds: a day, as in Bitcoin Core. */
const DEFAULT_BAN_SECONDS = 86_400
/** Longest ban, seconds: ten years. */
const MAX_BAN_SECONDS = 315_360_000
/** A libp2p peer id in base58btc: an Ed25519 key has 52 characters, older kinds 46. */
const PEER_ID = /^[1-9A-HJ-NP-Za-km-z]{46,60}$/

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

/** Sources of the log, in Bitcoin Core's place of categories. */
const SOURCES: Readonly<Record<LogEvent['source'], true>> = {
  chain: true,
  network: true,
  wallet: true,
  mining: true,
  storage: true,
  node: true,
}
const SOURCE_NAMES = Object.keys(SOURCES) as LogEvent['source'][]

/** Categories by name; all of them by Core's words for that. */
function sourcesOf(names: readonly string[]): readonly LogEvent['source'][] {
  return names.flatMap((name) => {
    if (name === 'all' || name === '1' || name === '') return SOURCE_NAMES
    const source = SOURCE_NAMES.find((one) => one === name)
    if (source) return [source]
    throw new RpcError(
      RPC_INVALID_PARAMETER,
      `There is no logging category '${name.slice(0, 40)}', only ${SOURCE_NAMES.join(', ')}.`,
    )
  })
}

const CATEGORY = text('category', 'a source of the log, or all')

export const networkMethods = [
  method(
    'getnodeaddresses',
    'Peers that are remembered over reloads, connected or not. A tab has no address: they are found by their ids, through relays and other tabs.',
    [
      optional(integer('count', 'at most so many, 1 by default; 0 for all', 0, 0xffffffff), 1),
      optional(text('network', 'webrtc, the only one'), 'webrtc'),
    ],
    ({ peers }, count, network) => {
      if (network !== 'webrtc')
        throw new RpcError(
          RPC_INVALID_PARAMETER,
          'network can only be webrtc: tabs reach each other by it alone.',
        )
      return peers
        .remembered()
        .toSorted((a, b) => b.lastSeen - a.lastSeen)
        .slice(0, count === 0 ? undefined : count)
        .map(({ id, lastSeen, introducers, addressGroup }) => ({
          time: seconds(lastSeen),
          address: id,
          network: 'webrtc' as const,
          introducers,
          ...(addressGroup === undefined ? {} : { address_group: addressGroup }),
        }))
    },
  ),
  method(
    'logging',
    'The sources whose lines the log tells, and a choice of them. Warnings and errors are always told.',
    [
      optional(list('include', 'sources to tell of', CATEGORY), []),
      optional(list('exclude', 'sources to be silent about; these count where both name one', CATEGORY), []),
    ],
    ({ quiet }, include, exclude) => {
      const [shown, hidden] = [sourcesOf(include), sourcesOf(exclude)]
      for (const source of shown) quiet.delete(source)
      for (const source of hidden) quiet.add(source)
      return Object.fromEntries(SOURCE_NAMES.map((source) => [source, !quiet.has(source)]))
    },
  ),
  method('getrpcinfo', 'The calls that are under way.', [], ({ calls, peers }) => ({
    active_commands: [...calls].map(({ method: name, since }) => ({
      method: name,
      duration: Math.max(0, Math.round((peers.now() - since) * 1000)),
    })),
    logpath: '',
  })),
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
      optional(integer('bantime', 'seconds, 0 for a day; or the time of its end', 0, 0xffffffffff), 0),
      optional(flag('absolute', 'bantime is a time, seconds since 1970'), false),
    ],
    async ({ peers, self }, id, command, time, absolute) => {
      if (command === 'remove') {
        if (await peers.allow(id)) return null
        throw new RpcError(RPC_CLIENT_INVALID_IP_OR_SUBNET, `${id} is not banned: listbanned tells who is.`)
      }
      if (command !== 'add')
        throw new RpcError(
          RPC_INVALID_PARAMETER,
          `command must be add or remove, not '${command.slice(0, 40)}'.`,
        )
      if (id === self)
        throw new RpcError(
          RPC_INVALID_PARAMETER,
          'This is the peer id of this tab itself, which can’t be kept out: getpeerinfo tells those of others.',
        )
      if (peers.bans().some((ban) => ban.id === id))
        throw new RpcError(
          RPC_CLIENT_NODE_ALREADY_ADDED,
          `${id} is banned already. Remove the ban to change it.`,
        )
      const now = peers.now() / 1000
      if (absolute && time <= now)
        throw new RpcError(RPC_INVALID_PARAMETER, `The time ${time} is over: it is ${Math.floor(now)}.`)
      const duration = absolute ? time - now : time || DEFAULT_BAN_SECONDS
      if (await peers.ban(id, 'Kept out by you.', Math.min(duration, MAX_BAN_SECONDS))) return null
      throw new RpcError(
        RPC_INVALID_PARAMETER,
        `No more than ${MAX_MANUAL_BANS} bans by setban are remembered. Nothing was changed: remove one that matters less.`,
      )
    },
  ),
  method('clearbanned', 'Lets all banned peers in again.', [], async ({ peers }) => {
    for (const { id } of peers.bans()) await peers.allow(id)
    return null
  }),
] satisfies readonly RpcMethod<NodeCore>[]
