/**
 * A tab as the brain sees it: a transport and a record of what it delivered, which tests wait on.
 */

import type {
  GossipVerdict,
  NetworkStatus,
  PeerId,
  PeerInfo,
  RememberedPeer,
  Topic,
  TransportHandler,
  TransportOffence,
} from '../../../src/network/transport.ts'
import { COMMON_TOPICS } from '../../../src/protocol/wire.ts'
import { createLibp2pTransport, type Libp2pTransport } from '../../../src/transport/libp2p-transport.ts'
import type { TransportOptions } from '../../../src/transport/options.ts'

/** How long a test waits for a condition before it fails, milliseconds: only to end one that hangs, and with words that help. */
const PATIENCE = 120_000

/** Starts a relay; the same seed and port make the same address. */
export function startRelay(seed: number, port = 0): Promise<string> {
  return command(`/start-relay?seed=${seed}&port=${port}`) as Promise<string>
}

/** Stops a relay by its address. */
export async function stopRelay(address: string): Promise<void> {
  await command(`/stop-relay?address=${encodeURIComponent(address)}`)
}

/** Runs a command of the plugin `relay-commands`. */
async function command(path: string): Promise<unknown> {
  const response = await fetch(path, { cache: 'no-store' })
  if (!response.ok) throw new Error(`${path}: ${await response.text()}`)
  return response.json()
}

/** The port in a relay's address. */
export function portOf(address: string): number {
  return Number(/\/tcp\/(\d+)\//.exec(address)![1])
}

/** A random network, so that tests which share a relay don't meet. */
export function randomNetworkId(): string {
  return Array.from(crypto.getRandomValues(new Uint8Array(32)), (byte) =>
    byte.toString(16).padStart(2, '0'),
  ).join('')
}

/** A promise that the test resolves. */
export function deferred<T>(): { promise: Promise<T>; resolve: (value: T) => void } {
  let resolve!: (value: T) => void
  const promise = new Promise<T>((onResolve) => {
    resolve = onResolve
  })
  return { promise, resolve }
}

/** A tab under test. */
export class Tab implements TransportHandler {
  readonly subscriptions = COMMON_TOPICS
  readonly transport: Libp2pTransport
  readonly networkId: string
  readonly peers = new Map<PeerId, PeerInfo>()
  /** All that was delivered about peers, in order. */
  readonly history: string[] = []
  readonly frames: { from: PeerId; frame: Uint8Array }[] = []
  readonly gossiped: { topic: Topic; payload: Uint8Array; from: PeerId }[] = []
  readonly latencies = new Map<PeerId, number>()
  readonly offences: { from: PeerId; offence: TransportOffence }[] = []
  lastStatus: NetworkStatus | undefined
  /** How often it was told that it woke. */
  wakings = 0
  /** What the tab answers to gossip. */
  verdict: (payload: Uint8Array) => GossipVerdict | Promise<GossipVerdict> = () => 'accept'
  /** What the tab does with a frame before it counts as handled. */
  onFrame: (from: PeerId, frame: Uint8Array) => void | Promise<void> = () => {}
  readonly #changed = new EventTarget()

  constructor(options: Omit<TransportOptions, 'identitySeed' | 'iceServers'> & { seed?: Uint8Array }) {
    const { seed = crypto.getRandomValues(new Uint8Array(32)), ...rest } = options
    this.networkId = rest.networkId
    this.transport = createLibp2pTransport({ ...FAST, ...rest, identitySeed: seed, iceServers: [] })
  }

  get id(): PeerId {
    return this.transport.self
  }

  /** Starts the tab, remembering peers of an earlier life; `stopTabs` ends it with the test. */
  async start(remembered: readonly RememberedPeer[] = []): Promise<this> {
    running.add(this)
    await this.transport.start(this, remembered)
    return this
  }

  async stop(): Promise<void> {
    running.delete(this)
    await this.transport.stop()
  }

  /** Waits until `condition` holds, looking again after everything that is delivered. */
  until(what: string, condition: (tab: this) => boolean): Promise<void> {
    return new Promise((resolve, reject) => {
      const check = (): void => {
        if (condition(this)) settle(resolve)
      }
      const settle = (finish: () => void): void => {
        clearTimeout(timer)
        this.#changed.removeEventListener('changed', check)
        finish()
      }
      const timer = setTimeout(() => {
        const state = JSON.stringify({ status: this.lastStatus, history: this.history })
        settle(() => reject(new Error(`waited in vain until ${what}; ${state}`)))
      }, PATIENCE)
      this.#changed.addEventListener('changed', check)
      check()
    })
  }

  untilConnectedTo(other: Tab): Promise<void> {
    return this.until('connected', ({ peers }) => peers.has(other.id))
  }

  untilReserved(): Promise<void> {
    return this.until(
      'every relay has a slot for it',
      ({ lastStatus }) =>
        (lastStatus?.relays ?? []).every(({ state }) => state === 'reserved') && lastStatus !== undefined,
    )
  }

  peerConnected(peer: PeerInfo): void {
    this.peers.set(peer.id, peer)
    this.history.push(`connected ${peer.id}`)
    this.#notify()
  }

  peerDisconnected(id: PeerId): void {
    this.peers.delete(id)
    this.history.push(`disconnected ${id}`)
    this.#notify()
  }

  async frame(from: PeerId, frame: Uint8Array): Promise<void> {
    this.frames.push({ from, frame })
    this.#notify()
    await this.onFrame(from, frame)
  }

  async gossip(message: { topic: Topic; payload: Uint8Array; from: PeerId }): Promise<GossipVerdict> {
    this.gossiped.push(message)
    this.#notify()
    return this.verdict(message.payload)
  }

  latency(id: PeerId, milliseconds: number): void {
    this.latencies.set(id, milliseconds)
    this.#notify()
  }

  misbehaved(from: PeerId, offence: TransportOffence): void {
    this.offences.push({ from, offence })
    this.#notify()
  }

  woke(): void {
    this.wakings++
    this.#notify()
  }

  status(status: NetworkStatus): void {
    this.lastStatus = status
    this.#notify()
  }

  #notify(): void {
    this.#changed.dispatchEvent(new Event('changed'))
  }
}

/** Shorter pauses than a network of people needs, and more patience: no peer is lost where a busy machine stands still. */
const FAST = {
  relayBackoff: [100, 500],
  dialBackoff: [100, 1000],
  yieldTime: 1000,
  askInterval: [200, 1000],
  slotDelay: 0,
  pingTimeout: 60_000,
  wakeTimeout: 60_000,
  frameTimeout: 120_000,
} as const

const running = new Set<Tab>()

/** Stops every tab that a test left running. */
export async function stopTabs(): Promise<void> {
  await Promise.all([...running].map((tab) => tab.stop()))
}
