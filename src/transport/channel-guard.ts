/**
 * Bounds what the other side of an RTCPeerConnection can do with data channels, each of which is a libp2p stream: how many it opens, how many
 * come to nothing, how it frames what it sends, how much it says before it names a protocol, and how many small messages. libp2p bounds the
 * streams of a protocol, not those that never name one or are gone at once, and a stream that it can't decode it leaves open. Thread: Window.
 */

import type { Connection, Stream } from '@libp2p/interface'
import type { TransportOffence } from '../network/transport.ts'
import { TokenBucket } from '../primitives/token-bucket.ts'

/**
 * Channels that the other side may open: at once, and how many more a second. An honest tab opens some five when it
 * connects, then one for each ping, question and introduction: less than one in five seconds, measured over an hour.
 */
const CHANNELS = [64, 1 / 2] as const

/** The same for one that is watched more closely. */
const FEW_CHANNELS = [24, 1 / 4] as const

/** Channels that come to nothing: they end before they have named a protocol that we speak. */
const FAILED = [16, 1 / 30] as const

/** Channels at a time: in all, and that haven't named their protocol. */
const MAX_CHANNELS = 40
const MAX_UNNAMED = 16

/** Bytes of a channel until it has named its protocol, which takes some hundred. */
const MAX_UNNAMED_BYTES = 16 * 1024

/** Longest message on a channel, bytes; libp2p sends at most 16 KiB and its envelope. */
const MAX_MESSAGE_BYTES = 64 * 1024

/** How the fields of libp2p's messages begin: the number of the field and how it is encoded. */
const FLAG_FIELD = 0x08
const DATA_FIELD = 0x12

/** Messages below `SMALL_BYTES` on one channel: at once, and how many more a second. */
const SMALL_BYTES = 1024
const SMALL_MESSAGES = [20_000, 500] as const

/** Who is at the other side. */
export interface GuardedConnection {
  readonly connection: Connection
  /** Whether who reads the streams of this protocol counts their messages itself, so that we needn't. */
  countsItself(protocol: string): boolean
  /** The other side went too far; its RTCPeerConnection is closed. Called once. */
  offended(offence: TransportOffence): void
}

/** libp2p's stream over a data channel, as far as we look inside. */
interface ChannelStream extends Stream {
  readonly channel?: RTCDataChannel
}

/** The guard of one connection. */
export class ChannelGuard {
  readonly #peerConnection: WeakRef<RTCPeerConnection>
  #channels = new TokenBucket(performance, ...CHANNELS)
  readonly #failed = new TokenBucket(performance, ...FAILED)
  #owner: GuardedConnection | undefined
  #offence: TransportOffence | undefined

  constructor(peerConnection: RTCPeerConnection) {
    this.#peerConnection = new WeakRef(peerConnection)
    EventTarget.prototype.addEventListener.call(peerConnection, 'datachannel', (event) => {
      // Before libp2p hears of it.
      if (!this.#accepts((event as RTCDataChannelEvent).channel)) event.stopImmediatePropagation()
    })
  }

  /** The connection is open; what happened before is told now. */
  attach(owner: GuardedConnection): void {
    this.#owner = owner
    if (this.#offence !== undefined) owner.offended(this.#offence)
  }

  /** The other side gets fewer channels from now on. */
  watchClosely(): void {
    this.#channels = new TokenBucket(performance, ...FEW_CHANNELS)
  }

  /** A channel was opened, by either side: its messages are looked at before libp2p takes them. */
  opened(channel: RTCDataChannel): Watch {
    const watch = new Watch()
    channel.addEventListener('message', (event) => {
      watch.stream ??= this.#streamOn(channel)
      const offence = this.#offence ?? this.#judge(watch, event.data)
      if (offence === undefined) return
      event.stopImmediatePropagation()
      this.#end(offence)
    })
    return watch
  }

  #accepts(channel: RTCDataChannel): boolean {
    if (this.#offence !== undefined) return false
    const inbound = this.#streams().filter(({ direction }) => direction === 'inbound')
    const isFlood =
      !this.#channels.take(1) ||
      inbound.length >= MAX_CHANNELS ||
      inbound.filter(({ protocol }) => !protocol).length >= MAX_UNNAMED
    if (isFlood) {
      this.#end(offence('channel-flood', 'It opened data channels without end.'))
      return false
    }
    const watch = this.opened(channel)
    // By then libp2p has made its stream.
    setTimeout(() => {
      watch.stream ??= this.#streamOn(channel)
    })
    channel.addEventListener('close', () => {
      if (
        channel.label === 'init' ||
        (watch.stream === undefined ? watch.saidSomething : watch.stream.protocol)
      )
        return
      if (!this.#failed.take(1))
        this.#end(offence('stream-failures', 'Its streams came to nothing, again and again.'))
    })
    return true
  }

  #judge(watch: Watch, data: unknown): TransportOffence | undefined {
    if (!(data instanceof ArrayBuffer) || !watch.framing.take(new Uint8Array(data)))
      return offence('bad-channel', 'It sent what is no message of a stream.')
    const protocol = watch.stream?.protocol
    watch.saidSomething = true
    // Until the connection is open libp2p bounds them itself, as strictly.
    if (!protocol && this.#owner !== undefined) watch.unnamedBytes += data.byteLength
    if (watch.unnamedBytes > MAX_UNNAMED_BYTES)
      return offence('bad-channel', 'It sent much on a stream without saying what for.')
    const isSmall = data.byteLength < SMALL_BYTES
    if (isSmall && !(protocol && this.#owner?.countsItself(protocol)) && !watch.small.take(1))
      return offence('message-flood', 'It sent small messages without end.')
    return undefined
  }

  #streams(): readonly ChannelStream[] {
    return (this.#owner?.connection.streams as readonly ChannelStream[] | undefined) ?? []
  }

  #streamOn(channel: RTCDataChannel): ChannelStream | undefined {
    return this.#streams().find((stream) => stream.channel === channel)
  }

  #end(offence: TransportOffence): void {
    if (this.#offence !== undefined) return
    this.#offence = offence
    this.#peerConnection.deref()?.close()
    this.#owner?.offended(offence)
  }
}

/** What is noted of one channel. */
class Watch {
  readonly framing = new Framing()
  readonly small = new TokenBucket(performance, ...SMALL_MESSAGES)
  /** libp2p's stream over it, once found. */
  stream: Stream | undefined
  saidSomething = false
  unnamedBytes = 0
}

function offence(code: string, detail: string): TransportOffence {
  return { code, detail, penalty: 100 }
}

/**
 * Follows how a channel is cut into messages: each is prefixed with its length as a varint, and is a protobuf that begins with a flag (field 1)
 * or with data (field 2).
 */
export class Framing {
  /** Bytes to come of the message at hand. */
  #left = 0
  /** What has come of a length prefix. */
  #length = 0
  #shift = 0
  /** Whether the next byte is a message's first. */
  #isAtStart = false

  /** False when a message is longer than any that is sent, is empty, or begins with what no field begins with. */
  take(bytes: Uint8Array): boolean {
    let at = 0
    while (at < bytes.length) {
      if (this.#left > 0) {
        if (this.#isAtStart && bytes[at] !== FLAG_FIELD && bytes[at] !== DATA_FIELD) return false
        this.#isAtStart = false
        const taken = Math.min(this.#left, bytes.length - at)
        at += taken
        this.#left -= taken
        continue
      }
      const byte = bytes[at++]!
      this.#length += (byte & 127) * 2 ** this.#shift
      this.#shift += 7
      if (this.#length > MAX_MESSAGE_BYTES || this.#shift > 21) return false
      if (byte < 128) {
        if (this.#length === 0) return false
        this.#left = this.#length
        this.#isAtStart = true
        this.#length = 0
        this.#shift = 0
      }
    }
    return true
  }
}
