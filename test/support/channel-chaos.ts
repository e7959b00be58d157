/**
 * Two nodes with a channel, and everything that can happen to them, drawn from a seed: payments and fees both ways, a link that is cut, stores
 * that take their time, crashes before and after a write. At the end all is calm, and both have what was agreed.
 */
import assert from 'node:assert/strict'
import type { Channel, DriverEvent } from '../../src/channels/channel.ts'
import { perCommitmentPoint } from '../../src/channels/keys.ts'
import type { ChannelMessage } from '../../src/channels/messages.ts'
import type { ChannelWrite } from '../../src/channels/ports.ts'
import { brokenInvariants, type ChannelState } from '../../src/channels/state.ts'
import type { HtlcTerms } from '../../src/channels/updates.ts'
import { bytesToHex } from '../../src/primitives/bytes.ts'
import { sha256 } from '../../src/primitives/hashes.ts'
import { MemoryChannelStore } from '../../src/storage/memory-channel-store.ts'
import { ChannelNode, Link, type NodeSigner, offerOf, openChannel, utf8 } from './channel-nodes.ts'
import { Draw } from './draw.ts'

/** A store whose writes wait until they are let through, and may be the last thing that a node does. */
class SlowStore extends MemoryChannelStore {
  private readonly inner: MemoryChannelStore
  private readonly waiting: { writes: readonly ChannelWrite[]; run: () => Promise<void> }[] = []

  constructor(inner: MemoryChannelStore) {
    super()
    this.inner = inner
  }

  override load() {
    return this.inner.load()
  }

  override commit(writes: readonly ChannelWrite[]): Promise<void> {
    return new Promise((resolve, reject) => {
      this.waiting.push({ writes, run: () => this.inner.commit(writes).then(resolve, reject) })
    })
  }

  get waits(): number {
    return this.waiting.length
  }

  /** Lets the oldest write through. */
  async release(): Promise<void> {
    await this.waiting.shift()?.run()
  }

  /** The oldest write becomes durable, and nobody is told. */
  async releaseUnheard(): Promise<void> {
    const [first] = this.waiting
    this.waiting.length = 0
    if (first) await this.inner.commit(first.writes)
  }
}

export interface ChaosOptions {
  readonly seed: string
  readonly steps: number
  readonly signer: (name: string) => NodeSigner
}

export interface ChaosResult {
  readonly payments: number
  readonly fulfilled: number
  readonly failed: number
  readonly crashes: number
  readonly cuts: number
  readonly messages: number
}

const START = 1_000_000_000

/** One side's view of what happened. */
class Player {
  readonly node: ChannelNode
  store!: SlowStore
  /** Offered, durable: by id, the amount. */
  readonly offered = new Map<number, number>()
  /** How they ended, as the origin was told. */
  readonly outcomes = new Map<number, 'fulfilled' | 'failed'>()
  /** Amounts of what was fulfilled. */
  readonly paid = new Map<number, number>()
  /** To be answered. */
  readonly received: { channel: Channel; terms: HtlcTerms }[] = []

  constructor(name: string, signer: NodeSigner) {
    this.node = new ChannelNode(name, signer)
    this.node.onEvent = (channel, event) => this.take(channel, event)
    this.node.onSend = (message) => this.checkDurable(message)
  }

  /** What a message commits to is in the store. */
  private checkDurable(message: ChannelMessage): void {
    if (message.type === 'commitment_signed') {
      // The counterparty has to answer before there is another one.
      const { counterparty } = this.node.channel.state
      assert.equal(
        this.stored().counterparty.at(-1)?.number,
        counterparty.at(-1)?.number,
        'a signature left before its commitment was durable',
      )
    } else if (message.type === 'revoke_and_ack') {
      const { number } = this.stored().holder.commitment
      assert.ok(number > this.revokedOf(message), 'a commitment was revoked before the next was durable')
    }
  }

  private stored(): Pick<ChannelState, 'holder' | 'counterparty'> {
    const { keyId } = this.node.channel.state.contract
    return JSON.parse(this.node.store.textOf(keyId, 'state'))
  }

  /** Number of the commitment that a message revokes. */
  private revokedOf({ perCommitmentSecret }: Extract<ChannelMessage, { type: 'revoke_and_ack' }>): number {
    const point = bytesToHex(perCommitmentPoint(perCommitmentSecret))
    const known = this.points.get(point)
    if (known === undefined) throw new Error('a secret was released that is of no commitment accepted')
    return known
  }

  /** Numbers of the holder's commitments by their points. */
  readonly points = new Map<string, number>()

  notePoint(): void {
    const { commitment } = this.node.channel.state.holder
    this.points.set(bytesToHex(commitment.point), commitment.number)
  }

  async start(): Promise<void> {
    this.received.length = 0
    const started = this.node.start((inner) => {
      this.store = new SlowStore(inner)
      return this.store
    })
    let done = false
    void started.then(() => {
      done = true
    })
    for (let round = 0; !done; round++) {
      if (round > 1_000) throw new Error(`${this.node.name} does not start`)
      await this.store.release()
      await tick()
    }
  }

  crash(): void {
    this.node.crash()
    this.received.length = 0
  }

  private take(channel: Channel, event: DriverEvent): void {
    if (event.kind === 'htlc-received') this.received.push({ channel, terms: event.terms })
    else if (event.kind === 'htlc-fulfilled' || event.kind === 'htlc-failed') {
      const outcome = event.kind === 'htlc-fulfilled' ? 'fulfilled' : 'failed'
      const before = this.outcomes.get(event.terms.id)
      assert.ok(before === undefined || before === outcome, `HTLC ${event.terms.id}: ${before}, ${outcome}`)
      this.outcomes.set(event.terms.id, outcome)
      if (outcome === 'fulfilled') this.paid.set(event.terms.id, event.terms.amount)
      void channel.acknowledge([event.terms.id])
    } else if (event.kind === 'failed' || event.kind === 'halted' || event.kind === 'stale')
      throw new Error(`${this.node.name}: ${event.kind} ${'text' in event ? event.text : event.error}`)
  }
}

function tick(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve))
}

export async function runChaos({ seed, steps, signer }: ChaosOptions): Promise<ChaosResult> {
  const draw = new Draw(seed)
  const alice = new Player('alice', signer('alice'))
  const bob = new Player('bob', signer('bob'))
  const players = [alice, bob] as const
  const link = new Link(alice.node, bob.node)
  for (const { node } of players) await node.start()
  link.connect()
  await openChannel(link, { push: draw.oneIn(2) ? 0 : 400_000_000 })
  for (const player of players) {
    player.crash()
    await player.start()
  }
  for (const player of players) player.notePoint()
  const starting = players.map(({ node }) => node.channel.state.holderAmount)
  let [payments, crashes, cuts, messages] = [0, 0, 0, 0]

  const check = () => {
    for (const player of players) {
      const { node } = player
      if (!node.manager) continue
      player.notePoint()
      const broken = brokenInvariants(node.channel.state)
      if (broken.length > 0) throw new Error(`${node.name}: ${broken.join('; ')}`)
    }
  }

  const pay = async (from: Player, to: Player): Promise<void> => {
    if (!from.node.manager) return
    const seedOf = `${seed} ${payments++}`
    // One in four can't be paid out, one in five is dust.
    const hash = draw.oneIn(4) ? sha256(utf8(seedOf)) : to.node.invoice(seedOf)
    const amount = draw.oneIn(5) ? draw.integer(1, 353_999) : draw.integer(354_000, 60_000_000)
    void from.node.channel.offer(offerOf(amount, hash, 1_000)).then((result) => {
      if (result.ok) from.offered.set(result.value, amount)
    })
  }

  const answer = (player: Player): void => {
    const next = player.received.splice(draw.below(player.received.length), 1)[0]
    if (!next || !player.node.manager) return
    const { channel, terms } = next
    const preimage = player.node.preimages.get(bytesToHex(terms.paymentHash))
    void channel.remove(
      terms.id,
      preimage && !terms.refused
        ? { kind: 'fulfill', preimage }
        : draw.oneIn(2)
          ? { kind: 'fail', reason: draw.bytes(292) }
          : { kind: 'malformed', onionHash: draw.bytes(32), failureCode: 0xc005 },
    )
  }

  for (let at = 0; at < steps; at++) {
    const player = draw.pick(players)
    const other = player === alice ? bob : alice
    const chance = draw.below(100)
    if (chance < 50) {
      if (link.deliver(draw.pick([0, 1]))) messages++
    } else if (chance < 66) await player.store.release()
    else if (chance < 78) await pay(player, other)
    else if (chance < 88) answer(player)
    else if (chance < 90 && alice.node.manager) void alice.node.channel.proposeFee(draw.integer(253, 3_000))
    else if (chance < 91 && link.up) {
      cuts++
      link.cut()
    } else if (chance < 95) {
      if (players.every(({ node }) => node.manager)) link.connect()
    } else if (chance < 96 && player.node.manager) {
      crashes++
      player.crash()
      // Written or not: the node never learnt.
      if (draw.oneIn(2)) await player.store.releaseUnheard()
    } else if (!player.node.manager) await player.start()
    if (draw.oneIn(3)) await tick()
    check()
  }

  // All becomes calm.
  for (const player of players) if (!player.node.manager) await player.start()
  link.connect()
  for (let still = 0, rounds = 0; still < 6; rounds++) {
    if (rounds > 5_000) throw new Error('It never becomes calm')
    let any = false
    for (const from of [0, 1] as const) while (link.deliver(from)) any = true
    for (const player of players) {
      while (player.store.waits > 0) {
        any = true
        await player.store.release()
      }
      while (player.received.length > 0) {
        any = true
        answer(player)
      }
    }
    await tick()
    check()
    if (!link.up) {
      any = true
      link.connect()
    }
    still = any ? 0 : still + 1
  }

  const [a, b] = players.map(({ node }) => node.channel.state)
  assertAgreed(a, b)
  const paid = (player: Player) => [...player.paid.values()].reduce((sum, amount) => sum + amount, 0)
  assert.equal(a.holderAmount, starting[0] - paid(alice) + paid(bob))
  assert.equal(a.holderAmount + b.holderAmount, START)
  for (const player of players)
    for (const id of player.offered.keys())
      assert.ok(player.outcomes.has(id), `${player.node.name}: HTLC ${id} never ended`)
  const ended = players.flatMap(({ outcomes }) => [...outcomes.values()])
  return {
    payments: ended.length,
    fulfilled: ended.filter((outcome) => outcome === 'fulfilled').length,
    failed: ended.filter((outcome) => outcome === 'failed').length,
    crashes,
    cuts,
    messages,
  }
}

/** Nothing is under way, and each side's state is the other's mirror. */
function assertAgreed(a: ChannelState, b: ChannelState): void {
  for (const state of [a, b]) {
    assert.equal(state.status, 'open')
    assert.equal(state.connection, 'connected')
    assert.deepEqual(
      [state.htlcs.length, state.outcomes.length, state.feeUpdates.length, state.counterparty.length],
      [0, 0, 0, 1],
    )
  }
  assert.equal(a.holderAmount, b.counterpartyAmount)
  assert.equal(a.counterpartyAmount, b.holderAmount)
  assert.equal(a.feerate, b.feerate)
  for (const [mine, theirs] of [
    [a, b],
    [b, a],
  ])
    assert.equal(mine.holder.commitment.number, theirs.counterparty[0].number)
}
