/**
 * The channels of a wallet, composed: its manager and their state machines, the links to peers, the switch of HTLCs, invoices and payments, the monitor
 * that follows the chain, and the wallet that funds them and gets their money back. A part of the program of its own, since a tab joins without it.
 * Thread: the brain.
 */
import { ChainFollower, locatorOf } from '../chain/follower.ts'
import { NO_HEADER } from '../chain/header-tree.ts'
import { type Msat, msat, satsToMsat } from '../channels/amount.ts'
import type { Channel, DriverEvent } from '../channels/channel.ts'
import { ChannelManager } from '../channels/channel-manager.ts'
import {
  type ChannelUpdate,
  checkChannelUpdate,
  decodeGossip,
  encodeGossip,
  gossipHash,
  type NodeId,
  nodeId,
} from '../channels/gossip.ts'
import { ChannelGraph, type ForwardingPolicy, graphLimits } from '../channels/graph.ts'
import { HtlcSwitch } from '../channels/htlc-switch.ts'
import type { RouteHint } from '../channels/invoice.ts'
import { InvoiceBook } from '../channels/invoice-book.ts'
import { checkOffer } from '../channels/limits.ts'
import { LiquidityMemory } from '../channels/liquidity.ts'
import { ChannelMonitor, type MonitorEvent } from '../channels/monitor.ts'
import { PaymentBook } from '../channels/payment-book.ts'
import { type ChannelPolicy, channelPolicy } from '../channels/policy.ts'
import type { ChannelSigner, ChannelStore, Payout } from '../channels/ports.ts'
import { RecordBook } from '../channels/record-book.ts'
import { decodeCommitment, fromText, toText } from '../channels/records.ts'
import { directionBetween, type OwnChannel, routingCosts } from '../channels/router.ts'
import { type ShortChannelId, shortChannelId } from '../channels/short-channel-id.ts'
import { balanceOf, type ChannelState, isOperating } from '../channels/state.ts'
import type { HtlcTerms } from '../channels/updates.ts'
import type { Sats } from '../primitives/amount.ts'
import { hexToBytes } from '../primitives/bytes.ts'
import { notNow, ok, type Result } from '../primitives/result.ts'
import { decodeTransaction, type Transaction } from '../primitives/transaction.ts'
import { addressOf, decodeAddress } from '../script/address.ts'
import { Psbt } from '../wallet/psbt.ts'
import type { Wallet } from '../wallet/wallet.ts'
import { WalletFees } from './channel-fees.ts'
import { ChannelLinks } from './channel-links.ts'
import type { NodeCore } from './node-core.ts'
import { pay } from './payments.ts'

/** What the channels of a wallet need beside the node. */
export interface ChannelsPorts {
  readonly store: ChannelStore
  readonly signer: ChannelSigner
  /** Name of the wallet. */
  readonly wallet: string
}

/** What this node asks for passing payments on: that which Core Lightning asks. */
const FEES = { feeBase: msat(1000), feeProportionalMillionths: 10 }
/** Blocks below the oldest channel at which the monitor begins: no reorganisation that the chain survives is deeper. */
const MONITOR_MARGIN = 144

const NODE_RECORD = 'self'
const PAYOUT_RECORD = 'payout'

/** A channel that was opened. */
export interface OpenedChannel {
  readonly channel: Channel
  readonly transaction: Transaction
  readonly output: number
}

export class Channels {
  readonly self: NodeId
  readonly graph: ChannelGraph
  readonly invoices: InvoiceBook
  readonly payments: PaymentBook
  readonly manager: ChannelManager
  readonly monitor: ChannelMonitor
  readonly policy: ChannelPolicy
  readonly forwarding: ForwardingPolicy
  readonly memory: LiquidityMemory
  readonly wallet: Wallet
  /** Undefined until all was read. */
  private joined: ChannelLinks | undefined
  private readonly node: NodeCore
  private readonly ports: ChannelsPorts
  private readonly book: RecordBook
  private readonly switchboard: HtlcSwitch
  private readonly follower: ChainFollower
  /** Where on the chain each was funded, by `keyId`. */
  private readonly places = new Map<string, { readonly height: number; readonly id: ShortChannelId }>()
  /** What the other side of a channel asks for passing on to us, by `keyId`. */
  private readonly peerUpdates = new Map<string, ChannelUpdate>()
  private readonly unsubscribe: (() => void)[] = []
  private readonly chainHash: Uint8Array
  private moving: Promise<void> = Promise.resolve()
  private readonly offering = new Set<Promise<unknown>>()
  private isClosed = false

  /**
   * Takes up what the store holds, meets the peers and follows the chain. Rejects where the wallet's keys were never unlocked here: nobody knows then who
   * the node is. Throws where storage fails, or holds what this program did not write.
   */
  static async open(node: NodeCore, ports: ChannelsPorts): Promise<Result<Channels>> {
    const wallet = (await node.openWallets()).get(ports.wallet)
    if (!wallet) return notNow('wallet-unknown', 'The wallet of the channels is not loaded. Load it first.')
    await wallet.settled()
    const book = await RecordBook.open(ports.store)
    let self = book.get(NODE_RECORD)
    if (self === undefined) {
      const key = await ports.signer.nodeKey()
      if (!key.ok) return key
      self = nodeId(key.value)
      await book.set(NODE_RECORD, self)
    }
    const channels = new Channels(node, ports, wallet, book, self as NodeId)
    await channels.start()
    return ok(channels)
  }

  private constructor(node: NodeCore, ports: ChannelsPorts, wallet: Wallet, book: RecordBook, self: NodeId) {
    const { chain, params, random, clock } = node
    const { signer } = ports
    this.node = node
    this.ports = ports
    this.wallet = wallet
    this.book = book
    this.self = self
    this.chainHash = chain.genesis.header.hashBytes
    this.policy = channelPolicy(params)
    this.forwarding = { ...FEES, cltvExpiryDelta: this.policy.expiryDelta }
    this.graph = new ChannelGraph(graphLimits(params.targetSpacing))
    this.memory = new LiquidityMemory(clock)
    this.invoices = new InvoiceBook(book, signer, clock, random, params.addressPrefix)
    const height = () => this.height
    const channelAt = (id: ShortChannelId) => this.channelAt(id)
    const channels = () => this.all()
    this.payments = new PaymentBook({
      book,
      clock,
      random,
      graph: this.graph,
      memory: this.memory,
      costs: routingCosts(params.targetSpacing),
      height,
      ownChannels: (amount) => this.ownChannels(amount),
      channelAt,
      channels,
    })
    this.switchboard = new HtlcSwitch({
      signer,
      book,
      clock,
      policy: this.policy,
      forwarding: this.forwarding,
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
      policy: this.policy,
      chainHash: this.chainHash,
      height,
      // Nobody is met before all was read.
      send: (peer, message) => this.joined?.send(peer as NodeId, message),
      disconnect: (peer) => this.joined?.disconnect(peer as NodeId),
      welcome: () => this.payout(),
      onEvent: (channel, event) => this.onEvent(channel, event),
    })
    const tip = { hash: chain.headers.hash(chain.tip), height: chain.headers.height(chain.tip) }
    this.monitor = new ChannelMonitor(
      {
        signer,
        fees: new WalletFees(wallet, node.mempool),
        channel: (keyId) => this.channelOf(keyId)?.state,
        revoked: async (keyId, number) => {
          const text = await ports.store.revoked(keyId, number)
          return text === undefined ? undefined : decodeCommitment(text)
        },
        preimageOf: (hash) => this.switchboard.preimageOf(hash),
        publish: (transactions) => this.publish(transactions),
        onEvent: (keyId, event) => this.onMonitorEvent(keyId, event),
      },
      tip,
    )
    const { monitor } = this
    this.follower = new ChainFollower(
      chain,
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
      locatorOf(chain, tip),
    )
  }

  private async start(): Promise<void> {
    const { chain, mempool, peers } = this.node
    await this.manager.start()
    for (const channel of this.all()) if (this.wasNeverFunded(channel)) await this.manager.forget(channel)
    // Before the funding of the oldest one.
    const oldest = Math.min(this.height, ...this.all().map(({ state }) => state.madeAt - MONITOR_MARGIN))
    const place = chain.activeAt(Math.max(0, oldest))
    this.monitor.tip = { hash: chain.headers.hash(place), height: chain.headers.height(place) }
    this.watchAll()
    this.unsubscribe.push(
      chain.subscribe({
        tipChanged: (change) => {
          // Those that others opened, too, before the block that may fund them is read.
          this.watchAll()
          this.follower.tipChanged(change)
        },
      }),
      mempool.subscribe({ added: ({ transaction }) => this.monitor.sighted(transaction) }),
      this.wallet.signer.onChange(({ state }) => {
        if (state === 'unlocked') this.signerReturned()
      }),
    )
    this.follower.advance()
    await this.follower.settled()
    await this.moving
    this.payments.resume()
    peers.join(
      ChannelLinks.maker(
        {
          signer: this.ports.signer,
          chainHash: this.chainHash,
          self: this.node.self,
          connected: (peer) => this.connected(peer),
          disconnected: (peer) => this.manager.peerDisconnected(peer),
          receive: (peer, message) => this.manager.receive(peer, message),
          gossip: (peer, _type, message) => this.takeGossip(peer, message),
        },
        (links) => {
          this.joined = links
        },
      ),
    )
  }

  /** Takes in nothing more; what was acknowledged is durable. */
  async close(): Promise<void> {
    this.isClosed = true
    for (const end of this.unsubscribe) end()
    this.switchboard.close()
    await this.settled()
    await this.follower.close()
  }

  /** Resolves when all that was taken in is dealt with, as far as nobody else is waited for. */
  async settled(): Promise<void> {
    await this.moving
    await this.switchboard.settled()
    await Promise.all(this.all().map((channel) => channel.whenIdle()))
    await Promise.all(this.offering)
    await this.monitor.settled()
    await this.book.written()
  }

  get links(): ChannelLinks {
    if (!this.joined) throw new Error('The channels were asked for their peers before they had any')
    return this.joined
  }

  get height(): number {
    const { headers, tip } = this.node.chain
    return headers.height(tip)
  }

  all(): Channel[] {
    return [...this.manager.channels.values()]
  }

  channelOf(keyId: string): Channel | undefined {
    return this.all().find(({ state }) => state.contract.keyId === keyId)
  }

  /** Undefined until its funding is in a block. */
  placeOf({ contract }: ChannelState): ShortChannelId | undefined {
    return this.places.get(contract.keyId)?.id
  }

  channelAt(id: ShortChannelId): Channel | undefined {
    return this.all().find(({ state }) => this.placeOf(state) === id)
  }

  /** What can be offered now by each channel, in one HTLC, as far as `amount` asks. */
  ownChannels(amount: Msat): OwnChannel[] {
    return this.all().flatMap(({ state }) => {
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

  /**
   * Opens a channel and pays for it from the wallet. `feeRate`: of the funding, satoshis for 1,000 virtual bytes. Rejects as `ChannelManager.open` and
   * `fund` do, and as paying does: then nothing was paid, and the channel is forgotten.
   */
  async openChannel(request: {
    readonly peer: NodeId
    readonly amount: Sats
    readonly pushAmount: Msat
    readonly announced: boolean
    readonly feeRate: number
  }): Promise<Result<OpenedChannel>> {
    const { peer, amount, pushAmount, announced, feeRate } = request
    const { manager, wallet, node } = this
    const payout = await this.payout()
    if (!payout.ok) return payout
    const toFund = await manager.open({
      peer,
      fundingAmount: amount,
      pushAmount,
      announced,
      payout: payout.value,
    })
    if (!toFund.ok) return toFund
    const { temporaryChannelId, script } = toFund.value
    const address = addressOf(script, node.params.addressPrefix)!
    const plan = await wallet.createPayment({ recipients: [{ address, amount }], feeRate })
    if (!plan.ok) {
      manager.abandon(temporaryChannelId)
      return plan
    }
    const psbt = Psbt.parse(plan.value.psbt)
    if (!psbt.ok) throw new Error(psbt.detail)
    const { unsigned } = psbt.value
    const output = unsigned.outputs.findIndex(
      ({ scriptPubKey }) => addressOf(scriptPubKey, node.params.addressPrefix) === address,
    )
    // The signer signs for the wallet only once the other side has signed what brings the money back; the id is known before.
    const founded = await manager.fund(temporaryChannelId, {
      txid: unsigned.txid,
      output,
      transaction: unsigned.bytes,
    })
    if (!founded.ok) return founded
    const channel = founded.value
    const paid = await pay(node, wallet, plan.value)
    if (paid.ok) return ok({ channel, transaction: paid.value, output })
    this.monitor.unwatch(channel.state.contract.keyId)
    await manager.forget(channel)
    return paid
  }

  /** Ways to this node over its channels, for invoices: none of them is announced. */
  routeHints(): RouteHint[][] {
    return this.all().flatMap(({ state }) => {
      const id = this.placeOf(state)
      const update = this.peerUpdates.get(state.contract.keyId)
      if (id === undefined || !update || state.status !== 'open') return []
      const { feeBase, feeProportionalMillionths, cltvExpiryDelta } = update
      return [
        [
          {
            nodeId: hexToBytes(state.peer),
            shortChannelId: id,
            feeBase,
            feeProportionalMillionths,
            cltvExpiryDelta,
          },
        ],
      ]
    })
  }

  /** Where money of channels goes in the end. The same place until a channel is open with it: who opens many has no more of them. */
  private async payout(): Promise<Result<Payout>> {
    const stored = this.book.get(PAYOUT_RECORD)
    if (stored !== undefined) return ok(fromText(stored) as Payout)
    const address = await this.wallet.newChangeAddress()
    if (!address.ok) return address
    const script = decodeAddress(address.value, this.node.params.addressPrefix)
    if (!script.ok) return script
    const { key } = this.wallet.addressInfo(script.value)
    if (!key) throw new Error('The wallet does not know the address that it gave')
    const payout: Payout = { branch: key.branch, index: key.index, script: script.value }
    await this.book.set(PAYOUT_RECORD, toText(payout))
    return ok(payout)
  }

  /** Killed between the agreement on a channel and its payment. */
  private wasNeverFunded({ state }: Channel): boolean {
    const { contract, status, fundingHeight } = state
    return (
      contract.holderIsFunder &&
      status === 'funding' &&
      fundingHeight === undefined &&
      this.wallet.transaction(contract.fundingTxid) === undefined
    )
  }

  private watchAll(): void {
    for (const { state } of this.all()) this.monitor.watch(state.contract.keyId)
  }

  private connected(peer: NodeId): void {
    this.manager.peerConnected(peer)
    for (const { state } of this.all()) if (state.peer === peer) void this.tellUpdate(state)
  }

  private signerReturned(): void {
    this.joined?.signerReturned()
    this.manager.signerReturned()
    this.switchboard.resume()
    this.monitor.act()
  }

  private onEvent(channel: Channel, event: DriverEvent): void {
    if (this.isClosed) return
    const { state } = channel
    const { keyId, payout } = state.contract
    switch (event.kind) {
      case 'htlc-received':
      case 'htlc-fulfilled':
      case 'htlc-failed':
        this.switchboard.onEvent(channel, event)
        return
      case 'opened':
        // The next channel has another.
        if (this.book.get(PAYOUT_RECORD) === toText(payout)) void this.book.set(PAYOUT_RECORD, undefined)
        void this.tellUpdate(state)
        return
      case 'publish':
        // The wallet sends what it pays itself.
        if (event.what === 'closing') this.publishBytes(event.transaction)
        return
      case 'publish-commitment': {
        const transaction = decodeTransaction(event.transaction)
        // Told again at the start, before all are watched.
        this.monitor.watch(keyId)
        if (transaction.ok) this.monitor.publishCommitment(keyId, transaction.value, event.commitment)
        return
      }
      case 'abandoned':
        this.monitor.unwatch(keyId)
        return
      case 'halted':
        this.failed(event.error)
    }
  }

  private onMonitorEvent(keyId: string, event: MonitorEvent): void {
    const channel = this.channelOf(keyId)
    if (!channel || this.isClosed) return
    if (event.kind === 'preimage') this.switchboard.preimageShown(channel, event.htlc, event.preimage)
    else if (event.kind === 'htlc-returned') this.switchboard.returned(channel, event.htlc)
    else if (event.kind === 'resolved') {
      this.monitor.unwatch(keyId)
      void this.manager.forget(channel).catch((error: unknown) => this.failed(error))
    }
  }

  /** The monitor stands at the tip. */
  private arrived(): void {
    this.moving = this.moving
      .then(async () => {
        await this.findPlaces()
        await this.manager.chainMoved(({ state }) => this.monitor.viewOf(state.contract.keyId))
        this.switchboard.blockConnected()
        this.monitor.arrived()
      })
      .catch((error: unknown) => this.failed(error))
  }

  private async findPlaces(): Promise<void> {
    const { chain } = this.node
    for (const { state } of this.all()) {
      const { keyId, fundingTxid, fundingOutput: output } = state.contract
      const { fundingHeight: height } = this.monitor.viewOf(keyId)
      if (this.places.get(keyId)?.height === height) continue
      this.places.delete(keyId)
      const index = height === undefined ? NO_HEADER : chain.activeAt(height)
      const block = index === NO_HEADER ? undefined : await chain.readBlock(index)
      const position = block?.transactions.findIndex(({ txid }) => txid === fundingTxid) ?? -1
      if (height !== undefined && position >= 0)
        this.places.set(keyId, { height, id: shortChannelId({ height, position, output }) })
    }
  }

  /** Tells the other side of a channel what this node asks for passing on by it (BOLT 7, for channels that are not announced). */
  private async tellUpdate(state: ChannelState): Promise<void> {
    const id = this.placeOf(state)
    if (id === undefined || !state.readySent) return
    const { forwarding, chainHash, height, self } = this
    const update: ChannelUpdate = {
      type: 'channel_update_2',
      chainHash,
      shortChannelId: id,
      blockHeight: height,
      disabled: false,
      direction: directionBetween(self, state.peer as NodeId),
      ...forwarding,
      htlcMinimum: state.counterpartyLimits.htlcMinimum,
      htlcMaximum: msat(
        Math.min(state.counterpartyLimits.maxHtlcValueInFlight, satsToMsat(state.contract.fundingAmount)),
      ),
    }
    const signature = await this.ports.signer.signNode(gossipHash(update))
    if (signature.ok)
      this.joined?.send(state.peer as NodeId, encodeGossip(update, [signature.value.subarray(0, 64)]))
  }

  /** Updates of own channels; others are not passed on, since nobody announces. */
  private takeGossip(peer: NodeId, message: Uint8Array): void {
    const decoded = decodeGossip(message)
    if (!decoded.ok || decoded.value.message.type !== 'channel_update_2') return
    const update = decoded.value.message
    const channel = this.channelAt(update.shortChannelId)
    if (!channel || channel.state.peer !== peer) return
    const { self, chainHash, height } = this
    const nodeIds = self < peer ? ([self, peer] as const) : ([peer, self] as const)
    if (nodeIds[update.direction] !== peer) return
    const announcement = {
      type: 'channel_announcement_2' as const,
      chainHash,
      features: 0n,
      shortChannelId: update.shortChannelId,
      capacity: channel.state.contract.fundingAmount,
      nodeIds,
      fundingKeys: [new Uint8Array(33), new Uint8Array(33)] as const,
    }
    const checked = checkChannelUpdate({ ...decoded.value, message: update }, announcement, {
      chainHash,
      height,
    })
    if (checked.ok) this.peerUpdates.set(channel.state.contract.keyId, update)
  }

  private publishBytes(bytes: Uint8Array): void {
    const transaction = decodeTransaction(bytes)
    if (transaction.ok) this.publish([transaction.value])
  }

  /** What the mempool refuses is offered again at the next block. */
  private publish(transactions: readonly Transaction[]): void {
    const offering: Promise<unknown> = this.offer(transactions)
      .catch((error: unknown) => this.failed(error))
      .finally(() => this.offering.delete(offering))
    this.offering.add(offering)
  }

  private async offer(transactions: readonly Transaction[]): Promise<void> {
    for (const transaction of transactions)
      if (!this.isClosed && !this.node.mempool.has(transaction.txid))
        await this.node.submitTransaction(transaction)
  }

  private failed(error: unknown): void {
    if (!this.isClosed) this.node.channelsFailed(error)
  }
}

/** What can be offered in one HTLC now, up to `amount`. */
function sendable(state: ChannelState, amount: Msat): Msat {
  const { holder } = balanceOf(state)
  const allows = (value: number) => value > 0 && checkOffer(state, trial(state, msat(value))).ok
  const most = Math.min(amount, holder)
  if (allows(most)) return msat(most)
  let [least, beyond] = [0, most]
  while (beyond - least > 1) {
    const middle = least + Math.floor((beyond - least) / 2)
    if (allows(middle)) least = middle
    else beyond = middle
  }
  return msat(least)
}

function trial({ height, nextHolderHtlc }: ChannelState, amount: Msat): HtlcTerms {
  return {
    offered: true,
    id: nextHolderHtlc,
    amount,
    paymentHash: new Uint8Array(32),
    expiry: height + 1,
    onion: new Uint8Array(0),
  }
}
