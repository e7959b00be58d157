/**
 * The channels of a wallet, composed: its manager and their state machines, the links to peers, the switch of HTLCs, invoices and payments, the monitor
 * that follows the chain, and the wallet that funds them and gets their money back. A part of the program of its own, since a tab joins without it.
 * Thread: the brain.
 */

import { base58 } from '@scure/base'
import type { TipChange } from '../chain/chainstate.ts'
import { ChainFollower, locatorOf } from '../chain/follower.ts'
import { NO_HEADER } from '../chain/header-tree.ts'
import { type Msat, msat, satsToMsat } from '../channels/amount.ts'
import type { Channel, DriverEvent } from '../channels/channel.ts'
import { ChannelManager } from '../channels/channel-manager.ts'
import { ForwardingBook, type ForwardingFees } from '../channels/forwarding-book.ts'
import { type ChannelUpdate, decodeGossip, type Gossip, type NodeId, nodeId } from '../channels/gossip.ts'
import { GossipSync } from '../channels/gossip-sync.ts'
import { ChannelGraph, graphLimits } from '../channels/graph.ts'
import { HtlcSwitch } from '../channels/htlc-switch.ts'
import { NODE_FEATURES } from '../channels/init.ts'
import type { RouteHint } from '../channels/invoice.ts'
import { InvoiceBook } from '../channels/invoice-book.ts'
import { sendable } from '../channels/limits.ts'
import { LiquidityMemory } from '../channels/liquidity.ts'
import { type ChannelId, encodeMessage } from '../channels/messages.ts'
import { ChannelMonitor, type MonitorEvent } from '../channels/monitor.ts'
import { OwnGossip, type OwnGossipTimes } from '../channels/own-gossip.ts'
import { PaymentBook } from '../channels/payment-book.ts'
import { type ChannelPolicy, channelPolicy } from '../channels/policy.ts'
import type { ChannelSigner, ChannelStore, Payout, StateKeeper } from '../channels/ports.ts'
import { RecordBook } from '../channels/record-book.ts'
import { decodeCommitment, fromText, toText } from '../channels/records.ts'
import { type OwnChannel, routingCosts } from '../channels/router.ts'
import { type ShortChannelId, shortChannelId } from '../channels/short-channel-id.ts'
import { balanceOf, type ChannelState, isOperating } from '../channels/state.ts'
import type { TowerLimits, TowerStore } from '../channels/tower.ts'
import type { HtlcTerms } from '../channels/updates.ts'
import type { PeerId } from '../network/transport.ts'
import type { Sats } from '../primitives/amount.ts'
import { bytesToHex, equalBytes, hexToBytes } from '../primitives/bytes.ts'
import { type Txid, toDisplay } from '../primitives/hashes.ts'
import { notNow, ok, type Result } from '../primitives/result.ts'
import { decodeTransaction, type Transaction } from '../primitives/transaction.ts'
import { addressOf, decodeAddress } from '../script/address.ts'
import { Psbt } from '../wallet/psbt.ts'
import type { Wallet } from '../wallet/wallet.ts'
import { WalletFees } from './channel-fees.ts'
import { ChannelLinks } from './channel-links.ts'
import { type StateName, stateName } from './channel-words.ts'
import type { ChannelEvent } from './events.ts'
import { ChainFundingOutputs } from './funding-outputs.ts'
import { claimLostShares, findLostShares, type LostShare, type StaticBackup } from './lost-channels.ts'
import { MessageFaults } from './message-faults.ts'
import type { NodeCore } from './node-core.ts'
import { pay } from './payments.ts'
import { Towers } from './towers.ts'

/** What the channels of a wallet need beside the node. */
export interface ChannelsPorts {
  readonly store: ChannelStore
  readonly signer: ChannelSigner & StateKeeper
  /** Name of the wallet. */
  readonly wallet: string
  /** What it keeps as a watchtower of others, and how much at most. */
  readonly towerStore: TowerStore
  readonly towerLimits?: TowerLimits
}

/** What this node asks for passing payments on: that which Core Lightning asks. */
const FEES = { feeBase: msat(1000), feeProportionalMillionths: 10 }
/** Blocks below the oldest channel at which the monitor begins: no reorganisation that the chain survives is deeper. */
const MONITOR_MARGIN = 144

const NODE_RECORD = 'self'
const PAYOUT_RECORD = 'payout'
/** Channel ids of lost channels; each record holds the peer. */
const LOST_PREFIX = 'lost/'
/** Blocks within which a claim of lost shares is to be mined: nothing waits for it. */
const RECOVERY_TARGET = 6
/** Of a node that there is a channel with: the tab by which it was last heard. */
const PEER_PREFIX = 'peer/'
/** Nodes whose tabs go before others, those with most of our money: a stranger's small channels buy no places. */
const MAX_PARTNERS = 8
const ALIAS_RECORD = 'alias'

/** Seconds that a peer may be away until its channel is told to be disabled: twenty minutes, as lnd has it. */
const GONE = 1200
/** The same where blocks come on demand, in blocks. */
const GONE_ON_DEMAND = 6

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
  readonly forwarding: ForwardingBook
  readonly gossip: GossipSync
  readonly memory: LiquidityMemory
  readonly wallet: Wallet
  towers!: Towers
  /** Test controls: empty where there are none. */
  readonly faults: MessageFaults
  /** Undefined until all was read. */
  private joined: ChannelLinks | undefined
  private readonly node: NodeCore
  private readonly ports: ChannelsPorts
  private readonly book: RecordBook
  private readonly switchboard: HtlcSwitch
  private readonly follower: ChainFollower
  /** Where on the chain each was funded, by `keyId`. */
  private readonly places = new Map<string, { readonly height: number; readonly id: ShortChannelId }>()
  private readonly ownGossip: OwnGossip
  /** The states that were told, by channel id. */
  private readonly told = new Map<ChannelId, { readonly peer: string; readonly name: StateName }>()
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
    this.faults = new MessageFaults(clock)
    this.chainHash = chain.genesis.header.hashBytes
    this.policy = channelPolicy(params)
    this.forwarding = new ForwardingBook(book, clock, {
      ...FEES,
      cltvExpiryDelta: this.policy.expiryDelta,
    })
    const limits = graphLimits(params.targetSpacing)
    this.graph = new ChannelGraph(limits)
    this.memory = new LiquidityMemory(clock)
    this.invoices = new InvoiceBook(book, signer, clock, random, params.addressPrefix, ({ label, paid }) =>
      this.tell({ notification: 'invoice_payment', label, msat: paid!.received }),
    )
    const height = () => this.height
    const channelAt = (id: ShortChannelId) => this.channelAt(id)
    const channels = () => this.all()
    this.payments = new PaymentBook({
      signer,
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
      ended: ({ terms, status }) =>
        this.tell({
          notification: status === 'complete' ? 'sendpay_success' : 'sendpay_failure',
          payment_hash: bytesToHex(terms.paymentHash),
          amount_msat: terms.amount,
        }),
    })
    this.switchboard = new HtlcSwitch({
      signer,
      book,
      clock,
      policy: this.policy,
      accepted: (keyId) => this.forwarding.accepted(keyId),
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
      send: (peer, message) =>
        this.faults.take(peer as NodeId, 'out', message, () => this.joined?.send(peer as NodeId, message)),
      disconnect: (peer) => this.joined?.disconnect(peer as NodeId),
      welcome: () => this.payout(),
      onEvent: (channel, event) => this.onEvent(channel, event),
      founded: ({ state }) => {
        this.monitor.watch(state.contract.keyId)
        const { fundingTxid, fundingAmount } = state.contract
        this.tell({
          notification: 'channel_opened',
          id: state.peer,
          funding_msat: satsToMsat(fundingAmount),
          funding_txid: fundingTxid,
        })
        this.tellStates()
      },
    })
    this.gossip = new GossipSync({
      graph: this.graph,
      funding: new ChainFundingOutputs(chain),
      clock,
      chainHash: this.chainHash,
      height,
      send: (peer, message) => this.joined?.send(peer, message),
      punish: (peer, rejection) => this.joined?.punish(peer, rejection),
      failed: (error) => this.failed(error),
    })
    const times: OwnGossipTimes = {
      renewAfter: Math.floor(limits.staleAfter / 2),
      disableAfter: params.testControls ? GONE_ON_DEMAND : Math.ceil(GONE / params.targetSpacing),
    }
    this.ownGossip = new OwnGossip({
      self,
      chainHash: this.chainHash,
      signer,
      graph: this.graph,
      times,
      height,
      channels,
      placeOf: (state) => this.placeOf(state),
      forwarding: (keyId) => this.forwarding.policy(keyId),
      about: () => ({ features: NODE_FEATURES, ...this.about() }),
      send: (peer, message) => this.joined?.send(peer, message),
      publish: (message) => this.gossip.publish(message),
      failed: (error) => this.failed(error),
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
    for (const { state } of this.all())
      this.told.set(state.channelId, { peer: state.peer, name: stateName(state) })
    this.towers = await Towers.open({
      node: this.node,
      book: this.book,
      signer: this.ports.signer,
      store: this.ports.towerStore,
      policy: this.policy,
      ...(this.ports.towerLimits && { limits: this.ports.towerLimits }),
      channels: () => this.all(),
      revoked: (keyId, number) => this.ports.store.revoked(keyId, number),
      send: (node, bytes) => this.joined?.send(node, bytes),
      punish: (node, rejection) => this.joined?.punish(node, rejection),
      peerOf: (node) => this.joined?.peerOf(node),
      failed: (error) => this.failed(error),
    })
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
          this.followGraph(change)
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
          disconnected: (peer) => this.disconnected(peer),
          receive: (peer, message, bytes) =>
            this.faults.take(peer, 'in', bytes, () => this.manager.take(peer, message)),
          gossip: (peer, message) => this.takeGossip(peer, message),
          tower: (peer, message) => this.towers.receive(peer, message),
          tick: () => this.tick(),
        },
        (links) => {
          this.joined = links
        },
      ),
    )
    this.favourPartners()
  }

  /** Takes in nothing more; what was acknowledged is durable. */
  async close(): Promise<void> {
    this.isClosed = true
    for (const end of this.unsubscribe) end()
    this.switchboard.close()
    await this.ownGossip.close()
    await this.gossip.close()
    await this.towers.close()
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
    await this.ownGossip.settled()
    await this.gossip.settled()
    await this.towers.settled()
    await this.book.written()
  }

  /** The node's key, where the signer can be asked now. Rejects as the signer does. */
  nodeKey(): Promise<Result<Uint8Array>> {
    return this.ports.signer.nodeKey()
  }

  get links(): ChannelLinks {
    if (!this.joined) throw new Error('The channels were asked for their peers before they had any')
    return this.joined
  }

  /** What cheats by void states, on networks for tests alone: see `StateKeeper`. */
  get states(): StateKeeper {
    return this.ports.signer
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
    this.tellStates()
    if (paid.ok) return ok({ channel, transaction: paid.value, output })
    // Where it may be on its way, so is the channel.
    if (!this.wasNeverFunded(channel)) return paid
    this.monitor.unwatch(channel.state.contract.keyId)
    await manager.forget(channel)
    this.tellStates()
    return paid
  }

  /** Whether an HTLC of this hash stands in a channel, or is settled on the chain. */
  isUnderWay(paymentHash: Uint8Array): boolean {
    return this.all().some(({ state: { htlcs, outcomes } }) =>
      [...htlcs, ...outcomes].some(({ terms }) => equalBytes(terms.paymentHash, paymentHash)),
    )
  }

  /** What to keep of the channels, to have them closed by their peers once all else is lost. */
  staticBackups(): StaticBackup[] {
    return this.all().map(({ state }) => ({ peer: state.peer as NodeId, channelId: state.channelId }))
  }

  /** These channels are lost: their peers are asked to close them, now or when they are met. Those that this node has are left alone. */
  async askToClose(backups: readonly StaticBackup[]): Promise<StaticBackup[]> {
    const known = new Set(this.all().map(({ state }) => state.channelId))
    const lost = backups.filter(({ channelId }) => !known.has(channelId))
    await Promise.all(lost.map(({ peer, channelId }) => this.book.set(LOST_PREFIX + channelId, peer)))
    for (const peer of new Set(lost.map(({ peer }) => peer))) this.askPeer(peer)
    return lost
  }

  /**
   * Searches the chain for what peers of lost channels paid to this seed, and brings it into the wallet. Undefined where there is nothing that is worth its
   * fee. Rejects with the signer's codes, and as `NodeCore.submitTransaction` does.
   */
  async recoverShares(): Promise<
    Result<{ readonly shares: readonly LostShare[]; readonly claim?: Transaction }>
  > {
    const { node, ports } = this
    const basepoints = await ports.signer.paymentBasepoints()
    if (!basepoints.ok) return basepoints
    // The monitor claims those of channels that are known.
    const spent = new Set(this.all().flatMap(({ state }) => state.spent?.txid ?? []))
    const found = await findLostShares(node, basepoints.value)
    const shares = found.filter(
      ({ spend: { outpoint } }) =>
        !spent.has(toDisplay<Txid>(outpoint.txid)) && !node.mempool.spender(outpoint),
    )
    if (shares.length === 0) return ok({ shares })
    const payout = await this.payout()
    if (!payout.ok) return payout
    const feerate = new WalletFees(this.wallet, node.mempool).feerate(RECOVERY_TARGET)
    const claim = await claimLostShares(shares, ports.signer, payout.value, feerate)
    if (!claim.ok) return claim.code === 'spend-fee' ? ok({ shares }) : claim
    const submitted = await node.submitTransaction(claim.value)
    return submitted.ok ? ok({ shares, claim: claim.value }) : submitted
  }

  /** BOLT 1: who gets an `error` about a channel publishes its commitment. */
  private askPeer(peer: NodeId): void {
    for (const [channelId, owner] of this.book.entries(LOST_PREFIX))
      if (owner === peer)
        this.joined?.send(
          peer,
          encodeMessage({
            type: 'error',
            channelId: channelId as ChannelId,
            text: 'The state of this channel is lost here. Please close it.',
          }),
        )
  }

  /** Ways to this node over its channels that payers can't know, for invoices. */
  routeHints(): RouteHint[][] {
    return this.all().flatMap(({ state }) => {
      const id = this.placeOf(state)
      const update = this.ownGossip.counterpartyUpdate(state.contract.keyId)
      if (id === undefined || !update || state.status !== 'open' || this.graph.channel(id)) return []
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

  /** Sets what is asked for passing on by a channel, and tells it. Resolves when it is durable. */
  async setFees({ state }: Channel, fees: ForwardingFees): Promise<void> {
    await this.forwarding.set(state.contract.keyId, fees)
    this.ownGossip.refresh()
  }

  /** The name that this node gives itself; undefined where it has none. */
  get alias(): string | undefined {
    return this.book.get(ALIAS_RECORD)
  }

  /** `alias`: at most 32 characters; empty for none. Resolves when it is durable. */
  async setAlias(alias: string): Promise<void> {
    await this.book.set(ALIAS_RECORD, alias || undefined)
    this.ownGossip.refresh()
  }

  /** What it says about itself. */
  private about(): { readonly alias?: string; readonly peerId?: Uint8Array } {
    const { alias } = this
    const peerId = peerIdBytes(this.node.self)
    return { ...(alias !== undefined && { alias }), ...(peerId && { peerId }) }
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
    this.askPeer(peer)
    this.ownGossip.connected(peer)
    this.gossip.connected(peer)
    this.towers.connected(peer)
    this.tell({ notification: 'connect', id: peer })
    this.favourPartners()
  }

  /** Remembers the tabs of those with whom there are channels in use, and has them dialled before others: without them no payment goes. */
  private favourPartners(): void {
    const { joined } = this
    // Done once they are joined: a channel may open by what the chain tells before.
    if (!joined) return
    const shares = new Map<string, number>()
    for (const { state } of this.all())
      if (isOperating(state)) shares.set(state.peer, (shares.get(state.peer) ?? 0) + balanceOf(state).holder)
    const partners = [...shares].sort(([, a], [, b]) => b - a).slice(0, MAX_PARTNERS)
    for (const [node] of partners) {
      const record = PEER_PREFIX + node
      const peer = joined.peerOf(node as NodeId) ?? (this.book.get(record) as PeerId | undefined)
      if (peer === undefined) continue
      if (this.book.get(record) !== peer)
        void this.book.set(record, peer).catch((error: unknown) => this.failed(error))
      joined.favour(peer)
    }
    for (const [node] of [...this.book.entries(PEER_PREFIX)])
      if (!this.all().some(({ state }) => state.peer === node))
        void this.book.set(PEER_PREFIX + node, undefined).catch((error: unknown) => this.failed(error))
  }

  private disconnected(peer: NodeId): void {
    this.faults.disconnected(peer)
    this.gossip.disconnected(peer)
    this.towers.disconnected(peer)
    this.manager.peerDisconnected(peer)
    this.tell({ notification: 'disconnect', id: peer })
  }

  private tick(): void {
    this.ownGossip.refresh()
    this.gossip.tick()
  }

  /** Gossip is borne out by the chain as it stands now. */
  private followGraph({ fork, disconnected, connected }: TipChange): void {
    if (disconnected.length > 0) this.gossip.disconnectedTo(this.node.chain.headers.height(fork))
    for (const block of connected) this.gossip.blockConnected(block)
    this.gossip.tipChanged()
  }

  private signerReturned(): void {
    this.joined?.signerReturned()
    this.ownGossip.signerReturned()
    this.manager.signerReturned()
    this.switchboard.resume()
    this.monitor.act()
    this.towers.wake()
  }

  private tell(event: ChannelEvent): void {
    if (!this.isClosed) this.node.emit('channel', event)
  }

  /** Tells of states that are others than those last told. */
  private tellStates(): void {
    const now = new Map(this.all().map(({ state }) => [state.channelId, state]))
    for (const [id, { peer, name }] of [...this.told])
      if (!now.has(id)) this.tellState(id, peer, name, undefined)
    for (const [id, state] of now) this.tellState(id, state.peer, this.told.get(id)?.name, stateName(state))
  }

  private tellState(id: ChannelId, peer: string, former: StateName | undefined, name: StateName | undefined) {
    if (former === name) return
    if (name) this.told.set(id, { peer, name })
    else this.told.delete(id)
    this.tell({
      notification: 'channel_state_changed',
      peer_id: peer,
      channel_id: id,
      old_state: former,
      new_state: name,
    })
  }

  /** What was passed on is settled: balances are others. */
  private tellForward(
    { state }: Channel,
    { kind, terms }: DriverEvent & { readonly terms: HtlcTerms },
  ): void {
    if (terms.origin?.kind === 'forward')
      this.tell({
        notification: 'forward_event',
        payment_hash: bytesToHex(terms.paymentHash),
        out_channel: this.placeOf(state),
        out_msat: terms.amount,
        status: kind === 'htlc-fulfilled' ? 'settled' : 'failed',
      })
  }

  private onEvent(channel: Channel, event: DriverEvent): void {
    if (this.isClosed) return
    this.follow(channel, event)
    // The others come with every payment.
    if (!event.kind.startsWith('htlc') && event.kind !== 'revoked') this.tellStates()
  }

  private follow(channel: Channel, event: DriverEvent): void {
    const { state } = channel
    const { keyId, payout } = state.contract
    switch (event.kind) {
      case 'htlc-received':
        this.switchboard.onEvent(channel, event)
        return
      case 'htlc-fulfilled':
      case 'htlc-failed':
        this.switchboard.onEvent(channel, event)
        this.tellForward(channel, event)
        return
      case 'opened':
        // The next channel has another.
        if (this.book.get(PAYOUT_RECORD) === toText(payout)) void this.book.set(PAYOUT_RECORD, undefined)
        this.ownGossip.refresh()
        this.favourPartners()
        return
      case 'announcement-signatures':
        this.ownGossip.signed(channel, event.message)
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
      case 'warned':
        this.tell({ notification: 'warning', id: state.peer, message: event.text })
        return
      case 'revoked':
        this.towers.wake()
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
    else if (event.kind === 'warned')
      this.tell({ notification: 'warning', id: channel.state.peer, message: event.text })
    else if (event.kind === 'resolved') {
      this.monitor.unwatch(keyId)
      // First of all durable: what its towers keep is let go of, also where they are away.
      void this.towers
        .channelEnded(keyId)
        .then(() => Promise.all([this.manager.forget(channel), this.forwarding.forget(keyId)]))
        .then(
          () => this.tellStates(),
          (error: unknown) => this.failed(error),
        )
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
        this.ownGossip.blockConnected()
        this.tellStates()
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

  /** Of a channel that is not announced its two sides tell each other alone; all else is for everybody. */
  private takeGossip(peer: NodeId, message: Uint8Array): void {
    const decoded = decodeGossip(message)
    if (decoded.ok && decoded.value.message.type === 'channel_update_2')
      this.ownGossip.takeUpdate(peer, decoded.value as Gossip<ChannelUpdate>)
    this.gossip.receive(peer, message)
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

/** A peer id in binary; undefined where it is none of libp2p's. */
function peerIdBytes(peer: string): Uint8Array | undefined {
  try {
    return base58.decode(peer)
  } catch {
    return undefined
  }
}
