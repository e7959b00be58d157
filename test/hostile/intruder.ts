/**
 * An enemy that reaches tabs directly: a libp2p node of its own in a page of another browser, which speaks the network's protocol as well
 * as a tab does, and whatever else it likes. It knows of Opentab what goes over the wire. Thread: the Window of the enemies' page.
 */

import { circuitRelayTransport } from '@libp2p/circuit-relay-v2'
import { type GossipSub, type GossipSubComponents, gossipsub, StrictNoSign } from '@libp2p/gossipsub'
import { identify } from '@libp2p/identify'
import type { Connection, Libp2p, Stream } from '@libp2p/interface'
import { noise } from '@libp2p/noise'
import { type Ping, ping } from '@libp2p/ping'
import { webRTC } from '@libp2p/webrtc'
import { webSockets } from '@libp2p/websockets'
import { yamux } from '@libp2p/yamux'
import { multiaddr } from '@multiformats/multiaddr'
import * as lp from 'it-length-prefixed'
import { createLibp2p } from 'libp2p'
import { BlockHeader } from '../../src/primitives/block.ts'
import { bytesToHex, equalBytes, hexToBytes } from '../../src/primitives/bytes.ts'
import { Reader } from '../../src/primitives/codec.ts'
import { fromDisplay } from '../../src/primitives/hashes.ts'
import { decodeMessage, encodeMessage, type Message, PROTOCOL_VERSION } from '../../src/protocol/wire.ts'
import { installInitChannelFix } from '../../src/transport/webrtc-init-channel.ts'

/** Kinds of the peer stream's messages. */
const FRAME = 0
const CREDIT = 1
const READY = 2

/** How long one dial may take, and how often it is repeated, milliseconds. */
const DIAL_TIMEOUT = 10_000
const DIALS = 4
/** Between two of them. */
const REST = 1000

/** Frames that answer nothing are sent so many at a time. */
const BURST = 50

/** The browser's own connections of this page, newest last. */
const rtc: RTCPeerConnection[] = []

/** What an intruder answers to questions; nothing where it is left out. All in hex. */
export interface Manners {
  /** Headers of a branch, 80 bytes each, the first on a block that the tabs have. */
  readonly branch?: readonly string[]
  /** Claims about its tip, in its hello. */
  readonly claim?: { readonly height: number; readonly tip: string; readonly work: string }
  /** A frame to send back when it is asked for transactions of a block; the request's id is put into it. */
  readonly blockTransactions?: string
  /** A block to send, as a frame, whichever is asked for. */
  readonly body?: string
  /** Transactions to send when it is asked for some. */
  readonly transactions?: string
}

/** A tab that an intruder is connected with. */
interface Visit {
  readonly connection: Connection
  readonly stream: Stream
  /** When the tab was ready for frames, milliseconds of `performance.now()`. */
  readonly since: number
  /** When the tab ended it. */
  over: number | undefined
  readonly pc: RTCPeerConnection | undefined
}

type Node = Libp2p<{ identify: unknown; ping: Ping; pubsub: GossipSub }>

/** One identity. */
export class Intruder {
  readonly #node: Node
  readonly #relay: string
  readonly #networkId: string
  readonly #visits = new Map<string, Visit>()
  #manners: Manners = {}

  private constructor(node: Node, relay: string, networkId: string) {
    this.#node = node
    this.#relay = relay
    this.#networkId = networkId
  }

  /** Comes to the relay, `relay` being its multiaddr with its peer id. */
  static async enter(relay: string, networkId: string): Promise<Intruder> {
    installInitChannelFix()
    const node = await createLibp2p({
      addresses: { listen: ['/webrtc'], announceFilter: () => [] },
      transports: [webSockets(), webRTC({ rtcConfiguration: { iceServers: [] } }), circuitRelayTransport()],
      connectionEncrypters: [noise()],
      streamMuxers: [yamux({ enableKeepAlive: false })],
      connectionGater: { denyDialMultiaddr: () => false },
      connectionManager: { inboundConnectionThreshold: 1000, reconnectRetries: 0 },
      connectionMonitor: { enabled: false },
      services: {
        identify: identify({ runOnLimitedConnection: false }),
        ping: ping(),
        pubsub: (components: GossipSubComponents): GossipSub =>
          gossipsub({
            globalSignaturePolicy: StrictNoSign,
            allowPublishToZeroTopicPeers: true,
            ignoreDuplicatePublishError: true,
            // Its enemies it floods; the tabs' answers it doesn't judge.
            scoreThresholds: { graylistThreshold: -1e9, gossipThreshold: -1e8, publishThreshold: -1e8 },
          })(components),
      },
    })
    await persistently(() => node.dial(multiaddr(relay), { signal: AbortSignal.timeout(20_000) }))
    for (const topic of ['block', 'tx']) node.services.pubsub.subscribe(`/opentab/${networkId}/${topic}`)
    return new Intruder(node, relay, networkId)
  }

  get id(): string {
    return this.#node.peerId.toString()
  }

  /** What it answers from now on. */
  behave(manners: Manners): void {
    this.#manners = manners
  }

  /** Takes a slot on the relay and lets every tab in that dials: as an honest tab to whoever asks it no question. */
  async lurk(): Promise<void> {
    const inside = this.#node as unknown as {
      components: { transportManager: { listen(addresses: unknown[]): Promise<void> } }
    }
    await inside.components.transportManager.listen([multiaddr(`${this.#relay}/p2p-circuit`)])
    await this.#node.handle(`/opentab/${this.#networkId}/1.0.0`, (stream, connection) => {
      this.#attend(connection, stream).catch(() => {})
    })
    const connection = await this.#node.dial(multiaddr(this.#relay))
    const stream = await connection.newStream('/opentab/peers/1.0.0')
    stream.send(lp.encode.single(new TextEncoder().encode(this.#networkId)))
  }

  /** Connects directly and says hello. Rejects when the tab lets it not in. */
  async meet(tab: string): Promise<void> {
    const connection = await this.connect(tab)
    const stream = await connection.newStream(`/opentab/${this.#networkId}/1.0.0`, {
      signal: AbortSignal.timeout(DIAL_TIMEOUT),
    })
    await this.#attend(connection, stream)
  }

  /** Connects directly and says nothing. */
  async connect(tab: string): Promise<Connection> {
    return persistently(() =>
      this.#node.dial(multiaddr(`${this.#relay}/p2p-circuit/webrtc/p2p/${tab}`), {
        force: true,
        signal: AbortSignal.timeout(DIAL_TIMEOUT),
      }),
    )
  }

  /** Whether a tab still keeps the connection. */
  isIn(tab: string): boolean {
    const visit = this.#visits.get(tab)
    return visit !== undefined && visit.over === undefined && visit.connection.status === 'open'
  }

  /** Milliseconds until a tab ended the visit; undefined while it lasts. */
  stayed(tab: string): number | undefined {
    const visit = this.#visits.get(tab)
    return visit?.over === undefined ? undefined : visit.over - visit.since
  }

  /** Resolves when the tab has ended the visit, with the milliseconds since `from`, or with undefined after `patience`. */
  async untilOut(tab: string, patience: number): Promise<number | undefined> {
    const began = performance.now()
    while (this.isIn(tab)) {
      if (performance.now() - began > patience) return undefined
      await pause(20)
    }
    return performance.now() - began
  }

  /** Tries to come back, at once and again, for `patience` milliseconds. Answers after how many it was in for a second; undefined: never. */
  async comeBack(tab: string, patience: number): Promise<number | undefined> {
    const began = performance.now()
    while (performance.now() - began < patience) {
      try {
        const connection = await this.#node.dial(multiaddr(`${this.#relay}/p2p-circuit/webrtc/p2p/${tab}`), {
          force: true,
          signal: AbortSignal.timeout(Math.min(DIAL_TIMEOUT, patience)),
        })
        const stream = await connection.newStream(`/opentab/${this.#networkId}/1.0.0`, {
          signal: AbortSignal.timeout(5000),
        })
        await this.#attend(connection, stream)
        const back = performance.now() - began
        await pause(1000)
        if (this.isIn(tab)) return back
      } catch {
        await pause(100)
      }
    }
    return undefined
  }

  /** Sends frames, in hex, to a tab. */
  async say(tab: string, frames: readonly string[]): Promise<void> {
    const visit = this.#visits.get(tab)
    if (!visit) return
    for (const frame of frames) {
      if (visit.over !== undefined) return
      send(visit.stream, frameOf(hexToBytes(frame)))
      await drained(visit.stream)
    }
  }

  /** Repeats frames as fast as the connection takes them, until `milliseconds` are over or it is out. Answers how many it sent. */
  async repeat(tab: string, frames: readonly string[], milliseconds: number): Promise<number> {
    const visit = this.#visits.get(tab)
    const over = performance.now() + milliseconds
    const bytes = frames.map((frame) => frameOf(hexToBytes(frame)))
    let sent = 0
    while (visit && visit.over === undefined && performance.now() < over) {
      for (let i = 0; i < BURST && visit.over === undefined; i++)
        send(visit.stream, bytes[sent++ % bytes.length]!)
      await drained(visit.stream)
      await pause(0)
    }
    return sent
  }

  /** Writes bytes to the stream past all framing. */
  async write(tab: string, hex: string): Promise<void> {
    const visit = this.#visits.get(tab)
    if (visit) send(visit.stream, hexToBytes(hex))
  }

  /** Sends one frame of this many bytes slowly, `step` bytes every 200 ms, until out or over. */
  async drip(tab: string, length: number, step: number, milliseconds: number): Promise<void> {
    const visit = this.#visits.get(tab)
    if (!visit) return
    const over = performance.now() + milliseconds
    send(visit.stream, Uint8Array.of(...varint(length + 1), FRAME))
    for (let sent = 0; sent < length && this.isIn(tab) && performance.now() < over; sent += step) {
      send(visit.stream, new Uint8Array(step))
      await pause(200)
    }
  }

  /** Gossips payloads, in hex. Answers how many went out. */
  async gossip(topic: 'block' | 'tx', payloads: readonly string[]): Promise<number> {
    let sent = 0
    for (const payload of payloads) {
      try {
        await this.#node.services.pubsub.publish(`/opentab/${this.#networkId}/${topic}`, hexToBytes(payload))
        sent++
      } catch {
        // Nobody is there to hear it.
      }
      if (sent % 100 === 0) await pause(0)
    }
    return sent
  }

  /** Gossips payloads that nobody can read, each another, until over. Answers how many. */
  async babble(topic: 'block' | 'tx', length: number, milliseconds: number): Promise<number> {
    const over = performance.now() + milliseconds
    let sent = 0
    while (performance.now() < over) {
      const payloads = Array.from({ length: 20 }, () =>
        bytesToHex(crypto.getRandomValues(new Uint8Array(length))),
      )
      sent += await this.gossip(topic, payloads)
      await pause(0)
    }
    return sent
  }

  /**
   * Writes gossipsub's control messages on a stream of its own: announcements of messages that don't exist, requests for some, grafts and
   * prunes. Answers how many it sent.
   */
  async control(tab: string, milliseconds: number): Promise<number> {
    const over = performance.now() + milliseconds
    const topic = `/opentab/${this.#networkId}/tx`
    let sent = 0
    while (performance.now() < over && this.isIn(tab)) {
      try {
        const stream = await this.#visits
          .get(tab)!
          .connection.newStream(['/meshsub/1.2.0', '/meshsub/1.1.0'], { signal: AbortSignal.timeout(3000) })
        while (performance.now() < over && stream.status === 'open' && this.isIn(tab)) {
          const ids = Array.from({ length: 500 }, () => crypto.getRandomValues(new Uint8Array(32)))
          const control = [
            field(1, concat(field(1, text(topic)), ...ids.map((id) => field(2, id)))),
            field(2, concat(...ids.map((id) => field(1, id)))),
            ...Array.from({ length: 16 }, () => field(3, field(1, text(topic)))),
            ...Array.from({ length: 16 }, () => field(4, field(1, text(topic)))),
            field(5, concat(...ids.map((id) => field(1, id)))),
          ]
          send(stream, lp.encode.single(field(3, concat(...control))).subarray())
          sent++
          await drained(stream)
          await pause(5)
        }
      } catch {
        await pause(100)
      }
    }
    return sent
  }

  /** Opens streams of one protocol and aborts them, as fast as they open. Answers how many. */
  async openStreams(tab: string, protocol: string, milliseconds: number): Promise<number> {
    const over = performance.now() + milliseconds
    const visit = this.#visits.get(tab)
    let opened = 0
    while (visit && performance.now() < over && this.isIn(tab)) {
      await Promise.all(
        Array.from({ length: 8 }, async () => {
          try {
            const stream = await visit.connection.newStream(protocol, {
              signal: AbortSignal.timeout(3000),
              maxOutboundStreams: 1000,
            })
            stream.abort(new Error('never meant'))
          } catch {
            // Not opened, and tried again.
          }
          opened++
        }),
      )
    }
    return opened
  }

  /** Opens data channels under libp2p's feet, which say nothing, and closes them again by the hundred. Answers how many. */
  async openChannels(tab: string, most: number, milliseconds: number): Promise<number> {
    const over = performance.now() + milliseconds
    const pc = this.#visits.get(tab)?.pc
    let opened = 0
    while (pc && opened < most && performance.now() < over && this.isIn(tab)) {
      const channels: RTCDataChannel[] = []
      try {
        for (let i = 0; i < 200 && pc.connectionState === 'connected'; i++)
          channels.push(pc.createDataChannel(''))
      } catch {
        // The browser has no more ids for now.
      }
      opened += channels.length
      await pause(50)
      for (const channel of channels) channel.close()
      if (pc.connectionState !== 'connected') break
      await pause(10)
    }
    return opened
  }

  /** Opens pinging connections of no use, with half-made streams that never say which protocol. Answers how many stand. */
  async holdStreams(tab: string, count: number): Promise<number> {
    const pc = this.#visits.get(tab)?.pc
    if (!pc) return 0
    const channels: RTCDataChannel[] = []
    for (let i = 0; i < count && pc.connectionState === 'connected'; i++) {
      try {
        channels.push(pc.createDataChannel(''))
      } catch {
        break
      }
      if (i % 100 === 99) await pause(20)
    }
    await pause(2000)
    return channels.filter(({ readyState }) => readyState === 'open').length
  }

  /** Ends all its connections. */
  async leave(): Promise<void> {
    await this.#node.stop()
  }

  async #attend(connection: Connection, stream: Stream): Promise<void> {
    const tab = connection.remotePeer.toString()
    let ready = (): void => {}
    const isReady = new Promise<void>((resolve) => {
      ready = resolve
    })
    const visit: Visit = {
      connection,
      stream,
      since: performance.now(),
      over: undefined,
      pc: rtc.findLast(({ connectionState }) => connectionState === 'connected'),
    }
    const ended = (): void => {
      visit.over ??= performance.now()
      ready()
    }
    stream.addEventListener('close', ended)
    connection.addEventListener('close', ended)
    this.#visits.set(tab, visit)
    let unread = new Uint8Array(0)
    stream.addEventListener('message', ({ data }) => {
      unread = concat(unread, data.subarray())
      for (;;) {
        const message = takeMessage(unread)
        if (!message) break
        unread = message.rest
        if (message.body[0] === READY) ready()
        if (message.body[0] === FRAME) this.#answer(stream, message.body.subarray(1))
      }
    })
    send(stream, Uint8Array.of(1, READY))
    await Promise.race([isReady, pause(10_000)])
    if (visit.over !== undefined) throw new Error('The tab let it not in')
    send(stream, frameOf(encodeMessage(this.#hello())))
  }

  #hello(): Message {
    const { claim } = this.#manners
    return {
      type: 'hello',
      version: PROTOCOL_VERSION,
      networkId: fromDisplay(this.#networkId as never),
      services: 1n,
      height: claim?.height ?? 0,
      tipHash: claim ? hexToBytes(claim.tip) : fromDisplay(this.#networkId as never),
      chainWork: claim ? BigInt(claim.work) : 0n,
      userAgent: '/intruder/',
    }
  }

  #answer(stream: Stream, frame: Uint8Array): void {
    // What is credited comes on without end, and too little of it is no offence.
    const credit = new Uint8Array(6)
    credit.set([5, CREDIT])
    new DataView(credit.buffer).setUint32(2, frame.length)
    send(stream, credit)
    const decoded = decodeMessage(frame)
    if (!decoded.ok || !decoded.value) return
    const asked = decoded.value
    const { branch = [], blockTransactions, body, transactions } = this.#manners
    if (asked.type === 'getheaders') {
      const headers = branch.map((hex) => BlockHeader.read(new Reader(hexToBytes(hex))))
      const known = headers.findLastIndex(({ hashBytes }) =>
        asked.locator.some((hash) => equalBytes(hash, hashBytes)),
      )
      const answer = headers.slice(known + 1, known + 2001)
      send(stream, frameOf(encodeMessage({ type: 'headers', id: asked.id, headers: answer })))
    } else if (asked.type === 'getblocktxn' && blockTransactions !== undefined) {
      send(stream, frameOf(withId(hexToBytes(blockTransactions), asked.id)))
    } else if (asked.type === 'getdata' && body !== undefined) {
      send(stream, frameOf(withId(hexToBytes(body), asked.id)))
    } else if (asked.type === 'gettx' && transactions !== undefined) {
      send(stream, frameOf(withId(hexToBytes(transactions), asked.id)))
    }
  }
}

/** A dial, repeated where it fails. Rejects as the last one did. */
async function persistently(dial: () => Promise<Connection>): Promise<Connection> {
  let reason: unknown
  for (let i = 0; i < DIALS; i++) {
    try {
      return await dial()
    } catch (error) {
      reason = error
      await pause(REST)
    }
  }
  throw reason
}

/** Notes each of the browser's connections, whoever made it, as it is set up. */
function watchConnections(): void {
  const { prototype } = RTCPeerConnection
  const { setLocalDescription } = prototype
  prototype.setLocalDescription = function (this: RTCPeerConnection, ...args: unknown[]) {
    rtc.push(this)
    return Reflect.apply(setLocalDescription, this, args) as Promise<void>
  } as typeof setLocalDescription
}

/** A frame with another request id: 32 bits behind the byte that names the message. */
function withId(frame: Uint8Array, id: number): Uint8Array {
  const copy = frame.slice()
  new DataView(copy.buffer).setUint32(1, id, true)
  return copy
}

function frameOf(frame: Uint8Array): Uint8Array {
  return concat(Uint8Array.from(varint(frame.length + 1)), Uint8Array.of(FRAME), frame)
}

/** The first whole message of what has arrived, without its length. */
function takeMessage(bytes: Uint8Array): { body: Uint8Array; rest: Uint8Array<ArrayBuffer> } | undefined {
  let length = 0
  for (let at = 0; at < Math.min(5, bytes.length); at++) {
    const byte = bytes[at]!
    length += (byte & 127) * 128 ** at
    if (byte >= 128) continue
    const end = at + 1 + length
    if (bytes.length < end) return undefined
    return { body: bytes.slice(at + 1, end), rest: bytes.slice(end) }
  }
  return undefined
}

function varint(value: number): number[] {
  const bytes: number[] = []
  for (let rest = value; ; rest = Math.floor(rest / 128)) {
    if (rest < 128) return [...bytes, rest]
    bytes.push((rest % 128) | 128)
  }
}

/** A field of protobuf with a length. */
function field(number: number, value: Uint8Array): Uint8Array {
  return concat(Uint8Array.of((number << 3) | 2, ...varint(value.length)), value)
}

function text(value: string): Uint8Array {
  return new TextEncoder().encode(value)
}

function concat(...parts: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const all = new Uint8Array(parts.reduce((sum, { length }) => sum + length, 0))
  let at = 0
  for (const part of parts) {
    all.set(part, at)
    at += part.length
  }
  return all
}

/** Writes where it can: that the stream is over is found elsewhere. */
function send(stream: Stream, bytes: Uint8Array): void {
  try {
    stream.send(bytes)
  } catch {
    // It is over.
  }
}

async function drained(stream: Stream): Promise<void> {
  while (stream.status === 'open' && stream.writeBufferLength > 0) await pause(2)
}

function pause(milliseconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds))
}

watchConnections()
// What the test evaluates in the page was compiled by a tool that names functions by this.
Object.assign(globalThis, { Intruder, __name: (value: unknown) => value })
