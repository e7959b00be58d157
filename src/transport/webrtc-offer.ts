/**
 * Tells whether what begins a signalling stream is an offer worth an RTCPeerConnection. Pure, any thread.
 *
 * Format (libp2p's `webrtc` specification): a message prefixed with its length as a varint; the message is a protobuf with `type` (field 1, an
 * enumeration, 0 for an offer) and `data` (field 2, text: the SDP).
 */

/** Longest message with an offer, bytes. One for data channels alone has some 600. */
export const MAX_OFFER_BYTES = 16 * 1024

/** What an SDP must hold for a data channel to come of it (RFC 8839, 8841, 8842). */
const NEEDED = [
  /^v=0\r?$/m,
  /^m=application .*webrtc-datachannel/m,
  /^a=ice-ufrag:.{4,256}$/m,
  /^a=ice-pwd:.{22,256}$/m,
  /^a=fingerprint:/m,
]

/** Sound and pictures, which no tab offers and which cost the browser decoders. */
const UNWANTED = /^m=(?!application )/m

/** `yes` or `no` as soon as it is known; `incomplete` while more bytes are to come. */
export function isOffer(bytes: Uint8Array): 'yes' | 'no' | 'incomplete' {
  const reader = new Reader(bytes)
  const length = reader.varint()
  if (length === undefined) return bytes.length > 3 ? 'no' : 'incomplete'
  const start = reader.at
  if (length === 0 || start + length > MAX_OFFER_BYTES) return 'no'
  if (bytes.length < start + length) return 'incomplete'
  const sdp = offerIn(new Reader(bytes.subarray(start, start + length)))
  const isGood = sdp !== undefined && NEEDED.every((line) => line.test(sdp)) && !UNWANTED.test(sdp)
  return isGood ? 'yes' : 'no'
}

/** The SDP of a message that is an offer. */
function offerIn(reader: Reader): string | undefined {
  let type: number | undefined
  let sdp: string | undefined
  while (!reader.isAtEnd) {
    const tag = reader.varint()
    if (tag === 0x08) type = reader.varint()
    else if (tag === 0x12) sdp = reader.text()
    else return undefined
    if (type === undefined && sdp === undefined) return undefined
  }
  return type === 0 ? sdp : undefined
}

class Reader {
  at = 0
  readonly #bytes: Uint8Array

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes
  }

  get isAtEnd(): boolean {
    return this.at >= this.#bytes.length
  }

  /** Of at most three bytes; undefined when it is longer or not all there. */
  varint(): number | undefined {
    let value = 0
    for (let shift = 0; shift < 21; shift += 7) {
      const byte = this.#bytes[this.at++]
      if (byte === undefined) return undefined
      value |= (byte & 127) << shift
      if (byte < 128) return value
    }
    return undefined
  }

  text(): string | undefined {
    const length = this.varint()
    if (length === undefined || this.at + length > this.#bytes.length) return undefined
    this.at += length
    return new TextDecoder().decode(this.#bytes.subarray(this.at - length, this.at))
  }
}
