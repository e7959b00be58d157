/**
 * The Transport port across threads: `RemoteTransport` is what the brain's worker sees, `serveTransport` stands in the Window
 * beside the real one. Buffers are transferred; every promise of the port becomes a numbered answer.
 */

import type {
  GossipVerdict,
  NetworkStatus,
  PeerId,
  PeerInfo,
  RememberedPeer,
  Standing,
  Subscription,
  Topic,
  Transport,
  TransportHandler,
  TransportOffence,
} from '../network/transport.ts'
import type { Faults } from '../primitives/ports.ts'
import { type Channel, PendingAnswers, toTransfer } from './channel.ts'

/** Brain to Window. */
export type TransportCommand =
  | {
      readonly type: 'start'
      readonly subscriptions: readonly Subscription[]
      readonly remembered: readonly RememberedPeer[]
    }
  | { readonly type: 'stop' }
  | { readonly type: 'send'; readonly to: PeerId; readonly frame: Uint8Array }
  | { readonly type: 'publish'; readonly topic: Topic; readonly payload: Uint8Array }
  | {
      readonly type: 'disconnect'
      readonly peer: PeerId
      readonly reason: string
      readonly banSeconds: number
    }
  | { readonly type: 'allow'; readonly peer: PeerId }
  | { readonly type: 'valued'; readonly peer: PeerId; readonly standing: Standing }
  /** The frame of this number was handled. */
  | { readonly type: 'frame-done'; readonly id: number }
  | { readonly type: 'verdict'; readonly id: number; readonly verdict: GossipVerdict }

/** Window to brain. */
export type TransportEvent =
  | { readonly type: 'started' }
  | { readonly type: 'start-failed'; readonly reason: string }
  | { readonly type: 'stopped' }
  | { readonly type: 'peer-connected'; readonly peer: PeerInfo }
  | { readonly type: 'peer-disconnected'; readonly id: PeerId }
  | { readonly type: 'frame'; readonly id: number; readonly from: PeerId; readonly frame: Uint8Array }
  | {
      readonly type: 'gossip'
      readonly id: number
      readonly topic: Topic
      readonly payload: Uint8Array
      readonly from: PeerId
    }
  | { readonly type: 'latency'; readonly id: PeerId; readonly milliseconds: number }
  | { readonly type: 'misbehaved'; readonly from: PeerId; readonly offence: TransportOffence }
  | { readonly type: 'woke' }
  | { readonly type: 'status'; readonly status: NetworkStatus }

/** The brain's half. */
export class RemoteTransport implements Transport {
  readonly self: PeerId
  private readonly channel: Channel<TransportCommand, TransportEvent>
  private readonly faults: Faults
  private handler: TransportHandler | undefined
  private started: { resolve(): void; reject(error: Error): void } | undefined
  private stopped: (() => void) | undefined

  constructor(self: PeerId, channel: Channel<TransportCommand, TransportEvent>, faults: Faults) {
    this.self = self
    this.channel = channel
    this.faults = faults
    channel.listen((event) => this.receive(event))
  }

  start(handler: TransportHandler, remembered: readonly RememberedPeer[] = []): Promise<void> {
    this.handler = handler
    this.channel.post({ type: 'start', subscriptions: handler.subscriptions, remembered })
    return new Promise((resolve, reject) => {
      this.started = { resolve, reject }
    })
  }

  stop(): Promise<void> {
    this.handler = undefined
    this.channel.post({ type: 'stop' })
    return new Promise((resolve) => {
      this.stopped = resolve
    })
  }

  send(to: PeerId, frame: Uint8Array): void {
    const { bytes, transfer } = toTransfer(frame)
    this.channel.post({ type: 'send', to, frame: bytes }, transfer)
  }

  publish(topic: Topic, payload: Uint8Array): void {
    const { bytes, transfer } = toTransfer(payload)
    this.channel.post({ type: 'publish', topic, payload: bytes }, transfer)
  }

  disconnect(peer: PeerId, reason: string, banSeconds: number): void {
    this.channel.post({ type: 'disconnect', peer, reason, banSeconds })
  }

  allow(peer: PeerId): void {
    this.channel.post({ type: 'allow', peer })
  }

  valued(peer: PeerId, standing: Standing): void {
    this.channel.post({ type: 'valued', peer, standing })
  }

  private receive(event: TransportEvent): void {
    const { handler } = this
    switch (event.type) {
      case 'started':
        this.started?.resolve()
        break
      case 'start-failed':
        this.started?.reject(new Error(event.reason))
        break
      case 'stopped':
        this.stopped?.()
        break
      case 'peer-connected':
        handler?.peerConnected(event.peer)
        break
      case 'peer-disconnected':
        handler?.peerDisconnected(event.id)
        break
      case 'latency':
        handler?.latency(event.id, event.milliseconds)
        break
      case 'misbehaved':
        handler?.misbehaved(event.from, event.offence)
        break
      case 'woke':
        handler?.woke?.()
        break
      case 'status':
        handler?.status(event.status)
        break
      case 'frame': {
        const done = (): void => this.channel.post({ type: 'frame-done', id: event.id })
        // A handler that throws is a bug of ours, and the peer is not stalled for it.
        handler
          ?.frame(event.from, event.frame)
          .catch((error: unknown) => this.faults.report(error))
          .finally(done)
        break
      }
      case 'gossip':
        void this.judge(event)
    }
  }

  /** A handler that throws is told as with frames, and what it was given goes no further. */
  private async judge(event: Extract<TransportEvent, { type: 'gossip' }>): Promise<void> {
    let verdict: GossipVerdict = 'ignore'
    try {
      if (this.handler) verdict = await this.handler.gossip(event)
    } catch (error) {
      this.faults.report(error)
    }
    this.channel.post({ type: 'verdict', id: event.id, verdict })
  }
}

/** The Window's half: carries out what the brain asks of `transport`, and tells it what happens. */
export function serveTransport(
  transport: Transport,
  channel: Channel<TransportEvent, TransportCommand>,
): void {
  const frames = new PendingAnswers<void>()
  const verdicts = new PendingAnswers<GossipVerdict>()
  const handler: Omit<TransportHandler, 'subscriptions'> = {
    peerConnected: (peer) => channel.post({ type: 'peer-connected', peer }),
    peerDisconnected: (id) => channel.post({ type: 'peer-disconnected', id }),
    latency: (id, milliseconds) => channel.post({ type: 'latency', id, milliseconds }),
    misbehaved: (from, offence) => channel.post({ type: 'misbehaved', from, offence }),
    woke: () => channel.post({ type: 'woke' }),
    status: (status) => channel.post({ type: 'status', status }),
    frame: (from, frame) =>
      frames.ask((id) => {
        const { bytes, transfer } = toTransfer(frame)
        channel.post({ type: 'frame', id, from, frame: bytes }, transfer)
      }),
    gossip: ({ topic, payload, from }) =>
      verdicts.ask((id) => {
        const { bytes, transfer } = toTransfer(payload)
        channel.post({ type: 'gossip', id, topic, payload: bytes, from }, transfer)
      }),
  }
  channel.listen((command) => {
    switch (command.type) {
      case 'start':
        transport.start({ ...handler, subscriptions: command.subscriptions }, command.remembered).then(
          () => channel.post({ type: 'started' }),
          (error: unknown) => channel.post({ type: 'start-failed', reason: String(error) }),
        )
        break
      case 'stop':
        void transport.stop().finally(() => channel.post({ type: 'stopped' }))
        break
      case 'send':
        transport.send(command.to, command.frame)
        break
      case 'publish':
        transport.publish(command.topic, command.payload)
        break
      case 'disconnect':
        transport.disconnect(command.peer, command.reason, command.banSeconds)
        break
      case 'allow':
        transport.allow(command.peer)
        break
      case 'valued':
        transport.valued(command.peer, command.standing)
        break
      case 'frame-done':
        frames.answer(command.id, undefined)
        break
      case 'verdict':
        verdicts.answer(command.id, command.verdict)
        break
    }
  })
}
