/**
 * Watchtowers in a node: the towers that its person chose for its channels, and the one that it is for others where its person turned that on. Carries
 * their messages, lets the tower see the chain and the mempool, and publishes what it punishes by. Thread: the brain.
 */
import { ChainFollower, locatorOf } from '../chain/follower.ts'
import type { PenaltyFeerates } from '../channels/appointments.ts'
import type { Channel } from '../channels/channel.ts'
import type { NodeId } from '../channels/gossip.ts'
import { IRREVOCABLE_DEPTH } from '../channels/monitor.ts'
import { type ChannelPolicy, FEERATE_FLOOR } from '../channels/policy.ts'
import { type ChannelSigner, GREATEST_FEERATE } from '../channels/ports.ts'
import type { RecordBook } from '../channels/record-book.ts'
import { decodeCommitment } from '../channels/records.ts'
import { secretIndex } from '../channels/secrets.ts'
import { unrevokedNumber } from '../channels/state.ts'
import { Tower, type TowerLimits, type TowerStore } from '../channels/tower.ts'
import { type TowerChannel, TowerClient, type TowerProgress } from '../channels/tower-client.ts'
import {
  decodeTowerMessage,
  encodeTowerMessage,
  type TowerMessage,
  type TowerRefusal,
  type TowerRequest,
} from '../channels/tower-messages.ts'
import { TowerSession } from '../channels/tower-session.ts'
import { type Theft, TowerWatch } from '../channels/tower-watch.ts'
import { notNow, OK, ok, type Rejection, type Result } from '../primitives/result.ts'
import { rateLimited } from '../protocol/verdict.ts'
import type { NodeCore } from './node-core.ts'

const SERVICE = 'tower-service'
const PLACE = 'tower-place'
/** Blocks before where the watch stopped at which it begins anew: no reorganisation that the chain survives is deeper. */
const MARGIN = 144
/** Requests of one node that may wait for their answers. A client of this program has half as many. */
const MAX_UNANSWERED = 64
/** Towers that a person may choose. */
const MAX_TOWERS = 8
/** Feerates that penalties pay for by the thief's money where nothing else is asked for: one of a quiet day, one of a bad one, and one of a race. */
const QUIET = 2_500
const RACE = 10_000

export interface TowersPorts {
  readonly node: NodeCore
  readonly book: RecordBook
  readonly signer: Pick<ChannelSigner, 'signSpend'>
  readonly store: TowerStore
  readonly policy: ChannelPolicy
  readonly limits?: TowerLimits
  channels(): readonly Channel[]
  /** The text of a revoked commitment. */
  revoked(keyId: string, number: number): Promise<string | undefined>
  send(node: NodeId, bytes: Uint8Array): void
  punish(node: NodeId, rejection: Rejection): void
  /** Peer id of a node that is connected. */
  peerOf(node: NodeId): string | undefined
  failed(error: unknown): void
}

/** A tower that this node has chosen. */
export interface ChosenTower {
  readonly id: NodeId
  /** The one by which it was met. */
  readonly peer: string
  readonly since: number
  readonly isConnected: boolean
  /** Why it rests. */
  readonly trouble: Rejection | undefined
  /** How often it did not have what it had promised to keep. */
  readonly lost: number
  readonly channels: readonly TowerProgress[]
}

export class Towers {
  private readonly ports: TowersPorts
  private readonly tower: Tower
  private readonly watch: TowerWatch
  private readonly follower: ChainFollower
  private readonly clients = new Map<NodeId, TowerClient>()
  /** One for each connected node. */
  private readonly sessions = new Map<NodeId, TowerSession>()
  private readonly unanswered = new Map<NodeId, number>()
  private readonly answering = new Set<Promise<void>>()
  private readonly unsubscribe: (() => void)[]
  private isClosed = false

  /** Reads what it keeps for others. Throws where storage fails. */
  static async open(ports: TowersPorts): Promise<Towers> {
    const towers = new Towers(ports, await Tower.open(ports.store, ports.limits))
    towers.follower.advance()
    return towers
  }

  private constructor(ports: TowersPorts, tower: Tower) {
    this.ports = ports
    this.tower = tower
    const { node, book, policy } = ports
    const { chain, mempool } = node
    const height = chain.headers.height(chain.tip)
    const known = Math.max(0, Math.min(height, Number(book.get(PLACE) ?? height)) - MARGIN)
    const place = chain.activeAt(known)
    const tip = { hash: chain.headers.hash(place), height: known }
    this.watch = new TowerWatch(
      {
        tower,
        maxAge: policy.maxToSelfDelay + IRREVOCABLE_DEPTH,
        submit: async (transaction) => {
          if (this.isClosed) return 'refused'
          const taken = await node.submitTransaction(transaction)
          return taken.ok ? 'taken' : taken.kind === 'invalid' ? 'void' : 'refused'
        },
        failed: (error) => this.failed(error),
      },
      tip,
    )
    const { watch } = this
    this.follower = new ChainFollower(
      chain,
      {
        get tip() {
          return watch.tip
        },
        hasBacklog: false,
        connectBlock: (block, at) => watch.connectBlock(block, at),
        passBlock: (at) => watch.passBlock(at),
        disconnectTo: (at) => watch.disconnectTo(at),
        scripts: () => watch.scripts(),
        advanced: () => {},
        arrived: () => this.arrived(),
        readBacklog: async () => true,
        failed: (error) => watch.failed(error),
      },
      locatorOf(chain, tip),
    )
    for (const id of TowerClient.known(book)) this.clients.set(id, this.client(id))
    this.unsubscribe = [
      chain.subscribe({ tipChanged: (change) => this.follower.tipChanged(change) }),
      mempool.subscribe({ added: ({ transaction }) => watch.sighted(transaction) }),
    ]
  }

  /** Takes in nothing more; what was acknowledged is durable. */
  async close(): Promise<void> {
    this.isClosed = true
    for (const end of this.unsubscribe) end()
    for (const session of this.sessions.values()) session.end()
    for (const client of this.clients.values()) await client.close()
    await this.follower.close()
    await this.settled()
  }

  /** Resolves when what was taken in is dealt with, as far as nobody else is waited for. */
  async settled(): Promise<void> {
    await Promise.all(this.answering)
    await this.watch.settled()
  }

  /** Both sides know each other. */
  connected(node: NodeId): void {
    this.sessions.set(node, new TowerSession(this.ports.node.clock, (bytes) => this.ports.send(node, bytes)))
    this.clients.get(node)?.connected()
  }

  disconnected(node: NodeId): void {
    this.sessions.get(node)?.end()
    this.sessions.delete(node)
    this.clients.get(node)?.disconnected()
  }

  /** There may be more to hand over: states were revoked, or the signer is back. */
  wake(): void {
    for (const client of this.clients.values()) client.wake()
  }

  /** Nothing of a channel is left to do. */
  async channelEnded(keyId: string): Promise<void> {
    await Promise.all([...this.clients.values()].map((client) => client.channelEnded(keyId)))
  }

  /** A message of a tower, or of its client. */
  receive(node: NodeId, bytes: Uint8Array): void {
    const decoded = decodeTowerMessage(bytes)
    if (!decoded.ok) {
      this.ports.punish(node, decoded)
      return
    }
    const message = decoded.value
    if (message.type === 'tower_done' || message.type === 'tower_refused') {
      const taken = this.sessions.get(node)?.take(message)
      if (taken && !taken.ok) this.ports.punish(node, taken)
      return
    }
    const count = (this.unanswered.get(node) ?? 0) + 1
    if (count > MAX_UNANSWERED) {
      this.ports.punish(node, rateLimited('requests of a tower'))
      return
    }
    this.unanswered.set(node, count)
    const answering: Promise<void> = this.answer(node, message)
      .catch((error: unknown) => this.failed(error))
      .finally(() => {
        this.answering.delete(answering)
        const left = this.unanswered.get(node)! - 1
        if (left > 0) this.unanswered.set(node, left)
        else this.unanswered.delete(node)
      })
    this.answering.add(answering)
  }

  /** Where storage fails nothing is answered: the client keeps what it has. */
  private async answer(node: NodeId, request: TowerRequest): Promise<void> {
    const { number } = request
    const session = this.sessions.get(node)
    // Numbers begin anew with each session: a late answer would be one to another request.
    const say = (message: TowerMessage) => {
      if (!this.isClosed && this.sessions.get(node) === session)
        this.ports.send(node, encodeTowerMessage(message))
    }
    const outcome = await this.serve(node, request)
    if (outcome.ok)
      say({
        type: 'tower_done',
        number,
        room: this.tower.roomFor(node),
        ...(outcome.value && { blob: outcome.value }),
      })
    else say({ type: 'tower_refused', number, code: outcome.code as TowerRefusal })
  }

  private async serve(client: NodeId, request: TowerRequest): Promise<Result<Uint8Array | undefined>> {
    const { tower, watch } = this
    const off = notNow('tower-off', 'This tab watches for nobody new.')
    switch (request.type) {
      case 'tower_register':
        return this.isServing ? ok(undefined) : off
      case 'tower_keep': {
        if (!this.isServing) return off
        const { series, locator } = request
        const accepted = await tower.accept(client, series, request)
        if (!accepted.ok) return accepted
        watch.accepted(locator)
        return ok(undefined)
      }
      case 'tower_show': {
        const { series, locator, part } = request
        const blob = await tower.show({ client, series, locator, part })
        return blob ? ok(blob) : notNow('tower-absent', 'Nothing of this name is kept.')
      }
      case 'tower_forget':
        await tower.forget(client, request.series)
        return ok(undefined)
    }
  }

  /** Whether it watches for whoever asks. */
  get isServing(): boolean {
    return this.ports.book.get(SERVICE) !== undefined
  }

  /** Turned off it takes nothing new, and goes on to watch for those whom it promised to. Durable when it resolves. */
  async serveOthers(isOn: boolean): Promise<void> {
    await this.ports.book.set(SERVICE, isOn ? '1' : undefined)
  }

  /** For whom it watches, by their nodes: how many appointments it keeps for each. */
  get users(): { readonly id: string; readonly appointments: number }[] {
    return this.tower.users.map((id) => ({ id, appointments: this.tower.countOf(id) }))
  }

  get limits(): TowerLimits {
    return this.tower.limits
  }

  /** What it has seen and punishes. */
  get thefts(): Theft[] {
    return this.watch.thefts
  }

  /** Lets go of all that it keeps for a node. */
  async removeUser(id: string): Promise<void> {
    await this.tower.forgetAll(id)
  }

  /** The towers that were chosen. */
  get chosen(): ChosenTower[] {
    return [...this.clients.values()].map((client) => {
      const { id, record, trouble, progress } = client
      return {
        id,
        peer: record.peer,
        since: record.since,
        isConnected: this.sessions.has(id),
        trouble,
        lost: record.lost,
        channels: progress,
      }
    })
  }

  /**
   * Asks a node to be a tower, and chooses it: from then on it gets all that there is to be punished. Answers how many appointments it has room for.
   * Rejects with `tower-away`, `tower-silent`, `tower-off`, `tower-full`, `tower-counterparty`, `towers-many`.
   */
  async register(id: NodeId): Promise<Result<number>> {
    const session = this.sessions.get(id)
    const peer = this.ports.peerOf(id)
    if (!session || peer === undefined)
      return notNow('tower-away', 'This node is not connected. It has to be there when it is asked.')
    const channels = this.ports.channels()
    if (channels.length > 0 && channels.every(({ state }) => state.peer === id))
      return notNow(
        'tower-counterparty',
        'This node is the other side of all your channels: it would have to punish itself. Choose another one.',
      )
    if (!this.clients.has(id) && this.clients.size >= MAX_TOWERS)
      return notNow('towers-many', `You have ${MAX_TOWERS} towers. Abandon one of them first.`)
    const room = await session.register()
    if (!room.ok) return room
    if (room.value === 0 && !this.clients.has(id))
      return notNow('tower-full', 'This tower watches for as many as it can. Choose another one.')
    const client = this.clients.get(id) ?? this.client(id)
    await client.register(peer)
    this.clients.set(id, client)
    if (this.sessions.has(id)) client.connected()
    return room
  }

  /** Asks a tower again at once that refused, or was away. */
  retry(id: NodeId): void {
    this.clients.get(id)?.retry()
  }

  /** Gives up a tower. What it keeps it is told to let go of, as far as it is there. */
  async abandon(id: NodeId): Promise<Result<void>> {
    const client = this.clients.get(id)
    if (!client) return notNow('tower-unknown', 'This node is none of your towers.')
    this.clients.delete(id)
    await client.abandon()
    return OK
  }

  private client(id: NodeId): TowerClient {
    const { node, book, signer } = this.ports
    const session = async <T>(ask: (session: TowerSession) => Promise<Result<T>>): Promise<Result<T>> => {
      const known = this.sessions.get(id)
      return known ? ask(known) : notNow('tower-away', 'The tower is away.')
    }
    return new TowerClient(id, {
      book,
      signer,
      clock: node.clock,
      random: node.random,
      remote: {
        keep: (series, appointment) => session((known) => known.keep(series, appointment)),
        show: (series, place) => session((known) => known.show(series, place)),
        forget: (series) => session((known) => known.forget(series)),
      },
      channels: () => this.ports.channels().flatMap((channel) => this.watchedOf(channel) ?? []),
      isBusy: () => this.ports.channels().some(({ state }) => state.htlcs.length > 0),
      feerates: () => this.feerates(),
      failed: (error) => this.failed(error),
    })
  }

  /** A channel by what is durable of it. */
  private watchedOf(channel: Channel): TowerChannel | undefined {
    const state = channel.durableState
    if (!state) return undefined
    const { contract, peer, secrets } = state
    return {
      peer,
      contract,
      revokedCount: unrevokedNumber(state),
      revoked: async (number) => {
        const text = await this.ports.revoked(contract.keyId, number)
        const secret = secrets.find(secretIndex(number))
        return text === undefined || !secret ? undefined : { commitment: decodeCommitment(text), secret }
      },
    }
  }

  private feerates(): PenaltyFeerates {
    const asked = Math.max(FEERATE_FLOOR, Math.ceil(this.ports.node.mempool.estimateFeeRate(1) / 4))
    return {
      shares: [Math.max(QUIET, asked), GREATEST_FEERATE],
      htlc: Math.min(GREATEST_FEERATE, Math.max(RACE, 2 * asked)),
    }
  }

  private arrived(): void {
    this.watch.arrived()
    const place = String(this.watch.restartHeight)
    if (!this.tower.isEmpty && this.ports.book.get(PLACE) !== place)
      this.ports.book.set(PLACE, place).catch((error: unknown) => this.failed(error))
    this.wake()
  }

  private failed(error: unknown): void {
    if (!this.isClosed) this.ports.failed(error)
  }
}
