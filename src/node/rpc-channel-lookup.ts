/** RPC of channels: finds what callers name, and answers rejections with Core Lightning's codes. */
import type { Channel } from '../channels/channel.ts'
import type { NodeId } from '../channels/gossip.ts'
import { isPoint } from '../channels/wire.ts'
import { hexToBytes, isHex } from '../primitives/bytes.ts'
import type { Result } from '../primitives/result.ts'
import type { Channels } from './channels-part.ts'
import { RPC_INVALID_PARAMETER, RPC_MISC_ERROR, RpcError } from './rpc-error.ts'

/** Core Lightning's codes. */
const ROUTE_NOT_FOUND = 205
export const PAY_FAILED = 210
const LABEL_EXISTS = 900
const UNKNOWN_PEER = 306
export const INVOICE_STATUS = 906
export const CODES: Readonly<Record<string, number>> = {
  'route-none': ROUTE_NOT_FOUND,
  'route-fee': 206,
  'route-too-long': ROUTE_NOT_FOUND,
  'route-balance': ROUTE_NOT_FOUND,
  'route-self': RPC_INVALID_PARAMETER,
  'invoice-label': LABEL_EXISTS,
  'payment-complete': 208,
  'payment-status': 211,
  'invoice-status': INVOICE_STATUS,
}

/** The value, or the error with Core Lightning's code. */
export function value<T>(result: Result<T>): T {
  if (result.ok) return result.value
  throw new RpcError(CODES[result.code] ?? RPC_MISC_ERROR, result.detail)
}

/** What callers name, found. Throws an `RpcError` where there is none, or several. */
export interface ChannelLookup {
  nodeOf(given: string): NodeId
  channelOf(given: string): Channel
}

/** Finds among a node's channels and peers. */
export function lookupIn(channels: Channels): ChannelLookup {
  function nodeOf(given: string): NodeId {
    if (isHex(given.toLowerCase(), 33) && isPoint(hexToBytes(given.toLowerCase())))
      return given.toLowerCase() as NodeId
    const known = channels.links.nodeOf(given)
    if (known) return known
    throw new RpcError(UNKNOWN_PEER, `No node of the id ${given.slice(0, 80)} is connected.`)
  }

  /** By channel id, short channel id, or the node that there is one channel with. */
  function channelOf(given: string): Channel {
    const found = channels
      .all()
      .filter(
        ({ state }) => state.channelId === given || channels.placeOf(state) === given || state.peer === given,
      )
    if (found.length === 1) return found[0]
    throw new RpcError(
      RPC_INVALID_PARAMETER,
      found.length === 0
        ? `There is no channel ${given.slice(0, 80)}.`
        : 'There are several channels with this node: name one by its channel id.',
    )
  }

  return { nodeOf, channelOf }
}
