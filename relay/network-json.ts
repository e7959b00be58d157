/**
 * `network.json`, the small file beside the page from which a tab learns its relays and ICE servers, and the page's
 * Content-Security-Policy, which names the same relays. Both are made for the host that the browser asked for, since
 * only the browser knows under which name it reaches this machine.
 */

import type { IncomingMessage } from 'node:http'
import { isIPv4, isIPv6 } from 'node:net'
import { multiaddr } from '@multiformats/multiaddr'
import { policyHeader } from './content-policy.ts'

/** The content of `network.json`. */
export interface NetworkJson {
  /** Multiaddrs of the relays, each with its peer id. */
  readonly relays: readonly string[]
  /** As RTCPeerConnection takes them. */
  readonly iceServers: readonly { readonly urls: string }[]
  /** Why this page's relay would refuse the asker now: a sentence to show. Absent when it wouldn't. */
  readonly notice?: string
}

/** How a browser reached this server. */
export interface AskedHost {
  /** A name or an IP address; IPv6 without brackets. */
  readonly name: string
  readonly port: number
  readonly secure: boolean
}

/** What this server offers to tabs. */
export interface Offer {
  readonly relayPeerId: string
  /** UDP port of the STUN server; undefined when it could not be started. */
  readonly stunPort: number | undefined
  /** Multiaddrs of further relays, checked by {@link relayUrl}. */
  readonly otherRelays: readonly string[]
  /** Why the relay would refuse the asker; undefined when it wouldn't. */
  readonly notice: string | undefined
}

const DNS_NAME = /^(?!-)[a-z0-9-]{1,63}(\.(?!-)[a-z0-9-]{1,63})*$/i

/**
 * Reads the Host header, and `X-Forwarded-Proto` in case a proxy in front speaks TLS (the answer goes to the asker
 * alone, so one who forges it deceives only himself). Undefined when the header is missing or not a host: it is
 * copied into addresses and a header, and must not smuggle anything into them.
 */
export function askedHost(request: IncomingMessage, tls: boolean): AskedHost | undefined {
  const secure = tls || request.headers['x-forwarded-proto'] === 'https'
  const match = /^(?:\[([0-9a-f:.]+)\]|([^[\]:]{1,253}))(?::(\d{1,5}))?$/i.exec(request.headers.host ?? '')
  if (match === null) return undefined
  const [, ipv6, plain, portText] = match
  const name = (ipv6 ?? plain ?? '').toLowerCase()
  if (ipv6 !== undefined ? !isIPv6(name) : !isIPv4(name) && !DNS_NAME.test(name)) return undefined
  const port = portText === undefined ? (secure ? 443 : 80) : Number(portText)
  if (port < 1 || port > 65_535) return undefined
  return { name, port, secure }
}

/** The relay's multiaddr as the browser must dial it, without peer id. */
export function relayAddress({ name, port, secure }: AskedHost): string {
  const host = isIPv4(name) ? `/ip4/${name}` : isIPv6(name) ? `/ip6/${name}` : `/dns4/${name}`
  return `${host}/tcp/${port}/${secure ? 'wss' : 'ws'}`
}

/** What `network.json` says to a browser that reached us as `host`. */
export function networkJson(host: AskedHost, offer: Offer): NetworkJson {
  return {
    relays: [`${relayAddress(host)}/p2p/${offer.relayPeerId}`, ...offer.otherRelays],
    // Not `host.port`: a proxy in front forwards TCP, while UDP reaches us directly or not at all.
    iceServers:
      offer.stunPort === undefined ? [] : [{ urls: `stun:${bracketed(host.name)}:${offer.stunPort}` }],
    ...(offer.notice !== undefined && { notice: offer.notice }),
  }
}

/**
 * The Content-Security-Policy of the file at `path`, as a header. What the page's threads begin with may talk to this host and the relays. The page itself may open any
 * WebSocket: an invitation can name relays of others, which it asks about.
 */
export function contentSecurityPolicy(host: AskedHost, otherRelays: readonly string[], path: string): string {
  const name = path.slice(path.lastIndexOf('/'))
  if (!name.includes('.') || name.endsWith('.html')) return policyHeader(['ws:', 'wss:'])
  const self = `${bracketed(host.name)}:${host.port}`
  const relays = otherRelays.map((relay) => relayUrl(relay)).filter((url) => url !== undefined)
  // Some browsers don't count ws: and wss: of the same host as 'self'.
  return policyHeader([`ws://${self}`, `wss://${self}`, ...relays])
}

/** The WebSocket URL of a relay's multiaddr; undefined if a tab can't dial it (no host, port, ws or peer id). */
export function relayUrl(address: string): string | undefined {
  try {
    const values = new Map(
      multiaddr(address)
        .getComponents()
        .map(({ name, value }) => [name, value]),
    )
    const host =
      values.get('ip4') ?? values.get('ip6') ?? values.get('dns4') ?? values.get('dns6') ?? values.get('dns')
    const port = values.get('tcp')
    const secure = values.has('wss') || (values.has('tls') && values.has('ws'))
    if (host === undefined || port === undefined || !values.has('p2p')) return undefined
    if (!secure && !values.has('ws')) return undefined
    return `${secure ? 'wss' : 'ws'}://${bracketed(host)}:${port}`
  } catch {
    return undefined
  }
}

/** A host as URLs write it: IPv6 in brackets. */
export function bracketed(host: string): string {
  return isIPv6(host) ? `[${host}]` : host
}
