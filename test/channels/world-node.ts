/**
 * A node of a world of channels: the program's own manager, machines, switch, books, router, monitor and signer, composed as a tab composes them
 * (`src/node/channels-part.ts`), over stores that outlive it. It can be killed at any instant and started again, sleep, and be given manners.
 */
import { schnorr } from '@noble/curves/secp256k1.js'
import { ChainFollower, locatorOf } from '../../src/chain/follower.ts'
import { type Msat, msat } from '../../src/channels/amount.ts'
import type { Channel, DriverEvent } from '../../src/channels/channel.ts'
import { ChannelManager } from '../../src/channels/channel-manager.ts'
import { type NodeId, nodeId } from '../../src/channels/gossip.ts'
import { ChannelGraph, type ForwardingPolicy, graphLimits } from '../../src/channels/graph.ts'
import { HtlcSwitch } from '../../src/channels/htlc-switch.ts'
import { decodeInvoice, type Invoice } from '../../src/channels/invoice.ts'
import { InvoiceBook } from '../../src/channels/invoice-book.ts'
import { checkOffer } from '../../src/channels/limits.ts'
import { LiquidityMemory } from '../../src/channels/liquidity.ts'
import { ChannelMonitor, type FeeSource, type MonitorEvent } from '../../src/channels/monitor.ts'
import { PaymentBook } from '../../src/channels/payment-book.ts'
import type { ChannelPolicy } from '../../src/channels/policy.ts'
import type { ChannelSigner, Payout } from '../../src/channels/ports.ts'
import { RecordBook } from '../../src/channels/record-book.ts'
import { decodeCommitment } from '../../src/channels/records.ts'
import { type OwnChannel, routingCosts } from '../../src/channels/router.ts'
import { type ShortChannelId, shortChannelId } from '../../src/channels/short-channel-id.ts'
import type { FeeCoin } from '../../src/channels/spends.ts'
import { balanceOf, type ChannelState, isOperating } from '../../src/channels/state.ts'
import type { TowerClient } from '../../src/channels/tower-client.ts'
import { sats } from '../../src/primitives/amount.ts'
import { bytesToHex, equalBytes } from '../../src/primitives/bytes.ts'
import { sha256, type Txid } from '../../src/primitives/hashes.ts'
import { ok } from '../../src/primitives/result.ts'
import { decodeTransaction, outpointKey, type Transaction } from '../../src/primitives/transaction.ts'
import { packOutputs } from '../../src/script/input-check.ts'
import { SIGHASH_DEFAULT, SighashCache } from '../../src/script/sighash.ts'
import { tweakSecretKey } from '../../src/script/taproot.ts'
import { ChannelKeeper } from '../../src/signer/channel-keeper.ts'
import { SeededRandom } from '../../src/simulator/seeded-random.ts'
import { MemoryChannelRecordStore } from '../../src/storage/memory-channel-record-store.ts'
import { MemoryChannelStore } from '../../src/storage/memory-channel-store.ts'
import { TestWallet } from '../support/chain-builder.ts'
import { KeeperSide } from '../support/channel-keepers.ts'
import { value } from '../support/wallets.ts'
import { FaultyChannelStore, FaultyRecordStore, type WriteFaults } from './faulty-store.ts'
import type { ChannelNetwork, Station } from './network.ts'
import type { SharedChain } from './shared-chain.ts'
import { SignerWitness } from './signers.ts'
import type { WorldTower } from './world-tower.ts'

/** What a node needs of its world. */
export interface WorldPorts {
  readonly chain: SharedChain
  readonly network: ChannelNetwork
  readonly policy: ChannelPolicy
  /** Watches for all, where there is one. */
  readonly tower: WorldTower | undefined
  /** Millisatoshis that were given away with an opening, by its funding transaction. */
  readonly gifts: Map<Txid, number>
  /** Fills a graph with what is announced. */
  announcedTo(graph: ChannelGraph): void
  /** Notes what happens, for whoever looks at a run. */
  log(line: string): void
  /** An invariant is broken. `text` begins with its name. */
  report(text: string): void
  /** A write is under way: whether its node dies. */
  dies(node: WorldNode): boolean
  /** It did. */
  died(node: WorldNode): void
}

export const FEES: Omit<ForwardingPolicy, 'cltvExpiryDelta'> = {
  feeBase: msat(1000),
  feeProportionalMillionths: 10,
}

const ADDRESS_PREFIX = 'tabrt'
const SIGNING_KEYS = new Map<string, KeeperSide>()

/** How a node departs from the protocol. All are false of an honest one. */
export interface Manners {
  /** Says nothing any more. */
  silent: boolean
  /** Signs no commitment and reveals no secret any more. */
  unsigning: boolean
  /** Neither fulfils nor fails what it is offered, and passes no preimage on. */
  withholding: boolean
  /** Says again, on every new connection, some of what it said on earlier ones. */
  replaying: boolean
  /** Published a state that it had given up. */
  thieving: boolean
  /** Runs on an old copy of its profile. */
  restored: boolean
}

export class WorldNode implements Station {
  readonly name: string
  readonly ports: WorldPorts
  readonly random: SeededRandom
  readonly wallet: TestWallet
  readonly witness: SignerWitness
  readonly manners: Manners = {
    silent: false,
    unsigning: false,
    withholding: false,
    replaying: false,
    thieving: false,
    restored: false,
  }
  readonly payout: Payout
  readonly keys: KeeperSide
  store = new MemoryChannelStore()
  records = new MemoryChannelRecordStore()
  id!: NodeId
  island = 0
  life: NodeLife | undefined
  /** Height of the tip when it fell asleep. */
  asleepSince: number | undefined
  /** Funding transactions that its wallet has paid. */
  readonly funded = new Set<Txid>()
  /** Ids of all transactions that it offered. */
  readonly published = new Set<Txid>()
  /** How what it offered ended, by key id and id. */
  readonly outcomes = new Map<string, 'fulfilled' | 'returned'>()
  /** What it said on earlier connections, by peer: the last of it. */
  private readonly said = new Map<NodeId, Uint8Array[]>()
  /** Of the wallet's coins that pay for claims, by purpose. */
  private readonly held = new Map<string, FeeCoin[]>()

  constructor(name: string, seed: string, ports: WorldPorts) {
    this.name = name
    this.ports = ports
    this.random = new SeededRandom(`${seed}/${name}`)
    this.wallet = new TestWallet(name)
    this.keys = SIGNING_KEYS.get(name) ?? new KeeperSide(name)
    SIGNING_KEYS.set(name, this.keys)
    this.payout = { branch: 0, index: 0, script: this.keys.payoutScript }
    this.witness = new SignerWitness((text) => {
      // Whoever was restored can't know what it has given up; its copy's signer neither.
      if (!this.manners.restored) ports.report(`${text} (${name})`)
    })
  }

  get isHonest(): boolean {
    const { silent, unsigning, withholding, replaying, thieving, restored } = this.manners
    return !(silent || unsigning || withholding || replaying || thieving || restored)
  }

  get online(): boolean {
    return this.life?.isReady === true && this.asleepSince === undefined
  }

  get height(): number {
    return this.asleepSince ?? this.ports.chain.height
  }

  async start(): Promise<void> {
    if (this.life) return
    const life = new NodeLife(this)
    this.life = life
    await life.start()
    if (life.isAlive) this.ports.network.update()
  }

  /** Everything in memory is gone, at this instant. */
  kill(): void {
    const { life } = this
    if (!life) return
    this.life = undefined
    life.end()
    this.ports.network.update()
  }

  sleep(): void {
    if (this.asleepSince !== undefined) return
    const { network, chain } = this.ports
    for (const peer of this.peers()) network.cut(this.id, peer)
    this.asleepSince = chain.height
    this.life?.towerClient?.disconnected()
  }

  wake(): void {
    if (this.asleepSince === undefined) return
    this.asleepSince = undefined
    this.life?.towerClient?.connected()
    this.life?.follow()
    this.ports.network.update()
  }

  /** Goes on with an older copy of its profile. */
  restore(copy: { readonly store: MemoryChannelStore; readonly records: MemoryChannelRecordStore }): void {
    this.kill()
    this.manners.restored = true
    this.store = copy.store
    this.records = copy.records
  }

  peers(): Set<NodeId> {
    return new Set((this.life?.channels() ?? []).map(({ state }) => state.peer as NodeId))
  }

  peerConnected(peer: NodeId): void {
    this.life?.manager.peerConnected(peer)
    if (!this.manners.replaying) return
    const said = this.said.get(peer) ?? []
    for (let count = this.random.integer(4); count > 0 && said.length > 0; count--)
      this.ports.network.send(this.id, peer, this.random.pick(said))
  }

  peerDisconnected(peer: NodeId): void {
    this.life?.manager.peerDisconnected(peer)
  }

  receive(peer: NodeId, bytes: Uint8Array): void {
    if (this.online) this.life?.manager.receive(peer, bytes)
  }

  say(peer: NodeId, bytes: Uint8Array): void {
    const { silent, unsigning, replaying } = this.manners
    const type = (bytes[0] << 8) | bytes[1]
    if (silent || (unsigning && (type === COMMITMENT_SIGNED || type === REVOKE_AND_ACK))) return
    if (replaying) {
      const said = this.said.get(peer) ?? []
      this.said.set(peer, said)
      said.push(bytes)
      if (said.length > 20) said.shift()
    }
    this.ports.network.send(this.id, peer, bytes)
  }

  publish(transactions: readonly Transaction[]): void {
    for (const { txid } of transactions) this.published.add(txid)
    this.ports.chain.offer(transactions)
  }

  /** How an HTLC that it offered ended. One that was given back may be lost upstream; a preimage that was told and never used is a gain. */
  noteOutcome(keyId: string, id: number, outcome: 'fulfilled' | 'returned'): void {
    const name = `${keyId}/${id}`
    const before = this.outcomes.get(name)
    if (before === 'returned' && outcome === 'fulfilled' && !this.manners.restored)
      this.ports.report(`hops: HTLC ${name} of ${this.name} was ${before}, then ${outcome}`)
    this.outcomes.set(name, outcome)
  }

  /** The wallet's coins, as far as they pay for claims. */
  fees(): FeeSource {
    const { chain } = this.ports
    const { scriptPubKey, secretKey } = this.wallet
    return {
      feerate: () => chain.feerate,
      coins: async (purpose, amount) => {
        const taken = new Set(
          [...this.held].flatMap(([other, coins]) =>
            other === purpose ? [] : coins.map(({ outpoint }) => outpointKey(outpoint)),
          ),
        )
        const unspent = chain.coinsOf(scriptPubKey)
        const kept = (this.held.get(purpose) ?? []).filter(({ outpoint }) =>
          unspent.has(outpointKey(outpoint)),
        )
        let sum = kept.reduce((total, { output }) => total + output.value, 0)
        for (const [key, { prevout, value }] of unspent) {
          if (sum >= amount) break
          if (taken.has(key) || kept.some(({ outpoint }) => outpointKey(outpoint) === key)) continue
          if (chain.node.mempool.spender(prevout)) continue
          kept.push({ outpoint: prevout, output: { value: sats(value), scriptPubKey } })
          sum += value
        }
        if (sum < amount) return undefined
        this.held.set(purpose, kept)
        return kept
      },
      sign: async (transaction, coins, spent) => {
        const sighashes = new SighashCache(transaction, packOutputs(spent))
        return coins.map((_, at) => {
          const sighash = sighashes.sighash(spent.length - coins.length + at, SIGHASH_DEFAULT)!
          return [schnorr.sign(sighash, tweakSecretKey(secretKey), new Uint8Array(32))]
        })
      },
      release: (purpose) => {
        this.held.delete(purpose)
      },
    }
  }
}

const COMMITMENT_SIGNED = 132
const REVOKE_AND_ACK = 133

/** A node from its start to its death. */
export class NodeLife {
  readonly node: WorldNode
  isAlive = true
  /** Whether all was read, so that peers may be met. */
  isReady = false
  signer!: ChannelSigner
  manager!: ChannelManager
  monitor!: ChannelMonitor
  invoices!: InvoiceBook
  payments!: PaymentBook
  readonly graph = new ChannelGraph(graphLimits(30))
  towerClient: TowerClient | undefined
  private book!: RecordBook
  private switchboard!: HtlcSwitch
  private follower!: ChainFollower
  private readonly store: FaultyChannelStore
  private readonly records: FaultyRecordStore
  private readonly places = new Map<string, { readonly height: number; readonly id: ShortChannelId }>()
  private readonly cheated = new Set<string>()
  private moving: Promise<void> = Promise.resolve()

  constructor(node: WorldNode) {
    this.node = node
    const { ports, random } = node
    const { time } = ports.chain
    const faults: WriteFaults = {
      dies: () => ports.dies(node),
      wait: () => time.sleep(random.integer(30)),
      survivors: (count) => random.integer(count + 1),
      kill: () => {
        if (node.life !== this) return
        node.kill()
        ports.died(node)
      },
    }
    this.store = new FaultyChannelStore(node.store, faults)
    this.records = new FaultyRecordStore(node.records, faults)
  }

  async start(): Promise<void> {
    const { node, graph } = this
    const { chain, policy, network } = node.ports
    const { time: clock } = chain
    const random = node.random.fork('life')
    const { descriptor } = node.keys.account
    const keeper = new ChannelKeeper({
      records: this.records,
      random,
      account: () => descriptor,
      unattended: true,
    })
    keeper.open(node.keys.root())
    const signer = node.witness.watching(keeper)
    this.signer = signer
    node.id = nodeId(value(await signer.nodeKey()))
    this.book = await RecordBook.open(this.store)
    const { book } = this
    const height = () => node.height
    const channelAt = (id: ShortChannelId) => this.channelAt(id)
    const channels = () => this.channels()
    this.invoices = new InvoiceBook(book, signer, clock, random, ADDRESS_PREFIX)
    this.payments = new PaymentBook({
      signer,
      book,
      clock,
      random,
      graph,
      memory: new LiquidityMemory(clock),
      costs: routingCosts(30),
      height,
      ownChannels: (amount) => this.ownChannels(amount),
      channelAt,
      channels,
    })
    this.switchboard = new HtlcSwitch({
      signer,
      book,
      clock,
      policy,
      accepted: () => [{ ...FEES, cltvExpiryDelta: policy.expiryDelta }],
      invoices: this.invoices,
      payments: this.payments,
      height,
      channelAt,
      channelOf: (keyId) => this.channelOf(keyId),
      channels,
      preimageLearnt: () => this.monitor.act(),
      failed: (error) => this.failed(error),
    })
    this.manager = new ChannelManager({
      signer,
      store: book.channels,
      random,
      policy,
      chainHash: chain.chainHash,
      height,
      send: (peer, message) => {
        if (this.isAlive) node.say(peer as NodeId, message)
      },
      disconnect: (peer) => {
        if (this.isAlive) network.cut(node.id, peer as NodeId)
      },
      welcome: async () => ok(node.payout),
      onEvent: (channel, event) => this.onEvent(channel, event),
    })
    const { chain: headers } = chain.node
    const genesis = { hash: headers.headers.hash(0), height: 0 }
    this.monitor = new ChannelMonitor(
      {
        signer,
        fees: node.fees(),
        channel: (keyId) => this.channelOf(keyId)?.state,
        revoked: async (keyId, number) => {
          const text = await this.store.revoked(keyId, number)
          return text === undefined ? undefined : decodeCommitment(text)
        },
        preimageOf: (hash) => this.switchboard.preimageOf(hash),
        publish: (transactions) => {
          if (this.isAlive && node.asleepSince === undefined) node.publish(transactions)
        },
        onEvent: (keyId, event) => this.onMonitorEvent(keyId, event),
      },
      genesis,
    )
    const { monitor } = this
    this.follower = new ChainFollower(
      headers,
      {
        get tip() {
          return monitor.tip
        },
        hasBacklog: false,
        connectBlock: (block, at) => monitor.connectBlock(block, at),
        passBlock: (place) => monitor.passBlock(place),
        disconnectTo: (place) => monitor.disconnectTo(place),
        scripts: () => monitor.scripts(),
        advanced: () => {},
        arrived: () => this.arrived(),
        readBacklog: async () => true,
        failed: (error) => this.failed(error),
      },
      locatorOf(headers, genesis),
    )
    await this.manager.start()
    if (!this.isAlive) return
    for (const channel of this.channels())
      if (this.wasNeverFunded(channel)) await this.manager.forget(channel)
    const oldest = Math.min(node.height, ...this.channels().map(({ state }) => state.madeAt - MARGIN))
    const place = headers.activeAt(Math.max(0, oldest))
    monitor.tip = { hash: headers.headers.hash(place), height: headers.headers.height(place) }
    this.watchAll()
    this.follower.advance()
    await this.follower.settled()
    await this.moving
    if (!this.isAlive) return
    node.ports.announcedTo(graph)
    this.payments.resume()
    this.towerClient = await node.ports.tower?.clientOf({
      name: node.name,
      book,
      signer,
      store: this.store,
      random,
      channels: () => this.channels(),
      failed: (error) => this.failed(error),
    })
    if (!this.isAlive) return
    if (node.asleepSince === undefined) this.towerClient?.connected()
    this.isReady = true
  }

  /** At this instant. */
  end(): void {
    this.isAlive = false
    this.isReady = false
    void this.store.die()
    this.records.dead = true
    this.switchboard?.close()
    void this.towerClient?.close()
    void this.follower?.close()
  }

  /** Follows the chain to where it stands. */
  follow(): void {
    if (!this.isAlive || !this.follower) return
    this.watchAll()
    this.follower.advance()
  }

  /** A transaction waits for a block. */
  sighted(transaction: Transaction): void {
    if (this.isReady) this.monitor.sighted(transaction)
  }

  channels(): Channel[] {
    return [...(this.manager?.channels.values() ?? [])]
  }

  channelOf(keyId: string): Channel | undefined {
    return this.channels().find(({ state }) => state.contract.keyId === keyId)
  }

  placeOf({ contract }: ChannelState): ShortChannelId | undefined {
    return this.places.get(contract.keyId)?.id
  }

  private channelAt(id: ShortChannelId): Channel | undefined {
    return this.channels().find(({ state }) => this.placeOf(state) === id)
  }

  /** Undefined while nothing at all is due. */
  async settled(): Promise<void> {
    await this.moving
    await this.monitor.settled()
  }

  ownChannels(amount: Msat): OwnChannel[] {
    return this.channels().flatMap(({ state }) => {
      const id = this.placeOf(state)
      if (
        id === undefined ||
        state.status !== 'open' ||
        !isOperating(state) ||
        state.connection !== 'connected'
      )
        return []
      const { htlcMinimum, maxHtlcValueInFlight } = state.counterpartyLimits
      return {
        shortChannelId: id,
        peer: state.peer as NodeId,
        sendable: sendable(state, amount),
        htlcMinimum,
        htlcMaximum: maxHtlcValueInFlight,
      }
    })
  }

  /** Opens a channel, paid for by a coin of the wallet. */
  async open(peer: NodeId, amount: number, push: number): Promise<void> {
    const { node, manager } = this
    const { chain } = node.ports
    const coin = [...chain.coinsOf(node.wallet.scriptPubKey).values()].find(
      ({ prevout, value }) => value > amount + 1_000 && !chain.node.mempool.spender(prevout),
    )
    if (!coin) return
    const toFund = await manager.open({
      peer,
      fundingAmount: sats(amount),
      pushAmount: msat(push),
      announced: true,
      payout: node.payout,
    })
    if (!toFund.ok || !this.isAlive) return
    const { temporaryChannelId, script } = toFund.value
    const transaction = node.wallet.pay([coin], script, amount, 1_000)
    const output = transaction.outputs.findIndex(({ scriptPubKey }) => equalBytes(scriptPubKey, script))
    const { txid, bytes } = transaction
    const founded = await manager.fund(temporaryChannelId, { txid, output, transaction: bytes })
    if (!founded.ok || !this.isAlive) return
    node.funded.add(txid)
    node.ports.gifts.set(txid, push)
    node.publish([transaction])
  }

  /** Asks for a payment. Undefined where the node died meanwhile. */
  async invoice(amount: number, label: string): Promise<Invoice | undefined> {
    const made = await this.invoices.create({
      amount: msat(amount),
      label,
      description: label,
      expiry: 604_800,
      minFinalCltvExpiryDelta: this.node.ports.policy.claimMargin + this.node.ports.policy.expiryGrace,
      routeHints: [],
    })
    return made.ok && this.isAlive ? value(decodeInvoice(made.value.text!, ADDRESS_PREFIX)) : undefined
  }

  pay(invoice: Invoice, payee: NodeId, maxShadow: number): void {
    const { policy } = this.node.ports
    const amount = invoice.amount!
    void this.payments.pay(
      {
        payer: this.node.id,
        payee,
        amount,
        paymentHash: invoice.paymentHash,
        paymentSecret: invoice.paymentSecret,
        minFinalCltvExpiryDelta: invoice.minFinalCltvExpiryDelta,
        hints: [],
        maxFee: msat(20_000 + Math.floor(amount / 100)),
        maxCltvExpiryDelta: policy.maxToSelfDelay,
        maxParts: 8,
        maxFailures: 10,
        maxShadow,
      },
      { text: bytesToHex(invoice.paymentHash) },
    )
  }

  /** Pays a node that asked for nothing. */
  keysend(payee: NodeId, amount: number, preimage: Uint8Array): void {
    const { policy } = this.node.ports
    void this.payments.pay({
      payer: this.node.id,
      payee,
      amount: msat(amount),
      paymentHash: sha256(preimage),
      preimage,
      minFinalCltvExpiryDelta: policy.claimMargin + policy.expiryGrace,
      hints: [],
      maxFee: msat(20_000 + Math.floor(amount / 100)),
      maxCltvExpiryDelta: policy.maxToSelfDelay,
      maxParts: 1,
      maxFailures: 10,
      maxShadow: 0,
    })
  }

  private wasNeverFunded({ state }: Channel): boolean {
    const { contract, status, fundingHeight } = state
    return (
      contract.holderIsFunder &&
      status === 'funding' &&
      fundingHeight === undefined &&
      !this.node.funded.has(contract.fundingTxid)
    )
  }

  private watchAll(): void {
    for (const { state } of this.channels()) this.monitor.watch(state.contract.keyId)
  }

  private onEvent(channel: Channel, event: DriverEvent): void {
    if (!this.isAlive) return
    const { node } = this
    const { keyId } = channel.state.contract
    const terms =
      'terms' in event ? `${event.terms.id} ${bytesToHex(event.terms.paymentHash).slice(0, 12)}` : ''
    node.ports.log(`${node.name} ${keyId} ${event.kind} ${terms}${'text' in event ? event.text : ''}`)
    switch (event.kind) {
      case 'htlc-received':
        if (!node.manners.withholding) this.switchboard.onEvent(channel, event)
        return
      case 'htlc-fulfilled':
        node.noteOutcome(keyId, event.terms.id, 'fulfilled')
        if (!node.manners.withholding) this.switchboard.onEvent(channel, event)
        return
      case 'htlc-failed':
        node.noteOutcome(keyId, event.terms.id, 'returned')
        this.switchboard.onEvent(channel, event)
        return
      case 'publish': {
        const transaction = value(decodeTransaction(event.transaction))
        node.publish([transaction])
        return
      }
      case 'publish-commitment': {
        const transaction = value(decodeTransaction(event.transaction))
        // Told again at the start, before all are watched.
        this.monitor.watch(keyId)
        this.monitor.publishCommitment(keyId, transaction, event.commitment)
        return
      }
      case 'abandoned':
        this.monitor.unwatch(keyId)
        return
      case 'revoked':
        this.towerClient?.wake()
        return
      case 'stale':
        // Whoever was not put back to an old copy has said nothing that it does not remember.
        if (!node.manners.restored)
          node.ports.report(`durable: ${node.name} runs on an old state. ${event.text}`)
        return
      case 'halted':
        this.failed(event.error)
    }
  }

  private onMonitorEvent(keyId: string, event: MonitorEvent): void {
    const channel = this.channelOf(keyId)
    if (!channel || !this.isAlive) return
    this.node.ports.log(
      `${this.node.name} ${keyId} on the chain: ${event.kind}${'htlc' in event ? ` ${event.htlc.id}` : ''}${'by' in event ? ` by ${event.by}` : ''}${'text' in event ? ` ${event.text}` : ''}`,
    )
    if (event.kind === 'closed' && event.by === 'revoked') this.cheated.add(keyId)
    else if (event.kind === 'preimage') {
      // A thief may show that of an HTLC which was given back since: all of the channel is the victim's.
      if (!this.cheated.has(keyId)) this.node.noteOutcome(keyId, event.htlc.id, 'fulfilled')
      if (!this.node.manners.withholding) this.switchboard.preimageShown(channel, event.htlc, event.preimage)
    } else if (event.kind === 'htlc-returned') {
      this.node.noteOutcome(keyId, event.htlc.id, 'returned')
      this.switchboard.returned(channel, event.htlc)
    } else if (event.kind === 'resolved') {
      this.monitor.unwatch(keyId)
      void (this.towerClient?.channelEnded(keyId) ?? Promise.resolve())
        .then(() => this.manager.forget(channel))
        .catch((error: unknown) => this.failed(error))
    }
  }

  private arrived(): void {
    this.moving = this.moving
      .then(async () => {
        if (!this.isAlive) return
        this.findPlaces()
        await this.manager.chainMoved(({ state }) => this.monitor.viewOf(state.contract.keyId))
        this.switchboard.blockConnected()
        this.monitor.arrived()
      })
      .catch((error: unknown) => this.failed(error))
  }

  private findPlaces(): void {
    const { chain } = this.node.ports
    for (const { state } of this.channels()) {
      const { keyId, fundingTxid, fundingOutput: output } = state.contract
      const { fundingHeight: height } = this.monitor.viewOf(keyId)
      if (this.places.get(keyId)?.height === height) continue
      this.places.delete(keyId)
      const block = height === undefined ? undefined : chain.blockAt(height)
      const position = block?.block.transactions.findIndex(({ txid }) => txid === fundingTxid) ?? -1
      if (height !== undefined && position >= 0)
        this.places.set(keyId, { height, id: shortChannelId({ height, position, output }) })
    }
  }

  private failed(error: unknown): void {
    if (this.isAlive) this.node.ports.report(`fault: ${this.node.name}: ${(error as Error)?.stack ?? error}`)
  }
}

/** Blocks below the oldest channel at which the monitor begins. */
const MARGIN = 144

/** What can be offered in one HTLC now, up to `amount`. */
function sendable(state: ChannelState, amount: Msat): Msat {
  const most = Math.min(amount, balanceOf(state).holder)
  const allows = (value: number) =>
    value > 0 &&
    checkOffer(state, {
      offered: true,
      id: state.nextHolderHtlc,
      amount: msat(value),
      paymentHash: new Uint8Array(32),
      expiry: state.height + 1,
      onion: new Uint8Array(0),
    }).ok
  if (allows(most)) return msat(most)
  let [least, beyond] = [0, most]
  while (beyond - least > 1) {
    const middle = least + Math.floor((beyond - least) / 2)
    if (allows(middle)) least = middle
    else beyond = middle
  }
  return msat(least)
}
