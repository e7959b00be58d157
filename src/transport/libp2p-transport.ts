/**
 * The Transport port over libp2p: a tab reaches other tabs by WebRTC, introduced by relays or by tabs that both know.
 * This file wires the parts together; each part is in the file named after it. Thread: Window, the only place where
 * browsers offer RTCPeerConnection.
 */

import type { PrivateKey } from '@libp2p/interface'
import type {
  NetworkStatus,
  PeerId,
  RememberedPeer,
  Standing,
  Topic,
  Transport,
  TransportHandler,
  TransportOffence,
} from '../network/transport.ts'
import { addBounded } from '../primitives/bounded.ts'
import { Alarms } from './alarms.ts'
import { Bans } from './bans.ts'
import { ConnectionBudget } from './connection-budget.ts'
import { Dialler } from './dialler.ts'
import { Discovery, type Introducer } from './discovery.ts'
import { isLopsided } from './eviction.ts'
import { Gossip } from './gossip.ts'
import { peerIdOf, privateKeyFromSeed } from './identity.ts'
import { Pings } from './latency.ts'
import { createTabNode, type Gate, type TabNode } from './libp2p-node.ts'
import { Mixer } from './mixer.ts'
import { type Introductions, type TransportOptions, type TransportTuning, withDefaults } from './options.ts'
import { PeerTable } from './peer-table.ts'
import { RelayClient, relayIdOf } from './relay-client.ts'
import { SignallingDoor } from './signalling-door.ts'
import { pause } from './timing.ts'

const NETWORK_ID = /^[0-9a-f]{1,64}$/

/**
 * Seconds for which a peer that broke the transport's rules is kept out. The brain, which is told, makes it longer; this holds until its answer
 * is here, and for offences that are no ban's worth.
 */
const KEPT_OUT = 300

/** How long a peer stays until it is a friend, milliseconds, and most friends remembered. */
const FRIEND_AFTER = 60_000
const MAX_FRIENDS = 200

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
  readonly #door: SignallingDoor
  readonly #alarms: Alarms
  /** Tabs that were our peers for a while and did nothing wrong; the one that was so longest ago makes room. */
  readonly #friends = new Set<PeerId>()
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
    this.#alarms = new Alarms(() => this.#reportStatus(), this.#stopped.signal)
    this.#door = new SignallingDoor({
      spend: () => this.#budget.spendOnStranger(),
      spendOnFriend: () => this.#budget.spendOnFriend(),
      isFriend: (peer) => this.#isFriend(peer),
      hasPlaceFor: (peer, relay) => this.#running?.peers.hasPlaceFor(peer, relay as PeerId) ?? false,
      offended: (peer, offence) => this.#offended(peer, offence),
      flooded: (scarce) => this.#alarms.raise(scarce ? 'connections-scarce' : 'signalling-flood'),
    })
  }

  start(handler: TransportHandler, remembered: readonly RememberedPeer[] = []): Promise<void> {
    if (this.#starting !== undefined) throw new Error('A transport starts once; create another')
    this.#starting = this.#start(handler, remembered)
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
    this.#door.met(peer)
  }

  valued(peer: PeerId, standing: Standing): void {
    this.#running?.peers.valued(peer)
    this.#running?.dialler.rise(peer, standing)
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
    for (const relay of kept.values()) {
      if (this.#relays.includes(relay)) continue
      relay.stop()
      running.dialler.candidates.forgetSource(relay.address)
    }
    for (const relay of this.#relays) if (!kept.has(relay.address)) void relay.run()
    this.#reportStatus()
  }

  async #start(handler: TransportHandler, remembered: readonly RememberedPeer[]): Promise<void> {
    const { signal: stopped } = this.#stopped
    const node = await createTabNode(
      this.#options,
      handler.subscriptions,
      this.#privateKey,
      this.#gate(),
      this.#budget,
      () => this.#introductions,
      this.#door,
    )
    const running = this.#wire(node, handler)
    running.dialler.remember(remembered)
    this.#running = running
    await running.peers.start()
    await node.start()
    if (stopped.aborted) return
    running.gossip.start()
    this.#followRelays(running)
    void running.discovery.run()
    void running.mixer.run()
  }

  /** A peer broke the transport's rules: it is sent away and kept out, and the brain told. */
  #offended(peer: PeerId, offence: TransportOffence): void {
    const running = this.#running
    if (running === undefined || this.#stopped.signal.aborted) return
    this.#friends.delete(peer)
    this.#bans.add(peer, KEPT_OUT)
    const host = running.peers.hostOf(peer)
    if (host !== undefined) this.#bans.offence(host)
    if (offence.code !== 'signalling-flood') this.#alarms.raise('stream-flood')
    running.handler.misbehaved(peer, offence)
    running.peers.disconnect(peer, offence.detail)
    for (const connection of running.node.getConnections())
      if (connection.remotePeer.toString() === peer) connection.abort(new Error(offence.detail))
  }

  /** Whether a peer was ours for a while, or is remembered from earlier. */
  #isFriend(peer: PeerId): boolean {
    return this.#friends.has(peer) || (this.#running?.dialler.candidates.isKnown(peer) ?? false)
  }

  /** A peer that stays for a while is a friend: coming back, it needs nothing of what is there for strangers. */
  async #befriend(peer: PeerId, peers: PeerTable): Promise<void> {
    const connection = peers.connectionTo(peer)
    await pause(FRIEND_AFTER, this.#stopped.signal)
    if (connection === undefined || peers.connectionTo(peer) !== connection) return
    addBounded(this.#friends, peer, MAX_FRIENDS)
  }

  /** Once there is a peer. Slots on tabs serve when the relays are gone; the first seconds are for finding peers at all. */
  async #reserveOnTabs(node: TabNode): Promise<void> {
    if (this.#reservesOnTabs) return
    this.#reservesOnTabs = true
    await pause(this.#options.slotDelay, this.#stopped.signal)
    if (!this.#stopped.signal.aborted) await node.services.listening.reserveOnTabs()
  }

  #wire(node: TabNode, handler: TransportHandler): Running {
    const { networkId, maxPeers, outboundPeers, targetPeers, relayedLinger, setupTimeout, frameTimeout } =
      this.#options
    const { signal: stopped } = this.#stopped
    const tabs = (): Introducer[] =>
      peers.connected.map((id) => ({
        id,
        prefix: `/p2p/${id}`,
        isRelay: false,
        connection: peers.connectionTo(id)!,
      }))
    const introducingRelays = (): Introducer[] =>
      this.#relays.flatMap(({ address, connection, id, info }) =>
        connection !== undefined && info.state === 'reserved'
          ? [{ id, prefix: address, isRelay: true, connection }]
          : [],
      )

    const gossip = new Gossip(
      node.services.pubsub,
      networkId,
      handler.subscriptions,
      (message) => handler.gossip(message),
      stopped,
    )
    const peers: PeerTable = new PeerTable(
      node,
      {
        self: this.self,
        protocol: `/opentab/${networkId}/1.0.0`,
        maxPeers,
        outboundPeers,
        relayedLinger,
        setupTimeout,
        frameTimeout,
        isFriend: (id) => this.#isFriend(id),
        placesFor: (host) => this.#bans.placesFor(host),
        isSubscribed: (id) => gossip.isSubscribed(id),
        standingOf: (id) => dialler.candidates.standingOf(id),
        stopped,
      },
      {
        connected: (peer) => {
          dialler.reached(peer)
          this.#door.met(peer.id)
          void this.#befriend(peer.id, peers)
          void this.#reserveOnTabs(node)
          handler.peerConnected(peer)
          void pings.follow(peer.id)
          this.#reportStatus()
        },
        failed: (id, silent) => dialler.failed(id, silent),
        wasted: (id) => this.#door.failed(id),
        offended: (id, offence) => this.#offended(id, offence),
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
      chosen: () => peers.chosen,
      sources: () => [...introducingRelays(), ...tabs()],
      used: () => this.#budget.used,
      changed: () => this.#reportStatus(),
      stopped,
    })
    const discovery: Discovery = new Discovery(node, networkId, this.#options, {
      relays: introducingRelays,
      tabs,
      isKnown: (id) => dialler.candidates.isKnown(id),
      wantsMore: () => peers.size < targetPeers || peers.chosen.length < outboundPeers,
      found: (ids, prefix, first) => {
        // A newcomer alone isn't worth it: all would fall upon it.
        if (dialler.add(ids, prefix, first) >= targetPeers / 2) mixer.hurry()
      },
      stopped,
    })
    const mixer = new Mixer(this.#options, {
      isFull: () => peers.size >= targetPeers,
      isLopsided: () => isLopsided(peers.chosen),
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
        {
          changed: () => this.#reportStatus(),
          reserved: () => {
            // Those remembered need nobody's list.
            dialler.dial()
            discovery.hurry()
          },
        },
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
        if (dialler === undefined || this.#bans.has(id) || this.#door.isOutside(id)) return false
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
      alarms: this.#alarms.current,
    }
    const text = JSON.stringify(status)
    if (text === this.#lastStatus) return
    this.#lastStatus = text
    running.handler.status(status)
  }
}
