/**
 * One person of a lesson: a whole node of channels, as a tab composes it, on the lesson's ledger. The keys come from the name, so that a lesson is the
 * same each time; they hold nothing. Whoever cheats restores an old copy of the own records, as a thief would restore an old copy of a profile: the
 * signer refuses what it knows to be given up, and a copy doesn't know. Any thread.
 */
import { schnorr } from '@noble/curves/secp256k1.js'
import { HDKey } from '@scure/bip32'
import { type Msat, msat } from '../channels/amount.ts'
import { makeAppointments } from '../channels/appointments.ts'
import type { Channel, DriverEvent } from '../channels/channel.ts'
import { ChannelManager } from '../channels/channel-manager.ts'
import { commitmentTransaction } from '../channels/commitment-transaction.ts'
import { withFundingSignature } from '../channels/funding-spend.ts'
import { type NodeId, nodeId } from '../channels/gossip.ts'
import { ChannelGraph, type ForwardingPolicy, graphLimits } from '../channels/graph.ts'
import { HtlcSwitch } from '../channels/htlc-switch.ts'
import type { RouteHint } from '../channels/invoice.ts'
import { InvoiceBook } from '../channels/invoice-book.ts'
import { LiquidityMemory } from '../channels/liquidity.ts'
import { ChannelMonitor, type FeeSource, type MonitorEvent } from '../channels/monitor.ts'
import { PaymentBook } from '../channels/payment-book.ts'
import { type ChannelPolicy, channelPolicy } from '../channels/policy.ts'
import type { ChannelSigner, Payout } from '../channels/ports.ts'
import { RecordBook } from '../channels/record-book.ts'
import { decodeCommitment } from '../channels/records.ts'
import { type OwnChannel, routingCosts } from '../channels/router.ts'
import { secretIndex } from '../channels/secrets.ts'
import { type ShortChannelId, shortChannelId } from '../channels/short-channel-id.ts'
import { balanceOf, type ChannelState, unrevokedNumber } from '../channels/state.ts'
import { Tower } from '../channels/tower.ts'
import { TowerWatch } from '../channels/tower-watch.ts'
import { REGTEST } from '../consensus/params.ts'
import type { Block } from '../primitives/block.ts'
import { bytesToHex, hexToBytes } from '../primitives/bytes.ts'
import { taggedHash } from '../primitives/hashes.ts'
import type { Clock, Random } from '../primitives/ports.ts'
import { ok, type Result } from '../primitives/result.ts'
import {
  decodeTransaction,
  outpointKey,
  Transaction,
  type TxOutput,
  unsignedInput,
} from '../primitives/transaction.ts'
import { packOutputs } from '../script/input-check.ts'
import { SIGHASH_DEFAULT, SighashCache } from '../script/sighash.ts'
import { p2trScript, tweakSecretKey } from '../script/taproot.ts'
import { ChannelKeeper } from '../signer/channel-keeper.ts'
import { channelRoot } from '../signer/channel-keys.ts'
import { deriveAccount } from '../signer/keys.ts'
import { MemoryChannelRecordStore } from '../storage/memory-channel-record-store.ts'
import { MemoryChannelStore } from '../storage/memory-channel-store.ts'
import { MemoryTowerStore } from '../storage/memory-tower-store.ts'
import { type Ledger, type LedgerCoin, SPACING } from './ledger.ts'

/** Satoshis for 1,000 weight units that everything on the lesson's chain pays: its blocks are never full. */
const FEERATE = 500
/** What a tower's penalties pay: they are made long before the theft. */
const TOWER_FEERATES = { shares: [FEERATE, 4 * FEERATE], htlc: 4 * FEERATE }
/** Blocks after which a tower looks for nothing of a theft any more. */
const TOWER_MAX_AGE = 144
/** Satoshis that a funding transaction pays. */
const FUNDING_FEE = 500
const COIN_TYPE = 1
export const POLICY: ChannelPolicy = channelPolicy(REGTEST)

/** What a person asks for passing payments on, as a tab does. */
const FORWARDING: ForwardingPolicy = {
  feeBase: msat(1000),
  feeProportionalMillionths: 10,
  cltvExpiryDelta: POLICY.expiryDelta,
}

/** What a person reaches of the lesson. */
export interface Surroundings {
  readonly ledger: Ledger
  readonly clock: Clock
  send(from: Person, to: NodeId, message: Uint8Array): void
  disconnect(from: Person, to: NodeId): void
  /** Offered to the ledger. Monitors offer the same again and again. */
  publish(by: Person, transaction: Transaction): Result<void>
  onDriverEvent(who: Person, channel: Channel, event: DriverEvent): void
  onMonitorEvent(who: Person, keyId: string, event: MonitorEvent): void
}

/** A state that a person could have published, and what the signer remembered then. */
export interface PastState {
  readonly state: ChannelState
  readonly records: MemoryChannelRecordStore
}

/** Keys of a name. */
export class Identity {
  readonly name: string
  readonly random: Random
  readonly account: ReturnType<typeof deriveAccount>
  /** The key that those of channels come from, as text. */
  readonly root: string
  /** The one script that the person's coins on the chain have. */
  readonly script: Uint8Array
  /** Of that script, before its tweak. */
  readonly secretKey: Uint8Array

  constructor(name: string) {
    this.name = name
    this.random = randomOf(name)
    const entropy = this.random.bytes(16)
    this.account = deriveAccount(entropy, COIN_TYPE)
    this.root = channelRoot(entropy, COIN_TYPE).privateExtendedKey
    this.script = p2trScript(this.account.descriptor.derive(0, 0).outputKey)
    this.secretKey = this.account.key.deriveChild(0).deriveChild(0).privateKey!
  }

  get payout(): Payout {
    return { branch: 0, index: 0, script: this.script }
  }
}

/** The same bytes each time for a text. */
function randomOf(text: string): Random {
  let state = taggedHash(
    'opentab/lesson',
    Uint8Array.from(text, (char) => char.charCodeAt(0)),
  )
  return {
    bytes(length) {
      const bytes = new Uint8Array(length)
      for (let at = 0; at < length; at += state.length) {
        state = taggedHash('opentab/lesson', state)
        bytes.set(state.subarray(0, length - at), at)
      }
      return bytes
    },
  }
}

export class Person {
  readonly name: string
  readonly id: NodeId
  readonly identity: Identity
  readonly invoices: InvoiceBook
  readonly payments: PaymentBook
  readonly manager: ChannelManager
  /** Looks at the chain: of the copy, once the person cheats. */
  monitor: ChannelMonitor
  /** Whether the person's tab is open. */
  awake = true
  /** Whether it runs on a copy that was restored to cheat: it then speaks with nobody. */
  cheats = false
  tower: { readonly book: Tower; readonly watch: TowerWatch } | undefined
  /** By `keyId`, then by number. */
  readonly past = new Map<string, Map<number, PastState>>()
  private readonly world: Surroundings
  private readonly signer: ChannelKeeper
  private readonly records: MemoryChannelRecordStore
  private readonly store: MemoryChannelStore
  private readonly book: RecordBook
  private readonly switchboard: HtlcSwitch
  private readonly held = new Map<string, LedgerCoin[]>()
  /** By `keyId`: the first revoked state that the tower does not have, and the name of what it keeps. */
  private readonly progress = new Map<string, { readonly series: string; readonly next: number }>()
  /** Of the first block that was not looked at. */
  private nextHeight = 1
  private fault: unknown

  static async start(identity: Identity, world: Surroundings): Promise<Person> {
    const records = new MemoryChannelRecordStore()
    const signer = keeperOf(identity, records)
    const key = await signer.nodeKey()
    if (!key.ok) throw new Error(key.detail)
    const store = new MemoryChannelStore()
    const person = new Person(
      identity,
      world,
      nodeId(key.value),
      signer,
      records,
      store,
      await RecordBook.open(store),
    )
    await person.manager.start()
    return person
  }

  private constructor(
    identity: Identity,
    world: Surroundings,
    id: NodeId,
    signer: ChannelKeeper,
    records: MemoryChannelRecordStore,
    store: MemoryChannelStore,
    book: RecordBook,
  ) {
    this.identity = identity
    this.name = identity.name
    this.world = world
    this.id = id
    this.signer = signer
    this.records = records
    this.store = store
    this.book = book
    const { clock, ledger } = world
    const { random } = identity
    const height = () => ledger.height
    const channelAt = (place: ShortChannelId) =>
      this.channels().find(({ state }) => this.placeOf(state) === place)
    const channels = () => this.channels()
    this.invoices = new InvoiceBook(book, signer, clock, random, REGTEST.addressPrefix)
    this.payments = new PaymentBook({
      signer,
      book,
      clock,
      random,
      graph: new ChannelGraph(graphLimits(SPACING)),
      memory: new LiquidityMemory(clock),
      costs: routingCosts(SPACING),
      height,
      ownChannels: () => this.ownChannels(),
      channelAt,
      channels,
    })
    this.switchboard = new HtlcSwitch({
      signer,
      book,
      clock,
      policy: POLICY,
      accepted: () => [FORWARDING],
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
      policy: POLICY,
      chainHash: ledger.genesisHash,
      height,
      send: (peer, message) => world.send(this, peer as NodeId, message),
      disconnect: (peer) => world.disconnect(this, peer as NodeId),
      welcome: async () => ok(identity.payout),
      onEvent: (channel, event) => this.onEvent(channel, event),
    })
    this.monitor = this.watcher(signer, (keyId) => this.channelOf(keyId)?.state)
  }

  channels(): Channel[] {
    return [...this.manager.channels.values()]
  }

  channelOf(keyId: string): Channel | undefined {
    return this.channels().find(({ state }) => state.contract.keyId === keyId)
  }

  channelWith({ id }: Person): Channel | undefined {
    return this.channels().find(({ state }) => state.peer === id)
  }

  /** Undefined until the funding is in a block. */
  placeOf({ contract: { fundingTxid, fundingOutput: output } }: ChannelState): ShortChannelId | undefined {
    const place = this.world.ledger.placeOf(fundingTxid)
    return place && shortChannelId({ ...place, output })
  }

  /** Satoshis on the chain. */
  get coins(): number {
    return this.world.ledger.balanceOf(this.identity.script)
  }

  /** The ways to this person that an invoice names: none of the channels is announced. */
  routeHints(): RouteHint[][] {
    return this.channels().flatMap(({ state }) => {
      const place = this.placeOf(state)
      if (!place || state.status !== 'open') return []
      return [[{ ...FORWARDING, nodeId: hexToBytes(state.peer), shortChannelId: place }]]
    })
  }

  /** Pays for a channel by the greatest coin. The transaction, signed and not sent, and which output is the channel's. Undefined where no coin is enough. */
  fundingTransaction(output: TxOutput): Transaction | undefined {
    const [coin] = this.world.ledger
      .coinsOf(this.identity.script)
      .filter((each) => each.output.value >= output.value + FUNDING_FEE)
      .sort((a, b) => b.output.value - a.output.value)
    if (!coin) return undefined
    const change = coin.output.value - output.value - FUNDING_FEE
    const unsigned = {
      version: 2,
      inputs: [unsignedInput(coin.outpoint, 0xfffffffd)],
      outputs: [output, { value: change as TxOutput['value'], scriptPubKey: this.identity.script }],
      lockTime: 0,
    }
    const [witness] = this.sign(Transaction.of(unsigned), 0, [coin.output])
    return Transaction.of({ ...unsigned, inputs: [{ ...unsigned.inputs[0], witness }] })
  }

  /** Looks at the blocks that were not looked at, and does what is due. */
  async catchUp(): Promise<void> {
    const { ledger } = this.world
    for (const { state } of this.channels()) if (!this.cheats) this.monitor.watch(state.contract.keyId)
    for (; this.nextHeight <= ledger.height; this.nextHeight++)
      this.monitor.connectBlock(ledger.blocks[this.nextHeight], this.nextHeight)
    if (!this.cheats) await this.manager.chainMoved(({ state }) => this.monitor.viewOf(state.contract.keyId))
    this.switchboard.blockConnected()
    this.monitor.arrived()
    await this.settled()
  }

  /** Resolves when all is dealt with, as far as nobody else is waited for. Throws the fault of this program that stopped it. */
  async settled(): Promise<void> {
    await this.switchboard.settled()
    await Promise.all(this.channels().map((channel) => channel.whenIdle()))
    await this.monitor.settled()
    await this.book.written()
    if (this.fault !== undefined) throw this.fault
  }

  /** Keeps each state that the person could publish, for the day that it is an old one. */
  remember(): void {
    if (this.cheats) return
    for (const { state } of this.channels()) {
      const { keyId } = state.contract
      const past = this.past.get(keyId) ?? new Map<number, PastState>()
      this.past.set(keyId, past)
      const { number } = state.holder.commitment
      if (!past.has(number)) past.set(number, { state, records: this.records.copy() })
    }
  }

  /** Has a tower watch, from the first state on. `publish`: what it sends. */
  async hire(publish: (penalty: Transaction) => Result<void>): Promise<void> {
    if (this.tower) return
    const { blocks, height } = this.world.ledger
    const book = await Tower.open(new MemoryTowerStore())
    const ports = {
      tower: book,
      maxAge: TOWER_MAX_AGE,
      submit: async (penalty: Transaction) =>
        publish(penalty).ok ? ('taken' as const) : ('refused' as const),
      failed: (error: unknown) => this.failed(error),
    }
    this.tower = { book, watch: new TowerWatch(ports, { hash: blocks[height].hash, height }) }
    await this.tellTower()
  }

  /** Hands the tower what it needs against each state that the other side has given up since. Nothing where there is none. */
  async tellTower(): Promise<void> {
    const { tower } = this
    if (!tower || this.cheats) return
    const { random } = this.identity
    for (const { state } of this.channels()) {
      const { contract, secrets } = state
      const { keyId } = contract
      const { series, next } = this.progress.get(keyId) ?? { series: bytesToHex(random.bytes(16)), next: 0 }
      for (let number = next; number < unrevokedNumber(state); number++) {
        const commitment = await this.revoked(keyId, number)
        const secret = secrets.find(secretIndex(number))
        if (!commitment || !secret) throw new Error(`The revoked state ${number} is not kept`)
        const made = await makeAppointments(this.signer, contract, commitment, secret, TOWER_FEERATES, random)
        if (!made.ok) throw new Error(made.detail)
        for (const appointment of made.value) await tower.book.accept(this.id, series, appointment)
      }
      this.progress.set(keyId, { series, next: unrevokedNumber(state) })
    }
  }

  /** The tower looks at a block, and sends what it calls for. */
  async towerSees(block: Block, height: number): Promise<void> {
    const { tower } = this
    tower?.watch.connectBlock(block, height)
    tower?.watch.arrived()
    await tower?.watch.settled()
  }

  /**
   * Restores a copy of that state and publishes its commitment. From then on the person is that copy, and takes what it can by it. Rejects as the signer
   * and the ledger do.
   */
  async cheat({ state, records }: PastState): Promise<Result<Transaction>> {
    const { contract, holder, counterparty } = state
    const signer = keeperOf(this.identity, records.copy())
    const attached = await signer.attach(contract, { holder: holder.commitment, counterparty })
    if (!attached.ok) return attached
    const signature = await signer.signHolderCommitment(contract, holder.commitment, holder.signatures)
    if (!signature.ok) return signature
    const built = commitmentTransaction(contract, holder.commitment)
    if (!built.ok) return built
    const transaction = withFundingSignature(built.value.transaction, signature.value)
    const published = this.world.publish(this, transaction)
    if (!published.ok) return published
    this.cheats = true
    this.monitor = this.watcher(signer, () => state)
    this.monitor.watch(contract.keyId)
    const { blocks } = this.world.ledger
    for (let height = 1; height < this.nextHeight; height++) this.monitor.connectBlock(blocks[height], height)
    this.monitor.publishCommitment(contract.keyId, transaction, holder.commitment)
    await this.settled()
    return ok(transaction)
  }

  private watcher(
    signer: ChannelSigner,
    channel: (keyId: string) => ChannelState | undefined,
  ): ChannelMonitor {
    const [first] = this.world.ledger.blocks
    return new ChannelMonitor(
      {
        signer,
        fees: this.fees(),
        channel,
        revoked: (keyId, number) => this.revoked(keyId, number),
        preimageOf: (hash) => this.switchboard.preimageOf(hash),
        publish: (transactions) => {
          for (const transaction of transactions) this.world.publish(this, transaction)
        },
        onEvent: (keyId, event) => this.onMonitorEvent(keyId, event),
      },
      { hash: first.hash, height: 0 },
    )
  }

  private async revoked(keyId: string, number: number) {
    const text = await this.store.revoked(keyId, number)
    return text === undefined ? undefined : decodeCommitment(text)
  }

  private ownChannels(): OwnChannel[] {
    return this.channels().flatMap(({ state }) => {
      const place = this.placeOf(state)
      if (!place || state.status !== 'open' || state.connection !== 'connected') return []
      const { htlcMinimum, maxHtlcValueInFlight } = state.counterpartyLimits
      return {
        shortChannelId: place,
        peer: state.peer as NodeId,
        sendable: balanceOf(state).holder as Msat,
        htlcMinimum,
        htlcMaximum: maxHtlcValueInFlight,
      }
    })
  }

  private fees(): FeeSource {
    const { held, world, identity } = this
    return {
      feerate: () => FEERATE,
      coins: async (purpose, amount) => {
        const kept = held.get(purpose) ?? []
        const taken = new Set([...held.values()].flat().map(({ outpoint }) => outpointKey(outpoint)))
        for (const coin of world.ledger.coinsOf(identity.script)) {
          if (kept.reduce((sum, { output }) => sum + output.value, 0) >= amount) break
          if (!taken.has(outpointKey(coin.outpoint))) kept.push(coin)
        }
        held.set(purpose, kept)
        return kept.reduce((sum, { output }) => sum + output.value, 0) >= amount ? kept : undefined
      },
      sign: async (transaction, coins, spent) => this.sign(transaction, spent.length - coins.length, spent),
      release: (purpose) => {
        held.delete(purpose)
      },
    }
  }

  /** Witnesses of the inputs from `first` on, which spend the person's coins. */
  private sign(transaction: Transaction, first: number, spent: readonly TxOutput[]): Uint8Array[][] {
    const sighashes = new SighashCache(transaction, packOutputs(spent))
    const key = tweakSecretKey(this.identity.secretKey)
    return spent
      .slice(first)
      .map((_, at) => [
        schnorr.sign(sighashes.sighash(first + at, SIGHASH_DEFAULT)!, key, this.identity.random.bytes(32)),
      ])
  }

  private onEvent(channel: Channel, event: DriverEvent): void {
    if (this.cheats) return
    switch (event.kind) {
      case 'htlc-received':
      case 'htlc-fulfilled':
      case 'htlc-failed':
        this.switchboard.onEvent(channel, event)
        break
      case 'publish':
        if (event.what === 'closing') this.publishBytes(event.transaction)
        break
      case 'publish-commitment': {
        const transaction = decodeTransaction(event.transaction)
        if (transaction.ok)
          this.monitor.publishCommitment(channel.state.contract.keyId, transaction.value, event.commitment)
        break
      }
      case 'halted':
        this.failed(event.error)
    }
    this.world.onDriverEvent(this, channel, event)
  }

  private onMonitorEvent(keyId: string, event: MonitorEvent): void {
    const channel = this.channelOf(keyId)
    if (channel && !this.cheats) {
      if (event.kind === 'preimage') this.switchboard.preimageShown(channel, event.htlc, event.preimage)
      else if (event.kind === 'htlc-returned') this.switchboard.returned(channel, event.htlc)
    }
    this.world.onMonitorEvent(this, keyId, event)
  }

  private publishBytes(bytes: Uint8Array): void {
    const transaction = decodeTransaction(bytes)
    if (transaction.ok) this.world.publish(this, transaction.value)
  }

  private failed(error: unknown): void {
    this.fault ??= error
  }
}

function keeperOf({ account, root, random }: Identity, records: MemoryChannelRecordStore): ChannelKeeper {
  const keeper = new ChannelKeeper({ records, random, account: () => account.descriptor, unattended: true })
  keeper.open(HDKey.fromExtendedKey(root))
  return keeper
}
