/**
 * Which addresses count as one when peers are told apart: peer ids are free, addresses less so. Two grains: the host, that is
 * a machine or a home, and the group, that is what one hoster or provider hands out. Pure. Thread: any.
 */

import { embeddedIpv4, parseIpv4, parseIpv6 } from './ip-address.ts'

/**
 * The group of an IP address as text, for people and as a key: IPv4 by /16 ("203.0.0.0/16") and IPv6 by /32
 * ("2001:db8::/32"), as Bitcoin Core groups them; "loopback"; in a private network each host is a group of its own, since
 * all of a class share one network. Undefined for what isn't an IP address, such as the `.local` names behind which browsers
 * hide theirs: nothing is known of where such a peer is.
 */
export function addressGroup(address: string): string | undefined {
  return grouped(address, 2, 2)
}

/**
 * The host at an IP address as text: all of an IPv4 address, and the /64 of an IPv6 address, within which one machine can
 * take as many as it likes. Otherwise as `addressGroup`.
 */
export function addressHost(address: string): string | undefined {
  return grouped(address, 4, 4)
}

/** `bytes` of an IPv4 address, `words` of an IPv6 address are told apart. */
function grouped(address: string, bytes: number, words: number): string | undefined {
  const ipv4 = parseIpv4(address)
  if (ipv4 !== undefined) return ipv4Group(ipv4, bytes)
  // URLs have IPv6 in brackets.
  const ipv6 = parseIpv6(address.replace(/^\[|\]$/g, ''))
  if (ipv6 === undefined) return undefined
  const inner = embeddedIpv4(ipv6)
  if (inner !== undefined) return ipv4Group(inner, bytes)
  const last = ipv6.every((word, at) => word === (at === 7 ? 1 : 0))
  if (last) return 'loopback'
  const [first = 0] = ipv6
  // Link-local and unique local addresses are as many as a machine likes: it is told apart by its network alone.
  const kept = (first & 0xffc0) === 0xfe80 || (first & 0xfe00) === 0xfc00 ? 4 : words
  const prefix = ipv6.slice(0, kept)
  while (prefix.at(-1) === 0) prefix.pop()
  return `${prefix.map((word) => word.toString(16)).join(':')}::/${kept * 16}`
}

function ipv4Group(address: readonly number[], bytes: number): string {
  const [a = 0, b = 0] = address
  if (a === 127) return 'loopback'
  const isPrivate =
    a === 10 ||
    (a === 172 && b >= 16 && b < 32) ||
    (a === 192 && b === 168) ||
    (a === 169 && b === 254) ||
    // Behind a provider's own translation (RFC 6598).
    (a === 100 && b >= 64 && b < 128)
  if (isPrivate || bytes === 4) return address.join('.')
  return `${address.map((byte, at) => (at < bytes ? byte : 0)).join('.')}/${bytes * 8}`
}
