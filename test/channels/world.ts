/**
 * A world of channels: nodes on a graph that is drawn, one chain, one network, virtual time. Everything in it follows from its seed. It does what
 * a scenario asks for, looks at every state that changed, and remembers what its judge needs.
 */
import type { ChainFollower } from '../../src/chain/follower.ts'
import { ChainFollower as Follower, locatorOf } from '../../src/chain/follower.ts'
import { satsToMsat } from '../../src/channels/amount.ts'
import { NO_FEATURES } from '../../src/channels/features.ts'
import {
  type ChannelAnnouncement,
  type ChannelUpdate,
  type Gossip,
  inNodeOrder,
  type NodeId,
} from '../../src/channels/gossip.ts'
import type { ChannelGraph } from '../../src/channels/graph.ts'
import { ChannelMonitor } from '../../src/channels/monitor.ts'
import { type ChannelPolicy, channelPolicy } from '../../src/channels/policy.ts'
import { directionBetween } from '../../src/channels/router.ts'
import type { ShortChannelId } from '../../src/channels/short-channel-id.ts'
import { brokenInvariants, type ChannelState, isOperating } from '../../src/channels/state.ts'
import { sats } from '../../src/primitives/amount.ts'
import { bytesToHex, equalBytes } from '../../src/primitives/bytes.ts'
import { sha256, type Txid } from '../../src/primitives/hashes.ts'
import type { Transaction } from '../../src/primitives/transaction.ts'
import { SeededRandom } from '../../src/simulator/seeded-random.ts'
import type { MemoryChannelRecordStore } from '../../src/storage/memory-channel-record-store.ts'
import type { MemoryChannelStore } from '../../src/storage/memory-channel-store.ts'
import { QUICK_PARAMS } from '../support/chain-node.ts'
import { unsigned } from '../support/channel-graphs.ts'
import { ChannelNetwork } from './network.ts'
import { SharedChain } from './shared-chain.ts'
import { stolenCommitment, thiefSigner } from './signers.ts'
import { FEES, WorldNode, type WorldPorts } from './world-node.ts'
import { WorldTower } from './world-tower.ts'

/**
 * Delays as of `regtest`, with somewhat more room: nodes sleep for blocks, reorganisations take some away and fees rise, and each of these is to
 * cost nobody anything.
 */
export const POLICY: ChannelPolicy = {
  ...channelPolicy(QUICK_PARAMS),
  toSelfDelay: 16,
  claimMargin: 10,
  expiryGrace: 2,
  expiryDelta: 24,
}

/** Blocks that an honest node may be away at a time, and lose nothing. */
export const MAX_ABSENCE = 3
/** Blocks that the deepest reorganisation takes away: less than what settles a payment upstream. */
export const MAX_REORGANISATION = 5
/** Each node's coins that pay for claims: how many, and satoshis. */
const FEE_COINS = [10, 60_000] as const
const MAX_SHADOW = 4

/** Somebody paid, or was to. */
export interface WorldPayment {
  readonly payer: WorldNode
  readonly payee: WorldNode
  readonly paymentHash: Uint8Array
  readonly amount: number
}

/** A state that was given up, and published. */
export interface Theft {
  readonly thief: WorldNode
  /** Of the thief's half. */
  readonly keyId: string
  readonly victim: WorldNode
  readonly txid: Txid
  readonly number: number
  readonly newest: number
  /** A tower had promised to punish it. */
  readonly watched: boolean
}

/** What a run came to. */
export interface Tally {
  nodes: number
  channels: number
  payments: number
  paid: number
  crashes: number
  cuts: number
  messages: number
  blocks: number
  cheats: number
  punished: number
  reorganisations: number
  sleeps: number
  closes: number
  restores: number
}

export class World implements WorldPorts {
  readonly seed: string
  readonly random: SeededRandom
  readonly policy = POLICY
  readonly nodes: WorldNode[] = []
  readonly payments: WorldPayment[] = []
  readonly thefts: Theft[] = []
  /** The newest state that was seen, by node and key id: those of closed and forgotten channels, too. */
  readonly states = new Map<string, { readonly node: WorldNode; readonly state: ChannelState }>()
  /** Satoshis that each node began with. */
  readonly start = new Map<WorldNode, number>()
  readonly gifts = new Map<Txid, number>()
  /** Nodes that were away for longer than a node may be, and what of theirs was under way then, millisatoshis. */
  readonly overslept = new Map<WorldNode, { blocks: number; atRisk: number }>()
  readonly broken: string[] = []
  readonly tally: Tally = {
    nodes: 0,
    channels: 0,
    payments: 0,
    paid: 0,
    crashes: 0,
    cuts: 0,
    messages: 0,
    blocks: 0,
    cheats: 0,
    punished: 0,
    reorganisations: 0,
    sleeps: 0,
    closes: 0,
    restores: 0,
  }
  chain!: SharedChain
  network!: ChannelNetwork
  tower: WorldTower | undefined
  readonly log: (line: string) => void
  /** Writes of a node until it is killed. */
  private readonly fuses = new Map<WorldNode, number>()
  /** Height at which a node went away. */
  private readonly awaySince = new Map<WorldNode, number>()
  /** Nodes that are to stay away for long. */
  readonly longAway = new Set<WorldNode>()
  private readonly announced = new Map<
    ShortChannelId,
    { announcement: Gossip<ChannelAnnouncement>; updates: Gossip<ChannelUpdate>[] }
  >()
  private readonly seen = new Map<string, ChannelState>()
  private readonly thiefFollowers: ChainFollower[] = []

  constructor(seed: string, log: (line: string) => void = () => {}) {
    this.seed = seed
    this.random = new SeededRandom(`channels/${seed}`)
    this.log = (line) => log(`${this.chain?.height ?? 0} ${line}`)
  }

  /** `towered`: a tower watches for all. */
  async open(count: number, towered = false): Promise<void> {
    this.chain = await SharedChain.open()
    if (towered)
      this.tower = await WorldTower.open(
        this.chain,
        this.policy,
        (transaction) => this.noteTowers(transaction),
        (error) => this.report(`fault: ${(error as Error)?.stack ?? error}`),
      )
    this.network = new ChannelNetwork(this.chain.time, this.random.fork('network'))
    this.chain.onTip((change) => {
      for (const node of this.nodes) if (node.asleepSince === undefined) node.life?.follow()
      for (const follower of this.thiefFollowers) follower.tipChanged(change)
    })
    this.chain.onTransaction((transaction) => {
      for (const node of this.nodes) if (node.asleepSince === undefined) node.life?.sighted(transaction)
    })
    for (let at = 0; at < count; at++) {
      const node = new WorldNode(`node ${at}`, this.seed, this)
      this.nodes.push(node)
      await this.chain.time.complete(node.start())
      this.network.add(node)
    }
    this.tally.nodes = count
  }

  /** Gives each node its coins: for claims, and the amounts of the channels that it opens. */
  async fund(amounts: ReadonlyMap<WorldNode, readonly number[]>): Promise<void> {
    const { node } = this.chain
    const outputs = this.nodes.flatMap((each) => {
      const all = [
        ...Array<number>(FEE_COINS[0]).fill(FEE_COINS[1]),
        ...(amounts.get(each) ?? []).map((amount) => amount + 20_000),
      ]
      this.start.set(
        each,
        all.reduce((sum, amount) => sum + amount, 0),
      )
      return all.map((amount) => ({ value: sats(amount), scriptPubKey: each.wallet.scriptPubKey }))
    })
    let coin = node.wallet.coinbaseOf(await node.mine())
    // A block holds so much; a transaction of many outputs is split.
    while (outputs.length > 0) {
      const some = outputs.splice(0, 500)
      const paid = some.reduce((sum, { value }) => sum + value, 0)
      const left = coin.value - paid - 100_000
      const split = node.wallet.spend(
        [coin],
        [...some, { value: sats(left), scriptPubKey: node.wallet.scriptPubKey }],
      )
      await node.mine([split])
      coin = node.wallet.coinsOf(split)[0]
    }
    this.chain.base = this.chain.height
  }

  /** What the tower publishes is its client's, whom it pays. */
  private noteTowers({ txid, outputs }: Transaction): void {
    for (const { payout, published } of this.nodes)
      if (outputs.some(({ scriptPubKey }) => equalBytes(scriptPubKey, payout.script))) published.add(txid)
  }

  report(text: string): void {
    this.log(`BROKEN ${text}`)
    this.broken.push(text)
  }

  dies(node: WorldNode): boolean {
    const left = this.fuses.get(node)
    if (left === undefined) return false
    if (left > 0) {
      this.fuses.set(node, left - 1)
      return false
    }
    this.fuses.delete(node)
    return true
  }

  died(node: WorldNode): void {
    this.tally.crashes++
    this.log(`${node.name} is killed at a write`)
    this.awaySince.set(node, this.chain.height)
    this.chain.time.after(this.random.between(50, 2_000), () => this.revive(node))
  }

  /** Kills a node at one of its next writes. */
  lightFuse(node: WorldNode): void {
    this.fuses.set(node, this.random.integer(12))
  }

  /** Kills a node now. */
  kill(node: WorldNode): void {
    if (!node.life?.isReady) return
    node.kill()
    this.died(node)
  }

  revive(node: WorldNode): void {
    if (node.manners.thieving || node.life) return
    this.track(node.start())
    if (node.asleepSince === undefined) this.awaySince.delete(node)
  }

  sleep(node: WorldNode, long: boolean): void {
    if (!node.online) return
    this.tally.sleeps++
    this.log(`${node.name} sleeps${long ? ' long' : ''}`)
    node.sleep()
    this.awaySince.set(node, this.chain.height)
    if (long) this.longAway.add(node)
  }

  wake(node: WorldNode): void {
    if (node.asleepSince === undefined) return
    this.log(`${node.name} wakes`)
    this.longAway.delete(node)
    node.wake()
    this.awaySince.delete(node)
  }

  /** Does something whose end nobody waits for; its failure is the run's. */
  track(work: Promise<void> | undefined): void {
    work?.catch((error: unknown) => this.report(`fault: ${(error as Error)?.stack ?? error}`))
  }

  /** Lets virtual time pass, then looks at everything. */
  async run(milliseconds: number): Promise<void> {
    await this.chain.time.run(milliseconds)
    this.look()
  }

  /** All nodes do what is due, and the mempool takes in what they publish. */
  async settle(): Promise<void> {
    await this.run(120)
    await this.tower?.settled()
    await this.chain.settled()
  }

  async mine(count = 1): Promise<void> {
    for (let at = 0; at < count; at++) {
      // Nobody is away for longer than it may be.
      for (const [node, since] of [...this.awaySince]) {
        if (this.chain.height - since < MAX_ABSENCE) continue
        if (!this.longAway.has(node)) {
          this.wake(node)
          this.revive(node)
          await this.run(60)
        } else this.noteOversleeping(node, this.chain.height - since)
      }
      await this.chain.settled()
      await this.chain.mine()
      this.tally.blocks++
      await this.settle()
    }
  }

  private noteOversleeping(node: WorldNode, blocks: number): void {
    const noted = this.overslept.get(node) ?? { blocks: 0, atRisk: 0 }
    noted.blocks = Math.max(noted.blocks, blocks + 1)
    let atRisk = 0
    for (const { node: owner, state } of this.states.values())
      if (owner === node) for (const { terms } of state.htlcs) atRisk += terms.amount
    noted.atRisk = Math.max(noted.atRisk, atRisk)
    this.overslept.set(node, noted)
  }

  async reorganise(depth: number, empty: boolean): Promise<void> {
    this.tally.reorganisations++
    this.log(`reorganisation of ${depth} blocks`)
    await this.chain.settled()
    await this.chain.reorganise(depth, empty)
    await this.settle()
    this.announce()
  }

  openChannel(from: WorldNode, to: WorldNode, amount: number, push: number): void {
    if (!from.life?.isReady || !to.life?.isReady) return
    this.network.introduce(from.id, to.id)
    this.track(from.life.open(to.id, amount, push))
  }

  /** Tells all nodes of the channels that can be used by now. */
  announce(): void {
    for (const node of this.nodes)
      for (const channel of node.life?.channels() ?? []) {
        const { state } = channel
        const id = node.life!.placeOf(state)
        if (id === undefined || !isOperating(state)) continue
        if (!state.contract.holderIsFunder || this.announced.has(id)) continue
        const peer = this.byId(state.peer as NodeId)
        const message: ChannelAnnouncement = {
          type: 'channel_announcement_2',
          chainHash: this.chain.chainHash,
          features: NO_FEATURES,
          shortChannelId: id,
          capacity: state.contract.fundingAmount,
          ...inNodeOrder(
            { id: node.id as NodeId, fundingKey: state.contract.holder.basepoints.funding },
            { id: peer.id as NodeId, fundingKey: state.contract.counterparty.basepoints.funding },
          ),
        }
        const updates = [
          [node.id, peer.id],
          [peer.id, node.id],
        ].map(([from, to]) =>
          unsigned<ChannelUpdate>({
            type: 'channel_update_2',
            chainHash: this.chain.chainHash,
            shortChannelId: id,
            blockHeight: this.chain.height,
            disabled: false,
            direction: directionBetween(from, to),
            ...FEES,
            cltvExpiryDelta: this.policy.expiryDelta,
            htlcMinimum: state.counterpartyLimits.htlcMinimum,
            htlcMaximum: satsToMsat(state.contract.fundingAmount),
          }),
        )
        this.announced.set(id, { announcement: unsigned(message), updates })
      }
    // A reorganisation moves channels, and closings end them.
    const current = new Set<string | undefined>(
      [...this.states.values()].map(({ node, state }) => node.life?.placeOf(state)),
    )
    for (const id of this.announced.keys()) {
      if (current.has(id)) continue
      this.announced.delete(id)
      for (const { life } of this.nodes) life?.graph.removeSpent(id)
    }
    for (const { life } of this.nodes) if (life?.isReady) this.announcedTo(life.graph)
  }

  announcedTo(graph: ChannelGraph): void {
    for (const { announcement, updates } of this.announced.values()) {
      // Its place stands for the output that funds it.
      graph.addChannel(announcement, 'world', this.chain.height, announcement.message.shortChannelId)
      for (const update of updates) graph.addUpdate(update, this.chain.height)
    }
  }

  byId(id: NodeId): WorldNode {
    return this.nodes.find((node) => node.id === id)!
  }

  pay(payer: WorldNode, payee: WorldNode, amount: number): void {
    if (!payer.online || !payee.life?.isReady) return
    const label = `payment ${this.payments.length}`
    const at = this.payments.length
    this.tally.payments++
    if (this.random.chance(0.15)) {
      const preimage = this.random.bytes(32)
      this.payments.push({ payer, payee, paymentHash: sha256(preimage), amount })
      payer.life!.keysend(payee.id, amount, preimage)
      return
    }
    // Somebody else may pay the same invoice, which is paid once.
    const second = this.random.chance(0.1)
      ? this.random.pick(this.nodes.filter((node) => node !== payee && node !== payer))
      : undefined
    const asked = payee.life.invoice(amount, `${label} ${at}`).then((invoice) => {
      if (!invoice || !payer.life?.isReady) return
      this.payments.push({ payer, payee, paymentHash: invoice.paymentHash, amount })
      this.log(`${payer.name} pays ${payee.name} ${amount} ${hashName(invoice.paymentHash)}`)
      payer.life.pay(invoice, payee.id, MAX_SHADOW)
      if (second?.online) {
        this.payments.push({ payer: second, payee, paymentHash: invoice.paymentHash, amount })
        second.life!.pay(invoice, payee.id, MAX_SHADOW)
      }
    })
    this.track(asked)
  }

  /** A copy of a node's profile, as it lies on the disk. */
  copyOf(node: WorldNode): {
    readonly store: MemoryChannelStore
    readonly records: MemoryChannelRecordStore
  } {
    return { store: node.store.copy(), records: node.records.copy() }
  }

  /** The thief leaves for good, publishes states that it has given up, and takes of them all that it can. False where it has none. */
  async steal(thief: WorldNode, most: number): Promise<boolean> {
    const channels = this.random
      .shuffle(thief.life?.channels() ?? [])
      .flatMap(({ state }) => {
        const { keyId } = state.contract
        const revoked = this.revokedFor(this.byId(state.peer as NodeId), state)
        const numbers = [...(thief.witness.held.get(keyId)?.keys() ?? [])].filter(
          (number) => number < revoked,
        )
        return numbers.length > 0 && state.fundingHeight !== undefined && !state.spent
          ? [{ state, numbers }]
          : []
      })
      .slice(0, most)
    if (channels.length === 0) return false
    thief.manners.thieving = true
    thief.kill()
    for (const { state, numbers } of channels) {
      const { keyId } = state.contract
      const number = this.random.pick(numbers)
      const held = thief.witness.held.get(keyId)!.get(number)!
      const transaction = stolenCommitment(thief.keys.root(), held)
      this.thefts.push({
        thief,
        keyId,
        victim: this.byId(state.peer as NodeId),
        txid: transaction.txid,
        number,
        newest: state.holder.commitment.number,
        watched: this.isWatched(this.byId(state.peer as NodeId), state, number),
      })
      this.tally.cheats++
      this.log(`${thief.name} publishes commitment ${number} of ${state.holder.commitment.number} (${keyId})`)
      const old = {
        ...state,
        holder: { commitment: held.commitment, signatures: held.signatures },
        htlcs: held.commitment.htlcs.map((terms) => ({ terms })),
      }
      const headers = this.chain.node.chain
      const tip = { hash: headers.headers.hash(headers.tip), height: this.chain.height }
      const monitor = new ChannelMonitor(
        {
          signer: thiefSigner(thief.keys.root()),
          fees: thief.fees(),
          channel: () => old,
          revoked: async () => undefined,
          preimageOf: (hash) => this.preimageOf(hash),
          publish: (transactions) => thief.publish(transactions),
          onEvent: () => {},
        },
        tip,
      )
      monitor.watch(keyId)
      this.thiefFollowers.push(new Follower(headers, monitor, locatorOf(headers, tip)))
      monitor.publishCommitment(keyId, transaction, held.commitment)
      await this.settle()
    }
    return true
  }

  /** Whether the tower of a victim has acknowledged a state of the thief's half of a channel. */
  private isWatched({ life }: WorldNode, { channelId }: ChannelState, number: number): boolean {
    const half = life?.channels().find(({ state }) => state.channelId === channelId)
    const progress = life?.towerClient?.progress.find(({ keyId }) => keyId === half?.state.contract.keyId)
    return number < (progress?.acknowledged ?? 0)
  }

  /** How many of the counterparty's commitments are void for a victim, as it lies in its store: a secret that was lost on its way voids nothing. */
  private revokedFor(victim: WorldNode, { channelId }: ChannelState): number {
    const half = [...this.states.values()].find(
      ({ node, state }) => node === victim && state.channelId === channelId,
    )
    if (!half || victim.manners.restored) return 0
    const text = victim.store.textOf(half.state.contract.keyId, 'state')
    return JSON.parse(text).counterparty[0].number
  }

  /** Every preimage that somebody has told. */
  private preimageOf(hash: Uint8Array): Uint8Array | undefined {
    for (const { life } of this.nodes) {
      const invoice = life?.invoices?.get(hash)
      // That of an invoice is its payee's secret until it is paid.
      const preimage = life?.payments?.get(hash)?.preimage ?? (invoice?.paid && invoice.preimage)
      if (preimage) return preimage
    }
    return undefined
  }

  /** What every state must keep to, looked at where it changed. */
  look(): void {
    for (const node of this.nodes) {
      for (const { state } of node.life?.channels() ?? []) {
        const key = `${node.name}/${state.contract.keyId}`
        if (this.seen.get(key) === state) continue
        this.seen.set(key, state)
        this.states.set(key, { node, state })
        const wrong = brokenInvariants(state)
        if (wrong.length > 0) this.report(`sums: ${node.name}: ${wrong.join('; ')}`)
      }
    }
    if (this.broken.length > 20) throw new Error('Enough is broken')
  }
}

export function hashName(hash: Uint8Array): string {
  return bytesToHex(hash).slice(0, 12)
}
