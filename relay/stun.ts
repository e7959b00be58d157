/**
 * A STUN server that answers Binding requests (RFC 8489) over UDP, so that a tab learns the address under which the
 * relay's network sees it without asking a third party. Stateless and unauthenticated: attributes of a request are
 * checked for form and otherwise ignored, since a Binding needs none. Thread: Node's main.
 */

import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { isIPv6 } from 'node:net'
import { crc32 } from 'node:zlib'
import { RateLimit, type RateLimitOptions } from './rate-limit.ts'
import { addressBytes, sourceOf } from './source.ts'

const HEADER_BYTES = 20
/** RFC 8489 section 5: every message holds it, and it sets STUN apart from other traffic on the port. */
const MAGIC_COOKIE = 0x2112a442
const BINDING_REQUEST = 0x0001
const BINDING_SUCCESS = 0x0101
const XOR_MAPPED_ADDRESS = 0x0020
const FINGERPRINT = 0x8028
/** Section 14.7: a FINGERPRINT is the CRC-32 of what precedes it, xor this. */
const FINGERPRINT_XOR = 0x5354554e
/** Section 6.1 keeps requests below the path's MTU; browsers send 20 to 100 bytes. */
const MAX_REQUEST_BYTES = 548

/** Per source address: a class behind one router asks once for every connection that it gathers candidates for. */
const REQUEST_LIMIT: RateLimitOptions = { burst: 500, perSecond: 50, maxKeys: 4096 }

/** Where a datagram came from. */
export interface StunSource {
  /** IPv4 or IPv6 in text form. */
  readonly address: string
  readonly port: number
}

/**
 * The answer to one datagram, or undefined if it is not a well-formed Binding request: silence, because an error
 * answer would serve only those who send from a forged address. An answer is 12 bytes longer than the shortest request
 * (24 for IPv6), which the address itself needs: that is of no use for amplifying an attack.
 */
export function answerStun(request: Uint8Array, source: StunSource): Uint8Array | undefined {
  if (request.length < HEADER_BYTES || request.length > MAX_REQUEST_BYTES) return undefined
  const view = new DataView(request.buffer, request.byteOffset, request.length)
  if (view.getUint16(0) !== BINDING_REQUEST || view.getUint32(4) !== MAGIC_COOKIE) return undefined
  if (view.getUint16(2) !== request.length - HEADER_BYTES) return undefined
  const attributes = checkAttributes(request, view)
  if (attributes === undefined) return undefined

  const address = addressBytes(source.address)
  if (address === undefined) return undefined
  const mappedEnd = HEADER_BYTES + 8 + address.length
  const answer = new Uint8Array(mappedEnd + (attributes.fingerprint ? 8 : 0))
  const out = new DataView(answer.buffer)
  out.setUint16(0, BINDING_SUCCESS)
  out.setUint16(2, answer.length - HEADER_BYTES)
  // Cookie and transaction id go back as they came; together they are also the key of the xor (section 14.2).
  answer.set(request.subarray(4, HEADER_BYTES), 4)
  out.setUint16(20, XOR_MAPPED_ADDRESS)
  out.setUint16(22, 4 + address.length)
  out.setUint8(25, address.length === 4 ? 0x01 : 0x02)
  out.setUint16(26, source.port ^ (MAGIC_COOKIE >>> 16))
  for (const [i, byte] of address.entries()) answer[28 + i] = byte ^ request[4 + i]!
  if (attributes.fingerprint) {
    out.setUint16(mappedEnd, FINGERPRINT)
    out.setUint16(mappedEnd + 2, 4)
    out.setUint32(mappedEnd + 4, fingerprintOf(answer.subarray(0, mappedEnd)))
  }
  return answer
}

/** Walks the attributes. Undefined if they overrun the message or a fingerprint is wrong or not the last. */
function checkAttributes(message: Uint8Array, view: DataView): { fingerprint: boolean } | undefined {
  let fingerprint = false
  let offset = HEADER_BYTES
  while (offset < message.length) {
    if (fingerprint || offset + 4 > message.length) return undefined
    const length = view.getUint16(offset + 2)
    // Section 14: values are padded to a multiple of 4 bytes.
    const end = offset + 4 + Math.ceil(length / 4) * 4
    if (end > message.length) return undefined
    if (view.getUint16(offset) === FINGERPRINT) {
      if (length !== 4 || view.getUint32(offset + 4) !== fingerprintOf(message.subarray(0, offset)))
        return undefined
      fingerprint = true
    }
    offset = end
  }
  return { fingerprint }
}

function fingerprintOf(message: Uint8Array): number {
  return (crc32(message) ^ FINGERPRINT_XOR) >>> 0
}

/** A running STUN server. */
export interface StunServer {
  readonly port: number
  stop(): Promise<void>
}

/** Answers STUN on a UDP port (0 picks one). Rejects with the socket's error if the port can't be had. */
export async function startStun({ host, port }: { host: string; port: number }): Promise<StunServer> {
  const socket = createSocket(isIPv6(host) ? 'udp6' : 'udp4')
  const limit = new RateLimit(REQUEST_LIMIT)
  socket.on('message', (request, source) => {
    const answer = answerStun(request, source)
    // The error of one send (an unreachable source) concerns nobody: STUN clients ask again.
    if (answer !== undefined && limit.allow(sourceOf(source.address).address))
      socket.send(answer, source.port, source.address, () => {})
  })
  socket.bind(port, host)
  await once(socket, 'listening')
  socket.on('error', () => {})
  return {
    port: socket.address().port,
    stop: async () => {
      const closed = once(socket, 'close')
      socket.close()
      await closed
    },
  }
}
