/**
 * Where a connection comes from, at the two widths by which the relay shares itself out: what one machine has, and what
 * one line or organisation has. Identities cost nothing; addresses cost something.
 */

import { bytesOfWords, embeddedIpv4, mappedIpv4, parseIpv4, parseIpv6 } from '../src/transport/ip-address.ts'

/** The origin of a connection. */
export interface Source {
  /** An IPv4 address, or the /64 of an IPv6 address, since every IPv6 host has at least one of these to itself. */
  readonly address: string
  /** The IPv4 /24 or IPv6 /48 around it, the usual size of what one subscriber rents. */
  readonly subnet: string
}

/** A connection that was gone before it could be asked: such share one origin, so that nothing passes unbounded. */
const NOWHERE: Source = { address: 'unknown', subnet: 'unknown' }

/**
 * The source of an IP address in text form, as Node gives it. An IPv6 address that stands for an IPv4 one (RFC 6052,
 * 6to4) has the source of that: all of IPv4 behind one translator would else be one /64.
 */
export function sourceOf(text: string | undefined): Source {
  const ipv6 = parseIpv6(text ?? '')
  const ipv4 = ipv6 === undefined ? parseIpv4(text ?? '') : embeddedIpv4(ipv6)
  if (ipv4 !== undefined) return { address: ipv4.join('.'), subnet: `${ipv4.slice(0, 3).join('.')}.0/24` }
  return ipv6 === undefined ? NOWHERE : { address: ipv6Prefix(ipv6, 64), subnet: ipv6Prefix(ipv6, 48) }
}

/**
 * 4 or 16 bytes in network order; undefined for what is no IP address. An IPv4 address that a dual-stack socket shows
 * as IPv6 becomes IPv4 again; one that is translated or tunnelled stays the IPv6 endpoint that it is.
 */
export function addressBytes(address: string): Uint8Array | undefined {
  const ipv6 = parseIpv6(address)
  const bytes = ipv6 === undefined ? parseIpv4(address) : (mappedIpv4(ipv6) ?? bytesOfWords(ipv6))
  return bytes && Uint8Array.from(bytes)
}

/** An IP address as multiaddrs have it: IPv4 never as IPv6, and no zone. Undefined for what is no IP address. */
export function plainAddress(text: string): string | undefined {
  const bytes = addressBytes(text)
  if (bytes?.length === 4) return bytes.join('.')
  return bytes && text.replace(/%.*$/, '')
}

/** Whether an address is this machine's own: 127.0.0.0/8 or ::1. */
export function isLoopback(address: string | undefined): boolean {
  const bytes = addressBytes(address ?? '')
  if (bytes === undefined) return false
  return bytes.length === 4 ? bytes[0] === 127 : bytes.every((byte, i) => byte === (i === 15 ? 1 : 0))
}

function ipv6Prefix(words: readonly number[], bits: 48 | 64): string {
  const kept = words.slice(0, bits / 16).map((word) => word.toString(16))
  return `${kept.join(':')}::/${bits}`
}
