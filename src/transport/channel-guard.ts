/**
 * Bounds what the other side of an RTCPeerConnection can do with data channels, each of which is a libp2p stream: how many it opens, how many
 * come to nothing, how it frames what it sends, how many small messages, and how much lies unread. libp2p bounds the streams of a protocol, not
 * those that never name one, and what follows a message that it can't decode piles up unread for as long as the stream lives. Thread: Window.
 */

import type { Connection, Stream } from '@libp2p/interface'
import type { TransportOffence } from '../protocol/transport.ts'
import { Allowance } from './allowance.ts'

/**
 * Channels that the other side may open: at once, and the pause that earns one more, milliseconds. An honest tab opens some five when it
 * connects, then one for each ping, question and introduction: less than one in five seconds, measured over an hour.
 */
const CHANNELS = [64, 2000] as const

/** The same for one that is watched more closely. */
const FEW_CHANNELS = [24, 4000] as const

/** Channels that come to nothing: they end before they have named a protocol that we speak. */
const FAILED = [16, 30_000] as const

/** Channels at a time that haven't named their protocol. */
const MAX_UNNAMED = 16

/** Longest message on a channel, bytes; libp2p sends at most 16 KiB and its envelope. */
const MAX_MESSAGE_BYTES = 64 * 1024

/** Messages below `SMALL` bytes on one channel: at once, and the pause that earns one more, milliseconds. */
const SMALL_BYTES = 1024
const SMALL_MESSAGES = [20_000, 2] as const

/** Bytes of all streams of a connection that may lie unread: those of the peer stream and as much as libp2p allows one more. */
const MAX_UNREAD_BYTES = 21 * 1024 * 1024

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
  /** What came and isn't decoded yet. */
  readonly incomingData?: { readonly readableLength: number }
}

/** The guard of one connection. */
export class ChannelGuard {
  readonly #peerConnection: WeakRef<RTCPeerConnection>
  #channels = new Allowance(...CHANNELS)
  readonly #failed = new Allowance(...FAILED)
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
    this.#channels = new Allowance(...FEW_CHANNELS)
  }

  /** A channel was opened, by either side: its messages are looked at before libp2p takes them. */
  opened(channel: RTCDataChannel): void {
    const framing = new Framing()
    const small = new Allowance(...SMALL_MESSAGES)
    channel.addEventListener('message', (event) => {
      const offence = this.#offence ?? this.#judge(channel, event.data, framing, small)
      if (offence === undefined) return
      event.stopImmediatePropagation()
      this.#end(offence)
    })
  }

  #accepts(channel: RTCDataChannel): boolean {
    if (this.#offence !== undefined) return false
    if (!this.#channels.take()) {
      this.#end({ code: 'channel-flood', detail: 'It opened data channels without end.', penalty: 100 })
      return false
    }
    if (this.#streams().filter(isUnnamed).length >= MAX_UNNAMED) {
      this.#end({
        code: 'channel-flood',
        detail: 'It opened many data channels and said nothing on them.',
        penalty: 100,
      })
      return false
    }
    this.opened(channel)
    // libp2p has made its stream by then.
    let stream: Stream | undefined
    queueMicrotask(() => {
      stream = this.#streamOn(channel)
    })
    channel.addEventListener('close', () => {
      stream ??= this.#streamOn(channel)
      if (channel.label === 'init' || stream?.protocol) return
      if (!this.#failed.take())
        this.#end({
          code: 'stream-failures',
          detail: 'Its streams came to nothing, again and again.',
          penalty: 100,
        })
    })
    return true
  }

  #judge(
    channel: RTCDataChannel,
    data: unknown,
    framing: Framing,
    small: Allowance,
  ): TransportOffence | undefined {
    if (!(data instanceof ArrayBuffer) || !framing.take(new Uint8Array(data)))
      return { code: 'bad-channel', detail: 'It sent what is no message of a stream.', penalty: 100 }
    if (data.byteLength < SMALL_BYTES && !small.take()) {
      const protocol = this.#streamOn(channel)?.protocol
      if (!protocol || !this.#owner?.countsItself(protocol))
        return { code: 'message-flood', detail: 'It sent small messages without end.', penalty: 100 }
    }
    const unread = this.#streams().reduce(
      (sum, { readBufferLength, incomingData }) =>
        sum + readBufferLength + (incomingData?.readableLength ?? 0),
      0,
    )
    if (unread > MAX_UNREAD_BYTES)
      return { code: 'unread-flood', detail: 'It sent far more than can be read.', penalty: 100 }
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

function isUnnamed({ direction, protocol }: Stream): boolean {
  return direction === 'inbound' && !protocol
}

/** Follows the length prefixes, varints, by which libp2p finds messages in what a channel carries. */
export class Framing {
  /** Bytes to come of the message at hand. */
  #left = 0
  /** What has come of a length prefix. */
  #length = 0
  #shift = 0

  /** False when a message is longer than any that is sent. */
  take(bytes: Uint8Array): boolean {
    let at = 0
    while (at < bytes.length) {
      if (this.#left > 0) {
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
        this.#left = this.#length
        this.#length = 0
        this.#shift = 0
      }
    }
    return true
  }
}
