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
 * - 2, ready: the sender has heard the receiver's gossip subscriptions. It is said once, and frames come after it.
 *
 * Whoever departs from this has written a program to do so, and the brain is told. So is it of a frame that comes too slowly: half a frame is
 * memory held for nothing.
 */

import type { Stream } from '@libp2p/interface'
import * as lp from 'it-length-prefixed'
import { pipe } from 'it-pipe'
import { Uint8ArrayList } from 'uint8arraylist'
import { MAX_FRAME_BYTES, type TransportOffence } from '../network/transport.ts'
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

/** Least rate at which a frame is to come, bytes per millisecond, once the time that every frame has is over. */
const LEAST_RATE = 32

/** Score points for a frame that comes too slowly: a bad line could explain it once. */
const SLOW_PENALTY = 50

/** A timer this late, milliseconds, shows that the tab slept, not the peer. */
const SLEPT = 5000

/** What libp2p calls the errors that a peer's own bytes bring about, and not how the network fares. */
const BAD_BYTES: Readonly<Record<string, TransportOffence>> = {
  InvalidMessageLengthError: offence('bad-frame', 'It announced a frame of no length.'),
  InvalidDataLengthError: offence('frame-too-long', 'It announced a frame above the limit.'),
  InvalidDataLengthLengthError: offence('bad-frame', 'It announced a frame of no length.'),
  StreamBufferError: offence('over-credit', 'It sent far more than it had credit for.'),
}

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
  /** The stream is over, with what ended it. Called once. `offence`: the peer broke the rules. */
  end(reason: string, offence?: TransportOffence): void
}

/** Thrown at what a peer sent against the rules. */
class OffenceError extends Error {
  readonly offence: TransportOffence

  constructor(code: string, detail: string, penalty?: number) {
    super(detail)
    this.offence = offence(code, detail, penalty)
  }
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
  #peerIsReady = false
  #framesInFlight = 0
  #bytesInFlight = 0
  readonly #frameTimeout: number
  /** Runs while a message is on its way whose length is known. */
  #frameTimer: ReturnType<typeof setTimeout> | undefined

  /** `frameTimeout`: what a frame may take beside the time its length allows, milliseconds. */
  constructor(stream: Stream, events: PeerStreamEvents, frameTimeout: number) {
    this.#stream = stream
    this.#events = events
    this.#frameTimeout = frameTimeout
    stream.maxReadBufferLength = MAX_UNREAD_BYTES
    stream.addEventListener('close', ({ error }) => this.#endWith(error ?? new Error('stream closed')))
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

  /** Ends the stream in both directions; what is queued is lost. `offence`: why the peer is to blame. */
  end(reason: string, offence?: TransportOffence): void {
    if (this.#ended.signal.aborted) return
    this.#ended.abort(new Error(reason))
    clearTimeout(this.#frameTimer)
    this.#outgoing = []
    this.#queuedBytes = 0
    if (this.#stream.status === 'open') {
      this.#stream
        .close({ signal: AbortSignal.timeout(CLOSE_TIMEOUT) })
        .catch((error: Error) => this.#stream.abort(error))
    }
    this.#events.end(reason, offence)
  }

  #endWith(error: unknown): void {
    if (!(error instanceof Error)) this.end(String(error))
    else if (error instanceof OffenceError) this.end(error.message, error.offence)
    else this.end(error.message, BAD_BYTES[error.name])
  }

  #run(direction: Promise<void>): void {
    direction.then(
      () => this.end('the peer closed the stream'),
      (error: unknown) => this.#endWith(error),
    )
  }

  async #read(): Promise<void> {
    const { signal } = this.#ended
    await pipe(
      this.#stream,
      // The limit is checked against the prefix, before the message is awaited.
      (source) =>
        lp.decode(source, {
          maxDataLength: MAX_FRAME_BYTES + 1,
          onLength: (length) => this.#expect(length),
        }),
      async (messages) => {
        for await (const message of messages) {
          clearTimeout(this.#frameTimer)
          if (signal.aborted) return
          this.#receive(message)
          await this.#untilRoom()
        }
      },
    )
  }

  /** A message of this length begins: it has to come within its time. */
  #expect(length: number): void {
    clearTimeout(this.#frameTimer)
    const time = this.#frameTimeout + length / LEAST_RATE
    const due = performance.now() + time
    this.#frameTimer = setTimeout(() => {
      if (performance.now() > due + SLEPT) this.#expect(length)
      else this.#endWith(new OffenceError('slow-frame', 'It let a frame drip in.', SLOW_PENALTY))
    }, time)
  }

  #receive(message: Uint8ArrayList): void {
    const kind = message.byteLength > 0 ? message.get(0) : undefined
    if (kind === KIND_FRAME) {
      if (!this.#peerIsReady)
        throw new OffenceError('frame-before-ready', 'It sent a frame before it was ready.')
      // A copy into a buffer of its own, which the handler may transfer to another thread.
      this.#handle(message.slice(1))
    } else if (kind === KIND_CREDIT && message.byteLength === 5) {
      const bytes = message.getUint32(1)
      if (bytes < CREDIT_STEP_BYTES) throw new OffenceError('bad-credit', 'It gave credit in crumbs.')
      this.#uncreditedBytes -= bytes
      if (this.#uncreditedBytes < 0)
        throw new OffenceError('bad-credit', 'It gave credit for what was never sent.')
      this.#changed.dispatchEvent(new Event('changed'))
    } else if (kind === KIND_READY && message.byteLength === 1 && !this.#peerIsReady) {
      this.#peerIsReady = true
      this.#events.ready()
    } else {
      throw new OffenceError('bad-message', 'It sent a message of an unknown kind.')
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

function offence(code: string, detail: string, penalty = 100): TransportOffence {
  return { code, detail, penalty }
}

function credit(bytes: number): Uint8ArrayList {
  const message = new Uint8Array(5)
  message[0] = KIND_CREDIT
  new DataView(message.buffer).setUint32(1, bytes)
  return new Uint8ArrayList(message)
}
