/**
 * The one stream that carries frames between two tabs, both ways and in order. Thread: Window.
 *
 * On the wire each message is prefixed with its length as a varint. Its first byte is its kind:
 *
 * - 0, a frame;
 * - 1, a credit, with a number of bytes in 4 bytes, big-endian. WebRTC streams have no read backpressure: what the
 *   reader leaves unread piles up until libp2p aborts the stream. So the reader credits the bytes that its handler is
 *   done with, and the writer holds back while more than a window of them is uncredited. A peer that ignores this
 *   meets the bound on unread bytes, and loses its stream;
 * - 2, ready: the sender has heard the receiver's gossip subscriptions. Frames come after it.
 */

import type { Stream } from '@libp2p/interface'
import * as lp from 'it-length-prefixed'
import { pipe } from 'it-pipe'
import { Uint8ArrayList } from 'uint8arraylist'
import { MAX_FRAME_BYTES } from '../protocol/transport.ts'
import { nextEvent } from './timing.ts'

/** Bytes of frames that may wait to be sent to one peer; with more the stream ends. Eight of the largest frames. */
export const MAX_QUEUED_BYTES = 8 * MAX_FRAME_BYTES

/** Bytes of frames that may be under way or in the hands of the peer's handler before the writer holds back. */
const WINDOW_BYTES = 2 * MAX_FRAME_BYTES

/** The reader credits in steps of at least this many bytes, well below the window so that the writer never starves. */
const CREDIT_STEP_BYTES = MAX_FRAME_BYTES / 4

/** Frames of one peer in the hands of the handler before the reader pauses. */
const MAX_FRAMES_IN_FLIGHT = 64

/**
 * Unread bytes at which libp2p aborts the stream (4 MiB by default). A writer that keeps to its window has at most
 * the window and one frame more outstanding.
 */
const MAX_UNREAD_BYTES = 4 * MAX_FRAME_BYTES

/** How long a closing stream may take to send what is queued, milliseconds. */
const CLOSE_TIMEOUT = 1000

const KIND_FRAME = 0
const KIND_CREDIT = 1
const KIND_READY = 2

const FRAME_PREFIX = Uint8Array.of(KIND_FRAME)
const READY = Uint8Array.of(KIND_READY)

/** What a `PeerStream` reports. */
export interface PeerStreamEvents {
  /** A whole frame, owned by the receiver; it counts as in flight until the promise settles. */
  frame(frame: Uint8Array): Promise<void>
  /** The peer is ready. */
  ready(): void
  /** The stream is over, with what ended it. Called once. */
  end(reason: string): void
}

/** One end of the stream. */
export class PeerStream {
  readonly #stream: Stream
  readonly #events: PeerStreamEvents
  readonly #ended = new AbortController()
  /** Wakes the writer; the event's type says nothing more than that something changed. */
  readonly #changed = new EventTarget()

  #outgoing: Uint8Array[] = []
  #queuedBytes = 0
  /** Bytes of frames sent and not credited yet. */
  #uncreditedBytes = 0
  /** Whether a ready message is still to be sent. */
  #readyDue = false
  /** Credit that we owe, bytes. */
  #owedBytes = 0
  #framesInFlight = 0
  #bytesInFlight = 0

  constructor(stream: Stream, events: PeerStreamEvents) {
    this.#stream = stream
    this.#events = events
    stream.maxReadBufferLength = MAX_UNREAD_BYTES
    stream.addEventListener('close', (event) => this.end(event.error?.message ?? 'stream closed'))
    this.#run(this.#read())
    this.#run(this.#write())
  }

  /** Queues a frame. Ends the stream when too much is queued already. */
  send(frame: Uint8Array): void {
    if (this.#ended.signal.aborted) return
    if (frame.length > MAX_FRAME_BYTES) {
      throw new RangeError(`A frame of ${frame.length} bytes; the limit is ${MAX_FRAME_BYTES}`)
    }
    if (this.#queuedBytes + frame.length > MAX_QUEUED_BYTES) {
      this.end('too many bytes wait to be sent')
      return
    }
    this.#outgoing.push(frame)
    this.#queuedBytes += frame.length
    this.#changed.dispatchEvent(new Event('changed'))
  }

  /** Tells the peer that we are ready for its frames. */
  sendReady(): void {
    this.#readyDue = true
    this.#changed.dispatchEvent(new Event('changed'))
  }

  /** Ends the stream in both directions; what is queued is lost. */
  end(reason: string): void {
    if (this.#ended.signal.aborted) return
    this.#ended.abort(new Error(reason))
    this.#outgoing = []
    this.#queuedBytes = 0
    if (this.#stream.status === 'open') {
      this.#stream
        .close({ signal: AbortSignal.timeout(CLOSE_TIMEOUT) })
        .catch((error: Error) => this.#stream.abort(error))
    }
    this.#events.end(reason)
  }

  #run(direction: Promise<void>): void {
    direction.then(
      () => this.end('the peer closed the stream'),
      (error: unknown) => this.end(error instanceof Error ? error.message : String(error)),
    )
  }

  async #read(): Promise<void> {
    const { signal } = this.#ended
    await pipe(
      this.#stream,
      // The limit is checked against the prefix, before the message is awaited.
      (source) => lp.decode(source, { maxDataLength: MAX_FRAME_BYTES + 1 }),
      async (messages) => {
        for await (const message of messages) {
          if (signal.aborted) return
          this.#receive(message)
          await this.#untilRoom()
        }
      },
    )
  }

  #receive(message: Uint8ArrayList): void {
    const kind = message.byteLength > 0 ? message.get(0) : undefined
    if (kind === KIND_FRAME) {
      // A copy into a buffer of its own, which the handler may transfer to another thread.
      this.#handle(message.slice(1))
    } else if (kind === KIND_CREDIT && message.byteLength === 5) {
      this.#uncreditedBytes -= message.getUint32(1)
      if (this.#uncreditedBytes < 0) throw new Error('more credit than was due')
      this.#changed.dispatchEvent(new Event('changed'))
    } else if (kind === KIND_READY && message.byteLength === 1) {
      this.#events.ready()
    } else {
      throw new Error('a message of an unknown kind')
    }
  }

  #handle(frame: Uint8Array): void {
    const { length } = frame
    this.#framesInFlight++
    this.#bytesInFlight += length
    this.#events.frame(frame).then(
      () => this.#handled(length),
      (error: unknown) => this.end(`the frame's handler failed: ${error}`),
    )
  }

  #handled(length: number): void {
    this.#framesInFlight--
    this.#bytesInFlight -= length
    this.#owedBytes += length
    this.#changed.dispatchEvent(new Event('changed'))
  }

  /** While the handler has enough to do, the stream is paused: what arrives stays with libp2p, under its bound. */
  async #untilRoom(): Promise<void> {
    const full = (): boolean =>
      this.#framesInFlight >= MAX_FRAMES_IN_FLIGHT || this.#bytesInFlight >= WINDOW_BYTES
    if (!full()) return
    if (this.#stream.readStatus === 'readable') this.#stream.pause()
    while (full()) await nextEvent(this.#changed, 'changed', this.#ended.signal)
    if (this.#stream.readStatus === 'paused') this.#stream.resume()
  }

  async #write(): Promise<void> {
    await pipe(
      () => this.#messages(),
      (messages) => this.#drain(messages),
    )
  }

  async *#messages(): AsyncGenerator<Uint8ArrayList> {
    while (true) {
      if (this.#readyDue) {
        this.#readyDue = false
        yield new Uint8ArrayList(READY)
        continue
      }
      if (this.#owedBytes >= CREDIT_STEP_BYTES) {
        const bytes = this.#owedBytes
        this.#owedBytes = 0
        yield credit(bytes)
        continue
      }
      const frame = this.#outgoing[0]
      if (frame !== undefined && this.#uncreditedBytes < WINDOW_BYTES) {
        this.#outgoing.shift()
        this.#uncreditedBytes += frame.length
        yield new Uint8ArrayList(FRAME_PREFIX, frame)
        this.#queuedBytes -= frame.length
        continue
      }
      await nextEvent(this.#changed, 'changed', this.#ended.signal)
    }
  }

  async #drain(messages: AsyncIterable<Uint8ArrayList>): Promise<void> {
    const { signal } = this.#ended
    for await (const message of messages) {
      if (signal.aborted) return
      // One write a message: a small frame then is one message of the data channel too.
      this.#stream.send(lp.encode.single(message, { maxDataLength: MAX_FRAME_BYTES + 1 }))
      // 'idle' rather than onDrain(), whose promise libp2p 3.3 never renews: after the first it waits for nothing.
      while (this.#stream.writeBufferLength > 0) await nextEvent(this.#stream, 'idle', signal)
    }
  }
}

function credit(bytes: number): Uint8ArrayList {
  const message = new Uint8Array(5)
  message[0] = KIND_CREDIT
  new DataView(message.buffer).setUint32(1, bytes)
  return new Uint8ArrayList(message)
}
