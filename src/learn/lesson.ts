/**
 * A lesson on channels: two people with one channel, or three in a row, who do what whoever learns asks for, move by move. All that happens is done by
 * the channels of a tab: their state machines, signers, monitors and towers, with real scripts on the lesson's ledger. A lesson is the same each time for
 * the same moves, so that going back is playing anew. Moves that can't be made are refused in a sentence, and change nothing. Any thread.
 */
import { satsToMsat } from '../channels/amount.ts'
import type { Channel, DriverEvent } from '../channels/channel.ts'
import {
  type CommitmentTransaction,
  commitmentTransaction,
  fundingOutpoint,
  keysOf,
  sidesOf,
} from '../channels/commitment-transaction.ts'
import type { NodeId } from '../channels/gossip.ts'
import { checkOffer } from '../channels/limits.ts'
import { type ChannelMessage, decodeMessage } from '../channels/messages.ts'
import type { MonitorEvent } from '../channels/monitor.ts'
import type { KnownPayment } from '../channels/payment-book.ts'
import type { ChannelContract, Commitment } from '../channels/ports.ts'
import { secondLevelOutput } from '../channels/scripts.ts'
import { balanceOf } from '../channels/state.ts'
import { sats } from '../primitives/amount.ts'
import { equalBytes } from '../primitives/bytes.ts'
import { notNow, OK, ok, type Result } from '../primitives/result.ts'
import { outpointKey, type Transaction, type TxOutput } from '../primitives/transaction.ts'
import { VirtualTime } from '../simulator/virtual-time.ts'
import { Ledger, SPACING } from './ledger.ts'
import { Identity, Person, POLICY, type Surroundings } from './person.ts'
import { blocksView, channelView, commitmentView, type LessonView, type PublishedView } from './view.ts'
import { blocksText, messageText, msatText, satText, shortHex } from './words.ts'

/** Who is in a lesson: neighbours have a channel. */
export const CASTS = { two: ['Alice', 'Bob'], three: ['Alice', 'Bob', 'Carol'] } as const
export type Cast = keyof typeof CASTS
export type Name = (typeof CASTS)['three'][number]

/** Satoshis that a channel of a lesson holds, at least and at most. */
export const LEAST_CHANNEL = 100_000
export const GREATEST_CHANNEL = 2_000_000
/** Blocks that a lesson mines at once at most. */
export const MOST_BLOCKS = 40

/** What a person has at first: one coin to open a channel with, and some that pay fees. */
const FUNDS = [2_100_000, 50_000, 50_000, 50_000, 50_000]
/** Satoshis for 1,000 weight units that a closing in agreement pays. */
const CLOSING_FEERATE = 500
const INVOICE_SECONDS = 604_800
/** Greatest fee of a payment, satoshis: the people ask little. */
const MOST_FEE = 1_000

/** What whoever learns can ask for. Amounts are satoshis. */
export type Move =
  /** Each opens a channel with the next. */
  | { readonly kind: 'open'; readonly amount: number }
  | { readonly kind: 'pay'; readonly from: Name; readonly to: Name; readonly amount: number }
  /** Of three: messages go on to the next turn. Of two they always do. */
  | { readonly kind: 'deliver' }
  | { readonly kind: 'mine'; readonly blocks: number }
  /** Blocks come until something happens. */
  | { readonly kind: 'wait' }
  | { readonly kind: 'sleep' | 'wake' | 'tower'; readonly who: Name }
  /** Publishes the commitment `number` from an old copy. */
  | { readonly kind: 'cheat'; readonly who: Name; readonly number: number }
  /** Closes the channel with a neighbour: in agreement, or alone. */
  | { readonly kind: 'close'; readonly who: Name; readonly with: Name; readonly alone: boolean }

/** One thing that happened. */
export interface Line {
  readonly kind: 'message' | 'chain' | 'note' | 'warning'
  readonly text: string
}

/** The lesson after a move. */
export interface LessonStep {
  /** Undefined for the beginning. */
  readonly move: Move | undefined
  readonly title: string
  readonly lines: readonly Line[]
  readonly view: LessonView
}

interface Flying {
  readonly from: Person
  readonly to: Person
  readonly bytes: Uint8Array
  readonly message: ChannelMessage
}

/** An output that somebody may spend, and what it was for. */
interface KnownOutput {
  readonly kind: CommitmentTransaction['outputs'][number]['kind'] | 'second-level'
  readonly owner: Person
  readonly other: Person
  readonly isGiven: boolean
}

/** A commitment that was sent to the chain. */
interface Published {
  readonly contract: ChannelContract
  readonly commitment: Commitment
  readonly owner: Person
  readonly other: Person
  readonly isGiven: boolean
  readonly transaction: Transaction
}

export class Lesson implements Surroundings {
  readonly cast: Cast
  readonly ledger: Ledger
  readonly clock: VirtualTime
  readonly steps: LessonStep[] = []
  people!: readonly Person[]
  private flying: Flying[] = []
  private lines: Line[] = []
  private readonly titles = new Map<string, string>()
  private readonly outputs = new Map<string, KnownOutput>()
  /** Counts what happens, so that stillness is seen. */
  private events = 0
  private invoices = 0

  /** A lesson at its beginning. Takes some tenths of a second: keys are derived from words as a wallet's are. */
  static async start(cast: Cast): Promise<Lesson> {
    const identities = CASTS[cast].map((name) => new Identity(name))
    const funds = identities.flatMap(({ script }) =>
      FUNDS.map((amount): TxOutput => ({ value: sats(amount), scriptPubKey: script })),
    )
    const lesson = new Lesson(cast, new Ledger(funds))
    lesson.people = await Promise.all(identities.map((identity) => Person.start(identity, lesson)))
    lesson.end(undefined, 'Everybody has some coins on the chain, and nobody has a channel.')
    return lesson
  }

  /** A lesson after these moves. Throws where one of them is refused. */
  static async replay(cast: Cast, moves: readonly Move[]): Promise<Lesson> {
    const lesson = await Lesson.start(cast)
    for (const move of moves) {
      const played = await lesson.play(move)
      if (!played.ok) throw new Error(`${played.code}: ${played.detail}`)
    }
    return lesson
  }

  private constructor(cast: Cast, ledger: Ledger) {
    this.cast = cast
    this.ledger = ledger
    this.clock = new VirtualTime(ledger.time * 1000, () => this.settle())
  }

  get moves(): Move[] {
    return this.steps.flatMap(({ move }) => move ?? [])
  }

  person(name: Name): Person {
    const person = this.people.find((each) => each.name === name)
    if (!person) throw new Error(`${name} is not in this lesson`)
    return person
  }

  /** Makes a move. Rejects in a sentence what can't be done; then nothing has changed. */
  async play(move: Move): Promise<Result<void>> {
    this.lines = []
    const done = await this.make(move)
    if (!done.ok) return done
    await this.goOn()
    this.end(move, done.value)
    return OK
  }

  /** The title of what was done. */
  private async make(move: Move): Promise<Result<string>> {
    switch (move.kind) {
      case 'open':
        return this.open(move.amount)
      case 'pay':
        return this.pay(this.person(move.from), this.person(move.to), move.amount)
      case 'deliver':
        return this.deliver()
      case 'mine':
        return this.mine(move.blocks)
      case 'wait':
        return this.wait()
      case 'sleep':
      case 'wake':
        return this.setAwake(this.person(move.who), move.kind === 'wake')
      case 'tower':
        return this.hire(this.person(move.who))
      case 'cheat':
        return this.cheat(this.person(move.who), move.number)
      case 'close':
        return this.close(this.person(move.who), this.person(move.with), move.alone)
    }
  }

  private end(move: Move | undefined, title: string): void {
    this.steps.push({ move, title, lines: this.lines, view: this.view() })
    this.lines = []
  }

  private async open(amount: number): Promise<Result<string>> {
    if (this.people[0].channels().length > 0)
      return notNow('lesson-opened', 'There is a channel already. Start the lesson again for another one.')
    if (!Number.isInteger(amount) || amount < LEAST_CHANNEL || amount > GREATEST_CHANNEL)
      return notNow(
        'lesson-amount',
        `A channel of this lesson holds from ${satText(LEAST_CHANNEL)} to ${satText(GREATEST_CHANNEL)}.`,
      )
    for (const person of this.people) if (this.isAway(person)) return away(person)
    for (const [at, opener] of this.people.slice(0, -1).entries()) {
      const peer = this.people[at + 1]
      opener.manager.peerConnected(peer.id)
      peer.manager.peerConnected(opener.id)
      const opened = await this.openWith(opener, peer, amount)
      if (!opened.ok) return opened
    }
    return ok(
      this.cast === 'two'
        ? `Alice opens a channel with Bob and puts ${satText(amount)} into it.`
        : `Alice opens a channel with Bob, and Bob one with Carol: ${satText(amount)} in each.`,
    )
  }

  private async openWith(opener: Person, peer: Person, amount: number): Promise<Result<void>> {
    const { manager, identity } = opener
    const toFund = await this.delivered(
      manager.open({ peer: peer.id, fundingAmount: sats(amount), announced: false, payout: identity.payout }),
    )
    if (!toFund.ok) return toFund
    const { script, temporaryChannelId } = toFund.value
    const funding = opener.fundingTransaction({ value: sats(amount), scriptPubKey: script })
    if (!funding) {
      manager.abandon(temporaryChannelId)
      return notNow('lesson-funds', `${opener.name} has no coin as large as that.`)
    }
    const founded = await this.delivered(
      manager.fund(temporaryChannelId, { txid: funding.txid, output: 0, transaction: funding.bytes }),
    )
    if (!founded.ok) return founded
    this.titles.set(funding.txid, `${opener.name} funds the channel with ${peer.name}`)
    for (const person of this.people) await person.catchUp()
    return this.publish(opener, funding)
  }

  private async pay(from: Person, to: Person, amount: number): Promise<Result<string>> {
    if (from === to)
      return notNow('lesson-self', `${from.name} need not pay ${from.name}. Choose somebody else.`)
    if (!Number.isInteger(amount) || amount < 1)
      return notNow('lesson-amount', 'An amount is a whole number of satoshis, at least 1.')
    for (const person of [from, to]) if (this.isAway(person)) return away(person)
    if (this.flying.length > 0)
      return notNow(
        'lesson-messages',
        'Messages are still on their way. Let them go on before the next payment.',
      )
    const neighbour = from.channelWith(to) ? to : this.people[1]
    const channel = from.channelWith(neighbour)
    if (!channel) return notNow('lesson-channel', `${from.name} has no channel. Open one first.`)
    if (!from.placeOf(channel.state) || channel.state.status !== 'open')
      return notNow(
        'lesson-channel',
        channel.state.status === 'funding'
          ? 'The channel’s money is in no block yet. Mine one first.'
          : 'The channel is closed or closing: no payment goes by it.',
      )
    const { state } = channel
    const allowed = checkOffer(state, {
      offered: true,
      id: state.nextHolderHtlc,
      amount: satsToMsat(sats(amount)),
      paymentHash: new Uint8Array(32),
      expiry: state.height + 1,
      onion: new Uint8Array(0),
    })
    const { holder } = balanceOf(state)
    if (!allowed.ok)
      return allowed.code === 'balance-insufficient' || satsToMsat(sats(amount)) > holder
        ? notNow(
            'lesson-balance',
            `${from.name} has ${msatText(holder)} in this channel, and a part of it must stay, as reserve and for fees. Choose a smaller amount.`,
          )
        : allowed
    const invoice = await to.invoices.create({
      amount: satsToMsat(sats(amount)),
      label: `payment ${++this.invoices}`,
      description: 'A lesson',
      expiry: INVOICE_SECONDS,
      minFinalCltvExpiryDelta: POLICY.claimMargin + POLICY.expiryGrace,
      routeHints: to.routeHints(),
    })
    if (!invoice.ok) return invoice
    const { paymentHash, paymentSecret, minFinalCltvExpiryDelta } = invoice.value
    this.tell(
      'note',
      `${to.name} draws a secret, and tells ${from.name} its hash ${shortHex(paymentHash)}: whoever knows the secret has been paid.`,
    )
    void from.payments
      .pay({
        payer: from.id,
        payee: to.id,
        amount: satsToMsat(sats(amount)),
        paymentHash,
        paymentSecret,
        minFinalCltvExpiryDelta,
        hints: to.routeHints(),
        maxFee: satsToMsat(sats(MOST_FEE)),
        maxCltvExpiryDelta: POLICY.maxToSelfDelay,
        maxParts: 1,
        maxFailures: 1,
        maxShadow: 0,
      })
      .then((paid) => paid.ok && this.tellPaid(from, to, paid.value))
    await this.settle()
    return ok(`${from.name} pays ${to.name} ${satText(amount)}.`)
  }

  private tellPaid(from: Person, to: Person, { status, terms, fee }: KnownPayment): void {
    const amount = msatText(terms.amount)
    if (status === 'complete')
      this.tell(
        'note',
        `${from.name} has the secret: proof that ${to.name} got ${amount}${fee ? `, for ${msatText(fee)} to who passed it on` : ''}.`,
      )
    else
      this.tell(
        'note',
        `The payment is over: ${from.name} has the ${amount} back, and ${to.name} got nothing.`,
      )
  }

  /** Up to the next turn of the payment, on the channel whose message is oldest. */
  private async deliver(): Promise<Result<string>> {
    const [first] = this.flying
    if (!first) return notNow('lesson-messages', 'No message is on its way.')
    const { from, to, message } = first
    await this.deliverOne(first)
    await this.deliverAlong(from, to)
    return ok(messageText(from.name, to.name, message))
  }

  /** All of a channel's messages up to what begins a turn of its own. */
  private async deliverAlong(a: Person, b: Person): Promise<void> {
    for (;;) {
      const next = this.heads().find(
        ({ from, to, message }) => isBetween(a, b, from, to) && !BEGINS_TURN.has(message.type),
      )
      if (!next) return
      await this.deliverOne(next)
    }
  }

  /** Of two people all goes on by itself; of three a payment waits at each of its turns. */
  private async goOn(): Promise<void> {
    await this.settle()
    for (;;) {
      const next = this.heads().find(({ message }) => this.cast === 'two' || !BEGINS_TURN.has(message.type))
      if (!next) break
      await this.deliverOne(next)
    }
    for (const person of this.people) await person.tellTower()
  }

  /** The oldest message of each direction: nothing overtakes on its way. */
  private heads(): Flying[] {
    return this.flying.filter(
      (each, at) => this.flying.findIndex(({ from, to }) => from === each.from && to === each.to) === at,
    )
  }

  private async deliverOne(flying: Flying): Promise<void> {
    const { from, to, message, bytes } = flying
    this.flying = this.flying.filter((each) => each !== flying)
    this.tell('message', `${message.type}: ${messageText(from.name, to.name, message)}`)
    to.manager.receive(from.id, bytes)
    await this.settle()
  }

  /** Delivers all until a promise is kept. */
  private async delivered<T>(promise: Promise<T>): Promise<T> {
    let isKept = false
    void promise.then(() => {
      isKept = true
    })
    await this.settle()
    while (!isKept && this.flying.length > 0) await this.deliverOne(this.flying[0])
    return promise
  }

  private async mine(count: number): Promise<Result<string>> {
    if (!Number.isInteger(count) || count < 1 || count > MOST_BLOCKS)
      return notNow('lesson-blocks', `From 1 to ${MOST_BLOCKS} blocks come at once.`)
    for (let at = 0; at < count; at++) await this.nextBlock()
    return ok(this.blocksCame(count))
  }

  private blocksCame(count: number): string {
    const { height } = this.ledger
    return count === 1 ? `Block ${height} comes.` : `${blocksText(count)} come, up to block ${height}.`
  }

  private async wait(): Promise<Result<string>> {
    const before = this.ledger.height
    while (this.ledger.height < before + MOST_BLOCKS) {
      await this.nextBlock()
      if (this.lines.length > 0) break
    }
    const count = this.ledger.height - before
    if (this.lines.length === 0) this.tell('note', 'Nothing happened: nobody waits for anything.')
    return ok(this.blocksCame(count))
  }

  private async nextBlock(): Promise<void> {
    // They are faster than any block.
    while (this.flying.length > 0) await this.deliverOne(this.flying[0])
    const block = this.ledger.mine()
    for (const { txid } of block.transactions)
      this.tell('chain', `In block ${this.ledger.height}: ${this.titles.get(txid) ?? 'a transaction'}.`)
    await this.clock.run(SPACING * 1000)
    for (const person of this.people) {
      await person.towerSees(block, this.ledger.height)
      if (person.awake) await person.catchUp()
    }
    await this.settle()
    await this.goOn()
  }

  private async setAwake(person: Person, awake: boolean): Promise<Result<string>> {
    if (person.awake === awake)
      return notNow('lesson-awake', `${person.name}’s tab is ${awake ? 'open' : 'closed'} already.`)
    person.awake = awake
    if (!awake) {
      for (const other of this.people) this.cut(person, other)
      return ok(`${person.name} closes the tab: it sees no block and hears no message.`)
    }
    await person.catchUp()
    for (const other of this.neighboursOf(person))
      if (!this.isAway(other) && !person.cheats) this.connect(person, other)
    return ok(`${person.name} opens the tab again, and looks at the blocks that came meanwhile.`)
  }

  private async hire(person: Person): Promise<Result<string>> {
    if (person.tower) return notNow('lesson-tower', `A tower watches for ${person.name} already.`)
    if (this.isAway(person)) return away(person)
    await person.hire((penalty) => this.publishFrom(`${person.name}’s tower`, person, penalty))
    return ok(
      `${person.name} hands a watchtower a penalty, encrypted, for each state that the other side gives up.`,
    )
  }

  private async cheat(person: Person, number: number): Promise<Result<string>> {
    if (this.cast !== 'two')
      return notNow('lesson-cheat', 'In this lesson nobody cheats: choose the one with a single channel.')
    if (this.isAway(person)) return away(person)
    const [channel] = person.channels()
    if (!channel) return notNow('lesson-channel', 'There is no channel to cheat in. Open one first.')
    const { state } = channel
    if (!person.placeOf(state))
      return notNow('lesson-channel', 'The channel’s money is in no block yet. Mine one first.')
    if (state.spent || state.status !== 'open')
      return notNow('lesson-closed', 'The channel is closed or closing: there is nothing left to steal.')
    const past = person.past.get(state.contract.keyId)?.get(number)
    if (!past || number === state.holder.commitment.number)
      return notNow(
        'lesson-state',
        `State ${number} is not one that ${person.name} has given up. Make a payment, then choose a state before it.`,
      )
    for (const other of this.people) this.cut(person, other)
    const cheated = await person.cheat(past)
    if (!cheated.ok) return cheated
    return ok(`${person.name} restores an old copy of the tab, and publishes state ${number} from it.`)
  }

  private async close(person: Person, other: Person, alone: boolean): Promise<Result<string>> {
    if (this.isAway(person)) return away(person)
    const channel = person.channelWith(other)
    if (!channel) return notNow('lesson-channel', `${person.name} and ${other.name} have no channel.`)
    if (!alone && this.isAway(other))
      return notNow(
        'lesson-away',
        `${other.name}’s tab is closed: ${person.name} can only close alone, by the chain.`,
      )
    if (channel.state.spent) return notNow('lesson-closed', 'The channel is closed already.')
    const closed = alone ? await channel.forceClose() : await channel.close(CLOSING_FEERATE)
    if (!closed.ok) return closed
    return ok(
      alone
        ? `${person.name} closes alone, by publishing the newest commitment.`
        : `${person.name} and ${other.name} close the channel in agreement.`,
    )
  }

  private neighboursOf(person: Person): Person[] {
    return this.people.filter((other) => other !== person && person.channelWith(other))
  }

  private isAway({ awake, cheats }: Person): boolean {
    return !awake || cheats
  }

  private connect(a: Person, b: Person): void {
    a.manager.peerConnected(b.id)
    b.manager.peerConnected(a.id)
  }

  private cut(a: Person, b: Person): void {
    if (a === b) return
    this.flying = this.flying.filter(({ from, to }) => !isBetween(a, b, from, to))
    a.manager.peerDisconnected(b.id)
    b.manager.peerDisconnected(a.id)
  }

  send(from: Person, id: NodeId, bytes: Uint8Array): void {
    this.events++
    const to = this.people.find((person) => person.id === id)
    const message = decodeMessage(bytes)
    if (!to || !message.ok) throw new Error('A person of a lesson said what nobody understands')
    if (this.isAway(from) || this.isAway(to)) return
    this.flying.push({ from, to, bytes, message: message.value })
  }

  disconnect(from: Person, id: NodeId): void {
    const to = this.people.find((person) => person.id === id)
    if (to) this.cut(from, to)
  }

  publish(by: Person, transaction: Transaction): Result<void> {
    return this.publishFrom(by.name, by, transaction)
  }

  private publishFrom(name: string, by: Person, transaction: Transaction): Result<void> {
    if (this.ledger.waiting.some(({ txid }) => txid === transaction.txid)) return OK
    const accepted = this.ledger.accept(transaction)
    if (!accepted.ok) return accepted
    this.events++
    const title = this.titles.get(transaction.txid) ?? this.titleOf(name, by, transaction)
    this.titles.set(transaction.txid, title)
    this.tell('chain', `Sent to the chain: ${title}.`)
    return OK
  }

  /** What a transaction does, by what it spends. */
  private titleOf(name: string, by: Person, transaction: Transaction): string {
    const keys = transaction.inputs.map(({ prevout }) => outpointKey(prevout))
    for (const owner of this.people)
      for (const channel of owner.channels()) {
        const { contract, peer } = channel.state
        if (!keys.includes(outpointKey(fundingOutpoint(contract)))) continue
        const other = this.people.find(({ id }) => id === peer)!
        const number = this.learnCommitment(owner, other, channel, transaction)
        if (number !== undefined) return `${owner.name}’s commitment, state ${number}`
        const reversed = other.channelWith(owner)
        const theirs = reversed && this.learnCommitment(other, owner, reversed, transaction)
        return theirs === undefined
          ? `the closing that ${owner.name} and ${other.name} agreed on`
          : `${other.name}’s commitment, state ${theirs}`
      }
    const spent = keys.flatMap((key) => this.outputs.get(key) ?? [])
    this.learnSecondLevel(transaction, spent)
    const [first] = spent
    if (!first) return `a transaction of ${name}`
    const amount = satText(
      transaction.outputs
        .filter(({ scriptPubKey }) => equalBytes(scriptPubKey, by.identity.script))
        .reduce((sum, { value }) => sum + value, 0),
    )
    if (first.isGiven && by !== first.owner)
      return `${name}’s penalty, which takes ${amount} of the old state`
    const kinds = new Set(spent.map(({ kind }) => kind))
    if (kinds.has('htlc')) {
      const isBack = transaction.lockTime > 0
      return isBack
        ? `${name} takes a payment back that has expired`
        : `${name} takes a payment with its secret`
    }
    if (kinds.has('second-level')) return `${name} takes a payment home, ${amount}, after the delay`
    return `${name} takes ${amount} home`
  }

  /** Remembers what the outputs of a commitment are; its number, or undefined where it is none of the owner's. */
  private learnCommitment(
    owner: Person,
    other: Person,
    { state }: Channel,
    transaction: Transaction,
  ): number | undefined {
    const { contract } = state
    const newest = state.holder.commitment
    for (const commitment of [
      newest,
      ...[...(owner.past.get(contract.keyId)?.values() ?? [])].map((past) => past.state.holder.commitment),
    ]) {
      const built = commitmentTransaction(contract, commitment)
      if (!built.ok || built.value.transaction.txid !== transaction.txid) continue
      const isGiven = commitment.number < newest.number
      for (const [index, { kind }] of built.value.outputs.entries())
        this.outputs.set(outpointKey({ txid: transaction.txidBytes, index }), { kind, owner, other, isGiven })
      const { broadcaster } = sidesOf(contract, commitment)
      this.published.set(contract.fundingTxid, { contract, commitment, owner, other, isGiven, transaction })
      this.secondLevel.set(
        owner,
        secondLevelOutput(keysOf(contract, commitment), broadcaster.delay).scriptPubKey,
      )
      return commitment.number
    }
    return undefined
  }
  /** By funding transaction: the commitment that was sent last. */
  private readonly published = new Map<string, Published>()
  /** By the owner of a commitment that was published: what its second level pays to. */
  private readonly secondLevel = new Map<Person, Uint8Array>()

  private learnSecondLevel(transaction: Transaction, spent: readonly KnownOutput[]): void {
    const [from] = spent.filter(({ kind }) => kind === 'htlc')
    const script = from && this.secondLevel.get(from.owner)
    for (const [index, { scriptPubKey }] of transaction.outputs.entries())
      if (script && equalBytes(scriptPubKey, script))
        this.outputs.set(outpointKey({ txid: transaction.txidBytes, index }), {
          ...from,
          kind: 'second-level',
        })
  }

  onDriverEvent(who: Person, _channel: Channel, event: DriverEvent): void {
    this.events++
    switch (event.kind) {
      case 'opened':
        this.tell('note', `${who.name} can use the channel now.`)
        break
      case 'failed':
        if (event.byHolder) this.tell('warning', `${who.name} goes to the chain: ${event.text}`)
        break
      case 'stale':
      case 'warned':
        this.tell('warning', `${who.name} is told: ${event.text}`)
        break
      case 'htlc-fulfilled':
        this.tell('note', `${who.name} knows the secret of hash ${shortHex(event.terms.paymentHash)}.`)
        break
      case 'htlc-failed':
        this.tell('note', `${who.name} has ${msatText(event.terms.amount)} back.`)
    }
  }

  onMonitorEvent(who: Person, _keyId: string, event: MonitorEvent): void {
    this.events++
    switch (event.kind) {
      case 'closed':
        this.tell('note', `${who.name} sees the channel closed ${CLOSED_BY[event.by]}.`)
        break
      case 'preimage':
        this.tell('note', `${who.name} reads the secret ${shortHex(event.preimage)} off the chain.`)
        break
      case 'htlc-returned':
        this.tell(
          'note',
          `${who.name} has ${msatText(event.htlc.amount)} back for good: no reorganisation is that deep.`,
        )
        break
      case 'warned':
        this.tell('warning', `${who.name} is told: ${event.text}`)
    }
  }

  private tell(kind: Line['kind'], text: string): void {
    this.lines.push({ kind, text })
  }

  /** Resolves when all is still: what is left waits for a message or a block. */
  private async settle(): Promise<void> {
    for (let calm = 0; calm < 2; ) {
      const before = this.events
      for (let at = 0; at < 50; at++) await undefined
      for (const person of this.people) await person.settled()
      for (const person of this.people) person.remember()
      calm = this.events === before ? calm + 1 : 0
    }
  }

  /** The commitment of a channel that went to the chain, and what became of it. */
  private publishedView(first: Person, second: Person): PublishedView | undefined {
    const contract = first.channelWith(second)?.state.contract
    const published = contract && this.published.get(contract.fundingTxid)
    if (!published) return undefined
    const { commitment, owner, other, isGiven, transaction } = published
    const isThere = [
      ...this.ledger.waiting,
      ...this.ledger.blocks.flatMap(({ transactions }) => transactions),
    ].some(({ txid }) => txid === transaction.txid)
    // Another one may have been faster.
    if (!isThere) return undefined
    const view = commitmentView(published.contract, commitment, owner.name, other.name, isGiven)
    const fates = view.outputs.map(({ index }) =>
      this.fateOf(outpointKey({ txid: transaction.txidBytes, index })),
    )
    return { ...view, given: isGiven, fates }
  }

  /** What spends an output, in words; undefined where nothing does. */
  private fateOf(key: string): string | undefined {
    const spends = ({ inputs }: Transaction) => inputs.some(({ prevout }) => outpointKey(prevout) === key)
    const waiting = this.ledger.waiting.find(spends)
    if (waiting) return `Waits for a block: ${this.titles.get(waiting.txid)}.`
    for (const [height, { transactions }] of this.ledger.blocks.entries()) {
      const spender = transactions.find(spends)
      if (spender) return `In block ${height}: ${this.titles.get(spender.txid)}.`
    }
    return undefined
  }

  private view(): LessonView {
    const titleOf = (txid: string) => this.titles.get(txid) ?? 'a transaction'
    return {
      height: this.ledger.height,
      blocks: blocksView(this.ledger, titleOf),
      waiting: this.ledger.waiting.map(({ txid }) => ({ txid, title: titleOf(txid) })),
      people: this.people.map((person) => ({
        name: person.name,
        awake: person.awake,
        cheats: person.cheats,
        hasTower: person.tower !== undefined,
        coins: person.coins,
      })),
      channels: this.people.slice(0, -1).flatMap((person, at) => {
        const next = this.people[at + 1]
        return channelView(person, next, this.publishedView(person, next)) ?? []
      }),
      flying: this.flying.map(({ from, to, message }) => ({
        from: from.name,
        to: to.name,
        text: messageText(from.name, to.name, message),
      })),
    }
  }
}

/** What begins a turn of a payment: the offer on the next channel, and its end. */
const BEGINS_TURN: ReadonlySet<ChannelMessage['type']> = new Set([
  'update_add_htlc',
  'update_fulfill_htlc',
  'update_fail_htlc',
  'update_fail_malformed_htlc',
])

/** How a person sees a channel closed. */
const CLOSED_BY = {
  holder: 'by the commitment that was published here',
  counterparty: 'by the other side’s newest commitment',
  revoked: 'by a state that was given up: a theft',
  future: 'by a state that this copy does not know',
  mutual: 'in agreement',
  unknown: 'by a transaction that nobody agreed to',
} as const

function isBetween(a: Person, b: Person, from: Person, to: Person): boolean {
  return (from === a && to === b) || (from === b && to === a)
}

function away({ name, cheats }: Person): Result<never> {
  return cheats
    ? notNow('lesson-cheats', `${name} cheats, and speaks with nobody any more.`)
    : notNow('lesson-away', `${name}’s tab is closed. Open it first.`)
}
