/**
 * Where a connection comes from, at the two widths by which the relay shares itself out: what one machine has, and what
 * one line or organisation has. Identities cost nothing; addresses cost something.
 */

import { isIP, isIPv4 } from 'node:net'

/** The origin of a connection. */
export interface Source {
  /** An IPv4 address, or the /64 of an IPv6 address, since every IPv6 host has at least one of these to itself. */
  readonly address: string
  /** The IPv4 /24 or IPv6 /48 around it, the usual size of what one subscriber rents. */
  readonly subnet: string
}

/** A connection that was gone before it could be asked: such share one origin, so that nothing passes unbounded. */
const NOWHERE: Source = { address: 'unknown', subnet: 'unknown' }

/** The source of an IP address in text form, as Node gives it. */
export function sourceOf(text: string | undefined): Source {
  const bytes = addressBytes(text ?? '')
  if (bytes === undefined) return NOWHERE
  if (bytes.length === 4) {
    return { address: bytes.join('.'), subnet: `${bytes.subarray(0, 3).join('.')}.0/24` }
  }
  return { address: ipv6Prefix(bytes, 64), subnet: ipv6Prefix(bytes, 48) }
}

/**
 * 4 or 16 bytes in network order; undefined for what is no IP address. An IPv4 address that a dual-stack socket shows
 * as IPv6 becomes IPv4 again.
 */
export function addressBytes(address: string): Uint8Array | undefined {
  const text = address.replace(/%.*$/, '').replace(/^::ffff:(?=\d+\.)/i, '')
  if (isIP(text) === 0) return undefined
  if (isIPv4(text)) return Uint8Array.from(text.split('.').map(Number))
  const [head = '', tail] = text
    // The last 4 bytes may be written as IPv4 is (RFC 4291 section 2.2).
    .replace(/(\d+)\.(\d+)\.(\d+)\.(\d+)$/, (_, a, b, c, d) => `${hex(a * 256 + +b)}:${hex(c * 256 + +d)}`)
    .split('::')
  const left = groupsOf(head)
  const right = groupsOf(tail ?? '')
  const all = [...left, ...new Array<number>(8 - left.length - right.length).fill(0), ...right]
  return Uint8Array.from(all.flatMap((group) => [group >> 8, group & 0xff]))
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

function groupsOf(part: string): number[] {
  return part === '' ? [] : part.split(':').map((group) => Number.parseInt(group, 16))
}

function hex(value: number): string {
  return value.toString(16)
}

function ipv6Prefix(bytes: Uint8Array, bits: 48 | 64): string {
  const groups: string[] = []
  for (let i = 0; i < bits / 8; i += 2) groups.push(hex(bytes[i]! * 256 + bytes[i + 1]!))
  return `${groups.join(':')}::/${bits}`
}
