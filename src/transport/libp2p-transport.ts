/**
 * The Transport port over libp2p: a tab reaches other tabs by WebRTC, introduced by relays or by tabs that both know.
 * This file wires the parts together; each part is in the file named after it. Thread: Window, the only place where
 * browsers offer RTCPeerConnection.
 */

import type { PrivateKey } from '@libp2p/interface'
import type { NetworkStatus, PeerId, Topic, Transport, TransportHandler } from '../protocol/transport.ts'
import { Bans } from './bans.ts'
import { ConnectionBudget } from './connection-budget.ts'
import { Dialler } from './dialler.ts'
import { Discovery, type Introducer } from './discovery.ts'
import { Gossip } from './gossip.ts'
import { peerIdOf, privateKeyFromSeed } from './identity.ts'
import { Pings } from './latency.ts'
import { createTabNode, type Gate, type TabNode } from './libp2p-node.ts'
import { Mixer } from './mixer.ts'
import { type Introductions, type TransportOptions, type TransportTuning, withDefaults } from './options.ts'
import { PeerTable } from './peer-table.ts'
import { RelayClient, relayIdOf } from './relay-client.ts'
import { pause } from './timing.ts'

const NETWORK_ID = /^[0-9a-f]{1,64}$/

/**
 * Creates a tab's transport, stopped. Throws for options that can't work: a network id that isn't hexadecimal, a seed
 * that hasn't 32 bytes, a relay's address without peer id.
 */
export function createLibp2pTransport(options: TransportOptions): Libp2pTransport {
  return new Libp2pTransport(withDefaults(options))
}

/** What exists while the transport runs. */
interface Running {
  readonly node: TabNode
  readonly peers: PeerTable
  readonly dialler: Dialler
  readonly discovery: Discovery
  readonly mixer: Mixer
  readonly gossip: Gossip
  readonly pings: Pings
  /** A client of this relay, not yet running. */
  readonly newRelay: (address: string) => RelayClient
  readonly handler: TransportHandler
}

export class Libp2pTransport implements Transport {
  readonly self: PeerId
  readonly #options: TransportOptions & TransportTuning
  readonly #privateKey: PrivateKey
  #introductions: Introductions
  #relayIds: ReadonlySet<PeerId>
  /** In the order of `#introductions`, once started. */
  #relays: readonly RelayClient[] = []
  readonly #bans = new Bans()
  readonly #budget = new ConnectionBudget()
  readonly #stopped = new AbortController()
  #starting: Promise<void> | undefined
  #running: Running | undefined
  #lastStatus = ''
  #reservesOnTabs = false

  constructor(options: TransportOptions & TransportTuning) {
    if (!NETWORK_ID.test(options.networkId)) {
      throw new TypeError(`A network id is up to 64 hexadecimal digits, not "${options.networkId}"`)
    }
    this.#options = options
    this.#introductions = { relays: options.relays, iceServers: options.iceServers }
    this.#relayIds = new Set(options.relays.map(relayIdOf))
    this.#privateKey = privateKeyFromSeed(options.identitySeed)
    this.self = peerIdOf(this.#privateKey)
  }

  start(handler: TransportHandler): Promise<void> {
    if (this.#starting !== undefined) throw new Error('A transport starts once; create another')
    this.#starting = this.#start(handler)
    return this.#starting
  }

  async stop(): Promise<void> {
    this.#stopped.abort(new Error('The transport was stopped'))
    await this.#starting?.catch(() => {})
    const running = this.#running
    this.#running = undefined
    if (running === undefined) return
    running.peers.disconnectAll('the transport was stopped')
    await running.node.stop()
  }

  send(to: PeerId, frame: Uint8Array): void {
    this.#running?.peers.send(to, frame)
  }

  publish(topic: Topic, payload: Uint8Array): void {
    this.#running?.gossip.publish(topic, payload)
  }

  disconnect(peer: PeerId, reason: string, banSeconds: number): void {
    if (banSeconds > 0) this.#bans.add(peer, banSeconds)
    this.#running?.dialler.postpone(peer)
    this.#running?.peers.disconnect(peer, reason)
  }

  allow(peer: PeerId): void {
    this.#bans.delete(peer)
  }

  /**
   * Goes over to these relays and ICE servers: relays that are in use already stay as they are, others are given up, and
   * connections made from now on use the new ICE servers. Throws a TypeError, and changes nothing, where a relay's
   * address has no peer id.
   */
  setRelays(relays: readonly string[], iceServers: Introductions['iceServers']): void {
    this.#relayIds = new Set(relays.map(relayIdOf))
    this.#introductions = { relays, iceServers }
    if (this.#running !== undefined && !this.#stopped.signal.aborted) this.#followRelays(this.#running)
  }

  /**
   * The tab was away (see `watchForWaking`): probes peers and relays, replaces those that are gone at once, and tells the
   * brain, which asks for what it missed.
   */
  wake(): void {
    const running = this.#running
    if (running === undefined || this.#stopped.signal.aborted) return
    for (const relay of this.#relays) relay.wake()
    running.handler.woke?.()
    running.dialler.wake()
    running.discovery.hurry()
    void running.pings.probe().then(() => running.dialler.forgive())
  }

  #followRelays(running: Running): void {
    const { relays } = this.#introductions
    const kept = new Map(this.#relays.map((relay) => [relay.address, relay]))
    this.#relays = [...new Set(relays)].map((address) => kept.get(address) ?? running.newRelay(address))
    for (const relay of kept.values()) if (!this.#relays.includes(relay)) relay.stop()
    for (const relay of this.#relays) if (!kept.has(relay.address)) void relay.run()
    this.#reportStatus()
  }

  async #start(handler: TransportHandler): Promise<void> {
    const { signal: stopped } = this.#stopped
    const node = await createTabNode(
      this.#options,
      this.#privateKey,
      this.#gate(),
      this.#budget,
      () => this.#introductions,
    )
    const running = this.#wire(node, handler)
    this.#running = running
    await running.peers.start()
    await node.start()
    if (stopped.aborted) return
    running.gossip.start()
    this.#followRelays(running)
    void running.discovery.run()
    void running.mixer.run()
  }

  /** Once there is a peer. Slots on tabs serve when the relays are gone; the first seconds are for finding peers at all. */
  async #reserveOnTabs(node: TabNode): Promise<void> {
    if (this.#reservesOnTabs) return
    this.#reservesOnTabs = true
    await pause(this.#options.slotDelay, this.#stopped.signal)
    if (!this.#stopped.signal.aborted) await node.services.listening.reserveOnTabs()
  }

  #wire(node: TabNode, handler: TransportHandler): Running {
    const { networkId, maxPeers, targetPeers, relayedLinger, setupTimeout } = this.#options
    const { signal: stopped } = this.#stopped
    const tabs = (): Introducer[] =>
      peers.connected.map((id) => ({ prefix: `/p2p/${id}`, connection: peers.connectionTo(id)! }))
    const introducingRelays = (): Introducer[] =>
      this.#relays.flatMap(({ address, connection, info }) =>
        connection !== undefined && info.state === 'reserved' ? [{ prefix: address, connection }] : [],
      )

    const gossip = new Gossip(node, networkId, (message) => handler.gossip(message), stopped)
    const peers: PeerTable = new PeerTable(
      node,
      {
        self: this.self,
        protocol: `/opentab/${networkId}/1.0.0`,
        maxPeers,
        relayedLinger,
        setupTimeout,
        isSubscribed: (id) => gossip.isSubscribed(id),
        stopped,
      },
      {
        connected: (peer) => {
          dialler.reached(peer.id)
          void this.#reserveOnTabs(node)
          handler.peerConnected(peer)
          void pings.follow(peer.id)
          this.#reportStatus()
        },
        failed: (id, silent) => dialler.failed(id, silent),
        disconnected: (id) => {
          handler.peerDisconnected(id)
          dialler.postpone(id)
          discovery.hurry()
          this.#reportStatus()
        },
        frame: (from, frame) => handler.frame(from, frame),
        latency: (id, milliseconds) => handler.latency(id, milliseconds),
      },
    )
    const dialler: Dialler = new Dialler(node, this.#options, {
      self: this.self,
      connections: () => peers.size,
      isConnected: (id) => peers.has(id),
      isExcluded: (id) => this.#bans.has(id) || this.#relayIds.has(id),
      canIntroduce: (prefix) =>
        introducingRelays().some((relay) => relay.prefix === prefix) ||
        tabs().some((tab) => tab.prefix === prefix),
      used: () => this.#budget.used,
      changed: () => this.#reportStatus(),
      stopped,
    })
    const discovery: Discovery = new Discovery(node, networkId, this.#options, {
      relays: introducingRelays,
      tabs,
      wantsMore: () => peers.size < targetPeers,
      found: (ids, prefix, first) => {
        // A newcomer alone isn't worth it: all would fall upon it.
        if (dialler.add(ids, prefix, first) >= targetPeers / 2) mixer.hurry()
      },
      stopped,
    })
    const mixer = new Mixer(this.#options, {
      isFull: () => peers.size >= targetPeers,
      used: () => this.#budget.used,
      dialExtra: () => dialler.dialExtra(),
      exchange: (newcomer) => peers.exchange(newcomer),
      stopped,
    })
    const pings = new Pings(node, peers, this.#options, stopped)
    const newRelay = (address: string): RelayClient =>
      new RelayClient(
        address,
        node,
        this.#options,
        { changed: () => this.#reportStatus(), reserved: () => discovery.hurry() },
        stopped,
      )
    gossip.onSubscribed((id) => peers.subscribed(id))
    return { node, peers, dialler, discovery, mixer, gossip, pings, newRelay, handler }
  }

  #gate(): Gate {
    return {
      mayDial: (id) => this.#relayIds.has(id) || (this.#running?.dialler.isDialling(id) ?? false),
      mayEnter: (id) => {
        const dialler = this.#running?.dialler
        if (dialler === undefined || this.#bans.has(id)) return false
        if (!dialler.isDialling(id)) return true
        // Both dial at once: the lower peer id's dial goes on.
        if (this.self < id) return false
        dialler.yieldTo(id)
        return true
      },
      mayRelay: (id) => this.#running?.peers.has(id) ?? false,
    }
  }

  #reportStatus(): void {
    const running = this.#running
    if (running === undefined || this.#stopped.signal.aborted) return
    const status: NetworkStatus = {
      relays: this.#relays.map(({ info }) => info),
      directPeers: running.peers.connected.length,
      relayedOnlyPeers: running.dialler.relayedOnly,
      connectionsUsed: this.#budget.used,
    }
    const text = JSON.stringify(status)
    if (text === this.#lastStatus) return
    this.#lastStatus = text
    running.handler.status(status)
  }
}
